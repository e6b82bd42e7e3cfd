// Goal: times written as text are the instants they mean, and wall times follow the zone's clocks.
// Method: against parseTime() and Date for instants; against Intl's own reading of the result for
// zones; known changes of clocks by hand.
import { VarveError } from '#base'
import { parseTime } from '#schema'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatReader, isoReader } from '../../src/ingest/time-text.ts'
import type { TimeReader } from '../../src/ingest/time-text.ts'
import { daysOfDate, timeZone } from '../../src/ingest/time-zone.ts'

const int64 = new BigInt64Array(1)
const halves = new Int32Array(int64.buffer)

/** The instant, or why there is none. */
function read(reader: TimeReader, text: string): bigint | string {
  const bytes = new TextEncoder().encode(text)
  const reason = reader(bytes, 0, bytes.length, halves, 0)
  return reason === '' ? int64[0]! : reason
}

const pad = (value: number, length: number): string => String(value).padStart(length, '0')

test('days of dates are those of Date', () => {
  fc.assert(
    fc.property(fc.integer({ min: -200_000, max: 200_000 }), (days) => {
      const date = new Date(days * 86_400_000)
      expect(daysOfDate(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate())).toBe(
        days,
      )
    }),
  )
})

test('ISO times with a zone are what parseTime makes of them', () => {
  const parts = fc.tuple(
    fc.integer({ min: 1600, max: 2300 }),
    fc.integer({ min: 0, max: 13 }),
    fc.integer({ min: 0, max: 32 }),
    fc.integer({ min: 0, max: 24 }),
    fc.integer({ min: 0, max: 60 }),
    fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined }),
    fc.string({ unit: fc.constantFrom(...'0123456789'), maxLength: 9 }),
    fc.constantFrom('Z', 'z', '+00:00', '-05:00', '+0530', '+14'),
  )
  fc.assert(
    fc.property(parts, ([year, month, day, hour, minute, second, fraction, zone]) => {
      const seconds =
        second === undefined ? '' : `:${pad(second, 2)}${fraction === '' ? '' : `.${fraction}`}`
      const text = `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}T${pad(hour, 2)}:${pad(minute, 2)}${seconds}${zone}`
      let expected: bigint | undefined
      try {
        expected = parseTime(text)
      } catch (error) {
        if (!(error instanceof VarveError)) throw error
      }
      const actual = read(isoReader(undefined), text)
      if (expected === undefined || expected === -(2n ** 63n)) expect(actual).toBeTypeOf('string')
      else expect(actual).toBe(expected)
    }),
    { numRuns: 1000 },
  )
})

test('a naive time needs a zone, a date alone is midnight in it', () => {
  expect(read(isoReader(undefined), '2024-03-15')).toBe('a time without a zone')
  expect(read(isoReader(undefined), '2024-03-15 09:30:00')).toBe('a time without a zone')
  const newYork = isoReader(timeZone('America/New_York'))
  expect(read(newYork, '2024-03-15')).toBe(parseTime('2024-03-15T04:00:00Z'))
  expect(read(newYork, '2024-01-15 09:30:00.5')).toBe(parseTime('2024-01-15T14:30:00.5Z'))
  expect(read(newYork, '2024-01-15T09:30:00Z')).toBe(parseTime('2024-01-15T09:30:00Z'))
})

test('clocks that go forward skip times, clocks that go back give the first of two', () => {
  const newYork = isoReader(timeZone('America/New_York'))
  expect(read(newYork, '2024-03-10 01:59:59')).toBe(parseTime('2024-03-10T06:59:59Z'))
  expect(read(newYork, '2024-03-10 02:30:00')).toBe('a time that clocks in America/New_York skip')
  expect(read(newYork, '2024-03-10 03:00:00')).toBe(parseTime('2024-03-10T07:00:00Z'))
  expect(read(newYork, '2024-11-03 00:59:59')).toBe(parseTime('2024-11-03T04:59:59Z'))
  expect(read(newYork, '2024-11-03 01:30:00')).toBe(parseTime('2024-11-03T05:30:00Z'))
  expect(read(newYork, '2024-11-03 02:00:00')).toBe(parseTime('2024-11-03T07:00:00Z'))
  const apia = isoReader(timeZone('Pacific/Apia')) // crossed the date line: no 30 December 2011
  expect(read(apia, '2011-12-29 23:59:59')).toBe(parseTime('2011-12-30T09:59:59Z'))
  expect(read(apia, '2011-12-30 12:00:00')).toBe('a time that clocks in Pacific/Apia skip')
  expect(read(apia, '2011-12-31 00:00:00')).toBe(parseTime('2011-12-30T10:00:00Z'))
})

test('wall times of any instant lead back to it, or to the earlier of two', () => {
  const zones = [
    'America/New_York',
    'Europe/London',
    'Australia/Lord_Howe',
    'Asia/Tokyo',
    'Africa/Casablanca',
  ]
  const hour = fc.integer({ min: 0, max: 24 * 366 * 60 })
  fc.assert(
    fc.property(fc.constantFrom(...zones), hour, (name, hours) => {
      const utcSeconds = hours * 3600 + 1800
      const format = new Intl.DateTimeFormat('sv-SE', {
        timeZone: name,
        dateStyle: 'short',
        timeStyle: 'medium',
      })
      const wall = (seconds: number): string => format.format(seconds * 1000)
      const actual = read(isoReader(timeZone(name)), wall(utcSeconds))
      expect(actual).toBeTypeOf('bigint')
      const seconds = Number(actual as bigint) / 1e9
      expect(wall(seconds)).toBe(wall(utcSeconds))
      expect(seconds).toBeLessThanOrEqual(utcSeconds)
    }),
    { numRuns: 300 },
  )
})

test('formats', () => {
  const utc = timeZone('UTC')
  const cases: [string, string, string][] = [
    ['yyyy-MM-dd hh-a', '2019-10-17 09-AM', '2019-10-17T09:00:00Z'],
    ['yyyy-MM-dd hh-a', '2019-10-17 12-AM', '2019-10-17T00:00:00Z'],
    ['yyyy-MM-dd hh-a', '2019-10-17 12-pm', '2019-10-17T12:00:00Z'],
    ['yyyy-MM-dd hh-a', '2019-10-17 11-PM', '2019-10-17T23:00:00Z'],
    ['yyyyMMdd HH:mm', '19980102 09:00', '1998-01-02T09:00:00Z'],
    ['dd.MM.yyyy HH:mm:ss.SSS', '31.12.2020 23:59:59.123', '2020-12-31T23:59:59.123Z'],
    ['yyyyMMddHHmmssSSSSSSSSS', '20201231235959123456789', '2020-12-31T23:59:59.123456789Z'],
    ['yyyy/MM/dd', '1969/07/20', '1969-07-20T00:00:00Z'],
  ]
  for (const [format, text, iso] of cases) {
    expect(read(formatReader(format, utc), text), text).toBe(parseTime(iso))
  }
  const hourly = formatReader('yyyy-MM-dd hh-a', utc)
  for (const text of [
    '2019-10-17 13-PM',
    '2019-10-17 00-AM',
    '2019-02-29 01-AM',
    '2019-10-17 9-AM',
    '',
    '2019-10-17 09-XM',
  ]) {
    expect(read(hourly, text), text).toBeTypeOf('string')
  }
  for (const format of [
    'yyyy-MM',
    'yyyy-MM-dd hh',
    'yyyy-MM-dd HH a',
    'yyyy yyyy MM dd',
    'yyyyMMdd SSSSSSSSSS',
  ]) {
    expect(() => formatReader(format, utc), format).toThrow(VarveError)
  }
  expect(() => timeZone('Mars/Olympus')).toThrow(/no time zone/)
})
