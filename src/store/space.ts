// The room on the disk, watched: no rows are taken, and no long work begins, when there is hardly any
// left, so that what was taken can still be made durable.
//
//            free < floor, or a write found no room: the reserve is given up
//   PLENTY ------------------------------------------------------------------> FULL
//      ^                                                                         | every second, and when
//      +-------------------------------------------------------------------------+ an append asks
//            free >= floor and a quarter, and the reserve could be made again
//
// Looked at when the log has grown by a step and when long work begins, never per append. The floor
// and the reserve are small where the disk is: an eighth of the most free bytes that were seen.
// Begin and end are told to the logger and to the channel `varve:disk` of node:diagnostics_channel.
import { channel } from 'node:diagnostics_channel'
import { VarveError, limits } from '#base'
import type { Logger, Timer } from '#base'
import type { LogSpace } from '#wal'
import type { Env } from './env.ts'
import type { Paths } from './paths.ts'
import { Reserve } from './reserve.ts'

/** What subscribers of `varve:disk` are given. */
export interface DiskMessage {
  /** The store's folder. */
  readonly store: string
  readonly state: 'full' | 'over'
  readonly freeBytes: number
  /** Below it the disk counts as full. */
  readonly floorBytes: number
}

const disk = channel('varve:disk')

const lookAgainMs = 250
const timerMs = 1000
const share = 1 / 8
const reserveBytesMin = 64 << 10

export class DiskSpace implements LogSpace {
  isFull = false
  readonly #env: Env
  readonly #root: string
  readonly #logger: Logger
  readonly #reserve: Reserve
  readonly #freeBytesMin: number
  readonly #lookBytes: number
  readonly #reserveBytes: number
  #mostFree = 0
  #free = Number.MAX_SAFE_INTEGER
  #grown = 0
  #lookedAtMs = 0
  #hasReserve: boolean
  #timer: Timer | undefined
  #isClosed = false

  constructor(env: Env, paths: Paths, logger: Logger) {
    this.#env = env
    this.#root = paths.root
    this.#logger = logger
    this.#freeBytesMin = env.limits?.freeBytesMin ?? limits.freeBytesMin
    this.#lookBytes = env.limits?.freeLookBytes ?? limits.freeLookBytes
    this.#reserveBytes = env.limits?.reserveBytes ?? limits.reserveBytes
    this.#reserve = new Reserve(env, paths.reserve, logger)
    this.#hasReserve = this.#reserve.bytes > 0
  }

  /** Below it the disk counts as full. */
  get floorBytes(): number {
    return Math.min(this.#freeBytesMin, Math.floor(this.#mostFree * share))
  }

  /** How large a reserve is to be now. */
  get #reserveWanted(): number {
    const bytes = Math.min(this.#reserveBytes, Math.floor(this.#mostFree * share))
    return bytes - (bytes % reserveBytesMin)
  }

  grew(bytes: number): void {
    this.#grown += bytes
    if (this.#grown < this.#lookBytes) return
    this.#grown = 0
    this.#look(true)
  }

  lookAgain(): boolean {
    if (!this.isFull) return false
    const now = this.#env.clock.monotonicMs()
    if (now - this.#lookedAtMs >= lookAgainMs) this.#look()
    return this.isFull
  }

  madeRoom(cause: unknown): boolean {
    if (!(cause instanceof VarveError) || cause.code !== 'ERR_DISK_FULL') return false
    const freed = this.#hasReserve ? this.#reserve.giveUp() : 0
    this.#hasReserve = false
    this.#measure()
    this.#enter(cause)
    return freed > 0
  }

  /** Long work is about to begin that writes about so many bytes more than it frees.
   *  @throws {VarveError} ERR_DISK_FULL */
  require(work: string, bytes = 0): void {
    this.#look()
    const isShort = bytes > 0 && this.#free < bytes + this.floorBytes
    if (this.isFull || isShort) throw this.refusal(work)
  }

  refusal(work: string): VarveError {
    const details = { file: this.#root, work, freeBytes: this.#free, floorBytes: this.floorBytes }
    return new VarveError('ERR_DISK_FULL', `the disk is nearly full: no ${work} now`, details, {
      hint: 'Free space and call again; nothing was changed, and reads go on.',
    })
  }

  /** No look is taken any more. */
  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #measure(): void {
    this.#lookedAtMs = this.#env.clock.monotonicMs()
    try {
      this.#free = this.#env.vfs.freeBytes(this.#root)
    } catch (error) {
      if (!(error instanceof VarveError)) throw error
      this.#logger.warn({ file: this.#root, error }, 'the free space could not be told')
    }
    this.#mostFree = Math.max(this.#mostFree, this.#free)
  }

  /** `mayMake`: a first reserve, too; a store of a few rows needs none. */
  #look(mayMake = false): void {
    if (this.#isClosed) return
    this.#measure()
    const free = this.#free
    const floor = this.floorBytes
    const wanted = this.#hasReserve ? 0 : this.#reserveWanted
    if (this.isFull) {
      if (free >= floor + Math.ceil(floor / 4) + wanted && this.#hasOrMakes(wanted)) this.#leave()
      return
    }
    if (free < floor) this.#enter()
    else if (mayMake && wanted > 0 && free >= floor + wanted && !this.#hasOrMakes(wanted))
      this.#enter()
  }

  #hasOrMakes(bytes: number): boolean {
    if (bytes === 0) return true
    const isRoom = this.#reserve.make(bytes)
    this.#hasReserve = this.#reserve.bytes > 0
    return isRoom
  }

  #enter(error?: unknown): void {
    this.#lookLater()
    if (this.isFull) return
    this.isFull = true
    const message = this.#message('full')
    this.#logger.error({ ...message, error }, 'the disk is full: no rows are taken, reads go on')
    disk.publish(message)
  }

  #leave(): void {
    this.isFull = false
    const message = this.#message('over')
    this.#logger.info(message, 'the disk has room again: rows are taken')
    disk.publish(message)
  }

  #message(state: DiskMessage['state']): DiskMessage {
    return { store: this.#root, state, freeBytes: this.#free, floorBytes: this.floorBytes }
  }

  #lookLater(): void {
    if (this.#timer !== undefined || this.#isClosed) return
    this.#timer = this.#env.scheduler.after(timerMs, () => {
      this.#timer = undefined
      this.#look()
      if (this.isFull) this.#lookLater()
    })
  }
}
