// Zone maps while encoding: min, max, first, last and sum of each vector, from its units.
import type { VectorStats } from './measure.ts'
import type { Zone } from './layout.ts'
import { boundsOf, units } from './units.ts'
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
  let sum = 0n
  for (let i = from; i < end; i += 1) sum += BigInt(units[i]! - least)
  return sum
}

function allocateZone(vectorCount: number): { zone: Zone; sums: Sums } {
  const sum = new BigInt64Array(vectorCount)
  const zone = {
    min: new BigInt64Array(vectorCount),
    max: new BigInt64Array(vectorCount),
    first: new BigInt64Array(vectorCount),
    last: new BigInt64Array(vectorCount),
    sum,
  }
  return { zone, sums: { sum, fits: true } }
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
  const { zone, sums } = allocateZone(stats.length)
  const { base, gcd } = scaling
  let exception = 0
  for (let v = 0; v < stats.length; v += 1) {
    const { least, most, first, last, sum } = stats[v]!
    const end = starts[v + 1]!
    const min = base + gcd * BigInt(least)
    zone.min[v] = min
    zone.max[v] = base + gcd * BigInt(most)
    zone.first[v] = base + gcd * BigInt(first)
    zone.last[v] = base + gcd * BigInt(last)
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
  const { zone, sums } = allocateZone(starts.length - 1)
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
