// varve: an embedded, append-only, columnar time-series engine for market data. The only public door.
export { open, salvage } from '#store'
export type {
  Ack,
  AppendEntry,
  AppendOptions,
  CompactionReport,
  DiskMessage,
  OpenOptions,
  Progress,
  ReadSeries,
  ReadStore,
  ReadView,
  RecoveryReport,
  SalvageFinding,
  SalvageReport,
  ScrubMessage,
  Series,
  SeriesInfo,
  SnapshotInfo,
  SnapshotView,
  Store,
  StoreStats,
  VerifyReport,
} from '#store'
export { bar, book10, column, defineKind, quote, quoteBar, time, trade } from '#schema'
export type {
  Batch,
  Column,
  ColumnName,
  ColumnType,
  Columns,
  ColumnsInput,
  Kind,
  Row,
  RowInput,
  SymbolColumn,
  TimeInput,
  Timeframe,
  ValueColumn,
} from '#schema'
export type { Aggregation, Condition, Explanation, RangeQuery, Where } from '#query'
export { VarveError, errorCodes } from '#base'
export type { ErrorCode, Logger } from '#base'
export { kernelInfo } from '#kernel'
