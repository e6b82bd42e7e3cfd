// query: reads as plans over the sources of a series: runs, chunks of the head, merged rows.
export { chooseSpecs, handleSpecs, unknownColumn } from './columns.ts'
export { MergedRows } from './merge.ts'
export type { Slice } from './merge.ts'
export { planRows, resolvePiece } from './plan.ts'
export type { Piece } from './plan.ts'
export {
  chooseSlices,
  countRows,
  inTurns,
  readLast,
  readRange,
  resolveBatchRows,
  resolveQuery,
  scanBatches,
} from './range.ts'
export type { RangeQuery, RowsWanted, SeriesSources } from './range.ts'
export { RowBatch, rowValues } from './row-batch.ts'
