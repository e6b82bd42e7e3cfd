// One column of rows in memory, as the head holds it, the codec encodes it and reads fill it.
//
// physical | values           | absent reads as          | who
// ---------+------------------+--------------------------+---------------------------
// f64      | Float64Array     | NaN                      | f64
// i64      | BigInt64Array    | the smallest int64       | i64, time, decimal (scaled)
// i32      | Int32Array       | 0 and present[row] = 0   | i32
// u8       | Uint8Array       | 0 and present[row] = 0   | u8, bool
// code     | Uint32Array      | absentCode               | symbol: indexes dictionary
// bytes    | offsets, bytes   | empty and present[row]=0 | text, json (UTF-8)
//
// Whether the absent value means absent depends on the column: a required f64 may hold any NaN, an optional one says
// absent with it. `present` has one byte a row (1 present, 0 absent) and exists only for i32, u8 and bytes columns, and
// there only when they are optional. Arrays may be longer than the rows in use; whoever holds the column knows how
// many.

export type Physical = 'f64' | 'i64' | 'i32' | 'u8' | 'code' | 'bytes'

export const absentCode = 0xffffffff
export const absentInt64: bigint = -(2n ** 63n)

export interface F64Data {
  readonly physical: 'f64'
  values: Float64Array
}
export interface I64Data {
  readonly physical: 'i64'
  values: BigInt64Array
}
export interface I32Data {
  readonly physical: 'i32'
  values: Int32Array
  present: Uint8Array | undefined
}
export interface U8Data {
  readonly physical: 'u8'
  values: Uint8Array
  present: Uint8Array | undefined
}
export interface CodeData {
  readonly physical: 'code'
  values: Uint32Array
  /** In order of first use; append-only while the column lives. */
  dictionary: string[]
}
export interface BytesData {
  readonly physical: 'bytes'
  /** Row r is bytes[offsets[r], offsets[r + 1]); offsets[0] is 0. One longer than the rows. */
  offsets: Uint32Array
  bytes: Uint8Array
  present: Uint8Array | undefined
}

export type ColumnData = F64Data | I64Data | I32Data | U8Data | CodeData | BytesData
