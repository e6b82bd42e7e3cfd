// Zone maps while encoding: min, max, first, last and sum of each vector, from its units.
import { assert } from '#base'
import { encodePlaces } from './encode-places.ts'
import { needUnits } from './forms.ts'
import type { Zone } from './layout.ts'
import type { VectorStats } from './measure.ts'
import { boundsOf } from './units.ts'
import type { Scaling } from './units.ts'

const int64Least = -(2n ** 63n)
const int64Most = 2n ** 63n - 1n
const uint64End = 2n ** 64n

interface Sums {
  sum: BigInt64Array
  fits: boolean
}

/** `above` is the sum of (unit - least): it must fit 64 bits as the sum itself must. */
function putSum(
  sums: Sums,
  vector: number,
  least: bigint,
  gcd: bigint,
  count: number,
  above: bigint,
): void {
  const sum = BigInt(count) * least + gcd * above
  if (sum < int64Least || sum > int64Most || above >= uint64End) sums.fits = false
  sums.sum[vector] = sum
}

function exactAbove(from: number, end: number, least: number): bigint {
  needUnits()
  const { units } = encodePlaces()
  let sum = 0n
  for (let i = from; i < end; i += 1) sum += BigInt(units[i]! - least)
  return sum
}

const two32 = 4294967296
const two53 = 9007199254740992

/** `values` are views of one buffer: small arrays each with their own cost more to collect than to fill. */
function allocateZone(vectorCount: number) {
  const { buffer } = new BigInt64Array(vectorCount * 5)
  const part = (index: number): BigInt64Array<ArrayBuffer> =>
    new BigInt64Array(buffer, index * vectorCount * 8, vectorCount)
  return { min: part(0), max: part(1), first: part(2), last: part(3), sum: part(4) }
}

/** base + offset -> halves[slot], low first; the offset is whole, abs(offset) < 2^53. */
function put(
  halves: Uint32Array,
  slot: number,
  baseLow: number,
  baseHigh: number,
  offset: number,
): void {
  const high = Math.floor(offset / two32)
  const low = baseLow + (offset - high * two32)
  halves[slot * 2] = low
  halves[slot * 2 + 1] = baseHigh + high + (low >= two32 ? 1 : 0)
}

/** The four that are units of the page, without a BigInt a vector: offsets are below 2^53. */
function putNear(zone: Zone, stats: readonly VectorStats[], base: bigint, gcd: number): void {
  const baseLow = Number(BigInt.asUintN(32, base))
  const baseHigh = Number(BigInt.asIntN(32, base >> 32n))
  const count = stats.length
  const halves = new Uint32Array(zone.min.buffer, 0, count * 8)
  for (let v = 0; v < count; v += 1) {
    const { least, most, first, last } = stats[v]!
    put(halves, v, baseLow, baseHigh, gcd * least)
    put(halves, count + v, baseLow, baseHigh, gcd * most)
    put(halves, count * 2 + v, baseLow, baseHigh, gcd * first)
    put(halves, count * 3 + v, baseLow, baseHigh, gcd * last)
  }
}

/**
 * The sums of vectors without exceptions, where doubles hold them and all they are made of; false
 * where they do not.
 */
function putSmallSums(
  { sum }: Zone,
  stats: readonly VectorStats[],
  base: number,
  gcd: number,
): boolean {
  if (sum === undefined) return false
  const halves = new Uint32Array(sum.buffer, sum.byteOffset, sum.length * 2)
  for (let v = 0; v < stats.length; v += 1) {
    const { count, least, sum: above } = stats[v]!
    const ofLeast = count * (base + gcd * least)
    const ofAbove = gcd * above
    if (!(Math.abs(ofLeast) < two53 / 2 && ofAbove < two53 / 2)) return false
    put(halves, v, 0, 0, ofLeast + ofAbove)
  }
  return true
}

function sumsOf({ sum }: Zone): Sums {
  assert(sum !== undefined, 'a new zone has sums')
  return { sum, fits: true }
}

function putFar(zone: Zone, v: number, stats: VectorStats, { base, gcd }: Scaling): void {
  zone.min[v] = base + gcd * BigInt(stats.least)
  zone.max[v] = base + gcd * BigInt(stats.most)
  zone.first[v] = base + gcd * BigInt(stats.first)
  zone.last[v] = base + gcd * BigInt(stats.last)
}

/**
 * `positions` are the exceptions among the page's present values: their slots are filled, and not
 * summed.
 */
export function zoneOfUnits(
  stats: readonly VectorStats[],
  starts: Uint32Array,
  scaling: Scaling,
  positions: Uint32Array,
): Zone {
  const { units } = encodePlaces()
  const { base, gcd } = scaling
  let most = 0
  for (const each of stats) if (each.most > most) most = each.most
  const isNear = Number(gcd) * most < two53
  const zone = allocateZone(stats.length)
  if (isNear) putNear(zone, stats, base, Number(gcd))
  const baseNumber = Number(base)
  const isSmall = isNear && positions.length === 0 && Math.abs(baseNumber) < two53 / 4
  if (isSmall && putSmallSums(zone, stats, baseNumber, Number(gcd))) return zone
  const sums = sumsOf(zone)
  let exception = 0
  for (let v = 0; v < stats.length; v += 1) {
    const { least, sum } = stats[v]!
    const end = starts[v + 1]!
    if (!isNear) putFar(zone, v, stats[v]!, scaling)
    if (!sums.fits) continue
    const min = zone.min[v]!
    let above = Number.isNaN(sum) ? exactAbove(starts[v]!, end, least) : BigInt(sum)
    let count = end - starts[v]!
    for (; exception < positions.length && positions[exception]! < end; exception += 1) {
      above -= BigInt(units[positions[exception]!]! - least)
      count -= 1
    }
    putSum(sums, v, min, gcd, count, above)
  }
  return sums.fits ? zone : { ...zone, sum: undefined }
}

/** The same for wide units. */
export function zoneOfWide(wide: BigUint64Array, starts: Uint32Array, scaling: Scaling): Zone {
  const zone = allocateZone(starts.length - 1)
  const sums = sumsOf(zone)
  const { base, gcd } = scaling
  for (let v = 0; v + 1 < starts.length; v += 1) {
    const from = starts[v]!
    const end = starts[v + 1]!
    if (from === end) {
      for (const array of [zone.min, zone.max, zone.first, zone.last]) array[v] = base
      continue
    }
    const { leastAt, mostAt } = boundsOf(wide, from, end)
    const least = wide[leastAt]!
    let above = 0n
    for (let i = from; i < end; i += 1) above += wide[i]! - least
    zone.min[v] = base + gcd * least
    zone.max[v] = base + gcd * wide[mostAt]!
    zone.first[v] = base + gcd * wide[from]!
    zone.last[v] = base + gcd * wide[end - 1]!
    putSum(sums, v, base + gcd * least, gcd, end - from, above)
  }
  return sums.fits ? zone : { ...zone, sum: undefined }
}
