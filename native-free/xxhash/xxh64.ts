// xxh64 in plain TypeScript, without BigInt in the loop: a 64-bit value is two Int32 halves.
//
// The input is cut in stripes of 32 bytes, four little-endian u64 lanes each:
//
//   0        8        16       24       32
//   +--------+--------+--------+--------+----
//   | lane 0 | lane 1 | lane 2 | lane 3 | ...
//   +--------+--------+--------+--------+----
//
// Each lane has its own accumulator and never sees the others before the end, so the loop runs lane
// by lane over the whole input: two halves in registers instead of eight.
// Source: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md (XXH64).

// The five primes of the specification, as low and high halves.
const prime1Low = 0x85ebca87 | 0
const prime1High = 0x9e3779b1 | 0
const prime2Low = 0x27d4eb4f | 0
const prime2High = 0xc2b2ae3d | 0
const prime3Low = 0x9e3779f9 | 0
const prime3High = 0x165667b1 | 0
const prime4Low = 0xc2b2ae63 | 0
const prime4High = 0x85ebca77 | 0
const prime5Low = 0x165667c5 | 0
const prime5High = 0x27d4eb2f | 0

const stripeBytes = 32

// The value under way. Module state instead of a returned pair: a pair would be allocated.
let low = 0
let high = 0

/** The high half of the unsigned product of two 32-bit numbers, from 16-bit splits. */
function productHigh(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const cross1 = Math.imul(aLow, bHigh)
  const cross2 = Math.imul(aHigh, bLow)
  const middle = (Math.imul(aLow, bLow) >>> 16) + (cross1 & 0xffff) + (cross2 & 0xffff)
  return (Math.imul(aHigh, bHigh) + (cross1 >>> 16) + (cross2 >>> 16) + (middle >>> 16)) | 0
}

function multiply(bLow: number, bHigh: number): void {
  high = (productHigh(low, bLow) + Math.imul(high, bLow) + Math.imul(low, bHigh)) | 0
  low = Math.imul(low, bLow)
}

function add(bLow: number, bHigh: number): void {
  const sum = (low >>> 0) + (bLow >>> 0)
  high = (high + bHigh + (sum > 0xffffffff ? 1 : 0)) | 0
  low = sum | 0
}

/** Rotates left by 1 to 31 bits. */
function rotate(bits: number): void {
  const lowBefore = low
  low = (low << bits) | (high >>> (32 - bits))
  high = (high << bits) | (lowBefore >>> (32 - bits))
}

function xorShiftRight(bits: number): void {
  if (bits >= 32) {
    low ^= high >>> (bits - 32)
    return
  }
  low ^= (low >>> bits) | (high << (32 - bits))
  high ^= high >>> bits
}

/** round(value, input): value += input * prime2; rotate left 31; value *= prime1. */
function round(inputLow: number, inputHigh: number): void {
  const productHigh2 =
    productHigh(inputLow, prime2Low) +
    Math.imul(inputHigh, prime2Low) +
    Math.imul(inputLow, prime2High)
  add(Math.imul(inputLow, prime2Low), productHigh2 | 0)
  rotate(31)
  multiply(prime1Low, prime1High)
}

/** Runs one lane over all stripes, starting from the value under way and leaving the result there.
 *  */
function runLane(view: DataView, laneOffset: number, stripesEnd: number): void {
  let laneLow = low
  let laneHigh = high
  for (let at = laneOffset; at < stripesEnd; at += stripeBytes) {
    const inputLow = view.getInt32(at, true)
    const inputHigh = view.getInt32(at + 4, true)
    const addHigh =
      productHigh(inputLow, prime2Low) +
      Math.imul(inputHigh, prime2Low) +
      Math.imul(inputLow, prime2High)
    const sum = (laneLow >>> 0) + (Math.imul(inputLow, prime2Low) >>> 0)
    const sumLow = sum | 0
    const sumHigh = (laneHigh + addHigh + (sum > 0xffffffff ? 1 : 0)) | 0
    const turnedLow = (sumLow << 31) | (sumHigh >>> 1)
    const turnedHigh = (sumHigh << 31) | (sumLow >>> 1)
    laneHigh =
      (productHigh(turnedLow, prime1Low) +
        Math.imul(turnedHigh, prime1Low) +
        Math.imul(turnedLow, prime1High)) |
      0
    laneLow = Math.imul(turnedLow, prime1Low)
  }
  low = laneLow
  high = laneHigh
}

const lanesLow = new Int32Array(4)
const lanesHigh = new Int32Array(4)

/** Leaves the sum of all full stripes in the value under way. */
function hashStripes(view: DataView, end: number, seedLow: number, seedHigh: number): void {
  for (let lane = 0; lane < 4; lane++) {
    low = seedLow
    high = seedHigh
    if (lane < 2) add(prime2Low, prime2High)
    if (lane === 0) add(prime1Low, prime1High)
    // seed - prime1 as seed + ~prime1 + 1
    if (lane === 3) {
      add(~prime1Low, ~prime1High)
      add(1, 0)
    }
    runLane(view, lane * 8, end)
    lanesLow[lane] = low
    lanesHigh[lane] = high
  }
  let sumLow = 0
  let sumHigh = 0
  const bits = [1, 7, 12, 18]
  for (let lane = 0; lane < 4; lane++) {
    low = lanesLow[lane]!
    high = lanesHigh[lane]!
    rotate(bits[lane]!)
    add(sumLow, sumHigh)
    sumLow = low
    sumHigh = high
  }
  for (let lane = 0; lane < 4; lane++) {
    low = 0
    high = 0
    round(lanesLow[lane]!, lanesHigh[lane]!)
    low ^= sumLow
    high ^= sumHigh
    multiply(prime1Low, prime1High)
    add(prime4Low, prime4High)
    sumLow = low
    sumHigh = high
  }
}

/** Mixes in the bytes after the last full stripe. */
function hashTail(view: DataView, from: number): void {
  const end = view.byteLength
  let at = from
  for (; at + 8 <= end; at += 8) {
    const valueLow = low
    const valueHigh = high
    low = 0
    high = 0
    round(view.getInt32(at, true), view.getInt32(at + 4, true))
    low ^= valueLow
    high ^= valueHigh
    rotate(27)
    multiply(prime1Low, prime1High)
    add(prime4Low, prime4High)
  }
  if (at + 4 <= end) {
    const input = view.getInt32(at, true)
    low ^= Math.imul(input, prime1Low)
    high ^= (productHigh(input, prime1Low) + Math.imul(input, prime1High)) | 0
    rotate(23)
    multiply(prime2Low, prime2High)
    add(prime3Low, prime3High)
    at += 4
  }
  for (; at < end; at++) {
    const input = view.getUint8(at)
    low ^= Math.imul(input, prime5Low)
    high ^= (productHigh(input, prime5Low) + Math.imul(input, prime5High)) | 0
    rotate(11)
    multiply(prime1Low, prime1High)
  }
}

function hash(bytes: Uint8Array, seedLow: number, seedHigh: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const stripesEnd = bytes.length - (bytes.length % stripeBytes)
  if (stripesEnd > 0) {
    hashStripes(view, stripesEnd, seedLow, seedHigh)
  } else {
    low = seedLow
    high = seedHigh
    add(prime5Low, prime5High)
  }
  add(bytes.length | 0, Math.floor(bytes.length / 0x100000000))
  hashTail(view, stripesEnd)
  xorShiftRight(33)
  multiply(prime2Low, prime2High)
  xorShiftRight(29)
  multiply(prime3Low, prime3High)
  xorShiftRight(32)
}

/** xxh64 of `bytes`; `seed` is taken modulo 2^64. The result is unsigned. */
export function xxh64(bytes: Uint8Array, seed = 0n): bigint {
  const seedLow = Number(BigInt.asIntN(32, seed))
  const seedHigh = Number(BigInt.asIntN(32, seed >> 32n))
  hash(bytes, seedLow, seedHigh)
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)
}

/** The low 32 bits of xxh64(bytes, 0n), as an unsigned number. */
export function xxh64Low32(bytes: Uint8Array): number {
  hash(bytes, 0, 0)
  return low >>> 0
}
