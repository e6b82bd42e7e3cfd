// peers: varve beside the stores a Node program could embed instead, on the same rows, in the same
// process, one question after the other. Every answer must equal the one that plain loops find in
// the rows, and so all are equal; an engine that answers wrong ends the bench. A peer that is not
// installed is named and passed over.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { inFolder } from '../support/bed.ts'
import { digestOf, expectEqual, hexOf, measure, runsOf } from '../support/harness.ts'
import type {
  BenchResult,
  Figure,
  FigureSpec,
  Floor,
  Reading,
  RunOptions,
  Size,
} from '../support/harness.ts'
import { batchesOf, chance, makeTrades, minuteNs, sliceTrades } from '../support/workload.ts'
import type { Trades } from '../support/workload.ts'
import { makeTables, realTables, realTrades } from '../support/tables.ts'
import { besideVarve } from './beside.ts'
import { digestOfBars, digestOfRows, expectLast, expectedOf, firstAtOrAfter } from './engine.ts'
import type { Engine, Expected, Feed, Minute, Reader } from './engine.ts'
import { installedIn, peersFolder } from './installed.ts'
import { measureSizes } from './sizes.ts'
import { varve, varveScan } from './varve.ts'

/** rowWise: of those engines that take rows one at a time. fillMs: how long a question is repeated. */
const sizes = {
  smoke: { rows: 20_000, rowWise: 8_000, ingest: 5_000, tables: 2_000, fillMs: 5 },
  full: { rows: 10_000_000, rowWise: 1_000_000, ingest: 1_000_000, tables: 500_000, fillMs: 250 },
} as const
const realRowsMax = 2_000_000
const batchRows = 1000
const minutesCount = 1000
const minutesLeast = 3

type Sizes = Readonly<Record<keyof (typeof sizes)['full'], number>>

const install = 'npm install --ignore-scripts && npm rebuild better-sqlite3 --ignore-scripts=false'

/** A store that is read: whose, where, and what it must answer. */
interface Ground {
  readonly engine: Engine
  readonly reader: Reader
  readonly expected: Expected
  readonly minutes: readonly Minute[]
}

interface Question {
  readonly name: string
  readonly spec: FigureSpec
  /** varve's, each beside a peer of the same run; those of peers that are there count. */
  readonly floors: readonly (Floor & { readonly of: string })[]
  /** The figure's value, of an answer that was right. */
  readonly ask: (ground: Ground, fillMs: number) => Promise<number>
}

const perSecond: FigureSpec = { unit: 'rows/s', better: 'more' }
const micros: FigureSpec = { unit: 'us', better: 'less' }

async function askSum({ engine, reader, expected }: Ground): Promise<number> {
  const start = performance.now()
  const sum = await reader.sum()
  const elapsedMs = performance.now() - start
  expectEqual(sum, expected.sum, `${engine.name}, sum of sizes`)
  return (expected.rowCount / elapsedMs) * 1000
}

async function askBars({ engine, reader, expected }: Ground): Promise<number> {
  const start = performance.now()
  const bars = await reader.bars()
  const elapsedMs = performance.now() - start
  expectEqual(digestOfBars(bars), expected.barsDigest, `${engine.name}, digest of the bars`)
  return (expected.rowCount / elapsedMs) * 1000
}

/** Mean of as many of the minutes as fit the time. */
async function askMinutes({ engine, reader, minutes }: Ground, fillMs: number): Promise<number> {
  let totalMs = 0
  let count = 0
  for (const { from, to, digest } of minutes) {
    if (count >= minutesLeast && totalMs >= fillMs) break
    const start = performance.now()
    const answer = reader.minute(from, to)
    const rows = answer instanceof Promise ? await answer : answer
    totalMs += performance.now() - start
    expectEqual(digestOfRows(rows), digest, `${engine.name}, digest of a minute`)
    count += 1
  }
  return (totalMs / count) * 1000
}

/** Mean of twice as many calls as before until they fill the time: one alone is below the clock. */
async function askLast({ engine, reader, expected }: Ground, fillMs: number): Promise<number> {
  for (let calls = 1; ; calls *= 2) {
    let row = expected.last
    const start = performance.now()
    for (let call = 0; call < calls; call += 1) {
      const answer = reader.last()
      row = answer instanceof Promise ? await answer : answer
    }
    const elapsedMs = performance.now() - start
    expectLast(row, expected.last, engine.name)
    if (elapsedMs >= fillMs / 2) return (elapsedMs / calls) * 1000
  }
}

const tenTimes = [{ atLeast: 10, of: 'duckdb' }]

const questions: readonly Question[] = [
  {
    name: 'one-minute range, mean',
    spec: micros,
    floors: [
      { atMost: 1 / 50, of: 'duckdb' },
      { atMost: 1 / 3, of: 'sqlite' },
      { atMost: 1 / 3, of: 'lmdb, rows' },
    ],
    ask: askMinutes,
  },
  { name: 'sum of a column', spec: perSecond, floors: tenTimes, ask: askSum },
  { name: 'one-minute bars', spec: perSecond, floors: tenTimes, ask: askBars },
  { name: 'last value', spec: micros, floors: [{ atMost: 1 / 5, of: 'lmdb, rows' }], ask: askLast },
]

/** Random minutes that hold rows; all engines have all rows of them. */
function minutesOf({ time, price, size, rowCount }: Trades, seed: number): Minute[] {
  const next = chance(seed)
  const lastTime = time[rowCount - 1]!
  const minutes: Minute[] = []
  while (minutes.length < minutesCount) {
    const from = time[Math.floor(next() * rowCount)]!
    const to = from + minuteNs
    if (to > lastTime) continue
    const low = firstAtOrAfter(time, from)
    const end = firstAtOrAfter(time, to, low)
    const rows = {
      time: time.subarray(low, end),
      price: price.subarray(low, end),
      size: size.subarray(low, end),
    }
    minutes.push({ from, to, digest: digestOfRows(rows) })
  }
  return minutes
}

function isAsked({ only }: Engine, { name }: Question): boolean {
  return only === undefined || only.includes(name)
}

/** Asks everything before: the first answers pay for compiling, mapping and caches. */
async function warmed(ground: Ground, fillMs: number): Promise<Ground> {
  for (const question of questions) {
    if (isAsked(ground.engine, question)) await question.ask(ground, fillMs / 5)
  }
  return ground
}

/** What a feed left in a folder, opened again: all rows, and nothing else. */
async function expectFed(engine: Engine, folder: string, expected: Expected): Promise<void> {
  const reader = await engine.open(folder)
  try {
    expectEqual(await reader.sum(), expected.sum, `${engine.name}, sum of what was put in`)
    expectLast(await reader.last(), expected.last, engine.name)
  } finally {
    await reader.close()
  }
}

const bestPeer = 'best peer'

/** What every feed reached, the best peer of the same mode beside varve's. */
function besideBest(
  feeds: readonly Feed[],
  rates: readonly number[],
): Readonly<Record<string, Reading>> {
  const values = feeds.map(({ name }, at) => [name, rates[at]!] as const)
  const readings = { ...besideVarve(values, []) }
  for (const { name, mode } of feeds.filter(isOurs)) {
    const rivals = rates.filter((_, at) => feeds[at]!.mode === mode && !isOurs(feeds[at]!))
    const { value, probes = [] } = readings[name]!
    if (rivals.length === 0) continue
    const best = { name: bestPeer, value: Math.max(...rivals) }
    readings[name] = { value, probes: [best, ...probes] }
  }
  return readings
}

function isOurs({ name }: Feed): boolean {
  return name.startsWith('varve')
}

function specOfFeed(feed: Feed, feeds: readonly Feed[]): FigureSpec {
  const hasRival = feeds.some((other) => other.mode === feed.mode && !isOurs(other))
  if (!isOurs(feed) || !hasRival) return perSecond
  return { ...perSecond, floor: { atLeast: 3, of: bestPeer } }
}

async function measureFeeds(
  size: Size,
  runs: number,
  engines: readonly Engine[],
  trades: Trades,
  folder: string,
): Promise<Figure[]> {
  const rows = Math.min(trades.rowCount, sizes[size].ingest)
  const part = sliceTrades(trades, 0, rows)
  const expected = expectedOf(part)
  const batches = batchesOf(part, batchRows)
  const fed = engines.flatMap((engine) => engine.feeds.map((feed) => ({ engine, feed })))
  const feeds = fed.map(({ feed }) => feed)
  const specs = Object.fromEntries(feeds.map((feed) => [feed.name, specOfFeed(feed, feeds)]))
  const figures = await measure(size, runs, specs, async () => {
    const rates: number[] = []
    let elapsedMs = 0
    for (const { engine, feed } of fed) {
      const own = mkdtempSync(join(folder, 'feed-'))
      const ms = await feed.fill(own, batches)
      await expectFed(engine, own, expected)
      rmSync(own, { recursive: true })
      rates.push((rows / ms) * 1000)
      elapsedMs += ms
    }
    return { elapsedMs, readings: besideBest(feeds, rates) }
  })
  return figures.map((figure) => ({ ...figure, name: `ingest: ${figure.name}` }))
}

/** Makes the stores that are read, each by its engine's first feed, and opens them. */
async function groundsOf(
  engines: readonly Engine[],
  trades: Trades,
  { rows, rowWise, fillMs }: Sizes,
  folder: string,
): Promise<Ground[]> {
  const all = sliceTrades(trades, 0, Math.min(trades.rowCount, rows))
  const some = sliceTrades(trades, 0, Math.min(trades.rowCount, rowWise))
  const [expectedAll, expectedSome] = [expectedOf(all), expectedOf(some)]
  const minutes = minutesOf(some, 5)
  const grounds: Ground[] = []
  for (const engine of engines) {
    const part = engine.isRowWise ? some : all
    const expected = engine.isRowWise ? expectedSome : expectedAll
    const own = join(folder, engine.store)
    if (!existsSync(own)) {
      mkdirSync(own)
      await engine.feeds[0]!.fill(own, batchesOf(part, batchRows))
    }
    const reader = await engine.open(own)
    grounds.push(await warmed({ engine, reader, expected, minutes }, fillMs))
  }
  return grounds
}

/** One question, asked of every engine in turn. */
async function measureQuestion(
  size: Size,
  runs: number,
  question: Question,
  all: readonly Ground[],
): Promise<Figure[]> {
  const { fillMs } = sizes[size]
  const grounds = all.filter(({ engine }) => isAsked(engine, question))
  const names = grounds.map(({ engine }) => engine.name)
  const floors = question.floors.filter(({ of }) => names.includes(of))
  const specOf = (name: string): FigureSpec =>
    name === varve.name ? { ...question.spec, floor: floors } : question.spec
  const specs = Object.fromEntries(names.map((name) => [name, specOf(name)]))
  const figures = await measure(size, runs, specs, async () => {
    const start = performance.now()
    const values: [string, number][] = []
    for (const ground of grounds) {
      values.push([ground.engine.name, await question.ask(ground, fillMs)])
    }
    return { elapsedMs: performance.now() - start, readings: besideVarve(values, floors) }
  })
  return figures.map((figure) => ({ ...figure, name: `${question.name}: ${figure.name}` }))
}

/** All figures of one set of trades, and the digest of what every engine answered. */
async function figuresOf(
  size: Size,
  options: RunOptions,
  engines: readonly Engine[],
  trades: Trades,
): Promise<{ figures: Figure[]; digest: number }> {
  const runs = runsOf(size, options)
  return inFolder(options, async (folder) => {
    const fed = await measureFeeds(size, runs, engines, trades, folder)
    const grounds = await groundsOf(engines, trades, sizes[size], folder)
    try {
      const read: Figure[] = []
      for (const question of questions) {
        read.push(...(await measureQuestion(size, runs, question, grounds)))
      }
      const { expected, minutes } = grounds[0]!
      const { sum, barsDigest, last } = expected
      const digests = [barsDigest, ...minutes.map(({ digest }) => digest)]
      const digest = digestOf([
        Float64Array.of(sum, last.price, last.size),
        BigInt64Array.of(last.time),
        Int32Array.from(digests),
      ])
      return { figures: [...fed, ...read], digest }
    } finally {
      for (const { reader } of grounds) await reader.close()
    }
  })
}

/** `installedAt` is where the peers are: what is not there is noted and left out. */
export async function run(
  size: Size,
  options: RunOptions = {},
  installedAt: string = peersFolder(),
): Promise<BenchResult> {
  const { engines: others, versions, missing } = await installedIn(installedAt)
  const engines = [varve, varveScan, ...others]
  const { rows, rowWise, ingest } = sizes[size]
  const notes: Record<string, number | string> = { rows, 'row-wise': rowWise, ingest, ...versions }
  for (const [name, why] of Object.entries(missing)) notes[`without ${name}:`] = why
  if (Object.keys(missing).length > 0) notes['install in bench/peers:'] = install
  const trades = makeTrades(rows, 9)
  const { figures, digest } = await figuresOf(size, options, engines, trades)
  const tables = [
    ...makeTables(sizes[size].tables, 41),
    ...(options.data === undefined ? [] : realTables(options.data)),
  ]
  figures.push(
    ...(await inFolder(options, (folder) => measureSizes(size, engines, tables, folder))),
  )
  const real = options.data === undefined ? undefined : realTrades(options.data, realRowsMax)
  if (real !== undefined) {
    notes['real trades: rows'] = real.rowCount
    const own = await figuresOf(size, options, engines, real)
    for (const figure of own.figures) {
      figures.push({ ...figure, name: `real trades: ${figure.name}` })
    }
  }
  return {
    bench: 'peers',
    size,
    runs: runsOf(size, options),
    figures,
    digest: hexOf(digest),
    notes,
  }
}
