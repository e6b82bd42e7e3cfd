// range, scan, at, count and the newest rows over the sources of one series.
import { VarveError, assert } from '#base'
import type { Scheduler } from '#base'
import { allocateColumn, allocateTogether, reverseRows } from '#batch'
import type { RowSource } from '#batch'
import type { RowRules } from '#head'
import { int64Max, int64Min, parseTime } from '#schema'
import type { ColumnSpec, TimeInput } from '#schema'
import type { Slice } from './merge.ts'
import { planRows, resolvePiece } from './plan.ts'
import { SelectedRows } from './select.ts'
import type { RowFilter } from './select.ts'
import { RowBatch } from './row-batch.ts'
import type { FilledColumn } from './row-batch.ts'
import type { Treatment } from './explain.ts'

export interface RangeQuery<N extends string = string> {
  /** Inclusive. */
  from?: TimeInput
  /** Exclusive. */
  to?: TimeInput
  columns?: readonly N[]
  limit?: number
  offset?: number
  /** Newest first. */
  reverse?: boolean
  /** The last n rows of the range, oldest first. */
  last?: number
}

/** A question with its defaults filled in. Rows are chosen in this order: from/to, last, reverse, offset, limit. */
export interface RowsWanted {
  readonly from: bigint
  /** Exclusive; 2^63 for no end. */
  readonly to: bigint
  readonly limit: number
  readonly offset: number
  readonly last: number
  readonly isReverse: boolean
}

/** What the rows of one series are read from, at one moment. */
export interface SeriesSources {
  readonly sources: readonly RowSource<ColumnSpec>[]
  readonly rules: RowRules
  /** What `where` asks; undefined for all rows. */
  readonly filter?: RowFilter | undefined
}

export const batchRowsDefault = 16_384
const batchRowsMax = 1 << 24

function count(value: unknown, name: string, otherwise: number): number {
  if (value === undefined) return otherwise
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw new VarveError(
    'ERR_ARGUMENT',
    `${name} is a whole number from 0 on, not ${String(value)}`,
    { actual: value },
  )
}

/** @throws {VarveError} ERR_ARGUMENT */
export function resolveQuery(query: RangeQuery): RowsWanted {
  return {
    from: query.from === undefined ? int64Min : parseTime(query.from),
    to: query.to === undefined ? int64Max + 1n : parseTime(query.to),
    limit: count(query.limit, 'limit', Number.MAX_SAFE_INTEGER),
    offset: count(query.offset, 'offset', 0),
    last: count(query.last, 'last', Number.MAX_SAFE_INTEGER),
    isReverse: query.reverse === true,
  }
}

/** @throws {VarveError} ERR_ARGUMENT */
export function resolveBatchRows(batchRows: number | undefined): number {
  const rows = count(batchRows, 'batchRows', batchRowsDefault)
  if (rows >= 1 && rows <= batchRowsMax) return rows
  throw new VarveError('ERR_ARGUMENT', `batchRows is 1 to ${batchRowsMax}, not ${rows}`, {
    actual: rows,
  })
}

/** The slices that hold the rows wanted, in the order in which they are read: newest piece first when `isReverse`, each
 *  slice still in its own order. Pieces are merged as they are reached, no further than needed. */
export function* chooseSlices(
  { sources, rules, filter }: SeriesSources,
  wanted: RowsWanted,
): Generator<Slice> {
  if (wanted.from >= wanted.to || wanted.limit === 0 || wanted.last === 0) return
  const pieces = planRows(sources, rules, wanted.from, wanted.to)
  const resolve = (index: number): Slice => resolvePiece(pieces[index]!, rules)
  const forwards = () => slicesForwards(pieces.length, resolve, filter)
  const backwards = () => slicesBackwards(pieces.length, resolve, filter)
  const isCut = wanted.last !== Number.MAX_SAFE_INTEGER
  if (wanted.isReverse) {
    yield* cut(
      backwards(),
      wanted.offset,
      Math.min(wanted.limit, wanted.last - wanted.offset),
      true,
    )
  } else if (isCut) {
    const newest = [...cut(backwards(), 0, wanted.last, true)].reverse()
    yield* cut(newest, wanted.offset, wanted.limit, false)
  } else {
    yield* cut(forwards(), wanted.offset, wanted.limit, false)
  }
}

function* slicesForwards(
  length: number,
  resolve: (index: number) => Slice,
  filter: RowFilter | undefined,
): Generator<Slice> {
  for (let index = 0; index < length; index += 1) {
    if (filter === undefined) yield resolve(index)
    else yield* filter.lots(resolve(index), false)
  }
}

function* slicesBackwards(
  length: number,
  resolve: (index: number) => Slice,
  filter: RowFilter | undefined,
): Generator<Slice> {
  for (let index = length - 1; index >= 0; index -= 1) {
    if (filter === undefined) yield resolve(index)
    else yield* filter.lots(resolve(index), true)
  }
}

/** Leaves out the first `offset` rows and what comes after `limit` more; counted from a slice's end if `isReverse`. */
function* cut(
  slices: Iterable<Slice>,
  offset: number,
  limit: number,
  isReverse: boolean,
): Generator<Slice> {
  let skip = offset
  let left = limit
  if (left <= 0) return
  for (const { source, from, end } of slices) {
    const skipped = Math.min(skip, end - from)
    const taken = Math.min(left, end - from - skipped)
    skip -= skipped
    left -= taken
    if (taken > 0) {
      yield isReverse
        ? { source, from: end - skipped - taken, end: end - skipped }
        : { source, from: from + skipped, end: from + skipped + taken }
    }
    if (left === 0) return
  }
}

/** Texts start with little room and grow: most ranges have none, or few. */
const textBytesFirst = 1 << 16

/** Of an answer: all `rowCount` rows are read before the columns are anybody's. */
function allocate(specs: readonly ColumnSpec[], rowCount: number): FilledColumn[] {
  const columns = allocateTogether(specs, rowCount, Math.min(rowCount * 8, textBytesFirst))
  return columns.map((data, at) => ({ spec: specs[at]!, data }))
}

/** Of batches that come one after the other. */
function allocateAgain(specs: readonly ColumnSpec[], rowCount: number): FilledColumn[] {
  const bytesExpected = Math.min(rowCount * 8, textBytesFirst)
  return specs.map((spec) => {
    const options = { optional: spec.optional, bytesExpected }
    return { spec, data: allocateColumn(spec.physical, rowCount, options) }
  })
}

/** The chosen slices, in read order. The common question, all rows between two times, needs no
 *  counting. */
function slicesOf(sources: SeriesSources, wanted: RowsWanted): Slice[] {
  const { from, to, offset, limit, last, isReverse } = wanted
  const isWhole =
    offset === 0 && limit === Number.MAX_SAFE_INTEGER && last === Number.MAX_SAFE_INTEGER
  if (!isWhole || isReverse || sources.filter !== undefined) {
    const slices = [...chooseSlices(sources, wanted)]
    return isReverse ? slices.reverse() : slices
  }
  const slices: Slice[] = []
  if (from >= to) return slices
  for (const piece of planRows(sources.sources, sources.rules, from, to)) {
    const slice = resolvePiece(piece, sources.rules)
    if (slice.from < slice.end) slices.push(slice)
  }
  return slices
}

/** Whether the batch need not hold the column: it has no value in any row that was chosen. */
function isLacking(spec: ColumnSpec, slices: readonly Slice[]): boolean {
  return spec.optional && slices.every(({ source }) => source.lacks?.(spec) === true)
}

/** All rows wanted, decoded into arrays of their own. */
export function readRange(
  sources: SeriesSources,
  specs: readonly ColumnSpec[],
  wanted: RowsWanted,
): RowBatch {
  const slices = slicesOf(sources, wanted)
  let rowCount = 0
  for (const { from, end } of slices) rowCount += end - from
  const lacking = specs.filter((spec) => isLacking(spec, slices))
  const held = lacking.length === 0 ? specs : specs.filter((spec) => !lacking.includes(spec))
  const columns = allocate(held, rowCount)
  const targets = columns.map(({ data }) => data)
  let at = 0
  for (const { source, from, end } of slices) {
    source.read(held, from, end, targets, at)
    at += end - from
  }
  if (wanted.isReverse) for (const target of targets) reverseRows(target, rowCount)
  if (lacking.length === 0) return new RowBatch(columns, rowCount)
  let next = 0
  return new RowBatch(
    specs.map((spec) => (lacking.includes(spec) ? { spec, data: undefined } : columns[next++]!)),
    rowCount,
  )
}

/** The rows wanted, `batchRows` at a time, in arrays that are used again for the next batch. */
export function* scanBatches(
  sources: SeriesSources,
  specs: readonly ColumnSpec[],
  wanted: RowsWanted,
  batchRows: number,
  signal: AbortSignal | undefined,
): Generator<RowBatch> {
  let columns: FilledColumn[] | undefined
  let filled = 0
  const emit = (): RowBatch => {
    assert(columns !== undefined, 'scan: a batch has columns')
    if (wanted.isReverse) for (const { data } of columns) reverseRows(data, filled)
    const batch = new RowBatch(columns, filled)
    filled = 0
    return batch
  }
  const parts: Slice[] = []
  for (const slice of chooseSlices(sources, wanted)) {
    signal?.throwIfAborted()
    let { from, end } = slice
    while (from < end) {
      const rows = Math.min(batchRows - filled, end - from)
      parts.push(
        wanted.isReverse
          ? { source: slice.source, from: end - rows, end }
          : { source: slice.source, from, end: from + rows },
      )
      if (wanted.isReverse) end -= rows
      else from += rows
      filled += rows
      if (filled < batchRows) break
      signal?.throwIfAborted()
      columns ??= allocateAgain(specs, batchRows)
      fill(parts, specs, columns, wanted.isReverse)
      yield emit()
    }
  }
  if (filled === 0) return
  columns ??= allocate(specs, filled)
  fill(parts, specs, columns, wanted.isReverse)
  yield emit()
}

/** Reads the parts of one batch behind one another, in forward order; `parts` is emptied. */
function fill(
  parts: Slice[],
  specs: readonly ColumnSpec[],
  columns: readonly FilledColumn[],
  isReverse: boolean,
): void {
  const targets = columns.map(({ data }) => data)
  if (isReverse) parts.reverse()
  let at = 0
  for (const { source, from, end } of parts) {
    source.read(specs, from, end, targets, at)
    at += end - from
  }
  parts.length = 0
}

/** The same batches, with a turn of the event loop between them. */
export async function* inTurns<T>(batches: Iterable<T>, scheduler: Scheduler): AsyncGenerator<T> {
  for (const batch of batches) {
    yield batch
    await new Promise<void>((resume) => scheduler.soon(resume))
  }
}

/** Exact number of rows in [from, to). Reads only what merging needs. */
export function countRows(sources: SeriesSources, from: bigint, to: bigint): number {
  if (from >= to) return 0
  const { filter } = sources
  let rows = 0
  for (const piece of planRows(sources.sources, sources.rules, from, to)) {
    const slice = resolvePiece(piece, sources.rules)
    rows += filter === undefined ? slice.end - slice.from : filter.count(slice)
  }
  return rows
}

/** The last row with a time before `before`, as a batch of one or none. */
export function readLast(
  sources: SeriesSources,
  specs: readonly ColumnSpec[],
  before: bigint,
): RowBatch {
  const wanted = { from: int64Min, to: before, limit: 1, offset: 0, last: 1, isReverse: false }
  return readRange(sources, specs, wanted)
}

/** Notes how the vectors of [from, to) are read; those with a chosen row are decoded, if anything of it is read. */
export function explainRange(
  sources: SeriesSources,
  { from, to }: Pick<RowsWanted, 'from' | 'to'>,
  isRead: boolean,
  treatment: Treatment,
): void {
  for (const slice of chooseSlices(sources, { ...resolveQuery({}), from, to })) {
    const { source } = slice
    if (!isRead) continue
    if (source instanceof SelectedRows) source.noteDecoded(treatment)
    else treatment.decoded(source, slice.from, slice.end)
  }
}
