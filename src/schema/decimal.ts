// Exact decimals: a value with k digits after the point is the integer value * 10^k. Nothing is ever rounded on the
// way in; on the way out the nearest double is given.
import { int64Max, int64Min } from './time.ts'

const powers = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))
const safe = Number.MAX_SAFE_INTEGER

/** The integer of a decimal text such as '-12.50', or undefined where it does not fit `scale` digits and an int64. */
export function scaledOfText(text: string, scale: number): bigint | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text)
  if (match === null) return undefined
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  const digits = whole + fraction
  if (digits === '') return undefined
  // digits * 10^(exponent - fraction.length), wanted as an integer of 10^-scale
  const shift = Number(exponent) - fraction.length + scale
  if (shift > 400 || digits.length > 800) return undefined
  const unsigned = shifted(digits, shift)
  if (unsigned === undefined) return undefined
  const value = sign === '-' ? -unsigned : unsigned
  return value >= int64Min && value <= int64Max ? value : undefined
}

function shifted(digits: string, shift: number): bigint | undefined {
  if (shift >= 0) return BigInt(digits + '0'.repeat(shift))
  const cut = digits.length + shift
  const dropped = cut <= 0 ? digits : digits.slice(cut)
  if (!/^0*$/.test(dropped)) return undefined
  return cut <= 0 ? 0n : BigInt(digits.slice(0, cut))
}

/** The integer of a double that is the nearest one to some decimal of `scale` digits, or undefined. -0 is 0. */
export function scaledOfNumber(value: number, scale: number): bigint | undefined {
  const power = powers[scale]!
  const scaled = Math.round(value * power)
  if (Math.abs(scaled) <= safe) {
    // The product may be off by one in the last place; the neighbours are tried before giving up.
    for (const candidate of [scaled, scaled - 1, scaled + 1]) {
      if (candidate / power === value) return BigInt(candidate)
    }
    return undefined
  }
  return Number.isFinite(value) ? scaledOfText(String(value), scale) : undefined
}

/** The nearest double of integer / 10^scale. */
export function doubleOfScaled(integer: bigint, scale: number): number {
  const value = Number(integer)
  if (value >= -safe && value <= safe) return value / powers[scale]!
  return Number(`${integer}e-${scale}`)
}

/** The nearest doubles of rows [from, end) into `target` at `at`; the smallest int64 gives NaN when `optional`. */
export function doublesOfScaled(
  source: BigInt64Array,
  from: number,
  end: number,
  scale: number,
  optional: boolean,
  target: Float64Array,
  at: number,
): void {
  const power = powers[scale]!
  const halves = new Int32Array(source.buffer, source.byteOffset, source.length * 2)
  for (let row = from; row < end; row += 1) {
    const high = halves[row * 2 + 1]!
    const to = at + row - from
    if (high >= -0x200000 && high < 0x200000) {
      target[to] = (high * 0x1_0000_0000 + (halves[row * 2]! >>> 0)) / power
    } else if (optional && high === -0x80000000 && halves[row * 2] === 0) {
      target[to] = Number.NaN
    } else {
      target[to] = doubleOfScaled(source[row]!, scale)
    }
  }
}
