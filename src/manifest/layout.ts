// The bytes around the edits: CURRENT, the header of a manifest file, the frame of a record.
// Little-endian.
//
// CURRENT, text:  varve-manifest 1 <file number, 12 digits> <xxh64 of the text before this space,
// 16 hex>\n
//
// manifest/<file number, 12 digits>.manifest: a header, then records to the end of the file.
//
//   0      4        6             8          16         24        40           48          56
//   +------+--------+-------------+----------+----------+---------+------------+-----------+------+
//   | VMAN | format | headerBytes | required | optional | storeId | fileNumber | bornBytes | hash |
//   | u32  | u16: 1 | u16: 64     | u64      | u64      | 16      | u64        | u64       | u64  |
//   +------+--------+-------------+----------+----------+---------+------------+-----------+------+
//   bornBytes: written and synced before CURRENT named the file; nothing in it can be torn.
//   hash: xxh64, seed 0, of the header before it; always its last 8 bytes.
//
//   0      8      12             16           24         32
//   +------+------+--------------+------------+----------+-------------------+---------+
//   | hash | VEDT | payloadBytes | editNumber | previous | payload (edit.ts) | padding |
//   | u64  | u32  | u32          | u64        | u64      |                   | zeros   |
//   +------+------+--------------+------------+----------+-------------------+---------+
//   hash: xxh64, seed = fileNumber, of the record after it, padding to a multiple of 8 included.
//   previous: hash of the record before; of the header for the first.
//
// After the last record, written once it is synced and overwritten by the next one, a mark says so:
//
//   0      4       8      16
//   +------+-------+------+
//   | VSYN | zeros | hash |   hash: of the record before it
//   +------+-------+------+
import { assert, VarveError, ByteReader, ByteWriter } from '#base'
import { hash64 } from '#kernel'

export type Place = Readonly<Record<string, unknown>>

export const manifestMagic = 0x4e414d56 // 'VMAN'
export const recordMagic = 0x54444556 // 'VEDT'
export const markMagic = 0x4e595356 // 'VSYN'
export const markBytes = 16
export const formatVersion = 1
/** Feature bits this code understands. */
export const requiredFeaturesKnown = 0n

const formatOffset = 4
const headerBytesOffset = formatOffset + 2
const requiredOffset = headerBytesOffset + 2
const optionalOffset = requiredOffset + 8
const storeIdOffset = optionalOffset + 8
const fileNumberOffset = storeIdOffset + 16
const bornBytesOffset = fileNumberOffset + 8
const headerHashOffset = bornBytesOffset + 8
export const headerBytes: number = headerHashOffset + 8
export const headerBytesMax = 4096

const recordMagicOffset = 8
const payloadBytesOffset = recordMagicOffset + 4
const editNumberOffset = payloadBytesOffset + 4
const previousOffset = editNumberOffset + 8
export const recordHeadBytes: number = previousOffset + 8

assert(headerBytes === 64, 'manifest header: the drawing says 64 bytes')
assert(recordHeadBytes === 32, 'manifest record: the drawing says 32 bytes')

/** File numbers have at most 12 digits. */
export const fileNumberMax = 999_999_999_999

export const manifestDirectory = 'manifest'
export const currentName = 'CURRENT'

export function digits(fileNumber: number): string {
  return String(fileNumber).padStart(12, '0')
}

export function manifestName(fileNumber: number): string {
  return `${digits(fileNumber)}.manifest`
}

/** The number in a manifest file's name; undefined for any other name. */
export function numberOfManifestName(name: string): number | undefined {
  const match = /^([0-9]{12})\.manifest$/.exec(name)
  return match === null ? undefined : Number(match[1])
}

export function encodeCurrent(fileNumber: number): Uint8Array {
  const text = `varve-manifest ${formatVersion} ${digits(fileNumber)}`
  const ascii = new TextEncoder().encode(text)
  return new TextEncoder().encode(`${text} ${hash64(ascii).toString(16).padStart(16, '0')}\n`)
}

/** The number of the manifest file that CURRENT names.
 *  @throws {VarveError} ERR_CORRUPT where the bytes are not exactly what encodeCurrent writes;
 *  ERR_VERSION where they are whole and of a newer format. */
export function decodeCurrent(bytes: Uint8Array, place: Place): number {
  const text = new TextDecoder('latin1').decode(bytes.subarray(0, 256))
  const match = /^(varve-manifest ([0-9]{1,9}) ([0-9]{12})) ([0-9a-f]{16})\n$/.exec(text)
  if (match === null || bytes.length > 256) {
    throw new VarveError('ERR_CORRUPT', 'CURRENT does not name a manifest', place)
  }
  const line = match[1] as string
  const expected = hash64(new TextEncoder().encode(line)).toString(16).padStart(16, '0')
  if (match[4] !== expected) {
    const details = { ...place, expected, actual: match[4] }
    throw new VarveError('ERR_CORRUPT', 'CURRENT is damaged: its hash differs', details)
  }
  if (match[2] !== String(formatVersion)) throw newer(`CURRENT of format ${match[2]}`, place)
  return Number(match[3])
}

function newer(what: string, place: Place): VarveError {
  const hint = 'open the store with the varve that wrote it, or a newer one'
  return new VarveError('ERR_VERSION', `${what}, this varve reads ${formatVersion}`, place, {
    hint,
  })
}

export interface ManifestHeader {
  readonly storeId: Uint8Array
  readonly fileNumber: number
  /** Nothing before this offset can be torn. */
  readonly bornBytes: number
  readonly hash: bigint
  /** Where the records start. */
  readonly bytes: number
}

export function encodeHeader(
  storeId: Uint8Array,
  fileNumber: number,
  bornBytes: number,
): Uint8Array {
  assert(storeId.length === 16, 'manifest header: a store id has 16 bytes')
  const writer = new ByteWriter(headerBytes)
  writer.u32(manifestMagic).u16(formatVersion).u16(headerBytes).u64(0n).u64(0n)
  writer.bytes(storeId).u64(BigInt(fileNumber)).u64(BigInt(bornBytes))
  writer.u64(hash64(writer.view()))
  return writer.take()
}

/** @throws {VarveError} ERR_CORRUPT, or ERR_VERSION for a whole header of a newer format. */
export function decodeHeader(bytes: Uint8Array, place: Place): ManifestHeader {
  const reader = new ByteReader(bytes, place)
  if (reader.u32() !== manifestMagic) throw reader.corrupt('this is not a manifest')
  const format = reader.u16()
  const length = reader.u16()
  if (length < headerBytes || length > headerBytesMax || length % 8 !== 0) {
    throw reader.corrupt(`a manifest header of ${length} bytes`)
  }
  if (length > bytes.length) throw reader.corrupt('the manifest ends in its header')
  const hash = new ByteReader(bytes.subarray(length - 8, length)).u64()
  if (hash !== hash64(bytes.subarray(0, length - 8))) {
    throw reader.corrupt('the header of the manifest is damaged: its hash differs')
  }
  if (format !== formatVersion) throw newer(`a manifest of format ${format}`, place)
  const required = reader.u64()
  if ((required & ~requiredFeaturesKnown) !== 0n) {
    throw newer(`a manifest that needs features 0x${required.toString(16)}`, place)
  }
  reader.u64() // Optional features: nothing is lost by not knowing them.
  const storeId = reader.bytes(16).slice()
  const fileNumber = Number(reader.u64())
  const bornBytes = Number(reader.u64())
  return { storeId, fileNumber, bornBytes, hash, bytes: length }
}

export interface ManifestRecord {
  readonly hash: bigint
  readonly editNumber: number
  readonly previous: bigint
  /** A view of the file's bytes. */
  readonly payload: Uint8Array
  /** Where the next record starts. */
  readonly end: number
}

/** Bytes a record of this payload takes. */
export function recordBytes(payload: Uint8Array): number {
  return recordHeadBytes + Math.ceil(payload.length / 8) * 8
}

export function encodeRecord(
  fileNumber: number,
  editNumber: number,
  previous: bigint,
  payload: Uint8Array,
): { bytes: Uint8Array; hash: bigint } {
  const writer = new ByteWriter(recordHeadBytes + payload.length + 8)
  writer.u64(0n).u32(recordMagic).u32(payload.length).u64(BigInt(editNumber)).u64(previous)
  writer.bytes(payload).align(8)
  const hash = hash64(writer.view().subarray(8), BigInt(fileNumber))
  writer.patchU64(0, hash)
  return { bytes: writer.take(), hash }
}

/** Where a record that starts at `at` would end, by its magic and length alone; undefined where
 *  there can be none. */
export function recordEndAt(bytes: Uint8Array, at: number): number | undefined {
  if (bytes.length - at < recordHeadBytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, recordHeadBytes)
  if (view.getUint32(recordMagicOffset, true) !== recordMagic) return undefined
  const payloadBytes = view.getUint32(payloadBytesOffset, true)
  const end = at + recordHeadBytes + Math.ceil(payloadBytes / 8) * 8
  return end <= bytes.length ? end : undefined
}

/** The record at `at`; undefined where no whole one with a right hash starts there. */
export function recordAt(
  bytes: Uint8Array,
  at: number,
  fileNumber: number,
): ManifestRecord | undefined {
  const end = recordEndAt(bytes, at)
  if (end === undefined) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, end - at)
  const hash = view.getBigUint64(0, true)
  if (hash !== hash64(bytes.subarray(at + 8, end), BigInt(fileNumber))) return undefined
  const from = at + recordHeadBytes
  return {
    hash,
    editNumber: Number(view.getBigUint64(editNumberOffset, true)),
    previous: view.getBigUint64(previousOffset, true),
    payload: bytes.subarray(from, from + view.getUint32(payloadBytesOffset, true)),
    end,
  }
}

/** What follows the record of this hash once it is on the device. */
export function encodeMark(hash: bigint): Uint8Array {
  return new ByteWriter(markBytes).u32(markMagic).u32(0).u64(hash).take()
}

/** Whether `bytes` end, at `at`, with the mark of the record before. */
export function isMarkAt(bytes: Uint8Array, at: number, hash: bigint): boolean {
  if (bytes.length - at !== markBytes) return false
  const mark = encodeMark(hash)
  return mark.every((byte, index) => byte === bytes[at + index])
}

/** Whether `bytes` end with a mark of any record, behind `from`: what stands before it was on the
 *  device. */
export function endsWithMark(bytes: Uint8Array, from: number): boolean {
  const at = bytes.length - markBytes
  if (at <= from) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, markBytes)
  return view.getUint32(0, true) === markMagic && view.getUint32(4, true) === 0
}
