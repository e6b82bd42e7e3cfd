// Goal: times that a search has decoded are given again by the read that follows, the same as if nobody had searched,
// and their bytes are not read twice. Method: one run of several vectors; random ranges searched and read by one reader
// that lives long, and read by a new one that never searched.
import * as fc from 'fast-check'
import '../support/seed.ts'
import { beforeAll, expect, test } from 'vitest'
import { allocateColumn } from '#batch'
import type { ColumnData } from '#batch'
import { loadKernels } from '#kernel'
import { RunReader } from '#segment'
import { cellText, runBytesOf } from '../query/bed.ts'
import { smallFile, specs } from './small-file.ts'

beforeAll(loadKernels)

const rowCount = 66_000
const chosen = specs.filter(({ name }) => ['time', 'price', 'side'].includes(name))

function readRows(reader: RunReader, from: number, end: number, lead: number): ColumnData[] {
  const targets = chosen.map(({ physical, optional }) =>
    allocateColumn(physical, lead + end - from, { optional }),
  )
  reader.read(chosen, from, end, targets, lead)
  return targets
}

test('searched and read is read', () => {
  const { file, finished } = smallFile(rowCount)
  const run = finished.runs[0]!
  const bytes = runBytesOf(file)
  const reader = new RunReader(bytes, run)
  const [time] = [chosen[0]!]
  const timeOf = (row: number): bigint => run.timeMin + BigInt(row) * 250_000_000n
  const used = { copied: 0 }
  fc.assert(
    fc.property(
      fc.oneof(fc.nat(rowCount - 1), fc.integer({ min: 64_000, max: rowCount - 1 })),
      fc.oneof(fc.nat(2_100), fc.nat(12_000)),
      fc.nat(3),
      fc.nat(5),
      (first, rows, lead, early) => {
        const from = reader.lowerBound(timeOf(first) - BigInt(early % 2))
        const end = Math.max(from, reader.lowerBound(timeOf(Math.min(rowCount, first + rows))))
        expect([from, end]).toEqual([first, Math.min(rowCount, first + rows)])
        const before = bytes.reads.length
        const times = new BigInt64Array(end - from)
        reader.read([time], from, end, [{ physical: 'i64', values: times }], 0)
        if (bytes.reads.length === before && end > from) used.copied += 1
        const again = readRows(reader, from, end, lead)
        const fresh = readRows(new RunReader(runBytesOf(file), run), from, end, lead)
        chosen.forEach((spec, index) => {
          for (let row = lead; row < lead + end - from; row += 1) {
            const text = cellText(fresh[index]!, row)
            if (cellText(again[index]!, row) !== text) expect(`${spec.name} ${row}`).toBe(text)
          }
        })
        for (let row = from; row < end; row += 1) {
          if (times[row - from] !== timeOf(row)) expect(times[row - from]).toBe(timeOf(row))
        }
      },
    ),
    { numRuns: 60 },
  )
  expect(used.copied).toBeGreaterThan(5)
})
