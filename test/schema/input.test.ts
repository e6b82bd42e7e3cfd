// Goal: every value that fits goes in exactly, every other is ERR_SCHEMA with series, row and column.
// Method: a table of inputs for each type, by value and as columns, read back from the filled column.
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limits } from '#base'
import { absentCode, absentInt64, allocateColumn, countPresent } from '#batch'
import type { ColumnData, I64Data } from '#batch'
import {
  column,
  fillColumn,
  fillTimes,
  fillValue,
  inputLength,
  physicalOf,
  rememberPresence,
} from '#schema'
import type { Column, ColumnSpec } from '#schema'

const place = { series: 'k/S' }

function specOf(of: Column, name = 'c'): ColumnSpec {
  const { type, isOptional: optional, scale } = of
  return { id: 16, index: 2, name, type, optional, scale, physical: physicalOf(type) }
}

function emptyOf(spec: ColumnSpec, rowCount = 1): ColumnData {
  return allocateColumn(spec.physical, rowCount, { optional: spec.optional, bytesExpected: 0 })
}

function filled(of: Column, value: unknown): unknown {
  const spec = specOf(of)
  const target = emptyOf(spec)
  fillValue(spec, value, target, 0, place, 0)
  if (spec.optional && countPresent(target, 0, 1) === 0) return 'absent'
  if (target.physical === 'code') return target.dictionary[target.values[0]!]
  if (target.physical !== 'bytes') return target.values[0]
  return new TextDecoder().decode(target.bytes.subarray(0, target.offsets[1]))
}

const circular: Record<string, unknown> = {}
circular['self'] = circular

describe('fillValue', () => {
  test.each<[string, Column, unknown, unknown]>([
    ['f64', column.f64(), 1.5, 1.5],
    ['f64 -0', column.f64(), -0, -0],
    ['f64 NaN', column.f64(), Number.NaN, Number.NaN],
    ['optional f64 NaN', column.f64().optional(), Number.NaN, 'absent'],
    ['decimal of a number', column.decimal(2), 12.34, 1234n],
    ['decimal of a text', column.decimal(2), '-12.34', -1234n],
    ['smallest decimal', column.decimal(0), '-9223372036854775808', absentInt64],
    ['optional decimal NaN', column.decimal(2).optional(), Number.NaN, 'absent'],
    ['i64', column.i64(), 5n, 5n],
    ['i64 of a number', column.i64(), -5, -5n],
    ['smallest i64', column.i64(), absentInt64, absentInt64],
    ['optional smallest i64', column.i64().optional(), absentInt64, 'absent'],
    ['i32', column.i32(), -(2 ** 31), -(2 ** 31)],
    ['u8', column.u8(), 255, 255],
    ['bool', column.bool(), true, 1],
    ['bool 0', column.bool(), 0, 0],
    ['symbol', column.symbol(), 'é', 'é'],
    ['empty symbol', column.symbol(), '', ''],
    ['text', column.text(), 'naïve \u{1f600}', 'naïve \u{1f600}'],
    ['json', column.json(), { a: [1, null] }, '{"a":[1,null]}'],
    ['json null', column.json(), null, 'null'],
    ['json of a lone surrogate', column.json(), '\ud800', String.raw`"\ud800"`],
    ['time', column.time(), '1970-01-01T00:00:01Z', 1_000_000_000n],
    ['time of a date', column.time(), new Date(5), 5_000_000n],
  ])('%s', (_, of, value, expected) => expect(filled(of, value)).toEqual(expected))

  const every = [
    column.f64(),
    column.decimal(2),
    column.i64(),
    column.i32(),
    column.u8(),
    column.bool(),
    column.symbol(),
    column.text(),
    column.json(),
    column.time(),
  ] as const

  test('undefined and null are absent where columns are optional, and refused where not', () => {
    for (const of of every) {
      for (const value of [undefined, null]) {
        expect(filled(of.optional(), value)).toBe('absent')
        if (of.type === 'json' && value === null) continue
        expect(() => filled(of, value)).toThrow(expect.objectContaining({ code: 'ERR_SCHEMA' }))
      }
    }
  })

  test.each<[string, Column, unknown]>([
    ['f64 of a text', column.f64(), '1'],
    ['f64 of a bigint', column.f64(), 1n],
    ['decimal that needs rounding', column.decimal(2), 0.125],
    ['decimal NaN', column.decimal(2), Number.NaN],
    ['decimal of a bigint', column.decimal(2), 1n],
    ['decimal past int64', column.decimal(18), 10],
    ['optional decimal that reads as absent', column.decimal(0).optional(), '-9223372036854775808'],
    ['i64 with a fraction', column.i64(), 1.5],
    ['i64 number past 2^53', column.i64(), 2 ** 53],
    ['i64 past int64', column.i64(), 2n ** 63n],
    ['i32 past its range', column.i32(), 2 ** 31],
    ['u8 below 0', column.u8(), -1],
    ['u8 with a fraction', column.u8(), 0.5],
    ['u8 of a text', column.u8(), '5'],
    ['bool of a text', column.bool(), 'true'],
    ['bool 2', column.bool(), 2],
    ['symbol of a number', column.symbol(), 5],
    ['symbol of a lone surrogate', column.symbol(), 'a\udc00'],
    ['a symbol that is too long', column.symbol(), 'x'.repeat(limits.textBytesMax + 1)],
    ['text of an object', column.text(), {}],
    ['text of a lone surrogate', column.text(), '\ud800'],
    ['a text that is too long', column.text(), 'é'.repeat(limits.textBytesMax / 2 + 1)],
    ['json of a function', column.json(), () => {}],
    ['json of a symbol', column.json(), Symbol('s')],
    ['json of a bigint', column.json(), 1n],
    ['json that goes round', column.json(), circular],
    ['time of a text', column.time(), 'yesterday'],
    ['time of a flag', column.time(), true],
    ['time NaN', column.time(), Number.NaN],
  ])('refuses %s', (_, of, value) => {
    const spec = specOf(of, 'venue')
    const target = emptyOf(spec)
    expect(() => fillValue(spec, value, target, 0, place, 17)).toThrow(
      expect.objectContaining({
        code: 'ERR_SCHEMA',
        details: expect.objectContaining({ series: 'k/S', row: 17, column: 'venue' }),
      }),
    )
  })

  test('the longest text goes in', () => {
    const units = Math.floor(limits.textBytesMax / 2)
    expect(filled(column.text(), 'é'.repeat(units))).toHaveLength(units)
  })

  test('texts of any well-formed string come back', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 8 }), (texts) => {
        const spec = specOf(column.text())
        const target = emptyOf(spec, texts.length)
        texts.forEach((text, row) => fillValue(spec, text, target, row, place, row))
        if (target.physical !== 'bytes') throw new Error('texts are bytes')
        const { offsets, bytes } = target
        const back = texts.map((_, row) =>
          new TextDecoder('utf-8', { ignoreBOM: true }).decode(
            bytes.subarray(offsets[row], offsets[row + 1]),
          ),
        )
        expect(back).toEqual(texts)
      }),
    )
  })
})

describe('fillColumn', () => {
  const put = (of: Column, source: unknown, rowCount: number): ColumnData => {
    const spec = specOf(of)
    const target = emptyOf(spec, rowCount + 1)
    fillValue(spec, of.type === 'f64' ? 9 : undefined, target, 0, place, 0)
    fillColumn(spec, source, rowCount, target, 1, place)
    return target
  }
  const values = (data: ColumnData): unknown[] =>
    data.physical === 'bytes' ? [] : [...data.values].slice(1)

  test.each<[string, Column, unknown, unknown[]]>([
    ['Float64Array', column.f64(), Float64Array.of(1, -0), [1, -0]],
    ['Float32Array', column.f64(), Float32Array.of(1, 2.5), [1, 2.5]],
    ['a list of numbers', column.f64(), [1, 2], [1, 2]],
    ['Int32Array as f64', column.f64(), Int32Array.of(1, 2), [1, 2]],
    [
      'BigInt64Array',
      column.i64().optional(),
      BigInt64Array.of(1n, absentInt64),
      [1n, absentInt64],
    ],
    ['a list of bigints and null', column.i64().optional(), [1n, null], [1n, absentInt64]],
    ['decimals as doubles', column.decimal(1).optional(), Float64Array.of(0.5, 2), [5n, 20n]],
    ['Int32Array', column.i32().optional(), Int32Array.of(-1, 2), [-1, 2]],
    ['Int16Array', column.i32().optional(), Int16Array.of(-1, 2), [-1, 2]],
    ['Uint8Array', column.u8().optional(), Uint8Array.of(0, 255), [0, 255]],
    ['Uint8Array as i32', column.i32().optional(), Uint8Array.of(0, 255), [0, 255]],
    ['bools', column.bool().optional(), Uint8Array.of(1, 0), [1, 0]],
    ['a list of bools', column.bool().optional(), [true, false], [1, 0]],
    ['times as doubles', column.time().optional(), Float64Array.of(1, 2), [1_000_000n, 2_000_000n]],
    ['symbols', column.symbol().optional(), ['a', null], [0, absentCode]],
    ['something like a list', column.f64(), { length: 2, 0: 1, 1: 2 }, [1, 2]],
    ['something with at()', column.f64(), { length: 2, at: (row: number) => row * 2 }, [0, 2]],
  ])('%s', (_, of, source, expected) => expect(values(put(of, source, 2))).toEqual(expected))

  test('codes with their dictionary are translated', () => {
    const codes = { codes: Uint32Array.of(1, absentCode, 0), dictionary: ['x', 'y'], length: 3 }
    const data = put(column.symbol().optional(), codes, 3)
    if (data.physical !== 'code') throw new Error('symbols are codes')
    expect([...data.values].slice(1)).toEqual([0, absentCode, 1])
    expect(data.dictionary).toEqual(['y', 'x'])
  })

  test('an array that a batch gave out brings its absent rows with it', () => {
    const array = Int32Array.of(5, 0)
    rememberPresence(array, Uint8Array.of(1, 0))
    expect(put(column.i32().optional(), array, 2)).toMatchObject({
      present: Uint8Array.of(0, 1, 0),
    })
    const flags = Uint8Array.of(0, 1)
    expect(put(column.bool().optional(), flags, 2)).toMatchObject({
      present: Uint8Array.of(0, 1, 1),
    })
  })

  test.each<[string, Column, unknown, number]>([
    ['a bad value in a list', column.f64(), [1, 'x'], 1],
    ['a null in a required list', column.i64(), [1n, null], 1],
    ['bools that are neither', column.bool(), Uint8Array.of(1, 2), 1],
    ['an absent code in a required column', column.symbol(), codesOf([0, absentCode]), 1],
    ['a code past its dictionary', column.symbol(), codesOf([0, 9]), 1],
    ['a dictionary of no strings', column.symbol(), codesOf([0, 0], [5]), 0],
  ])('refuses %s', (_, of, source, row) => {
    const spec = specOf(of)
    expect(() => fillColumn(spec, source, 2, emptyOf(spec, 2), 0, place)).toThrow(
      expect.objectContaining({
        code: 'ERR_SCHEMA',
        details: expect.objectContaining({ series: 'k/S', row, column: 'c' }),
      }),
    )
  })

  function codesOf(codes: number[], dictionary: unknown[] = ['a']): unknown {
    return { codes: Uint32Array.from(codes), dictionary, length: codes.length }
  }
})

test('an i32 or u8 array of a required column that holds absent rows is refused', () => {
  const array = Int32Array.of(5, 0)
  rememberPresence(array, Uint8Array.of(1, 0))
  const spec = specOf(column.i32())
  expect(() => fillColumn(spec, array, 2, emptyOf(spec, 2), 0, place)).toThrow(
    expect.objectContaining({
      code: 'ERR_SCHEMA',
      details: expect.objectContaining({ row: 1, column: 'c' }),
    }),
  )
})

test('fillTimes takes epoch ns as they are, and milliseconds or anything that is a time', () => {
  const spec = specOf(column.time(), 'time')
  const target = allocateColumn('i64', 3, { optional: false }) as I64Data
  fillTimes(spec, BigInt64Array.of(1n, 2n), 2, target, 1, place)
  expect([...target.values]).toEqual([0n, 1n, 2n])
  fillTimes(spec, Float64Array.of(0.5), 1, target, 0, place)
  fillTimes(spec, ['1970-01-01T00:00:00.000000007Z'], 1, target, 1, place)
  expect([...target.values]).toEqual([500_000n, 7n, 2n])
  expect(() => fillTimes(spec, [1n, 'x'], 2, target, 0, place)).toThrow(
    expect.objectContaining({ details: expect.objectContaining({ row: 1, column: 'time' }) }),
  )
})

test('inputLength is the length of lists, and of nothing else', () => {
  const lists = [[1], Float64Array.of(1, 2), { length: 0 }]
  expect(lists.map(inputLength)).toEqual([1, 2, 0])
  const others = ['ab', null, undefined, 5, {}, { length: -1 }, { length: 1.5 }, { length: '2' }]
  expect(others.map(inputLength)).toEqual(others.map(() => undefined))
})
