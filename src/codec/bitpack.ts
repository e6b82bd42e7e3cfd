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
import { arena } from '#kernel'
import { encodePlaces } from './encode-places.ts'
import { rowsMini } from './layout.ts'

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

/** Where packed bytes go: an array, and its address where it lies in the arena, else -1. Behind
 *  what is to be packed an array in the arena has room for one more mini-block. */
export interface PackTarget {
  readonly payload: Uint8Array
  readonly payloadAt: number
}

/**
 * Packs the low `width` bits (0 to 32) of the `count` slots (u32; at most a vector) at `slotsAt` in
 * the arena, each less `base`, into the target from byte `at`. Slots up to the next mini-block are
 * set to the base. Returns where the packed bytes end.
 */
export function pack(
  slotsAt: number,
  count: number,
  width: number,
  base: number,
  { payload, payloadAt }: PackTarget,
  at: number,
): number {
  if (width === 0) return at
  const { kernels, u8, u32 } = arena()
  const bytes = packed32Bytes(count, width)
  const minis = Math.ceil(count / rowsMini)
  const first = slotsAt >>> 2
  if ((count & (rowsMini - 1)) !== 0) u32.fill(base, first + count, first + minis * rowsMini)
  if (payloadAt >= 0 && ((payloadAt + at) & 3) === 0) {
    kernels.pack(width, slotsAt, minis, base, payloadAt + at)
    return at + bytes
  }
  const { packedAt } = encodePlaces()
  kernels.pack(width, slotsAt, minis, base, packedAt)
  payload.set(u8.subarray(packedAt, packedAt + bytes), at)
  return at + bytes
}

/**
 * Unpacks `count` values (at most a vector) of 33 to 64 bits from stored[at...], exact: BigInt per
 * value, for the rare vector whose range passes 2^53. The caller made sure that packedBytes(count,
 * width) bytes are there.
 */
export function unpackWide(
  stored: Uint8Array,
  at: number,
  count: number,
  width: number,
  out: BigUint64Array,
): void {
  const { kernels, u8, u32 } = arena()
  const { packedAt, slotsAt, highsAt } = encodePlaces()
  const minis = Math.ceil(count / rowsMini)
  const lowBytes = packed32Bytes(count, 32)
  u8.set(stored.subarray(at, at + lowBytes), packedAt)
  kernels.unpack(32, packedAt, minis, slotsAt)
  const highsFrom = at + lowBytes
  u8.set(stored.subarray(highsFrom, highsFrom + packed32Bytes(count, width - 32)), packedAt)
  kernels.unpack(width - 32, packedAt, minis, highsAt)
  const lows = slotsAt >>> 2
  const highs = highsAt >>> 2
  for (let i = 0; i < count; i += 1) {
    out[i] = (BigInt(u32[highs + i]!) << 32n) | BigInt(u32[lows + i]!)
  }
}
