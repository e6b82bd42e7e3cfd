// Aggregates over the vectors of a run. A block that falls into one bucket is answered by what its pages hold in all;
// else vector by vector, in order: passed over where zone maps say that no row matches; answered from the footer where
// all of it falls into one bucket; else its units are folded, chosen rows alone where conditions leave some; and
// decoded where a column has true reals, exceptions, or numbers too far apart.
import { presentOf, rowsOf, vectorRows } from '#codec'
import type { PageMeta } from '#codec'
import { systemSpecs } from '#schema'
import type { ColumnSpec } from '#schema'
import { blockVectors } from '#segment'
import type { PackedRun } from '#segment'
import type { BucketRows } from './bucket-rows.ts'
import type { Buckets } from './buckets.ts'
import type { Treatment } from './explain.ts'
import type { Slice } from './merge.ts'
import { RunTests, byColumn } from './packed-source.ts'
import type { BlockMetas } from './packed-source.ts'
import { Spans } from './spans.ts'
import { VectorFold } from './vector-fold.ts'
import type { RowTest } from './where.ts'
import { addPage, addZone, zoneBits, zoneValuesOf } from './zone-values.ts'
import type { ZoneValues } from './zone-values.ts'

const timeId = systemSpecs[0]!.id

/** What is to be done with rows of a vector. */
const ways = { skip: 0, footer: 1, fold: 2, decode: 3 } as const
/** Conditions leave some rows of the vector. */
const testedWay = 4

/** Products of units of two columns of so many bits in all, 1,024 of them, fit 64 bits. */
const productReachEnd = 2 ** 54

/** Vectors to be read stand apart by more than so many others: they are read by themselves. */
const gapVectorsMax = 3

/** The vectors of a lot, which lies in one block. */
interface Stretch {
  readonly lot: Slice
  /** The first vector of the block, in the run. */
  readonly blockFirst: number
  /** Vectors of the block. */
  readonly first: number
  readonly end: number
}

export class PackedFold {
  readonly #rows: BucketRows
  readonly #buckets: Buckets
  readonly #tests: readonly RowTest[]
  readonly #treatment: Treatment
  readonly #decode: (slice: Slice) => void
  readonly #spans: Spans
  readonly #fold: VectorFold
  /** Of the vectors of the block at hand. */
  readonly #ways = new Uint8Array(blockVectors)
  /** By fold: what the block at hand has of its column. */
  readonly #zones: (ZoneValues | undefined)[] = []
  readonly #metas: (PageMeta | undefined)[] = []

  /** `decode` adds rows the other way, conditions included. */
  constructor(
    rows: BucketRows,
    buckets: Buckets,
    tests: readonly RowTest[],
    treatment: Treatment,
    decode: (slice: Slice) => void,
  ) {
    this.#rows = rows
    this.#buckets = buckets
    this.#tests = tests
    this.#treatment = treatment
    this.#decode = decode
    this.#spans = new Spans(buckets)
    this.#fold = new VectorFold(rows, buckets, this.#spans)
  }

  /** Adds a lot of rows, in one block of the run. */
  add(run: PackedRun, lot: Slice): void {
    const tests = RunTests.of(run, this.#tests)
    const specs = this.#rows.plan.specs.filter(({ id }) => run.has(id))
    if (tests === undefined || specs.some((spec) => run.physicalOf(spec.id) !== spec.physical)) {
      this.#decode(lot)
      return
    }
    const ids = new Set([timeId, ...specs.map(({ id }) => id), ...tests.columnIds])
    const columnIds = [...ids].sort((a, b) => a - b)
    const block = Math.floor(lot.from / (blockVectors * vectorRows))
    const metas = byColumn(columnIds, run.metasOf(block, columnIds))
    this.#rows.plan.folds.forEach(({ spec, isCountOnly }, at) => {
      const meta = metas.get(spec.id)
      this.#metas[at] = meta
      this.#zones[at] = meta === undefined || isCountOnly ? undefined : zoneValuesOf(meta, spec)
    })
    const blockFirst = block * blockVectors
    const first = Math.floor(lot.from / vectorRows) - blockFirst
    const end = Math.ceil(lot.end / vectorRows) - blockFirst
    const stretch = { lot, blockFirst, first, end }
    this.#spans.look(metas.get(timeId)!, first, end)
    if (this.#addBlock(stretch, metas.get(timeId)!)) return
    for (let v = first; v < end; v += 1) this.#ways[v] = this.#wayOf(stretch, v, metas, tests)
    this.#takeAll(stretch, run, block, columnIds, metas, tests)
  }

  /** The first row of a vector that is in the lot, and the row behind the last. */
  #from({ lot, blockFirst }: Stretch, vector: number): number {
    return Math.max(0, lot.from - (blockFirst + vector) * vectorRows)
  }

  #end({ lot, blockFirst }: Stretch, vector: number): number {
    return Math.min(vectorRows, lot.end - (blockFirst + vector) * vectorRows)
  }

  /** The whole block at once, where all of its rows are in one bucket and the sums of its vectors are known. */
  #addBlock({ lot, blockFirst, first, end }: Stretch, times: PageMeta): boolean {
    const { folds, pairs } = this.#rows.plan
    if (this.#tests.length > 0 || pairs.length > 0) return false
    if (lot.end - lot.from !== times.rowCount) return false
    const { opens } = this.#spans
    if (!this.#spans.isOne(end - 1) || opens[first] !== opens[end - 1]) return false
    for (let at = 0; at < folds.length; at += 1) {
      const zone = this.#zones[at]
      if (folds[at]!.needs.squares || (zone !== undefined && zone.all === undefined)) return false
    }
    this.#rows.firstTime ??= times.zone!.min[0]!
    this.#treatment.note(lot.source, 'fromFooter', blockFirst + first, blockFirst + end)
    this.#rows.enter(opens[first]!, lot.end - lot.from)
    folds.forEach((fold, at) => {
      const zone = this.#zones[at]
      if (zone !== undefined) addPage(fold, zone)
      else for (let v = first; v < end; v += 1) fold.addCount(this.#presentOf(at, v))
    })
    return true
  }

  #presentOf(at: number, vector: number): number {
    const meta = this.#metas[at]
    return meta === undefined ? 0 : presentOf(meta, vector)
  }

  #wayOf(stretch: Stretch, vector: number, metas: BlockMetas, tests: RunTests): number {
    const verdict = this.#tests.length === 0 ? 'all' : tests.verdict(metas, vector)
    if (verdict === 'none') return ways.skip
    const isTested = verdict === 'some'
    const from = this.#from(stretch, vector)
    if (this.#buckets.isOne && this.#rows.firstTime === undefined) {
      // The one row for all needs the time of its first row.
      if (from > 0 || isTested) return ways.decode
      this.#rows.firstTime = metas.get(timeId)!.zone!.min[vector]!
    }
    const { pairs } = this.#rows.plan
    if (!isTested && this.#spans.isOne(vector) && pairs.length === 0) {
      const rows = rowsOf(metas.get(timeId)!.rowCount, vector)
      const isWhole = from === 0 && this.#end(stretch, vector) === rows
      if (this.#isKnown(vector, isWhole)) return ways.footer
    }
    const canMark = !isTested || tests.canMark(metas, vector)
    if (!canMark || !this.#canFold(vector, metas)) return ways.decode
    return isTested ? ways.fold | testedWay : ways.fold
  }

  /** Whether the footer tells all that is asked of the vector; of a part of it that is at most how many rows it has. */
  #isKnown(vector: number, isWhole: boolean): boolean {
    const { folds } = this.#rows.plan
    if (!isWhole) return folds.length === 0
    for (let at = 0; at < folds.length; at += 1) {
      const zone = this.#zones[at]
      if (zone === undefined) continue
      const is = zone.is[vector]!
      if ((is & zoneBits.none) !== 0) continue
      if ((is & zoneBits.known) === 0 || folds[at]!.needs.squares) return false
    }
    return true
  }

  #canFold(vector: number, metas: BlockMetas): boolean {
    const { folds, pairs } = this.#rows.plan
    for (let at = 0; at < folds.length; at += 1) {
      const zone = this.#zones[at]
      if (zone === undefined) continue
      const is = zone.is[vector]!
      if ((is & zoneBits.none) !== 0) continue
      const needed = folds[at]!.needs.squares ? zoneBits.squares : zoneBits.narrow
      if ((is & needed) === 0) return false
    }
    return pairs.every(({ price, weight }) => canFoldPair(metas, vector, price, weight))
  }

  #takeAll(
    stretch: Stretch,
    run: PackedRun,
    block: number,
    columnIds: readonly number[],
    metas: BlockMetas,
    tests: RunTests,
  ): void {
    let readEnd = stretch.first
    for (let vector = stretch.first; vector < stretch.end; vector += 1) {
      const way = this.#ways[vector]!
      if (this.#isFolded(vector) && vector >= readEnd) {
        readEnd = this.#readEnd(vector, stretch.end)
        const ids = columnIds.filter((id) => id !== timeId || this.#isTimed(vector, readEnd))
        const pages = byColumn(ids, run.read(block, ids, vector, readEnd))
        this.#fold.begin(metas, pages, tests)
      }
      this.#take(stretch, vector, way)
    }
  }

  /** Where the vectors end that are read together with `vector`. */
  #readEnd(vector: number, end: number): number {
    let last = vector
    for (let v = vector + 1; v < end && v - last <= gapVectorsMax + 1; v += 1) {
      if (this.#isFolded(v)) last = v
    }
    return last + 1
  }

  #isFolded(vector: number): boolean {
    return (this.#ways[vector]! & ~testedWay) === ways.fold
  }

  #isTimed(from: number, end: number): boolean {
    for (let v = from; v < end; v += 1) {
      if (!this.#isFolded(v) || this.#spans.isOne(v)) continue
      if (this.#ways[v] !== ways.fold || !this.#spans.isCut(v)) return true
    }
    return false
  }

  #take(stretch: Stretch, vector: number, way: number): void {
    const { source } = stretch.lot
    const number = stretch.blockFirst + vector
    const from = this.#from(stretch, vector)
    const end = this.#end(stretch, vector)
    if (way === ways.skip) this.#treatment.note(source, 'skipped', number, number + 1)
    else if (way === ways.footer) {
      this.#treatment.note(source, 'fromFooter', number, number + 1)
      this.#addFooter(vector, end - from)
    } else if (way === ways.decode) {
      const row = number * vectorRows
      this.#decode({ source, from: row + from, end: row + end })
    } else {
      this.#treatment.note(source, 'packed', number, number + 1)
      this.#fold.add(vector, from, end, way !== ways.fold)
    }
  }

  #addFooter(vector: number, count: number): void {
    const { folds } = this.#rows.plan
    this.#rows.enter(this.#spans.opens[vector]!, count)
    for (let at = 0; at < folds.length; at += 1) {
      const zone = this.#zones[at]
      if (zone === undefined) folds[at]!.addCount(this.#presentOf(at, vector))
      else if ((zone.is[vector]! & zoneBits.none) === 0) {
        addZone(folds[at]!, this.#metas[at]!, zone, vector)
      }
    }
  }
}

function canFoldPair(
  metas: BlockMetas,
  vector: number,
  price: ColumnSpec,
  weight: ColumnSpec,
): boolean {
  let reach = 1
  for (const spec of [price, weight]) {
    const meta = metas.get(spec.id)
    if (meta === undefined) return true
    const { is, present, reach: own } = zoneValuesOf(meta, spec)
    if (present[vector] === 0) return true
    if (present[vector]! < rowsOf(meta.rowCount, vector)) return false
    if ((is[vector]! & zoneBits.narrow) === 0) return false
    reach *= own[vector]! + 1
  }
  return reach < productReachEnd
}
