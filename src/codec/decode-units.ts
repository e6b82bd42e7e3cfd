// Packed slots to units, in the arena: one function an encoding, over one vector. Units of at most
// 32 bits stay u32, four to a SIMD register; what patches, a dictionary or wide slots make of them
// are doubles.
import { arena } from '#kernel'
import { packed32Bytes, packedBytes } from './bitpack.ts'
import { damaged } from './chunk.ts'
import { codedSlots } from './entropy-decode.ts'
import { encodings, rowsMini, vectorRows } from './layout.ts'
import type { PageMeta } from './layout.ts'
import { bodyOffset } from './shape.ts'

/** A vector and its stored bytes. */
export interface StoredVector {
  readonly meta: PageMeta
  readonly vector: number
  readonly bytes: Uint8Array
  readonly present: number
  readonly place: Readonly<Record<string, unknown>>
}

/** Packed bytes of a vector of the widest slots: two streams of 32 bits. */
const packedBytesMax = vectorRows * 8
const dictionaryBytesMax = 4096 * 8

/** Places in the arena, made at the first vector. */
interface Scratch {
  readonly packed: number
  readonly u32: number
  /** Where run values and lengths are, and the high parts of wide slots. */
  readonly others: number
  readonly lengths: number
  /** f64 units. */
  readonly units: number
  readonly dictionary: number
  /** Decoded values, 8 bytes each: somewhere in what begins at valuesFrom; see `placeValues`. */
  values: number
  readonly valuesFrom: number
}

let scratch: Scratch | undefined
let dictionaryHeld: Float64Array | undefined

/** The codec's places in the arena. */
export function scratchOf(): Scratch {
  if (scratch !== undefined) return scratch
  const { claim } = arena()
  const valuesFrom =
    (claim(vectorRows * 8 + copyPageBytes * 2) + copyPageBytes - 1) & -copyPageBytes
  scratch = {
    packed: claim(packedBytesMax),
    u32: claim(vectorRows * 4),
    others: claim(vectorRows * 4),
    lengths: claim(vectorRows * 4),
    units: claim(vectorRows * 8),
    dictionary: claim(dictionaryBytesMax),
    values: valuesFrom,
    valuesFrom,
  }
  return scratch
}

/** What memmove looks at where it chooses how to copy. */
const copyPageBytes = 4096

/** Decoded values get the place in a page of memory that they will have in the target, if that begins on one, nearly,
 *  as large arrays do. Where source and target stand so, glibc copies a vector in two thirds of the time. */
export function placeValues(targetByte: number): void {
  const own = scratchOf()
  own.values = own.valuesFrom + (targetByte & (copyPageBytes - 16))
}

/** Where in the arena the `count` slots of `width` <= 32 bits from stored[at...] can be read: where they are, if they
 *  lie there, else where they are copied to. Up to a mini-block behind them is read. */
export function packedAddress(
  stored: Uint8Array,
  at: number,
  count: number,
  width: number,
): number {
  const { u8 } = arena()
  const from = stored.byteOffset + at
  if (stored.buffer === u8.buffer && (from & 3) === 0) return from
  const { packed } = scratchOf()
  u8.set(stored.subarray(at, at + packed32Bytes(count, width)), packed)
  return packed
}

/** Unpacks `count` slots of `width` <= 32 bits from stored[at...] to u32 at `to`; slots past the count are overwritten
 *  up to the end of their mini-block, with anything. */
export function unpackTo(
  to: number,
  stored: Uint8Array,
  at: number,
  count: number,
  width: number,
): void {
  const from = packedAddress(stored, at, count, width)
  arena().kernels.unpack(width, from, Math.ceil(count / rowsMini), to)
}

function applyPatches(stored: StoredVector, at: number, width: number): void {
  const { meta, vector, bytes, present, place } = stored
  const patches = meta.patches[vector]!
  const span = 2 ** width
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, patches * 6)
  const { f64 } = arena()
  const units = scratchOf().units >>> 3
  for (let p = 0; p < patches; p += 1) {
    const position = view.getUint16(p * 2, true)
    if (position >= present) throw damaged('a patch lies past its vector', place, vector)
    const high = view.getInt32(patches * 2 + p * 4, true)
    f64[units + position] = f64[units + position]! + high * span
  }
}

/** Slots of at most 32 bits to scratch.u32. */
function narrowSlots(stored: StoredVector, at: number, width: number): void {
  const { meta, bytes, present } = stored
  const { u32 } = scratchOf()
  if (meta.slotModel !== undefined) codedSlots(stored, meta.slotModel, u32)
  else unpackTo(u32, bytes, at, present, width)
}

/** What codes [from, end) at scratch.u32 stand for in `entries`, the page's dictionary or what became of it, to their
 *  places at `out`. */
function lookUp(
  stored: StoredVector,
  entries: Float64Array,
  out: number,
  from: number,
  end: number,
): void {
  const { meta, vector, place } = stored
  const { kernels, f64 } = arena()
  const own = scratchOf()
  if (dictionaryHeld !== entries) {
    f64.set(entries, own.dictionary >>> 3)
    dictionaryHeld = entries
  }
  const { length } = entries
  const base = meta.bases[vector]!
  const [codes, to] = [own.u32 + from * 4, out + from * 8]
  const isInside =
    base < length && kernels.lookUp8(codes, end - from, own.dictionary, base, length, to) === 0
  if (!isInside) throw damaged('a code lies past its dictionary', place, vector)
}

/** Values [from, end) of a vector of a page with a dictionary, where each entry has become a value, to their places at
 *  scratch.values. */
export function lookUpValues(
  stored: StoredVector,
  values: Float64Array,
  from: number,
  end: number,
): void {
  const { meta, vector } = stored
  narrowSlots(stored, bodyOffset(meta, vector), meta.widths[vector]!)
  lookUp(stored, values, scratchOf().values, from, end)
}

/** A page's dictionary whose units are below 2^32, and where it is held as u32. */
let narrowDictionary: { readonly at: number; held: Float64Array | undefined } | undefined

/** `count` codes (u32) at an address become units of a dictionary whose units are all below 2^32; `base` is added to
 *  the codes. False where one lies past it. */
export function lookUpNarrowAt(
  at: number,
  count: number,
  dictionary: Float64Array,
  base: number,
): boolean {
  const { kernels, u32, claim } = arena()
  narrowDictionary ??= { at: claim(dictionaryBytesMax / 2), held: undefined }
  if (narrowDictionary.held !== dictionary) {
    u32.set(dictionary, narrowDictionary.at >>> 2)
    narrowDictionary.held = dictionary
  }
  const { length } = dictionary
  return base < length && kernels.lookUp4(at, count, narrowDictionary.at, base, length, at) === 0
}

/** The units of a vector of a page with a dictionary, all below 2^32, to scratch.u32. */
export function lookUpNarrow(stored: StoredVector, dictionary: Float64Array): void {
  const { meta, vector, present, place } = stored
  narrowSlots(stored, bodyOffset(meta, vector), meta.widths[vector]!)
  if (lookUpNarrowAt(scratchOf().u32, present, dictionary, meta.bases[vector]!)) return
  throw damaged('a code lies past its dictionary', place, vector)
}

function expandRuns(stored: StoredVector, at: number, width: number): void {
  const { meta, vector, bytes, present, place } = stored
  const { kernels } = arena()
  const { u32, others, lengths } = scratchOf()
  const runs = meta.runs[vector]!
  unpackTo(others, bytes, at, runs, width)
  unpackTo(lengths, bytes, at + packedBytes(runs, width), runs, meta.lengthWidths[vector]!)
  if (kernels.expandRuns(others, lengths, runs, present, u32) === 0) return
  throw damaged('runs do not add up to their vector', place, vector)
}

/** Slots of 33 to 53 bits as doubles. */
export function unpackWideTo(
  to: number,
  stored: Uint8Array,
  at: number,
  count: number,
  width: number,
) {
  const { kernels } = arena()
  const own = scratchOf()
  unpackTo(own.u32, stored, at, count, 32)
  unpackTo(own.others, stored, at + packed32Bytes(count, 32), count, width - 32)
  kernels.f64Halves(own.u32, own.others, count, to)
}

function expandWideRuns(stored: StoredVector, at: number, width: number): void {
  const { meta, vector, bytes, present, place } = stored
  const own = scratchOf()
  const runs = meta.runs[vector]!
  unpackWideTo(own.values, bytes, at, runs, width)
  unpackTo(own.lengths, bytes, at + packedBytes(runs, width), runs, meta.lengthWidths[vector]!)
  const { kernels } = arena()
  if (kernels.expandRuns8(own.values, own.lengths, runs, present, own.units) === 0) return
  throw damaged('runs do not add up to their vector', place, vector)
}

const isDelta = (encoding: number): boolean =>
  encoding === encodings.delta || encoding === encodings.deltaPatched

/**
 * The units of a vector's present values: true where they are u32 at scratch.u32, false where they
 * are f64 at scratch.units. Deltas that are u32 are not summed up yet (`hasDeltas`). Valid until
 * the next vector. Widths are at most 53.
 */
export function unitsOf(stored: StoredVector): { isNarrow: boolean; hasDeltas: boolean } {
  const { meta, vector, bytes, present } = stored
  const { encoding } = meta
  const { kernels, u32 } = arena()
  const own = scratchOf()
  const width = meta.widths[vector]!
  const at = bodyOffset(meta, vector)
  if (encoding === encodings.const) {
    u32.fill(0, own.u32 >>> 2, (own.u32 >>> 2) + present)
    return narrow
  }
  if (encoding === encodings.rle) {
    if (width > 32) {
      expandWideRuns(stored, at, width)
      return wide
    }
    expandRuns(stored, at, width)
    return narrow
  }
  const hasPatches = meta.patches.length > 0 && meta.patches[vector]! > 0
  if (width > 32) unpackWideTo(own.units, bytes, at, present, width)
  else {
    narrowSlots(stored, at, width)
    if (meta.dictionary !== undefined) {
      lookUp(stored, meta.dictionary, own.units, 0, present)
      return wide
    }
    if (!hasPatches) return isDelta(encoding) ? narrowDeltas : narrow
    kernels.f64Whole(own.u32, present, 0, 1, own.units)
  }
  if (hasPatches) applyPatches(stored, at + packedBytes(present, width), width)
  if (isDelta(encoding)) kernels.f64Prefix(own.units, present, 0, meta.bases[vector]!)
  return wide
}

const narrow = { isNarrow: true, hasDeltas: false }
const narrowDeltas = { isNarrow: true, hasDeltas: true }
const wide = { isNarrow: false, hasDeltas: false }
