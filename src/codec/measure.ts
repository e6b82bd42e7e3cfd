// One pass over the units of each vector, and from it the exact stored size of every encoding.
import { arena } from '#kernel'
import { packedBytes } from './bitpack.ts'
import { encodePlaces } from './encode-places.ts'
import { needSteps, needUnits } from './forms.ts'
import { bitsOf, blockRowsMax, vectorRows } from './layout.ts'

/**
 * What one pass over a vector's units gives. `most - least` and deltas are exact: units are below
 * 2^53.
 */
export interface VectorStats {
  count: number
  least: number
  most: number
  first: number
  last: number
  /** Of (unit - least); NaN where it is not exact in a double. */
  sum: number
  deltaLeast: number
  deltaMost: number
  runs: number
  /** The longest run; 0 as long as nobody asked. */
  runMost: number
}

function newStats(): VectorStats {
  return {
    count: 0,
    least: 0,
    most: 0,
    first: 0,
    last: 0,
    sum: 0,
    deltaLeast: 0,
    deltaMost: 0,
    runs: 0,
    runMost: 0,
  }
}

const pool = Array.from({ length: blockRowsMax / vectorRows }, newStats)

/**
 * Stats of vector `vector`, which has `count` units, until the next page; those of an empty one are
 * 0.
 */
export function startStats(vector: number, count: number): VectorStats {
  const stats = pool[vector]!
  stats.count = count
  stats.runMost = 0
  if (count > 1) return stats
  stats.least = 0
  stats.most = 0
  stats.first = 0
  stats.last = 0
  stats.sum = 0
  stats.deltaLeast = 0
  stats.deltaMost = 0
  stats.runs = 0
  return stats
}

/** Stats of vector `vector`, units[from, end), f64. */
export function statsOf(vector: number, from: number, end: number): VectorStats {
  const { unitsAt, units, statsAt } = encodePlaces()
  const stats = startStats(vector, end - from)
  if (end === from) return stats
  arena().kernels.unitStats(unitsAt + from * 8, end - from, statsAt)
  takeStats(stats, units[from]!, units[end - 1]!)
  return stats
}

/** What a kernel left at statsAt, of a vector with these ends. */
export function takeStats(stats: VectorStats, first: number, last: number): void {
  const { f64 } = arena()
  const { count } = stats
  const at = encodePlaces().statsAt >>> 3
  const least = f64[at]!
  const most = f64[at + 1]!
  const isExact = (most - least) * count < Number.MAX_SAFE_INTEGER
  stats.least = least
  stats.most = most
  stats.first = first
  stats.last = last
  stats.sum = isExact ? f64[at + 2]! + (first - least) * count : Number.NaN
  if (count > 1) {
    stats.deltaLeast = f64[at + 3]!
    stats.deltaMost = f64[at + 4]!
  }
  stats.runs = f64[at + 5]! + 1
}

/** Runs of units[from, end), from < end: units to deltasAt, lengths - 1 to highsAt. */
export function takeRuns(from: number, end: number): { runs: number; lengthMost: number } {
  const { kernels } = arena()
  needUnits()
  const { unitsAt, deltasAt, highsAt } = encodePlaces()
  const runs = kernels.runsOf(unitsAt + from * 8, end - from, deltasAt, highsAt)
  return { runs, lengthMost: kernels.mostOf(highsAt, runs) + 1 }
}

/** Deltas of units[from, end) to deltasAt; number 0 is 0. */
export function takeDeltas(from: number, end: number): void {
  needSteps(from, end - from)
  const { unitsAt, deltasAt } = encodePlaces()
  arena().kernels.deltasOf(unitsAt + from * 8, end - from, deltasAt)
}

/** Units of a vector with deltas are not farther apart. */
export const deltaRangeMax = 2 ** 51

export function forBytes(stats: VectorStats): number {
  return packedBytes(stats.count, bitsOf(stats.most - stats.least))
}

/** Infinity where deltas are too far apart to be exact in doubles. */
export function deltaBytes(stats: VectorStats): number {
  if (stats.most - stats.least > deltaRangeMax) return Infinity
  return packedBytes(stats.count, bitsOf(stats.deltaMost - stats.deltaLeast))
}

/** Where the longest run is not known, it is taken to be no longer than all runs have to be. */
export function rleBytes(stats: VectorStats): number {
  const { count, runs, runMost } = stats
  if (count === 0) return 0
  const longest = runMost > 0 ? runMost : Math.ceil(count / runs)
  const values = packedBytes(runs, bitsOf(stats.most - stats.least))
  return values + packedBytes(runs, bitsOf(longest - 1))
}

/**
 * How a vector is patched: slots hold (value - base) modulo 2^width, patches the rest of those
 * outside.
 */
export interface Patching {
  bytes: number
  base: number
  width: number
}

/** Bytes of a patch: u16 place, i32 what is above the slot. */
export const patchBytes = 6

/** Whole numbers below 2^53 take so many bits and a sign at most; see `spreads`. */
const bitsMost = 54

function cheapestWidth(count: number, histogramAt: number): { bytes: number; width: number } {
  const { u32 } = arena()
  const histogram = histogramAt >>> 2
  let outside = 0
  let top = bitsMost
  while (top > 0 && u32[histogram + top] === 0) top -= 1
  let bestBytes = packedBytes(count, top)
  let bestWidth = top
  // A patch holds 31 bits above the slot, and slots end at 32 bits.
  for (let width = top; width >= 0 && width >= top - 31; width -= 1) {
    if (width < top) outside += u32[histogram + width + 1]!
    const patchesBytes = outside * patchBytes
    // What lies outside grows with every bit less: no smaller width can win any more.
    if (bestWidth <= 32 && patchesBytes > bestBytes) break
    const bytes = packedBytes(count, width) + patchesBytes
    if (width > 32 || (bytes > bestBytes && bestWidth <= 32)) continue
    bestBytes = bytes
    bestWidth = width
  }
  return { bytes: bestBytes, width: bestWidth }
}

const few = new Float64Array(15)

/** A middle value of `count` values at valuesAt: the median of a few. */
function middleOf(valuesAt: number, count: number): number {
  const { f64 } = arena()
  const first = valuesAt >>> 3
  const step = Math.max(1, Math.ceil(count / few.length))
  let seen = 0
  for (let i = 0; i < count; i += step) {
    const value = f64[first + i]!
    let at = seen
    for (; at > 0 && few[at - 1]! > value; at -= 1) few[at] = few[at - 1]!
    few[at] = value
    seen += 1
  }
  return few[seen >> 1]!
}

/**
 * The cheaper of two windows for the `count` values (f64) at `valuesAt`: upwards from the least
 * value, or around a middle one. They span less than 2^53 and are stored in `slots` slots.
 */
export function patchingOf(
  valuesAt: number,
  count: number,
  least: number,
  slots: number,
): Patching {
  if (count === 0) return { bytes: 0, base: least, width: 0 }
  const { tablesAt, aboveAt, aroundAt } = encodePlaces()
  const middle = middleOf(valuesAt, count)
  arena().kernels.spreads(valuesAt, count, least, middle, tablesAt, aboveAt, aroundAt)
  const upward = cheapestWidth(slots, aboveAt)
  const centred = cheapestWidth(slots, aroundAt)
  if (centred.bytes >= upward.bytes || centred.width > 32) return { ...upward, base: least }
  const base = centred.width === 0 ? middle : middle - 2 ** (centred.width - 1)
  return { ...centred, base: Math.max(base, least) }
}
