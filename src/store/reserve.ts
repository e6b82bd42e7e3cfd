// The reserve: a file of bytes that mean nothing, given up when the disk is full, so that what must
// still be written has room: the log's next file, and edits of the manifest.
//
//   <store>/reserve     noise, for a file system may store zeros as nothing
import { VarveError } from '#base'
import type { Logger, RandomSource } from '#base'
import type { Vfs } from '#vfs'

const pieceBytes = 64 << 10

export class Reserve {
  readonly #vfs: Vfs
  readonly #path: string
  readonly #random: RandomSource
  readonly #logger: Logger

  constructor(env: { vfs: Vfs; random: RandomSource }, path: string, logger: Logger) {
    this.#vfs = env.vfs
    this.#path = path
    this.#random = env.random
    this.#logger = logger
  }

  /** What it holds now; 0 where there is none, or where that cannot be told. */
  get bytes(): number {
    try {
      return this.#vfs.stat(this.#path)?.bytes ?? 0
    } catch (error) {
      this.#note(error, 'the reserve could not be looked at')
      return 0
    }
  }

  /** Makes it anew, of whole pieces of 64 KiB. False where there is no room for it. Where it fails
   *  otherwise the disk is not full, and there is none all the same. */
  make(bytes: number): boolean {
    // What a try of before left, if anything.
    this.giveUp()
    try {
      const file = this.#vfs.open(this.#path, 'create')
      try {
        const piece = this.#random.bytes(pieceBytes)
        for (let at = 0; at + pieceBytes <= bytes; at += pieceBytes) file.write(piece, at)
      } finally {
        file.close()
      }
      return true
    } catch (error) {
      this.#note(error, 'the reserve for a full disk could not be made')
      this.giveUp()
      return !(error instanceof VarveError && error.code === 'ERR_DISK_FULL')
    }
  }

  /** Removes it; gives the bytes that are free now. */
  giveUp(): number {
    const { bytes } = this
    if (bytes === 0 && this.#isGone()) return 0
    try {
      this.#vfs.unlink(this.#path)
      return bytes
    } catch (error) {
      this.#note(error, 'the reserve could not be given up')
      return 0
    }
  }

  #isGone(): boolean {
    try {
      return this.#vfs.stat(this.#path) === undefined
    } catch (error) {
      this.#note(error, 'the reserve could not be looked at')
      return true
    }
  }

  #note(error: unknown, message: string): void {
    if (!(error instanceof VarveError)) throw error
    this.#logger.warn({ file: this.#path, error }, message)
  }
}
