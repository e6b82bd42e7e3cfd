// Goal: what an unclean end leaves is set aside, reported and gone on from; salvage opens with what is whole. Method: logs
// torn, damaged and taken away on the memory twin; what was lost must be listed, what is whole must be read.
import { beforeAll, describe, expect, test } from 'vitest'
import { VarveError } from '#base'
import { loadKernels } from '#kernel'
import { column, defineKind } from '#schema'
import type { ReadView, Store } from '#store'
import { closeAll, makeBed, root } from './bed.ts'
import type { Bed } from './bed.ts'

beforeAll(() => loadKernels())

const tick = defineKind('tick', { columns: { value: column.i32() } })
const start = 19_000n * 86_400_000_000_000n

function append(store: Store, from: number, end: number): void {
  for (let value = from; value < end; value += 1) {
    store.series(tick, 'A').append({ time: start + BigInt(value), value })
  }
}

const valuesOf = (store: ReadView): number[] => [...store.series(tick, 'A').range().columns.value]
const upTo = (end: number): number[] => Array.from({ length: end }, (_, at) => at)

function logs({ vfs }: Bed): string[] {
  return vfs.list(`${root}/wal`).map((name) => `${root}/wal/${name}`)
}

/** The bytes of a file, changed in place. */
function change({ vfs }: Bed, path: string, edit: (bytes: Uint8Array) => void): void {
  const file = vfs.open(path, 'write')
  const bytes = new Uint8Array(file.size())
  file.read(bytes, 0)
  edit(bytes)
  file.write(bytes, 0)
  file.datasyncSync()
  file.close()
}

/** The end of what is not zero. */
function usedBytes(bytes: Uint8Array): number {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end -= 1
  return end
}

/** A store that was killed with rows in its log, on files of its own. */
async function killed(count: number, seed = 1): Promise<Bed> {
  const bed = makeBed({ seed })
  const store = await bed.open({ durability: 'sync' })
  append(store, 0, count)
  const left = makeBed({ vfs: bed.vfs.kill(), seed })
  await closeAll(bed, store)
  return left
}

describe('an unclean end', () => {
  test('null in a json column that must have a value is one, also in the log', async () => {
    const note = defineKind('note', { columns: { text: column.json() } })
    const bed = makeBed()
    const store = await bed.open({ durability: 'sync' })
    store.series(note, 'A').append({ time: 1n, text: null })
    store.series(note, 'A').append([
      { time: 2n, text: {} },
      { time: 3n, text: null },
    ])
    const left = makeBed({ vfs: bed.vfs.kill() })
    await closeAll(bed, store)
    const again = await left.open()
    expect([...again.series(note, 'A').range()].map(({ text }) => text)).toEqual([null, {}, null])
    await closeAll(left, again)
  })

  test('is replayed, reported, and is one no more after a close', async () => {
    const bed = await killed(10)
    const store = await bed.open()
    expect(store.recovery).toMatchObject({
      replayedRows: 10,
      tornBytes: 0,
      quarantined: [],
      acknowledgementUnknown: false,
    })
    expect(valuesOf(store)).toEqual(upTo(10))
    await store.seal()
    await closeAll(bed, store)
    const again = await bed.open()
    expect(again.recovery.replayedRows).toBe(0)
    await closeAll(bed, again)
  })

  test('a torn tail is set aside, twice in one moment as well', async () => {
    const bed = await killed(10)
    const [path] = logs(bed)
    // Half of a record behind the last one, which the watermark does not speak of.
    change(bed, path!, (bytes) => {
      const end = (usedBytes(bytes) + 7) & ~7
      bytes.set(bytes.subarray(end - 88, end - 50), end)
    })
    const copy = makeBed({ vfs: bed.vfs.kill() })
    const store = await bed.open()
    expect(store.recovery.tornBytes).toBeGreaterThan(0)
    expect(store.recovery.acknowledgementUnknown).toBe(true)
    expect(store.recovery.quarantined).toHaveLength(1)
    const [file] = store.recovery.quarantined
    expect(bed.vfs.stat(file!)?.bytes).toBe(store.recovery.tornBytes)
    expect(valuesOf(store)).toEqual(upTo(10))
    await closeAll(bed, store)
    // A recovery that is cut short after it has set the tail aside.
    copy.vfs.fail({ operation: 'write', path: /000000000002\.wal/ })
    await expect(copy.open()).rejects.toMatchObject({ code: 'ERR_IO' })
    copy.vfs.heal()
    const second = await copy.open()
    expect(second.recovery.quarantined).toHaveLength(1)
    expect(copy.vfs.list(`${root}/quarantine`)).toHaveLength(2)
    expect(valuesOf(second)).toEqual(upTo(10))
    await closeAll(copy, second)
  })

  test('a log of many files is read in order', async () => {
    const bed = makeBed({ limits: { logRotateBytes: 500 } })
    const store = await bed.open({ durability: 'sync' })
    append(store, 0, 50)
    expect(logs(bed).length).toBeGreaterThan(5)
    const left = makeBed({ vfs: bed.vfs.crash() })
    const again = await left.open()
    expect(again.recovery.replayedRows).toBe(50)
    expect(valuesOf(again)).toEqual(upTo(50))
    await again.seal()
    expect(logs(left)).toHaveLength(1)
    await closeAll(left, again)
    await closeAll(bed, store)
  })

  test('memory: what an older log holds is made durable when it is opened', async () => {
    const bed = await killed(10)
    const store = await bed.open({ durability: 'memory' })
    expect(valuesOf(store)).toEqual(upTo(10))
    append(store, 10, 12)
    const left = makeBed({ vfs: bed.vfs.crash() })
    const cut = await left.open({ durability: 'memory' })
    expect(valuesOf(cut)).toEqual(upTo(10))
    await closeAll(left, cut)
    await closeAll(bed, store)
    const closed = await bed.open()
    expect(valuesOf(closed)).toEqual(upTo(12))
    await closeAll(bed, closed)
  })
})

describe('a head that is full', () => {
  test.each(['group', 'sync', 'os', 'memory'] as const)(
    '%s: sealed within a loop that never yields',
    async (durability) => {
      const bed = makeBed({ limits: { headBytesMax: 2000, logRotateBytes: 3000 } })
      const store = await bed.open({ durability })
      append(store, 0, 500)
      const { inlineSeals, headBytes } = store.stats()
      expect(inlineSeals).toBeGreaterThan(1)
      expect(headBytes).toBeLessThan(10_000)
      expect(valuesOf(store)).toEqual(upTo(500))
      // And while other work is under way.
      const taking = store.snapshot('some')
      append(store, 500, 700)
      const info = await taking
      const restoring = store.restore('some')
      append(store, 700, 900)
      const compacting = store.compact()
      append(store, 900, 1000)
      await Promise.all([restoring, compacting])
      expect(info.rows).toBeGreaterThanOrEqual(500)
      const view = store.at('some')
      expect(valuesOf(view)).toEqual(upTo(info.rows))
      view.close()
      const after = valuesOf(store)
      expect(after.slice(0, info.rows)).toEqual(upTo(info.rows))
      const newest = await store.snapshot('newest')
      expect(newest.rows).toBe(after.length)
      await closeAll(bed, store)
      const again = await bed.open()
      expect(valuesOf(again)).toEqual(after)
      await again.restore('newest')
      expect((await again.snapshot('once more')).contentHash).toBe(newest.contentHash)
      await closeAll(bed, again)
    },
  )
})

describe('salvage', () => {
  test('a damaged log: strict names the place, salvage goes on with the rest', async () => {
    const bed = await killed(20)
    const [path] = logs(bed)
    change(bed, path!, (bytes) => {
      bytes[Math.floor(usedBytes(bytes) / 2)]! ^= 0x40
    })
    await expect(bed.open()).rejects.toMatchObject({ code: 'ERR_CORRUPT', details: { file: path } })
    expect(bed.vfs.handleCount).toBe(0)
    const store = await bed.open({ recovery: 'salvage' })
    const { quarantined, replayedRows } = store.recovery
    expect(quarantined.length).toBeGreaterThan(0)
    for (const file of quarantined) expect(bed.vfs.stat(file)?.bytes).toBeGreaterThan(0)
    const left = valuesOf(store)
    expect(left.length).toBe(replayedRows)
    expect(left.length).toBeGreaterThanOrEqual(18)
    expect(upTo(20)).toEqual(expect.arrayContaining(left))
    append(store, 20, 21)
    await closeAll(bed, store)
    // From here on the store is whole.
    const again = await bed.open()
    expect(valuesOf(again)).toEqual([...left, 20])
    expect((await again.verify()).ok).toBe(true)
    await closeAll(bed, again)
  })

  test('a log file that is missing, and one whose header is damaged', async () => {
    for (const isGone of [true, false]) {
      const bed = makeBed({ limits: { logRotateBytes: 500 } })
      const store = await bed.open({ durability: 'sync' })
      append(store, 0, 30)
      const left = makeBed({ vfs: bed.vfs.kill() })
      await closeAll(bed, store)
      const path = logs(left)[2]!
      if (isGone) left.vfs.unlink(path)
      else change(left, path, (bytes) => bytes.fill(0xff, 8, 24))
      await expect(left.open()).rejects.toMatchObject({ code: 'ERR_CORRUPT' })
      const saved = await left.open({ recovery: 'salvage' })
      expect(saved.recovery.quarantined.length).toBeGreaterThan(0)
      const values = valuesOf(saved)
      expect(values.length).toBeGreaterThan(20)
      expect(upTo(30)).toEqual(expect.arrayContaining(values))
      await closeAll(left, saved)
      const again = await left.open()
      expect(valuesOf(again)).toEqual(values)
      await closeAll(left, again)
    }
  })

  test('a damaged data file is found when it is read, and the rest is read', async () => {
    const bed = makeBed()
    const store = await bed.open()
    append(store, 0, 10)
    await store.seal()
    store.series(tick, 'B').append({ time: start, value: 7 })
    await store.seal()
    await closeAll(bed, store)
    const [name] = bed.vfs.list(`${root}/packs`)
    change(bed, `${root}/packs/${name}`, (bytes) => bytes.fill(0x55, 70, 90))
    const saved = await bed.open()
    expect(saved.series(tick, 'B').latest()).toMatchObject({ value: 7 })
    const report = await saved.verify()
    expect(report.ok).toBe(false)
    expect(report.damage[0]?.file).toContain(name)
    try {
      valuesOf(saved)
      expect.fail('damage was returned as data')
    } catch (error) {
      expect(error).toBeInstanceOf(VarveError)
      expect(error).toMatchObject({ code: 'ERR_CORRUPT' })
    }
    await closeAll(bed, saved)
  })
})
