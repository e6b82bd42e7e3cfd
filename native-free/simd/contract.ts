// What a set of kernels does, whoever does it: WebAssembly SIMD (the .as files, emit.mjs) or TypeScript (twins).
//
// All arrays lie in `memory`, at byte addresses: multiples of 8 for what holds f64, i64 and bitmaps that are counted,
// of 4 for u32, of 2 for other bitmaps. Counts are values. Behind every array lie 64 bytes of slack, which loops may
// read and write; counts may be any, the slack takes what is done in steps of 4 values (bitmaps: of 16; 128 where a
// mini-block is the unit). Packed forms are those of src/codec/README.md: mini-blocks of 128 values, 16 x width bytes.
// Nothing is checked but what a function says it checks: the callers (src/codec, src/query) do.

export interface SimdKernels {
  readonly memory: ArrayBuffer

  // ---- packed integers, widths 0 to 32

  /** Mini-blocks at source -> 128 u32 each at units. */
  unpack(width: number, source: number, minis: number, units: number): void
  /** 128 u32 each at slots, the low `width` bits of each less `base` -> mini-blocks at target; width >= 1. */
  pack(width: number, slots: number, minis: number, base: number, target: number): void
  /** The same of the steps of units: slot 0 is 0, slot i is units[i] - units[i - 1] - base. 4 bytes before units are
   *  changed, and changed back. */
  packSteps(width: number, units: number, minis: number, base: number, target: number): void
  /** The sum of all slots -> u64 at out; width >= 1. */
  sum(width: number, source: number, minis: number, out: number): void
  /** A bit a slot: low <= slot <= low + span, which is below 2^32 -> 16 bytes a mini-block; width >= 1. */
  filter(
    width: number,
    source: number,
    minis: number,
    low: number,
    span: number,
    bits: number,
  ): void
  /** (start + step * slot) * factor -> 128 f64 a mini-block at out; step * slot is u32 and wraps. start is whole,
   *  within 2^52, and so is start + step * slot. */
  scaledSlots(
    width: number,
    source: number,
    minis: number,
    step: number,
    start: number,
    factor: number,
    out: number,
  ): void
  // ---- units (u32) to values

  /** (origin + gcd * unit) / power, f64. */
  f64Quotients(
    units: number,
    count: number,
    origin: number,
    gcd: number,
    power: number,
    out: number,
  ): void
  /** (start + step * unit) * factor, f64. */
  f64Scaled(
    units: number,
    count: number,
    start: number,
    step: number,
    factor: number,
    out: number,
  ): void
  /** (start + sum) * factor, f64; sums are u32 and wrap: sum[0] = first, sum[i] = sum[i - 1] + base + step * units[i].
   *  start is whole, within 2^52, and so is start + sum. */
  f64ScaledSums(
    units: number,
    count: number,
    first: number,
    base: number,
    step: number,
    start: number,
    factor: number,
    out: number,
  ): void
  /** origin + gcd * unit, f64. */
  f64Whole(units: number, count: number, origin: number, gcd: number, out: number): void
  /** origin + gcd * unit, i64; wraps. */
  i64Whole(units: number, count: number, origin: bigint, gcd: bigint, out: number): void
  /** out[0] = first, out[i] = out[i - 1] + step + gcd * units[i], i64; wraps. units[0] becomes 0. */
  i64Deltas(
    units: number,
    count: number,
    first: bigint,
    step: bigint,
    gcd: bigint,
    out: number,
  ): void

  // ---- units (f64) to values

  /** units[0] = first, units[i] = units[i - 1] + base + units[i], in place; exact below 2^53. */
  f64Prefix(units: number, count: number, first: number, base: number): void
  /** (origin + gcd * unit) / power; out may be units. */
  f64UnitQuotients(
    units: number,
    count: number,
    origin: number,
    gcd: number,
    power: number,
    out: number,
  ): void
  /** (start + step * unit) * factor; out may be units. */
  f64UnitScaled(
    units: number,
    count: number,
    start: number,
    step: number,
    factor: number,
    out: number,
  ): void
  /** origin + gcd * unit, i64, for abs(gcd * unit) < 2^51; out may be units. */
  i64UnitWhole(units: number, count: number, origin: bigint, gcd: number, out: number): void

  // ---- run lengths, dictionaries

  /** lengths[r] + 1 times values[r], u32; 0 where that is `count` in all, else -1. */
  expandRuns(values: number, lengths: number, runs: number, count: number, out: number): number
  /** The same with values of 8 bytes. */
  expandRuns8(values: number, lengths: number, runs: number, count: number, out: number): number
  /** lows[i] + highs[i] * 2^32 (u32 both), f64; exact below 2^53. */
  f64Halves(lows: number, highs: number, count: number, out: number): void
  /** dictionary[add + codes[i]], 8 bytes each; -1 where a code passes the dictionary's `size` entries, else 0. */
  lookUp8(
    codes: number,
    count: number,
    dictionary: number,
    add: number,
    size: number,
    out: number,
  ): number
  /** The same with entries of 4 bytes. */
  lookUp4(
    codes: number,
    count: number,
    dictionary: number,
    add: number,
    size: number,
    out: number,
  ): number

  // ---- encoding

  /** d = value * power, rounded, f64, at out; the places of values that d / power does not give back bit for bit (or
   *  abs(d) >= 2^53, or d is -0) at places, at most `most` of them. Returns how many there are. */
  decimals(
    values: number,
    count: number,
    power: number,
    out: number,
    places: number,
    most: number,
  ): number
  /** values[i] - values[0] -> f64 at out; -1 where one of these is not within [-2^51, 2^51), else 0. */
  i64Distances(values: number, count: number, out: number): number
  /** Of whole units (f64; count >= 1): least, most, the sum of unit - first (exact below 2^53), least delta, most delta
   *  (infinities where there is none), changes -> 6 f64 at out. */
  unitStats(units: number, count: number, out: number): void
  /** units[i] = (units[i] - least) / divisor, in place. */
  rescale(units: number, count: number, least: number, divisor: number): void
  /** The first place from `from` on where (units[i] - least) / divisor is not whole; count where there is none. */
  indivisible(units: number, from: number, count: number, least: number, divisor: number): number
  /** Runs of equal units (f64; count >= 1): the unit (f64) of each at values, its length - 1 (u32) at lengths. Returns
   *  how many. */
  runsOf(units: number, count: number, values: number, lengths: number): number
  /** The greatest of count u32, as a signed number; 0 where there is none. */
  mostOf(values: number, count: number): number
  /** Of whole values (f64, below 2^52 from least and middle): how many take b bits above least -> u32 number b of 64 at
   *  above; how many take b bits around middle, one of them a sign (middle itself: 0) -> the same at around. `tables`:
   *  512 bytes of scratch. */
  spreads(
    values: number,
    count: number,
    least: number,
    middle: number,
    tables: number,
    above: number,
    around: number,
  ): void
  /** x = values[i] - base, whole: its low 32 bits -> u32 at slots; where x >> width is not 0, i -> u16 at places and
   *  x >> width -> i32 at highs, which have room for one more than that. Returns how many. */
  patchesOf(
    values: number,
    count: number,
    base: number,
    width: number,
    slots: number,
    places: number,
    highs: number,
  ): number
  /** x = values[i] - base, whole, >= 0: its low 32 bits -> u32 at lows, those above -> u32 at highs. */
  halvesOf(values: number, count: number, base: number, lows: number, highs: number): void
  /** out[0] = 0, out[i] = units[i] - units[i - 1], f64. 8 bytes before units are read. */
  deltasOf(units: number, count: number, out: number): void
  /** unit - least -> u32 at slots; saturates. */
  slotsOf(units: number, count: number, least: number, slots: number): void
  /** slots[0] = 0, slots[i] = units[i] - units[i - 1] - base -> u32; saturates. 8 bytes before units are read. */
  deltaSlotsOf(units: number, count: number, base: number, slots: number): void
  /** x = value * power + shift, rounded: where 2^52 <= x < 2^52 + 2^32, x - 2^52 -> u32 at units; their stats, as those
   *  of unitStats, -> 6 f64 at out (deltas wrap to int32). -1 where some x is not, or (x - shift) / power is not the
   *  value, bit for bit; else 0. count >= 1; shift is whole. Where factor is not 0 that quotient is
   *  (x - shift) * multiplier * factor. */
  narrowDecimals(
    values: number,
    count: number,
    power: number,
    shift: number,
    multiplier: number,
    factor: number,
    units: number,
    out: number,
  ): number
  /** Of values (i64, count >= 1) less the i64 at origin, which is within 2^62: stats as those of unitStats -> 6 f64 at
   *  out; the low 32 bits of each less the one before -> u32 at steps, the first being 0. -1 where one is not within
   *  [-2^51, 2^51) of the origin, or of the one before; else 0. */
  i64Stats(values: number, count: number, origin: number, steps: number, out: number): number
  /** unit (u32) - base -> u32 at slots; wraps. */
  narrowSlots(units: number, count: number, base: number, slots: number): void
  /** slots[0] = 0, slots[i] = units[i] - units[i - 1] - base (u32) -> u32; wraps. 4 bytes before units are read. */
  narrowDeltaSlots(units: number, count: number, base: number, slots: number): void
  /** The low 32 bits of value (i64) - base -> u32 at slots. */
  lowSlots(values: number, count: number, base: number, slots: number): void
  /** Distinct units (u32, least <= unit <= least + range): unit - least of each, rising -> f64 at found, its number ->
   *  u16 number unit - least at codes. `flags`: range + 65 bytes of scratch, 0 before and after. Returns how many;
   *  most + 1 as soon as there are more. */
  narrowDistinct(
    units: number,
    count: number,
    least: number,
    range: number,
    most: number,
    flags: number,
    codes: number,
    found: number,
  ): number
  /** codes[unit - least] -> u32 at out; units are u32, codes u16. */
  narrowCodes(units: number, count: number, least: number, codes: number, out: number): void
  /** Distinct units (f64, >= 0) in the order in which they come -> found; the slot of each unit in the table -> u16 at
   *  slots. The table has mask + 1 slots of 8 bytes, a power of two, 4 to 2^16, more than `most`. Returns how many;
   *  most + 1 as soon as there are more. */
  distinct(
    units: number,
    count: number,
    most: number,
    table: number,
    mask: number,
    slots: number,
    found: number,
  ): number
  /** codes[slot of dictionary[i]] = i, u32; for units that `distinct` put into the table. */
  placeCodes(dictionary: number, count: number, table: number, mask: number, codes: number): void
  /** codes[slots[i]] -> u32 at out; slots are u16. */
  codesOf(slots: number, count: number, codes: number, out: number): void
  /** Sorts f64, rising, in place; the time grows with the square of count. */
  sortFew(values: number, count: number): void

  // ---- bitmaps, lowest bit first, and what they choose

  /** low <= value <= high, f64; NaN is in no range. Whole 16-bit words are written. */
  filterF64(values: number, count: number, low: number, high: number, bits: number): void
  /** The same over i64. */
  filterI64(values: number, count: number, low: bigint, high: bigint, bits: number): void
  /** Ones among the first `count` bits. */
  countBits(bits: number, count: number): number
  /** Values (8 bytes each) whose bit is 1, in order; returns how many. */
  gather8(values: number, bits: number, count: number, out: number): number
  /** The same, 4 bytes each. */
  gather4(values: number, bits: number, count: number, out: number): number
  /** Of units (u32) whose bit is 1: sum (u64), least, most (u32; 2^32 - 1 and 0 where there are none) -> 16 bytes. Bits
   *  from count to the next multiple of 32 must be 0. */
  maskedStats(units: number, bits: number, count: number, out: number): void

  // ---- aggregates over ranges of one vector: range r is [bounds[r], bounds[r + 1]), bounds are u32 and do not fall

  /** Sum (u64), least, most, first, last (u32) of each range of units (u32) -> 24 bytes a range; of an empty one 0,
   *  2^32 - 1, 0, 0, 0. */
  foldU32(units: number, bounds: number, ranges: number, out: number): void
  /** units[0] = first, units[i] = units[i - 1] + step + units[i], u32, in place; wraps. */
  u32Deltas(units: number, count: number, first: number, step: number): void
  /** The first place whose sum of step + slots[j] (u32), j from 1 to the place, is at or above `gap`; count where there
   *  is none. step and gap are whole, from 0 to below 2^53; count is at most 1,024; slots[0] becomes 0. */
  placeOfSum(slots: number, count: number, step: number, gap: number): number
  /** The sum of a[i] * b[i] (u32) over each range, u64 each; wraps. */
  dotU32(a: number, b: number, bounds: number, ranges: number, out: number): void
  /** Cuts the rising times (i64) of rows [from, end) into buckets of `width` that begin at multiples of it above
   *  `phase`, 0 <= phase < width: the first row of each bucket with rows (u32), `end` behind the last -> bounds; when
   *  each opens (i64; the least int64 where that is earlier) -> opens. Returns how many buckets. */
  bucketsOf(
    times: number,
    from: number,
    end: number,
    phase: bigint,
    width: bigint,
    bounds: number,
    opens: number,
  ): number
  /** Bits of present values, in order, to bits of `count` rows: 1 where the row is present in `valid` and its value's
   *  bit is 1. Whole bytes are written. */
  spreadBits(bits: number, valid: number, count: number, out: number): void
  /** Of the bits of `count` rows those whose bit in `chosen` is 1, one behind the other; whole u32 words are written,
   *  as far as there are any. Returns how many bits. */
  compressBits(bits: number, chosen: number, count: number, out: number): number

  // ---- true reals, 8 bytes each; at any address, and the slack is left alone

  /** Byte p of value i of `count` -> byte p * count + i at planes. */
  toPlanes(values: number, count: number, planes: number): void
  /** Undoes it. */
  fromPlanes(planes: number, count: number, values: number): void
  /** Least, most, first and last of f64, their bits -> u64 at out, out + step, out + 2 * step, out + 3 * step;
   *  count >= 1. NaN is neither least nor most; of 0 and -0 it is the one that comes first; where all are NaN both are
   *  the last. */
  realZone(values: number, count: number, out: number, step: number): void

  // ---- entropy coded slots: tokens in four interleaved states; a table's frequencies (1 to 4,096) sum to 4,096, and
  // `states` is u32 address of the next word, then four u32 states

  /** The decoder's table of `count` tokens, from their frequencies (u16) -> 4,096 u32 at table. */
  entropyTable(frequencies: number, count: number, table: number): void
  /** `count` tokens (u8) -> out, number i by state i & 3. Reads at most one word of 16 bits a token. */
  entropyTokens(states: number, table: number, count: number, out: number): void
  /** The base of each token plus its extra bits, from `bits` on, lowest first -> u32 at out. `values`: u32 base and u32
   *  bits (0 to 31) a token. Returns how many bits. Reads 8 bytes from where the last bits begin. */
  tokenSlots(tokens: number, count: number, values: number, bits: number, out: number): number
  /** The same where no token has extra bits. */
  tokenBases(tokens: number, count: number, values: number, out: number): void
  /** Counts slots (u32) in a table of mask + 1 entries (u32 slot, u32 count; a power of two from 2^10 to 2^17, 0 where
   *  free); numbers of entries in use -> u32 at used, behind the `known` before. Returns how many are in use: less than
   *  all, the caller sees to it. */
  countSlots(
    slots: number,
    count: number,
    table: number,
    mask: number,
    used: number,
    known: number,
  ): number
  /** The token (u8) of each slot (u32) -> tokens, the extra bits -> bits. `exact`: 1,024 entries of u32 slot and u32
   *  token + 1, 0 where free; a slot that is not there has the token spans[b] (u8) where it takes b bits above centre,
   *  spans[33 + b] where it takes b bits below, and b - 1 extra bits. Returns how many bits; 8 bytes are written from
   *  where the last begin. */
  tokensOf(
    slots: number,
    count: number,
    exact: number,
    centre: number,
    spans: number,
    tokens: number,
    bits: number,
  ): number
  /** Codes tokens (u8), the last one first: words go below the address in states, which moves with them. `coder`: u32
   *  frequency and u32 sum of the frequencies before, a token. */
  entropyCode(states: number, coder: number, count: number, tokens: number): void

  // ---- xxh64

  /** xxh64 of memory[at, at + bytes); the result as a signed 64-bit integer. */
  xxh64(at: number, bytes: number, seed: bigint): bigint
  /** Its low 32 bits for seed 0, signed, without a BigInt. */
  xxh64Low(at: number, bytes: number): number

  // ---- LZ4 blocks

  /** Decodes a block into at most `room` bytes: how many, or -1 where it is malformed or does not fit. */
  lz4Decode(source: number, bytes: number, target: number, room: number): number
  /** Encodes; its bytes, or -1 where they pass `room`. `table`: 32 KiB of scratch. */
  lz4Encode(source: number, bytes: number, target: number, room: number, table: number): number
}
