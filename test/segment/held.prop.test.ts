// Goal: a reader that holds stored vectors answers as one that holds nothing, whatever was pushed out meanwhile; what
// it holds was right when it was read, and damage is told by whoever reads it from the file, with its place.
// Method: one run of noisy times and prices; a reader that lives long, with and without an index, is searched and read
// at random while other reads push the ring around; a new reader, which has to read everything, is its twin.
import * as fc from 'fast-check'
import '../support/seed.ts'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { allocateColumn } from '#batch'
import type { ColumnData } from '#batch'
import { loadKernels } from '#kernel'
import { RunReader, SegmentWriter } from '#segment'
import type { SparseIndex } from '#segment'
import { memoryVfs } from '#vfs'
import { seededRandom } from '../support/manual-env.ts'
import { cellText } from '../query/bed.ts'
import { indexOf, openIndex, runBytes, storeId } from './index-bed.ts'
import type { CountedBytes, RunFile } from './index-bed.ts'
import { bytesOf, fileOf, specs, startOf, tradeColumns } from './small-file.ts'

beforeAll(loadKernels)

const rowCount = 66_000
/** What one read of prices brings: 8 vectors of 8 KiB, as much as is held of one read. */
const ringReads = 140

function noisyFile(): { made: RunFile; times: BigInt64Array } {
  const random = seededRandom(11)
  const columns = tradeColumns(rowCount)
  const [time, price] = ['time', 'price'].map(
    (name) => columns[specs.findIndex((spec) => spec.name === name)]!,
  )
  if (time?.physical !== 'i64' || price?.physical !== 'f64') throw new Error('times and prices')
  for (let row = 0; row < rowCount; row += 1) {
    time.values[row]! += BigInt(Math.floor(random() * 249e6))
    price.values[row] = random()
  }
  const file = memoryVfs().open('/1.segment', 'create')
  const writer = new SegmentWriter(file, {
    fileKind: 'segment',
    fileNumber: 1,
    storeId,
    level: 'low',
  })
  writer.beginRun(startOf(1, 'SPY'))
  for (let from = 0; from < rowCount; from += 65_536) {
    writer.addBlock(columns, from, Math.min(rowCount, from + 65_536))
  }
  writer.endRun()
  const finished = writer.finish()
  const runs = finished.runs.map((run, runIndex) => ({ ...run, fileNumber: 1, runIndex }))
  return { made: { file, finished, runs }, times: time.values }
}

let made: RunFile
let times: BigInt64Array
let index: SparseIndex
beforeAll(() => {
  ;({ made, times } = noisyFile())
  index = openIndex(indexOf([made], 0))
})

const named = (...names: string[]) => specs.filter(({ name }) => names.includes(name))
const lists = [named('time'), named('price'), named('time', 'price', 'size'), named('id', 'side')]

function readRows(reader: RunReader, list: number, from: number, end: number): ColumnData[] {
  const targets = lists[list]!.map(({ physical, optional }) =>
    allocateColumn(physical, end - from, { optional }),
  )
  reader.read(lists[list]!, from, end, targets, 0)
  return targets
}

function fresh(bytes: CountedBytes = runBytes(made.file), isIndexed = true): RunReader {
  const run = made.runs[0]!
  if (!isIndexed) return new RunReader(bytes, run)
  return new RunReader(bytes, run, () => index.find(run))
}

/** Each round of eight stretches is another reader's: it must read. */
function churn(reads: number): void {
  let reader = fresh()
  for (let read = 0; read < reads; read += 1) {
    if (read % 8 === 0) reader = fresh()
    readRows(reader, 1, (read % 8) * 8192, (read % 8) * 8192 + 8192)
  }
}

const question = fc.record({
  first: fc.oneof(fc.nat(rowCount - 1), fc.integer({ min: 63_000, max: rowCount - 1 })),
  rows: fc.oneof(fc.nat(1100), fc.nat(9000)),
  list: fc.nat(lists.length - 1),
  churn: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.nat(ringReads)),
})

test.each([true, false])('what is held is what is read; with an index: %s', (isIndexed) => {
  const bytes = runBytes(made.file)
  const reader = fresh(bytes, isIndexed)
  const used = { held: 0, read: 0 }
  fc.assert(
    fc.property(fc.array(question, { minLength: 1, maxLength: 6 }), (questions) => {
      for (const { first, rows, list, churn: pushes } of questions) {
        const end = Math.min(rowCount - 1, first + rows)
        expect(reader.lowerBound(times[first]!, times[end]!)).toBe(first)
        expect(reader.lowerBound(times[end]!)).toBe(end)
        churn(pushes)
        const before = bytes.reads.length
        const again = readRows(reader, list, first, end)
        if (bytes.reads.length === before && end > first) used.held += 1
        else used.read += 1
        const twin = readRows(fresh(), list, first, end)
        lists[list]!.forEach((spec, at) => {
          for (let row = 0; row < end - first; row += 1) {
            const text = cellText(twin[at]!, row)
            if (cellText(again[at]!, row) !== text) expect(`${spec.name} ${row}`).toBe(text)
          }
        })
        readRows(reader, list, first, end)
      }
    }),
    { numRuns: 25 },
  )
  expect(used.held).toBeGreaterThan(10)
  expect(used.read).toBeGreaterThan(10)
})

let damaged: { bytes: CountedBytes; flip: (offset: number) => void }
beforeEach(() => {
  const file = fileOf(bytesOf(made.file))
  const flip = (offset: number): void => {
    const byte = new Uint8Array(1)
    file.read(byte, offset)
    file.write(Uint8Array.of(byte[0]! ^ 4), offset)
  }
  damaged = { bytes: runBytes(file), flip }
})

/** Where the file holds the rows of the one column of a list. */
function placeOf(list: number, from: number, end: number): number {
  const bytes = runBytes(made.file)
  const reader = fresh(bytes)
  readRows(reader, list, 65_000, 65_001) // metas are known from here on
  bytes.reads.length = 0
  readRows(reader, list, from, end)
  expect(bytes.reads.length).toBe(1)
  return bytes.reads[0]!.offset
}

test('damage of what is held is told when it is read again', () => {
  const { bytes, flip } = damaged
  const reader = fresh(bytes)
  const [right] = readRows(reader, 1, 5 * 1024, 6 * 1024)
  flip(placeOf(1, 5 * 1024, 6 * 1024) + 3)
  expect(readRows(reader, 1, 5 * 1024, 6 * 1024)[0]).toEqual(right)
  const place = { code: 'ERR_CORRUPT', details: { block: 0, vector: 5, file: bytes.file } }
  expect(() => readRows(fresh(bytes), 1, 5 * 1024, 6 * 1024)).toThrow(
    expect.objectContaining({ ...place, details: expect.objectContaining(place.details) }),
  )
  churn(ringReads)
  expect(() => readRows(reader, 1, 5 * 1024, 6 * 1024)).toThrow(
    expect.objectContaining({ ...place, details: expect.objectContaining(place.details) }),
  )
})

test('damage among times that were fetched early is told by who needs them', () => {
  const { bytes, flip } = damaged
  const reader = fresh(bytes)
  flip(placeOf(0, 7 * 1024, 8 * 1024) + 3)
  const [first, last] = [6 * 1024 + 5, 8 * 1024 + 5]
  expect(reader.lowerBound(times[first]!, times[last]!)).toBe(first)
  expect(reader.lowerBound(times[last]!)).toBe(last)
  const details = expect.objectContaining({ block: 0, columnId: 0, vector: 7, file: bytes.file })
  for (let tries = 0; tries < 2; tries += 1) {
    expect(() => readRows(reader, 0, first, last)).toThrow(
      expect.objectContaining({ code: 'ERR_CORRUPT', details }),
    )
  }
})

test('bounds of a range of a few vectors are found by one read', () => {
  const { bytes } = damaged
  const reader = fresh(bytes)
  readRows(reader, 2, 60_000, 60_100)
  bytes.reads.length = 0
  const [first, last] = [20 * 1024 + 700, 22 * 1024 + 700]
  expect(reader.lowerBound(times[first]!, times[last]!)).toBe(first)
  expect(reader.lowerBound(times[last]!)).toBe(last)
  readRows(reader, 0, first, last)
  expect(bytes.reads.length).toBe(1)
  readRows(reader, 2, first, last)
  expect(bytes.reads.length).toBe(3)
  readRows(reader, 2, first + 1024, last + 1)
  expect(bytes.reads.length).toBe(3)
})
