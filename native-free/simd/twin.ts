// The scalar twins of the kernels: the same functions over the same memory, one value at a time, written to be read.
// They are the oracle in tests and what runs where WebAssembly SIMD does not.
import { compressBlock, decompressBlock } from '../lz4/index.ts'
import { xxh64, xxh64Low32 } from '../xxhash/index.ts'
import type { SimdKernels } from './contract.ts'
import { foldTwins } from './twin-fold.ts'
import { entropyTwins } from './twin-entropy.ts'
import { narrowTwins } from './twin-narrow.ts'
import { planeTwins } from './twin-planes.ts'

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
    pack(width: number, slots: number, minis: number, base: number, target: number): void {
      const less = u32.subarray(slots >>> 2, (slots >>> 2) + minis * miniRows).map((x) => x - base)
      for (let m = 0; m < minis; m += 1) {
        packMini(less, u32, m * miniRows, width, (target >>> 2) + m * width * 4)
      }
    },
    packSteps(width: number, units: number, minis: number, base: number, target: number): void {
      const at = units >>> 2
      const steps = Uint32Array.from({ length: minis * miniRows }, (_, i) =>
        i === 0 ? 0 : u32[at + i]! - u32[at + i - 1]! - base,
      )
      for (let m = 0; m < minis; m += 1) {
        packMini(steps, u32, m * miniRows, width, (target >>> 2) + m * width * 4)
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
    scaledSlots(
      width: number,
      source: number,
      minis: number,
      step: number,
      start: number,
      factor: number,
      out: number,
    ): void {
      each(width, source, minis, (slot, at) => {
        f64[(out >>> 3) + at] = (start + (Math.imul(step, slot) >>> 0)) * factor
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
    f64Scaled(
      units: number,
      count: number,
      start: number,
      step: number,
      factor: number,
      out: number,
    ): void {
      for (let i = 0; i < count; i += 1) {
        f64[(out >>> 3) + i] = (start + step * u32[(units >>> 2) + i]!) * factor
      }
    },
    f64ScaledSums(
      units: number,
      count: number,
      first: number,
      base: number,
      step: number,
      start: number,
      factor: number,
      out: number,
    ): void {
      let sum = first >>> 0
      for (let i = 0; i < count; i += 1) {
        if (i > 0) sum = (sum + base + Math.imul(step, u32[(units >>> 2) + i]!)) >>> 0
        f64[(out >>> 3) + i] = (start + sum) * factor
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
    f64UnitScaled(
      units: number,
      count: number,
      start: number,
      step: number,
      factor: number,
      out: number,
    ): void {
      for (let i = 0; i < count; i += 1) {
        f64[(out >>> 3) + i] = (start + step * f64[(units >>> 3) + i]!) * factor
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
    expandRuns8(values: number, lengths: number, runs: number, count: number, out: number): number {
      let at = 0
      for (let r = 0; r < runs; r += 1) {
        const end = at + u32[(lengths >>> 2) + r]! + 1
        if (end > count) return -1
        i64.fill(i64[(values >>> 3) + r]!, (out >>> 3) + at, (out >>> 3) + end)
        at = end
      }
      return at === count ? 0 : -1
    },
    f64Halves(lows: number, highs: number, count: number, out: number): void {
      for (let i = 0; i < count; i += 1) {
        f64[(out >>> 3) + i] = u32[(highs >>> 2) + i]! * two32 + u32[(lows >>> 2) + i]!
      }
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
    lookUp4(
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
        u32[(out >>> 2) + i] = u32[(dictionary >>> 2) + Math.min(add + code, size - 1)]!
      }
      return result
    },
  }
}

function measureTwins(u32: Uint32Array, f64: Float64Array, i64: BigInt64Array) {
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
    i64Distances(values: number, count: number, out: number): number {
      const at = values >>> 3
      let answer = 0
      for (let i = 0; i < count; i += 1) {
        const distance = i64[at + i]! - i64[at]!
        if (distance < -(2n ** 51n) || distance >= 2n ** 51n) answer = -1
        f64[(out >>> 3) + i] = Number(distance)
      }
      return answer
    },
    unitStats(units: number, count: number, out: number): void {
      const line = f64.subarray(units >>> 3, (units >>> 3) + count)
      const deltas = line.subarray(1).map((unit, i) => unit - line[i]!)
      const least = line.reduce((a, b) => Math.min(a, b))
      const most = line.reduce((a, b) => Math.max(a, b))
      const sum = line.reduce((a, b) => a + (b - line[0]!), 0)
      const deltaLeast = deltas.reduce((a, b) => Math.min(a, b), Infinity)
      const deltaMost = deltas.reduce((a, b) => Math.max(a, b), -Infinity)
      const changes = deltas.reduce((n, delta) => n + (delta === 0 ? 0 : 1), 0)
      f64.set([least, most, sum, deltaLeast, deltaMost, changes], out >>> 3)
    },
    indivisible(
      units: number,
      from: number,
      count: number,
      least: number,
      divisor: number,
    ): number {
      for (let i = from; i < count; i += 1) {
        if (!Number.isInteger((f64[(units >>> 3) + i]! - least) / divisor)) return i
      }
      return count
    },
    runsOf(units: number, count: number, values: number, lengths: number): number {
      const at = units >>> 3
      let runs = 0
      for (let i = 0; i < count; runs += 1) {
        let next = i + 1
        while (next < count && f64[at + next] === f64[at + i]) next += 1
        f64[(values >>> 3) + runs] = f64[at + i]!
        u32[(lengths >>> 2) + runs] = next - i - 1
        i = next
      }
      return runs
    },
    mostOf(values: number, count: number): number {
      const line = u32.subarray(values >>> 2, (values >>> 2) + count)
      return line.reduce((a, b) => Math.max(a, b), 0) | 0
    },
    spreads(
      values: number,
      count: number,
      least: number,
      middle: number,
      _tables: number,
      above: number,
      around: number,
    ): void {
      const bitsOf = (whole: number): number => (whole === 0 ? 0 : whole.toString(2).length)
      const put = (table: number, bits: number) => (u32[(table >>> 2) + bits]! += 1)
      u32.fill(0, above >>> 2, (above >>> 2) + 64)
      u32.fill(0, around >>> 2, (around >>> 2) + 64)
      for (let i = 0; i < count; i += 1) {
        const value = f64[(values >>> 3) + i]!
        const off = value - middle
        put(above, bitsOf(value - least))
        put(around, off === 0 ? 0 : bitsOf(off > 0 ? off : -off - 1) + 1)
      }
    },
  }
}

function slotTwins(u32: Uint32Array, f64: Float64Array, u16: Uint16Array) {
  function each(values: number, count: number, base: number, use: (x: bigint, i: number) => void) {
    for (let i = 0; i < count; i += 1) use(BigInt(f64[(values >>> 3) + i]! - base), i)
  }
  return {
    rescale(units: number, count: number, least: number, divisor: number): void {
      const at = units >>> 3
      for (let i = 0; i < count; i += 1) f64[at + i] = (f64[at + i]! - least) / divisor
    },
    patchesOf(
      values: number,
      count: number,
      base: number,
      width: number,
      slots: number,
      places: number,
      highs: number,
    ): number {
      let patches = 0
      each(values, count, base, (x, i) => {
        u32[(slots >>> 2) + i] = Number(x & 0xffffffffn)
        const high = x >> BigInt(width)
        if (high === 0n) return
        u16[(places >>> 1) + patches] = i
        u32[(highs >>> 2) + patches] = Number(BigInt.asUintN(32, high))
        patches += 1
      })
      return patches
    },
    halvesOf(values: number, count: number, base: number, lows: number, highs: number): void {
      each(values, count, base, (x, i) => {
        u32[(lows >>> 2) + i] = Number(x & 0xffffffffn)
        u32[(highs >>> 2) + i] = Number((x >> 32n) & 0xffffffffn)
      })
    },
    deltasOf(units: number, count: number, out: number): void {
      const at = units >>> 3
      f64[out >>> 3] = 0
      for (let i = 1; i < count; i += 1) f64[(out >>> 3) + i] = f64[at + i]! - f64[at + i - 1]!
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

const golden64 = 0x9e3779b97f4a7c15n

function dictionaryTwins(memory: ArrayBuffer) {
  const u16 = new Uint16Array(memory)
  const u32 = new Uint32Array(memory)
  const f64 = new Float64Array(memory)
  const bits = new BigUint64Array(memory)
  const unitBits = new BigUint64Array(1)
  const unitDouble = new Float64Array(unitBits.buffer)

  function slotFor(unit: number, table: number, mask: number): number {
    unitDouble[0] = unit
    const hash = BigInt.asUintN(64, unitBits[0]! * golden64)
    for (let slot = Number(hash >> 48n) & mask; ; slot = (slot + 1) & mask) {
      const key = f64[(table >>> 3) + slot]!
      if (key === unit || key === -1) return slot
    }
  }
  return {
    distinct(
      units: number,
      count: number,
      most: number,
      table: number,
      mask: number,
      slots: number,
      found: number,
    ): number {
      f64.fill(-1, table >>> 3, (table >>> 3) + mask + 1)
      let known = 0
      for (let i = 0; i < count; i += 1) {
        const unit = f64[(units >>> 3) + i]!
        const slot = slotFor(unit, table, mask)
        if (f64[(table >>> 3) + slot] === -1) {
          if (known === most) return most + 1
          f64[(table >>> 3) + slot] = unit
          bits[(found >>> 3) + known] = bits[(units >>> 3) + i]!
          known += 1
        }
        u16[(slots >>> 1) + i] = slot
      }
      return known
    },
    placeCodes(
      dictionary: number,
      count: number,
      table: number,
      mask: number,
      codes: number,
    ): void {
      for (let i = 0; i < count; i += 1) {
        u32[(codes >>> 2) + slotFor(f64[(dictionary >>> 3) + i]!, table, mask)] = i
      }
    },
    codesOf(slots: number, count: number, codes: number, out: number): void {
      for (let i = 0; i < count; i += 1) {
        u32[(out >>> 2) + i] = u32[(codes >>> 2) + u16[(slots >>> 1) + i]!]!
      }
    },
    sortFew(values: number, count: number): void {
      f64.subarray(values >>> 3, (values >>> 3) + count).sort()
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
    ...measureTwins(u32, f64, new BigInt64Array(memory)),
    ...slotTwins(u32, f64, u16),
    ...narrowTwins(memory),
    ...dictionaryTwins(memory),
    ...bitmapTwins(memory),
    ...foldTwins(memory),
    ...planeTwins(memory),
    ...entropyTwins(u8, u16, u32),
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
