// Moving rows between columns: by slices, by a list of rows, and reversed in place.
import { assert, assertNever } from '#base'
import { reserveBytes } from './allocate.ts'
import type { BytesData, ColumnData } from './column-data.ts'
import { codeMap, mapCodes } from './dictionary.ts'

/** Copies rows [from, end) of `source` to `target` at `at`. Codes are translated where the dictionaries differ. */
export function copyRows(
  source: ColumnData,
  from: number,
  end: number,
  target: ColumnData,
  at: number,
): void {
  switch (source.physical) {
    case 'f64':
      assert(target.physical === 'f64', 'copy: same physical type')
      target.values.set(source.values.subarray(from, end), at)
      return
    case 'i64':
      assert(target.physical === 'i64', 'copy: same physical type')
      target.values.set(source.values.subarray(from, end), at)
      return
    case 'i32':
    case 'u8':
      assert(target.physical === source.physical, 'copy: same physical type')
      target.values.set(source.values.subarray(from, end), at)
      copyPresent(source.present, from, end, target.present, at)
      return
    case 'code':
      assert(target.physical === 'code', 'copy: same physical type')
      target.values.set(source.values.subarray(from, end), at)
      translate(source.dictionary, target.dictionary, target.values, at, at + end - from)
      return
    case 'bytes':
      assert(target.physical === 'bytes', 'copy: same physical type')
      copyTexts(source, from, end, target, at)
      copyPresent(source.present, from, end, target.present, at)
      return
    default:
      assertNever(source)
  }
}

/** Copies the rows listed in rows[from, end) of `source` to `target` at `at`, in that order. */
export function gatherRows(
  source: ColumnData,
  rows: Uint32Array,
  from: number,
  end: number,
  target: ColumnData,
  at: number,
): void {
  switch (source.physical) {
    case 'f64':
      assert(target.physical === 'f64', 'gather: same physical type')
      gatherPairs(source.values, rows, from, end, target.values, at)
      return
    case 'i64':
      assert(target.physical === 'i64', 'gather: same physical type')
      gatherPairs(source.values, rows, from, end, target.values, at)
      return
    case 'i32':
    case 'u8':
      assert(target.physical === source.physical, 'gather: same physical type')
      for (let slot = from; slot < end; slot += 1) {
        target.values[at + slot - from] = source.values[rows[slot]!]!
      }
      gatherPresent(source.present, rows, from, end, target.present, at)
      return
    case 'code':
      assert(target.physical === 'code', 'gather: same physical type')
      for (let slot = from; slot < end; slot += 1) {
        target.values[at + slot - from] = source.values[rows[slot]!]!
      }
      translate(source.dictionary, target.dictionary, target.values, at, at + end - from)
      return
    case 'bytes':
      assert(target.physical === 'bytes', 'gather: same physical type')
      for (let slot = from; slot < end; slot += 1) {
        copyTexts(source, rows[slot]!, rows[slot]! + 1, target, at + slot - from)
      }
      gatherPresent(source.present, rows, from, end, target.present, at)
      return
    default:
      assertNever(source)
  }
}

function translate(
  from: readonly string[],
  into: string[],
  values: Uint32Array,
  start: number,
  end: number,
): void {
  if (from === into) return
  const bad = mapCodes(values, start, end, codeMap(from, into))
  assert(bad < 0, 'every code is in its dictionary')
}

/** 8-byte values moved as halves: a double keeps its bits, an int64 needs no BigInt. */
function gatherPairs(
  source: Float64Array | BigInt64Array,
  rows: Uint32Array,
  from: number,
  end: number,
  target: Float64Array | BigInt64Array,
  at: number,
): void {
  const input = new Int32Array(source.buffer, source.byteOffset, source.length * 2)
  const output = new Int32Array(target.buffer, target.byteOffset, target.length * 2)
  let to = at * 2
  for (let slot = from; slot < end; slot += 1) {
    const row = rows[slot]! * 2
    output[to] = input[row]!
    output[to + 1] = input[row + 1]!
    to += 2
  }
}

function copyPresent(
  source: Uint8Array | undefined,
  from: number,
  end: number,
  target: Uint8Array | undefined,
  at: number,
): void {
  if (target === undefined) return
  if (source === undefined) target.fill(1, at, at + end - from)
  else target.set(source.subarray(from, end), at)
}

function gatherPresent(
  source: Uint8Array | undefined,
  rows: Uint32Array,
  from: number,
  end: number,
  target: Uint8Array | undefined,
  at: number,
): void {
  if (target === undefined) return
  for (let slot = from; slot < end; slot += 1) {
    target[at + slot - from] = source === undefined ? 1 : source[rows[slot]!]!
  }
}

function copyTexts(
  source: BytesData,
  from: number,
  end: number,
  target: BytesData,
  at: number,
): void {
  const start = source.offsets[from]!
  const bytes = source.bytes.subarray(start, source.offsets[end]!)
  const used = target.offsets[at]!
  reserveBytes(target, used, bytes.length)
  target.bytes.set(bytes, used)
  const shift = used - start
  for (let row = from; row < end; row += 1) {
    target.offsets[at + row - from + 1] = source.offsets[row + 1]! + shift
  }
}

/** Rows [0, rowCount) in opposite order, in place. */
export function reverseRows(column: ColumnData, rowCount: number): void {
  switch (column.physical) {
    case 'f64':
    case 'i64':
    case 'code':
      column.values.subarray(0, rowCount).reverse()
      return
    case 'i32':
    case 'u8':
      column.values.subarray(0, rowCount).reverse()
      column.present?.subarray(0, rowCount).reverse()
      return
    case 'bytes':
      reverseTexts(column, rowCount)
      column.present?.subarray(0, rowCount).reverse()
      return
    default:
      assertNever(column)
  }
}

function reverseTexts(column: BytesData, rowCount: number): void {
  const offsets = new Uint32Array(rowCount + 1)
  const bytes = new Uint8Array(column.offsets[rowCount]!)
  let used = 0
  for (let row = rowCount - 1; row >= 0; row -= 1) {
    const text = column.bytes.subarray(column.offsets[row], column.offsets[row + 1])
    bytes.set(text, used)
    used += text.length
    offsets[rowCount - row] = used
  }
  column.offsets = offsets
  column.bytes = bytes
}
