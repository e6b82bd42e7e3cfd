// Is there a record at this byte, and is there any behind it? Believes nothing but hashes.
import { limits } from '#base'
import { hash64 } from '#kernel'
import {
  decodePlace,
  decodeRecordHeader,
  endType,
  groupType,
  markBytes,
  peekPayloadBytes,
  recordHeaderBytes,
  recordMagic,
  viewOf,
  watermarkType,
} from './layout.ts'
import type { LogPlace, RecordHeader } from './layout.ts'
import type { RecordWindow } from './record-window.ts'

export interface FoundRecord {
  readonly offset: number
  readonly header: RecordHeader
  /** The whole record. A view into the window. */
  readonly bytes: Uint8Array
}

/** Why there is none. */
export interface NoRecord {
  readonly reason: string
  readonly expected: unknown
  readonly actual: unknown
  /** What it cost to find out. */
  readonly hashedBytes?: number
}

function no(reason: string, expected: unknown, actual: unknown): NoRecord {
  return { reason, expected, actual }
}

/** The record at `offset`: right in form and hash. Whether it continues the one before is the
 *  caller's to check. */
export function recordAt(
  window: RecordWindow,
  offset: number,
  seed: bigint,
): FoundRecord | NoRecord {
  const head = window.bytes(offset, recordHeaderBytes)
  if (head === undefined) {
    return no('the file ends inside a record header', recordHeaderBytes, window.size - offset)
  }
  const view = viewOf(head)
  const magic = view.getUint32(8, true)
  if (magic !== recordMagic) return no('no record begins here', recordMagic, magic)
  const payloadBytes = peekPayloadBytes(view, 0)
  if (payloadBytes < 0) return no('a length is no multiple of 8', 0, view.getUint32(12, true) % 8)
  const span = recordHeaderBytes + payloadBytes
  if (span > limits.logRecordBytesMax) {
    return no('a record is longer than records are', limits.logRecordBytesMax, span)
  }
  const bytes = window.bytes(offset, span)
  if (bytes === undefined) return no('the file ends inside a record', span, window.size - offset)
  const header = decodeRecordHeader(viewOf(bytes))
  const computed = hash64(bytes.subarray(8), seed)
  if (computed !== header.hash) {
    const differs = no('the hash of a record differs', header.hash, computed)
    return { ...differs, hashedBytes: bytes.length }
  }
  const isMark = header.type === watermarkType || header.type === endType
  if ((!isMark && header.type !== groupType) || header.flags !== 0) {
    return no('the type of a record is not known', '1, 2 or 3', header.type)
  }
  if (isMark && span !== markBytes) return no('a mark has the wrong length', markBytes, span)
  if (isMark && decodePlace(viewOf(bytes), recordHeaderBytes).offset > offset) {
    return no('a watermark names a place behind itself', offset, span)
  }
  return { offset, header, bytes }
}

export function isRecord(found: FoundRecord | NoRecord): found is FoundRecord {
  return 'header' in found
}

/** What a watermark or an end says; undefined for a group. */
export function placeNamedBy(record: FoundRecord): LogPlace | undefined {
  if (record.header.type === groupType) return undefined
  return decodePlace(viewOf(record.bytes), recordHeaderBytes)
}

export interface Tail {
  /** After the last byte that is not zero. */
  readonly nonZeroEnd: number
  /** The first record that is right in form and hash. */
  readonly firstOffset: number | undefined
  /** The highest synced offset that a watermark names. */
  readonly syncedOffset: number
  /** There were so many false beginnings that looking was given up: no writer leaves such bytes
   *  behind. */
  readonly isHostile: boolean
}

/** Reading and hashing false beginnings may cost this much, and as many times the tail. */
const falseBytesMin = 16 << 20
const falseTimesMax = 4
const falseBytesEach = 4096
const stepBytes = 1 << 20

/** Looks at everything from `from` (8-byte aligned) to the end of the file. Time and memory are
 *  bounded by its size. */
export function surveyTail(window: RecordWindow, from: number, seed: bigint): Tail {
  const nonZeroEnd = endOfNonZero(window, from)
  let falseBytes = falseBytesMin + falseTimesMax * (nonZeroEnd - from)
  let firstOffset: number | undefined
  let syncedOffset = 0
  let offset = nextMagic(window, from, nonZeroEnd)
  while (offset < nonZeroEnd) {
    const found = recordAt(window, offset, seed)
    if (isRecord(found)) {
      firstOffset ??= offset
      syncedOffset = Math.max(syncedOffset, placeNamedBy(found)?.offset ?? 0)
      offset += found.bytes.length
    } else {
      falseBytes -= falseBytesEach + (found.hashedBytes ?? 0)
      if (falseBytes < 0) return { nonZeroEnd, firstOffset, syncedOffset, isHostile: true }
      offset += 8
    }
    offset = nextMagic(window, offset, nonZeroEnd)
  }
  return { nonZeroEnd, firstOffset, syncedOffset, isHostile: false }
}

/** After the last byte from `from` on that is not zero; `from` where all are. */
function endOfNonZero(window: RecordWindow, from: number): number {
  let end = from
  for (let offset = from; offset < window.size; offset += stepBytes) {
    const piece = window.bytes(offset, Math.min(stepBytes, window.size - offset))
    if (piece === undefined) return end // the file was cut while it was read
    let index = piece.length
    while (index > 0 && !piece[index - 1]) index -= 1
    if (index > 0) end = offset + index
  }
  return end
}

/** The first 8-byte step from `from` on with a record's magic in its place; `end` where there is
 *  none. */
function nextMagic(window: RecordWindow, from: number, end: number): number {
  let offset = from
  while (offset + recordHeaderBytes <= end) {
    const piece = window.bytes(offset, Math.min(stepBytes, end - offset))
    if (piece === undefined) return end
    const view = viewOf(piece)
    const atEnd = piece.length - 12
    for (let at = 0; at <= atEnd; at += 8) {
      if (view.getUint32(at + 8, true) === recordMagic) return offset + at
    }
    offset += Math.floor(atEnd / 8) * 8 + 8
  }
  return end
}
