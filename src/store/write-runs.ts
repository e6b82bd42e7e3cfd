// Rows of sources into runs of new files: what seal, compaction and restore have in common. Files are drafts until all
// of them are synced; then they get their names; the caller's manifest edit makes them part of the store.
import { assert } from '#base'
import { allocateColumn, growColumn, rowCapacity } from '#batch'
import type { ColumnData } from '#batch'
import { blockRowsMax } from '#codec'
import type { RowRules } from '#head'
import type { Change, RunEntry } from '#manifest'
import { chooseSlices } from '#query'
import type { SeriesSources, Slice } from '#query'
import { partitionEnd } from '#schema'
import type { ColumnSpec, SeriesKey } from '#schema'
import { SegmentWriter } from '#segment'
import type { FinishedFile } from '#segment'
import { draftPathOf } from '#vfs'
import type { VfsFile } from '#vfs'
import type { Env } from './env.ts'
import type { Paths } from './paths.ts'
import type { Work } from './work.ts'

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

/** Series of fewer rows than this share a pack. */
const segmentRowsMin = 16_384
/** Written bytes after which a file is synced, so that the log's own syncs do not wait behind a long one. */
const syncStepBytes = 8 << 20

export interface WriterContext {
  readonly env: Env
  readonly paths: Paths
  readonly storeId: Uint8Array
  allocateFileNumber(): number
}

export interface WrittenFiles {
  readonly files: readonly FinishedFile[]
  readonly changes: readonly Change[]
  readonly bytes: number
}

interface OpenFile {
  readonly path: string
  readonly file: VfsFile
  readonly writer: SegmentWriter
  syncedBytes: number
}

/** Writes and publishes the files: large series one each, small ones together. Nothing is left where it fails. */
export function* writeRuns(
  context: WriterContext,
  plans: readonly SeriesPlan[],
  signal?: AbortSignal,
): Work<WrittenFiles> {
  const drafts: string[] = []
  try {
    const done: { finished: FinishedFile; draft: string }[] = []
    const small = plans.filter((plan) => plan.rowsMax < segmentRowsMin)
    const groups: (readonly SeriesPlan[])[] = plans
      .filter((plan) => plan.rowsMax >= segmentRowsMin)
      .map((plan) => [plan])
    if (small.length > 0) groups.push(small)
    for (const group of groups) {
      const finished = yield* writeFile(context, group, drafts, signal)
      if (finished !== undefined) done.push({ finished, draft: drafts.at(-1)! })
    }
    return publish(context, done)
  } catch (error) {
    for (const draft of drafts) removeDraft(context, draft)
    throw error
  }
}

function removeDraft({ env }: WriterContext, draft: string): void {
  // Leftovers are collected at the next open as well; the error that brought us here is the one to tell.
  if (env.vfs.stat(draft) !== undefined) env.vfs.unlink(draft)
}

function* writeFile(
  context: WriterContext,
  plans: readonly SeriesPlan[],
  drafts: string[],
  signal: AbortSignal | undefined,
): Work<FinishedFile | undefined> {
  const { env, paths, storeId } = context
  yield { step: 'turn' }
  const isLarge = plans.length === 1 && plans[0]!.rowsMax >= segmentRowsMin
  const fileKind = isLarge ? 'segment' : 'pack'
  const fileNumber = context.allocateFileNumber()
  const path = draftPathOf(paths.data(fileKind, fileNumber))
  drafts.push(path)
  const file = env.vfs.open(path, 'create')
  try {
    const writer = new SegmentWriter(file, { fileKind, fileNumber, storeId })
    const open: OpenFile = { path, file, writer, syncedBytes: 0 }
    let runCount = 0
    for (const plan of plans) {
      for (const run of plan.runs) {
        if (yield* writeRun(open, plan, run, signal)) runCount += 1
      }
    }
    if (runCount === 0) {
      file.close()
      removeDraft(context, path)
      drafts.pop()
      return undefined
    }
    const finished = writer.finish()
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
  signal: AbortSignal | undefined,
): Work<boolean> {
  const to = partitionEnd(plan.rules.partitionWidth, run.partition)
  const wanted = {
    from: run.partition,
    to,
    limit: Number.MAX_SAFE_INTEGER,
    offset: 0,
    last: Number.MAX_SAFE_INTEGER,
    isReverse: false,
  }
  const blocks = blocksOf(chooseSlices(run.sources, wanted), plan.specs)
  let isBegun = false
  for (const { columns, rowCount } of blocks) {
    signal?.throwIfAborted()
    if (!isBegun) {
      open.writer.beginRun({
        seriesId: plan.seriesId,
        key: plan.key,
        schema: plan.rules.kind,
        specs: plan.specs,
        partition: run.partition,
        lsnFirst: run.lsnFirst,
        lsnLast: run.lsnLast,
        sortOrder: 'time',
      })
      isBegun = true
    }
    open.writer.addBlock(columns, 0, rowCount)
    if (open.writer.bytes - open.syncedBytes >= syncStepBytes) {
      open.syncedBytes = open.writer.bytes
      yield { step: 'sync', file: open.file }
    } else if (rowCount === blockRowsMax) yield { step: 'turn' }
  }
  if (isBegun) open.writer.endRun()
  return isBegun
}

interface Block {
  readonly columns: readonly ColumnData[]
  readonly rowCount: number
}

/** The rows of the slices in blocks of 65,536, the last one shorter; the columns are used again for the next block. */
function* blocksOf(slices: Iterable<Slice>, specs: readonly ColumnSpec[]): Generator<Block> {
  let columns: ColumnData[] | undefined
  let filled = 0
  for (const slice of slices) {
    for (let from = slice.from; from < slice.end;) {
      const rows = Math.min(slice.end - from, blockRowsMax - filled)
      columns ??= allocate(specs, Math.max(256, rows))
      for (const column of columns) {
        // A short run needs no block of full size.
        if (rowCapacity(column) < filled + rows) {
          growColumn(column, filled, Math.min(blockRowsMax, (filled + rows) * 2))
        }
      }
      slice.source.read(specs, from, from + rows, columns, filled)
      filled += rows
      from += rows
      if (filled < blockRowsMax) continue
      yield { columns, rowCount: filled }
      filled = 0
    }
  }
  if (filled > 0) yield { columns: columns!, rowCount: filled }
}

function allocate(specs: readonly ColumnSpec[], rowCount: number): ColumnData[] {
  return specs.map((spec) => allocateColumn(spec.physical, rowCount, { optional: spec.optional }))
}

function publish(
  context: WriterContext,
  done: readonly { finished: FinishedFile; draft: string }[],
): WrittenFiles {
  const { env, paths } = context
  const directories = new Set<string>()
  const changes: Change[] = []
  let bytes = 0
  for (const { finished, draft } of done) {
    const { fileKind, fileNumber, fileHash, directoryHash, runs } = finished
    env.vfs.rename(draft, paths.data(fileKind, fileNumber))
    directories.add(fileKind === 'segment' ? paths.segments : paths.packs)
    bytes += finished.bytes
    const file = {
      fileNumber,
      fileKind,
      bytes: finished.bytes,
      fileHash,
      footerHash: directoryHash,
    }
    changes.push({ type: 'fileAdded', file })
    runs.forEach((run, runIndex) => {
      const entry: RunEntry = {
        seriesId: run.seriesId,
        fileNumber,
        runIndex,
        schemaId: run.schemaId,
        partition: run.partition,
        rowCount: run.rowCount,
        timeMin: run.timeMin,
        timeMax: run.timeMax,
        lsnFirst: run.lsnFirst,
        lsnLast: run.lsnLast,
        sortOrder: run.sortOrder,
        footerOffset: run.footerOffset,
        footerBytes: run.footerBytes,
        footerHash: run.footerHash,
        dataBytes: run.dataBytes,
        plainBytes: run.plainBytes,
        contentHash: run.contentHash,
      }
      changes.push({ type: 'runAdded', run: entry })
    })
  }
  for (const directory of directories) env.vfs.syncDirectory(directory)
  assert(done.length === 0 || changes.length > done.length, 'a file holds runs')
  return { files: done.map(({ finished }) => finished), changes, bytes }
}
