// The bench: `npm run bench -- [--only NAME] [--runs N] [--size smoke|full] [--out FILE]
// [--compare FILE]`. README.md tells how to read what it prints.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadKernels } from '#kernel'
import { run as kernels } from './codec/kernels.bench.ts'
import { run as page } from './codec/page.bench.ts'
import { run as limits } from './limits/limits.bench.ts'
import { arePeersInstalled } from './peers/installed.ts'
import { run as peers } from './peers/peers.bench.ts'
import { run as aggregates } from './query/aggregates.bench.ts'
import { run as filters } from './query/filters.bench.ts'
import { run as native } from './query/native.bench.ts'
import { run as append } from './store/append.bench.ts'
import { run as latency } from './store/latency.bench.ts'
import { run as latest } from './store/latest.bench.ts'
import { run as log } from './store/log.bench.ts'
import { run as open } from './store/open.bench.ts'
import { run as range } from './store/range.bench.ts'
import { run as replay } from './store/replay.bench.ts'
import { run as seal } from './store/seal.bench.ts'
import type { BenchResult, RunOptions, Size } from './support/harness.ts'
import { describeMachine, loadNow, resultName, rootFolder } from './support/machine.ts'
import { parseResult, regressionText, regressionsOf, tableOf } from './support/report.ts'
import type { ResultFile } from './support/report.ts'

type Run = (size: Size, options: RunOptions) => Promise<BenchResult>

const benches: Readonly<Record<string, Run>> = {
  limits,
  kernels,
  append,
  latency,
  range,
  latest,
  seal,
  open,
  log,
  replay,
  page,
  filters,
  aggregates,
  native,
  peers,
}

function usage(message: string): never {
  process.stderr.write(`bench: ${message}\n`)
  process.exit(2)
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      runs: { type: 'string' },
      size: { type: 'string', default: 'full' },
      out: { type: 'string' },
      compare: { type: 'string' },
      commit: { type: 'string' },
      folder: { type: 'string' },
    },
  })
  const { size } = values
  if (size !== 'smoke' && size !== 'full') usage(`--size is smoke or full, not ${size}`)
  const runs = values.runs === undefined ? undefined : Number(values.runs)
  if (runs !== undefined && !(Number.isInteger(runs) && runs >= 1)) usage('--runs is 1 or more')
  const only = (values.only ?? []).flatMap((names) => names.split(','))
  for (const name of only) {
    if (!(name in benches)) usage(`no bench ${name}; there are ${Object.keys(benches).join(', ')}`)
  }
  const data = process.env['VARVE_DATA']
  const options: RunOptions = {
    ...(runs === undefined ? {} : { runs }),
    ...(values.folder === undefined ? {} : { folder: values.folder }),
    ...(data === undefined || data === '' ? {} : { data }),
  }
  return { ...values, size: size as Size, only, options }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function main(): Promise<void> {
  const given = readArguments()
  const { size, only, options } = given
  const before = given.compare === undefined ? undefined : readFileSync(given.compare, 'utf8')
  const load = loadNow()
  await loadKernels()
  const results: BenchResult[] = []
  for (const [name, run] of Object.entries(benches)) {
    if (only.length > 0 && !only.includes(name)) continue
    if (only.length === 0 && run === peers && !arePeersInstalled()) {
      print('peers: none is installed; bench/README.md tells how\n')
      continue
    }
    const result = await run(size, options)
    results.push(result)
    print(`${tableOf(result)}\n`)
  }
  const now = new Date()
  const machine = describeMachine(options.folder ?? tmpdir(), load, given.commit)
  const file: ResultFile = {
    format: 1,
    date: now.toISOString(),
    size,
    machine,
    benches: results,
  }
  const path = given.out ?? join(rootFolder(), 'bench', 'results', resultName(machine, now))
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify(file, undefined, 1)}\n`)
  const { cpu, cores, fileSystem, node, kernels, commit } = machine
  print(`${cpu}, ${cores} cores, ${fileSystem}, load ${load.toFixed(1)}, Node ${node}`)
  print(`kernels ${JSON.stringify(kernels)}, commit ${commit}`)
  print(`written to ${path}`)
  if (before === undefined) return
  const worse = regressionsOf(parseResult(before).benches, results)
  for (const regression of worse) print(`worse: ${regressionText(regression)}`)
  if (worse.length === 0) print('no figure is worse than before by more than noise')
  else process.exitCode = 1
}

await main()
