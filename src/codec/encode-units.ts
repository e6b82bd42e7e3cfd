// Units to stored vectors: the writers of encodings 0 to 7.
import { assert } from '#base'
import { pack } from './bitpack.ts'
import { deltas, takeDeltas } from './choose.ts'
import type { Plan } from './choose.ts'
import { codeAt, codeOf } from './dictionary.ts'
import { denseF64 } from './gather.ts'
import type { Presence } from './gather.ts'
import { bitsOf, bitsOfBig, blockRowsMax, encodings, rowsOf, vectorRows } from './layout.ts'
import { boundsOf, units } from './units.ts'

const two32 = 4294967296
const slots = new Uint32Array(vectorRows + 4)
const denseHalves = new Uint32Array(denseF64.buffer)
const residuals = new Float64Array(vectorRows)

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
  end: number
}

const vectorsMax = blockRowsMax / vectorRows
const scratch: Written = {
  widths: new Uint8Array(vectorsMax),
  bases: new Float64Array(vectorsMax),
  patches: new Uint16Array(vectorsMax),
  runs: new Uint16Array(vectorsMax),
  lengthWidths: new Uint8Array(vectorsMax),
  payload: new Uint8Array(64 << 10),
  end: 0,
}
/** Longer pages (of long texts) give their room back. */
const payloadKeptMax = 1 << 20

/** Room for `vectorCount` vectors of at most `bytesMax` bytes in all; what was written is lost. */
export function startWriting(vectorCount: number, bytesMax: number): Written {
  const { payload } = scratch
  if (payload.length < bytesMax || payload.length > Math.max(bytesMax, payloadKeptMax)) {
    scratch.payload = new Uint8Array(Math.max(bytesMax, 64 << 10))
  }
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
  out: Written,
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

/** Packs residuals[0, count), taken modulo 2^width. */
function packResiduals(out: Written, count: number, width: number): void {
  for (let i = 0; i < count; i += 1) slots[i] = residuals[i]!
  out.end = pack(slots, count, Math.min(width, 32), out.payload, out.end)
  if (width <= 32) return
  for (let i = 0; i < count; i += 1) slots[i] = Math.floor(residuals[i]! / two32)
  out.end = pack(slots, count, width - 32, out.payload, out.end)
}

const patchPlaces = new Uint16Array(vectorRows)
const patchHighs = new Int32Array(vectorRows)

/**
 * Packs residuals[0, count) and stores what lies above `width` bits, u16 places first, then i32
 * highs.
 */
function packPatched(out: Written, vector: number, count: number, width: number): void {
  const span = 2 ** width
  let patches = 0
  for (let i = 0; i < count; i += 1) {
    const high = Math.floor(residuals[i]! / span)
    if (high === 0) continue
    patchPlaces[patches] = i
    patchHighs[patches] = high
    patches += 1
  }
  packResiduals(out, count, width)
  out.patches[vector] = patches
  if (patches === 0) return
  const view = new DataView(out.payload.buffer, out.end, patches * 6)
  for (let p = 0; p < patches; p += 1) {
    view.setUint16(p * 2, patchPlaces[p]!, true)
    view.setInt32(patches * 2 + p * 4, patchHighs[p]!, true)
  }
  out.end += patches * 6
}

const lengths = new Uint32Array(vectorRows + 4)

/** RLE: the value of each run packed, then the length of each, less one. */
function packRuns(out: Written, vector: number, from: number, end: number, least: number): void {
  let runs = 0
  let most = 0
  for (let i = from; i < end;) {
    const unit = units[i]!
    let next = i + 1
    while (next < end && units[next] === unit) next += 1
    residuals[runs] = unit - least
    lengths[runs] = next - i - 1
    if (next - i - 1 > most) most = next - i - 1
    runs += 1
    i = next
  }
  const lengthWidth = bitsOf(most)
  out.runs[vector] = runs
  out.lengthWidths[vector] = lengthWidth
  packResiduals(out, runs, out.widths[vector]!)
  out.end = pack(lengths, runs, lengthWidth, out.payload, out.end)
}

function fillResiduals(from: number, count: number, base: number): void {
  for (let i = 0; i < count; i += 1) residuals[i] = units[from + i]! - base
}

/**
 * Slot i holds delta i less the base; slot 0 holds nothing (0), so that slots line up with rows.
 */
function fillDeltas(from: number, end: number, base: number): void {
  takeDeltas(from, end)
  residuals[0] = 0
  for (let i = 1; i < end - from; i += 1) residuals[i] = deltas[i]! - base
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
  const count = end - from
  let base = stats.least
  let width = bitsOf(stats.most - stats.least)
  switch (plan.encoding) {
    case encodings.const:
      return
    case encodings.delta:
      base = stats.deltaLeast
      width = bitsOf(stats.deltaMost - stats.deltaLeast)
      break
    case encodings.dictionary:
      base = codeOf(stats.least)
      width = bitsOf(codeOf(stats.most) - base)
      break
    default:
      if (patching !== undefined) ({ base, width } = patching)
  }
  out.widths[vector] = width
  out.bases[vector] = plan.encoding === encodings.pfor ? base - stats.least : base
  switch (plan.encoding) {
    case encodings.rle:
      packRuns(out, vector, from, end, base)
      return
    case encodings.dictionary:
      for (let i = 0; i < count; i += 1) residuals[i] = codeAt(from + i) - base
      break
    case encodings.delta:
    case encodings.deltaPatched:
      fillDeltas(from, end, base)
      break
    default:
      fillResiduals(from, count, base)
  }
  if (patching === undefined) packResiduals(out, count, width)
  else packPatched(out, vector, count, width)
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
  out.widths[vector] = width
  for (let i = 0; i < count; i += 1) slots[i] = Number((wide[from + i]! - least) & 0xffffffffn)
  out.end = pack(slots, count, Math.min(width, 32), out.payload, out.end)
  if (width <= 32) return
  for (let i = 0; i < count; i += 1) slots[i] = Number((wide[from + i]! - least) >> 32n)
  out.end = pack(slots, count, width - 32, out.payload, out.end)
}

/**
 * Stores exceptions [first, next) of a page, given as places among its present values, of the
 * vector that starts at `from` of those: u16 places in the vector, then the values' 8 bytes.
 */
export function writeExceptions(
  out: Written,
  exceptions: Uint32Array,
  first: number,
  next: number,
  from: number,
): void {
  const count = next - first
  assert(out.end + count * 10 <= out.payload.length, 'exceptions pass the room made for them')
  const view = new DataView(out.payload.buffer, out.end, count * 10)
  for (let e = 0; e < count; e += 1) {
    const position = exceptions[first + e]!
    view.setUint16(e * 2, position - from, true)
    view.setUint32(count * 2 + e * 8, denseHalves[position * 2]!, true)
    view.setUint32(count * 2 + e * 8 + 4, denseHalves[position * 2 + 1]!, true)
  }
  out.end += count * 10
}
