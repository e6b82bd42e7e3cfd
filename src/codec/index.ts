// codec: a column of values <-> a page of bytes; pure.
export { packed32Bytes } from './bitpack.ts'
export { encodePage } from './encode.ts'
export type { EncodeOptions, EncodedPage } from './encode.ts'
export { newHabit } from './choose.ts'
export type { Habit } from './choose.ts'
export { pageBytes, readPageMeta, writePageMeta } from './meta.ts'
export {
  addResiduals,
  areIntegers,
  canRefer,
  decimalsOfIntegers,
  integerMetaOf,
  residualRules,
  ruleName,
} from './residual.ts'
export { encodeResidual } from './encode-residual.ts'
export type { PlainColumn } from './encode-residual.ts'
export { isChunkWhole } from './chunk.ts'
export { decodeRows, storedRange } from './decode.ts'
export {
  blockRowsMax,
  encodingName,
  encodings,
  presentOf,
  rowsOf,
  transforms,
  vectorRows,
} from './layout.ts'
export type { Level, PageMeta, Residual, Zone } from './layout.ts'
export { PageVectors, validityOf } from './page-vectors.ts'
export type { StoredVector } from './decode-units.ts'
export { clearBits, filterVector, isFilterable, verdictOf } from './filter.ts'
export type { Verdict } from './filter.ts'
export {
  hasPlainSteps,
  isNarrow,
  narrowAt,
  narrowReach,
  narrowUnits,
  plainVectorsOf,
  rowReaching,
  unitsInPlace,
  unpackSteps,
} from './narrow.ts'
export type { PlainVectors } from './narrow.ts'
export { int64sAt } from './decode-values.ts'
export { timeRunsOf } from './time-runs.ts'
export type { TimeRuns } from './time-runs.ts'
