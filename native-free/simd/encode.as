// AssemblyScript, compiled by build.mjs behind kernels.as: what the encoder of pages asks of whole numbers in doubles
// ("units"), see there.

/** d = nearest(value * power) to out (f64); the places where d / power is not value, bit for bit, or abs(d) >= 2^53, or
 *  d is -0, to `places` (u32), as many as `most` of them. Returns how many there are. */
export function decimals(values: usize, count: i32, power: f64, out: usize, places: usize, most: i32): i32 {
  const p = f64x2.splat(power)
  const limit = f64x2.splat(9007199254740992)
  const minusZero = i64x2.splat(0x8000000000000000)
  let bad = 0
  for (let i = 0; i < count; i += 2, values += 16, out += 16) {
    const v = v128.load(values)
    const d = f64x2.nearest(f64x2.mul(v, p))
    v128.store(out, d)
    const isBack = v128.and(i64x2.eq(f64x2.div(d, p), v), f64x2.lt(f64x2.abs(d), limit))
    const mask = i64x2.bitmask(v128.andnot(isBack, i64x2.eq(d, minusZero)))
    if (mask === 3) continue
    for (let lane = 0; lane < min(2, count - i); lane += 1) {
      if (mask & (1 << lane)) continue
      if (bad < most) store<u32>(places + (<usize>bad << 2), i + lane)
      bad += 1
    }
  }
  return bad
}

/** out[i] = values[i] - values[0], f64; -1 where one of these is not within 2^51, else 0. See i64UnitWhole. */
export function i64Distances(values: usize, count: i32, out: usize): i32 {
  const first = i64x2.splat(load<i64>(values))
  const bits = i64x2.splat(0x4338000000000000)
  const magic = f64x2.splat(6755399441055744.0)
  const half = i64x2.splat(<i64>1 << 51)
  let far = i64x2.splat(0)
  const end = values + (<usize>count << 3)
  for (; values + 16 <= end; values += 16, out += 16) {
    const v = v128.load(values)
    const x = i64x2.sub(v, first)
    const wraps = i64x2.shr_u(v128.and(v128.xor(v, first), v128.xor(v, x)), 63)
    far = v128.or(far, v128.or(wraps, i64x2.shr_u(i64x2.add(x, half), 52)))
    v128.store(out, f64x2.sub(i64x2.add(x, bits), magic))
  }
  if (values < end) {
    const v = v128.load64_splat(values)
    const x = i64x2.sub(v, first)
    const wraps = i64x2.shr_u(v128.and(v128.xor(v, first), v128.xor(v, x)), 63)
    far = v128.or(far, v128.or(wraps, i64x2.shr_u(i64x2.add(x, half), 52)))
    v128.store64_lane(out, f64x2.sub(i64x2.add(x, bits), magic), 0)
  }
  return v128.any_true(far) ? -1 : 0
}

/** Of whole units (f64; count >= 1): least, most, the sum of unit - first, least delta, most delta (infinities where
 *  there is none), changes -> 6 f64. The sum is exact where all its parts are below 2^53. */
export function unitStats(units: usize, count: i32, out: usize): void {
  const first = v128.load64_splat(units)
  let least = first
  let most = first
  let otherLeast = first
  let otherMost = first
  let sum = f64x2.splat(0)
  let otherSum = sum
  let deltaLeast = f64x2.splat(Infinity)
  let deltaMost = f64x2.splat(-Infinity)
  let otherDeltaLeast = deltaLeast
  let otherDeltaMost = deltaMost
  let changes = i64x2.splat(0)
  const end = units + (<usize>count << 3)
  for (units += 8; units + 32 <= end; units += 32) {
    const v = v128.load(units)
    const w = v128.load(units, 16)
    const d = f64x2.sub(v, v128.load(units - 8))
    const e = f64x2.sub(w, v128.load(units + 8))
    least = f64x2.pmin(least, v)
    otherLeast = f64x2.pmin(otherLeast, w)
    most = f64x2.pmax(most, v)
    otherMost = f64x2.pmax(otherMost, w)
    sum = f64x2.add(sum, f64x2.sub(v, first))
    otherSum = f64x2.add(otherSum, f64x2.sub(w, first))
    deltaLeast = f64x2.pmin(deltaLeast, d)
    otherDeltaLeast = f64x2.pmin(otherDeltaLeast, e)
    deltaMost = f64x2.pmax(deltaMost, d)
    otherDeltaMost = f64x2.pmax(otherDeltaMost, e)
    const zero = f64x2.splat(0)
    changes = i64x2.add(changes, i64x2.add(f64x2.ne(d, zero), f64x2.ne(e, zero)))
  }
  least = f64x2.pmin(least, otherLeast)
  most = f64x2.pmax(most, otherMost)
  sum = f64x2.add(sum, otherSum)
  deltaLeast = f64x2.pmin(deltaLeast, otherDeltaLeast)
  deltaMost = f64x2.pmax(deltaMost, otherDeltaMost)
  let total = f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1)
  let steps = -(i64x2.extract_lane(changes, 0) + i64x2.extract_lane(changes, 1))
  for (; units < end; units += 8) {
    const v = v128.load64_splat(units)
    const d = f64x2.sub(v, v128.load64_splat(units - 8))
    least = f64x2.pmin(least, v)
    most = f64x2.pmax(most, v)
    deltaLeast = f64x2.pmin(deltaLeast, d)
    deltaMost = f64x2.pmax(deltaMost, d)
    total += f64x2.extract_lane(f64x2.sub(v, first), 0)
    if (f64x2.extract_lane(d, 0) !== 0) steps += 1
  }
  store<f64>(out, min(f64x2.extract_lane(least, 0), f64x2.extract_lane(least, 1)))
  store<f64>(out, max(f64x2.extract_lane(most, 0), f64x2.extract_lane(most, 1)), 8)
  store<f64>(out, total, 16)
  store<f64>(out, min(f64x2.extract_lane(deltaLeast, 0), f64x2.extract_lane(deltaLeast, 1)), 24)
  store<f64>(out, max(f64x2.extract_lane(deltaMost, 0), f64x2.extract_lane(deltaMost, 1)), 32)
  store<f64>(out, <f64>steps, 40)
}

/** units[i] = (units[i] - least) / divisor, in place. */
export function rescale(units: usize, count: i32, least: f64, divisor: f64): void {
  const l = f64x2.splat(least)
  const end = units + (<usize>count << 3)
  if (divisor === 1) {
    for (; units < end; units += 32) {
      v128.store(units, f64x2.sub(v128.load(units), l))
      v128.store(units, f64x2.sub(v128.load(units, 16), l), 16)
    }
    return
  }
  const d = f64x2.splat(divisor)
  for (; units < end; units += 16) v128.store(units, f64x2.div(f64x2.sub(v128.load(units), l), d))
}

/** The first place from `from` on where (units[i] - least) / divisor is not whole; count where there is none. */
export function indivisible(units: usize, from: i32, count: i32, least: f64, divisor: f64): i32 {
  const l = f64x2.splat(least)
  const d = f64x2.splat(divisor)
  units += <usize>from << 3
  for (let i = from; i < count; i += 2, units += 16) {
    const q = f64x2.div(f64x2.sub(v128.load(units), l), d)
    const mask = i64x2.bitmask(f64x2.ne(q, f64x2.floor(q)))
    if (mask !== 0) return min(i + ctz(mask), count)
  }
  return count
}

/** Runs of equal units (f64; count >= 1): the unit (f64) and the length - 1 (u32) of each. Returns how many. */
export function runsOf(units: usize, count: i32, values: usize, lengths: usize): i32 {
  let before = load<f64>(units)
  let run: usize = 0
  let start = 0
  for (let i = 0; i < count; i += 1, units += 8) {
    const unit = load<f64>(units)
    const isNew = unit !== before
    run += <usize>isNew
    start = isNew ? i : start
    store<f64>(values + (run << 3), unit)
    store<u32>(lengths + (run << 2), i - start)
    before = unit
  }
  return <i32>run + 1
}

/** The greatest of count u32. */
export function mostOf(values: usize, count: i32): u32 {
  let most = i32x4.splat(0)
  const end = values + (<usize>count << 2)
  for (; values + 16 <= end; values += 16) most = i32x4.max_u(most, v128.load(values))
  for (; values < end; values += 4) most = i32x4.max_u(most, v128.load32_splat(values))
  const a = max(<u32>i32x4.extract_lane(most, 0), <u32>i32x4.extract_lane(most, 1))
  return max(a, max(<u32>i32x4.extract_lane(most, 2), <u32>i32x4.extract_lane(most, 3)))
}

/** How many bits values (f64, whole) take: above `least`, and around `middle` with a sign -> how many there are of each
 *  number of bits, 64 u32 at `above` and at `around`. Bits are read off exponents: n + 1/2 has that of 0.5 and above it
 *  as many as n has bits, and -n has as many as n - 1. `tables` has room for 2 x 64 u32: odd places are counted there,
 *  so that equal neighbours do not wait for each other. */
export function spreads(values: usize, count: i32, least: f64, middle: f64, tables: usize, above: usize, around: usize): void {
  memory.fill(above, 0, 256)
  memory.fill(around, 0, 256)
  memory.fill(tables, 0, 512)
  const half = f64x2.splat(0.5)
  const l = f64x2.splat(least)
  const m = f64x2.splat(middle)
  const aboveAt = above - (1022 << 2)
  const aroundAt = around - (1021 << 2)
  const aboveOdd = tables - (1022 << 2)
  const aroundOdd = tables + 256 - (1021 << 2)
  let middles = i64x2.splat(0)
  const end = values + (<usize>count << 3)
  for (; values + 16 <= end; values += 16) {
    const v = v128.load(values)
    const a = i64x2.shr_u(f64x2.add(f64x2.sub(v, l), half), 52)
    const b = i64x2.shr_u(f64x2.abs(f64x2.add(f64x2.sub(v, m), half)), 52)
    middles = i64x2.add(middles, f64x2.eq(v, m))
    const a0 = aboveAt + (<usize>i64x2.extract_lane(a, 0) << 2)
    const b0 = aroundAt + (<usize>i64x2.extract_lane(b, 0) << 2)
    const a1 = aboveOdd + (<usize>i64x2.extract_lane(a, 1) << 2)
    const b1 = aroundOdd + (<usize>i64x2.extract_lane(b, 1) << 2)
    store<u32>(a0, load<u32>(a0) + 1)
    store<u32>(b0, load<u32>(b0) + 1)
    store<u32>(a1, load<u32>(a1) + 1)
    store<u32>(b1, load<u32>(b1) + 1)
  }
  let same = <u32>-(i64x2.extract_lane(middles, 0) + i64x2.extract_lane(middles, 1))
  if (values < end) {
    const v = load<f64>(values)
    const a0 = aboveAt + (<usize>(reinterpret<u64>(v - least + 0.5) >>> 52) << 2)
    const b0 = aroundAt + (<usize>(reinterpret<u64>(abs(v - middle + 0.5)) >>> 52) << 2)
    store<u32>(a0, load<u32>(a0) + 1)
    store<u32>(b0, load<u32>(b0) + 1)
    same += u32(v === middle)
  }
  for (let at: usize = 0; at < 256; at += 16) {
    v128.store(above + at, i32x4.add(v128.load(above + at), v128.load(tables + at)))
    v128.store(around + at, i32x4.add(v128.load(around + at), v128.load(tables + 256 + at)))
  }
  store<u32>(around, same)
  store<u32>(around, load<u32>(around, 4) - same, 4)
}

/** x = values[i] - base, whole, abs(x) < 2^63: its low 32 bits to slots (u32); where x >> width is not 0 the place (u16)
 *  and x >> width (i32) to places and highs, which have room for one more than there are. Returns how many. */
export function patchesOf(values: usize, count: i32, base: f64, width: i32, slots: usize, places: usize, highs: usize): i32 {
  let patches: usize = 0
  for (let i = 0; i < count; i += 1, values += 8, slots += 4) {
    const x = <i64>(load<f64>(values) - base)
    const high = x >> width
    store<u32>(slots, <u32>x)
    store<u16>(places + (patches << 1), i)
    store<i32>(highs + (patches << 2), <i32>high)
    patches += <usize>(high !== 0)
  }
  return <i32>patches
}

/** x = values[i] - base, whole, 0 <= x < 2^63: its low 32 bits to lows, the next 32 to highs. */
export function halvesOf(values: usize, count: i32, base: f64, lows: usize, highs: usize): void {
  for (const end = values + (<usize>count << 3); values < end; values += 8, lows += 4, highs += 4) {
    const x = <i64>(load<f64>(values) - base)
    store<u32>(lows, <u32>x)
    store<u32>(highs, <u32>(x >> 32))
  }
}

/** out[0] = 0, out[i] = units[i] - units[i - 1], f64. Reads 8 bytes before units. */
export function deltasOf(units: usize, count: i32, out: usize): void {
  const start = out
  for (const end = units + (<usize>count << 3); units < end; units += 16, out += 16) {
    v128.store(out, f64x2.sub(v128.load(units), v128.load(units - 8)))
  }
  store<f64>(start, 0)
}

// ---- distinct units: a table of 8 bytes a slot, open addressing, -1 where a slot is free

// @ts-ignore: decorator
@inline
function slotFor(unit: f64, table: usize, mask: u32): u32 {
  let slot = <u32>((reinterpret<u64>(unit) * 0x9e3779b97f4a7c15) >>> 48) & mask
  let key = load<f64>(table + (<usize>slot << 3))
  while (key !== unit && key >= 0) {
    slot = (slot + 1) & mask
    key = load<f64>(table + (<usize>slot << 3))
  }
  return slot
}

/** Distinct units (f64, >= 0), in the order in which they come, to found; the slot (u16) of each unit to slots. The
 *  table has mask + 1 slots, a power of two, more than `most`. Returns how many; most + 1 as soon as there are more. */
export function distinct(units: usize, count: i32, most: i32, table: usize, mask: u32, slots: usize, found: usize): i32 {
  const free = f64x2.splat(-1)
  const tableEnd = table + (<usize>(mask + 1) << 3)
  for (let at = table; at < tableEnd; at += 32) {
    v128.store(at, free)
    v128.store(at, free, 16)
  }
  let known = 0
  let before: f64 = -1
  let slot: u32 = 0
  for (const end = units + (<usize>count << 3); units < end; units += 8, slots += 2) {
    const unit = load<f64>(units)
    if (unit !== before) {
      before = unit
      slot = slotFor(unit, table, mask)
      if (load<f64>(table + (<usize>slot << 3)) < 0) {
        if (known === most) return most + 1
        store<f64>(table + (<usize>slot << 3), unit)
        store<f64>(found + (<usize>known << 3), unit)
        known += 1
      }
    }
    store<u16>(slots, slot)
  }
  return known
}

/** codes[slot of dictionary[i]] = i (u32), for units that `distinct` put into the table. */
export function placeCodes(dictionary: usize, count: i32, table: usize, mask: u32, codes: usize): void {
  for (let i = 0; i < count; i += 1, dictionary += 8) {
    store<u32>(codes + (<usize>slotFor(load<f64>(dictionary), table, mask) << 2), i)
  }
}

/** out[i] = codes[slots[i]], u32. */
export function codesOf(slots: usize, count: i32, codes: usize, out: usize): void {
  for (const end = slots + (<usize>count << 1); slots < end; slots += 2, out += 4) {
    store<u32>(out, load<u32>(codes + (<usize>load<u16>(slots) << 2)))
  }
}

/** count f64 at values, rising, in place: insertion, for a few hundred at most. */
export function sortFew(values: usize, count: i32): void {
  const end = values + (<usize>count << 3)
  for (let next = values + 8; next < end; next += 8) {
    const value = load<f64>(next)
    let at = next
    for (; at > values && load<f64>(at - 8) > value; at -= 8) store<f64>(at, load<f64>(at - 8))
    store<f64>(at, value)
  }
}

/** slots[i] = units[i] - least as u32, saturating. */
export function slotsOf(units: usize, count: i32, least: f64, slots: usize): void {
  const l = f64x2.splat(least)
  for (const end = units + (<usize>count << 3); units < end; units += 32, slots += 16) {
    const a = i32x4.trunc_sat_f64x2_u_zero(f64x2.sub(v128.load(units), l))
    const b = i32x4.trunc_sat_f64x2_u_zero(f64x2.sub(v128.load(units, 16), l))
    v128.store(slots, i8x16.shuffle(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23))
  }
}

/** slots[0] = 0, slots[i] = units[i] - units[i - 1] - base as u32, saturating. Reads 8 bytes before units. */
export function deltaSlotsOf(units: usize, count: i32, base: f64, slots: usize): void {
  const b = f64x2.splat(base)
  const start = slots
  for (const end = units + (<usize>count << 3); units < end; units += 32, slots += 16) {
    const d = f64x2.sub(v128.load(units), v128.load(units - 8))
    const e = f64x2.sub(v128.load(units, 16), v128.load(units + 8))
    const s = i32x4.trunc_sat_f64x2_u_zero(f64x2.sub(d, b))
    const t = i32x4.trunc_sat_f64x2_u_zero(f64x2.sub(e, b))
    v128.store(slots, i8x16.shuffle(s, t, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23))
  }
  store<u32>(start, 0)
}
