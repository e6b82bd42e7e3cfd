// Goal: what is asked of a range is understood or refused; plans read no more than they must, and big merges are cut.
// Method: known questions; sources that count what is read of them.
import { beforeAll, describe, expect, test } from 'vitest'
import { fillAbsent } from '#batch'
import type { RowSource } from '#batch'
import { HeadSeries } from '#head'
import { loadKernels } from '#kernel'
import {
  countRows,
  inTurns,
  planRows,
  readRange,
  resolveBatchRows,
  resolveQuery,
  scanBatches,
} from '#query'
import type { RangeQuery, SeriesSources } from '#query'
import type { ColumnSpec } from '#schema'
import { ManualClock, ManualScheduler } from '../support/manual-env.ts'
import { appendTo, everything, headOf, wideRules } from './bed.ts'
import type { PlainRow, Rule } from './bed.ts'

beforeAll(loadKernels)

const keep: Rule = { order: [], identity: [], duplicates: 'keep' }
const byTime: Rule = { order: [], identity: ['time'], duplicates: 'last' }
const whole = { ...everything, from: -(2n ** 63n), to: 2n ** 63n }
const rowAt = (time: bigint, small = 0): PlainRow =>
  ({ time, real: 0, cents: 0, whole: 0n, small, byte: 0 }) as PlainRow

function rowsFrom(from: number, count: number, step = 1): PlainRow[] {
  return Array.from({ length: count }, (_, at) => rowAt(BigInt(from + at * step)))
}

/** A source that counts the cells and the searches asked of it. */
function counted(source: RowSource<ColumnSpec>) {
  const used = { cells: 0, searches: 0 }
  const counting: RowSource<ColumnSpec> = {
    rowCount: source.rowCount,
    timeMin: source.timeMin,
    timeMax: source.timeMax,
    lsnFirst: source.lsnFirst,
    lowerBound(time) {
      used.searches += 1
      return source.lowerBound(time)
    },
    read(specs, from, end, targets, at) {
      used.cells += specs.length * (end - from)
      source.read(specs, from, end, targets, at)
    },
  }
  return { source: counting, used }
}

describe('questions', () => {
  test('have defaults', () => {
    expect(resolveQuery({})).toEqual(whole)
    expect(
      resolveQuery({ from: 1n, to: 0.000002, limit: 3, offset: 0, last: 5, reverse: true }),
    ).toEqual({ from: 1n, to: 2n, limit: 3, offset: 0, last: 5, isReverse: true })
    expect([resolveBatchRows(undefined), resolveBatchRows(1)]).toEqual([16_384, 1])
  })

  test.each<RangeQuery>([
    { limit: -1 },
    { limit: 1.5 },
    { offset: Number.NaN },
    { last: JSON.parse('"3"') },
    { last: 2 ** 53 },
    { from: 'yesterday' },
    { to: 2n ** 63n },
  ])('%o is refused', (query) => {
    expect(() => resolveQuery(query)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }))
  })

  test.each([0, -1, 2 ** 25, 1.5])('batches of %s rows are refused', (rows) => {
    expect(() => resolveBatchRows(rows)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }))
  })
})

describe('plans', () => {
  const views = (rule: Rule, ...lists: PlainRow[][]): SeriesSources => {
    const rules = wideRules(rule)
    let lsn = 1n
    const sources = lists.map((rows) => {
      const [view] = headOf(rules, rows, lsn).views()
      lsn += BigInt(rows.length)
      return view!
    })
    return { sources, rules }
  }
  const kinds = ({ sources, rules }: SeriesSources): string[] =>
    planRows(sources, rules, whole.from, whole.to).map(({ kind }) => kind)

  test('sources that follow each other are read as they stand', () => {
    expect(kinds(views(byTime, rowsFrom(0, 5), rowsFrom(5, 5)))).toEqual(['slice', 'slice'])
    expect(kinds(views(keep, rowsFrom(0, 5), rowsFrom(4, 5)))).toEqual(['slice', 'slice'])
  })

  test('sources that touch are merged where more than arrival ranks rows', () => {
    expect(kinds(views(byTime, rowsFrom(0, 5), rowsFrom(4, 5)))).toContain('merge')
    expect(kinds(views(keep, rowsFrom(4, 5), rowsFrom(0, 5)))).toContain('merge')
    expect(kinds(views({ ...keep, order: ['small'] }, rowsFrom(0, 5), rowsFrom(4, 5)))).toContain(
      'merge',
    )
  })

  test('only what overlaps is merged, and what is not asked for is not read', () => {
    const { sources, rules } = views(byTime, rowsFrom(0, 1000), rowsFrom(500, 3))
    const [a, b] = sources.map(counted)
    const both = { sources: [a!.source, b!.source], rules }
    expect(kinds(both)).toEqual(['slice', 'merge', 'slice'])
    expect(countRows(both, whole.from, whole.to)).toBe(1000)
    // Times of the stretch that overlaps, of either source.
    expect(a!.used.cells + b!.used.cells).toBe(6)
    expect(countRows(both, 5n, 5n)).toBe(0)
    const narrow = { ...whole, from: 10n, to: 20n }
    a!.used.cells = 0
    expect(readRange(both, rules.specs.slice(0, 1), narrow).rowCount).toBe(10)
    expect([a!.used.cells, b!.used.cells]).toEqual([10, 3])
  })

  test('a merge of many rows is cut, and the newest rows need one cut only', () => {
    const rules = wideRules(byTime)
    const sources = [
      timesOnly((row) => BigInt(row * 2), 100_000, 1n),
      timesOnly((row) => BigInt(row * 2 + (row % 2)), 100_000, 1n << 20n),
      timesOnly((row) => BigInt(200_000 + row), 7, 1n << 21n),
    ]
    const all = sources.map(counted)
    const many = { sources: all.map(({ source }) => source), rules }
    expect(kinds(many)).toEqual(['merge', 'merge', 'slice', 'slice'])
    expect(countRows(many, whole.from, whole.to)).toBe(150_007)
    for (const { used } of all) used.cells = 0
    const last = readRange(many, rules.specs.slice(0, 1), { ...whole, last: 3 })
    expect([...last.columns.time]).toEqual([200_004n, 200_005n, 200_006n])
    // One more for the time at which the merge would be cut.
    expect(all.map(({ used }) => used.cells)).toEqual([1, 0, 3])
  })

  function timesOnly(
    timeOf: (row: number) => bigint,
    rowCount: number,
    lsnFirst: bigint,
  ): RowSource<ColumnSpec> {
    const values = BigInt64Array.from({ length: rowCount }, (_, row) => timeOf(row))
    return {
      rowCount,
      timeMin: values[0]!,
      timeMax: values.at(-1)!,
      lsnFirst,
      lowerBound(time) {
        const row = values.findIndex((value) => value >= time)
        return row < 0 ? rowCount : row
      },
      read(specs, from, end, targets, at) {
        for (const [index, target] of targets.entries()) {
          if (specs[index]!.id === 0 && target.physical === 'i64') {
            target.values.set(values.subarray(from, end), at)
          } else fillAbsent(target, at, at + end - from)
        }
      },
    }
  }
})

describe('scans', () => {
  const rules = wideRules(keep)
  const sources: SeriesSources = { sources: headOf(rules, rowsFrom(0, 10), 1n).views(), rules }

  test('use their arrays again', () => {
    const seen: { rows: number; buffer: unknown }[] = []
    for (const batch of scanBatches(sources, rules.specs, whole, 4, undefined)) {
      const { time } = batch.columns
      seen.push({ rows: batch.rowCount, buffer: time.buffer })
    }
    expect(seen.map(({ rows }) => rows)).toEqual([4, 4, 2])
    expect(new Set(seen.map(({ buffer }) => buffer)).size).toBe(1)
  })

  test('stop where they are told to', () => {
    const stop = new AbortController()
    const batches = scanBatches(sources, rules.specs, whole, 4, stop.signal)
    expect(batches.next().value?.rowCount).toBe(4)
    stop.abort(new Error('enough'))
    expect(() => batches.next()).toThrow('enough')
  })

  test('a scan of nothing gives no batch', () => {
    expect([...scanBatches({ sources: [], rules }, rules.specs, whole, 4, undefined)]).toEqual([])
    const none = { ...whole, limit: 0 }
    expect([...scanBatches(sources, rules.specs, none, 4, undefined)]).toEqual([])
  })

  test('inTurns gives a turn between batches', async () => {
    const scheduler = new ManualScheduler(new ManualClock())
    const turns = inTurns([1, 2], scheduler)
    expect((await turns.next()).value).toBe(1)
    let isDone = false
    const second = turns.next().then(({ value }) => {
      isDone = true
      return value
    })
    await Promise.resolve()
    expect([isDone, scheduler.pending]).toEqual([false, 1])
    scheduler.run()
    expect(await second).toBe(2)
  })
})

test('late rows that replace one of another partition do not: identity holds within a partition', () => {
  const rules = wideRules({ order: [], identity: ['small'], duplicates: 'last' })
  const day = 86_400_000_000_000n
  const head = new HeadSeries(rules)
  appendTo(head, [rowAt(1n, 5), rowAt(day, 5)], 1n)
  head.freeze()
  appendTo(head, [rowAt(3n, 5), rowAt(day + 9n, 6)], 3n)
  const sources = { sources: head.views(), rules }
  const times = (from: bigint, to: bigint): bigint[] => {
    const batch = readRange(sources, rules.specs, { ...whole, from, to })
    return [...batch.columns.time]
  }
  expect(times(whole.from, whole.to)).toEqual([3n, day, day + 9n])
  expect(times(0n, 2n)).toEqual([])
  expect(times(2n, day)).toEqual([3n])
  expect(countRows(sources, 0n, day)).toBe(1)
})
