// The present values of a page's rows, one after another, in scratch memory that the next page
// overwrites.
import { assert } from '#base'
import { validityBits } from '#batch'
import type { BytesData, ColumnData } from '#batch'
import { blockRowsMax, rowsOf, vectorRows } from './layout.ts'

/** Room for a page; slots past a page's end are touched by nothing. */
export const denseF64 = new Float64Array(blockRowsMax)
export const denseI64 = new BigInt64Array(blockRowsMax)
/** Bytes columns: the row of each present value. */
export const denseRows = new Uint32Array(blockRowsMax)

/**
 * Which rows of a page are present, and where each vector's values start among the present ones.
 */
export interface Presence {
  readonly count: number
  /** One longer than the vectors. */
  readonly starts: Uint32Array
  readonly nulls: Uint16Array | undefined
  /** 128 bytes a vector; undefined where every row is present. */
  readonly bitmap: Uint8Array | undefined
}

function bitCount(bytes: Uint8Array, from: number, end: number): number {
  let count = 0
  for (let at = from; at < end; at += 1) {
    let byte = bytes[at]!
    byte -= (byte >>> 1) & 0x55
    byte = (byte & 0x33) + ((byte >>> 2) & 0x33)
    count += (byte + (byte >>> 4)) & 15
  }
  return count
}

/** Finds the present rows among [rowFrom, rowFrom + rowCount). */
export function presenceOf(
  column: ColumnData,
  rowFrom: number,
  rowCount: number,
  optional: boolean,
): Presence {
  const vectorCount = Math.ceil(rowCount / vectorRows)
  const bitmap = optional ? validityBits(column, rowFrom, rowFrom + rowCount) : undefined
  const nulls = bitmap === undefined ? undefined : new Uint16Array(vectorCount)
  const starts = new Uint32Array(vectorCount + 1)
  for (let vector = 0; vector < vectorCount; vector += 1) {
    const rows = rowsOf(rowCount, vector)
    let present = rows
    if (bitmap !== undefined && nulls !== undefined) {
      const from = vector * (vectorRows / 8)
      present = bitCount(bitmap, from, from + ((rows + 7) >>> 3))
      nulls[vector] = rows - present
    }
    starts[vector + 1] = starts[vector]! + present
  }
  return { count: starts[vectorCount]!, starts, nulls, bitmap }
}

/** Copies the present values of f64, i32, u8 and code columns to denseF64. */
export function gatherF64(
  values: Float64Array | Int32Array | Uint8Array | Uint32Array,
  rowFrom: number,
  rowCount: number,
  bitmap: Uint8Array | undefined,
): void {
  if (bitmap === undefined) {
    // A copy of bytes where both are f64: NaN payloads survive, which `a[i] = b[i]` does not
    // promise.
    denseF64.set(values.subarray(rowFrom, rowFrom + rowCount))
    return
  }
  let at = 0
  for (let row = 0; row < rowCount; row += 1) {
    if (bitmap !== undefined && (bitmap[row >>> 3]! & (1 << (row & 7))) === 0) continue
    denseF64[at] = values[rowFrom + row]!
    at += 1
  }
}

/** Copies the present values of an i64 column to denseI64. */
export function gatherI64(
  values: BigInt64Array,
  rowFrom: number,
  rowCount: number,
  bitmap: Uint8Array | undefined,
): void {
  if (bitmap === undefined) {
    denseI64.set(values.subarray(rowFrom, rowFrom + rowCount))
    return
  }
  let at = 0
  for (let row = 0; row < rowCount; row += 1) {
    if ((bitmap[row >>> 3]! & (1 << (row & 7))) === 0) continue
    denseI64[at] = values[rowFrom + row]!
    at += 1
  }
}

/** Writes the rows of a bytes column that are present to denseRows. */
export function gatherRows(rowFrom: number, rowCount: number, bitmap: Uint8Array | undefined) {
  let at = 0
  for (let row = 0; row < rowCount; row += 1) {
    if (bitmap !== undefined && (bitmap[row >>> 3]! & (1 << (row & 7))) === 0) continue
    denseRows[at] = rowFrom + row
    at += 1
  }
}

/** Bytes of text in a row. */
export function textLength(column: BytesData, row: number): number {
  const length = column.offsets[row + 1]! - column.offsets[row]!
  assert(length >= 0, 'the offsets of a bytes column fall')
  return length
}
