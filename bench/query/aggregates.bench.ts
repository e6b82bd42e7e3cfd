// aggregates: sums, extremes and means of a series of trades, over all of it, over a part that
// begins and ends within vectors, and a minute at a time; every answer is compared with plain loops
// over the rows. Rates are of the rows a question covers, looked at or not. RAM read is what a loop
// over one plain column of doubles in memory could do at most.
import type { Aggregation, trade } from '../../src/index.ts'
import { digestOf, expectEqual, hexOf, measure, runsOf } from '../support/harness.ts'
import type { BenchResult, Figure, FigureSpec, RunOptions, Size } from '../support/harness.ts'
import { bestRate, ramDoublesRate } from '../support/limits.ts'
import { minuteNs } from '../support/workload.ts'
import type { Trades } from '../support/workload.ts'
import { expectClose, onTrades, treatment } from './ground.ts'
import type { Ground } from './ground.ts'

const rowsOf = { smoke: 20_000, full: 10_000_000 } as const

type Asked = Record<string, Aggregation<typeof trade>>

/** A question, and its answer by plain loops: a row of numbers a bucket. */
interface Case {
  readonly name: string
  readonly asked: Asked
  /** Rows [from, end) of the trades, as times; everything where there are none. */
  readonly part?: { readonly from: number; readonly end: number }
  readonly every?: '1m'
  readonly spec: FigureSpec
  /** Sums of doubles with many digits depend on the order: they are compared but for that. */
  readonly isRounded?: boolean
  readonly plain: (trades: Trades, from: number, end: number) => readonly number[]
}

const perSecond = { unit: 'rows/s', better: 'more' } as const

function fold(
  values: Float64Array,
  from: number,
  end: number,
  step: (sum: number, value: number, row: number) => number,
  first: number,
): number {
  let result = first
  for (let row = from; row < end; row += 1) result = step(result, values[row]!, row)
  return result
}

const add = (sum: number, value: number): number => sum + value

/** Of prices, in cents, so that sums are exact, then rounded once. */
function sumOfPrices({ price }: Trades, from: number, end: number): number {
  return fold(price, from, end, (sum, value) => sum + Math.round(value * 100), 0) / 100
}

function ohlcv({ price, size }: Trades, from: number, end: number): number[] {
  return [
    price[from]!,
    fold(price, from, end, (most, value) => (value > most ? value : most), -Infinity),
    fold(price, from, end, (least, value) => (value < least ? value : least), Infinity),
    price[end - 1]!,
    fold(size, from, end, add, 0),
  ]
}

function vwapOf({ price, size }: Trades, from: number, end: number): number {
  const turnover = fold(
    price,
    from,
    end,
    (sum, value, row) => sum + Math.round(value * 100) * size[row]!,
    0,
  )
  return turnover / 100 / fold(size, from, end, add, 0)
}

/** Of the distances from the mean, squared: two passes. */
function squaresOf({ price }: Trades, from: number, end: number): number {
  const mean = fold(price, from, end, add, 0) / (end - from)
  return fold(price, from, end, (sum, value) => sum + (value - mean) ** 2, 0)
}

const prices: Asked = {
  count: 'count',
  sum: { sum: 'price' },
  min: { min: 'price' },
  max: { max: 'price' },
  mean: { mean: 'price' },
}

function plainPrices(trades: Trades, from: number, end: number): number[] {
  const [, most, least] = ohlcv(trades, from, end)
  const sum = sumOfPrices(trades, from, end)
  return [end - from, sum, least!, most!, sum / (end - from)]
}

function casesOf(rows: number): Case[] {
  const part = { from: Math.floor(rows * 0.2) + 333, end: Math.floor(rows * 0.7) + 77 }
  const bars: Asked = {
    open: { first: 'price' },
    high: { max: 'price' },
    low: { min: 'price' },
    close: { last: 'price' },
    volume: { sum: 'size' },
  }
  return [
    {
      name: 'all rows: count, sum, min, max, mean of prices',
      asked: prices,
      spec: perSecond,
      plain: plainPrices,
    },
    {
      name: 'half of the rows: the same',
      asked: prices,
      part,
      spec: perSecond,
      plain: plainPrices,
    },
    {
      name: 'one-minute bars (OHLCV)',
      asked: bars,
      every: '1m',
      spec: { ...perSecond, floor: { atLeast: 300e6 } },
      plain: ohlcv,
    },
    {
      name: 'one-minute sums of sizes',
      asked: { volume: { sum: 'size' } },
      every: '1m',
      spec: perSecond,
      plain: ({ size }, from, end) => [fold(size, from, end, add, 0)],
    },
    {
      name: 'vwap of all rows',
      asked: { vwap: { vwap: ['price', 'size'] } },
      spec: perSecond,
      isRounded: true,
      plain: (trades, from, end) => [vwapOf(trades, from, end)],
    },
    {
      name: 'one-minute vwap',
      asked: { vwap: { vwap: ['price', 'size'] } },
      every: '1m',
      spec: perSecond,
      isRounded: true,
      plain: (trades, from, end) => [vwapOf(trades, from, end)],
    },
    {
      name: 'standard deviation of all prices',
      asked: { std: { std: 'price' } },
      spec: perSecond,
      isRounded: true,
      plain: (trades, from, end) => [Math.sqrt(squaresOf(trades, from, end) / (end - from - 1))],
    },
  ]
}

/** Where the rows of each minute begin, and the end of the last. */
function minuteStarts({ time, rowCount }: Trades): number[] {
  const starts: number[] = []
  let minute = -1n
  for (let row = 0; row < rowCount; row += 1) {
    const own = time[row]! / minuteNs
    if (own !== minute) starts.push(row)
    minute = own
  }
  return [...starts, rowCount]
}

/** By column, one number a bucket. */
function expectedOf({ every, part, plain }: Case, trades: Trades): Float64Array[] {
  const { from, end } = part ?? { from: 0, end: trades.rowCount }
  const starts = every === undefined ? [from, end] : minuteStarts(trades)
  const rows = starts.slice(1).map((next, at) => plain(trades, starts[at]!, next))
  return rows[0]!.map((_, column) => Float64Array.from(rows, (row) => row[column]!))
}

/** The question, a part of the rows given by the times around it; no two parts share a time. */
function queryOf({ asked, every, part }: Case, { time }: Trades) {
  const range = part === undefined ? {} : { from: time[part.from]!, to: time[part.end]! }
  return { ...range, ...(every === undefined ? {} : { every }), columns: asked }
}

/** Moves the ends of a part to rows whose time differs from that of the row before. */
function settled(entry: Case, { time }: Trades): Case {
  if (entry.part === undefined) return entry
  let { from, end } = entry.part
  while (time[from] === time[from - 1]) from += 1
  while (time[end] === time[end - 1]) end += 1
  return { ...entry, part: { from, end } }
}

async function measureCase(
  { trades, series }: Ground,
  entry: Case,
  size: Size,
  runs: number,
): Promise<{ figures: Figure[]; digest: number }> {
  const { name, part, spec, isRounded } = entry
  const expected = expectedOf(entry, trades)
  const query = queryOf(entry, trades)
  const names = Object.keys(entry.asked)
  const rows = part === undefined ? trades.rowCount : part.end - part.from
  const figures = await measure(size, runs, { [name]: spec }, async () => {
    const start = performance.now()
    const probes = [{ name: 'RAM read', value: ramDoublesRate(size) }]
    let answer = series.aggregate(query)
    const value = bestRate(rows, () => {
      answer = series.aggregate(query)
    })
    expectEqual(answer.rowCount, expected[0]!.length, `buckets of ${name}`)
    names.forEach((column, at) => {
      const found = answer.columns[column]!
      expected[at]!.forEach((one, bucket) => {
        const what = `${name}, ${column} of bucket ${bucket}`
        if (isRounded === true) expectClose(found[bucket]!, one, what)
        else expectEqual(found[bucket], one, what)
      })
    })
    return { elapsedMs: performance.now() - start, readings: { [name]: { value, probes } } }
  })
  return { figures, digest: isRounded === true ? 0 : digestOf(expected) }
}

export async function run(size: Size, options: RunOptions = {}): Promise<BenchResult> {
  const runs = runsOf(size, options)
  return onTrades(options, rowsOf[size], 61, async (ground) => {
    const { trades, series } = ground
    const figures: Figure[] = []
    const digests: number[] = []
    const notes: Record<string, number | string> = { rows: trades.rowCount }
    for (const each of casesOf(trades.rowCount)) {
      const entry = settled(each, trades)
      const measured = await measureCase(ground, entry, size, runs)
      figures.push(...measured.figures)
      digests.push(measured.digest)
      notes[entry.name] = treatment(series.explain(queryOf(entry, trades)))
    }
    const digest = hexOf(digestOf([Int32Array.from(digests)]))
    return { bench: 'aggregates', size, runs, figures, digest, notes }
  })
}
