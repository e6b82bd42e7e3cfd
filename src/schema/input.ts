// Values from users into columns. Everything is checked here, once; a value that does not fit is ERR_SCHEMA naming
// series, row and column, and the caller drops the rows it was about to add.
import { VarveError, assertNever, limits } from '#base'
import {
  absentCode,
  absentInt64,
  codeMap,
  codeOf,
  lookupOf,
  mapCodes,
  putText,
  reserveBytes,
} from '#batch'
import type { BytesData, CodeData, ColumnData, I32Data, I64Data, U8Data } from '#batch'
import { scaledOfNumber, scaledOfText } from './decimal.ts'
import { presenceOf } from './presence-of.ts'
import type { ColumnSpec } from './stored-kind.ts'
import { int64Max, int64Min, parseTime } from './time.ts'
import type { TimeInput } from './time.ts'

const encoder = new TextEncoder()

/** Where a value comes from, for errors. `row` counts within the call. */
export interface InputPlace {
  readonly series: string
}

function misfit(
  spec: ColumnSpec,
  place: InputPlace,
  row: number,
  value: unknown,
  expected: string,
  cause?: unknown,
): VarveError {
  const actual = describe(value)
  return new VarveError(
    'ERR_SCHEMA',
    `row ${row}, column '${spec.name}': ${expected} expected, ${actual} given`,
    { series: place.series, row, column: spec.name, expected, actual },
    {
      hint: 'Nothing of the call was added; mend the row and append again.',
      ...(cause === undefined ? {} : { cause }),
    },
  )
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80))
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'object' && value !== null) return value.constructor?.name ?? 'an object'
  return String(value)
}

/** Puts one value at `row` of `target`; for bytes columns rows before it must be filled. `inputRow` is for errors. */
export function fillValue(
  spec: ColumnSpec,
  value: unknown,
  target: ColumnData,
  row: number,
  place: InputPlace,
  inputRow: number,
): void {
  if (value === undefined || (value === null && (spec.type !== 'json' || spec.optional))) {
    if (!spec.optional) throw misfit(spec, place, inputRow, value, `a value (${spec.type})`)
    fillAbsentValue(target, row)
    return
  }
  switch (target.physical) {
    case 'f64':
      if (typeof value !== 'number') throw misfit(spec, place, inputRow, value, 'a number')
      target.values[row] = value
      return
    case 'i64':
      target.values[row] = int64Of(spec, value, place, inputRow)
      return
    case 'i32':
    case 'u8':
      target.values[row] = smallOf(spec, value, place, inputRow)
      if (target.present !== undefined) target.present[row] = 1
      return
    case 'code':
      target.values[row] = codeOf(target.dictionary, symbolOf(spec, value, place, inputRow))
      return
    case 'bytes':
      fillText(target, row, textOf(spec, value, place, inputRow))
      return
    default:
      assertNever(target)
  }
}

/** The same for a value that is there and plainly fits. False where it does not, or takes longer to tell: fillValue
 *  says then what is wrong, if anything. */
export function fillPlain(
  spec: ColumnSpec,
  value: unknown,
  target: ColumnData,
  row: number,
): boolean {
  switch (target.physical) {
    case 'f64':
      if (typeof value !== 'number') return false
      target.values[row] = value
      return true
    case 'i64':
      return fillPlainInt64(spec, value, target.values, row)
    case 'i32':
    case 'u8':
      return fillPlainSmall(spec, value, target, row)
    case 'code':
      return typeof value === 'string' && fillPlainSymbol(value, target, row)
    case 'bytes':
      return spec.type === 'text' && typeof value === 'string' && fillPlainText(value, target, row)
    default:
      return assertNever(target)
  }
}

/** Epoch milliseconds up to here fit in int64 nanoseconds. */
const plainMsMax = 9.2e12

function fillPlainInt64(
  spec: ColumnSpec,
  value: unknown,
  values: BigInt64Array,
  row: number,
): boolean {
  if (spec.type === 'decimal') {
    const scaled = scaledOf(spec, value)
    if (scaled === undefined || (spec.optional && scaled === absentInt64)) return false
    values[row] = scaled
    return true
  }
  if (typeof value === 'bigint') {
    if (value !== BigInt.asIntN(64, value)) return false
    values[row] = value
    return true
  }
  if (spec.type === 'time') {
    const ms = value instanceof Date ? value.getTime() : value
    if (typeof ms !== 'number' || !(Math.abs(ms) <= plainMsMax)) return false
    values[row] = parseTime(ms)
    return true
  }
  if (!Number.isSafeInteger(value)) return false
  values[row] = BigInt(value as number)
  return true
}

function fillPlainSmall(
  { type }: ColumnSpec,
  value: unknown,
  target: I32Data | U8Data,
  row: number,
): boolean {
  if (type === 'bool') {
    if (typeof value !== 'boolean' && value !== 0 && value !== 1) return false
    target.values[row] = Number(value)
  } else {
    if (typeof value !== 'number' || value !== (type === 'u8' ? value & 0xff : value | 0)) {
      return false
    }
    target.values[row] = value
  }
  if (target.present !== undefined) target.present[row] = 1
  return true
}

function fillPlainSymbol(text: string, { dictionary, values }: CodeData, row: number): boolean {
  const known = lookupOf(dictionary).get(text)
  if (known === undefined && !isPlainText(text)) return false
  values[row] = known ?? codeOf(dictionary, text)
  return true
}

function fillPlainText(text: string, target: BytesData, row: number): boolean {
  if (!isPlainText(text)) return false
  fillText(target, row, text)
  return true
}

/** Well-formed, and not too long whatever its letters are. */
function isPlainText(text: string): boolean {
  return text.length * 3 <= limits.textBytesMax && !/\p{Surrogate}/u.test(text)
}

/** Makes row `row` absent; for bytes columns rows before it must be filled. */
export function fillAbsentValue(target: ColumnData, row: number): void {
  switch (target.physical) {
    case 'f64':
      target.values[row] = Number.NaN
      return
    case 'i64':
      target.values[row] = absentInt64
      return
    case 'code':
      target.values[row] = absentCode
      return
    case 'i32':
    case 'u8':
      target.values[row] = 0
      break
    case 'bytes':
      target.offsets[row + 1] = target.offsets[row]!
      break
    default:
      assertNever(target)
  }
  if (target.present !== undefined) target.present[row] = 0
}

function int64Of(spec: ColumnSpec, value: unknown, place: InputPlace, row: number): bigint {
  if (spec.type === 'time') {
    try {
      return parseTime(value as TimeInput)
    } catch (cause) {
      if (!(cause instanceof VarveError)) throw cause
      throw misfit(spec, place, row, value, 'a time', cause)
    }
  }
  if (spec.type === 'decimal') {
    const scaled = scaledOf(spec, value)
    if (scaled !== undefined && !(spec.optional && scaled === absentInt64)) return scaled
    if (spec.optional && Number.isNaN(value)) return absentInt64
    throw misfit(spec, place, row, value, `a decimal of ${spec.scale} digits after the point`)
  }
  if (typeof value === 'bigint' && value >= int64Min && value <= int64Max) return value
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  throw misfit(spec, place, row, value, 'an int64 (a bigint, or a whole number below 2^53)')
}

function scaledOf({ scale }: ColumnSpec, value: unknown): bigint | undefined {
  if (typeof value === 'number') return scaledOfNumber(value, scale)
  return typeof value === 'string' ? scaledOfText(value, scale) : undefined
}

function smallOf(spec: ColumnSpec, value: unknown, place: InputPlace, row: number): number {
  if (spec.type === 'bool') {
    if (typeof value === 'boolean') return value ? 1 : 0
    if (value === 0 || value === 1) return value
    throw misfit(spec, place, row, value, 'true or false')
  }
  const [low, high] = spec.type === 'u8' ? [0, 255] : [-0x80000000, 0x7fffffff]
  if (Number.isInteger(value) && (value as number) >= low && (value as number) <= high) {
    return value as number
  }
  throw misfit(spec, place, row, value, `a whole number from ${low} to ${high}`)
}

function wellFormed(spec: ColumnSpec, value: unknown, place: InputPlace, row: number): string {
  if (typeof value !== 'string') throw misfit(spec, place, row, value, 'a string')
  if (/\p{Surrogate}/u.test(value)) throw misfit(spec, place, row, value, 'well-formed Unicode')
  return value
}

function symbolOf(spec: ColumnSpec, value: unknown, place: InputPlace, row: number): string {
  const text = wellFormed(spec, value, place, row)
  if (text.length * 3 > limits.textBytesMax) {
    throw misfit(spec, place, row, value, `a string of at most ${limits.textBytesMax / 3} units`)
  }
  return text
}

function textOf(spec: ColumnSpec, value: unknown, place: InputPlace, row: number): string {
  if (spec.type === 'text') return limited(spec, wellFormed(spec, value, place, row), place, row)
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (cause) {
    throw misfit(spec, place, row, value, 'a value that JSON can hold', cause)
  }
  if (text === undefined) throw misfit(spec, place, row, value, 'a value that JSON can hold')
  return limited(spec, text, place, row)
}

function limited(spec: ColumnSpec, text: string, place: InputPlace, row: number): string {
  if (text.length <= limits.textBytesMax / 3) return text
  const bytes = encoder.encode(text).length
  if (bytes <= limits.textBytesMax) return text
  throw misfit(spec, place, row, text, `at most ${limits.textBytesMax} bytes of text`)
}

function fillText(target: BytesData, row: number, text: string): void {
  const from = target.offsets[row]!
  reserveBytes(target, from, text.length * 3)
  target.offsets[row + 1] = from + putText(text, target.bytes, from)
  if (target.present !== undefined) target.present[row] = 1
}

/** Puts a column of `rowCount` values at rows [at, at + rowCount) of `target`. Typed arrays of the column's own type
 *  are copied as they are. */
export function fillColumn(
  spec: ColumnSpec,
  source: unknown,
  rowCount: number,
  target: ColumnData,
  at: number,
  place: InputPlace,
): void {
  if (fillTyped(spec, source, rowCount, target, at)) {
    checkTyped(spec, source, target, at, rowCount, place)
    return
  }
  if (target.physical === 'code' && isSymbolColumn(source)) {
    fillCodes(spec, source, target, at, place)
    return
  }
  const valueAt = reader(source)
  for (let row = 0; row < rowCount; row += 1) {
    fillValue(spec, valueAt(row), target, at + row, place, row)
  }
}

/** The length of a column input, or undefined where it is none. */
export function inputLength(source: unknown): number | undefined {
  if (typeof source !== 'object' || source === null) return undefined
  const length: unknown = (source as { length?: unknown }).length
  return typeof length === 'number' && Number.isInteger(length) && length >= 0 ? length : undefined
}

function reader(source: unknown): (row: number) => unknown {
  if (Array.isArray(source) || ArrayBuffer.isView(source)) {
    const list = source as unknown as ArrayLike<unknown>
    return (row) => list[row]
  }
  const column = source as { at?: unknown } & ArrayLike<unknown>
  if (typeof column.at === 'function') {
    const at = column.at.bind(column) as (row: number) => unknown
    return at
  }
  return (row) => column[row]
}

function fillTyped(
  spec: ColumnSpec,
  source: unknown,
  rowCount: number,
  target: ColumnData,
  at: number,
): boolean {
  switch (target.physical) {
    case 'f64':
      if (!(source instanceof Float64Array || source instanceof Float32Array)) return false
      target.values.set(source, at)
      return true
    case 'i64':
      if (spec.type === 'decimal' || !(source instanceof BigInt64Array)) return false
      target.values.set(source, at)
      return true
    case 'i32':
      if (!(source instanceof Int32Array || source instanceof Int16Array)) return false
      target.values.set(source, at)
      break
    case 'u8':
      if (!(source instanceof Uint8Array)) return false
      target.values.set(source, at)
      break
    case 'code':
    case 'bytes':
      return false
    default:
      assertNever(target)
  }
  if (target.present !== undefined) {
    const present = presenceOf(source)
    if (present === undefined) target.present.fill(1, at, at + rowCount)
    else target.present.set(present, at)
  }
  return true
}

/** What a typed array can still get wrong: a bool that is neither 0 nor 1; rows that were absent where it was read. */
function checkTyped(
  spec: ColumnSpec,
  source: unknown,
  target: ColumnData,
  at: number,
  rowCount: number,
  place: InputPlace,
): void {
  const absent = spec.optional ? -1 : (presenceOf(source)?.indexOf(0) ?? -1)
  if (absent >= 0) throw misfit(spec, place, absent, null, `a value (${spec.type})`)
  if (spec.type !== 'bool') return
  const values = (target as { values: Uint8Array }).values
  for (let row = 0; row < rowCount; row += 1) {
    if (values[at + row]! > 1) {
      throw misfit(spec, place, row, (source as Uint8Array)[row], 'true or false')
    }
  }
}

/** Epoch ns of a `time` column: BigInt64Array as it is, or Float64Array (and other lists) of TimeInput. */
export function fillTimes(
  spec: ColumnSpec,
  source: unknown,
  rowCount: number,
  target: I64Data,
  at: number,
  place: InputPlace,
): void {
  if (source instanceof BigInt64Array) {
    target.values.set(source, at)
    return
  }
  const valueAt = reader(source)
  for (let row = 0; row < rowCount; row += 1) {
    target.values[at + row] = int64Of(spec, valueAt(row), place, row)
  }
}

interface CodesInput {
  readonly codes: Uint32Array
  readonly dictionary: readonly string[]
}

function isSymbolColumn(source: unknown): source is CodesInput {
  const column = source as { codes?: unknown; dictionary?: unknown }
  return column.codes instanceof Uint32Array && Array.isArray(column.dictionary)
}

function fillCodes(
  spec: ColumnSpec,
  source: CodesInput,
  target: CodeData,
  at: number,
  place: InputPlace,
): void {
  for (const text of source.dictionary) symbolOf(spec, text, place, 0)
  const end = at + source.codes.length
  target.values.set(source.codes, at)
  if (!spec.optional) {
    const absent = source.codes.indexOf(absentCode)
    if (absent >= 0) throw misfit(spec, place, absent, null, 'a value (symbol)')
  }
  const bad = mapCodes(target.values, at, end, codeMap(source.dictionary, target.dictionary))
  if (bad >= 0) {
    throw misfit(spec, place, bad - at, source.codes[bad - at], 'a code of the dictionary')
  }
}
