// Goal: decode(encode(x)) is x, bit for bit, whatever x is: types, levels, encodings, absent rows,
// extremes, slices. Method: patterns of values with random parameters, every physical type; each
// page goes through its written meta.
import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Physical } from '#batch'
import { encodePage, encodings } from '#codec'
import type { Level } from '#codec'
import { loadKernels } from '#kernel'
import { columnOf, decodeSlice, metaBytes, reread, roundTrip, rowTexts } from './oracle.ts'
import type { Value } from './oracle.ts'

beforeAll(loadKernels)

const rowCounts = [1, 2, 5, 127, 128, 129, 1023, 1024, 1025, 2500]
const levels: readonly Level[] = ['none', 'low', 'medium', 'high']
const int64Min = -(2n ** 63n)
const int64Max = 2n ** 63n - 1n

function chance(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 4294967296
  }
}

/** Patterns of whole numbers, each with a bound on its size in bits. */
const patterns: Record<string, (next: () => number, bits: number) => (row: number) => bigint> = {
  constant: (next, bits) => {
    const value = BigInt(Math.floor(next() * 2 ** Math.min(bits, 50)))
    return () => value
  },
  uniform: (next, bits) => () => {
    const high = BigInt(Math.floor(next() * 4294967296))
    const low = BigInt(Math.floor(next() * 4294967296))
    return ((high << 32n) | low) >> BigInt(64 - bits)
  },
  rising: (next, bits) => {
    let at = BigInt(Math.floor(next() * 2 ** Math.min(bits, 40)))
    const step = 2 ** Math.floor(next() * Math.max(1, Math.min(bits - 12, 40)))
    return () => (at += BigInt(Math.floor(next() * step)))
  },
  walk: (next, bits) => {
    let at = 1n << BigInt(Math.max(bits - 2, 0))
    return () => (at += BigInt(Math.floor(next() * 7) - 3))
  },
  spikes: (next, bits) => () =>
    next() < 0.02 ? BigInt(Math.floor(next() * 2 ** Math.min(bits, 50))) : BigInt(row3(next)),
  runs: (next, bits) => {
    let value = 0n
    return () => {
      if (next() < 0.05) value = BigInt(Math.floor(next() * 2 ** Math.min(bits, 45)))
      return value
    }
  },
  few: (next, bits) => {
    const some = Array.from({ length: 9 }, () =>
      BigInt(Math.floor(next() * 2 ** Math.min(bits, 50))),
    )
    return () => some[Math.floor(next() * 9)]!
  },
  multiples: (next, bits) => {
    const gcd = BigInt(Math.floor(next() * 2 ** Math.min(bits / 2, 20)) + 2)
    return () => gcd * BigInt(Math.floor(next() * 2 ** Math.min(Math.max(bits / 2 - 2, 0), 20)))
  },
}

function row3(next: () => number): number {
  return Math.floor(next() * 3)
}

const bitsOfType: Record<Physical, number> = {
  f64: 50,
  i64: 64,
  i32: 31,
  u8: 8,
  code: 32,
  bytes: 60,
}

function clamp(physical: Physical, value: bigint): Value {
  if (physical === 'i64') return BigInt.asIntN(64, value)
  if (physical === 'bytes') return BigInt.asIntN(62, value).toString()
  const bits = bitsOfType[physical]
  return Number(BigInt.asUintN(bits, value))
}

interface Case {
  physical: Physical
  pattern: string
  bits: number
  rows: number
  nulls: number
  scale: number
  seed: number
  level: Level
}

const cases = fc.record({
  physical: fc.constantFrom<Physical>('f64', 'i64', 'i32', 'u8', 'code', 'bytes'),
  pattern: fc.constantFrom(...Object.keys(patterns)),
  bits: fc.integer({ min: 1, max: 64 }),
  rows: fc.constantFrom(...rowCounts),
  nulls: fc.constantFrom(0, 0, 0.01, 0.5, 0.99, 1),
  scale: fc.integer({ min: 0, max: 9 }),
  seed: fc.nat(),
  level: fc.constantFrom(...levels),
})

function valuesOf(each: Case): Value[] {
  const next = chance(each.seed)
  const value = patterns[each.pattern]!(next, Math.min(each.bits, bitsOfType[each.physical]))
  return Array.from({ length: each.rows }, (_, row) => {
    const integer = clamp(each.physical, value(row))
    if (next() < each.nulls) return null
    return each.physical === 'f64' ? Number(integer) / 10 ** each.scale : integer
  })
}

describe('any page', () => {
  it('comes back bit for bit, at every level, and in slices', () => {
    fc.assert(
      fc.property(cases, fc.nat(), fc.nat(), (each, a, b) => {
        const column = columnOf(each.physical, valuesOf(each))
        const { meta, payload, decoded } = roundTrip(column, each.rows, {
          optional: true,
          level: each.level,
        })
        const expected = rowTexts(column, 0, each.rows)
        expect(rowTexts(decoded, 0, each.rows)).toEqual(expected)
        const from = a % each.rows
        const end = from + (b % (each.rows - from + 1))
        const slice = decodeSlice(meta, payload, from, end, true, 3)
        expect(rowTexts(slice, 3, 3 + end - from)).toEqual(expected.slice(from, end))
      }),
      { numRuns: 400 },
    )
  })

  it('comes back with every encoding that can hold it', () => {
    const ids = Object.values(encodings)
    const seen = new Set<number>()
    fc.assert(
      fc.property(cases, fc.constantFrom(...ids), (each, encoding) => {
        const column = columnOf(each.physical, valuesOf(each))
        const { meta, decoded } = roundTrip(column, each.rows, { optional: true, encoding })
        if (meta.encoding === encoding) seen.add(encoding)
        expect(rowTexts(decoded, 0, each.rows)).toEqual(rowTexts(column, 0, each.rows))
      }),
      { numRuns: 400, seed: 7 },
    )
    const written = [0, 1, 2, 3, 4, 6, 7, 9, 10, 11]
    expect([...seen].sort((x, y) => x - y)).toEqual(written)
  })

  it('comes back with slots and bitmaps entropy coded, as a whole and in slices', () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(cases, fc.constantFrom(0, 1, 3, 6, undefined), fc.nat(), (each, encoding, a) => {
        const column = columnOf(each.physical, valuesOf(each))
        const forced = encoding === undefined ? {} : { encoding }
        const options = { optional: true, level: each.level, coded: true, ...forced }
        const { meta, payload, decoded } = roundTrip(column, each.rows, options)
        if (meta.slotModel !== undefined) seen.add(`slots ${meta.encoding}`)
        if (meta.bitmapModel !== undefined) seen.add('bitmaps')
        const expected = rowTexts(column, 0, each.rows)
        expect(rowTexts(decoded, 0, each.rows)).toEqual(expected)
        const from = a % each.rows
        const slice = decodeSlice(meta, payload, from, each.rows, true)
        expect(rowTexts(slice, 0, each.rows - from)).toEqual(expected.slice(from))
      }),
      { numRuns: 400, seed: 11 },
    )
    expect([...seen].sort()).toEqual(['bitmaps', 'slots 1', 'slots 3', 'slots 6'])
  })

  it('is never larger for entropy coding at level high', () => {
    fc.assert(
      fc.property(cases, (each) => {
        const column = columnOf(each.physical, valuesOf(each))
        const sizeOf = (coded?: false): number => {
          const options = { optional: true, level: 'high' as const }
          const page = encodePage(
            column,
            0,
            each.rows,
            coded === false ? { ...options, coded } : options,
          )
          return page.payload.length + metaBytes(page.meta).length
        }
        expect(sizeOf()).toBeLessThanOrEqual(sizeOf(false))
      }),
      { numRuns: 150 },
    )
  })

  it('holds the true min, max, first, last and sum of every vector', () => {
    fc.assert(
      fc.property(cases, (each) => {
        if (each.physical === 'f64' || each.physical === 'bytes') return
        const values = valuesOf(each)
        const column = columnOf(each.physical, values)
        const meta = reread(encodePage(column, 0, each.rows, { optional: true }).meta)
        for (let v = 0; v < meta.vectorCount && !meta.allAbsent; v += 1) {
          const part = values.slice(v * 1024, v * 1024 + 1024)
          const present = part.filter((value) => value !== null).map(BigInt)
          // What reads as absent is absent: the smallest int64, the absent code.
          const kept = present.filter(
            (value) =>
              !(each.physical === 'i64' && value === int64Min) &&
              !(each.physical === 'code' && value === 0xffffffffn),
          )
          expect(meta.nulls?.[v] ?? 0).toBe(part.length - kept.length)
          if (kept.length === 0) continue
          const sorted = [...kept].sort((x, y) => (x < y ? -1 : 1))
          expect(meta.zone?.min[v]).toBe(sorted[0])
          expect(meta.zone?.max[v]).toBe(sorted.at(-1))
          expect(meta.zone?.first[v]).toBe(kept[0])
          expect(meta.zone?.last[v]).toBe(kept.at(-1))
          const sum = kept.reduce((x, y) => x + y, 0n)
          if (meta.zone?.sum !== undefined) expect(meta.zone.sum[v]).toBe(sum)
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('true reals and odd doubles', () => {
  const odd = [-0, NaN, Infinity, -Infinity, 5e-324, 1.7976931348623157e308, 0.1 + 0.2, 1 / 3]
  it('come back beside decimals, in required columns with every NaN payload', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...rowCounts),
        fc.constantFrom(0, 0.01, 0.04, 0.2, 1),
        fc.nat(),
        fc.constantFrom(...levels),
        (rows, share, seed, level) => {
          const next = chance(seed)
          const values = Array.from({ length: rows }, () =>
            next() < share ? odd[Math.floor(next() * 8)]! : Math.round(next() * 1e5) / 100,
          )
          const column = columnOf('f64', values, false)
          if (column.physical !== 'f64') return
          const bits = new BigUint64Array(column.values.buffer)
          for (let row = 0; row < rows; row += 1) {
            if (Number.isNaN(values[row])) bits[row] = 0x7ff8000000000000n | BigInt(row + 1)
          }
          const { decoded } = roundTrip(column, rows, { optional: false, level })
          expect(rowTexts(decoded, 0, rows)).toEqual(rowTexts(column, 0, rows))
        },
      ),
      { numRuns: 150 },
    )
  })

  it('come back as 64 random bits', () => {
    fc.assert(
      fc.property(fc.bigInt64Array({ minLength: 1, maxLength: 1500 }), (bits) => {
        const column = columnOf(
          'f64',
          Array.from(bits, () => 0),
          false,
        )
        if (column.physical !== 'f64') return
        new BigInt64Array(column.values.buffer).set(bits)
        const { decoded } = roundTrip(column, bits.length, { optional: false })
        expect(rowTexts(decoded, 0, bits.length)).toEqual(rowTexts(column, 0, bits.length))
      }),
      { numRuns: 60 },
    )
  })
})

describe('the ends of int64', () => {
  it('come back in required and optional columns', () => {
    const ends = [int64Min, int64Max, 0n, -1n, 1n, int64Min + 1n, 2n ** 53n, -(2n ** 53n)]
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...ends), { minLength: 1, maxLength: 1200 }),
        fc.boolean(),
        fc.constantFrom(undefined, encodings.delta, encodings.dictionary, encodings.rle),
        (values, optional, encoding) => {
          const column = columnOf('i64', values)
          const options = encoding === undefined ? { optional } : { optional, encoding }
          const { decoded } = roundTrip(column, values.length, options)
          expect(rowTexts(decoded, 0, values.length)).toEqual(rowTexts(column, 0, values.length))
        },
      ),
      { numRuns: 100 },
    )
  })
})

describe('texts', () => {
  it('come back, integers or not', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 12 }),
      fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }).map(String),
      fc.constantFrom('', '0', '-0', '007', '+1', '-', '9223372036854775808', null),
    )
    const column = fc.array(text, { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(column, fc.nat({ max: 30 }), fc.boolean(), (some, repeat, integers) => {
        const texts = integers
          ? some.map((each) => (each === null ? null : `${each.length}`))
          : some
        const values = Array.from({ length: repeat + 1 }, () => texts).flat()
        const made = columnOf('bytes', values)
        const { meta, payload, decoded } = roundTrip(made, values.length, { optional: true })
        const expected = rowTexts(made, 0, values.length)
        expect(rowTexts(decoded, 0, values.length)).toEqual(expected)
        const from = Math.floor(values.length / 3)
        const slice = decodeSlice(meta, payload, from, values.length, true)
        expect(rowTexts(slice, 0, values.length - from)).toEqual(expected.slice(from))
      }),
      { numRuns: 120 },
    )
  })
})
