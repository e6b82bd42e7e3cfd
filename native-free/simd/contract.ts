// What a set of kernels does, whoever does it: WebAssembly SIMD (kernels.as, emit.mjs) or TypeScript (twin.ts).
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
  /** 128 u32 each at slots, their low `width` bits -> mini-blocks at target; width >= 1. */
  pack(width: number, slots: number, minis: number, target: number): void
  /** The sum of all slots -> u64 at out; width >= 1. */
  sum(width: number, source: number, minis: number, out: number): void
  /** A bit a slot: low <= slot <= low + span -> 16 bytes a mini-block; width >= 1. */
  filter(
    width: number,
    source: number,
    minis: number,
    low: number,
    span: number,
    bits: number,
  ): void
  /** ((origin + slot) * up) * 10^-14 -> 128 f64 a mini-block at out. */
  products(
    width: number,
    source: number,
    minis: number,
    origin: number,
    up: number,
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
  /** origin + gcd * unit, i64, for abs(gcd * unit) < 2^51; out may be units. */
  i64UnitWhole(units: number, count: number, origin: bigint, gcd: number, out: number): void

  // ---- run lengths, dictionaries

  /** lengths[r] + 1 times values[r], u32; 0 where that is `count` in all, else -1. */
  expandRuns(values: number, lengths: number, runs: number, count: number, out: number): number
  /** dictionary[add + codes[i]], 8 bytes each; -1 where a code passes the dictionary's `size` entries, else 0. */
  lookUp8(
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
  /** Of whole units (f64; count even, >= 2): least, most, sum (exact below 2^53), least delta, most delta, changes ->
   *  6 f64 at out. */
  unitStats(units: number, count: number, out: number): void
  /** unit - least -> u32 at slots; saturates. */
  slotsOf(units: number, count: number, least: number, slots: number): void
  /** slots[0] = 0, slots[i] = units[i] - units[i - 1] - base -> u32; saturates. 8 bytes before units are read. */
  deltaSlotsOf(units: number, count: number, base: number, slots: number): void

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
