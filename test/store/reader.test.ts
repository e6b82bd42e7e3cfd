// Goal: a reader that goes on from what it has read shows what one that reads everything anew shows, and pays for what is
// new alone. Method: readers that stay open beside a writer that does everything, at random, compared after each step
// with a fresh reader and, where rows are durable, with the writer; bytes are counted at the port.
import { beforeAll, expect, test } from 'vitest'
import { loadKernels } from '#kernel'
import { Manifest } from '#manifest'
import { column, defineKind } from '#schema'
import { openStore } from '#store'
import type { ReadStore, ReadView, Store } from '#store'
import type { Vfs } from '#vfs'
import { seededRandom } from '../support/manual-env.ts'
import { closeAll, expectNothingOpen, makeBed, root } from './bed.ts'
import type { Bed } from './bed.ts'

beforeAll(() => loadKernels())

const columns = { value: column.i64(), name: column.symbol().optional() }
const tick = defineKind('tick', { columns })
const wider = defineKind('tick', { columns: { ...columns, note: column.text().optional() } })
const last = defineKind('last', {
  columns: { id: column.i64(), text: column.text() },
  identity: ['id'],
  duplicates: 'last',
})
const symbols = ['A', 'B', 'C/D']
const start = 1_700_000_000_000_000_000n
const cases = Number(process.env['VARVE_CASES'] ?? 40)

/** All rows, as text. */
function contentOf(store: ReadView): string {
  const all: unknown[] = []
  for (const { kind, symbol } of store.list()) {
    const tickSeries = store.series(wider, symbol)
    const lastSeries = store.series(last, symbol)
    if (kind === 'tick') all.push([symbol, [...tickSeries.range()], tickSeries.latest()])
    else all.push([symbol, [...lastSeries.range()], lastSeries.latest(), lastSeries.count()])
  }
  return JSON.stringify(all, (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  )
}

class Walk {
  readonly #random: () => number
  readonly #bed: Bed
  readonly #readers: ReadStore[] = []
  #store!: Store
  #value = 0
  #snapshots = 0
  steps: string[] = []

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    // Log files so small that they are changed often.
    this.#bed = makeBed({ seed, limits: { logRotateBytes: this.#pick([4096, 1 << 20]) } })
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)]!
  }

  #append(): void {
    const symbol = this.#pick(symbols)
    const count = 1 + Math.floor(this.#random() * 5)
    const entries = Array.from({ length: count }, () => {
      this.#value += 1
      const time = start + BigInt(Math.floor(this.#random() * 1000)) * 600_000_000_000n
      return { time, value: this.#value, ...(this.#random() < 0.5 ? { name: symbol } : {}) }
    })
    const form = this.#random()
    if (form < 0.4) this.#store.series(tick, symbol).append(entries)
    else if (form < 0.6) {
      const noted = entries.map((row) => ({ ...row, note: `note ${row.value}` }))
      this.#store.series(wider, symbol).append(noted)
    } else {
      const texts = entries.map(({ time, value }) => ({ time, id: value % 5, text: `t${value}` }))
      const series = this.#store.series(last, symbol)
      this.#store.append([
        { series, rows: texts },
        { series: this.#store.series(tick, 'A'), rows: entries },
      ])
    }
  }

  async #step(): Promise<void> {
    const store = this.#store
    const step = this.#pick([
      'append',
      'append',
      'append',
      'append',
      'flush',
      'flush',
      'seal',
      'seal',
      'compact',
      'snapshot',
      'restore',
      'drop',
      'reopen',
      'reader',
    ])
    this.steps.push(step)
    const names = store.snapshots().map(({ name }) => name)
    if (step === 'append') this.#append()
    else if (step === 'flush') await store.flush()
    else if (step === 'seal') {
      const sealed = store.seal()
      this.#append()
      await sealed
    } else if (step === 'compact') await store.compact()
    else if (step === 'snapshot') await store.snapshot(`s${(this.#snapshots += 1)}`)
    else if (step === 'restore' && names.length > 0) await store.restore(this.#pick(names))
    else if (step === 'drop' && names.length > 0) await store.dropSnapshot(this.#pick(names))
    else if (step === 'reopen') {
      await store.close()
      this.#store = await this.#bed.open({ durability: this.#pick(['group', 'sync', 'os']) })
    } else if (this.#readers.length < 4) {
      this.#readers.push(await this.#bed.read({ follow: this.#random() < 0.3 }))
    }
  }

  async #compare(): Promise<void> {
    // Not all of them each time: some fall behind.
    const moved = this.#readers.filter(() => this.#random() < 0.7)
    for (const reader of moved) reader.refresh()
    const fresh = await this.#bed.read()
    const expected = contentOf(fresh)
    for (const reader of moved) {
      expect(contentOf(reader)).toBe(expected)
      expect(reader.durableLsn).toBe(fresh.durableLsn)
    }
    for (const { name } of fresh.snapshots()) {
      for (const reader of moved) {
        const views = [reader.at(name), fresh.at(name)]
        const [one, other] = views.map((view) => contentOf(view))
        expect(one).toBe(other)
        for (const view of views) view.close()
      }
    }
    await fresh.close()
  }

  async run(steps: number): Promise<void> {
    this.#store = await this.#bed.open()
    this.#readers.push(await this.#bed.read())
    for (let step = 0; step < steps; step += 1) {
      await this.#step()
      await this.#compare()
    }
    await this.#store.flush()
    for (const reader of this.#readers) {
      reader.refresh()
      expect(contentOf(reader)).toBe(contentOf(this.#store))
      expect(reader.refresh()).toBe(false)
    }
    await closeAll(this.#bed, ...this.#readers, this.#store)
    expect(this.#bed.vfs.list(`${root}/readers`)).toEqual([])
  }
}

test(`readers that go on say what fresh ones say, seeds 1 to ${cases}`, async () => {
  for (let seed = 1; seed <= cases; seed += 1) {
    const walk = new Walk(seed)
    try {
      await walk.run(14)
    } catch (cause) {
      throw new Error(`seed ${seed}: ${walk.steps.join(' ')}: ${String(cause)}`, { cause })
    }
  }
})

/** Counts bytes read and calls. */
function counting(vfs: Vfs): { vfs: Vfs; take(): { bytes: number; calls: number } } {
  let bytes = 0
  let calls = 0
  const counted: Vfs = {
    open(path, mode) {
      const file = vfs.open(path, mode)
      calls += 1
      return {
        path,
        size: () => file.size(),
        read(target, offset) {
          const count = file.read(target, offset)
          bytes += count
          return count
        },
        write: (source, offset) => file.write(source, offset),
        truncate: (length) => file.truncate(length),
        datasync: () => file.datasync(),
        datasyncSync: () => file.datasyncSync(),
        close: () => file.close(),
      }
    },
    stat: (path) => vfs.stat(path),
    list: (path) => vfs.list(path),
    makeDirectory: (path) => vfs.makeDirectory(path),
    rename: (from, to) => vfs.rename(from, to),
    unlink: (path) => vfs.unlink(path),
    syncDirectory: (path) => vfs.syncDirectory(path),
    lock: (path) => vfs.lock(path),
    freeBytes: (path) => vfs.freeBytes(path),
  }
  return {
    vfs: counted,
    take() {
      const taken = { bytes, calls }
      bytes = 0
      calls = 0
      return taken
    },
  }
}

test('a refresh reads what is new', async () => {
  const bed = makeBed()
  const store = await bed.open({ durability: 'sync' })
  const series = store.series(tick, 'A')
  let value = 0
  const add = (count: number): void => {
    for (let at = 0; at < count; at += 1) {
      value += 1
      series.append({ time: start + BigInt(value), value })
    }
  }
  add(20_000)
  await store.flush()
  const { vfs, take } = counting(bed.vfs)
  const reader = await openStore(root, { mode: 'read' }, { ...bed.env, vfs })
  const logBytes = store.stats().walBytes
  expect(logBytes).toBeGreaterThan(2 << 20)
  expect(take().bytes).toBeGreaterThan(logBytes)

  expect(reader.refresh()).toBe(false)
  const idle = take()
  expect(idle.bytes).toBeLessThan(200)
  expect(idle.calls).toBeLessThanOrEqual(2)

  add(10)
  await store.flush()
  expect(reader.refresh()).toBe(true)
  expect(take().bytes).toBeLessThan(logBytes / 3)
  expect(reader.series(tick, 'A').count()).toBe(value)

  // The manifest moves: the log is not read anew, nor are rows that were sealed.
  await store.seal()
  add(10)
  await store.flush()
  take()
  expect(reader.refresh()).toBe(true)
  expect(take().bytes).toBeLessThan(logBytes / 3)
  expect(reader.stats().headRows).toBe(10)
  expect(reader.series(tick, 'A').count()).toBe(value)
  await closeAll(bed, reader, store)
})

test('a seal in the middle of what a reader holds takes those rows alone', async () => {
  const bed = makeBed()
  const store = await bed.open()
  const series = store.series(wider, 'A')
  const rows = Array.from({ length: 100 }, (_, value) => ({
    time: start + BigInt((value * 37) % 100),
    value,
    ...(value % 3 === 0 ? { name: `n${value % 7}` } : {}),
    ...(value % 2 === 0 ? { note: `note ${value}` } : {}),
  }))
  series.append(rows.slice(0, 10))
  series.append(rows.slice(10, 40))
  store.series(wider, 'B').append(rows.slice(0, 3))
  const sealing = store.seal()
  series.append(rows.slice(40, 90))
  await store.flush()
  // Before the edit of the seal: one chunk holds them all.
  const reader = await bed.read()
  expect(reader.stats().headRows).toBe(93)
  await sealing
  series.append(rows.slice(90))
  await store.flush()
  expect(reader.refresh()).toBe(true)
  expect(reader.stats().headRows).toBe(60)
  expect(contentOf(reader)).toBe(contentOf(store))
  await closeAll(bed, reader, store)
})

test('a failure while it goes on leaves the reader where it was', async () => {
  const bed = makeBed()
  const store = await bed.open()
  const series = store.series(tick, 'A')
  series.append({ time: start, value: 1 })
  await store.flush()
  const reader = await bed.read()
  for (const [at, path] of ['wal/', 'manifest/', 'CURRENT', 'wal/'].entries()) {
    const before = contentOf(reader)
    series.append([
      { time: start, value: at },
      { time: start + 1n, value: at },
    ])
    if (at > 0) await store.seal()
    series.append({ time: start, value: at })
    await store.flush()
    for (const nth of [1, 2, 3]) {
      const takeBack = bed.vfs.fail({ operation: 'read', path, nth })
      try {
        reader.refresh()
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_IO' })
        expect(contentOf(reader)).toBe(before)
      }
      takeBack()
    }
    reader.refresh()
    expect(contentOf(reader)).toBe(contentOf(store))
  }
  await closeAll(bed, reader, store)
  await expectNothingOpen(bed)
})

test('a manifest that moves on between its reading and that of the log is read again', async () => {
  const bed = makeBed()
  const store = await bed.open({ durability: 'sync' })
  const series = store.series(tick, 'A')
  series.append({ time: start, value: 1 })
  await store.seal()
  series.append({ time: start, value: 2 })
  const path = `${root}/manifest/${bed.vfs.list(`${root}/manifest`)[0]}`
  const file = bed.vfs.open(path, 'write')
  const after = new Uint8Array(file.size())
  file.read(after, 0)
  // As before the seal: the log knows of the later edit.
  const manifest = Manifest.open({ vfs: bed.vfs }, root, { readOnly: true })
  const { bytes } = manifest
  manifest.close()
  const sealRecord = after.subarray(0, bytes).findLastIndex((byte, at) => {
    return byte === 0x56 && new TextDecoder().decode(after.subarray(at, at + 4)) === 'VEDT'
  })
  file.truncate(sealRecord - 8)
  const manifestIsBack = (): void => {
    bed.vfs.watch(undefined)
    file.write(after, 0)
  }
  bed.vfs.watch(({ operation, path: at }) => {
    if (operation === 'open' && at.endsWith('.wal')) manifestIsBack()
  })
  const reader = await bed.read()
  expect(contentOf(reader)).toBe(contentOf(store))
  await reader.close()
  // Where it does not come back the tail is lost.
  file.truncate(sealRecord - 8)
  await expect(bed.read()).rejects.toMatchObject({
    code: 'ERR_CORRUPT',
    message: 'the manifest lost its tail',
    details: { file: path },
  })
  file.write(after, 0)
  file.close()
  await closeAll(bed, store)
})

test('a store that has no log: nothing grows but by the manifest', async () => {
  const bed = makeBed()
  const store = await bed.open({ durability: 'memory' })
  store.series(tick, 'A').append({ time: start, value: 1 })
  const reader = await bed.read()
  expect(reader.refresh()).toBe(false)
  expect(reader.series(tick, 'A').count()).toBe(0)
  await store.seal()
  expect(reader.refresh()).toBe(true)
  expect(contentOf(reader)).toBe(contentOf(store))
  await closeAll(bed, reader, store)
})
