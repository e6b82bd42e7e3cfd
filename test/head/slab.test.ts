// Goal: shared memory stays within its bounds, says so where there is no room, and nonsense in it leads nowhere.
// Method: slabs so small that each bound is reached; header words of a ring changed one by one.
import { describe, expect, test } from 'vitest'
import { HeadSeries, Ring, RingReader, Slab, rulesOf } from '#head'
import type { RowRules } from '#head'
import { column, defineKind, fillValue, storeKind } from '#schema'

const kind = defineKind('seen', {
  columns: { number: column.f64(), side: column.symbol(), note: column.text().optional() },
})
const rules = rulesOf(storeKind(kind, 1, 1), 'day')

/** A head with rows, and its chunk. */
function chunkOf(rows: readonly { side?: string; note?: string }[], of: RowRules = rules) {
  const head = new HeadSeries(of)
  const filling = head.reserve(rows.length)
  for (const spec of of.specs) {
    const target = filling.chunk.column(spec)
    rows.forEach(({ side = 'buy', note }, row) => {
      const given: Record<string, unknown> = { time: BigInt(row), number: row, side, note }
      fillValue(spec, given[spec.name], target, row, { series: 'seen' }, row)
    })
  }
  head.commit(filling, rows.length, 1n)
  return filling.chunk
}

function ringWith(slab: Slab, seriesId: number, count: number): Ring {
  const ring = new Ring(slab, seriesId)
  ring.refill(rules, chunkOf(Array.from({ length: count }, () => ({}))).columns, count, true)
  return ring
}

describe('bounds', () => {
  test('above what is wanted series keep their newest row only; above the end nothing', () => {
    const slab = new Slab({ bytesWanted: 40_000, bytesMax: 90_000 })
    const rings = Array.from({ length: 2000 }, (_, id) => ringWith(slab, id, 64))
    const counts = rings.map(({ count }) => count)
    expect(counts[0]).toBe(64)
    expect(new Set(counts)).toEqual(new Set([64, 1, 0]))
    expect(counts.toSorted((a, b) => b - a)).toEqual(counts)
    expect(slab.usedBytes).toBeLessThanOrEqual(90_000)
    expect(slab.buffer.byteLength).toBeLessThanOrEqual(90_000)
    const one = rings[counts.indexOf(1)]!
    expect(one.knows(1)).toBe(true)
    expect(one.knows(2)).toBe(false)
    expect(one.rowsMax).toBe(1)
    expect(one.value(rules.specs[0]!, 0)).toBe(63n)
    const more = chunkOf([{}, {}])
    one.take(more.columns, 0, 2, rules)
    expect(one.value(rules.specs[0]!, 0)).toBe(63n)
    expect(rings.at(-1)!.knows(1)).toBe(false)
    expect(() => rings.at(-1)!.take(more.columns, 0, 2, rules)).not.toThrow()
  })

  test('symbols without end take a quarter; their rings know nothing then', () => {
    const slab = new Slab({ bytesWanted: 64 << 10 })
    let count = 0
    while (slab.codeOf(`symbol ${count}`) >= 0) count += 1
    expect(count).toBeGreaterThan(300)
    expect(slab.usedBytes).toBeLessThan(40 << 10)
    expect(slab.codeOf('symbol 7')).toBe(7)
    const ring = ringWith(slab, 1, 1)
    expect(ring.isKnown).toBe(false)
  })

  test('a symbol too many, or a longer text, in an append: the ring forgets', () => {
    const slab = new Slab({ bytesWanted: 64 << 10 })
    for (const [row, isKnown] of [
      [{}, true],
      [{ note: 'x' }, false],
      [{ side: 'sell' }, true],
    ] as const) {
      const ring = ringWith(slab, 1, 2)
      ring.take(chunkOf([row]).columns, 0, 1, rules)
      expect(ring.isKnown, JSON.stringify(row)).toBe(isKnown)
    }
    const ring = ringWith(slab, 1, 2)
    for (let count = 0; slab.codeOf(`symbol ${count}`) >= 0; count += 1);
    ring.take(chunkOf([{ side: 'one too many' }]).columns, 0, 1, rules)
    expect(ring.isKnown).toBe(false)
  })

  test('rows of long texts get fewer slots', () => {
    const slab = new Slab()
    const ring = new Ring(slab, 1)
    const chunk = chunkOf(Array.from({ length: 64 }, () => ({ note: 'x'.repeat(60_000) })))
    expect(ring.refill(rules, chunk.columns, 64, true)).toBe(true)
    expect(ring.count).toBe(2)
    expect(ring.rowsMax).toBe(2)
    expect(ring.knows(3)).toBe(false)
    expect(ring.value(rules.specs.at(-1)!, 1)).toBe('x'.repeat(60_000))
  })

  test('what is given back is used again', () => {
    const slab = new Slab()
    const ring = ringWith(slab, 1, 64)
    const before = slab.usedBytes
    for (let turn = 1; turn < 200; turn += 1) {
      const chunk = chunkOf([{ note: 'x'.repeat(turn % 50) }])
      ring.refill(turn % 2 === 0 ? rules : { ...rules }, chunk.columns, 1, true)
    }
    expect(slab.usedBytes).toBeLessThan(before + (64 << 10))
  })

  test('another kind of columns, and none: it forgets, or holds nothing', () => {
    const slab = new Slab()
    const ring = ringWith(slab, 1, 2)
    ring.take(chunkOf([{}]).columns, 0, 1, { ...rules })
    expect(ring.isKnown).toBe(false)
    expect(ring.refill(rules, [], 0, true)).toBe(true)
    expect([ring.count, ring.knows(64)]).toEqual([0, true])
    expect(() => ring.refill(rules, [], 0, false)).toThrow('BUG')
  })
})

describe('nonsense in shared memory', () => {
  test.each([
    [2, 0x0004_fffe | 0],
    [3, -5],
    [3, 1 << 20],
    [4, 1 << 28],
    [5, 1 << 28],
    [6, 1 << 28],
    [6, -1],
  ])('header word %i is %i', (word, value) => {
    const slab = new Slab()
    const seriesId = 987_654
    const ring = ringWith(slab, seriesId, 5)
    const reader = new RingReader(slab.buffer, seriesId)
    slab.words[slab.words.indexOf(seriesId) - 1 + word] = value | (word === 2 ? 1 << 16 : 0)
    expect(() => reader.copy()).toThrow(expect.objectContaining({ code: 'ERR_CORRUPT' }))
    expect(ring.isKnown).toBe(true)
  })

  test('tables and symbols that point outside', () => {
    const slab = new Slab()
    ringWith(slab, 5, 1)
    const table = slab.words[4]!
    slab.words[table] = 1 << 28
    const reader = new RingReader(slab.buffer, 5)
    expect(() => reader.copy()).toThrow(expect.objectContaining({ code: 'ERR_CORRUPT' }))
    const other = new Slab()
    ringWith(other, 5, 1)
    other.words[other.words[3]!] = 0
    const second = new RingReader(other.buffer, 5)
    expect(() => second.copy()).toThrow(expect.objectContaining({ code: 'ERR_CORRUPT' }))
  })
})
