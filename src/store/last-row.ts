// The last row of a series without reading its files: the manifest keeps that of the sealed rows, the chunks of the
// head have theirs, and which of them comes last is often told by their times alone. Where it is not, nothing is
// guessed.
//
// What the manifest keeps of a row, little-endian, one after the other:
//
//   version u8 (1) | time i64 | columns varint | then per present column but time: id varint | type u8 | value
//
// type, value: 0 f64, its 8 bytes; 1 i64; 2 i32, u32 of the same bits; 3 u8; 4 symbol, string; 5 text, json: string.
// A column that is not named is absent.
import { VarveError, ByteReader, ByteWriter, assertNever } from '#base'
import { allocateColumn, compareRows, copyRows, fillAbsent, halvesOf, isPresent } from '#batch'
import type { ColumnData, I64Data, Physical } from '#batch'
import type { Chunk, ChunkView, RowRules } from '#head'
import type { Change, ManifestState, SeriesState } from '#manifest'
import { partitionStart } from '#schema'
import type { ColumnSpec } from '#schema'
import type { SeriesRuntime } from './catalog.ts'

/** The columns of one row, by index of the kind's columns. */
export type OneRow = readonly (ColumnData | undefined)[]

export type Last =
  | { readonly at: 'none' }
  | { readonly at: 'row'; readonly time: bigint; readonly read: () => OneRow }
  /** There are rows, none of them after `time`; which one is the last is to be read. */
  | { readonly at: 'unknown'; readonly time: bigint }

const none: Last = { at: 'none' }
const version = 1
/** A row of long texts is not kept twice. */
const bytesMax = 4096
const types: readonly Physical[] = ['f64', 'i64', 'i32', 'u8', 'code', 'bytes']

// ---- which row comes last

/** The last of the sealed rows. */
export function lastSealed(series: SeriesState | undefined, rules: RowRules): Last {
  if (series === undefined || series.runs.length === 0) return none
  const bytes = series.lastRow
  if (bytes !== undefined) {
    const place = { series: series.symbol }
    return { at: 'row', time: timeOf(bytes, place), read: () => decodeRow(bytes, rules, place) }
  }
  let time = series.runs[0]!.timeMax
  for (const { timeMax } of series.runs) if (timeMax > time) time = timeMax
  return { at: 'unknown', time }
}

function lastOfChunk(view: ChunkView, rules: RowRules): Last {
  const { rowCount, timeMax: time } = view
  if (rowCount === 0) return none
  return {
    at: 'row',
    time,
    read: () => {
      const columns = rules.specs.map(oneRow)
      view.read(rules.specs, rowCount - 1, rowCount, columns, 0)
      return columns
    },
  }
}

function oneRow({ physical, optional }: ColumnSpec): ColumnData {
  return allocateColumn(physical, 1, { optional })
}

/** The last row of a series in a view of the store. */
export function lastOf(state: ManifestState, { id, head }: SeriesRuntime): Last {
  return lastWith(lastSealed(state.series.get(id), head.rules), head.views(), head.rules)
}

/** The last row where rows of the head come after `before`, which arrived earlier. */
export function lastWith(before: Last, views: readonly ChunkView[], rules: RowRules): Last {
  let last = before
  for (const view of views) last = later(last, lastOfChunk(view, rules), rules)
  return last
}

/** Of the last rows of two lots, the second of which arrived later, that of both together. */
function later(before: Last, after: Last, rules: RowRules): Last {
  if (before.at === 'none') return after
  if (after.at === 'none') return before
  const byTime = compareReach(before.time, after.time, rules)
  if (byTime !== 0) return byTime < 0 ? after : before
  const unknown: Last = {
    at: 'unknown',
    time: before.time > after.time ? before.time : after.time,
  }
  if (before.at === 'unknown' || after.at === 'unknown') return unknown
  const { duplicates, kind } = rules
  if (duplicates === undefined) return compareOrder(before, after, rules) > 0 ? before : after
  // Other rows of the same time may have replaced, or been replaced; with the time alone as identity there are none.
  const isTimeOnly = duplicates.isLocal && kind.identity.length === 1
  if (!isTimeOnly) return unknown
  return duplicates.keep === 'first' ? before : after
}

/** By time; 0 where rows of one lot can meet rows of the other. */
function compareReach(before: bigint, after: bigint, rules: RowRules): number {
  const { duplicates, partitionWidth } = rules
  const isByPartition = duplicates !== undefined && !duplicates.hasTime
  const [a, b] = isByPartition
    ? [partitionStart(partitionWidth, before), partitionStart(partitionWidth, after)]
    : [before, after]
  return a < b ? -1 : a > b ? 1 : 0
}

type RowOf = Extract<Last, { at: 'row' }>

/** Two rows of the same time by the order columns. */
function compareOrder(before: RowOf, after: RowOf, { order }: RowRules): number {
  if (order.length === 0) return 0
  const [a, b] = [before.read(), after.read()]
  const time: I64Data = { physical: 'i64', values: new BigInt64Array(2) }
  const columns = order.map((spec): ColumnData => {
    const both = allocateColumn(spec.physical, 2, { optional: spec.optional })
    for (const [row, columns] of [a, b].entries()) {
      const column = columns[spec.index]
      if (column === undefined) fillAbsent(both, row, row + 1)
      else copyRows(column, 0, 1, both, row)
    }
    return both
  })
  return compareRows({ time, order: columns }, halvesOf(time.values), 0, 1)
}

// ---- what the manifest keeps

/** Tells the manifest which row is the last of the sealed ones when `chunks` come to those of `state`; nothing where it
 *  has that row already. */
export function lastRowAfter(
  state: ManifestState,
  { id: seriesId, head: { rules } }: SeriesRuntime,
  chunks: readonly Chunk[],
): Change[] {
  const before = state.series.get(seriesId)
  const views = chunks.map((chunk) => chunk.view(rules))
  const last = lastWith(lastSealed(before, rules), views, rules)
  const known = before?.lastRow
  const bytes = last.at === 'row' ? encodeRow(rules.specs, last.read()) : noBytes
  if (known === undefined ? bytes.length === 0 : Buffer.compare(known, bytes) === 0) return []
  return [{ type: 'lastRow', seriesId, bytes }]
}

const noBytes = new Uint8Array(0)

const writer = new ByteWriter(128)

/** Row 0 of the columns; no bytes where it is too long to be kept. */
export function encodeRow(specs: readonly ColumnSpec[], columns: OneRow): Uint8Array {
  writer.reset()
  const present = specs.filter((spec) => {
    const column = columns[spec.index]
    return spec.index > 0 && column !== undefined && isThere(spec, column)
  })
  const time = columns[0] as I64Data
  writer.u8(version).i64(time.values[0]!).varint(present.length)
  for (const { id, index } of present) {
    const column = columns[index]!
    writer.varint(id).u8(types.indexOf(column.physical))
    writeValue(writer, column)
    if (writer.length > bytesMax) return noBytes
  }
  return writer.take()
}

function isThere(spec: ColumnSpec, column: ColumnData): boolean {
  return !spec.optional || isPresent(column, 0)
}

function writeValue(writer: ByteWriter, column: ColumnData): void {
  switch (column.physical) {
    case 'f64': {
      const { buffer, byteOffset } = column.values
      writer.bytes(new Uint8Array(buffer, byteOffset, 8))
      return
    }
    case 'i64':
      writer.i64(column.values[0]!)
      return
    case 'i32':
      writer.u32(column.values[0]! >>> 0)
      return
    case 'u8':
      writer.u8(column.values[0]!)
      return
    case 'code':
      writer.string(column.dictionary[column.values[0]!]!)
      return
    case 'bytes':
      writer.varint(column.offsets[1]!).bytes(column.bytes.subarray(0, column.offsets[1]))
      return
    default:
      assertNever(column)
  }
}

type Place = Readonly<Record<string, unknown>>

function versionOf(reader: ByteReader, place: Place): void {
  const actual = reader.u8()
  if (actual === version) return
  throw new VarveError('ERR_VERSION', 'a last row of another version', { ...place, actual })
}

function timeOf(bytes: Uint8Array, place: Place): bigint {
  const reader = new ByteReader(bytes, place)
  versionOf(reader, place)
  return reader.i64()
}

/** The row as columns. @throws {VarveError} ERR_CORRUPT, ERR_VERSION */
export function decodeRow(bytes: Uint8Array, { specs }: RowRules, place: Place = {}): OneRow {
  const reader = new ByteReader(bytes, place)
  versionOf(reader, place)
  const columns = specs.map(oneRow)
  for (const column of columns) fillAbsent(column, 0, 1)
  const time = columns[0] as I64Data
  time.values[0] = reader.i64()
  const count = reader.count()
  for (let at = 0; at < count; at += 1) {
    const id = reader.varint()
    const type = types[reader.u8()]
    const column = columns[specs.findIndex((spec) => spec.id === id)]
    if (column === undefined || column.physical !== type) {
      throw reader.corrupt(`a last row has a column ${id} that its kind does not have`)
    }
    readValue(reader, column)
  }
  reader.expectEnd()
  return columns
}

function readValue(reader: ByteReader, column: ColumnData): void {
  switch (column.physical) {
    case 'f64': {
      const { buffer, byteOffset } = column.values
      new Uint8Array(buffer, byteOffset, 8).set(reader.bytes(8))
      return
    }
    case 'i64':
      column.values[0] = reader.i64()
      return
    case 'i32':
      column.values[0] = reader.u32() | 0
      break
    case 'u8':
      column.values[0] = reader.u8()
      break
    case 'code':
      column.dictionary.push(reader.string(bytesMax))
      column.values[0] = column.dictionary.length - 1
      return
    case 'bytes': {
      const text = reader.bytes(reader.count()).slice()
      column.bytes = text
      column.offsets[1] = text.length
      break
    }
    default:
      assertNever(column)
  }
  if (column.present !== undefined) column.present[0] = 1
}
