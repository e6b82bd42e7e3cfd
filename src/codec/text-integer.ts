// Texts that are canonical decimal integers ('5266583935', '-3', '0'; not '007', '+1', '-0') within
// int64, stored as the integers they are: trade ids and sequence numbers then cost what their steps
// cost.
import { reserveBytes } from '#batch'
import type { BytesData } from '#batch'
import { encodePlaces } from './encode-places.ts'
import type { EncodePlaces } from './encode-places.ts'
import { denseRows } from './gather.ts'

const minus = 45
const zero = 48
const digitsMax = 19
const two32 = 4294967296

/** The digits bytes[from, end) as a number, exact to 15 of them; NaN where one is no digit. */
function digits(bytes: Uint8Array, from: number, end: number): number {
  let value = 0
  for (let at = from; at < end; at += 1) {
    const digit = bytes[at]! - zero
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return value
}

/** Writes bytes[from, end) to values[slot]; false where it is no canonical integer. */
function parse(
  bytes: Uint8Array,
  from: number,
  end: number,
  { valueInts, valueHalves }: EncodePlaces,
  slot: number,
): boolean {
  const negative = bytes[from] === minus
  const start = negative ? from + 1 : from
  const count = end - start
  if (count < 1 || count > digitsMax) return false
  if (bytes[start] === zero && (count > 1 || negative)) return false
  if (count <= 15) {
    const size = digits(bytes, start, end)
    if (Number.isNaN(size)) return false
    const value = negative ? -size : size
    valueHalves[slot * 2] = value
    valueHalves[slot * 2 + 1] = Math.floor(value / two32)
    return true
  }
  const high = digits(bytes, start, end - 9)
  const low = digits(bytes, end - 9, end)
  if (Number.isNaN(high) || Number.isNaN(low)) return false
  const size = BigInt(high) * 1_000_000_000n + BigInt(low)
  if (negative) {
    valueInts[slot] = -size
    return valueInts[slot] === -size
  }
  valueInts[slot] = size
  return valueInts[slot] === size
}

/**
 * Parses the texts of rows denseRows[0, count) into the page's values; false where one is no canonical
 * integer.
 */
export function toTextIntegers(column: BytesData, count: number): boolean {
  const places = encodePlaces()
  const { bytes, offsets } = column
  for (let i = 0; i < count; i += 1) {
    const row = denseRows[i]!
    if (!parse(bytes, offsets[row]!, offsets[row + 1]!, places, i)) return false
  }
  return true
}

const textBytesMax = digitsMax + 1

function writeSmall(target: Uint8Array, at: number, value: number): number {
  let rest = Math.abs(value)
  let end = at + (value < 0 ? 1 : 0)
  if (value < 0) target[at] = minus
  const first = end
  do {
    const tenth = Math.floor(rest / 10)
    target[end] = zero + (rest - tenth * 10)
    end += 1
    rest = tenth
  } while (rest > 0)
  target.subarray(first, end).reverse()
  return end
}

/**
 * Writes value `values[index]` as text at target[at...], which has room for 20 bytes. Returns its
 * end.
 */
function writeText(target: Uint8Array, at: number, values: BigInt64Array, index: number): number {
  const value = values[index]!
  if (value > -0x20000000000000n && value < 0x20000000000000n) {
    return writeSmall(target, at, Number(value))
  }
  const text = value.toString()
  for (let i = 0; i < text.length; i += 1) target[at + i] = text.charCodeAt(i)
  return at + text.length
}

/** Appends values[from, end) as texts to rows at... of `target`. */
export function appendTexts(
  target: BytesData,
  at: number,
  values: BigInt64Array,
  from: number,
  end: number,
): void {
  let used = target.offsets[at]!
  reserveBytes(target, used, (end - from) * textBytesMax)
  for (let i = from; i < end; i += 1) {
    used = writeText(target.bytes, used, values, i)
    target.offsets[at + 1 + i - from] = used
  }
}
