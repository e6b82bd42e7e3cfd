// Rows of sources into runs of new files: what seal, compaction and restore have in common. The
// files are drafts, synced but without their names: those, and the manifest edit that makes them
// part of the store, are the caller's.
import { VarveError } from '#base'
import { SpareColumns, columnPart, growColumn, rowCapacity } from '#batch'
import type { ColumnData, RowSource } from '#batch'
import { blockRowsMax } from '#codec'
import type { Level } from '#codec'
import type { RowRules } from '#head'
import { chooseSlices } from '#query'
import type { SeriesSources, Slice } from '#query'
import { partitionEnd } from '#schema'
import type { ColumnSpec, SeriesKey } from '#schema'
import { SegmentWriter } from '#segment'
import type { FinishedFile } from '#segment'
import type { Vfs, VfsFile } from '#vfs'
import type { WriteWork } from './step.ts'

/** Rows of one series that become one run. */
export interface RunPlan {
  readonly partition: bigint
  readonly sources: SeriesSources
  readonly lsnFirst: bigint
  readonly lsnLast: bigint
}

export interface SeriesPlan {
  readonly seriesId: number
  readonly key: SeriesKey
  /** Columns as they are stored, in order of id, the hidden one included. */
  readonly specs: readonly ColumnSpec[]
  readonly rules: RowRules
  /** At most this many rows: an upper bound is enough. */
  readonly rowsMax: number
  readonly runs: readonly RunPlan[]
}

/** A file to come. */
export interface OutputFile {
  readonly fileKind: FinishedFile['fileKind']
  readonly fileNumber: number
  /** Where it is written. There is no file of that name yet. */
  readonly draft: string
}

export interface FilePlan {
  readonly output: OutputFile
  readonly series: readonly SeriesPlan[]
}

export interface WriteTarget {
  readonly vfs: Vfs
  readonly storeId: Uint8Array
  readonly level?: Level
  /** Written bytes after which a file is synced, so that the log's own syncs do not wait behind a
   *  long one. @default 2 MiB */
  readonly syncStepBytes?: number
}

export interface DraftFile {
  readonly output: OutputFile
  readonly finished: FinishedFile
}

/** Series of fewer rows than this share a pack. */
const segmentRowsMin = 16_384
const syncStepDefault = 2 << 20
/** Rows after which others get a turn: a pack has many short runs. */
const turnRows = 65_536

/** Which series get a segment each, and which share a pack. */
export function groupSeries<Series extends { readonly rowsMax: number }>(
  all: readonly Series[],
): { fileKind: OutputFile['fileKind']; series: readonly Series[] }[] {
  const small = all.filter(({ rowsMax }) => rowsMax < segmentRowsMin)
  const groups = all
    .filter(({ rowsMax }) => rowsMax >= segmentRowsMin)
    .map((each) => ({ fileKind: 'segment' as OutputFile['fileKind'], series: [each] }))
  if (small.length > 0) groups.push({ fileKind: 'pack', series: small })
  return groups
}

/**
 * Writes and syncs the drafts, in bounded memory; those of plans without a row are left out.
 * `check` is called before each block and may throw. Nothing is left where anything fails.
 *
 * @throws {VarveError} ERR_CORRUPT from the sources, ERR_IO, ERR_DISK_FULL, ERR_EXISTS; what
 * `check` throws
 */
export function* writeFiles(
  target: WriteTarget,
  plans: readonly FilePlan[],
  check: () => void,
): WriteWork<DraftFile[]> {
  const done: DraftFile[] = []
  try {
    for (const plan of plans) {
      yield { step: 'turn' }
      const finished = yield* writeFile(target, plan, check)
      if (finished === undefined) removeDraft(target.vfs, plan.output)
      else done.push({ output: plan.output, finished })
    }
    return done
  } catch (error) {
    for (const { output } of plans) removeDraft(target.vfs, output)
    throw error
  }
}

/** Leftovers are collected later as well: where one cannot be removed, the error that brought us
 *  here is to be told. */
export function removeDraft(vfs: Vfs, { draft }: OutputFile): void {
  try {
    if (vfs.stat(draft) !== undefined) vfs.unlink(draft)
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
  }
}

interface OpenFile {
  readonly file: VfsFile
  readonly writer: SegmentWriter
  readonly spare: SpareColumns
  readonly syncStepBytes: number
  syncedBytes: number
  /** Written since the last turn. */
  rows: number
}

function* writeFile(
  { vfs, storeId, level, syncStepBytes = syncStepDefault }: WriteTarget,
  { output, series }: FilePlan,
  check: () => void,
): WriteWork<FinishedFile | undefined> {
  const { fileKind, fileNumber, draft } = output
  const file = vfs.open(draft, 'create')
  try {
    const options = { fileKind, fileNumber, storeId, ...(level === undefined ? {} : { level }) }
    const writer = new SegmentWriter(file, options)
    const spare = new SpareColumns()
    const open: OpenFile = { file, writer, spare, syncStepBytes, syncedBytes: 0, rows: 0 }
    let runCount = 0
    for (const plan of series) {
      for (const run of plan.runs) if (yield* writeRun(open, plan, run, check)) runCount += 1
    }
    if (runCount === 0) return undefined
    const finished = open.writer.finish()
    yield { step: 'sync', file }
    return finished
  } finally {
    file.close()
  }
}

function* writeRun(
  open: OpenFile,
  plan: SeriesPlan,
  run: RunPlan,
  check: () => void,
): WriteWork<boolean> {
  const to = partitionEnd(plan.rules.partitionWidth, run.partition)
  const wanted = {
    from: run.partition,
    to,
    limit: Number.MAX_SAFE_INTEGER,
    offset: 0,
    last: Number.MAX_SAFE_INTEGER,
    isReverse: false,
  }
  const { writer } = open
  let isBegun = false
  const slices = chooseSlices(run.sources, wanted)
  for (const { columns, rowCount } of blocksOf(slices, plan.specs, open.spare)) {
    check()
    if (!isBegun) beginRun(writer, plan, run)
    isBegun = true
    writer.addBlock(columns, 0, rowCount)
    open.rows += rowCount
    if (writer.bytes - open.syncedBytes >= open.syncStepBytes) {
      open.syncedBytes = writer.bytes
      open.rows = 0
      yield { step: 'sync', file: open.file }
    } else if (open.rows >= turnRows) {
      open.rows = 0
      yield { step: 'turn' }
    }
  }
  if (isBegun) writer.endRun()
  return isBegun
}

function beginRun(writer: SegmentWriter, plan: SeriesPlan, run: RunPlan): void {
  writer.beginRun({
    seriesId: plan.seriesId,
    key: plan.key,
    schema: plan.rules.kind,
    specs: plan.specs,
    partition: run.partition,
    lsnFirst: run.lsnFirst,
    lsnLast: run.lsnLast,
    sortOrder: 'time',
  })
}

interface Block {
  readonly columns: readonly ColumnData[]
  readonly rowCount: number
}

/** The rows of the slices in blocks of 65,536, the last one shorter; the columns are used again
 *  for the next block. */
function* blocksOf(
  slices: Iterable<Slice>,
  specs: readonly ColumnSpec[],
  spare: SpareColumns,
): Generator<Block> {
  let columns: ColumnData[] | undefined
  let filled = 0
  for (const slice of slices) {
    for (let from = slice.from; from < slice.end;) {
      const blockEnd = from + blockRowsMax
      if (filled === 0 && blockEnd <= slice.end && slice.source.inPlace !== undefined) {
        yield {
          columns: blockInPlace(slice.source, specs, from, blockEnd, spare),
          rowCount: blockRowsMax,
        }
        from = blockEnd
        continue
      }
      const rows = Math.min(slice.end - from, blockRowsMax - filled)
      if (filled === 0) columns = spare.take(specs, Math.max(256, rows))
      for (const column of columns!) {
        // A short run needs no block of full size.
        if (rowCapacity(column) < filled + rows) {
          growColumn(column, filled, Math.min(blockRowsMax, (filled + rows) * 2))
        }
      }
      slice.source.read(specs, from, from + rows, columns!, filled)
      filled += rows
      from += rows
      if (filled < blockRowsMax) continue
      yield { columns: columns!, rowCount: filled }
      filled = 0
    }
  }
  if (filled > 0) yield { columns: columns!, rowCount: filled }
}

/** Columns that stand as they are in the source, and copies of the others. */
function blockInPlace(
  source: RowSource<ColumnSpec>,
  specs: readonly ColumnSpec[],
  from: number,
  end: number,
  spare: SpareColumns,
): ColumnData[] {
  const parts = specs.map((spec) => {
    const own = source.inPlace?.(spec)
    return own === undefined ? undefined : columnPart(own, from, end)
  })
  if (!parts.includes(undefined)) return parts as ColumnData[]
  const copies = spare.take(specs, end - from)
  const isCopied = (_: unknown, at: number): boolean => parts[at] === undefined
  source.read(specs.filter(isCopied), from, end, copies.filter(isCopied), 0)
  return parts.map((part, at) => part ?? copies[at]!)
}
