// Values of an f64 or i64 column as the log packs them: vectors of at most 1,024 rows, each by itself.
//
//   0  u8   method: 0 plain, 1 slots above a base, 2 slots are deltas
//   1  u8   width of a slot, 0 to 32
//   2  u8   scale: an f64 value is a whole number / 10^scale
//   3  5 B  zero
//   8  plain: the values as they lie in memory. Else:
//   8  base, 8 bytes: i64, or a whole number as f64. Method 1: of slot 0. Method 2: the first whole number
//  16  f64  method 2: what every delta is taken to be at least; slot 0 is 0
//  24  slots: packed as in pages (src/codec/bitpack.ts)
//
// What is chosen depends on nothing but the values and a hint; any choice reads back bit for bit. Each is the work of a
// few SIMD passes: less than copying, hashing and writing the plain bytes takes.
import { assert } from '#base'
import type { ByteReader } from '#base'
import type { F64Data, I64Data } from '#batch'
import { packed32Bytes } from '#codec'
import { arena } from '#kernel'
import type { Reservation } from './group-buffer.ts'

export const packedVectorRows = 1024
const plainHeaderBytes = 8
const headerBytes = 24
const methods = { plain: 0, above: 1, deltas: 2 } as const
const miniRows = 128
const widthMax = 32
const scaleMax = 22
/** Scales that are looked for: decimals of more digits are measured values, not prices. */
const scaleSoughtMax = 12
/** Whole numbers are exact in f64, and so are their deltas, while they span less. */
const spanMax = 2 ** 51
/** Passes over a vector in search of its scale. */
const triesMax = 4
/** From time to time a vector is tried with no scale: one odd value must not widen all later ones. */
const vectorsPerScale = 32
/** A column that could not be packed is left alone for a while, longer each time. */
const restsMax = 128

const powersOfTen = Float64Array.from({ length: scaleMax + 1 }, (_, k) => Number(`1e${k}`))

/** What the vectors before showed of a column. */
export class PackHint {
  scale = 0
  vectors = 0
  /** Vectors to pass over, and how many that were the last time. */
  resting = 0
  rests = 0
}

/** Of the columns of a series, by id. */
export type PackHints = Map<number, PackHint>

/** Rows of a column from which packing pays, and of a vector, the last of a column. */
export const packedRowsMin = 64
const vectorRowsMin = 16

interface Places {
  /** Values as they came, or as they are to be. */
  readonly values: number
  readonly units: number
  readonly slots: number
  readonly packed: number
  readonly stats: number
  readonly misses: number
}

let made: Places | undefined

function places(): Places {
  if (made !== undefined) return made
  const { claim } = arena()
  const valuesBytes = packedVectorRows * 8
  made = {
    values: claim(valuesBytes),
    // What is done with deltas reads 8 bytes before the units.
    units: claim(valuesBytes + 64) + 64,
    slots: claim(packedVectorRows * 4),
    packed: claim(packedVectorRows * 4),
    stats: claim(64),
    misses: claim(64),
  }
  return made
}

/** Bytes that `rowCount` values take at most. */
export function packedBytesMax(rowCount: number): number {
  return rowCount * 8 + Math.ceil(rowCount / packedVectorRows) * plainHeaderBytes
}

/** How the units of a vector are to be packed. */
const plan = { method: 0 as number, width: 0, base: 0, step: 0 }

function bitsOf(value: number): number {
  return value >= 2 ** 32 ? 64 : 32 - Math.clz32(value)
}

/** Plans the `count` units in the arena. False where they take more than 32 bits. Sums of deltas stay exact. */
function planUnits(count: number): boolean {
  const { kernels, f64 } = arena()
  const { units, stats } = places()
  kernels.unitStats(units, count, stats)
  const at = stats >>> 3
  const least = f64[at]!
  const most = f64[at + 1]!
  if (!(most - least < spanMax)) return false
  const aboveWidth = bitsOf(most - least)
  const hasDeltas = count > 1 && least > -2 * spanMax && most < 2 * spanMax
  const deltaWidth = hasDeltas ? bitsOf(f64[at + 4]! - f64[at + 3]!) : 64
  plan.width = Math.min(aboveWidth, deltaWidth)
  if (plan.width > widthMax) return false
  if (deltaWidth < aboveWidth) {
    plan.method = methods.deltas
    plan.base = f64[units >>> 3]!
    plan.step = f64[at + 3]!
    kernels.deltaSlotsOf(units, count, plan.step, places().slots)
  } else {
    plan.method = methods.above
    plan.base = least
    plan.step = 0
    kernels.slotsOf(units, count, plan.base, places().slots)
  }
  return true
}

/** Packs the planned slots behind the header at `at`; gives the place after them. */
function writeSlots(count: number, scale: number, target: Reservation, at: number): number {
  const { kernels, u8, u32 } = arena()
  const { slots, packed } = places()
  const { bytes, view } = target
  view.setUint32(at, plan.method | (plan.width << 8) | (scale << 16), true)
  view.setUint32(at + 4, 0, true)
  view.setFloat64(at + 16, plan.step, true)
  if (plan.width === 0) return at + headerBytes
  const minis = Math.ceil(count / miniRows)
  if (count % miniRows !== 0) {
    const first = slots >>> 2
    u32.fill(0, first + count, first + minis * miniRows)
  }
  kernels.pack(plan.width, slots, minis, 0, packed)
  const packedBytes = packed32Bytes(count, plan.width)
  bytes.set(u8.subarray(packed, packed + packedBytes), at + headerBytes)
  return at + headerBytes + packedBytes
}

function writePlain(
  { values }: F64Data | I64Data,
  from: number,
  end: number,
  { bytes, view }: Reservation,
  at: number,
): number {
  view.setUint32(at, methods.plain, true)
  view.setUint32(at + 4, 0, true)
  const raw = new Uint8Array(values.buffer, values.byteOffset + from * 8, (end - from) * 8)
  bytes.set(raw, at + plainHeaderBytes)
  return at + plainHeaderBytes + raw.length
}

/** The least scale above `scale` at which the value is a whole number, or -1. */
function scaleAbove(scale: number, value: number): number {
  for (let k = scale + 1; k <= scaleSoughtMax; k += 1) {
    const power = powersOfTen[k]!
    if (Math.round(value * power) / power === value) return k
  }
  return -1
}

/** The values in the arena as whole numbers, the units; their scale, or -1 where they are no decimals. */
function unitsOfDecimals(count: number, hint: PackHint): number {
  const { kernels, f64, u32 } = arena()
  const { values, units, misses } = places()
  hint.vectors += 1
  let scale = hint.vectors % vectorsPerScale === 0 ? 0 : hint.scale
  for (let tries = 0; tries < triesMax; tries += 1) {
    const missed = kernels.decimals(values, count, powersOfTen[scale]!, units, misses, 1)
    if (missed === 0) {
      hint.scale = scale
      return scale
    }
    scale = scaleAbove(scale, f64[(values >>> 3) + u32[misses >>> 2]!]!)
    if (scale < 0) return -1
  }
  return -1
}

function packF64(
  data: F64Data,
  from: number,
  end: number,
  target: Reservation,
  at: number,
  hint: PackHint,
): number {
  const count = end - from
  arena().f64.set(data.values.subarray(from, end), places().values >>> 3)
  const scale = unitsOfDecimals(count, hint)
  if (scale < 0 || !planUnits(count)) return -1
  target.view.setFloat64(at + 8, plan.base, true)
  return writeSlots(count, scale, target, at)
}

function packI64(
  data: I64Data,
  from: number,
  end: number,
  target: Reservation,
  at: number,
): number {
  const count = end - from
  const { kernels, i64 } = arena()
  const { values, units } = places()
  i64.set(data.values.subarray(from, end), values >>> 3)
  if (kernels.i64Distances(values, count, units) !== 0 || !planUnits(count)) return -1
  target.view.setBigInt64(at + 8, i64[values >>> 3]! + BigInt(plan.base), true)
  return writeSlots(count, 0, target, at)
}

/** Writes rows [from, end) at `at`, where there is room for packedBytesMax of them. Returns the place after them. */
export function writePacked(
  data: F64Data | I64Data,
  from: number,
  end: number,
  target: Reservation,
  at: number,
  hint: PackHint,
): number {
  let place = at
  for (let row = from; row < end; row += packedVectorRows) {
    place = writeVector(data, row, Math.min(end, row + packedVectorRows), target, place, hint)
  }
  return place
}

function writeVector(
  data: F64Data | I64Data,
  from: number,
  end: number,
  target: Reservation,
  at: number,
  hint: PackHint,
): number {
  if (end - from < vectorRowsMin) return writePlain(data, from, end, target, at)
  if (hint.resting > 0) {
    hint.resting -= 1
    return writePlain(data, from, end, target, at)
  }
  const after =
    data.physical === 'f64'
      ? packF64(data, from, end, target, at, hint)
      : packI64(data, from, end, target, at)
  if (after >= 0) {
    hint.rests = 0
    return after
  }
  hint.rests = Math.min(restsMax, hint.rests * 2 + 1)
  hint.resting = hint.rests
  return writePlain(data, from, end, target, at)
}

/** Reads what writePacked wrote to rows [at, at + rowCount). @throws {VarveError} ERR_CORRUPT */
export function readPacked(
  reader: ByteReader,
  rowCount: number,
  target: F64Data | I64Data,
  at: number,
): void {
  for (let row = 0; row < rowCount; row += packedVectorRows) {
    readVector(reader, Math.min(packedVectorRows, rowCount - row), target, at + row)
  }
}

interface ValueViews {
  readonly f64: Float64Array
  readonly i64: BigInt64Array
}

let views: ValueViews = { f64: new Float64Array(0), i64: new BigInt64Array(0) }

/** The first `count` values in the arena. Nearly all vectors of a log are of one length: a view each would be more
 *  garbage than all else that reading one makes. */
function valuesOf(count: number): ValueViews {
  const { f64, i64 } = arena()
  if (views.f64.length !== count || views.f64.buffer !== f64.buffer) {
    const first = places().values >>> 3
    views = { f64: f64.subarray(first, first + count), i64: i64.subarray(first, first + count) }
  }
  return views
}

function readVector(
  reader: ByteReader,
  count: number,
  target: F64Data | I64Data,
  row: number,
): void {
  const word = reader.u32()
  const zero = reader.u32()
  const method = word & 0xff
  const width = (word >>> 8) & 0xff
  const scale = (word >>> 16) & 0xff
  const isKnown = method <= methods.deltas && width <= widthMax && scale <= scaleMax
  if (!isKnown || word >>> 24 !== 0 || zero !== 0) throw reader.corrupt('values of unknown form')
  if (method === methods.plain) {
    const { values } = target
    const raw = new Uint8Array(values.buffer, values.byteOffset + row * 8, count * 8)
    raw.set(reader.bytes(raw.length))
    return
  }
  const base = target.physical === 'i64' ? reader.i64() : reader.f64()
  const step = reader.f64()
  readSlots(reader, count, width)
  if (method === methods.deltas && !Number.isSafeInteger(step))
    throw reader.corrupt('a step is no integer')
  if (target.physical === 'i64') {
    assert(typeof base === 'bigint', 'packed values: an int64 has a base that is one')
    unitsToI64(count, method, base, step)
    target.values.set(valuesOf(count).i64, row)
  } else {
    unitsToF64(count, method, Number(base), step, scale)
    target.values.set(valuesOf(count).f64, row)
  }
}

/** The next `count` slots to the arena. */
function readSlots(reader: ByteReader, count: number, width: number): void {
  const { kernels, u8, u32 } = arena()
  const { slots, packed } = places()
  if (width === 0) {
    u32.fill(0, slots >>> 2, (slots >>> 2) + count)
    return
  }
  u8.set(reader.bytes(packed32Bytes(count, width)), packed)
  kernels.unpack(width, packed, Math.ceil(count / miniRows), slots)
}

function unitsToI64(count: number, method: number, base: bigint, step: number): void {
  const { kernels } = arena()
  const { slots, values } = places()
  if (method === methods.deltas) kernels.i64Deltas(slots, count, base, BigInt(step), 1n, values)
  else kernels.i64Whole(slots, count, base, 1n, values)
}

function unitsToF64(
  count: number,
  method: number,
  base: number,
  step: number,
  scale: number,
): void {
  const { kernels } = arena()
  const { slots, values } = places()
  const power = powersOfTen[scale]!
  if (method === methods.above) {
    if (scale === 0) kernels.f64Whole(slots, count, base, 1, values)
    else kernels.f64Quotients(slots, count, base, 1, power, values)
    return
  }
  kernels.f64Whole(slots, count, 0, 1, values)
  kernels.f64Prefix(values, count, base, step)
  if (scale > 0) kernels.f64UnitQuotients(values, count, 0, 1, power, values)
}
