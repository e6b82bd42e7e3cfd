// Goal: a row that the manifest keeps is read back bit for bit, by kinds that have more columns as well, and damaged
// bytes are told as such. Method: random rows of a kind with every type; each byte changed, and each cut.
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { VarveError } from '#base'
import { rulesOf } from '#head'
import { rowValues } from '#query'
import { column, extendKind, storeKind } from '#schema'
import { decodeRow, encodeRow } from '../../src/store/last-row.ts'
import { columnsOf, plainRow, rowOut, wideKind, wideRules } from '../query/bed.ts'
import type { PlainRow } from '../query/bed.ts'

const plain = { order: [], identity: [], duplicates: 'keep' } as const
const rules = wideRules(plain)

function bytesOf(row: PlainRow): Uint8Array {
  return encodeRow(rules.specs, columnsOf(rules.specs, [row]))
}

test('read back as it was', () => {
  const kind = wideKind(plain)
  const columns = { ...kind.columns, later: column.text().optional() }
  const wider = rulesOf(
    extendKind(storeKind(kind, 1, 1), { ...kind, columns }, ['later'], 2),
    'day',
  )
  fc.assert(
    fc.property(plainRow, (row) => {
      for (const reading of [rules, wider]) {
        const decoded = decodeRow(bytesOf(row), reading)
        const values = rowValues(reading.specs, ({ index }) => decoded[index], 0)
        expect(values).toEqual(rowOut(reading.specs, row))
      }
    }),
    { numRuns: 300 },
  )
})

test('a long row is not kept', () => {
  const [row] = fc.sample(plainRow, { numRuns: 1, seed: 1 })
  expect(bytesOf({ ...row!, textMaybe: 'x'.repeat(5000) })).toHaveLength(0)
  expect(bytesOf({ ...row!, textMaybe: '\uFEFF'.repeat(500) }).length).toBeGreaterThan(1500)
})

test('damage is told, or is another row', () => {
  fc.assert(
    fc.property(plainRow, fc.integer({ min: 1, max: 255 }), (row, mask) => {
      const bytes = bytesOf(row)
      for (let at = 0; at < bytes.length; at += 1) {
        const flipped = bytes.slice()
        flipped[at] = flipped[at]! ^ mask
        for (const damaged of [flipped, bytes.subarray(0, at)]) {
          try {
            const decoded = decodeRow(damaged, rules)
            expect(decoded).toHaveLength(rules.specs.length)
            expect(damaged).toBe(flipped)
          } catch (error) {
            if (!(error instanceof VarveError)) throw error
            expect(['ERR_CORRUPT', 'ERR_VERSION']).toContain(error.code)
          }
        }
      }
    }),
    { numRuns: 60 },
  )
})
