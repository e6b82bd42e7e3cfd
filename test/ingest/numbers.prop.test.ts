// Goal: numbers and integers read from bytes are exactly those the text means, or are refused.
// Method: random texts against Number() and BigInt arithmetic, which know nothing of the fast path.
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  decimalPlaces,
  parseInt64,
  parseNumber,
  parsePlainNumber,
} from '../../src/ingest/numbers.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const within = (text: string): [Uint8Array, number, number] => {
  const bytes = bytesOf(`12,${text},34`)
  return [bytes, 3, bytes.length - 3]
}

const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 0, maxLength: 26 })
const sign = fc.constantFrom('', '-', '+')

test('decimals are the nearest double', () => {
  fc.assert(
    fc.property(sign, digits, digits, fc.boolean(), (s, whole, places, hasPoint) => {
      const text = `${s}${whole}${hasPoint ? `.${places}` : ''}`
      const isNumber = /\d/.test(text)
      const read = parseNumber(...within(text))
      if (isNumber) expect(read).toBe(Number(text))
      else expect(read).toBeUndefined()
      const plain = parsePlainNumber(...within(text))
      if (!Number.isNaN(plain)) expect(plain).toBe(Number(text))
    }),
    { numRuns: 2000 },
  )
})

test('any double printed by JavaScript reads back bit for bit', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true }), (value) => {
      const text = Object.is(value, -0) ? '-0' : String(value)
      expect(Object.is(parseNumber(...within(text)), value)).toBe(true)
    }),
    { numRuns: 2000 },
  )
})

test('what is no number is refused, and the words for the special ones are not', () => {
  for (const text of [
    '',
    '-',
    '.',
    '1e',
    'e5',
    '0x10',
    '1 2',
    '1.2.3',
    '--1',
    '1_000',
    'abc',
    '1,5',
  ]) {
    expect(parseNumber(bytesOf(text), 0, text.length), text).toBeUndefined()
  }
  for (const text of ['NaN', 'nan', 'NAN']) expect(parseNumber(bytesOf(text), 0, 3)).toBeNaN()
  expect(parseNumber(bytesOf('-inf'), 0, 4)).toBe(-Infinity)
  expect(parseNumber(bytesOf(' 1.5 '), 0, 5)).toBe(1.5)
  expect(parseNumber(bytesOf('-0'), 0, 2)).toBe(-0)
})

const int64 = new BigInt64Array(3)
const halves = new Int32Array(int64.buffer)

test('64-bit integers, whole and scaled, are exact or refused', () => {
  const scale = fc.constantFrom(0, 3, 6, 9)
  const whole = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 21 })
  const places = fc.string({ unit: fc.constantFrom(...'0000123456789'), maxLength: 11 })
  fc.assert(
    fc.property(sign, whole, places, scale, (s, high, low, by) => {
      const text = `${s}${high}${low === '' ? '' : `.${low}`}`
      const kept = low.slice(0, by).padEnd(by, '0')
      const exact = BigInt(`${high}${kept}`) * (s === '-' ? -1n : 1n)
      const fits = exact > -(2n ** 63n) && exact < 2n ** 63n && !/[1-9]/.test(low.slice(by))
      const isRead = parseInt64(...within(text), by, halves, 1)
      expect(isRead).toBe(fits)
      if (fits) expect(int64[1]).toBe(exact)
    }),
    { numRuns: 3000 },
  )
})

test('every int64 but the absent one reads back', () => {
  const edge = fc.constantFrom(2n ** 63n - 1n, 1n - 2n ** 63n, 0n, -1n, 2n ** 32n, -(2n ** 32n))
  fc.assert(
    fc.property(
      fc.oneof(edge, fc.bigInt({ min: 1n - 2n ** 63n, max: 2n ** 63n - 1n })),
      (value) => {
        expect(parseInt64(...within(String(value)), 0, halves, 2)).toBe(true)
        expect(int64[2]).toBe(value)
      },
    ),
    { numRuns: 2000 },
  )
  expect(parseInt64(...within(String(-(2n ** 63n))), 0, halves, 0)).toBe(false)
  expect(parseInt64(...within(String(2n ** 63n)), 0, halves, 0)).toBe(false)
  for (const text of ['', '-', '+', '.', '1e3', '1-', ' 1', '0x1']) {
    expect(parseInt64(...within(text), 0, halves, 0), text).toBe(false)
  }
})

test('decimal places are counted without trailing zeros', () => {
  const cases: [string, number][] = [
    ['1', 0],
    ['1.', 0],
    ['1.50', 1],
    ['.125', 3],
    ['0.000', 0],
    ['1e3', -1],
  ]
  for (const [text, places] of cases)
    expect(decimalPlaces(bytesOf(text), 0, text.length)).toBe(places)
})
