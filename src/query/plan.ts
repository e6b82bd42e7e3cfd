// Which rows of which sources answer a question about [from, to), in read order. Deciding only: nothing but searches in
// time columns is read here.
import type { RowSource } from '#batch'
import type { RowRules } from '#head'
import { int64Max, partitionEnd, partitionStart, systemSpecs } from '#schema'
import type { ColumnSpec } from '#schema'
import { MergedRows } from './merge.ts'
import type { Slice } from './merge.ts'

/** Rows that can be read as they stand, or sources that must be merged first. Pieces follow each other in time. */
export type Piece =
  | { readonly kind: 'slice'; readonly slice: Slice }
  | {
      readonly kind: 'merge'
      readonly slices: readonly Slice[]
      /** Only merged rows of these times count. */
      readonly from: bigint
      readonly to: bigint
    }

/** Inputs of one merge are cut at times so that they hold about this many rows. */
const mergeRowsMax = 65_536

type Source = RowSource<ColumnSpec>

/** A slice with bounds of its times: timeMin <= every time <= timeMax. */
interface TimedSlice extends Slice {
  readonly timeMin: bigint
  readonly timeMax: bigint
}

/** `to` is exclusive and may be 2^63. */
export function planRows(
  sources: readonly Source[],
  rules: RowRules,
  from: bigint,
  to: bigint,
): Piece[] {
  const isByPartition = rules.duplicates !== undefined && !rules.duplicates.hasTime
  return isByPartition
    ? planByPartition(sources, rules, from, to)
    : planByTime(sources, rules, from, to)
}

/** The slice that stands for a piece; merging happens here. Empty slices are possible. */
export function resolvePiece(piece: Piece, rules: RowRules): Slice {
  if (piece.kind === 'slice') return piece.slice
  const source = new MergedRows(piece.slices, rules)
  const end = piece.to > int64Max ? source.rowCount : source.lowerBound(piece.to)
  return { source, from: source.lowerBound(piece.from), end }
}

function timedSlice(source: Source, from: bigint, to: bigint): TimedSlice | undefined {
  if (source.rowCount === 0 || source.timeMax < from || source.timeMin >= to) return undefined
  const rowFrom = source.timeMin >= from ? 0 : source.lowerBound(from, to)
  const rowEnd = source.timeMax < to ? source.rowCount : source.lowerBound(to)
  if (rowFrom >= rowEnd) return undefined
  return {
    source,
    from: rowFrom,
    end: rowEnd,
    timeMin: source.timeMin > from ? source.timeMin : from,
    timeMax: source.timeMax < to ? source.timeMax : to - 1n,
  }
}

function planByTime(
  sources: readonly Source[],
  rules: RowRules,
  from: bigint,
  to: bigint,
): Piece[] {
  const slices: TimedSlice[] = []
  for (const source of sources) {
    const slice = timedSlice(source, from, to)
    if (slice !== undefined) slices.push(slice)
  }
  if (slices.length > 1) slices.sort(byTimeThenArrival)
  if (standsInLine(slices, rules)) return slices.map((slice) => ({ kind: 'slice', slice }))
  return planOverlapping(slices)
}

function byTimeThenArrival(a: TimedSlice, b: TimedSlice): number {
  if (a.timeMin !== b.timeMin) return a.timeMin < b.timeMin ? -1 : 1
  return a.source.lsnFirst < b.source.lsnFirst ? -1 : 1
}

/** No two slices share a time; or they only touch, in the order of arrival, and arrival is all that ranks them. */
function standsInLine(slices: readonly TimedSlice[], rules: RowRules): boolean {
  const mayTouch = rules.order.length === 0 && rules.duplicates === undefined
  for (let at = 1; at < slices.length; at += 1) {
    const before = slices[at - 1]!
    const slice = slices[at]!
    if (before.timeMax < slice.timeMin) continue
    const touches = before.timeMax === slice.timeMin
    if (!touches || !mayTouch || before.source.lsnFirst > slice.source.lsnFirst) return false
  }
  return true
}

/** Cuts time where slices begin and end; stretches with one active slice are read as they stand, others are merged. */
function planOverlapping(slices: readonly TimedSlice[]): Piece[] {
  const cuts = [...new Set(slices.flatMap(({ timeMin, timeMax }) => [timeMin, timeMax + 1n]))]
  cuts.sort((a, b) => (a < b ? -1 : 1))
  const pieces: Piece[] = []
  let at = 0
  while (at + 1 < cuts.length) {
    const active = activeSlices(slices, cuts[at]!, cuts[at + 1]!)
    let end = at + 1
    const isAlone = active.length <= 1
    while (end + 1 < cuts.length) {
      const next = activeSlices(slices, cuts[end]!, cuts[end + 1]!)
      if (next.length <= 1 !== isAlone || (isAlone && next[0] !== active[0])) break
      end += 1
    }
    const parts = partsOf(slices, cuts[at]!, cuts[end]!)
    if (parts.length === 1) pieces.push({ kind: 'slice', slice: parts[0]! })
    else if (parts.length > 1) pieces.push(...cutMerge(parts))
    at = end
  }
  return pieces
}

function activeSlices(slices: readonly TimedSlice[], from: bigint, to: bigint): TimedSlice[] {
  return slices.filter((slice) => slice.timeMin < to && slice.timeMax >= from)
}

/** The rows of each slice with times in [from, to), empty ones left out. */
function partsOf(slices: readonly TimedSlice[], from: bigint, to: bigint): TimedSlice[] {
  const parts: TimedSlice[] = []
  for (const slice of activeSlices(slices, from, to)) {
    const part = {
      source: slice.source,
      from: slice.timeMin >= from ? slice.from : clamp(slice, slice.source.lowerBound(from)),
      end: slice.timeMax < to ? slice.end : clamp(slice, slice.source.lowerBound(to)),
      timeMin: slice.timeMin > from ? slice.timeMin : from,
      timeMax: slice.timeMax < to ? slice.timeMax : to - 1n,
    }
    if (part.from < part.end) parts.push(part)
  }
  return parts
}

function clamp(slice: Slice, row: number): number {
  return Math.min(Math.max(row, slice.from), slice.end)
}

/** A merge of many rows is cut at times of its largest part, so that each merge is small. */
function cutMerge(parts: readonly TimedSlice[]): Piece[] {
  const largest = parts.reduce((a, b) => (b.end - b.from > a.end - a.from ? b : a))
  const cuts: bigint[] = []
  for (let row = largest.from + mergeRowsMax; row < largest.end; row += mergeRowsMax) {
    const time = timeAt(largest.source, row)
    if (time > (cuts.at(-1) ?? largest.timeMin)) cuts.push(time)
  }
  const first = parts.reduce((time, part) => (part.timeMin < time ? part.timeMin : time), int64Max)
  const last = parts.reduce((time, part) => (part.timeMax > time ? part.timeMax : time), first)
  const bounds = [first, ...cuts, last + 1n]
  const pieces: Piece[] = []
  for (let at = 0; at + 1 < bounds.length; at += 1) {
    const [from, to] = [bounds[at]!, bounds[at + 1]!]
    const slices = partsOf(parts, from, to)
    if (slices.length === 1) pieces.push({ kind: 'slice', slice: slices[0]! })
    else if (slices.length > 1) pieces.push({ kind: 'merge', slices, from, to })
  }
  return pieces
}

function timeAt(source: Source, row: number): bigint {
  const values = new BigInt64Array(1)
  source.read([timeSpec], row, row + 1, [{ physical: 'i64', values }], 0)
  return values[0]!
}

/** Identity without time: rows of one partition can replace each other wherever they stand in it, so that a partition
 *  with more than one source is merged whole. */
function planByPartition(
  sources: readonly Source[],
  rules: RowRules,
  from: bigint,
  to: bigint,
): Piece[] {
  const width = rules.partitionWidth
  const pieces: Piece[] = []
  for (const start of partitionsOf(sources, rules, from, to)) {
    const end = partitionEnd(width, start)
    const slices: TimedSlice[] = []
    for (const source of sources) {
      const slice = timedSlice(source, start, end)
      if (slice !== undefined) slices.push(slice)
    }
    const low = start > from ? start : from
    const high = end < to ? end : to
    if (slices.length > 1) pieces.push({ kind: 'merge', slices, from: low, to: high })
    else {
      const slice = slices[0] === undefined ? undefined : timedSlice(slices[0].source, low, high)
      if (slice !== undefined) pieces.push({ kind: 'slice', slice })
    }
  }
  return pieces
}

/** Starts of the partitions that may hold rows of [from, to), rising. */
function partitionsOf(
  sources: readonly Source[],
  rules: RowRules,
  from: bigint,
  to: bigint,
): bigint[] {
  const width = rules.partitionWidth
  const starts = new Set<bigint>()
  for (const source of sources) {
    const slice = timedSlice(source, from, to)
    if (slice === undefined) continue
    for (let start = partitionStart(width, slice.timeMin); start <= slice.timeMax;) {
      starts.add(start)
      start = nextStart(source, partitionEnd(width, start), width)
    }
  }
  return [...starts].sort((a, b) => (a < b ? -1 : 1))
}

/** The partition of the source's first row at or after `time`; past int64 where there is none. */
function nextStart(source: Source, time: bigint, width: RowRules['partitionWidth']): bigint {
  if (time > source.timeMax) return int64Max + 1n
  const row = source.lowerBound(time)
  if (row >= source.rowCount) return int64Max + 1n
  return partitionStart(width, timeAt(source, row))
}

const timeSpec = systemSpecs[0]!
