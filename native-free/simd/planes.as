// AssemblyScript, compiled by build.mjs together with kernels.as: true reals, 8 bytes each, as byte planes and back, and
// what a zone map says of them. Neither input nor output need be aligned; nothing behind them is read or written.

// @ts-ignore: decorator
@inline
function lows(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
}

// @ts-ignore: decorator
@inline
function highs(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
}

/** Byte p of value i of `count` -> byte p * count + i at planes. */
// Of a byte's place among 16 values, i = its value and p = its byte, a register holds the low 4 bits: at first i0 p2 p1 p0.
// Each round moves the upper one to the registers' numbers and puts one of those below: four bring i3 i2 i1 i0.
export function toPlanes(values: usize, count: i32, planes: usize): void {
  const size = <usize>count
  const end = planes + size
  for (const whole = end - 16; planes <= whole; planes += 16, values += 128) {
    const a0 = v128.load(values)
    const a1 = v128.load(values, 16)
    const a2 = v128.load(values, 32)
    const a3 = v128.load(values, 48)
    const a4 = v128.load(values, 64)
    const a5 = v128.load(values, 80)
    const a6 = v128.load(values, 96)
    const a7 = v128.load(values, 112)
    // Registers: 4, 2 and 1 are i3, i2 and i1; now pairs that differ in i3.
    const b0 = lows(a0, a4)
    const b1 = highs(a0, a4)
    const b2 = lows(a1, a5)
    const b3 = highs(a1, a5)
    const b4 = lows(a2, a6)
    const b5 = highs(a2, a6)
    const b6 = lows(a3, a7)
    const b7 = highs(a3, a7)
    // 4, 2, 1: i2, i1, i0.
    const c0 = lows(b0, b4)
    const c1 = highs(b0, b4)
    const c2 = lows(b1, b5)
    const c3 = highs(b1, b5)
    const c4 = lows(b2, b6)
    const c5 = highs(b2, b6)
    const c6 = lows(b3, b7)
    const c7 = highs(b3, b7)
    // 4, 2, 1: i1, i0, p2.
    const d0 = lows(c0, c4)
    const d1 = highs(c0, c4)
    const d2 = lows(c1, c5)
    const d3 = highs(c1, c5)
    const d4 = lows(c2, c6)
    const d5 = highs(c2, c6)
    const d6 = lows(c3, c7)
    const d7 = highs(c3, c7)
    // 4, 2, 1: i0, p2, p1; then p2, p1, p0.
    let to = planes
    v128.store(to, lows(d0, d4))
    to += size
    v128.store(to, highs(d0, d4))
    to += size
    v128.store(to, lows(d1, d5))
    to += size
    v128.store(to, highs(d1, d5))
    to += size
    v128.store(to, lows(d2, d6))
    to += size
    v128.store(to, highs(d2, d6))
    to += size
    v128.store(to, lows(d3, d7))
    to += size
    v128.store(to, highs(d3, d7))
  }
  for (; planes < end; planes += 1, values += 8) {
    let to = planes
    for (let value = load<u64>(values), p = 0; p < 8; p += 1, to += size, value >>= 8) store<u8>(to, <u8>value)
  }
}

/** Undoes toPlanes: `count` values of 8 bytes. */
// From i3 i2 i1 i0 in a register, by the same rounds, to i0 p2 p1 p0.
export function fromPlanes(planes: usize, count: i32, values: usize): void {
  const size = <usize>count
  const end = planes + size
  for (const whole = end - 16; planes <= whole; planes += 16, values += 128) {
    let from = planes
    const a0 = v128.load(from)
    from += size
    const a1 = v128.load(from)
    from += size
    const a2 = v128.load(from)
    from += size
    const a3 = v128.load(from)
    from += size
    const a4 = v128.load(from)
    from += size
    const a5 = v128.load(from)
    from += size
    const a6 = v128.load(from)
    from += size
    const a7 = v128.load(from)
    // Registers: 4, 2 and 1 are p2, p1 and p0; now pairs that differ in p2.
    const b0 = lows(a0, a4)
    const b1 = highs(a0, a4)
    const b2 = lows(a1, a5)
    const b3 = highs(a1, a5)
    const b4 = lows(a2, a6)
    const b5 = highs(a2, a6)
    const b6 = lows(a3, a7)
    const b7 = highs(a3, a7)
    // 4, 2, 1: p1, p0, i3.
    const c0 = lows(b0, b4)
    const c1 = highs(b0, b4)
    const c2 = lows(b1, b5)
    const c3 = highs(b1, b5)
    const c4 = lows(b2, b6)
    const c5 = highs(b2, b6)
    const c6 = lows(b3, b7)
    const c7 = highs(b3, b7)
    // 4, 2, 1: p0, i3, i2; then i3, i2, i1.
    v128.store(values, lows(c0, c4))
    v128.store(values, highs(c0, c4), 16)
    v128.store(values, lows(c1, c5), 32)
    v128.store(values, highs(c1, c5), 48)
    v128.store(values, lows(c2, c6), 64)
    v128.store(values, highs(c2, c6), 80)
    v128.store(values, lows(c3, c7), 96)
    v128.store(values, highs(c3, c7), 112)
  }
  for (; planes < end; planes += 1, values += 8) {
    let value: u64 = 0
    let from = planes
    for (let p: u64 = 0; p < 64; p += 8, from += size) value |= <u64>load<u8>(from) << p
    store<u64>(values, value)
  }
}

/** The first of `values` that equals 0, -0 or not. */
// @ts-ignore: decorator
@inline
function firstZero(values: usize): u64 {
  while (load<f64>(values) !== 0) values += 8
  return load<u64>(values)
}

/** Least, most, first and last of f64, their bits -> u64 at out, out + step, out + 2 * step, out + 3 * step; count >= 1.
 *  NaN is neither least nor most; of 0 and -0 it is the one that comes first; where all are NaN both are the last. */
export function realZone(values: usize, count: i32, out: usize, step: usize): void {
  const end = values + (<usize>count << 3)
  // min and max keep the first operand unless the second is less, or more: never for NaN.
  let least = f64x2.splat(Infinity)
  let most = f64x2.splat(-Infinity)
  let at = values
  if (count >= 8) {
    let least2 = least
    let least3 = least
    let least4 = least
    let most2 = most
    let most3 = most
    let most4 = most
    for (const whole = end - 64; at <= whole; at += 64) {
      const a = v128.load(at)
      const b = v128.load(at, 16)
      const c = v128.load(at, 32)
      const d = v128.load(at, 48)
      least = f64x2.pmin(least, a)
      most = f64x2.pmax(most, a)
      least2 = f64x2.pmin(least2, b)
      most2 = f64x2.pmax(most2, b)
      least3 = f64x2.pmin(least3, c)
      most3 = f64x2.pmax(most3, c)
      least4 = f64x2.pmin(least4, d)
      most4 = f64x2.pmax(most4, d)
    }
    least = f64x2.pmin(f64x2.pmin(least, least2), f64x2.pmin(least3, least4))
    most = f64x2.pmax(f64x2.pmax(most, most2), f64x2.pmax(most3, most4))
  }
  for (; at < end; at += 8) {
    const one = v128.load64_splat(at)
    least = f64x2.pmin(least, one)
    most = f64x2.pmax(most, one)
  }
  const low = min(f64x2.extract_lane(least, 0), f64x2.extract_lane(least, 1))
  const high = max(f64x2.extract_lane(most, 0), f64x2.extract_lane(most, 1))
  const last = load<u64>(end - 8)
  const isNumber = low <= high
  store<u64>(out, !isNumber ? last : low === 0 ? firstZero(values) : reinterpret<u64>(low))
  store<u64>(out + step, !isNumber ? last : high === 0 ? firstZero(values) : reinterpret<u64>(high))
  store<u64>(out + 2 * step, load<u64>(values))
  store<u64>(out + 3 * step, last)
}
