// What aggregates keep of one column while the rows of a bucket go by. Values come decoded, one by one, or as what is
// known of many at once (a range of packed integers, a vector's zone map): both give the same doubles.
import { absentInt64, halvesOf, isPresent } from '#batch'
import type { ColumnData } from '#batch'
import { assert } from '#base'
import { doubleOfScaled } from '#schema'
import type { ColumnSpec } from '#schema'
import {
  ExactSum,
  RealSpread,
  RealSum,
  decimalOf,
  decimalScaleMax,
  found,
  nearestDouble,
} from './exact-sum.ts'

/** What is asked of a column beyond counts. */
export interface FoldNeeds {
  readonly sum: boolean
  readonly squares: boolean
  /** Extremes, or the first and the last value; where they are not needed they are anything. */
  readonly extent: boolean
}

export class ColumnFold {
  readonly spec: ColumnSpec
  readonly needs: FoldNeeds
  /** Present values. */
  count = 0
  /** NaN where no value can be ordered. */
  min = Number.NaN
  max = Number.NaN
  /** NaN where there is no value. */
  first = Number.NaN
  last = Number.NaN
  readonly #sum = new ExactSum()
  readonly #reals = new RealSum()
  readonly #squares = new ExactSum()
  readonly #spread = new RealSpread()
  #hint = 0

  constructor(spec: ColumnSpec, needs: FoldNeeds) {
    this.spec = spec
    this.needs = needs
  }

  /** Strings have no extremes, ends or sums. */
  get isCountOnly(): boolean {
    return this.spec.physical === 'code' || this.spec.physical === 'bytes'
  }

  reset(): void {
    this.count = 0
    this.min = Number.NaN
    this.max = Number.NaN
    this.first = Number.NaN
    this.last = Number.NaN
    this.#sum.reset()
    this.#reals.reset()
    this.#squares.reset()
    this.#spread.reset()
  }

  /** `count` present values, one at least, all decimals of `scale` or integers: the sum of the integers (a safe number,
   *  or exactly), and what is known of the values. */
  addKnown(
    count: number,
    scale: number,
    sum: number | bigint,
    min: number,
    max: number,
    first: number,
    last: number,
  ): void {
    if (this.needs.extent) {
      this.#see(min)
      this.#see(max)
      if (this.count === 0) this.first = first
      this.last = last
    }
    this.count += count
    if (!this.needs.sum) return
    if (typeof sum === 'number') this.#sum.add(sum, scale)
    else this.#sum.addBig(sum, scale)
  }

  /** The sum of the squares of integers that were added so. */
  addSquares(squares: bigint, scale: number): void {
    this.#squares.addBig(squares, scale * 2)
  }

  /** Values that are only counted, as of a column of strings. */
  addCount(count: number): void {
    this.count += count
  }

  /** -0 is less than 0. */
  #see(value: number): void {
    if (value !== value) return
    this.min = this.min !== this.min ? value : Math.min(this.min, value)
    this.max = this.max !== this.max ? value : Math.max(this.max, value)
  }

  /** Rows [from, end) of the column, decoded. */
  addRows(column: ColumnData, from: number, end: number): void {
    switch (column.physical) {
      case 'f64':
        for (let row = from; row < end; row += 1) this.#addDouble(column.values[row]!)
        return
      case 'i64':
        this.#addInt64s(column.values, from, end)
        return
      case 'i32':
      case 'u8':
        for (let row = from; row < end; row += 1) {
          if (column.present === undefined || column.present[row] === 1) {
            this.#addInteger(column.values[row]!, 0)
          }
        }
        return
      default:
        for (let row = from; row < end; row += 1) if (isPresent(column, row)) this.count += 1
    }
  }

  #addDouble(value: number): void {
    if (value !== value && this.spec.optional) return
    this.#place(value)
    if (!this.needs.sum) return
    const d = decimalOf(value, this.#hint)
    if (d !== d) {
      this.#reals.add(value)
      if (this.needs.squares) this.#spread.add(value)
      return
    }
    this.#hint = found.scale
    this.#addExact(d, found.scale)
  }

  #place(value: number): void {
    if (this.count === 0) this.first = value
    this.last = value
    this.count += 1
    this.#see(value)
  }

  #addExact(integer: number, scale: number): void {
    this.#sum.add(integer, scale)
    if (!this.needs.squares) return
    const square = integer * integer
    if (Number.isSafeInteger(square)) this.#squares.add(square, scale * 2)
    else this.#squares.addBig(BigInt(integer) ** 2n, scale * 2)
  }

  #addInteger(integer: number, scale: number): void {
    this.#place(scale === 0 ? integer : doubleOfScaled(BigInt(integer), scale))
    if (this.needs.sum) this.#addExact(integer, scale)
  }

  #addInt64s(values: BigInt64Array, from: number, end: number): void {
    const halves = halvesOf(values)
    const { scale, optional } = this.spec
    for (let row = from; row < end; row += 1) {
      const high = halves[row * 2 + 1]!
      if (high >= -0x200000 && high < 0x200000) {
        this.#addInteger(high * 0x1_0000_0000 + (halves[row * 2]! >>> 0), scale)
        continue
      }
      const value = values[row]!
      if (optional && value === absentInt64) continue
      this.#place(doubleOfScaled(value, scale))
      if (!this.needs.sum) continue
      this.#sum.addBig(value, scale)
      if (this.needs.squares) this.#squares.addBig(value * value, scale * 2)
    }
  }

  /** 0 of no value. */
  sum(): number {
    assert(this.needs.sum, 'fold: a sum that was not kept')
    if (this.#reals.count === 0) return this.#sum.value()
    return this.#sum.value() + this.#reals.value()
  }

  /** Of a sample: divided by count - 1; NaN of fewer than two values. */
  deviation(): number {
    assert(this.needs.squares, 'fold: squares that were not kept')
    if (this.count < 2) return Number.NaN
    const exactCount = this.count - this.#reals.count
    let squares = 0
    let mean = 0
    if (exactCount > 0) {
      const sum = this.#sum.fraction()
      const square = this.#squares.fraction()
      const n = BigInt(exactCount)
      // n x sum of squares - square of the sum, in units of 10^-(2 x scale) x n
      const scale = Math.max(sum.scale * 2, square.scale)
      const all = square.integer * 10n ** BigInt(scale - square.scale) * n
      const mid = sum.integer ** 2n * 10n ** BigInt(scale - sum.scale * 2)
      squares = nearestDouble(all - mid, scale) / exactCount
      mean = this.#sum.value() / exactCount
    }
    const { count, mean: realMean, squares: realSquares } = this.#spread
    if (count > 0) {
      const apart = exactCount === 0 ? 0 : realMean - mean
      squares += realSquares + (apart * apart * exactCount * count) / this.count
    }
    return Math.sqrt(squares / (this.count - 1))
  }
}

/** The sum of products of two columns, over the rows in which both have a value, and of their second one. */
export class PairFold {
  readonly price: ColumnSpec
  readonly weight: ColumnSpec
  readonly #products = new ExactSum()
  readonly #realProducts = new RealSum()
  readonly #weights = new ExactSum()
  readonly #realWeights = new RealSum()
  #priceHint = 0
  #weightHint = 0

  constructor(price: ColumnSpec, weight: ColumnSpec) {
    this.price = price
    this.weight = weight
  }

  reset(): void {
    this.#products.reset()
    this.#realProducts.reset()
    this.#weights.reset()
    this.#realWeights.reset()
  }

  /** Of rows in which both are decimals or integers. */
  addKnown(
    products: number | bigint,
    productScale: number,
    weights: number | bigint,
    scale: number,
  ): void {
    addTo(this.#products, products, productScale)
    addTo(this.#weights, weights, scale)
  }

  addRows(price: ColumnData, weight: ColumnData, from: number, end: number): void {
    for (let row = from; row < end; row += 1) {
      const p = numberAt(price, this.price, row)
      const w = numberAt(weight, this.weight, row)
      if (p === undefined || w === undefined) continue
      this.#addPair(p, w)
    }
  }

  #addPair(price: number | bigint, weight: number | bigint): void {
    const p = exactOf(price, this.price, this.#priceHint)
    if (p !== undefined) this.#priceHint = p.scale
    const w = exactOf(weight, this.weight, this.#weightHint)
    if (w === undefined) this.#realWeights.add(weight as number)
    else {
      this.#weightHint = w.scale
      addTo(this.#weights, w.integer, w.scale)
    }
    if (p === undefined || w === undefined) {
      this.#realProducts.add(doubleIn(price, this.price) * doubleIn(weight, this.weight))
      return
    }
    const product = Number(p.integer) * Number(w.integer)
    const scale = p.scale + w.scale
    if (Number.isSafeInteger(product)) this.#products.add(product, scale)
    else this.#products.addBig(BigInt(p.integer) * BigInt(w.integer), scale)
  }

  /** NaN where the weights are 0 in all, or there are none. */
  mean(): number {
    const weights = this.#weights.value() + this.#realWeights.value()
    return (this.#products.value() + this.#realProducts.value()) / weights
  }
}

interface Exact {
  readonly integer: number | bigint
  readonly scale: number
}

function addTo(sum: ExactSum, integer: number | bigint, scale: number): void {
  if (typeof integer === 'number') sum.add(integer, scale)
  else sum.addBig(integer, scale)
}

/** A value as an integer at a scale; undefined for a true real. Integers of columns come scaled. */
function exactOf(value: number | bigint, spec: ColumnSpec, hint: number): Exact | undefined {
  if (spec.physical !== 'f64') return { integer: value, scale: spec.scale }
  const d = decimalOf(value as number, Math.min(hint, decimalScaleMax))
  return d === d ? { integer: d, scale: found.scale } : undefined
}

function doubleIn(value: number | bigint, spec: ColumnSpec): number {
  return spec.physical === 'f64' ? (value as number) : doubleOfScaled(BigInt(value), spec.scale)
}

/** The value of a row: doubles, else integers; undefined where it is absent. */
function numberAt(column: ColumnData, spec: ColumnSpec, row: number): number | bigint | undefined {
  switch (column.physical) {
    case 'f64': {
      const value = column.values[row]!
      return value !== value && spec.optional ? undefined : value
    }
    case 'i64': {
      const value = column.values[row]!
      if (spec.optional && value === absentInt64) return undefined
      const number = Number(value)
      return Number.isSafeInteger(number) ? number : value
    }
    case 'i32':
    case 'u8':
      return isPresent(column, row) ? column.values[row]! : undefined
    default:
      return undefined
  }
}
