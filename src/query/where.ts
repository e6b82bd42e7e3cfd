// `where`: conditions on columns, parsed into the tests that zone maps, packed values and decoded rows answer.
import { VarveError } from '#base'
import type { ColumnTest, DoubleRange, IntegerRange, ValueTest } from '#batch'
import { doubleOfScaled, int64Max, int64Min, parseTime, scaledOfText } from '#schema'
import type { ColumnName, ColumnSpec, TimeInput } from '#schema'
import { unknownColumn } from './columns.ts'

/**
 * What a column must hold: a value (the same as `{ eq: value }`), or bounds, lists and absence, all
 * of which must hold. Absent values match nothing but `{ absent: true }`. Doubles compare as
 * numbers: -0 is 0, NaN is in no range. Symbols and texts know eq, ne and in.
 */
export type Condition =
  | number
  | string
  | bigint
  | boolean
  | {
      eq?: unknown
      ne?: unknown
      lt?: number | bigint
      lte?: number | bigint
      gt?: number | bigint
      gte?: number | bigint
      in?: readonly unknown[]
      absent?: boolean
    }

/** `{ price: { gte: 100, lt: 101 }, venue: 'Q' }`: all must hold. */
export type Where<K> = { [N in ColumnName<K>]?: Condition }

/** A condition on one column. */
export interface RowTest {
  readonly spec: ColumnSpec
  readonly test: ColumnTest
}

const operators = ['eq', 'ne', 'lt', 'lte', 'gt', 'gte', 'in', 'absent'] as const
type Operator = (typeof operators)[number]

function refuse(message: string, column: string, actual: unknown, hint?: string): VarveError {
  const details = { column, actual: typeof actual === 'bigint' ? actual : String(actual) }
  return new VarveError('ERR_ARGUMENT', message, details, hint === undefined ? {} : { hint })
}

/**
 * The tests of `where` on columns of `specs` (of the kind `kind`). @throws {VarveError} ERR_SCHEMA for
 * a column that is not there, ERR_ARGUMENT for a condition that is none
 */
export function parseWhere(
  where: unknown,
  specs: readonly ColumnSpec[],
  kind: string,
): readonly RowTest[] {
  if (where === undefined) return []
  if (typeof where !== 'object' || where === null || Array.isArray(where)) {
    throw new VarveError('ERR_ARGUMENT', 'where is an object: a condition a column', {
      actual: String(where),
    })
  }
  const tests: RowTest[] = []
  for (const [name, condition] of Object.entries(where)) {
    const spec = specs.find((candidate) => candidate.name === name)
    if (spec === undefined) throw unknownColumn(name, specs, kind)
    if (spec.name === 'time') {
      throw refuse('times are chosen by from and to', name, condition, 'Give { from, to }.')
    }
    if (condition !== undefined) tests.push({ spec, test: testOf(spec, condition) })
  }
  return tests
}

function partsOf(spec: ColumnSpec, condition: unknown): [Operator, unknown][] {
  if (typeof condition !== 'object' || condition === null || condition instanceof Date) {
    return [['eq', condition]]
  }
  const parts = Object.entries(condition).filter(([, value]) => value !== undefined)
  for (const [name] of parts) {
    if (operators.includes(name as Operator)) continue
    throw refuse(
      `a condition on '${spec.name}' cannot say '${name}'`,
      spec.name,
      name,
      `It may say ${operators.join(', ')}.`,
    )
  }
  return parts as [Operator, unknown][]
}

function testOf(spec: ColumnSpec, condition: unknown): ColumnTest {
  const parts = partsOf(spec, condition)
  const absent = parts.find(([name]) => name === 'absent')?.[1]
  if (absent !== undefined && typeof absent !== 'boolean') {
    throw refuse(`absent is true or false`, spec.name, absent)
  }
  const others = parts.filter(([name]) => name !== 'absent')
  // Asked for a value and for none: nothing is both.
  const nothing = absent === true
  const matchesAbsent = absent === true && others.length === 0
  const values = valuesOf(spec, others, nothing)
  return { values, absent: matchesAbsent, optional: spec.optional }
}

function valuesOf(
  spec: ColumnSpec,
  parts: readonly (readonly [Operator, unknown])[],
  nothing: boolean,
): ValueTest {
  if (spec.physical === 'code' || spec.physical === 'bytes') return textsOf(spec, parts, nothing)
  if (spec.physical === 'f64') {
    let ranges: readonly DoubleRange[] = nothing ? [] : [{ low: -Infinity, high: Infinity }]
    for (const [name, value] of parts) ranges = meet(ranges, doublesOf(spec, name, value))
    const nan = !nothing && parts.every(([name]) => name === 'ne')
    return { of: 'doubles', ranges, nan }
  }
  let ranges: readonly IntegerRange[] = nothing ? [] : [{ low: int64Min, high: int64Max }]
  for (const [name, value] of parts) ranges = meet(ranges, integersOf(spec, name, value))
  return { of: 'integers', ranges }
}

/** What two lists of ranges have in common. */
function meet<R extends DoubleRange | IntegerRange>(a: readonly R[], b: readonly R[]): R[] {
  const common: R[] = []
  for (const one of a) {
    for (const other of b) {
      const low = one.low > other.low ? one.low : other.low
      const high = one.high < other.high ? one.high : other.high
      if (low <= high) common.push({ low, high } as R)
    }
  }
  return common.sort((x, y) => (x.low < y.low ? -1 : x.low > y.low ? 1 : 0))
}

function listOf(spec: ColumnSpec, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw refuse(`'in' is a list of values`, spec.name, value)
}

// ---- doubles

const bits = new BigInt64Array(1)
const double = new Float64Array(bits.buffer)

/** The next double towards `sign` x infinity; infinities stay. */
function neighbour(value: number, sign: 1 | -1): number {
  if (value === sign * Infinity) return value
  if (value === 0) return sign * Number.MIN_VALUE
  double[0] = value
  bits[0] = bits[0]! + (value > 0 === sign > 0 ? 1n : -1n)
  return double[0]
}

function numberOf(spec: ColumnSpec, value: unknown): number {
  if (typeof value === 'number' && !Number.isNaN(value)) return value
  if (typeof value === 'bigint' && BigInt(Number(value)) === value) return Number(value)
  throw refuse(
    `a condition on '${spec.name}' compares with a number`,
    spec.name,
    value,
    Number.isNaN(value) ? 'NaN equals nothing; { absent: true } finds rows without a value.' : '',
  )
}

function doublesOf(spec: ColumnSpec, name: Operator, value: unknown): DoubleRange[] {
  if (name === 'in') {
    const points = listOf(spec, value).map((each) => numberOf(spec, each) + 0)
    const rising = [...new Set(points)].sort((a, b) => a - b)
    return rising.map((point) => ({ low: point, high: point }))
  }
  const bound = numberOf(spec, value)
  switch (name) {
    case 'lt':
      return bound === -Infinity ? [] : [{ low: -Infinity, high: neighbour(bound, -1) }]
    case 'lte':
      return [{ low: -Infinity, high: bound }]
    case 'gt':
      return bound === Infinity ? [] : [{ low: neighbour(bound, 1), high: Infinity }]
    case 'gte':
      return [{ low: bound, high: Infinity }]
    case 'ne':
      return [...doublesOf(spec, 'lt', bound), ...doublesOf(spec, 'gt', bound)]
    default:
      return [{ low: bound, high: bound }]
  }
}

// ---- integers: the least integer that is at or above a bound, and whether it is the bound

interface Bound {
  /** The least integer at or above; beyond int64 where there is none. */
  readonly ceiling: bigint
  /** The greatest integer that is the same value; below `ceiling` where none is. */
  readonly last: bigint
}

const exactly = (integer: bigint): Bound => ({ ceiling: integer, last: integer })

function wholeBound(value: number): Bound {
  if (value >= 2 ** 63) return { ceiling: int64Max + 1n, last: int64Max }
  if (value < -(2 ** 63)) return { ceiling: int64Min, last: int64Min - 1n }
  const ceiling = BigInt(Math.ceil(value))
  return { ceiling, last: Number.isInteger(value) ? ceiling : ceiling - 1n }
}

/** Scaled integers, by the doubles as which they read: several may read alike. */
function scaledBound(value: number, scale: number): Bound {
  const firstNot = (isBelow: (double: number) => boolean): bigint => {
    let low = int64Min
    let high = int64Max + 1n
    while (low < high) {
      const middle = (low + high) >> 1n
      if (isBelow(doubleOfScaled(middle, scale))) low = middle + 1n
      else high = middle
    }
    return low
  }
  return {
    ceiling: firstNot((each) => each < value),
    last: firstNot((each) => each <= value) - 1n,
  }
}

function boundOf(spec: ColumnSpec, value: unknown): Bound {
  if (spec.type === 'bool') {
    if (typeof value === 'boolean') return exactly(value ? 1n : 0n)
    throw refuse(`a condition on '${spec.name}' compares with true or false`, spec.name, value)
  }
  if (spec.type === 'time') return exactly(parseTime(value as TimeInput))
  if (spec.type === 'decimal' && typeof value === 'string') {
    const scaled = scaledOfText(value, spec.scale)
    if (scaled !== undefined) return exactly(scaled)
  }
  if (typeof value === 'bigint' && spec.type !== 'decimal') return exactly(value)
  const number = numberOf(spec, value)
  return spec.type === 'decimal' ? scaledBound(number, spec.scale) : wholeBound(number)
}

function integersOf(spec: ColumnSpec, name: Operator, value: unknown): IntegerRange[] {
  if (name === 'in') {
    const points = listOf(spec, value).map((each) => boundOf(spec, each))
    const ranges = points.map(({ ceiling, last }) => ({ low: ceiling, high: last }))
    const rising = ranges.filter(({ low, high }) => low <= high)
    rising.sort((a, b) => (a.low < b.low ? -1 : 1))
    return rising.filter(({ low }, at) => at === 0 || low !== rising[at - 1]!.low)
  }
  const { ceiling, last } = boundOf(spec, value)
  const below = { low: int64Min, high: ceiling - 1n }
  const upTo = { low: int64Min, high: last }
  const above = { low: last + 1n, high: int64Max }
  const from = { low: ceiling, high: int64Max }
  const chosen = {
    lt: [below],
    lte: [upTo],
    gt: [above],
    gte: [from],
    ne: [below, above],
    eq: [{ low: ceiling, high: last }],
  } as const
  const ranges: readonly IntegerRange[] = chosen[name as keyof typeof chosen]
  return ranges.filter(({ low, high }) => low <= high)
}

// ---- symbols and texts

function textOf(spec: ColumnSpec, value: unknown): string {
  if (typeof value === 'string' && spec.type !== 'json') return value
  throw refuse(
    spec.type === 'json'
      ? `json columns cannot be compared`
      : `a condition on '${spec.name}' compares with a string`,
    spec.name,
    value,
  )
}

function textsOf(
  spec: ColumnSpec,
  parts: readonly (readonly [Operator, unknown])[],
  nothing: boolean,
): ValueTest {
  let allowed: Set<string> | undefined = nothing ? new Set() : undefined
  const refused = new Set<string>()
  for (const [name, value] of parts) {
    if (name === 'ne') {
      refused.add(textOf(spec, value))
      continue
    }
    if (name !== 'eq' && name !== 'in') {
      throw refuse(`'${spec.name}' has no order: it knows eq, ne and in`, spec.name, name)
    }
    const some = name === 'in' ? listOf(spec, value) : [value]
    const texts = new Set(some.map((each) => textOf(spec, each)))
    allowed =
      allowed === undefined ? texts : new Set([...allowed].filter((text) => texts.has(text)))
  }
  return { of: 'texts', allowed, refused }
}
