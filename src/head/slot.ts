// One row in a slot of a ring: put there from columns, compared, and read back. Plain functions over words, for the
// thread that owns the ring and for those that look at a copy of its rows.
import { assertNever } from '#base'
import { absentCode } from '#batch'
import type { ColumnData } from '#batch'
import { doubleOfScaled } from '#schema'
import type { ColumnSpec } from '#schema'
import type { RingLayout } from './ring-layout.ts'
import { textOfWords, wordOf } from './slab.ts'
import type { Slab } from './slab.ts'

/** The same bytes as words, doubles and int64. */
export interface RowWords {
  readonly words: Int32Array
  readonly doubles: Float64Array
  readonly longs: BigInt64Array
}

/** What is remembered of a column of the head between appends: arrays there are replaced when they grow. */
export interface ColumnSource {
  values: object | undefined
  halves: Int32Array
  dictionary: readonly string[] | undefined
  /** Codes of the dictionary as codes of the slab; -1: not asked yet. */
  codes: number[]
}

const noHalves = new Int32Array(0)

export function newSource(): ColumnSource {
  return { values: undefined, halves: noHalves, dictionary: undefined, codes: [] }
}

/** The 8-byte values of a column as int32 halves, low first. */
export function halvesKept(source: ColumnSource, values: Float64Array | BigInt64Array): Int32Array {
  if (source.values !== values) {
    source.values = values
    source.halves = new Int32Array(values.buffer, values.byteOffset, values.length * 2)
  }
  return source.halves
}

function codeKept(
  source: ColumnSource,
  dictionary: readonly string[],
  code: number,
  slab: Slab,
): number {
  if (source.dictionary !== dictionary) {
    source.dictionary = dictionary
    source.codes = []
  }
  let mapped = source.codes[code]
  if (mapped === undefined) {
    mapped = slab.codeOf(dictionary[code]!)
    // Codes are asked for in order of first use, so that the list seldom has holes.
    source.codes[code] = mapped
  }
  return mapped
}

/** A word where other threads may look. */
function put(words: Int32Array, isShared: boolean, at: number, value: number): void {
  if (isShared) Atomics.store(words, at, value)
  else words[at] = value
}

/** Puts row `row` of `columns` at word `base`. False where it does not fit: a longer text, or one symbol too many. */
export function writeSlot(
  slab: Slab,
  base: number,
  layout: RingLayout,
  columns: readonly (ColumnData | undefined)[],
  sources: readonly ColumnSource[],
  row: number,
): boolean {
  // A new symbol may make the slab grow: what is looked at here stays the same memory.
  const { words, isShared } = slab
  const { at, optional, presenceAt } = layout
  let bits = 0
  for (let index = 0; index < at.length; index += 1) {
    if (index > 0 && (index & 31) === 0) {
      put(words, isShared, base + presenceAt + (index >>> 5) - 1, bits)
      bits = 0
    }
    const column = columns[index]
    if (column === undefined) continue
    const place = base + at[index]!
    const isOptional = optional[index] === 1
    switch (column.physical) {
      case 'f64':
      case 'i64': {
        const halves = halvesKept(sources[index]!, column.values)
        const low = halves[row * 2]!
        const high = halves[row * 2 + 1]!
        if (isOptional && isAbsentWide(column, row, low, high)) continue
        put(words, isShared, place, low)
        put(words, isShared, place + 1, high)
        break
      }
      case 'i32':
      case 'u8':
        if (isOptional && column.present?.[row] === 0) continue
        put(words, isShared, place, column.values[row]!)
        break
      case 'code': {
        const code = column.values[row]!
        if (code === absentCode) continue
        const mapped = codeKept(sources[index]!, column.dictionary, code, slab)
        if (mapped < 0) return false
        put(words, isShared, place, mapped)
        break
      }
      case 'bytes': {
        if (isOptional && column.present?.[row] === 0) continue
        const text = column.bytes.subarray(column.offsets[row], column.offsets[row + 1])
        if (!writeText(slab, place, layout.textWords[index]!, text)) return false
        break
      }
      default:
        assertNever(column)
    }
    bits |= 1 << (index & 31)
  }
  put(words, isShared, base + presenceAt + ((at.length - 1) >>> 5), bits)
  return true
}

function isAbsentWide(column: ColumnData, row: number, low: number, high: number): boolean {
  if (column.physical === 'f64') return Number.isNaN(column.values[row])
  return high === -0x80000000 && low === 0
}

function writeText(slab: Slab, place: number, words: number, text: Uint8Array): boolean {
  if (text.length > words * 4) return false
  slab.store(place, text.length)
  for (let at = 0; at < text.length; at += 4) slab.store(place + 1 + (at >> 2), wordOf(text, at))
  return true
}

export function isPresentAt(
  words: Int32Array,
  base: number,
  presenceAt: number,
  index: number,
): boolean {
  return ((words[base + presenceAt + (index >>> 5)]! >>> (index & 31)) & 1) === 1
}

/** Negative, 0 or positive as the time at word a is before, the same as or after that at word b. */
export function compareTimes(words: Int32Array, a: number, b: number): number {
  const high = words[a + 1]! - words[b + 1]!
  return high !== 0 ? high : (words[a]! >>> 0) - (words[b]! >>> 0)
}

/** The rank of two rows by an order column; absent values rank first. */
export function compareSlots(
  row: RowWords,
  a: number,
  b: number,
  layout: RingLayout,
  { index, physical }: ColumnSpec,
): number {
  const { words } = row
  const presentA = isPresentAt(words, a, layout.presenceAt, index)
  const presentB = isPresentAt(words, b, layout.presenceAt, index)
  const at = layout.at[index]!
  if (physical === 'f64') {
    const x = presentA ? row.doubles[(a + at) >> 1]! : Number.NaN
    const y = presentB ? row.doubles[(b + at) >> 1]! : Number.NaN
    if (x < y) return -1
    if (x > y) return 1
    return Number(Number.isNaN(y)) - Number(Number.isNaN(x))
  }
  if (!presentA || !presentB) return Number(presentA) - Number(presentB)
  if (physical === 'i64') return compareTimes(words, a + at, b + at)
  return words[a + at]! - words[b + at]!
}

/** Bit-equal, and both there. */
export function equalSlots(
  words: Int32Array,
  a: number,
  b: number,
  layout: RingLayout,
  { index, physical }: ColumnSpec,
): boolean {
  if (!isPresentAt(words, a, layout.presenceAt, index)) return false
  if (!isPresentAt(words, b, layout.presenceAt, index)) return false
  const at = layout.at[index]!
  const count =
    physical === 'f64' || physical === 'i64'
      ? 2
      : physical === 'bytes'
        ? 1 + ((words[a + at]! + 3) >> 2)
        : 1
  for (let word = 0; word < count; word += 1) {
    if (words[a + at + word] !== words[b + at + word]) return false
  }
  return true
}

/** What a row of users shows where nothing is. */
export function absentValue({ type }: Pick<ColumnSpec, 'type'>): unknown {
  return type === 'f64' || type === 'decimal' ? Number.NaN : null
}

/** The value of a column that is present, as users see it. `place`: its first word. */
export function slotValue(
  row: RowWords,
  place: number,
  { type, scale }: Pick<ColumnSpec, 'type' | 'scale'>,
  textOfCode: (code: number) => string,
): unknown {
  switch (type) {
    case 'f64':
      return row.doubles[place >> 1]
    case 'decimal':
      return doubleOfScaled(row.longs[place >> 1]!, scale)
    case 'i64':
    case 'time':
      return row.longs[place >> 1]
    case 'i32':
    case 'u8':
      return row.words[place]
    case 'bool':
      return row.words[place] === 1
    case 'symbol':
      return textOfCode(row.words[place]!)
    case 'text':
      return textOfWords(row.words, place + 1, row.words[place]!)
    case 'json':
      return JSON.parse(textOfWords(row.words, place + 1, row.words[place]!))
    default:
      return assertNever(type)
  }
}
