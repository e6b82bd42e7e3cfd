// The vectors of one page, verified and opened one at a time: what operators on packed values begin with.
import { arena } from '#kernel'
import { damaged, openChunk } from './chunk.ts'
import type { StoredVector } from './decode-units.ts'
import { codedBitmap } from './entropy-decode.ts'
import { bitmapBytes, presentOf, rowsOf, vectorRows } from './layout.ts'
import type { PageMeta } from './layout.ts'

type Place = Readonly<Record<string, unknown>>

export class PageVectors {
  readonly meta: PageMeta
  readonly #stored: Uint8Array
  readonly #storedFrom: number
  /** For errors. */
  readonly place: Place
  #chunk = -1
  #chunkBytes: Uint8Array | undefined
  /** Where payload byte 0 is in the arena, or would be; NaN where kernels cannot take vectors from there. */
  readonly #payloadAt: number
  /** The vector whose checksum `addressOf` compared last. */
  #checked = -1

  /** `stored` holds the page's payload from `storedFrom` on, as far as vectors are asked for. */
  constructor(meta: PageMeta, stored: Uint8Array, storedFrom: number, place: Place) {
    this.meta = meta
    this.#stored = stored
    this.#storedFrom = storedFrom
    const isInArena = !meta.lz4 && stored.buffer === arena().kernels.memory
    this.#payloadAt = isInArena ? stored.byteOffset - storedFrom : Number.NaN
    this.place = place
  }

  /** A vector with values in it. @throws {VarveError} ERR_CORRUPT with the place */
  at(vector: number): StoredVector {
    const { meta } = this
    const present = presentOf(meta, vector)
    const chunk = Math.floor(vector / meta.chunkVectors)
    let chunkBytes = this.#chunkBytes
    if (chunk !== this.#chunk || chunkBytes === undefined) {
      chunkBytes = openChunk(meta, chunk, this.#stored, this.#storedFrom, this.place, false)
      // Other columns open theirs before this one is done.
      if (meta.lz4) chunkBytes = chunkBytes.slice()
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
    return { meta, vector, bytes, present, place: this.place }
  }

  /** The address in the arena of a vector that stores bytes there as kernels take them, not in an LZ4 chunk; -1 where
   *  it does not. @throws {VarveError} ERR_CORRUPT with the place */
  addressOf(vector: number): number {
    const { chunkStarts, checksums } = this.meta
    const start = chunkStarts[vector]!
    const bytes = chunkStarts[vector + 1]! - start
    const address = this.#payloadAt + start
    // NaN is no multiple of 4 either.
    if (address % 4 !== 0) return -1
    if (start < this.#storedFrom || start + bytes - this.#storedFrom > this.#stored.length) {
      throw damaged('the page is cut short', this.place, vector)
    }
    if (this.#checked === vector || bytes === 0) return address
    if (arena().kernels.xxh64Low(address, bytes) >>> 0 !== checksums[vector]) {
      throw damaged('stored bytes do not have their checksum', this.place, vector)
    }
    this.#checked = vector
    return address
  }
}

/**
 * The validity bits of a vector's rows; undefined where all are present. Valid until the next vector.
 * @throws {VarveError} ERR_CORRUPT where they are not as many as the meta says
 */
export function validityOf(stored: StoredVector): Uint8Array | undefined {
  const { meta, vector, bytes, present, place } = stored
  const rows = rowsOf(meta.rowCount, vector)
  if (present === rows) return undefined
  const { bitmapModel } = meta
  const bits =
    bitmapModel === undefined
      ? bytes.subarray(0, bitmapBytes(rows, present))
      : codedBitmap(stored, bitmapModel)
  const { kernels, u8 } = arena()
  countedAt ??= arena().claim(vectorRows / 8)
  u8.set(bits, countedAt)
  if (kernels.countBits(countedAt, rows) === present) return bits
  throw damaged('the validity bits do not count the present rows', place, vector)
}

let countedAt: number | undefined
