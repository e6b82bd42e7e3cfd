// Folds rows of one vector, all of its columns, range by range of its buckets. Rows are chosen by bits; what a column
// lacks is left out of its ranges.
import {
  int64sAt,
  narrowAt,
  narrowUnits,
  presentOf,
  rowsOf,
  timeRunsOf,
  validityOf,
  vectorRows,
} from '#codec'
import type { StoredVector } from '#codec'
import { arena } from '#kernel'
import { systemSpecs } from '#schema'
import type { ColumnSpec } from '#schema'
import type { BucketRows } from './bucket-rows.ts'
import type { Buckets, Cuts } from './buckets.ts'
import type { PairFold } from './column-fold.ts'
import type { BlockMetas, BlockPages, RunTests } from './packed-source.ts'
import { PairRanges, RangeFolds, scaleOf } from './range-folds.ts'
import type { UnitColumn } from './range-folds.ts'

const timeId = systemSpecs[0]!.id
const bitmapBytes = vectorRows / 8

interface Places {
  /** Bits of chosen rows; validity bits of a column; bits of one among the other. */
  readonly bits: number
  readonly valid: number
  readonly among: number
  /** Bounds among the values of a column that lacks some. */
  readonly bounds: number
  /** Chosen times, chosen units of a column, units of the first column of a pair. */
  readonly times: number
  readonly units: number
  readonly pair: number
}

let placed: Places | undefined

function placesOf(): Places {
  if (placed !== undefined) return placed
  const { claim } = arena()
  placed = {
    bits: claim(bitmapBytes),
    valid: claim(bitmapBytes),
    among: claim(bitmapBytes),
    bounds: claim((vectorRows + 1) * 4),
    times: claim(vectorRows * 8),
    units: claim(vectorRows * 4),
    pair: claim(vectorRows * 4),
  }
  return placed
}

/** Units of the rows that are chosen and have a value, and the bounds of the buckets among them. */
interface Chosen {
  readonly column: UnitColumn
  readonly boundsAt: number
}

export class VectorFold {
  readonly #rows: BucketRows
  readonly #buckets: Buckets
  readonly #folds: readonly RangeFolds[]
  readonly #pairs: readonly PairRanges[]
  #metas: BlockMetas = new Map()
  #pages: BlockPages = new Map()
  #tests: RunTests | undefined

  constructor(rows: BucketRows, buckets: Buckets) {
    this.#rows = rows
    this.#buckets = buckets
    this.#folds = rows.plan.folds.map(() => new RangeFolds())
    this.#pairs = rows.plan.pairs.map(() => new PairRanges())
  }

  /** The pages whose vectors are added from now on. */
  begin(metas: BlockMetas, pages: BlockPages, tests: RunTests): void {
    this.#metas = metas
    this.#pages = pages
    this.#tests = tests
  }

  /** Rows [from, end) of a vector, those that meet the tests if `isTested`; in the bucket that opens at `open`, or in
   *  several. */
  add(
    vector: number,
    from: number,
    end: number,
    open: bigint | undefined,
    isTested: boolean,
  ): void {
    const { bits } = placesOf()
    let count = end - from
    if (isTested) {
      this.#tests!.verdict(this.#metas, vector)
      count = this.#tests!.mark(this.#pages, vector, from, end, bits)
      if (count === 0) return
    }
    const cuts = this.#cut(vector, isTested ? 0 : from, isTested ? count : end, open, isTested)
    const { folds, pairs } = this.#rows.plan
    folds.forEach((fold, at) => {
      this.#foldColumn(fold.spec, this.#folds[at]!, vector, cuts, isTested, fold)
    })
    pairs.forEach((pair, at) => this.#foldPair(pair, this.#pairs[at]!, vector, cuts, isTested))
    this.#addRanges(cuts)
  }

  /** The buckets of the chosen rows; bounds count rows of the vector, or chosen rows. */
  #cut(
    vector: number,
    from: number,
    end: number,
    open: bigint | undefined,
    isTested: boolean,
  ): Cuts {
    if (open !== undefined) return this.#buckets.one(open, from, end)
    const stored = this.#pages.get(timeId)!.at(vector)
    const isWhole = !isTested && from === 0 && end === rowsOf(stored.meta.rowCount, vector)
    const runs = isWhole ? timeRunsOf(stored) : undefined
    if (runs !== undefined) return this.#buckets.cutRuns(runs.timesAt, runs.count, runs.starts)
    const timesAt = int64sAt(stored)
    if (!isTested) return this.#buckets.cutAt(timesAt, from, end)
    const { bits, times } = placesOf()
    arena().kernels.gather8(timesAt, bits, vectorRows, times)
    return this.#buckets.cutAt(times, 0, end)
  }

  /** How many values the vector has of a column. */
  #presentOf(spec: ColumnSpec, vector: number): number {
    const meta = this.#metas.get(spec.id)
    return meta === undefined ? 0 : presentOf(meta, vector)
  }

  #foldColumn(
    spec: ColumnSpec,
    ranges: RangeFolds,
    vector: number,
    cuts: Cuts,
    isTested: boolean,
    { needs, isCountOnly }: { needs: { squares: boolean }; isCountOnly: boolean },
  ): void {
    if (this.#presentOf(spec, vector) === 0) return ranges.foldNone(cuts.count)
    const stored = this.#pages.get(spec.id)!.at(vector)
    if (isCountOnly) {
      const boundsAt = this.#boundsOf(stored, cuts, isTested)
      return ranges.countOnly(boundsAt, cuts.count)
    }
    const { column, boundsAt } = this.#choose(spec, stored, cuts, isTested)
    ranges.fold(column, boundsAt, cuts.count, needs.squares)
  }

  /** The bounds of the buckets among the values of the chosen rows; validity bits are at places.valid then. */
  #boundsOf(stored: StoredVector, cuts: Cuts, isTested: boolean): number {
    const validity = validityOf(stored)
    if (validity === undefined) return cuts.boundsAt
    const { kernels, u8, u32 } = arena()
    const { bits, valid, among, bounds } = placesOf()
    u8.fill(0, valid, valid + bitmapBytes)
    u8.set(validity, valid)
    const rows = rowsOf(stored.meta.rowCount, stored.vector)
    if (isTested) kernels.compressBits(valid, bits, rows, among)
    const source = isTested ? among : valid
    for (let bound = 0; bound <= cuts.count; bound += 1) {
      u32[(bounds >>> 2) + bound] = kernels.countBits(source, cuts.bounds[bound]!)
    }
    return bounds
  }

  #choose(spec: ColumnSpec, stored: StoredVector, cuts: Cuts, isTested: boolean): Chosen {
    const { kernels, u8 } = arena()
    const { bits, valid, among, units } = placesOf()
    const { meta, vector, present } = stored
    const boundsAt = this.#boundsOf(stored, cuts, isTested)
    const base = narrowUnits(stored)
    const scale = scaleOf(meta, spec)
    const column = { unitsAt: narrowAt(), base, gcd: meta.gcd, scale }
    if (!isTested) return { column, boundsAt }
    const rows = rowsOf(meta.rowCount, vector)
    if (present === rows) kernels.gather4(narrowAt(), bits, vectorRows, units)
    else {
      u8.fill(0, among, among + bitmapBytes)
      kernels.compressBits(bits, valid, rows, among)
      kernels.gather4(narrowAt(), among, vectorRows, units)
    }
    return { column: { ...column, unitsAt: units }, boundsAt }
  }

  /** Both columns have a value in every row. */
  #foldPair(
    { price, weight }: PairFold,
    ranges: PairRanges,
    vector: number,
    cuts: Cuts,
    isTested: boolean,
  ): void {
    if (this.#presentOf(price, vector) === 0 || this.#presentOf(weight, vector) === 0) {
      return ranges.foldNone(cuts.count)
    }
    const { pair } = placesOf()
    const first = this.#choose(price, this.#pages.get(price.id)!.at(vector), cuts, isTested).column
    arena().u8.copyWithin(pair, first.unitsAt, first.unitsAt + vectorRows * 4)
    const other = this.#choose(weight, this.#pages.get(weight.id)!.at(vector), cuts, isTested)
    ranges.fold({ ...first, unitsAt: pair }, other.column, cuts.boundsAt, cuts.count)
  }

  #addRanges({ count, bounds, opens }: Cuts): void {
    const { folds, pairs } = this.#rows.plan
    for (let bucket = 0; bucket < count; bucket += 1) {
      this.#rows.enter(opens[bucket]!, bounds[bucket + 1]! - bounds[bucket]!)
      for (let at = 0; at < folds.length; at += 1) this.#folds[at]!.addTo(folds[at]!, bucket)
      for (let at = 0; at < pairs.length; at += 1) this.#pairs[at]!.addTo(pairs[at]!, bucket)
    }
  }
}
