// Goal: rows and cells are those of RFC 4180, by either splitter, wherever the bytes are cut.
// Method: random tables written as CSV (quoted or not, LF or CRLF, empty lines) are split and read
// back; the splitter for quotes must give what the plain one gives on bytes without one; a row that
// is cut short must wait for the rest.
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { chunkRows, makeCells, rowFault, splitPlain, splitQuoted } from '../../src/ingest/cells.ts'
import type { Cells } from '../../src/ingest/cells.ts'

const decoder = new TextDecoder()
const encoder = new TextEncoder()

function read(cells: Cells): string[][] {
  return Array.from({ length: cells.rowCount }, (_, row) =>
    Array.from({ length: cells.width }, (_, cell) => {
      const at = row * cells.width + cell
      return decoder.decode(cells.bytes.subarray(cells.starts[at], cells.ends[at]))
    }),
  )
}

function quotedSplit(width: number, bytes: Uint8Array, to: number, isEnd: boolean): Cells {
  const cells = makeCells(width)
  splitQuoted(cells, bytes, 0, to, isEnd, new Uint8Array(bytes.length))
  return cells
}
function plainSplit(width: number, bytes: Uint8Array, to: number, isEnd: boolean): Cells {
  const cells = makeCells(width)
  splitPlain(cells, bytes, 0, to, isEnd)
  return cells
}

const plainCell = fc.string({ unit: fc.constantFrom(...'ab01.- é'), maxLength: 6 })
const anyCell = fc.string({ unit: fc.constantFrom(...'ab0,"\n\r é'), maxLength: 6 })
const lineEnd = fc.constantFrom('\n', '\r\n')

function table(cell: fc.Arbitrary<string>): fc.Arbitrary<string[][]> {
  return fc.integer({ min: 1, max: 4 }).chain((width) =>
    fc.array(fc.array(cell, { minLength: width, maxLength: width }), {
      minLength: 1,
      maxLength: 8,
    }),
  )
}

/** A row of one empty cell is an empty line, which is no row. */
const isRow = (row: readonly string[]): boolean => row.length > 1 || row[0] !== ''

test('quoted tables read back, and a cut one gives its whole rows only', () => {
  fc.assert(
    fc.property(table(anyCell), lineEnd, fc.nat(), (rows, end, cut) => {
      const lines = rows.map((row) =>
        row.map((text) => `"${text.replaceAll('"', '""')}"`).join(','),
      )
      const bytes = encoder.encode(lines.join(end))
      const width = rows[0]!.length
      expect(read(quotedSplit(width, bytes, bytes.length, true))).toEqual(rows)

      const to = cut % (bytes.length + 1)
      const part = quotedSplit(width, bytes, to, false)
      const whole = read(part)
      expect(whole).toEqual(rows.slice(0, whole.length))
      const rest = makeCells(width)
      splitQuoted(rest, bytes, part.next, bytes.length, true, new Uint8Array(bytes.length))
      expect(read(rest)).toEqual(rows.slice(whole.length))
    }),
    { numRuns: 500 },
  )
})

test('both splitters agree where there is no quote', () => {
  const lines = fc.array(fc.array(plainCell, { minLength: 1, maxLength: 5 }), { maxLength: 10 })
  fc.assert(
    fc.property(lines, lineEnd, fc.boolean(), fc.nat(), (rows, end, isClosed, cut) => {
      const bytes = encoder.encode(
        rows.map((row) => row.join(',')).join(end) + (isClosed ? end : ''),
      )
      for (const [to, isEnd] of [
        [bytes.length, true],
        [bytes.length, false],
        [cut % (bytes.length + 1), false],
      ] as const) {
        const plain = plainSplit(3, bytes, to, isEnd)
        const quoted = quotedSplit(3, bytes, to, isEnd)
        expect(read(quoted)).toEqual(read(plain))
        expect(quoted.next).toBe(plain.next)
        expect(quoted.lines).toBe(plain.lines)
        for (const part of ['faults', 'found', 'rowStarts', 'rowEnds'] as const) {
          expect(quoted[part].subarray(0, quoted.rowCount)).toEqual(
            plain[part].subarray(0, plain.rowCount),
          )
        }
      }
      const full = plainSplit(3, bytes, bytes.length, true)
      const expected = rows.filter((row) => isRow(row))
      expect(full.rowCount).toBe(expected.length)
      for (const [row, cells] of expected.entries()) {
        expect(full.found[row]).toBe(cells.length)
        if (cells.length === 3) expect(read(full)[row]).toEqual(cells)
      }
    }),
    { numRuns: 500 },
  )
})

test('a chunk ends after 4,096 rows', () => {
  const bytes = encoder.encode('1,2\n'.repeat(chunkRows + 10))
  for (const cells of [
    plainSplit(2, bytes, bytes.length, true),
    quotedSplit(2, bytes, bytes.length, true),
  ]) {
    expect(cells.rowCount).toBe(chunkRows)
    expect(cells.next).toBe(chunkRows * 4)
    expect(cells.lines).toBe(chunkRows)
  }
})

test('rows of a wrong shape are marked', () => {
  const bytes = encoder.encode('1\n1,2\n1,2,3\n"a"x,2\n1,"open\n3,4\n')
  const cells = quotedSplit(2, bytes, bytes.length, true)
  expect([...cells.faults.subarray(0, cells.rowCount)]).toEqual([
    rowFault.tooFewCells,
    rowFault.none,
    rowFault.tooManyCells,
    rowFault.afterQuote,
    rowFault.openQuote,
    rowFault.none,
  ])
  expect(read(cells)[5]).toEqual(['3', '4'])
})
