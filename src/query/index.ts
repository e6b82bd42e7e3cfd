// query: reads as plans over the sources of a series: runs, chunks of the head, merged rows.
export { chooseSpecs, handleSpecs, unknownColumn } from './columns.ts'
export { MergedRows } from './merge.ts'
export type { Slice } from './merge.ts'
export { planRows, resolvePiece } from './plan.ts'
export type { Piece } from './plan.ts'
export {
  chooseSlices,
  countRows,
  explainRange,
  inTurns,
  readLast,
  readRange,
  resolveBatchRows,
  resolveQuery,
  scanBatches,
} from './range.ts'
export type { RangeQuery, RowsWanted, SeriesSources } from './range.ts'
export { RowBatch, rowValues } from './row-batch.ts'
export { parseWhere } from './where.ts'
export type { Condition, RowTest, Where } from './where.ts'
export { RowFilter } from './select.ts'
export { Treatment, untold } from './explain.ts'
export type { Explanation } from './explain.ts'
export { planAggregation } from './aggregation.ts'
export type { Aggregation } from './aggregation.ts'
export { aggregateRows } from './aggregate.ts'
export type { AggregateRows } from './bucket-rows.ts'
export type { PackedSource } from './packed-source.ts'
