// The scalar twins of fold.as: what aggregates ask of one vector.
import type { SimdKernels } from './contract.ts'

const two32 = 4294967296
const int64Least = -(2n ** 63n)
const int64Most = 2n ** 63n - 1n

type FoldKernels = Pick<
  SimdKernels,
  'foldU32' | 'u32Deltas' | 'placeOfSum' | 'dotU32' | 'bucketsOf' | 'spreadBits' | 'compressBits'
>

/** Calls `use` with the rows of each range. */
function eachRange(
  u32: Uint32Array,
  bounds: number,
  ranges: number,
  use: (from: number, end: number, range: number) => void,
): void {
  const at = bounds >>> 2
  for (let r = 0; r < ranges; r += 1) use(u32[at + r]!, u32[at + r + 1]!, r)
}

/** Where the bucket of `time` opens; may lie below int64. */
function openOf(time: bigint, phase: bigint, width: bigint): bigint {
  const within = (time - phase) % width
  return time - (within < 0n ? within + width : within)
}

export function foldTwins(memory: ArrayBuffer): FoldKernels {
  const u8 = new Uint8Array(memory)
  const u32 = new Uint32Array(memory)
  const u64 = new BigUint64Array(memory)
  const i64 = new BigInt64Array(memory)
  const bitAt = (bits: number, i: number): number => (u8[bits + (i >>> 3)]! >>> (i & 7)) & 1
  return {
    foldU32(units, bounds, ranges, out) {
      eachRange(u32, bounds, ranges, (from, end, r) => {
        const values = u32.subarray((units >>> 2) + from, (units >>> 2) + end)
        let sum = 0n
        for (const value of values) sum += BigInt(value)
        u64[(out >>> 3) + r * 3] = sum
        const least = values.reduce((a, b) => Math.min(a, b), two32 - 1)
        const most = values.reduce((a, b) => Math.max(a, b), 0)
        u32.set([least, most, values[0] ?? 0, values.at(-1) ?? 0], (out >>> 2) + r * 6 + 2)
      })
    },
    u32Deltas(units, count, first, step) {
      const at = units >>> 2
      u32[at] = first
      for (let i = 1; i < count; i += 1) u32[at + i] = u32[at + i - 1]! + step + u32[at + i]!
    },
    placeOfSum(slots, count, step, gap) {
      u32[slots >>> 2] = 0
      let total = 0n
      for (let i = 0; i < count; i += 1) {
        if (i > 0) total += BigInt(step) + BigInt(u32[(slots >>> 2) + i]!)
        if (total >= BigInt(gap)) return i
      }
      return count
    },
    dotU32(a, b, bounds, ranges, out) {
      eachRange(u32, bounds, ranges, (from, end, r) => {
        let sum = 0n
        for (let i = from; i < end; i += 1) {
          sum += BigInt(u32[(a >>> 2) + i]!) * BigInt(u32[(b >>> 2) + i]!)
        }
        u64[(out >>> 3) + r] = BigInt.asUintN(64, sum)
      })
    },
    bucketsOf(times, from, end, phase, width, bounds, opens) {
      let buckets = 0
      let edge: bigint | undefined
      for (let row = from; row < end; row += 1) {
        const time = i64[(times >>> 3) + row]!
        if (edge !== undefined && time < edge) continue
        const open = openOf(time, phase, width)
        edge = open + width > int64Most ? int64Most + 1n : open + width
        u32[(bounds >>> 2) + buckets] = row
        i64[(opens >>> 3) + buckets] = open < int64Least ? int64Least : open
        buckets += 1
      }
      u32[(bounds >>> 2) + buckets] = end
      return buckets
    },
    spreadBits(bits, valid, count, out) {
      let value = 0
      for (let at = 0; at < Math.ceil(count / 8); at += 1) {
        let word = 0
        for (let bit = 0; bit < 8; bit += 1) {
          if (bitAt(valid, at * 8 + bit) === 0) continue
          word |= bitAt(bits, value) << bit
          value += 1
        }
        u8[out + at] = word
      }
    },
    compressBits(bits, chosen, count, out) {
      let taken = 0
      let word = 0
      for (let row = 0; row < count; row += 1) {
        if (bitAt(chosen, row) === 0) continue
        word |= bitAt(bits, row) << (taken & 31)
        u32[(out >>> 2) + (taken >>> 5)] = word
        taken += 1
        if ((taken & 31) === 0) word = 0
      }
      return taken
    },
  }
}
