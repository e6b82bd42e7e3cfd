// varve demo: a made-up day of a market goes into a store and is asked questions, with figures.
// What is measured is the public door, as any program uses it; making the market is not counted.
import { VarveError, assert, systemClock } from '#base'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { diskVfs } from '#vfs'
import { bar, open, quote, time, trade } from '../index.ts'
import type { Row, Store, StoreStats, VerifyReport } from '../index.ts'
import { printDemo } from './demo-report.ts'
import { listings, marketDay, minuteNs, minutes } from './demo-market.ts'
import { jsonText } from './output.ts'
import type { Output } from './output.ts'

export interface DemoWords {
  readonly dir?: string
  readonly rows?: string
  readonly seed?: string
  readonly ascii?: boolean
  readonly json?: boolean
}

/** A count, and how long it took. */
export interface Timed {
  readonly rows: number
  readonly seconds: number
}

export interface DemoSymbol {
  readonly symbol: string
  readonly rows: number
  readonly last: Row<typeof trade>
  readonly newestQuote: Row<typeof quote>
  /** Of each minute; NaN where nothing traded. */
  readonly closes: readonly number[]
  readonly volumes: readonly number[]
}

/** The trades of a minute: `seconds` for the first reading, `againSeconds` for one of many more. */
export interface DemoMinute extends Timed {
  readonly againSeconds: number
  readonly first: readonly Row<typeof trade>[]
}

/** Everything the demo found out. */
export interface DemoResult {
  /** undefined: the folder was a temporary one and is gone. */
  readonly directory: string | undefined
  readonly seed: number
  readonly day: string
  readonly trades: number
  readonly quotes: number
  readonly bars: number
  readonly append: Timed
  readonly sealSeconds: number
  readonly stats: StoreStats
  readonly bytesARow: number
  readonly smallerPercent: number
  readonly symbols: readonly DemoSymbol[]
  readonly minute: DemoMinute
  readonly bars5: readonly Row<typeof bar>[]
  readonly scan: Timed & { readonly dollars: number }
  readonly snapshot: {
    readonly name: string
    readonly contentHash: string
    readonly seconds: number
  }
  readonly late: {
    readonly time: bigint
    readonly before: Row<typeof trade>
    readonly after: Row<typeof trade>
  }
  readonly corrected: { readonly snapshot: Row<typeof bar>; readonly now: Row<typeof bar> }
  readonly verify: VerifyReport & { readonly seconds: number }
  readonly seconds: number
}

const rowsDefault = 500_000
const rowsMin = 10_000
const rowsMax = 100_000_000
const day = '2026-03-16'
/** 09:30 in New York. */
const openNs = time.ns(`${day}T13:30:00Z`)
const shownMinute = 31

function wholeNumber(option: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN
  if (value >= 0) return value
  throw new VarveError('ERR_ARGUMENT', `${option} ${text} is no whole number`, { actual: text })
}

function rowsOf(words: DemoWords): number {
  const rows = wholeNumber('--rows', words.rows, rowsDefault)
  if (rows >= rowsMin && rows <= rowsMax) return rows
  const message = `--rows takes ${rowsMin} to ${rowsMax}, not ${rows}`
  throw new VarveError('ERR_ARGUMENT', message, { actual: rows })
}

/** Runs varve demo. The store is kept only where a folder was named. */
export async function demoCommand(output: Output, words: DemoWords): Promise<void> {
  const rows = rowsOf(words)
  const seed = wholeNumber('--seed', words.seed, 7)
  const { dir } = words
  if (dir !== undefined && diskVfs.stat(dir) !== undefined && diskVfs.list(dir).length > 0) {
    const hint = 'Name a folder that is new or empty.'
    throw new VarveError('ERR_EXISTS', `there is something in ${dir}`, { file: dir }, { hint })
  }
  const directory = dir ?? mkdtempSync(join(tmpdir(), 'varve-demo-'))
  if (words.json !== true) output.note('making a market and writing it ...\n')
  try {
    const store = await open(directory)
    let result: DemoResult
    try {
      result = await runDemo(store, { rows, seed, directory: dir })
    } finally {
      await store.close()
    }
    if (words.json === true) output.write(`${jsonText(result)}\n`)
    else printDemo(output, result, words.ascii === true)
  } finally {
    if (dir === undefined) rmSync(directory, { recursive: true, force: true })
  }
}

async function timed<T>(run: () => Promise<T> | T): Promise<{ value: T; seconds: number }> {
  const start = systemClock.monotonicMs()
  const value = await run()
  return { value, seconds: (systemClock.monotonicMs() - start) / 1000 }
}

interface DemoPlan {
  readonly rows: number
  readonly seed: number
  readonly directory: string | undefined
}

async function runDemo(store: Store, plan: DemoPlan): Promise<DemoResult> {
  const start = systemClock.monotonicMs()
  const written = await writeDay(store, plan)
  const { seconds: sealSeconds } = await timed(() => store.seal())
  const stats = store.stats()
  const { value: snapshot, seconds: snapshotSeconds } = await timed(() => store.snapshot('close'))
  const minute = readMinute(store)
  const scan = scanDay(store)
  const late = addLateTrade(store)
  const corrected = correctBar(store)
  await store.flush()
  const verified = await timed(() => store.verify())
  return {
    directory: plan.directory,
    seed: plan.seed,
    day,
    ...written,
    sealSeconds,
    stats,
    bytesARow: stats.storedBytes / stats.rows,
    smallerPercent: 100 * (1 - stats.storedBytes / stats.plainBytes),
    symbols: listings.map(({ symbol }) => symbolOf(store, symbol)),
    minute,
    bars5: [...store.series(bar, 'ALFA', '1m').range({ from: openNs, limit: 5 })],
    scan,
    snapshot: { name: snapshot.name, contentHash: snapshot.contentHash, seconds: snapshotSeconds },
    late,
    corrected,
    verify: { ...verified.value, seconds: verified.seconds },
    seconds: (systemClock.monotonicMs() - start) / 1000,
  }
}

type Written = Pick<DemoResult, 'trades' | 'quotes' | 'bars' | 'append'>

/** Appends the day as a feed would: a minute of a symbol at a time. Ends when all of it is
 *  durable. */
async function writeDay(store: Store, { rows, seed }: DemoPlan): Promise<Written> {
  const handles = new Map(
    listings.map(({ symbol }) => [
      symbol,
      {
        trades: store.series(trade, symbol),
        quotes: store.series(quote, symbol),
        bars: store.series(bar, symbol, '1m'),
      },
    ]),
  )
  const counts = { trades: 0, quotes: 0, bars: 0 }
  let spent = 0
  for (const minute of marketDay(rows, seed, openNs)) {
    const series = handles.get(minute.listing.symbol)!
    const start = systemClock.monotonicMs()
    if (minute.tradeCount > 0) counts.trades += series.trades.append(minute.trades).rows
    if (minute.quoteCount > 0) counts.quotes += series.quotes.append(minute.quotes).rows
    if (minute.bar !== undefined) counts.bars += series.bars.append(minute.bar).rows
    spent += systemClock.monotonicMs() - start
  }
  const flushed = await timed(() => store.flush())
  const total = counts.trades + counts.quotes + counts.bars
  return { ...counts, append: { rows: total, seconds: spent / 1000 + flushed.seconds } }
}

function symbolOf(store: Store, symbol: string): DemoSymbol {
  const trades = store.series(trade, symbol)
  const quotes = store.series(quote, symbol)
  const last = trades.latest()
  const newestQuote = quotes.latest()
  if (last === undefined || newestQuote === undefined) {
    throw new VarveError('ERR_NOT_FOUND', `${symbol} has no rows: --rows are too few`, { symbol })
  }
  const closes = Array.from({ length: minutes }, () => NaN)
  const volumes = Array.from({ length: minutes }, () => 0)
  for (const row of store.series(bar, symbol, '1m').range({ columns: ['close', 'volume'] })) {
    const at = Number((row.time - openNs) / minuteNs)
    closes[at] = row.close
    volumes[at] = row.volume
  }
  return { symbol, rows: trades.count() + quotes.count(), last, newestQuote, closes, volumes }
}

const rowsShown = 6
const minuteReads = 100

/** The trades of one minute, read by their times. */
function readMinute(store: Store): DemoMinute {
  const from = openNs + BigInt(shownMinute) * minuteNs
  const range = { from, to: from + minuteNs }
  const start = systemClock.monotonicMs()
  const batch = store.series(trade, 'ALFA').range(range)
  const seconds = (systemClock.monotonicMs() - start) / 1000
  const again = systemClock.monotonicMs()
  for (let time = 0; time < minuteReads; time += 1) {
    const { rowCount } = store.series(trade, 'ALFA').range(range)
    assert(rowCount === batch.rowCount, 'demo: the same range has the same rows')
  }
  const againSeconds = (systemClock.monotonicMs() - again) / 1000 / minuteReads
  const first = Array.from({ length: Math.min(rowsShown, batch.rowCount) }, (_, at) =>
    batch.row(at),
  )
  return { rows: batch.rowCount, seconds, againSeconds, first }
}

/** What was traded in all: price and size of every trade of every symbol. */
function scanDay(store: Store): DemoResult['scan'] {
  let dollars = 0
  let rows = 0
  const start = systemClock.monotonicMs()
  for (const { symbol } of listings) {
    for (const batch of store.series(trade, symbol).scan({ columns: ['price', 'size'] })) {
      const { price, size } = batch.columns
      for (let row = 0; row < batch.rowCount; row += 1) dollars += price[row]! * size[row]!
      rows += batch.rowCount
    }
  }
  return { rows, dollars, seconds: (systemClock.monotonicMs() - start) / 1000 }
}

const lateVolume = 2_500

/** A trade that is told of after the close, and stands in its place at once. */
function addLateTrade(store: Store): DemoResult['late'] {
  const trades = store.series(trade, 'ALFA')
  const at = openNs + BigInt(shownMinute) * minuteNs + 7_123_456_789n
  const before = trades.at(at)
  if (before === undefined) throw new VarveError('ERR_NOT_FOUND', 'there is no trade before it')
  trades.append({ time: at, price: before.price, size: lateVolume, venue: 'D', conditions: 'Z' })
  const after = trades.at(at)
  if (after === undefined) throw new VarveError('ERR_NOT_FOUND', 'the late trade is not there')
  return { time: at, before, after }
}

/** The bar of that minute again, with the late trade in it: it replaces the first one, and the
 *  snapshot keeps that. */
function correctBar(store: Store): DemoResult['corrected'] {
  const at = openNs + BigInt(shownMinute) * minuteNs
  const bars = store.series(bar, 'ALFA', '1m')
  const first = bars.at(at)
  if (first === undefined) throw new VarveError('ERR_NOT_FOUND', 'there is no bar of that minute')
  const tradeCount = (first.tradeCount ?? 0n) + 1n
  bars.append({ ...first, received: null, volume: first.volume + lateVolume, tradeCount })
  const now = bars.at(at)
  const snapshot = store.at('close').series(bar, 'ALFA', '1m').at(at)
  if (now === undefined || snapshot === undefined) {
    throw new VarveError('ERR_NOT_FOUND', 'the corrected bar is not there')
  }
  return { snapshot, now }
}
