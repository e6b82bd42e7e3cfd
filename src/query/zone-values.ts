// What a page's meta tells of each of its vectors, as doubles and bits, made at the first look at it: a loop over
// vectors then meets no BigInt.
import { isNarrow, narrowReach, plainVectorsOf, presentOf, transforms } from '#codec'
import type { PageMeta, PlainVectors } from '#codec'
import { limits } from '#base'
import { doubleOfScaled } from '#schema'
import type { ColumnSpec } from '#schema'
import { decimalIntegerEnd, decimalScaleMax } from './exact-sum.ts'
import type { ColumnFold } from './column-fold.ts'

/** Bits of `ZoneValues.is`. */
export const zoneBits = {
  /** The vector has no value. */
  none: 1,
  /** All values are what exact sums take for decimals, or integers, and the zone map tells all but squares. */
  known: 2,
  /** Units of it can be folded. */
  narrow: 4,
  /** Squares of its units can be added up. */
  squares: 8,
  /** The codec finds its units by address, and sums of its integers are safe numbers. */
  plain: 16,
} as const

/** A number a vector. */
export interface ZoneValues {
  readonly is: Uint8Array
  readonly present: Uint16Array
  readonly plain: PlainVectors
  /** The decimal scale of the integers. */
  readonly scale: number
  /** Of the integers; NaN where it is no safe integer. */
  readonly sum: Float64Array
  readonly min: Float64Array
  readonly max: Float64Array
  readonly first: Float64Array
  readonly last: Float64Array
  /** The most that a unit can be, of narrow vectors. */
  readonly reach: Float64Array
  /** The page as a whole, where all of its vectors are known. */
  readonly all: PageTotal | undefined
}

interface PageTotal {
  readonly count: number
  readonly sum: number | bigint
  readonly min: number
  readonly max: number
  readonly first: number
  readonly last: number
}

type Filled = { -readonly [K in keyof ZoneValues]: ZoneValues[K] }

const zoneValues = new WeakMap<PageMeta, ZoneValues>()

/** The decimal scale of a column's integers in a page. */
export function scaleOf(meta: Pick<PageMeta, 'transform' | 'scale'>, spec: ColumnSpec): number {
  return meta.transform === transforms.decimal ? meta.scale : spec.scale
}

/** The value of a column's integer. */
export function valueOf(integer: bigint, scale: number): number {
  return scale === 0 ? Number(integer) : doubleOfScaled(integer, scale)
}

/** Whether a page's integers may be added as they are, but for those that are too large. */
function isExactScale(meta: PageMeta): boolean {
  if (meta.transform === transforms.integer) return true
  return meta.transform === transforms.decimal && meta.scale <= decimalScaleMax
}

/** Squares of units of 27 bits, 1,024 of them, fit 64 bits. */
const squareReachEnd = 2 ** 27

export function zoneValuesOf(meta: PageMeta, spec: ColumnSpec): ZoneValues {
  let values = zoneValues.get(meta)
  if (values === undefined) zoneValues.set(meta, (values = makeZoneValues(meta, spec)))
  return values
}

function makeZoneValues(meta: PageMeta, spec: ColumnSpec): ZoneValues {
  const { vectorCount, zone } = meta
  const line = (): Float64Array => new Float64Array(vectorCount)
  const values: Filled = {
    is: new Uint8Array(vectorCount),
    present: new Uint16Array(vectorCount),
    plain: plainVectorsOf(meta),
    scale: scaleOf(meta, spec),
    sum: line(),
    min: line(),
    max: line(),
    first: line(),
    last: line(),
    reach: line(),
    all: undefined,
  }
  const isExact = zone !== undefined && isExactScale(meta)
  for (let v = 0; v < vectorCount; v += 1) {
    values.present[v] = presentOf(meta, v)
    if (values.present[v] === 0) values.is[v] = zoneBits.none
    else if (isExact) fillVector(values, meta, v)
  }
  values.all = totalOf(values, meta)
  return values
}

function fillVector(values: ZoneValues, meta: PageMeta, v: number): void {
  const { exceptions, transform } = meta
  const zone = meta.zone!
  const size = Math.max(Math.abs(Number(zone.min[v]!)), Math.abs(Number(zone.max[v]!)))
  if (transform === transforms.decimal && size >= decimalIntegerEnd) return
  if (isNarrow(meta, v)) {
    values.is[v] = zoneBits.narrow
    values.reach[v] = narrowReach(meta, v)
    if (values.reach[v] < squareReachEnd) values.is[v] |= zoneBits.squares
    // Of all integers between the base and what a unit can reach.
    const most = Math.abs(values.plain.bases[v]!) + Number(meta.gcd) * (values.reach[v] + 1)
    if (values.plain.isPlain[v] === 1 && most * limits.vectorRows < Number.MAX_SAFE_INTEGER) {
      values.is[v] |= zoneBits.plain
    }
  }
  if (zone.sum === undefined || (exceptions !== undefined && exceptions[v]! > 0)) return
  values.is[v]! |= zoneBits.known
  const sum = Number(zone.sum[v]!)
  values.sum[v] = Number.isSafeInteger(sum) ? sum : Number.NaN
  values.min[v] = valueOf(zone.min[v]!, values.scale)
  values.max[v] = valueOf(zone.max[v]!, values.scale)
  values.first[v] = valueOf(zone.first[v]!, values.scale)
  values.last[v] = valueOf(zone.last[v]!, values.scale)
}

function totalOf(values: ZoneValues, meta: PageMeta): PageTotal | undefined {
  const { is, present } = values
  let [count, sum, big, min, max] = [0, 0, 0n, Number.NaN, Number.NaN]
  let [first, last] = [Number.NaN, Number.NaN]
  for (let v = 0; v < is.length; v += 1) {
    if ((is[v]! & zoneBits.none) !== 0) continue
    if ((is[v]! & zoneBits.known) === 0) return undefined
    if (count === 0) [min, max, first] = [values.min[v]!, values.max[v]!, values.first[v]!]
    last = values.last[v]!
    min = Math.min(min, values.min[v]!)
    max = Math.max(max, values.max[v]!)
    count += present[v]!
    sum += Math.abs(values.sum[v]!)
    big += meta.zone!.sum![v]!
  }
  // Of absolute values below 2^53 every sum on the way is exact.
  return { count, sum: sum < Number.MAX_SAFE_INTEGER ? Number(big) : big, min, max, first, last }
}

/** Adds what the zone map of a known vector tells. */
export function addZone(fold: ColumnFold, meta: PageMeta, values: ZoneValues, v: number): void {
  const total = values.sum[v]!
  fold.addKnown(
    values.present[v]!,
    values.scale,
    total === total ? total : meta.zone!.sum![v]!,
    values.min[v]!,
    values.max[v]!,
    values.first[v]!,
    values.last[v]!,
  )
}

/** Adds a page as a whole. */
export function addPage(fold: ColumnFold, { all, scale }: ZoneValues): void {
  if (all === undefined || all.count === 0) return
  fold.addKnown(all.count, scale, all.sum, all.min, all.max, all.first, all.last)
}
