// Goal: a page of residuals gives every value back, bit for bit, from the columns it refers to, through the meta that a
// footer holds; where a value is none of the page's decimals there is no such page.
// Method: walks of decimals with ties, jumps and numbers far apart, and now and then a value that is no decimal. The
// slow twin is the rule in BigInt, a row at a time.
import * as fc from 'fast-check'
import '../support/seed.ts'
import { beforeAll, describe, expect, test } from 'vitest'
import { ByteReader, VarveError, hexOf } from '#base'
import { allocateColumn } from '#batch'
import {
  addResiduals,
  decimalsOfIntegers,
  decodeRows,
  encodePage,
  encodeResidual,
  encodingName,
  integerMetaOf,
  readPageMeta,
  residualRules,
} from '#codec'
import type { EncodedPage, Level, PageMeta, PlainColumn } from '#codec'
import { loadKernels } from '#kernel'
import { metaBytes, reread } from './oracle.ts'

beforeAll(loadKernels)

const rules = Object.values(residualRules)

function bits(values: Float64Array): string[] {
  return Array.from(new BigUint64Array(values.slice().buffer), (each) => each.toString(16))
}

interface Plain extends PlainColumn {
  readonly payload: Uint8Array
}

function plainOf(columnId: number, values: Float64Array, level: Level = 'high'): Plain {
  const column = { physical: 'f64', values } as const
  const page = encodePage(column, 0, values.length, { optional: true, level })
  return { columnId, values, meta: page.meta, payload: page.payload.slice() }
}

/** The integers, or residuals, that a page holds; through the bytes of its meta. */
function integersOf({ meta, payload }: EncodedPage): Float64Array {
  const target = allocateColumn('f64', meta.rowCount, { optional: false })
  if (target.physical !== 'f64') throw new Error('doubles')
  decodeRows(integerMetaOf(reread(meta)), payload, 0, 0, meta.rowCount, target, 0)
  return target.values
}

/** One row by the rule. */
function toldAt(rule: number, row: number, one: readonly bigint[], other: readonly bigint[]) {
  const [a, b] = [one[row]!, other[row]!]
  switch (rule) {
    case residualRules.difference:
      return a
    case residualRules.fromBefore:
      return row % 1024 === 0 ? a : one[row - 1]!
    case residualRules.aboveMost:
      return a > b ? a : b
    default:
      return a < b ? a : b
  }
}

interface Drawn {
  readonly values: readonly Float64Array[]
  readonly odd: boolean
}

const rowCounts = fc.constantFrom(1, 2, 5, 127, 1023, 1024, 1025, 2050)
const odd = fc.constantFrom(NaN, -0, Infinity, Math.PI, 1e300)
const drawn: fc.Arbitrary<Drawn> = fc
  .record({
    rows: rowCounts,
    scale: fc.nat({ max: 8 }),
    start: fc.integer({ min: -1_000_000, max: 1_000_000 }),
    step: fc.constantFrom(0, 1, 3, 1000, 2 ** 24),
    seed: fc.nat(),
    odd: fc.option(fc.tuple(odd, fc.nat(), fc.nat({ max: 2 })), { freq: 4 }),
  })
  .map(({ rows, scale, start, step, seed, odd: chosen }) => {
    let state = seed | 1
    const next = (): number => {
      state = Math.imul(state, 1_664_525) + 1_013_904_223
      return (state >>> 0) / 2 ** 32
    }
    const power = 10 ** scale
    const values = [0, 1, 2].map(() => {
      let at = start
      return Float64Array.from({ length: rows }, () => {
        at += Math.round((next() - 0.5) * 2 * step)
        return at / power
      })
    })
    if (chosen !== null) values[chosen[2]]![chosen[1] % rows] = chosen[0]
    return { values, odd: chosen !== null }
  })

function referred(rule: number, columns: readonly Plain[]): readonly Plain[] {
  const isOfTwo = rule === residualRules.aboveMost || rule === residualRules.belowLeast
  return columns.slice(1, isOfTwo ? 3 : 2)
}

function checkRule(rule: number, values: readonly Float64Array[], isOdd: boolean): void {
  const rowCount = values[0]!.length
  const columns = values.map((each, at) => plainOf(16 + at, each))
  const others = referred(rule, columns)
  const page = encodeResidual(columns[0]!, rule, others, 0, rowCount, 'high')
  if (page === undefined) {
    const scales = columns.map(({ meta }) => meta.scale)
    // Without a page: something that is no decimal, or a column of fewer digits than it refers to.
    expect(isOdd || Math.max(...scales.slice(1)) > scales[0]!).toBe(true)
    return
  }
  const { meta } = page
  const stored = { meta, payload: page.payload.slice() }
  const residuals = integersOf(stored)
  const scaled = others.map((other) => ({ values: integersOf(other), scale: other.meta.scale }))
  const integers = scaled.map(({ values: own, scale }) =>
    Array.from(own, (each) => BigInt(each) * 10n ** BigInt(meta.scale - scale)),
  )
  const sign = rule === residualRules.belowLeast ? -1n : 1n
  const expected = Array.from(residuals, (each, row) => {
    const told = toldAt(rule, row, integers[0]!, integers[1] ?? integers[0]!)
    return Number(told + sign * BigInt(each))
  })
  addResiduals(reread(meta), residuals, scaled, rowCount)
  expect(Array.from(residuals)).toEqual(expected)
  const out = new Float64Array(rowCount)
  decimalsOfIntegers(meta, residuals, 0, rowCount, out, 0)
  expect(bits(out)).toEqual(bits(values[0]!))
  expect(metaBytes(reread(meta))).toEqual(metaBytes(meta))
  expect(reread(meta).zone).toEqual(columns[0]!.meta.zone)
}

test.each(rules)('rule %s gives every bit back', (rule) => {
  fc.assert(
    fc.property(drawn, ({ values, odd: isOdd }) => checkRule(rule, values, isOdd)),
    { numRuns: 150 },
  )
})

test('numbers that a sum of doubles might round are not told by others', () => {
  const far = Float64Array.of(2 ** 50, 1, 2)
  const near = Float64Array.of(1, 2, 3)
  const columns = (values: readonly Float64Array[]) =>
    values.map((each, at) => plainOf(16 + at, each))
  for (const [one, other] of [columns([far, near]), columns([near, far])] as const) {
    expect(encodeResidual(one!, residualRules.difference, [other!], 0, 3, 'high')).toBeUndefined()
  }
})

test('the highs of the README are the bytes it draws', () => {
  const open = plainOf(16, Float64Array.of(167.41, 167.48, 167.44, 167.51, 167.47), 'low')
  const close = plainOf(19, Float64Array.of(167.48, 167.45, 167.51, 167.46, 167.5), 'low')
  const high = plainOf(17, Float64Array.of(167.48, 167.49, 167.51, 167.53, 167.5), 'low')
  const page = encodeResidual(high, residualRules.aboveMost, [open, close], 0, 5, 'low')!
  expect(hexOf(metaBytes(page.meta))).toBe('0d1103101302d885020500020b0101000002000021f9bed4')
  expect(hexOf(page.payload)).toBe('00000000010000000000000002000000')
})

describe('the meta', () => {
  const lows = Float64Array.from({ length: 1500 }, (_, row) => (10_000 + ((row * 37) % 11)) / 100)
  const highs = lows.map((low, row) => Math.round(low * 100 + (row % 3)) / 100)
  const made = (): PageMeta => {
    const [high, low] = [plainOf(16, highs), plainOf(17, lows)]
    return encodeResidual(high, residualRules.difference, [low], 0, 1500, 'high')!.meta
  }

  const read = (bytes: Uint8Array): VarveError | undefined => {
    try {
      readPageMeta(new ByteReader(bytes), 'f64', 1500)
      return undefined
    } catch (error) {
      if (!(error instanceof VarveError)) throw error
      return error
    }
  }

  test('with any bit flipped is a meta or a VarveError, cut anywhere an error', () => {
    const bytes = metaBytes(made())
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = bytes.slice()
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      read(flipped)
    }
    for (let length = 0; length < bytes.length; length += 1) {
      expect(read(bytes.subarray(0, length))?.code).toBe('ERR_CORRUPT')
    }
  })

  test('says what cannot be', () => {
    const bytes = metaBytes(made())
    expect(encodingName(bytes[0]!)).toBe('RESIDUAL')
    expect(read(bytes)).toBeUndefined()
    expect(read(bytes.with(2, 5))).toMatchObject({ code: 'ERR_VERSION', details: { rule: 5 } })
    // Absent rows, exceptions, LZ4 and entropy coding are those of the inner page.
    for (const flag of [4, 8, 64, 128]) {
      expect(read(bytes.with(1, bytes[1]! | flag))?.message).toMatch(/cannot be RESIDUAL/)
    }
    expect(read(bytes.with(0, bytes[0]! | 32))?.message).toMatch(/RESIDUAL where it cannot be/)
    const { residual } = made()
    const inner = { ...residual!.inner, scale: 1 }
    const scaled = metaBytes({ ...made(), residual: { ...residual!, inner } })
    expect(read(scaled)?.message).toMatch(/no whole numbers/)
    const nested = metaBytes({ ...made(), residual: { ...residual!, inner: made() } })
    expect(read(nested)?.message).toMatch(/RESIDUAL where it cannot be/)
  })
})
