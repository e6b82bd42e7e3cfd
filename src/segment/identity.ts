// The identity of rows: a SHA-256 that depends on nothing but the rows and their order, so that two stores with the
// same rows agree whatever batches, crashes, compactions, codecs, add-ons or machines they went through.
//
//   root   = SHA-256('varve-root-1\0', for each series, sorted by its key text: series node)
//   node   = SHA-256('varve-series-1\0', kind, symbol, timeframe, identity rule, for each partition:
//            start i64, row count u64, leaf)
//   leaf   = SHA-256('varve-leaf-1\0', row count u64, for each column with a present value, sorted by name:
//            name, logical type, presence digest, value digest)
//
// Strings are length-prefixed (u32) UTF-8; numbers are little-endian. The logical type is 'f64', 'decimal(k)', 'int'
// (i64, i32 and u8), 'bool', 'time', 'symbol', 'text' or 'json'. Per column, over the rows in read order:
//   presence digest  SHA-256 of one bit a row, lowest first, the last byte filled up with 0
//   value digest     SHA-256 of the present values: f64 as its bits; decimal, int, bool and time as int64; symbol as
//                    u32 numbers of first use followed by the SHA-256 of the strings in that order; text and json as
//                    the SHA-256 of the u32 lengths followed by the SHA-256 of the bytes.
// A column without a present value is left out, so that adding an optional column changes no hash.
import { ByteWriter, assert, assertNever } from '#base'
import { absentCode, validityBits } from '#batch'
import type { BytesData, CodeData, ColumnData } from '#batch'
import { sha256 } from '#kernel'
import type { Sha256 } from '#kernel'
import type { ColumnSpec, ColumnType } from '#schema'

const encoder = new TextEncoder()

function text(writer: ByteWriter, value: string): void {
  const utf8 = encoder.encode(value)
  writer.u32(utf8.length).bytes(utf8)
}

/** The name of a column type in the hash. */
function logicalType(type: ColumnType, scale: number): string {
  if (type === 'i64' || type === 'i32' || type === 'u8') return 'int'
  return type === 'decimal' ? `decimal(${scale})` : type
}

function bytesOf(array: {
  buffer: ArrayBufferLike
  byteOffset: number
  byteLength: number
}): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

/** Bits that arrive a few at a time. As long as all are 1 they are only counted: most columns have no absent row. */
class BitDigest {
  #hash: Sha256 | undefined
  #ones = 0
  #partial = 0
  #partialBits = 0

  /** The lowest `count` bits of `bits`; all 1 where it is undefined. */
  add(bits: Uint8Array | undefined, count: number): void {
    if (this.#hash === undefined && bits === undefined) {
      this.#ones += count
      return
    }
    if (this.#hash === undefined) {
      this.#hash = sha256()
      this.#feed(this.#hash, undefined, this.#ones)
    }
    this.#feed(this.#hash, bits, count)
  }

  #feed(hash: Sha256, bits: Uint8Array | undefined, count: number): void {
    if (this.#partialBits === 0) return this.#feedAligned(hash, bits, count)
    const bytes = new Uint8Array((this.#partialBits + count) >> 3)
    let at = 0
    for (let index = 0; index < count; index += 1) {
      const bit = bits === undefined ? 1 : (bits[index >> 3]! >> (index & 7)) & 1
      this.#partial |= bit << this.#partialBits
      this.#partialBits += 1
      if (this.#partialBits < 8) continue
      bytes[at] = this.#partial
      at += 1
      this.#partial = 0
      this.#partialBits = 0
    }
    if (at > 0) hash.update(bytes)
  }

  /** Blocks have a multiple of 8 rows, all but the last: this is the way of nearly all bits. */
  #feedAligned(hash: Sha256, bits: Uint8Array | undefined, count: number): void {
    const whole = count >> 3
    const rest = count & 7
    if (whole > 0) hash.update(bits?.subarray(0, whole) ?? new Uint8Array(whole).fill(255))
    const mask = (1 << rest) - 1
    this.#partial = rest === 0 ? 0 : (bits?.[whole] ?? 255) & mask
    this.#partialBits = rest
  }

  digest(): Uint8Array {
    if (this.#hash === undefined) return digestOfOnes(this.#ones)
    if (this.#partialBits > 0) this.#hash.update(Uint8Array.of(this.#partial))
    return this.#hash.digest()
  }
}

const onesDigests = new Map<number, Uint8Array>()
const onesDigestsMax = 1024

/** The presence digest of `count` rows that are all present: the same for all columns of a run, and for many runs. */
function digestOfOnes(count: number): Uint8Array {
  let digest = onesDigests.get(count)
  if (digest === undefined) {
    const bytes = new Uint8Array((count + 7) >> 3).fill(255)
    if ((count & 7) !== 0) bytes[bytes.length - 1] = (1 << (count & 7)) - 1
    digest = sha256().update(bytes).digest()
    if (onesDigests.size >= onesDigestsMax) onesDigests.clear()
    onesDigests.set(count, digest)
  }
  return digest
}

/** How many of the bits are 1. */
function countBits(bits: Uint8Array): number {
  let count = 0
  for (const byte of bits) {
    for (let rest = byte; rest !== 0; rest &= rest - 1) count += 1
  }
  return count
}

function isSet(bits: Uint8Array | undefined, index: number): boolean {
  return bits === undefined || ((bits[index >> 3]! >> (index & 7)) & 1) === 1
}

interface Head {
  readonly type: ColumnType
  readonly scale: number
  readonly bytes: Uint8Array
}

/** By name, of the columns hashed last: those of a kind are written for every run. */
const heads = new Map<string, Head>()
const headsMax = 1024

/** Name and logical type, as they are hashed. */
function headOf({ name, type, scale }: ColumnSpec): Uint8Array {
  const head = heads.get(name)
  if (head !== undefined && head.type === type && head.scale === scale) return head.bytes
  const writer = new ByteWriter()
  text(writer, name)
  text(writer, logicalType(type, scale))
  const bytes = writer.take()
  if (heads.size >= headsMax) heads.clear()
  heads.set(name, { type, scale, bytes })
  return bytes
}

const leafTag = encoder.encode('varve-leaf-1\0')
const seriesTag = encoder.encode('varve-series-1\0')

class ColumnDigest {
  readonly spec: ColumnSpec
  readonly #presence = new BitDigest()
  readonly #values: Sha256 = sha256()
  /** Of texts alone. */
  #lengths: Sha256 | undefined
  /** Of symbols alone. */
  #uses: Map<string, number> | undefined
  presentCount = 0

  constructor(spec: ColumnSpec) {
    this.spec = spec
  }

  add(column: ColumnData, from: number, end: number): void {
    const rowCount = end - from
    const bits = this.spec.optional ? validityBits(column, from, end) : undefined
    const present = bits === undefined ? rowCount : countBits(bits)
    this.#presence.add(bits, rowCount)
    this.presentCount += present
    if (present > 0) this.#addValues(column, from, end, bits, present)
  }

  #addValues(
    column: ColumnData,
    from: number,
    end: number,
    bits: Uint8Array | undefined,
    present: number,
  ): void {
    switch (column.physical) {
      case 'f64':
        this.#values.update(bytesOf(kept(column.values, from, end, bits, present, Float64Array)))
        return
      case 'i64':
        this.#values.update(bytesOf(kept(column.values, from, end, bits, present, BigInt64Array)))
        return
      case 'i32':
      case 'u8':
        this.#values.update(bytesOf(widened(column.values, from, end, bits, present)))
        return
      case 'code':
        this.#values.update(bytesOf(this.#usesOf(column, from, end, present)))
        return
      case 'bytes':
        this.#addTexts(column, from, end, bits, present)
        return
      default:
        assertNever(column)
    }
  }

  #usesOf(column: CodeData, from: number, end: number, present: number): Uint32Array {
    const numbers = new Uint32Array(present)
    const numberOf = new Int32Array(column.dictionary.length).fill(-1)
    const uses = (this.#uses ??= new Map())
    let at = 0
    for (let row = from; row < end; row += 1) {
      const code = column.values[row]!
      if (code === absentCode) continue
      let number = numberOf[code]!
      if (number < 0) {
        const value = column.dictionary[code]!
        number = uses.get(value) ?? uses.size
        uses.set(value, number)
        numberOf[code] = number
      }
      numbers[at] = number
      at += 1
    }
    return numbers
  }

  #addTexts(
    column: BytesData,
    from: number,
    end: number,
    bits: Uint8Array | undefined,
    present: number,
  ): void {
    const lengths = new Uint32Array(present)
    let at = 0
    for (let row = from; row < end; row += 1) {
      if (!isSet(bits, row - from)) continue
      lengths[at] = column.offsets[row + 1]! - column.offsets[row]!
      at += 1
    }
    this.#lengths ??= sha256()
    this.#lengths.update(bytesOf(lengths))
    // Absent rows have no bytes, so the present ones lie side by side.
    this.#values.update(column.bytes.subarray(column.offsets[from]!, column.offsets[end]!))
  }

  write(writer: ByteWriter): void {
    writer.bytes(headOf(this.spec))
    writer.bytes(this.#presence.digest())
    switch (this.spec.physical) {
      case 'code': {
        const strings = new ByteWriter()
        for (const value of this.#uses?.keys() ?? []) text(strings, value)
        this.#values.update(sha256().update(strings.view()).digest())
        writer.bytes(this.#values.digest())
        return
      }
      case 'bytes':
        assert(this.#lengths !== undefined, 'leaf: a column of texts that is written has some')
        writer.bytes(sha256().update(this.#lengths.digest()).update(this.#values.digest()).digest())
        return
      default:
        writer.bytes(this.#values.digest())
    }
  }
}

function kept<A extends Float64Array | BigInt64Array>(
  values: A,
  from: number,
  end: number,
  bits: Uint8Array | undefined,
  present: number,
  Values: new (length: number) => A,
): A {
  if (present === end - from) return values.subarray(from, end) as A
  const target = new Values(present)
  // Copied as bits: a double moved through a register may lose the payload of a NaN.
  const source = new Uint32Array(values.buffer, values.byteOffset + from * 8, (end - from) * 2)
  const halves = new Uint32Array(target.buffer, target.byteOffset, present * 2)
  let at = 0
  for (let row = 0; row < end - from; row += 1) {
    if (!isSet(bits, row)) continue
    halves[at] = source[row * 2]!
    halves[at + 1] = source[row * 2 + 1]!
    at += 2
  }
  return target
}

function widened(
  values: Int32Array | Uint8Array,
  from: number,
  end: number,
  bits: Uint8Array | undefined,
  present: number,
): Int32Array {
  const halves = new Int32Array(present * 2)
  let at = 0
  for (let row = from; row < end; row += 1) {
    if (!isSet(bits, row - from)) continue
    const value = values[row]!
    halves[at] = value
    halves[at + 1] = value < 0 ? -1 : 0
    at += 2
  }
  return halves
}

/** What a leaf is the hash of. */
const leafWriter = new ByteWriter(1024)

/** The leaf of one partition (or run): rows in read order, in pieces of any size. */
export class LeafHasher {
  readonly #columns: readonly ColumnDigest[]
  #rowCount = 0

  /** `specs`: the columns that will be given, `time` among them; hidden columns left out by the caller. */
  constructor(specs: readonly ColumnSpec[]) {
    this.#columns = specs.map((spec) => new ColumnDigest(spec))
  }

  /** `columns[i]` belongs to `specs[i]`. */
  add(columns: readonly ColumnData[], from: number, end: number): void {
    assert(columns.length === this.#columns.length, 'leaf: one column a spec')
    this.#rowCount += end - from
    for (let at = 0; at < columns.length; at += 1) {
      this.#columns[at]!.add(columns[at]!, from, end)
    }
  }

  /** 32 bytes. */
  digest(): Uint8Array {
    leafWriter.reset()
    const writer = leafWriter
    writer.bytes(leafTag).u64(BigInt(this.#rowCount))
    const present = this.#columns.filter((column) => column.presentCount > 0)
    present.sort((a, b) => (a.spec.name < b.spec.name ? -1 : 1))
    for (const column of present) column.write(writer)
    return sha256().update(writer.view()).digest()
  }
}

export interface PartitionLeaf {
  readonly start: bigint
  readonly rowCount: number
  readonly leaf: Uint8Array
}

export interface SeriesIdentity {
  readonly kind: string
  readonly symbol: string
  readonly timeframe: string | undefined
  /** Column names, and what happens to duplicates. */
  readonly order: readonly string[]
  readonly identity: readonly string[]
  readonly duplicates: string
}

/** The node of one series; `leaves` in order of start. */
export function seriesNode(series: SeriesIdentity, leaves: readonly PartitionLeaf[]): Uint8Array {
  const writer = new ByteWriter()
  writer.bytes(seriesTag)
  text(writer, series.kind)
  text(writer, series.symbol)
  text(writer, series.timeframe ?? '')
  const rule = `${series.order.join(',')}|${series.identity.join(',')}|${series.duplicates}`
  text(writer, rule)
  for (const { start, rowCount, leaf } of leaves) {
    writer.i64(start).u64(BigInt(rowCount)).bytes(leaf)
  }
  return sha256().update(writer.view()).digest()
}

/** The root over the nodes of all series that hold rows, given in order of their key text. */
export function rootHash(nodes: readonly Uint8Array[]): Uint8Array {
  const hash = sha256().update(encoder.encode('varve-root-1\0'))
  for (const node of nodes) hash.update(node)
  return hash.digest()
}
