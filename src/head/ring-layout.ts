// Where the columns of a row stand in a ring's slot. Wide columns first, so that doubles and int64 are aligned:
//
//   time (2 words) | received (2) | f64, i64 columns (2 each) | presence (1 bit a column) | i32, u8, codes (1 each) |
//   texts: bytes (1), UTF-8 in as many words as the longest one so far takes | up to an even number of words
//
// A column whose presence bit is 0 is absent and its words mean nothing. In shared memory the layout itself is
//
//   columns | slot words | presence at |
//   then per column: id | type, optional << 8, scale << 16 | at | text words | name
//
// one word each; the name is a symbol.
import { assert } from '#base'
import type { BytesData, ColumnData } from '#batch'
import type { ColumnSpec, ColumnType } from '#schema'

export interface RingLayout {
  /** By index of the kind's columns, as every list here. */
  readonly specs: readonly ColumnSpec[]
  readonly at: Int32Array
  /** 1 where a row may have no value. */
  readonly optional: Uint8Array
  /** Of text columns: words for their bytes. */
  readonly textWords: Int32Array
  readonly presenceAt: number
  readonly slotWords: number
}

export const layoutHeadWords = 3
export const layoutColumnWords = 5

/** Numbers of column types in shared memory. */
export const sharedTypes: readonly ColumnType[] = [
  'f64',
  'decimal',
  'i64',
  'i32',
  'u8',
  'bool',
  'symbol',
  'text',
  'json',
  'time',
]

export function presenceWords(columns: number): number {
  return (columns + 31) >> 5
}

/** `textWords`: room wanted for each text column, by index; missing ones get none. */
export function layoutOf(specs: readonly ColumnSpec[], textWords: readonly number[]): RingLayout {
  const at = new Int32Array(specs.length)
  const rooms = new Int32Array(specs.length)
  let words = 0
  for (const { index, physical } of specs) {
    if (physical !== 'f64' && physical !== 'i64') continue
    at[index] = words
    words += 2
  }
  const presenceAt = words
  words += presenceWords(specs.length)
  for (const { index, physical } of specs) {
    if (physical !== 'i32' && physical !== 'u8' && physical !== 'code') continue
    at[index] = words
    words += 1
  }
  for (const { index, physical } of specs) {
    if (physical !== 'bytes') continue
    at[index] = words
    rooms[index] = textWords[index] ?? 0
    words += 1 + rooms[index]!
  }
  assert(specs[0]?.physical === 'i64' && at[0] === 0, 'ring: the time comes first')
  const optional = Uint8Array.from(specs, (spec) => Number(spec.optional))
  return { specs, at, optional, textWords: rooms, presenceAt, slotWords: (words + 1) & ~1 }
}

/** Words that the texts of rows [from, end) need, by column, not below `before`; rounded up so that it seldom grows. */
export function textWordsFor(
  specs: readonly ColumnSpec[],
  columns: readonly (ColumnData | undefined)[],
  from: number,
  end: number,
  before: ArrayLike<number>,
): number[] {
  return specs.map(({ index }) => {
    const column = columns[index]
    const known = before[index] ?? 0
    if (column?.physical !== 'bytes') return known
    const needed = (longest(column, from, end) + 3) >> 2
    return needed <= known ? known : 1 << (32 - Math.clz32(Math.max(3, needed - 1)))
  })
}

function longest({ offsets }: BytesData, from: number, end: number): number {
  let bytes = 0
  for (let row = from; row < end; row += 1) {
    bytes = Math.max(bytes, offsets[row + 1]! - offsets[row]!)
  }
  return bytes
}
