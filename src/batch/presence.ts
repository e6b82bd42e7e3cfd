// Which rows of a column hold a value. Stored as bits on disk and for users, implied or one byte a row in memory.
import { assertNever } from '#base'
import { absentCode, absentInt64 } from './column-data.ts'
import type { ColumnData } from './column-data.ts'

/** Bits a row, lowest first, 1 = present, for rows [from, end) of an optional column; undefined where all are
 * present. */
export function validityBits(
  column: ColumnData,
  from: number,
  end: number,
): Uint8Array<ArrayBuffer> | undefined {
  // Most columns have no absent row, or no other, and to see that takes a fraction of setting bits.
  const present = countPresent(column, from, end)
  if (present === end - from) return undefined
  const bits = new Uint8Array((end - from + 7) >> 3)
  if (present > 0) setBits(column, from, end, bits)
  return bits
}

/** How many of the rows [from, end) of an optional column are present. */
export function countPresent(column: ColumnData, from: number, end: number): number {
  switch (column.physical) {
    case 'f64':
      return countF64(column.values, from, end)
    case 'i64':
      return countI64(column.values, from, end)
    case 'code':
      return countCodes(column.values, from, end)
    case 'i32':
    case 'u8':
    case 'bytes':
      return countFlags(column.present, from, end)
    default:
      return assertNever(column)
  }
}

function countF64(values: Float64Array, from: number, end: number): number {
  let count = 0
  for (let row = from; row < end; row += 1) {
    const value = values[row]!
    if (value === value) count += 1 // NaN is not
  }
  return count
}

/** The smallest int64 is the only one with these two halves. */
function countI64(values: BigInt64Array, from: number, end: number): number {
  const halves = new Int32Array(values.buffer, values.byteOffset, values.length * 2)
  let absent = 0
  for (let row = from; row < end; row += 1) {
    if (halves[row * 2 + 1] === -0x80000000 && halves[row * 2] === 0) absent += 1
  }
  return end - from - absent
}

function countCodes(values: Uint32Array, from: number, end: number): number {
  let count = 0
  for (let row = from; row < end; row += 1) if (values[row] !== absentCode) count += 1
  return count
}

function countFlags(present: Uint8Array | undefined, from: number, end: number): number {
  if (present === undefined) return end - from
  let count = 0
  for (let row = from; row < end; row += 1) count += present[row]!
  return count
}

/** Whether row `row` of an optional column holds a value. */
export function isPresent(column: ColumnData, row: number): boolean {
  switch (column.physical) {
    case 'f64':
      return !Number.isNaN(column.values[row])
    case 'i64':
      return column.values[row] !== absentInt64
    case 'code':
      return column.values[row] !== absentCode
    case 'i32':
    case 'u8':
    case 'bytes':
      return column.present === undefined || column.present[row] === 1
    default:
      return assertNever(column)
  }
}

function setBits(column: ColumnData, from: number, end: number, bits: Uint8Array): void {
  switch (column.physical) {
    case 'f64':
      return setF64Bits(column.values, from, end, bits)
    case 'i64':
      return setI64Bits(column.values, from, end, bits)
    case 'code':
      return setCodeBits(column.values, from, end, bits)
    case 'i32':
    case 'u8':
    case 'bytes':
      return setPresentBits(column.present, from, end, bits)
    default:
      return assertNever(column)
  }
}

function setF64Bits(values: Float64Array, from: number, end: number, bits: Uint8Array): void {
  for (let row = from; row < end; row += 1) {
    const value = values[row]!
    if (value !== value) continue // NaN
    bits[(row - from) >> 3]! |= 1 << ((row - from) & 7)
  }
}

function setI64Bits(values: BigInt64Array, from: number, end: number, bits: Uint8Array): void {
  const halves = new Int32Array(values.buffer, values.byteOffset, values.length * 2)
  for (let row = from; row < end; row += 1) {
    if (halves[row * 2 + 1] === -0x80000000 && halves[row * 2] === 0) continue
    bits[(row - from) >> 3]! |= 1 << ((row - from) & 7)
  }
}

function setCodeBits(values: Uint32Array, from: number, end: number, bits: Uint8Array): void {
  for (let row = from; row < end; row += 1) {
    if (values[row] === absentCode) continue
    bits[(row - from) >> 3]! |= 1 << ((row - from) & 7)
  }
}

function setPresentBits(
  present: Uint8Array | undefined,
  from: number,
  end: number,
  bits: Uint8Array,
): void {
  for (let row = from; row < end; row += 1) {
    if (present !== undefined && present[row] === 0) continue
    bits[(row - from) >> 3]! |= 1 << ((row - from) & 7)
  }
}
