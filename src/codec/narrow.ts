// A vector as u32 units above its least integer: the one form that folds and products work on, whatever the encoding.
import { arena } from '#kernel'
import { damaged } from './chunk.ts'
import { lookUpNarrow, lookUpNarrowAt, scratchOf, unitsOf } from './decode-units.ts'
import type { StoredVector } from './decode-units.ts'
import { encodings, presentOf, rowsMini, rowsOf, transforms } from './layout.ts'
import type { PageMeta } from './layout.ts'
import type { PageVectors } from './page-vectors.ts'

/** Units that reach so far from the least are not narrow; reaches are rounded, hence not 2^32. */
const reachEnd = 2 ** 31
const unitEnd = 2 ** 32

/** Encodings whose vectors can be made units without anything but their own bytes. */
const ownUnits: ReadonlySet<number> = new Set<number>([
  encodings.const,
  encodings.for,
  encodings.pfor,
  encodings.delta,
  encodings.deltaPatched,
  encodings.dictionary,
  encodings.rle,
])

/** Whether `narrowUnits` can be asked: integers or decimals, none of them an exception, near each other. */
export function isNarrow(meta: PageMeta, vector: number): boolean {
  const { transform, exceptions, zone } = meta
  if (transform !== transforms.integer && transform !== transforms.decimal) return false
  if (zone === undefined || !ownUnits.has(meta.encoding)) return false
  if (exceptions !== undefined && exceptions[vector]! > 0) return false
  return meta.reaches[vector]! < reachEnd * Number(meta.gcd)
}

/** The most that a unit of a narrow vector can be: units may count from below the vector's least. */
export function narrowReach(meta: PageMeta, vector: number): number {
  const origin = meta.origins[vector]!
  const least = meta.zone!.min[vector]!
  return Number((meta.zone!.max[vector]! - (origin < least ? origin : least)) / meta.gcd)
}

const isDelta = ({ encoding }: PageMeta): boolean =>
  encoding === encodings.delta || encoding === encodings.deltaPatched

/** Above the vector's least, the unit of its first value. */
function firstUnit({ zone, gcd }: PageMeta, vector: number): number {
  return Number((zone!.first[vector]! - zone!.min[vector]!) / gcd)
}

/** The units of a narrow vector's present values: u32 at `narrowAt()`, integer = base + gcd * unit. Gives base. Valid
 *  until the next vector is opened. */
export function narrowUnits(stored: StoredVector): bigint {
  const { meta, vector, present } = stored
  const own = scratchOf()
  const { dictionary } = meta
  if (dictionary !== undefined && dictionary.at(-1)! < unitEnd) {
    lookUpNarrow(stored, dictionary)
    return meta.base
  }
  const form = unitsOf(stored)
  const origin = meta.origins[vector]!
  if (form.isNarrow && !form.hasDeltas) return origin
  const base = meta.zone!.min[vector]!
  const { kernels } = arena()
  if (form.hasDeltas) {
    kernels.u32Deltas(own.u32, present, firstUnit(meta, vector), meta.bases[vector]! | 0)
  } else kernels.slotsOf(own.units, present, Number((base - origin) / meta.gcd), own.u32)
  return base
}

/** Where `narrowUnits` puts them. */
export function narrowAt(): number {
  return scratchOf().u32
}

/** The narrow vectors of a page that `unitsInPlace` can be asked for: a number a vector, so that a loop over them meets
 *  no BigInt. */
export interface PlainVectors {
  /** 1: all rows present, one stream of packed slots of at most 32 bits. */
  readonly isPlain: Uint8Array
  /** The integer that unit 0 stands for; NaN where it is no safe integer. */
  readonly bases: Float64Array
  /** DELTA: the unit of the first value. */
  readonly firsts: Float64Array
}

function isPlainVector(meta: PageMeta, vector: number): boolean {
  const { encoding, dictionary } = meta
  if (meta.slotModel !== undefined || meta.bitmapModel !== undefined) return false
  if (encoding === encodings.rle || !isNarrow(meta, vector)) return false
  if (dictionary !== undefined && dictionary.at(-1)! >= unitEnd) return false
  if (presentOf(meta, vector) !== rowsOf(meta.rowCount, vector)) return false
  return meta.widths[vector]! <= 32 && (meta.patches[vector] ?? 0) === 0
}

/** Made once for a page that is asked for often. */
export function plainVectorsOf(meta: PageMeta): PlainVectors {
  const { vectorCount, zone, encoding } = meta
  const isPlain = new Uint8Array(vectorCount)
  const bases = new Float64Array(vectorCount).fill(Number.NaN)
  const firsts = new Float64Array(vectorCount)
  for (let v = 0; v < vectorCount; v += 1) {
    if (!isPlainVector(meta, v)) continue
    isPlain[v] = 1
    if (isDelta(meta)) firsts[v] = firstUnit(meta, v)
    const isOfPage = encoding === encodings.dictionary
    const base = Number(isOfPage ? meta.base : isDelta(meta) ? zone!.min[v]! : meta.origins[v]!)
    if (Number.isSafeInteger(base)) bases[v] = base
  }
  return { isPlain, bases, firsts }
}

/**
 * Units [from, end) of a plain vector, from < end, to their places at `narrowAt()`; other places there are anything.
 * `address` is that of its stored bytes in the arena.
 */
export function unitsInPlace(
  page: PageVectors,
  { firsts }: PlainVectors,
  vector: number,
  address: number,
  from: number,
  end: number,
): void {
  const { meta } = page
  const { kernels, u32 } = arena()
  const units = scratchOf().u32
  if (meta.encoding === encodings.const) {
    u32.fill(0, (units >>> 2) + from, (units >>> 2) + end)
    return
  }
  const width = meta.widths[vector]!
  const hasDeltas = isDelta(meta)
  const first = hasDeltas ? 0 : Math.floor(from / rowsMini)
  const minis = Math.ceil(end / rowsMini) - first
  kernels.unpack(width, address + first * 16 * width, minis, units + first * rowsMini * 4)
  if (hasDeltas) {
    kernels.u32Deltas(units, end, firsts[vector]!, meta.bases[vector]! | 0)
    return
  }
  if (meta.dictionary === undefined) return
  const at = units + from * 4
  if (lookUpNarrowAt(at, end - from, meta.dictionary, meta.bases[vector]!)) return
  throw damaged('a code lies past its dictionary', page.place, vector)
}

/** Whether `rowReaching` can be asked of a vector of times, all present. */
export function hasPlainSteps(meta: PageMeta, vector: number): boolean {
  if (meta.encoding !== encodings.delta || meta.slotModel !== undefined) return false
  return meta.widths[vector]! <= 32 && meta.bases[vector]! >= 0
}

/** Makes a vector of times that are stored at `address` of the arena ready for `rowReaching`. */
export function unpackSteps(meta: PageMeta, vector: number, address: number): void {
  const minis = Math.ceil(rowsOf(meta.rowCount, vector) / rowsMini)
  arena().kernels.unpack(meta.widths[vector]!, address, minis, scratchOf().u32)
}

/** The first row that is `gap` units or more behind the vector's first time; its rows where there is none. */
export function rowReaching(meta: PageMeta, vector: number, gap: number): number {
  const rows = rowsOf(meta.rowCount, vector)
  return arena().kernels.placeOfSum(scratchOf().u32, rows, meta.bases[vector]!, gap)
}
