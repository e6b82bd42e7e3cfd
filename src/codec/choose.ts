// Which encoding a page of units gets: the exact size of each is known from one pass, the smallest
// wins, and FOR wins unless another saves a tenth (it alone can be searched and summed without
// decoding).
import { assert } from '#base'
import { deltaBytes, forBytes, patchingOf, rleBytes, statsOf } from './measure.ts'
import type { Patching, VectorStats } from './measure.ts'
import { packedBytes } from './bitpack.ts'
import { countDistinct, searchCode, takeDictionary } from './dictionary.ts'
import { bitsOf, dictionaryMax, encodings, rleSaves, vectorRows } from './layout.ts'
import type { Level } from './layout.ts'
import { units } from './units.ts'

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
  let rows = 0
  let bytes = 0
  let all = 0
  for (let v = 0; v < stats.length; v += 1) {
    all += stats[v]!.count
    if (v % step !== 0) continue
    rows += stats[v]!.count
    bytes += patchingAt(v).bytes + patchMetaBytes
  }
  if (step > 1 && (bytes * all) / rows > atMost) return undefined
  const patchings = stats.map((_, v) => patchingAt(v))
  return { encoding, bytes: patchedBytes(patchings), patchings }
}

/** The deltas of one vector; slot 0 is none. */
export const deltas = new Float64Array(vectorRows)

/** Fills `deltas` from units[from, end). */
export function takeDeltas(from: number, end: number): void {
  for (let i = from + 1; i < end; i += 1) deltas[i - from] = units[i]! - units[i - 1]!
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
  const most = Math.min(dictionaryMax, Math.max(2, Math.floor(Math.min(atMost / 2, count / 2))))
  if (count > vectorRows) {
    const inFirst = countDistinct(vectorRows, vectorRows)
    if ((count * bitsOf(inFirst - 1)) / 8 >= atMost) return undefined
  }
  const distinct = countDistinct(count, most)
  if (distinct > most) return undefined
  if (count <= vectorRows && (count * bitsOf(distinct - 1)) / 8 >= atMost) return undefined
  const dictionary = takeDictionary()
  let bytes = 0
  for (const each of stats) {
    const codes = searchCode(dictionary, each.most) - searchCode(dictionary, each.least)
    bytes += packedBytes(each.count, bitsOf(codes))
  }
  let before = 0
  for (const unit of dictionary) {
    bytes += Math.ceil(bitsOf(unit - before) / 7)
    before = unit
  }
  return { encoding: encodings.dictionary, bytes, dictionary }
}

function candidatesOf(
  count: number,
  starts: Uint32Array,
  stats: readonly VectorStats[],
  level: Level,
  forced: number | undefined,
  habit: Habit | undefined,
): Candidate[] {
  const plain = total(stats, forBytes)
  const candidates: Candidate[] = [{ encoding: encodings.for, bytes: plain }]
  if (level === 'none' && forced === undefined) return candidates
  const delta = total(stats, deltaBytes)
  candidates.push(
    { encoding: encodings.delta, bytes: delta + stats.length * runMetaBytes },
    { encoding: encodings.rle, bytes: total(stats, rleBytes) + stats.length * runMetaBytes },
  )
  const done = level === 'low' || delta === 0
  if (done && forced === undefined) return candidates
  let least = plain
  for (const each of candidates) if (each.bytes < least) least = each.bytes
  const forPatching: PatchingAt = (v) => {
    const each = stats[v]!
    return patchingOf(units, starts[v]!, starts[v + 1]!, each.least, each.count)
  }
  const deltaPatching: PatchingAt = (v) => {
    const each = stats[v]!
    takeDeltas(starts[v]!, starts[v + 1]!)
    return patchingOf(deltas, 1, each.count, each.deltaLeast, each.count)
  }
  const { pfor, deltaPatched } = encodings
  const atMost = forced === undefined ? least : Infinity
  if (isWorthTrying(habit, pfor)) {
    const values = patched(pfor, stats, forPatching, atMost)
    if (values !== undefined) candidates.push(values)
  }
  if (delta < Infinity && isWorthTrying(habit, deltaPatched)) {
    const steps = patched(deltaPatched, stats, deltaPatching, atMost)
    if (steps !== undefined) candidates.push(steps)
  }
  for (const each of candidates) if (each.bytes < least) least = each.bytes
  if (isWorthTrying(habit, encodings.dictionary)) {
    const dictionary = dictionaryOf(count, stats, forced === undefined ? least : count * 2)
    if (dictionary !== undefined) candidates.push(dictionary)
  }
  if (habit !== undefined) habit.pages += 1
  return candidates
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

/**
 * Plans units[0, count), cut into vectors at `starts`; `forced` takes that encoding where it can
 * hold the page. `habit` is that of the column in the file, brought up to date.
 */
export function planUnits(
  count: number,
  starts: Uint32Array,
  level: Level,
  forced: number | undefined,
  habit?: Habit,
): Plan {
  const stats: VectorStats[] = []
  let constant = true
  for (let v = 0; v + 1 < starts.length; v += 1) {
    const each = statsOf(starts[v]!, starts[v + 1]!)
    if (each.least !== each.most) constant = false
    stats.push(each)
  }
  if (constant && (forced === undefined || forced === encodings.const)) {
    return { encoding: encodings.const, stats, patchings: [], dictionary: undefined, bytes: 0 }
  }
  const kept = count <= habitRowsMax && forced === undefined ? habit : undefined
  const pagesBefore = kept?.pages
  const candidates = candidatesOf(count, starts, stats, level, forced, kept)
  let best = candidates[0]
  assert(best !== undefined, 'there is always FOR')
  const bias = level === 'high' ? 1 : forPreferred
  let bytesMost = best.bytes * bias
  for (const each of candidates) {
    if (each.encoding === forced && each.bytes < Infinity) {
      best = each
      break
    }
    if (each.bytes >= bytesMost) continue
    best = each
    bytesMost = each.bytes
  }
  if (best.encoding === encodings.rle && forced === undefined && level !== 'high') {
    best = withoutCloseRle(candidates, best)
  }
  if (kept !== undefined && kept.pages !== pagesBefore) noteHabit(kept, best.encoding)
  const { encoding, bytes, patchings, dictionary } = best
  return { encoding, stats, patchings: patchings ?? [], dictionary, bytes }
}
