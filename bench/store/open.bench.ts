// open: a store of many small sealed series is opened and one series of it is read, for reading
// and for writing.
import { open, trade } from '../../src/index.ts'
import { appendMany, filesBelow, inFolder, symbolOf } from '../support/bed.ts'
import { digestOf, expectEqual, hexOf, measure, runsOf } from '../support/harness.ts'
import type { BenchResult, FigureSpec, Outcome, RunOptions, Size } from '../support/harness.ts'
import { preadMs } from '../support/probes.ts'
import { makeTrades } from '../support/workload.ts'
import type { Trades } from '../support/workload.ts'

const sizes = {
  smoke: { series: 200, rows: 50 },
  full: { series: 10_000, rows: 400 },
} as const

const floor = { atMost: 1000 }
const specs = {
  'opening 10,000 series and reading one': { unit: 'ms', better: 'less', floor },
  'the same, opened for writing': { unit: 'ms', better: 'less', floor },
} as const satisfies Record<string, FigureSpec>

type Name = keyof typeof specs

/** Milliseconds from open() to the rows of one series, whose prices must be the expected ones. */
async function openMs(
  path: string,
  mode: 'read' | 'write',
  index: number,
  expected: number,
): Promise<number> {
  const start = performance.now()
  await using store = mode === 'read' ? await open(path, { mode }) : await open(path, { mode })
  const { columns } = store.series(trade, symbolOf(index)).range({ columns: ['price', 'size'] })
  const elapsedMs = performance.now() - start
  expectEqual(digestOf([columns.price]), expected, 'digest of one series')
  return elapsedMs
}

async function openOnce(
  path: string,
  size: Size,
  trades: Trades,
  run: number,
): Promise<Outcome<Name>> {
  const { series, rows } = sizes[size]
  const index = (run * 7919 + 1) % series
  const from = (index * rows) % (trades.rowCount - rows + 1)
  const expected = digestOf([trades.price.subarray(from, from + rows)])
  const readMs = await openMs(path, 'read', index, expected)
  const writeMs = await openMs(path, 'write', index, expected)
  const manifest = filesBelow(`${path}/manifest`)
  const value = manifest.reduce((sum, file) => sum + preadMs(file.path, file.bytes), 0)
  const probes = [{ name: 'pread', value }]
  return {
    elapsedMs: readMs,
    readings: {
      'opening 10,000 series and reading one': { value: readMs, probes },
      'the same, opened for writing': { value: writeMs, probes },
    },
  }
}

export async function run(size: Size, options: RunOptions = {}): Promise<BenchResult> {
  const runs = runsOf(size, options)
  const { series, rows } = sizes[size]
  const trades = makeTrades(50_000, 5)
  return inFolder(options, async (folder) => {
    const path = `${folder}/store`
    const store = await open(path)
    appendMany(store, trades, series, rows)
    await store.seal()
    await store.close()
    const manifestBytes = filesBelow(`${path}/manifest`).reduce((sum, { bytes }) => sum + bytes, 0)
    const figures = await measure(size, runs, specs, (run) => openOnce(path, size, trades, run))
    const digest = hexOf(digestOf([trades.price]))
    const notes = { series, 'rows each': rows, 'manifest bytes': manifestBytes }
    return { bench: 'open', size, runs, figures, digest, notes }
  })
}
