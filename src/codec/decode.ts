// Stored vectors to rows. Two steps over one vector in scratch memory: packed slots to units
// (doubles), units to values (base + gcd * unit, then what the physical type asks). Absent rows are
// then spread between the present ones.
import { assert } from '#base'
import { arena } from '#kernel'
import { fillAbsent } from '#batch'
import type { BytesData, ColumnData } from '#batch'
import { unpackWide } from './bitpack.ts'
import { damaged, openChunk } from './chunk.ts'
import { decimalPage, storedDecimals } from './decode-decimals.ts'
import type { DecimalPage } from './decode-decimals.ts'
import { placeValues, scratchOf } from './decode-units.ts'
import { codedBitmap } from './entropy-decode.ts'
import {
  bitmapBytes,
  blockRowsMax,
  encodings,
  presentOf,
  rowsOf,
  transforms,
  vectorRows,
} from './layout.ts'
import type { PageMeta } from './layout.ts'
import { copyExceptions, valuesF64, valuesI64, valuesSmall } from './decode-values.ts'
import { placeShuffled, plainReals } from './raw.ts'
import { bodyOffset } from './shape.ts'
import { packedBytes } from './bitpack.ts'
import { appendTexts } from './text-integer.ts'
import { appendBody } from './text.ts'

type Place = Readonly<Record<string, unknown>>

/** One vector being decoded. */
interface Job {
  readonly meta: PageMeta
  readonly vector: number
  /** Its stored bytes, no more. */
  readonly bytes: Uint8Array
  readonly present: number
  readonly place: Place
}

/** A vector's dense values, where they have to be spread before they are rows. */
const lineF64 = new Float64Array(vectorRows)
const lineI64 = new BigInt64Array(vectorRows)
const lineI32 = new Int32Array(vectorRows)
const lineU32 = new Uint32Array(vectorRows)
const wide = new BigUint64Array(vectorRows)

/** Values [from, end) of a vector whose integers span more than doubles hold. */
function wideToI64(job: Job, from: number, end: number, out: BigInt64Array, at: number): void {
  const { meta, vector, bytes, present } = job
  unpackWide(bytes, bodyOffset(meta, vector), present, meta.widths[vector]!, wide)
  for (let i = from; i < end; i += 1)
    out[at + i - from] = meta.origins[vector]! + meta.gcd * wide[i]!
}

const doubleBits = 53

/** A whole vector of decoded values where the kernels put them: most vectors are whole. */
let wholeF64: Float64Array | undefined
let wholeI64: BigInt64Array | undefined

function decodedF64(from: number, end: number): Float64Array {
  const { values } = scratchOf()
  const first = values >>> 3
  if (end - from < vectorRows) return arena().f64.subarray(first + from, first + end)
  if (wholeF64?.byteOffset !== values) {
    wholeF64 = arena().f64.subarray(first, first + vectorRows)
  }
  return wholeF64
}

function decodedI64(from: number, end: number): BigInt64Array {
  const { values } = scratchOf()
  const first = values >>> 3
  if (end - from < vectorRows) return arena().i64.subarray(first + from, first + end)
  if (wholeI64?.byteOffset !== values) {
    wholeI64 = arena().i64.subarray(first, first + vectorRows)
  }
  return wholeI64
}

function denseI64(job: Job, from: number, end: number, out: BigInt64Array, at: number): void {
  const { meta, vector } = job
  if (meta.widths[vector]! > doubleBits) {
    wideToI64(job, from, end, out, at)
    return
  }
  valuesI64(job)
  out.set(decodedI64(from, end), at)
}

function checkDoubles(job: Job): void {
  if (job.meta.widths[job.vector]! <= doubleBits) return
  throw damaged('a vector has wider integers than its column', job.place, job.vector)
}

function denseF64(job: Job, from: number, end: number, out: Float64Array, at: number): void {
  const { meta, vector } = job
  if (meta.transform === transforms.raw) {
    if (meta.encoding === encodings.raw64) {
      const target = new Uint8Array(out.buffer, out.byteOffset + at * 8, (end - from) * 8)
      target.set(plainReals(job, from, end))
      return
    }
    placeShuffled(job)
    out.set(decodedF64(from, end), at)
    return
  }
  checkDoubles(job)
  valuesF64(job, from, end)
  out.set(decodedF64(from, end), at)
  const exceptions = meta.exceptions?.[vector]
  if (exceptions !== undefined) copyExceptions(job, exceptions, from, end, out, at)
}

function denseSmall(
  job: Job,
  from: number,
  end: number,
  out: Int32Array | Uint8Array | Uint32Array,
  at: number,
): void {
  checkDoubles(job)
  valuesSmall(job, from, end, out, at)
}

function denseTexts(job: Job, from: number, end: number, target: BytesData, at: number): void {
  const { meta, vector, bytes, present, place } = job
  if (meta.transform === transforms.textInteger) {
    denseI64(job, from, end, lineI64, from)
    appendTexts(target, at, lineI64, from, end)
    return
  }
  const width = meta.widths[vector]!
  const body = bodyOffset(meta, vector)
  const textAt = body + packedBytes(present, width)
  const base = meta.bases[vector]!
  const text = { bytes, at: body, count: present, width, base, textAt }
  appendBody(target, at, text, from, end, place, vector)
}

/** Present values [from, end) of a vector straight into rows at... of the target. */
function decodeDense(job: Job, from: number, end: number, target: ColumnData, at: number): void {
  switch (target.physical) {
    case 'f64':
      denseF64(job, from, end, target.values, at)
      return
    case 'i64':
      denseI64(job, from, end, target.values, at)
      return
    case 'bytes':
      denseTexts(job, from, end, target, at)
      break
    case 'code':
      denseSmall(job, from, end, target.values, at)
      return
    default:
      denseSmall(job, from, end, target.values, at)
  }
  target.present?.fill(1, at, at + end - from)
}

function bitAt(bitmap: Uint8Array, row: number): number {
  return (bitmap[row >>> 3]! >>> (row & 7)) & 1
}

function countBits(bitmap: Uint8Array, from: number, end: number): number {
  let count = 0
  for (let row = from; row < end; row += 1) count += bitAt(bitmap, row)
  return count
}

/** Puts line[0...] to the present rows among [from, end); absent rows are filled already. */
function spread<T>(
  bitmap: Uint8Array,
  from: number,
  end: number,
  line: { readonly [index: number]: T },
  out: { [index: number]: T },
  at: number,
): void {
  let dense = 0
  for (let row = from; row < end; row += 1) {
    if (bitAt(bitmap, row) === 0) continue
    out[at + row - from] = line[dense]!
    dense += 1
  }
}

function spreadPresent(
  bitmap: Uint8Array,
  from: number,
  end: number,
  present: Uint8Array | undefined,
  at: number,
): void {
  if (present === undefined) return
  for (let row = from; row < end; row += 1) present[at + row - from] = bitAt(bitmap, row)
}

/**
 * The `dense` texts appended at rows at... become rows [from, end): offsets move back to front, in
 * place.
 */
function spreadTexts(
  bitmap: Uint8Array,
  from: number,
  end: number,
  target: BytesData,
  at: number,
  dense: number,
): void {
  let text = dense
  for (let row = end - 1; row >= from; row -= 1) {
    target.offsets[at + 1 + row - from] = target.offsets[at + text]!
    text -= bitAt(bitmap, row)
  }
}

/** Rows [from, end) of a vector of which some rows are absent. */
function decodeSparse(job: Job, from: number, end: number, target: ColumnData, at: number): void {
  const rows = rowsOf(job.meta.rowCount, job.vector)
  const { bitmapModel } = job.meta
  const bitmap =
    bitmapModel === undefined
      ? job.bytes.subarray(0, bitmapBytes(rows, job.present))
      : codedBitmap(job, bitmapModel)
  if (countBits(bitmap, 0, rows) !== job.present) {
    throw damaged('the validity bits do not count the present rows', job.place, job.vector)
  }
  const first = countBits(bitmap, 0, from)
  const next = first + countBits(bitmap, from, end)
  if (target.physical === 'bytes') {
    denseTexts(job, first, next, target, at)
    spreadTexts(bitmap, from, end, target, at, next - first)
    spreadPresent(bitmap, from, end, target.present, at)
    return
  }
  fillAbsent(target, at, at + end - from)
  switch (target.physical) {
    case 'f64':
      denseF64(job, first, next, lineF64, 0)
      spread(bitmap, from, end, lineF64, target.values, at)
      return
    case 'i64':
      denseI64(job, first, next, lineI64, 0)
      spread(bitmap, from, end, lineI64, target.values, at)
      return
    case 'code':
      denseSmall(job, first, next, lineU32, 0)
      spread(bitmap, from, end, lineU32, target.values, at)
      return
    default:
      denseSmall(job, first, next, lineI32, 0)
      spread(bitmap, from, end, lineI32, target.values, at)
      spreadPresent(bitmap, from, end, target.present, at)
  }
}

/** The chunks that hold vectors [vectorFrom, vectorEnd). */
function chunksOf(meta: PageMeta, vectorFrom: number, vectorEnd: number) {
  return {
    first: Math.floor(vectorFrom / meta.chunkVectors),
    next: Math.ceil(vectorEnd / meta.chunkVectors),
  }
}

/** Where vectors [vectorFrom, vectorEnd) are in the page's payload, rounded out to LZ4 chunks. */
export function storedRange(
  meta: PageMeta,
  vectorFrom: number,
  vectorEnd: number,
): { from: number; end: number } {
  assert(
    vectorFrom >= 0 && vectorFrom <= vectorEnd && vectorEnd <= meta.vectorCount,
    'vectors are in their page',
  )
  const { first, next } = chunksOf(meta, vectorFrom, vectorEnd)
  return { from: meta.chunkStarts[first]!, end: meta.chunkStarts[Math.max(first, next)]! }
}

/** Where pages go that are not in the arena: one of f64 decimals, 32 bits a slot, is not longer. */
const broughtBytesMax = blockRowsMax * 4
let broughtAt: number | undefined

/**
 * Where byte 0 of the payload would lie in the arena, once the bytes [from, end) of it do: copied there where they are
 * not. Undefined where they are not all there, or too many to copy.
 */
function bring(
  stored: Uint8Array,
  storedFrom: number,
  { from, end }: { readonly from: number; readonly end: number },
): number | undefined {
  const { u8, claim } = arena()
  const [first, next] = [from - storedFrom, end - storedFrom]
  if (first < 0 || next > stored.length) return undefined
  if (stored.buffer === u8.buffer) return stored.byteOffset - storedFrom
  if (next - first > broughtBytesMax) return undefined
  broughtAt ??= claim(broughtBytesMax)
  u8.set(stored.subarray(first, next), broughtAt)
  return broughtAt - from
}

const hasExceptions = ({ exceptions }: PageMeta, vector: number): boolean =>
  exceptions !== undefined && exceptions[vector]! > 0

/** A page whose plain vectors are decoded without further ado, and where its payload lies in the arena. */
interface PlainDecimals {
  readonly page: DecimalPage
  readonly payloadAt: number
}

function plainDecimals(
  meta: PageMeta,
  stored: Uint8Array,
  storedFrom: number,
  vectorFrom: number,
  vectorEnd: number,
): PlainDecimals | undefined {
  if (meta.physical !== 'f64' || meta.lz4 || meta.bitmapModel !== undefined) return undefined
  const page = decimalPage(meta)
  if (page === undefined) return undefined
  const payloadAt = bring(stored, storedFrom, storedRange(meta, vectorFrom, vectorEnd))
  return payloadAt === undefined ? undefined : { page, payloadAt }
}

/**
 * Verifies and decodes rows [rowFrom, rowEnd) of a page into rows at... of `target`, which has room
 * for them (bytes columns: offsets[at] is the end of what is there; bytes grow). `stored` holds
 * payload bytes from `storedFrom` (negative: payload byte 0 is at -storedFrom) and covers storedRange
 * of the vectors touched; only these are verified, not even they where `isChecked`. Damage is
 * ERR_CORRUPT with `place` and the vector; the target's rows are then undefined.
 */
export function decodeRows(
  meta: PageMeta,
  stored: Uint8Array,
  storedFrom: number,
  rowFrom: number,
  rowEnd: number,
  target: ColumnData,
  at: number,
  place: Place = {},
  isChecked: boolean = false,
): void {
  assert(rowFrom >= 0 && rowFrom <= rowEnd && rowEnd <= meta.rowCount, 'rows are in their page')
  assert(target.physical === meta.physical, 'a page goes into a column of its type')
  assert(meta.residual === undefined, 'residuals are decoded beside what they refer to')
  if (rowFrom === rowEnd) return
  if (meta.allAbsent) {
    fillAbsent(target, at, at + rowEnd - rowFrom)
    return
  }
  const vectorFrom = Math.floor(rowFrom / vectorRows)
  const vectorEnd = Math.ceil(rowEnd / vectorRows)
  if (target.physical === 'f64' || target.physical === 'i64') {
    placeValues(target.values.byteOffset + (at - rowFrom) * 8)
  }
  const plain = plainDecimals(meta, stored, storedFrom, vectorFrom, vectorEnd)
  let chunk = -1
  let chunkBytes = stored
  let chunkStart = 0
  for (let vector = vectorFrom; vector < vectorEnd; vector += 1) {
    const rowBase = vector * vectorRows
    const from = Math.max(rowFrom - rowBase, 0)
    const end = Math.min(rowEnd - rowBase, vectorRows)
    const to = at + rowBase + from - rowFrom
    const present = presentOf(meta, vector)
    if (present === 0) {
      fillAbsent(target, to, to + end - from)
      continue
    }
    const isDense = present === rowsOf(meta.rowCount, vector)
    if (
      plain !== undefined &&
      target.physical === 'f64' &&
      isDense &&
      !hasExceptions(meta, vector)
    ) {
      const address = plain.payloadAt + meta.vectorStarts[vector]!
      if (storedDecimals(plain.page, vector, address, end, isChecked, place)) {
        target.values.set(decodedF64(from, end), to)
        continue
      }
    }
    const own = Math.floor(vector / meta.chunkVectors)
    if (own !== chunk) {
      chunk = own
      chunkBytes = openChunk(meta, chunk, stored, storedFrom, place, isChecked)
      chunkStart = meta.vectorStarts[chunk * meta.chunkVectors]!
    }
    const bytes =
      meta.chunkVectors === 1
        ? chunkBytes
        : chunkBytes.subarray(
            meta.vectorStarts[vector]! - chunkStart,
            meta.vectorStarts[vector + 1]! - chunkStart,
          )
    const job = { meta, vector, bytes, present, place }
    if (isDense) decodeDense(job, from, end, target, to)
    else decodeSparse(job, from, end, target, to)
  }
}
