// A sum over rows that does not depend on their order: what comes out of a compaction that merges
// nothing is the same set of rows as went in. Each row gets a hash of 64 bits in two lanes, over
// its present values and their column ids; the sum adds them up, so that a row lost, invented or
// read twice shows. No defence against malice: the content hash is that.
import { assertNever } from '#base'
import { validityBits } from '#batch'
import type { BytesData, CodeData, ColumnData } from '#batch'
import { hash64 } from '#kernel'
import type { ColumnSpec } from '#schema'

/** Two hashes a row, being mixed column by column. */
interface Lanes {
  readonly a: Int32Array
  readonly b: Int32Array
}

/** Low and high halves of one 64-bit number a string of a dictionary; dictionaries grow. */
interface Strings {
  dictionary: readonly string[]
  halves: Int32Array
  count: number
}

const encoder = new TextEncoder()

export class RowSum {
  readonly #specs: readonly ColumnSpec[]
  readonly #strings: readonly Strings[]
  /** As long as the longest block so far: most runs are short. */
  #lanes: Lanes = { a: new Int32Array(0), b: new Int32Array(0) }
  #a = 0
  #b = 0
  #rows = 0

  /** Columns that count. The hidden place column does not: a merge may give a row another. */
  constructor(specs: readonly ColumnSpec[]) {
    this.#specs = specs
    this.#strings = specs.map(() => ({ dictionary: [], halves: new Int32Array(0), count: 0 }))
  }

  /** Rows [0, rowCount); `columns[i]` belongs to the i-th spec. */
  add(columns: readonly ColumnData[], rowCount: number): void {
    if (this.#lanes.a.length < rowCount) {
      this.#lanes = { a: new Int32Array(rowCount), b: new Int32Array(rowCount) }
    }
    const { a, b } = this.#lanes
    a.fill(0, 0, rowCount)
    b.fill(0, 0, rowCount)
    for (let at = 0; at < columns.length; at += 1) {
      const spec = this.#specs[at]!
      const column = columns[at]!
      const bits = spec.optional ? validityBits(column, 0, rowCount) : undefined
      mixColumn(this.#lanes, column, rowCount, bits, seedOf(spec.id), this.#strings[at]!)
    }
    let sumA = this.#a
    let sumB = this.#b
    for (let row = 0; row < rowCount; row += 1) {
      sumA = (sumA + finish(a[row]!)) | 0
      sumB = (sumB + finish(b[row]!)) | 0
    }
    this.#a = sumA
    this.#b = sumB
    this.#rows += rowCount
  }

  /** Equal for equal sets of rows: count and sum, as text. */
  digest(): string {
    const hex = (lane: number): string => (lane >>> 0).toString(16).padStart(8, '0')
    return `${this.#rows}:${hex(this.#a)}${hex(this.#b)}`
  }
}

function seedOf(columnId: number): number {
  return Math.imul(columnId + 1, 0x9e3779b1)
}

function finish(lane: number): number {
  const mixed = Math.imul(lane ^ (lane >>> 16), 0x7feb352d)
  return mixed ^ (mixed >>> 15)
}

function isSet(bits: Uint8Array | undefined, row: number): boolean {
  return bits === undefined || ((bits[row >> 3]! >> (row & 7)) & 1) === 1
}

function mix(lanes: Lanes, row: number, seed: number, low: number, high: number): void {
  let a = Math.imul(lanes.a[row]! ^ low ^ seed, 0x85ebca6b)
  a = Math.imul(a ^ (a >>> 13) ^ high, 0xc2b2ae35)
  lanes.a[row] = a ^ (a >>> 16)
  let b = Math.imul(lanes.b[row]! + high + seed, 0x27d4eb2f)
  b = Math.imul((b ^ (b >>> 15)) + low, 0x165667b1)
  lanes.b[row] = b ^ (b >>> 13)
}

function mixColumn(
  lanes: Lanes,
  column: ColumnData,
  rowCount: number,
  bits: Uint8Array | undefined,
  seed: number,
  strings: Strings,
): void {
  switch (column.physical) {
    case 'f64':
    case 'i64':
      return mixWords(lanes, column.values, rowCount, bits, seed)
    case 'i32':
    case 'u8':
      for (let row = 0; row < rowCount; row += 1) {
        if (isSet(bits, row)) mix(lanes, row, seed, column.values[row]!, 0)
      }
      return
    case 'code':
      return mixCodes(lanes, column, rowCount, bits, seed, strings)
    case 'bytes':
      return mixBytes(lanes, column, rowCount, bits, seed)
    default:
      assertNever(column)
  }
}

/** Doubles count as their bits: -0 is not 0, and NaNs differ. */
function mixWords(
  lanes: Lanes,
  values: Float64Array | BigInt64Array,
  rowCount: number,
  bits: Uint8Array | undefined,
  seed: number,
): void {
  const halves = new Int32Array(values.buffer, values.byteOffset, rowCount * 2)
  if (bits === undefined) return mixAllWords(lanes.a, lanes.b, halves, rowCount, seed)
  for (let row = 0; row < rowCount; row += 1) {
    if (isSet(bits, row)) mix(lanes, row, seed, halves[row * 2]!, halves[row * 2 + 1]!)
  }
}

/** `mix` of every row, in the loop by itself: most values of a store come this way. */
function mixAllWords(
  laneA: Int32Array,
  laneB: Int32Array,
  halves: Int32Array,
  rowCount: number,
  seed: number,
): void {
  for (let row = 0; row < rowCount; row += 1) {
    const low = halves[row * 2]!
    const high = halves[row * 2 + 1]!
    let a = Math.imul(laneA[row]! ^ low ^ seed, 0x85ebca6b)
    a = Math.imul(a ^ (a >>> 13) ^ high, 0xc2b2ae35)
    laneA[row] = a ^ (a >>> 16)
    let b = Math.imul(laneB[row]! + high + seed, 0x27d4eb2f)
    b = Math.imul((b ^ (b >>> 15)) + low, 0x165667b1)
    laneB[row] = b ^ (b >>> 13)
  }
}

/** Codes differ from run to run; what they stand for does not. */
function mixCodes(
  lanes: Lanes,
  column: CodeData,
  rowCount: number,
  bits: Uint8Array | undefined,
  seed: number,
  strings: Strings,
): void {
  learnStrings(strings, column.dictionary)
  const { halves } = strings
  for (let row = 0; row < rowCount; row += 1) {
    if (!isSet(bits, row)) continue
    const code = column.values[row]!
    mix(lanes, row, seed, halves[code * 2]!, halves[code * 2 + 1]!)
  }
}

function learnStrings(strings: Strings, dictionary: readonly string[]): void {
  if (strings.dictionary !== dictionary) {
    strings.dictionary = dictionary
    strings.count = 0
  }
  if (strings.halves.length < dictionary.length * 2) {
    const grown = new Int32Array(dictionary.length * 4)
    grown.set(strings.halves)
    strings.halves = grown
  }
  for (; strings.count < dictionary.length; strings.count += 1) {
    const hash = hash64(encoder.encode(dictionary[strings.count]))
    strings.halves[strings.count * 2] = Number(hash & 0xffffffffn)
    strings.halves[strings.count * 2 + 1] = Number(hash >> 32n)
  }
}

function mixBytes(
  lanes: Lanes,
  column: BytesData,
  rowCount: number,
  bits: Uint8Array | undefined,
  seed: number,
): void {
  const { bytes, offsets } = column
  for (let row = 0; row < rowCount; row += 1) {
    if (!isSet(bits, row)) continue
    let low = 0x811c9dc5
    let high = 0x5bd1e995
    for (let at = offsets[row]!; at < offsets[row + 1]!; at += 1) {
      low = Math.imul(low ^ bytes[at]!, 0x01000193)
      high = Math.imul(high + bytes[at]!, 0x5bd1e995) ^ (high >>> 24)
    }
    mix(lanes, row, seed, low, high)
  }
}
