// Goal: the writer does what its modes promise, step by step.
// Method: a log on the memory twin; clock, turns and syncs move only when the test says so.
import { describe, expect, test } from 'vitest'
import { limits } from '../../src/base/index.ts'
import { memoryVfs } from '../../src/vfs/index.ts'
import type { MemoryVfs, OpenMode, VfsFile } from '../../src/vfs/index.ts'
import { append, bytesOf, newBed, recover, reopen } from './log-bed.ts'
import type { Bed } from './log-bed.ts'

const base = 1n << 40n

/** Whether the promise is settled already. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  promise.then(
    () => (settled = true),
    () => (settled = true),
  )
  for (let turn = 0; turn < 4; turn += 1) await new Promise((next) => setImmediate(next))
  return settled
}

function datasyncs(bed: Bed): number {
  return bed.vfs.operations.filter((each) => each.operation === 'datasync').length
}

describe('mode group', () => {
  test('appends of one turn share one record and one sync', async () => {
    const bed = newBed('group', { vfs: memoryVfs({ isTraced: true }) })
    const before = datasyncs(bed)
    for (let row = 0; row < 100; row += 1) {
      expect(append(bed.log, `row ${row}`)).toEqual({
        lsnFirst: base + BigInt(row),
        lsnEnd: base + BigInt(row + 1),
      })
    }
    expect(bed.log.unsyncedBytes).toBeGreaterThan(100 * 16)
    const durable = bed.log.whenDurable(base + 100n)
    expect(bed.log.durableLsnEnd).toBe(base)
    bed.scheduler.run()
    await durable
    expect(bed.log.durableLsnEnd).toBe(base + 100n)
    expect(datasyncs(bed) - before).toBe(1)
    expect(bed.log.unsyncedBytes).toBe(0)
    const { texts, summary } = recover(bed.vfs, bed.manifest)
    expect(texts).toEqual(Array.from({ length: 100 }, (_, row) => `row ${row}`))
    expect(summary.synced.lsnEnd).toBe(base + 100n)
    await bed.log.close()
  })

  test('a second group is not written before the first is synced', async () => {
    const bed = newBed('group')
    bed.vfs.holdSyncs()
    append(bed.log, 'one')
    bed.scheduler.run()
    const bytes = bed.log.bytes
    const two = append(bed.log, 'two')
    const durable = bed.log.whenDurable(two.lsnEnd)
    bed.scheduler.run()
    bed.scheduler.run()
    expect(bed.log.bytes).toBe(bytes)
    expect(bed.vfs.syncsPending).toBe(1)
    expect(await isSettled(durable)).toBe(false)
    bed.vfs.releaseSyncs()
    await bed.scheduler.settle()
    expect(await isSettled(durable)).toBe(true)
    expect(recover(bed.vfs, bed.manifest).texts).toEqual(['one', 'two'])
    await bed.log.close()
  })

  test('promises: the same for the same rows, asked for in any order', async () => {
    const bed = newBed('group')
    const ranges = ['a', 'b', 'c', 'd'].map((text) => append(bed.log, text))
    const order: number[] = []
    for (const index of [2, 0, 3, 1]) {
      const promise = bed.log.whenDurable(ranges[index]!.lsnEnd)
      expect(bed.log.whenDurable(ranges[index]!.lsnEnd)).toBe(promise)
      void promise.then(() => order.push(index))
    }
    await bed.scheduler.settle()
    expect(order).toEqual([0, 1, 2, 3])
    await bed.log.whenDurable(ranges[3]!.lsnEnd)
    await bed.log.whenDurable(1n)
    expect(() => bed.log.whenDurable(ranges[3]!.lsnEnd + 1n)).toThrow('BUG')
    await bed.log.close()
  })

  test('flush commits at once and waits for what was staged before it', async () => {
    const bed = newBed('group')
    bed.vfs.holdSyncs()
    append(bed.log, 'one')
    const flushed = bed.log.flush()
    expect(bed.vfs.syncsPending).toBe(1)
    append(bed.log, 'two')
    expect(await isSettled(flushed)).toBe(false)
    bed.vfs.releaseSyncs()
    await flushed
    await bed.log.flush()
    expect(bed.log.durableLsnEnd).toBe(base + 2n)
    await bed.log.flush()
    await bed.log.close()
  })

  test('a loop that never yields keeps the bound in time', async () => {
    const bed = newBed('group', { groupDelayMs: 5 })
    bed.vfs.holdSyncs() // no callback ever comes
    let oldestUnsynced = 0
    let ageMax = 0
    for (let ms = 0; ms < 200; ms += 1) {
      append(bed.log, `row ${ms}`)
      const durable = Number(bed.log.durableLsnEnd - base)
      oldestUnsynced = Math.max(oldestUnsynced, durable)
      ageMax = Math.max(ageMax, ms - oldestUnsynced)
      bed.clock.advance(1)
    }
    expect(ageMax).toBeLessThanOrEqual(12) // one delay staged, one in flight
    expect(ageMax).toBeGreaterThan(5)
    const survivors = recover(bed.vfs.crash(), bed.manifest).texts
    expect(survivors.length).toBeGreaterThanOrEqual(200 - 13)
    bed.vfs.releaseSyncs() // the stale completions come all at once
    await bed.scheduler.settle()
    expect(bed.log.durableLsnEnd).toBe(base + 200n)
    await bed.log.close()
    expect(recover(bed.vfs, bed.manifest).texts).toHaveLength(200)
  })

  test('a loop that never yields keeps the bound in bytes, and the syncs under way', async () => {
    const bed = newBed('group', { groupBytesMax: 4096 })
    bed.vfs.holdSyncs()
    const text = 'x'.repeat(1000)
    for (let row = 0; row < 2000; row += 1) {
      append(bed.log, text)
      expect(bed.log.unsyncedBytes).toBeLessThan(2 * (4096 + 1100))
    }
    expect(bed.vfs.syncsPending).toBe(256)
    bed.vfs.releaseSyncs()
    await bed.scheduler.settle()
    expect(bed.log.durableLsnEnd).toBe(base + 2000n)
    await bed.log.close()
    expect(bed.vfs.handleCount).toBe(0)
  })

  test('where the loop does turn, append does not wait for a slow device', async () => {
    const bed = newBed('group', { groupDelayMs: 5, vfs: memoryVfs({ isTraced: true }) })
    bed.vfs.holdSyncs()
    append(bed.log, 'first')
    bed.scheduler.run()
    const before = datasyncs(bed)
    for (let turn = 0; turn < 20; turn += 1) {
      append(bed.log, `row ${turn}`)
      bed.clock.advance(3)
      bed.scheduler.run()
    }
    expect(datasyncs(bed)).toBe(before)
    // The loop stops turning: the bound is back.
    for (let row = 0; row < 20; row += 1) {
      append(bed.log, `late ${row}`)
      bed.clock.advance(1)
    }
    expect(datasyncs(bed)).toBeGreaterThan(before)
    expect(bed.log.durableLsnEnd).toBeGreaterThan(base + 20n)
    bed.vfs.releaseSyncs()
    await bed.log.close()
  })

  test('idle and late: the append that passes the delay writes itself', async () => {
    const bed = newBed('group', { groupDelayMs: 5 })
    append(bed.log, 'one')
    bed.clock.advance(6)
    append(bed.log, 'two')
    expect(bed.vfs.syncsPending).toBe(1)
    bed.scheduler.run() // the turn asked for before finds nothing to do
    await bed.log.close()
  })
})

test('a sync inside append uses the handle that has no sync in flight', async () => {
  const inner = memoryVfs()
  const calls: string[] = []
  let handles = 0
  const vfs: MemoryVfs = Object.assign(Object.create(inner) as MemoryVfs, {
    makeDirectory: (path: string) => inner.makeDirectory(path),
    list: (path: string) => inner.list(path),
    syncDirectory: (path: string) => inner.syncDirectory(path),
    open(path: string, mode: OpenMode): VfsFile {
      const file = inner.open(path, mode)
      const handle = (handles += 1)
      return {
        path,
        size: () => file.size(),
        read: (target, offset) => file.read(target, offset),
        write: (bytes, offset) => file.write(bytes, offset),
        truncate: (bytes) => file.truncate(bytes),
        datasync() {
          calls.push(`${handle} async`)
          return file.datasync()
        },
        datasyncSync() {
          calls.push(`${handle} sync`)
          file.datasyncSync()
        },
        close: () => file.close(),
      }
    },
  })
  const bed = newBed('group', { vfs, groupBytesMax: 1024 })
  calls.length = 0
  for (let row = 0; row < 3; row += 1) append(bed.log, 'x'.repeat(1500))
  expect(calls).toEqual(['1 async', '2 sync', '1 async', '2 sync', '1 async'])
  await bed.log.close()
})

describe('staging', () => {
  test('an append of many entries is one record; abandon drops all of it', async () => {
    const bed = newBed('group')
    append(bed.log, 'before')
    bed.log.beginAtomic()
    bed.log.reserve(100)
    bed.log.commitEntry(1, 5, 60)
    bed.log.reserve(10)
    bed.log.abandon()
    bed.log.abandon()
    bed.log.beginAtomic()
    for (const text of ['x', 'yy']) {
      const room = bed.log.reserve(50)
      room.bytes.set(new TextEncoder().encode(text), room.offset)
      bed.log.commitEntry(1, 3, text.length)
    }
    expect(bed.log.lsnOf(bed.log.endAtomic())).toBe(base + 7n)
    bed.log.beginAtomic()
    expect(bed.log.lsnOf(bed.log.endAtomic())).toBe(base + 7n)
    await bed.log.flush()
    const { texts, lsns } = recover(bed.vfs, bed.manifest)
    expect(texts).toEqual(['before', 'x', 'yy'])
    expect(lsns).toEqual([base, base + 1n, base + 4n])
    await bed.log.close()
  })

  test('an append above the limit is refused and leaves nothing', async () => {
    const bed = newBed('group')
    bed.log.beginAtomic()
    const before = bed.log.unsyncedBytes
    expect(() => bed.log.reserve(limits.appendBytesMax)).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT' }),
    )
    bed.log.abandon()
    expect(bed.log.unsyncedBytes).toBe(before)
    append(bed.log, 'after')
    await bed.log.close()
    expect(recover(bed.vfs, bed.manifest).texts).toEqual(['after'])
  })

  test('misuse is a bug', async () => {
    const { log } = newBed('group')
    expect(() => log.reserve(1)).toThrow('BUG')
    expect(() => log.endAtomic()).toThrow('BUG')
    log.beginAtomic()
    expect(() => log.beginAtomic()).toThrow('BUG')
    log.reserve(4)
    expect(() => log.commitEntry(1, 0, 4)).toThrow('BUG')
    expect(() => log.commitEntry(1, 1, 5)).toThrow('BUG')
    log.abandon()
    await log.close()
    expect(() => newBed('group', { epoch: 0 })).toThrow('BUG')
    expect(() => newBed('group', { storeId: new Uint8Array(3) })).toThrow('BUG')
  })
})

describe('modes sync and os', () => {
  test('sync: durable when append returns', async () => {
    const bed = newBed('sync')
    for (let row = 0; row < 5; row += 1) {
      const { lsnEnd } = append(bed.log, `row ${row}`)
      expect(bed.log.durableLsnEnd).toBe(lsnEnd)
      expect(recover(bed.vfs.crash(), bed.manifest).texts).toHaveLength(row + 1)
    }
    expect(bed.log.unsyncedBytes).toBe(0)
    await bed.log.whenDurable(bed.log.lsnEnd)
    await bed.log.close()
  })

  test('os: acknowledged when written, synced within a second or by flush', async () => {
    const bed = newBed('os')
    const { lsnEnd } = append(bed.log, 'one')
    await bed.log.whenDurable(lsnEnd)
    expect(bed.log.durableLsnEnd).toBe(base)
    expect(bed.log.unsyncedBytes).toBeGreaterThan(0)
    expect(recover(bed.vfs.kill(), bed.manifest).texts).toEqual(['one'])
    expect(recover(bed.vfs.crash(), bed.manifest).texts).toEqual([])
    bed.clock.advance(1000)
    await bed.scheduler.settle()
    expect(bed.log.durableLsnEnd).toBe(base + 1n)
    append(bed.log, 'two')
    await bed.log.flush()
    expect(bed.log.durableLsnEnd).toBe(base + 2n)
    expect(recover(bed.vfs.crash(), bed.manifest).texts).toEqual(['one', 'two'])
    await bed.log.close()
    expect(bed.scheduler.pending).toBe(0)
  })

  test('os: rows that come during a sync wait for the next one', async () => {
    const bed = newBed('os')
    bed.vfs.holdSyncs()
    append(bed.log, 'one')
    const first = bed.log.flush()
    append(bed.log, 'two')
    const second = bed.log.flush()
    bed.vfs.releaseSyncs()
    await first
    expect(bed.log.durableLsnEnd).toBe(base + 1n)
    await second
    expect(bed.log.durableLsnEnd).toBe(base + 2n)
    bed.vfs.holdSyncs()
    append(bed.log, 'three')
    bed.clock.advance(1000)
    bed.scheduler.run()
    append(bed.log, 'four')
    bed.vfs.releaseSyncs()
    await bed.scheduler.settle()
    expect(bed.log.durableLsnEnd).toBe(base + 3n)
    bed.clock.advance(1000)
    await bed.scheduler.settle()
    expect(bed.log.durableLsnEnd).toBe(base + 4n)
    append(bed.log, 'five')
    await bed.log.close()
    expect(recover(bed.vfs.crash(), bed.manifest).summary.isCleanEnd).toBe(true)
  })
})

describe('files', () => {
  test.each(['group', 'sync', 'os'] as const)('rotation, mode %s', async (mode) => {
    const bed = newBed(mode, { rotateBytes: 4096 })
    const expected: string[] = []
    for (let row = 0; row < 60; row += 1) {
      const text = `row ${row} ${'.'.repeat(200)}`
      append(bed.log, text)
      expected.push(text)
      if (row % 3 === 0) await bed.log.flush()
    }
    await bed.log.flush()
    expect(bed.manifest.files.length).toBeGreaterThan(2)
    const first = bed.manifest.files[0]!
    expect(bytesOf(bed.vfs, first.path).length).toBeLessThan(4096 + 2000)
    expect(recover(bed.vfs.crash(), bed.manifest).texts).toEqual(expected)
    await bed.log.close()
    expect(recover(bed.vfs, bed.manifest).texts).toEqual(expected)
    expect(bed.vfs.handleCount).toBe(0)
  })

  test('small records go into zeros, and close gives the rest back', async () => {
    const bed = newBed('sync')
    append(bed.log, 'small')
    const { path } = bed.manifest.last
    expect(bed.vfs.stat(path)?.bytes).toBe(96 + limits.logZeroBytes)
    append(bed.log, 'M'.repeat(40_000))
    expect(bed.vfs.stat(path)?.bytes).toBe(96 + limits.logZeroBytes)
    append(bed.log, 'L'.repeat(300_000))
    expect(bed.vfs.stat(path)?.bytes).toBe(bed.log.bytes)
    append(bed.log, 'small again')
    await bed.log.close()
    expect(bed.vfs.stat(path)?.bytes).toBe(bed.log.bytes)
    const { summary, texts } = recover(bed.vfs, bed.manifest)
    expect(summary.isCleanEnd).toBe(true)
    expect(texts.map((text) => text.length)).toEqual([5, 40_000, 300_000, 11])
  })

  test('close drains, ends, is the same promise twice, and refuses what comes after', async () => {
    const bed = newBed('group')
    append(bed.log, 'one')
    bed.scheduler.run()
    append(bed.log, 'two')
    expect(bed.log.close()).toBe(bed.log.close())
    await bed.log.close()
    expect(bed.log.state).toBe('closed')
    expect(() => bed.log.beginAtomic()).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
    await expect(bed.log.flush()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await bed.log.whenDurable(base + 2n)
    bed.scheduler.run()
    const { texts, summary } = recover(bed.vfs.crash(), bed.manifest)
    expect(texts).toEqual(['one', 'two'])
    expect(summary).toMatchObject({
      isCleanEnd: true,
      acknowledgementUnknown: false,
      torn: undefined,
    })
    expect(bed.vfs.handleCount).toBe(0)
  })

  test('the next open carries over what is not known to be on the device', async () => {
    const bed = newBed('group')
    append(bed.log, 'synced')
    await bed.log.flush()
    bed.vfs.holdSyncs()
    append(bed.log, 'written')
    bed.scheduler.run()
    const after = bed.vfs.kill()
    const next = reopen(after, bed.manifest, 'group', 2)
    append(next.log, 'new')
    await next.log.flush()
    const { texts, lsns } = recover(after.crash(), next.manifest)
    expect(texts).toEqual(['synced', 'written', 'new'])
    expect(lsns).toEqual([base, base + 1n, 2n * base])
    await next.log.close()
    const third = reopen(after, next.manifest, 'sync', 3)
    append(third.log, 'third')
    expect(recover(after.crash(), third.manifest).texts).toEqual([
      'synced',
      'written',
      'new',
      'third',
    ])
    expect(third.log).toMatchObject({ fileNumber: 3, synced: { lsnEnd: 3n * base + 1n } })
    await third.log.close()
    bed.vfs.releaseSyncs()
    await bed.log.close()
  })
})
