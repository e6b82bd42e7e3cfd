// Goal: memory that a chunk gave back goes to later chunks, and whoever still looks at the old one is stopped.
// Method: chunks of full size, one after the other.
import { expect, test } from 'vitest'
import { limits } from '#base'
import { Chunk, HeadSeries } from '#head'
import type { Filling } from '#head'
import { wideRules } from '../query/bed.ts'

const rules = wideRules({ order: [], identity: [], duplicates: 'keep' })

function filled(head: HeadSeries, from: bigint): Filling {
  const rows = limits.blockRowsMax
  const filling = head.reserve(rows)
  for (let row = 0; row < rows; row += 1) filling.chunk.time.values[row] = from + BigInt(row)
  head.commit(filling, rows, 1n)
  return filling
}

test('memory is used again, and not read by those who had it before', () => {
  const head = new HeadSeries(rules)
  const buffers: ArrayBufferLike[] = []
  const seen: Chunk[] = []
  // Slabs are filled up by chunks before: one of the first is met again at the latest after as many as a slab takes.
  for (let lot = 0; lot < 80; lot += 1) {
    const { chunk } = filled(head, BigInt(lot))
    const view = chunk.view(rules)
    expect(view.timeAt(7)).toBe(BigInt(lot) + 7n)
    buffers.push(chunk.time.values.buffer)
    head.drop(head.freeze(), true)
    expect(() => view.timeAt(7)).toThrow(/belongs to others/)
    expect(() => view.lowerBound(0n)).toThrow(/belongs to others/)
    expect(() => view.read([], 0, 1, [], 0)).toThrow(/belongs to others/)
    expect(() => chunk.view(rules)).toThrow(/belongs to others/)
    seen.push(chunk)
  }
  expect(new Set(buffers).size).toBeLessThan(seen.length / 2)
})

test('what somebody may read stays as it is', () => {
  const head = new HeadSeries(rules)
  const { chunk } = filled(head, 5n)
  const view = chunk.view(rules)
  head.drop(head.freeze())
  for (let lot = 0; lot < 80; lot += 1) {
    filled(head, 1000n)
    head.drop(head.freeze(), true)
  }
  expect(view.timeAt(9)).toBe(14n)
})
