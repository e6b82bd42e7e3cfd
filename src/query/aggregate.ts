// aggregate: one row for all, or one a bucket of time. Rows that stand in a run as they are read go through its vectors
// (packed-fold.ts); merged and unsealed rows are decoded and folded here, a vector at a time. Both ways give the same
// bits.
import { limits } from '#base'
import type { I64Data } from '#batch'
import { int64Min, systemSpecs } from '#schema'
import type { ColumnSpec } from '#schema'
import type { AggregationPlan } from './aggregation.ts'
import { BucketRows } from './bucket-rows.ts'
import type { AggregateRows } from './bucket-rows.ts'
import { Buckets } from './buckets.ts'
import type { Cuts } from './buckets.ts'
import type { Treatment } from './explain.ts'
import type { Slice } from './merge.ts'
import { PackedFold } from './packed-fold.ts'
import { packedOf } from './packed-source.ts'
import { planRows, resolvePiece } from './plan.ts'
import type { SeriesSources } from './range.ts'
import { Scratch, SelectedRows, lotsOf } from './select.ts'

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
    // Chosen rows were noted when they were chosen.
    if (!(source instanceof SelectedRows)) this.#treatment.decoded(source, from, end)
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
  const { from, to, start } = wanted
  rows.firstTime = start
  const tests = filter?.tests ?? []
  const decode = (slice: Slice): void => {
    if (filter === undefined) decoded.add(slice)
    else for (const lot of filter.decodedLots(slice)) decoded.add(lot)
  }
  const packed = new PackedFold(rows, buckets, tests, treatment, decode)
  for (const piece of from < to ? planRows(sources, rules, from, to) : []) {
    const slice = resolvePiece(piece, rules)
    if (slice.from >= slice.end) continue
    const run = packedOf(slice.source)
    for (const lot of lotsOf(slice)) {
      if (run === undefined) decode(lot)
      else packed.add(run, lot)
    }
  }
  if (!buckets.isOne) return rows.finish(undefined)
  return rows.finish(rows.firstTime ?? int64Min)
}
