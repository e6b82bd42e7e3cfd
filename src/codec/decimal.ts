// Exact decimals: a double v that is the nearest to d / 10^k comes back, bit for bit, from ONE IEEE
// division d / 10^k when 0 <= k <= 22 and |d| < 2^53 (both operands are exact, division rounds
// correctly; Clinger, "How to read floating point numbers accurately", 1990). k is found from a
// sample; then every value is checked. What does not come back (-0, NaN, infinities, true reals) is
// an exception: its place and its 8 bytes are stored beside the integers.
import { denseF64 } from './gather.ts'
import { scaleMax } from './layout.ts'

/** 10^0 to 10^22: all exact doubles. */
export const powersOfTen: Float64Array = Float64Array.from({ length: scaleMax + 1 }, (_, k) =>
  Number(`1e${k}`),
)

const sampleMax = 64
const two53 = 9007199254740992
/** One value in this many may be an exception; past that a page is RAW64. */
const exceptionShare = 20
/**
 * What an exception is taken to cost in bits (80, and the trouble), against log2(10) bits a value
 * for one more digit.
 */
const exceptionBits = 120
const digitBits = 3.32

/** True where `value` is d / 10^k for whole d below 2^53. */
function fits(value: number, k: number): boolean {
  const power = powersOfTen[k]!
  const d = Math.round(value * power)
  return Math.abs(d) < two53 && d / power === value && !Object.is(value, -0)
}

/** The least k from `least` that fits, or 23. */
function scaleOf(value: number, least: number): number {
  for (let k = least; k <= scaleMax; k += 1) if (fits(value, k)) return k
  return scaleMax + 1
}

const sample = new Float64Array(sampleMax)
const votes = new Uint32Array(scaleMax + 2)

/**
 * The cheapest scale from `least` for sample[0, seen): a digit for all against exceptions; -1 for
 * true reals.
 */
function cheapestScale(seen: number, least: number): number {
  votes.fill(0)
  for (let i = 0; i < seen; i += 1) {
    const k = scaleOf(sample[i]!, least)
    votes[k] = votes[k]! + 1
  }
  let misses = seen
  let best = -1
  let bestBits = Infinity
  for (let k = least; k <= scaleMax; k += 1) {
    misses -= votes[k]!
    const bits = digitBits * k + (exceptionBits * misses) / seen
    if (misses * 10 > seen || bits >= bestBits) continue
    best = k
    bestBits = bits
  }
  return best
}

/** `scale` fits every value of sample[0, seen), and the next smaller one does not. */
function isLeastScale(seen: number, scale: number): boolean {
  let isNeeded = scale === 0
  for (let i = 0; i < seen; i += 1) {
    if (!fits(sample[i]!, scale)) return false
    isNeeded ||= !fits(sample[i]!, scale - 1)
  }
  return isNeeded
}

/**
 * The scale to try first. The last page's is kept where it fits the whole sample; that of other
 * runs (`habit`) where it is what the search would find as well.
 */
function firstScale(count: number, hint: number, habit: number | undefined): number {
  const step = Math.max(1, Math.ceil(count / sampleMax))
  let seen = 0
  let hintHolds = hint > 0
  for (let i = 0; i < count; i += step) {
    sample[seen] = denseF64[i]!
    hintHolds &&= fits(denseF64[i]!, hint)
    seen += 1
  }
  if (hintHolds) return hint
  return habit !== undefined && isLeastScale(seen, habit) ? habit : cheapestScale(seen, 0)
}

const positions = new Uint32Array(denseF64.length)
let positionCount = 0

/**
 * One try at scale k: d of each value to `units`, places of those that do not come back to
 * `positions`. Stops where there are too many.
 */
function tryScale(count: number, k: number, units: Float64Array): boolean {
  const power = powersOfTen[k]!
  positionCount = 0
  for (let i = 0; i < count; i += 1) {
    const value = denseF64[i]!
    const d = Math.round(value * power)
    units[i] = d
    if (d / power === value && d < two53 && d > -two53 && (d !== 0 || 1 / value > 0)) continue
    positions[positionCount] = i
    positionCount += 1
    if (positionCount * exceptionShare > count) return false
  }
  return true
}

/**
 * The scale to try after `scale` met too many exceptions: the one that suits those; -1 where none
 * does.
 */
function nextScale(scale: number): number {
  const seen = Math.min(positionCount, sampleMax)
  for (let i = 0; i < seen; i += 1) sample[i] = denseF64[positions[i]!]!
  return cheapestScale(seen, scale + 1)
}

/** Decimals of a page; the places of `exceptions` count present values and rise. */
export interface Decimals {
  readonly scale: number
  readonly exceptions: Uint32Array
}

/**
 * An exception's slot repeats the value before it in its vector (else the first after it, else
 * any), so that it moves neither the vector's range nor its deltas.
 */
function fillSlots(starts: Uint32Array, units: Float64Array, exceptions: Uint32Array): void {
  const isException = new Set(exceptions)
  let any = 0
  while (isException.has(any)) any += 1
  let vector = 0
  for (const position of exceptions) {
    while (starts[vector + 1]! <= position) vector += 1
    if (position > starts[vector]!) {
      units[position] = units[position - 1]!
      continue
    }
    const end = starts[vector + 1]!
    let next = position
    while (next < end && isException.has(next)) next += 1
    units[position] = units[next < end ? next : any]!
  }
}

/**
 * Turns denseF64[0, count) into whole numbers at one scale, in `units`. Undefined where more than
 * one value in twenty is no decimal. `hint` is the last page's scale, tried first; `habit` that of
 * pages of other runs.
 */
export function toDecimals(
  count: number,
  starts: Uint32Array,
  hint: number,
  units: Float64Array,
  habit?: number,
): Decimals | undefined {
  let scale = firstScale(count, hint, habit)
  while (scale >= 0) {
    if (tryScale(count, scale, units)) {
      const exceptions = positions.slice(0, positionCount)
      if (positionCount > 0) fillSlots(starts, units, exceptions)
      return { scale, exceptions }
    }
    scale = nextScale(scale)
  }
  return undefined
}
