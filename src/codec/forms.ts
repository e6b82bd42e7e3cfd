// In which form the page that is being encoded lies in the arena. Units are doubles, for whoever
// searches them; but a page of decimals whose range fits 32 bits was checked and measured in one
// pass that left u32 units, four to a SIMD register, and one of int64 is measured where it was
// gathered. FOR and DELTA pack straight from these; anything else asks for units first.
import { arena } from '#kernel'
import { encodePlaces } from './encode-places.ts'
import { rowsMini } from './layout.ts'

let form: 'f64' | 'u32' | 'i64' = 'f64'
/** f64 units are there as well. */
let hasUnits = true
let valueCount = 0
/** u32: what stands for unit 0. i64: unit 0, less the first value, and the low 32 bits of unit 0. */
let least = 0
let leastLow = 0

const two32 = 4294967296

/** The units of the page are f64 at unitsAt. */
export function holdUnits(): void {
  form = 'f64'
  hasUnits = true
}

/** The units of the page are the `count` u32 at narrowAt, less `leastUnit`. */
export function holdNarrow(count: number, leastUnit: number): void {
  form = 'u32'
  hasUnits = false
  valueCount = count
  least = leastUnit
}

/**
 * The units are the `count` i64 at valuesAt, less `base`, which is `distance` above the first; the low
 * 32 bits of the steps of each vector are the u32 at narrowAt.
 */
export function holdValues(count: number, base: bigint, distance: number): void {
  form = 'i64'
  hasUnits = false
  valueCount = count
  least = distance
  leastLow = Number(BigInt.asUintN(32, base))
}

/** What stands for unit 0 among u32 units; undefined where the page is held in another form. */
export function narrowLeast(): number | undefined {
  return form === 'u32' ? least : undefined
}

/** Makes the page's units f64 at unitsAt, where they are not. */
export function needUnits(): void {
  if (hasUnits) return
  const { kernels } = arena()
  const { narrowAt, valuesAt, unitsAt } = encodePlaces()
  if (form === 'u32') kernels.f64Whole(narrowAt, valueCount, -least, 1, unitsAt)
  else {
    kernels.i64Distances(valuesAt, valueCount, unitsAt)
    if (least !== 0) kernels.rescale(unitsAt, valueCount, least, 1)
  }
  hasUnits = true
}

/**
 * Units [from, from + count) to unitsAt, all of them more or less than they are by the same number,
 * where nobody has asked for the page's units yet: for those who look at steps of one vector.
 */
export function needSteps(from: number, count: number): void {
  if (hasUnits) return
  const { kernels } = arena()
  const { narrowAt, valuesAt, unitsAt } = encodePlaces()
  const to = unitsAt + from * 8
  if (form === 'u32') kernels.f64Whole(narrowAt + from * 4, count, 0, 1, to)
  else if (kernels.i64Distances(valuesAt + from * 8, count, to) !== 0) needUnits()
}

/** Units [from, from + count) less `base`, below 2^32 each, to slotsAt. */
export function takeSlots(from: number, count: number, base: number): void {
  const { kernels } = arena()
  const { narrowAt, valuesAt, unitsAt, slotsAt } = encodePlaces()
  if (form === 'f64') kernels.slotsOf(unitsAt + from * 8, count, base, slotsAt)
  else if (form === 'u32') kernels.narrowSlots(narrowAt + from * 4, count, least + base, slotsAt)
  else kernels.lowSlots(valuesAt + from * 8, count, (leastLow + base) % two32, slotsAt)
}

/** The steps of units [from, from + count), less `base`, below 2^32 each, to slotsAt; slot 0 is 0. */
export function takeDeltaSlots(from: number, count: number, base: number): void {
  const { kernels } = arena()
  const { narrowAt, unitsAt, slotsAt } = encodePlaces()
  if (form === 'f64') kernels.deltaSlotsOf(unitsAt + from * 8, count, base, slotsAt)
  else if (form === 'u32') kernels.narrowDeltaSlots(narrowAt + from * 4, count, base, slotsAt)
  else {
    const { u32 } = arena()
    u32[(narrowAt >>> 2) + from] = base
    kernels.narrowSlots(narrowAt + from * 4, count, base % two32, slotsAt)
  }
}

/** Only whole mini-blocks are packed from where they lie: behind others are no zeros. */
const isWhole = (count: number): boolean => count % rowsMini === 0

/**
 * Packs units [from, from + count) less `base`, `width` bits each, to the address `to`; false where
 * they are not held so that they can be packed without being made slots before.
 */
export function packHeld(
  from: number,
  count: number,
  base: number,
  width: number,
  to: number,
): boolean {
  if (form !== 'u32' || !isWhole(count)) return false
  if (width === 0) return true
  const { narrowAt } = encodePlaces()
  arena().kernels.pack(width, narrowAt + from * 4, count / rowsMini, least + base, to)
  return true
}

/** The same of the steps of units [from, from + count), less `base`; slot 0 is 0. */
export function packHeldSteps(
  from: number,
  count: number,
  base: number,
  width: number,
  to: number,
): boolean {
  if (form === 'f64' || !isWhole(count)) return false
  if (width === 0) return true
  const { kernels, u32 } = arena()
  const at = encodePlaces().narrowAt + from * 4
  if (form === 'u32') kernels.packSteps(width, at, count / rowsMini, base, to)
  else {
    u32[at >>> 2] = base
    kernels.pack(width, at, count / rowsMini, base % two32, to)
  }
  return true
}
