// Goal: pages are small, choose well, and only what is read is verified. Method: pages of known
// values, looked into.
import { beforeAll, describe, expect, it } from 'vitest'
import { allocateColumn } from '#batch'
import { decodeRows, encodePage, encodingName, encodings, presentOf, storedRange } from '#codec'
import type { Level, PageMeta } from '#codec'
import { hash32, loadKernels } from '#kernel'
import { columnOf, decodeSlice, metaBytes, roundTrip, rowTexts } from './oracle.ts'
import type { Value } from './oracle.ts'

beforeAll(loadKernels)

const many = (count: number, value: (row: number) => Value): Value[] =>
  Array.from({ length: count }, (_, row) => value(row))

function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 4294967296
  }
}

/** Encodes, checks that it comes back, returns the meta. */
function kept(
  physical: 'f64' | 'i64',
  values: readonly Value[],
  level: Level = 'medium',
): PageMeta {
  const column = columnOf(physical, values)
  const { meta, decoded } = roundTrip(column, values.length, { optional: true, level })
  expect(rowTexts(decoded, 0, values.length)).toEqual(rowTexts(column, 0, values.length))
  return meta
}

const nameOf = (meta: PageMeta) => encodingName(meta.encoding)

describe('the meta', () => {
  it('of a day of 146 bars is at most 24 bytes a column', () => {
    const next = chance(1)
    let close = 16741
    const start = 1_381_132_800n * 1_000_000_000n
    const times = kept(
      'i64',
      many(146, (row) => start + BigInt(row) * 60_000_000_000n),
    )
    expect(metaBytes(times).length).toBeLessThanOrEqual(24)
    const prices = kept(
      'f64',
      many(146, () => (close += Math.floor(next() * 9) - 4) / 100),
    )
    expect(metaBytes(prices).length).toBeLessThanOrEqual(24)
    const volumes = kept(
      'f64',
      many(146, () => Math.floor(next() * 100_000)),
    )
    expect(metaBytes(volumes).length).toBeLessThanOrEqual(24)
  })

  it('of a page without values is 2 bytes', () => {
    const meta = kept(
      'f64',
      many(5000, () => null),
    )
    expect([...metaBytes(meta)]).toEqual([0, 128])
    expect(presentOf(meta, 3)).toBe(0)
  })
})

describe('the choice', () => {
  it('is the smallest, FOR where nothing saves a tenth', () => {
    const next = chance(2)
    const ids = many(3000, (row) => BigInt(row * 3))
    expect(
      nameOf(
        kept(
          'i64',
          many(3000, () => 7n),
        ),
      ),
    ).toBe('CONST')
    expect(
      nameOf(
        kept(
          'i64',
          many(3000, () => BigInt(Math.floor(next() * 4096))),
        ),
      ),
    ).toBe('FOR')
    expect(nameOf(kept('i64', ids))).toBe('DELTA')
    expect(
      nameOf(
        kept(
          'i64',
          many(3000, (row) => BigInt(row >> 7) ** 3n),
        ),
      ),
    ).toBe('RLE')
    const spike = () => (next() < 0.01 ? 1e9 : next() * 16)
    expect(
      nameOf(
        kept(
          'i64',
          many(3000, () => BigInt(Math.floor(spike()))),
        ),
      ),
    ).toBe('PFOR')
    const some = [5n, 1_000_003n, 88_888_888n]
    expect(
      nameOf(
        kept(
          'i64',
          many(3000, () => some[Math.floor(next() * 3)]!),
        ),
      ),
    ).toBe('DICT')
    let at = 0
    const jumps = many(3000, () => BigInt((at += Math.floor(next() < 0.01 ? 1e9 : next() * 8))))
    expect(nameOf(kept('i64', jumps))).toBe('DELTA_P')
    expect(nameOf(kept('i64', jumps, 'low'))).toBe('DELTA')
    expect(nameOf(kept('i64', jumps, 'none'))).toBe('FOR')
    expect(
      nameOf(
        kept(
          'f64',
          many(3000, () => next()),
        ),
      ),
    ).toMatch(/^RAW64/)
  })

  it('takes out the greatest common divisor and the decimal scale', () => {
    const next = chance(3)
    const times = kept(
      'i64',
      many(2000, () => BigInt(Math.floor(next() * 1e6)) * 60_000_000_000n),
    )
    expect(times.gcd).toBe(60_000_000_000n)
    const meta = kept(
      'f64',
      many(2000, () => Math.round(next() * 1e6) / 1e4),
    )
    expect(meta.scale).toBe(4)
    expect(meta.exceptions).toBeUndefined()
  })

  it('looks for a larger scale where the first meets too many exceptions', () => {
    // Rows of a multiple of the sample's step have two digits, most others three.
    const values = many(64 * 16, (row) => (row % 16 === 0 ? row / 100 : (row * 2 + 1) / 1000))
    const meta = kept('f64', values)
    expect(meta.scale).toBe(3)
    expect(meta.exceptions).toBeUndefined()
  })

  it('keeps the scale of the page before while it holds', () => {
    const column = columnOf(
      'f64',
      many(100, (row) => row / 10),
    )
    const previous = encodePage(columnOf('f64', [0.125]), 0, 1, { optional: true }).meta
    expect(encodePage(column, 0, 100, { optional: true, previous }).meta.scale).toBe(3)
    const raw = encodePage(column, 0, 100, { optional: true, encoding: encodings.raw64 }).meta
    const { meta } = encodePage(column, 0, 100, { optional: true, previous: raw })
    expect(meta.scale).toBe(1)
  })

  it('keeps exceptions out of the zone, also where a vector has nothing else', () => {
    const values = many(30_000, (row) => (row >= 2048 && row < 3072 ? Infinity : row / 100))
    const meta = kept('f64', values)
    const column = columnOf('f64', values)
    const { payload } = encodePage(column, 0, values.length, { optional: true })
    const slice = decodeSlice(meta, payload, 1000, 2100, true)
    expect(rowTexts(slice, 0, 1100)).toEqual(rowTexts(column, 1000, 2100))
    const inside = decodeSlice(meta, payload, 2060, 2070, true)
    expect(rowTexts(inside, 0, 10)).toEqual(rowTexts(column, 2060, 2070))
    expect(nameOf(meta)).toBe('DELTA')
    expect(meta.exceptions?.[2]).toBe(1024)
    expect(meta.zone?.max[3]).toBe(4095n)
    expect(meta.zone?.sum?.[2]).toBe(0n)
    expect(meta.zone?.sum?.[0]).toBe(BigInt((1023 * 1024) / 2))
    kept(
      'f64',
      many(30_000, (row) => (row < 1030 ? Infinity : row / 100)),
    )
  })
})

describe('64-bit integers', () => {
  it('come back whatever they span', () => {
    const next = chance(4)
    for (let bits = 40; bits <= 63; bits += 1) {
      const span = 2 ** bits
      const values = many(1500, (row) => BigInt(Math.floor(next() * span)) + BigInt(row & 1) * 3n)
      kept('i64', values)
      kept('i64', [...many(1024, () => null), ...values])
      const column = columnOf('i64', values)
      for (const encoding of [encodings.delta, encodings.deltaPatched, encodings.pfor]) {
        const { decoded } = roundTrip(column, values.length, { optional: false, encoding })
        expect(rowTexts(decoded, 0, 1500)).toEqual(rowTexts(column, 0, 1500))
      }
    }
  })

  it('of a year of days in ns are small, though they span more than 2^53', () => {
    const day = 86_400_000_000_000n
    const meta = kept(
      'i64',
      many(252, (row) => 16_000n * day + BigInt(row + (row >> 2)) * day),
    )
    expect(meta.gcd).toBe(day)
    expect(meta.payloadBytes).toBeLessThan(40)
  })

  it('come back where one vector of many spans 2^53', () => {
    const ends = [0n, 2n ** 62n]
    kept('i64', [...many(1024, (row) => ends[row & 1]!), ...many(1024, (row) => BigInt(row & 7))])
  })

  it('have no sums where one does not fit', () => {
    const big = 2n ** 62n
    expect(kept('i64', [big, big, big]).zone?.sum).toBeUndefined()
    expect(kept('i64', [big, -big, big]).zone?.sum?.[0]).toBe(big)
    expect(kept('i64', [big, big + 1n, big]).zone?.sum).toBeUndefined()
  })
})

describe('texts that are integers', () => {
  it('are stored as integers, up to the ends of int64', () => {
    const ends = ['9223372036854775807', '-9223372036854775808', '-1234567890123456', '0', null]
    for (const last of ['9223372036854775808', '-9223372036854775809', '12345678901234567x']) {
      const integers = columnOf('bytes', ends)
      const { meta, decoded } = roundTrip(integers, 5, { optional: true })
      expect(nameOf(meta)).toBe('FOR')
      expect(rowTexts(decoded, 0, 5)).toEqual(rowTexts(integers, 0, 5))
      const texts = columnOf('bytes', [...ends, last])
      expect(nameOf(roundTrip(texts, 6, { optional: true }).meta)).toBe('BYTES')
    }
  })
})

describe('true reals', () => {
  it('compress by planes; zone maps leave NaN out', () => {
    const values = many(3000, (row) => (row < 1024 ? null : Math.sqrt(1e6 + (row >> 2))))
    const meta = kept('f64', values)
    expect(nameOf(meta)).toBe('RAW64_SHUFFLED')
    expect(meta.payloadBytes).toBeLessThan(3000 * 4)
    const column = columnOf('f64', [NaN, 0.1 + 0.2, -1 / 3, NaN], false)
    const page = encodePage(column, 0, 4, { optional: false, encoding: encodings.raw64 })
    const zone = page.meta.zone!
    const realOf = (field: BigInt64Array): number =>
      new DataView(field.buffer, field.byteOffset).getFloat64(0, true)
    expect(realOf(zone.min)).toBe(-1 / 3)
    expect(realOf(zone.max)).toBe(0.1 + 0.2)
    expect(realOf(zone.first)).toBeNaN()
  })

  it('are not forced into decimals that span too much', () => {
    expect(nameOf(kept('f64', [9007199254740991, -9007199254740991, 1]))).toMatch(/^RAW64/)
  })
})

describe('LZ4 chunks', () => {
  const texts = many(40_000, (row) => `{"venue":"X${row % 7}","flags":[${row % 3},0]}`)
  const column = columnOf('bytes', texts)

  it('are 16 vectors, verified and read one by one', () => {
    const { meta, payload } = roundTrip(column, 40_000, { optional: true })
    expect(meta.lz4).toBe(true)
    expect(meta.checksums.length).toBe(3)
    expect(payload.length).toBeLessThan(40_000 * 8)
    const range = storedRange(meta, 17, 18)
    expect(range).toEqual({ from: meta.chunkStarts[1], end: meta.chunkStarts[2] })
    const damaged = payload.slice()
    damaged[0]! ^= 1
    damaged[range.end]! ^= 1
    const slice = decodeSlice(meta, damaged, 17_000, 17_900, true)
    expect(rowTexts(slice, 0, 900)).toEqual(rowTexts(column, 17_000, 17_900))
    expect(() => decodeSlice(meta, damaged, 0, 1, true)).toThrow(/checksum/)
  })

  it('are stored as they are where they do not shrink', () => {
    const next = chance(5)
    const half = many(40_000, (row) => {
      const bits = Math.floor(next() * 2 ** 32).toString(36)
      return row < 17_000 || row > 35_000 ? 'the same text again' : bits + bits.split('').reverse()
    })
    const mixed = columnOf('bytes', half)
    const { meta, decoded } = roundTrip(mixed, 40_000, { optional: true })
    expect(meta.lz4).toBe(true)
    expect(rowTexts(decoded, 0, 40_000)).toEqual(rowTexts(mixed, 0, 40_000))
  })

  it('are not made of small or random payloads, nor at low effort', () => {
    expect(roundTrip(column, 9, { optional: true }).meta.lz4).toBe(false)
    expect(roundTrip(column, 5000, { optional: true, level: 'low' }).meta.lz4).toBe(false)
    const next = chance(6)
    expect(
      kept(
        'i64',
        many(4000, () => BigInt(Math.floor(next() * 2 ** 40))),
      ).lz4,
    ).toBe(false)
  })
})

describe('reading', () => {
  it('verifies the vectors it touches and no other', () => {
    const column = columnOf(
      'i64',
      many(5000, (row) => BigInt(row * row)),
    )
    const { meta, payload } = encodePage(column, 0, 5000, { optional: false, level: 'low' })
    const damaged = payload.slice()
    const range = storedRange(meta, 2, 3)
    damaged[range.from]! ^= 4
    const before = decodeSlice(meta, damaged, 0, 2048, false)
    expect(rowTexts(before, 0, 2048)).toEqual(rowTexts(column, 0, 2048))
    expect(() => decodeSlice(meta, damaged, 2000, 2100, false)).toThrow(
      expect.objectContaining({ code: 'ERR_CORRUPT', details: { column: 'c', vector: 2 } }),
    )
    expect(hash32(payload.subarray(range.from, range.end))).toBe(meta.checksums[2])
  })

  it('encodes any rows of a column, and decodes into a column that keeps no presence', () => {
    const column = columnOf(
      'i32',
      many(100, (row) => (row % 4 === 0 ? null : row)),
    )
    const { meta, payload } = encodePage(column, 30, 50, { optional: true })
    const target = allocateColumn('i32', 50, { optional: false })
    decodeRows(meta, payload, 0, 0, 50, target, 0)
    const expected = many(50, (row) => ((row + 30) % 4 === 0 ? 0 : row + 30))
    expect(target.physical === 'i32' && [...target.values]).toEqual(expected)
    decodeRows(meta, new Uint8Array(0), 0, 7, 7, target, 0)
  })

  it('refuses rows and types that are not the page', () => {
    const { meta, payload } = encodePage(columnOf('u8', [1, 2]), 0, 2, { optional: false })
    const target = allocateColumn('u8', 5, { optional: false })
    expect(() => decodeRows(meta, payload, 0, 0, 3, target, 0)).toThrow(/BUG/)
    const other = allocateColumn('i32', 5, { optional: false })
    expect(() => decodeRows(meta, payload, 0, 0, 2, other, 0)).toThrow(/BUG/)
    expect(() => storedRange(meta, 0, 2)).toThrow(/BUG/)
    expect(() => encodePage(columnOf('u8', [1]), 0, 0, { optional: false })).toThrow(/BUG/)
  })

  it('has a name for every encoding', () => {
    expect(encodingName(encodings.xor)).toBe('XOR')
    expect(encodingName(99)).toBe('UNKNOWN(99)')
  })
})
