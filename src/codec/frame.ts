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

function bits(values: BigUint64Array, least: bigint, width: number): Uint8Array {
  const bytes = new Uint8Array((values.length * width + 7) >>> 3)
  let held = 0n
  let heldBits = 0
  let at = 0
  for (const value of values) {
    held |= BigInt.asUintN(64, value - least) << BigInt(heldBits)
    heldBits += width
    while (heldBits >= 8) {
      bytes[at] = Number(held & 0xffn)
      at += 1
      held >>= 8n
      heldBits -= 8
    }
  }
  if (heldBits > 0) bytes[at] = Number(held)
  return bytes
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
  for (let i = 0; i < values.length; i += 1) big[i] = BigInt(values[i]!)
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

/** Offsets of `width` <= 24 bits as numbers: the usual case, without BigInt. */
function readNarrow(bytes: Uint8Array, width: number, offsets: Float64Array): void {
  const mask = (1 << width) - 1
  let held = 0
  let heldBits = 0
  let at = 0
  for (let i = 0; i < offsets.length; i += 1) {
    while (heldBits < width) {
      held |= bytes[at]! << heldBits
      at += 1
      heldBits += 8
    }
    offsets[i] = held & mask
    held >>>= width
    heldBits -= width
  }
}

function readWide(bytes: Uint8Array, width: number, least: bigint, values: BigUint64Array): void {
  let held = 0n
  let heldBits = 0
  let at = 0
  const shift = BigInt(width)
  for (let i = 0; i < values.length; i += 1) {
    while (heldBits < width) {
      held |= BigInt(bytes[at]!) << BigInt(heldBits)
      at += 1
      heldBits += 8
    }
    values[i] = least + BigInt.asUintN(width, held)
    held >>= shift
    heldBits -= width
  }
}

function readOffsets(reader: ByteReader, least: bigint, width: number, values: BigUint64Array) {
  const count = values.length
  const bytes = reader.bytes((count * width + 7) >>> 3)
  if (width > 24) {
    readWide(bytes, width, least, values)
    return
  }
  const offsets = new Float64Array(count)
  readNarrow(bytes, width, offsets)
  for (let i = 0; i < count; i += 1) values[i] = least + BigInt(offsets[i]!)
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
    const bytes = reader.bytes((count * width + 7) >>> 3)
    if (width <= 24) {
      readNarrow(bytes, width, numbers)
      for (let i = 0; i < count; i += 1) numbers[i] = numbers[i]! + least
    } else {
      const values = new BigUint64Array(count)
      readWide(bytes, width, BigInt(least), values)
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
