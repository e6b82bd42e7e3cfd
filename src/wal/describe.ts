// A log file in words, byte by byte, for people: nothing here decides anything.
import { hexOf } from '#base'
import { hash64 } from '#kernel'
import {
  decodeEntryHeader,
  decodePlace,
  decodeRecordHeader,
  endType,
  entryHeaderBytes,
  entrySpan,
  fileHeaderBytes,
  groupType,
  peekPayloadBytes,
  recordHeaderBytes,
  viewOf,
  watermarkType,
} from './layout.ts'

/** Bytes [offset, offset + bytes) and what they say. Words follow each other without a gap. */
export interface LogWord {
  readonly offset: number
  readonly bytes: number
  readonly meaning: string
}

const typeNames = new Map([
  [groupType, 'group'],
  [watermarkType, 'watermark'],
  [endType, 'end'],
])

/** What each byte of a log file means. Total: bytes that are no record are one word that says so.
 *  */
export function describeLog(bytes: Uint8Array): LogWord[] {
  const words: LogWord[] = []
  let offset = 0
  const say = (count: number, meaning: string): void => {
    if (count > 0) words.push({ offset, bytes: count, meaning })
    offset += count
  }
  if (bytes.length < fileHeaderBytes) {
    say(bytes.length, 'too short for a header')
    return words
  }
  const seed = describeHeader(bytes, say)
  while (offset + recordHeaderBytes <= bytes.length) {
    const payloadBytes = peekPayloadBytes(viewOf(bytes), offset)
    const end = offset + recordHeaderBytes + payloadBytes
    if (payloadBytes < 0 || end > bytes.length) break
    describeRecord(bytes.subarray(offset, end), seed, say)
  }
  const rest = bytes.subarray(offset)
  say(rest.length, rest.every((byte) => byte === 0) ? 'zeros: the end' : 'no record')
  return words
}

type Say = (count: number, meaning: string) => void

function describeHeader(bytes: Uint8Array, say: Say): bigint {
  const view = viewOf(bytes)
  const fileNumber = view.getBigUint64(40, true)
  const hash = hash64(bytes.subarray(0, fileHeaderBytes - 8), fileNumber)
  say(4, 'magic "VWAL"')
  say(2, `formatVersion: ${view.getUint16(4, true)}`)
  say(2, `headerBytes: ${view.getUint16(6, true)}`)
  say(8, `requiredFeatures: ${view.getBigUint64(8, true)}`)
  say(8, `optionalFeatures: ${view.getBigUint64(16, true)}`)
  say(16, `storeId: ${hexOf(bytes.subarray(24, 40))}`)
  say(8, `fileNumber: ${fileNumber}`)
  say(4, `epoch: ${view.getUint32(48, true)}`)
  say(1, `mode: ${['?', 'group', 'sync', 'os'][view.getUint8(52)] ?? '?'}`)
  say(3, 'zero')
  say(8, `firstLsn: ${lsnText(view.getBigUint64(56, true))}`)
  say(8, `previousHash: ${hex64(view.getBigUint64(64, true))}`)
  say(8, `previousFileNumber: ${view.getBigUint64(72, true)}`)
  say(8, `createdAt: ${view.getBigInt64(80, true)} ns`)
  say(8, `hash: ${rightOrNot(view.getBigUint64(88, true), hash)}`)
  return fileNumber
}

function describeRecord(record: Uint8Array, seed: bigint, say: Say): void {
  const view = viewOf(record)
  const header = decodeRecordHeader(view)
  say(8, `hash: ${rightOrNot(header.hash, hash64(record.subarray(8), seed))}`)
  say(4, 'magic "VREC"')
  say(4, `payloadBytes: ${header.payloadBytes}`)
  say(1, `type: ${typeNames.get(header.type) ?? `${header.type}?`}`)
  say(3, `flags, zero: ${header.flags}`)
  say(4, `rowCount: ${header.rowCount}`)
  say(8, `lsnFirst: ${lsnText(header.lsnFirst)}`)
  say(8, `previousHash: ${hex64(header.previousHash)}`)
  say(8, `manifestEdit: ${header.manifestEdit}`)
  if (header.type === groupType) describeEntries(record, view, say)
  else if (header.payloadBytes === 24) describePlace(view, say)
  else say(header.payloadBytes, 'payload')
}

function describePlace(view: DataView, say: Say): void {
  const place = decodePlace(view, recordHeaderBytes)
  say(8, `syncedOffset: ${place.offset}`)
  say(8, `syncedLsnEnd: ${lsnText(place.lsnEnd)}`)
  say(8, `syncedHash: ${hex64(place.hash)}`)
}

function describeEntries(record: Uint8Array, view: DataView, say: Say): void {
  let at = recordHeaderBytes
  while (at + entryHeaderBytes <= record.length) {
    const entry = decodeEntryHeader(view, at)
    const span = entrySpan(entry.bytes)
    if (at + span > record.length) break
    say(4, `entry bytes: ${entry.bytes}`)
    say(4, `entry type: ${entry.type}`)
    say(4, `entry rowCount: ${entry.rowCount}`)
    say(4, 'zero')
    say(entry.bytes, 'entry')
    say(span - entryHeaderBytes - entry.bytes, 'padding')
    at += span
  }
  say(record.length - at, 'no entry')
}

function lsnText(lsn: bigint): string {
  return `${lsn} (epoch ${lsn >> 40n}, row ${lsn & ((1n << 40n) - 1n)})`
}

function hex64(value: bigint): string {
  return value.toString(16).padStart(16, '0')
}

function rightOrNot(stored: bigint, computed: bigint): string {
  return `${hex64(stored)} ${stored === computed ? 'right' : 'WRONG'}`
}
