// Sums that do not depend on how rows are cut into blocks, which encoding they got, or whether they are sealed at all:
// the same rows give the same double, bit for bit.
//
// A double counts as a decimal where it is d / 10^k for a whole d, abs(d) < 2^51, 0 <= k <= 9 (prices and sizes of all
// markets are); which decimal that is, the value alone decides: below 2^51 no double is near two. Decimals and integers
// are added exactly, and the sum is rounded once. Other doubles (true reals) are added in read order, with Neumaier's
// compensation (Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen, ZAMM 54, 1974); their sum is
// added to the other at the end.
import { doubleOfScaled } from '#schema'

/** Digits after the point that a decimal may have, and what its integer is below. */
export const decimalScaleMax = 9
export const decimalIntegerEnd = 2 ** 51

const powers = Array.from({ length: 23 }, (_, k) => 10 ** k)
/** 10^22 is the last power of ten that is a double. */
const exactPowerMax = 22
const bigPowers = Array.from({ length: 73 }, (_, k) => 10n ** BigInt(k))

/** Where `decimalOf` left the scale of what it found. */
export const found = { scale: 0 }

/**
 * The d of a double that is the decimal d / 10^found.scale; NaN where it is none. `hint` is a scale tried first:
 * a small one keeps d small.
 */
export function decimalOf(value: number, hint: number): number {
  const power = powers[hint]!
  const tried = Math.round(value * power)
  if (tried / power === value && Math.abs(tried) < decimalIntegerEnd) {
    found.scale = hint
    return tried
  }
  const size = Math.abs(value)
  let scale = decimalScaleMax
  while (scale > 0 && size * powers[scale]! >= decimalIntegerEnd) scale -= 1
  const d = Math.round(value * powers[scale]!)
  if (d / powers[scale]! !== value || !(Math.abs(d) < decimalIntegerEnd)) return Number.NaN
  found.scale = scale
  return d
}

/** The nearest double of integer / 10^scale, for any scale. */
export function nearestDouble(integer: bigint, scale: number): number {
  return scale <= exactPowerMax ? doubleOfScaled(integer, scale) : Number(`${integer}e-${scale}`)
}

/** The exact sum of integers at decimal scales: sum / 10^scale. */
export class ExactSum {
  /** What is here and not in #big yet: a safe integer. */
  #small = 0
  #big = 0n
  #scale = 0

  /** `integer` is a safe integer. */
  add(integer: number, scale: number): void {
    if (scale !== this.#scale) {
      if (this.#small !== 0 || this.#big !== 0n) {
        this.addBig(BigInt(integer), scale)
        return
      }
      this.#scale = scale
    }
    const sum = this.#small + integer
    if (Number.isSafeInteger(sum)) {
      this.#small = sum
      return
    }
    this.#settle()
    this.#small = integer
  }

  addBig(integer: bigint, scale: number): void {
    if (scale > this.#scale) this.#rescale(scale)
    const own = scale === this.#scale ? integer : integer * bigPowers[this.#scale - scale]!
    this.#settle()
    this.#big += own
  }

  #settle(): void {
    if (this.#small === 0) return
    this.#big += BigInt(this.#small)
    this.#small = 0
  }

  #rescale(scale: number): void {
    this.#settle()
    this.#big *= bigPowers[scale - this.#scale]!
    this.#scale = scale
  }

  /** The sum as a fraction: integer / 10^scale. */
  fraction(): { integer: bigint; scale: number } {
    this.#settle()
    return { integer: this.#big, scale: this.#scale }
  }

  /** The nearest double. */
  value(): number {
    if (this.#big === 0n && this.#scale <= exactPowerMax) {
      return this.#small / powers[this.#scale]!
    }
    this.#settle()
    return nearestDouble(this.#big, this.#scale)
  }

  reset(): void {
    this.#small = 0
    this.#big = 0n
    this.#scale = 0
  }
}

/** Doubles in the order in which they come, compensated. */
export class RealSum {
  #sum = 0
  #rest = 0
  count = 0

  add(value: number): void {
    this.count += 1
    const sum = this.#sum + value
    this.#rest +=
      Math.abs(this.#sum) >= Math.abs(value) ? this.#sum - sum + value : value - sum + this.#sum
    this.#sum = sum
  }

  /** With infinities the compensation is NaN, and the sum is what plain addition gives. */
  value(): number {
    return Number.isFinite(this.#sum) ? this.#sum + this.#rest : this.#sum
  }

  reset(): void {
    this.#sum = 0
    this.#rest = 0
    this.count = 0
  }
}

/** Mean and sum of squared distances from it, of doubles in order (Welford, Technometrics 4, 1962). */
export class RealSpread {
  count = 0
  mean = 0
  squares = 0

  add(value: number): void {
    this.count += 1
    const before = value - this.mean
    this.mean += before / this.count
    this.squares += before * (value - this.mean)
  }

  reset(): void {
    this.count = 0
    this.mean = 0
    this.squares = 0
  }
}
