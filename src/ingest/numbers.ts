// Numbers from bytes, without strings on the way.
//
// A decimal with a mantissa below 2^53 and at most 22 places is one division of two exact doubles,
// so it is rounded once and correctly (Clinger 1990, "How to read floating point numbers
// accurately"; the fast path of every strtod). 64-bit integers are built from two doubles and
// written as two 32-bit halves: no BigInt per row.

const minus = 45
const plus = 43
const point = 46
const zero = 48

const powersOfTen = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))
const latin1 = new TextDecoder('latin1')

/**
 * The decimal in bytes[start, end): digits with an optional sign and point. NaN for everything
 * else, which numberOfText() then decides: exponents, more digits than a double holds, other words,
 * no number at all.
 */
export function parsePlainNumber(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  const first = bytes[at]
  if (first === minus || first === plus) at += 1
  let mantissa = 0
  let pointAt = -1
  const digitsAt = at
  for (; at < end; at += 1) {
    const digit = bytes[at]! - zero
    if (digit >= 0 && digit <= 9) mantissa = mantissa * 10 + digit
    else if (digit === point - zero && pointAt < 0) pointAt = at
    else return Number.NaN
  }
  const digits = end - digitsAt - (pointAt < 0 ? 0 : 1)
  // A sum that was ever rounded has grown past 2^53 by then, and stays there.
  if (digits < 1 || mantissa > Number.MAX_SAFE_INTEGER) return Number.NaN
  if (pointAt >= 0) {
    const places = end - pointAt - 1
    if (places > 22) return Number.NaN
    mantissa /= powersOfTen[places]!
  }
  return first === minus ? -mantissa : mantissa
}

const numberShape = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const wordNumbers: ReadonlyMap<string, number> = new Map([
  ['nan', Number.NaN],
  ['inf', Infinity],
  ['+inf', Infinity],
  ['-inf', -Infinity],
  ['infinity', Infinity],
  ['+infinity', Infinity],
  ['-infinity', -Infinity],
])

/** The number `text` means: a decimal, `nan` or `inf` in any case; spaces around it do not count.
 * Else undefined. */
export function numberOfText(text: string): number | undefined {
  const trimmed = text.trim()
  if (numberShape.test(trimmed)) return Number(trimmed)
  return wordNumbers.get(trimmed.toLowerCase())
}

/** As numberOfText, from bytes. */
export function parseNumber(bytes: Uint8Array, start: number, end: number): number | undefined {
  const plain = parsePlainNumber(bytes, start, end)
  if (plain === plain) return plain
  return numberOfText(latin1.decode(bytes.subarray(start, end)))
}

const two32 = 2 ** 32

/**
 * Writes high * factor + low (factor 1 to 1e9, 0 <= low < 1e9, |high| < 2^34) as the int64 number
 * `index` of `halves` (low half first). False where it does not fit, or would be the smallest
 * int64, which means absent.
 */
export function putProduct(
  high: number,
  factor: number,
  low: number,
  halves: Int32Array,
  index: number,
): boolean {
  const upper = Math.floor(high / 65536)
  const p0 = (high - upper * 65536) * factor + low
  const p1 = upper * factor
  const p1Upper = Math.floor(p1 / 65536)
  const p0Upper = Math.floor(p0 / two32)
  const lowSum = p0 - p0Upper * two32 + (p1 - p1Upper * 65536) * 65536
  const carry = lowSum >= two32 ? 1 : 0
  const highHalf = p1Upper + p0Upper + carry
  const lowHalf = lowSum - carry * two32
  if (highHalf > 0x7fffffff || highHalf < -0x80000000) return false
  if (highHalf === -0x80000000 && lowHalf === 0) return false
  halves[index * 2] = lowHalf
  halves[index * 2 + 1] = highHalf
  return true
}

/**
 * Reads bytes[start, end) as a whole number times 10^-scale ... that is, as an int64 count of
 * 10^-scale units: scale 0 takes `12`, scale 3 takes `12`, `12.5` and `12.500`, never `12.0005`.
 * Writes it as number `index` of `halves`. False where the text is no such number or does not fit.
 */
export function parseInt64(
  bytes: Uint8Array,
  start: number,
  end: number,
  scale: number,
  halves: Int32Array,
  index: number,
): boolean {
  let at = start
  const first = bytes[at]
  const isNegative = first === minus
  if (isNegative || first === plus) at += 1
  if (at >= end) return false
  let head = 0 // the first ten digits
  let tail = 0 // the nine after them
  let count = 0
  let places = -1 // digits after the point; -1: no point yet
  let digitsSeen = 0
  for (; at < end; at += 1) {
    const digit = bytes[at]! - zero
    if (digit < 0 || digit > 9) {
      if (digit !== point - zero || places >= 0) return false
      places = 0
      continue
    }
    digitsSeen += 1
    if (places >= 0) {
      places += 1
      if (places > scale) {
        if (digit !== 0) return false
        continue
      }
    }
    if (count < 10) head = head * 10 + digit
    else tail = tail * 10 + digit
    if (count > 0 || digit > 0) count += 1
    if (count > 19) return false
  }
  if (digitsSeen === 0) return false
  for (let pad = Math.min(Math.max(places, 0), scale); pad < scale && count > 0; pad += 1) {
    if (count < 10) head *= 10
    else tail *= 10
    count += 1
    if (count > 19) return false
  }
  const factor = count > 10 ? powersOfTen[count - 10]! : 1
  if (!isNegative) return putProduct(head, factor, tail, halves, index)
  // -(head * factor + tail), with a low part that is not negative
  return tail === 0
    ? putProduct(-head, factor, 0, halves, index)
    : putProduct(-head - 1, factor, factor - tail, halves, index)
}

/** Decimal places of the number in bytes[start, end), without trailing zeros; -1 where it has an
 * exponent. */
export function decimalPlaces(bytes: Uint8Array, start: number, end: number): number {
  let pointAt = -1
  let lastAt = -1
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at]!
    if (byte === 101 || byte === 69) return -1
    if (byte === point) pointAt = at
    else if (byte !== zero && pointAt >= 0 && byte !== 32) lastAt = at
  }
  return pointAt < 0 || lastAt < 0 ? 0 : lastAt - pointAt
}
