// Exact decimals: a double v that is the nearest to d / 10^k comes back, bit for bit, from ONE IEEE
// division d / 10^k when 0 <= k <= 22 and |d| < 2^53 (both operands are exact, division rounds
// correctly; Clinger, "How to read floating point numbers accurately", 1990). k is found from a
// sample; then every value is checked. What does not come back (-0, NaN, infinities, true reals) is
// an exception: its place and its 8 bytes are stored beside the integers.
import { arena } from '#kernel'
import { encodePlaces } from './encode-places.ts'
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
 * The scale to try first; -1 where there is none. The last page's (`hint`) is kept where it fits
 * the whole sample; that of other runs (`habit`) where it is what the search would find as well.
 */
export function firstScale(count: number, hint: number, habit: number | undefined): number {
  const step = Math.max(1, Math.ceil(count / sampleMax))
  let seen = 0
  let hintHolds = hint > 0
  const { values } = encodePlaces()
  for (let i = 0; i < count; i += step) {
    const value = values[i]!
    sample[seen] = value
    hintHolds &&= fits(value, hint)
    seen += 1
  }
  if (hintHolds) return hint
  return habit !== undefined && isLeastScale(seen, habit) ? habit : cheapestScale(seen, 0)
}

/** Of the last try: values that do not come back. */
let misses = 0

/**
 * One try at scale k: d of each value to the page's units, places of those that do not come back
 * to exceptionsAt. False where there are too many; then the first ones are there.
 */
function tryScale(count: number, k: number): boolean {
  const { kernels } = arena()
  const { valuesAt, unitsAt, exceptionsAt } = encodePlaces()
  const most = Math.floor(count / exceptionShare)
  const power = powersOfTen[k]!
  misses = kernels.decimals(valuesAt, count, power, unitsAt, exceptionsAt, most + 1)
  return misses <= most
}

/** Places of the first `count` misses of the last try. */
function missPlaces(count: number): Uint32Array {
  const first = encodePlaces().exceptionsAt >>> 2
  return arena().u32.slice(first, first + count)
}

/**
 * The scale to try after `scale` met too many exceptions: the one that suits those; -1 where none
 * does.
 */
function nextScale(scale: number, count: number): number {
  const { values } = encodePlaces()
  const seen = Math.min(misses, Math.floor(count / exceptionShare) + 1, sampleMax)
  const some = missPlaces(seen)
  for (let i = 0; i < seen; i += 1) sample[i] = values[some[i]!]!
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
function fillSlots(starts: Uint32Array, exceptions: Uint32Array): void {
  const { units } = encodePlaces()
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

const noExceptions = new Uint32Array(0)

/**
 * Turns the page's `count` values into whole numbers at one scale, as its units. Undefined where
 * more than one value in twenty is no decimal. `first` is the scale that is tried first.
 */
export function toDecimals(
  count: number,
  starts: Uint32Array,
  first: number,
): Decimals | undefined {
  let scale = first
  while (scale >= 0) {
    if (tryScale(count, scale)) {
      if (misses === 0) return { scale, exceptions: noExceptions }
      const exceptions = missPlaces(misses)
      fillSlots(starts, exceptions)
      return { scale, exceptions }
    }
    scale = nextScale(scale, count)
  }
  return undefined
}
