// What rows and columns of a kind look like to TypeScript, going in and coming out. Types only.
import type { Column } from './column.ts'
import type { Kind } from './kind.ts'
import type { TimeInput } from './time.ts'

// eslint-disable-next-line typescript/no-explicit-any -- bounds that match every kind and column
type AnyColumn<Optional extends boolean = boolean> = Column<any, Optional>

type ColumnsOf<K> =
  K extends Kind<string, infer C, boolean> ? C & { received: Column<'time', true, bigint> } : never
type OptionalNames<C> = {
  [N in keyof C]: C[N] extends AnyColumn<true> ? N : never
}[keyof C]
type Flat<T> = { [P in keyof T]: T[P] } & {}

export type ColumnName<K> = keyof ColumnsOf<K> & string

interface InputOf {
  f64: number
  decimal: number | string
  i64: bigint | number
  i32: number
  u8: number
  bool: boolean
  time: TimeInput
}
type In<C> =
  C extends Column<infer T, boolean, infer V> ? (T extends keyof InputOf ? InputOf[T] : V) : never
type Out<C> =
  C extends Column<infer T, infer O, infer V>
    ? O extends true
      ? T extends 'f64' | 'decimal'
        ? number
        : V | null
      : V
    : never

/** One row in. Optional columns may be left out, null or undefined. */
export type RowInput<K> = Flat<
  { time: TimeInput } & {
    [N in Exclude<keyof ColumnsOf<K>, OptionalNames<ColumnsOf<K>>>]: In<ColumnsOf<K>[N]>
  } & {
    [N in OptionalNames<ColumnsOf<K>>]?: In<ColumnsOf<K>[N]> | null | undefined
  }
>

type VectorIn<C> =
  C extends Column<infer T, boolean, infer V>
    ? T extends 'f64' | 'decimal'
      ? ArrayLike<number | null>
      : T extends 'i64' | 'time'
        ? BigInt64Array | ArrayLike<bigint | null>
        : ArrayLike<V | number | null>
    : never

/** Columns of equal length in. Typed arrays are copied, never kept. A column read from a batch can be given as it is.
 *  `time`: BigInt64Array of epoch ns, or Float64Array of epoch ms. */
export type ColumnsInput<K> = Flat<
  { time: BigInt64Array | Float64Array } & {
    [N in Exclude<keyof ColumnsOf<K>, OptionalNames<ColumnsOf<K>>>]:
      VectorIn<ColumnsOf<K>[N]> | Vector<ColumnsOf<K>[N]>
  } & {
    [N in OptionalNames<ColumnsOf<K>>]?:
      VectorIn<ColumnsOf<K>[N]> | Vector<ColumnsOf<K>[N]> | undefined
  }
>

/** One row out. Absent: NaN for f64 and decimal, null for the rest. */
export type Row<K, N extends ColumnName<K> = ColumnName<K>> = Flat<
  { time: bigint } & { [P in N]: Out<ColumnsOf<K>[P]> }
>

/** A column of values that are no numbers. */
export interface ValueColumn<Value> extends Iterable<Value> {
  readonly length: number
  at(index: number): Value
}

/** codes index the dictionary; 0xffffffff is absent. */
export interface SymbolColumn<
  Value extends string = string,
  Optional extends boolean = boolean,
> extends ValueColumn<Optional extends true ? Value | null : Value> {
  readonly codes: Uint32Array
  readonly dictionary: readonly Value[]
}

export type Vector<C> =
  C extends Column<infer T, infer O, infer V>
    ? T extends 'f64' | 'decimal'
      ? Float64Array
      : T extends 'i64' | 'time'
        ? BigInt64Array
        : T extends 'i32'
          ? Int32Array
          : T extends 'u8' | 'bool'
            ? Uint8Array
            : T extends 'symbol'
              ? SymbolColumn<V & string, O>
              : ValueColumn<O extends true ? V | null : V>
    : never

/** The columns of a batch: `time` and those asked for. */
export type VectorsOf<K, N extends ColumnName<K> = ColumnName<K>> = {
  readonly time: BigInt64Array
} & { readonly [P in N]: Vector<ColumnsOf<K>[P]> }

/** Rows as columns, each of rowCount. Absent: NaN (f64, decimal), the smallest int64 (i64, time), 0 (i32, u8, bool),
 *  null or the absent code (symbol, text, json). */
export interface Batch<K = Kind, N extends ColumnName<K> = ColumnName<K>> extends Iterable<
  Row<K, N>
> {
  readonly rowCount: number
  /** The arrays of a small batch share one buffer: who transfers that of one transfers all of them. */
  readonly columns: VectorsOf<K, N>
  /** One bit a row, lowest first, 1 = present; undefined where all are present. */
  valid(column: N): Uint8Array | undefined
  /** `time` as doubles: nanoseconds since `origin` (default: the first row's UTC day), exact over 104 days; or epoch
   *  milliseconds ('ms'; `origin` is then not used). */
  times(unit?: 'ns' | 'ms', origin?: TimeInput): Float64Array
  /** A decimal column as it is stored: value = integer / 10^scale. Absent: the smallest int64. */
  scaled(column: N): { values: BigInt64Array; scale: number }
  row(index: number): Row<K, N>
}
