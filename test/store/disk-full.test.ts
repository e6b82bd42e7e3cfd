// Goal: a full disk costs nothing that was acknowledged and no read: appends are refused before their ack, early, with
// ERR_DISK_FULL; what was taken becomes durable thanks to the reserve; the same handle goes on when there is room
// again; everybody who wants to know is told when it begins and when it is over; nothing is left behind.
// Method: stores on a memory twin of bounded capacity, filled for real, by rows and by a file of somebody else.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { beforeAll, describe, expect, test } from 'vitest'
import { VarveError } from '#base'
import { loadKernels } from '#kernel'
import { column, defineKind } from '#schema'
import type { Store } from '#store'
import { memoryVfs } from '#vfs'
import { closeAll, makeBed, root } from './bed.ts'
import type { Bed } from './bed.ts'

beforeAll(() => loadKernels())

const note = defineKind('note', { columns: { number: column.i32(), text: column.text() } })
const text = 'x'.repeat(500)
const start = 19_000n * 86_400_000_000_000n
const other = '/data/other'

const small = {
  freeBytesMin: 256 << 10,
  freeLookBytes: 32 << 10,
  reserveBytes: 256 << 10,
  logZeroBytes: 4096,
}

function bedOf(capacityBytes: number): Bed {
  return makeBed({ vfs: memoryVfs({ capacityBytes }), limits: small })
}

/** Somebody else's file takes all but `left` bytes. */
function fillUp({ vfs }: Bed, left: number): void {
  const file = vfs.open(other, 'create')
  file.write(new Uint8Array(vfs.freeBytes('/data') - left), 0)
  file.close()
}

class Rows {
  readonly store: Store
  taken = 0
  constructor(store: Store) {
    this.store = store
  }

  append(): Promise<void> {
    const number = this.taken
    const series = this.store.series(note, 'A')
    const { durable } = series.append({ time: start + BigInt(number), number, text })
    this.taken += 1
    return durable
  }

  /** Until it is refused; gives the refusal. */
  async appendAll(rowsMax = 20_000): Promise<VarveError> {
    for (let rows = 0; rows < rowsMax; rows += 1) {
      try {
        await this.append()
      } catch (error) {
        if (error instanceof VarveError) return error
        throw error
      }
    }
    throw new Error('it never was refused')
  }

  check(view: Pick<Store, 'series'> = this.store): void {
    const numbers = [...view.series(note, 'A').range().columns.number]
    expect(numbers.length).toBe(this.taken)
    expect(numbers.every((number, at) => number === at)).toBe(true)
  }
}

function messages(): { seen: object[]; stop: () => void } {
  const seen: object[] = []
  const listen = (message: unknown): void => void seen.push(message as object)
  subscribe('varve:disk', listen)
  return { seen, stop: () => unsubscribe('varve:disk', listen) }
}

const hasReserve = ({ vfs }: Bed): boolean => vfs.stat(`${root}/reserve`) !== undefined

describe('near the end', () => {
  test.each(['group', 'sync', 'os'] as const)(
    'mode %s: refused early, goes on',
    async (durability) => {
      const bed = bedOf(4 << 20)
      const heard = messages()
      const rows = new Rows(await bed.open({ durability }))
      for (let cycle = 0; cycle < 3; cycle += 1) {
        const refusal = await rows.appendAll()
        expect(refusal).toMatchObject({ code: 'ERR_DISK_FULL', retryable: true })
        expect(refusal.hint).toMatch(/again/)
        // There is room still: for the reserve, and for what must be written.
        expect(bed.vfs.freeBytes(root)).toBeGreaterThan(100 << 10)
        expect(hasReserve(bed)).toBe(true)
        expect(rows.store.state).toBe('failed')
        rows.check()
        expect(() => rows.append()).toThrow(expect.objectContaining({ code: 'ERR_DISK_FULL' }))
        bed.vfs.setCapacity((cycle + 2) * (4 << 20))
        bed.scheduler.advance(1000)
        expect(rows.store.state).toBe('open')
        await rows.append()
      }
      heard.stop()
      expect(heard.seen.map((message) => (message as { state: string }).state)).toEqual([
        'full',
        'over',
        'full',
        'over',
        'full',
        'over',
      ])
      expect(heard.seen[0]).toMatchObject({ store: root, floorBytes: expect.any(Number) })
      expect(
        bed.logged.filter(({ message }) => message?.includes('is full') === true),
      ).toHaveLength(3)
      await closeAll(bed, rows.store)
      const next = makeBed({ vfs: bed.vfs.crash() })
      const again = await next.open()
      rows.check(again)
      await closeAll(next, again)
    },
  )

  test('a loop that never yields goes on too', async () => {
    const bed = bedOf(4 << 20)
    const rows = new Rows(await bed.open({ durability: 'sync' }))
    await rows.appendAll()
    bed.vfs.setCapacity(8 << 20)
    bed.clock.advance(300)
    void rows.append()
    expect(rows.store.state).toBe('open')
    await closeAll(bed, rows.store)
  })
})

describe('no room at all, all at once', () => {
  test('what was taken is made durable with the reserve', async () => {
    const bed = bedOf(8 << 20)
    const rows = new Rows(await bed.open())
    for (let count = 0; count < 200; count += 1) await rows.append()
    expect(hasReserve(bed)).toBe(true)
    fillUp(bed, 0)
    // Rows are taken, and then nothing can be written.
    const pending: Promise<void>[] = []
    for (let count = 0; count < 20; count += 1) pending.push(rows.append())
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    bed.scheduler.advance(60)
    await Promise.all(pending)
    expect(hasReserve(bed)).toBe(false)
    expect(() => rows.append()).toThrow(expect.objectContaining({ code: 'ERR_DISK_FULL' }))
    rows.check()
    // It holds after a power cut.
    const cut = makeBed({ vfs: bed.vfs.crash() })
    cut.vfs.setCapacity(16 << 20)
    const found = await cut.open()
    rows.check(found)
    await closeAll(cut, found)
    bed.scheduler.advance(5000)
    expect(rows.store.state).toBe('failed')
    bed.vfs.unlink(other)
    bed.scheduler.advance(5000)
    expect(rows.store.state).toBe('open')
    expect(hasReserve(bed)).toBe(true)
    await rows.append()
    rows.check()
    await closeAll(bed, rows.store)
  })

  test('seal, compact and snapshot are refused, leave nothing behind, and go on', async () => {
    const bed = bedOf(8 << 20)
    const rows = new Rows(await bed.open())
    for (let seal = 0; seal < 3; seal += 1) {
      for (let count = 0; count < 100; count += 1) await rows.append()
      await rows.store.seal()
    }
    for (let count = 0; count < 100; count += 1) await rows.append()
    const packs = bed.vfs.list(`${root}/packs`)
    const manifests = bed.vfs.list(`${root}/manifest`)
    fillUp(bed, 3000)
    const full = { code: 'ERR_DISK_FULL', retryable: true }
    await expect(rows.store.seal()).rejects.toMatchObject(full)
    await expect(rows.store.compact()).rejects.toMatchObject(full)
    await expect(rows.store.snapshot('s')).rejects.toMatchObject(full)
    rows.check()
    expect(bed.vfs.list(`${root}/packs`)).toEqual(packs)
    expect(bed.vfs.list(`${root}/manifest`)).toEqual(manifests)
    expect(rows.store.snapshots()).toEqual([])
    bed.vfs.unlink(other)
    await rows.store.seal()
    await rows.store.compact()
    await rows.store.snapshot('s')
    rows.check()
    expect((await rows.store.verify()).ok).toBe(true)
    await closeAll(bed, rows.store)
  })

  test('room that ends in the middle of a seal: the draft is gone, the rows are not', async () => {
    for (const path of ['packs', 'manifest']) {
      const bed = bedOf(8 << 20)
      const rows = new Rows(await bed.open())
      for (let count = 0; count < 300; count += 1) await rows.append()
      const stop = bed.vfs.fail({
        operation: 'write',
        path,
        code: 'ERR_DISK_FULL',
        times: 'forever',
      })
      await expect(rows.store.seal()).rejects.toMatchObject({ code: 'ERR_DISK_FULL' })
      stop()
      rows.check()
      bed.scheduler.advance(1000)
      expect(rows.store.state).toBe('open')
      await rows.store.seal()
      // One more edit tells the collector that nothing is in doubt.
      await rows.store.compact()
      expect(bed.vfs.list(`${root}/packs`)).toHaveLength(1)
      expect(bed.vfs.list(`${root}/manifest`)).toHaveLength(1)
      rows.check()
      await closeAll(bed, rows.store)
    }
  })

  test('a store opens on a full disk, with the reserve, and closes', async () => {
    const bed = bedOf(8 << 20)
    const rows = new Rows(await bed.open())
    for (let count = 0; count < 300; count += 1) await rows.append()
    const next = bed.next(bed.vfs.kill())
    await closeAll(bed, rows.store)
    fillUp(next, 0)
    const store = await next.open()
    expect(hasReserve(next)).toBe(false)
    const left = new Rows(store)
    left.taken = rows.taken
    left.check()
    expect(() => left.append()).toThrow(expect.objectContaining({ code: 'ERR_DISK_FULL' }))
    next.vfs.unlink(other)
    next.scheduler.advance(2000)
    await left.append()
    left.check()
    await closeAll(next, store)
  })
})

test('a small store has no reserve', async () => {
  const bed = makeBed()
  const rows = new Rows(await bed.open())
  await rows.append()
  await rows.store.seal()
  expect(hasReserve(bed)).toBe(false)
  await closeAll(bed, rows.store)
})
