// Goal: the bytes of the format stay what they are. Method: the bytes of known pages, written down.
// (No LZ4 here: its encoders disagree byte for byte, by design.)
import { beforeAll, describe, expect, it } from 'vitest'
import { hexOf } from '#base'
import type { Physical } from '#batch'
import { encodePage, encodings } from '#codec'
import { hash32, loadKernels } from '#kernel'
import { golden } from './golden-pages.ts'
import { columnOf, metaBytes } from './oracle.ts'
import type { Value } from './oracle.ts'

beforeAll(loadKernels)

const open = 1_381_132_800_000_000_000n

/** Times in ms steps, prices in cents, sizes in lots with one odd lot, trade ids as texts. */
const columns: Record<string, [Physical, number, (row: number) => Value]> = {
  time: ['i64', encodings.delta, (row) => open + BigInt(row * 250 + (row % 3)) * 1_000_000n],
  price: ['f64', encodings.for, (row) => (16741 + ((row * 7) % 11)) / 100],
  size: ['f64', encodings.pfor, (row) => (row === 3 ? 1_000_037 : 100 * (1 + (row % 4)))],
  side: ['u8', encodings.rle, (row) => (row >> 4) & 1],
  venue: ['code', encodings.dictionary, (row) => [3, 900, 40][row % 3]!],
  id: ['bytes', encodings.delta, (row) => `${5266583935 + row}`],
  note: ['bytes', encodings.bytes, (row) => (row % 5 === 1 ? null : 'open close'.slice(row % 4))],
  lots: ['f64', encodings.for, (row) => ({ 3: 200, 6: 5000 })[row] ?? 100],
  bids: ['f64', encodings.delta, (row) => (row % 2 === 0 ? null : (16740 + (row % 3)) / 100)],
  codes: ['code', encodings.dictionary, (row) => [3, 900, 40][row % 3]!],
  yield: ['f64', encodings.raw64, (row) => Math.sqrt(row + 2)],
}

/** Columns whose slots and bitmaps are entropy coded. */
const codedColumns = ['lots', 'bids', 'codes']

/** Up to 36 bytes as they are; more as length and checksum. */
function bytesText(bytes: Uint8Array): string {
  if (bytes.length <= 36) return hexOf(bytes)
  return `${bytes.length} bytes ${hash32(bytes).toString(16).padStart(8, '0')}`
}

function pageText(column: string, rows: number): [meta: string, payload: string] {
  const [physical, encoding, value] = columns[column]!
  const values = Array.from({ length: rows }, (_, row) => value(row))
  const optional = column === 'note' || column === 'bids'
  const made = columnOf(physical, values, optional)
  const coded = codedColumns.includes(column)
  const options = { optional, encoding, level: 'low', coded } as const
  const { meta, payload } = encodePage(made, 0, rows, options)
  return [bytesText(metaBytes(meta)), bytesText(payload)]
}

describe('golden pages', () => {
  for (const rows of [1, 5, 127, 129, 1025]) {
    for (const column of Object.keys(columns)) {
      if (codedColumns.includes(column)) continue
      it(`${column}, ${rows} rows`, () => {
        expect(pageText(column, rows)).toEqual(golden[`${column} ${rows}`])
      })
    }
  }
  for (const rows of [8, 1025]) {
    for (const column of codedColumns) {
      it(`${column}, ${rows} rows, entropy coded`, () => {
        expect(pageText(column, rows)).toEqual(golden[`${column} ${rows}`])
      })
    }
  }
})
