// One log file that is being written: where it ends, how far it is known to be on the device, and
// its two handles.
//
// Two, because each descriptor is told of each failed write-back by itself: when datasyncSync on
// the second one succeeds, everything written before is on the device, whatever the sync in flight
// on the first will say.
//
// Who calls decides when a failure poisons the file; after one nothing but `retire` may be called.
import { dirname } from 'node:path'
import { assert } from '#base'
import type { Logger } from '#base'
import type { Vfs, VfsFile } from '#vfs'
import {
  encodeFileHeader,
  encodePlace,
  fileHeaderBytes,
  groupType,
  markBytes,
  recordHeaderBytes,
  sealRecord,
  viewOf,
  watermarkType,
} from './layout.ts'
import type { FileHeader, LogPlace } from './layout.ts'
import type { LogEnvironment, PreviousLog } from './options.ts'

/** Records below this many bytes go where zeros were written before: the sync then has no size to
 *  record, and takes half the time. For larger ones it would only double what is written. */
const zeroedRecordBytesMax = 64 * 1024
/** Syncs that may be under way at once on one file: more pile up only in a loop that never yields.
 *  */
const syncsMax = 256

export class LogFile {
  readonly path: string
  readonly number: number
  readonly #first: VfsFile
  readonly #second: VfsFile
  readonly #seed: bigint
  readonly #logger: Logger
  readonly #zeroBytes: number
  /** After the last group, and after it with the watermarks. */
  #written: LogPlace
  #end = fileHeaderBytes
  #synced: LogPlace
  #zeroedEnd = fileHeaderBytes
  #syncsPending = 0
  #isRetired = false
  #onSettled: (() => void)[] = []

  private constructor(
    path: string,
    header: FileHeader,
    handles: readonly [VfsFile, VfsFile],
    logger: Logger,
    zeroBytes: number,
  ) {
    this.path = path
    this.#zeroBytes = zeroBytes
    this.number = header.fileNumber
    this.#seed = BigInt(header.fileNumber)
    this.#first = handles[0]
    this.#second = handles[1]
    this.#logger = logger
    this.#written = { offset: fileHeaderBytes, lsnEnd: header.firstLsn, hash: header.hash }
    this.#synced = this.#written
  }

  /** A new file with its header, unsynced; `zeroBytes`: see LogOptions. @throws {VarveError}
   *  ERR_EXISTS, ERR_IO, ERR_DISK_FULL */
  static create(
    env: Pick<LogEnvironment, 'vfs' | 'logger'>,
    path: string,
    header: Omit<FileHeader, 'hash'>,
    zeroBytes: number,
  ): LogFile {
    const { vfs, logger } = env
    const { bytes, hash } = encodeFileHeader(header)
    const first = vfs.open(path, 'create')
    let second: VfsFile | undefined
    try {
      first.write(bytes, 0)
      second = vfs.open(path, 'write')
      return new LogFile(path, { ...header, hash }, [first, second], logger, zeroBytes)
    } catch (cause) {
      first.close()
      second?.close()
      throw cause
    }
  }

  /** Bytes in use. */
  get end(): number {
    return this.#end
  }
  /** After the last group written. */
  get written(): LogPlace {
    return this.#written
  }
  /** After the last group known to be on the device. */
  get synced(): LogPlace {
    return this.#synced
  }
  /** As recovery would see it now. */
  asPrevious(): PreviousLog {
    const { number, path, synced, written } = this
    return { number, path, synced, endOffset: written.offset }
  }
  get canSyncAsync(): boolean {
    return this.#syncsPending < syncsMax
  }

  /** Writes a record of `rowCount` rows that begin at `lsnFirst`: the next lsn, or the first of a
   *  later epoch. `record` has room for its header in front. Returns the place after it. */
  writeGroup(
    record: Uint8Array,
    view: DataView,
    rowCount: number,
    lsnFirst: bigint,
    manifestEdit: number,
  ): LogPlace {
    assert(record.length % 8 === 0, 'log: a record is a multiple of 8 bytes')
    assert(lsnFirst >= this.#written.lsnEnd, 'log: lsns only rise')
    const offset = this.#end
    this.#zeroAhead(record.length)
    const hash = sealRecord(record, view, this.#seed, {
      type: groupType,
      rowCount,
      lsnFirst,
      previousHash: this.#written.hash,
      manifestEdit,
    })
    this.#first.write(record, offset)
    this.#end = offset + record.length
    this.#written = { offset: this.#end, lsnEnd: lsnFirst + BigInt(rowCount), hash }
    return this.#written
  }

  #zeroAhead(bytes: number): void {
    if (this.#zeroedEnd < this.#end) this.#zeroedEnd = this.#end
    if (bytes >= zeroedRecordBytesMax || this.#end + bytes <= this.#zeroedEnd) return
    this.#first.write(new Uint8Array(this.#zeroBytes), this.#zeroedEnd)
    this.#zeroedEnd += this.#zeroBytes
  }

  /** Says in the file, unsynced, what is synced; or, with endType, that it ends here. */
  writeMark(manifestEdit: number, type: number = watermarkType): void {
    const bytes = new Uint8Array(markBytes)
    const view = viewOf(bytes)
    encodePlace(view, recordHeaderBytes, this.#synced)
    sealRecord(bytes, view, this.#seed, {
      type,
      rowCount: 0,
      lsnFirst: this.#written.lsnEnd,
      previousHash: this.#written.hash,
      manifestEdit,
    })
    this.#first.write(bytes, this.#end)
    this.#end += markBytes
  }

  /** Everything up to `place` is on the device. */
  confirm(place: LogPlace): void {
    assert(place.offset >= this.#synced.offset, 'log: what is synced stays synced')
    this.#synced = place
  }

  /** Starts a sync of what was written; `onDone` gets its failure, later, never in this call. */
  syncAsync(onDone: (failure: unknown) => void): void {
    assert(!this.#isRetired, 'log: a retired file is not synced')
    this.#syncsPending += 1
    this.#first.datasync().then(
      () => this.#settle(onDone, undefined),
      (cause: unknown) => this.#settle(onDone, cause),
    )
  }

  #settle(onDone: (failure: unknown) => void, failure: unknown): void {
    this.#syncsPending -= 1
    if (this.#isRetired && this.#syncsPending === 0) this.#close()
    onDone(failure)
  }

  /** Syncs what was written, on the handle that no sync in flight can have told its failure to. */
  syncNow(): void {
    this.#second.datasyncSync()
  }

  /** Makes the names in the file's directory durable. */
  static syncName(vfs: Vfs, path: string): void {
    vfs.syncDirectory(dirname(path))
  }

  /** Gives back what was zeroed ahead. */
  truncateToEnd(): void {
    this.#first.truncate(this.#end)
  }

  /** Never to be written or synced again. Its handles close when no sync is under way: a number
   *  handed out again while the thread pool still holds it would sync another file. */
  retire(): void {
    if (this.#isRetired) return
    this.#isRetired = true
    if (this.#syncsPending === 0) this.#close()
  }

  /** Resolves when the handles of a retired file are closed. */
  settled(): Promise<void> {
    if (this.#syncsPending === 0) return Promise.resolve()
    return new Promise((resolve) => this.#onSettled.push(resolve))
  }

  #close(): void {
    for (const handle of [this.#first, this.#second]) {
      try {
        handle.close()
      } catch (error) {
        this.#logger.warn({ file: this.path, error }, 'a log file did not close')
      }
    }
    for (const resolve of this.#onSettled) resolve()
    this.#onSettled = []
  }
}
