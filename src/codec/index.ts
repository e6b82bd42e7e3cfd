// codec: a column of values <-> a page of bytes; pure.
export { encodePage } from './encode.ts'
export type { EncodeOptions, EncodedPage } from './encode.ts'
export { newHabit } from './choose.ts'
export type { Habit } from './choose.ts'
export { readPageMeta, writePageMeta } from './meta.ts'
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
export type { Level, PageMeta, Zone } from './layout.ts'
