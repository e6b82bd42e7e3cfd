// Goal: what waits in memory is bounded: long work past the bound is refused, and nothing that was taken is forgotten.
// Method: more seals asked for than may wait, in one turn.
import { beforeAll, expect, test } from 'vitest'
import { limits } from '#base'
import { loadKernels } from '#kernel'
import { column, defineKind } from '#schema'
import { closeAll, makeBed } from './bed.ts'

beforeAll(() => loadKernels())

const tick = defineKind('tick', { columns: { value: column.i32() } })

test('long work past the bound is refused, and goes on later', async () => {
  const bed = makeBed()
  const store = await bed.open({ durability: 'sync' })
  store.series(tick, 'A').append({ time: 1n, value: 1 })
  const waiting: Promise<void>[] = []
  for (let work = 0; work < limits.worksMax; work += 1) waiting.push(store.seal())
  const refused = { code: 'ERR_OVERLOADED', retryable: true }
  await expect(store.seal()).rejects.toMatchObject(refused)
  await expect(store.snapshot('s')).rejects.toMatchObject(refused)
  await expect(store.compact()).rejects.toMatchObject(refused)
  await Promise.all(waiting)
  await store.seal()
  await store.snapshot('s')
  expect([...store.series(tick, 'A').range().columns.value]).toEqual([1])
  await closeAll(bed, store)
})
