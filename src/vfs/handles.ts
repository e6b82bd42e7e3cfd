// Open read handles by path, a bounded number of them, the least recently used closed first. Reads
// are synchronous, so a handle is never in use while another is acquired: use it before the next
// acquire.
import { assert, limits } from '#base'
import type { Vfs, VfsFile } from './port.ts'
import { addHolder, removeHolder } from './relief.ts'
import type { Holder } from './relief.ts'

export class FileCache implements Holder {
  readonly #vfs: Vfs
  readonly #filesMax: number
  /** Least recently used first: a Map keeps the order of insertion. */
  readonly #files = new Map<string, VfsFile>()
  /** The last of them. */
  #newest: string | undefined

  constructor(vfs: Vfs, filesMax: number = limits.openFilesMax) {
    assert(filesMax >= 1, 'file cache: room for one file at least')
    this.#vfs = vfs
    this.#filesMax = filesMax
  }

  /** Handles open now. */
  get size(): number {
    return this.#files.size
  }

  /**
   * The file at `path`, open for reading; valid until the next acquire, forget or closeAll.
   * @throws {VarveError} ERR_NOT_FOUND, ERR_IO as Vfs.open does.
   */
  acquire(path: string): VfsFile {
    const known = this.#files.get(path)
    if (known !== undefined) {
      if (path === this.#newest) return known
      this.#files.delete(path)
      this.#files.set(path, known)
      this.#newest = path
      return known
    }
    while (this.#files.size >= this.#filesMax) this.#evictOldest()
    const file = this.#vfs.open(path, 'read')
    this.#files.set(path, file)
    this.#newest = path
    addHolder(this)
    return file
  }

  /** Descriptors are short: all of them are closed, and opened again when they are needed. */
  letGo(): number {
    const { size } = this.#files
    this.closeAll()
    return size
  }

  #evictOldest(): void {
    for (const path of this.#files.keys()) {
      this.forget(path)
      return
    }
  }

  /** Closes the handle of `path`, if open: before the file is removed or another takes its name. */
  forget(path: string): void {
    const file = this.#files.get(path)
    this.#files.delete(path)
    if (this.#files.size === 0) removeHolder(this)
    file?.close()
  }

  /** Closes all handles. The cache can be used again. */
  closeAll(): void {
    for (const path of this.#files.keys()) this.forget(path)
  }
}
