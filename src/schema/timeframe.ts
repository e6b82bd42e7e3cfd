// Widths of bars, and of the partitions a series is stored in.
import { VarveError } from '#base'

type Unit = 'ms' | 's' | 'm' | 'h' | 'd' | 'w' | 'mo'
/** '250ms' '1s' '1m' '5m' '15m' '30m' '1h' '4h' '1d' '1w' '1mo'. One canonical form: '60m' is '1h'. */
export type Timeframe = `${number}${Unit}`

/** A UTC day, calendar month or calendar year. */
export type PartitionWidth = 'day' | 'month' | 'year'

const unitNs: readonly (readonly [Exclude<Unit, 'mo'>, bigint])[] = [
  ['w', 604_800_000_000_000n],
  ['d', 86_400_000_000_000n],
  ['h', 3_600_000_000_000n],
  ['m', 60_000_000_000n],
  ['s', 1_000_000_000n],
  ['ms', 1_000_000n],
]
const countMax = 1_000_000
const dayNs = 86_400_000_000_000n

export interface TimeframeWidth {
  readonly canonical: Timeframe
  /** Nanoseconds; 0n for months. */
  readonly ns: bigint
  /** Calendar months; 0 for the rest. */
  readonly months: number
}

/** @throws {VarveError} ERR_ARGUMENT */
export function parseTimeframe(text: string): TimeframeWidth {
  const match = /^([1-9]\d{0,6})(ms|s|m|h|d|w|mo)$/.exec(typeof text === 'string' ? text : '')
  const count = Number(match?.[1])
  if (match === null || count > countMax) {
    throw new VarveError(
      'ERR_ARGUMENT',
      `${JSON.stringify(text)} is no timeframe`,
      { actual: String(text) },
      { hint: "Write a whole number and a unit: '1s', '5m', '1h', '1d', '1w', '1mo'." },
    )
  }
  if (match[2] === 'mo') return { canonical: `${count}mo`, ns: 0n, months: count }
  const ns = BigInt(count) * unitNs.find(([unit]) => unit === match[2])![1]
  const [unit, width] = unitNs.find(([, candidate]) => ns % candidate === 0n)!
  return { canonical: `${Number(ns / width)}${unit}`, ns, months: 0 }
}

/** The close of the bar that opened at `open`; may be beyond int64. A month that is too short ends the bar on its last
 *  day. */
export function barEnd(open: bigint, width: TimeframeWidth): bigint {
  if (width.months === 0) return open + width.ns
  const day0 = floorDay(open)
  const within = open - day0
  const date = new Date(Number(day0 / 1_000_000n))
  const day = date.getUTCDate()
  date.setUTCDate(1)
  date.setUTCMonth(date.getUTCMonth() + width.months)
  const days = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate()
  date.setUTCDate(Math.min(day, days))
  return BigInt(date.getTime()) * 1_000_000n + within
}

/** A UTC day for ticks and timeframes under 1h, a month under 1d, a year from 1d on. */
export function partitionWidthOf(timeframe: string | undefined): PartitionWidth {
  if (timeframe === undefined) return 'day'
  const { ns, months } = parseTimeframe(timeframe)
  if (months > 0 || ns >= dayNs) return 'year'
  return ns >= 3_600_000_000_000n ? 'month' : 'day'
}

const int64Min = -(2n ** 63n)

/** Start of the partition that holds `ns`, or the smallest int64 where that is later. */
export function partitionStart(width: PartitionWidth, ns: bigint): bigint {
  const start = calendarStart(width, ns)
  return start < int64Min ? int64Min : start
}

function calendarStart(width: PartitionWidth, ns: bigint): bigint {
  const day = floorDay(ns)
  if (width === 'day') return day
  const date = new Date(Number(day / 1_000_000n))
  if (width === 'month') date.setUTCDate(1)
  else date.setUTCMonth(0, 1)
  return BigInt(date.getTime()) * 1_000_000n
}

/** Start of the partition after the one that starts at `start`. May lie beyond int64. */
export function partitionEnd(width: PartitionWidth, start: bigint): bigint {
  const first = calendarStart(width, start)
  if (width === 'day') return first + dayNs
  const date = new Date(Number(first / 1_000_000n))
  if (width === 'month') date.setUTCMonth(date.getUTCMonth() + 1)
  else date.setUTCFullYear(date.getUTCFullYear() + 1)
  return BigInt(date.getTime()) * 1_000_000n
}

/** '2024-03-15', '2024-03' or '2024'. */
export function partitionName(width: PartitionWidth, start: bigint): string {
  const digits = { day: 10, month: 7, year: 4 }[width]
  return new Date(Number(start / 1_000_000n)).toISOString().slice(0, digits)
}

function floorDay(ns: bigint): bigint {
  const over = ns % dayNs
  return over < 0n ? ns - over - dayNs : ns - over
}
