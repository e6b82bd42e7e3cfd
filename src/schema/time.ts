// Points in time: int64 nanoseconds since 1970-01-01T00:00:00Z (POSIX time: no leap seconds).
import { VarveError, systemClock } from '#base'

/** A point in time. bigint: epoch nanoseconds. number: epoch milliseconds (a fraction is rounded to the nearest ns).
 *  Date. string: ISO 8601 with `Z` or an offset, up to 9 fractional digits. */
export type TimeInput = bigint | number | string | Date

export const int64Min: bigint = -(2n ** 63n)
export const int64Max: bigint = 2n ** 63n - 1n

const isoPattern =
  /^([+-]\d{6}|\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?([Zz]|[+-]\d\d(?::?\d\d)?)$/

function refused(input: unknown, message: string, hint: string): VarveError {
  return new VarveError('ERR_ARGUMENT', message, { actual: String(input) }, { hint })
}

/**
 * Epoch nanoseconds of a TimeInput.
 *
 * @throws {VarveError} ERR_ARGUMENT for anything that is not one, or does not fit in int64 nanoseconds (1677-09-21 to
 *   2262-04-11).
 */
export function parseTime(input: TimeInput): bigint {
  switch (typeof input) {
    case 'bigint':
      return checked(input, input)
    case 'number':
      return checked(ofMilliseconds(input), input)
    case 'string':
      return checked(ofIso(input), input)
    default:
      if (input instanceof Date) return checked(ofMilliseconds(input.getTime()), input)
      throw refused(
        input,
        `a time is a bigint, a number, a Date or a string, not ${input === null ? 'null' : typeof input}`,
        'Give epoch nanoseconds as a bigint, epoch milliseconds as a number, or ISO 8601.',
      )
  }
}

function checked(ns: bigint, input: unknown): bigint {
  if (ns >= int64Min && ns <= int64Max) return ns
  throw refused(
    input,
    `${String(input)} is outside what int64 nanoseconds can hold`,
    'Times go from 1677-09-21T00:12:43.145224192Z to 2262-04-11T23:47:16.854775807Z; is the unit right?',
  )
}

/** Rounded to the nearest nanosecond; the whole and the fraction are converted apart, since 1.7e12 ms x 1e6 has more
 *  digits than a double holds. */
function ofMilliseconds(ms: number): bigint {
  if (!Number.isFinite(ms)) {
    throw refused(ms, `${ms} is no time`, 'Give a finite number of epoch milliseconds.')
  }
  const whole = Math.floor(ms)
  return BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6))
}

function ofIso(text: string): bigint {
  const match = isoPattern.exec(text)
  if (match === null) {
    throw refused(
      text,
      `${JSON.stringify(text)} is no ISO 8601 time with a zone`,
      'Write it like 2024-03-15T09:30:00.123456789Z or with an offset such as -04:00.',
    )
  }
  const [, year, month, day, hour, minute, second = '0', fraction = '', zone] = match
  const date = new Date(0)
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  date.setUTCHours(Number(hour), Number(minute), Number(second))
  const kept =
    date.getUTCMonth() === Number(month) - 1 &&
    date.getUTCDate() === Number(day) &&
    date.getUTCHours() === Number(hour) &&
    date.getUTCMinutes() === Number(minute) &&
    date.getUTCSeconds() === Number(second)
  if (!kept)
    throw refused(
      text,
      `${JSON.stringify(text)} is no date and time of the calendar`,
      'Check the digits.',
    )
  const ns = BigInt(date.getTime()) * 1_000_000n + BigInt(fraction.padEnd(9, '0'))
  return ns - offsetNs(zone!, text)
}

function offsetNs(zone: string, text: string): bigint {
  if (zone === 'Z' || zone === 'z') return 0n
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0')
  const [hour, minute] = [Number(digits.slice(0, 2)), Number(digits.slice(2))]
  if (hour > 23 || minute > 59) {
    throw refused(text, `${JSON.stringify(text)} has no offset of a zone`, 'Check the digits.')
  }
  const minutes = hour * 60 + minute
  return BigInt(zone.startsWith('-') ? -minutes : minutes) * 60_000_000_000n
}

/** ISO 8601 in UTC with as many fractional digits as needed: none, 3, 6 or 9. */
export function isoOf(ns: bigint): string {
  let ms = ns / 1_000_000n
  let rest = ns % 1_000_000n
  if (rest < 0n) {
    rest += 1_000_000n
    ms -= 1n
  }
  const text = new Date(Number(ms)).toISOString() // ...ss.mmmZ
  if (rest === 0n) return text.endsWith('.000Z') ? `${text.slice(0, -5)}Z` : text
  const digits = String(rest).padStart(6, '0')
  return `${text.slice(0, -1)}${digits.endsWith('000') ? digits.slice(0, 3) : digits}Z`
}

export const time = {
  /** Now, epoch ns, never going back within a process. */
  now: (): bigint => systemClock.now(),
  /** Epoch ns of a TimeInput. @throws {VarveError} ERR_ARGUMENT */
  ns: parseTime,
  /** ISO 8601 in UTC of epoch ns. */
  iso: isoOf,
  /** A Date; the part below a millisecond is cut off towards the past. */
  date: (ns: bigint): Date =>
    new Date(Number(ns >= 0n ? ns / 1_000_000n : -((-ns + 999_999n) / 1_000_000n))),
}
