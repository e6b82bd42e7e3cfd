// Making, growing and copying columns. `rows in use` are always the caller's to know.
import { assertNever } from '#base'
import { absentCode, absentInt64 } from './column-data.ts'
import type { BytesData, ColumnData, Physical } from './column-data.ts'

export interface AllocateOptions {
  /** Optional i32, u8 and bytes columns get a `present` byte a row. */
  readonly optional: boolean
  /** For code columns: the dictionary to use, by reference. */
  readonly dictionary?: string[]
  /** For bytes columns: room to start with. */
  readonly bytesExpected?: number
}

/** A column with room for `rowCount` rows. Values are zero (present: 1), which is not absent: fill what you
 * allocate. */
export function allocateColumn(
  physical: Physical,
  rowCount: number,
  options: AllocateOptions,
): ColumnData {
  switch (physical) {
    case 'f64':
      return { physical, values: new Float64Array(rowCount) }
    case 'i64':
      return { physical, values: new BigInt64Array(rowCount) }
    case 'i32':
      return { physical, values: new Int32Array(rowCount), present: presence(rowCount, options) }
    case 'u8':
      return { physical, values: new Uint8Array(rowCount), present: presence(rowCount, options) }
    case 'code':
      return { physical, values: new Uint32Array(rowCount), dictionary: options.dictionary ?? [] }
    case 'bytes':
      return {
        physical,
        offsets: new Uint32Array(rowCount + 1),
        bytes: new Uint8Array(options.bytesExpected ?? rowCount * 8),
        present: presence(rowCount, options),
      }
    default:
      return assertNever(physical)
  }
}

function presence(rowCount: number, options: AllocateOptions): Uint8Array | undefined {
  return options.optional ? new Uint8Array(rowCount).fill(1) : undefined
}

/** How many rows `column` has room for. */
export function rowCapacity(column: ColumnData): number {
  return column.physical === 'bytes' ? column.offsets.length - 1 : column.values.length
}

/** The same column with room for `rowCount` rows; the first `rowsUsed` rows are kept. Arrays are replaced, the object
 *  stays the same. */
export function growColumn(column: ColumnData, rowsUsed: number, rowCount: number): void {
  switch (column.physical) {
    case 'f64':
      column.values = grown(column.values, rowsUsed, new Float64Array(rowCount))
      return
    case 'i64':
      column.values = grown(column.values, rowsUsed, new BigInt64Array(rowCount))
      return
    case 'code':
      column.values = grown(column.values, rowsUsed, new Uint32Array(rowCount))
      return
    case 'i32':
      column.values = grown(column.values, rowsUsed, new Int32Array(rowCount))
      break
    case 'u8':
      column.values = grown(column.values, rowsUsed, new Uint8Array(rowCount))
      break
    case 'bytes':
      column.offsets = grown(column.offsets, rowsUsed + 1, new Uint32Array(rowCount + 1))
      break
    default:
      assertNever(column)
  }
  if (column.present !== undefined) {
    column.present = grown(column.present, rowsUsed, new Uint8Array(rowCount).fill(1))
  }
}

type AnyArray = Float64Array | BigInt64Array | Uint32Array | Int32Array | Uint8Array

function grown<A extends AnyArray>(source: A, used: number, target: A): A {
  if (target instanceof BigInt64Array) target.set((source as BigInt64Array).subarray(0, used))
  else target.set((source as Exclude<AnyArray, BigInt64Array>).subarray(0, used))
  return target
}

/** Makes sure `column.bytes` has room for `count` more bytes after `used`. */
export function reserveBytes(column: BytesData, used: number, count: number): void {
  if (used + count <= column.bytes.length) return
  const bytes = new Uint8Array(Math.max(used + count, column.bytes.length * 2, 64))
  bytes.set(column.bytes.subarray(0, used))
  column.bytes = bytes
}

/** Marks rows [from, end) absent: the value column-data.ts names for the physical type. For bytes columns rows before
 *  `from` must be filled already. */
export function fillAbsent(column: ColumnData, from: number, end: number): void {
  switch (column.physical) {
    case 'f64':
      column.values.fill(Number.NaN, from, end)
      return
    case 'i64':
      column.values.fill(absentInt64, from, end)
      return
    case 'code':
      column.values.fill(absentCode, from, end)
      return
    case 'i32':
    case 'u8':
      column.values.fill(0, from, end)
      break
    case 'bytes':
      column.offsets.fill(column.offsets[from]!, from + 1, end + 1)
      break
    default:
      assertNever(column)
  }
  column.present?.fill(0, from, end)
}
