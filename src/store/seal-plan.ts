// What a seal writes: pure decisions over the frozen chunks of a series.
import type { RunPlan, SeriesPlan } from '#compact'
import type { Chunk, ChunkView, RowRules } from '#head'
import { partitionEnd, partitionStart, placeColumnId } from '#schema'
import type { ColumnSpec } from '#schema'
import type { SeriesRuntime } from './catalog.ts'

/** The rows of one series that a seal takes. */
export interface FrozenSeries {
  readonly runtime: SeriesRuntime
  readonly chunks: readonly Chunk[]
}

/** One run a partition that has rows. */
export function planSeal({ runtime, chunks }: FrozenSeries): SeriesPlan {
  const { rules } = runtime.head
  const views = chunks.map((chunk) => chunk.view(rules))
  const lsnFirst = chunks[0]!.lsnFirst
  const lsnLast = chunks.at(-1)!.lsnLast
  const runs: RunPlan[] = []
  for (const partition of partitionStarts(views, rules)) {
    const to = partitionEnd(rules.partitionWidth, partition)
    const sources = views.filter(({ timeMin, timeMax }) => timeMin < to && timeMax >= partition)
    if (sources.length === 0) continue
    runs.push({ partition, sources: { sources, rules }, lsnFirst, lsnLast })
  }
  return {
    seriesId: runtime.id,
    key: runtime.key,
    specs: storedSpecs(runtime, chunks),
    rules,
    rowsMax: chunks.reduce((sum, chunk) => sum + chunk.rowCount, 0),
    runs,
  }
}

/** Columns that some chunk holds: one that no row gave would be encoded and hashed for nothing. */
function storedSpecs(runtime: SeriesRuntime, chunks: readonly Chunk[]): ColumnSpec[] {
  return runtime.head.storedSpecs.filter(
    ({ id, index }) =>
      id === placeColumnId || chunks.some((chunk) => chunk.columns[index] !== undefined),
  )
}

/** Starts of the partitions that rows of the chunks fall in, rising. */
export function partitionStarts(views: readonly ChunkView[], rules: RowRules): bigint[] {
  const width = rules.partitionWidth
  const starts = new Set<bigint>()
  for (const view of views) {
    for (let row = 0; row < view.rowCount;) {
      const start = partitionStart(width, view.timeAt(row))
      starts.add(start)
      row = view.lowerBound(partitionEnd(width, start))
    }
  }
  return [...starts].sort((a, b) => (a < b ? -1 : 1))
}
