// What stands behind the pages: one footer a run, then the directory. Numbers are varints unless said otherwise.
//
// run footer
//   rowCount, dataOffset, columnCount
//   per column, in order of id:
//     columnId, physical u8 (0 f64, 1 i64, 2 i32, 3 u8, 4 code, 5 bytes)
//     code only: count of strings, then each string
//     per block (65,536 rows, the last one what is left): page meta (see codec/README.md)
//   The pages stand in the data area block by block, in a block column by column in the same order, nothing between:
//   where a page starts follows from the run's dataOffset and the payload bytes of the pages before it.
//   A column that is absent in every row of the run is left out.
//
// directory
//   count of schemas; per schema: schemaId, kindId, kind name, version, timeframed u8, duplicates u8 (0 keep, 1 first,
//     2 last), columns (count; id, name, type name, optional u8, scale u8), order (count; ids), identity (count; ids)
//   count of series; per series: seriesId, schema index, symbol, timeframe ('' for none)
//   count of runs; per run: series index, schema index, partition zigzag, rowCount, timeMin zigzag,
//     timeMax - timeMin, lsnFirst, lsnLast - lsnFirst, sortOrder u8 (0 time, 1 arrival), plainBytes, dataOffset,
//     dataBytes, footerOffset, footerBytes, footerHash u64, contentHash 32 bytes
//
// With the directory a file can be read by itself, without the manifest.
import { ByteReader, ByteWriter, VarveError, assert } from '#base'
import type { Physical } from '#batch'
import { blockRowsMax, readPageMeta, writePageMeta } from '#codec'
import type { PageMeta } from '#codec'
import { isColumnType } from '#schema'
import type { Duplicates, SeriesKey, StoredColumn, StoredKind } from '#schema'

export const physicalNames: readonly Physical[] = ['f64', 'i64', 'i32', 'u8', 'code', 'bytes']
const duplicatesNames: readonly Duplicates[] = ['keep', 'first', 'last']
export type SortOrder = 'time' | 'arrival'

/** One column of a run: its pages, block by block, and for symbols the strings that codes stand for. */
export interface RunColumn {
  readonly columnId: number
  readonly physical: Physical
  readonly dictionary: readonly string[] | undefined
  readonly pages: readonly PageMeta[]
}

export interface RunFooter {
  readonly rowCount: number
  /** Where the run's first page starts in the file. */
  readonly dataOffset: number
  readonly columns: readonly RunColumn[]
}

export function blockCountOf(rowCount: number): number {
  return Math.ceil(rowCount / blockRowsMax)
}

export function blockRowsOf(rowCount: number, block: number): number {
  return Math.min(blockRowsMax, rowCount - block * blockRowsMax)
}

export function encodeFooter(footer: RunFooter): Uint8Array {
  const writer = new ByteWriter(1024)
  writeFooter(writer, footer)
  return writer.take()
}

/** Appends the footer to what `writer` holds. */
export function writeFooter(writer: ByteWriter, footer: RunFooter): void {
  writer.varint(footer.rowCount).varint(footer.dataOffset).varint(footer.columns.length)
  for (const column of footer.columns) {
    writer.varint(column.columnId).u8(physicalNames.indexOf(column.physical))
    if (column.dictionary !== undefined) {
      writer.varint(column.dictionary.length)
      for (const text of column.dictionary) writer.string(text)
    }
    for (const page of column.pages) writePageMeta(writer, page)
  }
}

/** The bytes' hash is the caller's to check. @throws {VarveError} ERR_CORRUPT */
export function decodeFooter(
  bytes: Uint8Array,
  place: Readonly<Record<string, unknown>>,
): RunFooter {
  const reader = new ByteReader(bytes, { ...place, part: 'run footer' })
  const rowCount = reader.varint()
  const dataOffset = reader.varint()
  const columnCount = reader.count()
  const blockCount = blockCountOf(rowCount)
  if (blockCount > reader.remaining) throw reader.corrupt(`${rowCount} rows in a short footer`)
  const columns: RunColumn[] = []
  let idLast = -1
  for (let at = 0; at < columnCount; at += 1) {
    const columnId = reader.varint()
    if (columnId <= idLast) throw reader.corrupt('columns are not in order of id')
    idLast = columnId
    const physical = physicalNames[reader.u8()]
    if (physical === undefined) throw reader.corrupt('a column of unknown form')
    let dictionary: string[] | undefined
    if (physical === 'code') {
      const count = reader.count()
      dictionary = []
      for (let code = 0; code < count; code += 1) dictionary.push(reader.string())
    }
    const pages: PageMeta[] = []
    for (let block = 0; block < blockCount; block += 1) {
      pages.push(readPageMeta(reader, physical, blockRowsOf(rowCount, block)))
    }
    columns.push({ columnId, physical, dictionary, pages })
  }
  reader.expectEnd()
  return { rowCount, dataOffset, columns }
}

/** One run as the directory and the manifest describe it. */
export interface RunInfo {
  readonly seriesId: number
  readonly schemaId: number
  readonly partition: bigint
  readonly rowCount: number
  readonly timeMin: bigint
  readonly timeMax: bigint
  readonly lsnFirst: bigint
  readonly lsnLast: bigint
  readonly sortOrder: SortOrder
  /** The rows as plain columns, of the columns that have a present value: 8, 4 or 1 bytes a row, strings as UTF-8. */
  readonly plainBytes: number
  readonly dataOffset: number
  readonly dataBytes: number
  readonly footerOffset: number
  readonly footerBytes: number
  readonly footerHash: bigint
  readonly contentHash: Uint8Array
}

/** What a reader of the run must know before it reads the footer. */
export type RunLocation = Pick<
  RunInfo,
  'rowCount' | 'timeMin' | 'timeMax' | 'dataBytes' | 'footerOffset' | 'footerBytes' | 'footerHash'
>

export interface DirectorySeries {
  readonly seriesId: number
  readonly key: SeriesKey
}

export interface Directory {
  readonly schemas: readonly StoredKind[]
  readonly series: readonly DirectorySeries[]
  readonly runs: readonly RunInfo[]
}

export function encodeDirectory(directory: Directory): Uint8Array {
  const writer = new ByteWriter(1024)
  const schemaIndex = new Map<number, number>()
  writer.varint(directory.schemas.length)
  for (const schema of directory.schemas) {
    schemaIndex.set(schema.schemaId, schemaIndex.size)
    writeSchema(writer, schema)
  }
  const seriesIndex = new Map<number, number>()
  writer.varint(directory.series.length)
  for (const { seriesId, key } of directory.series) {
    seriesIndex.set(seriesId, seriesIndex.size)
    writer
      .varint(seriesId)
      .string(key.kind)
      .string(key.symbol)
      .string(key.timeframe ?? '')
  }
  writer.varint(directory.runs.length)
  for (const run of directory.runs) {
    const series = seriesIndex.get(run.seriesId)
    const schema = schemaIndex.get(run.schemaId)
    assert(series !== undefined && schema !== undefined, 'directory: a run of unknown series')
    writer.varint(series).varint(schema)
    writeRun(writer, run)
  }
  return writer.take()
}

function writeSchema(writer: ByteWriter, schema: StoredKind): void {
  writer.varint(schema.schemaId).varint(schema.kindId).string(schema.name)
  writer.varint(schema.version).u8(schema.timeframed ? 1 : 0)
  writer.u8(duplicatesNames.indexOf(schema.duplicates)).varint(schema.columns.length)
  for (const column of schema.columns) {
    writer.varint(column.id).string(column.name).string(column.type)
    writer.u8(column.optional ? 1 : 0).u8(column.scale)
  }
  for (const ids of [schema.order, schema.identity]) {
    writer.varint(ids.length)
    for (const id of ids) writer.varint(id)
  }
}

function writeRun(writer: ByteWriter, run: RunInfo): void {
  writer.zigzag64(run.partition).varint(run.rowCount).zigzag64(run.timeMin)
  writer.varint64(run.timeMax - run.timeMin).varint64(run.lsnFirst)
  writer.varint64(run.lsnLast - run.lsnFirst).u8(run.sortOrder === 'time' ? 0 : 1)
  writer
    .varint(run.plainBytes)
    .varint(run.dataOffset)
    .varint(run.dataBytes)
    .varint(run.footerOffset)
  writer.varint(run.footerBytes).u64(run.footerHash).bytes(run.contentHash)
}

/** The bytes' hash is the caller's to check. @throws {VarveError} ERR_CORRUPT */
export function decodeDirectory(bytes: Uint8Array, file: string): Directory {
  const reader = new ByteReader(bytes, { file, part: 'directory' })
  const schemas = readMany(reader, () => readSchema(reader, file))
  const series = readMany(reader, (): DirectorySeries => {
    const seriesId = reader.varint()
    const kind = reader.string()
    const symbol = reader.string()
    const timeframe = reader.string()
    return { seriesId, key: { kind, symbol, timeframe: timeframe === '' ? undefined : timeframe } }
  })
  const runs = readMany(reader, () => {
    const seriesEntry = series[reader.varint()]
    const schema = schemas[reader.varint()]
    if (seriesEntry === undefined || schema === undefined) {
      throw reader.corrupt('a run names a series or schema that is not there')
    }
    return readRun(reader, seriesEntry.seriesId, schema.schemaId)
  })
  reader.expectEnd()
  return { schemas, series, runs }
}

function readMany<T>(reader: ByteReader, read: () => T): T[] {
  const count = reader.count()
  const items: T[] = []
  for (let at = 0; at < count; at += 1) items.push(read())
  return items
}

function readSchema(reader: ByteReader, file: string): StoredKind {
  const schemaId = reader.varint()
  const kindId = reader.varint()
  const name = reader.string()
  const version = reader.varint()
  const timeframed = reader.u8() === 1
  const duplicates = duplicatesNames[reader.u8()]
  if (duplicates === undefined) throw reader.corrupt('an unknown rule for duplicates')
  const columns = readMany(reader, (): StoredColumn => {
    const id = reader.varint()
    const columnName = reader.string()
    const type = reader.string()
    if (!isColumnType(type)) {
      throw new VarveError('ERR_VERSION', `column '${columnName}' has the type '${type}'`, {
        file,
        column: columnName,
      })
    }
    return { id, name: columnName, type, optional: reader.u8() === 1, scale: reader.u8() }
  })
  const order = readMany(reader, () => reader.varint())
  const identity = readMany(reader, () => reader.varint())
  return { schemaId, kindId, name, version, timeframed, columns, order, identity, duplicates }
}

function readRun(reader: ByteReader, seriesId: number, schemaId: number): RunInfo {
  const partition = reader.zigzag64()
  const rowCount = reader.varint()
  const timeMin = reader.zigzag64()
  const timeMax = timeMin + reader.varint64()
  const lsnFirst = reader.varint64()
  const lsnLast = lsnFirst + reader.varint64()
  const sortOrder = reader.u8() === 0 ? 'time' : 'arrival'
  return {
    seriesId,
    schemaId,
    partition,
    rowCount,
    timeMin,
    timeMax,
    lsnFirst,
    lsnLast,
    sortOrder,
    plainBytes: reader.varint(),
    dataOffset: reader.varint(),
    dataBytes: reader.varint(),
    footerOffset: reader.varint(),
    footerBytes: reader.varint(),
    footerHash: reader.u64(),
    contentHash: reader.bytes(32).slice(),
  }
}
