// What a view can say of its series without reading rows.
import type { SeriesKey, Timeframe } from '#schema'
import { seriesName } from '#schema'
import type { SeriesRuntime } from './catalog.ts'
import type { SeriesInfo } from './contract.ts'
import type { View } from './view.ts'

/** Rows, bounds and bytes; exact where nothing can merge. */
export function infoOf(view: View, key: SeriesKey): SeriesInfo {
  const runtime = view.catalog.get(key)
  return runtime === undefined
    ? { ...nameOf(key), rows: 0, rowsExact: true, storedBytes: 0 }
    : infoOfSeries(view, runtime)
}

function nameOf(key: SeriesKey): Pick<SeriesInfo, 'kind' | 'symbol' | 'timeframe'> {
  const { kind, symbol, timeframe } = key
  return timeframe === undefined
    ? { kind, symbol }
    : { kind, symbol, timeframe: timeframe as Timeframe }
}

export function infoOfSeries(view: View, runtime: SeriesRuntime): SeriesInfo {
  const series = view.state.series.get(runtime.id)
  let first: bigint | undefined
  let last: bigint | undefined
  const note = (timeMin: bigint, timeMax: bigint): void => {
    if (first === undefined || timeMin < first) first = timeMin
    if (last === undefined || timeMax > last) last = timeMax
  }
  for (const run of series?.runs ?? []) note(run.timeMin, run.timeMax)
  for (const chunk of runtime.head.chunks)
    if (chunk.rowCount > 0) note(chunk.timeMin, chunk.timeMax)
  return {
    ...nameOf(runtime.key),
    rows: (series?.rows ?? 0) + runtime.head.rowCount,
    rowsExact: runtime.head.rules.duplicates === undefined,
    ...(first === undefined || last === undefined ? {} : { first, last }),
    storedBytes: series?.storedBytes ?? 0,
  }
}

/** Every series that holds rows, by name. */
export function listSeries(
  view: View,
  filter: { kind?: string; symbol?: string; timeframe?: string } = {},
): SeriesInfo[] {
  const found: { name: string; info: SeriesInfo }[] = []
  for (const runtime of view.catalog.all()) {
    const { kind, symbol, timeframe } = runtime.key
    if (filter.kind !== undefined && filter.kind !== kind) continue
    if (filter.symbol !== undefined && filter.symbol !== symbol) continue
    if (filter.timeframe !== undefined && filter.timeframe !== timeframe) continue
    const info = infoOfSeries(view, runtime)
    if (info.rows > 0) found.push({ name: seriesName(runtime.key), info })
  }
  found.sort((a, b) => (a.name < b.name ? -1 : 1))
  return found.map(({ info }) => info)
}
