// Units to stored vectors: the writers of encodings 0 to 7.
import { assert } from '#base'
import { arena } from '#kernel'
import { pack, packed32Bytes } from './bitpack.ts'
import type { Plan } from './choose.ts'
import { codeOf, takeCodes } from './dictionary.ts'
import { encodePlaces } from './encode-places.ts'
import { needUnits, packHeld, packHeldSteps, takeDeltaSlots, takeSlots } from './forms.ts'
import type { Presence } from './gather.ts'
import { bitsOf, bitsOfBig, blockRowsMax, encodings, rowsOf, vectorRows } from './layout.ts'
import { takeDeltas, takeRuns } from './measure.ts'
import { boundsOf } from './units.ts'

/**
 * What the meta says of each vector, filled while the vectors are written: scratch memory, of which
 * a page keeps copies.
 */
export interface Written {
  readonly widths: Uint8Array
  readonly bases: Float64Array
  readonly patches: Uint16Array
  readonly runs: Uint16Array
  readonly lengthWidths: Uint8Array
  /** Stored bytes; `end` of them are in use. */
  payload: Uint8Array
  /** Its address in the arena; -1 where it lies elsewhere. */
  payloadAt: number
  end: number
}

const vectorsMax = blockRowsMax / vectorRows
const scratch: Written = {
  widths: new Uint8Array(vectorsMax),
  bases: new Float64Array(vectorsMax),
  patches: new Uint16Array(vectorsMax),
  runs: new Uint16Array(vectorsMax),
  lengthWidths: new Uint8Array(vectorsMax),
  payload: new Uint8Array(0),
  payloadAt: -1,
  end: 0,
}
/** What packing may write behind its bytes. */
const packSlackBytes = packed32Bytes(128, 32)

/** Where bytes of a vector go. */
export type Bytes = Pick<Written, 'payload' | 'end'>

/** Room for `vectorCount` vectors of at most `bytesMax` bytes in all; what was written is lost. */
export function startWriting(vectorCount: number, bytesMax: number): Written {
  const { payloadAt, payloadBytesMax } = encodePlaces()
  const isInArena = bytesMax + packSlackBytes <= payloadBytesMax
  if (isInArena && scratch.payloadAt < 0) {
    scratch.payload = arena().u8.subarray(payloadAt, payloadAt + payloadBytesMax)
  } else if (!isInArena) scratch.payload = new Uint8Array(bytesMax)
  scratch.payloadAt = isInArena ? payloadAt : -1
  scratch.widths.fill(0, 0, vectorCount)
  scratch.bases.fill(0, 0, vectorCount)
  scratch.patches.fill(0, 0, vectorCount)
  scratch.runs.fill(0, 0, vectorCount)
  scratch.lengthWidths.fill(0, 0, vectorCount)
  scratch.end = 0
  return scratch
}

/** Stores the validity bitmap of `vector` where it has one. */
export function writeBitmap(
  out: Bytes,
  presence: Presence,
  rowCount: number,
  vector: number,
): void {
  const present = presence.starts[vector + 1]! - presence.starts[vector]!
  const rows = rowsOf(rowCount, vector)
  if (presence.bitmap === undefined || present === 0 || present === rows) return
  const from = vector * (vectorRows / 8)
  const bytes = (rows + 7) >>> 3
  out.payload.set(presence.bitmap.subarray(from, from + bytes), out.end)
  out.end += bytes
}

/** Packs the `count` slots at slotsAt, and what is above 32 bits of each at highsAt. */
function packSlots(out: Written, count: number, width: number): void {
  const { slotsAt, highsAt } = encodePlaces()
  out.end = pack(slotsAt, count, Math.min(width, 32), 0, out, out.end)
  if (width > 32) out.end = pack(highsAt, count, width - 32, 0, out, out.end)
}

/** Packs a vector of the page's units, or of their steps, as `packed` does, from where they lie; false where it
 *  cannot. */
function isPackedInPlace(
  out: Written,
  packed: typeof packHeld,
  from: number,
  count: number,
  base: number,
  width: number,
): boolean {
  if (out.payloadAt < 0 || ((out.payloadAt + out.end) & 3) !== 0) return false
  const to = out.payloadAt + out.end
  if (!packed(from, count, base, width, to)) return false
  out.end += packed32Bytes(count, width)
  return true
}

/** Packs the `count` values (f64) at `valuesAt` less `base`, whole numbers of `width` bits. */
function packAbove(
  out: Written,
  valuesAt: number,
  count: number,
  base: number,
  width: number,
): void {
  const { kernels } = arena()
  const { slotsAt, highsAt } = encodePlaces()
  if (width > 32) kernels.halvesOf(valuesAt, count, base, slotsAt, highsAt)
  else kernels.slotsOf(valuesAt, count, base, slotsAt)
  packSlots(out, count, width)
}

/**
 * Packs the `count` values (f64) at `valuesAt` less `base` and stores what lies above `width` bits,
 * u16 places first, then i32 highs.
 */
function packPatched(
  out: Written,
  vector: number,
  valuesAt: number,
  count: number,
  base: number,
): void {
  const { kernels, u8 } = arena()
  const { slotsAt, patchPlacesAt, patchHighsAt } = encodePlaces()
  const width = out.widths[vector]!
  const patches = kernels.patchesOf(
    valuesAt,
    count,
    base,
    width,
    slotsAt,
    patchPlacesAt,
    patchHighsAt,
  )
  packSlots(out, count, width)
  out.patches[vector] = patches
  if (patches === 0) return
  out.payload.set(u8.subarray(patchPlacesAt, patchPlacesAt + patches * 2), out.end)
  out.payload.set(u8.subarray(patchHighsAt, patchHighsAt + patches * 4), out.end + patches * 2)
  out.end += patches * 6
}

/** RLE: the value of each run packed, then the length of each, less one. */
function packRuns(out: Written, vector: number, from: number, end: number, least: number): void {
  const { deltasAt, highsAt } = encodePlaces()
  const width = out.widths[vector]!
  const { runs, lengthMost } = takeRuns(from, end)
  const lengthWidth = bitsOf(lengthMost - 1)
  out.runs[vector] = runs
  out.lengthWidths[vector] = lengthWidth
  packAbove(out, deltasAt, runs, least, width)
  // High halves lie where the lengths were.
  if (width > 32) takeRuns(from, end)
  out.end = pack(highsAt, runs, lengthWidth, 0, out, out.end)
}

/** Slot i holds delta i less the base; slot 0 holds nothing (0), so that slots line up with rows. */
function packDeltas(out: Written, vector: number, from: number, end: number, base: number): void {
  const width = out.widths[vector]!
  if (width <= 32) {
    if (isPackedInPlace(out, packHeldSteps, from, end - from, base, width)) return
    takeDeltaSlots(from, end - from, base)
    packSlots(out, end - from, width)
    return
  }
  packAbove(out, deltasFrom(from, end, base), end - from, base, width)
}

function packUnits(out: Written, from: number, count: number, base: number, width: number): void {
  if (width <= 32) {
    if (isPackedInPlace(out, packHeld, from, count, base, width)) return
    takeSlots(from, count, base)
    packSlots(out, count, width)
    return
  }
  needUnits()
  packAbove(out, encodePlaces().unitsAt + from * 8, count, base, width)
}

/** Deltas with the base for the first, which has none; their address. */
function deltasFrom(from: number, end: number, base: number): number {
  const { deltasAt } = encodePlaces()
  takeDeltas(from, end)
  arena().f64[deltasAt >>> 3] = base
  return deltasAt
}

/** Writes the packed part of `vector`, whose units are units[from, end), from < end. */
export function writeUnits(
  out: Written,
  plan: Plan,
  vector: number,
  from: number,
  end: number,
): void {
  const stats = plan.stats[vector]!
  const patching = plan.patchings[vector]
  const { dictionary } = plan
  const { unitsAt, slotsAt } = encodePlaces()
  const valuesAt = unitsAt + from * 8
  const count = end - from
  let base = stats.least
  let width = bitsOf(stats.most - stats.least)
  if (patching !== undefined) ({ base, width } = patching)
  else if (plan.encoding === encodings.delta) {
    base = stats.deltaLeast
    width = bitsOf(stats.deltaMost - stats.deltaLeast)
  } else if (dictionary !== undefined) {
    base = codeOf(dictionary, stats.least)
    width = bitsOf(codeOf(dictionary, stats.most) - base)
  }
  if (plan.encoding === encodings.const) return
  out.widths[vector] = width
  out.bases[vector] = plan.encoding === encodings.pfor ? base - stats.least : base
  switch (plan.encoding) {
    case encodings.rle:
      return packRuns(out, vector, from, end, base)
    case encodings.dictionary:
      takeCodes(from, end)
      out.end = pack(slotsAt, count, width, base, out, out.end)
      return
    case encodings.delta:
      return packDeltas(out, vector, from, end, base)
    case encodings.deltaPatched:
      return packPatched(out, vector, deltasFrom(from, end, base), count, base)
    case encodings.pfor:
      return packPatched(out, vector, valuesAt, count, base)
    default:
      return packUnits(out, from, count, base, width)
  }
}

/** FOR over wide units: exact, slow, rare. */
export function writeWide(
  out: Written,
  wide: BigUint64Array,
  vector: number,
  from: number,
  end: number,
): void {
  const { leastAt, mostAt } = boundsOf(wide, from, end)
  const least = wide[leastAt]!
  const width = bitsOfBig(wide[mostAt]! - least)
  const count = end - from
  const { u32 } = arena()
  const { slotsAt, highsAt } = encodePlaces()
  out.widths[vector] = width
  for (let i = 0; i < count; i += 1) {
    const unit = wide[from + i]! - least
    u32[(slotsAt >>> 2) + i] = Number(unit & 0xffffffffn)
    u32[(highsAt >>> 2) + i] = Number(unit >> 32n)
  }
  packSlots(out, count, width)
}

/**
 * Stores exceptions [first, next) of a page, given as places among its present values, of the
 * vector that starts at `from` of those: u16 places in the vector, then the values' 8 bytes.
 */
export function writeExceptions(
  out: Bytes,
  exceptions: Uint32Array,
  first: number,
  next: number,
  from: number,
): void {
  const count = next - first
  assert(out.end + count * 10 <= out.payload.length, 'exceptions pass the room made for them')
  const { valueHalves } = encodePlaces()
  const { buffer, byteOffset } = out.payload
  const view = new DataView(buffer, byteOffset + out.end, count * 10)
  for (let e = 0; e < count; e += 1) {
    const position = exceptions[first + e]!
    view.setUint16(e * 2, position - from, true)
    view.setUint32(count * 2 + e * 8, valueHalves[position * 2]!, true)
    view.setUint32(count * 2 + e * 8 + 4, valueHalves[position * 2 + 1]!, true)
  }
  out.end += count * 10
}
