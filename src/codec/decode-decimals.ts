// Decimals of packed FOR and DELTA vectors: slots to values with no units in between, by a product (product.ts) in the
// place of the division. Everything counts from the vector's least integer, in steps of multiplier: sums of deltas
// are then u32, whatever the deltas are, and wrap to the right ones.
import { halvesOf } from '#batch'
import { arena } from '#kernel'
import { damaged } from './chunk.ts'
import { packedAddress, scratchOf } from './decode-units.ts'
import type { StoredVector } from './decode-units.ts'
import { encodings, rowsMini, transforms } from './layout.ts'
import type { PageMeta } from './layout.ts'
import { products } from './product.ts'
import { bodyOffset } from './shape.ts'

type Place = Readonly<Record<string, unknown>>

/** A page of packed slots that are decimals. */
export interface DecimalPage {
  readonly meta: PageMeta
  /** The halves of the least and of the first integer of each vector, low ones first: BigInt is slow. */
  readonly least: Int32Array
  readonly first: Int32Array
  readonly multiplier: number
  readonly factor: number
  /** gcd * multiplier, modulo 2^32. */
  readonly step: number
}

const two32 = 2 ** 32
const two52 = 2 ** 52

let held: { readonly meta: PageMeta; readonly page: DecimalPage | undefined } | undefined

function pageOf(meta: PageMeta): DecimalPage | undefined {
  const { transform, encoding, zone, slotModel, scale } = meta
  const isPacked = encoding === encodings.for || encoding === encodings.delta
  if (transform !== transforms.decimal || !isPacked || slotModel !== undefined) return undefined
  const product = products[scale]
  if (product === undefined || zone === undefined) return undefined
  const step = Math.imul(Number(meta.gcd), product.multiplier) >>> 0
  return { meta, least: halvesOf(zone.min), first: halvesOf(zone.first), ...product, step }
}

/** The page as one whose vectors can be asked for here; undefined where it is none. */
export function decimalPage(meta: PageMeta): DecimalPage | undefined {
  if (held?.meta !== meta) held = { meta, page: pageOf(meta) }
  return held.page
}

const integerAt = (halves: Int32Array, at: number): number =>
  halves[at * 2 + 1]! * two32 + (halves[at * 2]! >>> 0)

/** Of the vector that `fits` was asked for: its least integer times multiplier. */
let start = 0

/** Whether sums of a vector are u32 and its integers times multiplier below 2^52. */
function fits({ meta, least, multiplier }: DecimalPage, vector: number): boolean {
  const reach = meta.reaches[vector]! * multiplier
  start = integerAt(least, vector) * multiplier
  return reach < two32 && Math.abs(start) < two52 - two32 && meta.widths[vector]! <= 32
}

/** The `count` values of a vector that fits, from its slots at `packedAt`, to `to`. */
function unpackScaled(
  page: DecimalPage,
  vector: number,
  packedAt: number,
  count: number,
  to: number,
): void {
  const { meta, multiplier, factor, step } = page
  const { kernels } = arena()
  const width = meta.widths[vector]!
  const minis = Math.ceil(count / rowsMini)
  if (meta.encoding === encodings.for) {
    kernels.scaledSlots(width, packedAt, minis, step, start, factor, to)
    return
  }
  const { u32 } = scratchOf()
  const first = integerAt(page.first, vector) * multiplier - start
  const base = Math.imul(meta.bases[vector]!, step)
  kernels.unpack(width, packedAt, minis, u32)
  kernels.f64ScaledSums(u32, count, first, base, step, start, factor, to)
}

/** A vector's values to scratch.values; false, and nothing is done, where it does not fit. */
export function packedDecimals(
  page: DecimalPage,
  { vector, bytes, present }: StoredVector,
): boolean {
  if (!fits(page, vector)) return false
  const { meta } = page
  const at = packedAddress(bytes, bodyOffset(meta, vector), present, meta.widths[vector]!)
  unpackScaled(page, vector, at, present, scratchOf().values)
  return true
}

/**
 * The same of a vector without bitmap and exceptions that is a chunk of its own at `address`, `bytes` long: verifies
 * it, unless `isChecked`. False, and nothing is done, where it does not fit. @throws {VarveError} ERR_CORRUPT
 */
export function storedDecimals(
  page: DecimalPage,
  vector: number,
  address: number,
  count: number,
  isChecked: boolean,
  place: Place,
): boolean {
  if ((address & 3) !== 0 || !fits(page, vector)) return false
  const { meta } = page
  const bytes = meta.vectorStarts[vector + 1]! - meta.vectorStarts[vector]!
  if (!isChecked && bytes > 0) {
    const hash = arena().kernels.xxh64Low(address, bytes) >>> 0
    if (hash !== meta.checksums[vector]) {
      throw damaged('stored bytes do not have their checksum', place, vector)
    }
  }
  unpackScaled(page, vector, address, count, scratchOf().values)
  return true
}
