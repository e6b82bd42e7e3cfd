// Goal: files that a reader in another process may still read stay, and no others; when the limit is passed the reader is
// told by ERR_STALE and never sees wrong rows. Method: writer and readers on one memory twin, each with a handle of its
// own, as in two processes; files are counted through the file system; leases are torn, orphaned and refused.
import { beforeAll, describe, expect, test } from 'vitest'
import { loadKernels } from '#kernel'
import { column, defineKind } from '#schema'
import { openStore } from '#store'
import type { ReadStore, ReadView, Store } from '#store'
import { closeAll, expectNothingOpen, makeBed, root } from './bed.ts'
import type { Bed } from './bed.ts'

beforeAll(() => loadKernels())

const tick = defineKind('tick', { columns: { value: column.i64() } })
const start = 1_700_000_000_000_000_000n

function append(store: Store, from: number, end: number): void {
  const rows = []
  for (let value = from; value < end; value += 1) rows.push({ time: start + BigInt(value), value })
  store.series(tick, 'A').append(rows)
}

function values(view: ReadView): number[] {
  return [...view.series(tick, 'A').range().columns.value].map(Number)
}

function upTo(end: number): number[] {
  return Array.from({ length: end }, (_, at) => at)
}

function filesIn({ vfs }: Bed, ...names: string[]): string[] {
  return names.flatMap((name) => vfs.list(`${root}/${name}`).map((file) => `${name}/${file}`))
}

const dataFiles = (bed: Bed): string[] => filesIn(bed, 'segments', 'packs')
const leases = (bed: Bed): string[] => filesIn(bed, 'readers')

/** A store of two runs, which a compaction makes one. */
async function twoRuns(options: Parameters<typeof makeBed>[0] = {}): Promise<[Bed, Store]> {
  const bed = makeBed(options)
  const store = await bed.open()
  append(store, 0, 10)
  await store.seal()
  append(store, 10, 20)
  await store.seal()
  return [bed, store]
}

describe('a live reader', () => {
  test('keeps what it stands on, until it moves on', async () => {
    const [bed, store] = await twoRuns()
    const reader = await bed.read()
    const before = dataFiles(bed)
    await store.compact()
    expect(dataFiles(bed)).toHaveLength(before.length + 1)
    expect(dataFiles(bed)).toEqual(expect.arrayContaining(before))
    const { pinnedBytes, storedBytes } = store.stats()
    expect(pinnedBytes).toBeGreaterThan(storedBytes)
    expect(values(reader)).toEqual(upTo(20))
    expect(reader.refresh()).toBe(true)
    bed.scheduler.advance(60_000)
    expect(dataFiles(bed)).toHaveLength(1)
    expect(store.stats().pinnedBytes).toBe(0)
    expect(values(reader)).toEqual(upTo(20))
    await closeAll(bed, reader, store)
    expect(leases(bed)).toEqual([])
  })

  test('keeps nothing that was dropped before it came', async () => {
    const [bed, store] = await twoRuns()
    await store.compact()
    const reader = await bed.read()
    append(store, 20, 30)
    await store.seal()
    expect(dataFiles(bed)).toHaveLength(2)
    await closeAll(bed, reader, store)
  })

  test('keeps logs for a snapshot that is dropped under its view', async () => {
    const [bed, store] = await twoRuns()
    append(store, 20, 30)
    await store.snapshot('thirty')
    append(store, 30, 40)
    await store.seal()
    const reader = await bed.read()
    const view = reader.at('thirty')
    await store.dropSnapshot('thirty')
    await store.compact()
    reader.refresh()
    bed.scheduler.advance(60_000)
    expect(values(view)).toEqual(upTo(30))
    expect(dataFiles(bed)).toHaveLength(4)
    expect(() => reader.at('thirty')).toThrow(expect.objectContaining({ code: 'ERR_NOT_FOUND' }))
    view.close()
    bed.scheduler.advance(60_000)
    expect(dataFiles(bed)).toHaveLength(1)
    await closeAll(bed, reader, store)
  })

  test('keeps what an unfinished scan reads, over a refresh', async () => {
    const [bed, store] = await twoRuns()
    const reader = await bed.read()
    const seen: number[] = []
    for (const { columns } of reader.series(tick, 'A').scan({ batchRows: 3 })) {
      seen.push(...[...columns.value].map(Number))
      if (seen.length !== 3) continue
      await store.compact()
      reader.refresh()
      bed.scheduler.advance(60_000)
      expect(dataFiles(bed)).toHaveLength(3)
    }
    expect(seen).toEqual(upTo(20))
    bed.scheduler.advance(60_000)
    expect(dataFiles(bed)).toHaveLength(1)
    await closeAll(bed, reader, store)
  })

  test('outlives a writer and is found by the next', async () => {
    const [bed, store] = await twoRuns()
    const reader = await bed.read()
    await store.compact()
    await store.close()
    const again = await bed.open()
    expect(dataFiles(bed)).toHaveLength(3)
    expect(values(reader)).toEqual(upTo(20))
    reader.refresh()
    bed.scheduler.advance(60_000)
    expect(dataFiles(bed)).toHaveLength(1)
    await closeAll(bed, reader, again)
  })

  test('of two the older one counts', async () => {
    const [bed, store] = await twoRuns()
    const older = await bed.read()
    append(store, 20, 30)
    await store.seal()
    const newer = await bed.read()
    expect(leases(bed)).toHaveLength(2)
    await store.compact()
    await newer.close()
    bed.scheduler.advance(60_000)
    expect(values(older)).toEqual(upTo(20))
    expect(dataFiles(bed)).toHaveLength(4)
    await older.close()
    bed.scheduler.advance(60_000)
    expect(dataFiles(bed)).toHaveLength(1)
    await closeAll(bed, store)
  })
})

describe('a lease', () => {
  function leaseText({ vfs }: Bed): string {
    const [name] = vfs.list(`${root}/readers`)
    const file = vfs.open(`${root}/readers/${name}`, 'read')
    const bytes = new Uint8Array(file.size())
    file.read(bytes, 0)
    file.close()
    return new TextDecoder().decode(bytes)
  }

  test('says who reads which edit, in as many bytes after each refresh', async () => {
    const [bed, store] = await twoRuns()
    const reader = await bed.read()
    const pattern = new RegExp(`^${process.pid}\\n *\\nedit \\d{16} hash [0-9a-f]{16}\\n$`)
    const before = leaseText(bed)
    expect(before).toMatch(pattern)
    await store.compact()
    reader.refresh()
    const after = leaseText(bed)
    expect(after).toMatch(pattern)
    expect(after).toHaveLength(before.length)
    expect(after > before).toBe(true)
    await closeAll(bed, reader, store)
  })

  test.each([28, 40, 60])('that is torn at byte %i pins everything', async (at) => {
    const [bed, store] = await twoRuns()
    const reader = await bed.read()
    await store.compact()
    reader.refresh()
    const file = bed.vfs.open(`${root}/${leases(bed)[0]}`, 'write')
    file.write(new TextEncoder().encode('x'), at)
    file.close()
    bed.scheduler.advance(60_000)
    expect(dataFiles(bed)).toHaveLength(3)
    await reader.close()
    bed.scheduler.advance(60_000)
    expect(dataFiles(bed)).toHaveLength(1)
    await closeAll(bed, store)
  })

  test('of a process that is gone is removed', async () => {
    const [bed, store] = await twoRuns()
    await bed.read()
    await store.compact()
    expect(dataFiles(bed)).toHaveLength(3)
    // The next process finds the files, and no lock.
    const next = bed.next(bed.vfs.kill())
    const again = await next.open()
    expect(dataFiles(next)).toHaveLength(1)
    expect(leases(next)).toEqual([])
    expect(values(again)).toEqual(upTo(20))
    await closeAll(next, again)
  })

  test('that cannot be written leaves a reader that is told when a file went', async () => {
    const [bed, store] = await twoRuns()
    const takeBack = bed.vfs.fail({ operation: 'lock', path: /readers/ })
    const reader = await bed.read()
    takeBack()
    expect(bed.logged.filter(({ message }) => message?.startsWith('no lease'))).toHaveLength(1)
    await store.compact()
    expect(dataFiles(bed)).toHaveLength(1)
    expect(() => values(reader)).toThrow(expect.objectContaining({ code: 'ERR_STALE' }))
    expect((await failureOf(() => reader.verify())).code).toBe('ERR_STALE')
    expect(reader.refresh()).toBe(true)
    expect(values(reader)).toEqual(upTo(20))
    expect((await reader.verify()).ok).toBe(true)
    await closeAll(bed, reader, store)
  })

  test('that was cut to half pins everything', async () => {
    const [bed, store] = await twoRuns()
    const reader = await bed.read()
    await store.compact()
    reader.refresh()
    const file = bed.vfs.open(`${root}/${leases(bed)[0]}`, 'write')
    file.truncate(40)
    file.close()
    bed.scheduler.advance(60_000)
    expect(dataFiles(bed)).toHaveLength(3)
    await closeAll(bed, reader, store)
  })

  test('whose name others hold gets another; where all are taken there is none', async () => {
    const [bed, store] = await twoRuns()
    const drawn: number[] = []
    const random = { bytes: (count: number) => new Uint8Array(count).fill(drawn.push(0) >> 1) }
    const open = (from: typeof random): Promise<ReadStore> =>
      openStore(root, { mode: 'read', logger: bed.logger }, { ...bed.env, random: from })
    const readers = [await open(random), await open(random), await open(random)]
    // Names 0, 1, 1 (held) and 2.
    expect(leases(bed)).toHaveLength(3)
    expect(drawn).toHaveLength(4)
    const always = { bytes: (count: number) => new Uint8Array(count).fill(1) }
    const without = await open(always)
    expect(leases(bed)).toHaveLength(3)
    expect(bed.logged.at(-1)?.message).toBe('no lease: every name was taken')
    expect(values(without)).toEqual(upTo(20))
    await closeAll(bed, ...readers, without, store)
    expect(leases(bed)).toEqual([])
  })

  test('whose file cannot be opened gives its lock back', async () => {
    const [bed, store] = await twoRuns()
    const takeBack = bed.vfs.fail({ operation: 'open', path: /readers/ })
    const reader = await bed.read()
    takeBack()
    expect(bed.logged.at(-1)?.message).toMatch(/^no lease/)
    // What is left of it is not locked: the writer removes it, and waits for nobody.
    expect(leases(bed)).toHaveLength(1)
    await store.compact()
    expect(leases(bed)).toEqual([])
    expect(dataFiles(bed)).toHaveLength(1)
    await closeAll(bed, reader, store)
  })

  test('that cannot be looked at keeps what it may pin', async () => {
    const [bed, store] = await twoRuns()
    const reader = await bed.read()
    const takeBack = bed.vfs.fail({ operation: 'lock', path: /readers/, times: 'forever' })
    await store.compact()
    reader.refresh()
    bed.scheduler.advance(60_000)
    expect(dataFiles(bed)).toHaveLength(3)
    takeBack()
    bed.scheduler.advance(60_000)
    expect(dataFiles(bed)).toHaveLength(1)
    await closeAll(bed, reader, store)
  })
})

describe('when the disk fails', () => {
  const warned = (bed: Bed, text: string): boolean =>
    bed.logged.some(({ level, message }) => level === 'warn' && message?.includes(text) === true)

  test('a lease that is not rewritten pins what it pinned', async () => {
    const [bed, store] = await twoRuns()
    const reader = await bed.read()
    await store.compact()
    const takeBack = bed.vfs.fail({ operation: 'write', path: /readers/, bytesWritten: 50 })
    expect(reader.refresh()).toBe(true)
    takeBack()
    expect(warned(bed, 'a lease was not renewed')).toBe(true)
    bed.scheduler.advance(60_000)
    expect(dataFiles(bed)).toHaveLength(3)
    append(store, 20, 30)
    await store.flush()
    await store.seal()
    expect(reader.refresh()).toBe(true)
    bed.scheduler.advance(60_000)
    expect(dataFiles(bed)).toHaveLength(2)
    await closeAll(bed, reader, store)
  })

  test('a lease whose name stays is removed by the writer', async () => {
    const [bed, store] = await twoRuns()
    const reader = await bed.read()
    const takeBack = bed.vfs.fail({ operation: 'unlink', path: /readers/ })
    await reader.close()
    takeBack()
    expect(warned(bed, 'a lease stays')).toBe(true)
    expect(leases(bed)).toHaveLength(1)
    await store.compact()
    expect(leases(bed)).toEqual([])
    expect(dataFiles(bed)).toHaveLength(1)
    await closeAll(bed, store)
  })

  test.each(['list', 'stat', 'freeBytes'] as const)('%s: nothing is removed', async (operation) => {
    const [bed, store] = await twoRuns()
    const reader = await bed.read()
    const path = operation === 'freeBytes' ? root : /readers/
    const takeBack = bed.vfs.fail({ operation, path, times: 'forever' })
    await store.compact()
    expect(values(reader)).toEqual(upTo(20))
    expect(dataFiles(bed)).toHaveLength(3)
    takeBack()
    await reader.close()
    append(store, 20, 30)
    await store.seal()
    expect(dataFiles(bed)).toHaveLength(2)
    await closeAll(bed, store)
  })
})

async function failureOf(action: () => Promise<unknown>): Promise<{ code: string }> {
  try {
    await action()
  } catch (error) {
    return error as { code: string }
  }
  throw new Error('it did not fail')
}

describe('the limit', () => {
  test('of time: then the files go, the reader is told, and goes on after a refresh', async () => {
    const [bed, store] = await twoRuns({ limits: { heldMsMax: 100_000 } })
    const reader = await bed.read()
    await store.compact()
    bed.scheduler.advance(60_000)
    expect(values(reader)).toEqual(upTo(20))
    const late = await bed.read()
    append(store, 20, 30)
    await store.seal()
    bed.scheduler.advance(60_000)
    expect(dataFiles(bed)).toHaveLength(2)
    // What is open already is read on; what is not is told.
    expect(values(late)).toEqual(upTo(20))
    const warned = bed.logged.filter(({ message }) => message?.includes('up to the limit'))
    expect(warned).toHaveLength(1)
    expect(warned[0]!.details).toMatchObject({ files: 2, readers: [process.pid] })
    await closeAll(bed, reader, late, store)
  })

  test('of space: the oldest go first', async () => {
    const [bed, store] = await twoRuns({ limits: { heldBytesMax: 0 } })
    const reader = await bed.read()
    await store.compact()
    expect(dataFiles(bed)).toHaveLength(1)
    const { code, details } = await failureOf(async () => values(reader)).then(
      (error) => error as { code: string; details: { file: string } },
    )
    expect({ code, file: details.file }).toEqual({
      code: 'ERR_STALE',
      file: expect.stringMatching(/(segments|packs)\/\d{12}\.(segment|pack)$/),
    })
    reader.refresh()
    expect(values(reader)).toEqual(upTo(20))
    await closeAll(bed, reader, store)
  })

  test('is a quarter of what is free or ours', async () => {
    const [bed, store] = await twoRuns()
    const reader = await bed.read()
    await store.compact()
    expect(dataFiles(bed)).toHaveLength(3)
    bed.vfs.setCapacity(0)
    bed.scheduler.advance(60_000)
    expect(dataFiles(bed)).toHaveLength(1)
    bed.vfs.setCapacity(Number.MAX_SAFE_INTEGER)
    expect((await failureOf(async () => values(reader))).code).toBe('ERR_STALE')
    await closeAll(bed, reader, store)
  })

  test('also for the log of a snapshot', async () => {
    const bed = makeBed({ limits: { heldBytesMax: 0 } })
    let store = await bed.open()
    append(store, 0, 5)
    await store.snapshot('five')
    await store.close()
    store = await bed.open()
    const reader = await bed.read()
    await store.seal()
    await store.dropSnapshot('five')
    expect((await failureOf(async () => reader.at('five'))).code).toBe('ERR_STALE')
    expect(reader.refresh()).toBe(true)
    expect(reader.snapshots()).toEqual([])
    await closeAll(bed, reader, store)
  })

  test('is no excuse for damage: a file that is named and not there is ERR_CORRUPT', async () => {
    const [bed, store] = await twoRuns()
    await store.close()
    const reader = await bed.read()
    bed.vfs.unlink(`${root}/${dataFiles(bed)[0]}`)
    expect((await failureOf(async () => values(reader))).code).toBe('ERR_CORRUPT')
    expect((await reader.verify()).ok).toBe(false)
    await closeAll(bed, reader)
    await expectNothingOpen(bed)
  })
})
