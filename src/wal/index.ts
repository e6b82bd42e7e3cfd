// wal: an append-only log of row batches; what it acknowledges is there after a crash, and recovery says what is not.
export { createLog } from './writer.ts'
export type { LogWriter } from './writer.ts'
export type {
  FileEnd,
  LogDiagnostic,
  LogEnvironment,
  LogOptions,
  LogSpace,
  NewLogFile,
  PreviousLog,
} from './options.ts'
export type { Reservation } from './group-buffer.ts'
export { readLog, readLogInSteps } from './reader.ts'
export type {
  Damage,
  LogEntry,
  LogProgress,
  LogReading,
  LogSummary,
  ReadLogOptions,
} from './reader.ts'
export { findLogPlace } from './find-place.ts'
export {
  entryHeaderBytes,
  fileHeaderBytes,
  formatVersion,
  logFileName,
  lsnEpochRows,
  recordHeaderBytes,
} from './layout.ts'
export type { FileHeader, LogMode, LogPlace } from './layout.ts'
export { describeLog } from './describe.ts'
export type { LogWord } from './describe.ts'
export {
  measureRows,
  oneRowBytes,
  oneValueBytes,
  readColumn,
  readRowsEntry,
  rowsEntryType,
  unknownEntry,
  valueBytes,
  writeOneRow,
  writeOneValue,
  writeRows,
} from './rows-entry.ts'
export { PackHint } from './packed-values.ts'
export type { PackHints } from './packed-values.ts'
export type { EntryColumn, MeasuredRows, RowsEntry, RowsToLog } from './rows-entry.ts'
