// varve: an embedded, append-only, columnar time-series engine for market data. The only public door.
export { open } from '#store'
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
export type { RangeQuery } from '#query'
export { VarveError, errorCodes } from '#base'
export type { ErrorCode, Logger } from '#base'
export { kernelInfo } from '#kernel'
