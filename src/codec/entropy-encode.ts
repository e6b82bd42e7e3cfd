// A page of units to entropy coded vectors, where that is smaller than what packing made of it.
import { assert } from '#base'
import { arena } from '#kernel'

import type { Plan } from './choose.ts'
import { plainChunks } from './chunk.ts'
import { takeCodes } from './dictionary.ts'
import { encodePlaces } from './encode-places.ts'
import { needUnits } from './forms.ts'
import type { EncodedPage, EncodeOptions } from './encode.ts'
import { writeBitmap, writeExceptions } from './encode-units.ts'
import type { Bytes } from './encode-units.ts'
import { nearestOf, spansEnd, tokensMax } from './entropy.ts'
import type { EntropyModel } from './entropy.ts'
import { stateStart, statesBytes } from './entropy-decode.ts'
import { fitBytes, fitSlots } from './entropy-model.ts'
import type { Fitted, Histogram } from './entropy-model.ts'
import type { Presence } from './gather.ts'
import {
  bitmapBytes,
  blockRowsMax,
  codedBytesMax,
  codedWidth,
  encodings,
  rowsOf,
  vectorRows,
} from './layout.ts'
import type { PageMeta } from './layout.ts'
import { deltaRangeMax } from './measure.ts'
import { pageBytes } from './meta.ts'
import { derive, exceptionBytes, startMeta } from './shape.ts'

/** Distinct slots of a page, at most half of these: a power of two. */
const countersOfPage = blockRowsMax * 2
const exactEntries = 1024
const vectorsMax = blockRowsMax / vectorRows
/** The coded vectors of a page, and one bitmap and exception a value beside them. */
const codedPageBytesMax =
  vectorsMax * (codedBytesMax + vectorRows / 8) + (blockRowsMax / 16) * exceptionBytes

/** A model as the kernels code with it. */
interface Coder {
  /** 1,024 entries of u32 slot and u32 token + 1. */
  readonly exactAt: number
  /** u8: the token of each span. */
  readonly spansAt: number
  /** u32 frequency and u32 start a token. */
  readonly coderAt: number
  centre: number
}

interface Places {
  readonly countersAt: number
  readonly usedAt: number
  readonly tokensAt: number
  readonly extraAt: number
  readonly statesAt: number
  /** Words are written downwards from wordsEnd. */
  readonly wordsEnd: number
  readonly bitmapSlotsAt: number
  readonly slots: Coder
  readonly bitmaps: Coder
  readonly payload: Uint8Array
}

let places: Places | undefined

function makeCoder(): Coder {
  const { claim } = arena()
  return {
    exactAt: claim(exactEntries * 8),
    spansAt: claim(spansEnd),
    coderAt: claim(tokensMax * 8),
    centre: 0,
  }
}

function make(): Places {
  const { claim, u8 } = arena()
  const payloadAt = claim(codedPageBytesMax)
  return {
    countersAt: claim(countersOfPage * 8),
    usedAt: claim(blockRowsMax * 4),
    tokensAt: claim(vectorRows),
    extraAt: claim(vectorRows * 4),
    statesAt: claim(20),
    wordsEnd: claim(codedBytesMax) + codedBytesMax,
    bitmapSlotsAt: claim((vectorRows / 8) * 4),
    slots: makeCoder(),
    bitmaps: makeCoder(),
    payload: u8.subarray(payloadAt, payloadAt + codedPageBytesMax),
  }
}

/** How an encoding makes the slots of a page that are to be coded. */
interface Source {
  readonly encoding: number
  /** DELTA: the page's least delta. */
  readonly base: number
  /** Slots of units[from, end) to slotsAt. */
  take(from: number, end: number): void
}

const two32 = 4294967296

/** FOR, DELTA and DICT where their slots are at most 32 bits wide. */
function sourcesOf({ stats, dictionary }: Plan): Source[] {
  const { kernels } = arena()
  needUnits()
  const { unitsAt, slotsAt } = encodePlaces()
  const sources: Source[] = []
  let most = 0
  let deltaLeast = Infinity
  let deltaMost = -Infinity
  let rangeMost = 0
  for (const each of stats) {
    if (each.count === 0) continue
    most = Math.max(most, each.most)
    rangeMost = Math.max(rangeMost, each.most - each.least)
    if (each.count === 1) continue
    deltaLeast = Math.min(deltaLeast, each.deltaLeast)
    deltaMost = Math.max(deltaMost, each.deltaMost)
  }
  if (most < two32) {
    sources.push({
      encoding: encodings.for,
      base: 0,
      take: (from, end) => kernels.slotsOf(unitsAt + from * 8, end - from, 0, slotsAt),
    })
  }
  if (deltaMost - deltaLeast < two32 && deltaMost >= deltaLeast && rangeMost <= deltaRangeMax) {
    sources.push({
      encoding: encodings.delta,
      base: deltaLeast,
      take: (from, end) =>
        kernels.deltaSlotsOf(unitsAt + from * 8, end - from, deltaLeast, slotsAt),
    })
  }
  if (dictionary !== undefined) {
    sources.push({ encoding: encodings.dictionary, base: 0, take: takeCodes })
  }
  return sources
}

/** How often each slot comes among those that `count` counted, which is given the slots known. */
function histogramOf(own: Places, total: number, count: (known: number) => number): Histogram {
  const { u32 } = arena()
  const known = count(0)
  const slots = new Uint32Array(known)
  const counts = new Uint32Array(known)
  const counters = own.countersAt >>> 2
  const used = own.usedAt >>> 2
  for (let i = 0; i < known; i += 1) {
    const at = counters + u32[used + i]! * 2
    slots[i] = u32[at]!
    counts[i] = u32[at + 1]!
    u32[at + 1] = 0
  }
  return { slots, counts, total }
}

/** A model of the slots of the vectors listed; the first delta of a vector is none. */
function fitSource(
  own: Places,
  source: Source,
  starts: Uint32Array,
  vectors: readonly number[],
): Fitted | undefined {
  const { kernels } = arena()
  const { slotsAt } = encodePlaces()
  const skipped = source.encoding === encodings.delta ? 1 : 0
  let total = 0
  for (const v of vectors) total += Math.max(starts[v + 1]! - starts[v]! - skipped, 0)
  if (total === 0) return undefined
  const { countersAt, usedAt } = own
  const histogram = histogramOf(own, total, (none) => {
    let known = none
    for (const v of vectors) {
      const from = starts[v]!
      const count = starts[v + 1]! - from - skipped
      if (count <= 0) continue
      source.take(from, starts[v + 1]!)
      const at = slotsAt + skipped * 4
      known = kernels.countSlots(at, count, countersAt, countersOfPage - 1, usedAt, known)
    }
    return known
  })
  return fitSlots(histogram)
}

/** Vectors looked at to see which encoding has the fewest bits. */
const sampledVectors = 6

interface Chosen {
  readonly source: Source
  readonly model: EntropyModel
  readonly bits: number
}

function choose(
  own: Places,
  plan: Plan,
  starts: Uint32Array,
  forced: number | undefined,
): Chosen | undefined {
  const vectorCount = starts.length - 1
  const step = Math.max(1, Math.floor(vectorCount / sampledVectors))
  const all = Array.from({ length: vectorCount }, (_, v) => v)
  const sample = all.filter((v) => v % step === 0)
  let best: Source | undefined
  let fitted: Fitted | undefined
  for (const source of sourcesOf(plan)) {
    if (forced !== undefined && source.encoding !== forced) continue
    const fit = fitSource(own, source, starts, sample)
    if (fit === undefined || (fitted !== undefined && fit.bits >= fitted.bits)) continue
    best = source
    fitted = fit
  }
  if (step > 1 && best !== undefined) fitted = fitSource(own, best, starts, all)
  return best && fitted && { source: best, ...fitted }
}

/** A model of the bytes of all bitmaps; undefined where they are not smaller for it. */
function fitBitmaps(own: Places, presence: Presence, rowCount: number): EntropyModel | undefined {
  const { bitmap, starts } = presence
  if (bitmap === undefined) return undefined
  const { kernels } = arena()
  let total = 0
  const { countersAt, usedAt } = own
  const histogram = histogramOf(own, 1, (none) => {
    let known = none
    for (let v = 0; v + 1 < starts.length; v += 1) {
      const count = takeBitmap(own, presence, rowCount, v)
      total += count
      if (count === 0) continue
      known = kernels.countSlots(own.bitmapSlotsAt, count, countersAt, 1023, usedAt, known)
    }
    return known
  })
  if (total === 0) return undefined
  const { model, bits } = fitBytes({ ...histogram, total })
  return bits / 8 + model.exact.length * 2 < total ? model : undefined
}

/** The bytes of a vector's bitmap, u32 each, to bitmapSlotsAt; returns how many. */
function takeBitmap(own: Places, presence: Presence, rowCount: number, vector: number): number {
  const { bitmap, starts } = presence
  const present = starts[vector + 1]! - starts[vector]!
  const count = bitmapBytes(rowsOf(rowCount, vector), present)
  if (bitmap === undefined || count === 0) return 0
  const from = vector * (vectorRows / 8)
  arena().u32.set(bitmap.subarray(from, from + count), own.bitmapSlotsAt >>> 2)
  return count
}

const slotHash = (slot: number): number => (Math.imul(slot, 0x9e3779b1) >>> 22) * 2

function load(coder: Coder, model: EntropyModel): void {
  const { u8, u32 } = arena()
  const { exact, spans, frequencies } = model
  const entries = coder.exactAt >>> 2
  u32.fill(0, entries, entries + exactEntries * 2)
  exact.forEach((slot, token) => {
    let at = slotHash(slot)
    while (u32[entries + at + 1] !== 0) at = (at + 2) % (exactEntries * 2)
    u32[entries + at] = slot
    u32[entries + at + 1] = token + 1
  })
  spans.forEach((span, i) => {
    u8[coder.spansAt + span] = exact.length + i
  })
  let start = 0
  frequencies.forEach((frequency, token) => {
    u32[(coder.coderAt >>> 2) + token * 2] = frequency
    u32[(coder.coderAt >>> 2) + token * 2 + 1] = start
    start += frequency
  })
  coder.centre = model.centre
}

/** A slot that has a token, the one that comes most often: it stands where none is needed. */
function cheapestSlot({ exact, spans, centre, frequencies }: EntropyModel): number {
  let best = 0
  for (let t = 1; t < frequencies.length; t += 1) {
    if (frequencies[t]! > frequencies[best]!) best = t
  }
  return best < exact.length ? exact[best]! : nearestOf(spans[best - exact.length]!, centre)
}

/** Codes the `count` slots at slotsAt; returns how many extra bits went to extraAt. */
function code(own: Places, coder: Coder, slotsAt: number, count: number): number {
  const { kernels } = arena()
  const { tokensAt, extraAt, statesAt } = own
  const { exactAt, centre, spansAt, coderAt } = coder
  const bits = kernels.tokensOf(slotsAt, count, exactAt, centre, spansAt, tokensAt, extraAt)
  kernels.entropyCode(statesAt, coderAt, count, tokensAt)
  return bits
}

/** Appends states, words and extra bits; returns how many bytes. */
function append(own: Places, out: Bytes, extraBits: number): number {
  const { u8, u32 } = arena()
  const from = out.end
  const words = u32[own.statesAt >>> 2]!
  const extraBytes = Math.ceil(extraBits / 8)
  out.payload.set(u8.subarray(own.statesAt + 4, own.statesAt + 4 + statesBytes), out.end)
  out.end += statesBytes
  out.payload.set(u8.subarray(words, own.wordsEnd), out.end)
  out.end += own.wordsEnd - words
  out.payload.set(u8.subarray(own.extraAt, own.extraAt + extraBytes), out.end)
  out.end += extraBytes
  return out.end - from
}

/** What is coded of a page, and how. */
interface Coding {
  readonly chosen: Chosen | undefined
  readonly bitmapModel: EntropyModel | undefined
}

/** The stream of one vector of present values. */
function codeVector(
  own: Places,
  out: Bytes,
  { chosen, bitmapModel }: Coding,
  presence: Presence,
  rowCount: number,
  vector: number,
): number {
  const { u32 } = arena()
  const states = own.statesAt >>> 2
  u32[states] = own.wordsEnd
  u32.fill(stateStart, states + 1, states + 5)
  const { slotsAt } = encodePlaces()
  const from = presence.starts[vector]!
  const end = presence.starts[vector + 1]!
  let extraBits = 0
  if (chosen !== undefined) {
    chosen.source.take(from, end)
    if (chosen.source.encoding === encodings.delta) {
      u32[slotsAt >>> 2] = cheapestSlot(chosen.model)
    }
    extraBits = code(own, own.slots, slotsAt, end - from)
  }
  let coded = chosen !== undefined
  if (bitmapModel !== undefined) {
    const bytes = takeBitmap(own, presence, rowCount, vector)
    if (bytes > 0) {
      // Bytes have no extra bits, so those of the slots stay where they are.
      code(own, own.bitmaps, own.bitmapSlotsAt, bytes)
      coded = true
    }
  }
  return coded ? append(own, out, extraBits) : 0
}

function codeAll(
  own: Places,
  coding: Coding,
  presence: Presence,
  meta: PageMeta,
  exceptions: Uint32Array,
): { codedBytes: Uint16Array; payload: Uint8Array } {
  const { chosen, bitmapModel } = coding
  if (chosen !== undefined) load(own.slots, chosen.model)
  if (bitmapModel !== undefined) load(own.bitmaps, bitmapModel)
  const out = { payload: own.payload, end: 0 }
  const codedBytes = new Uint16Array(meta.vectorCount)
  let written = 0
  for (let v = 0; v < meta.vectorCount; v += 1) {
    const from = presence.starts[v]!
    if (from === presence.starts[v + 1]) continue
    if (bitmapModel === undefined) writeBitmap(out, presence, meta.rowCount, v)
    codedBytes[v] = codeVector(own, out, coding, presence, meta.rowCount, v)
    const count = meta.exceptions?.[v] ?? 0
    if (count > 0) writeExceptions(out, exceptions, written, written + count, from)
    written += count
  }
  return { codedBytes, payload: own.payload.subarray(0, out.end) }
}

/** What a vector's states and the tables take, about: no page of fewer bytes gets smaller. */
const streamBytesMin = 24

/**
 * The page `packed` with its slots or bitmaps entropy coded; undefined where that is not smaller,
 * or, where `coded` is asked for, not possible. Its units and its plan are those packed last.
 */
export function codedPage(
  packed: EncodedPage,
  plan: Plan,
  presence: Presence,
  exceptions: Uint32Array,
  { coded, encoding: forced }: Pick<EncodeOptions, 'coded' | 'encoding'>,
): EncodedPage | undefined {
  const { meta } = packed
  const isForced = coded === true
  if (!isForced && packed.payload.length < streamBytesMin * meta.vectorCount) return undefined
  places ??= make()
  const own = places
  const hasSlots = plan.encoding !== encodings.const
  const chosen = hasSlots ? choose(own, plan, presence.starts, forced) : undefined
  if (hasSlots && chosen === undefined) return undefined
  const bitmapModel = fitBitmaps(own, presence, meta.rowCount)
  if (chosen === undefined && bitmapModel === undefined) return undefined
  if (!isForced && chosen !== undefined && chosen.bits / 8 > packed.payload.length) return undefined
  const encoding = chosen?.source.encoding ?? plan.encoding
  const draft = startMeta(meta.physical, meta.rowCount, encoding, meta.transform)
  const { codedBytes, payload } = codeAll(own, { chosen, bitmapModel }, presence, meta, exceptions)
  draft.nulls = meta.nulls
  draft.scale = meta.scale
  draft.base = meta.base
  draft.gcd = meta.gcd
  draft.exceptions = meta.exceptions
  draft.zone = meta.zone
  draft.widths = new Uint8Array(meta.vectorCount).fill(chosen === undefined ? 0 : codedWidth)
  draft.bases = new Float64Array(meta.vectorCount).fill(chosen?.source.base ?? 0)
  draft.dictionary = encoding === encodings.dictionary ? plan.dictionary : undefined
  draft.slotModel = chosen?.model
  draft.bitmapModel = bitmapModel
  draft.codedBytes = codedBytes
  derive(draft)
  const bytes = draft.vectorStarts[meta.vectorCount]
  assert(bytes === payload.length, 'a coded page is not as long as its shape says')
  const chunks = plainChunks(payload, draft.vectorStarts)
  draft.chunkStarts = chunks.chunkStarts
  draft.checksums = chunks.checksums
  draft.payloadBytes = payload.length
  const page = { meta: draft, payload }
  return isForced || pageBytes(page.meta) < pageBytes(packed.meta) ? page : undefined
}
