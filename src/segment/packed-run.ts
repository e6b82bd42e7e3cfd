// The vectors of a run for operators that work on packed values: metas first, which decide, then the stored bytes of
// the vectors that must be looked at, read together into one slab of the arena.
import { PageVectors, blockRowsMax, storedRange, vectorRows } from '#codec'
import type { PageMeta } from '#codec'
import { arena } from '#kernel'
import type { RunBytes, RunPages } from './run-pages.ts'

/** Pages in use at one time that pass this are read elsewhere, and unpacked from a copy. */
const slabBytes = 4 << 20
/** Kernels read whole mini-blocks. */
const slackBytes = 1024

let slab: number | undefined

export class PackedRun {
  readonly #bytes: RunBytes
  readonly #pages: RunPages
  #used = 0

  constructor(bytes: RunBytes, pages: RunPages) {
    this.#bytes = bytes
    this.#pages = pages
  }

  /** Whether some row of the run has a value in the column. */
  has(columnId: number): boolean {
    return this.#pages.physicalOf(columnId) !== undefined
  }

  /** How the column is stored; undefined where it is not. */
  physicalOf(columnId: number): ReturnType<RunPages['physicalOf']> {
    return this.#pages.physicalOf(columnId)
  }

  /** What the codes of a code column stand for. */
  dictionaryOf(columnId: number): readonly string[] {
    return this.#pages.dictionaryOf(columnId)
  }

  /** The metas of stored columns in a block; `columnIds` rise. @throws {VarveError} ERR_CORRUPT, ERR_IO */
  metasOf(block: number, columnIds: readonly number[]): PageMeta[] {
    return this.#pages.pagesOf(block, columnIds).map(({ meta }) => meta)
  }

  /**
   * Reads vectors [vectorFrom, vectorEnd) of stored columns of a block; `columnIds` rise. Valid until the next call.
   * Vectors are verified when they are opened.
   * @throws {VarveError} ERR_IO, ERR_CORRUPT where the file ends before
   */
  read(
    block: number,
    columnIds: readonly number[],
    vectorFrom: number,
    vectorEnd: number,
  ): PageVectors[] {
    this.#used = 0
    return this.#pages.pagesOf(block, columnIds).map(({ meta, offset }, at) => {
      const { from, end } = storedRange(meta, vectorFrom, vectorEnd)
      const stored = this.#place(end - from)
      if (stored.length > 0) this.#bytes.read(stored, offset + from)
      const { file, series } = this.#bytes
      const place = { file, series, offset: offset + from, block, columnId: columnIds[at]! }
      return new PageVectors(meta, stored, from, place)
    })
  }

  #place(bytes: number): Uint8Array {
    if (this.#used + bytes > slabBytes) return new Uint8Array(bytes)
    const { u8, claim } = arena()
    slab ??= claim(slabBytes + slackBytes)
    const at = slab + this.#used
    this.#used += (bytes + 63) & ~63
    return u8.subarray(at, at + bytes)
  }
}

/** Vectors in a full block. */
export const blockVectors = blockRowsMax / vectorRows
