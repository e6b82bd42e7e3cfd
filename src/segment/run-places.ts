// From a run footer to what the sparse index holds of the run: the times of its vectors, and, for a footer
// too long to be read for a few rows, where in it each page's meta stands.
import { ByteReader, ByteWriter, VarveError, assert } from '#base'
import type { PageMeta } from '#codec'
import { readPageMeta } from '#codec'
import { hash64 } from '#kernel'
import { timeColumnId } from '#schema'
import { blockCountOf, blockRowsOf, physicalNames } from './footer.ts'
import type { RunLocation } from './footer.ts'
import { bodyBytesOf, vectorCountOf } from './sparse-index.ts'

/** A footer below it is read in one go as fast as parts of it. */
export const longFooterBytes = 8192

export interface RunBody {
  readonly columnCount: number
  readonly vectorCount: number
  readonly bytes: Uint8Array
}

/** Nothing is kept of a run of one vector with a short footer: the footer need not even be read. */
export function isEmptyBody(run: Pick<RunLocation, 'rowCount' | 'footerBytes'>): boolean {
  return run.footerBytes < longFooterBytes && vectorCountOf(run.rowCount) === 1
}

export const emptyBody: RunBody = { columnCount: 0, vectorCount: 0, bytes: new Uint8Array(0) }

/** Read in one step. */
const stepPages = 16

interface FoundColumn {
  readonly columnId: number
  readonly form: number
  readonly dictionaryAt: number
  readonly dictionaryEnd: number
  readonly pages: readonly { readonly meta: PageMeta; readonly at: number; readonly end: number }[]
}

/** `footer`: the bytes of the run's footer, not believed yet; from `longBytes` on the places of its pages are kept.
 *  @throws {VarveError} ERR_CORRUPT, ERR_VERSION */
export function bodyOfFooter(
  footer: Uint8Array,
  run: RunLocation,
  place: Readonly<Record<string, unknown>>,
  longBytes: number = longFooterBytes,
): RunBody {
  const steps = bodyInSteps(footer, run, place, longBytes)
  for (;;) {
    const next = steps.next()
    if (next.done === true) return next.value
  }
}

/** The same in steps of a millisecond or so: a run of millions of rows has thousands of pages. */
export function* bodyInSteps(
  footer: Uint8Array,
  run: RunLocation,
  place: Readonly<Record<string, unknown>>,
  longBytes: number = longFooterBytes,
): Generator<void, RunBody, void> {
  if (hash64(footer) !== run.footerHash) {
    throw new VarveError('ERR_CORRUPT', 'the hash of a run footer differs', {
      ...place,
      offset: run.footerOffset,
    })
  }
  const reader = new ByteReader(footer, { ...place, part: 'run footer' })
  const rowCount = reader.varint()
  const dataOffset = reader.varint()
  if (rowCount !== run.rowCount) throw reader.corrupt('the footer tells of other rows')
  const columns: FoundColumn[] = []
  for (let left = reader.count(); left > 0; left -= 1)
    columns.push(yield* readColumn(reader, footer, rowCount))
  reader.expectEnd()
  const time = columns.find(({ columnId }) => columnId === timeColumnId)
  if (time === undefined) throw reader.corrupt('the run has no column of times')
  const placed = footer.length >= longBytes ? columns : []
  return encodeBody(footer, dataOffset, placed, time, rowCount)
}

function* readColumn(
  reader: ByteReader,
  footer: Uint8Array,
  rowCount: number,
): Generator<void, FoundColumn, void> {
  const columnId = reader.varint()
  const form = reader.u8()
  const physical = physicalNames[form]
  if (physical === undefined) throw reader.corrupt('a column of unknown form')
  const dictionaryAt = reader.offset
  if (physical === 'code') {
    for (let left = reader.count(); left > 0; left -= 1) reader.bytes(reader.varint())
  }
  const dictionaryEnd = reader.offset
  const pages = []
  for (let block = 0; block < blockCountOf(rowCount); block += 1) {
    const at = reader.offset
    const meta = readPageMeta(reader, physical, blockRowsOf(rowCount, block))
    pages.push({ meta, at, end: reader.offset })
    if (block % stepPages === stepPages - 1) yield
  }
  assert(reader.offset <= footer.length, 'run places: inside the footer')
  return { columnId, form, dictionaryAt, dictionaryEnd, pages }
}

function encodeBody(
  footer: Uint8Array,
  dataOffset: number,
  columns: readonly FoundColumn[],
  time: FoundColumn,
  rowCount: number,
): RunBody {
  const vectorCount = vectorCountOf(rowCount) > 1 ? vectorCountOf(rowCount) : 0
  const columnCount = columns.length
  const blockCount = blockCountOf(rowCount)
  const writer = new ByteWriter(Math.max(64, bodyBytesOf(vectorCount, columnCount, blockCount)))
  if (vectorCount > 0) for (const { meta } of time.pages) writeVectors(writer, meta)
  if (columnCount > 0) {
    for (const column of columns) {
      const dictionary = footer.subarray(column.dictionaryAt, column.dictionaryEnd)
      writer
        .u32(column.columnId)
        .u8(column.form)
        .bytes(new Uint8Array(3))
        .u32(column.dictionaryAt)
        .u32(dictionary.length)
        .u64(dictionary.length === 0 ? 0n : hash64(dictionary))
        .u64(0n)
    }
    let offset = dataOffset
    for (let block = 0; block < blockCount; block += 1) {
      for (const { pages } of columns) {
        const { meta, at, end } = pages[block]!
        writer.u64(BigInt(offset)).u64(hash64(footer.subarray(at, end)))
        writer.u32(at).u32(end - at)
        offset += meta.payloadBytes
      }
    }
  }
  assert(
    writer.length === bodyBytesOf(vectorCount, columnCount, blockCount),
    'run places: the drawing says how many bytes',
  )
  return { columnCount, vectorCount, bytes: writer.take() }
}

function writeVectors(writer: ByteWriter, { zone, vectorCount }: PageMeta): void {
  if (zone === undefined)
    throw new VarveError('ERR_CORRUPT', 'a column of times without a zone map')
  for (let vector = 0; vector < vectorCount; vector += 1) {
    writer.i64(zone.min[vector]!).i64(zone.max[vector]!)
  }
}
