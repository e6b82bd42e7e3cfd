// Goal: a batch is what its users were promised: columns, presence, times, scaled values, rows; a column that was read
// can be appended as it is. Method: one row of every type, absent and present; known values.
import * as fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { absentCode, absentInt64, allocateColumn } from '#batch'
import { HeadSeries } from '#head'
import { loadKernels } from '#kernel'
import { RowBatch, chooseSpecs, handleSpecs, readRange, unknownColumn } from '#query'
import { fillColumn, int64Max, int64Min, isoOf, parseTime } from '#schema'
import type { SymbolColumn, ValueColumn } from '#schema'
import { appendTo, cellText, everything, plainRow, rowOut, wideKind, wideRules } from './bed.ts'
import type { PlainRow } from './bed.ts'

beforeAll(loadKernels)

const keep = { order: [], identity: [], duplicates: 'keep' } as const
const rules = wideRules(keep)
const whole = { ...everything, from: int64Min, to: int64Max + 1n }

const first = {
  time: 5n,
  received: 9n,
  real: -0,
  realMaybe: 2.5,
  cents: 1.25,
  centsMaybe: -3,
  whole: absentInt64,
  wholeMaybe: 7n,
  small: -1,
  smallMaybe: 0,
  byte: 255,
  flagMaybe: false,
  symbolMaybe: 'buy',
  textMaybe: '',
  jsonMaybe: '{"a":[1]}',
  clockMaybe: 0n,
} as PlainRow
const second = { time: 6n, real: 1, cents: 0, whole: 1n, small: 2, byte: 3 } as PlainRow

function batchOf(rows: readonly PlainRow[], isReverse = false): RowBatch {
  const head = new HeadSeries(rules)
  appendTo(head, rows, 1n)
  return readRange({ sources: head.views(), rules }, rules.specs, { ...whole, isReverse })
}

type Any = Record<string, unknown>
const columnsOf = (batch: RowBatch): Any => Object.fromEntries(Object.entries(batch.columns))

describe('columns', () => {
  const columns = columnsOf(batchOf([first, second]))

  test('numbers are typed arrays, absent ones the values that are promised', () => {
    expect(columns['time']).toEqual(BigInt64Array.of(5n, 6n))
    expect(columns['received']).toEqual(BigInt64Array.of(9n, absentInt64))
    expect(columns['real']).toEqual(Float64Array.of(-0, 1))
    expect(columns['realMaybe']).toEqual(Float64Array.of(2.5, Number.NaN))
    expect(columns['cents']).toEqual(Float64Array.of(1.25, 0))
    expect(columns['centsMaybe']).toEqual(Float64Array.of(-3, Number.NaN))
    expect(columns['smallMaybe']).toEqual(Int32Array.of(0, 0))
    expect(columns['flagMaybe']).toEqual(Uint8Array.of(0, 0))
  })

  test('symbols have codes and strings', () => {
    const symbols = columns['symbolMaybe'] as SymbolColumn<string, true>
    expect(symbols.codes).toEqual(Uint32Array.of(0, absentCode))
    expect([...symbols, symbols.dictionary, symbols.length]).toEqual(['buy', null, ['buy'], 2])
    for (const index of [-1, 2, 0.5]) {
      expect(() => symbols.at(index)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }))
    }
  })

  test('texts and json are made when asked for', () => {
    const texts = columns['textMaybe'] as ValueColumn<string | null>
    expect([...texts]).toEqual(['', null])
    expect([...(columns['jsonMaybe'] as ValueColumn<unknown>)]).toEqual([{ a: [1] }, null])
    expect(() => texts.at(2)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }))
  })
})

describe('rows', () => {
  test('row() and iteration give every column by its type', () => {
    const batch = batchOf([first, second])
    const expected = [first, second].map((row) => rowOut(rules.specs, row))
    expect([...batch]).toEqual(expected)
    expect([batch.row(0), batch.row(1)]).toEqual(expected)
    expect([...batchOf([first, second], true)]).toEqual(expected.toReversed())
    for (const index of [-1, 2, 0.5, Number.NaN]) {
      expect(() => batch.row(index)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }))
    }
  })

  test('a column that is not there reads as absent in rows', () => {
    const batch = batchOf([second])
    expect(batch.row(0)).toMatchObject({ realMaybe: Number.NaN, symbolMaybe: null, received: null })
  })
})

describe('valid', () => {
  test('one bit a row for optional columns, nothing where all are present', () => {
    const batch = batchOf([first, second])
    for (const { name, optional } of rules.specs) {
      expect(batch.valid(name)).toEqual(optional ? Uint8Array.of(1) : undefined)
    }
    expect(batchOf([first]).valid('smallMaybe')).toBeUndefined()
    expect(batchOf([second]).valid('received')).toEqual(Uint8Array.of(0))
  })

  test('a column that the batch does not have is refused', () => {
    expect(() => batchOf([first]).valid('nothing')).toThrow(
      expect.objectContaining({ code: 'ERR_SCHEMA', details: { column: 'nothing' } }),
    )
  })
})

describe('times', () => {
  const at = (...times: bigint[]) => batchOf(times.map((time) => ({ ...second, time }) as PlainRow))
  const open = parseTime('2024-03-15T13:30:00.123456789Z')

  test('nanoseconds since the first UTC day, or since an origin', () => {
    const batch = at(open, open + 1n)
    const day = parseTime('2024-03-15T00:00:00Z')
    expect([...batch.times()]).toEqual([Number(open - day), Number(open + 1n - day)])
    expect([...batch.times('ns', open)]).toEqual([0, 1])
    expect([...batch.times('ns', isoOf(open + 3n))]).toEqual([-3, -2])
    expect(at().times()).toEqual(new Float64Array(0))
  })

  test('are exact over 104 days, to either side', () => {
    const span = 2n ** 53n
    const times = fc.bigInt({ min: -span, max: span })
    const origins = fc.bigInt({ min: int64Min + span, max: int64Max - span })
    fc.assert(
      fc.property(times, origins, (distance, origin) => {
        expect([...at(origin + distance).times('ns', origin)]).toEqual([Number(distance)])
      }),
      { numRuns: 50 },
    )
  })

  test('milliseconds: whole ones exact, the rest a fraction', () => {
    expect([...at(open).times('ms')]).toEqual([1_710_509_400_123 + 456_789 / 1e6])
    const anyTime = fc.oneof(
      fc.bigInt({ min: int64Min, max: int64Max }),
      fc.constantFrom(int64Min, int64Max, -1n, 0n, 1n, -1_000_000n),
    )
    fc.assert(
      fc.property(anyTime, (ns) => {
        const over = ((ns % 1_000_000n) + 1_000_000n) % 1_000_000n
        const expected = Number((ns - over) / 1_000_000n) + Number(over) / 1e6
        expect([...at(ns).times('ms')]).toEqual([expected])
        expect(at(ns - over < int64Min ? 0n : ns - over).times('ms')[0]! % 1).toBeCloseTo(0, 20)
      }),
      { numRuns: 100 },
    )
  })

  test('other units are refused', () => {
    expect(() => at(open).times('s' as 'ms')).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT' }),
    )
  })
})

test('scaled() gives the integers of decimals, and refuses the rest', () => {
  const batch = batchOf([first, second])
  expect(batch.scaled('cents')).toEqual({ values: BigInt64Array.of(125n, 0n), scale: 2 })
  expect(batch.scaled('centsMaybe').values).toEqual(BigInt64Array.of(-300n, absentInt64))
  for (const name of ['real', 'whole']) {
    expect(() => batch.scaled(name)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }))
  }
})

test('a column read from a batch can be appended as it is', () => {
  fc.assert(
    fc.property(fc.array(plainRow, { minLength: 1, maxLength: 20 }), fc.boolean(), (rows, flip) => {
      const batch = batchOf(rows, flip)
      const again = rules.specs.map((spec) => {
        const { physical, optional } = spec
        const target = allocateColumn(physical, rows.length, { optional, bytesExpected: 0 })
        const source = columnsOf(batch)[spec.name]
        fillColumn(spec, source, rows.length, target, 0, { series: 'test' })
        return { spec, data: target }
      })
      const copy = new RowBatch(again, rows.length)
      expect([...copy]).toEqual([...batch])
      for (const { spec, data } of again) {
        const bits = batch.valid(spec.name)
        for (let row = 0; row < rows.length; row += 1) {
          const isAbsent = bits !== undefined && ((bits[row >> 3]! >> (row & 7)) & 1) === 0
          if (spec.optional)
            expect(cellText(data, row) === 'absent' || isNaNCell(data, row)).toBe(isAbsent)
        }
      }
    }),
    { numRuns: 40 },
  )

  function isNaNCell(data: ReturnType<typeof allocateColumn>, row: number): boolean {
    return data.physical === 'f64' && Number.isNaN(data.values[row])
  }
})

describe('columns of a read', () => {
  const kind = wideKind(keep)
  const specs = handleSpecs(kind, rules.specs)

  test('those of the handle, as they are stored; one that is not stored reads as absent', () => {
    expect(specs.map(({ name }) => name)).toEqual(rules.specs.map(({ name }) => name))
    const narrow = rules.specs.filter(({ name }) => name !== 'textMaybe')
    const missing = handleSpecs(kind, narrow).find(({ name }) => name === 'textMaybe')!
    expect(missing).toMatchObject({ id: -1, index: -1, physical: 'bytes', optional: true })
    const head = new HeadSeries(rules)
    appendTo(head, [first, second], 1n)
    head.freeze()
    appendTo(head, [{ ...second, time: 5n } as PlainRow], 3n)
    const sources = { sources: head.views(), rules }
    const batch = readRange(sources, [specs[0]!, missing, specs[2]!], whole)
    expect([...batch]).toEqual([
      { time: 5n, textMaybe: null, real: -0 },
      { time: 5n, textMaybe: null, real: 1 },
      { time: 6n, textMaybe: null, real: 1 },
    ])
  })

  test('are chosen by name, time first, each once', () => {
    const names = (wanted: string[] | undefined) =>
      chooseSpecs(specs, wanted, 'wide').map(({ name }) => name)
    expect(names(undefined)).toEqual(specs.map(({ name }) => name))
    expect(names([])).toEqual(['time'])
    expect(names(['cents', 'time', 'cents', 'real'])).toEqual(['time', 'cents', 'real'])
    expect(() => chooseSpecs(specs, JSON.parse('"cents"'), 'wide')).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT' }),
    )
  })

  test('an unknown name offers the nearest', () => {
    expect(() => chooseSpecs(specs, ['Cent'], 'wide')).toThrow(
      expect.objectContaining({ code: 'ERR_SCHEMA', hint: "Did you mean 'cents'?" }),
    )
    expect(unknownColumn('xyzzy', specs, 'wide').hint).toMatch(/^It has time, received, real/)
  })
})
