// Goal: the suites of `npm test` at length: by count, or for as long as there is time. Method: each part of a suite is a
// process of its own with a fresh seed; parts of all suites take turns; at the end a table says what was covered. A part
// that fails is reported with the command that repeats it, and its whole output is kept.
//
//   npm run test:deep -- [--only states,kills] [--minutes 60] [--jobs 2] [--seed 7] [--list]
//                        [--states N] [--kills N] [--cuts N] [--cycles N] [--cases N]
//
// The exit code is 1 where anything failed or was missing. What cannot run on this machine is shown as skipped.
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suites } from './suites.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const linesShown = 40
const flags = ['--only', '--minutes', '--jobs', '--seed']
const seedEnd = 2 ** 31 - 1

function optionsOf(words) {
  const known = new Set([...flags, ...suites.flatMap(({ option }) => option ?? [])])
  const options = new Map()
  for (let at = 0; at < words.length; at += 1) {
    if (words[at] === '--list') options.set('--list', '')
    else if (known.has(words[at]) && words[at + 1] !== undefined) {
      options.set(words[at], words[(at += 1)])
    } else throw new Error(`what is ${words[at]}? known: ${[...known, '--list'].join(' ')}`)
  }
  return options
}

function numberOf(options, name, otherwise) {
  const text = options.get(name)
  if (text === undefined) return otherwise
  const number = Number(text)
  if (!(number > 0)) throw new Error(`${name} is a number above 0, not ${text}`)
  return number
}

function chosen(options) {
  const names = options.get('--only')?.split(',') ?? suites.map(({ name }) => name)
  for (const name of names) {
    if (!suites.some((suite) => suite.name === name)) throw new Error(`there is no suite ${name}`)
  }
  return suites
    .filter(({ name }) => names.includes(name))
    .map((suite) => ({
      ...suite,
      amount: suite.option ? numberOf(options, suite.option, suite.amount) : suite.amount,
      covered: new Map(),
      done: 0,
      parts: 0,
      failures: 0,
      skipped: 0,
      passed: 0,
      seconds: 0,
    }))
}

const options = optionsOf(process.argv.slice(2))
const plan = chosen(options)
const seedFirst = numberOf(options, '--seed', randomInt(1, seedEnd))
const endMs = performance.now() + numberOf(options, '--minutes', Infinity) * 60_000
const jobs = numberOf(options, '--jobs', 1)
const startMs = performance.now()
const running = new Set()
const failures = []
let seedCount = 0
let isStopped = false
let outputs

/** The k-th seed that follows from the first: Weyl's sequence with the golden ratio. */
function nextSeed() {
  seedCount += 1
  return ((seedFirst + Math.imul(seedCount - 1, 0x61c88647)) >>> 1) % seedEnd || 1
}

/** What a part is run with. */
function partOf(suite) {
  const seed = nextSeed()
  const count = Math.min(suite.part ?? 1, suite.amount - suite.done)
  const env = { VARVE_SEED: String(seed), ...suite.env }
  if (suite.variable !== undefined) env[suite.variable] = String(count)
  if (suite.numbered !== undefined) env[suite.numbered] = `${suite.parts}/${suite.amount}`
  const words = ['node_modules/vitest/vitest.mjs', 'run', ...suite.files, '--testTimeout=0']
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const call = `npx vitest ${words.slice(1).join(' ')}`
  return { seed, count, env, words, command: `${settings.join(' ')} VARVE_SKIP_BUILD=1 ${call}` }
}

/** Runs a process to its end. */
function run(words, env) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, words, {
      cwd: root,
      env: { ...process.env, ...env, VARVE_SKIP_BUILD: '1', NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    running.add(child)
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes) => (output += bytes.toString('utf8')))
    }
    child.on('close', (code) => {
      running.delete(child)
      resolve({ output, isGood: code === 0 })
    })
  })
}

const since = (ms) => ((performance.now() - ms) / 1000).toFixed(0)

function count(suite, output) {
  for (const [, number, what] of output.matchAll(/^covered: (\d+) (.+)$/gm)) {
    suite.covered.set(what, (suite.covered.get(what) ?? 0) + Number(number))
  }
  const [, passed = '0', , skipped = '0'] =
    /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(output) ?? []
  suite.passed += Number(passed)
  suite.skipped += Number(skipped)
}

function reportFailure(suite, command, output) {
  suite.failures += 1
  outputs ??= mkdtempSync(join(tmpdir(), 'varve-deep-'))
  const file = join(outputs, `${suite.name}-${suite.parts}.txt`)
  writeFileSync(file, output)
  failures.push({ name: suite.name, command, file })
  console.log(output.trimEnd().split('\n').slice(-linesShown).join('\n'))
  console.log(`FAILED: ${suite.name}. Again with\n  ${command}\nAll it said: ${file}`)
}

async function runPart(suite) {
  const { seed, count: size, env, words, command } = partOf(suite)
  const partMs = performance.now()
  suite.done += size
  suite.parts += 1
  const { output, isGood } = await run(words, env)
  suite.seconds += (performance.now() - partMs) / 1000
  if (isStopped) return
  count(suite, output)
  if (!isGood) reportFailure(suite, command, output)
  const of = `${suite.done} of ${suite.amount}`
  const result = isGood ? 'good' : 'FAILED'
  console.log(
    `${since(startMs).padStart(6)} s  ${suite.name.padEnd(10)} ${of.padEnd(22)} seed ${String(seed).padEnd(10)} ` +
      `${since(partMs).padStart(5)} s  ${result}`,
  )
}

/** A file that is not there; a suite may also be the end of names. */
const missingOf = ({ files }) =>
  files.filter((file) => file.includes('/') && !existsSync(join(root, file)))

/** Takes turns; a suite that failed is not tried again. */
async function work(queue) {
  for (;;) {
    const suite = queue.shift()
    if (suite === undefined || isStopped || performance.now() >= endMs) return
    await runPart(suite)
    if (suite.done < suite.amount && suite.failures === 0) queue.push(suite)
  }
}

const sayCovered = ({ covered, passed, parts }) =>
  covered.size === 0
    ? `${passed} tests in ${parts} parts`
    : Array.from(covered, ([what, number]) => `${number.toLocaleString('en')} ${what}`).join(', ')

function resultOf(suite) {
  if (suite.missing.length > 0) return `MISSING: ${suite.missing.join(' ')}`
  if (suite.failures > 0) return 'FAILED'
  if (suite.parts === 0) return 'not run'
  if (suite.passed === 0 && suite.skipped > 0) return 'skipped'
  const isWhole = suite.done >= suite.amount
  return `good${isWhole ? '' : `, ${suite.done} of ${suite.amount}`}${suite.skipped > 0 ? `, ${suite.skipped} skipped` : ''}`
}

function report() {
  console.log(`\n${'suite'.padEnd(12)}${'seconds'.padStart(8)}  ${'result'.padEnd(30)}covered`)
  for (const suite of plan) {
    const seconds = suite.seconds.toFixed(0).padStart(8)
    console.log(
      `${suite.name.padEnd(12)}${seconds}  ${resultOf(suite).padEnd(30)}${sayCovered(suite)}`,
    )
  }
  for (const { name, command, file } of failures) {
    console.log(`\n${name} failed: ${command}\n  all it said: ${file}`)
  }
  const isGood = failures.length === 0 && plan.every(({ missing }) => missing.length === 0)
  console.log(
    `\n${isGood ? 'good' : 'NOT good'} after ${since(startMs)} s, first seed ${seedFirst}`,
  )
  process.exitCode = isGood ? 0 : 1
}

if (options.has('--list')) {
  for (const { name, amount, question } of plan) {
    console.log(`${name.padEnd(12)}${String(amount).padStart(10)}  ${question}`)
  }
} else {
  for (const suite of plan) suite.missing = missingOf(suite)
  process.on('SIGINT', () => {
    isStopped = true
    for (const child of running) child.kill('SIGTERM')
  })
  console.log(`first seed ${seedFirst}`)
  const queue = plan.filter(({ missing }) => missing.length === 0)
  await Promise.all(Array.from({ length: jobs }, () => work(queue)))
  report()
}
