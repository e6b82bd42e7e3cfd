// Goal: decimals come back by products as they do by division, bit for bit, wherever a product is taken. Method: the
// bound on each factor is worked out exactly; products beside divisions, near the worst integers too; pages of FOR and
// DELTA whose ranges lie on both sides of every limit, whole and cut, in the arena and outside of it, against the rows.
import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { decodeRows, encodePage, encodings, storedRange } from '#codec'
import { arena, loadKernels } from '#kernel'
import { powersOfTen } from '../../src/codec/decimal.ts'
import { products } from '../../src/codec/product.ts'
import { reread } from './oracle.ts'

beforeAll(loadKernels)

/** A double above 0 as mantissa * 2^-exponent. */
function partsOf(value: number): { mantissa: bigint; exponent: bigint } {
  const bits = new BigUint64Array(Float64Array.of(value).buffer)[0]!
  return { mantissa: (bits & (2n ** 52n - 1n)) | (2n ** 52n), exponent: 1075n - (bits >> 52n) }
}

/** 5^k * 2^54 times how far multiplier * factor * 10^k is from 1, rounded up. */
function excessOf(k: number): bigint {
  const { multiplier, factor } = products[k]!
  const { mantissa, exponent } = partsOf(factor)
  const one = 2n ** exponent
  const product = BigInt(multiplier) * mantissa * 10n ** BigInt(k)
  const distance = product > one ? product - one : one - product
  return (distance * 5n ** BigInt(k) * 2n ** 54n + one - 1n) / one
}

/** The whole d for which d / 10^k is nearest to the middle of two doubles, from some place on: d * 2^s is 1 or -1
 *  modulo 5^k, with s so that d / 10^k * 2^s has 54 bits. */
function worstOf(k: number, seed: number): number[] {
  const five = 5 ** k
  const worst: number[] = []
  const bits = Math.floor(Math.log2(2 ** 52 / products[k]!.multiplier))
  for (let d = seed; d < 2 ** bits && worst.length < 20; d += 1) {
    const s = BigInt(53 - Math.floor(Math.log2(d / 10 ** k)) - k)
    const rest = Number((BigInt(d) * 2n ** s) % BigInt(five))
    if (rest <= 1 || rest >= five - 1) worst.push(d)
    if (d > seed + 40_000) break
  }
  return worst
}

const scale = fc.integer({ min: 0, max: products.length - 1 })

function expectProduct(d: number, k: number): void {
  const { multiplier, factor } = products[k]!
  expect(Object.is(d * multiplier * factor, d / powersOfTen[k]!), `${d} / 10^${k}`).toBe(true)
}

describe('a product', () => {
  it('has a factor that is near enough', () => {
    expect(products.length).toBe(10)
    for (let k = 0; k < products.length; k += 1) expect(excessOf(k) <= 1n, `10^${k}`).toBe(true)
  })

  it('is the quotient', () => {
    fc.assert(
      fc.property(
        scale,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.boolean(),
        (k, x, isLow) => {
          const end = 2 ** 53 / products[k]!.multiplier
          const d = Math.floor(isLow ? x ** 8 * end : x * end)
          expectProduct(d, k)
          expectProduct(d === 0 ? 0 : -d, k)
        },
      ),
      { numRuns: 5000 },
    )
    for (let k = 0; k < products.length; k += 1) {
      for (let d = 0; d < 20_000; d += 1) expectProduct(d, k)
    }
  })

  it('is the quotient nearest to the middles of doubles', () => {
    for (let k = 1; k <= 5; k += 1) {
      for (const seed of [1, 1e4, 1e6, 123_456_789, 2 ** 33 + 1]) {
        for (const d of worstOf(k, seed)) expectProduct(d, k)
      }
    }
  })
})

interface Case {
  readonly k: number
  readonly least: number
  readonly rangeBits: number
  readonly gcd: number
  readonly rows: number
  readonly odd: number
  readonly encoding: number
  readonly seed: number
}

const cases: fc.Arbitrary<Case> = fc.record({
  k: fc.integer({ min: 0, max: 11 }),
  least: fc.oneof(
    fc.integer({ min: -(10 ** 6), max: 10 ** 6 }),
    fc.integer({ min: -(2 ** 51), max: 2 ** 51 }),
  ),
  rangeBits: fc.integer({ min: 0, max: 40 }),
  gcd: fc.constantFrom(1, 1, 5, 25, 100),
  rows: fc.constantFrom(1, 3, 127, 1024, 1025, 2200),
  odd: fc.constantFrom(0, 0, 1),
  encoding: fc.constantFrom(encodings.for, encodings.delta, encodings.pfor, encodings.rle),
  seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
})

function rowsOfCase({ k, least, rangeBits, gcd, rows, odd, seed }: Case): Float64Array {
  let state = seed
  const values = new Float64Array(rows)
  for (let i = 0; i < rows; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const above = Math.floor((state / 2 ** 32) * 2 ** rangeBits)
    values[i] = (least + gcd * above) / powersOfTen[k]!
  }
  // Absent rows, or exceptions where the column is required.
  for (let i = 0; i < rows * odd; i += 41) values[i] = NaN
  return values
}

const bitsOf = (values: Float64Array): Buffer =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength)

describe('pages of decimals', () => {
  it('are what they were, whichever way they are decoded', () => {
    const inArena = arena().claim(1 << 18)
    fc.assert(
      fc.property(cases, fc.boolean(), fc.nat(), fc.nat(), (own, optional, x, y) => {
        const values = rowsOfCase(own)
        const { rows, encoding } = own
        const column = { physical: 'f64', values } as const
        const page = encodePage(column, 0, rows, { optional, encoding })
        const payload = page.payload.slice()
        const meta = reread(page.meta)
        const from = Math.min(x, y) % rows
        const end = from + 1 + (Math.max(x, y) % (rows - from))
        const range = storedRange(meta, Math.floor(from / 1024), Math.ceil(end / 1024))
        const stored = payload.subarray(range.from, range.end)
        const { u8 } = arena()
        u8.set(stored, inArena)
        const places = [
          { stored, storedFrom: range.from },
          { stored: u8, storedFrom: range.from - inArena },
        ]
        for (const place of places) {
          for (const at of [0, 3]) {
            const target = { physical: 'f64', values: new Float64Array(end - from + at) } as const
            decodeRows(meta, place.stored, place.storedFrom, from, end, target, at)
            const decoded = target.values.subarray(at)
            expect(bitsOf(decoded).equals(bitsOf(values.subarray(from, end)))).toBe(true)
          }
        }
      }),
      { numRuns: 600 },
    )
  })
})
