// What reads go over: a manifest state, the unsealed rows beside it, and the runs that the state names.
import { assert } from '#base'
import type { RowSource } from '#batch'
import { rulesOf } from '#head'
import type { ManifestState, RunEntry, SeriesState } from '#manifest'
import type { SeriesSources } from '#query'
import { partitionStart } from '#schema'
import type { ColumnSpec, SeriesKey, StoredKind } from '#schema'
import type { Catalog, SeriesRuntime } from './catalog.ts'
import type { RunCache } from './run-cache.ts'

/** One consistent state of a store. */
export interface View {
  readonly catalog: Catalog
  readonly state: ManifestState
  readonly runs: RunCache
}

/** The sources that may hold rows of [from, to), in order of (partition, arrival), head last; undefined for a series
 *  that nobody wrote. */
export function sourcesOf(
  view: View,
  key: SeriesKey,
  from: bigint,
  to: bigint,
): SeriesSources | undefined {
  const runtime = view.catalog.get(key)
  return runtime === undefined ? undefined : sourcesOfSeries(view, runtime, from, to)
}

export function sourcesOfSeries(
  view: View,
  runtime: SeriesRuntime,
  from: bigint,
  to: bigint,
): SeriesSources {
  const { rules } = runtime.head
  const sources: RowSource<ColumnSpec>[] = []
  const series = view.state.series.get(runtime.id)
  if (series !== undefined) {
    const isByPartition = rules.duplicates !== undefined && !rules.duplicates.hasTime
    for (const run of runsBetween(series, from, to)) {
      // Where rows of a partition replace each other wherever they stand, all of its runs are needed.
      if (!isByPartition && (run.timeMax < from || run.timeMin >= to)) continue
      sources.push(view.runs.source(run, view.state, runtime.name))
    }
  }
  sources.push(...runtime.head.views())
  return { sources, rules }
}

/** Runs of the partitions that [from, to) touches. Runs are in order of partition. */
export function runsBetween(series: SeriesState, from: bigint, to: bigint): RunEntry[] {
  const first = partitionStart(series.partitionWidth, from)
  const { runs } = series
  let low = 0
  let high = runs.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (runs[middle]!.partition < first) low = middle + 1
    else high = middle
  }
  const found: RunEntry[] = []
  for (let at = low; at < runs.length && runs[at]!.partition < to; at += 1) found.push(runs[at]!)
  return found
}

/** Rules for a kind of a state, for work that is not about one handle. */
export function rulesOfStored(kind: StoredKind, series: SeriesState): ReturnType<typeof rulesOf> {
  assert(kind.kindId === series.kindId, 'view: the kind of the series')
  return rulesOf(kind, series.partitionWidth)
}
