// Runs to be written, as plain data: rows that are in memory go to a thread as columns, in read
// order, and are sources again there. Columns in shared memory whose rows stand in read order go as
// they are, and nobody writes to them until the thread is done; of other rows it is copies, which are
// moved.
import { allocateColumn, copyRows, fillAbsent, halvesOf } from '#batch'
import type { ColumnData, RowSource } from '#batch'
import type { Level } from '#codec'
import { rulesOf } from '#head'
import type { ColumnSpec, PartitionWidth, SeriesKey, StoredKind } from '#schema'
import type { FilePlan, OutputFile, SeriesPlan } from './write-files.ts'

interface PlainSource {
  readonly rowCount: number
  readonly timeMin: bigint
  readonly timeMax: bigint
  readonly lsnFirst: bigint
  /** By index of the series' specs, the first of which is the time. */
  readonly columns: readonly ColumnData[]
}

interface PlainSeries {
  readonly seriesId: number
  readonly key: SeriesKey
  readonly kind: StoredKind
  readonly partitionWidth: PartitionWidth
  readonly specs: readonly ColumnSpec[]
  readonly rowsMax: number
  readonly sources: readonly PlainSource[]
  readonly runs: readonly {
    readonly partition: bigint
    readonly lsnFirst: bigint
    readonly lsnLast: bigint
    /** Indices of `sources`. */
    readonly sources: readonly number[]
  }[]
}

/** Files to write from rows that come along. */
export interface WriteJob {
  /** Tells it from a compaction. */
  readonly work: 'write'
  readonly storeId: Uint8Array
  readonly level: Level
  readonly syncStepBytes: number
  readonly files: readonly {
    readonly output: OutputFile
    readonly series: readonly PlainSeries[]
  }[]
}

export interface MovingJob {
  readonly job: WriteJob
  /** Memory that goes to the thread with it. */
  readonly moved: ArrayBuffer[]
}

export function writeJobOf(
  { storeId, level, syncStepBytes }: Pick<WriteJob, 'storeId' | 'level' | 'syncStepBytes'>,
  plans: readonly FilePlan[],
): MovingJob {
  const files = plans.map(({ output, series }) => ({ output, series: series.map(plainOf) }))
  const moved: ArrayBuffer[] = []
  for (const { series } of files) {
    for (const { sources } of series) {
      for (const { columns } of sources) for (const column of columns) addBuffers(column, moved)
    }
  }
  return { job: { work: 'write', storeId, level, syncStepBytes, files }, moved }
}

function plainOf(plan: SeriesPlan): PlainSeries {
  const { seriesId, key, specs, rules, rowsMax, runs } = plan
  const sources: RowSource<ColumnSpec>[] = []
  const plainRuns = runs.map(({ partition, lsnFirst, lsnLast, sources: own }) => ({
    partition,
    lsnFirst,
    lsnLast,
    sources: own.sources.map((source) => {
      const at = sources.indexOf(source)
      return at >= 0 ? at : sources.push(source) - 1
    }),
  }))
  return {
    seriesId,
    key,
    kind: rules.kind,
    partitionWidth: rules.partitionWidth,
    specs,
    rowsMax,
    sources: sources.map((source) => columnsOf(source, specs)),
    runs: plainRuns,
  }
}

function columnsOf(source: RowSource<ColumnSpec>, specs: readonly ColumnSpec[]): PlainSource {
  const { rowCount, timeMin, timeMax, lsnFirst } = source
  const columns = specs.map((spec) => {
    const own = source.inPlace?.(spec)
    if (own !== undefined && isShared(own)) return own
    const { physical, optional } = spec
    const column = allocateColumn(physical, rowCount, { optional })
    source.read([spec], 0, rowCount, [column], 0)
    return column
  })
  return { rowCount, timeMin, timeMax, lsnFirst, columns }
}

function isShared(column: ColumnData): boolean {
  const isPlain =
    column.physical === 'f64' || column.physical === 'i64' || column.physical === 'code'
  return isPlain && column.values.buffer instanceof SharedArrayBuffer
}

function addBuffers(column: ColumnData, moved: ArrayBuffer[]): void {
  const add = ({ buffer }: ArrayBufferView): void => {
    if (buffer instanceof ArrayBuffer && buffer.byteLength > 0) moved.push(buffer)
  }
  if (column.physical === 'bytes') {
    add(column.offsets)
    add(column.bytes)
  } else add(column.values)
  if ('present' in column && column.present !== undefined) add(column.present)
}

/** What the thread writes. */
export function plansOf({ files }: WriteJob): FilePlan[] {
  return files.map(({ output, series }) => ({ output, series: series.map(seriesOf) }))
}

function seriesOf(plain: PlainSeries): SeriesPlan {
  const { seriesId, key, kind, partitionWidth, specs, rowsMax, runs } = plain
  const rules = rulesOf(kind, partitionWidth)
  const sources = plain.sources.map((source) => new ColumnsSource(source, specs))
  return {
    seriesId,
    key,
    specs,
    rules,
    rowsMax,
    runs: runs.map(({ sources: own, ...run }) => ({
      ...run,
      sources: { sources: own.map((at) => sources[at]!), rules },
    })),
  }
}

class ColumnsSource implements RowSource<ColumnSpec> {
  readonly rowCount: number
  readonly timeMin: bigint
  readonly timeMax: bigint
  readonly lsnFirst: bigint
  readonly #byId: ReadonlyMap<number, ColumnData>
  readonly #halves: Int32Array

  constructor(plain: PlainSource, specs: readonly ColumnSpec[]) {
    this.rowCount = plain.rowCount
    this.timeMin = plain.timeMin
    this.timeMax = plain.timeMax
    this.lsnFirst = plain.lsnFirst
    this.#byId = new Map(specs.map(({ id }, at) => [id, plain.columns[at]!]))
    const [time] = plain.columns
    this.#halves = time?.physical === 'i64' ? halvesOf(time.values) : new Int32Array(0)
  }

  lowerBound(time: bigint): number {
    const low = Number(BigInt.asUintN(32, time))
    const high = Number(time >> 32n)
    let from = 0
    let end = this.rowCount
    while (from < end) {
      const middle = (from + end) >>> 1
      const byHigh = this.#halves[middle * 2 + 1]! - high
      const isBefore = byHigh < 0 || (byHigh === 0 && this.#halves[middle * 2]! >>> 0 < low)
      if (isBefore) from = middle + 1
      else end = middle
    }
    return from
  }

  inPlace({ id }: ColumnSpec): ColumnData | undefined {
    return this.#byId.get(id)
  }

  read(
    specs: readonly ColumnSpec[],
    from: number,
    end: number,
    targets: readonly ColumnData[],
    at: number,
  ): void {
    for (const [index, { id }] of specs.entries()) {
      const source = this.#byId.get(id)
      if (source === undefined) fillAbsent(targets[index]!, at, at + end - from)
      else copyRows(source, from, end, targets[index]!, at)
    }
  }
}
