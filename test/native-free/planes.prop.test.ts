// Goal: true reals come as byte planes, go back and are summed up for zone maps as their scalar twins do it, for any
// count, address and bits. Method: both get the same bytes in memories of their own, with bytes around the output that
// must stay; zone maps are also compared with a plain loop over doubles.
import { scalarKernels, simdKernels } from '#native-free/simd'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

const bytes = 1 << 20
const simd = simdKernels(bytes)
const twin = scalarKernels(new ArrayBuffer(bytes))
const both = [simd, twin]
const [input, output] = [0x10000, 0x40000] as const
const guardBytes = 64
const numRuns = 300

function put(at: number, values: BigUint64Array): void {
  for (const { memory } of both) new Uint8Array(memory).set(new Uint8Array(values.buffer), at)
}

function guard(at: number, length: number): void {
  for (const { memory } of both) new Uint8Array(memory, at, length).fill(0x5a)
}

function outOf(at: number, length: number): Buffer {
  const [one, other] = both.map(({ memory }) => Buffer.from(memory.slice(at, at + length)))
  expect(one!.equals(other!)).toBe(true)
  return one!
}

/** The same bytes from both, and the guards around them whole. */
function sameWithin(at: number, length: number): Buffer {
  const whole = outOf(at - guardBytes, length + 2 * guardBytes)
  const around = [...whole.subarray(0, guardBytes), ...whole.subarray(guardBytes + length)]
  expect(around.every((byte) => byte === 0x5a)).toBe(true)
  return whole.subarray(guardBytes, guardBytes + length)
}

const bits = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const counts = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constantFrom(127, 128, 1023, 1024))
const noise = counts.chain((count) => fc.array(bits, { minLength: count, maxLength: count }))
const shift = fc.nat(17)

test('planes, and back, at any address', () => {
  fc.assert(
    fc.property(noise, shift, shift, (list, from, to) => {
      const values = BigUint64Array.from(list)
      const length = values.byteLength
      put(input + from, values)
      guard(output + to - guardBytes, length + 2 * guardBytes)
      for (const k of both) k.toPlanes(input + from, list.length, output + to)
      const planes = sameWithin(output + to, length)
      for (let p = 0; p < 8; p += 1) {
        const last = Number((values[list.length - 1]! >> BigInt(p * 8)) & 0xffn)
        expect(planes[p * list.length + list.length - 1]).toBe(last)
      }
      guard(input + from - guardBytes, length + 2 * guardBytes)
      for (const k of both) k.fromPlanes(output + to, list.length, input + from)
      const back = sameWithin(input + from, length)
      expect(back.equals(Buffer.from(values.buffer))).toBe(true)
    }),
    { numRuns },
  )
})

const bitsOf = (value: number): bigint => new BigUint64Array(Float64Array.of(value).buffer)[0]!
const nan = fc.oneof(
  fc.bigInt({ min: 0x7ff0000000000001n, max: 0x7fffffffffffffffn }),
  fc.bigInt({ min: 0xfff0000000000001n, max: 0xffffffffffffffffn }),
)
const few = fc.constantFrom(0, -0, 1, -1, Infinity, -Infinity).map(bitsOf)
const double = fc.double({ noNaN: true }).map(bitsOf)
const lists = counts.chain((count) =>
  fc.oneof(
    ...[nan, few, double, fc.oneof(nan, few, double), fc.oneof(nan, few)].map((value) =>
      fc.array(value, { minLength: count, maxLength: count }),
    ),
  ),
)

/** As a zone map is defined: the first of the least and of the most, NaN aside. */
function zoneOf(list: readonly bigint[]): bigint[] {
  const numbers = list
    .map((each) => ({ each, value: new Float64Array(BigUint64Array.of(each).buffer)[0]! }))
    .filter(({ value }) => !Number.isNaN(value))
  const ends = [list[0]!, list.at(-1)!]
  if (numbers.length === 0) return [list.at(-1)!, list.at(-1)!, ...ends]
  const least = Math.min(...numbers.map(({ value }) => value))
  const most = Math.max(...numbers.map(({ value }) => value))
  const firstOf = (wanted: number): bigint => numbers.find(({ value }) => value === wanted)!.each
  return [firstOf(least), firstOf(most), ...ends]
}

test('zone maps of reals: bits stay, NaN is neither least nor most', () => {
  fc.assert(
    fc.property(lists, fc.constantFrom(8, 24, 512), (list, step) => {
      put(input, BigUint64Array.from(list))
      for (const k of both) k.realZone(input, list.length, output, step)
      const found = outOf(output, step * 3 + 8)
      const zone = [0, 1, 2, 3].map((field) => found.readBigUInt64LE(field * step))
      expect(zone).toEqual(zoneOf(list))
    }),
    { numRuns: 600 },
  )
})
