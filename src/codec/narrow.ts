// A vector as u32 units above its least integer: the one form that folds and products work on, whatever the encoding.
import { arena } from '#kernel'
import { lookUpNarrow, scratchOf, unitsOf } from './decode-units.ts'
import type { StoredVector } from './decode-units.ts'
import { sumDeltas } from './decode-values.ts'
import { encodings, transforms } from './layout.ts'
import type { PageMeta } from './layout.ts'

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
  if (form.hasDeltas) sumDeltas(stored)
  const base = meta.zone!.min[vector]!
  const least = Number((base - origin) / meta.gcd)
  arena().kernels.slotsOf(own.units, present, least, own.u32)
  return base
}

/** Where `narrowUnits` puts them. */
export function narrowAt(): number {
  return scratchOf().u32
}
