// Entropy coded vectors to slots and validity bits.
import { arena } from '#kernel'
import { damaged } from './chunk.ts'
import type { StoredVector } from './decode-units.ts'
import { baseOf, extraBitsOf, placesOfTable, tokensMax } from './entropy.ts'
import type { EntropyModel } from './entropy.ts'
import { bitmapBytes, codedBytesMax, rowsOf, vectorRows } from './layout.ts'
import { codedOffset } from './shape.ts'

/** Bytes of the four states that a coded stream begins with. */
export const statesBytes = 16
/** What a state is before the first token, so after the last. */
export const stateStart = 65536

/** A model as the kernels use it. */
interface Table {
  model: EntropyModel | undefined
  /** The decoder's table. */
  readonly at: number
  /** u32 base and u32 extra bits a token. */
  readonly valuesAt: number
  hasExtraBits: boolean
}

interface Places {
  /** A copy of the stream: what a damaged one makes the kernels read stays in here. */
  readonly streamAt: number
  readonly statesAt: number
  readonly tokensAt: number
  readonly bitmapAt: number
  readonly frequenciesAt: number
  readonly tables: readonly Table[]
  /** The table that is replaced next. */
  oldest: number
}

/** Columns that are read side by side have a table each. */
const tablesHeld = 12
let places: Places | undefined

function make(): Places {
  const { claim } = arena()
  return {
    streamAt: claim(codedBytesMax),
    statesAt: claim(20),
    tokensAt: claim(vectorRows),
    bitmapAt: claim((vectorRows / 8) * 4),
    frequenciesAt: claim(tokensMax * 2),
    tables: Array.from({ length: tablesHeld }, () => ({
      model: undefined,
      at: claim(placesOfTable * 4),
      valuesAt: claim(tokensMax * 8),
      hasExtraBits: false,
    })),
    oldest: 0,
  }
}

function fill(table: Table, model: EntropyModel, frequenciesAt: number): void {
  const { kernels, u8, u32 } = arena()
  const { exact, spans, centre, frequencies } = model
  table.model = model
  table.hasExtraBits = false
  const { buffer, byteOffset, byteLength } = frequencies
  u8.set(new Uint8Array(buffer, byteOffset, byteLength), frequenciesAt)
  kernels.entropyTable(frequenciesAt, frequencies.length, table.at)
  let at = table.valuesAt >>> 2
  for (const slot of exact) {
    u32[at] = slot
    u32[at + 1] = 0
    at += 2
  }
  for (const span of spans) {
    u32[at] = baseOf(span, centre)
    u32[at + 1] = extraBitsOf(span)
    if (u32[at + 1]! > 0) table.hasExtraBits = true
    at += 2
  }
}

function tableOf(own: Places, model: EntropyModel): Table {
  for (const table of own.tables) if (table.model === model) return table
  const table = own.tables[own.oldest]!
  own.oldest = (own.oldest + 1) % own.tables.length
  fill(table, model, own.frequenciesAt)
  return table
}

/** Where the stream of a vector stands while it is decoded: the kernels' states, and its end. */
function open(own: Places, { meta, vector, bytes, place }: StoredVector): void {
  const { u8, u32 } = arena()
  const from = codedOffset(meta, vector)
  const length = meta.codedBytes[vector]!
  if (length < statesBytes) {
    throw damaged('a coded vector is shorter than its states', place, vector)
  }
  u8.set(bytes.subarray(from, from + length), own.streamAt)
  u8.copyWithin(own.statesAt + 4, own.streamAt, own.streamAt + statesBytes)
  u32[own.statesAt >>> 2] = own.streamAt + statesBytes
}

/** Decodes `count` slots to u32 at `to`; returns how many extra bits they took. */
function slots(own: Places, model: EntropyModel, count: number, to: number): number {
  const { kernels, u32 } = arena()
  const table = tableOf(own, model)
  kernels.entropyTokens(own.statesAt, table.at, count, own.tokensAt)
  if (table.hasExtraBits) {
    return kernels.tokenSlots(own.tokensAt, count, table.valuesAt, u32[own.statesAt >>> 2]!, to)
  }
  kernels.tokenBases(own.tokensAt, count, table.valuesAt, to)
  return 0
}

/** All states must be what they were before the first token, and all bytes used. */
function close(own: Places, stored: StoredVector, extraBits: number): void {
  const { u32 } = arena()
  const { meta, vector, place } = stored
  const first = own.statesAt >>> 2
  const used = u32[first]! - own.streamAt + Math.ceil(extraBits / 8)
  let isWhole = used === meta.codedBytes[vector]!
  for (let i = 1; i <= 4; i += 1) if (u32[first + i] !== stateStart) isWhole = false
  if (!isWhole) throw damaged('a coded vector does not end where its tokens do', place, vector)
}

function bitmapBytesOf({ meta, vector, present }: StoredVector): number {
  return bitmapBytes(rowsOf(meta.rowCount, vector), present)
}

/** The coded validity bitmap of a vector of which some rows are absent. */
export function codedBitmap(stored: StoredVector, model: EntropyModel): Uint8Array {
  places ??= make()
  const own = places
  open(own, stored)
  const count = bitmapBytesOf(stored)
  slots(own, model, count, own.bitmapAt)
  if (stored.meta.slotModel === undefined) close(own, stored, 0)
  const first = own.bitmapAt >>> 2
  return Uint8Array.from(arena().u32.subarray(first, first + count))
}

/** The coded slots of a vector to u32 at `to`. */
export function codedSlots(stored: StoredVector, model: EntropyModel, to: number): void {
  places ??= make()
  const own = places
  open(own, stored)
  const { bitmapModel } = stored.meta
  if (bitmapModel !== undefined) slots(own, bitmapModel, bitmapBytesOf(stored), own.bitmapAt)
  close(own, stored, slots(own, model, stored.present, to))
}
