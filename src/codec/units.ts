// From 64-bit integers to units: q = base + gcd * unit, unit >= 0, where base is the least integer
// of the page and gcd divides all distances from it. Units below 2^53 are doubles and fast; a page
// that spans more keeps exact wide units.
import { arena } from '#kernel'
import { powersOfTen } from './decimal.ts'
import { encodePlaces } from './encode-places.ts'
import { holdNarrow, holdUnits, holdValues, needUnits } from './forms.ts'
import { startStats, statsOf, takeStats } from './measure.ts'
import type { VectorStats } from './measure.ts'
import { products } from './product.ts'

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

/** The divisor of a sample of `count` whole numbers; 0 where they are all 0. */
function sampledDivisor(count: number, wholeAt: (place: number) => number): number {
  let gcd = 0
  const step = Math.max(1, Math.floor(count / sampledUnits))
  for (let i = 0; i < count && gcd !== 1; i += step) gcd = gcdOf(wholeAt(i), gcd)
  return gcd
}

/**
 * The greatest common divisor of units[0, count) - least, which `sampled` is of some of them: then
 * of what the divisor so far does not divide. A quotient of exact integers below 2^53 is whole only
 * where the division is exact, so one IEEE division a value is the test.
 */
function commonDivisor(count: number, least: number, sampled: number): number {
  const { units, unitsAt } = encodePlaces()
  let gcd = sampled
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
  const { units, unitsAt } = encodePlaces()
  holdUnits()
  const stats: VectorStats[] = []
  let least = Infinity
  let most = -Infinity
  for (let v = 0; v < vectorCount; v += 1) {
    const each = statsOf(v, starts[v]!, starts[v + 1]!)
    stats.push(each)
    if (each.count === 0) continue
    if (each.least < least) least = each.least
    if (each.most > most) most = each.most
  }
  if (most - least >= 9007199254740991) return undefined
  const sampled = sampledDivisor(count, (at) => units[at]! - least)
  const gcd = commonDivisor(count, least, sampled)
  if (least !== 0 || gcd !== 1) {
    arena().kernels.rescale(unitsAt, count, least, gcd)
    rescaleStats(stats, least, gcd)
  }
  return { base: origin + BigInt(least), gcd: BigInt(gcd), stats, wide: undefined }
}

interface Span {
  readonly least: number
  readonly most: number
}

function spanOf(all: readonly VectorStats[]): Span {
  let least = Infinity
  let most = -Infinity
  for (const { count, least: low, most: high } of all) {
    if (count === 0) continue
    if (low < least) least = low
    if (high > most) most = high
  }
  return { least, most }
}

/**
 * The scaling of a page whose units lie in another form, `least` being unit 0: with the divisor 1
 * they stay there, with another one they become f64 units and are divided.
 */
function scaleHeld(
  stats: readonly VectorStats[],
  count: number,
  { least, most }: Span,
  base: bigint,
  wholeAt: (place: number) => number,
): Scaling {
  const sampled = most === least ? 1 : sampledDivisor(count, (at) => wholeAt(at) - least)
  rescaleStats(stats, least, 1)
  if (sampled === 1) return { base, gcd: 1n, stats, wide: undefined }
  needUnits()
  const gcd = commonDivisor(count, 0, sampled)
  if (gcd !== 1) {
    arena().kernels.rescale(encodePlaces().unitsAt, count, 0, gcd)
    rescaleStats(stats, 0, gcd)
    holdUnits()
  }
  return { base, gcd: BigInt(gcd), stats, wide: undefined }
}

const two31 = 2147483648
const two52 = 4503599627370496
const firstMost = 2 ** 51

/**
 * The page's doubles as decimals of 10^-scale, in one pass: checked, measured, and left
 * as u32 units. Undefined where some value is no such decimal or they span 2^31; `toDecimals`
 * and `scaleUnits`, the slow twins, tell then.
 */
export function scaleNarrow(starts: Uint32Array, scale: number): Scaling | undefined {
  const { kernels } = arena()
  const { valuesAt, values, narrowAt, narrow, statsAt } = encodePlaces()
  const vectorCount = starts.length - 1
  const count = starts[vectorCount]!
  const power = powersOfTen[scale]!
  const first = Math.round(values[0]! * power)
  if (!(Math.abs(first) < firstMost)) return undefined
  const origin = first - two31
  const shift = two52 - origin
  const product = products[scale]
  const multiplier = product?.multiplier ?? 1
  const isExact = (Math.abs(first) + two32) * multiplier < two52
  const factor = isExact && product !== undefined ? product.factor : 0
  const stats: VectorStats[] = []
  for (let v = 0; v < vectorCount; v += 1) {
    const from = starts[v]!
    const end = starts[v + 1]!
    const each = startStats(v, end - from)
    stats.push(each)
    if (end === from) continue
    const [at, to] = [valuesAt + from * 8, narrowAt + from * 4]
    const count = end - from
    const { narrowDecimals } = kernels
    if (narrowDecimals(at, count, power, shift, multiplier, factor, to, statsAt) !== 0)
      return undefined
    takeStats(each, narrow[from]!, narrow[end - 1]!)
  }
  const span = spanOf(stats)
  if (span.most - span.least >= two31) return undefined
  holdNarrow(count, span.least)
  return scaleHeld(stats, count, span, BigInt(origin + span.least), (at) => narrow[at]!)
}

/** Value `at` of the page, i64, less the first one, where they are less than 2^53 apart. */
function distanceAt(at: number): number {
  const { valueHalves } = encodePlaces()
  const high = (valueHalves[at * 2 + 1]! | 0) - (valueHalves[1]! | 0)
  return high * two32 + (valueHalves[at * 2]! - valueHalves[0]!)
}

const two32 = 4294967296
const originMost = 2n ** 62n

/**
 * The page's int64 measured where they are. Undefined where they span 2^51; `scaleUnits` over
 * distances from the first, the slow twin, tells then.
 */
function scaleNear(starts: Uint32Array): Scaling | undefined {
  const { kernels } = arena()
  const { valuesAt, valueInts, narrowAt, statsAt } = encodePlaces()
  const vectorCount = starts.length - 1
  const count = starts[vectorCount]!
  const origin = valueInts[0]!
  if (origin <= -originMost || origin >= originMost) return undefined
  const stats: VectorStats[] = []
  for (let v = 0; v < vectorCount; v += 1) {
    const from = starts[v]!
    const end = starts[v + 1]!
    const each = startStats(v, end - from)
    stats.push(each)
    if (end === from) continue
    const [at, to] = [valuesAt + from * 8, narrowAt + from * 4]
    if (kernels.i64Stats(at, end - from, valuesAt, to, statsAt) !== 0) return undefined
    takeStats(each, distanceAt(from), distanceAt(end - 1))
  }
  const span = spanOf(stats)
  const base = origin + BigInt(span.least)
  holdValues(count, base, span.least)
  return scaleHeld(stats, count, span, base, distanceAt)
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
    holdUnits()
    const stats = Array.from({ length: starts.length - 1 }, (_, v) =>
      statsOf(v, starts[v]!, starts[v + 1]!),
    )
    return { base, gcd, stats, wide: undefined }
  }
  holdUnits()
  const wide = new BigUint64Array(count)
  for (let i = 0; i < count; i += 1) wide[i] = (valueInts[i]! - base) / gcd
  return { base, gcd, stats: [], wide }
}

/** The page's 64-bit values to units; one value at least. */
export function scaleI64(starts: Uint32Array): Scaling {
  const near = scaleNear(starts)
  if (near !== undefined) return near
  const { valuesAt, unitsAt, valueInts } = encodePlaces()
  const count = starts[starts.length - 1]!
  const isNear = arena().kernels.i64Distances(valuesAt, count, unitsAt) === 0
  const scaling = isNear ? scaleUnits(starts, valueInts[0]!) : undefined
  return scaling ?? scaleWide(starts)
}
