// Goal: zone maps that tell of other values than a page holds are found in every form but texts, and true ones never are
// taken for wrong. Method: pages of every form, with absent values, exceptions, NaN and -0, encoded and decoded; then each
// entry of each of their zone maps changed.
import { beforeAll, describe, expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '#base'
import { absentCode, absentInt64, allocateColumn } from '#batch'
import type { ColumnData } from '#batch'
import { decodeRows, encodePage, readPageMeta, vectorRows, writePageMeta } from '#codec'
import type { PageMeta } from '#codec'
import { loadKernels } from '#kernel'
import type { ColumnSpec } from '#schema'
import { checkZones } from '../../src/segment/check-rows.ts'
import { seededRandom } from '../support/manual-env.ts'

beforeAll(() => loadKernels())

const rowCount = 3 * vectorRows + 100
const rows = (value: (row: number) => number): Float64Array =>
  Float64Array.from({ length: rowCount }, (_, row) => value(row))
const random = seededRandom(3)
const noise = rows(() => random())
const specOf = (physical: ColumnData['physical'], optional: boolean): ColumnSpec => ({
  id: 16,
  index: 1,
  name: 'value',
  type: physical === 'bytes' ? 'text' : physical === 'code' ? 'symbol' : physical,
  physical,
  optional,
  scale: 0,
})

/** The page of a column and its rows, as a reader has them. */
function encoded(column: ColumnData, optional: boolean): { meta: PageMeta; decoded: ColumnData } {
  const page = encodePage(column, 0, rowCount, { optional })
  const payload = page.payload.slice()
  const writer = new ByteWriter()
  writePageMeta(writer, page.meta)
  const meta = readPageMeta(new ByteReader(writer.take()), column.physical, rowCount)
  const decoded = allocateColumn(column.physical, rowCount, { optional })
  decodeRows(meta, payload, 0, 0, rowCount, decoded, 0, {})
  return { meta, decoded }
}

const { NaN: nan } = Number
const isNan = (bits: BigInt64Array, at: number): boolean =>
  Number.isNaN(new Float64Array(bits.buffer)[at])
const columns: [string, boolean, number, ColumnData][] = [
  ['f64 cents', false, 4, { physical: 'f64', values: noise.map((v) => Math.round(v * 1e4) / 100) }],
  [
    'f64 cents with exceptions, first and last of a vector too',
    false,
    4,
    {
      physical: 'f64',
      values: noise.map((v, row) =>
        row % 331 === 0 || row % 1024 === 1023
          ? [nan, -0, Infinity, Math.PI][row % 4]!
          : Math.round(v * 100),
      ),
    },
  ],
  ['f64 reals', false, 4, { physical: 'f64', values: noise }],
  [
    'f64 reals with NaN and -0',
    false,
    4,
    {
      physical: 'f64',
      values: noise.map((v, row) =>
        row < vectorRows || row % 7 === 0 ? nan : row % 11 === 0 ? -0 : v,
      ),
    },
  ],
  [
    'f64 reals, absent in places and in a vector',
    true,
    3,
    {
      physical: 'f64',
      values: noise.map((v, row) => (row % 5 === 0 || row < vectorRows ? nan : v)),
    },
  ],
  [
    'code',
    true,
    4,
    {
      physical: 'code',
      values: Uint32Array.from(noise, (v, row) => (row % 9 === 0 ? absentCode : Math.floor(v * 5))),
      dictionary: ['a', 'b', 'c', 'd', 'e'],
    },
  ],
  [
    'i64',
    true,
    4,
    {
      physical: 'i64',
      values: BigInt64Array.from(noise, (v, row) =>
        row % 9 === 0 ? absentInt64 : BigInt(Math.floor(v * 1e9)),
      ),
    },
  ],
  [
    'i32',
    false,
    4,
    { physical: 'i32', values: Int32Array.from(noise, (v) => v * 100 - 50), present: undefined },
  ],
  [
    'u8',
    false,
    4,
    { physical: 'u8', values: Uint8Array.from(noise, (v) => v * 255), present: undefined },
  ],
]

describe.each(columns)('%s', (name, optional, vectorsTold, column) => {
  const spec = specOf(column.physical, optional)

  test('what was written is right; each changed entry is found', () => {
    const { meta, decoded } = encoded(column, optional)
    const zone = meta.zone!
    expect(meta.exceptions !== undefined).toBe(name.includes('exceptions'))
    expect(() => checkZones(meta, decoded, spec, 0)).not.toThrow()
    for (const part of ['min', 'max', 'first', 'last'] as const) {
      let found = 0
      for (let vector = 0; vector < meta.vectorCount; vector += 1) {
        const changed = zone[part].slice()
        changed[vector] = isNan(changed, vector) ? 0n : changed[vector]! ^ 1n
        try {
          checkZones({ ...meta, zone: { ...zone, [part]: changed } }, decoded, spec, 7)
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_CORRUPT', details: { block: 7, vector } })
          found += 1
          continue
        }
      }
      expect(found, part).toBe(vectorsTold)
    }
  })
})
