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

// @ts-ignore: decorator
@inline
function headedLow(words: v128, head: v128): v128 {
  return i8x16.shuffle(words, head, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23)
}

// @ts-ignore: decorator
@inline
function headedHigh(words: v128, head: v128): v128 {
  return i8x16.shuffle(words, head, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31)
}

/** Least delta, most delta (they wrap to int32), changes of units -> 3 f64 at out. count >= 1. */
function narrowSteps(units: usize, count: i32, out: usize): void {
  let lowStep: i32 = 0x7fffffff
  let highStep: i32 = -0x80000000
  let steps = count - 1
  const end = units + (<usize>count << 2)
  let at = units + 4
  if (count > 8) {
    let least = i32x4.splat(lowStep)
    let most = i32x4.splat(highStep)
    let same = i32x4.splat(0)
    for (; at + 32 <= end; at += 32) {
      const a = v128.load(at - 4)
      const b = v128.load(at)
      const c = v128.load(at, 12)
      const e = v128.load(at, 16)
      const d = i32x4.sub(b, a)
      const f = i32x4.sub(e, c)
      least = i32x4.min_s(least, i32x4.min_s(d, f))
      most = i32x4.max_s(most, i32x4.max_s(d, f))
      same = i32x4.add(same, i32x4.add(i32x4.eq(a, b), i32x4.eq(c, e)))
    }
    lowStep = leastOfI32(least)
    highStep = mostOfI32(most)
    same = i64x2.add(i64x2.extend_low_i32x4_s(same), i64x2.extend_high_i32x4_s(same))
    steps += <i32>(i64x2.extract_lane(same, 0) + i64x2.extract_lane(same, 1))
  }
  for (; at < end; at += 4) {
    const delta = <i32>(load<u32>(at) - load<u32>(at - 4))
    lowStep = min(lowStep, delta)
    highStep = max(highStep, delta)
    steps -= i32(delta === 0)
  }
  store<f64>(out, count > 1 ? <f64>lowStep : Infinity)
  store<f64>(out, count > 1 ? <f64>highStep : -Infinity, 8)
  store<f64>(out, <f64>steps, 16)
}

/** x = nearest(value * power + shift), below 2^52 + 2^32: its low words are the units (u32). What the decoder makes of them,
 *  (2^52 + unit - shift) / power, must be the value, bit for bit: never -0. Where factor is not 0 that is
 *  (2^52 + unit - shift) * multiplier * factor, says the caller. The loops are emit.mjs's. */
export function narrowDecimals(values: usize, count: i32, power: f64, shift: f64, multiplier: f64, factor: f64, units: usize, out: usize): i32 {
  const whole = count & ~3
  const end = units + (<usize>whole << 2)
  let isBad: i32
  if (power === 1) isBad = narrowWhole(values, end, power, shift, multiplier, factor, units, out)
  else if (factor !== 0) isBad = narrowProducts(values, end, power, shift, multiplier, factor, units, out)
  else isBad = narrowQuotients(values, end, power, shift, multiplier, factor, units, out)
  let low = load<u32>(out)
  let high = load<u32>(out, 4)
  let sum = load<u64>(out, 8) - <u64>whole * 0x4330000000000000
  for (let i = <usize>whole; i < <usize>count; i += 1) {
    const value = load<f64>(values + (i << 3))
    const x = value * power + shift
    const d = reinterpret<f64>(0x4330000000000000 | (reinterpret<u64>(x) & 0xffffffff)) - shift
    const back = factor !== 0 ? d * multiplier * factor : d / power
    isBad |= i32(reinterpret<u64>(back) !== reinterpret<u64>(value))
    const unit = <u32>reinterpret<u64>(x)
    store<u32>(units + (i << 2), unit)
    low = min(low, unit)
    high = max(high, unit)
    sum += unit
  }
  if (isBad !== 0) return -1
  store<f64>(out, <f64>low)
  store<f64>(out, <f64>high, 8)
  store<f64>(out, <f64>(<i64>sum - <i64>load<u32>(units) * <i64>count), 16)
  narrowSteps(units, count, out + 24)
  return 0
}

/** to[0] = 0, to[i] = the low 32 bits of values[i] - values[i - 1]. */
function lowDeltas(values: usize, count: i32, to: usize): void {
  let before = i32x4.splat(0)
  const start = to
  for (const end = values + (<usize>count << 3); values < end; values += 32, to += 16) {
    const words = lowWords(v128.load(values), v128.load(values, 16))
    v128.store(to, i32x4.sub(words, wordBefore(before, words)))
    before = words
  }
  store<u32>(start, 0)
}

/** Stats as of `unitStats`, of values (i64) less the i64 at `origin`, which is within 2^62; -1 where one of these, or a
 *  delta, is not within 2^51: added to the bits of 2^52 + 2^51 it changes the exponent. Values that rise, as times do, have
 *  their least and most at the ends; others are looked through once more. */
function farStats(values: usize, count: i32, origin: usize, to: usize, out: usize): i32 {
  lowDeltas(values, count, to)
  const bits = i64x2.splat(0x4338000000000000)
  const magic = f64x2.splat(6755399441055744.0)
  const zero = f64x2.splat(0)
  const first = load<i64>(values)
  let deltaLeast = f64x2.splat(Infinity)
  let deltaMost = f64x2.splat(-Infinity)
  let far = zero
  let same = zero
  let sum = zero
  const end = values + (<usize>count << 3)
  let at = values + 8
  for (; at + 32 <= end; at += 32) {
    const v = v128.load(at)
    const w = v128.load(at, 16)
    const x = i64x2.add(i64x2.sub(v, v128.load(at - 8)), bits)
    const y = i64x2.add(i64x2.sub(w, v128.load(at + 8)), bits)
    far = v128.or(far, v128.or(v128.xor(x, bits), v128.xor(y, bits)))
    const d = f64x2.sub(x, magic)
    const e = f64x2.sub(y, magic)
    deltaLeast = f64x2.pmin(deltaLeast, f64x2.pmin(d, e))
    deltaMost = f64x2.pmax(deltaMost, f64x2.pmax(d, e))
    same = i64x2.add(same, i64x2.add(f64x2.eq(d, zero), f64x2.eq(e, zero)))
    sum = i64x2.add(sum, i64x2.add(v, w))
  }
  let total = i64x2.extract_lane(sum, 0) + i64x2.extract_lane(sum, 1)
  let steps = <i32>((at - values - 8) >>> 3) + <i32>(i64x2.extract_lane(same, 0) + i64x2.extract_lane(same, 1))
  let lowStep = min(f64x2.extract_lane(deltaLeast, 0), f64x2.extract_lane(deltaLeast, 1))
  let highStep = max(f64x2.extract_lane(deltaMost, 0), f64x2.extract_lane(deltaMost, 1))
  let isFar = i32(v128.any_true(i64x2.shr_u(far, 52)))
  for (; at < end; at += 8) {
    const value = load<i64>(at)
    const step = value - load<i64>(at - 8)
    isFar |= i32(step < -(<i64>1 << 51)) | i32(step >= <i64>1 << 51)
    lowStep = min(lowStep, <f64>step)
    highStep = max(highStep, <f64>step)
    steps += i32(step !== 0)
    total += value
  }
  const from = load<i64>(origin)
  const least = first - from
  const most = load<i64>(end - 8) - from
  if (!(lowStep >= 0)) {
    const o = i64x2.splat(from)
    let low = f64x2.splat(<f64>least)
    let high = low
    far = zero
    for (at = values; at + 16 <= end; at += 16) {
      const x = i64x2.add(i64x2.sub(v128.load(at), o), bits)
      far = v128.or(far, v128.xor(x, bits))
      const d = f64x2.sub(x, magic)
      low = f64x2.pmin(low, d)
      high = f64x2.pmax(high, d)
    }
    isFar |= i32(v128.any_true(i64x2.shr_u(far, 52))) | i32((most + (<i64>1 << 51)) >>> 52 !== 0)
    const x = <f64>most
    store<f64>(out, min(x, min(f64x2.extract_lane(low, 0), f64x2.extract_lane(low, 1))))
    store<f64>(out, max(x, max(f64x2.extract_lane(high, 0), f64x2.extract_lane(high, 1))), 8)
  } else {
    isFar |= i32((least + (<i64>1 << 51)) >>> 52 !== 0) | i32((most + (<i64>1 << 51)) >>> 52 !== 0)
    store<f64>(out, <f64>least)
    store<f64>(out, <f64>most, 8)
  }
  store<f64>(out, <f64>(total - first * <i64>(count - 1)), 16)
  store<f64>(out, lowStep, 24)
  store<f64>(out, highStep, 32)
  store<f64>(out, <f64>steps, 40)
  return isFar === 0 ? 0 : -1
}

/** The same where values rise by less than 2^32 each, as times do: the deltas' low words say it all. */
export function i64Stats(values: usize, count: i32, origin: usize, to: usize, out: usize): i32 {
  if (count < 5) return farStats(values, count, origin, to, out)
  const zero = i32x4.splat(0)
  let least = i32x4.splat(-1)
  let most = zero
  let highs = zero
  let same = zero
  let sum = zero
  const end = values + (<usize>count << 3)
  let at = values + 8
  store<u32>(to, 0)
  let step = to + 4
  for (; at + 32 <= end; at += 32, step += 16) {
    const v = v128.load(at)
    const w = v128.load(at, 16)
    const d = i64x2.sub(v, v128.load(at - 8))
    const e = i64x2.sub(w, v128.load(at + 8))
    const low = lowWords(d, e)
    v128.store(step, low)
    highs = v128.or(highs, highWords(d, e))
    least = i32x4.min_u(least, low)
    most = i32x4.max_u(most, low)
    same = i32x4.add(same, i32x4.eq(low, zero))
    sum = i64x2.add(sum, i64x2.add(v, w))
  }
  let above = <u64>v128.any_true(highs)
  let total = i64x2.extract_lane(sum, 0) + i64x2.extract_lane(sum, 1)
  let lowStep = <u64>leastOfU32(least)
  let highStep = <u64>mostOfU32(most)
  same = i64x2.add(i64x2.extend_low_i32x4_s(same), i64x2.extend_high_i32x4_s(same))
  let steps = <i32>((at - values - 8) >>> 3) + <i32>(i64x2.extract_lane(same, 0) + i64x2.extract_lane(same, 1))
  for (; at < end; at += 8, step += 4) {
    const value = load<i64>(at)
    const delta = <u64>(value - load<i64>(at - 8))
    store<u32>(step, <u32>delta)
    above |= delta >>> 32
    lowStep = min(lowStep, delta)
    highStep = max(highStep, delta)
    steps += i32(delta !== 0)
    total += value
  }
  const first = load<i64>(values)
  const from = load<i64>(origin)
  const low = first - from
  const high = load<i64>(end - 8) - from
  const isFar = (<u64>(low + (<i64>1 << 51)) | <u64>(high + (<i64>1 << 51))) >>> 52 !== 0
  if (above !== 0 || isFar) return farStats(values, count, origin, to, out)
  store<f64>(out, <f64>low)
  store<f64>(out, <f64>high, 8)
  store<f64>(out, <f64>(total - first * <i64>(count - 1)), 16)
  store<f64>(out, <f64>lowStep, 24)
  store<f64>(out, <f64>highStep, 32)
  store<f64>(out, <f64>steps, 40)
  return 0
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
  for (const end = units + (<usize>count << 2); units < end; units += 32, slots += 32) {
    v128.store(slots, i32x4.sub(i32x4.sub(v128.load(units), v128.load(units - 4)), b))
    v128.store(slots, i32x4.sub(i32x4.sub(v128.load(units, 16), v128.load(units + 12)), b), 16)
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

/** Distinct units (u32, least <= unit <= least + range): unit - least of each, rising, to found (f64), its number to
 *  codes[unit - least] (u16). `flags` has range + 65 bytes, which are 0 before and after. Returns how many; most + 1 as
 *  soon as there are more. */
export function narrowDistinct(units: usize, count: i32, least: u32, range: u32, most: i32, flags: usize, codes: usize, found: usize): i32 {
  const bytes = <usize>range + 1
  const origin = flags - <usize>least
  const end = units + (<usize>count << 2)
  for (; units + 16 <= end; units += 16) {
    store<u8>(origin + <usize>load<u32>(units), 1)
    store<u8>(origin + <usize>load<u32>(units, 4), 1)
    store<u8>(origin + <usize>load<u32>(units, 8), 1)
    store<u8>(origin + <usize>load<u32>(units, 12), 1)
  }
  for (; units < end; units += 4) store<u8>(origin + <usize>load<u32>(units), 1)
  let known = 0
  const ones = i8x16.splat(1)
  const none = i8x16.splat(0)
  for (let from: usize = 0; from < bytes; from += 64) {
    const a = v128.or(v128.load(flags + from), v128.load(flags + from, 16))
    const b = v128.or(v128.load(flags + from, 32), v128.load(flags + from, 48))
    if (!v128.any_true(v128.or(a, b))) continue
    for (let at = from; at < from + 64; at += 16) {
      let mask = i8x16.bitmask(i8x16.eq(v128.load(flags + at), ones))
      v128.store(flags + at, none)
      for (; mask !== 0; mask &= mask - 1) {
        if (known === most) {
          memory.fill(flags + at, 0, bytes - at)
          return most + 1
        }
        const unit = at + <usize>ctz(mask)
        store<u16>(codes + (unit << 1), <u16>known)
        store<f64>(found + (<usize>known << 3), <f64>unit)
        known += 1
      }
    }
  }
  return known
}

/** out[i] = codes[units[i] - least], u32; codes are u16. */
export function narrowCodes(units: usize, count: i32, least: u32, codes: usize, out: usize): void {
  const origin = codes - (<usize>least << 1)
  const end = units + (<usize>count << 2)
  for (; units + 16 <= end; units += 16, out += 16) {
    store<u32>(out, <u32>load<u16>(origin + (<usize>load<u32>(units) << 1)))
    store<u32>(out, <u32>load<u16>(origin + (<usize>load<u32>(units, 4) << 1)), 4)
    store<u32>(out, <u32>load<u16>(origin + (<usize>load<u32>(units, 8) << 1)), 8)
    store<u32>(out, <u32>load<u16>(origin + (<usize>load<u32>(units, 12) << 1)), 12)
  }
  for (; units < end; units += 4, out += 4) {
    store<u32>(out, <u32>load<u16>(origin + (<usize>load<u32>(units) << 1)))
  }
}
