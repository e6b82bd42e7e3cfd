// schema: what a row of each kind means: columns, types, times, timeframes, partitions, symbols.
export { column, isColumnType, physicalOf } from './column.ts'
export type { Column, ColumnType } from './column.ts'
export { canMerge, defineKind } from './kind.ts'
export type { Columns, Duplicates, Kind, KindDefinition } from './kind.ts'
export { bar, book10, builtInKinds, quote, quoteBar, trade } from './kinds.ts'
export { int64Max, int64Min, isoOf, parseTime, time } from './time.ts'
export type { TimeInput } from './time.ts'
export {
  barEnd,
  parseTimeframe,
  partitionEnd,
  partitionName,
  partitionStart,
  partitionWidthOf,
} from './timeframe.ts'
export type { PartitionWidth, Timeframe, TimeframeWidth } from './timeframe.ts'
export { checkSymbol, keyText, seriesName } from './series-key.ts'
export type { SeriesKey } from './series-key.ts'
export {
  checkCompatible,
  columnSpecs,
  extendKind,
  firstOwnColumnId,
  needsPlace,
  placeColumnId,
  receivedColumnId,
  storeKind,
  systemSpecs,
  timeColumnId,
} from './stored-kind.ts'
export type { ColumnSpec, StoredColumn, StoredKind } from './stored-kind.ts'
export { doubleOfScaled, doublesOfScaled, scaledOfNumber, scaledOfText } from './decimal.ts'
export {
  fillAbsentValue,
  fillColumn,
  fillPlain,
  fillTimes,
  fillValue,
  inputLength,
} from './input.ts'
export type { InputPlace } from './input.ts'
export { rememberPresence } from './presence-of.ts'
export type {
  Batch,
  ColumnName,
  ColumnsInput,
  Row,
  RowInput,
  SymbolColumn,
  ValueColumn,
  Vector,
  VectorsOf,
} from './rows.ts'
