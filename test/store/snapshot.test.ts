// Goal: a content hash tells of rows alone; snapshots stay as they are until they are dropped and nobody looks at them;
// restore brings back rows and producers, for good. Method: the same rows along different ways; views held over drops and
// restores; files counted afterwards; power cut after each.
import { beforeAll, describe, expect, test } from 'vitest'
import { loadKernels } from '#kernel'
import { column, defineKind } from '#schema'
import type { ReadView, Store } from '#store'
import { closeAll, expectNothingOpen, makeBed, root } from './bed.ts'
import type { Bed } from './bed.ts'

beforeAll(() => loadKernels())

const columns = { price: column.decimal(2), note: column.text().optional() }
const price = defineKind('price', { columns })
const wider = defineKind('price', {
  columns: { ...columns, side: column.symbol().optional(), extra: column.f64().optional() },
})
const last = defineKind('last', {
  columns: { id: column.i64(), value: column.f64() },
  identity: ['id'],
  duplicates: 'last',
})
const dayNs = 86_400_000_000_000n
const start = 19_000n * dayNs

const rows = Array.from({ length: 60 }, (_, at) => ({
  time: start + BigInt((at * 37) % 60) * (dayNs / 20n),
  price: `${at}.25`,
  ...(at % 3 === 0 ? { note: `note ${at}` } : {}),
}))
const values = Array.from({ length: 60 }, (_, at) => ({
  time: start + BigInt(at),
  id: BigInt(at % 7),
  value: at / 4,
}))

function filesOf({ vfs }: Bed): string[] {
  return ['segments', 'packs'].flatMap((name) => vfs.list(`${root}/${name}`))
}

function prices(store: ReadView): number[] {
  return [...store.series(price, 'A').range().columns.price]
}

describe('the content hash', () => {
  type Way = (store: Store, add: (from: number, end: number) => void, bed: Bed) => Promise<void>
  const ways: [string, Way][] = [
    ['one append', async (_, add) => add(0, 60)],
    [
      'many appends',
      async (_, add) => {
        for (let at = 0; at < 60; at += 1) add(at, at + 1)
      },
    ],
    [
      'sealed in three, compacted',
      async (store, add) => {
        for (const at of [0, 20, 40]) {
          add(at, at + 20)
          await store.seal()
        }
        await store.compact()
      },
    ],
    [
      'sealed, and some not',
      async (store, add) => {
        add(0, 25)
        await store.seal()
        add(25, 50)
        await store.seal()
        add(50, 60)
      },
    ],
    [
      'a snapshot, a restore to it, and on',
      async (store, add) => {
        add(0, 30)
        await store.snapshot('half')
        add(40, 60)
        await store.restore('half')
        add(30, 60)
      },
    ],
    [
      'a kind with more columns, never given',
      async (store, add) => {
        store.series(wider, 'B').append({ time: start, price: 1, side: 'buy' })
        await store.snapshot('before')
        add(0, 60)
      },
    ],
  ]

  test('is the same whatever way the rows came', async () => {
    const hashes = new Map<string, string>()
    for (const durability of ['sync', 'memory', 'os'] as const) {
      for (const [name, way] of ways) {
        const bed = makeBed({ seed: hashes.size + 1 })
        const store = await bed.open({ durability })
        const add = (from: number, end: number): void => {
          store.series(price, 'A').append(rows.slice(from, end))
          store.series(last, 'L').append(values.slice(from, end))
        }
        await way(store, add, bed)
        if (name.includes('more columns')) {
          // Another series is another content: it is compared without it.
          const { rows: count } = await store.snapshot('all')
          expect(count).toBe(60 + 7 + 1)
        } else {
          const info = await store.snapshot('all')
          expect(info.rows).toBe(60 + 7)
          hashes.set(`${name}, ${durability}`, info.contentHash)
        }
        await closeAll(bed, store)
      }
    }
    expect(new Set(hashes.values()).size, JSON.stringify([...hashes])).toBe(1)
  })

  test('tells of every value, of order among equals, of names', async () => {
    const hashes: string[] = []
    const changes: ((given: typeof rows) => object[])[] = [
      (given) => given,
      (given) => given.slice(0, -1),
      (given) => given.map((row, at) => (at === 7 ? { ...row, price: '0.01' } : row)),
      (given) => given.map((row, at) => (at === 7 ? { ...row, note: '' } : row)),
      (given) => given.map((row, at) => (at === 7 ? { ...row, time: row.time + 1n } : row)),
      (given) => given.map((row, at) => (at === 7 ? { ...row, received: 1n } : row)),
      (given) => given.map((row) => ({ ...row, time: start })),
      (given) => given.map((row) => ({ ...row, time: start })).toReversed(),
    ]
    for (const change of changes) {
      const bed = makeBed()
      const store = await bed.open()
      store.series(price, 'A').append(change(rows) as typeof rows)
      hashes.push((await store.snapshot('s')).contentHash)
      await closeAll(bed, store)
    }
    expect(new Set(hashes).size).toBe(changes.length)
  })

  test('a store that was renamed and one of another id', async () => {
    const bed = makeBed()
    const store = await bed.open()
    store.series(price, 'A').append(rows)
    const { contentHash } = await store.snapshot('s')
    await closeAll(bed, store)
    bed.vfs.rename(root, '/moved')
    bed.vfs.makeDirectory(root)
    const again = await makeBed({ vfs: bed.vfs, seed: 99 }).open()
    again.series(price, 'A').append(rows)
    expect((await again.snapshot('t')).contentHash).toBe(contentHash)
    await again.close()
    await expectNothingOpen(bed)
  })
})

describe('restore', () => {
  test('rows and producers, sealed or not, now and after the power was cut', async () => {
    for (const isSealed of [false, true]) {
      for (const isSealedBefore of [false, true]) {
        const bed = makeBed()
        let store = await bed.open({ durability: 'sync' })
        const append = (at: number, sequence: number): number =>
          store.series(price, 'A').append(rows[at]!, { producer: { id: 'p', sequence } }).rows
        expect(append(0, 1)).toBe(1)
        if (isSealedBefore) await store.seal()
        expect(append(1, 2)).toBe(1)
        const { contentHash } = await store.snapshot('two')
        const held = prices(store)
        expect(append(2, 3)).toBe(1)
        if (isSealed) await store.seal()
        await store.restore('two')
        expect(prices(store)).toEqual(held)
        expect(append(1, 2)).toBe(0)
        // Cut off at once: what was restored stands, and so does what the producer may say.
        await store.close()
        for (const vfs of [bed.vfs.crash(), bed.vfs]) {
          const next = makeBed({ vfs })
          store = await next.open({ durability: 'sync' })
          expect(prices(store)).toEqual(held)
          expect(append(1, 2)).toBe(0)
          expect(append(2, 3)).toBe(1)
          await store.restore('two')
          expect((await store.snapshot('again')).contentHash).toBe(contentHash)
          const cut = makeBed({ vfs: vfs.crash() })
          const after = await cut.open()
          expect(prices(after)).toEqual(held)
          expect(
            after.series(price, 'A').append(rows[1]!, { producer: { id: 'p', sequence: 2 } }).rows,
          ).toBe(0)
          await closeAll(cut, after)
          await closeAll(next, store)
        }
      }
    }
  })

  test('what was appended while a seal ran is known of its producer after a restore', async () => {
    const bed = makeBed()
    const store = await bed.open({ durability: 'sync' })
    const append = (sequence: number): number =>
      store.series(price, 'A').append(rows[sequence]!, { producer: { id: 'p', sequence } }).rows
    append(1)
    const sealing = store.seal()
    const taking = store.snapshot('one')
    append(2)
    await Promise.all([sealing, taking])
    await store.restore('one')
    expect(append(1)).toBe(0)
    expect(append(2)).toBe(1)
    await closeAll(bed, store)
  })

  test('names: as long as may be, many times in one moment', async () => {
    const bed = makeBed()
    const store = await bed.open()
    store.series(price, 'A').append(rows)
    for (const name of ['x'.repeat(128), 'ß'.repeat(64), '\u{1f600}'.repeat(32), 's']) {
      await store.snapshot(name)
      await store.restore(name)
      await store.restore(name)
    }
    const names = store.snapshots().map((info) => info.name)
    expect(new Set(names).size).toBe(12)
    expect(names.filter((name) => name.startsWith('before-restore-'))).toHaveLength(8)
    await closeAll(bed, store)
    const again = await bed.open()
    expect(again.snapshots().map((info) => info.name)).toEqual(names)
    await closeAll(bed, again)
  })
})

describe('views', () => {
  test('go on over drop, restore and compaction until they are closed; then files are collected', async () => {
    const bed = makeBed()
    const store = await bed.open()
    for (const at of [0, 20, 40]) {
      store.series(price, 'A').append(rows.slice(at, at + 20))
      await store.seal()
    }
    await store.snapshot('all')
    const held = prices(store)
    const view = store.at('all')
    const scan = view.series(price, 'A').scan({ batchRows: 7 })[Symbol.iterator]()
    const first = scan.next().value
    expect(first?.rowCount).toBe(7)
    await store.compact()
    expect(store.stats().pinnedBytes).toBeGreaterThan(0)
    await store.dropSnapshot('all')
    expect(prices(view)).toEqual(held)
    expect(store.stats().pinnedBytes).toBeGreaterThan(0)
    const files = filesOf(bed).length
    view.close()
    let count = 7
    for (let next = scan.next(); next.done !== true; next = scan.next())
      count += next.value.rowCount
    expect(count).toBe(60)
    expect(() => view.series(price, 'A')).toThrow('closed')
    store.series(price, 'A').append(rows[0]!)
    await store.seal()
    expect(store.stats().pinnedBytes).toBe(0)
    expect(filesOf(bed).length).toBeLessThan(files)
    await closeAll(bed, store)
  })

  test('log files that a snapshot needs stay, and go with it', async () => {
    const bed = makeBed()
    let store = await bed.open()
    store.series(price, 'A').append(rows.slice(0, 5))
    await store.snapshot('five')
    await store.seal()
    await closeAll(bed, store)
    store = await bed.open()
    expect(bed.vfs.list(`${root}/wal`)).toHaveLength(2)
    const view = store.at('five')
    expect(prices(view)).toHaveLength(5)
    view.close()
    await store.dropSnapshot('five')
    expect(bed.vfs.list(`${root}/wal`)).toHaveLength(1)
    await closeAll(bed, store)
  })

  test('a reader whose files are gone is told, and goes on after refresh', async () => {
    const bed = makeBed({ limits: { heldMsMax: 0 } })
    const store = await bed.open()
    for (const at of [0, 20, 40]) {
      store.series(price, 'A').append(rows.slice(at, at + 20))
      await store.seal()
    }
    const reader = await bed.read()
    await store.compact()
    expect(() => prices(reader)).toThrow(expect.objectContaining({ code: 'ERR_STALE' }))
    expect(reader.refresh()).toBe(true)
    expect(prices(reader)).toEqual(prices(store))
    expect(reader.refresh()).toBe(false)
    await closeAll(bed, reader, store)
  })
})
