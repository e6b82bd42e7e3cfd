// Times written as text, from bytes: ISO 8601, or a format of the user's.
//
// ISO:     2019-10-17                        midnight (needs a zone)
//          2019-10-17T09:00[:00[.123456789]] also with a blank for the T (needs a zone)
//          ... Z | +hh | +hhmm | +hh:mm      has one
// Format:  yyyy MM dd HH hh mm ss S... a     everything else stands for itself
import { VarveError } from '#base'
import { putProduct } from './numbers.ts'
import { daysOfDate } from './time-zone.ts'
import type { TimeZone } from './time-zone.ts'

/** Reads bytes[start, end) as a time and writes it as number `index` of `halves`; what is wrong
 * with it, or ''. */
export type TimeReader = (
  bytes: Uint8Array,
  start: number,
  end: number,
  halves: Int32Array,
  index: number,
) => string

const zero = 48
const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** Two (four) digits, or -1. */
function digits2(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - zero
  const ones = bytes[at + 1]! - zero
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1
}
function digits4(bytes: Uint8Array, at: number): number {
  const upper = digits2(bytes, at)
  const lower = digits2(bytes, at + 2)
  return upper < 0 || lower < 0 ? -1 : upper * 100 + lower
}

function isDate(year: number, month: number, day: number): boolean {
  if (year < 0 || month < 1 || month > 12 || day < 1) return false
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  return day <= monthDays[month - 1]! + (month === 2 && isLeap ? 1 : 0)
}

const noDate = 'no date of the calendar'
const noClock = 'no time of a day'
const notIso = 'no ISO 8601 time'
const outside = 'outside what int64 nanoseconds hold (1677 to 2262)'
export const naiveTime = 'a time without a zone'

function putInstant(seconds: number, nanos: number, halves: Int32Array, index: number): string {
  return putProduct(seconds, 1e9, nanos, halves, index) ? '' : outside
}

/** Seconds on the wall to an instant, or what is wrong. */
function putWall(
  wall: number,
  nanos: number,
  zone: TimeZone | undefined,
  halves: Int32Array,
  index: number,
): string {
  if (zone === undefined) return naiveTime
  const offset = zone.offsetOf(wall)
  if (offset !== offset) return `a time that clocks in ${zone.name} skip`
  return putInstant(wall - offset, nanos, halves, index)
}

/** Nanoseconds of up to nine digits from `at`, and how many digits there were. */
const fraction = { nanos: 0, digits: 0 }
function readFraction(bytes: Uint8Array, at: number, end: number, digitsMax: number): void {
  let nanos = 0
  let digits = 0
  while (at + digits < end && digits < digitsMax) {
    const digit = bytes[at + digits]! - zero
    if (digit < 0 || digit > 9) break
    if (digits < 9) nanos = nanos * 10 + digit
    digits += 1
  }
  fraction.digits = digits
  for (let pad = digits; pad < 9; pad += 1) nanos *= 10
  fraction.nanos = nanos
}

/** Seconds east of UTC of the zone at bytes[at, end), NaN where it is none. */
function readOffset(bytes: Uint8Array, at: number, end: number): number {
  const sign = bytes[at]!
  if (end - at === 1 && (sign === 90 || sign === 122)) return 0
  if (sign !== 43 && sign !== 45) return Number.NaN
  const length = end - at
  const hasColon = length === 6 && bytes[at + 3] === 58
  if (length !== 3 && length !== 5 && !hasColon) return Number.NaN
  const hours = digits2(bytes, at + 1)
  const minutes = length === 3 ? 0 : digits2(bytes, at + (hasColon ? 4 : 3))
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return Number.NaN
  return (hours * 3600 + minutes * 60) * (sign === 45 ? -1 : 1)
}

/** Reads ISO 8601; times without a zone are in `zone`, or refused where there is none. */
export function isoReader(zone: TimeZone | undefined): TimeReader {
  return (bytes, start, end, halves, index) => {
    if (end - start < 10 || bytes[start + 4] !== 45 || bytes[start + 7] !== 45) return notIso
    const year = digits4(bytes, start)
    const month = digits2(bytes, start + 5)
    const day = digits2(bytes, start + 8)
    if (year < 0 || month < 0 || day < 0) return notIso
    if (!isDate(year, month, day)) return noDate
    const midnight = daysOfDate(year, month, day) * 86_400
    if (end - start === 10) return putWall(midnight, 0, zone, halves, index)
    const separator = bytes[start + 10]!
    if ((separator !== 84 && separator !== 116 && separator !== 32) || end - start < 16) {
      return notIso
    }
    if (bytes[start + 13] !== 58) return notIso
    const hour = digits2(bytes, start + 11)
    const minute = digits2(bytes, start + 14)
    let second = 0
    let nanos = 0
    let at = start + 16
    if (at < end && bytes[at] === 58) {
      if (end - at < 3) return notIso
      second = digits2(bytes, at + 1)
      at += 3
      if (at < end && (bytes[at] === 46 || bytes[at] === 44)) {
        readFraction(bytes, at + 1, end, 10)
        if (fraction.digits === 0) return notIso
        if (fraction.digits > 9) return 'more than nine digits of a second'
        nanos = fraction.nanos
        at += 1 + fraction.digits
      }
    }
    if (hour < 0 || minute < 0 || second < 0) return notIso
    if (hour > 23 || minute > 59 || second > 59) return noClock
    const wall = midnight + hour * 3600 + minute * 60 + second
    if (at === end) return putWall(wall, nanos, zone, halves, index)
    const offset = readOffset(bytes, at, end)
    return offset === offset ? putInstant(wall - offset, nanos, halves, index) : notIso
  }
}

type Token = 'yyyy' | 'MM' | 'dd' | 'HH' | 'hh' | 'mm' | 'ss' | 'S' | 'a' | 'literal'
interface Piece {
  readonly token: Token
  /** Bytes it takes. */
  readonly length: number
  /** What a literal must be. */
  readonly bytes: Uint8Array
}

function refused(format: string, message: string): VarveError {
  return new VarveError(
    'ERR_ARGUMENT',
    `time format ${JSON.stringify(format)}: ${message}`,
    { actual: format },
    { hint: 'Tokens: yyyy MM dd HH hh mm ss SSS a; everything else stands for itself.' },
  )
}

function piecesOf(format: string): Piece[] {
  const pieces: Piece[] = []
  const encoder = new TextEncoder()
  for (const [text, token] of format.matchAll(/(yyyy|MM|dd|HH|hh|mm|ss|S+|a)|[^]/gu)) {
    const bytes = encoder.encode(text)
    if (token === undefined) pieces.push({ token: 'literal', length: bytes.length, bytes })
    else if (token.startsWith('S')) pieces.push({ token: 'S', length: token.length, bytes })
    else pieces.push({ token: token as Token, length: token === 'a' ? 2 : token.length, bytes })
  }
  const tokens = pieces.map((piece) => piece.token).filter((token) => token !== 'literal')
  const has = (token: Exclude<Token, 'literal'>): boolean => tokens.includes(token)
  const twice = tokens.find((token, at) => tokens.indexOf(token) !== at)
  if (twice !== undefined) throw refused(format, `${twice} stands there twice`)
  if (!has('yyyy') || !has('MM') || !has('dd')) throw refused(format, 'it needs yyyy, MM and dd')
  if (has('HH') && has('hh')) throw refused(format, 'HH and hh exclude each other')
  if (has('hh') !== has('a')) throw refused(format, 'hh and a (AM or PM) need each other')
  if (pieces.some((piece) => piece.token === 'S' && piece.length > 9)) {
    throw refused(format, 'a second has at most nine digits')
  }
  return pieces
}

/** 0 for AM, 12 for PM, in any case; else -1. */
function readHalfDay(bytes: Uint8Array, at: number): number {
  if ((bytes[at + 1]! | 32) !== 109) return -1
  const letter = bytes[at]! | 32
  return letter === 97 ? 0 : letter === 112 ? 12 : -1
}

/**
 * Reads times of that format, in `zone`.
 *
 * @throws {VarveError} ERR_ARGUMENT where the format cannot give a time.
 */
export function formatReader(format: string, zone: TimeZone | undefined): TimeReader {
  const pieces = piecesOf(format)
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const mismatch = `not of the form ${format}`
  const is12 = pieces.some((piece) => piece.token === 'hh')
  return (bytes, start, end, halves, index) => {
    if (end - start !== length) return mismatch
    const field = { yyyy: 0, MM: 0, dd: 0, HH: 0, hh: 0, mm: 0, ss: 0, S: 0, a: 0 }
    let at = start
    for (const { token, length: count, bytes: literal } of pieces) {
      if (token === 'literal') {
        for (let byte = 0; byte < count; byte += 1) {
          if (bytes[at + byte] !== literal[byte]) return mismatch
        }
      } else if (token === 'S') {
        readFraction(bytes, at, end, count)
        if (fraction.digits !== count) return mismatch
        field.S = fraction.nanos
      } else {
        const value =
          token === 'a'
            ? readHalfDay(bytes, at)
            : count === 4
              ? digits4(bytes, at)
              : digits2(bytes, at)
        if (value < 0) return mismatch
        field[token] = value
      }
      at += count
    }
    if (!isDate(field.yyyy, field.MM, field.dd)) return noDate
    if (is12 && (field.hh < 1 || field.hh > 12)) return noClock
    const hour = is12 ? (field.hh % 12) + field.a : field.HH
    if (hour > 23 || field.mm > 59 || field.ss > 59) return noClock
    const clock = hour * 3600 + field.mm * 60 + field.ss
    const midnight = daysOfDate(field.yyyy, field.MM, field.dd) * 86_400
    return putWall(midnight + clock, field.S, zone, halves, index)
  }
}
