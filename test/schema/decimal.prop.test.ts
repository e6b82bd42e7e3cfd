// Goal: decimals are exact on the way in and the nearest double on the way out; nothing is rounded.
// Method: random integers and scales; Number() of the decimal text is the nearest double by the language's own word.
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  doubleOfScaled,
  doublesOfScaled,
  int64Max,
  int64Min,
  scaledOfNumber,
  scaledOfText,
} from '#schema'

const scales = fc.integer({ min: 0, max: 18 })
const integers = fc.oneof(
  fc.bigInt({ min: int64Min, max: int64Max }),
  fc.bigInt({ min: -(2n ** 53n) - 3n, max: 2n ** 53n + 3n }),
  fc.bigInt({ min: -1000n, max: 1000n }),
  fc.constantFrom(int64Min, int64Max, 2n ** 53n, 2n ** 53n - 1n, 1n - 2n ** 53n, -(2n ** 53n)),
)

/** The decimal text of integer / 10^scale. */
function textOf(integer: bigint, scale: number): string {
  const digits = String(integer < 0n ? -integer : integer).padStart(scale + 1, '0')
  const cut = digits.length - scale
  const sign = integer < 0n ? '-' : ''
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, cut)}.${digits.slice(cut)}`
}

test('a text gives its integer, and the integer the double of the text', () => {
  fc.assert(
    fc.property(integers, scales, (integer, scale) => {
      const text = textOf(integer, scale)
      expect(scaledOfText(text, scale)).toBe(integer)
      expect(doubleOfScaled(integer, scale)).toBe(Number(text) + 0)
      expect(scaledOfText(`${integer}e-${scale}`, scale)).toBe(integer)
    }),
    { numRuns: 1000 },
  )
})

test('a double goes back to an integer that reads as the same double', () => {
  fc.assert(
    fc.property(integers, scales, (integer, scale) => {
      const value = doubleOfScaled(integer, scale)
      const back = scaledOfNumber(value, scale)
      const isExact = integer <= 10n ** 15n && integer >= -(10n ** 15n)
      if (isExact) expect(back).toBe(integer)
      // Past 15 digits several decimals may share a double; one near the ends may not fit an int64.
      else if (back !== undefined) expect(doubleOfScaled(back, scale)).toBe(value)
      else expect(integer > int64Max - 2048n || integer < int64Min + 2048n).toBe(true)
    }),
    { numRuns: 1000 },
  )
})

test('a number that is no such decimal is refused, never rounded', () => {
  fc.assert(
    fc.property(fc.double(), scales, (value, scale) => {
      const scaled = scaledOfNumber(value, scale)
      if (scaled !== undefined) expect(doubleOfScaled(scaled, scale)).toBe(value + 0)
    }),
    { numRuns: 1000 },
  )
  expect(scaledOfNumber(0.125, 2)).toBeUndefined()
  expect(scaledOfNumber(0.1 + 0.2, 2)).toBeUndefined()
  expect(scaledOfNumber(-0, 2)).toBe(0n)
  expect([Number.NaN, Infinity, 1e300].map((value) => scaledOfNumber(value, 2))).toEqual([
    undefined,
    undefined,
    undefined,
  ])
})

test.each([
  ['12.50', 2, 1250n],
  ['12.500', 2, 1250n],
  ['+.5', 1, 5n],
  ['5.', 0, 5n],
  ['-0', 2, 0n],
  ['1.5e3', 0, 1500n],
  ['150E-2', 1, 15n],
  ['0e999', 0, undefined],
  ['0.00', 0, 0n],
  ['0.001', 2, undefined],
  ['1e-20', 18, undefined],
  ['9223372036854775807', 0, int64Max],
  ['9223372036854775808', 0, undefined],
  ['-9223372036854775808', 0, int64Min],
  ['', 2, undefined],
  ['.', 2, undefined],
  ['1,5', 2, undefined],
  ['0x10', 2, undefined],
  [' 1', 2, undefined],
])('scaledOfText %s at scale %i', (text, scale, integer) => {
  expect(scaledOfText(text, scale)).toBe(integer)
})

test('digits without end are refused', () => {
  expect(scaledOfText(`0.${'0'.repeat(900)}`, 2)).toBeUndefined()
})

test('doublesOfScaled reads a slice; the smallest int64 is absent only where columns are optional', () => {
  fc.assert(
    fc.property(
      fc.array(integers, { maxLength: 20 }),
      scales,
      fc.boolean(),
      (list, scale, optional) => {
        const target = new Float64Array(list.length + 2).fill(7)
        doublesOfScaled(
          BigInt64Array.from([0n, ...list]),
          1,
          list.length + 1,
          scale,
          optional,
          target,
          2,
        )
        const expected = list.map((integer) =>
          optional && integer === int64Min ? Number.NaN : doubleOfScaled(integer, scale),
        )
        expect([...target]).toEqual([7, 7, ...expected])
      },
    ),
  )
})
