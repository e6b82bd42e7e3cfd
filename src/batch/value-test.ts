// What a condition asks of the values of one column, in the form in which it is answered: by zone maps, by packed
// integers, by decoded values. Closed ranges, rising, that do not touch each other.
//
// physical      | test     | values are
// --------------+----------+------------------------------------------
// f64           | doubles  | the doubles; NaN is in no range, `nan` says whether it matches
// i64, i32, u8  | integers | the integers (decimals: scaled)
// code, bytes   | texts    | the strings
import { absentCode, absentInt64 } from './column-data.ts'
import type { BytesData, CodeData, ColumnData } from './column-data.ts'
import { isPresent } from './presence.ts'

export interface DoubleRange {
  readonly low: number
  readonly high: number
}

export interface IntegerRange {
  readonly low: bigint
  readonly high: bigint
}

export type ValueTest =
  | { readonly of: 'doubles'; readonly ranges: readonly DoubleRange[]; readonly nan: boolean }
  | { readonly of: 'integers'; readonly ranges: readonly IntegerRange[] }
  | {
      readonly of: 'texts'
      /** undefined: all. */
      readonly allowed: ReadonlySet<string> | undefined
      readonly refused: ReadonlySet<string>
    }

/** A test of a column; `absent`: whether rows without a value match. */
export interface ColumnTest {
  readonly values: ValueTest
  readonly absent: boolean
  /** The column may have rows without a value. */
  readonly optional: boolean
}

export function isTextIn(test: Extract<ValueTest, { of: 'texts' }>, text: string): boolean {
  return (test.allowed === undefined || test.allowed.has(text)) && !test.refused.has(text)
}

export function isDoubleIn(
  { ranges, nan }: Extract<ValueTest, { of: 'doubles' }>,
  value: number,
): boolean {
  if (value !== value) return nan
  for (const { low, high } of ranges) if (value >= low && value <= high) return true
  return false
}

function isIntegerIn(ranges: readonly IntegerRange[], value: bigint): boolean {
  for (const { low, high } of ranges) if (value >= low && value <= high) return true
  return false
}

/**
 * Sets marks[0, end - from) to 0 where rows [from, end) of the column do not match; others stay as
 * they are.
 */
export function testRows(
  column: ColumnData,
  test: ColumnTest,
  from: number,
  end: number,
  marks: Uint8Array,
): void {
  const { values } = test
  switch (column.physical) {
    case 'f64':
      if (values.of === 'doubles') markDoubles(column.values, test, values, from, end, marks)
      return
    case 'i64':
    case 'i32':
    case 'u8':
      if (values.of === 'integers') markIntegers(column, test, values.ranges, from, end, marks)
      return
    case 'code':
      if (values.of === 'texts') markCodes(column, test, values, from, end, marks)
      return
    default:
      if (values.of === 'texts') markTexts(column, test, values, from, end, marks)
  }
}

function markDoubles(
  values: Float64Array,
  test: ColumnTest,
  own: Extract<ValueTest, { of: 'doubles' }>,
  from: number,
  end: number,
  marks: Uint8Array,
): void {
  const nan = test.optional ? test.absent : own.nan
  for (let row = from; row < end; row += 1) {
    const value = values[row]!
    const isIn = value !== value ? nan : isDoubleIn(own, value)
    if (!isIn) marks[row - from] = 0
  }
}

function markIntegers(
  column: Extract<ColumnData, { physical: 'i64' | 'i32' | 'u8' }>,
  test: ColumnTest,
  ranges: readonly IntegerRange[],
  from: number,
  end: number,
  marks: Uint8Array,
): void {
  for (let row = from; row < end; row += 1) {
    const value = BigInt(column.values[row]!)
    const isAbsent =
      test.optional && (column.physical === 'i64' ? value === absentInt64 : !isPresent(column, row))
    if (!(isAbsent ? test.absent : isIntegerIn(ranges, value))) marks[row - from] = 0
  }
}

/** Whether each code of a dictionary matches. */
export function codesIn(
  dictionary: readonly string[],
  test: Extract<ValueTest, { of: 'texts' }>,
): Uint8Array {
  return Uint8Array.from(dictionary, (text) => (isTextIn(test, text) ? 1 : 0))
}

function markCodes(
  { values, dictionary }: CodeData,
  test: ColumnTest,
  own: Extract<ValueTest, { of: 'texts' }>,
  from: number,
  end: number,
  marks: Uint8Array,
): void {
  const isIn = codesIn(dictionary, own)
  for (let row = from; row < end; row += 1) {
    const code = values[row]!
    if (!(code === absentCode ? test.absent : isIn[code] === 1)) marks[row - from] = 0
  }
}

// A byte order mark is part of a text like any other character.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

function markTexts(
  { offsets, bytes, present }: BytesData,
  test: ColumnTest,
  own: Extract<ValueTest, { of: 'texts' }>,
  from: number,
  end: number,
  marks: Uint8Array,
): void {
  const isAny = own.allowed === undefined && own.refused.size === 0
  for (let row = from; row < end; row += 1) {
    const isAbsent = present !== undefined && present[row] === 0
    const isIn = isAbsent
      ? test.absent
      : isAny || isTextIn(own, decoder.decode(bytes.subarray(offsets[row], offsets[row + 1])))
    if (!isIn) marks[row - from] = 0
  }
}
