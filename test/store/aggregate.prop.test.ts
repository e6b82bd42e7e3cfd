// Goal: conditions and aggregates give what plain loops over objects give, bit for bit, however the rows are stored: in
// memory, sealed, late, overlapping, compacted, under any encoding. Method: columns are drawn as patterns that lead to
// every encoding (and to vectors of many rows), rows arrive in several stretches, some of them sealed, some late; then
// random questions are asked of the same rows before and after each change of their storage.
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { column, defineKind } from '#schema'
import type { Store } from '#store'
import { closeAll, makeBed } from './bed.ts'
import { deviationOf, meets, openOf, sumOf } from './naive-aggregate.ts'
import type { PlainRow, Value } from './naive-aggregate.ts'

const kind = defineKind('probe', {
  columns: {
    price: column.f64(),
    real: column.f64().optional(),
    money: column.decimal(2).optional(),
    count: column.i64().optional(),
    small: column.i32(),
    flag: column.bool().optional(),
    venue: column.symbol().optional(),
    note: column.text().optional(),
  },
})

const names = ['price', 'real', 'money', 'count', 'small', 'flag', 'venue', 'note'] as const
type Name = (typeof names)[number]
const optional = (name: Name): boolean => name !== 'price' && name !== 'small'

/** mulberry32 */
function chance(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

type Draw = (next: () => number, row: number) => number
const draws: Record<string, Draw> = {
  constant: () => 12.5,
  grid: (next) => (20_000 + Math.floor(next() * 300)) / 100,
  rising: (_, row) => (1000 + row * 3) / 1000,
  outliers: (next) => (next() < 0.01 ? Math.floor(next() * 1e9) : Math.floor(next() * 40)) / 10,
  few: (next) => [100, 200, 500, 100_000_000][Math.floor(next() * 4)]!,
  runs: (_, row) => Math.floor(row / 37) / 4,
  reals: (next) => next() * 1e6 - 5e5,
  mixed: (next) => (next() < 0.03 ? next() : Math.floor(next() * 1000) / 100),
  fine: (next) => Math.floor(next() * 1e12) / 1e12,
  large: (next) => Math.floor(next() * 2 ** 52) * 2,
  odd: (next) =>
    next() < 0.02
      ? [-0, 0, Infinity, -Infinity, 5e-324][Math.floor(next() * 5)]!
      : Math.floor(next() * 90) / 2,
  negative: (next) => -Math.floor(next() * 5000) / 100,
}

interface Drawn {
  readonly seed: number
  readonly rows: number
  readonly price: string
  readonly real: string
  readonly absent: number
  readonly gapMs: number
}

const patterns = Object.keys(draws)
const drawn: fc.Arbitrary<Drawn> = fc.record({
  seed: fc.nat(),
  rows: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 900, max: 3500 })),
  price: fc.constantFrom(...patterns),
  real: fc.constantFrom(...patterns),
  absent: fc.constantFrom(0, 0.02, 0.5, 1),
  gapMs: fc.constantFrom(0, 0.5, 40, 5000, 86_400_000),
})

/** Each stretch: rows of its own, how far back it begins (late rows), and what is done behind it. */
const stretch = fc.record({
  drawn,
  backMs: fc.constantFrom(0, 0, 0, 700, 100_000),
  action: fc.constantFrom('nothing', 'seal', 'seal', 'compact'),
})

const start = 1_704_205_800_000_000_000n

function makeRows({ seed, rows, price, real, absent, gapMs }: Drawn, from: bigint): PlainRow[] {
  const next = chance(seed)
  const may = <T extends Value>(value: T): T | null => (next() < absent ? null : value)
  let time = from
  return Array.from({ length: rows }, (_, row): PlainRow => {
    if (next() < 0.6) time += BigInt(Math.floor(next() * gapMs * 1e6))
    return {
      time,
      price: draws[price]!(next, row),
      real: may(draws[real]!(next, row)),
      money: may(Math.floor(next() * 1e5) / 100),
      count: may(BigInt(Math.floor(next() * 1e6)) * (next() < 0.001 ? 10n ** 12n : 1n)),
      small: Math.floor(next() * 2000) - 1000,
      flag: may(next() < 0.5),
      venue: may(['Q', 'N', 'P', 'Z'][Math.floor(next() * 4)]!),
      note: may(`n${Math.floor(next() * 5)}`),
    }
  })
}

const asDouble = (value: Value): number => Number(value)

/** The value at which a condition is cut: one that a row has, or near it. */
function pickBound(rows: readonly PlainRow[], name: Name, pick: number): Value {
  const value = rows[pick % rows.length]![name]!
  return typeof value === 'number' && Number.isNaN(value) ? null : value
}

const operator = fc.constantFrom('is', 'ne', 'lt', 'lte', 'gt', 'gte', 'in', 'absent', 'present')
const condition = fc.record({
  name: fc.constantFrom(...names),
  operator,
  picks: fc.tuple(fc.nat(), fc.nat(), fc.nat()),
})
type Asked = typeof condition extends fc.Arbitrary<infer T> ? T : never

function conditionOf(rows: readonly PlainRow[], { name, operator: is, picks }: Asked): unknown {
  if (is === 'absent' || is === 'present') return { absent: is === 'absent' }
  const bounds = picks.map((pick) => pickBound(rows, name, pick)).filter((each) => each !== null)
  if (bounds.length === 0) return { absent: true }
  const isOrdered = typeof bounds[0] === 'number' || typeof bounds[0] === 'bigint'
  if (is === 'in') return { in: bounds }
  if (is === 'ne') return { ne: bounds[0] }
  if (is === 'is' || !isOrdered) return bounds[0]
  if (is === 'gte' && bounds.length > 1) return { gte: bounds[0], lt: bounds[1] }
  return { [is]: bounds[0] }
}

const answers = {
  rows: 'count',
  prices: { count: 'price' },
  reals: { count: 'real' },
  venues: { count: 'venue' },
  sum: { sum: 'price' },
  realSum: { sum: 'real' },
  moneySum: { sum: 'money' },
  countSum: { sum: 'count' },
  smallSum: { sum: 'small' },
  low: { min: 'price' },
  realLow: { min: 'real' },
  high: { max: 'price' },
  moneyHigh: { max: 'money' },
  open: { first: 'price' },
  realOpen: { first: 'real' },
  close: { last: 'price' },
  countLast: { last: 'count' },
  mean: { mean: 'money' },
  std: { std: 'price' },
  vwap: { vwap: ['price', 'small'] },
} as const
type AnswerName = keyof typeof answers
const answerNames = Object.keys(answers) as AnswerName[]

const question = fc.record({
  conditions: fc.array(condition, { maxLength: 2 }),
  every: fc.constantFrom(undefined, '1ms', '250ms', '1s', '1m', '1h', '1d', '1w', '1mo', '3mo'),
  from: fc.option(fc.nat(), { nil: undefined }),
  to: fc.option(fc.nat(), { nil: undefined }),
  /** Which answers are asked for: what a column is not asked for need not be found out. */
  answers: fc.option(fc.subarray(answerNames, { minLength: 1 }), { nil: answerNames }),
})
type Question = typeof question extends fc.Arbitrary<infer T> ? T : never

function expectedOf(rows: readonly PlainRow[]): Record<string, number> {
  const all = (name: Name): Value[] =>
    rows.map((row) => row[name]!).filter((value) => value !== null)
  const numbers = (name: Name): number[] => all(name).map(asDouble)
  const least = (values: number[]): number =>
    values.length === 0 ? Number.NaN : values.reduce((a, b) => Math.min(a, b))
  const most = (values: number[]): number =>
    values.length === 0 ? Number.NaN : values.reduce((a, b) => Math.max(a, b))
  const money = numbers('money')
  const price = numbers('price')
  const moneySum = sumOf(money)
  return {
    rows: rows.length,
    prices: rows.length,
    reals: all('real').length,
    venues: all('venue').length,
    sum: sumOf(price),
    realSum: sumOf(numbers('real')),
    moneySum,
    countSum: sumOf(all('count') as bigint[]),
    smallSum: sumOf(numbers('small')),
    low: least(price),
    realLow: least(numbers('real')),
    high: most(price),
    moneyHigh: most(money),
    open: price[0] ?? Number.NaN,
    realOpen: numbers('real')[0] ?? Number.NaN,
    close: price.at(-1) ?? Number.NaN,
    countLast: numbers('count').at(-1) ?? Number.NaN,
    mean: moneySum / money.length,
  }
}

/** std and vwap: within rounding of plain loops, which are not exact themselves. */
function expectNear(actual: number, expected: number, size: number, what: string): void {
  if (!Number.isFinite(expected) || !Number.isFinite(actual)) return
  expect(Math.abs(actual - expected), what).toBeLessThanOrEqual(1e-6 * Math.max(1, size))
}

/** The query that a question is, apart from its columns and conditions. */
function betweenOf(rows: readonly PlainRow[], { from, to }: Question) {
  const timeOf = (pick: number) => rows[pick % rows.length]!.time
  return {
    ...(from === undefined ? {} : { from: timeOf(from) }),
    ...(to === undefined ? {} : { to: timeOf(to) }),
  }
}

/** Deviations and means by weight, which plain loops only come near to: the same wherever the rows are. */
function inexactOf(store: Store, rows: readonly PlainRow[], asked: Question): Float64Array[] {
  const { std, vwap } = answers
  const { columns } = store.series(kind, 'X').aggregate({
    ...betweenOf(rows, asked),
    ...(asked.every === undefined ? {} : { every: asked.every }),
    columns: { std, vwap },
  })
  return [columns.std, columns.vwap]
}

function ask(store: Store, rows: readonly PlainRow[], asked: Question): void {
  const series = store.series(kind, 'X')
  const { from, to } = betweenOf(rows, asked)
  const where: Record<string, unknown> = {}
  for (const each of asked.conditions) where[each.name] = conditionOf(rows, each)
  const query = {
    ...betweenOf(rows, asked),
    ...(asked.conditions.length === 0 ? {} : { where: where as { price?: number } }),
  }
  const chosen = rows.filter(
    (row) =>
      (from === undefined || row.time >= from) &&
      (to === undefined || row.time < to) &&
      Object.entries(where).every(([name, test]) =>
        meets(row[name]!, optional(name as Name), test),
      ),
  )
  const what = JSON.stringify({ asked, where }, (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  )
  expect(series.count(query), what).toBe(chosen.length)
  const range = series.range({ ...query, columns: ['price', 'venue'] })
  expect(Array.from(range.columns.price), what).toEqual(chosen.map(({ price }) => price))
  expect(Array.from(range.columns.venue), what).toEqual(chosen.map(({ venue }) => venue))
  const newest = series.range({ ...query, reverse: true, limit: 3, columns: ['small'] })
  const last = chosen.slice(-3).reverse()
  expect(Array.from(newest.columns.small), what).toEqual(last.map(({ small }) => small))

  const { every } = asked
  const columns: Partial<typeof answers> = Object.fromEntries(
    asked.answers.map((name) => [name, answers[name]]),
  )
  const groups = new Map<bigint, PlainRow[]>()
  if (every === undefined) groups.set(from ?? chosen[0]?.time ?? -(2n ** 63n), chosen)
  else {
    for (const row of chosen) {
      const open = openOf(row.time, every)
      const group = groups.get(open)
      if (group === undefined) groups.set(open, [row])
      else group.push(row)
    }
  }
  const answer = series.aggregate({ ...query, ...(every === undefined ? {} : { every }), columns })
  expect(Array.from(answer.columns.time), what).toEqual([...groups.keys()])
  let at = 0
  for (const group of groups.values()) {
    const given = (name: string): number | undefined => answer.columns[name as 'std']?.[at]
    const expected = Object.entries(expectedOf(group)).filter(([name]) => name in columns)
    expect(
      expected.map(([name]) => [name, given(name)]),
      what,
    ).toEqual(expected)
    const [std, vwap] = [given('std'), given('vwap')]
    const prices = group.map(({ price }) => price as number)
    const size = Math.max(...prices.map(Math.abs))
    if (std !== undefined) expectNear(std, deviationOf(prices), size, `std ${what}`)
    const weights = group.reduce((sum, { small }) => sum + (small as number), 0)
    const products = group.reduce(
      (sum, row) => sum + asDouble(row['price']!) * (row['small'] as number),
      0,
    )
    if (vwap !== undefined && weights !== 0) {
      expectNear(vwap * weights, products, size * 1e6, `vwap ${what}`)
    }
    at += 1
  }
  const { vectors, skipped, fromFooter, packed, decoded } = series.explain({ ...query, columns })
  expect(skipped + fromFooter + packed + decoded).toBe(vectors)
  // Conditions change how vectors are answered, not which there are.
  const { where: _, ...between } = { where: undefined, ...query }
  expect(series.explain({ ...between, columns }).vectors, what).toBe(vectors)
}

const numRuns = Number(process.env['VARVE_CASES'] ?? 25)

test('conditions and aggregates equal plain loops, wherever the rows are', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(stretch, { minLength: 1, maxLength: 4 }),
      fc.array(question, { minLength: 2, maxLength: 5 }),
      async (stretches, questions) => {
        const bed = makeBed()
        const store = await bed.open({ durability: 'memory' })
        let rows: PlainRow[] = []
        let end = start
        for (const { drawn: some, backMs, action } of stretches) {
          const added = makeRows(some, end - BigInt(backMs) * 1_000_000n)
          store.series(kind, 'X').append(added as never)
          rows = [...rows, ...added].sort((a, b) =>
            a.time < b.time ? -1 : a.time > b.time ? 1 : 0,
          )
          end = rows.at(-1)!.time
          const before = questions.map((asked) => inexactOf(store, rows, asked))
          if (action !== 'nothing') await store.seal()
          if (action === 'compact') await store.compact()
          for (const asked of questions) ask(store, rows, asked)
          expect(questions.map((asked) => inexactOf(store, rows, asked))).toEqual(before)
        }
        await closeAll(bed, store)
      },
    ),
    { numRuns },
  )
}, 120_000)
