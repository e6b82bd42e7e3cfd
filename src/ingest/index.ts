// ingest: CSV files, plain or gzip, into series; each row checked, none twice, none lost without a
// word.
export { importCsv } from './import.ts'
export type { BadRow, ImportProgress, ImportReport, ImportRequest, MappedFile } from './import.ts'
export type { EpochUnit, MappingOptions } from './mapping.ts'
export type { ImportColumn, ImportColumns, ImportKind, ImportTarget } from './target.ts'
