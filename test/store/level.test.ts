// Goal: the level a store is opened with is that of the files its seals and its compaction write;
// every level gives the same rows back, to any reader; an unknown one is refused. Method: the same
// skewed ticks with absent sides, sealed in two lots and compacted at each level, in the memory twin.
import { beforeAll, expect, test } from 'vitest'
import { loadKernels } from '#kernel'
import { column, defineKind } from '#schema'
import type { OpenOptions, ReadView } from '#store'
import { seededRandom } from '../support/manual-env.ts'
import { closeAll, makeBed } from './bed.ts'
import type { Bed } from './bed.ts'

beforeAll(() => loadKernels())

type Level = NonNullable<OpenOptions['level']>

const tick = defineKind('tick', {
  columns: { price: column.f64(), size: column.i32(), bid: column.f64().optional() },
})
const rowCount = 6_000
const start = 19_000n * 86_400_000_000_000n
const random = seededRandom(3)
/** Mostly small, seldom large: what packing takes many bits for. */
const skewed = Array.from({ length: rowCount }, () => Math.floor(random() ** 12 * 10_000))
const time = new BigInt64Array(rowCount)
const price = new Float64Array(rowCount)
skewed.forEach((step, row) => {
  time[row] = (time[row - 1] ?? start) + BigInt(step) * 1_000_000n
  price[row] = (20_000 + ((step * 31) % 7) + Math.floor(row / 500)) / 100
})
const size = Int32Array.from(skewed, (step, row) => (step % 10) * 100 + (row % 2))
const bid = price.map((each, row) => (row % 2 === 0 ? Number.NaN : each - 0.01))

/** Appends both halves, sealed each; the bytes of the segments. */
async function sealedBytes(bed: Bed, level: Level): Promise<number> {
  const store = await bed.open({ durability: 'sync', level })
  const half = rowCount / 2
  for (const [from, end] of [
    [0, half],
    [half, rowCount],
  ]) {
    store.series(tick, 'A').append({
      time: time.subarray(from, end),
      price: price.subarray(from, end),
      size: size.subarray(from, end),
      bid: bid.subarray(from, end),
    })
    await store.seal()
  }
  const bytes = store.list()[0]!.storedBytes
  expectRows(store)
  await closeAll(bed, store)
  return bytes
}

function expectRows(view: ReadView): void {
  const { columns } = view.series(tick, 'A').range()
  expect(columns.time).toEqual(time)
  expect(columns.price).toEqual(price)
  expect(columns.size).toEqual(size)
  expect(columns.bid).toEqual(bid)
}

test('each level gives the rows back; high is smaller than medium, and no level larger than none', async () => {
  const bytes = new Map<Level, number>()
  for (const level of ['none', 'low', 'medium', 'high'] as const) {
    const bed = makeBed()
    bytes.set(level, await sealedBytes(bed, level))
    // A store is opened with any level, whatever its files were written with.
    const store = await bed.open({ level: 'none' })
    expectRows(store)
    expect((await store.verify()).ok).toBe(true)
    await closeAll(bed, store)
  }
  expect(bytes.get('high')).toBeLessThan(bytes.get('medium')! * 0.85)
  expect(bytes.get('medium')).toBeLessThanOrEqual(bytes.get('low')!)
  expect(bytes.get('low')).toBeLessThan(bytes.get('none')!)
})

test('compaction writes with the level of the store that compacts', async () => {
  const sizes = new Map<Level, number>()
  for (const level of ['low', 'high'] as const) {
    const bed = makeBed()
    await sealedBytes(bed, 'medium')
    const store = await bed.open({ level })
    await store.compact()
    expect(store.stats().segments).toBe(1)
    expectRows(store)
    sizes.set(level, store.list()[0]!.storedBytes)
    await closeAll(bed, store)
  }
  expect(sizes.get('high')).toBeLessThan(sizes.get('low')! * 0.8)
})

test('an unknown level is refused', async () => {
  const bed = makeBed()
  const options = { level: 'best' } as unknown as OpenOptions
  await expect(bed.open(options)).rejects.toMatchObject({
    code: 'ERR_ARGUMENT',
    details: { actual: 'best' },
  })
})
