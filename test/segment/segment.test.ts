// Goal: what small files do not reach: pages larger than the write buffer, directories with timeframes and rules,
// vectors without a value, times that lie about their run. Method: one file a case, read back and verified.
import { beforeAll, expect, test } from 'vitest'
import { BugError } from '#base'
import { allocateColumn, fillAbsent } from '#batch'
import type { ColumnData } from '#batch'
import { HeadSeries, rulesOf } from '#head'
import { hash64, loadKernels } from '#kernel'
import { bar, book10, fillValue, storeKind } from '#schema'
import { LeafHasher, RunReader, SegmentWriter, readDirectory, verifySegment } from '#segment'
import type { RunStart } from '#segment'
import { memoryVfs } from '#vfs'
import type { VfsFile } from '#vfs'
import { FileHasher } from '../../src/segment/layout.ts'
import { cellText, runBytesOf, wideRules } from '../query/bed.ts'
import { seededRandom } from '../support/manual-env.ts'
import { smallFile, specs, startOf, tradeColumns } from './small-file.ts'

beforeAll(loadKernels)

function newWriter(): { file: VfsFile; writer: SegmentWriter } {
  const file = memoryVfs().open('/f.segment', 'create')
  const storeId = new Uint8Array(16)
  return { file, writer: new SegmentWriter(file, { fileKind: 'segment', fileNumber: 1, storeId }) }
}

test('pages larger than a MiB, and files of several hashed pieces', () => {
  const rowCount = 65_536
  const columns = tradeColumns(rowCount)
  const at = specs.findIndex(({ name }) => name === 'id')
  const text = allocateColumn('bytes', rowCount, { optional: true, bytesExpected: 0 })
  const random = seededRandom(1)
  const letters = (): string =>
    Array.from({ length: 40 }, () => String.fromCharCode(33 + Math.floor(random() * 90))).join('')
  for (let row = 0; row < rowCount; row += 1) {
    fillValue(specs[at]!, letters(), text, row, { series: 's' }, row)
  }
  columns[at] = text
  const { file, writer } = newWriter()
  writer.beginRun(startOf(1, 'SPY'))
  writer.addBlock(columns, 0, rowCount)
  expect(writer.bytes).toBeGreaterThan(2 << 20)
  writer.endRun()
  const { runs, bytes } = writer.finish()
  expect(writer.bytes).toBe(bytes)
  expect(verifySegment(file)).toEqual([])
  const target = allocateColumn('bytes', rowCount, { optional: true, bytesExpected: 0 })
  new RunReader(runBytesOf(file), runs[0]!).read([specs[at]!], 0, rowCount, [target], 0)
  for (const row of [0, 1023, 1024, 40_000, rowCount - 1]) {
    expect(cellText(target, row)).toBe(cellText(text, row))
  }
})

test('directories keep kinds, rules and timeframes', () => {
  const { file, writer } = newWriter()
  const kinds = [bar, book10].map((kind, at) => storeKind(kind, at + 1, at + 5))
  kinds.forEach((schema, at) => {
    const of = new HeadSeries(rulesOf(schema, 'day')).storedSpecs
    const timeframe = at === 0 ? '1m' : undefined
    const start: RunStart = {
      ...startOf(at + 1, 'BRK/B'),
      key: { kind: schema.name, symbol: 'BRK/B', timeframe },
      schema,
      specs: of,
    }
    writer.beginRun(start)
    const columns = of.map((spec): ColumnData => {
      const column = allocateColumn(spec.physical, 2, { optional: spec.optional })
      if (spec.optional) fillAbsent(column, 0, 2)
      return column
    })
    writer.addBlock(columns, 0, 2)
    writer.endRun()
  })
  const { runs } = writer.finish()
  const { directory } = readDirectory(file)
  expect(directory.schemas).toEqual(kinds)
  expect(directory.runs).toEqual(runs)
  expect(directory.series.map(({ key }) => key.timeframe)).toEqual(['1m', undefined])
  expect(verifySegment(file)).toEqual([])
})

test('a vector without a value between others', () => {
  const rowCount = 3_000
  const columns = tradeColumns(rowCount)
  const received = columns[1]!
  if (received.physical === 'i64') received.values.fill(7n, 0, 10).fill(9n, 2_900)
  const { file, writer } = newWriter()
  writer.beginRun(startOf(1, 'SPY'))
  writer.addBlock(columns, 0, rowCount)
  writer.endRun()
  const { runs } = writer.finish()
  expect(verifySegment(file)).toEqual([])
  const target = allocateColumn('i64', rowCount, { optional: true })
  new RunReader(runBytesOf(file), runs[0]!).read([specs[1]!], 0, rowCount, [target], 0)
  expect(target).toEqual(received)
})

test('a manifest that tells of later times gets the end of the rows', () => {
  const { file, finished } = smallFile(5)
  const run = finished.runs[0]!
  const reader = new RunReader(runBytesOf(file), { ...run, timeMax: run.timeMax + 9n })
  expect(reader.lowerBound(run.timeMax + 5n)).toBe(5)
  expect(reader.columns.map(({ columnId }) => columnId)).toEqual([0, 16, 17, 18, 19])
})

test('slices read into one target share its dictionary', () => {
  const { file, finished } = smallFile(5)
  const reader = new RunReader(runBytesOf(file), finished.runs[0]!)
  const side = specs.find(({ name }) => name === 'side')!
  const dictionary = ['sell']
  const target = allocateColumn('code', 5, { optional: true, dictionary })
  for (const from of [3, 0]) {
    reader.read([side], from, Math.min(5, from + 3), [target], from)
  }
  expect(dictionary).toEqual(['sell', 'buy'])
  const source = tradeColumns(5)[specs.indexOf(side)]!
  for (let row = 0; row < 5; row += 1) expect(cellText(target, row)).toBe(cellText(source, row))
})

test('columns and rows that are not there are bugs of the caller', () => {
  const { file, finished } = smallFile(5)
  const reader = new RunReader(runBytesOf(file), finished.runs[0]!)
  const target = allocateColumn('i64', 9, { optional: false })
  for (const [from, end] of [
    [-1, 2],
    [3, 2],
    [0, 6],
  ] as const) {
    expect(() => reader.read([specs[0]!], from, end, [target], 0)).toThrow(BugError)
  }
  const odd: ColumnData = Object.create({ physical: 'other' })
  expect(() => new LeafHasher([specs[0]!]).add([odd], 0, 1)).toThrow(BugError)
  expect(() => new LeafHasher([specs[0]!]).add([], 0, 1)).toThrow(BugError)
})

test('two large pages side by side', () => {
  const rowCount = 65_536
  const wide = wideRules({ order: [], identity: [], duplicates: 'keep' })
  const random = seededRandom(2)
  const columns = wide.specs.map((spec): ColumnData => {
    const column = allocateColumn(spec.physical, rowCount, { optional: spec.optional })
    if (column.physical !== 'bytes') {
      if (spec.optional) fillAbsent(column, 0, rowCount)
      return column
    }
    column.bytes = Uint8Array.from({ length: rowCount * 32 }, () => 33 + random() * 90)
    for (let row = 0; row <= rowCount; row += 1) column.offsets[row] = row * 32
    return column
  })
  const { file, writer } = newWriter()
  writer.beginRun({ ...startOf(1, 'SPY'), schema: wide.kind, specs: wide.specs })
  writer.addBlock(columns, 0, rowCount)
  writer.endRun()
  expect(writer.finish().bytes).toBeGreaterThan(3 << 20)
  expect(verifySegment(file)).toEqual([])
})

test('the file hash of whole pieces', () => {
  const piece = new Uint8Array(1 << 20).fill(7)
  const hasher = new FileHasher()
  hasher.update(piece.subarray(0, 5))
  hasher.update(piece.subarray(5))
  const hashes = BigUint64Array.of(hash64(piece))
  expect(hasher.digest()).toBe(hash64(new Uint8Array(hashes.buffer)))
})
