// Little-endian bytes, written and read in order. Used for everything that is not a hot loop: footers, manifest edits,
// log entries. Hot loops work on typed arrays directly.
//
// varint:  7 bits a byte, lowest first, high bit = more follows; at most 10 bytes.
// zigzag:  signed 64 bits as (n << 1) ^ (n >> 63), then varint.
// string:  varint byte length, UTF-8.
import { VarveError } from './errors.ts'

const encoder = new TextEncoder()
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A growing buffer. `take()` gives a copy of what was written; `view()` a view valid until the next write. */
export class ByteWriter {
  #bytes: Uint8Array
  #view: DataView
  #length = 0

  constructor(bytesExpected = 256) {
    this.#bytes = new Uint8Array(bytesExpected)
    this.#view = new DataView(this.#bytes.buffer)
  }

  get length(): number {
    return this.#length
  }

  #reserve(count: number): number {
    const at = this.#length
    const needed = at + count
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
      grown.set(this.#bytes.subarray(0, at))
      this.#bytes = grown
      this.#view = new DataView(grown.buffer)
    }
    this.#length = needed
    return at
  }

  u8(value: number): this {
    const at = this.#reserve(1)
    this.#bytes[at] = value
    return this
  }
  u16(value: number): this {
    const at = this.#reserve(2)
    this.#view.setUint16(at, value, true)
    return this
  }
  u32(value: number): this {
    const at = this.#reserve(4)
    this.#view.setUint32(at, value, true)
    return this
  }
  u64(value: bigint): this {
    const at = this.#reserve(8)
    this.#view.setBigUint64(at, value, true)
    return this
  }
  i64(value: bigint): this {
    const at = this.#reserve(8)
    this.#view.setBigInt64(at, value, true)
    return this
  }
  f64(value: number): this {
    const at = this.#reserve(8)
    this.#view.setFloat64(at, value, true)
    return this
  }
  /** A whole number, 0 to 2^53 - 1. */
  varint(value: number): this {
    let rest = value
    while (rest > 0x7fffffff) {
      this.u8((rest % 0x80) | 0x80)
      rest = Math.floor(rest / 0x80)
    }
    while (rest >= 0x80) {
      this.u8((rest & 0x7f) | 0x80)
      rest >>>= 7
    }
    return this.u8(rest)
  }
  /** 0 to 2^64 - 1. */
  varint64(value: bigint): this {
    const number = Number(value)
    if (number >= 0 && number <= Number.MAX_SAFE_INTEGER) return this.varint(number)
    // Seven groups of 7 bits are a number; what is above them is one too.
    const bits = BigInt.asUintN(64, value)
    let low = Number(bits & 0x1ffffffffffffn)
    for (let group = 0; group < 7; group += 1) {
      this.u8((low % 0x80) | 0x80)
      low = Math.floor(low / 0x80)
    }
    return this.varint(Number(bits >> 49n))
  }
  /** Any int64. */
  zigzag64(value: bigint): this {
    const number = Number(value)
    if (number >= 0 && number < 0x10000000000000) return this.varint(number * 2)
    if (number < 0 && number > -0x10000000000000) return this.varint(-number * 2 - 1)
    return this.varint64(BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)))
  }
  bytes(source: Uint8Array): this {
    const at = this.#reserve(source.length)
    this.#bytes.set(source, at)
    return this
  }
  string(text: string): this {
    if (text.length < 0x80 && this.#ascii(text)) return this
    const utf8 = encoder.encode(text)
    return this.varint(utf8.length).bytes(utf8)
  }
  /** A short text as varint length and bytes; nothing, and false, where it is not ASCII alone. */
  #ascii(text: string): boolean {
    const from = this.#reserve(text.length + 1)
    this.#bytes[from] = text.length
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at)
      if (code >= 0x80) {
        this.#length = from
        return false
      }
      this.#bytes[from + 1 + at] = code
    }
    return true
  }
  /** Zero bytes up to a multiple of `alignment`. */
  align(alignment: number): this {
    const over = this.#length % alignment
    if (over !== 0) this.#bytes.fill(0, this.#reserve(alignment - over), this.#length)
    return this
  }
  /** Overwrites bytes written earlier. */
  patchU32(at: number, value: number): void {
    this.#view.setUint32(at, value, true)
  }
  patchU64(at: number, value: bigint): void {
    this.#view.setBigUint64(at, value, true)
  }
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }
  take(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }
  reset(): void {
    this.#length = 0
  }
}

/** Reads what ByteWriter wrote. Running past the end, or a malformed varint or string, is ERR_CORRUPT with the offset
 *  and the `place` given (file, series, ...). */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #place: Readonly<Record<string, unknown>>
  #at = 0

  constructor(bytes: Uint8Array, place: Readonly<Record<string, unknown>> = {}) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#place = place
  }

  get offset(): number {
    return this.#at
  }
  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  /** An error about the bytes at the reader's place. */
  corrupt(message: string): VarveError {
    return new VarveError('ERR_CORRUPT', message, { ...this.#place, at: this.#at })
  }

  #step(count: number): number {
    const at = this.#at
    if (!(count >= 0 && count <= this.#bytes.length - at)) {
      throw this.corrupt(`${count} more bytes expected, ${this.#bytes.length - at} are there`)
    }
    this.#at = at + count
    return at
  }

  u8(): number {
    const at = this.#at
    const value = this.#bytes[at]
    if (value === undefined) throw this.corrupt('one more byte expected, the end is here')
    this.#at = at + 1
    return value
  }
  u16(): number {
    return this.#view.getUint16(this.#step(2), true)
  }
  u32(): number {
    return this.#view.getUint32(this.#step(4), true)
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.#step(8), true)
  }
  i64(): bigint {
    return this.#view.getBigInt64(this.#step(8), true)
  }
  f64(): number {
    return this.#view.getFloat64(this.#step(8), true)
  }
  varint(): number {
    let value = 0
    let scale = 1
    for (let count = 0; count < 8; count += 1) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break
        return value
      }
      scale *= 0x80
    }
    throw this.corrupt('a number is larger than 2^53 - 1')
  }
  varint64(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.u8()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) {
        if (value >> 64n !== 0n) break
        return value
      }
    }
    throw this.corrupt('a number is larger than 64 bits')
  }
  zigzag64(): bigint {
    const value = this.varint64()
    return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n))
  }
  /** A view of the next `count` bytes. */
  bytes(count: number): Uint8Array {
    const at = this.#step(count)
    return this.#bytes.subarray(at, at + count)
  }
  string(bytesMax = 1 << 20): string {
    const count = this.varint()
    if (count > bytesMax) throw this.corrupt(`a string of ${count} bytes, at most ${bytesMax}`)
    const utf8 = this.bytes(count)
    try {
      return strictDecoder.decode(utf8)
    } catch (cause) {
      throw new VarveError(
        'ERR_CORRUPT',
        'a string is not UTF-8',
        { ...this.#place, at: this.#at },
        { cause },
      )
    }
  }
  /** A count that is about to be looped over: refused when even one byte each would not fit. */
  count(countMax: number = this.remaining): number {
    const count = this.varint()
    if (count > countMax) throw this.corrupt(`a count of ${count}, at most ${countMax}`)
    return count
  }
  expectEnd(): void {
    if (this.remaining !== 0) throw this.corrupt(`${this.remaining} bytes too many`)
  }
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

export function bytesOfHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'))
}
