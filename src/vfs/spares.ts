// A few descriptors held for nothing, so that the log and the manifest can be opened when others took
// all the rest.
import { VarveError } from '#base'
import type { Logger } from '#base'
import type { Vfs, VfsFile } from './port.ts'
import { addHolder, removeHolder } from './relief.ts'
import type { Holder } from './relief.ts'

/** A new log file has two, a manifest and CURRENT one each, a directory's sync one more. */
const sparesWanted = 4

export class Spares implements Holder {
  readonly #vfs: Vfs
  readonly #path: string
  readonly #logger: Logger
  #files: VfsFile[] = []
  #isClosed = false

  /** `path`: a file that stays there. Holds nothing yet. */
  constructor(vfs: Vfs, path: string, logger: Logger) {
    this.#vfs = vfs
    this.#path = path
    this.#logger = logger
  }

  /** Held now. */
  get count(): number {
    return this.#files.length
  }

  /** Takes what is missing, as far as there are any. Never throws but for a bug. */
  take(): void {
    if (this.#isClosed || this.#files.length === sparesWanted) return
    removeHolder(this)
    try {
      while (this.#files.length < sparesWanted) {
        this.#files.push(this.#vfs.open(this.#path, 'read'))
      }
    } catch (error) {
      if (!(error instanceof VarveError)) throw error
      this.#logger.warn(
        { held: this.#files.length, error },
        'there are hardly any descriptors left',
      )
    } finally {
      addHolder(this)
    }
  }

  letGo(): number {
    const files = this.#files
    this.#files = []
    for (const file of files) file.close()
    return files.length
  }

  close(): void {
    this.#isClosed = true
    removeHolder(this)
    this.letGo()
  }
}
