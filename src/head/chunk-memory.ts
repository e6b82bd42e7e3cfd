// Where the columns of chunks that are filled from a log have their memory: that of chunks whose rows
// stand in runs now is used again as it is, so that recovering a long log touches no more new pages
// than a head or two have. Whoever fills such a chunk writes every row of every column. The memory is
// shared, so that a thread can seal the rows without moving them there and back: each time a buffer
// moves, its bytes count as new ones, and the garbage collector is called for them.
import { allocateColumn } from '#batch'
import type { ColumnData, Physical } from '#batch'

/** Smaller arrays are cheap enough. */
const bytesMin = 64 << 10

export class ChunkMemory {
  /** By length. */
  readonly #spare = new Map<number, SharedArrayBuffer[]>()
  #isClosed = false

  /** Values are anything. */
  column(physical: Physical, rowCount: number, optional: boolean): ColumnData {
    switch (physical) {
      case 'f64':
        return { physical, values: new Float64Array(this.#take(rowCount * 8)) }
      case 'i64':
        return { physical, values: new BigInt64Array(this.#take(rowCount * 8)) }
      case 'code':
        return { physical, values: new Uint32Array(this.#take(rowCount * 4)), dictionary: [] }
      default:
        return allocateColumn(physical, rowCount, { optional })
    }
  }

  #take(bytes: number): ArrayBuffer | SharedArrayBuffer {
    if (bytes < bytesMin || this.#isClosed) return new ArrayBuffer(bytes)
    return this.#spare.get(bytes)?.pop() ?? new SharedArrayBuffer(bytes)
  }

  /** Nobody looks at these columns any more, nor at views of their chunk. */
  giveBack(columns: readonly (ColumnData | undefined)[]): void {
    if (this.#isClosed) return
    for (const column of columns) {
      const isKept =
        column?.physical === 'f64' || column?.physical === 'i64' || column?.physical === 'code'
      if (!isKept) continue
      const { buffer } = column.values
      if (!(buffer instanceof SharedArrayBuffer)) continue
      const spare = this.#spare.get(buffer.byteLength)
      if (spare === undefined) this.#spare.set(buffer.byteLength, [buffer])
      else spare.push(buffer)
    }
  }

  get isOpen(): boolean {
    return !this.#isClosed
  }

  /** Keeps nothing from here on; what is asked for now is zeroed. Chunks have memory of other rooms then. */
  close(): void {
    this.#isClosed = true
    this.#spare.clear()
  }
}
