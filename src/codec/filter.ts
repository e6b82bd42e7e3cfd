// Conditions on a vector without making its values: zone maps tell whether all of it, none or some of it matches; where
// it is some, the test is brought to the vector's own integers, compared as they are packed, and what is no integer
// (exceptions, true reals) is looked at afterwards.
import { arena } from '#kernel'
import { isDoubleIn } from '#batch'
import type { ColumnTest, DoubleRange, IntegerRange, ValueTest } from '#batch'
import { damaged } from './chunk.ts'
import { powersOfTen } from './decimal.ts'
import { packedAddress, scratchOf, unitsOf } from './decode-units.ts'
import type { StoredVector } from './decode-units.ts'
import { sumDeltas } from './decode-values.ts'
import { encodings, presentOf, rowsMini, rowsOf, transforms, vectorRows } from './layout.ts'
import type { PageMeta } from './layout.ts'
import { validityOf } from './page-vectors.ts'
import { placeShuffled, plainReals } from './raw.ts'
import { bodyOffset, exceptionBytes } from './shape.ts'

export type Verdict = 'none' | 'some' | 'all'

/** The integers a range of doubles holds at a decimal scale, as doubles; low > high where there are none. One division
 *  tells which decimal reads as which double: the product may be off by one. */
function scaledRange({ low, high }: DoubleRange, scale: number): DoubleRange {
  const power = powersOfTen[scale]!
  const limit = 2 ** 53
  let first = Math.max(-limit, Math.min(limit + 2, Math.ceil(low * power)))
  while (first > -limit && (first - 1) / power >= low) first -= 1
  while (first <= limit && first / power < low) first += 1
  let last = Math.min(limit, Math.max(-limit - 2, Math.floor(high * power)))
  while (last < limit && (last + 1) / power <= high) last += 1
  while (last >= -limit && last / power > high) last -= 1
  return { low: first, high: last }
}

function verdictOfRanges(
  ranges: readonly { readonly low: number | bigint; readonly high: number | bigint }[],
  least: number | bigint,
  most: number | bigint,
): Verdict {
  let verdict: Verdict = 'none'
  for (const { low, high } of ranges) {
    if (low <= least && most <= high) return 'all'
    if (low <= most && least <= high) verdict = 'some'
  }
  return verdict
}

/** The bits of zone entries of a page of true reals as doubles. */
const doublesOf = (bits: BigInt64Array): Float64Array =>
  new Float64Array(bits.buffer, bits.byteOffset, bits.length)

/** What the zone map says of the present values of a vector, one at least. */
function verdictOfValues(meta: PageMeta, vector: number, test: ValueTest): Verdict {
  const { zone, transform } = meta
  if (zone === undefined || test.of === 'texts' || transform === transforms.textInteger)
    return 'some'
  if (test.of === 'integers') {
    return verdictOfRanges(test.ranges, zone.min[vector]!, zone.max[vector]!)
  }
  if (transform === transforms.raw) {
    const verdict = verdictOfRanges(
      test.ranges,
      doublesOf(zone.min)[vector]!,
      doublesOf(zone.max)[vector]!,
    )
    // Zones leave NaN out.
    return verdict === 'none' && !test.nan ? 'none' : 'some'
  }
  if (meta.exceptions !== undefined && meta.exceptions[vector]! > 0) return 'some'
  const power = powersOfTen[meta.scale]!
  return verdictOfRanges(
    test.ranges,
    Number(zone.min[vector]!) / power,
    Number(zone.max[vector]!) / power,
  )
}

/** Which rows of a vector meet the test, as far as the footer tells. */
export function verdictOf(meta: PageMeta, vector: number, test: ColumnTest): Verdict {
  const rows = rowsOf(meta.rowCount, vector)
  const present = presentOf(meta, vector)
  if (test.absent) return present === rows ? 'none' : present === 0 ? 'all' : 'some'
  if (present === 0) return 'none'
  const verdict = verdictOfValues(meta, vector, test.values)
  return verdict === 'all' && present < rows ? 'some' : verdict
}

/** Encodings whose vectors are compared here; others are decoded. */
const compared: ReadonlySet<number> = new Set<number>([
  encodings.const,
  encodings.for,
  encodings.pfor,
  encodings.delta,
  encodings.deltaPatched,
  encodings.dictionary,
  encodings.rle,
  encodings.raw64,
  encodings.raw64Shuffled,
])

const doubleBits = 53

/** Whether `filterVector` can be asked. */
export function isFilterable(meta: PageMeta, vector: number): boolean {
  return (
    compared.has(meta.encoding) && meta.physical !== 'bytes' && meta.widths[vector]! <= doubleBits
  )
}

interface Places {
  /** Bits of one range, of all ranges, and of rows; validity bits. */
  readonly one: number
  readonly all: number
  readonly valid: number
}

const bitmapRoom = vectorRows / 8
let places: Places | undefined

function placesOf(): Places {
  if (places !== undefined) return places
  const { claim } = arena()
  places = { one: claim(bitmapRoom), all: claim(bitmapRoom), valid: claim(bitmapRoom) }
  return places
}

/** Bits [count, 1,024) become 0. */
export function clearBits(bitsAt: number, count: number): void {
  const { u8 } = arena()
  if ((count & 7) !== 0) {
    const at = bitsAt + (count >>> 3)
    u8[at] = u8[at]! & ((1 << (count & 7)) - 1)
  }
  u8.fill(0, bitsAt + ((count + 7) >>> 3), bitsAt + bitmapRoom)
}

function orBits(from: number, to: number): void {
  const { u32 } = arena()
  for (let at = 0; at < bitmapRoom / 4; at += 1) {
    u32[(to >>> 2) + at] = u32[(to >>> 2) + at]! | u32[(from >>> 2) + at]!
  }
}

/** The least unit at or above an integer, and the greatest at or below: exact, beyond 2^53 clamped. */
function unitRange(meta: PageMeta, vector: number, low: bigint, high: bigint): DoubleRange {
  const origin = meta.origins[vector]!
  const { gcd } = meta
  const [above, below] = [low - origin, high - origin]
  const first = above / gcd + (above > 0n && above % gcd !== 0n ? 1n : 0n)
  const last = below / gcd - (below < 0n && below % gcd !== 0n ? 1n : 0n)
  return { low: Number(first), high: Number(last) }
}

function integerRanges(meta: PageMeta, test: ValueTest): readonly IntegerRange[] {
  if (test.of === 'integers') return test.ranges
  if (test.of === 'texts') return []
  const ranges: IntegerRange[] = []
  for (const range of test.ranges) {
    const { low, high } = scaledRange(range, meta.scale)
    if (low <= high) ranges.push({ low: BigInt(low), high: BigInt(high) })
  }
  return ranges
}

const unitMost = 2 ** 32 - 1

/** Compares the units that are packed with `width` bits at an address: u32 are packed with 32. */
function filterNarrow(
  packedAt: number,
  width: number,
  present: number,
  ranges: readonly DoubleRange[],
): void {
  const { kernels } = arena()
  const { one, all } = placesOf()
  const minis = Math.ceil(present / rowsMini)
  for (const { low, high } of ranges) {
    const [first, last] = [Math.max(0, low), Math.min(unitMost, high)]
    if (first > last) continue
    kernels.filter(width, packedAt, minis, first >>> 0, (last - first) >>> 0, one)
    orBits(one, all)
  }
}

/** Units of FOR that more ranges are tested on are unpacked once. */
const packedRangesMax = 2

/** Compares the slots of a FOR vector as they are stored; false where it has none, or not packed ones. */
function filterPacked(stored: StoredVector, ranges: readonly DoubleRange[]): boolean {
  const { meta, vector, bytes, present } = stored
  const width = meta.widths[vector]!
  const isPacked = meta.encoding === encodings.for && meta.slotModel === undefined
  if (!isPacked || width < 1 || width > 32 || ranges.length > packedRangesMax) return false
  const at = packedAddress(bytes, bodyOffset(meta, vector), present, width)
  filterNarrow(at, width, present, ranges)
  return true
}

function filterUnits(stored: StoredVector, test: ValueTest): void {
  const { meta, vector, present } = stored
  const ranges = integerRanges(meta, test).map(({ low, high }) =>
    unitRange(meta, vector, low, high),
  )
  if (ranges.length === 0 || filterPacked(stored, ranges)) return
  const { kernels } = arena()
  const { one, all } = placesOf()
  const own = scratchOf()
  const form = unitsOf(stored)
  if (form.isNarrow && !form.hasDeltas) return filterNarrow(own.u32, 32, present, ranges)
  if (form.hasDeltas) sumDeltas(stored)
  for (const { low, high } of ranges) {
    kernels.filterF64(own.units, present, low, high, one)
    clearBits(one, present)
    orBits(one, all)
  }
}

function setBit(bitsAt: number, place: number, isIn: boolean): void {
  const { u8 } = arena()
  const at = bitsAt + (place >>> 3)
  const bit = 1 << (place & 7)
  u8[at] = isIn ? u8[at]! | bit : u8[at]! & ~bit
}

type Doubles = Extract<ValueTest, { of: 'doubles' }>

function filterExceptions(stored: StoredVector, test: Doubles): void {
  const { meta, vector, bytes, present, place } = stored
  const count = meta.exceptions?.[vector] ?? 0
  const start = bytes.length - count * exceptionBytes
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, count * exceptionBytes)
  for (let e = 0; e < count; e += 1) {
    const position = view.getUint16(e * 2, true)
    if (position >= present) throw damaged('an exception lies past its vector', place, vector)
    setBit(placesOf().all, position, isDoubleIn(test, view.getFloat64(count * 2 + e * 8, true)))
  }
}

function filterReals(stored: StoredVector, test: Doubles): void {
  const { meta, present } = stored
  const { kernels, u8, f64 } = arena()
  const { one, all } = placesOf()
  const { values } = scratchOf()
  if (meta.encoding === encodings.raw64) u8.set(plainReals(stored, 0, present), values)
  else placeShuffled(stored)
  for (const { low, high } of test.ranges) {
    kernels.filterF64(values, present, low, high, one)
    clearBits(one, present)
    orBits(one, all)
  }
  if (!test.nan) return
  for (let i = 0; i < present; i += 1) {
    const value = f64[(values >>> 3) + i]!
    if (value !== value) setBit(all, i, true)
  }
}

/**
 * A bit a row of the vector, 1 where it meets the test -> 128 bytes of the arena at `bitsAt`; bits behind the rows are
 * 0. Codes are tested as integers. @throws {VarveError} ERR_CORRUPT with the place
 */
export function filterVector(stored: StoredVector, test: ColumnTest, bitsAt: number): void {
  const { meta, vector, present } = stored
  const { kernels, u8 } = arena()
  const { all, valid } = placesOf()
  const rows = rowsOf(meta.rowCount, vector)
  const { values } = test
  u8.fill(0, all, all + bitmapRoom)
  if (!test.absent) {
    if (meta.transform === transforms.raw) {
      if (values.of === 'doubles') filterReals(stored, values)
    } else {
      filterUnits(stored, values)
      clearBits(all, present)
      if (values.of === 'doubles') filterExceptions(stored, values)
    }
  }
  const validity = validityOf(stored)
  if (validity === undefined) u8.copyWithin(bitsAt, all, all + bitmapRoom)
  else {
    u8.set(validity, valid)
    if (test.absent)
      for (let at = 0; at < validity.length; at += 1) u8[bitsAt + at] = ~u8[valid + at]!
    else kernels.spreadBits(all, valid, rows, bitsAt)
  }
  clearBits(bitsAt, rows)
}
