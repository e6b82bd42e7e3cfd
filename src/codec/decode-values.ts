// Units to values, in the arena: origin + gcd * unit, then what the physical type asks.
import { arena } from '#kernel'
import { damaged } from './chunk.ts'
import { lookUpValues, scratchOf, unitsOf } from './decode-units.ts'
import type { StoredVector } from './decode-units.ts'
import { powersOfTen } from './decimal.ts'
import { decimalPage, packedDecimals } from './decode-decimals.ts'
import type { PageMeta } from './layout.ts'
import { products } from './product.ts'
import { exceptionBytes } from './shape.ts'

/** The origin of a vector as a double: exact where integers are below 2^53. */
function originNumber({ meta, vector }: StoredVector): number {
  return Number(meta.origins[vector]!)
}

/** Sums up u32 deltas as doubles, at scratch.units. */
export function sumDeltas({ meta, vector, present }: StoredVector): void {
  const { kernels } = arena()
  const own = scratchOf()
  kernels.f64Whole(own.u32, present, 0, 1, own.units)
  kernels.f64Prefix(own.units, present, 0, meta.bases[vector]!)
}

/** The decimals that the entries of a page's dictionary stand for. */
const dictionaryDecimals = new WeakMap<PageMeta, Float64Array>()

function decimalsOf(stored: StoredVector, dictionary: Float64Array): Float64Array {
  const { meta } = stored
  let decimals = dictionaryDecimals.get(meta)
  if (decimals === undefined) {
    const origin = originNumber(stored)
    const gcd = Number(meta.gcd)
    const power = powersOfTen[meta.scale]!
    decimals = dictionary.map((unit) => (origin + gcd * unit) / power)
    dictionaryDecimals.set(meta, decimals)
  }
  return decimals
}

/** What makes integers decimals: a product where doubles hold what it takes, else the division. */
function scaleTo({ meta, vector, present }: StoredVector, isNarrow: boolean, origin: number): void {
  const { kernels } = arena()
  const { u32, units, values } = scratchOf()
  const gcd = Number(meta.gcd)
  const power = powersOfTen[meta.scale]!
  const product = products[meta.scale]
  const most = Math.abs(origin) + meta.reaches[vector]!
  if (product !== undefined && most * product.multiplier < productEnd) {
    const { multiplier, factor } = product
    const [start, step] = [origin * multiplier, gcd * multiplier]
    if (isNarrow) kernels.f64Scaled(u32, present, start, step, factor, values)
    else kernels.f64UnitScaled(units, present, start, step, factor, values)
  } else if (isNarrow) kernels.f64Quotients(u32, present, origin, gcd, power, values)
  else kernels.f64UnitQuotients(units, present, origin, gcd, power, values)
}

/** Below it all that a product is made of is exact; origins and reaches are sums of two such numbers. */
const productEnd = 2 ** 52

/**
 * Decimals of a vector, [from, end) at least, to their places at scratch.values: what one division a value gives, as
 * the encoder checked. Integers are below 2^53, so all sums are exact.
 */
export function valuesF64(stored: StoredVector, from: number, end: number): void {
  const { meta } = stored
  if (meta.dictionary !== undefined) {
    lookUpValues(stored, decimalsOf(stored, meta.dictionary), from, end)
    return
  }
  const page = decimalPage(meta)
  if (page !== undefined && packedDecimals(page, stored)) return
  const { isNarrow, hasDeltas } = unitsOf(stored)
  if (hasDeltas) sumDeltas(stored)
  scaleTo(stored, isNarrow && !hasDeltas, originNumber(stored))
}

/** Double units that reach farther from their origin are summed by BigInt. */
export const reachMax = 2 ** 50

/** 64-bit integers of a vector to scratch.values. */
export function valuesI64(stored: StoredVector): void {
  const { meta, vector, present } = stored
  const { kernels, f64, i64 } = arena()
  const own = scratchOf()
  const { isNarrow, hasDeltas } = unitsOf(stored)
  const origin = meta.origins[vector]!
  const { gcd } = meta
  if (hasDeltas) {
    const step = gcd * BigInt(meta.bases[vector]!)
    kernels.i64Deltas(own.u32, present, origin, step, gcd, own.values)
  } else if (isNarrow) kernels.i64Whole(own.u32, present, origin, gcd, own.values)
  else if (meta.reaches[vector]! < reachMax) {
    kernels.i64UnitWhole(own.units, present, origin, Number(gcd), own.values)
  } else {
    const units = own.units >>> 3
    const values = own.values >>> 3
    for (let i = 0; i < present; i += 1) i64[values + i] = origin + gcd * BigInt(f64[units + i]!)
  }
}

/** Values [from, end) of a vector of i32, u8 or codes to rows at... of `out`. */
export function valuesSmall(
  stored: StoredVector,
  from: number,
  end: number,
  out: Int32Array | Uint8Array | Uint32Array,
  at: number,
): void {
  const { f64, u32 } = arena()
  const own = scratchOf()
  const { isNarrow, hasDeltas } = unitsOf(stored)
  const origin = originNumber(stored)
  const gcd = Number(stored.meta.gcd)
  if (hasDeltas) sumDeltas(stored)
  if (isNarrow && !hasDeltas) {
    const first = own.u32 >>> 2
    const units = u32.subarray(first + from, first + end)
    if (origin === 0 && gcd === 1) out.set(units, at)
    else for (let i = 0; i < units.length; i += 1) out[at + i] = origin + gcd * units[i]!
    return
  }
  const first = own.units >>> 3
  const units = f64.subarray(first + from, first + end)
  for (let i = 0; i < units.length; i += 1) out[at + i] = origin + gcd * units[i]!
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

/** 64-bit integers of a vector (widths up to 53 bits): their address in the arena, valid until the next vector. */
export function int64sAt(stored: StoredVector): number {
  valuesI64(stored)
  return scratchOf().values
}
