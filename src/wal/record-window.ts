// A file read in pieces: a window that moves forward over it and grows only for a record that is
// really there.
import type { VfsFile } from '#vfs'

const pieceBytes = 4 << 20

export class RecordWindow {
  /** Bytes of the file that count. */
  readonly size: number
  readonly #file: VfsFile
  #buffer: Uint8Array = new Uint8Array(0)
  #start = 0
  #length = 0

  constructor(file: VfsFile, size: number) {
    this.#file = file
    this.size = size
  }

  /** Bytes [offset, offset + count) of the file, a view valid until the next call; undefined where
   *  the file has not as many. */
  bytes(offset: number, count: number): Uint8Array | undefined {
    if (offset + count > this.size) return undefined
    const from = offset - this.#start
    if (from < 0 || from + count > this.#length) this.#load(offset, count)
    const at = offset - this.#start
    if (at + count > this.#length) return undefined
    return this.#buffer.subarray(at, at + count)
  }

  /** The same, a copy, reading no more than that. For what stands apart from the records to come. */
  exactly(offset: number, count: number): Uint8Array | undefined {
    if (offset + count > this.size) return undefined
    const bytes = new Uint8Array(count)
    return this.#file.read(bytes, offset) === count ? bytes : undefined
  }

  /** Reads anew what is asked for next: the file may have changed under a reader that follows its
   *  writer. */
  forget(): void {
    this.#length = 0
  }

  #load(offset: number, count: number): void {
    const wanted = Math.min(Math.max(count, pieceBytes), this.size - offset)
    if (wanted > this.#buffer.length) this.#buffer = new Uint8Array(wanted)
    this.#start = offset
    this.#length = this.#file.read(this.#buffer.subarray(0, wanted), offset)
  }
}
