// Small input files for compactions, and the jobs over them.
import { allocateColumn } from '#batch'
import type { ColumnData } from '#batch'
import { groupSeries } from '#compact'
import type { CompactionJob, InputRun, JobSeries } from '#compact'
import { HeadSeries, rulesOf } from '#head'
import { column, defineKind, fillValue, storeKind, trade } from '#schema'
import type { ColumnSpec, Kind, StoredKind } from '#schema'
import { RunReader, SegmentWriter } from '#segment'
import type { RunLocation } from '#segment'
import type { Vfs } from '#vfs'

export const partition = 1_381_104_000_000_000_000n
export const storeId = Uint8Array.from({ length: 16 }, (_, at) => at)

/** Rows of equal time and side replace each other, the last one to come wins. */
export const mark = defineKind('mark', {
  columns: { price: column.f64(), side: column.symbol() },
  identity: ['time', 'side'],
  duplicates: 'last',
})

export type Rows = readonly Readonly<Record<string, unknown>>[]

/** Trade `row`: every third without a side, every tenth of the same time as the one before. */
export function tradeOf(row: number): Record<string, unknown> {
  return {
    time: partition + BigInt((row - (row % 10 === 9 ? 1 : 0)) * 1_000_000),
    price: (16_741 + ((row * 7) % 911)) / 100,
    size: 100 * (1 + (row % 4)),
    side: row % 3 === 2 ? null : row % 3 === 0 ? 'buy' : 'sell',
    id: String(52_665 + row),
  }
}

export interface Series {
  readonly kind: StoredKind
  readonly specs: readonly ColumnSpec[]
}

export function seriesOf(kind: Kind = trade): Series {
  const stored = storeKind(kind, 1, 1)
  return { kind: stored, specs: new HeadSeries(rulesOf(stored, 'day')).storedSpecs }
}

export function columnsOf({ specs }: Series, rows: Rows): ColumnData[] {
  return specs.map((spec) => {
    const data = allocateColumn(spec.physical, rows.length, { optional: spec.optional })
    const place = { series: 'test' }
    rows.forEach((row, at) => fillValue(spec, row[spec.name] ?? null, data, at, place, at))
    return data
  })
}

/** Writes one input: rows in order of time. `lsn` is the first row's. */
export function writeInput(
  vfs: Vfs,
  path: string,
  series: Series,
  rows: Rows,
  lsn: bigint,
): InputRun {
  const file = vfs.open(path, 'create')
  const writer = new SegmentWriter(file, { fileKind: 'segment', fileNumber: 1, storeId })
  writer.beginRun({
    seriesId: 1,
    key: { kind: series.kind.name, symbol: 'SPY', timeframe: undefined },
    schema: series.kind,
    specs: series.specs,
    partition,
    lsnFirst: lsn,
    lsnLast: lsn + BigInt(rows.length) - 1n,
    sortOrder: 'time',
  })
  const columns = columnsOf(series, rows)
  for (let from = 0; from < rows.length; from += 65_536) {
    writer.addBlock(columns, from, Math.min(rows.length, from + 65_536))
  }
  writer.endRun()
  const { runs } = writer.finish()
  file.close()
  return { ...runs[0]!, path, lsnFirst: lsn }
}

/** `count` inputs of `rows` trades each, interleaved in time. */
export function tradeInputs(vfs: Vfs, directory: string, count: number, rows: number): InputRun[] {
  const series = seriesOf()
  return Array.from({ length: count }, (_, at) =>
    writeInput(
      vfs,
      `${directory}/${at}.segment`,
      series,
      Array.from({ length: rows }, (__, row) => tradeOf(row * count + at)),
      BigInt(1 + at * rows),
    ),
  )
}

export function jobOf(
  directory: string,
  inputs: readonly InputRun[],
  { kind }: Series = seriesOf(),
  fileNumber = 100,
): CompactionJob {
  const rowsMax = inputs.reduce((sum, { rowCount }) => sum + rowCount, 0)
  const series: JobSeries = {
    seriesId: 1,
    key: { kind: kind.name, symbol: 'SPY', timeframe: undefined },
    name: `${kind.name}/SPY`,
    kind,
    partitionWidth: 'day',
    rowsMax,
    runs: [{ partition, lsnFirst: inputs[0]!.lsnFirst, lsnLast: BigInt(rowsMax), inputs }],
  }
  return {
    storeId,
    level: 'low',
    files: groupSeries([series]).map((group) => ({
      output: { fileKind: group.fileKind, fileNumber, draft: `${directory}/${fileNumber}.draft` },
      series: group.series,
    })),
  }
}

/** The rows of a run as they read. */
export function readRows(
  vfs: Vfs,
  path: string,
  run: RunLocation,
  { specs }: Series,
): ColumnData[] {
  const file = vfs.open(path, 'read')
  const read = (target: Uint8Array, offset: number): void => void file.read(target, offset)
  const columns = specs.map(({ physical, optional }) =>
    allocateColumn(physical, run.rowCount, { optional }),
  )
  new RunReader({ file: path, series: 'test', read }, run).read(specs, 0, run.rowCount, columns, 0)
  file.close()
  return columns
}
