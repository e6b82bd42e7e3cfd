// Packed integers in mini-blocks: 128 values = 4 lanes x 32 rows; value i sits in lane i & 3,
// row i >> 2. Each lane is a stream of 32-bit little-endian words, its rows packed W bits a value,
// lowest bits first:
//
//   16 bytes        16 bytes        ...            word w of lane l is u32 number w * 4 + l
//   +--+--+--+--+   +--+--+--+--+
//   |w0|w0|w0|w0|   |w1|w1|w1|w1|   ... W times    a full mini-block takes 16 * W bytes,
//   +--+--+--+--+   +--+--+--+--+                  a tail of n values ceil(ceil(n/4) * W/32) * 16
//    l0 l1 l2 l3     l0 l1 l2 l3
//
// The interleaved layout follows Lemire and Boytsov, "Decoding billions of integers per second
// through vectorization": one 128-bit load holds 4 consecutive values. Widths 33 to 64 are two such
// streams: the low 32 bits, then the rest.
import { vectorRows } from './layout.ts'

const two32 = 4294967296

/** Stored bytes of `count` slots of at most 32 bits. */
export function packed32Bytes(count: number, width: number): number {
  const rows = ((count & 127) + 3) >>> 2
  return (count >>> 7) * 16 * width + ((rows * width + 31) >>> 5) * 16
}

/** Stored bytes of `count` values of `width` bits, 0 to 64. */
export function packedBytes(count: number, width: number): number {
  if (width <= 32) return packed32Bytes(count, width)
  return packed32Bytes(count, 32) + packed32Bytes(count, width - 32)
}

const words = new Uint32Array(vectorRows + 8)
const wordBytes = new Uint8Array(words.buffer)
const signedWords = new Int32Array(words.buffer)

function packMini(slots: Uint32Array, from: number, rows: number, width: number, to: number): void {
  const mask = width === 32 ? -1 : (1 << width) - 1
  let at = to
  let shift = 0
  for (let row = 0; row < rows; row += 1) {
    const s = from + row * 4
    const a = slots[s]! & mask
    const b = slots[s + 1]! & mask
    const c = slots[s + 2]! & mask
    const d = slots[s + 3]! & mask
    words[at] = words[at]! | (a << shift)
    words[at + 1] = words[at + 1]! | (b << shift)
    words[at + 2] = words[at + 2]! | (c << shift)
    words[at + 3] = words[at + 3]! | (d << shift)
    shift += width
    if (shift < 32) continue
    at += 4
    shift -= 32
    if (shift === 0) continue
    const down = width - shift
    words[at] = a >>> down
    words[at + 1] = b >>> down
    words[at + 2] = c >>> down
    words[at + 3] = d >>> down
  }
}

/**
 * Packs the low `width` bits (0 to 32) of slots[0, count) into target from byte `at`; count at most
 * a vector. Slots up to the next multiple of 4 are set to 0. Returns where the packed bytes end.
 */
export function pack(
  slots: Uint32Array,
  count: number,
  width: number,
  target: Uint8Array,
  at: number,
): number {
  if (width === 0) return at
  const bytes = packed32Bytes(count, width)
  words.fill(0, 0, (bytes >>> 2) + 4)
  slots.fill(0, count, (count + 3) & ~3)
  for (let from = 0, to = 0; from < count; from += 128, to += 4 * width) {
    packMini(slots, from, Math.min(32, (count - from + 3) >>> 2), width, to)
  }
  target.set(wordBytes.subarray(0, bytes), at)
  return at + bytes
}

/**
 * Widths 1 to 31. The current word of each lane stays in a register; a row that ends in the next
 * word takes that too.
 */
function unpackMini(u: Float64Array, from: number, rows: number, width: number, at: number): void {
  const mask = (1 << width) - 1
  const end = from + rows * 4
  let w = at
  let a = signedWords[w]!
  let b = signedWords[w + 1]!
  let c = signedWords[w + 2]!
  let d = signedWords[w + 3]!
  let shift = 0
  for (let i = from; i < end; i += 4) {
    const next = shift + width
    if (next < 32) {
      u[i] = (a >>> shift) & mask
      u[i + 1] = (b >>> shift) & mask
      u[i + 2] = (c >>> shift) & mask
      u[i + 3] = (d >>> shift) & mask
      shift = next
      continue
    }
    w += 4
    const e = signedWords[w]!
    const f = signedWords[w + 1]!
    const g = signedWords[w + 2]!
    const h = signedWords[w + 3]!
    // Where the row ends with its word, up + (width - up) bits are in it already and the mask drops
    // the rest.
    const up = 32 - shift
    u[i] = ((a >>> shift) | (e << up)) & mask
    u[i + 1] = ((b >>> shift) | (f << up)) & mask
    u[i + 2] = ((c >>> shift) | (g << up)) & mask
    u[i + 3] = ((d >>> shift) | (h << up)) & mask
    a = e
    b = f
    c = g
    d = h
    shift = next - 32
  }
}

/** Width 32 apart: slot i is word i, unsigned, which the loop above would make signed. */
function unpackWords(u: Float64Array, count: number): void {
  for (let i = 0; i < count; i += 1) u[i] = words[i]!
}

function unpack32(stored: Uint8Array, at: number, count: number, width: number, u: Float64Array) {
  if (width === 0) {
    u.fill(0, 0, count)
    return
  }
  wordBytes.set(stored.subarray(at, at + packed32Bytes(count, width)))
  if (width === 32) {
    unpackWords(u, count)
    return
  }
  for (let from = 0, w = 0; from < count; from += 128, w += 4 * width) {
    unpackMini(u, from, Math.min(32, (count - from + 3) >>> 2), width, w)
  }
}

const highs = new Float64Array(vectorRows + 4)

/**
 * Unpacks `count` values (at most a vector) of `width` bits, 0 to 53, from stored[at...] into u[0,
 * count); up to 3 slots after count are overwritten. The caller made sure that packedBytes(count,
 * width) bytes are there.
 */
export function unpack(
  stored: Uint8Array,
  at: number,
  count: number,
  width: number,
  u: Float64Array,
): void {
  unpack32(stored, at, count, Math.min(width, 32), u)
  if (width <= 32) return
  unpack32(stored, at + packed32Bytes(count, 32), count, width - 32, highs)
  for (let i = 0; i < count; i += 1) u[i] = u[i]! + highs[i]! * two32
}

const lows = new Float64Array(vectorRows + 4)

/**
 * As `unpack` for widths 33 to 64, exact: BigInt per value, for the rare vector whose range passes
 * 2^53.
 */
export function unpackWide(
  stored: Uint8Array,
  at: number,
  count: number,
  width: number,
  out: BigUint64Array,
): void {
  unpack32(stored, at, count, 32, lows)
  unpack32(stored, at + packed32Bytes(count, 32), count, width - 32, highs)
  for (let i = 0; i < count; i += 1) out[i] = (BigInt(highs[i]!) << 32n) | BigInt(lows[i]!)
}
