// AssemblyScript, compiled by build.mjs behind encode.as: the encoder's passes over values whose units fit 32 bits, or
// whose slots do. One pass turns a vector to units, checks them and gives their stats.

// @ts-ignore: decorator
@inline
function lowWords(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
}

// @ts-ignore: decorator
@inline
function highWords(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)
}

/** Words (a, b, c, d), (e, f, g, h) -> (d, e, f, g). */
// @ts-ignore: decorator
@inline
function wordBefore(before: v128, words: v128): v128 {
  return i8x16.shuffle(before, words, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27)
}

// @ts-ignore: decorator
@inline
function leastOfU32(v: v128): u32 {
  const a = min(<u32>i32x4.extract_lane(v, 0), <u32>i32x4.extract_lane(v, 1))
  return min(a, min(<u32>i32x4.extract_lane(v, 2), <u32>i32x4.extract_lane(v, 3)))
}

// @ts-ignore: decorator
@inline
function mostOfU32(v: v128): u32 {
  const a = max(<u32>i32x4.extract_lane(v, 0), <u32>i32x4.extract_lane(v, 1))
  return max(a, max(<u32>i32x4.extract_lane(v, 2), <u32>i32x4.extract_lane(v, 3)))
}

// @ts-ignore: decorator
@inline
function leastOfI32(v: v128): i32 {
  const a = min(i32x4.extract_lane(v, 0), i32x4.extract_lane(v, 1))
  return min(a, min(i32x4.extract_lane(v, 2), i32x4.extract_lane(v, 3)))
}

// @ts-ignore: decorator
@inline
function mostOfI32(v: v128): i32 {
  const a = max(i32x4.extract_lane(v, 0), i32x4.extract_lane(v, 1))
  return max(a, max(i32x4.extract_lane(v, 2), i32x4.extract_lane(v, 3)))
}

/** x = nearest(value * power + shift): where 2^52 <= x < 2^52 + 2^32, that is x - 2^52 in the low word of the double. It
 *  goes to units (u32). (x - shift) / power must be the value, bit for bit: x - shift is +0, never -0. */
export function narrowDecimals(values: usize, count: i32, power: f64, shift: f64, units: usize, out: usize): i32 {
  const p = f64x2.splat(power)
  const s = f64x2.splat(shift)
  const head = i32x4.splat(0x43300000)
  const isWhole = power === 1
  let bad = i64x2.splat(0)
  let total = i64x2.splat(0)
  let least = i32x4.splat(-1)
  let most = i32x4.splat(0)
  let deltaLeast = i32x4.splat(0x7fffffff)
  let deltaMost = i32x4.splat(-0x80000000)
  let same = i32x4.splat(0)
  const start = units
  const end = values + (<usize>(count & ~3) << 3)
  // What stands before the first unit, so that the first delta comes twice.
  const first = <u32>reinterpret<u64>(load<f64>(values) * power + shift)
  const second = count > 1 ? <u32>reinterpret<u64>(load<f64>(values, 8) * power + shift) : first
  let before = i32x4.splat(first + first - second)
  for (; values < end; values += 32, units += 16) {
    const v = v128.load(values)
    const w = v128.load(values, 16)
    const x = f64x2.add(f64x2.mul(v, p), s)
    const y = f64x2.add(f64x2.mul(w, p), s)
    let a = f64x2.sub(x, s)
    let b = f64x2.sub(y, s)
    if (!isWhole) {
      a = f64x2.div(a, p)
      b = f64x2.div(b, p)
    }
    const u = lowWords(x, y)
    bad = v128.or(bad, v128.or(v128.xor(a, v), v128.xor(b, w)))
    bad = v128.or(bad, v128.xor(highWords(x, y), head))
    v128.store(units, u)
    total = i64x2.add(total, i64x2.add(x, y))
    least = i32x4.min_u(least, u)
    most = i32x4.max_u(most, u)
    const delta = i32x4.sub(u, wordBefore(before, u))
    deltaLeast = i32x4.min_s(deltaLeast, delta)
    deltaMost = i32x4.max_s(deltaMost, delta)
    same = i32x4.add(same, i32x4.eq(delta, i32x4.splat(0)))
    before = u
  }
  const whole = count & ~3
  let sum = i64x2.extract_lane(total, 0) + i64x2.extract_lane(total, 1) - <i64>whole * 0x4330000000000000
  let low = leastOfU32(least)
  let high = mostOfU32(most)
  let lowStep = leastOfI32(deltaLeast)
  let highStep = mostOfI32(deltaMost)
  const counted = i64x2.add(i64x2.extend_low_i32x4_s(same), i64x2.extend_high_i32x4_s(same))
  let steps = whole + <i32>(i64x2.extract_lane(counted, 0) + i64x2.extract_lane(counted, 1))
  let isBad = i32(v128.any_true(bad))
  let last: u32 = whole > 0 ? <u32>i32x4.extract_lane(before, 3) : first + first - second
  for (let i = whole; i < count; i += 1, values += 8, units += 4) {
    const value = load<f64>(values)
    const x = value * power + shift
    const bits = reinterpret<u64>(x)
    isBad |= i32(reinterpret<u64>((x - shift) / power) !== reinterpret<u64>(value)) | i32(bits >>> 32 !== 0x43300000)
    const u = <u32>bits
    store<u32>(units, u)
    sum += <i64>u
    low = min(low, u)
    high = max(high, u)
    const delta = <i32>(u - last)
    lowStep = min(lowStep, delta)
    highStep = max(highStep, delta)
    steps += i32(delta !== 0)
    last = u
  }
  if (first !== second) steps -= 1
  store<f64>(out, <f64>low)
  store<f64>(out, <f64>high, 8)
  store<f64>(out, <f64>(sum - <i64>load<u32>(start) * <i64>count), 16)
  store<f64>(out, count > 1 ? <f64>lowStep : Infinity, 24)
  store<f64>(out, count > 1 ? <f64>highStep : -Infinity, 32)
  store<f64>(out, <f64>steps, 40)
  return isBad === 0 ? 0 : -1
}

/** Stats as of `unitStats`, of values (i64) less the i64 at `origin`, which is within 2^62; -1 where one of these is not
 *  within 2^51: added to the bits of 2^52 + 2^51 it changes the exponent. */
export function i64Stats(values: usize, count: i32, origin: usize, out: usize): i32 {
  const o = v128.load64_splat(origin)
  const bits = i64x2.splat(0x4338000000000000)
  const magic = f64x2.splat(6755399441055744.0)
  const zero = f64x2.splat(0)
  const first = f64x2.sub(i64x2.add(i64x2.sub(v128.load64_splat(values), o), bits), magic)
  let least = first
  let most = first
  let sum = zero
  let deltaLeast = f64x2.splat(Infinity)
  let deltaMost = f64x2.splat(-Infinity)
  let far = zero
  let same = zero
  // What stands before the first value, so that the first delta comes twice.
  let before = first
  let steps = 0
  if (count > 1) {
    const second = f64x2.sub(i64x2.add(i64x2.sub(v128.load64_splat(values, 8), o), bits), magic)
    before = f64x2.sub(f64x2.add(first, first), second)
    steps = -i32(load<i64>(values) !== load<i64>(values, 8))
  }
  const whole = count & ~1
  const end = values + (<usize>whole << 3)
  for (; values < end; values += 16) {
    const y = i64x2.add(i64x2.sub(v128.load(values), o), bits)
    far = v128.or(far, v128.xor(y, bits))
    const d = f64x2.sub(y, magic)
    least = f64x2.pmin(least, d)
    most = f64x2.pmax(most, d)
    sum = f64x2.add(sum, f64x2.sub(d, first))
    const delta = f64x2.sub(d, i8x16.shuffle(before, d, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23))
    deltaLeast = f64x2.pmin(deltaLeast, delta)
    deltaMost = f64x2.pmax(deltaMost, delta)
    same = i64x2.add(same, f64x2.eq(delta, zero))
    before = d
  }
  let total = f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1)
  if (whole < count) {
    const y = i64x2.add(i64x2.sub(v128.load64_splat(values), o), bits)
    far = v128.or(far, v128.xor(y, bits))
    const d = f64x2.sub(y, magic)
    least = f64x2.pmin(least, d)
    most = f64x2.pmax(most, d)
    total += f64x2.extract_lane(d, 0) - f64x2.extract_lane(first, 0)
    if (count > 1) {
      const delta = f64x2.sub(d, i8x16.shuffle(before, before, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15))
      deltaLeast = f64x2.pmin(deltaLeast, delta)
      deltaMost = f64x2.pmax(deltaMost, delta)
      steps += i32(f64x2.extract_lane(delta, 0) !== 0)
    }
  }
  store<f64>(out, min(f64x2.extract_lane(least, 0), f64x2.extract_lane(least, 1)))
  store<f64>(out, max(f64x2.extract_lane(most, 0), f64x2.extract_lane(most, 1)), 8)
  store<f64>(out, total, 16)
  store<f64>(out, min(f64x2.extract_lane(deltaLeast, 0), f64x2.extract_lane(deltaLeast, 1)), 24)
  store<f64>(out, max(f64x2.extract_lane(deltaMost, 0), f64x2.extract_lane(deltaMost, 1)), 32)
  steps += whole + <i32>(i64x2.extract_lane(same, 0) + i64x2.extract_lane(same, 1))
  store<f64>(out, <f64>steps, 40)
  return v128.any_true(i64x2.shr_u(far, 52)) ? -1 : 0
}

/** slots[i] = units[i] - base, u32; wraps. */
export function narrowSlots(units: usize, count: i32, base: u32, slots: usize): void {
  const b = i32x4.splat(base)
  for (const end = units + (<usize>count << 2); units < end; units += 16, slots += 16) {
    v128.store(slots, i32x4.sub(v128.load(units), b))
  }
}

/** slots[0] = 0, slots[i] = units[i] - units[i - 1] - base, u32; wraps. Reads 4 bytes before units. */
export function narrowDeltaSlots(units: usize, count: i32, base: u32, slots: usize): void {
  const b = i32x4.splat(base)
  const start = slots
  for (const end = units + (<usize>count << 2); units < end; units += 16, slots += 16) {
    v128.store(slots, i32x4.sub(i32x4.sub(v128.load(units), v128.load(units - 4)), b))
  }
  store<u32>(start, 0)
}

/** slots[i] = the low 32 bits of values[i] (i64) - base. */
export function lowSlots(values: usize, count: i32, base: u32, slots: usize): void {
  const b = i32x4.splat(base)
  for (const end = values + (<usize>count << 3); values < end; values += 32, slots += 16) {
    v128.store(slots, i32x4.sub(lowWords(v128.load(values), v128.load(values, 16)), b))
  }
}

/** slots[0] = 0, slots[i] = the low 32 bits of values[i] - values[i - 1] - base. */
export function lowDeltaSlots(values: usize, count: i32, base: u32, slots: usize): void {
  const b = i32x4.splat(base)
  let before = i32x4.splat(0)
  const start = slots
  for (const end = values + (<usize>count << 3); values < end; values += 32, slots += 16) {
    const words = lowWords(v128.load(values), v128.load(values, 16))
    v128.store(slots, i32x4.sub(i32x4.sub(words, wordBefore(before, words)), b))
    before = words
  }
  store<u32>(start, 0)
}

/** Distinct units (u32, least <= unit <= least + range): unit - least of each, rising, to found (f64), its number to
 *  codes[unit - least] (u16). `flags` has range + 1 bytes. Returns how many; most + 1 as soon as there are more. */
export function narrowDistinct(units: usize, count: i32, least: u32, range: u32, most: i32, flags: usize, codes: usize, found: usize): i32 {
  const bytes = <usize>range + 1
  memory.fill(flags, 0, bytes + 16)
  const origin = flags - <usize>least
  for (const end = units + (<usize>count << 2); units < end; units += 4) store<u8>(origin + <usize>load<u32>(units), 1)
  let known = 0
  const ones = i8x16.splat(1)
  for (let at: usize = 0; at < bytes; at += 16) {
    const v = v128.load(flags + at)
    if (!v128.any_true(v)) continue
    for (let mask = i8x16.bitmask(i8x16.eq(v, ones)); mask !== 0; mask &= mask - 1) {
      if (known === most) return most + 1
      const unit = at + <usize>ctz(mask)
      store<u16>(codes + (unit << 1), <u16>known)
      store<f64>(found + (<usize>known << 3), <f64>unit)
      known += 1
    }
  }
  return known
}

/** out[i] = codes[units[i] - least] - base, u32; codes are u16. */
export function narrowCodes(units: usize, count: i32, least: u32, codes: usize, base: u32, out: usize): void {
  const origin = codes - (<usize>least << 1)
  for (const end = units + (<usize>count << 2); units < end; units += 4, out += 4) {
    store<u32>(out, <u32>load<u16>(origin + (<usize>load<u32>(units) << 1)) - base)
  }
}
