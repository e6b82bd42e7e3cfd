// Runs of bars whose highs, lows and opens are told by other columns.
import { allocateColumn, fillAbsent } from '#batch'
import type { ColumnData } from '#batch'
import { HeadSeries, rulesOf } from '#head'
import { bar, storeKind } from '#schema'
import type { ColumnSpec, StoredKind } from '#schema'
import { SegmentWriter } from '#segment'
import { memoryVfs } from '#vfs'
import { storeId } from './index-bed.ts'
import type { RunFile } from './index-bed.ts'

export const barSchema: StoredKind = storeKind(bar, 1, 1)
export const barSpecs: readonly ColumnSpec[] = new HeadSeries(rulesOf(barSchema, 'month'))
  .storedSpecs
export const barNames = ['open', 'high', 'low', 'close', 'volume'] as const
export type BarName = (typeof barNames)[number]
export type Bars = Readonly<Record<BarName, Float64Array>>

export function specOf(name: string): ColumnSpec {
  return barSpecs.find((spec) => spec.name === name)!
}

/** Prices walk in steps of one unit of the scale; `wild` times that where a bar is wild. */
export function walkingBars(
  rowCount: number,
  random: () => number,
  scale = 2,
  wild = 50,
): Bars & { readonly [name: string]: Float64Array } {
  const power = 10 ** scale
  const made = () => new Float64Array(rowCount)
  const bars = { open: made(), high: made(), low: made(), close: made(), volume: made() }
  let last = 40_000
  const step = (width: number): number => Math.floor((random() - 0.5) * width)
  for (let row = 0; row < rowCount; row += 1) {
    const open = last + (random() < 0.1 ? step(5) : 0)
    last = Math.max(1, open + step(random() < 0.05 ? 20 * wild : wild))
    bars.open[row] = open / power
    bars.close[row] = last / power
    bars.high[row] = (Math.max(open, last) + Math.floor(random() * 3)) / power
    bars.low[row] = (Math.min(open, last) - Math.floor(random() * 3)) / power
    bars.volume[row] = Math.floor(random() * 1000)
  }
  return bars
}

const firstTime = 1_704_205_800_000_000_000n

export function barColumns(bars: Bars): ColumnData[] {
  const rowCount = bars.open.length
  return barSpecs.map((spec) => {
    const column = allocateColumn(spec.physical, rowCount, { optional: spec.optional })
    const values = (bars as Readonly<Record<string, Float64Array>>)[spec.name]
    if (spec.name === 'time' && column.physical === 'i64') {
      for (let row = 0; row < rowCount; row += 1) {
        column.values[row] = firstTime + BigInt(row) * 1_000_000_000n
      }
    } else if (values !== undefined && column.physical === 'f64') column.values.set(values)
    else fillAbsent(column, 0, rowCount)
    return column
  })
}

/** One run of bars in one file, at level `high`. */
export function barFile(bars: Bars): RunFile {
  const columns = barColumns(bars)
  const rowCount = bars.open.length
  const file = memoryVfs().open('/000000000007.segment', 'create')
  const writer = new SegmentWriter(file, {
    fileKind: 'segment',
    fileNumber: 7,
    storeId,
    level: 'high',
  })
  writer.beginRun({
    seriesId: 1,
    key: { kind: 'bar', symbol: 'SPY', timeframe: '1s' },
    schema: barSchema,
    specs: barSpecs,
    partition: 0n,
    lsnFirst: 1n,
    lsnLast: 99_999n,
    sortOrder: 'time',
  })
  for (let from = 0; from < rowCount; from += 65_536) {
    writer.addBlock(columns, from, Math.min(rowCount, from + 65_536))
  }
  writer.endRun()
  const finished = writer.finish()
  const runs = finished.runs.map((run, runIndex) => ({ ...run, fileNumber: 7, runIndex }))
  return { file, finished, runs }
}
