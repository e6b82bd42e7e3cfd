// What a vector's ranges of packed units add up to, as values: one number a range and kind of answer.
import { arena } from '#kernel'
import { limits } from '#base'
import type { ColumnFold, PairFold } from './column-fold.ts'
import { valueOf } from './zone-values.ts'

const rangesMax = limits.vectorRows
const power10 = Array.from({ length: 23 }, (_, k) => Number(`1e${k}`))

interface FoldPlaces {
  readonly folds: number
  readonly others: number
  readonly dots: number
  /** Bounds of one range. */
  readonly bounds: number
}

let places: FoldPlaces | undefined

function placesOf(): FoldPlaces {
  const { claim } = arena()
  places ??= {
    folds: claim(rangesMax * 24),
    others: claim(rangesMax * 24),
    dots: claim(rangesMax * 8),
    bounds: claim(8),
  }
  return places
}

/** Sums of products u32 x u32 of ranges: a view that is valid until the next call. */
function dotsOf(a: number, b: number, boundsAt: number, ranges: number): BigUint64Array {
  const { kernels } = arena()
  const { dots } = placesOf()
  kernels.dotU32(a, b, boundsAt, ranges, dots)
  return new BigUint64Array(kernels.memory, dots, ranges)
}

/** Units of one vector as integers: base + gcd * unit, at a decimal scale. */
export interface UnitColumn {
  readonly unitsAt: number
  readonly base: bigint
  readonly gcd: bigint
  readonly scale: number
}

/** Answers of the ranges of one column; arrays are used again. */
export class RangeFolds {
  readonly #counts = new Float64Array(rangesMax)
  readonly #sums = new Float64Array(rangesMax)
  readonly #bigs: bigint[] = []
  readonly #squares: bigint[] = []
  readonly #least = new Float64Array(rangesMax)
  readonly #most = new Float64Array(rangesMax)
  readonly #first = new Float64Array(rangesMax)
  readonly #last = new Float64Array(rangesMax)
  #scale = 0
  #hasSquares = false
  #isCountOnly = false

  /** No row has a value. */
  foldNone(ranges: number): void {
    this.#counts.fill(0, 0, ranges)
  }

  /** Values are counted and nothing else. */
  countOnly(boundsAt: number, ranges: number): void {
    const { u32 } = arena()
    this.#isCountOnly = true
    for (let r = 0; r < ranges; r += 1) {
      this.#counts[r] = u32[(boundsAt >>> 2) + r + 1]! - u32[(boundsAt >>> 2) + r]!
    }
  }

  /** Folds ranges of a column's units; ranges without values have the count 0. */
  fold(column: UnitColumn, boundsAt: number, ranges: number, hasSquares: boolean): void {
    const { kernels, u32 } = arena()
    const { folds } = placesOf()
    const { unitsAt, scale } = column
    kernels.foldU32(unitsAt, boundsAt, ranges, folds)
    this.#scale = scale
    this.#isCountOnly = false
    const [base, gcd] = [Number(column.base), Number(column.gcd)]
    const power = power10[scale]!
    let at = folds >>> 2
    let bound = boundsAt >>> 2
    for (let r = 0; r < ranges; r += 1, at += 6, bound += 1) {
      const count = u32[bound + 1]! - u32[bound]!
      this.#counts[r] = count
      if (count === 0) continue
      const most = base + gcd * u32[at + 3]!
      const units = u32[at + 1]! * 4294967296 + u32[at]!
      const sum = count * base + gcd * units
      const isSafe =
        Math.abs(count * base) + gcd * units < Number.MAX_SAFE_INTEGER &&
        units < Number.MAX_SAFE_INTEGER
      if (!isSafe || !Number.isSafeInteger(most)) {
        this.#putBig(r, column, at, count)
        continue
      }
      this.#sums[r] = sum
      this.#least[r] = (base + gcd * u32[at + 2]!) / power
      this.#most[r] = most / power
      this.#first[r] = (base + gcd * u32[at + 4]!) / power
      this.#last[r] = (base + gcd * u32[at + 5]!) / power
    }
    this.#hasSquares = hasSquares
    if (hasSquares) this.#foldSquares(column, boundsAt, ranges, folds)
  }

  /** The same where all integers and their sums are safe numbers, and no squares are asked for. */
  foldNear(
    unitsAt: number,
    base: number,
    gcd: number,
    scale: number,
    { boundsAt, count: ranges }: { readonly boundsAt: number; readonly count: number },
    hasExtent: boolean,
  ): void {
    const { kernels, u32 } = arena()
    const { folds } = placesOf()
    kernels.foldU32(unitsAt, boundsAt, ranges, folds)
    this.#scale = scale
    this.#isCountOnly = false
    this.#hasSquares = false
    const power = power10[scale]!
    let at = folds >>> 2
    let bound = boundsAt >>> 2
    for (let r = 0; r < ranges; r += 1, at += 6, bound += 1) {
      const count = u32[bound + 1]! - u32[bound]!
      this.#counts[r] = count
      this.#sums[r] = count * base + gcd * (u32[at + 1]! * 4294967296 + u32[at]!)
      if (!hasExtent || count === 0) continue
      this.#least[r] = (base + gcd * u32[at + 2]!) / power
      this.#most[r] = (base + gcd * u32[at + 3]!) / power
      this.#first[r] = (base + gcd * u32[at + 4]!) / power
      this.#last[r] = (base + gcd * u32[at + 5]!) / power
    }
  }

  /** Two ranges, [0, middle) and [middle, end), of which only sums are asked for: units of one are added up, those at
   *  [from, next), and taken off `sum`, that of both. */
  foldEither(
    unitsAt: number,
    base: number,
    gcd: number,
    scale: number,
    from: number,
    next: number,
    end: number,
    sum: number,
  ): void {
    const { kernels, u32 } = arena()
    const { folds, bounds } = placesOf()
    u32[bounds >>> 2] = from
    u32[(bounds >>> 2) + 1] = next
    kernels.foldU32(unitsAt, bounds, 1, folds)
    const at = folds >>> 2
    this.#scale = scale
    this.#isCountOnly = false
    this.#hasSquares = false
    const own = from === 0 ? 0 : 1
    const part = (next - from) * base + gcd * (u32[at + 1]! * 4294967296 + u32[at]!)
    this.#counts[own] = next - from
    this.#counts[1 - own] = end - (next - from)
    this.#sums[own] = part
    this.#sums[1 - own] = sum - part
  }

  #putBig(r: number, { base, gcd, scale }: UnitColumn, at: number, count: number): void {
    const { u32 } = arena()
    const units = (BigInt(u32[at + 1]!) << 32n) + BigInt(u32[at]!)
    const value = (unit: number): number => valueOf(base + gcd * BigInt(unit), scale)
    this.#sums[r] = Number.NaN
    this.#bigs[r] = BigInt(count) * base + gcd * units
    this.#least[r] = value(u32[at + 2]!)
    this.#most[r] = value(u32[at + 3]!)
    this.#first[r] = value(u32[at + 4]!)
    this.#last[r] = value(u32[at + 5]!)
  }

  /** The sum of (base + gcd u)^2 is n base^2 + 2 base gcd (sum of u) + gcd^2 (sum of u^2). */
  #foldSquares(column: UnitColumn, boundsAt: number, ranges: number, folds: number): void {
    const { unitsAt, base, gcd } = column
    const { kernels } = arena()
    const sums = new BigUint64Array(kernels.memory, folds, ranges * 3)
    const dots = dotsOf(unitsAt, unitsAt, boundsAt, ranges)
    for (let r = 0; r < ranges; r += 1) {
      const count = BigInt(this.#counts[r]!)
      const units = sums[r * 3]!
      this.#squares[r] = count * base * base + 2n * base * gcd * units + gcd * gcd * dots[r]!
    }
  }

  /** Adds a range to what is kept of the column. */
  addTo(fold: ColumnFold, r: number): void {
    const count = this.#counts[r]!
    if (count === 0) return
    if (this.#isCountOnly) return fold.addCount(count)
    const sum = this.#sums[r]!
    fold.addKnown(
      count,
      this.#scale,
      sum === sum ? sum : this.#bigs[r]!,
      this.#least[r]!,
      this.#most[r]!,
      this.#first[r]!,
      this.#last[r]!,
    )
    if (this.#hasSquares) fold.addSquares(this.#squares[r]!, this.#scale)
  }
}

/** Sums of products of the ranges of two columns, and of the second one. */
export class PairRanges {
  readonly #counts = new Float64Array(rangesMax)
  readonly #products: bigint[] = []
  readonly #weights: bigint[] = []
  #productScale = 0
  #weightScale = 0

  foldNone(ranges: number): void {
    this.#counts.fill(0, 0, ranges)
  }

  /** (a + g u)(b + h v) summed is n a b + a h (sum of v) + b g (sum of u) + g h (sum of u v). */
  fold(price: UnitColumn, weight: UnitColumn, boundsAt: number, ranges: number): void {
    const { kernels, u32 } = arena()
    const { folds, others } = placesOf()
    kernels.foldU32(price.unitsAt, boundsAt, ranges, folds)
    kernels.foldU32(weight.unitsAt, boundsAt, ranges, others)
    const dots = dotsOf(price.unitsAt, weight.unitsAt, boundsAt, ranges)
    const us = new BigUint64Array(kernels.memory, folds, ranges * 3)
    const vs = new BigUint64Array(kernels.memory, others, ranges * 3)
    this.#productScale = price.scale + weight.scale
    this.#weightScale = weight.scale
    const { base: a, gcd: g } = price
    const { base: b, gcd: h } = weight
    for (let r = 0; r < ranges; r += 1) {
      const count = u32[(boundsAt >>> 2) + r + 1]! - u32[(boundsAt >>> 2) + r]!
      const n = BigInt(count)
      this.#counts[r] = count
      this.#weights[r] = n * b + h * vs[r * 3]!
      this.#products[r] = n * a * b + a * h * vs[r * 3]! + b * g * us[r * 3]! + g * h * dots[r]!
    }
  }

  addTo(pair: PairFold, r: number): void {
    if (this.#counts[r] === 0) return
    const weights = this.#weights[r]!
    pair.addKnown(this.#products[r]!, this.#productScale, weights, this.#weightScale)
  }
}
