// Goal: rows written to a run come back bit for bit, whole or in slices; their content hash is that of the README and
// depends on the rows alone; a read touches only the vectors and columns asked for.
// Method: random kinds and rows against the columns they came from; a naive content hash made from plain rows; reads
// are counted, and bytes that were not asked for are damaged.
import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { hexOf } from '#base'
import { allocateColumn, copyRows } from '#batch'
import type { ColumnData } from '#batch'
import { loadKernels } from '#kernel'
import { scaledOfNumber } from '#schema'
import type { ColumnSpec } from '#schema'
import { LeafHasher, RunReader, SegmentWriter, verifySegment } from '#segment'
import type { FinishedFile, SortOrder } from '#segment'
import { memoryVfs } from '#vfs'
import type { VfsFile } from '#vfs'
import { cellText, columnsOf, key, plainRow, runBytesOf, wideRules } from '../query/bed.ts'
import type { PlainRow } from '../query/bed.ts'
import { bytesOf, fileOf, smallFile, specs as tradeSpecs, tradeColumns } from './small-file.ts'

beforeAll(loadKernels)

const rules = wideRules({ order: [], identity: ['symbolMaybe'], duplicates: 'last' })
/** With the hidden place column, as a kind of this rule is stored. */
const specs: readonly ColumnSpec[] = [...rules.specs, rules.place!].sort((a, b) => a.id - b.id)
const hashed = specs.filter(({ id }) => id !== 2)
const rowsArbitrary = fc.array(plainRow, { minLength: 1, maxLength: 60 })

function sorted(rows: readonly PlainRow[]): PlainRow[] {
  return rows.toSorted((a, b) => Number(a.time - b.time))
}

/** One run a list of columns. */
function written(
  runs: readonly (readonly ColumnData[])[],
  rowCounts: readonly number[],
  of: readonly ColumnSpec[] = specs,
  sortOrder: SortOrder = 'time',
): { file: VfsFile; finished: FinishedFile } {
  const file = memoryVfs().open('/f.segment', 'create')
  const storeId = new Uint8Array(16)
  const writer = new SegmentWriter(file, { fileKind: 'segment', fileNumber: 1, storeId })
  runs.forEach((columns, at) => {
    const lsns = { lsnFirst: BigInt(at), lsnLast: BigInt(at) }
    const columnIds = new Set(of.map(({ id }) => id))
    const own = rules.kind.columns.filter(({ id }) => columnIds.has(id))
    const schema = { ...rules.kind, columns: own, identity: [] }
    const start = { seriesId: 1, key, schema, specs: of, partition: 0n, ...lsns }
    writer.beginRun({ ...start, sortOrder })
    for (let from = 0; from < rowCounts[at]!; from += 65_536) {
      writer.addBlock(columns, from, Math.min(rowCounts[at]!, from + 65_536))
    }
    writer.endRun()
  })
  return { file, finished: writer.finish() }
}

function readerOf(file: VfsFile, finished: FinishedFile, at = 0): RunReader {
  return new RunReader(runBytesOf(file), finished.runs[at]!)
}

function targetOf(spec: ColumnSpec, rowCount: number): ColumnData {
  return allocateColumn(spec.physical, rowCount, { optional: spec.optional, bytesExpected: 0 })
}

function expectSame(target: ColumnData, at: number, source: ColumnData, from: number, end: number) {
  for (let row = from; row < end; row += 1) {
    expect(cellText(target, at + row - from)).toBe(cellText(source, row))
  }
}

test('rows come back, whole and in slices', () => {
  fc.assert(
    fc.property(rowsArbitrary, fc.nat(), fc.nat(), (drawn, a, b) => {
      const rows = sorted(drawn)
      const columns = columnsOf(specs, rows)
      const { file, finished } = written([columns], [rows.length])
      const reader = readerOf(file, finished)
      const [from, end] = [a % rows.length, b % (rows.length + 1)].sort((x, y) => x - y)
      const whole = specs.map((spec) => targetOf(spec, rows.length))
      reader.read(specs, 0, rows.length, whole, 0)
      const slice = specs.map((spec) => targetOf(spec, end! - from!))
      reader.read(specs, from!, end!, slice, 0)
      specs.forEach((_, index) => {
        expectSame(whole[index]!, 0, columns[index]!, 0, rows.length)
        expectSame(slice[index]!, 0, columns[index]!, from!, end!)
      })
      expect(verifySegment(file)).toEqual([])
      for (const { time } of rows) {
        const first = rows.findIndex((row) => row.time >= time)
        expect(reader.lowerBound(time)).toBe(first)
      }
    }),
    { numRuns: 60 },
  )
})

function sha(...parts: readonly (Uint8Array | string)[]): Uint8Array {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

function sized(text: string): Uint8Array {
  const utf8 = Buffer.from(text)
  const bytes = Buffer.alloc(4 + utf8.length)
  bytes.writeUInt32LE(utf8.length)
  utf8.copy(bytes, 4)
  return bytes
}

function eightBytes(value: bigint | number): Uint8Array {
  const bytes = Buffer.alloc(8)
  if (typeof value === 'bigint') bytes.writeBigInt64LE(value)
  else bytes.writeDoubleLE(value)
  return bytes
}

function valueDigest(spec: ColumnSpec, values: readonly unknown[]): Uint8Array {
  const texts = values.map(String)
  switch (spec.type) {
    case 'f64':
      return sha(...values.map((value) => eightBytes(value as number)))
    case 'symbol': {
      const strings = [...new Set(texts)]
      const uses = Uint32Array.from(texts, (text) => strings.indexOf(text))
      return sha(new Uint8Array(uses.buffer), sha(...strings.map(sized)))
    }
    case 'text':
    case 'json': {
      const lengths = Uint32Array.from(texts, (text) => Buffer.byteLength(text))
      return sha(sha(new Uint8Array(lengths.buffer)), sha(...texts))
    }
    case 'decimal':
      return sha(...values.map((v) => eightBytes(scaledOfNumber(v as number, spec.scale)!)))
    default:
      return sha(...values.map((value) => eightBytes(BigInt(value as number))))
  }
}

/** The leaf, made by the words of the README. */
function naiveLeaf(rows: readonly PlainRow[]): Uint8Array {
  const parts: (Uint8Array | string)[] = ['varve-leaf-1\0', eightBytes(BigInt(rows.length))]
  for (const spec of hashed.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const values = rows.map((row) => row[spec.name] ?? null)
    const present = values.filter((value) => value !== null)
    if (present.length === 0) continue
    const bits = new Uint8Array((rows.length + 7) >> 3)
    values.forEach((value, row) => {
      if (value !== null) bits[row >> 3]! |= 1 << (row & 7)
    })
    const isInt = ['i64', 'i32', 'u8'].includes(spec.type)
    const type = isInt ? 'int' : spec.type === 'decimal' ? `decimal(${spec.scale})` : spec.type
    parts.push(sized(spec.name), sized(type), sha(bits), valueDigest(spec, present))
  }
  return sha(...parts)
}

describe('content hash', () => {
  test('is that of the README, however rows are cut', () => {
    fc.assert(
      fc.property(rowsArbitrary, fc.array(fc.nat(), { maxLength: 6 }), (drawn, cuts) => {
        const rows = sorted(drawn)
        const columns = columnsOf(specs, rows)
        const { finished } = written([columns], [rows.length])
        const expected = hexOf(naiveLeaf(rows))
        expect(hexOf(finished.runs[0]!.contentHash)).toBe(expected)
        const bounds = [0, ...cuts.map((cut) => cut % (rows.length + 1)), rows.length]
        bounds.sort((a, b) => a - b)
        const leaf = new LeafHasher(hashed)
        for (let at = 0; at + 1 < bounds.length; at += 1) {
          // Columns of their own: dictionaries differ from piece to piece.
          const piece = columnsOf(hashed, rows, bounds[at]!, bounds[at + 1]!)
          leaf.add(piece, 0, bounds[at + 1]! - bounds[at]!)
        }
        expect(hexOf(leaf.digest())).toBe(expected)
      }),
      { numRuns: 60 },
    )
  })

  test('is the same for the rows of several runs read one after the other', () => {
    fc.assert(
      fc.property(rowsArbitrary, rowsArbitrary, (drawnA, drawnB) => {
        const lists = [sorted(drawnA), sorted(drawnB)]
        const { file, finished } = written(
          lists.map((rows) => columnsOf(specs, rows)),
          lists.map(({ length }) => length),
        )
        const leaf = new LeafHasher(hashed)
        lists.forEach((rows, at) => {
          const targets = hashed.map((spec) => targetOf(spec, rows.length))
          readerOf(file, finished, at).read(hashed, 0, rows.length, targets, 0)
          leaf.add(targets, 0, rows.length)
        })
        expect(hexOf(leaf.digest())).toBe(hexOf(naiveLeaf(lists.flat())))
      }),
      { numRuns: 30 },
    )
  })

  test('bit-different doubles hash differently; widened integers and added columns do not', () => {
    const leafOf = (of: readonly ColumnSpec[], columns: readonly ColumnData[]): string => {
      const leaf = new LeafHasher(of)
      leaf.add(columns, 0, 2)
      return hexOf(leaf.digest())
    }
    const real = rules.specs.find(({ name }) => name === 'real')!
    const doubles = (...bits: bigint[]): ColumnData => ({
      physical: 'f64',
      values: new Float64Array(BigUint64Array.from(bits).buffer),
    })
    const hashes = [
      doubles(0n, 0n),
      doubles(0x8000000000000000n, 0n),
      doubles(0x7ff8000000000000n, 0n),
      doubles(0x7ff8000000000001n, 0n),
    ].map((column) => leafOf([real], [column]))
    expect(new Set(hashes).size).toBe(4)
    const small = rules.specs.find(({ name }) => name === 'small')!
    const i32: ColumnData = { physical: 'i32', values: Int32Array.of(-7, 5), present: undefined }
    const i64: ColumnData = { physical: 'i64', values: BigInt64Array.of(-7n, 5n) }
    const wide: ColumnSpec = { ...small, type: 'i64', physical: 'i64' }
    expect(leafOf([small], [i32])).toBe(leafOf([wide], [i64]))
    const added = rules.specs.find(({ name }) => name === 'flagMaybe')!
    const none: ColumnData = {
      physical: 'u8',
      values: new Uint8Array(2),
      present: new Uint8Array(2),
    }
    expect(leafOf([small, added], [i32, none])).toBe(leafOf([small], [i32]))
  })
})

describe('runs of several blocks', () => {
  const rowCount = 2 * 65_536 + 1_500
  const columns = tradeColumns(rowCount)
  let made: ReturnType<typeof smallFile>
  beforeAll(() => {
    made = smallFile(rowCount)
  })

  test('slices across vectors and blocks', () => {
    const reader = readerOf(made.file, made.finished)
    for (const [from, end] of [
      [0, rowCount],
      [65_535, 65_537],
      [1_000, 1_030],
      [131_000, 132_000],
      [rowCount - 1, rowCount],
      [70_000, 70_000],
    ] as const) {
      const targets = tradeSpecs.map((spec) => targetOf(spec, end - from + 1))
      const text = tradeSpecs.findIndex(({ name }) => name === 'id')
      for (const [index, target] of targets.entries()) {
        if (index !== text) copyRows(columns[index]!, 0, 1, target, 0)
      }
      reader.read(tradeSpecs, from, end, targets, 1)
      targets.forEach((target, index) => {
        for (const row of [from, (from + end) >> 1, end - 1]) {
          if (row < from || row >= end) continue
          expect(cellText(target, 1 + row - from)).toBe(cellText(columns[index]!, row))
        }
      })
    }
  })

  test('lowerBound in every block, between rows and outside', () => {
    const reader = readerOf(made.file, made.finished)
    const first = made.finished.runs[0]!.timeMin
    const step = 250_000_000n
    for (const row of [0, 1, 1023, 1024, 65_535, 65_536, 70_000, 131_072, rowCount - 1]) {
      const time = first + BigInt(row) * step
      expect(reader.lowerBound(time)).toBe(row)
      expect(reader.lowerBound(time - 1n)).toBe(row)
      expect(reader.lowerBound(time + 1n)).toBe(row + 1)
    }
    expect(reader.lowerBound(2n ** 63n)).toBe(rowCount)
    expect(reader.lowerBound(-(2n ** 63n))).toBe(0)
  })

  test('equal times across blocks: the first row of them', () => {
    const of = [tradeSpecs[0]!]
    const values = new BigInt64Array(rowCount).fill(5n)
    values.fill(7n, 66_000)
    values[0] = 1n
    const { file, finished } = written([[{ physical: 'i64', values }]], [rowCount], of)
    const reader = readerOf(file, finished)
    expect([1n, 2n, 5n, 6n, 7n, 8n].map((time) => reader.lowerBound(time))).toEqual([
      0,
      1,
      1,
      66_000,
      66_000,
      rowCount,
    ])
    expect(verifySegment(file)).toEqual([])
  })

  test('verifySegment tells how many bytes it has hashed', () => {
    let bytes = 0
    expect(verifySegment(made.file, (count) => (bytes += count))).toEqual([])
    expect(bytes).toBe(made.finished.bytes - 64)
  })

  test('only the vectors and columns asked for are read and verified', () => {
    const bytes = bytesOf(made.file)
    const file = fileOf(bytes)
    const source = runBytesOf(file)
    const run = made.finished.runs[0]!
    const reader = new RunReader(source, run)
    expect(source.reads).toEqual([[run.footerOffset, run.footerBytes]])
    source.reads.length = 0
    const price = tradeSpecs.find(({ name }) => name === 'price')!
    const target = targetOf(price, 10)
    reader.read([price], 66_000, 66_010, [target], 0)
    expect(source.reads).toHaveLength(1)
    const [offset, count] = source.reads[0]!
    expect(count).toBeLessThan(2_000)
    // Everything else in the data area is damaged now: the same vector still reads.
    const damaged = bytes.map((byte, at) =>
      at < run.dataOffset || at >= run.footerOffset || (at >= offset && at < offset + count)
        ? byte
        : byte ^ 0x55,
    )
    const again = targetOf(price, 10)
    readerOf(fileOf(damaged), made.finished).read([price], 66_000, 66_010, [again], 0)
    expect(again).toEqual(target)
    expect(() =>
      readerOf(fileOf(damaged), made.finished).read([price], 64_000, 66_010, [target], 0),
    ).toThrow(expect.objectContaining({ code: 'ERR_CORRUPT' }))
  })
})

test('a run in order of arrival keeps its order and knows its times', () => {
  const rows = [5n, 1n, 9n, 3n].map((time) => ({ time }) as PlainRow)
  const of = [specs[0]!]
  const { file, finished } = written([columnsOf(of, rows)], [4], of, 'arrival')
  expect(finished.runs[0]).toMatchObject({ timeMin: 1n, timeMax: 9n, sortOrder: 'arrival' })
  expect(verifySegment(file)).toEqual([])
})
