// manifest: which files, runs, kinds, series, logs and producers are live; edits; named snapshots.
export { Manifest, manifestExists } from './manifest.ts'
export type { ManifestEnv, ManifestOptions, ManifestTorn, OpenManifestOptions } from './manifest.ts'
export type {
  Change,
  ChangeType,
  ColumnEntry,
  ColumnTypeName,
  DuplicateRule,
  FileEntry,
  FileKind,
  LeafEntry,
  LogEnd,
  LogEntry,
  PartitionWidth,
  RunEntry,
  SchemaEntry,
  SeriesEntry,
  SortOrder,
} from './change.ts'
export {
  applyEdit,
  emptyState,
  nextKindId,
  nextSchemaId,
  nextSeriesId,
  seriesOfKey,
  storeIdText,
} from './state.ts'
export type { Counters, EditSource, FileState, LogState, ManifestState } from './state.ts'
export { compareRuns, keyOfSeries } from './series-state.ts'
export type { ProducerState, SeriesState } from './series-state.ts'
export { Numbered } from './numbered.ts'
export { diffStates, restoreChanges } from './diff.ts'
export { applyToHistory, emptyHistory } from './history.ts'
export type { History, SnapshotEntry, SnapshotInfo } from './history.ts'
export { liveFiles, liveLogs, pinnedOnlyFiles } from './live.ts'
export { encodeChanges, decodeChanges } from './edit.ts'
export { rebuildManifest, surveyManifest } from './salvage.ts'
export type { ManifestDamage, ManifestFound } from './salvage.ts'
export { describeManifest } from './describe.ts'
export type { DescribedPart } from './describe.ts'
