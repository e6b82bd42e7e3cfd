// Aggregates over the vectors of a run. For each vector, in order: passed over where zone maps say that no row matches;
// answered from the footer where all of it falls into one bucket; else its units are folded, chosen rows alone where
// conditions leave some; and decoded where a column has true reals, exceptions, or numbers too far apart.
import { assertNever } from '#base'
import { isNarrow, narrowReach, presentOf, rowsOf, vectorRows } from '#codec'
import type { PageMeta, Verdict } from '#codec'
import { systemSpecs } from '#schema'
import type { ColumnSpec } from '#schema'
import { blockVectors } from '#segment'
import type { PackedRun } from '#segment'
import type { BucketRows } from './bucket-rows.ts'
import type { Buckets } from './buckets.ts'
import type { ColumnFold } from './column-fold.ts'
import type { Treatment } from './explain.ts'
import type { Slice } from './merge.ts'
import { RunTests, byColumn } from './packed-source.ts'
import type { BlockMetas } from './packed-source.ts'
import { addZone, canKnow, isExact } from './range-folds.ts'
import { VectorFold } from './vector-fold.ts'
import type { RowTest } from './where.ts'

const timeId = systemSpecs[0]!.id

/** What is to be done with rows [from, end) of a vector. `open`: the bucket that holds all of it. */
interface Step {
  readonly way: 'skip' | 'footer' | 'fold' | 'decode'
  readonly vector: number
  readonly from: number
  readonly end: number
  readonly open: bigint | undefined
  /** Conditions leave some rows of it. */
  readonly isTested: boolean
}

/** Squares of units of 27 bits, 1,024 of them, fit 64 bits; so do products of two columns of as many bits in all. */
const squareReachEnd = 2 ** 27
const productReachEnd = 2 ** 54

export class PackedFold {
  readonly #rows: BucketRows
  readonly #buckets: Buckets
  readonly #tests: readonly RowTest[]
  readonly #treatment: Treatment
  readonly #decode: (slice: Slice) => void
  readonly #fold: VectorFold
  /** The bucket that time has been in last. */
  #open = 0n
  #end = 0n

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
    this.#fold = new VectorFold(rows, buckets)
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
    const steps = this.#steps(lot, block * blockVectors, metas, tests)
    const folded = steps.filter(({ way }) => way === 'fold')
    if (folded.length > 0) {
      const isTimed = folded.some(({ open }) => open === undefined)
      const readIds = columnIds.filter((id) => id !== timeId || isTimed)
      const [first, last] = [folded[0]!.vector, folded.at(-1)!.vector]
      this.#fold.begin(metas, byColumn(readIds, run.read(block, readIds, first, last + 1)), tests)
    }
    for (const step of steps) this.#take(step, lot, block * blockVectors, metas)
  }

  #steps(lot: Slice, first: number, metas: BlockMetas, tests: RunTests): Step[] {
    const steps: Step[] = []
    for (let row = lot.from; row < lot.end;) {
      const number = Math.floor(row / vectorRows)
      const end = Math.min(lot.end, (number + 1) * vectorRows)
      const from = row - number * vectorRows
      steps.push(this.#step(number - first, from, end - number * vectorRows, metas, tests))
      row = end
    }
    return steps
  }

  #step(vector: number, from: number, end: number, metas: BlockMetas, tests: RunTests): Step {
    const verdict = tests.verdict(metas, vector)
    const isTested = verdict === 'some'
    const time = metas.get(timeId)!
    const open = this.#bucketOf(time.zone!.min[vector]!, time.zone!.max[vector]!)
    const way = this.#way(vector, from, end, open, verdict, metas, tests)
    return { vector, from, end, open, isTested, way }
  }

  #way(
    vector: number,
    from: number,
    end: number,
    open: bigint | undefined,
    verdict: Verdict,
    metas: BlockMetas,
    tests: RunTests,
  ): Step['way'] {
    if (verdict === 'none') return 'skip'
    const isTested = verdict === 'some'
    const time = metas.get(timeId)!
    if (this.#needsFirst()) {
      if (from > 0 || isTested) return 'decode'
      this.#rows.firstTime = time.zone!.min[vector]!
    }
    const { folds, pairs } = this.#rows.plan
    if (!isTested && open !== undefined && pairs.length === 0) {
      if (folds.length === 0) return 'footer'
      const isWhole = from === 0 && end === rowsOf(time.rowCount, vector)
      if (isWhole && folds.every((fold) => canKnowFold(metas, vector, fold))) return 'footer'
    }
    const isPacked = (!isTested || tests.canMark(metas, vector)) && this.#canFold(metas, vector)
    return isPacked ? 'fold' : 'decode'
  }

  /** The one row for all needs the time of its first row. */
  #needsFirst(): boolean {
    return this.#buckets.isOne && this.#rows.firstTime === undefined
  }

  /** When the bucket of all times from `first` to `last` opens; undefined where they are in several. */
  #bucketOf(first: bigint, last: bigint): bigint | undefined {
    if (first < this.#open || first >= this.#end) {
      this.#open = this.#buckets.openOf(first)
      this.#end = this.#buckets.endOf(first)
    }
    return last < this.#end ? this.#open : undefined
  }

  #canFold(metas: BlockMetas, vector: number): boolean {
    const { folds, pairs } = this.#rows.plan
    return (
      folds.every((fold) => canFoldColumn(metas.get(fold.spec.id), vector, fold)) &&
      pairs.every(({ price, weight }) => canFoldPair(metas, vector, price, weight))
    )
  }

  #take(step: Step, { source }: Slice, first: number, metas: BlockMetas): void {
    const { vector, from, end, open, isTested, way } = step
    const number = first + vector
    switch (way) {
      case 'skip':
        return this.#treatment.note(source, 'skipped', number, number + 1)
      case 'footer':
        this.#treatment.note(source, 'fromFooter', number, number + 1)
        return this.#addFooter(metas, vector, open!, end - from)
      case 'fold':
        this.#treatment.note(source, 'packed', number, number + 1)
        return this.#fold.add(vector, from, end, open, isTested)
      case 'decode': {
        const row = number * vectorRows
        return this.#decode({ source, from: row + from, end: row + end })
      }
      default:
        return assertNever(way)
    }
  }

  #addFooter(metas: BlockMetas, vector: number, open: bigint, count: number): void {
    this.#rows.enter(open, count)
    for (const fold of this.#rows.plan.folds) {
      const meta = metas.get(fold.spec.id)
      const present = meta === undefined ? 0 : presentOf(meta, vector)
      if (present === 0) continue
      if (fold.isCountOnly) fold.addCount(present)
      else addZone(fold, meta!, vector, present)
    }
  }
}

function canKnowFold(metas: BlockMetas, vector: number, fold: ColumnFold): boolean {
  const meta = metas.get(fold.spec.id)
  if (meta === undefined || fold.isCountOnly || presentOf(meta, vector) === 0) return true
  return !fold.needs.squares && canKnow(meta, vector, fold.spec)
}

function canFoldColumn(meta: PageMeta | undefined, vector: number, fold: ColumnFold): boolean {
  if (meta === undefined || presentOf(meta, vector) === 0) return true
  if (fold.isCountOnly) return true
  if (!isNarrow(meta, vector) || !isExact(meta, vector, fold.spec)) return false
  return !fold.needs.squares || narrowReach(meta, vector) < squareReachEnd
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
    if (meta === undefined || presentOf(meta, vector) === 0) return true
    if (presentOf(meta, vector) < rowsOf(meta.rowCount, vector)) return false
    if (!isNarrow(meta, vector) || !isExact(meta, vector, spec)) return false
    reach *= narrowReach(meta, vector) + 1
  }
  return reach < productReachEnd
}
