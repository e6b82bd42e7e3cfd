// What is appended in a simulated life. The rows of append number n follow from n alone, so that what a store holds is
// told by a set of numbers, and every row found can be compared with the one that was given.
import { column, defineKind } from '#schema'
import type { ReadView, Series, Store } from '#store'

export const tick = defineKind('tick', {
  columns: {
    number: column.i32(),
    part: column.u8(),
    price: column.f64(),
    note: column.text().optional(),
  },
})
const mark = defineKind('mark', { columns: { number: column.i32(), part: column.u8() } })

export const seriesCount = 5
/** Each has a producer of its own as well. */
const symbols = ['A/..', 'b', 'CON', 'B', 'é'] as const
export const producer = 'feed'

const dayNs = 86_400_000_000_000n
const noteOf = (number: number): string => `row ${number} ${'x'.repeat(number % 7 === 0 ? 600 : 3)}`

export interface Part {
  readonly series: number
  readonly rows: number
}

/** The series of append `number` and how many rows each of them gets. Every fourth comes of the producer of one series. */
export function partsOf(number: number): readonly Part[] {
  if (isProduced(number)) return [{ series: number % 3, rows: 2 }]
  const first = number % seriesCount
  const parts = [{ series: first, rows: 1 + (number % 3) }]
  if (number % 2 === 0) parts.push({ series: (first + 1) % seriesCount, rows: 1 })
  if (number % 6 === 0) parts.push({ series: (first + 3) % seriesCount, rows: 2 })
  return parts
}

export const isProduced = (number: number): boolean => number % 4 === 3

/** Some days, and within a day some rows that come late. */
function timeOf(number: number, part: number): bigint {
  const day = 19_000n + BigInt(number >> 3)
  const late = number % 5 === 0 ? 7000n : 0n
  return day * dayNs + BigInt(number) * 1000n - late + BigInt(part)
}

/** The rows of a part as they are given. */
export function rowsOf(number: number, { series, rows }: Part): Record<string, unknown>[] {
  return Array.from({ length: rows }, (_, part) => ({
    time: timeOf(number, part),
    number,
    part,
    ...(series === 1 ? {} : { price: number + part / 4 }),
    ...(series === 1 || number % 2 === 0 ? {} : { note: noteOf(number) }),
  }))
}

/** A handle of a series of a store. */
export const handleOf = (store: Store, series: number): Series<typeof tick> =>
  store.series((series === 1 ? mark : tick) as typeof tick, symbols[series]!)

interface Found {
  readonly time: bigint
  readonly number: number
  readonly part: number
  readonly price: number
  readonly note: string | null
}

function foundIn(view: ReadView, series: number): Found[] {
  const kind = (series === 1 ? mark : tick) as typeof tick
  return Array.from(view.series(kind, symbols[series]!).range(), (row) => ({
    time: row.time,
    number: row.number,
    part: row.part,
    price: row.price ?? 0,
    note: row.note ?? null,
  }))
}

/** Where what is found is not what was given: an invariant by its number, and what is wrong. */
export class Violation extends Error {
  readonly invariant: string

  constructor(invariant: string, what: string, options?: ErrorOptions) {
    super(`${invariant}: ${what}`, options)
    this.name = 'Violation'
    this.invariant = invariant
  }
}

function expectedOf(number: number, series: number): Found[] {
  const part = partsOf(number).find((each) => each.series === series)
  if (part === undefined) return []
  return rowsOf(number, part).map((row) => ({
    time: row['time'] as bigint,
    number,
    part: row['part'] as number,
    price: (row['price'] as number | undefined) ?? 0,
    note: (row['note'] as string | undefined) ?? null,
  }))
}

const textOf = ({ time, number, part, price, note }: Found): string =>
  `${time} ${number}.${part} ${price} ${note ?? '-'}`

/**
 * The appends a view holds, as text: their numbers in order. @throws {Violation} I4 where an append is there in part,
 * I2 where a row was never given, I6 where one is there twice, I1 where they are not in read order
 */
export function keyOf(view: ReadView): string {
  const found = Array.from({ length: seriesCount }, (_, series) => foundIn(view, series))
  const numbers = new Set(found.flatMap((rows) => rows.map(({ number }) => number)))
  const sorted = [...numbers].sort((a, b) => a - b)
  found.forEach((rows, series) => {
    const expected = sorted
      .flatMap((number) => expectedOf(number, series))
      .sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
    checkRows(series, rows.map(textOf), expected.map(textOf))
  })
  return sorted.join(' ')
}

function checkRows(series: number, found: readonly string[], expected: readonly string[]): void {
  if (found.length === expected.length && found.every((row, at) => row === expected[at])) return
  const place = `series ${series}: found [${found.join(', ')}], given [${expected.join(', ')}]`
  if (new Set(found).size < found.length)
    throw new Violation('I6', `a row is there twice, ${place}`)
  const missing = expected.filter((row) => !found.includes(row))
  if (missing.length > 0) throw new Violation('I4', `an append is there in part, ${place}`)
  const invented = found.filter((row) => !expected.includes(row))
  if (invented.length > 0) throw new Violation('I2', `rows that nobody gave, ${place}`)
  throw new Violation('I1', `rows are not at their place, ${place}`)
}

/** What each producer has to be accepted up to, where a store holds the appends of `key`. */
export function checkProducers(store: Store, key: string): void {
  const numbers = key === '' ? [] : key.split(' ').map(Number)
  for (let series = 0; series < 3; series += 1) {
    const of = numbers.filter((number) => isProduced(number) && number % 3 === series)
    const expected = of.length === 0 ? undefined : BigInt(of.at(-1)!)
    const accepted = handleOf(store, series).accepted(producer)
    if (accepted === expected) continue
    const what = `producer of series ${series}: accepted ${accepted}, of [${key}]`
    throw new Violation('I1', what)
  }
}
