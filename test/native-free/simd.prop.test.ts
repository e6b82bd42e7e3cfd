// Goal: every SIMD kernel gives what its scalar twin gives, bit for bit, for any width, count, tail and extreme value.
// Method: both get the same random bytes in memories of their own; afterwards the outputs are compared. The twins
// themselves are checked against arithmetic in tests of the codec.
import { scalarKernels, simdKernels } from '#native-free/simd'
import type { SimdKernels } from '#native-free/simd'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const bytes = 1 << 20
const simd = simdKernels(bytes)
const twin = scalarKernels(new ArrayBuffer(bytes))
const [a, b, c, d] = [0x10000, 0x40000, 0x80000, 0xc0000] as const
const runs = { numRuns: 60 }

const patterns = ['noise', 'small', 'zero', 'ones', 'steps'] as const
type Pattern = (typeof patterns)[number]

/** The same bytes in both memories at `at`. */
function fill(at: number, count: number, seed: number, pattern: Pattern): void {
  let state = seed | 1
  const words = new Uint32Array(count)
  for (let i = 0; i < count; i += 1) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    if (pattern === 'noise') words[i] = state
    else if (pattern === 'small') words[i] = (state >>> 0) % 1000
    else if (pattern === 'ones') words[i] = 0xffffffff
    else if (pattern === 'steps') words[i] = i * 7
  }
  for (const { memory } of [simd, twin]) new Uint32Array(memory, at, count).set(words)
}

function put(at: number, values: Float64Array | BigInt64Array | Uint32Array | Uint8Array): void {
  const source = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  for (const { memory } of [simd, twin]) new Uint8Array(memory, at, source.length).set(source)
}

const read = ({ memory }: SimdKernels, at: number, length: number): Buffer =>
  Buffer.from(new Uint8Array(memory).slice(at, at + length))

/** Runs a kernel on both; the returned numbers and the output bytes must be equal. */
function same(at: number, length: number, run: (kernels: SimdKernels) => unknown): void {
  new Uint8Array(simd.memory).fill(0xee, at, at + length)
  new Uint8Array(twin.memory).fill(0x11, at, at + length)
  const answers = [run(simd), run(twin)]
  expect(answers[0]).toEqual(answers[1])
  expect(read(simd, at, length).equals(read(twin, at, length))).toBe(true)
}

const width = fc.integer({ min: 1, max: 32 })
const minis = fc.integer({ min: 1, max: 9 })
const seed = fc.integer({ min: 1, max: 2 ** 31 - 1 })
const pattern = fc.constantFrom(...patterns)
const count = fc.oneof(fc.integer({ min: 1, max: 260 }), fc.constantFrom(1023, 1024, 1025))
const u32 = fc.oneof(
  fc.constantFrom(0, 1, 2 ** 32 - 1, 2 ** 31),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
)
const i64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const gcd64 = fc.oneof(
  fc.constantFrom(1n, 1000n, 60_000_000_000n),
  fc.bigInt({ min: 1n, max: 2n ** 62n }),
)
const whole = fc.maxSafeInteger()
const scaledStart = fc.integer({ min: -(2 ** 52), max: 2 ** 52 - 2 ** 32 })
const scaledStep = fc.oneof(fc.constantFrom(1, 7, 2 ** 31), u32)
const doubles = (length: number) => fc.array(fc.double(), { minLength: length, maxLength: length })

describe('packed', () => {
  test('unpack, every width', () => {
    for (let w = 0; w <= 32; w += 1) {
      for (const p of patterns) {
        fill(a, 9 * 128, w + 1, p)
        same(b, 9 * 512, (k) => k.unpack(w, a, 9, b))
      }
    }
  })

  test('pack, every width, and back', () => {
    for (let w = 1; w <= 32; w += 1) {
      fill(a, 9 * 128, w, 'noise')
      same(b, 9 * 16 * w, (k) => k.pack(w, a, 9, 0x9e3779b1, b))
      same(b, 9 * 16 * w, (k) => k.packSteps(w, a, 9, 0x9e3779b1, b))
      same(b, 9 * 16 * w, (k) => k.pack(w, a, 9, 0, b))
      simd.unpack(w, b, 9, c)
      const slots = new Uint32Array(simd.memory, a, 9 * 128)
      const back = new Uint32Array(simd.memory, c, 9 * 128)
      const mask = w === 32 ? 2 ** 32 - 1 : 2 ** w - 1
      expect(back.every((slot, i) => slot === (slots[i]! & mask) >>> 0)).toBe(true)
    }
  })

  test('sum, filter', () => {
    fc.assert(
      fc.property(width, minis, seed, pattern, u32, u32, (w, m, s, p, low, span) => {
        fill(a, m * 4 * w, s, p)
        same(b, 8, (k) => k.sum(w, a, m, b))
        const most = 2 ** w
        const [from, end] = [low % most, span % most].sort((x, y) => x - y) as [number, number]
        same(b, 16 * m, (k) => k.filter(w, a, m, low, Math.min(span, 2 ** 32 - 1 - low), b))
        same(b, 16 * m, (k) => k.filter(w, a, m, from, end - from, b))
        same(b, 16 * m, (k) => k.filter(w, a, m, from, most - 1 - from, b))
      }),
      { numRuns: 300 },
    )
  })

  test('scaled slots', () => {
    const anyWidth = fc.integer({ min: 0, max: 32 })
    fc.assert(
      fc.property(anyWidth, minis, seed, pattern, scaledStep, scaledStart, (w, m, s, p, by, o) => {
        fill(a, m * 4 * w, s, p)
        same(b, 1024 * m, (k) => k.scaledSlots(w, a, m, by, o, 1 / 700, b))
      }),
      { numRuns: 300 },
    )
  })
})

describe('units to values', () => {
  test('from u32', () => {
    fc.assert(
      fc.property(count, seed, pattern, whole, i64, gcd64, i64, (n, s, p, o, first, gcd, step) => {
        fill(a, n, s, p)
        const g = Number(gcd % 1000n)
        same(b, n * 8, (k) => k.f64Quotients(a, n, o, g, 100, b))
        same(b, n * 8, (k) => k.f64Scaled(a, n, o, g, 1 / 700, b))
        same(b, n * 8, (k) => k.f64Whole(a, n, o, g, b))
        same(b, n * 8, (k) => k.i64Whole(a, n, first, gcd, b))
        same(b, n * 8, (k) => k.i64Deltas(a, n, first, step, gcd, b))
      }),
      runs,
    )
  })

  test('scaled sums of u32', () => {
    fc.assert(
      fc.property(
        count,
        seed,
        pattern,
        scaledStep,
        scaledStart,
        u32,
        u32,
        (n, s, p, by, o, x, y) => {
          fill(a, n, s, p)
          same(b, n * 8, (k) => k.f64ScaledSums(a, n, x, y, by, o, 1 / 700, b))
        },
      ),
      runs,
    )
  })

  test('from f64', () => {
    const unit = fc.integer({ min: 0, max: 2 ** 40 })
    fc.assert(
      fc.property(count, unit, unit, i64, (n, x, base, origin) => {
        const units = Float64Array.from({ length: n }, (_, i) => (x * (i + 1)) % 2 ** 41)
        put(b, units)
        same(b + 8 * n, 0, (k) => k.f64Prefix(b, n, x, base))
        expect(read(simd, b, n * 8).equals(read(twin, b, n * 8))).toBe(true)
        put(a, units)
        same(b, n * 8, (k) => k.f64UnitQuotients(a, n, x, 3, 1e4, b))
        same(b, n * 8, (k) => k.f64UnitScaled(a, n, x, 3, 1 / 700, b))
        same(b, n * 8, (k) => k.i64UnitWhole(a, n, origin, 7, b))
      }),
      runs,
    )
  })
})

test('run lengths: whole ones, short ones, and those that pass the end', () => {
  const lengths = fc.array(fc.oneof(fc.integer({ min: 0, max: 40 }), u32), {
    minLength: 1,
    maxLength: 60,
  })
  fc.assert(
    fc.property(lengths, seed, fc.boolean(), (list, s, isWhole) => {
      const short = list.map((length) => (isWhole ? length % 40 : length))
      const total = short.reduce((sum, length) => sum + length + 1, 0)
      const n = isWhole ? total : Math.min(total + (s % 3) - 1, 900)
      fill(a, list.length, s, 'noise')
      put(b, Uint32Array.from(short))
      const answers = [simd, twin].map((k) => k.expandRuns(a, b, list.length, n, c))
      expect(answers[0]).toBe(answers[1])
      if (isWhole) expect(answers[0]).toBe(0)
      if (answers[0] === 0) expect(read(simd, c, n * 4).equals(read(twin, c, n * 4))).toBe(true)
      fill(a, list.length * 2, s, 'noise')
      const wide = [simd, twin].map((k) => k.expandRuns8(a, b, list.length, n, c))
      expect(wide).toEqual(answers)
      if (wide[0] === 0) expect(read(simd, c, n * 8).equals(read(twin, c, n * 8))).toBe(true)
    }),
    { numRuns: 200 },
  )
})

test('halves', () => {
  fc.assert(
    fc.property(count, seed, (n, s) => {
      fill(a, n, s, 'noise')
      put(
        b,
        Uint32Array.from({ length: n }, (_, i) => (i * s) & 0x1fffff),
      )
      same(c, n * 8, (k) => k.f64Halves(a, b, n, c))
    }),
    runs,
  )
})

test('dictionaries: codes inside and past the end', () => {
  fc.assert(
    fc.property(count, seed, fc.integer({ min: 1, max: 64 }), fc.nat(3), (n, s, size, add) => {
      fill(b, 256, s, 'noise')
      const codes = Uint32Array.from({ length: n }, (_, i) => (i * s) % (size + (s % 2)))
      put(a, codes)
      same(c, n * 8, (k) => k.lookUp8(a, n, b, Math.min(add, size - 1), size, c))
      same(c, n * 4, (k) => k.lookUp4(a, n, b, Math.min(add, size - 1), size, c))
    }),
    runs,
  )
})

test('decimals: prices, halves, -0, NaN with payload, infinities, reals', () => {
  const odd = new DataView(new ArrayBuffer(8))
  odd.setBigUint64(0, 0x7ff8dead00000001n)
  const value = fc.oneof(
    fc.integer({ min: -1e9, max: 1e9 }).map((x) => x / 100),
    fc.integer().map((x) => x / 2),
    fc.constantFrom(
      -0,
      0,
      NaN,
      odd.getFloat64(0),
      Infinity,
      -Infinity,
      5e-324,
      2 ** 53,
      -(2 ** 53),
    ),
    fc.double(),
  )
  const power = fc.constantFrom(1, 10, 100, 1e8, 1e22)
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 130 }),
      power,
      fc.nat(70),
      (list, p, most) => {
        const n = list.length
        put(a, Float64Array.from(list))
        const answers = [simd, twin].map((k) => k.decimals(a, n, p, b, c, most))
        expect(answers[0]).toBe(answers[1])
        const held = Math.min(answers[0]!, most)
        expect(read(simd, c, held * 4).equals(read(twin, c, held * 4))).toBe(true)
        const places = new Set(new Uint32Array(simd.memory, c, held))
        if (answers[0]! > most) return
        const [x, y] = [simd, twin].map(({ memory }) => new Float64Array(memory, b, n))
        for (let i = 0; i < n; i += 1) if (!places.has(i)) expect(x![i]).toBe(y![i])
      },
    ),
    { numRuns: 800 },
  )
})

describe('one pass over a vector', () => {
  test('decimals to u32 units: what does not fit is told, stats and slots of the rest', () => {
    const near = fc.oneof(fc.integer({ min: -300, max: 300 }), fc.integer({ min: -1e9, max: 1e9 }))
    const odd = fc.constantFrom(-0, NaN, Infinity, 0.1 + 0.2, 1 / 3, 2 ** 52, -(2 ** 40), 5e-324)
    const powers = new Map([
      [1, 1],
      [10, 31],
      [100, 7],
      [1e4, 3045],
      [1e8, 375_889],
    ])
    const power = fc.constantFrom(...powers.keys())
    const origin = fc.integer({ min: -1e6, max: 1e6 })
    const some = fc.oneof(near, fc.constant(undefined))
    const whole = fc.array(some, { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(
        whole,
        odd,
        power,
        origin,
        u32,
        fc.boolean(),
        (list, other, p, first, base, divides) => {
          const n = list.length
          const m = powers.get(p)!
          const f = divides ? 0 : 1 / (m * p)
          put(
            a,
            Float64Array.from(list, (x, i) =>
              x === undefined && i % 50 === 7 ? other : ((x ?? 5) + first) / p,
            ),
          )
          const shift = 2 ** 52 - (first - 2 ** 31)
          const answers = [simd, twin].map((k) => k.narrowDecimals(a, n, p, shift, m, f, c, d))
          expect(answers[0]).toBe(answers[1])
          if (answers[0] !== 0) return
          same(c, n * 4, (k) => k.narrowDecimals(a, n, p, shift, m, f, c, d))
          same(d, 48, (k) => k.narrowDecimals(a, n, p, shift, m, f, c, d))
          same(b, n * 4, (k) => k.narrowSlots(c, n, base, b))
          same(b, n * 4, (k) => k.narrowDeltaSlots(c, n, base, b))
        },
      ),
      { numRuns: 800 },
    )
  })

  test('distinct u32 units and their codes', () => {
    const some = fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 300 })
    fc.assert(
      fc.property(some, fc.nat(2 ** 30), fc.nat(300), (list, least, most) => {
        const n = list.length
        const range = Math.max(...list)
        const flags = d + 0x1000
        put(flags, new Uint8Array(range + 65))
        put(
          a,
          Uint32Array.from(list, (x) => x + least),
        )
        const count = (k: SimdKernels) => k.narrowDistinct(a, n, least, range, most, flags, b, c)
        const answers = [simd, twin].map(count)
        expect(answers[0]).toBe(answers[1])
        expect(read(simd, flags, range + 65).every((flag) => flag === 0)).toBe(true)
        if (answers[0]! > most) return
        same(c, answers[0]! * 8, count)
        same(d, n * 4, (k) => k.narrowCodes(a, n, least, b, d))
      }),
      { numRuns: 200 },
    )
  })

  test('int64 measured where they are, and their low words', () => {
    const origin = fc.oneof(
      fc.bigInt({ min: -(2n ** 62n) + 1n, max: 2n ** 62n - 1n }),
      fc.constant(1_700_000_000_000_000_000n),
    )
    const near = fc.bigInt({ min: -(2n ** 51n), max: 2n ** 51n - 1n })
    const step = fc.oneof(near, fc.bigInt({ min: -3n, max: 3n }))
    const steps = fc.array(step, { minLength: 1, maxLength: 130 })
    const far = fc.option(fc.oneof(i64, fc.constantFrom(2n ** 51n, -(2n ** 51n) - 1n)), { freq: 5 })
    fc.assert(
      fc.property(origin, steps, far, fc.nat(), u32, (first, list, other, at, base) => {
        const values = BigInt64Array.from(list, (x) => first + x)
        if (other !== null) values[at % values.length] = first + other
        put(a, values)
        put(c, BigInt64Array.of(first))
        const n = values.length
        const answers = [simd, twin].map((k) => k.i64Stats(a, n, c, b, d))
        expect(answers[0]).toBe(answers[1])
        // Sums that pass 2^53 depend on their order.
        if (answers[0] === 0) same(d, 16, (k) => k.i64Stats(a, n, c, b, d))
        if (answers[0] === 0) same(d + 24, 24, (k) => k.i64Stats(a, n, c, b, d))
        if (answers[0] === 0) same(b, n * 4, (k) => k.i64Stats(a, n, c, b, d))
        same(b, n * 4, (k) => k.lowSlots(a, n, base, b))
      }),
      { numRuns: 800 },
    )
  })
})

describe('whole numbers to slots', () => {
  const unit = fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 2 ** 33 }))
  const units = fc.array(unit, { minLength: 1, maxLength: 300 })

  test('statistics, deltas and slots', () => {
    fc.assert(
      fc.property(units, unit, (list, least) => {
        const n = list.length
        put(a, Float64Array.from(list))
        same(b, 48, (k) => k.unitStats(a, n, b))
        same(b, n * 8, (k) => k.deltasOf(a, n, b))
        same(b, n * 4, (k) => k.slotsOf(a, n, least, b))
        same(b, n * 4, (k) => k.deltaSlotsOf(a, n, least % 7, b))
      }),
      { numRuns: 200 },
    )
  })

  test('distances of i64: near ones exact, far ones and those that wrap told', () => {
    const near = fc.bigInt({ min: -(2n ** 51n) - 1n, max: 2n ** 51n })
    const origin = fc.oneof(i64, fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 0n))
    const far = fc.oneof({ weight: 9, arbitrary: near }, { weight: 1, arbitrary: i64 })
    const steps = fc.oneof(
      fc.array(near, { maxLength: 20 }),
      fc.array(far, { minLength: 1, maxLength: 20 }),
    )
    fc.assert(
      fc.property(origin, steps, (first, list) => {
        const n = list.length + 1
        put(a, BigInt64Array.from([first, ...list.map((step) => first + step)]))
        const answers = [simd, twin].map((k) => k.i64Distances(a, n, b))
        expect(answers[0]).toBe(answers[1])
        if (answers[0] === 0) same(b, n * 8, (k) => k.i64Distances(a, n, b))
      }),
      { numRuns: 800 },
    )
  })

  test('divisors and rescaling', () => {
    const divisor = fc.constantFrom(1, 2, 3, 60, 1000, 1e6)
    fc.assert(
      fc.property(units, divisor, divisor, fc.nat(40), unit, (list, by, other, from, least) => {
        const n = list.length
        const start = Math.min(from, n)
        // The slack behind the units holds what is not whole.
        put(a, Float64Array.from([...list.map((x, i) => least + x * (i % 50 ? by : 6)), 0.5]))
        for (const d of [by, other]) {
          const answers = [simd, twin].map((k) => k.indivisible(a, start, n, least, d))
          expect(answers[0]).toBe(answers[1])
        }
        for (const k of [simd, twin]) k.rescale(a, n, least, other)
        expect(read(simd, a, n * 8).equals(read(twin, a, n * 8))).toBe(true)
      }),
      { numRuns: 200 },
    )
  })

  test('runs, and the greatest of some', () => {
    const runs = fc.array(fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 30 })), { minLength: 1 })
    fc.assert(
      fc.property(runs, (list) => {
        const line = list.flatMap(([x, times]) => Array.from({ length: times }, () => x))
        put(a, Float64Array.from(line))
        const found = twin.runsOf(a, line.length, b, c)
        same(b, found * 8, (k) => k.runsOf(a, line.length, b, c))
        expect(read(simd, c, found * 4).equals(read(twin, c, found * 4))).toBe(true)
        expect(simd.mostOf(c, found)).toBe(twin.mostOf(c, found))
        expect(simd.mostOf(b, found * 2)).toBe(twin.mostOf(b, found * 2))
      }),
      { numRuns: 150 },
    )
  })

  test('counts of bits; patches; halves', () => {
    const value = fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: -300, max: 300 }) },
      { weight: 1, arbitrary: fc.integer({ min: -(2 ** 50), max: 2 ** 50 }) },
      { weight: 1, arbitrary: fc.constantFrom(0, 1, -1, 2 ** 31, 2 ** 32, -(2 ** 32)) },
    )
    const line = fc.array(value, { minLength: 1, maxLength: 300 })
    fc.assert(
      fc.property(line, fc.integer({ min: 20, max: 32 }), fc.nat(300), (list, w, pick) => {
        const n = list.length
        const least = Math.min(...list)
        const middle = list[pick % n]!
        put(a, Float64Array.from(list))
        same(b, 512, (k) => k.spreads(a, n, least, middle, c, b, b + 256))
        const found = twin.patchesOf(a, n, middle, w, b, c, d)
        same(b, n * 4, (k) => k.patchesOf(a, n, middle, w, b, c, d))
        expect(simd.patchesOf(a, n, middle, w, b, c, d)).toBe(found)
        expect(read(simd, c, found * 2).equals(read(twin, c, found * 2))).toBe(true)
        expect(read(simd, d, found * 4).equals(read(twin, d, found * 4))).toBe(true)
        same(b, n * 4, (k) => k.halvesOf(a, n, least, b, c))
        expect(read(simd, c, n * 4).equals(read(twin, c, n * 4))).toBe(true)
      }),
      { numRuns: 200 },
    )
  })

  test('distinct units and their codes; sorting', () => {
    fc.assert(
      fc.property(units, fc.integer({ min: 1, max: 300 }), (list, most) => {
        const n = list.length
        put(a, Float64Array.from(list.map((x) => x % 1000)))
        const found = twin.distinct(a, n, most, b, 511, c, d)
        expect(simd.distinct(a, n, most, b, 511, c, d)).toBe(found)
        if (found > most) return
        expect(read(simd, c, n * 2).equals(read(twin, c, n * 2))).toBe(true)
        expect(read(simd, d, found * 8).equals(read(twin, d, found * 8))).toBe(true)
        same(d + 8 * found, 0, (k) => k.sortFew(d, found))
        expect(read(simd, d, found * 8).equals(read(twin, d, found * 8))).toBe(true)
        for (const k of [simd, twin]) k.placeCodes(d, found, b, 511, 0x2000)
        same(a, n * 4, (k) => k.codesOf(c, n, 0x2000, a))
      }),
      { numRuns: 200 },
    )
  })
})

describe('bitmaps', () => {
  test('filters of f64 and i64', () => {
    fc.assert(
      fc.property(doubles(64), fc.double(), fc.double(), i64, i64, (list, low, high, from, to) => {
        put(a, Float64Array.from(list))
        same(b, 8, (k) => k.filterF64(a, 64, low, high, b))
        same(b, 8, (k) => k.filterI64(a, 64, from, to, b))
      }),
      runs,
    )
  })

  test('count, gather, masked statistics', () => {
    fc.assert(
      fc.property(count, seed, pattern, pattern, (n, s, p, q) => {
        fill(a, n * 2, s, p)
        fill(b, 40, s + 1, q)
        for (const { memory } of [simd, twin]) {
          const bits = new Uint8Array(memory, b, 160)
          bits.fill(0, Math.ceil(n / 8))
          if (n % 8 > 0) bits[n >>> 3] = bits[n >>> 3]! & ((1 << (n & 7)) - 1)
        }
        const chosen = simd.countBits(b, n)
        expect(chosen).toBe(twin.countBits(b, n))
        same(c, chosen * 8, (k) => k.gather8(a, b, n, c))
        same(c, chosen * 4, (k) => k.gather4(a, b, n, c))
        same(c, 16, (k) => k.maskedStats(a, b, n, c))
      }),
      { numRuns: 200 },
    )
  })
})

test('xxh64: any length, place and seed', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), i64, fc.nat(9), (list, seed64, shift) => {
      put(a + shift, list)
      expect(simd.xxh64(a + shift, list.length, seed64)).toBe(
        twin.xxh64(a + shift, list.length, seed64),
      )
      expect(simd.xxh64Low(a + shift, list.length)).toBe(twin.xxh64Low(a + shift, list.length))
    }),
    { numRuns: 300 },
  )
})
