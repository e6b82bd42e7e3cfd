// Reads one log file: from its header, or from a place, to the first byte that is no record; and
// says what that byte means. A pure decision over bytes, in memory bounded by one record.
//
// At the first bad record, at offset o:
//   zeros to the end of the file                   the end: zeroed ahead, or truncated
//   o lies below a watermark, wherever that is     ERR_CORRUPT: the bytes were on the device
//   the next record links to the last group        only a watermark was lost: go on there
//   any right record behind, mode group or sync    ERR_CORRUPT: it was written after a sync
//   otherwise                                      torn: reported, to be set aside
// In mode os many groups are unsynced at once: past the watermark the first bad one tears off the
// rest.
import { VarveError } from '#base'
import type { Vfs, VfsFile } from '#vfs'
import {
  decodeEntryHeader,
  decodeFileHeader,
  fileHeaderBytesIn,
  endType,
  entryHeaderBytes,
  entrySpan,
  fileHeaderBytes,
  groupType,
  lsnEpochRows,
  recordHeaderBytes,
  viewOf,
} from './layout.ts'
import type { FileHeader, LogPlace } from './layout.ts'
import { isRecord, placeNamedBy, recordAt, surveyTail } from './record-scan.ts'
import type { FoundRecord, NoRecord, Tail } from './record-scan.ts'
import { RecordWindow } from './record-window.ts'

export interface LogEntry {
  readonly type: number
  readonly rowCount: number
  readonly lsnFirst: bigint
  /** A view, valid during the call. 8-byte aligned in the file, not in memory. */
  readonly bytes: Uint8Array
  /** Of `bytes` in the file. */
  readonly offset: number
}

export interface Damage {
  readonly file: string
  readonly offset: number
  readonly bytes: number
  readonly reason: string
  readonly expected: unknown
  readonly actual: unknown
}

export interface ReadLogOptions {
  readonly fileNumber: number
  readonly storeId: Uint8Array
  /** The hash of the place where the file before this one ends. */
  readonly expectedPreviousHash?: bigint
  /** Where the file ends by the manifest; it must be whole up to there, and what follows does not
   *  count. */
  readonly end?: Pick<LogPlace, 'offset'> & Partial<LogPlace>
  /** Go on from here. */
  readonly from?: LogPlace
  /** 'watermark': only entries known to be on the device, for readers in other processes. @default
   *  'all' */
  readonly upTo?: 'all' | 'watermark'
  /** Go on behind damage, and list it, instead of throwing. @default false */
  readonly isSalvage?: boolean
}

export interface LogSummary {
  readonly header: FileHeader
  /** After the last record that counts. */
  readonly endOffset: number
  /** After the last record found, whether it counts or not: there the next one will stand. */
  readonly nextOffset: number
  /** After the last group that counts: where to go on reading. */
  readonly written: LogPlace
  /** Up to here the file says that it is on the device: the highest watermark. */
  readonly synced: LogPlace
  /** Bytes at the end that are no record and may be set aside. */
  readonly torn: Damage | undefined
  /** Salvage: what was skipped. */
  readonly damage: readonly Damage[]
  /** The log was closed, and nothing follows. */
  readonly isCleanEnd: boolean
  /** Number of the newest manifest edit that a record knows to be durable; 0 where none does. */
  readonly manifestEdit: number
  /** The torn bytes may have been the last acknowledged group: nothing after it could tell. */
  readonly acknowledgementUnknown: boolean
}

/** Called with each whole record, a view valid during the call. */
type OnGroup = (record: FoundRecord) => void

/** How far reading has come. */
export interface LogProgress {
  /** Of the record that was read. */
  readonly bytes: number
  /** Rows below it are known to be on the device, by what was read so far or by the manifest. */
  readonly lsnEndSynced: bigint
}

/** Reading under way: it stands still after every record until asked to go on, and returns the
 *  summary. */
export type LogReading = Generator<LogProgress, LogSummary, void>

/**
 * Reads the log file at `path` and gives its entries in lsn order.
 * @throws {VarveError} ERR_CORRUPT {file, offset, expected, actual}; ERR_VERSION; ERR_NOT_FOUND;
 * ERR_IO
 */
export function readLog(
  vfs: Vfs,
  path: string,
  options: ReadLogOptions,
  onEntry: (entry: LogEntry) => void,
): LogSummary {
  return toItsEnd(readLogInSteps(vfs, path, options, onEntry))
}

/** The same in steps, for callers that have other things to do between groups. */
export function* readLogInSteps(
  vfs: Vfs,
  path: string,
  options: ReadLogOptions,
  onEntry: (entry: LogEntry) => void,
): LogReading {
  const file = vfs.open(path, 'read')
  try {
    const walk = new Walk(file, path, options, Number.MAX_SAFE_INTEGER)
    return yield* walk.run((record) => forEachEntry(path, record, onEntry))
  } finally {
    file.close()
  }
}

/** As readLog, but gives whole groups, and reads at most up to `limit`. */
export function readRecords(
  vfs: Vfs,
  path: string,
  options: ReadLogOptions,
  onGroup: OnGroup,
  limit: number = Number.MAX_SAFE_INTEGER,
): LogSummary {
  const file = vfs.open(path, 'read')
  try {
    return toItsEnd(new Walk(file, path, options, limit).run(onGroup))
  } finally {
    file.close()
  }
}

function toItsEnd(reading: LogReading): LogSummary {
  for (;;) {
    const next = reading.next()
    if (next.done === true) return next.value
  }
}

function corrupt(file: string, offset: number, bad: NoRecord): VarveError {
  const { reason, expected, actual } = bad
  return new VarveError('ERR_CORRUPT', `log: ${reason}`, { file, offset, expected, actual })
}

function forEachEntry(file: string, record: FoundRecord, onEntry: (entry: LogEntry) => void): void {
  const { bytes, header } = record
  const view = viewOf(bytes)
  const malformed = (at: number, expected: unknown, actual: unknown): VarveError =>
    corrupt(file, record.offset + at, {
      reason: 'the entries of a record do not fit',
      expected,
      actual,
    })
  let rowCount = 0
  let at = recordHeaderBytes
  while (at < bytes.length) {
    const left = bytes.length - at
    if (left < entryHeaderBytes) throw malformed(at, entryHeaderBytes, left)
    const entry = decodeEntryHeader(view, at)
    const span = entrySpan(entry.bytes)
    if (span > left) throw malformed(at, span, left)
    const first = at + entryHeaderBytes
    onEntry({
      type: entry.type,
      rowCount: entry.rowCount,
      lsnFirst: header.lsnFirst + BigInt(rowCount),
      bytes: bytes.subarray(first, first + entry.bytes),
      offset: record.offset + first,
    })
    rowCount += entry.rowCount
    at += span
  }
  if (rowCount !== header.rowCount) throw malformed(0, header.rowCount, rowCount)
}

/** One pass over one file. */
class Walk {
  readonly #path: string
  readonly #options: ReadLogOptions
  readonly #window: RecordWindow
  readonly #seed: bigint
  readonly #header: FileHeader
  readonly #damage: Damage[] = []
  #offset: number
  #written: LogPlace
  #synced: LogPlace
  #torn: Damage | undefined
  #endsClean = false
  #manifestEdit = 0
  /** After damage that was skipped the next record links to nothing known. */
  #isAdrift = false
  /** Up to 'watermark': where groups begin that no watermark has spoken of yet. */
  readonly #held: number[] = []

  constructor(file: VfsFile, path: string, options: ReadLogOptions, limit: number) {
    this.#path = path
    this.#options = options
    this.#seed = BigInt(options.fileNumber)
    const size = Math.min(file.size(), limit, options.end?.offset ?? limit)
    this.#window = new RecordWindow(file, size)
    this.#header = this.#readHeader()
    const { firstLsn, hash } = this.#header
    this.#written = options.from ?? { offset: fileHeaderBytes, lsnEnd: firstLsn, hash }
    this.#synced = this.#written
    this.#offset = this.#written.offset
    this.#checkStart(file.size())
  }

  #readHeader(): FileHeader {
    const { fileNumber, storeId, isSalvage } = this.#options
    const expected = { file: this.#path, fileNumber, storeId }
    try {
      return decodeFileHeader(this.#headerBytes(), expected)
    } catch (cause) {
      if (isSalvage !== true || !(cause instanceof VarveError) || cause.code !== 'ERR_CORRUPT') {
        throw cause
      }
      const { details } = cause
      this.#note(0, fileHeaderBytes, {
        reason: cause.message,
        expected: details['expected'],
        actual: details['actual'],
      })
      this.#isAdrift = true
      return {
        storeId,
        fileNumber,
        epoch: 2 ** 24 - 1,
        mode: 'group',
        firstLsn: 0n,
        previousHash: 0n,
        previousFileNumber: 0,
        createdAt: 0n,
        hash: 0n,
      }
    }
  }

  /** No more than the header: a live file may be truncated behind its records at any time. */
  #headerBytes(): Uint8Array {
    const isAhead = this.#options.from !== undefined
    const read = (count: number): Uint8Array | undefined =>
      isAhead ? this.#window.exactly(0, count) : this.#window.bytes(0, count)
    const least = read(fileHeaderBytes)
    if (least === undefined) return new Uint8Array(0)
    return read(fileHeaderBytesIn(least)) ?? least
  }

  #checkStart(bytesInFile: number): void {
    const { end, expectedPreviousHash, from } = this.#options
    const { previousHash } = this.#header
    if (expectedPreviousHash !== undefined && previousHash !== expectedPreviousHash) {
      this.#refuse(0, {
        reason: 'the file does not continue the one before',
        expected: expectedPreviousHash,
        actual: previousHash,
      })
    }
    const offsetMin = Math.max(end?.offset ?? 0, from?.offset ?? 0)
    if (bytesInFile < offsetMin) {
      this.#refuse(bytesInFile, {
        reason: 'the file is shorter than it was',
        expected: offsetMin,
        actual: bytesInFile,
      })
    }
  }

  *run(onGroup: OnGroup): LogReading {
    const isHeld = this.#options.upTo === 'watermark'
    for (;;) {
      const found = this.#next()
      if (!isRecord(found)) {
        if (this.#pass(found)) continue
        break
      }
      const { bytes } = found
      const spanBytes = bytes.length
      const isGroup = this.#take(found)
      if (!isHeld && isGroup) onGroup(found)
      else if (isHeld) this.#release(onGroup)
      const { lsnEnd } = this.#options.end === undefined ? this.#synced : this.#written
      yield { bytes: spanBytes, lsnEndSynced: lsnEnd }
    }
    this.#checkEnd()
    // A group that no watermark speaks of may never have reached the device.
    const counted = isHeld ? this.#synced : this.#written
    return {
      header: this.#header,
      endOffset: isHeld ? counted.offset : this.#offset,
      nextOffset: this.#offset,
      written: counted,
      synced: this.#synced,
      torn: this.#torn,
      damage: this.#damage,
      isCleanEnd: this.#endsClean && this.#torn === undefined,
      manifestEdit: this.#manifestEdit,
      acknowledgementUnknown: this.#torn !== undefined,
    }
  }

  #next(): FoundRecord | NoRecord {
    const found = recordAt(this.#window, this.#offset, this.#seed)
    return isRecord(found) ? (this.#misfit(found) ?? found) : found
  }

  /** Why the record does not continue what was read so far. */
  #misfit(record: FoundRecord): NoRecord | undefined {
    const { header } = record
    const { lsnEnd, hash } = this.#written
    if (this.#isAdrift && header.lsnFirst >= lsnEnd) return undefined
    if (header.previousHash !== hash) {
      const reason = 'a record does not follow the one before'
      return { reason, expected: hash, actual: header.previousHash }
    }
    const isNext = header.lsnFirst === lsnEnd
    const opensEpoch =
      header.type === groupType &&
      header.lsnFirst > lsnEnd &&
      header.lsnFirst % lsnEpochRows === 0n &&
      header.lsnFirst / lsnEpochRows <= BigInt(this.#header.epoch)
    if (isNext || opensEpoch) return undefined
    return { reason: 'an lsn is missing or repeated', expected: lsnEnd, actual: header.lsnFirst }
  }

  /** True for a group, false for a mark. */
  #take(record: FoundRecord): boolean {
    const { header, offset, bytes } = record
    if (this.#isAdrift) {
      this.#isAdrift = false
      this.#written = { offset, lsnEnd: header.lsnFirst, hash: header.previousHash }
    }
    this.#offset = offset + bytes.length
    this.#endsClean = header.type === endType
    this.#manifestEdit = Math.max(this.#manifestEdit, header.manifestEdit)
    const named = placeNamedBy(record)
    if (named === undefined) {
      const lsnEnd = header.lsnFirst + BigInt(header.rowCount)
      this.#written = { offset: this.#offset, lsnEnd, hash: header.hash }
      if (this.#options.upTo === 'watermark') this.#held.push(offset)
      return true
    }
    if (named.offset > this.#synced.offset) this.#synced = named
    return false
  }

  /** Gives the groups that are known to be on the device now. Most often that is the one before,
   *  which the window still has; it is looked at again rather than kept: in mode os there may be
   *  many. */
  #release(onGroup: OnGroup): void {
    const { offset: syncedOffset } = this.#synced
    let count = 0
    for (; count < this.#held.length && this.#held[count]! < syncedOffset; count += 1) {
      const offset = this.#held[count]!
      const found = recordAt(this.#window, offset, this.#seed)
      if (!isRecord(found)) throw corrupt(this.#path, offset, found)
      onGroup(found)
    }
    this.#held.splice(0, count)
  }

  /** Decides what the bytes at the place mean; true where reading goes on. */
  #pass(bad: NoRecord): boolean {
    const offset = this.#offset
    const tail = surveyTail(this.#window, offset, this.#seed)
    if (tail.nonZeroEnd <= offset && offset >= (this.#options.end?.offset ?? 0)) return false
    const syncedOffset = Math.max(
      this.#synced.offset,
      tail.syncedOffset,
      this.#options.end?.offset ?? 0,
    )
    const isSynced = offset < syncedOffset
    if (!isSynced && this.#continuesAt(tail.firstOffset)) return true
    const hasLater = tail.firstOffset !== undefined && this.#header.mode !== 'os'
    if (!isSynced && !hasLater && !tail.isHostile && !this.#isAdrift) {
      this.#torn = this.#damageAt(offset, tail.nonZeroEnd, bad)
      return false
    }
    // A reader that follows the writer may have read these bytes before they were written.
    this.#window.forget()
    if (isRecord(this.#next())) return true
    return this.#skip(tail, bad)
  }

  /** Whether the record at `offset` follows the last group: then between them only a watermark was
   *  lost. */
  #continuesAt(offset: number | undefined): boolean {
    if (offset === undefined || offset === this.#offset || this.#isAdrift) return false
    const found = recordAt(this.#window, offset, this.#seed)
    if (!isRecord(found) || this.#misfit(found) !== undefined) return false
    this.#offset = offset
    return true
  }

  /** Salvage: behind the damage, to the next right record with later rows. */
  #skip(tail: Tail, bad: NoRecord): boolean {
    const from = this.#offset
    if (this.#options.isSalvage !== true) throw corrupt(this.#path, from, bad)
    this.#isAdrift = true
    let next = tail.firstOffset === from ? undefined : tail.firstOffset
    if (tail.firstOffset === from) {
      next = surveyTail(this.#window, from + 8, this.#seed).firstOffset
    }
    this.#note(from, (next ?? tail.nonZeroEnd) - from, bad)
    this.#offset = next ?? tail.nonZeroEnd
    return next !== undefined
  }

  #checkEnd(): void {
    const { end } = this.#options
    if (end === undefined) return
    const isThere =
      this.#written.offset === end.offset &&
      (end.lsnEnd === undefined || end.lsnEnd === this.#written.lsnEnd) &&
      (end.hash === undefined || end.hash === this.#written.hash)
    if (isThere) return
    this.#refuse(this.#offset, {
      reason: 'the file does not end where the manifest says',
      expected: end,
      actual: this.#written,
    })
  }

  #refuse(offset: number, bad: NoRecord): void {
    if (this.#options.isSalvage !== true) throw corrupt(this.#path, offset, bad)
    this.#note(offset, 0, bad)
  }

  #damageAt(offset: number, end: number, bad: NoRecord): Damage {
    const { reason, expected, actual } = bad
    return { file: this.#path, offset, bytes: end - offset, reason, expected, actual }
  }

  #note(offset: number, bytes: number, bad: NoRecord): void {
    this.#damage.push(this.#damageAt(offset, offset + bytes, bad))
  }
}
