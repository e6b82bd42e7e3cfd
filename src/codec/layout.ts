// The numbers of the page format: ids, flags, thresholds, and what a decoded page meta holds.
// README.md draws the bytes.
import { limits } from '#base'
import type { Physical } from '#batch'
import type { EntropyModel } from './entropy.ts'

/** Rows of one column in a vector. Part of the format. */
export const vectorRows = limits.vectorRows
/** Rows in a block, so in a page. Part of the format. */
export const blockRowsMax = limits.blockRowsMax

export const rowsMini = 128
/** Vectors stored (and checksummed) together in a page with the LZ4 flag. */
export const chunkVectorsLz4 = 16
export const dictionaryMax = 4096
export const scaleMax = 22
/** A coded stream at most: four states, a word for each byte of its bitmap and each of its slots,
 *  31 extra bits a slot. */
export const codedBytesMax = 16 + (vectorRows / 8 + vectorRows) * 2 + (vectorRows * 31) / 8

/** Encoding ids: part of the format, never reused. */
export const encodings = {
  const: 0,
  for: 1,
  pfor: 2,
  delta: 3,
  deltaPatched: 4,
  deltaOfDelta: 5,
  dictionary: 6,
  rle: 7,
  rleDelta: 8,
  raw64: 9,
  raw64Shuffled: 10,
  bytes: 11,
  bytesDictionary: 12,
  residual: 13,
  xor: 14,
} as const

const names: readonly string[] = [
  'CONST',
  'FOR',
  'PFOR',
  'DELTA',
  'DELTA_P',
  'DOD',
  'DICT',
  'RLE',
  'RLE_DELTA',
  'RAW64',
  'RAW64_SHUFFLED',
  'BYTES',
  'BYTES_DICT',
  'RESIDUAL',
  'XOR',
]

/** The name of an encoding id, for people; `UNKNOWN(id)` where this version has none. */
export function encodingName(id: number): string {
  return names[id] ?? `UNKNOWN(${id})`
}

const { deltaOfDelta, rleDelta, bytesDictionary, xor } = encodings
/** Ids with a meaning but no reader yet. */
export const reservedEncodings: ReadonlySet<number> = new Set<number>([
  deltaOfDelta,
  rleDelta,
  bytesDictionary,
  xor,
])

/** How values became 64-bit integers. Two bits of the flags. */
export const transforms = { integer: 0, decimal: 1, raw: 2, textInteger: 3 } as const

/** Bits 0-4 of a page's first byte are its encoding; bit 5: vectors are entropy coded. */
export const encodingMask = 31
export const codedFlag = 32
/** What is coded, where the flag is set. */
export const codedParts = { slots: 1, bitmaps: 2 } as const

/** What the widths of coded slots are said to be. */
export const codedWidth = 32

/** Flag bits of a page; bits 0 and 1 are the transform. */
export const flags = {
  transformMask: 3,
  nulls: 4,
  lz4: 8,
  sums: 16,
  gcd: 32,
  exceptions: 64,
  allAbsent: 128,
} as const

/** What RLE must save over the next best: short runs decode at about half the speed of packed deltas. */
export const rleSaves = 0.1
/** What LZ4 must save of a page to be kept, and below what payload it is not tried. */
export const lz4SavesRaw = 0.1
export const lz4SavesPacked = 0.2
export const lz4BytesMin = 512

/**
 * Effort and trade: `none` stores FOR or RAW64 only, `low` adds DELTA and RLE, `medium` patches,
 * dictionaries and LZ4, `high` takes the smallest whatever it costs to read, entropy coding
 * included.
 */
export type Level = 'none' | 'low' | 'medium' | 'high'

/**
 * One entry a vector. Integers of the integer domain; the bits of f64 values for a page of
 * transform `raw`. Over the present values that are no exceptions: entries of a vector without such
 * values mean nothing.
 */
export interface Zone {
  readonly min: BigInt64Array
  readonly max: BigInt64Array
  readonly first: BigInt64Array
  readonly last: BigInt64Array
  /** Exact; undefined where one vector's sum is no int64. */
  readonly sum: BigInt64Array | undefined
}

/** How the integers of a RESIDUAL page follow from other columns of the same block; see residual.ts. */
export interface Residual {
  /** One of `residualFunctions`. */
  readonly rule: number
  /** The columns referred to. */
  readonly columnIds: readonly number[]
  /** What is stored: the residuals, a page of whole numbers. */
  readonly inner: PageMeta
}

/** Everything needed to find, verify and decode any vector of a page. */
export interface PageMeta {
  readonly physical: Physical
  readonly rowCount: number
  readonly vectorCount: number
  readonly encoding: number
  /** One of `transforms`. */
  readonly transform: number
  /** Every row is absent; nothing is stored. */
  readonly allAbsent: boolean
  /** Transform `decimal`: the k of value = integer / 10^k. */
  readonly scale: number
  readonly base: bigint
  readonly gcd: bigint
  /** Absent rows a vector; undefined where the page has none. */
  readonly nulls: Uint16Array | undefined
  /** Values stored beside the integers, a vector; undefined where the page has none. */
  readonly exceptions: Uint16Array | undefined
  readonly zone: Zone | undefined
  /** Bits of a packed slot, a vector. */
  readonly widths: Uint8Array
  /** PFOR: base above the zone's min, in units of gcd. DELTA: least delta. BYTES: least length. */
  readonly bases: Float64Array
  /** PFOR, DELTA_P: patches a vector; else empty. */
  readonly patches: Uint16Array
  /** RLE: runs a vector; else empty. */
  readonly runs: Uint16Array
  /** RLE: bits of a packed run length (less one), a vector; else empty. */
  readonly lengthWidths: Uint8Array
  /**
   * The integer that unit 0 of a vector stands for: its least (FOR, RLE, CONST), `bases` above that
   * (PFOR), its first (DELTA, DELTA_P) or the page's base (DICT).
   */
  readonly origins: BigInt64Array
  /** How far a vector's integers are from its origin, at most (rounded). */
  readonly reaches: Float64Array
  /** DICT: the distinct integers, rising, as units of gcd above base. */
  readonly dictionary: Float64Array | undefined
  /** BYTES: bytes of text a vector; else empty. */
  readonly textBytes: Uint32Array
  /** RESIDUAL; everything about stored bytes is that of its inner page. */
  readonly residual: Residual | undefined
  /** Slots are entropy coded, not packed; they count from the page's least (FOR, DICT, DELTA). */
  readonly slotModel: EntropyModel | undefined
  /** Validity bitmaps are entropy coded. */
  readonly bitmapModel: EntropyModel | undefined
  /** Bytes of the coded stream a vector; empty where nothing is coded. */
  readonly codedBytes: Uint16Array
  readonly lz4: boolean
  /** Vectors of one checksum: 16 with LZ4, else 1. */
  readonly chunkVectors: number
  /** Where each vector starts before LZ4, and the end of the last. */
  readonly vectorStarts: Float64Array
  /** Where each chunk starts in the payload, and the end of the last. */
  readonly chunkStarts: Float64Array
  readonly checksums: Uint32Array
  readonly payloadBytes: number
}

/** Per-vector numbers that a page does not have. */
export const noneU8 = new Uint8Array(0)
export const noneU16 = new Uint16Array(0)
export const noneU32 = new Uint32Array(0)

/** Rows of vector `vector` in a page of `rowCount` rows. */
export function rowsOf(rowCount: number, vector: number): number {
  return Math.min(vectorRows, rowCount - vector * vectorRows)
}

/** Present values of a vector: what its packed data holds. */
export function presentOf(meta: PageMeta, vector: number): number {
  if (meta.allAbsent) return 0
  const rows = rowsOf(meta.rowCount, vector)
  return meta.nulls === undefined ? rows : rows - meta.nulls[vector]!
}

/**
 * Bytes of the validity bitmap stored before a vector: none unless some, but not all, of its rows
 * are absent.
 */
export function bitmapBytes(rows: number, present: number): number {
  return present === 0 || present === rows ? 0 : (rows + 7) >>> 3
}

/** Bits needed for a whole number, 0 to 2^64. */
export function bitsOf(value: number): number {
  return value < 4294967296
    ? 32 - Math.clz32(value)
    : 64 - Math.clz32(Math.floor(value / 4294967296))
}

/** Bits needed for an unsigned integer. */
export function bitsOfBig(value: bigint): number {
  const high = Number(BigInt.asUintN(32, value >> 32n))
  return high === 0 ? bitsOf(Number(value)) : 64 - Math.clz32(high)
}
