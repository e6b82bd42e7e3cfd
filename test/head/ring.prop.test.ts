// Goal: a ring says which rows of a series come last, or says that it does not know; never anything else.
// Method: random rules and calls, in rings of all sizes; after each call what the ring holds is compared with the last of
// the rows that the naive oracle lets stand, both by its owner and as another thread would read them.
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { allocateColumn } from '#batch'
import { HeadSeries, Ring, RingReader, Slab } from '#head'
import type { RowRules } from '#head'
import { RowBatch } from '#query'
import {
  anyRule,
  appendTo,
  columnsOf,
  plainRow,
  rowOut,
  standingRows,
  wideRules,
} from '../query/bed.ts'
import type { PlainRow } from '../query/bed.ts'

const seriesId = 3

function heldRows(ring: Ring, { specs }: RowRules): unknown[] {
  return Array.from({ length: ring.count }, (_, index) =>
    Object.fromEntries(specs.map((spec) => [spec.name, ring.value(spec, index)])),
  )
}

/** The same by columns. */
function batchRows(ring: Ring, { specs }: RowRules, from: number): unknown[] {
  const columns = specs.map((spec) => {
    const { optional, physical } = spec
    const data = allocateColumn(physical, ring.count - from, { optional, bytesExpected: 0 })
    ring.fillColumn(spec, from, ring.count, data)
    return { spec, data }
  })
  return [...new RowBatch(columns, ring.count - from)]
}

function check(ring: Ring, slab: Slab, rules: RowRules, standing: readonly PlainRow[]): void {
  const { count } = ring
  const expected = standing.slice(standing.length - count).map((row) => rowOut(rules.specs, row))
  expect(heldRows(ring, rules)).toEqual(expected)
  expect(batchRows(ring, rules, count >> 1)).toEqual(expected.slice(count >> 1))
  if (ring.knows(count + 1)) expect(count).toBe(standing.length)
  const reader = new RingReader(slab.buffer, seriesId)
  expect(reader.copy() !== 0).toBe(ring.isKnown)
  expect(Array.from({ length: reader.rowCount }, (_, row) => reader.row(row))).toEqual(expected)
  if (reader.isWhole) expect(count).toBe(standing.length)
}

const callArbitrary = fc.oneof(
  { weight: 12, arbitrary: fc.array(plainRow, { minLength: 1, maxLength: 4 }) },
  { weight: 1, arbitrary: fc.array(plainRow, { minLength: 20, maxLength: 40 }) },
)

/** A call as a feed makes it: rows in order, later than most before them. */
function arranged(calls: readonly PlainRow[][], how: 'sorted' | 'mixed'): PlainRow[][] {
  if (how === 'mixed') return [...calls]
  const rows = calls.flat().toSorted((a, b) => Number(a.time - b.time))
  return calls.map((call) => rows.splice(0, call.length))
}

test('what a ring holds are the last rows that stand', () => {
  let known = 0
  let asked = 0
  fc.assert(
    fc.property(
      anyRule,
      fc.array(callArbitrary, { minLength: 1, maxLength: 14 }),
      fc.constantFrom('sorted', 'mixed'),
      fc.constantFrom(17_000, 20_000, 24_000, 1 << 20),
      fc.boolean(),
      fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 20, maxLength: 20 }),
      (rule, drawn, how, bytesWanted, isShared, refills) => {
        const rules = wideRules(rule)
        const slab = new Slab({ bytesWanted, bytesMax: 1 << 20 })
        slab.isShared = isShared
        const ring = new Ring(slab, seriesId)
        const head = new HeadSeries(rules)
        const arrived: PlainRow[] = []
        let standing: PlainRow[] = []
        let lsn = 1n << 40n
        for (const [call, rows] of arranged(drawn, how).entries()) {
          if (!ring.knows(1)) {
            const wanted = refills[call % refills.length]!
            const last = standing.slice(-wanted)
            const columns = columnsOf(rules.specs, last)
            ring.refill(rules, columns, last.length, last.length === standing.length)
            check(ring, slab, rules, standing)
          }
          const chunk = appendTo(head, rows, lsn)
          const end = chunk.rowCount
          lsn += BigInt(rows.length)
          ring.take(chunk.columns, end - rows.length, end, rules)
          arrived.push(...rows)
          standing = standingRows(rules, arrived)
          check(ring, slab, rules, standing)
          asked += 1
          known += Number(ring.knows(1))
        }
      },
    ),
    { numRuns: 300 },
  )
  // A ring that forgets at every chance would pass as well.
  expect(known / asked).toBeGreaterThan(0.7)
})

test('a long call leaves the same rows as its rows one by one', () => {
  fc.assert(
    fc.property(
      anyRule,
      fc.array(plainRow, { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 129, max: 1500 }),
      fc.constantFrom('rising', 'steps', 'mixed'),
      fc.integer({ min: 0, max: 40 }),
      (rule, few, count, how, before) => {
        const rules = wideRules(rule)
        const many = Array.from({ length: count }, (_, at): PlainRow => {
          const step = how === 'rising' ? at : how === 'steps' ? at >> 4 : (at * 7919) % count
          return { ...few[at % few.length]!, time: BigInt(step) }
        })
        const slab = new Slab()
        const ring = new Ring(slab, seriesId)
        const head = new HeadSeries(rules)
        // Room for their texts; then nothing.
        ring.refill(rules, columnsOf(rules.specs, few), few.length, true)
        ring.refill(rules, [], 0, true)
        const arrived: PlainRow[] = []
        let lsn = 1n << 40n
        for (const rows of [few.slice(0, before), many, few.slice(before)]) {
          if (rows.length === 0) continue
          const chunk = appendTo(head, rows, lsn)
          lsn += BigInt(rows.length)
          ring.take(chunk.columns, chunk.rowCount - rows.length, chunk.rowCount, rules)
          arrived.push(...rows)
          const standing = standingRows(rules, arrived)
          check(ring, slab, rules, standing)
          const isPlain = rules.duplicates === undefined
          if (isPlain) expect(ring.count).toBe(Math.min(64, standing.length))
        }
      },
    ),
    { numRuns: 80 },
  )
})
