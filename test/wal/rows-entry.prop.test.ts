// Goal: rows written into a log entry are read back bit for bit, and a damaged entry is ERR_CORRUPT, never a crash or a
// hang. Method: random columns of every physical type; every byte changed in turn.
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader, VarveError } from '#base'
import { allocateColumn, codeOf, fillAbsent, reserveBytes } from '#batch'
import type { ColumnData, Physical } from '#batch'
import { measureRows, readColumn, readRowsEntry, unknownEntry, writeRows } from '#wal'
import type { RowsToLog } from '#wal'

type Cell = bigint | number | string | null
interface Drawn {
  readonly physical: Physical
  readonly cells: readonly Cell[]
}

const values: Record<Physical, fc.Arbitrary<Cell>> = {
  f64: fc.double(),
  i64: fc.bigInt({ min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n }),
  i32: fc.integer(),
  u8: fc.integer({ min: 0, max: 255 }),
  code: fc.constantFrom('A', 'B', 'caf\u00e9', ''),
  bytes: fc.string({ unit: 'grapheme' }),
}
const physicals = Object.keys(values) as Physical[]

function drawnColumn(rowCount: number): fc.Arbitrary<Drawn> {
  return fc.constantFrom(...physicals).chain((physical) =>
    fc.record({
      physical: fc.constant(physical),
      cells: fc.array(fc.option(values[physical], { freq: 4 }), {
        minLength: rowCount,
        maxLength: rowCount,
      }),
    }),
  )
}

const drawn = fc.integer({ min: 1, max: 40 }).chain((rowCount) =>
  fc.record({
    rowCount: fc.constant(rowCount),
    columns: fc.array(drawnColumn(rowCount), { minLength: 1, maxLength: 5 }),
    before: fc.integer({ min: 0, max: 3 }),
    producer: fc.option(
      fc.record({
        id: fc.string({ minLength: 1 }),
        sequence: fc.bigInt({ min: 0n, max: 2n ** 62n }),
      }),
      { nil: undefined },
    ),
    definition: fc.option(fc.uint8Array({ maxLength: 20 }), { nil: undefined }),
  }),
)

function put(column: ColumnData, row: number, cell: Cell): void {
  if (cell === null) return fillAbsent(column, row, row + 1)
  if (column.physical === 'code') column.values[row] = codeOf(column.dictionary, String(cell))
  else if (column.physical === 'bytes') {
    const text = Buffer.from(String(cell))
    const from = column.offsets[row]!
    reserveBytes(column, from, text.length)
    column.bytes.set(text, from)
    column.offsets[row + 1] = from + text.length
  } else if (column.physical === 'i64') column.values[row] = cell as bigint
  else column.values[row] = cell as number
}

function cellOf(column: ColumnData, row: number): Cell {
  if ('present' in column && column.present?.[row] === 0) return null
  if (column.physical === 'code') return column.dictionary[column.values[row]!] ?? null
  if (column.physical === 'bytes') {
    const bytes = column.bytes.subarray(column.offsets[row], column.offsets[row + 1])
    return Buffer.from(bytes).toString()
  }
  const value = column.values[row]!
  if (typeof value === 'bigint') return value === -(2n ** 63n) ? null : value
  return Number.isNaN(value) ? null : value
}

/** The columns at rows [before, before + rowCount), behind other rows. */
function columnsOf(columns: readonly Drawn[], before: number): ColumnData[] {
  return columns.map(({ physical, cells }) => {
    const column = allocateColumn(physical, before + cells.length, { optional: true })
    fillAbsent(column, 0, before)
    cells.forEach((cell, index) => put(column, before + index, cell))
    return column
  })
}

function entryOf(rows: RowsToLog): Uint8Array {
  const measured = measureRows(rows)
  const bytes = new Uint8Array(measured.bytes + 16)
  writeRows(measured, { bytes, view: new DataView(bytes.buffer), offset: 8 })
  return bytes.slice(8, 8 + measured.bytes)
}

function read(bytes: Uint8Array, rowCount: number): { ids: number[]; columns: ColumnData[] } {
  const entry = readRowsEntry(bytes, { file: 'x' })
  const columns: ColumnData[] = []
  const ids: number[] = []
  for (let index = 0; index < entry.columnCount; index += 1) {
    const id = readColumn(entry.reader, rowCount, 0, (_id, physical) => {
      const column = allocateColumn(physical, rowCount, { optional: true })
      columns.push(column)
      return column
    })
    ids.push(id)
  }
  entry.reader.expectEnd()
  return { ids, columns }
}

describe('rows entry', () => {
  test('rows come back bit for bit', () => {
    fc.assert(
      fc.property(drawn, ({ rowCount, columns, before, producer, definition }) => {
        const data = columnsOf(columns, before)
        const bytes = entryOf({
          seriesId: 7,
          schemaId: 9,
          columns: data.map((column, index) => ({ columnId: index * 3, data: column })),
          from: before,
          end: before + rowCount,
          definition,
          producer,
        })
        const head = readRowsEntry(bytes, {})
        expect(head).toMatchObject({ seriesId: 7, schemaId: 9, columnCount: columns.length })
        expect(head.producer).toEqual(producer)
        expect(head.definition && [...head.definition]).toEqual(definition && [...definition])
        const back = read(bytes, rowCount)
        expect(back.ids).toEqual(columns.map((_, index) => index * 3))
        back.columns.forEach((column, index) => {
          const expected = columns[index]!.cells.map((cell) => (Number.isNaN(cell) ? null : cell))
          const actual = expected.map((_, row) => cellOf(column, row))
          expect(actual).toEqual(expected)
        })
      }),
      { numRuns: 200 },
    )
  })

  test('a column nobody wants is passed over', () => {
    const data = columnsOf([{ physical: 'bytes', cells: ['a', null, 'bcd'] }], 0)
    const columns = data.map((column) => ({ columnId: 5, data: column }))
    const rows = { seriesId: 1, schemaId: 1, columns, from: 0, end: 3 }
    const bytes = entryOf({ ...rows, definition: undefined, producer: undefined })
    const { reader } = readRowsEntry(bytes, {})
    expect(readColumn(reader, 3, 0, () => undefined)).toBe(5)
    reader.expectEnd()
  })

  test('damage is ERR_CORRUPT or other values, never anything else', () => {
    const cells: Drawn[] = [
      { physical: 'i64', cells: [1n, 2n, 3n] },
      { physical: 'code', cells: ['A', 'B', null] },
      { physical: 'bytes', cells: ['x', 'yz', null] },
      { physical: 'u8', cells: [1, null, 3] },
    ]
    const data = columnsOf(cells, 0)
    const bytes = entryOf({
      seriesId: 1,
      schemaId: 1,
      columns: data.map((column, index) => ({ columnId: index, data: column })),
      from: 0,
      end: 3,
      definition: Uint8Array.of(1, 2, 3),
      producer: { id: 'p', sequence: 5n },
    })
    const attempt = (damaged: Uint8Array): void => {
      try {
        read(damaged, 3)
      } catch (error) {
        expect(error).toBeInstanceOf(VarveError)
        expect((error as VarveError).code).toBe('ERR_CORRUPT')
      }
    }
    for (let at = 0; at < bytes.length; at += 1) {
      for (const flip of [1, 0x80, 0xff]) {
        const damaged = bytes.slice()
        damaged[at]! ^= flip
        attempt(damaged)
      }
      attempt(bytes.slice(0, at))
    }
    const wrong = readRowsEntry(bytes, {})
    const make = (): ColumnData => allocateColumn('f64', 3, { optional: true })
    expect(() => readColumn(wrong.reader, 3, 0, make)).toThrow(/a column of f64 expected/)
    expect(new ByteReader(bytes).remaining).toBe(bytes.length)
  })

  test('an entry of an unknown type is from a newer varve', () => {
    expect(unknownEntry(9, 'x.wal', 64)).toMatchObject({
      code: 'ERR_VERSION',
      details: { file: 'x.wal', offset: 64, actual: 9 },
    })
  })
})
