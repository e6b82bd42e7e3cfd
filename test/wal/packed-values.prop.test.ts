// Goal: numbers that the log packs are read back bit for bit, whatever they are and whatever the calls before were like;
// the bytes are those that the format page draws; damage is ERR_CORRUPT, never a crash.
// Method: columns of many shapes through entries, read by the engine and by a reader that takes the drawing word for
// word, one bit at a time; every byte changed in turn.
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { VarveError } from '#base'
import { allocateColumn } from '#batch'
import type { ColumnData, F64Data, I64Data } from '#batch'
import { PackHint, measureRows, readColumn, readRowsEntry, writeRows } from '#wal'
import type { PackHints } from '#wal'

type Numbers = F64Data | I64Data

const fixedBytes = 12
const columnHeaderBytes = 8
const vectorRows = 1024

function entryOf(data: Numbers, from: number, hints: PackHints | undefined): Uint8Array {
  const columns = [{ columnId: 3, data }]
  const rows = { seriesId: 7, schemaId: 9, columns, from, end: data.values.length, hints }
  const measured = measureRows({ ...rows, definition: undefined, producer: undefined })
  const bytes = new Uint8Array(measured.bytes + 8)
  const used = writeRows(measured, { bytes, view: new DataView(bytes.buffer), offset: 8 })
  return bytes.slice(8, 8 + used)
}

function readBack(
  entry: Uint8Array,
  physical: 'f64' | 'i64',
  rowCount: number,
  at: number,
): Uint8Array {
  const { reader } = readRowsEntry(entry, { file: 'x' })
  const target = allocateColumn(physical, at + rowCount, { optional: true }) as Numbers
  readColumn(reader, rowCount, at, (): ColumnData => target)
  reader.expectEnd()
  return bitsOf(target, at)
}

function bitsOf({ values }: Numbers, from: number): Uint8Array {
  return new Uint8Array(
    values.buffer,
    values.byteOffset + from * 8,
    (values.length - from) * 8,
  ).slice()
}

/** Slot i: lane i & 3 of its mini-block of 128, in 32-bit words, lowest bits first. */
function slotAt(view: DataView, at: number, width: number, i: number): number {
  const mini = at + (i >>> 7) * 16 * width
  const [lane, row] = [i & 3, (i & 127) >>> 2]
  let value = 0n
  for (let bit = 0; bit < width; bit += 1) {
    const place = row * width + bit
    const word = view.getUint32(mini + ((place >>> 5) * 4 + lane) * 4, true)
    value |= BigInt((word >>> (place & 31)) & 1) << BigInt(bit)
  }
  return Number(value)
}

function slotsBytes(count: number, width: number): number {
  const tailRows = Math.ceil((count % 128) / 4)
  return Math.floor(count / 128) * 16 * width + Math.ceil((tailRows * width) / 32) * 16
}

/** The drawing, word for word. */
function plainRead(entry: Uint8Array, physical: 'f64' | 'i64', rowCount: number): Uint8Array {
  const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength)
  const out = new DataView(new ArrayBuffer(rowCount * 8))
  let at = fixedBytes + columnHeaderBytes
  for (let row = 0; row < rowCount; row += vectorRows) {
    const count = Math.min(vectorRows, rowCount - row)
    const [method, width, scale] = [entry[at]!, entry[at + 1]!, entry[at + 2]!]
    if (method === 0) {
      for (let i = 0; i < count; i += 1) {
        out.setBigUint64((row + i) * 8, view.getBigUint64(at + 8 + i * 8, true), true)
      }
      at += 8 + count * 8
      continue
    }
    const base =
      physical === 'i64' ? view.getBigInt64(at + 8, true) : BigInt(view.getFloat64(at + 8, true))
    const step = BigInt(view.getFloat64(at + 16, true))
    let unit = base
    for (let i = 0; i < count; i += 1) {
      const slot = BigInt(slotAt(view, at + 24, width, i))
      if (method === 1) unit = base + slot
      else if (i > 0) unit += step + slot
      if (physical === 'i64') out.setBigInt64((row + i) * 8, unit, true)
      else out.setFloat64((row + i) * 8, Number(unit) / Number(`1e${scale}`), true)
    }
    at += 24 + slotsBytes(count, width)
  }
  expect(at).toBe(entry.length)
  return new Uint8Array(out.buffer)
}

const extremes = [
  0,
  -0,
  NaN,
  Infinity,
  -Infinity,
  2 ** 53,
  -(2 ** 53),
  5e-324,
  1.7976931348623157e308,
]

/** Whole numbers of some shape: a walk, a rising line, noise around a level, all the same. */
const shape = fc.record({
  kind: fc.constantFrom('walk', 'line', 'noise', 'same'),
  level: fc.oneof(
    fc.integer({ min: -1_000_000, max: 1_000_000 }),
    fc.constantFrom(0, 2 ** 31, 2 ** 32, 2 ** 51 - 5, 2 ** 52 - 3, 2 ** 53 - 1000, -(2 ** 52)),
  ),
  spread: fc.constantFrom(1, 3, 200, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 33, 2 ** 50),
  seed: fc.nat(),
})

function wholeNumbers(
  { kind, level, spread, seed }: { kind: string; level: number; spread: number; seed: number },
  count: number,
): number[] {
  let state = seed >>> 0
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * spread)
  }
  let walk = level
  return Array.from({ length: count }, (_, i) => {
    if (kind === 'same') return level
    if (kind === 'noise') return level + next()
    walk += kind === 'line' ? spread : next() - Math.floor(spread / 2)
    return i === 0 ? level : walk
  })
}

const rowCounts = fc.oneof(
  fc.integer({ min: 1, max: 300 }),
  fc.constantFrom(63, 64, 127, 128, 129, 1000, 1023, 1024, 1025, 2048, 2500),
)
const oddValues = fc.array(
  fc.tuple(fc.nat(), fc.oneof(fc.double(), fc.constantFrom(...extremes))),
  { maxLength: 3 },
)

/** Columns that go to the log one after the other under one hint. */
const f64Columns = fc.array(
  fc.record({ shape, rowCount: rowCounts, scale: fc.integer({ min: 0, max: 13 }), odd: oddValues }),
  { minLength: 1, maxLength: 4 },
)

function checkColumn(data: Numbers, from: number, hints: PackHints): void {
  const rowCount = data.values.length - from
  const expected = bitsOf(data, from)
  const entry = entryOf(data, from, hints)
  expect(readBack(entry, data.physical, rowCount, from)).toEqual(expected)
  // The flag says whether there are vectors.
  const isPacked = entry[fixedBytes + 3] === 2
  expect(isPacked).toBe(rowCount >= 64)
  if (isPacked) expect(plainRead(entry, data.physical, rowCount)).toEqual(expected)
  expect(readBack(entryOf(data, from, undefined), data.physical, rowCount, 0)).toEqual(expected)
}

test('doubles come back bit for bit', () => {
  fc.assert(
    fc.property(f64Columns, fc.integer({ min: 0, max: 3 }), (columns, from) => {
      const hints: PackHints = new Map([[3, new PackHint()]])
      for (const { shape: own, rowCount, scale, odd } of columns) {
        const values = new Float64Array(from + rowCount)
        values.set(
          wholeNumbers(own, rowCount).map((unit) => unit / Number(`1e${scale}`)),
          from,
        )
        for (const [place, value] of odd) values[from + (place % rowCount)] = value
        checkColumn({ physical: 'f64', values }, from, hints)
      }
    }),
    { numRuns: 100 },
  )
})

test('int64 come back bit for bit', () => {
  const oddInts = fc.array(
    fc.tuple(fc.nat(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
    { maxLength: 2 },
  )
  const level = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
  const columns = fc.array(fc.record({ shape, rowCount: rowCounts, level, odd: oddInts }), {
    minLength: 1,
    maxLength: 4,
  })
  fc.assert(
    fc.property(columns, fc.integer({ min: 0, max: 3 }), (drawn, from) => {
      const hints: PackHints = new Map()
      for (const { shape: own, rowCount, level: base, odd } of drawn) {
        const values = new BigInt64Array(from + rowCount)
        values.set(
          wholeNumbers(own, rowCount).map((unit) => BigInt.asIntN(64, base + BigInt(unit))),
          from,
        )
        for (const [place, value] of odd) values[from + (place % rowCount)] = value
        checkColumn({ physical: 'i64', values }, from, hints)
      }
    }),
    { numRuns: 100 },
  )
})

test('what packs takes the bits it needs, what does not is left alone', () => {
  const hints: PackHints = new Map()
  const prices = Float64Array.from({ length: 1000 }, (_, i) => (30_000 + ((i * 7) % 100)) / 100)
  const bytes = (data: Numbers): number =>
    entryOf(data, 0, hints).length - fixedBytes - columnHeaderBytes
  expect(bytes({ physical: 'f64', values: prices })).toBe(24 + slotsBytes(1000, 7))
  const times = BigInt64Array.from(
    { length: 1000 },
    (_, i) => 1_700_000_000_000_000_000n + BigInt(i) * 1000n,
  )
  expect(bytes({ physical: 'i64', values: times })).toBe(24)
  const measured = Float64Array.from({ length: 1000 }, (_, i) => Math.sin(i))
  expect(bytes({ physical: 'f64', values: measured })).toBe(8 + 8000)
  // It rests after the miss; what packs is packed again soon.
  const seen = [1, 2, 3].map(() => bytes({ physical: 'f64', values: prices }))
  expect(seen).toContain(24 + slotsBytes(1000, 7))
})

test('damage is ERR_CORRUPT or other values, never anything else', () => {
  const values = Float64Array.from({ length: 130 }, (_, i) => (i * i) / 100)
  for (const data of [
    { physical: 'f64', values } as const,
    {
      physical: 'i64',
      values: BigInt64Array.from(values, (value) => BigInt(Math.round(value))),
    } as const,
  ]) {
    const entry = entryOf(data, 0, new Map())
    const attempt = (damaged: Uint8Array): void => {
      try {
        readBack(damaged, data.physical, 130, 0)
      } catch (error) {
        expect(error).toBeInstanceOf(VarveError)
        expect((error as VarveError).code).toBe('ERR_CORRUPT')
      }
    }
    for (let at = 0; at < entry.length; at += 1) {
      for (const flip of [1, 2, 0x80, 0xff]) {
        const damaged = entry.slice()
        damaged[at]! ^= flip
        attempt(damaged)
      }
      attempt(entry.slice(0, at))
    }
  }
  expect(() =>
    readBack(entryOf({ physical: 'f64', values }, 0, new Map()), 'f64', 9_000_000, 0),
  ).toThrow(/9000000 rows of f64 in/)
})
