// Read order: by time, then by the kind's order columns, then by arrival. Rows are compared by their place in columns
// that hold them in arrival order, so a stable sort by time and order columns is all that is needed.
import type { ColumnData, I64Data } from './column-data.ts'

/** What rows are ranked by. Absent values rank first. */
export interface OrderKeys {
  readonly time: I64Data
  readonly order: readonly ColumnData[]
}

/** int64 values as pairs of int32 halves, low first: comparing them needs no BigInt. */
export function halvesOf(values: BigInt64Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length * 2)
}

/** Negative, 0 or positive as row a stands before, beside or after row b. */
export function compareInt64(halves: Int32Array, a: number, b: number): number {
  const high = halves[a * 2 + 1]! - halves[b * 2 + 1]!
  return high !== 0 ? high : (halves[a * 2]! >>> 0) - (halves[b * 2]! >>> 0)
}

function compareValue(column: ColumnData, a: number, b: number): number {
  switch (column.physical) {
    case 'i64':
      return compareInt64(halvesOf(column.values), a, b)
    case 'f64': {
      const [x, y] = [column.values[a]!, column.values[b]!]
      if (x < y) return -1
      if (x > y) return 1
      return Number(Number.isNaN(y)) - Number(Number.isNaN(x))
    }
    case 'i32':
    case 'u8': {
      const absent = (column.present?.[a] ?? 1) - (column.present?.[b] ?? 1)
      return absent !== 0 ? absent : column.values[a]! - column.values[b]!
    }
    default:
      return 0 // symbols and texts have no order; a kind cannot name them
  }
}

/** Compares rows by time and order columns; 0 means that arrival decides. */
export function compareRows(keys: OrderKeys, halves: Int32Array, a: number, b: number): number {
  const byTime = compareInt64(halves, a, b)
  if (byTime !== 0) return byTime
  for (const column of keys.order) {
    const byOrder = compareValue(column, a, b)
    if (byOrder !== 0) return byOrder
  }
  return 0
}

/** How rows [from, end) stand, compared with each other and with the row before `from`, if any. */
export interface Orderliness {
  /** They are in read order. */
  readonly isOrdered: boolean
  /** And no two of them have the same time. */
  readonly isStrict: boolean
}

/** `halves`: those of the times, where they are at hand. */
export function orderliness(
  keys: OrderKeys,
  from: number,
  end: number,
  halves: Int32Array = halvesOf(keys.time.values),
): Orderliness {
  const start = Math.max(from, 1)
  const stepMin = leastStep(halves, start, end)
  if (stepMin > 0) return { isOrdered: true, isStrict: true }
  if (stepMin < 0) return { isOrdered: false, isStrict: false }
  if (keys.order.length === 0) return { isOrdered: true, isStrict: false }
  for (let row = start; row < end; row += 1) {
    if (compareRows(keys, halves, row - 1, row) > 0) return { isOrdered: false, isStrict: false }
  }
  return { isOrdered: true, isStrict: false }
}

/**
 * The least step of time from a row to the next, of those before rows [start, end): its sign is exact, its size about.
 * Without a branch on the data: where ticks come in bursts every second one would be guessed wrong.
 */
function leastStep(halves: Int32Array, start: number, end: number): number {
  let least = Infinity
  let high = halves[start * 2 - 1]!
  let low = halves[start * 2 - 2]! >>> 0
  for (let at = start * 2; at < end * 2; at += 2) {
    const nextLow = halves[at]! >>> 0
    const nextHigh = halves[at + 1]!
    // The lower halves alone cannot turn the sign: their distance is below 2^32.
    least = Math.min(least, (nextHigh - high) * 4294967296 + (nextLow - low))
    high = nextHigh
    low = nextLow
  }
  return least
}

/**
 * The rows [0, rowCount) in read order, ties by place. A natural merge sort: rising stretches are found first and then
 * merged pairwise, so that k sorted sources laid one after the other cost n log k.
 */
export function readOrder(keys: OrderKeys, rowCount: number): Uint32Array {
  const halves = halvesOf(keys.time.values)
  let source = new Uint32Array(rowCount)
  for (let row = 0; row < rowCount; row += 1) source[row] = row
  let starts = stretches(keys, halves, rowCount)
  let target = new Uint32Array(rowCount)
  while (starts.length > 2) {
    const merged = [0]
    for (let at = 0; at + 1 < starts.length; at += 2) {
      const end = starts[at + 2] ?? starts[at + 1]!
      mergeStretches(keys, halves, source, starts[at]!, starts[at + 1]!, end, target)
      merged.push(end)
    }
    starts = merged
    ;[source, target] = [target, source]
  }
  return source
}

/** Where rising stretches start, and the end. */
function stretches(keys: OrderKeys, halves: Int32Array, rowCount: number): number[] {
  const starts = [0]
  for (let row = 1; row < rowCount; row += 1) {
    if (compareRows(keys, halves, row - 1, row) > 0) starts.push(row)
  }
  starts.push(rowCount)
  return starts
}

function mergeStretches(
  keys: OrderKeys,
  halves: Int32Array,
  source: Uint32Array,
  from: number,
  middle: number,
  end: number,
  target: Uint32Array,
): void {
  let left = from
  let right = middle
  for (let at = from; at < end; at += 1) {
    const takeLeft =
      left < middle &&
      (right >= end || compareRows(keys, halves, source[left]!, source[right]!) <= 0)
    target[at] = takeLeft ? source[left]! : source[right]!
    if (takeLeft) left += 1
    else right += 1
  }
}
