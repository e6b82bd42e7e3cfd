// stats(): the store's figures.
import type { Catalog } from './catalog.ts'
import type { StoreStats } from './contract.ts'
import type { Env } from './env.ts'
import type { Paths } from './paths.ts'
import type { View } from './view.ts'

export interface StatsOfOwner {
  readonly headBytes: number
  readonly inlineSeals: number
  readonly pinnedBytes: number
  /** Rounds of compaction, and those of them that nobody asked for. */
  readonly compactions: number
  readonly ownCompactions: number
}

function headRowsOf(catalog: Catalog): number {
  let rows = 0
  for (const { head } of catalog.all()) rows += head.rowCount
  return rows
}

export function statsOf(env: Env, paths: Paths, view: View, owner: StatsOfOwner): StoreStats {
  const { state, catalog, runs } = view
  let series = 0
  let rows = 0
  let rowsExact = true
  let plainBytes = 0
  for (const runtime of catalog.all()) {
    const sealed = state.series.get(runtime.id)
    const count = (sealed?.rows ?? 0) + runtime.head.rowCount
    if (count === 0) continue
    series += 1
    rows += count
    plainBytes += sealed?.plainBytes ?? 0
    if (runtime.head.rules.duplicates !== undefined) rowsExact = false
  }
  let storedBytes = 0
  let segments = 0
  for (const file of state.files.values()) {
    storedBytes += file.bytes
    segments += 1
  }
  storedBytes += runs.index.bytes
  let walBytes = 0
  for (const { fileNumber } of state.logs.values()) {
    walBytes += env.vfs.stat(paths.log(fileNumber))?.bytes ?? 0
  }
  const { segmentBytesWritten, segmentBytesFirstSealed } = state.counters
  return {
    series,
    rows,
    rowsExact,
    segments,
    walBytes,
    storedBytes,
    plainBytes,
    pinnedBytes: owner.pinnedBytes,
    writeAmplification:
      segmentBytesFirstSealed === 0 ? 1 : segmentBytesWritten / segmentBytesFirstSealed,
    headRows: headRowsOf(catalog),
    headBytes: owner.headBytes,
    inlineSeals: owner.inlineSeals,
    compactions: owner.compactions,
    ownCompactions: owner.ownCompactions,
    readCalls: runs.readCalls,
    readBytes: runs.readBytes,
    indexUsed: runs.index.used,
  }
}
