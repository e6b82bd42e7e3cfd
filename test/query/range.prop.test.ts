// Goal: whatever the sources, a read gives the rows that SEMANTICS says, in its order, and all ways of asking agree.
// Method: rows of small domains arrive in calls; the calls are dealt to head chunks and sealed runs, some of them
// compacted; readRange, scanBatches, countRows and readLast are compared with a naive oracle over plain objects. Memory
// for answers is full of a pattern, so that a value which nobody wrote would show.
import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RowSource } from '#batch'
import { HeadSeries } from '#head'
import type { RowRules } from '#head'
import { loadKernels } from '#kernel'
import { countRows, readLast, readRange, scanBatches } from '#query'
import type { RowsWanted } from '#query'
import type { ColumnSpec } from '#schema'
import {
  anyRule,
  appendTo,
  dayNs,
  everything,
  plainRow,
  rowOut,
  sealed,
  standingRows,
  wideRules,
} from './bed.ts'
import type { PlainRow, Rule } from './bed.ts'
import { patternedMemory } from '../support/bare.ts'

let restore: () => void
beforeAll(async () => {
  await loadKernels()
  restore = patternedMemory(0)
})
afterAll(() => restore())

type Source = RowSource<ColumnSpec>

/** `kind`: where the rows of the calls of one stretch are; `joins`: compacted with the stretch before it. */
interface Stretch {
  readonly calls: readonly (readonly PlainRow[])[]
  readonly isSealed: boolean
  readonly joins: boolean
}

const stretch: fc.Arbitrary<Stretch> = fc.record({
  calls: fc.array(fc.array(plainRow, { minLength: 1, maxLength: 8 }), {
    minLength: 1,
    maxLength: 3,
  }),
  isSealed: fc.boolean(),
  joins: fc.boolean(),
})

const bound = fc
  .tuple(fc.constantFrom(-dayNs, 0n, dayNs), fc.integer({ min: -1, max: 8 }))
  .map(([day, step]) => day + BigInt(step))

const few = (otherwise: number) => fc.oneof(fc.constant(otherwise), fc.integer({ min: 0, max: 9 }))

const wantedRows: fc.Arbitrary<RowsWanted> = fc.record({
  from: fc.oneof(fc.constant(-(2n ** 63n)), bound),
  to: fc.oneof(fc.constant(2n ** 63n), bound),
  limit: few(everything.limit),
  offset: few(0),
  last: few(everything.last),
  isReverse: fc.boolean(),
})

/** Sources as a store would have them: sealed stretches first, joined ones compacted, the rest in chunks. */
function sourcesOf(rules: RowRules, stretches: readonly Stretch[]): Source[] {
  const head = new HeadSeries(rules)
  const runs: Source[] = []
  let before: { runs: Source[]; lsnFirst: bigint } | undefined
  let lsn = 1n << 40n
  for (const { calls, isSealed, joins } of stretches) {
    const lsnFirst = lsn
    head.freeze()
    for (const rows of calls) {
      appendTo(head, rows, lsn)
      lsn += BigInt(rows.length)
    }
    if (!isSealed) {
      before = undefined
      continue
    }
    const chunk = head.freeze().at(-1)!
    let made = sealed(rules, [chunk.view(rules)], [lsnFirst, lsn - 1n]).runs
    head.drop([chunk])
    let first = lsnFirst
    if (joins && before !== undefined) {
      first = before.lsnFirst
      for (const run of before.runs) runs.splice(runs.indexOf(run), 1)
      made = sealed(rules, [...before.runs, ...made], [first, lsn - 1n]).runs
    }
    runs.push(...made)
    before = { runs: made, lsnFirst: first }
  }
  return [...head.views(), ...runs]
}

function expectedRows(rows: readonly PlainRow[], wanted: RowsWanted): PlainRow[] {
  let chosen = rows.filter(({ time }) => time >= wanted.from && time < wanted.to)
  chosen = chosen.slice(Math.max(0, chosen.length - wanted.last))
  if (wanted.isReverse) chosen.reverse()
  return chosen.slice(wanted.offset).slice(0, wanted.limit)
}

function check(rule: Rule, stretches: readonly Stretch[], wanted: RowsWanted, batchRows: number) {
  const rules = wideRules(rule)
  const sources = { sources: sourcesOf(rules, stretches), rules }
  const arrived = stretches.flatMap(({ calls }) => calls.flat())
  const standing = standingRows(rules, arrived)
  const expected = expectedRows(standing, wanted).map((row) => rowOut(rules.specs, row))
  expect([...readRange(sources, rules.specs, wanted)]).toEqual(expected)
  const scanned: unknown[] = []
  for (const batch of scanBatches(sources, rules.specs, wanted, batchRows, undefined)) {
    expect(batch.rowCount).toBe(Math.min(batchRows, expected.length - scanned.length))
    scanned.push(...batch)
  }
  expect(scanned).toEqual(expected)
  const inRange = expectedRows(standing, { ...everything, from: wanted.from, to: wanted.to })
  expect(countRows(sources, wanted.from, wanted.to)).toBe(inRange.length)
  const before = standing.filter(({ time }) => time < wanted.to).slice(-1)
  expect([...readLast(sources, rules.specs, wanted.to)]).toEqual(
    before.map((row) => rowOut(rules.specs, row)),
  )
}

test('reads give the rows that stand, however they are spread over chunks and runs', () => {
  fc.assert(
    fc.property(
      anyRule,
      fc.array(stretch, { maxLength: 5 }),
      wantedRows,
      fc.integer({ min: 1, max: 9 }),
      check,
    ),
    { numRuns: 500 },
  )
})
