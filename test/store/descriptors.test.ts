// Goal: a process that is out of descriptors reads, logs and commits all the same, for some are kept that can be given
// up; where there are none at all the call is refused and the store goes on later. Method: opens that fail with EMFILE
// on the memory twin, once and for as long as too many handles are open.
import { beforeAll, describe, expect, test } from 'vitest'
import { loadKernels } from '#kernel'
import { column, defineKind } from '#schema'
import type { Store } from '#store'
import { closeAll, makeBed, root } from './bed.ts'
import type { Bed } from './bed.ts'

beforeAll(() => loadKernels())

const tick = defineKind('tick', { columns: { value: column.i32() } })
const dayNs = 86_400_000_000_000n

/** Eight packs, two rows each. */
async function packs(): Promise<{ bed: Bed; store: Store }> {
  const bed = makeBed()
  const store = await bed.open({ durability: 'sync' })
  for (let day = 0; day < 8; day += 1) {
    for (const symbol of ['A', 'B']) {
      store.series(tick, symbol).append({ time: BigInt(day) * dayNs, value: day })
    }
    await store.seal()
  }
  return { bed, store }
}

/** From now on no more than `handlesMax` can be open. */
function bound(bed: Bed, handlesMax: number): () => void {
  let stop = (): void => {}
  bed.vfs.watch(({ operation }) => {
    stop()
    if (operation !== 'open' || bed.vfs.handleCount < handlesMax) return
    stop = bed.vfs.fail({ operation: 'open', errno: 'EMFILE' })
  })
  return () => {
    stop()
    bed.vfs.watch(undefined)
  }
}

const valuesOf = (store: Store): number[] => [...store.series(tick, 'A').range().columns.value]
const days = [0, 1, 2, 3, 4, 5, 6, 7]

describe('no descriptor is left', () => {
  test('a read gives up those of other files', async () => {
    const { bed, store } = await packs()
    const again = bed.next(bed.vfs.kill())
    await closeAll(bed, store)
    const opened = await again.open()
    const stop = bound(again, again.vfs.handleCount + 2)
    expect(valuesOf(opened)).toEqual(days)
    expect(valuesOf(opened)).toEqual(days)
    stop()
    await closeAll(again, opened)
  })

  test('the log goes on in a new file, and the manifest in a new one', async () => {
    const { bed, store } = await packs()
    valuesOf(store)
    const stop = bound(bed, bed.vfs.handleCount)
    bed.vfs.fail({ operation: 'datasync', path: '/wal/' })
    expect(() => store.series(tick, 'A').append({ time: 0n, value: 99 })).toThrow(
      expect.objectContaining({ code: 'ERR_IO', retryable: true }),
    )
    // Healed at once: the file that failed is closed, a new one is open.
    expect(store.state).toBe('open')
    store.series(tick, 'A').append({ time: 8n * dayNs, value: 8 })
    bed.vfs.fail({ operation: 'datasync', path: '/manifest/' })
    await store.seal()
    await store.snapshot('s')
    expect(valuesOf(store)).toEqual([...days, 8])
    stop()
    await closeAll(bed, store)
  })

  test('none at all: refused, and on it goes when there are some again', async () => {
    const { bed, store } = await packs()
    const stop = bed.vfs.fail({ operation: 'open', errno: 'EMFILE', times: 'forever' })
    store.series(tick, 'A').append({ time: 8n * dayNs, value: 8 })
    await expect(store.seal()).rejects.toMatchObject({
      code: 'ERR_IO',
      retryable: true,
      details: { errno: 'EMFILE' },
    })
    expect(() => valuesOf(store)).toThrow(expect.objectContaining({ code: 'ERR_IO' }))
    stop()
    expect(valuesOf(store)).toEqual([...days, 8])
    await store.seal()
    expect(bed.vfs.list(`${root}/packs`).filter((name) => name.endsWith('.draft'))).toEqual([])
    expect(valuesOf(store)).toEqual([...days, 8])
    await closeAll(bed, store)
  })
})
