// Where a page is encoded: its present values, its units, and what is worked out of them, in the
// arena. Scratch memory: the next page overwrites it.
import { arena } from '#kernel'
import { blockRowsMax, dictionaryMax, vectorRows } from './layout.ts'

/** Slots of the table of distinct units: a power of two, three times the longest dictionary. */
const tableSlotsMax = 16_384
/** Narrow units up to here are looked up where they are, without a table of slots. */
export const directRangeMax = 1 << 19
/** Room for a page of numbers with bitmaps, patches and exceptions. */
const payloadBytesMax = 1 << 20

/** Addresses end in `At`; the others are views of four. */
export interface EncodePlaces {
  /** Present values, 8 bytes each. */
  readonly valuesAt: number
  readonly values: Float64Array
  readonly valueInts: BigInt64Array
  readonly valueHalves: Uint32Array
  /** Units, f64. */
  readonly unitsAt: number
  readonly units: Float64Array
  /** u32 units; see forms.ts. */
  readonly narrowAt: number
  readonly narrow: Uint32Array
  /** A page's validity bits. */
  readonly bitsAt: number
  /** u32: places of exceptions. */
  readonly exceptionsAt: number
  /** Six f64, of `unitStats`. */
  readonly statsAt: number
  /** Least, most, first and last reals of a page's vectors, 8 bytes each. */
  readonly zoneAt: number
  /** u32, a vector of slots, or their low halves; and the high halves, or lengths of runs. */
  readonly slotsAt: number
  readonly highsAt: number
  /** f64, a vector of deltas or of run values. */
  readonly deltasAt: number
  /** A packed vector on its way to where it cannot be packed to. */
  readonly packedAt: number
  /** Counts of bits: see `spreads`. */
  readonly aboveAt: number
  readonly aroundAt: number
  readonly tablesAt: number
  /** Narrow units that are there (u8), and the code of each (u16). */
  readonly flagsAt: number
  readonly directCodesAt: number
  readonly directCodes: Uint16Array
  /** u16 and i32, a vector's patches. */
  readonly patchPlacesAt: number
  readonly patchHighsAt: number
  /** The table of distinct units, the code of each of its slots (u32), the slot of each unit of
   *  the page (u16), and the units found (f64). */
  readonly tableAt: number
  readonly codesAt: number
  readonly unitSlotsAt: number
  readonly foundAt: number
  readonly payloadAt: number
  readonly payloadBytesMax: number
}

let places: EncodePlaces | undefined

function make(): EncodePlaces {
  const { claim, kernels } = arena()
  const { memory } = kernels
  const valuesAt = claim(blockRowsMax * 8)
  const unitsAt = claim(blockRowsMax * 8)
  const narrowAt = claim(blockRowsMax * 4)
  const directCodesAt = claim((directRangeMax + 1) * 2)
  return {
    valuesAt,
    values: new Float64Array(memory, valuesAt, blockRowsMax),
    valueInts: new BigInt64Array(memory, valuesAt, blockRowsMax),
    valueHalves: new Uint32Array(memory, valuesAt, blockRowsMax * 2),
    unitsAt,
    units: new Float64Array(memory, unitsAt, blockRowsMax),
    narrowAt,
    narrow: new Uint32Array(memory, narrowAt, blockRowsMax),
    bitsAt: claim(blockRowsMax / 8),
    exceptionsAt: claim(blockRowsMax * 4),
    statsAt: claim(48),
    zoneAt: claim((blockRowsMax / vectorRows) * 32),
    slotsAt: claim(vectorRows * 4),
    highsAt: claim(vectorRows * 4),
    deltasAt: claim(vectorRows * 8),
    packedAt: claim(vectorRows * 4),
    aboveAt: claim(256),
    aroundAt: claim(256),
    tablesAt: claim(512),
    flagsAt: claim(directRangeMax + 1),
    directCodesAt,
    directCodes: new Uint16Array(memory, directCodesAt, directRangeMax + 1),
    patchPlacesAt: claim(vectorRows * 2),
    patchHighsAt: claim(vectorRows * 4),
    tableAt: claim(tableSlotsMax * 8),
    codesAt: claim(tableSlotsMax * 4),
    unitSlotsAt: claim(blockRowsMax * 2),
    foundAt: claim(dictionaryMax * 8),
    payloadAt: claim(payloadBytesMax),
    payloadBytesMax,
  }
}

/** The places of this thread. */
export function encodePlaces(): EncodePlaces {
  places ??= make()
  return places
}
