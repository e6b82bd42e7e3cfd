// store: the engine: open, append, seal, snapshot, recover, close.
export { open, openStore, salvage } from './open.ts'
export type { SalvageFinding, SalvageReport } from './salvage-report.ts'
export type { ScrubMessage } from './scrub.ts'
export type { DiskMessage } from './space.ts'
export { systemEnv } from './env.ts'
export type { Env } from './env.ts'
export type {
  Ack,
  AppendEntry,
  AppendOptions,
  CompactionReport,
  OpenOptions,
  Progress,
  ReadSeries,
  ReadStore,
  ReadView,
  RecoveryReport,
  Series,
  SeriesInfo,
  SnapshotInfo,
  SnapshotView,
  Store,
  StoreStats,
  VerifyReport,
} from './contract.ts'
