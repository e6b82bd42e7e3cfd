// Goal: the head reads as if its rows were sorted and merged one by one, at every moment, and a view that was taken
// stays as it was.
// Method: random calls; after each the views are compared with the naive oracle; old views are read again at the end.
// Columns begin full of a pattern: a value that nobody wrote shows.
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { limits } from '#base'
import { allocateColumn } from '#batch'
import type { ColumnData } from '#batch'
import { Chunk, HeadSeries, rulesOf } from '#head'
import type { ChunkView, RowRules } from '#head'
import { rowValues } from '#query'
import { column, extendKind, storeKind } from '#schema'
import type { ColumnSpec } from '#schema'
import {
  anyRule,
  appendTo,
  plainRow,
  rowOut,
  standingRows,
  wideKind,
  wideRules,
} from '../query/bed.ts'
import type { PlainRow, Rule } from '../query/bed.ts'
import { patternedMemory } from '../support/bare.ts'

let zeroedAgain: () => void
beforeAll(() => {
  zeroedAgain = patternedMemory(0)
})
afterAll(() => zeroedAgain())

function readView(view: ChunkView, specs: readonly ColumnSpec[], from = 0, end = view.rowCount) {
  const columns = new Map<number, ColumnData>()
  for (const spec of specs) {
    const { optional, physical, id } = spec
    const target = allocateColumn(physical, end - from, { optional, bytesExpected: 0 })
    view.read([spec], from, end, [target], 0)
    columns.set(id, target)
  }
  return Array.from({ length: end - from }, (_, row) =>
    rowValues(specs, ({ id }) => columns.get(id), row),
  )
}

const callsArbitrary = fc.array(fc.array(plainRow, { minLength: 1, maxLength: 12 }), {
  minLength: 1,
  maxLength: 6,
})

/** Half of the runs arrive in order of time, as feeds do. */
function arranged(calls: readonly PlainRow[][], isSorted: boolean): PlainRow[][] {
  if (!isSorted) return [...calls]
  const rows = calls.flat().toSorted((a, b) => Number(a.time - b.time))
  return calls.map((call) => rows.splice(0, call.length))
}

test('views are the rows that stand, and stay as they were', () => {
  fc.assert(
    fc.property(
      anyRule,
      callsArbitrary,
      fc.boolean(),
      fc.boolean(),
      (rule, drawn, sorted, gaps) => {
        const rules = wideRules(rule)
        const head = new HeadSeries(rules)
        const arrived: PlainRow[] = []
        const taken: { view: ChunkView; expected: unknown[] }[] = []
        let lsn = 1n << 40n
        for (const rows of arranged(drawn, sorted)) {
          appendTo(head, rows, lsn)
          lsn += BigInt(rows.length + (gaps ? 3 : 0))
          arrived.push(...rows)
          const [view] = head.views()
          const expected = standingRows(rules, arrived).map((row) => rowOut(rules.specs, row))
          taken.push({ view: view!, expected })
          expect(readView(view!, rules.specs)).toEqual(expected)
        }
        for (const { view, expected } of taken) {
          expect(readView(view, rules.specs)).toEqual(expected)
          const from = expected.length >> 1
          expect(readView(view, rules.specs, from)).toEqual(expected.slice(from))
        }
        expect(head.rowCount).toBe(arrived.length)
      },
    ),
    { numRuns: 200 },
  )
})

test('bounds and searches of a view are those of its rows', () => {
  fc.assert(
    fc.property(anyRule, callsArbitrary, fc.boolean(), (rule, drawn, isSorted) => {
      const rules = wideRules(rule)
      const head = new HeadSeries(rules)
      let lsn = 1n << 40n
      for (const rows of arranged(drawn, isSorted)) {
        appendTo(head, rows, lsn)
        lsn += BigInt(rows.length)
      }
      const view = head.views()[0]!
      const times = standingRows(rules, arranged(drawn, isSorted).flat()).map(({ time }) => time)
      expect(view).toMatchObject({ lsnFirst: 1n << 40n, lsnLast: lsn - 1n })
      expect([view.timeMin, view.timeMax]).toEqual([times[0], times.at(-1)])
      times.forEach((time, row) => expect(view.timeAt(row)).toBe(time))
      for (const time of [-(2n ** 63n), ...times, ...times.map((t) => t + 1n), 2n ** 63n - 1n]) {
        const expected = times.findIndex((candidate) => candidate >= time)
        expect(view.lowerBound(time)).toBe(expected < 0 ? times.length : expected)
      }
    }),
    { numRuns: 100 },
  )
})

const keep: Rule = { order: [], identity: [], duplicates: 'keep' }
const base = { time: 0n, real: 0, cents: 0, whole: 0n, small: 0, byte: 0 }
const rowAt = (time: bigint, more: Record<string, unknown> = {}): PlainRow =>
  ({ ...base, ...more, time }) as PlainRow

describe('chunks', () => {
  test('an order column that no row had is absent, not 0', () => {
    const rules = wideRules({ order: ['smallMaybe'], identity: [], duplicates: 'keep' })
    const head = new HeadSeries(rules)
    appendTo(head, [rowAt(1n), rowAt(1n)], 1n)
    appendTo(head, [rowAt(1n)], 3n)
    const rows = readView(head.views()[0]!, rules.specs)
    expect(rows.map((row) => row['smallMaybe'])).toEqual([null, null, null])
  })

  test('a column that a later part of a call brings is absent in the earlier parts', () => {
    const rules = wideRules(keep)
    const chunk = new Chunk(4)
    const spec = rules.specs.find(({ name }) => name === 'flagMaybe')!
    chunk.reserve(2)
    const target = chunk.column(spec)
    if (target.physical !== 'u8') throw new Error('a flag is u8')
    target.values[1] = 1
    target.present![1] = 1
    chunk.commit(2, 1n, rules)
    const rows = readView(chunk.view(rules), [spec])
    expect(rows).toEqual([{ flagMaybe: null }, { flagMaybe: true }])
  })

  test('rows that are cleared are absent; clearing what is not there is fine', () => {
    const rules = wideRules(keep)
    const head = new HeadSeries(rules)
    const chunk = appendTo(head, [rowAt(1n, { textMaybe: 'a' }), rowAt(2n)], 1n)
    const text = rules.specs.find(({ name }) => name === 'textMaybe')!
    const flag = rules.specs.find(({ name }) => name === 'flagMaybe')!
    chunk.clear(flag, 0, 2)
    chunk.clear(text, 0, 2)
    expect(readView(chunk.view(rules), [text, flag])).toEqual([
      { textMaybe: null, flagMaybe: null },
      { textMaybe: null, flagMaybe: null },
    ])
    expect(chunk.bytes).toBeGreaterThan(0)
    expect(head.bytes).toBe(chunk.bytes)
  })

  test('a chunk grows, keeps its rows, and ends at a block', () => {
    const rules = wideRules(keep)
    const head = new HeadSeries(rules)
    let lsn = 1n
    for (const count of [3, 40, 1000, limits.blockRowsMax - 1043]) {
      const rows = Array.from({ length: count }, (_, at) => rowAt(lsn + BigInt(at)))
      appendTo(head, rows, lsn)
      lsn += BigInt(count)
    }
    expect(head.chunks.map(({ rowCount }) => rowCount)).toEqual([limits.blockRowsMax])
    expect(head.chunks[0]!.isStrict).toBe(true)
    appendTo(head, [rowAt(0n)], lsn)
    expect(head.chunks.map(({ rowCount }) => rowCount)).toEqual([limits.blockRowsMax, 1])
    expect(head.views().map(({ timeMin, timeMax }) => [timeMin, timeMax])).toEqual([
      [1n, BigInt(limits.blockRowsMax)],
      [0n, 0n],
    ])
  })

  test('an empty chunk has an empty view', () => {
    const view = new Chunk(1).view(wideRules(keep))
    expect(view).toMatchObject({ rowCount: 0, timeMin: 0n, timeMax: 0n })
    expect(view.lowerBound(5n)).toBe(0)
  })
})

describe('head series', () => {
  test('freezing starts a new chunk; dropping takes the old one away; adopting shares it', () => {
    const rules = wideRules(keep)
    const head = new HeadSeries(rules)
    expect(head.freeze()).toEqual([])
    appendTo(head, [rowAt(1n), rowAt(2n)], 1n)
    const frozen = head.freeze()
    const other = new HeadSeries(rules)
    other.adopt(frozen)
    appendTo(head, [rowAt(3n)], 3n)
    expect(head.rowCount).toBe(3)
    expect(head.views().map(({ rowCount }) => rowCount)).toEqual([2, 1])
    head.drop(frozen)
    expect([head.rowCount, head.chunks.length]).toEqual([1, 1])
    head.drop(head.freeze())
    expect([head.rowCount, head.chunks.length, head.bytes]).toEqual([0, 0, 0])
    appendTo(head, [rowAt(4n)], 4n)
    expect(head.views()[0]!.timeMin).toBe(4n)
    expect([other.rowCount, other.views()[0]!.rowCount]).toEqual([2, 2])
    appendTo(other, [rowAt(9n)], 9n)
    expect(frozen[0]!.rowCount).toBe(2)
  })

  test('a reserved chunk that got no rows is forgotten', () => {
    const head = new HeadSeries(wideRules(keep))
    head.reserve(5)
    expect(head.views()).toEqual([])
    expect(head.freeze()).toEqual([])
  })

  test('a kind may grow while rows are there', () => {
    const kind = wideKind({ order: [], identity: ['symbolMaybe'], duplicates: 'last' })
    const stored = storeKind(kind, 1, 1)
    const head = new HeadSeries(rulesOf(stored, 'day'))
    const a = { symbolMaybe: 'a' }
    appendTo(head, [rowAt(1n, a)], 1n)
    const before = head.views()[0]!
    const wider = { ...kind, columns: { ...kind.columns, note: column.text().optional() } }
    const extended: RowRules = rulesOf(extendKind(stored, wider, ['note'], 2), 'day')
    head.extend(extended)
    appendTo(head, [rowAt(1n, { ...a, note: 'late' }), rowAt(1n)], 2n)
    const note = extended.specs.at(-1)!
    expect(note.name).toBe('note')
    expect(readView(before, [note])).toEqual([{ note: null }])
    expect(readView(head.views()[0]!, [note])).toEqual([{ note: 'late' }, { note: null }])
    const place = allocateColumn('i64', 2, { optional: false })
    head.views()[0]!.read([extended.place!], 0, 2, [place], 0)
    expect(place).toMatchObject({ values: BigInt64Array.of(1n, 3n) })
    const ids = head.storedSpecs.map(({ id }) => id)
    expect(ids).toEqual(ids.toSorted((x, y) => x - y))
    expect(ids.slice(0, 4)).toEqual([0, 1, 2, 16])
  })
})
