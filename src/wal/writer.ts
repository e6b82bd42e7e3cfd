// The log writer: rows are staged in memory, written as records, and known to be durable when a
// sync says so.
//
// Mode group. At most one group on disk is unsynced at any time, so that what follows a bad group
// is proof of damage:
//
//          staged, idle: end of the turn          sync resolves
//   IDLE ---------------------------------> FLIGHT -------------> durable, watermark, IDLE or next
//          write group, start async sync      |
//                                             | groupDelayMs or groupBytesMax passed inside append
//                                             v
//                         sync on the second handle, watermark, next group
//
// A loop that never yields gets no callback, so the bound is kept inside append. If the loop did
// turn meanwhile, the sync in flight would have told of its end: then waiting here would help
// nobody and append only asks again later.
//
// A failed write or sync poisons the file: never written or synced again. See switchFile: what is
// not known to be durable is written to a new file with the same lsns, synced, and named by the
// manifest; then the log is open again.
import { VarveError, assert } from '#base'
import type { Timer } from '#base'
import { FileChain } from './file-chain.ts'
import type { Flight } from './flight.ts'
import { GroupBuffer } from './group-buffer.ts'
import type { Reservation } from './group-buffer.ts'
import { endType, lsnEpochRows, recordHeaderBytes } from './layout.ts'
import type { LogPlace } from './layout.ts'
import type { LogFile } from './log-file.ts'
import { diskFull, notYetDurable, outcomeUnknown, refusal } from './failure.ts'
import { resolveOptions } from './options.ts'
import type { FileEnd, LogEnvironment, LogOptions, LogSpace, ResolvedOptions } from './options.ts'
import { Waiters } from './waiters.ts'

const backOffMsFirst = 50
const backOffMsMax = 2000
/** Mode os: how long rows may stay in the page cache alone. */
const osSyncMs = 1000

const done: Promise<void> = Promise.resolve()

export class LogWriter {
  readonly #env: LogEnvironment
  readonly #options: ResolvedOptions
  readonly #space: LogSpace
  readonly #epochFirstLsn: bigint
  readonly #chain: FileChain
  readonly #waiters = new Waiters()
  /** Retired files with a sync still under way. */
  readonly #unsettled = new Set<LogFile>()
  #file: LogFile
  #state: 'open' | 'poisoned' | 'closed' = 'open'
  #closing: Promise<void> | undefined
  #isClosing = false
  #lost: VarveError | undefined

  #staging = new GroupBuffer()
  #spare: GroupBuffer | undefined
  #flight: Flight | undefined
  /** Rows of this epoch that have an lsn, staged ones too; and those known to be durable. */
  #rows = 0
  #durableRows = 0

  #isAtomic = false
  #markLength = recordHeaderBytes
  #markRows = 0

  #pressAtMs = 0
  #isTurnAsked = false
  #hasTurned = false

  #error: unknown
  #prepared: LogFile | undefined
  #backOffMs = backOffMsFirst
  #healAtMs = 0
  #healTimer: Timer | undefined
  #osTimer: Timer | undefined
  #osSyncing: LogFile | undefined

  constructor(env: LogEnvironment, options: LogOptions) {
    this.#env = env
    this.#options = resolveOptions(options)
    this.#space = this.#options.space
    assert(options.epoch > 0 && options.epoch < 2 ** 24, 'log: epochs are 1 to 2^24 - 1')
    this.#epochFirstLsn = BigInt(options.epoch) * lsnEpochRows
    this.#chain = new FileChain(env, this.#options)
    this.#file = this.#chain.first(this.#epochFirstLsn)
  }

  get state(): 'open' | 'poisoned' | 'closed' {
    return this.#state
  }
  /** The next row's lsn. */
  get lsnEnd(): bigint {
    return this.lsnOf(this.#rows)
  }
  /** Every row below this lsn (exclusive end) is on the device. In mode os acks run ahead of it. */
  get durableLsnEnd(): bigint {
    return this.lsnOf(this.#durableRows)
  }
  /** Bytes in use in the newest file. */
  get bytes(): number {
    return this.#file.end
  }
  get fileNumber(): number {
    return this.#file.number
  }
  /** How far the newest file is known to be on the device. */
  get synced(): LogPlace {
    return this.#file.synced
  }
  /** Bytes staged or written that are not known to be on the device. */
  get unsyncedBytes(): number {
    if (this.#options.mode === 'os') return this.#file.written.offset - this.#file.synced.offset
    return (this.#flight?.buffer.length ?? 0) + (this.#staging.length - recordHeaderBytes)
  }

  /** The lsn of a row of this epoch, which begins at 0. */
  lsnOf(rows: number): bigint {
    return this.#epochFirstLsn + BigInt(rows)
  }

  /**
   * Begins an append: what is committed until endAtomic gets neighbouring lsns in one record. No
   * yielding between.
   * @throws {VarveError} ERR_CLOSED; ERR_IO, ERR_DISK_FULL (retryable) while the file is poisoned;
   * ERR_DISK_FULL while there is hardly room left
   */
  beginAtomic(): void {
    assert(!this.#isAtomic, 'log: an append is being staged already')
    if (this.#state !== 'open' || this.#isClosing || this.#space.isFull) this.#admit()
    this.#markLength = this.#staging.length
    this.#markRows = this.#staging.rowCount
    this.#isAtomic = true
  }

  #admit(): void {
    if (this.#isClosing) throw new VarveError('ERR_CLOSED', 'the log is closed')
    this.#healIfDue()
    if (this.#state !== 'open') throw refusal(this.#file.path, this.#error)
    if (this.#space.lookAgain()) throw diskFull(this.#file.path)
  }

  /** Room for `bytes` bytes of an entry, to be filled in place. @throws {VarveError} ERR_ARGUMENT:
   *  append too large */
  reserve(bytes: number): Reservation {
    assert(this.#isAtomic, 'log: reserve outside of an append')
    return this.#staging.reserve(bytes, this.#markLength)
  }

  /** The reserved bytes (the first `used` of them) are an entry of `rowCount` rows, at least 1. */
  commitEntry(type: number, rowCount: number, used: number): void {
    assert(this.#isAtomic && rowCount > 0, 'log: an entry has rows and belongs to an append')
    this.#staging.commit(type, rowCount, used)
  }

  /** Drops what was staged since beginAtomic. Allowed at any time. */
  abandon(): void {
    if (!this.#isAtomic) return
    this.#isAtomic = false
    this.#staging.rewind(this.#markLength, this.#markRows)
  }

  /**
   * Ends the append; gives the number of rows of this epoch, its own included, see lsnOf. Mode
   * sync: they are on the device; os: the operating system has them.
   * @throws {VarveError} ERR_IO, ERR_DISK_FULL in modes sync and os: nothing of it was taken
   */
  endAtomic(): number {
    assert(this.#isAtomic, 'log: no append to end')
    this.#isAtomic = false
    const rowFirst = this.#rows
    this.#rows = rowFirst + this.#staging.rowCount - this.#markRows
    if (this.#rows > rowFirst) {
      if (this.#options.mode === 'group') this.#pace()
      else this.#writeThrough(rowFirst)
    }
    return this.#rows
  }

  // ---- mode group

  #pace(): void {
    const now = this.#env.clock.monotonicMs()
    if (this.#markLength === recordHeaderBytes) {
      this.#pressAtMs = now + this.#options.groupDelayMs
      this.#askTurn()
    }
    if (this.#staging.length >= this.#options.groupBytesMax) this.#press(true, now)
    else if (now >= this.#pressAtMs) this.#press(false, now)
  }

  #askTurn(): void {
    this.#hasTurned = false
    if (this.#isTurnAsked) return
    this.#isTurnAsked = true
    this.#env.scheduler.soon(() => {
      this.#isTurnAsked = false
      this.#hasTurned = true
      this.#commitIfIdle()
    })
  }

  #press(isFull: boolean, now: number): void {
    if (this.#flight === undefined) return this.#commitIfIdle()
    if (!isFull && this.#hasTurned) {
      this.#pressAtMs = now + this.#options.groupDelayMs
      return this.#askTurn()
    }
    this.#confirmNow()
    this.#commitIfIdle()
  }

  /** Writes what is staged and starts its sync, if nothing is under way. */
  #commitIfIdle(): void {
    if (this.#state !== 'open' || this.#flight !== undefined || this.#staging.isEmpty) return
    assert(!this.#isAtomic, 'log: the caller yielded inside an append')
    const buffer = this.#staging
    const file = this.#file
    const flight: Flight = {
      buffer,
      file,
      rowEnd: this.#rows,
      place: undefined,
      isSyncing: false,
    }
    this.#staging = this.#spare ?? new GroupBuffer()
    this.#spare = undefined
    this.#flight = flight
    this.#guard(() => {
      flight.place = this.#write(file, buffer, flight.rowEnd)
      this.#startSync(flight)
    })
  }

  #write(file: LogFile, buffer: GroupBuffer, rowEnd: number): LogPlace {
    const { rowCount } = buffer
    const lsnFirst = this.lsnOf(rowEnd - rowCount)
    const { record, view } = buffer
    const place = file.writeGroup(record, view, rowCount, lsnFirst, this.#options.manifestEdit())
    this.#space.grew(record.length)
    return place
  }

  #startSync(flight: Flight): void {
    if (!flight.file.canSyncAsync) return // an earlier one will come back and ask again
    flight.isSyncing = true
    flight.file.syncAsync((failure) => this.#onSynced(flight, failure))
  }

  #onSynced(flight: Flight, failure: unknown): void {
    if (flight.file !== this.#file || this.#state !== 'open') {
      if (failure !== undefined) this.#warnStale(flight.file, failure)
      return
    }
    if (failure !== undefined) return this.#poison(failure)
    if (this.#flight === flight) this.#confirmed(flight)
    else if (this.#flight?.isSyncing === false) this.#startSync(this.#flight)
    this.#commitIfIdle()
  }

  #warnStale(file: LogFile, error: unknown): void {
    this.#env.logger.warn({ file: file.path, error }, 'a sync of a log file given up before failed')
  }

  /** Syncs the group in flight without yielding. */
  #confirmNow(): void {
    const flight = this.#flight
    if (flight === undefined || this.#state !== 'open') return
    this.#guard(() => {
      flight.file.syncNow()
      this.#confirmed(flight)
    })
  }

  #confirmed(flight: Flight): void {
    assert(flight.place !== undefined, 'log: what was not written is not synced')
    flight.file.confirm(flight.place)
    this.#flight = undefined
    this.#recycle(flight.buffer)
    this.#settle(flight.rowEnd)
    this.#mark()
  }

  #recycle(buffer: GroupBuffer): void {
    buffer.reset(this.#options.groupBytesMax * 3)
    this.#spare = buffer
  }

  #settle(rows: number): void {
    this.#durableRows = rows
    this.#waiters.settle(rows)
  }

  /** After a confirmed group: the watermark, and a new file where this one is long enough. */
  #mark(): void {
    this.#guard(() => {
      const old = this.#file
      old.writeMark(this.#options.manifestEdit())
      if (old.end < this.#options.rotateBytes) return
      this.#switchFile()
      this.#tidy(old, () => old.truncateToEnd())
      this.#retire(old)
    })
  }

  // ---- modes sync and os: a record for each append, written before it returns

  #writeThrough(rowFirst: number): void {
    const buffer = this.#staging
    const file = this.#file
    const { mode } = this.#options
    try {
      const place = this.#write(file, buffer, this.#rows)
      if (mode === 'sync') {
        file.syncNow()
        file.confirm(place)
      }
    } catch (cause) {
      buffer.reset(this.#options.groupBytesMax)
      this.#rows = rowFirst
      this.#poison(cause)
      this.#heal() // so that the manifest says at once that the refused bytes do not count
      throw refusal(file.path, cause)
    }
    buffer.reset(this.#options.groupBytesMax)
    if (mode === 'sync') {
      this.#settle(this.#rows)
      this.#mark()
    } else {
      this.#keepOsPace()
    }
  }

  #keepOsPace(): void {
    if (this.#file.end >= this.#options.rotateBytes) this.#syncOsNow()
    else if (this.#osSyncing !== this.#file) this.#armOsTimer()
  }

  #armOsTimer(): void {
    this.#osTimer ??= this.#env.scheduler.after(osSyncMs, () => {
      this.#osTimer = undefined
      this.#syncOs()
    })
  }

  #syncOs(): void {
    const file = this.#file
    if (this.#state !== 'open' || this.#osSyncing === file) return
    const rows = this.#rows
    if (rows === this.#durableRows) return
    const place = file.written
    this.#osSyncing = file
    file.syncAsync((failure) => {
      if (this.#osSyncing === file) this.#osSyncing = undefined
      if (file !== this.#file || this.#state !== 'open') {
        if (failure !== undefined) this.#warnStale(file, failure)
      } else if (failure !== undefined) {
        this.#poison(failure)
        this.#heal()
      } else {
        // A sync that did not yield may have told of more meanwhile.
        if (rows > this.#durableRows) this.#confirmOs(place, rows)
        if (this.#waiters.count > 0) this.#syncOs()
        else if (this.#durableRows < this.#rows) this.#armOsTimer()
      }
    })
  }

  #confirmOs(place: LogPlace, rows: number): void {
    this.#file.confirm(place)
    this.#settle(rows)
    if (this.#rows === rows) this.#mark()
    else this.#guard(() => this.#file.writeMark(this.#options.manifestEdit()))
  }

  #syncOsNow(): void {
    this.#guard(() => {
      this.#file.syncNow()
      this.#confirmOs(this.#file.written, this.#rows)
    })
    this.#heal()
  }

  // ---- files

  /** Goes on in a new file, which gets again all rows that the old one is not known to hold. The
   *  old file ends where it is known to be synced. What fails can be called again: a file whose
   *  announcement failed is kept as it is, because the manifest may name it. */
  #switchFile(): void {
    const old = this.#file
    const end: FileEnd = { number: old.number, place: old.synced }
    const firstLsn = old.synced.lsnEnd
    const isOs = this.#options.mode === 'os'
    this.#prepared ??= this.#chain.create(firstLsn, end, (file) => {
      if (isOs) this.#chain.copy(old.asPrevious(), file)
      if (this.#flight !== undefined) this.#write(file, this.#flight.buffer, this.#flight.rowEnd)
      if (!this.#staging.isEmpty) this.#write(file, this.#staging, this.#rows)
    })
    const file = this.#prepared
    this.#chain.announce(file, firstLsn, end)
    this.#prepared = undefined
    this.#file = file
    if (this.#flight !== undefined) this.#recycle(this.#flight.buffer)
    this.#flight = undefined
    this.#staging.reset(this.#options.groupBytesMax * 3)
    this.#settle(this.#rows)
  }

  // ---- failures

  /** Runs what touches the file; what fails there poisons it. */
  #guard(action: () => void): void {
    try {
      action()
    } catch (cause) {
      this.#poison(cause)
    }
  }

  #tidy(file: LogFile, action: () => void): void {
    try {
      action()
    } catch (error) {
      this.#env.logger.warn({ file: file.path, error }, 'the end of a log file was not tidied')
    }
  }

  #retire(file: LogFile): void {
    file.retire()
    this.#unsettled.add(file)
    void file.settled().then(() => this.#unsettled.delete(file))
  }

  #poison(cause: unknown): void {
    if (!(cause instanceof VarveError)) throw cause // a bug of ours, not of the disk
    const file = this.#file.path
    this.#state = 'poisoned'
    this.#error = cause
    this.#retire(this.#file)
    this.#osTimer?.cancel()
    this.#osTimer = undefined
    this.#env.logger.error(
      { file, error: cause },
      'the log file is given up: a write or sync failed',
    )
    this.#options.onDiagnostic({ kind: 'poisoned', file, error: cause })
    this.#backOffMs = backOffMsFirst
    this.#healLater()
  }

  #healLater(): void {
    const ms = this.#backOffMs
    this.#backOffMs = Math.min(ms * 2, backOffMsMax)
    this.#healAtMs = this.#env.clock.monotonicMs() + ms
    this.#healTimer?.cancel()
    // A process that waits for nothing but these rows must not end, as if they were durable.
    const isAwaited = this.#rows > this.#durableRows
    this.#healTimer = this.#env.scheduler.after(ms, () => this.#heal(), isAwaited)
  }

  #healIfDue(): void {
    if (this.#state !== 'poisoned') return
    if (this.#env.clock.monotonicMs() >= this.#healAtMs) this.#heal()
  }

  /** Tries to go on in a new file. */
  #heal(): void {
    if (this.#state !== 'poisoned') return
    const rowsLoggedAgain = this.#rows - this.#durableRows
    const old = this.#file
    try {
      this.#switchFile()
    } catch (cause) {
      if (!(cause instanceof VarveError)) throw cause
      if (this.#space.madeRoom(cause)) return this.#heal()
      this.#error = cause
      this.#env.logger.warn({ file: old.path, error: cause }, 'the log cannot go on in a new file')
      return this.#healLater()
    }
    this.#state = 'open'
    this.#error = undefined
    this.#healTimer?.cancel()
    this.#healTimer = undefined
    const file = this.#file.path
    this.#env.logger.info({ file, rowsLoggedAgain }, 'the log goes on in a new file')
    this.#options.onDiagnostic({ kind: 'healed', file, rowsLoggedAgain })
  }

  // ---- waiting

  /**
   * Resolves when the rows below `lsnEnd` are what the mode calls acknowledged. While the file is
   * poisoned it waits. It rejects only when the log is closed before: ERR_IO, details.outcome
   * 'unknown'. Made on demand; a rejection nobody looks at goes to logger and diagnostics alone.
   */
  whenDurable(lsnEnd: bigint): Promise<void> {
    return this.whenRowsDurable(Number(lsnEnd - this.#epochFirstLsn))
  }

  /** The same for the first `rows` rows of this epoch. */
  whenRowsDurable(rows: number): Promise<void> {
    assert(rows <= this.#rows, 'log: waiting for rows that were never appended')
    return this.#options.mode === 'os' ? done : this.#waitFor(rows)
  }

  #waitFor(rows: number): Promise<void> {
    if (rows <= this.#durableRows) return done
    const promise = this.#waiters.wait(rows)
    if (this.#lost !== undefined) this.#waiters.rejectAll(this.#lost)
    return promise
  }

  /** Resolves when every row appended before the call is on the device, in every mode. Rejects as
   *  whenDurable does, and with ERR_CLOSED after close. */
  flush(): Promise<void> {
    if (this.#isClosing) return Promise.reject(new VarveError('ERR_CLOSED', 'the log is closed'))
    this.#healIfDue()
    const promise = this.#waitFor(this.#rows)
    if (this.#options.mode === 'os') this.#syncOs()
    else this.#commitIfIdle()
    return promise
  }

  /**
   * The same without yielding, for a caller that can wait for nothing else.
   * @throws {VarveError} ERR_CLOSED; ERR_IO, ERR_DISK_FULL (retryable): the rows stay staged and
   * are tried again
   */
  flushNow(): void {
    if (this.#isClosing) throw new VarveError('ERR_CLOSED', 'the log is closed')
    this.#healIfDue()
    this.#drain()
    if (this.#durableRows < this.#rows) throw notYetDurable(this.#file.path, this.#error)
  }

  /**
   * Makes every row durable, ends the file and gives it back. Closing twice gives the same promise.
   * It rejects with ERR_IO, details.outcome 'unknown', where rows could not be made durable; the
   * files are closed all the same.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    assert(!this.#isAtomic, 'log: closed inside an append')
    this.#isClosing = true
    if (this.#state === 'poisoned') this.#heal()
    this.#drain()
    if (this.#state === 'poisoned') this.#heal()
    const isWhole = this.#durableRows === this.#rows
    if (!isWhole) this.#giveUp()
    else if (this.#state === 'open') this.#finish(this.#file)
    this.#state = 'closed'
    this.#healTimer?.cancel()
    this.#osTimer?.cancel()
    this.#prepared?.retire()
    this.#retire(this.#file)
    await Promise.all(Array.from(this.#unsettled, (file) => file.settled()))
    if (this.#lost !== undefined) throw this.#lost
  }

  #drain(): void {
    if (this.#options.mode === 'os') {
      if (this.#state === 'open' && this.#durableRows < this.#rows) this.#syncOsNow()
      return
    }
    this.#confirmNow()
    this.#commitIfIdle()
    this.#confirmNow()
  }

  #finish(file: LogFile): void {
    this.#tidy(file, () => {
      file.writeMark(this.#options.manifestEdit(), endType)
      file.syncNow()
      file.truncateToEnd()
    })
  }

  #giveUp(): void {
    const { path } = this.#file
    const error = outcomeUnknown(path, this.durableLsnEnd, this.lsnEnd, this.#error)
    this.#lost = error
    this.#waiters.rejectAll(error)
    this.#env.logger.warn({ error }, 'rows were lost, or not: their sync never succeeded')
    this.#options.onDiagnostic({ kind: 'lost', error })
  }
}

/** Starts a log in a new file, named by the manifest when this returns; rows of `previous` that are
 *  not known to be on the device are carried over with their lsns. @throws {VarveError} ERR_IO,
 *  ERR_DISK_FULL, ERR_CORRUPT */
export function createLog(env: LogEnvironment, options: LogOptions): LogWriter {
  return new LogWriter(env, options)
}
