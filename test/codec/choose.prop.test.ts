// Goal: what makes choosing an encoding cheap does not change what is chosen: counting bits by
// exponents, codes kept from counting, habits of small pages. Method: each beside its slow twin,
// with random values; pages of one column, with a habit and without.
import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { encodePage, encodings, newHabit } from '#codec'
import type { Habit } from '#codec'
import { arena, loadKernels } from '#kernel'
import { packedBytes } from '../../src/codec/bitpack.ts'
import {
  countDirect,
  countDistinct,
  searchCode,
  takeCodes,
  takeDictionary,
} from '../../src/codec/dictionary.ts'
import { encodePlaces } from '../../src/codec/encode-places.ts'
import { holdNarrow, holdUnits } from '../../src/codec/forms.ts'
import { bitsOf } from '../../src/codec/layout.ts'
import { patchBytes, patchingOf } from '../../src/codec/measure.ts'
import type { Patching } from '../../src/codec/measure.ts'
import { columnOf, metaBytes, reread, roundTrip, rowTexts } from './oracle.ts'

beforeAll(loadKernels)

/** The cheapest width for slots above `base`, by trying each; `spread` are the bits of each value. */
function cheapest(slots: number, spread: readonly number[]): { bytes: number; width: number } {
  const top = Math.max(...spread)
  let best = { bytes: packedBytes(slots, top), width: top }
  for (let width = top; width >= Math.max(0, top - 31); width -= 1) {
    const outside = spread.filter((bits) => bits > width).length
    const bytes = packedBytes(slots, width) + outside * patchBytes
    if (width <= 32 && (bytes <= best.bytes || best.width > 32)) best = { bytes, width }
  }
  return best
}

/** patchingOf, value by value and window by window. */
function slowPatching(values: readonly number[], least: number, slots: number): Patching {
  const step = Math.max(1, Math.ceil(values.length / 15))
  const some = values.filter((_, at) => at % step === 0).sort((a, b) => a - b)
  const middle = some[some.length >> 1]!
  const upward = cheapest(
    slots,
    values.map((value) => bitsOf(value - least)),
  )
  const centred = cheapest(
    slots,
    values.map((value) => {
      const off = value - middle
      return off === 0 ? 0 : bitsOf(off > 0 ? off : -off - 1) + 1
    }),
  )
  if (centred.bytes >= upward.bytes || centred.width > 32) return { ...upward, base: least }
  const base = centred.width === 0 ? middle : middle - 2 ** (centred.width - 1)
  return { ...centred, base: Math.max(base, least) }
}

/** Whole numbers of mixed sizes around some middle: a few far ones among many near ones. */
const mixed = fc
  .tuple(
    fc.integer({ min: -(2 ** 50), max: 2 ** 50 }),
    fc.array(
      fc.oneof(
        { weight: 8, arbitrary: fc.integer({ min: -300, max: 300 }) },
        { weight: 1, arbitrary: fc.integer({ min: -(2 ** 20), max: 2 ** 40 }) },
        { weight: 1, arbitrary: fc.constantFrom(0, 1, -1, 2 ** 31, 2 ** 32, 2 ** 32 - 1) },
      ),
      { minLength: 1, maxLength: 300 },
    ),
  )
  .map(([middle, offs]) => offs.map((off) => middle + off))

describe('patching', () => {
  it('is that of the slow twin', () => {
    fc.assert(
      fc.property(mixed, fc.nat(3), (values, before) => {
        const least = Math.min(...values)
        const { unitsAt, units } = encodePlaces()
        units.set(values, before)
        const slots = values.length + before
        const found = patchingOf(unitsAt + before * 8, values.length, least, slots)
        expect(found).toEqual(slowPatching(values, least, slots))
      }),
      { numRuns: 300 },
    )
  })
})

describe('a dictionary', () => {
  it('gives each row the code of its unit, and rises', () => {
    const some = fc.array(fc.integer({ min: 0, max: 2 ** 40 }), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(some, fc.array(fc.nat(), { minLength: 1, maxLength: 500 }), (pool, picks) => {
        const { units, slotsAt } = encodePlaces()
        holdUnits()
        picks.forEach((pick, at) => {
          units[at] = pool[pick % pool.length]!
        })
        const distinct = new Set(units.subarray(0, picks.length))
        expect(countDistinct(picks.length, distinct.size - 1)).toBe(distinct.size)
        expect(countDistinct(picks.length, 200)).toBe(distinct.size)
        const dictionary = takeDictionary()
        expect([...dictionary]).toEqual([...distinct].sort((a, b) => a - b))
        const from = picks.length >> 1
        takeCodes(from, picks.length)
        const codes = arena().u32.subarray(slotsAt >>> 2)
        for (let at = from; at < picks.length; at += 1) {
          expect(codes[at - from]).toBe(searchCode(dictionary, units[at]!))
          expect(dictionary[codes[at - from]!]).toBe(units[at])
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('a dictionary looked up directly', () => {
  it('is the one of the table', () => {
    const some = fc.array(fc.integer({ min: 0, max: 4000 }), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(some, fc.nat(2 ** 31), fc.nat(40), (list, least, short) => {
        const { narrow, slotsAt } = encodePlaces()
        // The page's least unit is 0.
        const values = [0, ...list]
        const range = Math.max(...values)
        narrow.set(values.map((unit) => unit + least))
        holdNarrow(values.length, least)
        const codesOf = (): number[] => {
          const from = values.length >> 1
          takeCodes(from, values.length)
          const at = slotsAt >>> 2
          return Array.from(arena().u32.subarray(at, at + values.length - from))
        }
        const direct = countDirect(values.length, range, values.length)
        if (range > values.length * 16) expect(direct).toBeUndefined()
        if (direct === undefined) return
        const found = [direct, [...takeDictionary()], codesOf()]
        expect(countDirect(values.length, range, direct - 1)).toBe(direct)
        expect(countDistinct(values.length, values.length + short)).toBe(direct)
        expect([direct, [...takeDictionary()], codesOf()]).toEqual(found)
      }),
      { numRuns: 200 },
    )
  })
})

type Shape = 'walk' | 'spikes' | 'few' | 'wild' | 'reals'

/** Rows of one shape; `seed` tells pages apart. */
function pageOf(shape: Shape, rows: number, seed: number): number[] {
  let state = (seed * 2654435761) >>> 0
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 4294967296
  }
  let price = 10_000
  return Array.from({ length: rows }, () => {
    switch (shape) {
      case 'walk':
        price += Math.floor(next() * 5) - 2
        return price / 100
      case 'spikes':
        return next() < 0.02 ? Math.floor(next() * 2 ** 30) : Math.floor(next() * 16)
      case 'few':
        return [100, 250, 5000, 77_777, 1_000_003][Math.floor(next() * 5)]!
      case 'wild':
        return Math.floor(next() * 2 ** 24)
      default:
        return next()
    }
  })
}

function encode(values: readonly number[], habit?: Habit) {
  const column = columnOf('f64', values)
  const page = roundTrip(column, values.length, { optional: true, ...(habit ? { habit } : {}) })
  expect(rowTexts(page.decoded, 0, values.length)).toEqual(rowTexts(column, 0, values.length))
  return page
}

const shapes: readonly Shape[] = ['walk', 'spikes', 'few', 'wild', 'reals']

describe('a habit', () => {
  it('changes nothing where the pages of a column are alike', () => {
    fc.assert(
      fc.property(fc.constantFrom(...shapes), fc.integer({ min: 50, max: 900 }), (shape, rows) => {
        const habit = newHabit()
        for (let page = 0; page < 24; page += 1) {
          const values = pageOf(shape, rows, 1 + (page % 2))
          const alone = encode(values)
          const aloneBytes = [...metaBytes(alone.meta), ...alone.payload]
          const { meta, payload } = encode(values, habit)
          expect([...metaBytes(meta), ...payload]).toEqual(aloneBytes)
        }
      }),
      { numRuns: 15 },
    )
  })

  it('of any pages gives pages that come back, never larger than those of level low', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...shapes), fc.integer({ min: 20, max: 400 })), {
          minLength: 5,
          maxLength: 40,
        }),
        (pages) => {
          const habit = newHabit()
          pages.forEach(([shape, rows], page) => {
            const values = pageOf(shape, rows, page + 1)
            const low = encodePage(columnOf('f64', values), 0, rows, {
              optional: true,
              level: 'low',
            })
            const lowBytes = low.meta.payloadBytes + metaBytes(low.meta).length
            const { meta } = encode(values, habit)
            // What a dictionary or a list of patches takes of the meta is estimated to some bytes.
            expect(meta.payloadBytes + metaBytes(meta).length).toBeLessThanOrEqual(lowBytes + 16)
          })
        },
      ),
      { numRuns: 30 },
    )
  })

  it('is given up within 16 pages where a column changes', () => {
    const habit = newHabit()
    for (let page = 0; page < 50; page += 1) encode(pageOf('walk', 400, page), habit)
    const found = Array.from({ length: 40 }, (_, page) => {
      return encode(pageOf('few', 400, page), habit).meta.encoding
    })
    expect(found.indexOf(encodings.dictionary)).toBeLessThanOrEqual(16)
    expect(new Set(found.slice(found.indexOf(encodings.dictionary)))).toEqual(
      new Set([encodings.dictionary]),
    )
  })

  it('is of small pages alone', () => {
    const habit = newHabit()
    for (let page = 0; page < 20; page += 1) encode(pageOf('walk', 5000, page), habit)
    expect(habit.pages).toBe(0)
    expect(reread(encode(pageOf('few', 5000, 1), habit).meta).encoding).toBe(encodings.dictionary)
  })
})
