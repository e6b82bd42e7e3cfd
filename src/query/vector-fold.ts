// Folds rows of one vector, all of its columns, range by range of its buckets. Rows are chosen by bits; what a column
// lacks is left out of its ranges.
import {
  hasPlainSteps,
  int64sAt,
  narrowAt,
  narrowUnits,
  presentOf,
  rowReaching,
  rowsOf,
  timeRunsOf,
  unitsInPlace,
  unpackSteps,
  validityOf,
  vectorRows,
} from '#codec'
import type { PageVectors, StoredVector } from '#codec'
import { arena } from '#kernel'
import { systemSpecs } from '#schema'
import type { ColumnSpec } from '#schema'
import type { BucketRows } from './bucket-rows.ts'
import type { Buckets, Cuts } from './buckets.ts'
import type { ColumnFold, PairFold } from './column-fold.ts'
import type { BlockMetas, BlockPages, RunTests } from './packed-source.ts'
import { PairRanges, RangeFolds } from './range-folds.ts'
import type { UnitColumn } from './range-folds.ts'
import type { Spans } from './spans.ts'
import { scaleOf, zoneBits, zoneValuesOf } from './zone-values.ts'
import type { ZoneValues } from './zone-values.ts'

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

/** A column that is folded, in the block at hand; undefined where the block has none of it. */
interface FoldedColumn {
  readonly page: PageVectors
  readonly zone: ZoneValues
  readonly gcd: number
}

export class VectorFold {
  readonly #rows: BucketRows
  readonly #buckets: Buckets
  readonly #spans: Spans
  readonly #folds: readonly RangeFolds[]
  readonly #pairs: readonly PairRanges[]
  readonly #columns: (FoldedColumn | undefined)[] = []
  #times: PageVectors | undefined
  #metas: BlockMetas = new Map()
  #pages: BlockPages = new Map()
  #tests: RunTests | undefined

  constructor(rows: BucketRows, buckets: Buckets, spans: Spans) {
    this.#rows = rows
    this.#buckets = buckets
    this.#spans = spans
    this.#folds = rows.plan.folds.map(() => new RangeFolds())
    this.#pairs = rows.plan.pairs.map(() => new PairRanges())
  }

  /** The pages whose vectors are added from now on. */
  begin(metas: BlockMetas, pages: BlockPages, tests: RunTests): void {
    this.#metas = metas
    this.#pages = pages
    this.#tests = tests
    this.#times = pages.get(timeId)
    this.#rows.plan.folds.forEach(({ spec }, at) => {
      const page = pages.get(spec.id)
      const { meta } = page ?? {}
      this.#columns[at] = meta &&
        page && { page, zone: zoneValuesOf(meta, spec), gcd: Number(meta.gcd) }
    })
  }

  /** Rows [from, end) of a vector, those that meet the tests if `isTested`. */
  add(vector: number, from: number, end: number, isTested: boolean): void {
    const { bits } = placesOf()
    let count = end - from
    if (isTested) {
      this.#tests!.verdict(this.#metas, vector)
      count = this.#tests!.mark(this.#pages, vector, from, end, bits)
      if (count === 0) return
    }
    const cuts = isTested
      ? this.#cut(vector, 0, count, true)
      : (this.#cutAtEdges(vector, from, end) ?? this.#cut(vector, from, end, false))
    const { folds, pairs } = this.#rows.plan
    for (let at = 0; at < folds.length; at += 1) {
      const isDone = !isTested && this.#foldInPlace(folds[at]!, at, vector, cuts)
      if (!isDone) this.#foldColumn(folds[at]!, this.#folds[at]!, vector, cuts, isTested)
    }
    for (let at = 0; at < pairs.length; at += 1) {
      this.#foldPair(pairs[at]!, this.#pairs[at]!, vector, cuts, isTested)
    }
    this.#addRanges(cuts)
  }

  /** The buckets of rows [from, end) where few edges pass through the vector; undefined where there are many. */
  #cutAtEdges(vector: number, from: number, end: number): Cuts | undefined {
    const spans = this.#spans
    if (spans.isOne(vector) || !spans.isFew(vector)) return undefined
    if (!spans.isCut(vector)) this.#findEdges(vector)
    const edges = spans.edges[vector]!
    const rowOf = (edge: number): number => spans.row(vector, edge)
    return this.#buckets.cutAtRows(spans.opens[vector]!, edges, rowOf, from, end)
  }

  /** Without making times where steps of a few bits are stored. */
  #findEdges(vector: number): void {
    const page = this.#times!
    const { meta } = page
    const address = hasPlainSteps(meta, vector) ? page.addressOf(vector) : -1
    if (address >= 0) {
      const gcd = Number(meta.gcd)
      unpackSteps(meta, vector, address)
      this.#spans.find(vector, (ns) => rowReaching(meta, vector, Math.ceil(ns / gcd)))
      return
    }
    const { bounds, opens, count } = this.#cut(vector, 0, rowsOf(meta.rowCount, vector), false)
    const first = this.#spans.opens[vector]!
    this.#spans.find(vector, (_, edge) => {
      const open = this.#buckets.after(first, edge + 1)
      let bucket = 1
      while (bucket < count && opens[bucket]! < open) bucket += 1
      return bounds[bucket]!
    })
  }

  /** The buckets of the chosen rows; bounds count rows of the vector, or chosen rows. */
  #cut(vector: number, from: number, end: number, isTested: boolean): Cuts {
    const spans = this.#spans
    if (spans.isOne(vector)) return this.#buckets.one(spans.opens[vector]!, from, end)
    const stored = this.#times!.at(vector)
    const isWhole = !isTested && from === 0 && end === rowsOf(stored.meta.rowCount, vector)
    const runs = isWhole ? timeRunsOf(stored) : undefined
    if (runs !== undefined) return this.#buckets.cutRuns(runs.timesAt, runs.count, runs.starts)
    const timesAt = int64sAt(stored)
    if (!isTested) return this.#buckets.cutAt(timesAt, from, end)
    const { bits, times } = placesOf()
    arena().kernels.gather8(timesAt, bits, vectorRows, times)
    return this.#buckets.cutAt(times, 0, end)
  }

  /** Folds a column whose units are found by address; false where it has to be done the other way. */
  #foldInPlace(fold: ColumnFold, at: number, vector: number, cuts: Cuts): boolean {
    const column = this.#columns[at]
    if (column === undefined || fold.isCountOnly || fold.needs.squares) return false
    const { page, zone, gcd } = column
    const { is, plain, sum, present, scale } = zone
    if ((is[vector]! & zoneBits.plain) === 0) return false
    const address = page.addressOf(vector)
    if (address < 0) return false
    const { bounds, count } = cuts
    const [first, end] = [bounds[0]!, bounds[count]!]
    const base = plain.bases[vector]!
    const ranges = this.#folds[at]!
    const isSplit = count === 2 && first === 0 && end === present[vector] && !fold.needs.extent
    const total = sum[vector]!
    if (isSplit && total === total && (is[vector]! & zoneBits.known) !== 0) {
      const middle = bounds[1]!
      const isFirst = middle * 2 <= end
      const [from, next] = isFirst ? [0, middle] : [middle, end]
      unitsInPlace(page, plain, vector, address, from, next)
      ranges.foldEither(narrowAt(), base, gcd, scale, from, next, end, total)
      return true
    }
    unitsInPlace(page, plain, vector, address, first, end)
    ranges.foldNear(narrowAt(), base, gcd, scale, cuts, fold.needs.extent)
    return true
  }

  /** How many values the vector has of a column. */
  #presentOf(spec: ColumnSpec, vector: number): number {
    const meta = this.#metas.get(spec.id)
    return meta === undefined ? 0 : presentOf(meta, vector)
  }

  #foldColumn(
    { spec, needs, isCountOnly }: ColumnFold,
    ranges: RangeFolds,
    vector: number,
    cuts: Cuts,
    isTested: boolean,
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
