// What was imported already, told by content. Scheme and reasons: README.md.
//
//   state 0      SHA-256(mapping)
//   state k      SHA-256(state k-1, the bytes of chunk k)           4,096 rows a chunk
//   id of row r  "csv:" + first 32 hex digits of SHA-256(state of the chunks before,
//                the chunk's rows up to r)
//
// Bytes of a row: as stored (inflated), its line end as one LF. An append that ends at row r of the
// file has the producer (id of row r) and the sequence r. So a producer says: these r rows, read
// this way, are in the series.
import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import type { Cells } from './cells.ts'

const lineFeed = Uint8Array.of(10)
const carriageReturn = 13

/** Bytes of rows [from, to) with every line end as one LF, in one piece where the file has it
 * so. */
function hashRows(hash: Hash, source: Uint8Array, cells: Cells, from: number, to: number): void {
  if (from >= to) return
  const start = cells.rowStarts[from]!
  const end = cells.rowEnds[to - 1]!
  if (!cells.hasReturns) {
    hash.update(source.subarray(start, end))
    hash.update(lineFeed)
    return
  }
  const copy = source.slice(start, end)
  let into = 0
  for (let byte = 0; byte < copy.length; byte += 1) {
    if (copy[byte] === carriageReturn && copy[byte + 1] === 10) continue
    copy[into] = copy[byte]!
    into += 1
  }
  hash.update(copy.subarray(0, into))
  hash.update(lineFeed)
}

function idOf(digest: Buffer): string {
  return `csv:${digest.toString('hex', 0, 16)}`
}

/** Ids of the prefixes of one file under one mapping; chunk after chunk. */
export class PrefixIds {
  #state: Buffer
  /** Of the chunk's first `rowCount` rows; kept, since the state after a chunk is that of all its
   * rows. */
  #last: { rowCount: number; digest: Buffer } | undefined

  constructor(mapping: string) {
    this.#state = createHash('sha256').update(mapping).digest()
  }

  #digest(source: Uint8Array, cells: Cells, rowCount: number): Buffer {
    if (this.#last?.rowCount === rowCount) return this.#last.digest
    const hash = createHash('sha256').update(this.#state)
    hashRows(hash, source, cells, 0, rowCount)
    this.#last = { rowCount, digest: hash.digest() }
    return this.#last.digest
  }

  /** The id after `rowCount` rows of the chunk in `cells`, whose rows lie in `source`. */
  after(source: Uint8Array, cells: Cells, rowCount: number): string {
    return idOf(this.#digest(source, cells, rowCount))
  }

  /** Goes on to the chunk after this one. */
  next(source: Uint8Array, cells: Cells): void {
    this.#state = this.#digest(source, cells, cells.rowCount)
    this.#last = undefined
  }

  /** The ids after 1, 2, ... rows of the chunk; from the last to the first. */
  *shorter(source: Uint8Array, cells: Cells, rowCount: number): Generator<[number, string]> {
    const ids: string[] = []
    const hash = createHash('sha256').update(this.#state)
    for (let row = 0; row < rowCount; row += 1) {
      // As one piece [0, row + 1) would be: an empty line between two rows is part of it.
      if (row > 0) hashGap(hash, source, cells, row)
      hashRows(hash, source, cells, row, row + 1)
      ids.push(idOf(hash.copy().digest()))
    }
    for (let row = rowCount; row > 0; row -= 1) yield [row, ids[row - 1]!]
  }
}

/** Empty lines between row - 1 and row. */
function hashGap(hash: Hash, source: Uint8Array, cells: Cells, row: number): void {
  const start = source.indexOf(10, cells.rowEnds[row - 1]) + 1
  for (let at = start; at < cells.rowStarts[row]!; at += 1) {
    if (source[at] === 10) hash.update(lineFeed)
  }
}
