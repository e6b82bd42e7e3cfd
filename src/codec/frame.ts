// Frames: the short arrays of a page meta, one entry a vector.
//
//   one entry:   varint value
//   otherwise:   u8 width | varint least value | (value - least) of each, width bits,
//                lowest bits first, padded to a byte
//
// A signed frame writes the value, or the least value, as zigzag varint instead.
import type { ByteReader, ByteWriter } from '#base'
import { bitsOfBig } from './layout.ts'
import { boundsOf } from './units.ts'

const two32 = 4294967296

/** Adds the lowest `count` <= 24 bits of `value` at bit `at`. */
function putBits(bytes: Uint8Array, at: number, value: number, count: number): void {
  const b = at >>> 3
  const word = (value & ((1 << count) - 1)) << (at & 7)
  bytes[b]! |= word
  bytes[b + 1]! |= word >>> 8
  bytes[b + 2]! |= word >>> 16
  bytes[b + 3]! |= word >>> 24
}

/** The bits of value - least of each, lowest first: in halves of 32 bits, since every page has some five hundred and
 *  BigInt leaves garbage. */
function bits(values: BigUint64Array, least: bigint, width: number): Uint8Array {
  const byteCount = (values.length * width + 7) >>> 3
  // What is put near the end reaches past it, with zeros.
  const bytes = new Uint8Array(byteCount + 4)
  const halves = new Uint32Array(values.buffer, values.byteOffset, values.length * 2)
  const leastLow = Number(BigInt.asUintN(32, least))
  const leastHigh = Number(BigInt.asUintN(32, least >> 32n))
  const narrow = Math.min(width, 24)
  const middle = Math.min(width - narrow, 24)
  const top = width - narrow - middle
  for (let i = 0, at = 0; i < values.length; i += 1, at += width) {
    const difference = halves[i * 2]! - leastLow
    const low = difference >>> 0
    putBits(bytes, at, low, narrow)
    if (middle === 0) continue
    const high = halves[i * 2 + 1]! - leastHigh - (difference < 0 ? 1 : 0)
    putBits(bytes, at + 24, (low >>> 24) | (high << 8), middle)
    if (top > 0) putBits(bytes, at + 48, high >>> 16, top)
  }
  return bytes.subarray(0, byteCount)
}

/** Writes a frame of unsigned integers. */
export function writeFrame(writer: ByteWriter, values: BigUint64Array): void {
  if (values.length === 1) {
    writer.varint64(values[0]!)
    return
  }
  const { leastAt, mostAt } = boundsOf(values, 0, values.length)
  const least = values[leastAt]!
  const width = bitsOfBig(values[mostAt]! - least)
  writer.u8(width).varint64(least)
  if (width > 0) writer.bytes(bits(values, least, width))
}

/** Writes a frame of unsigned whole numbers below 2^53. */
export function writeNumbers(writer: ByteWriter, values: ArrayLike<number>): void {
  const big = new BigUint64Array(values.length)
  const halves = new Uint32Array(big.buffer)
  for (let i = 0; i < values.length; i += 1) {
    halves[i * 2] = values[i]! // its lowest 32 bits
    halves[i * 2 + 1] = values[i]! / two32
  }
  writeFrame(writer, big)
}

/** Writes a frame of whole numbers, -2^53 to 2^53. */
export function writeSigned(writer: ByteWriter, values: Float64Array): void {
  if (values.length === 1) {
    writer.zigzag64(BigInt(values[0]!))
    return
  }
  let least = values[0]!
  for (const value of values) if (value < least) least = value
  const big = new BigUint64Array(values.length)
  const leastBig = BigInt(least)
  for (let i = 0; i < values.length; i += 1) big[i] = BigInt(values[i]!) - leastBig
  const width = bitsOfBig(big[boundsOf(big, 0, big.length).mostAt]!)
  writer.u8(width).zigzag64(leastBig)
  if (width > 0) writer.bytes(bits(big, 0n, width))
}

function readWidth(reader: ByteReader): number {
  const width = reader.u8()
  if (width > 64) throw reader.corrupt(`a frame of ${width} bits a value`)
  return width
}

/** The `count` <= 24 bits from bit `at` on; bits past the bytes are 0. */
function bitsAt(bytes: Uint8Array, at: number, count: number): number {
  const b = at >>> 3
  const word = bytes[b]! | (bytes[b + 1]! << 8) | (bytes[b + 2]! << 16) | (bytes[b + 3]! << 24)
  return (word >>> (at & 7)) & ((1 << count) - 1)
}

/**
 * Value i is least + the bits [i * width, (i + 1) * width): added as two halves of 32 bits, since
 * footers are read before the first row and BigInt is slow. Offsets of more than 24 bits are read
 * in parts.
 */
function readOffsets(reader: ByteReader, least: bigint, width: number, values: BigUint64Array) {
  const bytes = reader.bytes((values.length * width + 7) >>> 3)
  const halves = new Uint32Array(values.buffer, values.byteOffset, values.length * 2)
  const leastLow = Number(BigInt.asUintN(32, least))
  const leastHigh = Number(BigInt.asUintN(32, least >> 32n))
  const narrow = Math.min(width, 24)
  const middle = Math.min(width - narrow, 24)
  const top = width - narrow - middle
  for (let i = 0, at = 0; i < values.length; i += 1, at += width) {
    let low = bitsAt(bytes, at, narrow)
    let high = 0
    if (middle > 0) {
      const bits = bitsAt(bytes, at + 24, middle)
      low = (low | (bits << 24)) >>> 0
      high = bits >>> 8
      if (top > 0) high |= bitsAt(bytes, at + 48, top) << 16
    }
    const sum = low + leastLow
    halves[i * 2] = sum
    halves[i * 2 + 1] = high + leastHigh + (sum >= two32 ? 1 : 0)
  }
}

/** Reads a frame of `count` unsigned integers; sums past 64 bits wrap. */
export function readFrame(reader: ByteReader, count: number): BigUint64Array {
  const values = new BigUint64Array(count)
  if (count === 1) {
    values[0] = reader.varint64()
    return values
  }
  const width = readWidth(reader)
  const least = reader.varint64()
  if (width === 0) values.fill(least)
  else readOffsets(reader, least, width, values)
  return values
}

/** Reads a frame of `count` whole numbers; one above `most` is ERR_CORRUPT. */
export function readNumbers(reader: ByteReader, count: number, most: number): Float64Array {
  const numbers = new Float64Array(count)
  if (count === 1) {
    numbers[0] = reader.varint()
  } else {
    const width = readWidth(reader)
    const least = reader.varint()
    if (width <= 24) {
      const bytes = reader.bytes((count * width + 7) >>> 3)
      for (let i = 0; i < count; i += 1) numbers[i] = least + bitsAt(bytes, i * width, width)
    } else {
      const values = new BigUint64Array(count)
      readOffsets(reader, BigInt(least), width, values)
      for (let i = 0; i < count; i += 1) numbers[i] = Number(values[i])
    }
  }
  for (const number of numbers) {
    if (number > most) throw reader.corrupt(`${number} where at most ${most} is possible`)
  }
  return numbers
}

/** Reads a signed frame; entries past 2^53 lose their low bits (no writer writes them). */
export function readSigned(reader: ByteReader, count: number): Float64Array {
  const numbers = new Float64Array(count)
  if (count === 1) {
    numbers[0] = Number(reader.zigzag64())
    return numbers
  }
  const width = readWidth(reader)
  const least = reader.zigzag64()
  if (width === 0) return numbers.fill(Number(least))
  const values = new BigUint64Array(count)
  readOffsets(reader, 0n, width, values)
  for (let i = 0; i < count; i += 1) numbers[i] = Number(least + values[i]!)
  return numbers
}
