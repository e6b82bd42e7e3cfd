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
  const inFirst = countDistinct(Math.min(count, vectorRows), vectorRows)
  if ((count * bitsOf(inFirst - 1)) / 8 >= atMost) return undefined
  const most = Math.min(dictionaryMax, Math.max(2, Math.floor(Math.min(atMost / 2, count / 2))))
  if (countDistinct(count, most) > most) return undefined
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
  const values = patched(pfor, stats, forPatching, atMost)
  if (values !== undefined) candidates.push(values)
  const steps = delta < Infinity ? patched(deltaPatched, stats, deltaPatching, atMost) : undefined
  if (steps !== undefined) candidates.push(steps)
  for (const each of candidates) if (each.bytes < least) least = each.bytes
  const dictionary = dictionaryOf(count, stats, forced === undefined ? least : count * 2)
  if (dictionary !== undefined) candidates.push(dictionary)
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
 * hold the page.
 */
export function planUnits(
  count: number,
  starts: Uint32Array,
  level: Level,
  forced: number | undefined,
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
  const candidates = candidatesOf(count, starts, stats, level, forced)
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
  const { encoding, bytes, patchings, dictionary } = best
  return { encoding, stats, patchings: patchings ?? [], dictionary, bytes }
}
