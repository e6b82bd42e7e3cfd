// aggregate: one row for all, or one a bucket of time. Rows that stand in a run as they are read go through its vectors
// (packed-fold.ts); merged and unsealed rows are decoded and folded here, a vector at a time. Both ways give the same
// bits.
import { limits } from '#base'
import type { I64Data } from '#batch'
import { int64Min, systemSpecs } from '#schema'
import type { ColumnSpec } from '#schema'
import type { AggregationPlan } from './aggregation.ts'
import { Buckets } from './buckets.ts'
import type { Cuts } from './buckets.ts'
import type { Treatment } from './explain.ts'
import type { Slice } from './merge.ts'
import { planRows, resolvePiece } from './plan.ts'
import type { SeriesSources } from './range.ts'
import { Scratch, lotsOf } from './select.ts'

/** A bucket a row; arrays of their own. */
export interface AggregateRows {
  readonly rowCount: number
  readonly columns: { readonly time: BigInt64Array } & Readonly<Record<string, Float64Array>>
}

const roomFirst = 64

/** Collects the answers of one bucket after the other. */
export class BucketRows {
  readonly plan: AggregationPlan
  #opens = new BigInt64Array(roomFirst)
  readonly #values: Float64Array[]
  #rowCount = 0
  #open: bigint | undefined
  /** Rows of the bucket that is filled. */
  #rows = 0
  /** Time of the first row of all. */
  firstTime: bigint | undefined

  constructor(plan: AggregationPlan) {
    this.plan = plan
    this.#values = plan.answers.map(() => new Float64Array(roomFirst))
    this.#reset()
  }

  #reset(): void {
    for (const fold of this.plan.folds) fold.reset()
    for (const pair of this.plan.pairs) pair.reset()
    this.#rows = 0
  }

  /** `count` more rows come, of the bucket that opens at `open`; buckets rise. */
  enter(open: bigint, count: number): void {
    if (open !== this.#open) {
      this.#end()
      this.#open = open
    }
    this.#rows += count
  }

  #end(): void {
    if (this.#open === undefined) return
    if (this.#rowCount === this.#opens.length) this.#grow()
    this.#opens[this.#rowCount] = this.#open
    this.plan.answers.forEach(({ value }, at) => {
      this.#values[at]![this.#rowCount] = value(this.#rows)
    })
    this.#rowCount += 1
    this.#reset()
  }

  #grow(): void {
    const room = this.#opens.length * 4
    const opens = new BigInt64Array(room)
    opens.set(this.#opens)
    this.#opens = opens
    this.#values.forEach((values, at) => {
      const more = new Float64Array(room)
      more.set(values)
      this.#values[at] = more
    })
  }

  /** `alone`: the time of the one row for all, which is there also where nothing was folded. */
  finish(alone: bigint | undefined): AggregateRows {
    if (alone !== undefined) this.#open = alone
    this.#end()
    const columns: Record<string, Float64Array | BigInt64Array> = {
      time: this.#opens.slice(0, this.#rowCount),
    }
    this.plan.answers.forEach(({ name }, at) => {
      columns[name] = this.#values[at]!.slice(0, this.#rowCount)
    })
    return { rowCount: this.#rowCount, columns: columns as AggregateRows['columns'] }
  }
}

const timeSpec = systemSpecs[0]!

/** Decodes rows and folds them: the slow twin of the packed way, and the only way for rows that are merged or not
 *  sealed. */
export class DecodedFold {
  readonly #rows: BucketRows
  readonly #buckets: Buckets
  readonly #treatment: Treatment
  readonly #scratch = new Scratch()
  readonly #specs: readonly ColumnSpec[]

  constructor(rows: BucketRows, buckets: Buckets, treatment: Treatment) {
    this.#rows = rows
    this.#buckets = buckets
    this.#treatment = treatment
    this.#specs = [timeSpec, ...rows.plan.specs.filter((spec) => spec.id !== timeSpec.id)]
  }

  add({ source, from, end }: Slice): void {
    this.#treatment.decoded(source, from, end)
    const columns = this.#scratch.read(source, this.#specs, from, end)
    const time = columns[0] as I64Data
    const rowCount = end - from
    this.#rows.firstTime ??= time.values[0]
    for (let at = 0; at < rowCount; at += limits.vectorRows) {
      const next = Math.min(rowCount, at + limits.vectorRows)
      this.#fold(this.#buckets.cut(time.values, at, next), at, columns)
    }
  }

  #fold({ count, bounds, opens }: Cuts, at: number, columns: ReturnType<Scratch['read']>): void {
    const { folds, pairs } = this.#rows.plan
    const columnOf = (spec: ColumnSpec) => columns[this.#specs.indexOf(spec)]!
    for (let bucket = 0; bucket < count; bucket += 1) {
      const from = at + bounds[bucket]!
      const end = at + bounds[bucket + 1]!
      this.#rows.enter(opens[bucket]!, end - from)
      for (const fold of folds) fold.addRows(columnOf(fold.spec), from, end)
      for (const pair of pairs) {
        pair.addRows(columnOf(pair.price), columnOf(pair.weight), from, end)
      }
    }
  }
}

export interface AggregateWanted {
  readonly from: bigint
  /** Exclusive; 2^63 for no end. */
  readonly to: bigint
  /** What the one row's time is where there are no buckets; undefined: the first row's. */
  readonly start: bigint | undefined
  readonly every: string | undefined
}

/** The answers of rows [from, to) of the sources, those that the filter leaves. */
export function aggregateRows(
  { sources, rules, filter }: SeriesSources,
  plan: AggregationPlan,
  wanted: AggregateWanted,
  treatment: Treatment,
): AggregateRows {
  const buckets = new Buckets(wanted.every)
  const rows = new BucketRows(plan)
  const decoded = new DecodedFold(rows, buckets, treatment)
  const { from, to } = wanted
  for (const piece of from < to ? planRows(sources, rules, from, to) : []) {
    const slice = resolvePiece(piece, rules)
    if (slice.from >= slice.end) continue
    const lots = filter === undefined ? lotsOf(slice) : filter.lots(slice, false)
    for (const lot of lots) decoded.add(lot)
  }
  if (!buckets.isOne) return rows.finish(undefined)
  return rows.finish(wanted.start ?? rows.firstTime ?? int64Min)
}
