// batch: rows as columns in memory; what is absent, and how columns grow and are copied.
export { absentCode, absentInt64 } from './column-data.ts'
export type {
  BytesData,
  CodeData,
  ColumnData,
  F64Data,
  I32Data,
  I64Data,
  Physical,
  U8Data,
} from './column-data.ts'
export {
  allocateColumn,
  allocateTogether,
  bareBuffer,
  columnPart,
  fillAbsent,
  growColumn,
  reserveBytes,
  rowCapacity,
} from './allocate.ts'
export type { AllocateOptions, Piece, Room } from './allocate.ts'
export { countPresent, isPresent, validityBits } from './presence.ts'
export { codeMap, codeOf, lookupOf, mapCodes } from './dictionary.ts'
export type { CodeMap } from './dictionary.ts'
export { compareInt64, compareRows, halvesOf, orderliness, readOrder } from './order.ts'
export type { Orderliness, OrderKeys } from './order.ts'
export { resolveDuplicates } from './duplicates.ts'
export type { DuplicateRule, IdentityColumn } from './duplicates.ts'
export { putText } from './text.ts'
export { copyRows, gatherRows, reverseRows } from './gather.ts'
export type { RowSource } from './row-source.ts'
export { SpareColumns } from './spare.ts'
export { codesIn, isDoubleIn, isTextIn, testRows } from './value-test.ts'
export type { ColumnTest, DoubleRange, IntegerRange, ValueTest } from './value-test.ts'
