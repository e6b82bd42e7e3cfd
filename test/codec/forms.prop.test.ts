// Goal: the passes that measure a page where it was gathered say what the slow ones say of its units, and
// the choice of the page before changes no value. Method: both ways over the same random pages; runs of
// pages that change, each decoded.
import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Level, PageMeta } from '#codec'
import { arena, loadKernels } from '#kernel'
import { toDecimals } from '../../src/codec/decimal.ts'
import { encodePlaces } from '../../src/codec/encode-places.ts'
import {
  needUnits,
  packHeld,
  packHeldSteps,
  takeDeltaSlots,
  takeSlots,
} from '../../src/codec/forms.ts'
import { bitsOf } from '../../src/codec/layout.ts'
import { takeDeltas } from '../../src/codec/measure.ts'
import { scaleI64, scaleNarrow, scaleUnits } from '../../src/codec/units.ts'
import type { Scaling } from '../../src/codec/units.ts'
import { columnOf, decodeSlice, metaBytes, roundTrip, rowTexts } from './oracle.ts'

beforeAll(loadKernels)

/** Everything that the rest of the encoder takes from a scaling, units and slots included. */
function told(scaling: Scaling, starts: Uint32Array): unknown {
  const { units, slotsAt } = encodePlaces()
  const { u32 } = arena()
  const slots: number[] = []
  for (const { count, least, most, deltaLeast, deltaMost } of scaling.stats) {
    const from = starts[slots.length > 0 ? 1 : 0]!
    if (count > 0 && most - least < 2 ** 32) {
      takeSlots(from, count, least)
      slots.push(...u32.slice(slotsAt >>> 2, (slotsAt >>> 2) + count))
    }
    if (count > 0 && deltaMost - deltaLeast < 2 ** 32) {
      takeDeltaSlots(from, count, deltaLeast)
      slots.push(...u32.slice(slotsAt >>> 2, (slotsAt >>> 2) + count))
    }
  }
  needUnits()
  return {
    base: scaling.base,
    gcd: scaling.gcd,
    stats: scaling.stats.map((stats) => ({ ...stats })),
    units: units.slice(0, starts.at(-1)),
    slots,
  }
}

/** Vectors of a page packed from where their units lie, and from slots: the same bytes. */
function expectPackedAlike(scaling: Scaling, starts: Uint32Array): void {
  const { slotsAt, payloadAt } = encodePlaces()
  const { kernels, u8 } = arena()
  const kinds = [
    { isSteps: false, pack: packHeld, take: takeSlots },
    { isSteps: true, pack: packHeldSteps, take: takeDeltaSlots },
  ]
  for (const [v, stats] of scaling.stats.entries()) {
    const from = starts[v]!
    const { count } = stats
    for (const { isSteps, pack, take } of kinds) {
      const base = isSteps ? stats.deltaLeast : stats.least
      const width = bitsOf((isSteps ? stats.deltaMost : stats.most) - base)
      if (width === 0 || width > 32) continue
      const bytes = count === 0 ? 0 : (count / 8) * width
      u8.fill(0xaa, payloadAt, payloadAt + bytes)
      if (!pack(from, count, base, width, payloadAt)) continue
      const packed = u8.slice(payloadAt, payloadAt + bytes)
      take(from, count, base)
      kernels.pack(width, slotsAt, count / 128, 0, payloadAt)
      expect(packed).toEqual(u8.slice(payloadAt, payloadAt + bytes))
    }
  }
}

/** The steps of each vector, which those who ask for them get without the page's units and with them. */
function stepsOf(starts: Uint32Array): Float64Array {
  const { deltasAt } = encodePlaces()
  const at = deltasAt >>> 3
  const steps = new Float64Array(starts.at(-1)!)
  for (let v = 0; v + 1 < starts.length; v += 1) {
    if (starts[v] === starts[v + 1]) continue
    takeDeltas(starts[v]!, starts[v + 1]!)
    steps.set(arena().f64.subarray(at, at + starts[v + 1]! - starts[v]!), starts[v])
  }
  return steps
}

/** Vectors of one page: 0 or more values, then the rest. */
function startsOf(count: number, cut: number): Uint32Array {
  return Uint32Array.of(0, Math.min(cut, count, 1024), count)
}

const counts = fc.integer({ min: 1, max: 1024 })

describe('one pass over a page', () => {
  const minis = fc.integer({ min: 1, max: 4 })
  const step = fc.oneof(
    fc.integer({ min: -9, max: 9 }),
    fc.integer({ min: 0, max: 2 ** 29 }),
    fc.integer({ min: 0, max: 2 ** 40 }),
  )
  const steps = fc.array(step, { minLength: 1, maxLength: 40 })

  it('leaves units that are packed, and give steps, as slots and units do', () => {
    fc.assert(
      fc.property(minis, minis, steps, fc.boolean(), (before, behind, list, isTimes) => {
        const starts = Uint32Array.of(0, before * 128, (before + behind) * 128)
        const { values, valueInts } = encodePlaces()
        let whole = 1_700_000_000_000
        for (let i = 0; i < starts[2]!; i += 1) {
          whole += isTimes ? list[i % list.length]! : list[i % list.length]! % 2 ** 20
          if (isTimes) valueInts[i] = BigInt(whole) * 1_000_000n + BigInt(i % 3)
          else values[i] = whole / 100
        }
        const scaling = isTimes ? scaleI64(starts) : scaleNarrow(starts, 2)
        if (scaling === undefined) return
        const early = stepsOf(starts)
        expectPackedAlike(scaling, starts)
        needUnits()
        expect(stepsOf(starts)).toEqual(early)
        expectPackedAlike(scaling, starts)
      }),
      { numRuns: 300 },
    )
  })

  it('of decimals says what units say', () => {
    const whole = fc.oneof(
      fc.integer({ min: -50, max: 50 }),
      fc.integer({ min: -1e6, max: 1e6 }).map((x) => x * 5),
    )
    const list = fc.array(whole, { minLength: 1, maxLength: 60 })
    const scale = fc.constantFrom(0, 1, 2, 4, 8)
    fc.assert(
      fc.property(
        list,
        counts,
        scale,
        fc.nat(30),
        fc.constantFrom(1, 100),
        (some, rows, k, cut, by) => {
          const { values } = encodePlaces()
          const starts = startsOf(rows, cut)
          const put = () => {
            for (let i = 0; i < rows; i += 1) values[i] = (some[i % some.length]! * by) / 10 ** k
          }
          put()
          const narrow = scaleNarrow(starts, k)
          expect(narrow).toBeDefined()
          if (narrow === undefined) return
          const fast = told(narrow, starts)
          put()
          expect(toDecimals(rows, starts, k)?.scale).toBe(k)
          const slow = scaleUnits(starts, 0n)
          expect(fast).toEqual(told(slow!, starts))
        },
      ),
      { numRuns: 300 },
    )
  })

  it('of decimals leaves alone what is none, or far apart', () => {
    const { values } = encodePlaces()
    for (const odd of [-0, NaN, Infinity, 0.001, 1 / 3, 2 ** 31, -(2 ** 31) - 1, 1e300]) {
      for (const at of [1, 2, 5, 6]) {
        values.fill(0, 0, 7)
        values[at] = odd
        expect(scaleNarrow(Uint32Array.of(0, 7), 100)).toBeUndefined()
      }
    }
  })

  it('of int64 says what units say', () => {
    const origin = fc.constantFrom(0n, 1_700_000_000_000_000_000n, -(2n ** 61n), -5n)
    const step = fc.oneof(
      fc.bigInt({ min: -9n, max: 9n }),
      fc.bigInt({ min: 0n, max: 2n ** 34n }),
      fc.bigInt({ min: -(2n ** 49n), max: 2n ** 49n }),
    )
    const list = fc.array(step, { minLength: 1, maxLength: 60 })
    const by = fc.constantFrom(1n, 1_000n)
    fc.assert(
      fc.property(list, counts, origin, fc.nat(30), by, (some, rows, first, cut, factor) => {
        const { valueInts, valuesAt, unitsAt } = encodePlaces()
        const starts = startsOf(rows, cut)
        for (let i = 0; i < rows; i += 1) valueInts[i] = first + some[i % some.length]! * factor
        const isNear = arena().kernels.i64Distances(valuesAt, rows, unitsAt) === 0
        if (!isNear) return
        const slow = told(scaleUnits(starts, valueInts[0]!)!, starts)
        expect(told(scaleI64(starts), starts)).toEqual(slow)
      }),
      { numRuns: 300 },
    )
  })
})

describe('the choice of the page before', () => {
  const shapes = ['walk', 'lots', 'repeats', 'spikes', 'reals', 'const'] as const
  const shape = fc.constantFrom(...shapes)
  function pageOf(kind: (typeof shapes)[number], rows: number, seed: number): number[] {
    let state = (seed * 2654435761) >>> 0
    const next = (): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state / 4294967296
    }
    let price = 10_000 + seed
    return Array.from({ length: rows }, () => {
      if (kind === 'lots') return [100, 200, 250, 7000, 123_457][Math.floor(next() * 5)]!
      if (kind === 'spikes')
        return next() < 0.02 ? Math.floor(next() * 2 ** 30) : Math.floor(next() * 16)
      if (kind === 'reals') return next()
      if (kind === 'const') return 7.25
      if (kind === 'walk' || next() < 0.05) price += Math.floor(next() * 9) - 4
      return price / 100
    })
  }

  it('changes no value, and sizes by little', () => {
    const pages = fc.array(fc.tuple(shape, fc.integer({ min: 900, max: 2500 })), {
      minLength: 2,
      maxLength: 6,
    })
    const level = fc.constantFrom<Level>('none', 'low', 'medium', 'high')
    fc.assert(
      fc.property(pages, level, fc.boolean(), (run, each, optional) => {
        let previous: PageMeta | undefined
        run.forEach(([kind, rows], block) => {
          const values = pageOf(kind, rows, block + 1)
          const column = columnOf('f64', values, optional)
          const alone = roundTrip(column, rows, { optional, level: each })
          const aloneBytes = alone.meta.payloadBytes + metaBytes(alone.meta).length
          const options = { optional, level: each, block }
          const page = roundTrip(column, rows, previous ? { ...options, previous } : options)
          expect(rowTexts(page.decoded, 0, rows)).toEqual(rowTexts(column, 0, rows))
          const slice = decodeSlice(page.meta, page.payload, rows >> 2, rows, optional)
          expect(rowTexts(slice, 0, rows - (rows >> 2))).toEqual(rowTexts(column, rows >> 2, rows))
          const bytes = page.meta.payloadBytes + metaBytes(page.meta).length
          if (kind !== 'reals') expect(bytes).toBeLessThanOrEqual(aloneBytes * 1.45 + 40)
          previous = page.meta
        })
      }),
      { numRuns: 60 },
    )
  })
})
