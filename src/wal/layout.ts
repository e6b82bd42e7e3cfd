// Every byte of a log file: wal/<12 digits>.wal is one header, then records, then perhaps zeros.
//
// header, 96 bytes
//   0       4        6        8          16         24        40       48      52     53     56
//   +-------+--------+--------+----------+----------+---------+--------+-------+------+------+
//   | magic | format | header | required | optional | storeId | file   | epoch | mode | zero |
//   | VWAL  | Version| Bytes  | Features | Features | 16 B    | Number | u32   | u8   | 3 B  |
//   +-------+--------+--------+----------+----------+---------+--------+-------+------+------+
//   56         64             72                   80          88         96
//   +----------+--------------+--------------------+-----------+----------+
//   | firstLsn | previousHash | previousFileNumber | createdAt | hash     |
//   | u64      | u64          | u64, 0 = none      | i64 ns    | u64      |
//   +----------+--------------+--------------------+-----------+----------+
//
// record, 48 bytes, 8-byte aligned, payload a multiple of 8 bytes
//   0      8       12      16     17      18     20      24      32         40         48
//   +------+-------+-------+------+-------+------+-------+-------+----------+----------+---------+
//   | hash | magic | pay-  | type | flags | zero | row-  | lsn-  | previous | manifest | payload |
//   | u64  | VREC  | Bytes | u8   | u8, 0 | u16  | Count | First | Hash     | Edit u64 |         |
//   +------+-------+-------+------+-------+------+-------+-------+----------+----------+---------+
//
// payload of a group: entries, 8-byte aligned
//   0       4      5      8          12     16
//   +-------+------+------+----------+------+---------------+
//   | bytes | type | zero | rowCount | zero | bytes + zeros |
//   | u32   | u8   | 3 B  | u32      | u32  |               |
//   +-------+------+------+----------+------+---------------+
//
// payload of a watermark or an end
//   0              8              16           24
//   +--------------+--------------+------------+
//   | syncedOffset | syncedLsnEnd | syncedHash |
//   | u64          | u64          | u64        |
//   +--------------+--------------+------------+
//
// Little-endian. `hash` is xxh64 of what precedes it (header) or follows it (record), seeded with
// the file number, so that a record of another file is no record here. `previousHash` links a
// record to the *group* before it (the header's hash for the first): a watermark is written
// unsynced, may get lost alone, and is no link.
import { VarveError, assert } from '#base'
import { hash64 } from '#kernel'

export const fileMagic = 0x4c415756 // 'VWAL'
export const recordMagic = 0x43455256 // 'VREC'
export const formatVersion = 1

const formatVersionOffset = 4
const headerBytesOffset = formatVersionOffset + 2
const requiredFeaturesOffset = headerBytesOffset + 2
const optionalFeaturesOffset = requiredFeaturesOffset + 8
const storeIdOffset = optionalFeaturesOffset + 8
const fileNumberOffset = storeIdOffset + 16
const epochOffset = fileNumberOffset + 8
const modeOffset = epochOffset + 4
const firstLsnOffset = modeOffset + 1 + 3
const headerPreviousHashOffset = firstLsnOffset + 8
const previousFileNumberOffset = headerPreviousHashOffset + 8
const createdAtOffset = previousFileNumberOffset + 8
const headerHashOffset = createdAtOffset + 8
export const fileHeaderBytes: number = headerHashOffset + 8

const recordMagicOffset = 8
const payloadBytesOffset = recordMagicOffset + 4
const recordTypeOffset = payloadBytesOffset + 4
const recordFlagsOffset = recordTypeOffset + 1
const rowCountOffset = recordFlagsOffset + 1 + 2
const lsnFirstOffset = rowCountOffset + 4
const previousHashOffset = lsnFirstOffset + 8
const manifestEditOffset = previousHashOffset + 8
export const recordHeaderBytes: number = manifestEditOffset + 8

const entryTypeOffset = 4
const entryRowCountOffset = entryTypeOffset + 1 + 3
export const entryHeaderBytes: number = entryRowCountOffset + 4 + 4

export const placeBytes: number = 8 + 8 + 8
/** A watermark or an end, header included. */
export const markBytes: number = recordHeaderBytes + placeBytes

assert(fileHeaderBytes === 96, 'log header: the drawing says 96 bytes')
assert(firstLsnOffset === 56 && headerHashOffset === 88, 'log header: firstLsn 56, hash 88')
assert(recordHeaderBytes === 48, 'log record: the drawing says 48 bytes')
assert(entryHeaderBytes === 16, 'log entry: the drawing says 16 bytes')
assert(markBytes % 8 === 0, 'log record: records are 8-byte aligned')

/** Newer than anything this code may read: no feature bit is taken yet. */
const knownRequiredFeatures = 0n
/** A header may grow up to this; bounds what is read before its hash is known to be right. */
const fileHeaderBytesMax = 4096

/** lsn = epoch * lsnEpochRows + row of the epoch. */
export const lsnEpochRows: bigint = 1n << 40n

export type LogMode = 'group' | 'sync' | 'os'
const modeCodes: Readonly<Record<LogMode, number>> = { group: 1, sync: 2, os: 3 }

export const groupType = 1
export const watermarkType = 2
export const endType = 3

/** A place between two records: what a reader needs to go on from there. */
export interface LogPlace {
  /** Byte in the file; the end of a group, or of the header. */
  readonly offset: number
  /** The lsn that follows the rows before the place. */
  readonly lsnEnd: bigint
  /** Hash of the group that ends here, or of the header. */
  readonly hash: bigint
}

export interface FileHeader {
  readonly storeId: Uint8Array
  readonly fileNumber: number
  readonly epoch: number
  readonly mode: LogMode
  /** lsn of the first row that this file can hold. */
  readonly firstLsn: bigint
  /** Hash of the place where the file before this one ends. 0n where there is none. */
  readonly previousHash: bigint
  /** 0 where there is none. */
  readonly previousFileNumber: number
  /** Epoch ns. */
  readonly createdAt: bigint
  readonly hash: bigint
}

export interface RecordHeader {
  readonly hash: bigint
  readonly payloadBytes: number
  readonly type: number
  readonly flags: number
  readonly rowCount: number
  readonly lsnFirst: bigint
  readonly previousHash: bigint
  readonly manifestEdit: number
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** The bytes of a header; `hash` is computed and returned with them. */
export function encodeFileHeader(header: Omit<FileHeader, 'hash'>): {
  bytes: Uint8Array
  hash: bigint
} {
  assert(header.storeId.length === 16, 'log header: a store id has 16 bytes')
  const bytes = new Uint8Array(fileHeaderBytes)
  const view = viewOf(bytes)
  view.setUint32(0, fileMagic, true)
  view.setUint16(formatVersionOffset, formatVersion, true)
  view.setUint16(headerBytesOffset, fileHeaderBytes, true)
  bytes.set(header.storeId, storeIdOffset)
  view.setBigUint64(fileNumberOffset, BigInt(header.fileNumber), true)
  view.setUint32(epochOffset, header.epoch, true)
  bytes[modeOffset] = modeCodes[header.mode]
  view.setBigUint64(firstLsnOffset, header.firstLsn, true)
  view.setBigUint64(headerPreviousHashOffset, header.previousHash, true)
  view.setBigUint64(previousFileNumberOffset, BigInt(header.previousFileNumber), true)
  view.setBigInt64(createdAtOffset, header.createdAt, true)
  const hash = hash64(bytes.subarray(0, headerHashOffset), BigInt(header.fileNumber))
  view.setBigUint64(headerHashOffset, hash, true)
  return { bytes, hash }
}

/** How long the header that begins with these bytes says it is, within bounds. */
export function fileHeaderBytesIn(bytes: Uint8Array): number {
  const headerBytes = viewOf(bytes).getUint16(headerBytesOffset, true)
  return Math.min(Math.max(headerBytes, fileHeaderBytes), fileHeaderBytesMax)
}

function headerCorrupt(
  file: string,
  message: string,
  expected: unknown,
  actual: unknown,
): VarveError {
  return new VarveError('ERR_CORRUPT', `log header: ${message}`, {
    file,
    offset: 0,
    expected,
    actual,
  })
}

/** Reads a header from the first bytes of a file (fileHeaderBytesIn of them, where there are as
 *  many). @throws {VarveError} ERR_CORRUPT; ERR_VERSION where the bytes are sound but newer than
 *  this code. */
export function decodeFileHeader(
  bytes: Uint8Array,
  expected: { readonly file: string; readonly fileNumber: number; readonly storeId: Uint8Array },
): FileHeader {
  const { file } = expected
  if (bytes.length < fileHeaderBytes) {
    throw headerCorrupt(file, 'the file is too short', fileHeaderBytes, bytes.length)
  }
  const view = viewOf(bytes)
  const magic = view.getUint32(0, true)
  if (magic !== fileMagic) throw headerCorrupt(file, 'not a log file', fileMagic, magic)
  const headerBytes = view.getUint16(headerBytesOffset, true)
  if (headerBytes < fileHeaderBytes || headerBytes > Math.min(bytes.length, fileHeaderBytesMax)) {
    throw headerCorrupt(file, 'its length is wrong', fileHeaderBytes, headerBytes)
  }
  const hash = view.getBigUint64(headerBytes - 8, true)
  const computed = hash64(bytes.subarray(0, headerBytes - 8), BigInt(expected.fileNumber))
  if (hash !== computed) throw headerCorrupt(file, 'its hash differs', hash, computed)
  const version = view.getUint16(formatVersionOffset, true)
  const features = view.getBigUint64(requiredFeaturesOffset, true)
  if (version > formatVersion || (features & ~knownRequiredFeatures) !== 0n) {
    throw new VarveError(
      'ERR_VERSION',
      'the log file was written by a newer varve',
      { file, formatVersion: version, requiredFeatures: features },
      { hint: 'Open the store with the version that wrote it, or a later one.' },
    )
  }
  return checkedHeader(bytes, view, hash, headerBytes, expected)
}

function checkedHeader(
  bytes: Uint8Array,
  view: DataView,
  hash: bigint,
  headerBytes: number,
  expected: { readonly file: string; readonly fileNumber: number; readonly storeId: Uint8Array },
): FileHeader {
  const { file } = expected
  if (headerBytes !== fileHeaderBytes) {
    throw headerCorrupt(file, 'its length is wrong', fileHeaderBytes, headerBytes)
  }
  const storeId = bytes.slice(storeIdOffset, storeIdOffset + 16)
  if (!storeId.every((byte, index) => byte === expected.storeId[index])) {
    throw headerCorrupt(file, 'the file belongs to another store', expected.storeId, storeId)
  }
  const fileNumber = Number(view.getBigUint64(fileNumberOffset, true))
  if (fileNumber !== expected.fileNumber) {
    throw headerCorrupt(file, 'the file has another number', expected.fileNumber, fileNumber)
  }
  const code = view.getUint8(modeOffset)
  const mode = (['group', 'sync', 'os'] as const).find((name) => modeCodes[name] === code)
  if (mode === undefined) throw headerCorrupt(file, 'its mode is not known', '1, 2 or 3', code)
  return {
    storeId,
    fileNumber,
    epoch: view.getUint32(epochOffset, true),
    mode,
    firstLsn: view.getBigUint64(firstLsnOffset, true),
    previousHash: view.getBigUint64(headerPreviousHashOffset, true),
    previousFileNumber: Number(view.getBigUint64(previousFileNumberOffset, true)),
    createdAt: view.getBigInt64(createdAtOffset, true),
    hash,
  }
}

/** Fills in the header of the record whose payload is bytes [recordHeaderBytes, bytes.length).
 *  Returns its hash. */
export function sealRecord(
  bytes: Uint8Array,
  view: DataView,
  seed: bigint,
  header: Omit<RecordHeader, 'hash' | 'payloadBytes' | 'flags'>,
): bigint {
  view.setUint32(recordMagicOffset, recordMagic, true)
  view.setUint32(payloadBytesOffset, bytes.length - recordHeaderBytes, true)
  view.setUint32(recordTypeOffset, header.type, true) // flags and the zero bytes with it
  view.setUint32(rowCountOffset, header.rowCount, true)
  view.setBigUint64(lsnFirstOffset, header.lsnFirst, true)
  view.setBigUint64(previousHashOffset, header.previousHash, true)
  view.setBigUint64(manifestEditOffset, BigInt(header.manifestEdit), true)
  const hash = hash64(bytes.subarray(8), seed)
  view.setBigUint64(0, hash, true)
  return hash
}

/** Payload bytes named at `at`, or -1 where no record can be there. Believes nothing: the hash
 *  decides. */
export function peekPayloadBytes(view: DataView, at: number): number {
  if (view.getUint32(at + recordMagicOffset, true) !== recordMagic) return -1
  const payloadBytes = view.getUint32(at + payloadBytesOffset, true)
  return payloadBytes % 8 === 0 ? payloadBytes : -1
}

export function decodeRecordHeader(view: DataView): RecordHeader {
  return {
    hash: view.getBigUint64(0, true),
    payloadBytes: view.getUint32(payloadBytesOffset, true),
    type: view.getUint8(recordTypeOffset),
    flags: view.getUint32(recordTypeOffset, true) >>> 8,
    rowCount: view.getUint32(rowCountOffset, true),
    lsnFirst: view.getBigUint64(lsnFirstOffset, true),
    previousHash: view.getBigUint64(previousHashOffset, true),
    manifestEdit: Number(view.getBigUint64(manifestEditOffset, true)),
  }
}

/** Writes an entry's header; its bytes follow at `at + entryHeaderBytes`. */
export function encodeEntryHeader(
  view: DataView,
  at: number,
  bytes: number,
  type: number,
  rowCount: number,
): void {
  view.setUint32(at, bytes, true)
  view.setUint32(at + entryTypeOffset, type, true)
  view.setUint32(at + entryRowCountOffset, rowCount, true)
  view.setUint32(at + entryRowCountOffset + 4, 0, true)
}

export interface EntryHeader {
  readonly bytes: number
  readonly type: number
  readonly rowCount: number
}

export function decodeEntryHeader(view: DataView, at: number): EntryHeader {
  return {
    bytes: view.getUint32(at, true),
    type: view.getUint8(at + entryTypeOffset),
    rowCount: view.getUint32(at + entryRowCountOffset, true),
  }
}

/** Bytes an entry takes in a payload, header and padding included. */
export function entrySpan(bytes: number): number {
  return entryHeaderBytes + Math.ceil(bytes / 8) * 8
}

export function encodePlace(view: DataView, at: number, place: LogPlace): void {
  view.setBigUint64(at, BigInt(place.offset), true)
  view.setBigUint64(at + 8, place.lsnEnd, true)
  view.setBigUint64(at + 16, place.hash, true)
}

export function decodePlace(view: DataView, at: number): LogPlace {
  return {
    offset: Number(view.getBigUint64(at, true)),
    lsnEnd: view.getBigUint64(at + 8, true),
    hash: view.getBigUint64(at + 16, true),
  }
}

/** wal/<12 digits>.wal under `root`. */
export function logFileName(fileNumber: number): string {
  return `${String(fileNumber).padStart(12, '0')}.wal`
}
