// What aggregates are asked for, resolved once: which columns are folded, and what each answer is made of.
import { VarveError, assertNever } from '#base'
import type { ColumnName, ColumnSpec } from '#schema'
import { ColumnFold, PairFold } from './column-fold.ts'
import type { FoldNeeds } from './column-fold.ts'
import { unknownColumn } from './columns.ts'

/**
 * One answer a bucket. 'count': rows. Over the present values of a column: count, sum, min, max, mean, std (a sample's:
 * divided by count - 1), first, last. vwap: the sum of price x weight over the sum of weights, of rows that have both.
 */
export type Aggregation<K> =
  | 'count'
  | { count: ColumnName<K> }
  | { sum: ColumnName<K> }
  | { min: ColumnName<K> }
  | { max: ColumnName<K> }
  | { mean: ColumnName<K> }
  | { std: ColumnName<K> }
  | { first: ColumnName<K> }
  | { last: ColumnName<K> }
  | { vwap: readonly [price: ColumnName<K>, weight: ColumnName<K>] }

const ofColumn = ['count', 'sum', 'min', 'max', 'mean', 'std', 'first', 'last'] as const
type OfColumn = (typeof ofColumn)[number]

/** A name, and where its value is when a bucket ends. */
export type Answer =
  | { readonly name: string; readonly what: 'rows' }
  | { readonly name: string; readonly what: 'vwap'; readonly pair: PairFold }
  | { readonly name: string; readonly what: OfColumn; readonly fold: ColumnFold }

export interface AggregationPlan {
  readonly folds: readonly ColumnFold[]
  readonly pairs: readonly PairFold[]
  readonly answers: readonly Answer[]
  /** All columns that are folded, each once. */
  readonly specs: readonly ColumnSpec[]
}

function refuse(name: string, actual: unknown): VarveError {
  return new VarveError(
    'ERR_ARGUMENT',
    `'${name}' is no aggregation`,
    { column: name, actual: typeof actual === 'string' ? actual : JSON.stringify(actual) },
    {
      hint: `It is 'count', { vwap: [price, weight] }, or one of ${ofColumn.join(', ')} of a column.`,
    },
  )
}

/** Columns by name; what is needed of each is known when all answers are. */
class Resolver {
  readonly #specs: readonly ColumnSpec[]
  readonly #kind: string
  readonly #needs = new Map<ColumnSpec, { -readonly [K in keyof FoldNeeds]: boolean }>()

  constructor(specs: readonly ColumnSpec[], kind: string) {
    this.#specs = specs
    this.#kind = kind
  }

  column(name: unknown, isNumber: boolean): ColumnSpec {
    const spec = this.#specs.find((candidate) => candidate.name === name)
    if (spec === undefined) throw unknownColumn(String(name), this.#specs, this.#kind)
    if (isNumber && (spec.physical === 'code' || spec.physical === 'bytes')) {
      throw new VarveError(
        'ERR_ARGUMENT',
        `column '${spec.name}' is ${spec.type}: it can only be counted`,
        { column: spec.name },
      )
    }
    return spec
  }

  need(spec: ColumnSpec, what: Partial<FoldNeeds>): void {
    const needs = this.#needs.get(spec) ?? { sum: false, squares: false, extent: false }
    needs.sum ||= what.sum === true || what.squares === true
    needs.squares ||= what.squares === true
    needs.extent ||= what.extent === true
    this.#needs.set(spec, needs)
  }

  folds(): Map<ColumnSpec, ColumnFold> {
    const entries = [...this.#needs].map(
      ([spec, needs]) => [spec, new ColumnFold(spec, needs)] as const,
    )
    return new Map(entries)
  }
}

const needsOf: Record<OfColumn, Partial<FoldNeeds>> = {
  count: {},
  min: { extent: true },
  max: { extent: true },
  first: { extent: true },
  last: { extent: true },
  sum: { sum: true },
  mean: { sum: true },
  std: { squares: true },
}

/** The value of the bucket that ends, of `rowCount` rows. */
export function answerOf(answer: Answer, rowCount: number): number {
  switch (answer.what) {
    case 'rows':
      return rowCount
    case 'vwap':
      return answer.pair.mean()
    case 'count':
      return answer.fold.count
    case 'sum':
      return answer.fold.sum()
    case 'mean':
      return answer.fold.sum() / answer.fold.count
    case 'std':
      return answer.fold.deviation()
    case 'min':
      return answer.fold.min
    case 'max':
      return answer.fold.max
    case 'first':
      return answer.fold.first
    case 'last':
      return answer.fold.last
    default:
      return assertNever(answer)
  }
}

/** @throws {VarveError} ERR_ARGUMENT, ERR_SCHEMA for a column that is not there */
export function planAggregation(
  columns: unknown,
  specs: readonly ColumnSpec[],
  kind: string,
): AggregationPlan {
  if (typeof columns !== 'object' || columns === null || Array.isArray(columns)) {
    throw new VarveError(
      'ERR_ARGUMENT',
      'columns names what to aggregate',
      { actual: String(columns) },
      { hint: "Give { volume: { sum: 'size' }, high: { max: 'price' }, trades: 'count' }." },
    )
  }
  const resolver = new Resolver(specs, kind)
  const pairs: PairFold[] = []
  const later: ((folds: Map<ColumnSpec, ColumnFold>) => Answer)[] = []
  for (const [name, given] of Object.entries(columns)) {
    if (name === 'time') {
      throw new VarveError('ERR_ARGUMENT', "'time' names when each bucket opens", { column: name })
    }
    later.push(plannedAnswer(name, given, resolver, pairs))
  }
  const byspec = resolver.folds()
  const all = new Set([...byspec.keys(), ...pairs.flatMap(({ price, weight }) => [price, weight])])
  return {
    folds: [...byspec.values()],
    pairs,
    answers: later.map((make) => make(byspec)),
    specs: [...all],
  }
}

function plannedAnswer(
  name: string,
  given: unknown,
  resolver: Resolver,
  pairs: PairFold[],
): (folds: Map<ColumnSpec, ColumnFold>) => Answer {
  if (given === 'count') return () => ({ name, what: 'rows' })
  if (typeof given !== 'object' || given === null) throw refuse(name, given)
  const entries = Object.entries(given)
  const [what, of] = entries[0] ?? []
  if (entries.length !== 1 || what === undefined) throw refuse(name, given)
  if (what === 'vwap') {
    if (!Array.isArray(of) || of.length !== 2) throw refuse(name, given)
    const [price, weight] = of.map((each) => resolver.column(each, true))
    const pair = new PairFold(price!, weight!)
    pairs.push(pair)
    return () => ({ name, what, pair })
  }
  if (!ofColumn.includes(what as OfColumn)) throw refuse(name, given)
  const own = what as OfColumn
  const spec = resolver.column(of, own !== 'count')
  resolver.need(spec, needsOf[own])
  return (folds) => ({ name, what: own, fold: folds.get(spec)! })
}
