// The shape of a page: what of its meta the lengths of its vectors follow from, for the writer and
// the reader alike.
//
// A vector:  validity bitmap | packed slots | second stream | patches | exceptions     no padding
//            (some absent)     (4 lanes)      (see below)     (PFOR..)  (decimals)
//
// What is entropy coded, bitmap or slots or both, is one stream in the place of the packed slots.
import { halvesOf } from '#batch'
import type { Physical } from '#batch'
import { packedBytes } from './bitpack.ts'
import {
  bitmapBytes,
  encodings,
  noneU16,
  noneU32,
  noneU8,
  presentOf,
  rowsOf,
  vectorRows,
} from './layout.ts'
import type { PageMeta } from './layout.ts'
import { patchBytes } from './measure.ts'

/** A page's meta while it is made; one object from start to end, since small pages are many. */
export type Draft = { -readonly [K in keyof PageMeta]: PageMeta[K] }

const noneI64 = new BigInt64Array(0)
const noneF64 = new Float64Array(0)

/** A draft that stores nothing yet. */
export function startMeta(
  physical: Physical,
  rowCount: number,
  encoding: number,
  transform: number,
): Draft {
  const vectorCount = Math.ceil(rowCount / vectorRows)
  return {
    physical,
    rowCount,
    vectorCount,
    encoding,
    transform,
    allAbsent: false,
    scale: 0,
    base: 0n,
    gcd: 1n,
    nulls: undefined,
    exceptions: undefined,
    zone: undefined,
    widths: noneU8,
    bases: noneF64,
    patches: noneU16,
    runs: noneU16,
    lengthWidths: noneU8,
    origins: noneI64,
    reaches: noneF64,
    dictionary: undefined,
    textBytes: noneU32,
    residual: undefined,
    slotModel: undefined,
    bitmapModel: undefined,
    codedBytes: noneU16,
    lz4: false,
    chunkVectors: 1,
    vectorStarts: noneF64,
    chunkStarts: noneF64,
    checksums: noneU32,
    payloadBytes: 0,
  }
}

/** Bytes of an exception: u16 place, 8 bytes of value. */
export const exceptionBytes = 10

function bodyBytes(shape: PageMeta, vector: number, present: number): number {
  if (shape.slotModel !== undefined) return 0
  const width = shape.widths[vector]!
  switch (shape.encoding) {
    case encodings.const:
      return 0
    case encodings.rle: {
      const runs = shape.runs[vector]!
      return packedBytes(runs, width) + packedBytes(runs, shape.lengthWidths[vector]!)
    }
    case encodings.raw64:
    case encodings.raw64Shuffled:
      return present * 8
    case encodings.bytes:
      return packedBytes(present, width) + shape.textBytes[vector]!
    case encodings.pfor:
    case encodings.deltaPatched:
      return packedBytes(present, width) + shape.patches[vector]! * patchBytes
    default:
      return packedBytes(present, width)
  }
}

/** Where each vector starts before LZ4, and where the last ends. */
function vectorStartsOf(shape: PageMeta, starts: Float64Array): Float64Array {
  if (shape.allAbsent) return starts
  for (let vector = 0; vector < shape.vectorCount; vector += 1) {
    const rows = rowsOf(shape.rowCount, vector)
    const present = shape.nulls === undefined ? rows : rows - shape.nulls[vector]!
    let bytes = 0
    if (present > 0) {
      const exceptions = shape.exceptions?.[vector] ?? 0
      if (shape.bitmapModel === undefined) bytes = bitmapBytes(rows, present)
      bytes += (shape.codedBytes[vector] ?? 0) + bodyBytes(shape, vector, present)
      bytes += exceptions * exceptionBytes
    }
    starts[vector + 1] = starts[vector]! + bytes
  }
  return starts
}

/** Units count from the page's least, not from the vector's. */
function countsFromPage({ encoding, slotModel }: PageMeta): boolean {
  return (
    encoding === encodings.dictionary || (encoding === encodings.for && slotModel !== undefined)
  )
}

/**
 * What unit 0 of each vector stands for; see PageMeta. (Each case fills its own way: a BigInt
 * chosen by a condition and then cut by BigInt.asUintN crashes the optimizing compiler of Node 20.)
 */
function originsOf(shape: PageMeta): BigInt64Array {
  const { zone, encoding, base, gcd, bases, vectorCount } = shape
  if (zone === undefined) return new BigInt64Array(vectorCount)
  if (countsFromPage(shape)) return new BigInt64Array(vectorCount).fill(base)
  if (encoding === encodings.delta || encoding === encodings.deltaPatched) return zone.first
  if (encoding !== encodings.pfor) return zone.min
  const origins = new BigInt64Array(vectorCount)
  for (let v = 0; v < origins.length; v += 1) origins[v] = zone.min[v]! + gcd * BigInt(bases[v]!)
  return origins
}

/** How far the integers of each vector are from its origin, at most; rounded to a double. */
function reachesOf(shape: PageMeta, reaches: Float64Array): Float64Array {
  const { zone } = shape
  if (zone === undefined) return reaches
  const most = halvesOf(zone.max)
  const from = halvesOf(countsFromPage(shape) ? shape.origins : zone.min)
  for (let at = 0; at < most.length; at += 2) {
    const high = most[at + 1]! * two32 + (most[at]! >>> 0)
    const low = from[at + 1]! * two32 + (from[at]! >>> 0)
    reaches[at >>> 1] = high - low
  }
  return reaches
}

const two32 = 2 ** 32

/** Fills in what follows from the rest: origins, reaches, vectorStarts. */
export function derive(draft: Draft): void {
  const { vectorCount } = draft
  // One buffer for both: each of its own takes longer to make and to collect than to fill.
  const { buffer } = new Float64Array(vectorCount * 2 + 1)
  draft.origins = originsOf(draft)
  draft.reaches = reachesOf(draft, new Float64Array(buffer, 0, vectorCount))
  const starts = new Float64Array(buffer, vectorCount * 8, vectorCount + 1)
  draft.vectorStarts = vectorStartsOf(draft, starts)
}

/** Where the entropy coded stream of `vector` starts in its bytes: behind a bitmap that is not. */
export function codedOffset(meta: PageMeta, vector: number): number {
  if (meta.bitmapModel !== undefined) return 0
  return bitmapBytes(rowsOf(meta.rowCount, vector), presentOf(meta, vector))
}

/** Where the packed slots of `vector` start in its bytes. */
export function bodyOffset(meta: PageMeta, vector: number): number {
  return codedOffset(meta, vector) + (meta.codedBytes[vector] ?? 0)
}
