// From 64-bit integers to units: q = base + gcd * unit, unit >= 0, where base is the least integer
// of the page and gcd divides all distances from it. Units below 2^53 are doubles and fast; a page
// that spans more keeps exact wide units.
import { assert } from '#base'
import { denseF64, denseI64 } from './gather.ts'
import { blockRowsMax } from './layout.ts'

/** The units of the page being encoded. */
export const units = new Float64Array(blockRowsMax)

/** Units below 2^53 are in `units`; others in `wide`. */
export interface Scaling {
  readonly base: bigint
  readonly gcd: bigint
  readonly wide: BigUint64Array | undefined
}

const two53 = 9007199254740992n
const two32 = 4294967296
const halves = new Int32Array(denseI64.buffer)

function gcdOf(a: number, b: number): number {
  let [large, small] = [a, b]
  while (small !== 0) [large, small] = [small, large % small]
  return large
}

/**
 * The greatest common divisor of units[0, count). A quotient of exact integers below 2^53 is whole
 * only where the division is exact, so one IEEE division a value is the test.
 */
function commonDivisor(count: number): number {
  let gcd = 0
  const step = Math.max(1, Math.floor(count / 32))
  for (let i = 0; i < count && gcd !== 1; i += step) gcd = gcdOf(units[i]!, gcd)
  for (let i = 0; i < count && gcd !== 1; i += 1) {
    const unit = units[i]!
    if (gcd === 0) gcd = unit
    else {
      const quotient = unit / gcd
      if (quotient !== Math.floor(quotient)) gcd = gcdOf(unit, gcd)
    }
  }
  return gcd === 0 ? 1 : gcd
}

/**
 * Whole numbers in units[0, count) above `origin` to units above their least; undefined where they
 * span 2^53.
 */
export function scaleUnits(count: number, origin: bigint): Scaling | undefined {
  let least = units[0]!
  let most = least
  for (let i = 1; i < count; i += 1) {
    const unit = units[i]!
    if (unit < least) least = unit
    if (unit > most) most = unit
  }
  if (most - least >= 9007199254740991) return undefined
  if (least !== 0) for (let i = 0; i < count; i += 1) units[i] = units[i]! - least
  const gcd = commonDivisor(count)
  if (gcd > 1) for (let i = 0; i < count; i += 1) units[i] = units[i]! / gcd
  return { base: origin + BigInt(least), gcd: BigInt(gcd), wide: undefined }
}

/** Where the least and the greatest of values[from, end) are; from < end. */
export function boundsOf(
  values: BigInt64Array | BigUint64Array,
  from: number,
  end: number,
): { leastAt: number; mostAt: number } {
  let leastAt = from
  let mostAt = from
  for (let i = from + 1; i < end; i += 1) {
    if (values[i]! < values[leastAt]!) leastAt = i
    if (values[i]! > values[mostAt]!) mostAt = i
  }
  return { leastAt, mostAt }
}

function wideGcd(count: number, base: bigint): bigint {
  let gcd = 0n
  for (let i = 0; i < count && gcd !== 1n; i += 1) {
    let small = denseI64[i]! - base
    while (small !== 0n) [gcd, small] = [small, gcd % small]
  }
  return gcd
}

/**
 * The exact slow way, for pages that span 2^53 or more: a year of daily bars in ns, or ids that are
 * hashes.
 */
function scaleWide(count: number): Scaling {
  const { leastAt, mostAt } = boundsOf(denseI64, 0, count)
  const base = denseI64[leastAt]!
  const most = denseI64[mostAt]!
  const gcd = wideGcd(count, base)
  if ((most - base) / gcd < two53) {
    for (let i = 0; i < count; i += 1) units[i] = Number((denseI64[i]! - base) / gcd)
    return { base, gcd, wide: undefined }
  }
  const wide = new BigUint64Array(count)
  for (let i = 0; i < count; i += 1) wide[i] = (denseI64[i]! - base) / gcd
  return { base, gcd, wide }
}

/** denseI64[0, count) to units; count >= 1. */
export function scaleI64(count: number): Scaling {
  const lowFirst = halves[0]! >>> 0
  const highFirst = halves[1]!
  for (let i = 0; i < count; i += 1) {
    const high = halves[i * 2 + 1]! - highFirst
    if (high > 0x7ffff || high < -0x7ffff) return scaleWide(count)
    units[i] = high * two32 + ((halves[i * 2]! >>> 0) - lowFirst)
  }
  const scaling = scaleUnits(count, denseI64[0]!)
  assert(scaling !== undefined, 'high halves are close, values span 2^53')
  return scaling
}

/** denseF64[0, count), whole numbers of 32 bits, to units; count >= 1. */
export function scaleSmall(count: number): Scaling {
  units.set(denseF64.subarray(0, count))
  const scaling = scaleUnits(count, 0n)
  assert(scaling !== undefined, '32-bit values span 2^53')
  return scaling
}
