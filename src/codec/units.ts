// From 64-bit integers to units: q = base + gcd * unit, unit >= 0, where base is the least integer
// of the page and gcd divides all distances from it. Units below 2^53 are doubles and fast; a page
// that spans more keeps exact wide units.
import { arena } from '#kernel'
import { encodePlaces } from './encode-places.ts'
import { statsOf } from './measure.ts'
import type { VectorStats } from './measure.ts'

/** Units below 2^53 lie in the arena, with stats of each vector; others are `wide`. */
export interface Scaling {
  readonly base: bigint
  readonly gcd: bigint
  readonly stats: readonly VectorStats[]
  readonly wide: BigUint64Array | undefined
}

const two53 = 9007199254740992n
const sampledUnits = 32

function gcdOf(a: number, b: number): number {
  let [large, small] = [a, b]
  while (small !== 0) [large, small] = [small, large % small]
  return large
}

/**
 * The greatest common divisor of units[0, count) - least: first of a sample, then of what the
 * divisor so far does not divide. A quotient of exact integers below 2^53 is whole only where the
 * division is exact, so one IEEE division a value is the test.
 */
function commonDivisor(count: number, least: number): number {
  const { units, unitsAt } = encodePlaces()
  let gcd = 0
  const step = Math.max(1, Math.floor(count / sampledUnits))
  for (let i = 0; i < count && gcd !== 1; i += step) gcd = gcdOf(units[i]! - least, gcd)
  let at = 0
  if (gcd === 0) {
    while (at < count && units[at] === least) at += 1
    gcd = at < count ? units[at]! - least : 1
  }
  while (gcd !== 1) {
    at = arena().kernels.indivisible(unitsAt, at, count, least, gcd)
    if (at === count) break
    gcd = gcdOf(units[at]! - least, gcd)
  }
  return gcd
}

/** What stats of whole numbers are after (x - least) / gcd. */
function rescaleStats(all: readonly VectorStats[], least: number, gcd: number): void {
  for (const stats of all) {
    if (stats.count === 0) continue
    stats.least = (stats.least - least) / gcd
    stats.most = (stats.most - least) / gcd
    stats.first = (stats.first - least) / gcd
    stats.last = (stats.last - least) / gcd
    stats.sum /= gcd
    stats.deltaLeast /= gcd
    stats.deltaMost /= gcd
  }
}

/**
 * Whole numbers in the page's units, cut into vectors at `starts`, above `origin` to units above
 * their least; undefined where they span 2^53.
 */
export function scaleUnits(starts: Uint32Array, origin: bigint): Scaling | undefined {
  const vectorCount = starts.length - 1
  const count = starts[vectorCount]!
  const { unitsAt } = encodePlaces()
  const stats: VectorStats[] = []
  let least = Infinity
  let most = -Infinity
  for (let v = 0; v < vectorCount; v += 1) {
    const each = statsOf(starts[v]!, starts[v + 1]!)
    stats.push(each)
    if (each.count === 0) continue
    if (each.least < least) least = each.least
    if (each.most > most) most = each.most
  }
  if (most - least >= 9007199254740991) return undefined
  const gcd = commonDivisor(count, least)
  if (least !== 0 || gcd !== 1) {
    arena().kernels.rescale(unitsAt, count, least, gcd)
    rescaleStats(stats, least, gcd)
  }
  return { base: origin + BigInt(least), gcd: BigInt(gcd), stats, wide: undefined }
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
  const { valueInts } = encodePlaces()
  let gcd = 0n
  for (let i = 0; i < count && gcd !== 1n; i += 1) {
    let small = valueInts[i]! - base
    while (small !== 0n) [gcd, small] = [small, gcd % small]
  }
  return gcd
}

/**
 * The exact slow way, for pages that span 2^51 or more: a year of daily bars in ns, or ids that are
 * hashes.
 */
function scaleWide(starts: Uint32Array): Scaling {
  const { valueInts, units } = encodePlaces()
  const count = starts[starts.length - 1]!
  const { leastAt, mostAt } = boundsOf(valueInts, 0, count)
  const base = valueInts[leastAt]!
  const most = valueInts[mostAt]!
  const gcd = wideGcd(count, base)
  if ((most - base) / gcd < two53) {
    for (let i = 0; i < count; i += 1) units[i] = Number((valueInts[i]! - base) / gcd)
    const stats = Array.from({ length: starts.length - 1 }, (_, v) =>
      statsOf(starts[v]!, starts[v + 1]!),
    )
    return { base, gcd, stats, wide: undefined }
  }
  const wide = new BigUint64Array(count)
  for (let i = 0; i < count; i += 1) wide[i] = (valueInts[i]! - base) / gcd
  return { base, gcd, stats: [], wide }
}

/** The page's 64-bit values to units; one value at least. */
export function scaleI64(starts: Uint32Array): Scaling {
  const { valuesAt, unitsAt, valueInts } = encodePlaces()
  const count = starts[starts.length - 1]!
  const isNear = arena().kernels.i64Distances(valuesAt, count, unitsAt) === 0
  const scaling = isNear ? scaleUnits(starts, valueInts[0]!) : undefined
  return scaling ?? scaleWide(starts)
}
