// What a vector's ranges of packed units add up to, as values: one number a range and kind of answer.
import { arena } from '#kernel'
import { limits } from '#base'
import type { ColumnFold, PairFold } from './column-fold.ts'
import { valueOf } from './zone-values.ts'

const rangesMax = limits.vectorRows
const two32 = 2 ** 32
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
      const units = u32[at + 1]! * two32 + u32[at]!
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
      this.#sums[r] = count * base + gcd * (u32[at + 1]! * two32 + u32[at]!)
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
    const part = (next - from) * base + gcd * (u32[at + 1]! * two32 + u32[at]!)
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
  /** NaN where they are no safe integers, and exactly in the others. */
  readonly #products = new Float64Array(rangesMax)
  readonly #weights = new Float64Array(rangesMax)
  readonly #bigProducts: bigint[] = []
  readonly #bigWeights: bigint[] = []
  #productScale = 0
  #weightScale = 0

  foldNone(ranges: number): void {
    this.#counts.fill(0, 0, ranges)
  }

  /** (a + g u)(b + h v) summed is n a b + a h (sum of v) + b g (sum of u) + g h (sum of u v). */
  fold(price: UnitColumn, weight: UnitColumn, boundsAt: number, ranges: number): void {
    const { kernels, u32 } = arena()
    const { folds, others, dots } = placesOf()
    kernels.foldU32(price.unitsAt, boundsAt, ranges, folds)
    kernels.foldU32(weight.unitsAt, boundsAt, ranges, others)
    kernels.dotU32(price.unitsAt, weight.unitsAt, boundsAt, ranges, dots)
    this.#productScale = price.scale + weight.scale
    this.#weightScale = weight.scale
    const [a, g] = [Number(price.base), Number(price.gcd)]
    const [b, h] = [Number(weight.base), Number(weight.gcd)]
    let [bound, u, v, dot] = [boundsAt >>> 2, folds >>> 2, others >>> 2, dots >>> 2]
    for (let r = 0; r < ranges; r += 1, bound += 1, u += 6, v += 6, dot += 2) {
      const n = u32[bound + 1]! - u32[bound]!
      this.#counts[r] = n
      if (n === 0) continue
      // What the terms of the sums are at most, in all: below 2^53 every step is exact.
      const weightMost = n * (Math.abs(b) + h * u32[v + 3]!)
      const most = Math.max(weightMost, weightMost * (Math.abs(a) + g * u32[u + 3]!))
      const isSafe = most < Number.MAX_SAFE_INTEGER
      const us = u32[u + 1]! * two32 + u32[u]!
      const vs = u32[v + 1]! * two32 + u32[v]!
      const uv = u32[dot + 1]! * two32 + u32[dot]!
      this.#weights[r] = isSafe ? n * b + h * vs : Number.NaN
      this.#products[r] = isSafe ? n * a * b + a * h * vs + b * g * us + g * h * uv : Number.NaN
      if (!isSafe) this.#putBig(r, price, weight, n)
    }
  }

  #putBig(r: number, price: UnitColumn, weight: UnitColumn, count: number): void {
    const { memory } = arena().kernels
    const { folds, others, dots } = placesOf()
    const us = new BigUint64Array(memory, folds + r * 24, 1)[0]!
    const vs = new BigUint64Array(memory, others + r * 24, 1)[0]!
    const uv = new BigUint64Array(memory, dots + r * 8, 1)[0]!
    const n = BigInt(count)
    const { base: a, gcd: g } = price
    const { base: b, gcd: h } = weight
    this.#bigWeights[r] = n * b + h * vs
    this.#bigProducts[r] = n * a * b + a * h * vs + b * g * us + g * h * uv
  }

  addTo(pair: PairFold, r: number): void {
    if (this.#counts[r] === 0) return
    const product = this.#products[r]!
    const isSafe = product === product
    pair.addKnown(
      isSafe ? product : this.#bigProducts[r]!,
      this.#productScale,
      isSafe ? this.#weights[r]! : this.#bigWeights[r]!,
      this.#weightScale,
    )
  }
}
