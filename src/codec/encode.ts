// A column's rows to a page: gather the present values, bring them to units, choose, write,
// compress.
import { assert } from '#base'
import type { BytesData, ColumnData } from '#batch'
import { lz4Chunks, plainChunks } from './chunk.ts'
import { habitRowsMax, isLz4WorthTrying, lastChoice, noteLz4, planUnits } from './choose.ts'
import type { Habit, Plan } from './choose.ts'
import { firstScale, toDecimals } from './decimal.ts'
import { codedPage } from './entropy-encode.ts'
import {
  startWriting,
  writeBitmap,
  writeExceptions,
  writeUnits,
  writeWide,
} from './encode-units.ts'
import type { Written } from './encode-units.ts'
import { gatherF64, gatherI64, gatherRows, gatherSmall, presenceOf } from './gather.ts'
import type { Presence } from './gather.ts'
import {
  blockRowsMax,
  encodings,
  lz4BytesMin,
  lz4SavesPacked,
  lz4SavesRaw,
  transforms,
  vectorRows,
} from './layout.ts'
import type { Level, PageMeta } from './layout.ts'
import { writeReals, zoneOfRaw } from './raw.ts'
import { derive, startMeta } from './shape.ts'
import type { Draft } from './shape.ts'
import { toTextIntegers } from './text-integer.ts'
import { textBytesOf, writeTexts } from './text.ts'
import { scaleI64, scaleNarrow, scaleUnits } from './units.ts'
import type { Scaling } from './units.ts'
import { zoneOfUnits, zoneOfWide } from './zone.ts'

export interface EncodeOptions {
  /** Whether absent values (column-data.ts) are absent; otherwise every value is a value. */
  readonly optional: boolean
  /** Default 'medium'. */
  readonly level?: Level
  /** The page of the same column before this one: its choices are tried first. */
  readonly previous?: PageMeta
  /** How many pages of the column are before this one in its run; see `lastChoice`. */
  readonly block?: number
  /** Of the small pages of the same column in other runs of the file; see choose.ts. */
  readonly habit?: Habit
  /** Takes this encoding id where it can hold the page: for tests and tools. */
  readonly encoding?: number
  /** Entropy codes whatever can be, smaller or not, or nothing: for tests and tools. */
  readonly coded?: boolean
}

export interface EncodedPage {
  readonly meta: PageMeta
  /** Until the next page is encoded. */
  readonly payload: Uint8Array
}

/** A page before LZ4: its draft and its vectors, back to back. */
interface Vectors {
  readonly draft: Draft
  readonly payload: Uint8Array
}

/** What is known of a page before its values are looked at. */
interface Rows {
  readonly column: ColumnData
  readonly rowCount: number
  readonly presence: Presence
  readonly level: Level
  readonly options: EncodeOptions
}

/** Integers ready to be packed. */
interface Integers {
  readonly transform: number
  readonly scale: number
  readonly exceptions: Uint32Array
  readonly scaling: Scaling
}

const noPositions = new Uint32Array(0)
const bitmapBytesMax = vectorRows / 8

function start(rows: Rows, encoding: number, transform: number): Draft {
  const draft = startMeta(rows.column.physical, rows.rowCount, encoding, transform)
  draft.nulls = rows.presence.nulls
  return draft
}

function decimalsOf({ presence, options }: Rows): Integers | undefined {
  const { starts, count } = presence
  const { previous } = options
  const hint = previous?.transform === transforms.decimal ? previous.scale : 0
  const habit = previous === undefined ? options.habit : undefined
  const isLikeLast = previous?.transform === transforms.decimal && previous.exceptions === undefined
  // Every value is checked: no need of a sample.
  let scale = isLikeLast ? hint : firstScale(count, hint, habit?.scale)
  const mayBeExact = scale >= 0 && (previous === undefined || isLikeLast)
  const narrow = mayBeExact ? scaleNarrow(starts, scale) : undefined
  if (narrow !== undefined) {
    if (habit !== undefined) habit.scale = scale
    return { transform: transforms.decimal, scale, exceptions: noPositions, scaling: narrow }
  }
  if (isLikeLast) scale = firstScale(count, hint, undefined)
  const decimals = toDecimals(count, starts, scale)
  if (decimals !== undefined && habit !== undefined) habit.scale = decimals.scale
  const scaling = decimals && scaleUnits(starts, 0n)
  return scaling && decimals && { transform: transforms.decimal, ...decimals, scaling }
}

function integersOf(rows: Rows): Integers | undefined {
  const { column, presence } = rows
  const { starts, count } = presence
  const plain = { transform: transforms.integer, scale: 0, exceptions: noPositions }
  switch (column.physical) {
    case 'f64':
      return decimalsOf(rows)
    case 'bytes':
      if (!toTextIntegers(column, count)) return undefined
      return { ...plain, transform: transforms.textInteger, scaling: scaleI64(starts) }
    case 'i64':
      return { ...plain, scaling: scaleI64(starts) }
    default: {
      const scaling = scaleUnits(starts, 0n)
      assert(scaling !== undefined, '32-bit values span 2^53')
      return { ...plain, scaling }
    }
  }
}

function gather(rows: Rows, rowFrom: number): void {
  const { column, rowCount, presence } = rows
  if (column.physical === 'bytes') gatherRows(rowFrom, rowCount, presence.bitmap)
  else if (column.physical === 'i64') {
    gatherI64(column.values, rowFrom, rowCount, presence.bitmap)
  } else if (column.physical === 'f64') {
    gatherF64(column.values, rowFrom, rowCount, presence.bitmap)
  } else gatherSmall(column.values, rowFrom, rowCount, presence.bitmap)
}

/** Runs `write` for each vector with present values, its bitmap written before. */
function writeVectors(
  rows: Rows,
  out: Written,
  write: (vector: number, from: number, end: number) => void,
): Uint8Array {
  const { starts } = rows.presence
  for (let v = 0; v + 1 < starts.length; v += 1) {
    const from = starts[v]!
    const end = starts[v + 1]!
    if (from === end) continue
    writeBitmap(out, rows.presence, rows.rowCount, v)
    write(v, from, end)
  }
  return out.payload.subarray(0, out.end)
}

/** Exceptions of each vector; undefined where there are none. */
function exceptionCounts(positions: Uint32Array, starts: Uint32Array): Uint16Array | undefined {
  if (positions.length === 0) return undefined
  const counts = new Uint16Array(starts.length - 1)
  let vector = 0
  for (const position of positions) {
    while (starts[vector + 1]! <= position) vector += 1
    counts[vector] = counts[vector]! + 1
  }
  return counts
}

function draftPlanned(rows: Rows, integers: Integers, plan: Plan): Vectors {
  const { starts } = rows.presence
  const { exceptions, scaling } = integers
  const { encoding } = plan
  const draft = start(rows, encoding, integers.transform)
  const room = Math.ceil(plan.bytes) + draft.vectorCount * bitmapBytesMax + exceptions.length * 10
  const out = startWriting(draft.vectorCount, room)
  let written = 0
  const counts = exceptionCounts(exceptions, starts)
  const payload = writeVectors(rows, out, (v, from, end) => {
    writeUnits(out, plan, v, from, end)
    if (counts === undefined) return
    writeExceptions(out, exceptions, written, written + counts[v]!, from)
    written += counts[v]!
  })
  draft.scale = integers.scale
  draft.base = scaling.base
  draft.gcd = scaling.gcd
  draft.exceptions = counts
  draft.zone = zoneOfUnits(plan.stats, starts, scaling, exceptions)
  const { vectorCount } = draft
  draft.widths = out.widths.slice(0, vectorCount)
  draft.bases = out.bases.slice(0, vectorCount)
  draft.dictionary = plan.dictionary
  if (encoding === encodings.pfor || encoding === encodings.deltaPatched) {
    draft.patches = out.patches.slice(0, vectorCount)
  } else if (encoding === encodings.rle) {
    draft.runs = out.runs.slice(0, vectorCount)
    draft.lengthWidths = out.lengthWidths.slice(0, vectorCount)
  }
  return { draft, payload }
}

function draftWide(rows: Rows, integers: Integers, wide: BigUint64Array): Vectors {
  const draft = start(rows, encodings.for, integers.transform)
  const out = startWriting(draft.vectorCount, draft.vectorCount * (vectorRows * 8 + bitmapBytesMax))
  const payload = writeVectors(rows, out, (v, from, end) => writeWide(out, wide, v, from, end))
  draft.zone = zoneOfWide(wide, rows.presence.starts, integers.scaling)
  draft.base = integers.scaling.base
  draft.gcd = integers.scaling.gcd
  draft.widths = out.widths.slice(0, draft.vectorCount)
  return { draft, payload }
}

function draftRaw(rows: Rows, encoding: number): Vectors {
  const draft = start(rows, encoding, transforms.raw)
  const room = rows.presence.count * 8 + draft.vectorCount * bitmapBytesMax
  const out = startWriting(draft.vectorCount, room)
  const payload = writeVectors(rows, out, (_, from, end) => writeReals(out, encoding, from, end))
  draft.widths = out.widths.slice(0, draft.vectorCount)
  draft.zone = zoneOfRaw(rows.presence.starts)
  return { draft, payload }
}

function draftTexts(rows: Rows, column: BytesData): Vectors {
  const draft = start(rows, encodings.bytes, transforms.raw)
  const { starts, count } = rows.presence
  const textBytes = new Uint32Array(draft.vectorCount)
  let room = count * 4 + draft.vectorCount * (bitmapBytesMax + vectorRows)
  for (let v = 0; v < draft.vectorCount; v += 1) {
    textBytes[v] = textBytesOf(column, starts[v]!, starts[v + 1]!)
    room += textBytes[v]!
  }
  const out = startWriting(draft.vectorCount, room)
  const payload = writeVectors(rows, out, (v, from, end) => writeTexts(out, column, v, from, end))
  draft.widths = out.widths.slice(0, draft.vectorCount)
  draft.bases = out.bases.slice(0, draft.vectorCount)
  draft.textBytes = textBytes
  return { draft, payload }
}

/** Chunks and checksums; undefined where LZ4 was to save `saves` and does not. */
function finish(vectors: Vectors, saves: number | undefined): EncodedPage | undefined {
  const { draft } = vectors
  if (draft.vectorStarts.length === 0) derive(draft)
  const { vectorStarts } = draft
  const bytes = vectorStarts[draft.vectorCount]
  assert(bytes === vectors.payload.length, 'a page is not as long as its shape says')
  const chunks =
    saves === undefined
      ? plainChunks(vectors.payload, vectorStarts)
      : lz4Chunks(vectors.payload, vectorStarts, saves)
  if (chunks === undefined) return undefined
  draft.lz4 = chunks.lz4
  draft.chunkVectors = chunks.chunkVectors
  draft.chunkStarts = chunks.chunkStarts
  draft.checksums = chunks.checksums
  draft.payloadBytes = chunks.payload.length
  return { meta: draft, payload: chunks.payload }
}

/** Whether the page before did not tell that LZ4 does not pay. */
function mayBeLz4(encoding: number, level: Level, { previous, block }: EncodeOptions): boolean {
  if (level === 'high' || lastChoice(previous, block ?? 0)?.encoding !== encoding) return true
  return previous === undefined || previous.lz4
}

function plainOrLz4(
  draft: Vectors,
  { level, options, rowCount }: Pick<Rows, 'level' | 'options' | 'rowCount'>,
  saves: number,
): EncodedPage {
  const habit = rowCount <= habitRowsMax ? options.habit : undefined
  const mayPay = draft.payload.length >= lz4BytesMin && (level === 'medium' || level === 'high')
  const tries =
    mayPay &&
    mayBeLz4(draft.draft.encoding, level, options) &&
    (habit === undefined || isLz4WorthTrying(habit))
  const packed = tries ? finish(draft, saves) : undefined
  if (tries && habit !== undefined) noteLz4(habit, packed !== undefined)
  const page = packed ?? finish(draft, undefined)
  assert(page !== undefined, 'a page without LZ4 is always possible')
  return page
}

function encodeRaw(rows: Rows): EncodedPage {
  const { encoding } = rows.options
  const plain = encoding === encodings.raw64 || rows.level === 'none' || rows.level === 'low'
  if (!plain || encoding === encodings.raw64Shuffled) {
    const draft = draftRaw(rows, encodings.raw64Shuffled)
    const forced = encoding === encodings.raw64Shuffled ? finish(draft, undefined) : undefined
    const page = finish(draft, lz4SavesRaw) ?? forced
    if (page !== undefined) return page
  }
  return plainOrLz4(draftRaw(rows, encodings.raw64), { ...rows, level: 'none' }, lz4SavesRaw)
}

const rawIds: readonly (number | undefined)[] = [
  encodings.raw64,
  encodings.raw64Shuffled,
  encodings.bytes,
]
/** Decimals that take more than this share of their 8 bytes are stored as they are. */
const decimalShareMax = 0.9

function encodePresent(rows: Rows, rowFrom: number): EncodedPage {
  const { column, level, presence, options } = rows
  gather(rows, rowFrom)
  const mayBeRaw = column.physical === 'f64' || column.physical === 'bytes'
  const forcedRaw = mayBeRaw && rawIds.includes(options.encoding)
  const integers = forcedRaw ? undefined : integersOf(rows)
  if (integers === undefined) {
    if (column.physical !== 'bytes') return encodeRaw(rows)
    return plainOrLz4(draftTexts(rows, column), rows, lz4SavesRaw)
  }
  const { wide } = integers.scaling
  if (wide !== undefined) return plainOrLz4(draftWide(rows, integers, wide), rows, lz4SavesPacked)
  const { encoding, habit } = options
  const last = lastChoice(options.previous, options.block ?? 0)
  const plan = planUnits(presence.starts, integers.scaling.stats, {
    level,
    forced: encoding,
    habit,
    last,
  })
  const bytes = plan.bytes + integers.exceptions.length * 10
  if (
    column.physical === 'f64' &&
    encoding === undefined &&
    bytes > presence.count * 8 * decimalShareMax
  ) {
    return encodeRaw(rows)
  }
  const packed = plainOrLz4(draftPlanned(rows, integers, plan), rows, lz4SavesPacked)
  const isCoded = options.coded ?? (level === 'high' && encoding === undefined)
  if (!isCoded) return packed
  return codedPage(packed, plan, presence, integers.exceptions, options) ?? packed
}

/**
 * Encodes rows [rowFrom, rowFrom + rowCount), 1 to 65,536 of them, of `column`. Codes are encoded
 * as they are: their dictionary is the caller's. The payload is a view of memory that the next
 * call overwrites. Needs `loadKernels()` to have run.
 */
export function encodePage(
  column: ColumnData,
  rowFrom: number,
  rowCount: number,
  options: EncodeOptions,
): EncodedPage {
  assert(rowCount >= 1 && rowCount <= blockRowsMax, `a page of ${rowCount} rows`)
  const presence = presenceOf(column, rowFrom, rowCount, options.optional)
  const rows = { column, rowCount, presence, level: options.level ?? 'medium', options }
  if (presence.count > 0) return encodePresent(rows, rowFrom)
  const draft = start(rows, encodings.const, transforms.integer)
  draft.allAbsent = true
  draft.nulls = undefined
  const page = finish({ draft, payload: new Uint8Array(0) }, undefined)
  assert(page !== undefined, 'an absent page is always possible')
  return page
}
