// What an import needs of a store: less than a store is, so that the room stands by itself.
import type { ColumnType } from '#schema'

/** What is asked of a kind. */
export interface ImportKind {
  readonly name: string
  readonly columns: Readonly<
    Record<
      string,
      { readonly type: ColumnType; readonly isOptional: boolean; readonly scale: number }
    >
  >
}

/** A dictionary column as reads of the engine give it, and appends take it. 0xffffffff: absent. */
export class SymbolCells implements Iterable<string | null> {
  readonly codes: Uint32Array
  readonly dictionary: readonly string[]

  constructor(codes: Uint32Array, dictionary: readonly string[]) {
    this.codes = codes
    this.dictionary = dictionary
  }
  get length(): number {
    return this.codes.length
  }
  at(index: number): string | null {
    return this.dictionary[this.codes[index]!] ?? null
  }
  *[Symbol.iterator](): Iterator<string | null> {
    for (let index = 0; index < this.codes.length; index += 1) yield this.at(index)
  }
}

/** f64, decimal | i64, time | i32 | u8, bool | symbol | text, json, and i32, u8 and bool where some
 * are null. */
export type ImportColumn =
  Float64Array | BigInt64Array | Int32Array | Uint8Array | SymbolCells | readonly unknown[]

/** Columns of equal length: `time` (epoch ns) and those of the kind that the file gives. */
export interface ImportColumns {
  readonly time: BigInt64Array
  readonly [name: string]: ImportColumn
}

/** A series to write to. */
export interface ImportTarget {
  /** As Series.append: `rows` added, 0 where the producer's sequence was accepted before. Copies
   * what it is given. */
  append(
    columns: ImportColumns,
    options: { readonly producer: { readonly id: string; readonly sequence: number } },
  ): { readonly rows: number }
  /** The highest sequence accepted of that producer of this series; undefined: none was. */
  accepted(producerId: string): bigint | undefined
}
