// One pass over the units of each vector, and from it the exact stored size of every encoding.
import { packedBytes } from './bitpack.ts'
import { bitsOf, vectorRows } from './layout.ts'
import { units } from './units.ts'

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
  runMost: number
}

/** Stats of units[from, end); an empty vector gives zeros. */
export function statsOf(from: number, end: number): VectorStats {
  const first = from < end ? units[from]! : 0
  let least = first
  let most = first
  let total = first
  let deltaLeast = Infinity
  let deltaMost = -Infinity
  let before = first
  let runs = 1
  let runFrom = from
  let runMost = 0
  for (let i = from + 1; i < end; i += 1) {
    const unit = units[i]!
    if (unit < least) least = unit
    if (unit > most) most = unit
    const delta = unit - before
    if (delta < deltaLeast) deltaLeast = delta
    if (delta > deltaMost) deltaMost = delta
    total += unit
    if (delta !== 0) {
      runs += 1
      if (i - runFrom > runMost) runMost = i - runFrom
      runFrom = i
    }
    before = unit
  }
  if (end - runFrom > runMost) runMost = end - runFrom
  const count = end - from
  if (count < 2) deltaLeast = deltaMost = 0
  if (count === 0) runs = 0
  const exact = most * count < Number.MAX_SAFE_INTEGER
  const sum = exact ? total - least * count : Number.NaN
  return { count, least, most, first, last: before, sum, deltaLeast, deltaMost, runs, runMost }
}

const deltaRangeMax = 2 ** 51

export function forBytes(stats: VectorStats): number {
  return packedBytes(stats.count, bitsOf(stats.most - stats.least))
}

/** Infinity where deltas are too far apart to be exact in doubles. */
export function deltaBytes(stats: VectorStats): number {
  if (stats.most - stats.least > deltaRangeMax) return Infinity
  return packedBytes(stats.count, bitsOf(stats.deltaMost - stats.deltaLeast))
}

export function rleBytes(stats: VectorStats): number {
  if (stats.count === 0) return 0
  const values = packedBytes(stats.runs, bitsOf(stats.most - stats.least))
  return values + packedBytes(stats.runs, bitsOf(stats.runMost - 1))
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

const above = new Int32Array(64)
const around = new Int32Array(64)

function cheapestWidth(count: number, histogram: Int32Array): { bytes: number; width: number } {
  let outside = 0
  let top = 63
  while (top > 0 && histogram[top] === 0) top -= 1
  let best = { bytes: packedBytes(count, top), width: top }
  // A patch holds 31 bits above the slot, and slots end at 32 bits.
  for (let width = top; width >= 0 && width >= top - 31; width -= 1) {
    if (width < top) outside += histogram[width + 1]!
    const bytes = packedBytes(count, width) + outside * patchBytes
    if (width <= 32 && (bytes <= best.bytes || best.width > 32)) best = { bytes, width }
  }
  return best
}

const offs = new Float64Array(vectorRows)
const offWords = new Uint32Array(offs.buffer)
/** Of 0.5: a whole number of b bits has an exponent b above it, b > 0. */
const exponentOfHalf = 1022

/**
 * Counts the bits of values[from, end), at most a vector of them, above `least` and around
 * `middle`. Bits are read off the exponents of doubles, without a branch a value. Around the middle
 * half a step is added: -n and n - 1 then have the same exponent, that of n - 1 / 2.
 */
function countBits(
  values: Float64Array,
  from: number,
  end: number,
  least: number,
  middle: number,
): void {
  const count = end - from
  above.fill(0)
  around.fill(0)
  for (let i = 0; i < count; i += 1) offs[i] = values[from + i]! - least
  for (let i = 0; i < count; i += 1) {
    const bits = (offWords[i * 2 + 1]! >>> 20) - exponentOfHalf
    const slot = bits & ~(bits >> 31)
    above[slot] = (above[slot]! + 1) | 0
  }
  let middles = 0
  for (let i = 0; i < count; i += 1) {
    const off = values[from + i]! - middle
    if (off === 0) middles += 1
    offs[i] = off + 0.5
  }
  for (let i = 0; i < count; i += 1) {
    const slot = ((offWords[i * 2 + 1]! & 0x7fffffff) >>> 20) - exponentOfHalf + 1
    around[slot] = (around[slot]! + 1) | 0
  }
  around[0] = middles
  around[1] = around[1]! - middles
}

const few = new Float64Array(15)

/** A middle value of values[from, end): the median of a few. */
function middleOf(values: Float64Array, from: number, end: number): number {
  const step = Math.max(1, Math.ceil((end - from) / few.length))
  let count = 0
  for (let i = from; i < end; i += step) {
    few[count] = values[i]!
    count += 1
  }
  for (let i = 1; i < count; i += 1) {
    const value = few[i]!
    let at = i
    for (; at > 0 && few[at - 1]! > value; at -= 1) few[at] = few[at - 1]!
    few[at] = value
  }
  return few[count >> 1]!
}

/**
 * The cheaper of two windows for values[from, end): upwards from the least value, or around a
 * middle one. They span less than 2^53 and are stored in `slots` slots.
 */
export function patchingOf(
  values: Float64Array,
  from: number,
  end: number,
  least: number,
  slots: number,
): Patching {
  if (from >= end) return { bytes: 0, base: least, width: 0 }
  const middle = middleOf(values, from, end)
  countBits(values, from, end, least, middle)
  const upward = cheapestWidth(slots, above)
  const centred = cheapestWidth(slots, around)
  if (centred.bytes >= upward.bytes || centred.width > 32) return { ...upward, base: least }
  const base = centred.width === 0 ? middle : middle - 2 ** (centred.width - 1)
  return { ...centred, base: Math.max(base, least) }
}
