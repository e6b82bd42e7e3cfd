// Goal: chunks whose memory was used before, and is not zeroed, read as chunks of fresh memory do; and a thread sees the
// same rows without their memory being moved or copied.
// Method: random calls, each with some of the columns, filled as replay fills them, into a head with such memory, full of
// a pattern, and into one without; then the chunks are given back and it is done again.
import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { allocateColumn, copyRows } from '#batch'
import type { ColumnData } from '#batch'
import { ChunkMemory, HeadSeries } from '#head'
import type { ChunkView } from '#head'
import { loadKernels } from '#kernel'
import type { ColumnSpec } from '#schema'
import { plansOf, writeJobOf } from '../../src/compact/plain-plan.ts'
import { wideRules } from '../query/bed.ts'

beforeAll(() => loadKernels())

const rules = wideRules({ order: [], identity: [], duplicates: 'keep' })
const optional = rules.specs.filter((spec) => spec.optional).map(({ id }) => id)

interface Call {
  readonly rows: number
  readonly seed: number
  readonly absent: readonly number[]
}

const anyCall: fc.Arbitrary<Call> = fc.record({
  rows: fc.integer({ min: 1, max: 9000 }),
  seed: fc.integer({ min: 0, max: 1000 }),
  absent: fc.subarray(optional),
})

/** Rows of one call as columns. */
function columnsOf({ rows, seed, absent }: Call, timeFirst: bigint): Map<number, ColumnData> {
  const columns = new Map<number, ColumnData>()
  for (const { id, physical, optional: isOptional } of rules.specs) {
    if (absent.includes(id)) continue
    const column = allocateColumn(physical, rows, { optional: isOptional })
    if (column.physical === 'code') column.dictionary.push('a', 'b')
    for (let row = 0; row < rows; row += 1) {
      if (column.physical === 'i64') column.values[row] = timeFirst + BigInt(row)
      else if (column.physical === 'bytes') column.offsets[row + 1] = 0
      else column.values[row] = (row + seed) % 2
    }
    columns.set(id, column)
  }
  return columns
}

function fill(head: HeadSeries, call: Call, lsn: bigint): void {
  const columns = columnsOf(call, lsn)
  const filling = head.reserve(call.rows)
  const { chunk, at } = filling
  for (const spec of rules.specs) {
    const column = columns.get(spec.id)
    if (column === undefined) chunk.clear(spec, at, at + call.rows)
    else copyRows(column, 0, call.rows, chunk.column(spec, at), at)
  }
  head.commit(filling, call.rows, lsn)
}

function read(view: ChunkView, specs: readonly ColumnSpec[]): unknown[] {
  return specs.map((spec) => {
    const { rowCount } = view
    const target = allocateColumn(spec.physical, rowCount, { optional: spec.optional })
    view.read([spec], 0, rowCount, [target], 0)
    return target.physical === 'bytes' ? target.offsets : target
  })
}

/** Of long arrays a matcher would make a list first. */
function expectSame(actual: unknown, expected: unknown): void {
  expect(isDeepStrictEqual(actual, expected)).toBe(true)
}

const rowsOf = (head: HeadSeries): unknown[] => head.views().map((view) => read(view, rules.specs))

const isShared = (column: ColumnData): boolean =>
  column.physical !== 'bytes' && column.values.buffer instanceof SharedArrayBuffer

let sharedCount = 0

/** To a thread: as the rows' writer does. */
function sendToThread(head: HeadSeries): void {
  const views = head.views()
  const run = { partition: 0n, lsnFirst: 1n, lsnLast: 1n, sources: { sources: views, rules } }
  const series = {
    seriesId: 1,
    key: { kind: 'wide', symbol: 'A', timeframe: undefined },
    specs: rules.specs,
    rules,
    rowsMax: head.rowCount,
    runs: [run],
  }
  const target = { storeId: new Uint8Array(16), level: 'medium', syncStepBytes: 1 << 21 } as const
  const output = { fileKind: 'segment', fileNumber: 1, draft: 'draft' } as const
  const before = views.map((view) => read(view, rules.specs))
  const { job, moved } = writeJobOf(target, [{ output, series: [series] }])
  const there = structuredClone(job, { transfer: moved })
  const [plan] = plansOf(there)[0]!.series
  const sources = plan!.runs[0]!.sources.sources as ChunkView[]
  expectSame(
    sources.map((source) => read(source, rules.specs)),
    before,
  )
  const columns = there.files.flatMap((file) => file.series.flatMap(({ sources: each }) => each))
  const shared = columns.flatMap((each) => each.columns).filter(isShared)
  const held = head.chunks.flatMap((chunk) =>
    chunk.columns.filter((each) => each && isShared(each)),
  )
  expect(shared).toHaveLength(held.length)
  sharedCount += shared.length
  expect(moved.every(({ byteLength }) => byteLength === 0)).toBe(true)
  expectSame(rowsOf(head), before)
}

test('used memory shows nothing of what it held, and threads share it', () => {
  fc.assert(
    fc.property(fc.array(anyCall, { minLength: 1, maxLength: 3 }), fc.boolean(), (calls, sends) => {
      const memory = new ChunkMemory()
      for (let round = 0; round < 2; round += 1) {
        const fresh = new HeadSeries(rules)
        const again = new HeadSeries(rules, memory)
        let lsn = 1n
        for (const call of calls) {
          fill(fresh, call, lsn)
          fill(again, call, lsn)
          lsn += BigInt(call.rows)
        }
        expectSame(rowsOf(again), rowsOf(fresh))
        if (sends) sendToThread(again)
        for (const { columns } of again.chunks) {
          for (const column of columns) {
            if (column?.physical === 'f64') column.values.fill(12345.5)
            if (column?.physical === 'i64') column.values.fill(-77n)
            if (column?.physical === 'code') column.values.fill(7)
          }
          memory.giveBack(columns)
        }
      }
    }),
    { numRuns: 6, examples: [[[{ rows: 9000, seed: 1, absent: [] }], true]] },
  )
  expect(sharedCount).toBeGreaterThan(0)
})
