// The scalar twins of the kernels: the same functions over the same memory, one value at a time, written to be read.
// They are the oracle in tests and what runs where WebAssembly SIMD does not.
import { compressBlock, decompressBlock } from '../lz4/index.ts'
import { xxh64, xxh64Low32 } from '../xxhash/index.ts'
import type { SimdKernels } from './contract.ts'

const miniRows = 128
const two32 = 4294967296
const two53 = 9007199254740992

/** Slot `at` (0 to 127) of the mini-block whose words begin at words[from]. */
function slotOf(words: Uint32Array, from: number, width: number, at: number): number {
  const lane = at & 3
  const bit = (at >>> 2) * width
  const word = from + lane + (bit >>> 5) * 4
  const shift = bit & 31
  let slot = words[word]! >>> shift
  if (shift + width > 32) slot |= words[word + 4]! << (32 - shift)
  return width === 32 ? slot >>> 0 : (slot & ((1 << width) - 1)) >>> 0
}

function packMini(slots: Uint32Array, words: Uint32Array, from: number, width: number, to: number) {
  words.fill(0, to, to + width * 4)
  for (let i = 0; i < miniRows; i += 1) {
    const slot = width === 32 ? slots[from + i]! : slots[from + i]! & ((1 << width) - 1)
    const bit = (i >>> 2) * width
    const word = to + (i & 3) + (bit >>> 5) * 4
    const shift = bit & 31
    words[word] = words[word]! | (slot << shift)
    if (shift + width > 32) words[word + 4] = slot >>> (32 - shift)
  }
}

/** Puts a rounded half to even, as IEEE's roundToIntegralTiesToEven. */
function nearest(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest < 0.5) return floor === 0 && value < 0 ? -0 : floor
  if (rest > 0.5) return floor + 1 === 0 ? -0 : floor + 1
  return floor % 2 === 0 ? floor : floor + 1 === 0 ? -0 : floor + 1
}

function saturated(value: number): number {
  if (!(value > 0)) return 0
  return value >= two32 ? two32 - 1 : Math.floor(value)
}

function packedTwins(u32: Uint32Array, f64: Float64Array, u64: BigUint64Array, u16: Uint16Array) {
  function each(
    width: number,
    source: number,
    minis: number,
    use: (slot: number, at: number) => void,
  ): void {
    for (let m = 0; m < minis; m += 1) {
      const from = (source >>> 2) + m * width * 4
      for (let i = 0; i < miniRows; i += 1) {
        use(width === 0 ? 0 : slotOf(u32, from, width, i), m * miniRows + i)
      }
    }
  }
  return {
    unpack(width: number, source: number, minis: number, units: number): void {
      each(width, source, minis, (slot, at) => (u32[(units >>> 2) + at] = slot))
    },
    pack(width: number, slots: number, minis: number, target: number): void {
      for (let m = 0; m < minis; m += 1) {
        packMini(u32, u32, (slots >>> 2) + m * miniRows, width, (target >>> 2) + m * width * 4)
      }
    },
    sum(width: number, source: number, minis: number, out: number): void {
      let sum = 0n
      each(width, source, minis, (slot) => (sum += BigInt(slot)))
      u64[out >>> 3] = sum
    },
    filter(
      width: number,
      source: number,
      minis: number,
      low: number,
      span: number,
      bits: number,
    ): void {
      u16.fill(0, bits >>> 1, (bits >>> 1) + minis * 8)
      each(width, source, minis, (slot, at) => {
        if ((slot - low) >>> 0 > span >>> 0) return
        const word = (bits >>> 1) + (at >>> 4)
        u16[word] = u16[word]! | (1 << (at & 15))
      })
    },
    products(
      width: number,
      source: number,
      minis: number,
      origin: number,
      up: number,
      out: number,
    ): void {
      each(width, source, minis, (slot, at) => {
        f64[(out >>> 3) + at] = (origin + slot) * up * 1e-14
      })
    },
  }
}

function valueTwins(u32: Uint32Array, f64: Float64Array, i64: BigInt64Array) {
  return {
    f64Quotients(
      units: number,
      count: number,
      origin: number,
      gcd: number,
      power: number,
      out: number,
    ): void {
      for (let i = 0; i < count; i += 1) {
        f64[(out >>> 3) + i] = (origin + gcd * u32[(units >>> 2) + i]!) / power
      }
    },
    f64Whole(units: number, count: number, origin: number, gcd: number, out: number): void {
      for (let i = 0; i < count; i += 1) {
        f64[(out >>> 3) + i] = origin + gcd * u32[(units >>> 2) + i]!
      }
    },
    i64Whole(units: number, count: number, origin: bigint, gcd: bigint, out: number): void {
      for (let i = 0; i < count; i += 1) {
        i64[(out >>> 3) + i] = origin + gcd * BigInt(u32[(units >>> 2) + i]!)
      }
    },
    i64Deltas(
      units: number,
      count: number,
      first: bigint,
      step: bigint,
      gcd: bigint,
      out: number,
    ): void {
      let value = first
      u32[units >>> 2] = 0
      for (let i = 0; i < count; i += 1) {
        if (i > 0) value += step + gcd * BigInt(u32[(units >>> 2) + i]!)
        i64[(out >>> 3) + i] = value
      }
    },
    f64Prefix(units: number, count: number, first: number, base: number): void {
      const at = units >>> 3
      f64[at] = first
      for (let i = 1; i < count; i += 1) f64[at + i] = f64[at + i - 1]! + base + f64[at + i]!
    },
    f64UnitQuotients(
      units: number,
      count: number,
      origin: number,
      gcd: number,
      power: number,
      out: number,
    ): void {
      for (let i = 0; i < count; i += 1) {
        f64[(out >>> 3) + i] = (origin + gcd * f64[(units >>> 3) + i]!) / power
      }
    },
    i64UnitWhole(units: number, count: number, origin: bigint, gcd: number, out: number): void {
      for (let i = 0; i < count; i += 1) {
        i64[(out >>> 3) + i] = origin + BigInt(gcd * f64[(units >>> 3) + i]!)
      }
    },
    expandRuns(values: number, lengths: number, runs: number, count: number, out: number): number {
      let at = 0
      for (let r = 0; r < runs; r += 1) {
        const end = at + u32[(lengths >>> 2) + r]! + 1
        if (end > count) return -1
        u32.fill(u32[(values >>> 2) + r]!, (out >>> 2) + at, (out >>> 2) + end)
        at = end
      }
      return at === count ? 0 : -1
    },
    lookUp8(
      codes: number,
      count: number,
      dictionary: number,
      add: number,
      size: number,
      out: number,
    ): number {
      let result = 0
      for (let i = 0; i < count; i += 1) {
        const code = u32[(codes >>> 2) + i]!
        if (code >= size - add) result = -1
        i64[(out >>> 3) + i] = i64[(dictionary >>> 3) + Math.min(add + code, size - 1)]!
      }
      return result
    },
  }
}

function encodeTwins(u32: Uint32Array, f64: Float64Array) {
  return {
    decimals(
      values: number,
      count: number,
      power: number,
      out: number,
      places: number,
      most: number,
    ): number {
      let bad = 0
      for (let i = 0; i < count; i += 1) {
        const value = f64[(values >>> 3) + i]!
        const d = nearest(value * power)
        f64[(out >>> 3) + i] = d
        if (d / power === value && Math.abs(d) < two53 && !Object.is(d, -0)) continue
        if (bad < most) u32[(places >>> 2) + bad] = i
        bad += 1
      }
      return bad
    },
    unitStats(units: number, count: number, out: number): void {
      const line = f64.subarray(units >>> 3, (units >>> 3) + count)
      const deltas = line.subarray(1).map((unit, i) => unit - line[i]!)
      const least = line.reduce((a, b) => Math.min(a, b))
      const most = line.reduce((a, b) => Math.max(a, b))
      const sum = line.reduce((a, b) => a + b)
      const deltaLeast = deltas.reduce((a, b) => Math.min(a, b))
      const deltaMost = deltas.reduce((a, b) => Math.max(a, b))
      const changes = deltas.reduce((n, delta) => n + (delta === 0 ? 0 : 1), 0)
      f64.set([least, most, sum, deltaLeast, deltaMost, changes], out >>> 3)
    },
    slotsOf(units: number, count: number, least: number, slots: number): void {
      for (let i = 0; i < count; i += 1) {
        u32[(slots >>> 2) + i] = saturated(f64[(units >>> 3) + i]! - least)
      }
    },
    deltaSlotsOf(units: number, count: number, base: number, slots: number): void {
      const at = units >>> 3
      for (let i = count - 1; i > 0; i -= 1) {
        u32[(slots >>> 2) + i] = saturated(f64[at + i]! - f64[at + i - 1]! - base)
      }
      u32[slots >>> 2] = 0
    },
  }
}

function bitmapTwins(memory: ArrayBuffer) {
  const u8 = new Uint8Array(memory)
  const u16 = new Uint16Array(memory)
  const u32 = new Uint32Array(memory)
  const i64 = new BigInt64Array(memory)
  const f64 = new Float64Array(memory)
  const bitAt = (bits: number, i: number): boolean =>
    ((u8[bits + (i >>> 3)]! >>> (i & 7)) & 1) === 1

  function mark(count: number, bits: number, isIn: (i: number) => boolean): void {
    for (let i = 0; i < count; i += 16) {
      let word = 0
      for (let j = 0; j < 16; j += 1) if (isIn(i + j)) word |= 1 << j
      u16[(bits + (i >>> 3)) >>> 1] = word
    }
  }
  function gather(bits: number, count: number, take: (i: number, to: number) => void): number {
    let to = 0
    for (let i = 0; i < count; i += 1) {
      if (!bitAt(bits, i)) continue
      take(i, to)
      to += 1
    }
    return to
  }
  return {
    filterF64(values: number, count: number, low: number, high: number, bits: number): void {
      mark(count, bits, (i) => f64[(values >>> 3) + i]! >= low && f64[(values >>> 3) + i]! <= high)
    },
    filterI64(values: number, count: number, low: bigint, high: bigint, bits: number): void {
      mark(count, bits, (i) => i64[(values >>> 3) + i]! >= low && i64[(values >>> 3) + i]! <= high)
    },
    countBits(bits: number, count: number): number {
      return gather(bits, count, () => undefined)
    },
    gather8(values: number, bits: number, count: number, out: number): number {
      return gather(bits, count, (i, to) => (i64[(out >>> 3) + to] = i64[(values >>> 3) + i]!))
    },
    gather4(values: number, bits: number, count: number, out: number): number {
      return gather(bits, count, (i, to) => (u32[(out >>> 2) + to] = u32[(values >>> 2) + i]!))
    },
    maskedStats(units: number, bits: number, count: number, out: number): void {
      let sum = 0n
      let least = two32 - 1
      let most = 0
      gather(bits, count, (i) => {
        const unit = u32[(units >>> 2) + i]!
        sum += BigInt(unit)
        least = Math.min(least, unit)
        most = Math.max(most, unit)
      })
      new DataView(memory).setBigUint64(out, sum, true)
      u32[(out >>> 2) + 2] = least
      u32[(out >>> 2) + 3] = most
    },
  }
}

/** Scalar kernels over `memory`, whose length is a multiple of 8. */
export function scalarKernels(memory: ArrayBuffer): SimdKernels {
  const u8 = new Uint8Array(memory)
  const u16 = new Uint16Array(memory)
  const u32 = new Uint32Array(memory)
  const f64 = new Float64Array(memory)
  return {
    memory,
    ...packedTwins(u32, f64, new BigUint64Array(memory), u16),
    ...valueTwins(u32, f64, new BigInt64Array(memory)),
    ...encodeTwins(u32, f64),
    ...bitmapTwins(memory),
    xxh64(at: number, bytes: number, seed: bigint): bigint {
      return BigInt.asIntN(64, xxh64(u8.subarray(at, at + bytes), seed))
    },
    xxh64Low(at: number, bytes: number): number {
      return xxh64Low32(u8.subarray(at, at + bytes)) | 0
    },
    lz4Decode(source: number, bytes: number, target: number, room: number): number {
      return decompressBlock(
        u8.subarray(source, source + bytes),
        u8.subarray(target, target + room),
      )
    },
    lz4Encode(source: number, bytes: number, target: number, room: number): number {
      const block = compressBlock(u8.slice(source, source + bytes))
      if (block.length > room) return -1
      u8.set(block, target)
      return block.length
    },
  }
}
