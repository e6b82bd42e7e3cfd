// The unsealed rows of one series: chunks in arrival order, the last of which takes new rows.
import { limits } from '#base'
import type { ColumnSpec } from '#schema'
import { Chunk } from './chunk.ts'
import type { Lsns } from './chunk.ts'
import type { ChunkView } from './chunk.ts'
import type { ChunkMemory } from './chunk-memory.ts'
import type { RowRules } from './rules.ts'

/** Of a chunk that is filled from a log. It is sealed at once, and blocks that lie within one chunk are not copied. */
const recoveryRowsMax = 32 * limits.blockRowsMax

/** Where an append is being filled in: rows [at, at + count) of the chunk, not visible yet. */
export interface Filling {
  readonly chunk: Chunk
  readonly at: number
}

export class HeadSeries {
  #rules: RowRules
  #chunks: Chunk[] = []
  /** The last chunk takes no more rows. */
  #isFrozen = true
  #rowCount = 0
  readonly #memory: ChunkMemory | undefined
  /** Of its last full or frozen chunk, in a recovery. */
  #rowsBefore = 0

  /** `memory`: where new chunks have their columns. Default: arrays of their own, zeroed. */
  constructor(rules: RowRules, memory?: ChunkMemory) {
    this.#rules = rules
    this.#memory = memory
  }

  get rules(): RowRules {
    return this.#rules
  }

  /** Rows as they were appended, duplicates included. */
  get rowCount(): number {
    return this.#rowCount
  }

  get chunks(): readonly Chunk[] {
    return this.#chunks
  }

  /** Columns were added to the kind. Older ones keep their index. */
  extend(rules: RowRules): void {
    this.#rules = rules
  }

  /** A chunk with room for `count` rows behind its last. */
  reserve(count: number): Filling {
    let chunk = this.#chunks.at(-1)
    const isRecovery = this.#memory?.isOpen === true
    const rowsMax = isRecovery ? recoveryRowsMax : limits.blockRowsMax
    const isFull = chunk !== undefined && chunk.rowCount + count > rowsMax
    if (chunk === undefined || this.#isFrozen || (isFull && chunk.rowCount > 0)) {
      if (isRecovery && chunk !== undefined) this.#rowsBefore = chunk.rowCount
      // A series that filled one chunk will fill the next: no growing then.
      const rowsLikely = isRecovery ? this.#rowsLikely() : isFull ? rowsMax : 0
      chunk = new Chunk(Math.max(count, rowsLikely), this.#memory)
      this.#chunks.push(chunk)
      this.#isFrozen = false
    }
    chunk.reserve(count)
    return { chunk, at: chunk.rowCount }
  }

  /** Of the next chunk of a recovery: a series has about as many rows in a lot as in the one before. Memory that
   *  grows is copied, and memory of few lengths is used again. */
  #rowsLikely(): number {
    const rows = this.#rowsBefore
    const blocks = Math.ceil(rows / limits.blockRowsMax) + 1
    return blocks <= 2 ? rows : Math.min(blocks * limits.blockRowsMax, recoveryRowsMax)
  }

  /** A chunk with room for one row behind its last. */
  reserveOne(): Chunk {
    const chunk = this.#chunks[this.#chunks.length - 1]
    if (chunk !== undefined && !this.#isFrozen && chunk.hasRoom) return chunk
    return this.reserve(1).chunk
  }

  /** The row that was filled in behind the last one of a chunk becomes visible. */
  commitOne(chunk: Chunk, lsn: bigint): void {
    chunk.commit(1, lsn, this.#rules)
    this.#rowCount += 1
  }

  /** The same under the lsn of a row of a log's epoch. */
  commitLogged(chunk: Chunk, row: number, log: Lsns): void {
    chunk.commitLogged(row, log, this.#rules)
    this.#rowCount += 1
  }

  /** The filled-in rows become visible under lsns [lsn, lsn + count). */
  commit(filling: Filling, count: number, lsn: bigint): void {
    filling.chunk.commit(count, lsn, this.#rules)
    this.#rowCount += count
  }

  /** Rows from here on go to a new chunk: those before can be sealed, or belong to another epoch. */
  freeze(): readonly Chunk[] {
    this.#isFrozen = true
    this.#chunks = this.#chunks.filter((chunk) => chunk.rowCount > 0)
    return [...this.#chunks]
  }

  /** Holds the same frozen chunks as another head: for a view that stays while the other goes on. */
  adopt(chunks: readonly Chunk[]): void {
    this.#chunks = [...chunks]
    this.#isFrozen = true
    this.#rowCount = chunks.reduce((sum, chunk) => sum + chunk.rowCount, 0)
  }

  /** The rows of these chunks stand in a segment now. `isUnread`: nobody holds a view of them. */
  drop(chunks: readonly Chunk[], isUnread = false): void {
    const dropped = new Set(chunks)
    for (const chunk of chunks) this.#rowCount -= chunk.rowCount
    this.#chunks = this.#chunks.filter((chunk) => !dropped.has(chunk))
    if (this.#chunks.length === 0) this.#isFrozen = true
    if (isUnread) for (const chunk of chunks) chunk.free()
  }

  /** Views of the chunks that hold rows, in arrival order. */
  views(): ChunkView[] {
    const views: ChunkView[] = []
    for (const chunk of this.#chunks) {
      if (chunk.rowCount > 0) views.push(chunk.view(this.#rules))
    }
    return views
  }

  /** Bytes held, about. */
  get bytes(): number {
    let bytes = 0
    for (const chunk of this.#chunks) bytes += chunk.bytes
    return bytes
  }

  /** Specs of all columns that reads and seals can ask for, the hidden one included. */
  get storedSpecs(): readonly ColumnSpec[] {
    const { specs, place } = this.#rules
    if (place === undefined) return specs
    // Stored columns stand in order of id.
    return [...specs, place].sort((a, b) => a.id - b.id)
  }
}
