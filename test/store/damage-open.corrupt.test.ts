// Goal: a bit that is flipped in the files of a store whose power went loses at most the last group, where no watermark
// follows it, and that is reported; one that is flipped while a writer and a reader hold the store gives the same answers
// or an error that names the file, and both find it by verify(). Method: sampled bits, each in a copy of its own, or
// flipped and turned back under the handles; VARVE_FLIPS takes more of them.
import { beforeAll, expect, test } from 'vitest'
import { VarveError } from '#base'
import { loadKernels } from '#kernel'
import { Manifest } from '#manifest'
import type { ReadStore, Store } from '#store'
import { readLog } from '#wal'
import { seededRandom } from '../support/manual-env.ts'
import { closeAll, expectNothingOpen, makeBed, root } from './bed.ts'
import type { Bed } from './bed.ts'
import { acceptedBy, bitsOf, copyOf, everyStructure, flip, isSame, logEnds } from './damage-bed.ts'
import { note, pathsIn, probesOf, seed } from './damage-bed.ts'
import type { Answer, Probe } from './damage-bed.ts'
import { nameOf } from './damage-judge.ts'

beforeAll(() => loadKernels())

interface Known extends Probe {
  readonly answer: Answer
}

const answersOf = (store: ReadStore): Known[] =>
  probesOf(store).map((probe) => ({ ...probe, answer: probe.ask(store) }))

/** Names of the probes that answer otherwise. @throws what they throw */
const differing = (store: ReadStore, probes: readonly Known[]): string[] =>
  probes.filter((probe) => !isSame(probe.ask(store), probe.answer)).map(({ name }) => name)

function expectLocated(error: unknown, path: string, what: string): void {
  expect(error, what).toBeInstanceOf(VarveError)
  const { code, details } = error as VarveError
  expect({ code, file: details['file'] }, what).toEqual({ code: 'ERR_CORRUPT', file: path })
}

/** The log that was written last, and how far its watermarks say that it is on the device. */
function newestLog({ vfs }: Bed): { path: string; syncedOffset: number; endOffset: number } {
  const manifest = Manifest.open({ vfs }, root, { readOnly: true })
  const fileNumber = Math.max(...[...manifest.state.logs.values()].map((log) => log.fileNumber))
  const { storeId } = manifest.state
  manifest.close()
  const path = `${root}/wal/${String(fileNumber).padStart(12, '0')}.wal`
  const { synced, endOffset } = readLog(vfs, path, { fileNumber, storeId }, () => {})
  return { path, syncedOffset: synced.offset, endOffset }
}

test('after a power cut: all is there, or the file is named, or the last group is reported', async () => {
  const whole = await everyStructure(7, true)
  const { path, syncedOffset, endOffset } = newestLog(whole)
  expect(syncedOffset).toBeLessThan(endOffset)
  const first = copyOf(whole)
  const store = await first.open({ durability: 'sync' })
  const probes = answersOf(store)
  const rows = store.series(note, 'N0').count()
  expect({ accepted: acceptedBy(store), torn: store.recovery.tornBytes }).toEqual({
    accepted: '42',
    torn: 0,
  })
  await closeAll(first, store)
  const random = seededRandom(seed)
  let lost = 0
  let flips = 0
  // What stands before was written long before: one group below the last watermark, and all behind it.
  const from = syncedOffset - 1024
  for (const [at, bit] of bitsOf(from, endOffset, { step: 40, random })) {
    flips += 1
    const what = `bit ${bit} of byte ${at} of ${nameOf(path)}, VARVE_SEED=${seed}`
    const bed = copyOf(whole)
    flip(bed, path, at, bit)
    let damaged: Store
    try {
      damaged = await bed.open({ durability: 'sync' })
    } catch (error) {
      expectLocated(error, path, what)
      continue
    }
    const others = differing(damaged, probes)
    if (others.length > 0) {
      lost += 1
      expect(at, what).toBeGreaterThanOrEqual(syncedOffset)
      expect(others, what).toEqual(['store', 'note N0'])
      expect(damaged.series(note, 'N0').count(), what).toBe(rows - 2)
      expect(acceptedBy(damaged), what).toBe('41')
      expect(damaged.recovery, what).toMatchObject({ acknowledgementUnknown: true })
      expect(damaged.recovery.tornBytes, what).toBeGreaterThan(0)
      expect(damaged.recovery.quarantined, what).toHaveLength(1)
    } else expect(acceptedBy(damaged), what).toBe('42')
    await damaged.close()
  }
  expect(lost).toBeGreaterThan(0)
  process.stdout.write(`covered: ${flips} bit flips after a power cut, the last group lost\n`)
})

/** Bytes that say nothing while the store is held: see damage-judge.ts for those that never do. */
function isMeaningless(bed: Bed, path: string, at: number, ends: Map<string, number>): boolean {
  if (/LOCK|quarantine|readers/.test(path)) return true
  // The mark behind the newest edit: the writer knows where the edit ends.
  if (path.includes('/manifest/')) return at >= bed.vfs.stat(path)!.bytes - 16
  return at >= (ends.get(path) ?? Infinity)
}

test('under a writer and a reader', async () => {
  const bed = copyOf(await everyStructure(7))
  const store = await bed.open({ durability: 'sync' })
  store.series(note, 'N2').append({ time: 5n, count: 5, text: 'while it is held' })
  await store.flush()
  const reader = await bed.read()
  const ends = logEnds(bed)
  const live = newestLog(bed)
  ends.set(live.path, live.syncedOffset)
  const probes = answersOf(store)
  const random = seededRandom(seed)
  let found = 0
  for (const path of pathsIn(bed.vfs)) {
    const { bytes } = bed.vfs.stat(path)!
    for (const [at, bit] of bitsOf(0, bytes, { step: 3200, stepMin: 200, random })) {
      const what = `bit ${bit} of byte ${at} of ${nameOf(path)}, VARVE_SEED=${seed}`
      const back = flip(bed, path, at, bit)
      for (const each of [store, reader]) {
        for (const probe of probes) {
          try {
            expect(isSame(probe.ask(each), probe.answer), `${what}: ${probe.name}`).toBe(true)
          } catch (error) {
            expectLocated(error, path, what)
          }
        }
        const { damage } = await each.verify()
        const files = [...new Set(damage.map(({ file }) => file))]
        const isNothing = isMeaningless(bed, path, at, ends) && files.length === 0
        expect(isNothing ? [path] : files, `${what}, verify() of ${each.mode}`).toEqual([path])
        found += files.length
      }
      try {
        expect(reader.refresh()).toBe(false)
      } catch (error) {
        expectLocated(error, path, what)
      }
      back()
    }
  }
  expect(found).toBeGreaterThan(50)
  for (const each of [store, reader]) {
    expect(differing(each, probes)).toEqual([])
    expect((await each.verify()).damage).toEqual([])
  }
  await closeAll(bed, reader, store)
  await expectNothingOpen(bed)
})

test('the last group of a log that a snapshot holds, and no watermark spoke of: told, not left out', async () => {
  const first = makeBed()
  const before = await first.open({ durability: 'sync' })
  before.series(note, 'A').append({ time: 1n, count: 1 })
  before.series(note, 'A').append({ time: 2n, count: 2 })
  await before.snapshot('two')
  // The watermark behind the group is not synced.
  const bed = makeBed({ vfs: first.vfs.crash() })
  await closeAll(first, before)
  const { path, endOffset } = newestLog(bed)
  const store = await bed.open()
  const view = store.at('two')
  expect(view.series(note, 'A').count()).toBe(2)
  view.close()
  const back = flip(bed, path, endOffset - 8, 0)
  const located = {
    code: 'ERR_CORRUPT',
    details: expect.objectContaining({ file: path, snapshot: 'two' }),
  }
  expect(() => store.at('two')).toThrow(expect.objectContaining(located))
  await expect(store.restore('two')).rejects.toMatchObject(located)
  const reader = await bed.read()
  expect(() => reader.at('two')).toThrow(expect.objectContaining(located))
  for (const each of [store, reader]) {
    expect((await each.verify()).damage).toMatchObject([
      { file: path, message: expect.stringMatching(/^torn at/) },
    ])
    expect(each.series(note, 'A').count()).toBe(2)
  }
  back()
  expect((await store.verify()).damage).toEqual([])
  await closeAll(bed, reader, store)
})
