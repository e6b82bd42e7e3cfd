// The files of the golden and damage tests: a few trades in one segment, or in packs; and a file in words, read by the
// tables of src/segment/README.md and not by the room's own readers.
import { assert } from '#base'
import { allocateColumn } from '#batch'
import type { ColumnData } from '#batch'
import { encodingName, readPageMeta } from '#codec'
import type { PageMeta } from '#codec'
import { HeadSeries, rulesOf } from '#head'
import { fillValue, storeKind, trade } from '#schema'
import type { ColumnSpec, StoredKind } from '#schema'
import { SegmentWriter } from '#segment'
import type { FinishedFile, RunStart } from '#segment'
import { memoryVfs } from '#vfs'
import type { VfsFile } from '#vfs'
import { Annotator } from '../support/annotate.ts'

const openNs = 1_381_132_800_000_000_000n
export const partition = 1_381_104_000_000_000_000n
export const schema: StoredKind = storeKind(trade, 1, 1)
export const rules = rulesOf(schema, 'day')
export const specs: readonly ColumnSpec[] = new HeadSeries(rules).storedSpecs

/** Trade `row`: times 250 ms apart, prices in cents, sizes in lots; sides and ids where there are some. */
function tradeOf(row: number): Record<string, unknown> {
  return {
    time: openNs + BigInt(row * 250) * 1_000_000n,
    price: (16_741 + ((row * 7) % 11)) / 100,
    size: 100 * (1 + (row % 4)),
    side: row % 3 === 2 ? null : row % 3 === 0 ? 'buy' : 'sell',
    id: String(52_665 + row),
  }
}

export function tradeColumns(rowCount: number, of: readonly ColumnSpec[] = specs): ColumnData[] {
  return of.map((spec) => {
    const column = allocateColumn(spec.physical, rowCount, { optional: spec.optional })
    for (let row = 0; row < rowCount; row += 1) {
      fillValue(spec, tradeOf(row)[spec.name], column, row, { series: 'trade/SPY' }, row)
    }
    return column
  })
}

export function startOf(seriesId: number, symbol: string): RunStart {
  return {
    seriesId,
    key: { kind: 'trade', symbol, timeframe: undefined },
    schema,
    specs,
    partition,
    lsnFirst: 1n << 40n,
    lsnLast: (1n << 40n) + 99_999n,
    sortOrder: 'time',
  }
}

/** A file of one run a count; a pack where there are several. */
export function smallFile(...rowCounts: number[]): { file: VfsFile; finished: FinishedFile } {
  const fileKind = rowCounts.length > 1 ? 'pack' : 'segment'
  const file = memoryVfs().open(`/000000000007.${fileKind}`, 'create')
  const storeId = Uint8Array.from({ length: 16 }, (_, at) => at)
  const writer = new SegmentWriter(file, { fileKind, fileNumber: 7, storeId, level: 'low' })
  rowCounts.forEach((rowCount, at) => {
    writer.beginRun(startOf(at + 1, ['SPY', 'QQQ', 'IWM'][at]!))
    const columns = tradeColumns(rowCount)
    for (let from = 0; from < rowCount; from += 65_536) {
      writer.addBlock(columns, from, Math.min(rowCount, from + 65_536))
    }
    writer.endRun()
  })
  return { file, finished: writer.finish() }
}

export function bytesOf(file: VfsFile): Uint8Array {
  const bytes = new Uint8Array(file.size())
  file.read(bytes, 0)
  return bytes
}

/** A new file in memory with these bytes. */
export function fileOf(bytes: Uint8Array, path = '/000000000007.segment'): VfsFile {
  const file = memoryVfs().open(path, 'create')
  file.write(bytes, 0)
  return file
}

const physicals = ['f64', 'i64', 'i32', 'u8', 'code', 'bytes'] as const

interface PlacedPage {
  readonly columnId: number
  readonly block: number
  readonly meta: PageMeta
}

/** The pages of one run footer; notes it where `to` is given. */
function footerPages(to: Annotator, rowsMax = 65_536): PlacedPage[] {
  const rowCount = to.varint('rowCount')
  to.varint('dataOffset')
  const columnCount = to.varint('columnCount')
  const pages: PlacedPage[] = []
  for (let at = 0; at < columnCount; at += 1) {
    const columnId = to.varint('column id')
    const physical = physicals[to.u8('physical')]!
    if (physical === 'code') {
      const count = to.varint('strings')
      for (let code = 0; code < count; code += 1) to.string(`code ${code}`)
    }
    for (let block = 0; block * rowsMax < rowCount; block += 1) {
      const rows = Math.min(rowsMax, rowCount - block * rowsMax)
      const meta = to.take(
        'page meta:',
        (reader) => readPageMeta(reader, physical, rows),
        (page) => `${encodingName(page.encoding)}, ${page.payloadBytes} bytes of payload`,
      )
      pages.push({ columnId, block, meta })
    }
  }
  return pages
}

/** A segment or pack in words. Every byte is explained, or this throws. */
export function annotateSegment(bytes: Uint8Array, finished: FinishedFile): string {
  const to = new Annotator(bytes)
  const isPack = finished.fileKind === 'pack'
  to.heading('header')
  to.magic(isPack ? 'VPAK' : 'VSEG')
  to.u16('formatVersion')
  to.u16('headerBytes')
  to.u64('requiredFeatures')
  to.u64('optionalFeatures')
  to.raw('storeId', 16)
  to.u64('fileNumber')
  to.u64('reserved')
  to.hash('headerHash')
  for (const run of finished.runs) annotatePages(to, bytes, run)
  for (const run of finished.runs) {
    to.heading(`footer of run ${finished.runs.indexOf(run)}`)
    assert(to.offset === run.footerOffset, 'a footer begins where its run says')
    footerPages(to)
    assert(to.offset === run.footerOffset + run.footerBytes, 'a footer ends where its run says')
  }
  annotateDirectory(to)
  to.heading('trailer')
  to.u64('directoryOffset')
  to.u32('directoryBytes')
  to.u32('runCount')
  to.hash('directoryHash')
  to.hash('fileHash')
  to.u64('fileBytes')
  to.u64('fileNumber')
  to.u32('reserved')
  to.magic('VEND')
  to.hash('trailerHash')
  return to.text()
}

/** Pages stand in no order of their own: block by block, in a block by column. */
function annotatePages(to: Annotator, bytes: Uint8Array, run: FinishedFile['runs'][number]): void {
  to.heading('pages')
  const footer = bytes.subarray(run.footerOffset, run.footerOffset + run.footerBytes)
  const pages = footerPages(new Annotator(footer))
  pages.sort((a, b) => a.block - b.block || a.columnId - b.columnId)
  assert(to.offset === run.dataOffset, 'pages begin where the run says')
  for (const { columnId, block, meta } of pages) {
    if (meta.payloadBytes > 0) to.raw(`block ${block}, column ${columnId}`, meta.payloadBytes)
  }
  assert(to.offset === run.dataOffset + run.dataBytes, 'pages end where the run says')
}

function annotateDirectory(to: Annotator): void {
  to.heading('directory')
  const many = (what: string, each: () => void): void => {
    for (let left = to.varint(what); left > 0; left -= 1) each()
  }
  many('schemas', () => {
    to.varint('schemaId')
    to.varint('kindId')
    to.string('kind')
    to.varint('version')
    to.u8('timeframed')
    to.u8('duplicates')
    many('columns', () => {
      to.varint('id')
      to.string('name')
      to.string('type')
      to.u8('optional')
      to.u8('scale')
    })
    many('order', () => to.varint('column id'))
    many('identity', () => to.varint('column id'))
  })
  many('series', () => {
    to.varint('seriesId')
    to.string('kind')
    to.string('symbol')
    to.string('timeframe')
  })
  many('runs', () => {
    to.varint('series')
    to.varint('schema')
    to.zigzag('partition')
    to.varint('rowCount')
    to.zigzag('timeMin')
    to.varint64('timeMax - timeMin')
    to.varint64('lsnFirst')
    to.varint64('lsnLast - lsnFirst')
    to.u8('sortOrder')
    to.varint('plainBytes')
    to.varint('dataOffset')
    to.varint('dataBytes')
    to.varint('footerOffset')
    to.varint('footerBytes')
    to.hash('footerHash')
    to.raw('contentHash', 32)
  })
}
