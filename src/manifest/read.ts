// A manifest file's bytes -> its history. Decides what is torn and what is damage.
//
// An edit is believed only once it is synced, so a bad record with no valid one after it is the
// torn last write of an edit nobody was told of: it is left out and reported. A bad record with a
// valid one, or a mark, after it is damage.
import { VarveError } from '#base'
import { hash64 } from '#kernel'
import { decodeChanges } from './edit.ts'
import { applyToHistory, emptyHistory, type History } from './history.ts'
import { decodeHeader, endsWithMark, isMarkAt, recordAt, recordEndAt } from './layout.ts'
import type { ManifestHeader, Place } from './layout.ts'

/** How far a file was read: everything needed to read on from there. */
export interface ReadPlace {
  readonly offset: number
  /** Hash of the record (or header) that ends there. */
  readonly hash: bigint
}

export interface TornTail {
  readonly offset: number
  /** A copy. */
  readonly bytes: Uint8Array
}

export interface ReadManifest {
  readonly header: ManifestHeader
  readonly history: History
  readonly end: ReadPlace
  readonly torn: TornTail | undefined
  /** The last record is known to be on the device. */
  readonly isMarked: boolean
}

/** Bytes hashed in the search for a valid record, per byte searched: more is needed only where
 *  somebody made it so. */
const searchWorkMax = 64

/** Where a valid record starts at or after `from`; undefined where none does. */
function findRecord(
  bytes: Uint8Array,
  from: number,
  fileNumber: number,
  place: Place,
): number | undefined {
  let work = (bytes.length - from) * searchWorkMax
  for (let at = from; at < bytes.length; at += 8) {
    const end = recordEndAt(bytes, at)
    if (end === undefined) continue
    if (recordAt(bytes, at, fileNumber) !== undefined) return at
    work -= end - at
    if (work < 0) {
      const message = 'the manifest is damaged: what follows cannot be told from records'
      throw new VarveError('ERR_CORRUPT', message, { ...place, at: from })
    }
  }
  return undefined
}

/** Applies the records of `bytes` from `from` on; `bytes` starts at `baseOffset` of the file.
 *  @throws {VarveError} ERR_CORRUPT with the place; ERR_VERSION for a change of a newer format. */
export function readRecords(
  bytes: Uint8Array,
  baseOffset: number,
  fileNumber: number,
  start: { readonly history: History; readonly end: ReadPlace },
  place: Place,
): Omit<ReadManifest, 'header'> {
  let { history } = start
  let at = start.end.offset - baseOffset
  let { hash } = start.end
  let isMarked = false
  while (at < bytes.length) {
    isMarked = isMarkAt(bytes, at, hash)
    if (isMarked) break
    const here = { ...place, at: baseOffset + at }
    const record = recordAt(bytes, at, fileNumber)
    if (record === undefined) {
      const next = findRecord(bytes, at + 8, fileNumber, place)
      if (next === undefined && !endsWithMark(bytes, at)) break
      const details = next === undefined ? here : { ...here, validRecordAt: baseOffset + next }
      throw new VarveError('ERR_CORRUPT', 'a record of the manifest is damaged', details)
    }
    if (record.previous !== hash) {
      const details = { ...here, expected: hash, actual: record.previous }
      throw new VarveError('ERR_CORRUPT', 'a record does not follow the one before it', details)
    }
    const changes = decodeChanges(record.payload, here)
    history = applyToHistory(history, changes, { editNumber: record.editNumber, place: here })
    ;({ hash } = record)
    at = record.end
  }
  const end = { offset: baseOffset + at, hash }
  const isTorn = at < bytes.length && !isMarked
  const torn = isTorn ? { offset: end.offset, bytes: bytes.slice(at) } : undefined
  return { history, end, torn, isMarked }
}

/** Reads a whole file. `fileNumber` is the one its name says.
 *  @throws {VarveError} ERR_CORRUPT, ERR_VERSION. */
export function readManifest(bytes: Uint8Array, fileNumber: number, place: Place): ReadManifest {
  const header = decodeHeader(bytes, place)
  if (header.fileNumber !== fileNumber) {
    const details = { ...place, expected: fileNumber, actual: header.fileNumber }
    throw new VarveError('ERR_CORRUPT', 'a manifest under the name of another', details)
  }
  const start = { history: emptyHistory, end: { offset: header.bytes, hash: header.hash } }
  const read = readRecords(bytes, 0, fileNumber, start, place)
  if (read.end.offset < header.bornBytes) {
    const message = 'the manifest is damaged in the part that was whole when it came into use'
    const details = { ...place, at: read.end.offset, bytes: bytes.length }
    throw new VarveError('ERR_CORRUPT', message, { ...details, bornBytes: header.bornBytes })
  }
  const { storeId } = read.history.state
  if (hash64(storeId) !== hash64(header.storeId)) {
    const message = 'the manifest does not hold the store its header names'
    throw new VarveError('ERR_CORRUPT', message, { ...place, at: read.end.offset })
  }
  return { header, ...read }
}
