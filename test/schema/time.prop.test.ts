// Goal: points in time, widths and partitions mean what the calendar says, over all of int64.
// Method: known texts; Date, which counts the same calendar in milliseconds, as the oracle for the rest.
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  barEnd,
  int64Max,
  int64Min,
  isoOf,
  parseTime,
  parseTimeframe,
  partitionEnd,
  partitionName,
  partitionStart,
  partitionWidthOf,
  time,
} from '#schema'
import type { PartitionWidth, TimeInput } from '#schema'

const anyNs = fc.oneof(
  fc.bigInt({ min: int64Min, max: int64Max }),
  fc.constantFrom(int64Min, int64Max),
)
const dayNs = 86_400_000_000_000n

describe('parseTime', () => {
  test.each([
    ['1970-01-01T00:00:00Z', 0n],
    ['1970-01-01T00:00Z', 0n],
    ['2024-02-29T23:59:59.999999999Z', 1709251199999999999n],
    ['2024-03-15T09:30:00.5-04:00', 1710509400500000000n],
    ['2024-03-15t19:00:00,25+0530', 1710509400250000000n],
    ['2024-03-15T15:30:00+02', 1710509400000000000n],
    ['1969-12-31T23:59:59.999999999z', -1n],
    ['1677-09-21T00:12:43.145224192Z', int64Min],
    ['2262-04-11T23:47:16.854775807Z', int64Max],
    ['+002024-03-15 13:30:00Z', 1710509400000000000n],
  ])('%s', (text, ns) => expect(parseTime(text)).toBe(ns))

  test.each([
    '2023-02-29T00:00:00Z',
    '2100-02-29T00:00:00Z',
    '2024-04-31T00:00:00Z',
    '2024-13-01T00:00:00Z',
    '2024-00-10T00:00:00Z',
    '2024-01-00T00:00:00Z',
    '2024-01-01T24:00:00Z',
    '2024-01-01T23:60:00Z',
    '2024-01-01T23:59:60Z',
    '2024-01-01T00:00:00',
    '2024-01-01',
    '2024-01-01T00:00:00.1234567890Z',
    '2024-01-01T00:00:00+24:00',
    '2024-01-01T00:00:00+05:60',
    '1677-09-21T00:12:43.145224191Z',
    '2262-04-11T23:47:16.854775808Z',
    ' 2024-01-01T00:00:00Z',
    '',
    int64Max + 1n,
    int64Min - 1n,
    Number.NaN,
    Infinity,
    1e300,
    new Date(Number.NaN),
    null,
    undefined,
    true,
    {},
  ])('refuses %s', (input) => {
    expect(() => parseTime(input as TimeInput)).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT' }),
    )
  })

  test('isoOf is its inverse for every int64', () => {
    fc.assert(
      fc.property(anyNs, (ns) => {
        expect(parseTime(isoOf(ns))).toBe(ns)
      }),
    )
  })

  test('isoOf writes none, 3, 6 or 9 digits', () => {
    expect([0n, 1_000_000n, -1_000n, 1n].map(isoOf)).toEqual([
      '1970-01-01T00:00:00Z',
      '1970-01-01T00:00:00.001Z',
      '1969-12-31T23:59:59.999999Z',
      '1970-01-01T00:00:00.000000001Z',
    ])
  })

  test('numbers are milliseconds, to the nearest nanosecond; dates too', () => {
    expect(parseTime(1.5)).toBe(1_500_000n)
    expect(parseTime(-0.000001)).toBe(-1n)
    expect(parseTime(1_710_509_400_123)).toBe(1_710_509_400_123_000_000n)
    const dates = fc.date({
      min: new Date('1678-01-01'),
      max: new Date('2262-01-01'),
      noInvalidDate: true,
    })
    fc.assert(
      fc.property(dates, (date) => {
        const ns = BigInt(date.getTime()) * 1_000_000n
        expect(parseTime(date)).toBe(ns)
        expect(parseTime(date.getTime())).toBe(ns)
        expect(time.date(ns + 999_999n).getTime()).toBe(date.getTime())
      }),
    )
  })

  test('now never goes back', () => {
    const [a, b] = [time.now(), time.now()]
    expect(b >= a).toBe(true)
    expect(time.ns(time.iso(a))).toBe(a)
  })
})

describe('timeframes', () => {
  test.each([
    ['60m', '1h'],
    ['24h', '1d'],
    ['7d', '1w'],
    ['1000ms', '1s'],
    ['90s', '90s'],
    ['120s', '2m'],
    ['250ms', '250ms'],
    ['12mo', '12mo'],
    ['1000000s', '1000000s'],
  ])('%s is %s', (text, canonical) => {
    const width = parseTimeframe(text)
    expect(width.canonical).toBe(canonical)
    expect(parseTimeframe(canonical)).toEqual(width)
  })

  test.each(['', '0m', '01m', '1', 'm', '1M', '-1m', '1.5h', '1000001s', '1 m', '10000000s', 5])(
    'refuses %s',
    (text) => {
      expect(() => parseTimeframe(text as string)).toThrow(
        expect.objectContaining({ code: 'ERR_ARGUMENT' }),
      )
    },
  )

  test('bars end a width later; months by the calendar, clamped to the last day', () => {
    const month = parseTimeframe('1mo')
    const end = (text: string, width = month) => isoOf(barEnd(parseTime(text), width))
    expect(end('2024-01-31T12:00:00Z')).toBe('2024-02-29T12:00:00Z')
    expect(end('2023-12-01T00:00:00Z')).toBe('2024-01-01T00:00:00Z')
    expect(end('1969-02-28T23:59:59.999999999Z')).toBe('1969-03-28T23:59:59.999999999Z')
    expect(end('2024-01-31T00:00:00Z', parseTimeframe('13mo'))).toBe('2025-02-28T00:00:00Z')
    expect(end('2024-01-01T00:00:00Z', parseTimeframe('90s'))).toBe('2024-01-01T00:01:30Z')
    expect(barEnd(int64Max, parseTimeframe('1ms'))).toBe(int64Max + 1_000_000n)
  })

  test.each([
    [undefined, 'day'],
    ['59m', 'day'],
    ['1h', 'month'],
    ['23h', 'month'],
    ['24h', 'year'],
    ['1mo', 'year'],
  ])('%s is stored by the %s', (text, width) => expect(partitionWidthOf(text)).toBe(width))
})

describe('partitions', () => {
  /** The UTC calendar by Date; milliseconds floored. */
  const startByDate = (width: PartitionWidth, ns: bigint): bigint => {
    const over = ns % dayNs
    const ms = Number((ns - over - (over < 0n ? dayNs : 0n)) / 1_000_000n)
    const date = new Date(ms)
    const [y, m, d] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()]
    const start = Date.UTC(y, width === 'year' ? 0 : m, width === 'day' ? d : 1)
    return BigInt(start) * 1_000_000n
  }

  test('a partition holds its times, the next one starts where it ends', () => {
    fc.assert(
      fc.property(fc.constantFrom<PartitionWidth>('day', 'month', 'year'), anyNs, (width, ns) => {
        const start = partitionStart(width, ns)
        const end = partitionEnd(width, start)
        const byDate = startByDate(width, ns)
        expect(start).toBe(byDate < int64Min ? int64Min : byDate)
        expect(start <= ns && ns < end).toBe(true)
        if (end <= int64Max) expect(partitionStart(width, end)).toBe(end)
        expect(partitionStart(width, end - 1n > int64Max ? ns : end - 1n)).toBe(start)
        const digits = { day: 10, month: 7, year: 4 }[width]
        expect(partitionName(width, start)).toBe(isoOf(ns).slice(0, digits))
      }),
      { numRuns: 500 },
    )
  })

  test('known ones', () => {
    const at = (width: PartitionWidth, text: string) =>
      isoOf(partitionStart(width, parseTime(text)))
    expect(at('day', '1969-12-31T23:59:59.999999999Z')).toBe('1969-12-31T00:00:00Z')
    expect(at('month', '2024-02-29T12:00:00Z')).toBe('2024-02-01T00:00:00Z')
    expect(at('year', '1968-06-01T00:00:00Z')).toBe('1968-01-01T00:00:00Z')
    expect(partitionStart('year', int64Min)).toBe(int64Min)
    expect(isoOf(partitionEnd('year', int64Min))).toBe('1678-01-01T00:00:00Z')
    expect(partitionEnd('day', partitionStart('day', int64Max)) > int64Max).toBe(true)
  })
})
