// The vectors of one page, verified and opened one at a time: what operators on packed values begin with.
import { openChunk } from './chunk.ts'
import type { StoredVector } from './decode-units.ts'
import { bitmapBytes, presentOf, rowsOf } from './layout.ts'
import type { PageMeta } from './layout.ts'

type Place = Readonly<Record<string, unknown>>

export class PageVectors {
  readonly meta: PageMeta
  readonly #stored: Uint8Array
  readonly #storedFrom: number
  readonly #place: Place
  #chunk = -1
  #chunkBytes: Uint8Array | undefined

  /** `stored` holds the page's payload from `storedFrom` on, as far as vectors are asked for. */
  constructor(meta: PageMeta, stored: Uint8Array, storedFrom: number, place: Place) {
    this.meta = meta
    this.#stored = stored
    this.#storedFrom = storedFrom
    this.#place = place
  }

  /** A vector with values in it. @throws {VarveError} ERR_CORRUPT with the place */
  at(vector: number): StoredVector {
    const { meta } = this
    const present = presentOf(meta, vector)
    const chunk = Math.floor(vector / meta.chunkVectors)
    let chunkBytes = this.#chunkBytes
    if (chunk !== this.#chunk || chunkBytes === undefined) {
      chunkBytes = openChunk(meta, chunk, this.#stored, this.#storedFrom, this.#place)
      this.#chunk = chunk
      this.#chunkBytes = chunkBytes
    }
    const chunkStart = meta.vectorStarts[chunk * meta.chunkVectors]!
    const bytes =
      meta.chunkVectors === 1
        ? chunkBytes
        : chunkBytes.subarray(
            meta.vectorStarts[vector]! - chunkStart,
            meta.vectorStarts[vector + 1]! - chunkStart,
          )
    return { meta, vector, bytes, present, place: this.#place }
  }
}

/** The validity bits of a vector's rows; undefined where all are present. */
export function validityOf({ meta, vector, bytes, present }: StoredVector): Uint8Array | undefined {
  const rows = rowsOf(meta.rowCount, vector)
  return present === rows ? undefined : bytes.subarray(0, bitmapBytes(rows, present))
}
