// Goal: a store of bars at level high, whose prices are told by each other, answers every question as one that stores
// each column by itself; it is compacted, verified, read back by another and salvaged like any other.
// Method: the same bars in a store of level none and one of level high, in two lots, then compacted; bytes all over its
// one file flipped, one at a time, and what salvage brings back compared row by row.
import { beforeAll, expect, test } from 'vitest'
import { loadKernels } from '#kernel'
import { bar, quoteBar } from '#schema'
import type { ReadView, Store } from '#store'
import { seededRandom } from '../support/manual-env.ts'
import { walkingBars } from '../segment/residual-bed.ts'
import { closeAll, makeBed, root } from './bed.ts'
import type { Bed } from './bed.ts'

beforeAll(() => loadKernels())

const rowCount = 9_000
const start = 1_704_205_800_000_000_000n
const bars = walkingBars(rowCount, seededRandom(8))
bars['low']![8_000] = Number.NaN
const time = BigInt64Array.from(
  { length: rowCount },
  (_, row) => start + BigInt(row) * 1_000_000_000n,
)

async function filled(bed: Bed, level: 'none' | 'high'): Promise<Store> {
  const store = await bed.open({ durability: 'sync', level })
  const half = 5_000
  for (const [from, end] of [
    [0, half],
    [half, rowCount],
  ]) {
    store.series(bar, 'A', '1s').append({
      time: time.subarray(from, end),
      open: bars.open.subarray(from, end),
      high: bars.high.subarray(from, end),
      low: bars.low.subarray(from, end),
      close: bars.close.subarray(from, end),
      volume: bars.volume.subarray(from, end),
    })
    await store.seal()
  }
  return store
}

const columns = {
  rows: 'count',
  open: { first: 'open' },
  high: { max: 'high' },
  low: { min: 'low' },
  close: { last: 'close' },
  highs: { sum: 'high' },
  vwap: { vwap: ['open', 'volume'] },
  std: { std: 'high' },
} as const

/** What a store answers, in one text. */
function answers(view: ReadView): unknown[] {
  const series = view.series(bar, 'A', '1s')
  const bound = bars.high[3_000]!
  const wheres = [{}, { high: { gte: bound } }, { open: { lt: bound }, volume: { gt: 900 } }]
  const spans = [
    {},
    { from: time[1000]!, to: time[1003]! },
    { from: time[4_990]!, to: time[8_501]! },
  ]
  return spans.flatMap((span) =>
    wheres.flatMap((where) => [
      series.count({ ...span, where }),
      series.range({ ...span, where, columns: ['high'] }).columns.high,
      series.range({ ...span, where, columns: ['open', 'low', 'volume'], reverse: true, limit: 5 })
        .columns,
      series.aggregate({ ...span, where, columns }).columns,
      series.aggregate({ ...span, where, every: '7m', columns }).columns,
    ]),
  )
}

/** Bits, so that no NaN equals another by chance. */
function expectRows(view: ReadView): void {
  const { columns: found } = view.series(bar, 'A', '1s').range()
  for (const name of ['open', 'high', 'low', 'close', 'volume'] as const) {
    expect(new BigUint64Array(found[name].slice().buffer)).toEqual(
      new BigUint64Array(bars[name].slice().buffer),
    )
  }
}

test('answers are those of columns stored by themselves, before and after compaction', async () => {
  const [plainBed, bed] = [makeBed(), makeBed()]
  const [plain, store] = [await filled(plainBed, 'none'), await filled(bed, 'high')]
  expect(answers(store)).toEqual(answers(plain))
  await store.compact()
  expect(answers(store)).toEqual(answers(plain))
  expectRows(store)
  expect((await store.verify()).ok).toBe(true)
  expect(store.list()[0]!.storedBytes).toBeLessThan(plain.list()[0]!.storedBytes * 0.6)
  await closeAll(plainBed, plain)
  await closeAll(bed, store)
  const again = await bed.open({ level: 'medium', recovery: 'salvage' })
  expectRows(again)
  await closeAll(bed, again)
})

test('salvage brings back whole vectors, bit for bit, also where a column referred to is damaged', async () => {
  const bed = makeBed()
  const store = await filled(bed, 'high')
  await store.compact()
  await closeAll(bed, store)
  const names = bed.vfs.list(`${root}/packs`)
  expect(names).toHaveLength(1)
  const name = `${root}/packs/${names[0]!}`
  const { bytes } = bed.vfs.stat(name)!
  const rowAt = new Map(Array.from(time, (at, row) => [at, row]))
  const prices = ['open', 'high', 'low', 'close', 'volume'] as const
  const lost = new Set<number>()
  for (let nth = 0; nth < 24; nth += 1) {
    const left = bed.next(bed.vfs.kill())
    const at = Math.floor((bytes * (nth + 0.5)) / 24)
    const byte = new Uint8Array(1)
    const file = left.vfs.open(name, 'write')
    file.read(byte, at)
    file.write(Uint8Array.of(byte[0]! ^ 16), at)
    file.datasyncSync()
    file.close()
    const again = await left.open({ recovery: 'salvage' })
    const found = again.series(bar, 'A', '1s').range()
    const { rowsLost } = again.recovery.salvage!
    expect(found.rowCount + rowsLost, `byte ${at}`).toBe(rowCount)
    lost.add(rowsLost)
    const { columns: rows } = found
    for (let row = 0; row < found.rowCount; row += 1) {
      const place = rowAt.get(rows.time[row]!)!
      const isSame = prices.every((price) => Object.is(rows[price][row], bars[price][place]))
      if (!isSame) throw new Error(`byte ${at}: row ${place} came back as another`)
    }
    expect((await again.verify()).damage).toEqual([])
    await closeAll(left, again)
  }
  // Some of the places are in payloads: their vectors are lost, and no more.
  expect([...lost].some((rows) => rows > 0 && rows <= 2048)).toBe(true)
})

test('both sides of quote bars come back, smaller than stored by themselves', async () => {
  const sides = {
    bidOpen: bars.open,
    bidHigh: bars.high,
    bidLow: bars.low,
    bidClose: bars.close,
    askOpen: bars.open.map((price) => Math.round(price * 100 + 1) / 100),
    askHigh: bars.high.map((price) => Math.round(price * 100 + 2) / 100),
    askLow: bars.low.map((price) => Math.round(price * 100 + 1) / 100),
    askClose: bars.close.map((price) => Math.round(price * 100 + 1) / 100),
  }
  const bytes: number[] = []
  for (const level of ['medium', 'high'] as const) {
    const bed = makeBed()
    const store = await bed.open({ durability: 'sync', level })
    store.series(quoteBar, 'A', '1s').append({ time, ...sides })
    await store.seal()
    const { columns: found } = store.series(quoteBar, 'A', '1s').range()
    for (const [name, values] of Object.entries(sides)) {
      expect(found[name as keyof typeof sides]).toEqual(values)
    }
    const asked = { columns: ['askHigh'], from: time[4000]!, to: time[4010]! } as const
    const { columns: few } = store.series(quoteBar, 'A', '1s').range(asked)
    expect(few.askHigh).toEqual(sides.askHigh.slice(4000, 4010))
    expect((await store.verify()).ok).toBe(true)
    bytes.push(store.list()[0]!.storedBytes)
    await closeAll(bed, store)
  }
  expect(bytes[1]).toBeLessThan(bytes[0]! * 0.7)
})
