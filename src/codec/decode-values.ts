// Units to values: origin + gcd * unit, then what the physical type asks.
import { damaged } from './chunk.ts'
import type { StoredVector } from './decode-units.ts'
import { powersOfTen } from './decimal.ts'
import type { PageMeta } from './layout.ts'
import { exceptionBytes } from './shape.ts'

const two32 = 4294967296
const perTwo32 = 1 / two32

/** The origin of a vector as a double: exact where integers are below 2^53. */
function originNumber(meta: PageMeta, vector: number): number {
  return Number(meta.origins[vector]!)
}

/**
 * Decimals: one division a value, as the encoder checked. Integers are below 2^53, so all sums are
 * exact.
 */
export function toF64(
  meta: PageMeta,
  vector: number,
  units: Float64Array,
  from: number,
  end: number,
  out: Float64Array,
  at: number,
): void {
  const origin = originNumber(meta, vector)
  const gcd = Number(meta.gcd)
  const power = powersOfTen[meta.scale]!
  const shift = at - from
  if (power === 1) {
    for (let i = from; i < end; i += 1) out[shift + i] = origin + gcd * units[i]!
    return
  }
  for (let i = from; i < end; i += 1) out[shift + i] = (origin + gcd * units[i]!) / power
}

/** i32, u8 and codes. */
export function toSmall(
  meta: PageMeta,
  vector: number,
  units: Float64Array,
  from: number,
  end: number,
  out: Int32Array | Uint8Array | Uint32Array,
  at: number,
): void {
  const origin = originNumber(meta, vector)
  const gcd = Number(meta.gcd)
  const shift = at - from
  for (let i = from; i < end; i += 1) out[shift + i] = origin + gcd * units[i]!
}

/** Vectors that reach 2^52 or more: exact by BigInt. */
function toI64Slow(
  meta: PageMeta,
  vector: number,
  units: Float64Array,
  from: number,
  end: number,
  out: BigInt64Array,
  at: number,
): void {
  for (let i = from; i < end; i += 1)
    out[at + i - from] = meta.origins[vector]! + meta.gcd * BigInt(units[i]!)
}

/**
 * The low half of the origin plus the distance is exact in a double; the carry goes to the high
 * half.
 */
function toI64Carry(
  units: Float64Array,
  from: number,
  end: number,
  halves: Int32Array,
  low: number,
  high: number,
  gcd: number,
): void {
  for (let i = from, to = 0; i < end; i += 1, to += 2) {
    const sum = low + gcd * units[i]!
    const carry = Math.floor(sum * perTwo32)
    halves[to] = sum - carry * two32
    halves[to + 1] = high + carry
  }
}

/**
 * As toI64Carry for |sum| < 2^51: a double 2^52 + 2^51 + sum holds sum + 2^51 in its low 52 bits,
 * so its low half is the low half wanted and its high half is off by a constant. No conversion, no
 * rounding.
 */
function toI64Bits(
  units: Float64Array,
  from: number,
  end: number,
  halves: Int32Array,
  doubles: Float64Array,
  low: number,
  high: number,
  gcd: number,
): void {
  const start = low + 6755399441055744
  const fix = high - 0x43380000
  for (let i = from, to = 0; i < end; i += 1, to += 1) {
    doubles[to] = start + gcd * units[i]!
    halves[to * 2 + 1] = halves[to * 2 + 1]! + fix
  }
}

const bitsReachMax = 2 ** 50
const carryReachMax = 2 ** 52

/** 64-bit integers, written as two 32-bit halves: BigInt per value is ten times slower. */
export function toI64(
  meta: PageMeta,
  vector: number,
  units: Float64Array,
  from: number,
  end: number,
  out: BigInt64Array,
  at: number,
): void {
  const reach = meta.reaches[vector]!
  if (!(reach < carryReachMax)) {
    toI64Slow(meta, vector, units, from, end, out, at)
    return
  }
  const { origins } = meta
  const originHalves = new Int32Array(origins.buffer, origins.byteOffset + vector * 8, 2)
  const low = originHalves[0]! >>> 0
  const high = originHalves[1]!
  const gcd = Number(meta.gcd)
  const count = end - from
  const halves = new Int32Array(out.buffer, out.byteOffset + at * 8, count * 2)
  if (reach >= bitsReachMax) {
    toI64Carry(units, from, end, halves, low, high, gcd)
    return
  }
  const doubles = new Float64Array(out.buffer, out.byteOffset + at * 8, count)
  toI64Bits(units, from, end, halves, doubles, low, high, gcd)
}

/** Puts the 8 bytes of `count` exceptions at their places among values [from, end). */
export function copyExceptions(
  stored: StoredVector,
  count: number,
  from: number,
  end: number,
  out: Float64Array,
  at: number,
): void {
  const { vector, bytes, present, place } = stored
  const start = bytes.length - count * exceptionBytes
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, count * exceptionBytes)
  const halves = new Uint32Array(out.buffer, out.byteOffset + at * 8, (end - from) * 2)
  for (let e = 0; e < count; e += 1) {
    const position = view.getUint16(e * 2, true)
    if (position >= present) throw damaged('an exception lies past its vector', place, vector)
    if (position < from || position >= end) continue
    const slot = (position - from) * 2
    halves[slot] = view.getUint32(count * 2 + e * 8, true)
    halves[slot + 1] = view.getUint32(count * 2 + e * 8 + 4, true)
  }
}
