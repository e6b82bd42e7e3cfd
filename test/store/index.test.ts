// Goal: with the sparse index mapped, read, stale, damaged or absent, a store gives the same answers; with it, reads of a
// few rows touch few bytes; and writing it fails without harm.
// Method: one store of packs, segments and merged runs on the disk, opened behind ports with and without an index; the
// answers are compared over random ranges, the bytes counted by the store; a port that refuses to write indexes.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { VarveError, systemClock, systemRandom, systemScheduler } from '#base'
import { mapKind } from '#kernel'
import { bar, trade } from '#schema'
import { openStore } from '#store'
import type { Env, OpenOptions, ReadStore, Store } from '#store'
import { diskVfs } from '#vfs'
import type { MemoryVfs, Vfs } from '#vfs'
import { seededRandom } from '../support/manual-env.ts'
import { closeAll, makeBed, root as memoryRoot } from './bed.ts'

const dayNs = 86_400_000_000_000n
const openNs = 1_699_920_000_000_000_000n
const env: Env = {
  vfs: diskVfs,
  clock: systemClock,
  random: systemRandom,
  scheduler: systemScheduler,
}

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'varve-index-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const sides = ['buy', 'sell'] as const
const symbols = ['AAA', 'BBB', 'CCC']

/** 0 to below `end`, the same for the same row: feeds are not regular, and long footers come from that. */
function noise(row: number, end: bigint): bigint {
  return BigInt(Math.imul(row + 1, 0x9e3779b1) >>> 1) % end
}

/** `rows` trades from `day` on, `stepNs` apart. */
function trades(day: number, rows: number, stepNs: bigint) {
  const start = openNs + BigInt(day) * dayNs
  return {
    time: BigInt64Array.from(
      { length: rows },
      (_, at) => start + BigInt(at) * stepNs + noise(at, stepNs),
    ),
    price: Float64Array.from(
      { length: rows },
      (_, at) => (10_000 + Number(noise(at, 90_000n))) / 100,
    ),
    size: Float64Array.from({ length: rows }, (_, at) => 1 + (at % 13)),
    side: Array.from({ length: rows }, (_, at) => sides[at % 3] ?? null),
  }
}

/** Many small series, a series of many vectors, and one with runs that overlap. */
async function fill(store: Store): Promise<void> {
  for (let symbol = 0; symbol < 80; symbol += 1) {
    store.series(trade, `SMALL${symbol}`).append(trades(symbol % 4, 3 + symbol, 1_000_000_000n))
  }
  store.series(trade, 'AAA').append(trades(0, 400_000, 200_000_000n))
  store.series(trade, 'BBB').append(trades(0, 5000, 700_000_000n))
  const gap = trades(0, 2048, 1_000_000n)
  for (let row = 1024; row < 2048; row += 1) gap.time[row]! += 7_200_000_000_000n
  store.series(trade, 'GAP').append(gap)
  await store.seal()
  store.series(trade, 'BBB').append(trades(0, 4000, 900_000_000n))
  store.series(trade, 'CCC').append(trades(1, 20_000, 4_000_000_000n))
  store.series(bar, 'AAA', '1m').append(
    Array.from({ length: 3000 }, (_, at) => ({
      time: openNs + BigInt(at) * 60_000_000_000n,
      open: at,
      high: at + 1,
      low: at - 1,
      close: at,
      volume: 1,
    })),
  )
  await store.seal()
}

/** The same files with another index, or none. */
function variant(from: string, name: string, change: (path: string) => void = () => {}): string {
  const path = join(folder, name)
  cpSync(from, path, { recursive: true })
  change(join(path, 'index'))
  return path
}

function indexesOf(path: string): string[] {
  return readdirSync(join(path, 'index'))
}

function openRead(path: string, vfs: Vfs, options: OpenOptions = {}): Promise<ReadStore> {
  return openStore(path, { ...options, mode: 'read' }, { ...env, vfs })
}

const rowsOf = (batch: { rowCount: number; row(at: number): unknown }): unknown[] =>
  Array.from({ length: batch.rowCount }, (_, at) => batch.row(at))

/** Everything a reader can be asked of a series, as text. */
function answers(
  store: ReadStore,
  symbol: string,
  from: bigint,
  to: bigint,
  count: number,
): string {
  const series = store.series(trade, symbol)
  const show = (_: string, value: unknown): unknown =>
    typeof value === 'bigint' ? String(value) : value
  return JSON.stringify(
    [
      series.count({ from, to }),
      rowsOf(series.range({ from, to, limit: count })),
      rowsOf(series.range({ from, to, last: count, columns: ['side', 'price'] })),
      rowsOf(series.range({ from, to, reverse: true, offset: count, limit: 3 })),
      series.at(from) ?? null,
      series.latest() ?? null,
    ],
    show,
  )
}

describe('the index of a store', () => {
  let path: string
  let readers: ReadStore[]
  beforeAll(async () => {
    path = join(folder, 'store')
    const store = (await openStore(path, { durability: 'os' }, env)) as Store
    await fill(store)
    await store.close()
    const gone = variant(path, 'none', (index) => rmSync(index, { recursive: true }))
    readers = [
      await openRead(path, diskVfs),
      await openRead(path, { ...diskVfs }),
      await openRead(gone, diskVfs),
    ]
  })
  afterAll(async () => {
    for (const reader of readers) await reader.close()
  })

  it('is written at close, and used in the way the machine allows', () => {
    expect(indexesOf(path)).toEqual([expect.stringMatching(/^\d{12}\.index$/)])
    expect(readers.map((reader) => reader.stats().indexUsed)).toEqual([mapKind(), 'read', 'none'])
  })

  it('changes no answer', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...symbols, 'SMALL0', 'SMALL7', 'SMALL79', 'NOBODY'),
        fc.bigInt({ min: -dayNs / 24n, max: 2n * dayNs }),
        fc.oneof(fc.constant(60_000_000_000n), fc.bigInt({ min: 0n, max: 3n * dayNs })),
        fc.integer({ min: 0, max: 3000 }),
        (symbol, after, width, count) => {
          const from = openNs + after
          const told = readers.map((reader) => answers(reader, symbol, from, from + width, count))
          expect(told[1]).toBe(told[0])
          expect(told[2]).toBe(told[0])
        },
      ),
      { numRuns: 60 },
    )
  })

  it('spares a reader of one minute most of the footer', async () => {
    const cost = async (from: string): Promise<number> => {
      const store = await openRead(from, diskVfs)
      const at = openNs + 3n * 3_600_000_000_000n
      const rows = store.series(trade, 'AAA').range({ from: at, to: at + 60_000_000_000n })
      expect(Math.abs(rows.rowCount - 300)).toBeLessThan(2)
      const { readBytes } = store.stats()
      await store.close()
      return readBytes
    }
    const [withIndex, without] = [await cost(path), await cost(join(folder, 'none'))]
    expect(withIndex + 8192).toBeLessThan(without)
  })

  it('answers for a gap without opening a data file', async () => {
    const store = await openRead(path, diskVfs)
    const gap = store.series(trade, 'GAP')
    const from = openNs + 3_600_000_000_000n
    expect(gap.count({ from, to: from + 60_000_000_000n })).toBe(0)
    expect(gap.range({ from, to: from + 60_000_000_000n }).rowCount).toBe(0)
    expect(gap.count({ from })).toBe(1024)
    expect(store.stats().readCalls).toBe(0)
    await store.close()
  })
})

describe('an index that is not what it should be', () => {
  const from = openNs + dayNs / 8n
  let path: string
  let right: string[]
  const answer = (store: ReadStore, symbol: string): string =>
    answers(store, symbol, from, from + dayNs / 9n, 200)
  const ask = (store: ReadStore): string[] =>
    [...symbols, 'SMALL7'].map((symbol) => answer(store, symbol))

  beforeAll(async () => {
    path = join(folder, 'sound')
    const store = (await openStore(path, { durability: 'os' }, env)) as Store
    await fill(store)
    await store.close()
    const reader = await openRead(path, diskVfs)
    right = ask(reader)
    await reader.close()
  })

  it('changes no answer, whichever byte is damaged', async () => {
    const [name] = indexesOf(path)
    const sound = readFileSync(join(path, 'index', name!))
    const copy = variant(path, 'damaged')
    let warned = 0
    const logger = {
      debug: () => {},
      info: () => {},
      warn: () => void (warned += 1),
      error: () => {},
    }
    for (let round = 0; round < 24; round += 1) {
      const damaged = Buffer.from(sound)
      // The header, then here and there.
      const at = round < 4 ? round * 31 : Math.floor((sound.length * round) / 24)
      damaged[at]! ^= 0x10
      writeFileSync(join(copy, 'index', name!), damaged)
      for (const vfs of [diskVfs, { ...diskVfs }]) {
        const store = await openRead(copy, vfs, { logger })
        expect(ask(store)).toEqual(right)
        await store.close()
      }
    }
    expect(warned).toBeGreaterThan(8)
  })

  it.each([
    ['empty', 0],
    ['cut', 1000],
    ['of a header alone', 128],
  ])('changes no answer when %s', async (_, bytes) => {
    const copy = variant(path, `index-${bytes}`)
    const [name] = indexesOf(copy)
    const file = join(copy, 'index', name!)
    writeFileSync(file, readFileSync(file).subarray(0, bytes))
    const store = await openRead(copy, diskVfs)
    expect(store.stats().indexUsed).toBe('none')
    expect(ask(store)).toEqual(right)
    await store.close()
  })

  it('of another store is not believed', async () => {
    const other = join(folder, 'other')
    const store = (await openStore(other, { durability: 'os' }, env)) as Store
    await fill(store)
    await store.close()
    const [name] = indexesOf(other)
    const copy = variant(path, 'swapped', (index) => {
      rmSync(index, { recursive: true })
      cpSync(join(other, 'index'), index, { recursive: true })
    })
    expect(indexesOf(copy)).toEqual([name])
    const reader = await openRead(copy, diskVfs)
    expect(reader.stats().indexUsed).toBe('none')
    expect(ask(reader)).toEqual(right)
    await reader.close()
  })

  it('that is stale is used for what it knows, by a reader that goes on beside a writer', async () => {
    const copy = variant(path, 'stale')
    const reader = await openRead(copy, diskVfs)
    const before = indexesOf(copy)
    const small = reader.series(trade, 'SMALL7')
    expect(reader.stats().indexUsed).toBe(mapKind())
    const rows = small.count()
    const writer = (await openStore(copy, { durability: 'os' }, env)) as Store
    writer.series(trade, 'SMALL7').append(trades(9, 2000, 1_000_000n))
    await writer.seal()
    expect(indexesOf(copy)).toEqual(before)
    expect(small.count()).toBe(rows)
    reader.refresh()
    expect(small.count()).toBe(rows + 2000)
    await writer.compact()
    for (let symbol = 0; symbol < 80; symbol += 1) {
      writer.series(trade, `FRESH${symbol}`).append(trades(2, 5, 1n))
    }
    await writer.seal()
    await writer.close()
    expect(indexesOf(copy)).toHaveLength(1)
    expect(indexesOf(copy)).not.toEqual(before)
    // What the reader has mapped lost its name; it reads on. (BBB was compacted.)
    expect([0, 2].map((at) => answer(reader, symbols[at]!))).toEqual([right[0], right[2]])
    reader.refresh()
    expect(ask(reader)).toEqual([...right.slice(0, 3), expect.any(String)])
    expect(reader.series(trade, 'FRESH79').count()).toBe(5)
    await reader.close()
  })
})

describe('writing it', () => {
  const few = { indexRunsMin: 1 }

  async function someRows(store: Store, day: number): Promise<void> {
    store.series(trade, 'AAA').append(trades(day, 3000, 1_000_000n))
    await store.seal()
  }

  it('follows the seals, keeps one file, and survives the next open', async () => {
    const bed = makeBed({ limits: few })
    const store = await bed.open()
    const seen = new Set<string>()
    for (let day = 0; day < 3; day += 1) {
      await someRows(store, day)
      const names = bed.vfs.list(`${memoryRoot}/index`)
      expect(names).toHaveLength(1)
      seen.add(names[0]!)
    }
    expect(seen.size).toBe(3)
    expect(store.stats().indexUsed).toBe('read')
    for (let part = 0; part < 2; part += 1) await someRows(store, 0)
    const before = bed.vfs.list(`${memoryRoot}/index`)
    await store.compact()
    expect(bed.vfs.list(`${memoryRoot}/index`)).toHaveLength(1)
    expect(bed.vfs.list(`${memoryRoot}/index`)).not.toEqual(before)
    await closeAll(bed, store)
    const again = await bed.open()
    expect(again.stats().indexUsed).toBe('read')
    expect(again.series(trade, 'AAA').count()).toBe(15_000)
    await closeAll(bed, again)
  })

  it('is cut by a power failure or a kill at any operation, and the store is as it was', async () => {
    const bed = makeBed({ limits: few })
    const random = seededRandom(3)
    const left: MemoryVfs[] = []
    const store = await bed.open()
    await someRows(store, 0)
    bed.vfs.watch(({ operation, path }) => {
      if (!path.includes('/index') || ['read', 'size', 'stat', 'list'].includes(operation)) return
      left.push(bed.vfs.crash(), bed.vfs.crash(random), bed.vfs.kill())
    })
    await someRows(store, 1)
    bed.vfs.watch(undefined)
    await store.close()
    expect(left.length).toBeGreaterThan(20)
    for (const vfs of left) {
      const next = makeBed({ vfs, limits: few })
      const again = await next.open()
      expect(again.series(trade, 'AAA').count()).toBe(6000)
      await someRows(again, 2)
      expect(vfs.list(`${memoryRoot}/index`)).toHaveLength(1)
      expect(again.stats().indexUsed).toBe('read')
      expect(again.series(trade, 'AAA').count()).toBe(9000)
      await closeAll(next, again)
    }
  })

  it('fails without harm, says so, and is done the next time', async () => {
    for (const operation of ['open', 'write', 'datasync', 'rename', 'syncDirectory'] as const) {
      const bed = makeBed({ limits: few })
      let isBroken = true
      const refuse = (path: string): void => {
        if (!isBroken || !path.includes('/index')) return
        throw new VarveError('ERR_IO', 'refused', { operation, file: path })
      }
      const vfs: Vfs = {
        open(path, mode) {
          if (operation === 'open' && mode === 'create') refuse(path)
          const file = bed.vfs.open(path, mode)
          const { write, datasync } = file
          if (operation === 'write') {
            file.write = (bytes, offset) => (refuse(path), write.call(file, bytes, offset))
          }
          if (operation === 'datasync') {
            file.datasync = async () => (refuse(path), datasync.call(file))
          }
          return file
        },
        stat: (path) => bed.vfs.stat(path),
        list: (path) => bed.vfs.list(path),
        makeDirectory: (path) => bed.vfs.makeDirectory(path),
        rename: (from, to) => {
          if (operation === 'rename') refuse(to)
          bed.vfs.rename(from, to)
        },
        unlink: (path) => bed.vfs.unlink(path),
        syncDirectory: (path) => {
          if (operation === 'syncDirectory') refuse(path)
          bed.vfs.syncDirectory(path)
        },
        lock: (path) => bed.vfs.lock(path),
        freeBytes: (path) => bed.vfs.freeBytes(path),
      }
      const store = (await openStore(
        memoryRoot,
        { logger: bed.logger },
        { ...bed.env, vfs },
      )) as Store
      await someRows(store, 0)
      expect(bed.logged.map(({ message }) => message)).toContain('the index could not be written')
      const names = bed.vfs.stat(`${memoryRoot}/index`) ? bed.vfs.list(`${memoryRoot}/index`) : []
      expect(names.filter((name) => name.endsWith('.draft'))).toEqual([])
      isBroken = false
      await someRows(store, 1)
      expect(store.stats().indexUsed).toBe('read')
      expect(store.series(trade, 'AAA').count()).toBe(6000)
      await closeAll(bed, store)
    }
  })
})
