// head: rows that are not sealed yet, readable from the moment append returns.
export { Chunk, ChunkView } from './chunk.ts'
export { HeadSeries } from './head-series.ts'
export type { Filling } from './head-series.ts'
export { rulesOf } from './rules.ts'
export type { RowRules } from './rules.ts'
