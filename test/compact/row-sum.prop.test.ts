// Goal: the sum of rows tells sets of rows apart and nothing else. Method: random rows of all
// column types; shuffled, cut into pieces and encoded with other dictionaries the sum stays; with
// any one value changed, and with any row lost or doubled, it does not.
import * as fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { RowSum } from '#compact'
import { loadKernels } from '#kernel'
import { column, defineKind } from '#schema'
import { columnsOf, partition, seriesOf } from './bed.ts'
import type { Rows } from './bed.ts'

beforeAll(() => loadKernels())

const kind = defineKind('all', {
  columns: {
    a: column.f64(),
    b: column.f64().optional(),
    c: column.i32().optional(),
    d: column.symbol().optional(),
    e: column.text().optional(),
    f: column.bool(),
    g: column.i64().optional(),
  },
})
const series = seriesOf(kind)

const row = fc.record({
  time: fc.bigInt(0n, 10n).map((ns) => partition + ns),
  a: fc.constantFrom(0, -0, 1, 2.5, Number.NaN, Infinity),
  b: fc.constantFrom(null, 0, -0, 1),
  c: fc.constantFrom(null, 0, 1, -1),
  d: fc.constantFrom(null, 'x', 'y', ''),
  e: fc.constantFrom(null, '', 'x', 'xy', 'yx'),
  f: fc.boolean(),
  g: fc.constantFrom(null, 0n, 1n, 1n << 32n),
})

function digest(rows: Rows): string {
  return digestInBlocks(rows, Math.max(1, rows.length))
}

/** Each block with dictionaries of its own. */
function digestInBlocks(rows: Rows, blockRows: number): string {
  const sum = new RowSum(series.specs)
  for (let from = 0; from < rows.length; from += blockRows) {
    const block = rows.slice(from, from + blockRows)
    sum.add(columnsOf(series, block), block.length)
  }
  return sum.digest()
}

const rowsArbitrary = fc.array(row, { minLength: 1, maxLength: 20 })

test('order and cuts do not matter', () => {
  fc.assert(
    fc.property(
      rowsArbitrary,
      fc.integer({ min: 1, max: 7 }),
      fc.infiniteStream(fc.nat()),
      (rows, blockRows, numbers) => {
        const keyed = rows.map((each) => ({ each, key: numbers.next().value as number }))
        const shuffled = keyed.toSorted((a, b) => a.key - b.key).map(({ each }) => each)
        expect(digest(shuffled)).toBe(digest(rows))
        expect(digestInBlocks(rows, blockRows)).toBe(digest(rows))
      },
    ),
    { numRuns: 200 },
  )
})

test('one value, one row more or less does', () => {
  const text = (each: object): string =>
    Object.values(each)
      .map((value) => (Object.is(value, -0) ? '-0' : String(value)))
      .join('|')
  fc.assert(
    fc.property(rowsArbitrary, row, fc.nat(), (rows, other, at) => {
      const index = at % rows.length
      const before = digest(rows)
      expect(digest([...rows, rows[index]!])).not.toBe(before)
      expect(digest(rows.filter((_, each) => each !== index))).not.toBe(before)
      if (text(other) === text(rows[index]!)) return
      expect(digest(rows.with(index, other))).not.toBe(before)
    }),
    { numRuns: 300 },
  )
})
