// Goal: rows survive being allocated, grown, copied, gathered and reversed, for every physical type; presence is told.
// Method: columns of random plain rows; every cell as text is compared with the row it came from.
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BugError, VarveError } from '#base'
import {
  absentCode,
  absentInt64,
  allocateColumn,
  codeMap,
  codeOf,
  copyRows,
  countPresent,
  fillAbsent,
  gatherRows,
  growColumn,
  isPresent,
  lookupOf,
  mapCodes,
  reserveBytes,
  reverseRows,
  rowCapacity,
  validityBits,
} from '#batch'
import type { ColumnData, Physical } from '#batch'
import type { ColumnSpec } from '#schema'
import { cellText, columnsOf, plainRow, wideRules } from '../query/bed.ts'

const { specs } = wideRules({ order: [], identity: [], duplicates: 'keep' })
const rowsArbitrary = fc.array(plainRow, { minLength: 1, maxLength: 30 })

function cells(data: ColumnData, from: number, end: number): string[] {
  return Array.from({ length: end - from }, (_, at) => cellText(data, from + at))
}

function emptyLike(spec: ColumnSpec, rowCount: number): ColumnData {
  const target = allocateColumn(spec.physical, rowCount, {
    optional: spec.optional,
    bytesExpected: 1,
    dictionary: ['zzz', 'sell'],
  })
  fillAbsent(target, 0, rowCount)
  return target
}

describe('moving rows', () => {
  test('copyRows puts a slice at a place', () => {
    fc.assert(
      fc.property(rowsArbitrary, fc.nat(), fc.nat(), fc.nat({ max: 5 }), (rows, a, b, at) => {
        const [from, end] = [a % rows.length, b % (rows.length + 1)].toSorted((x, y) => x - y)
        columnsOf(specs, rows).forEach((source, index) => {
          const target = emptyLike(specs[index]!, at + rows.length)
          copyRows(source, from!, end!, target, at)
          expect(cells(target, at, at + end! - from!)).toEqual(cells(source, from!, end!))
        })
      }),
      { numRuns: 60 },
    )
  })

  test('gatherRows takes rows in any order, any number of times', () => {
    const drawn = fc.tuple(rowsArbitrary, fc.array(fc.nat(), { maxLength: 40 }), fc.nat({ max: 5 }))
    fc.assert(
      fc.property(drawn, ([rows, picks, at]) => {
        const list = Uint32Array.from(picks, (pick) => pick % rows.length)
        const from = Math.min(2, list.length)
        columnsOf(specs, rows).forEach((source, index) => {
          const target = emptyLike(specs[index]!, at + list.length)
          gatherRows(source, list, from, list.length, target, at)
          const expected = [...list.subarray(from)].map((row) => cellText(source, row))
          expect(cells(target, at, at + list.length - from)).toEqual(expected)
        })
      }),
      { numRuns: 60 },
    )
  })

  test('reverseRows turns the first rows round and nothing else is lost', () => {
    fc.assert(
      fc.property(rowsArbitrary, fc.nat(), (rows, drawn) => {
        const count = drawn % (rows.length + 1)
        for (const data of columnsOf(specs, rows)) {
          const expected = cells(data, 0, count).toReversed()
          reverseRows(data, count)
          expect(cells(data, 0, count)).toEqual(expected)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('a NaN keeps its payload on every way', () => {
    const bits = BigUint64Array.of(0x7ff4000000000001n, 0xfff8000000000abcn, 0x8000000000000000n)
    const source: ColumnData = { physical: 'f64', values: new Float64Array(bits.buffer) }
    const copied = emptyLike({ ...specs[2]!, physical: 'f64' }, 3)
    const gathered = emptyLike({ ...specs[2]!, physical: 'f64' }, 3)
    copyRows(source, 0, 3, copied, 0)
    gatherRows(source, Uint32Array.of(2, 1, 0), 0, 3, gathered, 0)
    reverseRows(gathered, 3)
    growColumn(gathered, 3, 9)
    for (const data of [copied, gathered]) {
      if (data.physical !== 'f64') throw new Error('a double is one')
      expect(new BigUint64Array(data.values.buffer, 0, 3)).toEqual(bits)
    }
  })

  test('growColumn keeps the rows in use, in the same object', () => {
    fc.assert(
      fc.property(rowsArbitrary, (rows) => {
        for (const data of columnsOf(specs, rows)) {
          const expected = cells(data, 0, rows.length)
          growColumn(data, rows.length, rows.length + 7)
          expect(rowCapacity(data)).toBe(rows.length + 7)
          expect(cells(data, 0, rows.length)).toEqual(expected)
          fillAbsent(data, rows.length, rows.length + 7)
          expect(cells(data, 0, rows.length)).toEqual(expected)
        }
      }),
      { numRuns: 30 },
    )
  })

  test('columns of other types are refused', () => {
    const physicals: Physical[] = ['f64', 'i64', 'i32', 'u8', 'code', 'bytes']
    for (const physical of physicals) {
      const source = allocateColumn(physical, 2, { optional: false })
      const other = allocateColumn(physical === 'f64' ? 'i64' : 'f64', 2, { optional: false })
      expect(() => copyRows(source, 0, 1, other, 0)).toThrow('same physical type')
      expect(() => gatherRows(source, Uint32Array.of(0), 0, 1, other, 0)).toThrow(
        'same physical type',
      )
    }
  })

  test('rows of a required column are present in an optional one', () => {
    for (const physical of ['i32', 'u8', 'bytes'] as const) {
      const source = allocateColumn(physical, 2, { optional: false })
      const target = allocateColumn(physical, 4, { optional: true })
      fillAbsent(target, 0, 4)
      copyRows(source, 0, 2, target, 0)
      gatherRows(source, Uint32Array.of(1, 0), 0, 2, target, 2)
      expect(countPresent(target, 0, 4)).toBe(4)
    }
  })
})

describe('presence', () => {
  test('validityBits, countPresent and isPresent agree with the rows', () => {
    fc.assert(
      fc.property(rowsArbitrary, fc.nat(), (rows, drawn) => {
        const from = drawn % rows.length
        const columns = columnsOf(specs, rows)
        for (const spec of specs.filter(({ optional }) => optional)) {
          const data = columns[spec.index]!
          const present = rows.slice(from).map((row) => (row[spec.name] ?? null) !== null)
          const bits = validityBits(data, from, rows.length)
          const told = present.map((_, at) => (bits === undefined ? true : bitAt(bits, at)))
          expect(told).toEqual(present)
          expect(bits === undefined).toBe(present.every(Boolean))
          expect(countPresent(data, from, rows.length)).toBe(present.filter(Boolean).length)
          present.forEach((is, at) => expect(isPresent(data, from + at)).toBe(is))
        }
      }),
      { numRuns: 60 },
    )
  })

  function bitAt(bits: Uint8Array, row: number): boolean {
    return ((bits[row >> 3]! >> (row & 7)) & 1) === 1
  }

  test('the absent values are those of column-data.ts', () => {
    const absent = (physical: Physical): ColumnData => {
      const data = allocateColumn(physical, 1, { optional: true })
      fillAbsent(data, 0, 1)
      return data
    }
    expect(absent('f64')).toEqual({ physical: 'f64', values: Float64Array.of(Number.NaN) })
    expect(absent('i64')).toEqual({ physical: 'i64', values: BigInt64Array.of(absentInt64) })
    expect(absent('code')).toMatchObject({ values: Uint32Array.of(absentCode) })
    expect(absent('u8')).toMatchObject({ values: Uint8Array.of(0), present: Uint8Array.of(0) })
  })
})

describe('dictionaries', () => {
  test('codes are numbers of first use', () => {
    const dictionary: string[] = []
    expect(['b', 'a', 'b', 'é'].map((text) => codeOf(dictionary, text))).toEqual([0, 1, 0, 2])
    expect(dictionary).toEqual(['b', 'a', 'é'])
    expect(lookupOf(dictionary).get('é')).toBe(2)
  })

  test('mapCodes rewrites a stretch, adds what is new as it is needed, and finds a bad code', () => {
    const map = codeMap(['x', 'y', 'never'], ['y'])
    const values = Uint32Array.of(1, 0, 1, absentCode, 9)
    expect(mapCodes(values, 1, 4, map)).toBe(-1)
    expect([...values]).toEqual([1, 1, 0, absentCode, 9])
    expect(map.into).toEqual(['y', 'x'])
    expect(mapCodes(values, 4, 5, map)).toBe(4)
  })

  test('a source with a code outside its dictionary is a bug, not data', () => {
    const source: ColumnData = { physical: 'code', values: Uint32Array.of(3), dictionary: ['a'] }
    const target: ColumnData = { physical: 'code', values: new Uint32Array(1), dictionary: [] }
    let error: unknown
    try {
      copyRows(source, 0, 1, target, 0)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(Error)
    expect(error).not.toBeInstanceOf(VarveError)
  })
})

test('reserveBytes grows only where it must and keeps what is used', () => {
  const data = allocateColumn('bytes', 1, { optional: false, bytesExpected: 4 })
  if (data.physical !== 'bytes') throw new Error('bytes are bytes')
  const before = data.bytes
  before.set([1, 2, 3])
  reserveBytes(data, 3, 1)
  expect(data.bytes).toBe(before)
  reserveBytes(data, 3, 2)
  expect(data.bytes.length).toBeGreaterThanOrEqual(64)
  expect([...data.bytes.subarray(0, 3)]).toEqual([1, 2, 3])
})

test('an unknown physical type is a bug', () => {
  const odd: ColumnData = Object.create({ physical: 'other', order: [] })
  const time = allocateColumn('i64', 2, { optional: false })
  const rows = Uint32Array.of(0)
  const calls = [
    () => allocateColumn(odd.physical, 1, { optional: false }),
    () => growColumn(odd, 0, 1),
    () => fillAbsent(odd, 0, 1),
    () => copyRows(odd, 0, 1, odd, 0),
    () => gatherRows(odd, rows, 0, 1, odd, 0),
    () => reverseRows(odd, 1),
    () => isPresent(odd, 0),
    () => validityBits(odd, 0, 1),
  ]
  for (const call of calls) expect(call).toThrow(BugError)
  expect(rowCapacity(time)).toBe(2)
})
