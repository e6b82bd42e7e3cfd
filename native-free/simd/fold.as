// AssemblyScript, compiled by build.mjs together with kernels.as: what aggregates ask of one vector. Ranges are given by
// their bounds, u32 each, one more than there are ranges, not falling: range r is [bounds[r], bounds[r + 1]).

/** Sum (u64), least, most, first, last (u32) of each range of units (u32) -> 24 bytes a range; of an empty range 0,
 *  2^32 - 1, 0, 0, 0. */
export function foldU32(units: usize, bounds: usize, ranges: i32, out: usize): void {
  for (let r = 0; r < ranges; r += 1, bounds += 4, out += 24) {
    const from = units + (<usize>load<u32>(bounds) << 2)
    const end = units + (<usize>load<u32>(bounds, 4) << 2)
    if (from === end) {
      store<u64>(out, 0)
      store<u32>(out, 0xffffffff, 8)
      store<u32>(out, 0, 12)
      store<u64>(out, 0, 16)
      continue
    }
    let at = from
    let sums = i64x2.splat(0)
    let least = i32x4.splat(-1)
    let most = i32x4.splat(0)
    for (; at + 16 <= end; at += 16) {
      const v = v128.load(at)
      sums = i64x2.add(sums, i64x2.add(i64x2.extend_low_i32x4_u(v), i64x2.extend_high_i32x4_u(v)))
      least = i32x4.min_u(least, v)
      most = i32x4.max_u(most, v)
    }
    let sum = <u64>i64x2.extract_lane(sums, 0) + <u64>i64x2.extract_lane(sums, 1)
    let low = min(
      min(<u32>i32x4.extract_lane(least, 0), <u32>i32x4.extract_lane(least, 1)),
      min(<u32>i32x4.extract_lane(least, 2), <u32>i32x4.extract_lane(least, 3)),
    )
    let high = max(
      max(<u32>i32x4.extract_lane(most, 0), <u32>i32x4.extract_lane(most, 1)),
      max(<u32>i32x4.extract_lane(most, 2), <u32>i32x4.extract_lane(most, 3)),
    )
    for (; at < end; at += 4) {
      const v = load<u32>(at)
      sum += v
      low = min(low, v)
      high = max(high, v)
    }
    store<u64>(out, sum)
    store<u32>(out, low, 8)
    store<u32>(out, high, 12)
    store<u32>(out, load<u32>(from), 16)
    store<u32>(out, load<u32>(end - 4), 20)
  }
}

/** units[0] = first, units[i] = units[i - 1] + step + units[i] (u32), in place; wraps. */
export function u32Deltas(units: usize, count: i32, first: u32, step: u32): void {
  const zero = i32x4.splat(0)
  const s = i32x4.splat(step)
  let carry = i32x4.splat(first - step)
  store<u32>(units, 0)
  for (const end = units + (<usize>count << 2); units < end; units += 16) {
    let v = i32x4.add(s, v128.load(units))
    v = i32x4.add(v, i8x16.shuffle(zero, v, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27))
    v = i32x4.add(v, i8x16.shuffle(zero, v, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23))
    v128.store(units, i32x4.add(carry, v))
    // What is carried on waits for one addition alone.
    carry = i32x4.add(carry, i8x16.shuffle(v, v, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15))
  }
}

/** The first place whose sum of step + slots[j] (u32), j from 1 to the place, is at or above `gap`; count where there is
 *  none. step and gap are whole, from 0 to below 2^53; slots[0] becomes 0. */
export function placeOfSum(slots: usize, count: i32, step: f64, gap: f64): i32 {
  const s = <u64>step
  const most = <u64>gap
  store<u32>(slots, 0)
  // Slot 0 stands for no step.
  let total: u64 = 0 - s
  let place = 0
  for (; place + 16 <= count; place += 16) {
    const at = slots + (<usize>place << 2)
    const a = v128.load(at)
    const b = v128.load(at, 16)
    const c = v128.load(at, 32)
    const d = v128.load(at, 48)
    const low = i64x2.add(
      i64x2.add(i64x2.extend_low_i32x4_u(a), i64x2.extend_low_i32x4_u(b)),
      i64x2.add(i64x2.extend_low_i32x4_u(c), i64x2.extend_low_i32x4_u(d)),
    )
    const high = i64x2.add(
      i64x2.add(i64x2.extend_high_i32x4_u(a), i64x2.extend_high_i32x4_u(b)),
      i64x2.add(i64x2.extend_high_i32x4_u(c), i64x2.extend_high_i32x4_u(d)),
    )
    const sums = i64x2.add(low, high)
    const next = total + 16 * s + <u64>i64x2.extract_lane(sums, 0) + <u64>i64x2.extract_lane(sums, 1)
    if (next >= most) break
    total = next
  }
  for (; place < count; place += 1) {
    total += s + load<u32>(slots + (<usize>place << 2))
    if (total >= most) return place
  }
  return count
}

/** The sum of a[i] * b[i] over each range, u64, wraps. */
export function dotU32(a: usize, b: usize, bounds: usize, ranges: i32, out: usize): void {
  for (let r = 0; r < ranges; r += 1, bounds += 4, out += 8) {
    const end = <usize>load<u32>(bounds, 4) << 2
    let at = <usize>load<u32>(bounds) << 2
    let even = i64x2.splat(0)
    let odd = even
    for (; at + 16 <= end; at += 16) {
      const x = v128.load(a + at)
      const y = v128.load(b + at)
      even = i64x2.add(even, i64x2.extmul_low_i32x4_u(x, y))
      odd = i64x2.add(odd, i64x2.extmul_high_i32x4_u(x, y))
    }
    even = i64x2.add(even, odd)
    let sum = <u64>i64x2.extract_lane(even, 0) + <u64>i64x2.extract_lane(even, 1)
    for (; at < end; at += 4) sum += <u64>load<u32>(a + at) * <u64>load<u32>(b + at)
    store<u64>(out, sum)
  }
}

/** The first place in [from, end) of rising times (i64) that is at or after `edge`; end where there is none. */
// @ts-ignore: decorator
@inline
function placeOf(times: usize, from: i32, end: i32, edge: i64): i32 {
  let low = from
  let step = 1
  while (low + step < end && load<i64>(times + (<usize>(low + step) << 3)) < edge) {
    low += step
    step <<= 1
  }
  let high = min(end, low + step + 1)
  while (low < high) {
    const middle = (low + high) >>> 1
    if (load<i64>(times + (<usize>middle << 3)) < edge) low = middle + 1
    else high = middle
  }
  return low
}

/** Cuts the rising times (i64) of rows [from, end) into buckets of `width` that begin at multiples of it above `phase`,
 *  0 <= phase < width: the first row of each bucket that has rows (u32) to bounds, `end` behind the last; the time at
 *  which it opens (i64) to opens, the least int64 where that is earlier. Returns how many buckets. */
export function bucketsOf(times: usize, from: i32, end: i32, phase: i64, width: i64, bounds: usize, opens: usize): i32 {
  let buckets = 0
  while (from < end) {
    const time = load<i64>(times + (<usize>from << 3))
    let within = time % width - phase
    if (within < 0) within += width
    if (within < 0) within += width
    const open = time - within
    store<u32>(bounds, from)
    store<i64>(opens, open > time ? i64.MIN_VALUE : open)
    bounds += 4
    opens += 8
    buckets += 1
    const edge = time + (width - within)
    from = edge < time ? end : placeOf(times, from, end, edge)
  }
  store<u32>(bounds, end)
  return buckets
}

/** Bits of a vector's present values (in order) to bits of its rows: bit r of out is 1 where row r is present and the bit
 *  of its value is 1. Rows from 0 to count; whole bytes are written. */
export function spreadBits(bits: usize, valid: usize, count: i32, out: usize): void {
  let value = 0
  for (let row = 0; row < count; row += 8, valid += 1, out += 1) {
    const rows = <i32>load<u8>(valid)
    let word: i32 = 0
    const window = <i32>load<u32>(bits + <usize>(value >>> 3)) >>> (value & 7)
    let taken = 0
    for (let rest = rows; rest !== 0; rest &= rest - 1, taken += 1) {
      if ((window >>> taken) & 1) word |= rest & -rest
    }
    value += taken
    store<u8>(out, word)
  }
}

/** Of the bits of `count` rows those whose bit in `chosen` is 1, one behind the other; whole u32 words are written.
 *  Returns how many there are. */
export function compressBits(bits: usize, chosen: usize, count: i32, out: usize): i32 {
  let word: u64 = 0
  let held = 0
  let total = 0
  for (let row = 0; row < count; row += 8, bits += 1, chosen += 1) {
    let rows = <i32>load<u8>(chosen)
    if (count - row < 8) rows &= (1 << (count - row)) - 1
    const values = <i32>load<u8>(bits)
    let taken = 0
    let some: u64 = 0
    for (let rest = rows; rest !== 0; rest &= rest - 1, taken += 1) {
      if ((values & rest & -rest) !== 0) some |= <u64>1 << taken
    }
    word |= some << held
    held += taken
    total += taken
    if (held >= 32) {
      store<u32>(out, <u32>word)
      out += 4
      word >>= 32
      held -= 32
    }
  }
  if (held > 0) store<u32>(out, <u32>word)
  return total
}
