// The entry that holds appended rows of one series (entry type 1). Little-endian, not aligned.
//
//   0  u32  seriesId
//   4  u32  schemaId
//   8  u16  columnCount
//  10  u8   flags: 1 a definition follows, 2 a producer follows
//  11  u8   reserved, 0
//  12  definition, if any: u32 bytes, then changes as the manifest writes them (manifest/README.md): the kinds and the
//      series that the manifest does not know yet. The log comes before the manifest in telling of new series
//      producer, if any:   u16 bytes of the id, the id (UTF-8), i64 sequence
//      columns, in any order; one that is not here is absent in every row:
//        u16 columnId, u8 physical (0 f64, 1 i64, 2 i32, 3 u8, 4 code, 5 bytes), u8 flags (1: present bytes follow,
//        2: values are packed), u32 bytes of what follows, then
//          f64, i64, i32, u8   the values as they lie in memory; f64 and i64 packed where the flag says so
//                              (packed-values.ts)
//          code                u32 count of strings; per string u32 bytes, UTF-8; then u32 codes, 0xffffffff absent
//          bytes               u32 length a row, then the texts
//        and, with flag 1, one byte a row: 1 present, 0 absent
//
// The number of rows stands in the entry's header.
import { ByteReader, VarveError, assert, assertNever } from '#base'
import { absentCode, allocateColumn, codeOf, putText, reserveBytes } from '#batch'
import type { BytesData, CodeData, ColumnData, Physical } from '#batch'
import type { Reservation } from './group-buffer.ts'
import {
  PackHint,
  packedBytesMax,
  packedRowsMin,
  packedVectorRows,
  readPacked,
  writePacked,
} from './packed-values.ts'
import type { PackHints } from './packed-values.ts'

export const rowsEntryType = 1
const fixedBytes = 12
const columnHeaderBytes = 8
const flagDefinition = 1
const flagProducer = 2
const flagPresent = 1
const flagPacked = 2
const physicalNames: readonly Physical[] = ['f64', 'i64', 'i32', 'u8', 'code', 'bytes']
const physicalIds: Record<Physical, number> = { f64: 0, i64: 1, i32: 2, u8: 3, code: 4, bytes: 5 }
/** Of a row, besides its texts. */
export const valueBytes: Readonly<Record<Physical, number>> = {
  f64: 8,
  i64: 8,
  i32: 4,
  u8: 1,
  code: 4,
  bytes: 4,
}
/** Up to here values are written one by one: cheaper than making a view of the array. */
const rowsFewMax = 8
const bytesFewMax = 64

const encoder = new TextEncoder()

export interface EntryColumn {
  readonly columnId: number
  readonly data: ColumnData
}

/** Rows [from, end) of some columns, to be written. */
export interface RowsToLog {
  readonly seriesId: number
  readonly schemaId: number
  readonly columns: readonly EntryColumn[]
  readonly from: number
  readonly end: number
  readonly definition: Uint8Array | undefined
  readonly producer: { readonly id: string; readonly sequence: bigint } | undefined
  /** Columns of numbers are packed where they are given. */
  readonly hints?: PackHints | undefined
}

/** The strings that rows of a code column use, numbered from 0. */
interface LocalCodes {
  readonly strings: readonly Uint8Array[]
  readonly codes: Uint32Array
}

function localCodes(data: CodeData, from: number, end: number): LocalCodes {
  const strings: Uint8Array[] = []
  const codes = new Uint32Array(end - from)
  const numberOf = new Map<number, number>()
  for (let row = from; row < end; row += 1) {
    const code = data.values[row]!
    if (code === absentCode) {
      codes[row - from] = absentCode
      continue
    }
    let number = numberOf.get(code)
    if (number === undefined) {
      number = strings.length
      numberOf.set(code, number)
      strings.push(encoder.encode(data.dictionary[code]))
    }
    codes[row - from] = number
  }
  return { strings, codes }
}

/** What must be known before the bytes can be reserved. Strings are encoded once, here. */
export interface MeasuredRows {
  readonly rows: RowsToLog
  /** At most. */
  readonly bytes: number
  readonly producerId: Uint8Array | undefined
  /** By column, for code columns. */
  readonly locals: readonly (LocalCodes | undefined)[] | undefined
}

function isPacked({ hints, from, end }: RowsToLog, { physical }: ColumnData): boolean {
  if (hints === undefined || end - from < packedRowsMin) return false
  return physical === 'f64' || physical === 'i64'
}

export function measureRows(rows: RowsToLog): MeasuredRows {
  const rowCount = rows.end - rows.from
  let bytes = fixedBytes
  if (rows.definition !== undefined) bytes += 4 + rows.definition.length
  const producerId = rows.producer === undefined ? undefined : encoder.encode(rows.producer.id)
  if (producerId !== undefined) bytes += 2 + producerId.length + 8
  let locals: (LocalCodes | undefined)[] | undefined
  for (let at = 0; at < rows.columns.length; at += 1) {
    const { data } = rows.columns[at]!
    bytes += columnHeaderBytes
    bytes += isPacked(rows, data) ? packedBytesMax(rowCount) : rowCount * valueBytes[data.physical]
    if (data.physical === 'code') {
      locals ??= []
      locals[at] = localCodes(data, rows.from, rows.end)
      bytes += 4
      for (const text of locals[at]!.strings) bytes += 4 + text.length
    } else if (data.physical === 'bytes') {
      bytes += data.offsets[rows.end]! - data.offsets[rows.from]!
    }
    if (presentOf(data) !== undefined) bytes += rowCount
  }
  return { rows, bytes, producerId, locals }
}

function presentOf(data: ColumnData): Uint8Array | undefined {
  return 'present' in data ? data.present : undefined
}

/** Writes the entry to the place reserved for its bytes. Returns how many it took. */
export function writeRows(measured: MeasuredRows, target: Reservation): number {
  const { rows, producerId, locals } = measured
  const { bytes, view } = target
  let at = target.offset
  view.setUint32(at, rows.seriesId, true)
  view.setUint32(at + 4, rows.schemaId, true)
  view.setUint16(at + 8, rows.columns.length, true)
  bytes[at + 10] =
    (rows.definition === undefined ? 0 : flagDefinition) |
    (producerId === undefined ? 0 : flagProducer)
  bytes[at + 11] = 0
  at += fixedBytes
  if (rows.definition !== undefined) {
    view.setUint32(at, rows.definition.length, true)
    bytes.set(rows.definition, at + 4)
    at += 4 + rows.definition.length
  }
  if (producerId !== undefined) {
    view.setUint16(at, producerId.length, true)
    bytes.set(producerId, at + 2)
    at += 2 + producerId.length
    view.setBigInt64(at, rows.producer!.sequence, true)
    at += 8
  }
  for (let index = 0; index < rows.columns.length; index += 1) {
    at = writeColumn(rows, rows.columns[index]!, locals?.[index], target, at)
  }
  const used = at - target.offset
  assert(used <= measured.bytes, 'rows entry: the bytes were measured')
  return used
}

function hintOf(hints: PackHints, columnId: number): PackHint {
  let hint = hints.get(columnId)
  if (hint === undefined) hints.set(columnId, (hint = new PackHint()))
  return hint
}

/** A column of numbers, packed. */
function writePackedColumn(
  { hints, from, end }: RowsToLog,
  { columnId, data }: EntryColumn,
  target: Reservation,
  start: number,
): number {
  assert(data.physical === 'f64' || data.physical === 'i64', 'rows entry: numbers are packed')
  const { bytes, view } = target
  view.setUint16(start, columnId, true)
  bytes[start + 2] = physicalIds[data.physical]
  bytes[start + 3] = flagPacked
  const at = start + columnHeaderBytes
  const after = writePacked(data, from, end, target, at, hintOf(hints!, columnId))
  view.setUint32(start + 4, after - at, true)
  return after
}

function writeColumn(
  rows: RowsToLog,
  column: EntryColumn,
  local: LocalCodes | undefined,
  target: Reservation,
  start: number,
): number {
  const { columnId, data } = column
  if (isPacked(rows, data)) return writePackedColumn(rows, column, target, start)
  const { from, end } = rows
  const { bytes, view } = target
  const present = presentOf(data)
  view.setUint16(start, columnId, true)
  bytes[start + 2] = physicalIds[data.physical]
  bytes[start + 3] = present === undefined ? 0 : flagPresent
  let at = start + columnHeaderBytes
  switch (data.physical) {
    case 'f64':
      if (end - from <= rowsFewMax) {
        for (let row = from; row < end; row += 1, at += 8) {
          view.setFloat64(at, data.values[row]!, true)
        }
      } else at = copyArray(data.values, from, end, bytes, at)
      break
    case 'i64':
      if (end - from <= rowsFewMax) {
        for (let row = from; row < end; row += 1, at += 8) {
          view.setBigInt64(at, data.values[row]!, true)
        }
      } else at = copyArray(data.values, from, end, bytes, at)
      break
    case 'i32':
    case 'u8':
      at = copyArray(data.values, from, end, bytes, at)
      break
    case 'code':
      at = writeCodes(local!, bytes, view, at)
      break
    case 'bytes':
      at = writeTexts(data, from, end, bytes, view, at)
      break
    default:
      assertNever(data)
  }
  if (present !== undefined) {
    bytes.set(present.subarray(from, end), at)
    at += end - from
  }
  view.setUint32(start + 4, at - start - columnHeaderBytes, true)
  return at
}

function copyArray(
  values: Float64Array | BigInt64Array | Int32Array | Uint8Array,
  from: number,
  end: number,
  target: Uint8Array,
  at: number,
): number {
  const width = values.BYTES_PER_ELEMENT
  const bytes = (end - from) * width
  target.set(new Uint8Array(values.buffer, values.byteOffset + from * width, bytes), at)
  return at + bytes
}

function writeCodes(local: LocalCodes, bytes: Uint8Array, view: DataView, start: number): number {
  view.setUint32(start, local.strings.length, true)
  let at = start + 4
  for (const text of local.strings) {
    view.setUint32(at, text.length, true)
    bytes.set(text, at + 4)
    at += 4 + text.length
  }
  const { codes } = local
  bytes.set(new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength), at)
  return at + codes.byteLength
}

function writeTexts(
  data: BytesData,
  from: number,
  end: number,
  bytes: Uint8Array,
  view: DataView,
  start: number,
): number {
  let at = start
  for (let row = from; row < end; row += 1, at += 4) {
    view.setUint32(at, data.offsets[row + 1]! - data.offsets[row]!, true)
  }
  const [source, sourceEnd] = [data.offsets[from]!, data.offsets[end]!]
  if (sourceEnd - source <= bytesFewMax) {
    for (let each = source; each < sourceEnd; each += 1, at += 1) bytes[at] = data.bytes[each]!
    return at
  }
  bytes.set(data.bytes.subarray(source, sourceEnd), at)
  return at + sourceEnd - source
}

/** Bytes that an entry of one row without definition and producer takes before its columns, */
export const oneRowBytes: number = fixedBytes
/** and each of its columns at most, besides the bytes of a string. */
export const oneValueBytes: number = columnHeaderBytes + 16

/** The same as writeRows for one row, without definition and producer. `offset` is where the entry begins; returns
 *  where its columns do, each of which is written by writeOneValue. */
export function writeOneRow(
  seriesId: number,
  schemaId: number,
  columnCount: number,
  { bytes, view, offset }: Reservation,
): number {
  view.setUint32(offset, seriesId, true)
  view.setUint32(offset + 4, schemaId, true)
  view.setUint16(offset + 8, columnCount, true)
  bytes[offset + 10] = 0
  bytes[offset + 11] = 0
  return offset + fixedBytes
}

/** A column of an entry of one row, which has a value there. Returns the place after it. */
export function writeOneValue(
  columnId: number,
  data: ColumnData,
  row: number,
  { bytes, view }: Reservation,
  start: number,
): number {
  const present = presentOf(data)
  view.setUint16(start, columnId, true)
  bytes[start + 2] = physicalIds[data.physical]
  bytes[start + 3] = present === undefined ? 0 : flagPresent
  let at = start + columnHeaderBytes
  switch (data.physical) {
    case 'f64':
      view.setFloat64(at, data.values[row]!, true)
      at += 8
      break
    case 'i64':
      view.setBigInt64(at, data.values[row]!, true)
      at += 8
      break
    case 'i32':
      view.setInt32(at, data.values[row]!, true)
      at += 4
      break
    case 'u8':
      bytes[at] = data.values[row]!
      at += 1
      break
    case 'code':
      at = writeOneCode(data.dictionary[data.values[row]!]!, bytes, view, at)
      break
    case 'bytes':
      at = writeTexts(data, row, row + 1, bytes, view, at)
      break
    default:
      assertNever(data)
  }
  if (present !== undefined) {
    bytes[at] = present[row]!
    at += 1
  }
  view.setUint32(start + 4, at - start - columnHeaderBytes, true)
  return at
}

/** One string, and its number as the code. */
function writeOneCode(text: string, bytes: Uint8Array, view: DataView, start: number): number {
  const length = putText(text, bytes, start + 8)
  view.setUint32(start, 1, true)
  view.setUint32(start + 4, length, true)
  view.setUint32(start + 8 + length, 0, true)
  return start + 12 + length
}

/** What an entry says before its columns. */
export interface RowsEntry {
  readonly seriesId: number
  readonly schemaId: number
  readonly definition: Uint8Array | undefined
  readonly producer: { readonly id: string; readonly sequence: bigint } | undefined
  readonly columnCount: number
  /** Where the columns are read from. */
  readonly reader: ByteReader
}

/** @throws {VarveError} ERR_CORRUPT */
export function readRowsEntry(
  bytes: Uint8Array,
  place: Readonly<Record<string, unknown>>,
): RowsEntry {
  const reader = new ByteReader(bytes, place)
  const seriesId = reader.u32()
  const schemaId = reader.u32()
  const columnCount = reader.u16()
  const flags = reader.u8()
  reader.u8()
  const definition = (flags & flagDefinition) === 0 ? undefined : reader.bytes(reader.u32())
  let producer: RowsEntry['producer']
  if ((flags & flagProducer) !== 0) {
    const id = Buffer.from(reader.bytes(reader.u16())).toString('utf8')
    producer = { id, sequence: reader.i64() }
  }
  return { seriesId, schemaId, definition, producer, columnCount, reader }
}

/** The next column of an entry of `rowCount` rows, into the column that `targetOf` gives for its id (undefined: the
 *  column is passed over), at row `at`. @throws {VarveError} ERR_CORRUPT */
export function readColumn(
  reader: ByteReader,
  rowCount: number,
  at: number,
  targetOf: (columnId: number, physical: Physical) => ColumnData | undefined,
): number {
  const columnId = reader.u16()
  const physical = physicalNames[reader.u8()]
  const flags = reader.u8()
  const byteCount = reader.u32()
  if (physical === undefined) throw reader.corrupt('a column of unknown form')
  const end = reader.offset + byteCount
  const isPackedColumn = (flags & flagPacked) !== 0
  const bytesMin = isPackedColumn
    ? Math.ceil(rowCount / packedVectorRows)
    : rowCount * valueBytes[physical]
  if (byteCount > reader.remaining || bytesMin > byteCount) {
    throw reader.corrupt(`${rowCount} rows of ${physical} in ${byteCount} bytes`)
  }
  const target =
    targetOf(columnId, physical) ?? allocateColumn(physical, at + rowCount, { optional: true })
  if (target.physical !== physical) throw reader.corrupt(`a column of ${target.physical} expected`)
  if (isPackedColumn) {
    if (target.physical !== 'f64' && target.physical !== 'i64') {
      throw reader.corrupt(`a packed column of ${physical}`)
    }
    readPacked(reader, rowCount, target, at)
  } else readValues(reader, rowCount, target, at)
  const present = presentOf(target)
  if ((flags & flagPresent) !== 0) {
    const stored = reader.bytes(rowCount)
    present?.set(stored, at)
  } else present?.fill(1, at, at + rowCount)
  if (reader.offset !== end) throw reader.corrupt('a column is longer or shorter than it says')
  return columnId
}

function readValues(reader: ByteReader, rowCount: number, target: ColumnData, at: number): void {
  switch (target.physical) {
    case 'f64':
    case 'i64':
    case 'i32':
    case 'u8': {
      const { values } = target
      const width = values.BYTES_PER_ELEMENT
      const raw = new Uint8Array(values.buffer, values.byteOffset + at * width, rowCount * width)
      raw.set(reader.bytes(rowCount * width))
      return
    }
    case 'code':
      readCodes(reader, rowCount, target, at)
      return
    case 'bytes':
      readTexts(reader, rowCount, target, at)
      return
    default:
      assertNever(target)
  }
}

function readCodes(reader: ByteReader, rowCount: number, target: CodeData, at: number): void {
  const count = reader.u32()
  if (count > reader.remaining / 4) throw reader.corrupt(`${count} strings in a short entry`)
  const codes = new Uint32Array(count)
  for (let index = 0; index < count; index += 1) {
    const text = Buffer.from(reader.bytes(reader.u32())).toString('utf8')
    codes[index] = codeOf(target.dictionary, text)
  }
  for (let row = at; row < at + rowCount; row += 1) {
    const local = reader.u32()
    const code = local === absentCode ? absentCode : codes[local]
    if (code === undefined) throw reader.corrupt(`code ${local} of ${count} strings`)
    target.values[row] = code
  }
}

function readTexts(reader: ByteReader, rowCount: number, target: BytesData, at: number): void {
  let used = target.offsets[at]!
  for (let row = at; row < at + rowCount; row += 1) {
    used += reader.u32()
    target.offsets[row + 1] = used
  }
  const from = target.offsets[at]!
  const texts = reader.bytes(used - from)
  reserveBytes(target, from, texts.length)
  target.bytes.set(texts, from)
}

/** An entry of an unknown type was written by a newer varve. */
export function unknownEntry(type: number, file: string, offset: number): VarveError {
  return new VarveError(
    'ERR_VERSION',
    `a log entry of type ${type}`,
    { file, offset, expected: rowsEntryType, actual: type },
    { hint: 'Open the store with the version of varve that wrote it.' },
  )
}
