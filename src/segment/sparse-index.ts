// The sparse index: one file with what planning and point reads want to know of the runs of a store, so
// that they need not read whole run footers. It is mapped, never parsed: every offset is fixed, every
// field of 8 bytes stands at a multiple of 8. README.md draws it.
//
//   0        128                  tableOffset          fileBytes
//   +--------+--------------------+--------------------+
//   | header | parts, one a series| series table, 40 a |   the table is in order of series id
//   +--------+--------------------+--------------------+
//
//   part     run entries, 128 each, in order of (partition, lsnFirst) | a body a run
//   body     vectors: first time i64, last time i64 | columns, 32 each | pages, 24 each, block by block
//
// Trust is per series: a table entry has its own hash and holds that of the part; both are checked when
// a series is first asked for, and nothing else is read. The index says nothing that the manifest or a
// footer does not say: a run is taken from it only where the entry agrees with the manifest's in file,
// place, rows, times and footer hash. So an index may be stale, or of another generation, or gone: then
// footers are read. First row of a vector: 1,024 times its number, as blocks are whole vectors.
import { ByteReader, ByteWriter, VarveError, assert } from '#base'
import type { Physical } from '#batch'
import { vectorRows } from '#codec'
import { hash64 } from '#kernel'
import { blockCountOf, physicalNames } from './footer.ts'
import type { RunInfo } from './footer.ts'

export const indexHeaderBytes = 128
export const tableEntryBytes = 40
export const runEntryBytes = 128
export const vectorEntryBytes = 16
export const columnEntryBytes = 32
export const pageEntryBytes = 24
export const indexVersion = 1
const indexMagic = 0x58444956 // 'VIDX'
const requiredKnown = 0n
const hashedHeaderBytes = indexHeaderBytes - 8
const hashedEntryBytes = tableEntryBytes - 8
/** Part offsets have 32 bits. */
export const partBytesMax = 2 ** 32 - 8

export interface IndexHeader {
  /** 16 bytes. */
  readonly storeId: Uint8Array
  /** Whose live runs these are. */
  readonly manifestEdit: number
  readonly seriesCount: number
  readonly runCount: number
  readonly vectorCount: number
  readonly tableOffset: number
  readonly fileBytes: number
  /** Above every file that an edit had named by then: runs of files from it on are not here. */
  readonly fileNumberEnd: number
}

/** What of a run the manifest knows too: by this it is found, and must agree in all. */
export type IndexedKey = Pick<
  RunInfo,
  | 'seriesId'
  | 'schemaId'
  | 'partition'
  | 'rowCount'
  | 'timeMin'
  | 'timeMax'
  | 'lsnFirst'
  | 'lsnLast'
  | 'sortOrder'
  | 'dataBytes'
  | 'footerOffset'
  | 'footerBytes'
  | 'footerHash'
> & { readonly fileNumber: number; readonly runIndex: number }

/** One stored column of a run; `dictionary`: where in the footer its strings stand. */
export interface IndexedColumn {
  readonly columnId: number
  readonly physical: Physical
  readonly dictionaryAt: number
  readonly dictionaryBytes: number
  readonly dictionaryHash: bigint
}

/** Where the page of one column in one block is, and where in the footer its meta. */
export interface IndexedPage {
  /** Of the page, in the file. */
  readonly offset: number
  /** In the footer. */
  readonly metaAt: number
  readonly metaBytes: number
  readonly metaHash: bigint
}

/** What the index holds of a run. Views of the index's bytes: valid until the index is let go. */
export interface RunFacts {
  /** First and last time, a vector; empty for a run of one vector: its times are the run's. */
  readonly vectors: BigInt64Array
  /** In order of id; none where the footer is short enough to be read whole. */
  readonly columns: readonly IndexedColumn[]
  /** `column` is a place in `columns`. */
  page(block: number, column: number): IndexedPage
  /** The body as it stands in the index, to be copied into the next one. */
  readonly body: Uint8Array
}

export function vectorCountOf(rowCount: number): number {
  return Math.ceil(rowCount / vectorRows)
}

export function encodeIndexHeader(header: IndexHeader): Uint8Array {
  assert(header.storeId.length === 16, 'index header: a store id has 16 bytes')
  const writer = new ByteWriter(indexHeaderBytes)
    .u32(indexMagic)
    .u16(indexVersion)
    .u16(indexHeaderBytes)
    .u64(0n)
    .u64(0n)
    .bytes(header.storeId)
    .u64(BigInt(header.manifestEdit))
    .u64(BigInt(header.seriesCount))
    .u64(BigInt(header.runCount))
    .u64(BigInt(header.vectorCount))
    .u64(BigInt(header.tableOffset))
    .u64(BigInt(header.fileBytes))
    .u64(BigInt(header.fileNumberEnd))
    .bytes(new Uint8Array(24))
  assert(writer.length === hashedHeaderBytes, 'index header: the drawing says 128 bytes')
  return writer.u64(hash64(writer.view())).take()
}

/** @throws {VarveError} ERR_CORRUPT, ERR_VERSION */
export function decodeIndexHeader(bytes: Uint8Array, file: string): IndexHeader {
  const reader = new ByteReader(bytes.subarray(0, indexHeaderBytes), { file, part: 'index header' })
  if (reader.u32() !== indexMagic) throw reader.corrupt('this is no index')
  const version = reader.u16()
  const size = reader.u16()
  const required = reader.u64()
  reader.u64()
  const storeId = reader.bytes(16).slice()
  const numbers = Array.from({ length: 7 }, () => Number(reader.u64()))
  const [manifestEdit, seriesCount, runCount, vectorCount] = numbers as [
    number,
    number,
    number,
    number,
  ]
  const [tableOffset, fileBytes, fileNumberEnd] = numbers.slice(4) as [number, number, number]
  reader.bytes(24)
  if (hash64(bytes.subarray(0, hashedHeaderBytes)) !== reader.u64()) {
    throw reader.corrupt('the hash of the index header differs')
  }
  if (version > indexVersion || (required & ~requiredKnown) !== 0n) {
    throw new VarveError('ERR_VERSION', `${file} was written by a newer varve`, {
      file,
      expected: indexVersion,
      actual: version,
      features: required,
    })
  }
  if (size !== indexHeaderBytes) throw reader.corrupt(`a header of ${size} bytes`)
  const isWhole =
    fileBytes === bytes.length && tableOffset + seriesCount * tableEntryBytes === fileBytes
  if (!isWhole || tableOffset < indexHeaderBytes || tableOffset % 8 !== 0) {
    throw reader.corrupt('the index header tells of other bytes than are there')
  }
  return {
    storeId,
    manifestEdit,
    seriesCount,
    runCount,
    vectorCount,
    tableOffset,
    fileBytes,
    fileNumberEnd,
  }
}

export interface TableEntry {
  readonly seriesId: number
  readonly runCount: number
  readonly partOffset: number
  readonly partBytes: number
  readonly partHash: bigint
}

/** `edit` seeds the hash: an entry of another generation is not believed. */
export function writeTableEntry(writer: ByteWriter, entry: TableEntry, edit: number): void {
  const one = new ByteWriter(tableEntryBytes)
    .u32(entry.seriesId)
    .u32(entry.runCount)
    .u64(BigInt(entry.partOffset))
    .u64(BigInt(entry.partBytes))
    .u64(entry.partHash)
  assert(one.length === hashedEntryBytes, 'index: the drawing says 40 bytes')
  writer.bytes(one.u64(hash64(one.view(), BigInt(edit))).view())
}

/** The runs of one series, whose hashes are right. */
export interface IndexPart {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly runCount: number
  readonly hash: bigint
}

/** Reads one index. Makes no copy of `bytes` and keeps no view of them beyond itself. */
export class SparseIndex {
  readonly header: IndexHeader
  readonly #file: string
  readonly #bytes: Uint8Array
  readonly #view: DataView
  /** Parts that were hashed and found right; null: found wrong. */
  readonly #parts = new Map<number, IndexPart | null>()

  /** `bytes`: the file, 8-byte aligned, unchanged while this is used. @throws {VarveError} ERR_CORRUPT, ERR_VERSION */
  constructor(bytes: Uint8Array, file: string) {
    assert(bytes.byteOffset % 8 === 0, 'index: 8-byte aligned')
    this.header = decodeIndexHeader(bytes, file)
    this.#file = file
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** The runs of a series; undefined where it has none here.
   *  @throws {VarveError} ERR_CORRUPT the first time a damaged part is asked for; then undefined */
  part(seriesId: number): IndexPart | undefined {
    const known = this.#parts.get(seriesId)
    if (known !== undefined) return known ?? undefined
    this.#parts.set(seriesId, null)
    const at = this.#entryOf(seriesId)
    if (at === undefined) return undefined
    const part = this.#readPart(at, seriesId)
    this.#parts.set(seriesId, part)
    return part
  }

  #corrupt(message: string, at: number, seriesId: number): VarveError {
    const details = { file: this.#file, part: 'index', offset: at, seriesId }
    return new VarveError('ERR_CORRUPT', message, details)
  }

  /** A damaged table may hide a series: footers are read then. */
  #entryOf(seriesId: number): number | undefined {
    const { tableOffset, seriesCount } = this.header
    let low = 0
    let high = seriesCount
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#view.getUint32(tableOffset + middle * tableEntryBytes, true) < seriesId)
        low = middle + 1
      else high = middle
    }
    const at = tableOffset + low * tableEntryBytes
    if (low === seriesCount || this.#view.getUint32(at, true) !== seriesId) return undefined
    return at
  }

  #readPart(at: number, seriesId: number): IndexPart {
    const view = this.#view
    const { manifestEdit, tableOffset } = this.header
    const entry = this.#bytes.subarray(at, at + hashedEntryBytes)
    if (hash64(entry, BigInt(manifestEdit)) !== view.getBigUint64(at + hashedEntryBytes, true)) {
      throw this.#corrupt('the hash of an index entry differs', at, seriesId)
    }
    const runCount = view.getUint32(at + 4, true)
    const offset = Number(view.getBigUint64(at + 8, true))
    const partBytes = Number(view.getBigUint64(at + 16, true))
    const hash = view.getBigUint64(at + 24, true)
    const isInside =
      offset >= indexHeaderBytes && offset % 8 === 0 && offset + partBytes <= tableOffset
    if (!isInside || runCount * runEntryBytes > partBytes || partBytes > partBytesMax) {
      throw this.#corrupt('an index entry points outside', at, seriesId)
    }
    const bytes = this.#bytes.subarray(offset, offset + partBytes)
    if (hash64(bytes) !== hash) {
      throw this.#corrupt('the hash of a part of the index differs', offset, seriesId)
    }
    const partView = new DataView(bytes.buffer, bytes.byteOffset, partBytes)
    return { bytes, view: partView, runCount, hash }
  }

  /** What the index holds of the run; undefined where it does not know it, or tells of another.
   *  @throws {VarveError} ERR_CORRUPT as part() does */
  find(run: IndexedKey): RunFacts | undefined {
    const part = this.part(run.seriesId)
    if (part === undefined) return undefined
    const at = findRun(part, run)
    return at === undefined ? undefined : factsAt(part, at, run)
  }
}

/** Whether entry `index` of the part is about the run at that place of that file. */
export function isAtPlace({ view }: IndexPart, index: number, run: IndexedKey): boolean {
  const at = index * runEntryBytes
  const fileNumber = view.getUint32(at + 8, true) + view.getUint32(at + 12, true) * 2 ** 32
  return fileNumber === run.fileNumber && view.getUint32(at + 80, true) === run.runIndex
}

/** Where the entry of the run starts in the part. Searches by (partition, lsnFirst). */
export function findRun({ view, runCount }: IndexPart, run: IndexedKey): number | undefined {
  let low = 0
  let high = runCount
  while (low < high) {
    const middle = (low + high) >>> 1
    const at = middle * runEntryBytes
    const partition = view.getBigInt64(at, true)
    const isBefore =
      partition === run.partition
        ? view.getBigUint64(at + 32, true) < run.lsnFirst
        : partition < run.partition
    if (isBefore) low = middle + 1
    else high = middle
  }
  const at = low * runEntryBytes
  return low < runCount && isSameRun(view, at, run) ? at : undefined
}

function isSameRun(view: DataView, at: number, run: IndexedKey): boolean {
  return (
    view.getBigInt64(at, true) === run.partition &&
    view.getBigUint64(at + 8, true) === BigInt(run.fileNumber) &&
    view.getBigInt64(at + 16, true) === run.timeMin &&
    view.getBigInt64(at + 24, true) === run.timeMax &&
    view.getBigUint64(at + 32, true) === run.lsnFirst &&
    view.getBigUint64(at + 40, true) === run.lsnLast &&
    view.getBigUint64(at + 48, true) === run.footerHash &&
    view.getBigUint64(at + 56, true) === BigInt(run.footerOffset) &&
    view.getBigUint64(at + 64, true) === BigInt(run.dataBytes) &&
    view.getBigUint64(at + 72, true) === BigInt(run.rowCount) &&
    view.getUint32(at + 80, true) === run.runIndex &&
    view.getUint32(at + 84, true) === run.footerBytes &&
    view.getUint32(at + 88, true) === run.schemaId &&
    view.getUint8(at + 92) === (run.sortOrder === 'time' ? 0 : 1)
  )
}

/** Writes what isSameRun compares, and where the body is. */
export function writeRunEntry(writer: ByteWriter, run: IndexedKey, place: BodyPlace): void {
  const start = writer.length
  writer
    .i64(run.partition)
    .u64(BigInt(run.fileNumber))
    .i64(run.timeMin)
    .i64(run.timeMax)
    .u64(run.lsnFirst)
    .u64(run.lsnLast)
    .u64(run.footerHash)
    .u64(BigInt(run.footerOffset))
    .u64(BigInt(run.dataBytes))
    .u64(BigInt(run.rowCount))
    .u32(run.runIndex)
    .u32(run.footerBytes)
    .u32(run.schemaId)
    .u8(run.sortOrder === 'time' ? 0 : 1)
    .u8(place.fileKind === 'segment' ? 0 : 1)
    .u16(place.columnCount)
    .u32(place.bodyAt)
    .u32(place.bodyBytes)
    .u32(place.vectorCount)
    .bytes(new Uint8Array(20))
  assert(writer.length - start === runEntryBytes, 'index: a run entry has 128 bytes')
}

export interface BodyPlace {
  readonly fileKind: 'segment' | 'pack'
  readonly columnCount: number
  /** In the part. */
  readonly bodyAt: number
  readonly bodyBytes: number
  /** 0 for a run of one vector. */
  readonly vectorCount: number
}

export function bodyBytesOf(vectorCount: number, columnCount: number, blockCount: number): number {
  const pages = columnCount * blockCount
  return vectorCount * vectorEntryBytes + columnCount * columnEntryBytes + pages * pageEntryBytes
}

/** Column and vector counts of the entry, for a body that is copied. */
export function bodyShape(
  { view }: IndexPart,
  at: number,
): { columnCount: number; vectorCount: number } {
  return { columnCount: view.getUint16(at + 94, true), vectorCount: view.getUint32(at + 104, true) }
}

/** The part's hash is right: what does not fit here was written so, and is not used. */
export function factsAt(part: IndexPart, at: number, run: IndexedKey): RunFacts | undefined {
  const { view, bytes } = part
  const bodyAt = view.getUint32(at + 96, true)
  const bodyBytes = view.getUint32(at + 100, true)
  const { columnCount, vectorCount } = bodyShape(part, at)
  const rowsVectors = vectorCountOf(run.rowCount)
  const blockCount = blockCountOf(run.rowCount)
  const fits =
    vectorCount === (rowsVectors > 1 ? rowsVectors : 0) &&
    bodyAt % 8 === 0 &&
    bodyAt + bodyBytes <= bytes.length &&
    bodyBytes === bodyBytesOf(vectorCount, columnCount, blockCount)
  if (!fits) return undefined
  const vectors = new BigInt64Array(bytes.buffer, bytes.byteOffset + bodyAt, vectorCount * 2)
  const columnsAt = bodyAt + vectorCount * vectorEntryBytes
  const columns = readColumns(view, columnsAt, columnCount)
  if (columns === undefined) return undefined
  const pagesAt = columnsAt + columnCount * columnEntryBytes
  return {
    vectors,
    columns,
    page(block, column) {
      assert(block < blockCount && column < columnCount, 'index: a page of the run')
      return readPage(view, pagesAt + (block * columnCount + column) * pageEntryBytes)
    },
    body: bytes.subarray(bodyAt, bodyAt + bodyBytes),
  }
}

function readColumns(view: DataView, from: number, count: number): IndexedColumn[] | undefined {
  const columns: IndexedColumn[] = []
  for (let column = 0; column < count; column += 1) {
    const at = from + column * columnEntryBytes
    const physical = physicalNames[view.getUint8(at + 4)]
    if (physical === undefined) return undefined
    columns.push({
      columnId: view.getUint32(at, true),
      physical,
      dictionaryAt: view.getUint32(at + 8, true),
      dictionaryBytes: view.getUint32(at + 12, true),
      dictionaryHash: view.getBigUint64(at + 16, true),
    })
  }
  return columns
}

function readPage(view: DataView, at: number): IndexedPage {
  return {
    offset: Number(view.getBigUint64(at, true)),
    metaHash: view.getBigUint64(at + 8, true),
    metaAt: view.getUint32(at + 16, true),
    metaBytes: view.getUint32(at + 20, true),
  }
}
