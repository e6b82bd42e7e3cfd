// AssemblyScript, compiled by build.mjs together with encode.as and what emit.mjs emits. Every function is a plain loop
// over the one imported memory; addresses are bytes. The caller keeps 64 readable and writable bytes behind every array:
// loops work in steps of 4 values (16 or 32 bytes) and may touch the slack. Counts are values.
// The scalar twin of each function stands in twin.ts under the same name.

// @ts-ignore: decorator
@inline
function upperHalf(v: v128): v128 {
  return i8x16.shuffle(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15)
}

/** Pair (a, b) -> (0, a). */
// @ts-ignore: decorator
@inline
function shiftPair(v: v128): v128 {
  return i8x16.shuffle(i64x2.splat(0), v, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23)
}

/** Words (a, b, c, d) -> (d, d, d, d). */
// @ts-ignore: decorator
@inline
function lastWord(v: v128): v128 {
  return i8x16.shuffle(v, v, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15)
}

// ---- units (u32) to values

/** out[i] = (start + step * units[i]) * factor, f64. */
export function f64Scaled(units: usize, count: i32, start: f64, step: f64, factor: f64, out: usize): void {
  const o = f64x2.splat(start)
  const s = f64x2.splat(step)
  const f = f64x2.splat(factor)
  for (const end = units + (<usize>count << 2); units < end; units += 16, out += 32) {
    const u = v128.load(units)
    const low = f64x2.convert_low_i32x4_u(u)
    const high = f64x2.convert_low_i32x4_u(upperHalf(u))
    v128.store(out, f64x2.mul(f64x2.add(o, f64x2.mul(s, low)), f))
    v128.store(out, f64x2.mul(f64x2.add(o, f64x2.mul(s, high)), f), 16)
  }
}

/** out[i] = (origin + gcd * units[i]) / power, f64. */
export function f64Quotients(units: usize, count: i32, origin: f64, gcd: f64, power: f64, out: usize): void {
  const o = f64x2.splat(origin)
  const g = f64x2.splat(gcd)
  const p = f64x2.splat(power)
  for (const end = units + (<usize>count << 2); units < end; units += 16, out += 32) {
    const u = v128.load(units)
    const low = f64x2.convert_low_i32x4_u(u)
    const high = f64x2.convert_low_i32x4_u(upperHalf(u))
    v128.store(out, f64x2.div(f64x2.add(o, f64x2.mul(g, low)), p))
    v128.store(out, f64x2.div(f64x2.add(o, f64x2.mul(g, high)), p), 16)
  }
}

/** out[i] = (start + sum[i]) * factor, f64, of sums in u32 that wrap: sum[0] = first, sum[i] = sum[i - 1] + base + step *
 *  units[i]. Four u32 below the high word of 2^52 are 2^52 + u32. */
export function f64ScaledSums(units: usize, count: i32, first: u32, base: u32, step: u32, start: f64, factor: f64, out: usize): void {
  const b = i32x4.splat(base)
  const s = i32x4.splat(step)
  const o = f64x2.splat(4503599627370496.0 - start)
  const f = f64x2.splat(factor)
  const head = i32x4.splat(0x43300000)
  // The sum before a row in all lanes; before the first it makes unit 0 give `first`, whatever it is.
  let carry = i32x4.splat(first - base - step * load<u32>(units))
  for (const end = units + (<usize>count << 2); units < end; units += 16, out += 32) {
    let x = i32x4.add(i32x4.mul(v128.load(units), s), b)
    x = i32x4.add(x, wordBefore(i32x4.splat(0), x))
    x = i32x4.add(i32x4.add(x, shiftPair(x)), carry)
    carry = lastWord(x)
    const low = i8x16.shuffle(x, head, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23)
    const high = i8x16.shuffle(x, head, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31)
    v128.store(out, f64x2.mul(f64x2.sub(low, o), f))
    v128.store(out, f64x2.mul(f64x2.sub(high, o), f), 16)
  }
}

/** out[i] = origin + gcd * units[i], f64. */
export function f64Whole(units: usize, count: i32, origin: f64, gcd: f64, out: usize): void {
  const o = f64x2.splat(origin)
  const g = f64x2.splat(gcd)
  for (const end = units + (<usize>count << 2); units < end; units += 16, out += 32) {
    const u = v128.load(units)
    v128.store(out, f64x2.add(o, f64x2.mul(g, f64x2.convert_low_i32x4_u(u))))
    v128.store(out, f64x2.add(o, f64x2.mul(g, f64x2.convert_low_i32x4_u(upperHalf(u)))), 16)
  }
}

/** out[i] = origin + gcd * units[i], i64; all wrap. */
export function i64Whole(units: usize, count: i32, origin: i64, gcd: i64, out: usize): void {
  const o = i64x2.splat(origin)
  const end = units + (<usize>count << 2)
  if (gcd >>> 32 === 0) {
    const g = i32x4.splat(<u32>gcd)
    for (; units < end; units += 16, out += 32) {
      const u = v128.load(units)
      v128.store(out, i64x2.add(o, i64x2.extmul_low_i32x4_u(u, g)))
      v128.store(out, i64x2.add(o, i64x2.extmul_high_i32x4_u(u, g)), 16)
    }
    return
  }
  const g = i64x2.splat(gcd)
  for (; units < end; units += 16, out += 32) {
    const u = v128.load(units)
    v128.store(out, i64x2.add(o, i64x2.mul(g, i64x2.extend_low_i32x4_u(u))))
    v128.store(out, i64x2.add(o, i64x2.mul(g, i64x2.extend_high_i32x4_u(u))), 16)
  }
}

/** What sums up deltas: `low` and `high` are four of them without the step. Gives what is carried on. */
// @ts-ignore: decorator
@inline
function fourDeltas(low: v128, high: v128, s: v128, carry: v128, out: usize): v128 {
  low = i64x2.add(s, low)
  high = i64x2.add(s, high)
  low = i64x2.add(low, shiftPair(low))
  high = i64x2.add(i64x2.add(high, shiftPair(high)), upperHalf(low))
  v128.store(out, i64x2.add(carry, low))
  v128.store(out, i64x2.add(carry, high), 16)
  // Waits for one addition alone.
  return i64x2.add(carry, upperHalf(high))
}

/** out[0] = first, out[i] = out[i - 1] + step + gcd * units[i], i64; all wrap. Sets units[0] to 0. */
export function i64Deltas(units: usize, count: i32, first: i64, step: i64, gcd: i64, out: usize): void {
  const s = i64x2.splat(step)
  let carry = i64x2.splat(first - step)
  store<u32>(units, 0)
  const end = units + (<usize>count << 2)
  if (gcd === 1) {
    for (; units < end; units += 16, out += 32) {
      const u = v128.load(units)
      carry = fourDeltas(i64x2.extend_low_i32x4_u(u), i64x2.extend_high_i32x4_u(u), s, carry, out)
    }
  } else if (gcd >>> 32 === 0) {
    const narrow = i32x4.splat(<u32>gcd)
    for (; units < end; units += 16, out += 32) {
      const u = v128.load(units)
      const low = i64x2.extmul_low_i32x4_u(u, narrow)
      carry = fourDeltas(low, i64x2.extmul_high_i32x4_u(u, narrow), s, carry, out)
    }
  } else {
    const g = i64x2.splat(gcd)
    for (; units < end; units += 16, out += 32) {
      const u = v128.load(units)
      const low = i64x2.mul(g, i64x2.extend_low_i32x4_u(u))
      carry = fourDeltas(low, i64x2.mul(g, i64x2.extend_high_i32x4_u(u)), s, carry, out)
    }
  }
}

// ---- units (f64) to values, where a vector has units of more than 32 bits or patches

/** units[0] = first, units[i] = units[i - 1] + base + units[i], f64, in place. */
export function f64Prefix(units: usize, count: i32, first: f64, base: f64): void {
  const b = f64x2.splat(base)
  let carry = f64x2.splat(first - base)
  store<f64>(units, 0)
  for (const end = units + (<usize>count << 3); units < end; units += 32) {
    let low = f64x2.add(b, v128.load(units))
    let high = f64x2.add(b, v128.load(units, 16))
    low = f64x2.add(low, shiftPair(low))
    high = f64x2.add(high, shiftPair(high))
    v128.store(units, f64x2.add(carry, low))
    high = f64x2.add(carry, f64x2.add(high, upperHalf(low)))
    v128.store(units, high, 16)
    carry = upperHalf(high)
  }
}

/** out[i] = (origin + gcd * units[i]) / power, f64; units and out may be the same. */
export function f64UnitQuotients(units: usize, count: i32, origin: f64, gcd: f64, power: f64, out: usize): void {
  const o = f64x2.splat(origin)
  const g = f64x2.splat(gcd)
  const p = f64x2.splat(power)
  for (const end = units + (<usize>count << 3); units < end; units += 32, out += 32) {
    v128.store(out, f64x2.div(f64x2.add(o, f64x2.mul(g, v128.load(units))), p))
    v128.store(out, f64x2.div(f64x2.add(o, f64x2.mul(g, v128.load(units, 16))), p), 16)
  }
}

/** out[i] = (start + step * units[i]) * factor, f64; units and out may be the same. */
export function f64UnitScaled(units: usize, count: i32, start: f64, step: f64, factor: f64, out: usize): void {
  const o = f64x2.splat(start)
  const s = f64x2.splat(step)
  const f = f64x2.splat(factor)
  for (const end = units + (<usize>count << 3); units < end; units += 32, out += 32) {
    v128.store(out, f64x2.mul(f64x2.add(o, f64x2.mul(s, v128.load(units))), f))
    v128.store(out, f64x2.mul(f64x2.add(o, f64x2.mul(s, v128.load(units, 16))), f), 16)
  }
}

/** out[i] = origin + gcd * units[i], i64, where abs(gcd * units[i]) < 2^51; units and out may be the same. A double
 *  2^52 + 2^51 + x holds x + 2^51 in its low 52 bits. */
export function i64UnitWhole(units: usize, count: i32, origin: i64, gcd: f64, out: usize): void {
  const o = i64x2.splat(origin - 0x4338000000000000)
  const g = f64x2.splat(gcd)
  const magic = f64x2.splat(6755399441055744.0)
  for (const end = units + (<usize>count << 3); units < end; units += 32, out += 32) {
    v128.store(out, i64x2.add(o, f64x2.add(magic, f64x2.mul(g, v128.load(units)))))
    v128.store(out, i64x2.add(o, f64x2.add(magic, f64x2.mul(g, v128.load(units, 16)))), 16)
  }
}

// ---- run lengths, dictionaries

/** Run r gives lengths[r] + 1 times values[r]. 0 where that is `count` values in all, else -1 and nothing past count is
 *  written but slack. */
export function expandRuns(values: usize, lengths: usize, runs: i32, count: i32, out: usize): i32 {
  const end = out + (<usize>count << 2)
  for (let r = 0; r < runs; r += 1, values += 4, lengths += 4) {
    const bytes = (<usize>load<u32>(lengths) + 1) << 2
    if (load<u32>(lengths) >= 0x3fffffff || bytes > end - out) return -1
    const v = i32x4.splat(load<u32>(values))
    const stop = out + bytes
    for (; out < stop; out += 16) v128.store(out, v)
    out = stop
  }
  return out === end ? 0 : -1
}

/** The same with values of 8 bytes. */
export function expandRuns8(values: usize, lengths: usize, runs: i32, count: i32, out: usize): i32 {
  const end = out + (<usize>count << 3)
  for (let r = 0; r < runs; r += 1, values += 8, lengths += 4) {
    const bytes = (<usize>load<u32>(lengths) + 1) << 3
    if (load<u32>(lengths) >= 0x1fffffff || bytes > end - out) return -1
    const v = v128.load64_splat(values)
    const stop = out + bytes
    for (; out < stop; out += 16) v128.store(out, v)
    out = stop
  }
  return out === end ? 0 : -1
}

/** out[i] = lows[i] + highs[i] * 2^32, f64; exact below 2^53. */
export function f64Halves(lows: usize, highs: usize, count: i32, out: usize): void {
  const span = f64x2.splat(4294967296)
  for (const end = lows + (<usize>count << 2); lows < end; lows += 16, highs += 16, out += 32) {
    const l = v128.load(lows)
    const h = v128.load(highs)
    const first = f64x2.mul(f64x2.convert_low_i32x4_u(h), span)
    const second = f64x2.mul(f64x2.convert_low_i32x4_u(upperHalf(h)), span)
    v128.store(out, f64x2.add(first, f64x2.convert_low_i32x4_u(l)))
    v128.store(out, f64x2.add(second, f64x2.convert_low_i32x4_u(upperHalf(l))), 16)
  }
}

/** The same with entries of 4 bytes. */
export function lookUp4(codes: usize, count: i32, dictionary: usize, add: u32, size: u32, out: usize): i32 {
  const most = size - add - 1
  const from = dictionary + (<usize>add << 2)
  const end = codes + (<usize>count << 2)
  if (count >= 4 && mostCode(codes, end) <= most) {
    const last = end - 16
    for (; codes <= last; codes += 16, out += 16) {
      const two = load<u64>(codes)
      const others = load<u64>(codes, 8)
      let v = i32x4.splat(load<u32>(from + ((<usize>(<u32>two)) << 2)))
      v = i32x4.replace_lane(v, 1, load<u32>(from + (<usize>(two >> 32) << 2)))
      v = i32x4.replace_lane(v, 2, load<u32>(from + ((<usize>(<u32>others)) << 2)))
      v = i32x4.replace_lane(v, 3, load<u32>(from + (<usize>(others >> 32) << 2)))
      v128.store(out, v)
    }
  }
  let over: u32 = 0
  for (; codes < end; codes += 4, out += 4) {
    const code = load<u32>(codes)
    over |= u32(code > most)
    store<u32>(out, load<u32>(from + (<usize>min(code, most) << 2)))
  }
  return over === 0 ? 0 : -1
}

/** The greatest of u32 codes up to `end`, four at a time: up to three of the last are left out. */
// @ts-ignore: decorator
@inline
function mostCode(codes: usize, end: usize): u32 {
  let most = i32x4.splat(0)
  for (const last = end - 16; codes <= last; codes += 16) most = i32x4.max_u(most, v128.load(codes))
  return max(
    max(<u32>i32x4.extract_lane(most, 0), <u32>i32x4.extract_lane(most, 1)),
    max(<u32>i32x4.extract_lane(most, 2), <u32>i32x4.extract_lane(most, 3)),
  )
}

/** out[i] = dictionary[add + codes[i]], 8 bytes each. -1 where a code is not below `size - add`; else 0. */
export function lookUp8(codes: usize, count: i32, dictionary: usize, add: u32, size: u32, out: usize): i32 {
  const most = size - add - 1
  const from = dictionary + (<usize>add << 3)
  const end = codes + (<usize>count << 2)
  if (count >= 4 && mostCode(codes, end) <= most) {
    const last = end - 16
    for (; codes <= last; codes += 16, out += 32) {
      const two = load<u64>(codes)
      const others = load<u64>(codes, 8)
      const a = load<u64>(from + ((<usize>(<u32>two)) << 3))
      const b = load<u64>(from + (<usize>(two >> 32) << 3))
      const c = load<u64>(from + ((<usize>(<u32>others)) << 3))
      const d = load<u64>(from + (<usize>(others >> 32) << 3))
      store<u64>(out, a)
      store<u64>(out, b, 8)
      store<u64>(out, c, 16)
      store<u64>(out, d, 24)
    }
  }
  let over: u32 = 0
  for (; codes < end; codes += 4, out += 8) {
    const code = load<u32>(codes)
    over |= u32(code > most)
    store<u64>(out, load<u64>(from + (<usize>min(code, most) << 3)))
  }
  return over === 0 ? 0 : -1
}

// ---- bitmaps and what they choose

/** 1 where low <= values[i] <= high, f64; NaN is in no range. count is a multiple of 16. */
export function filterF64(values: usize, count: i32, low: f64, high: f64, bits: usize): void {
  const l = f64x2.splat(low)
  const h = f64x2.splat(high)
  for (let i = 0; i < count; i += 16, bits += 2) {
    let word = 0
    for (let j = 0; j < 16; j += 2, values += 16) {
      const v = v128.load(values)
      word |= i64x2.bitmask(v128.and(f64x2.ge(v, l), f64x2.le(v, h))) << j
    }
    store<u16>(bits, word)
  }
}

/** The same over i64. */
export function filterI64(values: usize, count: i32, low: i64, high: i64, bits: usize): void {
  const l = i64x2.splat(low)
  const h = i64x2.splat(high)
  for (let i = 0; i < count; i += 16, bits += 2) {
    let word = 0
    for (let j = 0; j < 16; j += 2, values += 16) {
      const v = v128.load(values)
      word |= i64x2.bitmask(v128.and(i64x2.ge_s(v, l), i64x2.le_s(v, h))) << j
    }
    store<u16>(bits, word)
  }
}

/** How many of the first `count` bits are 1; bits past them are not looked at. */
export function countBits(bits: usize, count: i32): i32 {
  let total = 0
  for (; count >= 64; count -= 64, bits += 8) total += <i32>popcnt(load<u64>(bits))
  if (count > 0) total += <i32>popcnt(load<u64>(bits) & (((<u64>1) << count) - 1))
  return total
}

/** The values (8 bytes each) whose bits are 1 among the first `count`, in order; returns how many. */
export function gather8(values: usize, bits: usize, count: i32, out: usize): i32 {
  const start = out
  for (; count > 0; count -= 64, bits += 8, values += 512) {
    let word = load<u64>(bits)
    if (count < 64) word &= ((<u64>1) << count) - 1
    for (; word !== 0; word &= word - 1, out += 8) store<u64>(out, load<u64>(values + (<usize>ctz(word) << 3)))
  }
  return <i32>((out - start) >>> 3)
}

/** The same, 4 bytes each. */
export function gather4(values: usize, bits: usize, count: i32, out: usize): i32 {
  const start = out
  for (; count > 0; count -= 64, bits += 8, values += 256) {
    let word = load<u64>(bits)
    if (count < 64) word &= ((<u64>1) << count) - 1
    for (; word !== 0; word &= word - 1, out += 4) store<u32>(out, load<u32>(values + (<usize>ctz(word) << 2)))
  }
  return <i32>((out - start) >>> 2)
}

/** Of units (u32) whose bits are 1 among the first `count`: sum (u64), least and most (u32; 2^32 - 1 and 0 where there
 *  are none) -> 16 bytes. Bits past count must be 0. */
export function maskedStats(units: usize, bits: usize, count: i32, out: usize): void {
  const weights = i32x4(1, 2, 4, 8)
  let sum = i64x2.splat(0)
  let least = i32x4.splat(-1)
  let most = i32x4.splat(0)
  for (let i = 0; i < count; i += 32, bits += 4) {
    let word = load<u32>(bits)
    if (word === 0) {
      units += 128
      continue
    }
    for (let j = 0; j < 8; j += 1, units += 16, word >>>= 4) {
      const mask = i32x4.eq(v128.and(i32x4.splat(word), weights), weights)
      const u = v128.load(units)
      const kept = v128.and(u, mask)
      sum = i64x2.add(sum, i64x2.add(i64x2.extend_low_i32x4_u(kept), i64x2.extend_high_i32x4_u(kept)))
      least = i32x4.min_u(least, v128.or(u, v128.not(mask)))
      most = i32x4.max_u(most, kept)
    }
  }
  store<u64>(out, i64x2.extract_lane(sum, 0) + i64x2.extract_lane(sum, 1))
  const a = min(<u32>i32x4.extract_lane(least, 0), <u32>i32x4.extract_lane(least, 1))
  const b = min(<u32>i32x4.extract_lane(least, 2), <u32>i32x4.extract_lane(least, 3))
  store<u32>(out, min(a, b), 8)
  const c = max(<u32>i32x4.extract_lane(most, 0), <u32>i32x4.extract_lane(most, 1))
  const d = max(<u32>i32x4.extract_lane(most, 2), <u32>i32x4.extract_lane(most, 3))
  store<u32>(out, max(c, d), 12)
}

// ---- xxh64 (the xxHash specification, XXH64)

const prime1: u64 = 0x9e3779b185ebca87
const prime2: u64 = 0xc2b2ae3d27d4eb4f
const prime3: u64 = 0x165667b19e3779f9
const prime4: u64 = 0x85ebca77c2b2ae63
const prime5: u64 = 0x27d4eb2f165667c5

// @ts-ignore: decorator
@inline
function round(state: u64, lane: u64): u64 {
  return rotl(state + lane * prime2, 31) * prime1
}

// @ts-ignore: decorator
@inline
function merge(hash: u64, state: u64): u64 {
  return (hash ^ round(0, state)) * prime1 + prime4
}

/** xxh64 of memory[at, at + bytes). */
export function xxh64(at: usize, bytes: i32, seed: u64): u64 {
  const end = at + <usize>bytes
  let hash: u64
  if (bytes >= 32) {
    let a = seed + prime1 + prime2
    let b = seed + prime2
    let c = seed
    let d = seed - prime1
    for (const last = end - 32; at <= last; at += 32) {
      a = round(a, load<u64>(at))
      b = round(b, load<u64>(at, 8))
      c = round(c, load<u64>(at, 16))
      d = round(d, load<u64>(at, 24))
    }
    hash = rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18)
    hash = merge(merge(merge(merge(hash, a), b), c), d)
  } else hash = seed + prime5
  hash += <u64>bytes
  for (; at + 8 <= end; at += 8) hash = rotl(hash ^ round(0, load<u64>(at)), 27) * prime1 + prime4
  if (at + 4 <= end) {
    hash = rotl(hash ^ (<u64>load<u32>(at) * prime1), 23) * prime2 + prime3
    at += 4
  }
  for (; at < end; at += 1) hash = rotl(hash ^ (<u64>load<u8>(at) * prime5), 11) * prime1
  hash = (hash ^ (hash >>> 33)) * prime2
  hash = (hash ^ (hash >>> 29)) * prime3
  return hash ^ (hash >>> 32)
}

/** The low 32 bits of xxh64 with seed 0, as a number without a BigInt. */
export function xxh64Low(at: usize, bytes: i32): u32 {
  return <u32>xxh64(at, bytes, 0)
}
