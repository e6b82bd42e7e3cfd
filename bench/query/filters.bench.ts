// filters: count, range and scan of rows that satisfy a condition, at three shares of rows and on
// two columns; every answer is compared with what plain loops find. Rates are of the rows looked at,
// not of those found. RAM read is what a loop over one plain column of doubles in memory could do at
// most, so a filter above 1 x looks at more rows than memory could deliver.
import type { Where, trade } from '../../src/index.ts'
import { digestOf, expectEqual, hexOf, measure, runsOf } from '../support/harness.ts'
import type { BenchResult, Figure, FigureSpec, RunOptions, Size } from '../support/harness.ts'
import { bestRate, ramDoublesRate } from '../support/limits.ts'
import type { Trades } from '../support/workload.ts'
import { onTrades, treatment } from './ground.ts'
import type { Ground, TradeSeries } from './ground.ts'

const rowsOf = { smoke: 20_000, full: 5_000_000 } as const
const shares = [0.001, 0.1, 0.9] as const
const columns = ['price', 'size'] as const
const spec: FigureSpec = { unit: 'rows/s', better: 'more' }

type Column = (typeof columns)[number]

/** A condition, and the rows that satisfy it. */
interface Case {
  readonly name: string
  readonly where: Where<typeof trade>
  readonly chosen: Uint32Array
}

/** Rows whose value lies in [low, high]. */
function chosenRows(values: Float64Array, low: number, high: number): Uint32Array {
  const rows = new Uint32Array(values.length)
  let count = 0
  for (let row = 0; row < values.length; row += 1) {
    const value = values[row]!
    if (value >= low && value <= high) rows[count++] = row
  }
  return rows.slice(0, count)
}

function caseOf(trades: Trades, column: Column, low: number, high: number): Case {
  const values = trades[column]
  const chosen = chosenRows(values, low, high)
  const found = ((100 * chosen.length) / values.length).toPrecision(2)
  return {
    name: `${column}, ${found} %`,
    where: { [column]: { gte: low, lte: high } },
    chosen,
  }
}

/** Prices from the middle outwards that make about a share of all rows: they stand together. */
function priceCases(trades: Trades): Case[] {
  const sorted = trades.price.toSorted()
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)]!
  return shares.map((share) => caseOf(trades, 'price', at(0.5 - share / 2), at(0.5 + share / 2)))
}

/** Blocks, small odd lots, all but the largest: sizes of every kind stand in every vector. */
function sizeCases(trades: Trades): Case[] {
  return [
    caseOf(trades, 'size', 10_000, 1e9),
    caseOf(trades, 'size', 1, 33),
    caseOf(trades, 'size', 1, 500),
  ]
}

/** Digest of the chosen rows of the plain arrays: times, prices, sizes. */
function digestOfChosen({ time, price, size }: Trades, chosen: Uint32Array): number {
  return digestOf([
    BigInt64Array.from(chosen, (row) => time[row]!),
    Float64Array.from(chosen, (row) => price[row]!),
    Float64Array.from(chosen, (row) => size[row]!),
  ])
}

/** Chosen rows of a scan, and the sum of their sizes, which is exact. */
function scanned(series: TradeSeries, where: Case['where']): { rows: number; volume: number } {
  let rows = 0
  let volume = 0
  for (const { rowCount, columns: found } of series.scan({ columns, where })) {
    rows += rowCount
    for (let row = 0; row < rowCount; row += 1) volume += found.size[row]!
  }
  return { rows, volume }
}

async function measureCase(
  { trades, series }: Ground,
  { name, where, chosen }: Case,
  size: Size,
  runs: number,
): Promise<Figure[]> {
  const digest = digestOfChosen(trades, chosen)
  const volume = chosen.reduce((sum, row) => sum + trades.size[row]!, 0)
  const rows = trades.rowCount
  const names = ['count', 'range', 'scan'].map((question) => `${question} where ${name}`)
  const specs = Object.fromEntries(names.map((each) => [each, spec]))
  return measure(size, runs, specs, async () => {
    const start = performance.now()
    const probes = [{ name: 'RAM read', value: ramDoublesRate(size) }]
    const counting = bestRate(rows, () => {
      expectEqual(series.count({ where }), chosen.length, `count where ${name}`)
    })
    let batch = series.range({ columns, where })
    const ranging = bestRate(rows, () => {
      batch = series.range({ columns, where })
    })
    const { time, price, size: sizes } = batch.columns
    expectEqual(digestOf([time, price, sizes]), digest, `digest of range where ${name}`)
    const scanning = bestRate(rows, () => {
      const found = scanned(series, where)
      expectEqual(found.rows, chosen.length, `rows of scan where ${name}`)
      expectEqual(found.volume, volume, `volume of scan where ${name}`)
    })
    const values = [counting, ranging, scanning]
    const readings = Object.fromEntries(
      names.map((each, at) => [each, { value: values[at]!, probes }]),
    )
    return { elapsedMs: performance.now() - start, readings }
  })
}

export async function run(size: Size, options: RunOptions = {}): Promise<BenchResult> {
  const runs = runsOf(size, options)
  return onTrades(options, rowsOf[size], 51, async (ground) => {
    const { trades, series } = ground
    const figures: Figure[] = []
    const digests: number[] = []
    const notes: Record<string, number | string> = { rows: trades.rowCount }
    for (const entry of [...priceCases(trades), ...sizeCases(trades)]) {
      figures.push(...(await measureCase(ground, entry, size, runs)))
      digests.push(digestOfChosen(trades, entry.chosen))
      const { where } = entry
      notes[`${entry.name}: range`] = treatment(series.explain({ columns, where }))
    }
    const digest = hexOf(digestOf([Int32Array.from(digests)]))
    return { bench: 'filters', size, runs, figures, digest, notes }
  })
}
