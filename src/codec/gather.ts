// The present values of a page's rows, one after another, in the arena.
import { assert } from '#base'
import { validityBits } from '#batch'
import type { BytesData, ColumnData } from '#batch'
import { arena } from '#kernel'
import { encodePlaces } from './encode-places.ts'
import { blockRowsMax, rowsOf, vectorRows } from './layout.ts'

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
  if (bitmap === undefined && lastWhole?.count === rowCount) return lastWhole
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
  const presence = { count: starts[vectorCount]!, starts, nulls, bitmap }
  if (bitmap === undefined) lastWhole = presence
  return presence
}

/** That of the last page without absent rows: most pages are as long as the one before. */
let lastWhole: Presence | undefined

/** Of rows that lie where units will: keeps those that are present, 8 bytes each, as values. */
function keepPresent(rowCount: number, bitmap: Uint8Array): void {
  const { kernels, u8 } = arena()
  const { bitsAt, unitsAt, valuesAt } = encodePlaces()
  u8.set(bitmap.subarray(0, (rowCount + 7) >>> 3), bitsAt)
  kernels.gather8(unitsAt, bitsAt, rowCount, valuesAt)
}

/** Copies the present values of an f64 column, as bytes: NaN payloads survive. */
export function gatherF64(
  values: Float64Array,
  rowFrom: number,
  rowCount: number,
  bitmap: Uint8Array | undefined,
): void {
  const { unitsAt, valuesAt } = encodePlaces()
  const rows = values.subarray(rowFrom, rowFrom + rowCount)
  arena().f64.set(rows, (bitmap === undefined ? valuesAt : unitsAt) >>> 3)
  if (bitmap !== undefined) keepPresent(rowCount, bitmap)
}

/** Copies the present values of an i64 column. */
export function gatherI64(
  values: BigInt64Array,
  rowFrom: number,
  rowCount: number,
  bitmap: Uint8Array | undefined,
): void {
  const { unitsAt, valuesAt } = encodePlaces()
  const rows = values.subarray(rowFrom, rowFrom + rowCount)
  arena().i64.set(rows, (bitmap === undefined ? valuesAt : unitsAt) >>> 3)
  if (bitmap !== undefined) keepPresent(rowCount, bitmap)
}

/** Makes the present values of i32, u8 and code columns units. */
export function gatherSmall(
  values: Int32Array | Uint8Array | Uint32Array,
  rowFrom: number,
  rowCount: number,
  bitmap: Uint8Array | undefined,
): void {
  const { kernels, u32 } = arena()
  const { valuesAt, unitsAt, units } = encodePlaces()
  if (bitmap === undefined) {
    const rows = values.subarray(rowFrom, rowFrom + rowCount)
    if (rows instanceof Uint32Array) {
      u32.set(rows, valuesAt >>> 2)
      kernels.f64Whole(valuesAt, rowCount, 0, 1, unitsAt)
    } else units.set(rows)
    return
  }
  let at = 0
  for (let row = 0; row < rowCount; row += 1) {
    if ((bitmap[row >>> 3]! & (1 << (row & 7))) === 0) continue
    units[at] = values[rowFrom + row]!
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
