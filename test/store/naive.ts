// What a store holds, as simply as it can be said: rows as objects in arrival order, sorted and merged when they are read.
import { column, defineKind, parseTimeframe, barEnd } from '#schema'
import type { Column, Kind } from '#schema'

export type Random = () => number
export type NaiveRow = Readonly<Record<string, unknown>> & { readonly time: bigint }

export const pick = <T>(random: Random, from: readonly T[]): T =>
  from[Math.floor(random() * from.length)]!
export const upTo = (random: Random, max: number): number => Math.floor(random() * (max + 1))

const absentInt = -(2n ** 63n)
const dayNs = 86_400_000_000_000n
export const day0 = 19_700n * dayNs

const numeric = ['f64', 'decimal', 'i64', 'i32', 'u8', 'bool', 'time'] as const
const types = [...numeric, 'symbol', 'text', 'json'] as const

function columnOf(type: (typeof types)[number]): Column {
  const make: Record<string, () => Column> = { ...column, decimal: () => column.decimal(2) }
  return make[type]!()
}

/** A kind of random columns and rules, and the same with two more optional columns. */
export function randomKind(random: Random, name: string): { kind: Kind; wider: Kind } {
  const columns: Record<string, Column> = {}
  const count = 1 + upTo(random, 4)
  for (let at = 0; at < count; at += 1) {
    const made = columnOf(pick(random, types))
    columns[`c${at}`] = random() < 0.5 ? made.optional() : made
  }
  const names = Object.keys(columns)
  const ordered = names.filter((each) => numeric.includes(columns[each]!.type as 'f64'))
  const order = random() < 0.35 ? ordered.filter(() => random() < 0.5) : []
  const identity: string[] = random() < 0.6 ? ['time'] : []
  for (const each of names) if (random() < 0.3) identity.push(each)
  const duplicates = pick(random, ['keep', 'first', 'last'] as const)
  const rules = {
    timeframed: random() < 0.3,
    order,
    ...(duplicates === 'keep' || identity.length === 0 ? {} : { identity, duplicates }),
  }
  const wide = { ...columns, extra: column.f64().optional(), note: column.symbol().optional() }
  return {
    kind: defineKind<string, Record<string, Column>, boolean>(name, { ...rules, columns } as never),
    wider: defineKind<string, Record<string, Column>, boolean>(name, {
      ...rules,
      columns: wide,
    } as never),
  }
}

const values: Record<(typeof types)[number], readonly unknown[]> = {
  f64: [0, -0, Number.NaN, Infinity, -1.5, 2.25, 1.7976931348623157e308, 5e-324, 100.01],
  decimal: ['1.25', 1.25, -0.5, 0, '92233720368547758.07', '-92233720368547758.07', 3, '7.1'],
  i64: [0n, 1n, 2, -3, absentInt, 2n ** 63n - 1n, -(2n ** 63n) + 1n, 9_007_199_254_740_993n],
  i32: [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)],
  u8: [0, 1, 255],
  bool: [true, false],
  symbol: ['buy', 'sell', 'BACpL', 'BACPL', '', 'é'],
  text: ['', 'a', 'id-17', 'ß€', 'x'.repeat(300)],
  json: [{ a: 1 }, [1, 'x'], 'text', 0, false, null, { deep: { er: [null] } }],
  time: [0n, day0, absentInt, 2n ** 63n - 1n, 1_700_000_000_000.5],
}

export function randomTime(random: Random): bigint {
  const roll = random()
  if (roll < 0.01) return pick(random, [absentInt, 2n ** 63n - 1n, 0n, -1n])
  if (roll < 0.8) return day0 + BigInt(upTo(random, 12))
  if (roll < 0.9) return day0 + BigInt(upTo(random, 3)) * dayNs + BigInt(upTo(random, 3))
  return day0 + BigInt(upTo(random, 400)) * dayNs
}

/** A row as a user gives it. */
export function randomInput(random: Random, kind: Kind): Record<string, unknown> {
  const row: Record<string, unknown> = { time: randomTime(random) }
  if (random() < 0.2) row['received'] = day0 + BigInt(upTo(random, 5))
  for (const [name, { type, isOptional }] of Object.entries(kind.columns)) {
    const roll = isOptional ? random() : 1
    if (roll < 0.3) continue
    if (roll < 0.4) row[name] = pick(random, [null, undefined])
    else row[name] = pick(random, values[type])
    if (type === 'i64' && roll < 0.45) row[name] = absentInt
  }
  return row
}

/** The row as it reads back; columns without a value are left out. */
export function stored(kind: Kind, input: Readonly<Record<string, unknown>>): NaiveRow {
  const row: Record<string, unknown> = { time: input['time'] }
  const columns: [string, { type: string; isOptional: boolean }][] = [
    ['received', { type: 'time', isOptional: true }],
    ...Object.entries(kind.columns),
  ]
  for (const [name, { type, isOptional }] of columns) {
    const given = input[name]
    if (given === undefined || (given === null && isOptional)) continue
    const value = valueOf(type, given)
    if (isOptional && (value === absentInt || Number.isNaN(value))) continue
    row[name] = value
  }
  return row as NaiveRow
}

function valueOf(type: string, given: unknown): unknown {
  switch (type) {
    case 'decimal':
      return Number(given) === 0 ? 0 : Number(given)
    case 'i64':
      return BigInt(given as bigint)
    case 'time':
      return typeof given === 'bigint' ? given : BigInt((given as number) * 10) * 100_000n
    case 'json':
      return JSON.parse(JSON.stringify(given))
    default:
      return given
  }
}

/** What a handle of `kind` shows of a row. */
export function shown(kind: Kind, row: NaiveRow): Record<string, unknown> {
  const out: Record<string, unknown> = { time: row.time, received: row['received'] ?? null }
  for (const [name, { type }] of Object.entries(kind.columns)) {
    const absent = type === 'f64' || type === 'decimal' ? Number.NaN : null
    out[name] = row[name] === undefined ? absent : row[name]
  }
  return out
}

export function partitionOf(timeframe: string | undefined, time: bigint): string {
  const text = new Date(
    Number(time / 1_000_000n - (time % 1_000_000n < 0n ? 1n : 0n)),
  ).toISOString()
  const [year, month] = text.split('-').slice(text.startsWith('-') ? 1 : 0)
  if (timeframe === undefined) return text.slice(0, text.indexOf('T'))
  const { ns, months } = parseTimeframe(timeframe)
  if (months > 0 || ns >= dayNs) return String(year)
  return ns >= 3_600_000_000_000n ? `${year}-${month}` : text.slice(0, text.indexOf('T'))
}

function rank(value: unknown): number | bigint {
  if (value === undefined || Number.isNaN(value)) return -Infinity
  if (typeof value === 'boolean') return Number(value)
  return value as number | bigint
}

interface Placed {
  readonly row: NaiveRow
  readonly place: number
}

/** Rows in arrival order -> rows as they read. */
export function read(
  kind: Kind,
  timeframe: string | undefined,
  arrived: readonly NaiveRow[],
): NaiveRow[] {
  let placed: Placed[] = arrived.map((row, place) => ({ row, place }))
  if (kind.duplicates !== 'keep' && kind.identity.length > 0)
    placed = merged(kind, timeframe, placed)
  const compare = (a: Placed, b: Placed): number => {
    if (a.row.time !== b.row.time) return a.row.time < b.row.time ? -1 : 1
    for (const name of kind.order) {
      const [x, y] = [rank(a.row[name]), rank(b.row[name])]
      // An absent bigint ranks below the smallest one; a NaN beside an absent value is its equal.
      if (x < y) return -1
      if (x > y) return 1
      const [isX, isY] = [x, y].map((each) =>
        Number(each !== -Infinity || typeof each === 'bigint'),
      )
      if (isX !== isY) return isX! - isY!
    }
    return a.place - b.place
  }
  return placed.sort(compare).map(({ row }) => row)
}

function merged(kind: Kind, timeframe: string | undefined, placed: readonly Placed[]): Placed[] {
  const kept: Placed[] = []
  const at = new Map<string, number>()
  for (const each of placed) {
    const isWhole = kind.identity.every((name) => each.row[name] !== undefined)
    const key = [
      partitionOf(timeframe, each.row.time),
      ...kind.identity.map((name) => bits(each.row[name])),
    ]
    const known = isWhole ? at.get(key.join('\0')) : undefined
    if (known === undefined) {
      if (isWhole) at.set(key.join('\0'), kept.length)
      kept.push(each)
    } else if (kind.duplicates === 'last') {
      kept[known] = { row: each.row, place: kept[known]!.place }
    }
  }
  return kept
}

/** Text that is equal for equal bits. */
export function bits(value: unknown): string {
  if (Object.is(value, -0)) return '-0'
  if (typeof value === 'bigint') return `${value}n`
  return typeof value === 'number' ? String(value) : JSON.stringify(value)
}

/** Whether the bar of that open has ended by `time`. */
export function hasEnded(timeframe: string, open: bigint, time: bigint): boolean {
  return barEnd(open, parseTimeframe(timeframe)) <= time
}
