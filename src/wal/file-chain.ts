// New log files: made durable with what they must hold, then named by the manifest, in that order.
import { VarveError } from '#base'
import { copyGroups } from './copy.ts'
import { LogFile } from './log-file.ts'
import type { FileEnd, LogEnvironment, PreviousLog, ResolvedOptions } from './options.ts'

export class FileChain {
  readonly #env: LogEnvironment
  readonly #options: ResolvedOptions

  constructor(env: LogEnvironment, options: ResolvedOptions) {
    this.#env = env
    this.#options = options
  }

  /** The file that an open of the store begins with; rows of the file before that are not known to
   *  be on the device are in it. */
  first(epochFirstLsn: bigint): LogFile {
    const { previous } = this.#options
    const end = previous && { number: previous.number, place: previous.synced }
    const carries = previous !== undefined && previous.endOffset > previous.synced.offset
    const firstLsn = carries ? previous.synced.lsnEnd : epochFirstLsn
    const file = this.create(firstLsn, end, (created) => {
      if (carries) this.copy(previous, created)
    })
    try {
      this.announce(file, firstLsn, end)
    } catch (cause) {
      file.retire() // not removed: the edit may have landed
      throw cause
    }
    return file
  }

  /** Writes what `previous` holds past its synced place again, unsynced. */
  copy(previous: PreviousLog, into: LogFile): void {
    copyGroups(this.#env.vfs, this.#options, previous, into)
  }

  /** A new file with what `fill` writes to it, name and bytes durable, and its watermark. Nothing
   *  is left where that fails. */
  create(firstLsn: bigint, end: FileEnd | undefined, fill: (file: LogFile) => void): LogFile {
    const { vfs, clock } = this.#env
    const { storeId, epoch, mode, nextFile } = this.#options
    const { number, path } = nextFile()
    let file: LogFile | undefined
    try {
      const header = {
        storeId,
        fileNumber: number,
        epoch,
        mode,
        firstLsn,
        previousHash: end?.place.hash ?? 0n,
        previousFileNumber: end?.number ?? 0,
        createdAt: clock.now(),
      }
      file = LogFile.create(this.#env, path, header, this.#options.zeroBytes)
      fill(file)
      file.syncNow()
      LogFile.syncName(vfs, path)
      const isEmpty = file.written === file.synced
      file.confirm(file.written)
      if (!isEmpty) file.writeMark(this.#options.manifestEdit())
      return file
    } catch (cause) {
      file?.retire()
      const isOurs = !(cause instanceof VarveError && cause.code === 'ERR_EXISTS')
      if (isOurs) this.#remove(path, cause)
      throw cause
    }
  }

  /** The manifest never named the file. */
  #remove(path: string, why: unknown): void {
    try {
      this.#env.vfs.unlink(path)
    } catch (error) {
      this.#env.logger.warn({ file: path, error, why }, 'a log file that failed is left behind')
    }
  }

  /** Has the manifest name the file. After an error it may be named, or not: keep it, and ask
   *  again. */
  announce(file: LogFile, firstLsn: bigint, endOfPrevious: FileEnd | undefined): void {
    const { epoch, onNewFile } = this.#options
    onNewFile({ number: file.number, path: file.path, epoch, firstLsn, endOfPrevious })
  }
}
