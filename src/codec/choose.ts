// Which encoding a page of units gets: the exact size of each is known from one pass, the smallest
// wins, and FOR wins unless another saves a tenth (it alone can be searched and summed without
// decoding).
import { assert } from '#base'
import { packedBytes } from './bitpack.ts'
import { codeOf, countDirect, countDistinct, takeDictionary } from './dictionary.ts'
import { encodePlaces } from './encode-places.ts'
import { needUnits } from './forms.ts'
import { bitsOf, dictionaryMax, encodings, presentOf, rleSaves, vectorRows } from './layout.ts'
import type { Level, PageMeta } from './layout.ts'
import { deltaBytes, forBytes, patchingOf, rleBytes, takeDeltas, takeRuns } from './measure.ts'
import type { Patching, VectorStats } from './measure.ts'

export interface Plan {
  readonly encoding: number
  readonly stats: readonly VectorStats[]
  /** PFOR, DELTA_P: one a vector. */
  readonly patchings: readonly Patching[]
  readonly dictionary: Float64Array | undefined
  /** Packed bytes and what the choice costs in the meta, about. */
  readonly bytes: number
}

/**
 * What the small pages of one column got in the runs of one file so far. Looking for patches and
 * distinct values costs most of encoding a page of a few hundred rows; where one of them was not
 * taken in a row of pages, it is looked for now and then only. Page sizes stay as they
 * are, all but those of pages that differ from the ones before them.
 */
export interface Habit {
  /** The decimal scale of the last page. */
  scale: number | undefined
  /** In which something was looked for. */
  pages: number
  /** By encoding id: pages in a row in which it was looked for and another was taken. */
  readonly lost: Uint8Array
  /** Pages in a row in which LZ4 was tried and saved too little. */
  lz4Lost: number
}

export function newHabit(): Habit {
  return { scale: undefined, pages: 0, lost: new Uint8Array(encodings.xor + 1), lz4Lost: 0 }
}

/** Pages of at most so many rows have habits. */
export const habitRowsMax = 4 * vectorRows
/** From so many lost pages in a row on, an encoding is tried every so many pages. */
const lostPagesMin = 8
const lostPagesStep = 16

const searched = [encodings.pfor, encodings.deltaPatched, encodings.dictionary] as const

function isWorthTrying(habit: Habit | undefined, encoding: number): boolean {
  if (habit === undefined || habit.lost[encoding]! < lostPagesMin) return true
  return habit.pages % lostPagesStep === 0
}

/** Whether LZ4 is to be tried on a page; counts the page. */
export function isLz4WorthTrying(habit: Habit): boolean {
  if (habit.lz4Lost < lostPagesMin) return true
  habit.lz4Lost += 1
  return habit.lz4Lost % lostPagesStep === 0
}

/** What came of trying LZ4. */
export function noteLz4(habit: Habit, isKept: boolean): void {
  if (isKept) habit.lz4Lost = 0
  else if (habit.lz4Lost < lostPagesMin) habit.lz4Lost += 1
}

function noteHabit(habit: Habit, taken: number): void {
  for (const encoding of searched) {
    if (encoding === taken) habit.lost[encoding] = 0
    else if (habit.lost[encoding]! < lostPagesMin) habit.lost[encoding]! += 1
  }
}

/** What the page before took, of the same column in the same run. */
export interface LastChoice {
  readonly encoding: number
  /** Bytes a present value, before LZ4. */
  readonly valueBytes: number
}

/** In a run every so many pages are examined as if none had been before. */
const examinedStep = 32
/** The last choice holds while a value takes so much more, or less, at most. */
const heldShareMost = 1.1
const heldShareLeast = 0.8

/**
 * What the page before took, where that may be taken without a search; `block` pages of the run
 * came before.
 */
export function lastChoice(previous: PageMeta | undefined, block: number): LastChoice | undefined {
  if (previous === undefined || previous.allAbsent || block % examinedStep === 0) return undefined
  let count = 0
  for (let v = 0; v < previous.vectorCount; v += 1) count += presentOf(previous, v)
  const bytes = previous.vectorStarts[previous.vectorCount]!
  return { encoding: previous.encoding, valueBytes: bytes / count }
}

interface Candidate {
  readonly encoding: number
  readonly bytes: number
  readonly patchings?: readonly Patching[]
  readonly dictionary?: Float64Array
}

const forPreferred = 0.9
const patchMetaBytes = 3
const runMetaBytes = 2

function total(stats: readonly VectorStats[], bytesOf: (stats: VectorStats) => number): number {
  let bytes = 0
  for (const each of stats) bytes += bytesOf(each)
  return bytes
}

type PatchingAt = (vector: number) => Patching

function patchedBytes(patchings: readonly Patching[]): number {
  let bytes = 0
  for (const each of patchings) bytes += each.bytes + patchMetaBytes
  return bytes
}

/** Vectors looked at to see whether patching a page pays. */
const sampledVectors = 6
/** A page whose sample takes so much more than the dictionary does is not patched in full to see. */
const sampledShareMost = 1.25

/**
 * The patched candidate; undefined where a sample of the vectors says that it will not beat
 * `atMost`.
 */
function patched(
  encoding: number,
  stats: readonly VectorStats[],
  patchingAt: PatchingAt,
  atMost: number,
): Candidate | undefined {
  const step = Math.max(1, Math.floor(stats.length / sampledVectors))
  if (step > 1) {
    let rows = 0
    let bytes = 0
    for (let v = 0; v < stats.length; v += step) {
      rows += stats[v]!.count
      bytes += patchingAt(v).bytes + patchMetaBytes
    }
    const all = total(stats, ({ count }) => count)
    if ((bytes * all) / rows > atMost) return undefined
  }
  const patchings = stats.map((_, v) => patchingAt(v))
  return { encoding, bytes: patchedBytes(patchings), patchings }
}

/** How many distinct units there are where units never fall; undefined where they do. */
function distinctRising(stats: readonly VectorStats[]): number | undefined {
  let distinct = 0
  let before = -1
  for (const { count, first, last, deltaLeast, runs } of stats) {
    if (count === 0) continue
    if (deltaLeast < 0 || first < before) return undefined
    distinct += first === before ? runs - 1 : runs
    before = last
  }
  return distinct
}

/**
 * Undefined where the page has too many distinct values for a dictionary to be smaller than
 * `atMost`.
 */
function dictionaryOf(
  count: number,
  stats: readonly VectorStats[],
  atMost: number,
): Candidate | undefined {
  let most = Math.min(dictionaryMax, Math.max(2, Math.floor(Math.min(atMost / 2, count / 2))))
  if ((distinctRising(stats) ?? 0) > most) return undefined
  // Codes of so many bits are as long as `atMost`; one bit less has to do.
  const bits = Math.ceil((atMost * 8) / count)
  const codesMax = bits > 12 ? dictionaryMax : 2 ** (bits - 1)
  let range = 0
  for (const each of stats) if (each.most > range) range = each.most
  if (count <= vectorRows) most = Math.min(most, codesMax)
  let distinct = countDirect(count, range, most)
  if (distinct === undefined && count > vectorRows) {
    const mostInFirst = Math.min(vectorRows, codesMax)
    if (countDistinct(vectorRows, mostInFirst) > mostInFirst) return undefined
  }
  distinct ??= countDistinct(count, most)
  if (distinct > most) return undefined
  const dictionary = takeDictionary()
  let bytes = 0
  for (const each of stats) {
    const codes = codeOf(dictionary, each.most) - codeOf(dictionary, each.least)
    bytes += packedBytes(each.count, bitsOf(codes))
  }
  let before = 0
  for (const unit of dictionary) {
    bytes += Math.ceil(bitsOf(unit - before) / 7)
    before = unit
  }
  return { encoding: encodings.dictionary, bytes, dictionary }
}

/** RLE, unless runs are too many for it to be smaller than `atMost`. */
function runsCandidate(
  starts: Uint32Array,
  stats: readonly VectorStats[],
  atMost: number,
): Candidate | undefined {
  const metaBytes = stats.length * runMetaBytes
  if (total(stats, rleBytes) + metaBytes >= atMost) return undefined
  for (let v = 0; v < stats.length; v += 1) {
    const each = stats[v]!
    if (each.count > 0) each.runMost = takeRuns(starts[v]!, starts[v + 1]!).lengthMost
  }
  return { encoding: encodings.rle, bytes: total(stats, rleBytes) + metaBytes }
}

function leastOf(candidates: readonly Candidate[]): number {
  let least = Infinity
  for (const each of candidates) if (each.bytes < least) least = each.bytes
  return least
}

function forPatched(starts: Uint32Array, stats: readonly VectorStats[]): PatchingAt {
  needUnits()
  const { unitsAt } = encodePlaces()
  return (v) => {
    const { count, least } = stats[v]!
    return patchingOf(unitsAt + starts[v]! * 8, count, least, count)
  }
}

function deltaPatched(starts: Uint32Array, stats: readonly VectorStats[]): PatchingAt {
  const { deltasAt } = encodePlaces()
  return (v) => {
    const { count, deltaLeast } = stats[v]!
    takeDeltas(starts[v]!, starts[v + 1]!)
    return patchingOf(deltasAt + 8, Math.max(0, count - 1), deltaLeast, count)
  }
}

const deltaCandidate = (stats: readonly VectorStats[]): Candidate => ({
  encoding: encodings.delta,
  bytes: total(stats, deltaBytes) + stats.length * runMetaBytes,
})

/** FOR, and the encoding that is asked for where it can hold the page. */
function forcedCandidates(
  starts: Uint32Array,
  stats: readonly VectorStats[],
  forced: number,
): Candidate[] {
  const candidates: Candidate[] = [{ encoding: encodings.for, bytes: total(stats, forBytes) }]
  const delta = deltaCandidate(stats)
  let found: Candidate | undefined
  if (forced === encodings.delta) found = delta
  else if (forced === encodings.rle) found = runsCandidate(starts, stats, Infinity)
  else if (forced === encodings.pfor) {
    found = patched(forced, stats, forPatched(starts, stats), Infinity)
  } else if (forced === encodings.deltaPatched && delta.bytes < Infinity) {
    found = patched(forced, stats, deltaPatched(starts, stats), Infinity)
  } else if (forced === encodings.dictionary) {
    const count = starts[stats.length]!
    found = dictionaryOf(count, stats, count * 2)
  }
  if (found !== undefined) candidates.push(found)
  return candidates
}

function candidatesOf(
  starts: Uint32Array,
  stats: readonly VectorStats[],
  level: Level,
  habit: Habit | undefined,
): Candidate[] {
  const candidates: Candidate[] = [{ encoding: encodings.for, bytes: total(stats, forBytes) }]
  if (level === 'none') return candidates
  const delta = deltaCandidate(stats)
  candidates.push(delta)
  const runs = runsCandidate(starts, stats, leastOf(candidates))
  if (runs !== undefined) candidates.push(runs)
  const isEven = delta.bytes === stats.length * runMetaBytes
  if (level === 'low' || isEven) return candidates
  const dictionaryBelow = (most: number): Candidate | undefined =>
    isWorthTrying(habit, encodings.dictionary)
      ? dictionaryOf(starts[stats.length]!, stats, most)
      : undefined
  // Where patches are sampled the dictionary comes first: it costs less than all of them.
  const isSampled = stats.length >= sampledVectors * 2
  const early = isSampled ? dictionaryBelow(leastOf(candidates)) : undefined
  const atMost = Math.min(leastOf(candidates), (early?.bytes ?? Infinity) * sampledShareMost)
  if (isWorthTrying(habit, encodings.pfor)) {
    const values = patched(encodings.pfor, stats, forPatched(starts, stats), atMost)
    if (values !== undefined) candidates.push(values)
  }
  if (delta.bytes < Infinity && isWorthTrying(habit, encodings.deltaPatched)) {
    const steps = patched(encodings.deltaPatched, stats, deltaPatched(starts, stats), atMost)
    if (steps !== undefined) candidates.push(steps)
  }
  const dictionary = isSampled ? early : dictionaryBelow(leastOf(candidates))
  if (dictionary !== undefined) candidates.push(dictionary)
  if (habit !== undefined) habit.pages += 1
  return candidates
}

/** FOR and DELTA, and what the page before took. */
function candidatesAgain(
  starts: Uint32Array,
  stats: readonly VectorStats[],
  encoding: number,
): Candidate[] {
  const delta = deltaCandidate(stats)
  const candidates = [{ encoding: encodings.for, bytes: total(stats, forBytes) }, delta]
  let found: Candidate | undefined
  if (encoding === encodings.rle) found = runsCandidate(starts, stats, leastOf(candidates))
  else if (encoding === encodings.pfor) {
    found = patched(encoding, stats, forPatched(starts, stats), leastOf(candidates))
  } else if (encoding === encodings.deltaPatched && delta.bytes < Infinity) {
    found = patched(encoding, stats, deltaPatched(starts, stats), leastOf(candidates))
  } else if (encoding === encodings.dictionary) {
    found = dictionaryOf(starts[stats.length]!, stats, leastOf(candidates))
  }
  if (found !== undefined) candidates.push(found)
  return candidates
}

/** Below this share of what was taken, runs are worth being measured. */
const runsShare = 0.7

/** What the page before took, where it wins again and a value takes about as much as there. */
function heldChoice(
  starts: Uint32Array,
  stats: readonly VectorStats[],
  level: Level,
  last: LastChoice,
): Candidate | undefined {
  const best = bestOf(candidatesAgain(starts, stats, last.encoding), level)
  const share = best.bytes / (last.valueBytes * starts[stats.length]!)
  if (best.encoding !== last.encoding) return undefined
  if (share > heldShareMost || share < heldShareLeast) return undefined
  return total(stats, rleBytes) < best.bytes * runsShare ? undefined : best
}

/** The least of the candidates, of which FOR comes first, with what is in its favour. */
function bestOf(candidates: readonly Candidate[], level: Level): Candidate {
  let best = candidates[0]
  assert(best !== undefined, 'there is always FOR')
  let bytesMost = best.bytes * (level === 'high' ? 1 : forPreferred)
  for (const each of candidates) {
    if (each.bytes >= bytesMost) continue
    best = each
    bytesMost = each.bytes
  }
  if (best.encoding !== encodings.rle || level === 'high') return best
  return withoutCloseRle(candidates, best)
}

/** RLE has won, but another encoding that is nearly as small reads faster. */
function withoutCloseRle(candidates: readonly Candidate[], rle: Candidate): Candidate {
  let best = rle
  for (const each of candidates) {
    if (each.encoding === encodings.rle || each.bytes * (1 - rleSaves) > rle.bytes) continue
    if (best === rle || each.bytes < best.bytes) best = each
  }
  return best
}

export interface PlanOptions {
  readonly level: Level
  /** Takes that encoding where it can hold the page. */
  readonly forced: number | undefined
  /** That of the column in the file, brought up to date. */
  readonly habit?: Habit | undefined
  readonly last?: LastChoice | undefined
}

function planned(stats: readonly VectorStats[], best: Candidate): Plan {
  const { encoding, bytes, patchings, dictionary } = best
  return { encoding, stats, patchings: patchings ?? [], dictionary, bytes }
}

/** Plans the page's units, cut into vectors at `starts`. */
export function planUnits(
  starts: Uint32Array,
  stats: readonly VectorStats[],
  { level, forced, habit, last }: PlanOptions,
): Plan {
  const isConstant = stats.every(({ least, most }) => least === most)
  if (isConstant && (forced === undefined || forced === encodings.const)) {
    return planned(stats, { encoding: encodings.const, bytes: 0 })
  }
  if (forced !== undefined) {
    const candidates = forcedCandidates(starts, stats, forced)
    const found = candidates.find((each) => each.encoding === forced && each.bytes < Infinity)
    return planned(stats, found ?? bestOf(candidates.slice(0, 1), level))
  }
  if (last !== undefined && (level === 'low' || level === 'medium')) {
    const held = heldChoice(starts, stats, level, last)
    if (held !== undefined) return planned(stats, held)
  }
  const kept = starts[stats.length]! <= habitRowsMax ? habit : undefined
  const pagesBefore = kept?.pages
  const best = bestOf(candidatesOf(starts, stats, level, kept), level)
  if (kept !== undefined && kept.pages !== pagesBefore) noteHabit(kept, best.encoding)
  return planned(stats, best)
}
