// Goal: the kernels of aggregates give what their scalar twins give, for any ranges, extremes and times. Method: both get
// the same bytes in memories of their own; afterwards the outputs are compared. Buckets are also compared with plain
// division over BigInts.
import { scalarKernels, simdKernels } from '#native-free/simd'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

const bytes = 1 << 20
const simd = simdKernels(bytes)
const twin = scalarKernels(new ArrayBuffer(bytes))
const [a, b, bounds, out, opens] = [0x10000, 0x20000, 0x30000, 0x40000, 0x80000] as const
const numRuns = 200

function put(at: number, values: BigInt64Array | Uint32Array | Uint8Array): void {
  const source = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  for (const { memory } of [simd, twin]) new Uint8Array(memory, at, source.length).set(source)
}

function expectSame(at: number, length: number): void {
  const [one, other] = [simd, twin].map(({ memory }) => Buffer.from(memory, at, length))
  expect(one!.equals(other!)).toBe(true)
}

const value = fc.oneof(
  fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1),
  fc.integer({ min: 0, max: 1000 }),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
)
const values = fc.oneof(
  fc.array(value, { minLength: 1, maxLength: 70 }),
  fc.array(value, { minLength: 1024, maxLength: 1024 }),
)
const cuts = fc.array(fc.nat(1024), { minLength: 2, maxLength: 12 })

/** Bounds within `count` values, not falling. */
const boundsIn = (some: readonly number[], count: number): Uint32Array =>
  Uint32Array.from(some, (cut) => Math.min(cut, count)).sort()

test('sums, extremes, ends and products of ranges', () => {
  fc.assert(
    fc.property(values, values, cuts, (one, other, some) => {
      put(a, Uint32Array.from(one))
      put(b, Uint32Array.from(other))
      const ranges = boundsIn(some, Math.min(one.length, other.length))
      put(bounds, ranges)
      for (const k of [simd, twin]) k.foldU32(a, bounds, ranges.length - 1, out)
      expectSame(out, (ranges.length - 1) * 24)
      for (const k of [simd, twin]) k.dotU32(a, b, bounds, ranges.length - 1, out)
      expectSame(out, (ranges.length - 1) * 8)
    }),
    { numRuns },
  )
})

const u32 = fc.oneof(fc.constantFrom(0, 1, 2 ** 32 - 1), fc.integer({ min: 0, max: 2 ** 32 - 1 }))
const whole = fc.oneof(
  fc.constantFrom(0, 1, 2 ** 53 - 1),
  fc.integer({ min: 0, max: 5000 }),
  fc.maxSafeNat(),
)

test('deltas summed up, and the place where their sum passes a gap', () => {
  fc.assert(
    fc.property(values, u32, u32, whole, whole, fc.nat(1024), (some, first, step, by, gap, at) => {
      put(a, Uint32Array.from(some))
      for (const k of [simd, twin]) k.u32Deltas(a, some.length, first, step)
      expectSame(a, some.length * 4)
      put(a, Uint32Array.from(some))
      const places = [simd, twin].map((k) => k.placeOfSum(a, some.length, by, gap))
      expect(places[0]).toBe(places[1])
      // A gap that some place meets, to the unit and one above.
      const sum = some.slice(1, at + 1).reduce((total, slot) => total + slot, 0)
      for (const own of [sum, sum + 1]) {
        const met = [simd, twin].map((k) => k.placeOfSum(a, some.length, 0, own))
        expect(met[0]).toBe(met[1])
      }
    }),
    { numRuns },
  )
})

const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -2000n, max: 2000n }),
  fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n),
)

test('buckets of rising times', () => {
  const widths = fc.oneof(
    fc.bigInt({ min: 1n, max: 500n }),
    fc.bigInt({ min: 1n, max: 2n ** 62n - 1n }),
  )
  fc.assert(
    fc.property(
      fc.array(int64, { minLength: 1, maxLength: 90 }),
      widths,
      fc.nat(),
      fc.nat(90),
      (some, width, phaseSeed, skipped) => {
        const times = BigInt64Array.from(some).sort()
        const phase = BigInt(phaseSeed) % width
        const from = Math.min(skipped, times.length)
        put(a, times)
        const [one, other] = [simd, twin].map((k) =>
          k.bucketsOf(a, from, times.length, phase, width, bounds, opens),
        )
        expect(one).toBe(other)
        expectSame(bounds, (one! + 1) * 4)
        expectSame(opens, one! * 8)
        const places = new Uint32Array(twin.memory, bounds, one! + 1)
        const starts = new BigInt64Array(twin.memory, opens, one)
        for (let at = 0; at < one!; at += 1) {
          for (const time of times.subarray(places[at], places[at + 1])) {
            const floor = (((time - phase) % width) + width) % width
            const open = time - floor
            expect(starts[at]).toBe(open < -(2n ** 63n) ? -(2n ** 63n) : open)
          }
        }
      },
    ),
    { numRuns },
  )
})

test('bits of present values become bits of rows', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 128, maxLength: 132 }),
      fc.uint8Array({ minLength: 1, maxLength: 128 }),
      (bits, valid) => {
        put(a, bits)
        put(b, valid)
        for (const k of [simd, twin]) k.spreadBits(a, b, valid.length * 8, out)
        expectSame(out, valid.length)
      },
    ),
    { numRuns },
  )
})

test('bits of chosen rows, one behind the other', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 128, maxLength: 128 }),
      fc.uint8Array({ minLength: 128, maxLength: 128 }),
      fc.nat(1024),
      (bits, chosen, count) => {
        put(a, bits)
        put(b, chosen)
        const [one, other] = [simd, twin].map((k) => k.compressBits(a, b, count, out))
        expect(one).toBe(other)
        expectSame(out, Math.ceil(one! / 32) * 4)
      },
    ),
    { numRuns },
  )
})
