// Goal: a disk that fails costs no acknowledged row and no read, and says so in its own words (I9): what reads, full disks,
// acknowledgements and leftovers are told. Method: named faults on the memory twin; what waits is left waiting; then the
// cause goes and everything must come to its end. Every operation failing in every way: test/sim/sweep.test.ts.
import { beforeAll, describe, expect, test } from 'vitest'
import { VarveError } from '#base'
import { loadKernels } from '#kernel'
import type { MemoryVfs } from '#vfs'
import { expectNothingOpen, makeBed } from './bed.ts'
import type { Bed } from './bed.ts'
import { Workload, checkLeft, numbersOf } from './workload.ts'

beforeAll(() => loadKernels())

const codes: readonly unknown[] = ['ERR_IO', 'ERR_DISK_FULL']

function expectOurs(error: unknown): void {
  expect(error).toBeInstanceOf(VarveError)
  expect(codes).toContain((error as VarveError).code)
  expect((error as VarveError).retryable).toBe(true)
}

/** Turns and time, until it has settled or clearly waits for something. */
async function settles(bed: Bed, running: Promise<unknown>, turns = 12): Promise<boolean> {
  const seen = { isSettled: false }
  const settled = (): void => {
    seen.isSettled = true
  }
  running.then(settled, settled)
  for (let turn = 0; turn < turns; turn += 1) {
    if (seen.isSettled) break
    await new Promise((resolve) => setImmediate(resolve))
    if (turn % 4 === 3) bed.scheduler.advance(60)
  }
  return seen.isSettled
}

describe('reads', () => {
  test('they fail too: an error, and the next read is right', async () => {
    const bed = makeBed()
    const work = new Workload('group', bed)
    await work.open()
    await work.appendDurably()
    await work.seal()
    await work.appendDurably()
    await work.close()
    for (let nth = 1; nth <= 6; nth += 1) {
      await work.open()
      bed.vfs.fail({ operation: 'read', nth, path: /pack|segment/ })
      let failures = 0
      for (let tries = 0; tries < 3; tries += 1) {
        try {
          expect(numbersOf(work.store)).toBe(work.newest)
        } catch (error) {
          expectOurs(error)
          failures += 1
        }
      }
      expect(failures).toBeLessThanOrEqual(1)
      bed.vfs.heal()
      await work.close()
    }
  })
})

describe('a disk that is full', () => {
  test.each(['group', 'sync'] as const)('mode %s: refused, read, freed, resumed', async (mode) => {
    const bed = makeBed()
    const work = new Workload(mode, bed)
    await work.open()
    for (let cycle = 0; cycle < 3; cycle += 1) {
      await work.appendDurably()
      await work.flush()
      const before = numbersOf(work.store)
      bed.vfs.setCapacity(0)
      bed.vfs.fail({ operation: 'write', times: 'forever', code: 'ERR_DISK_FULL' })
      let pending: Promise<void> | undefined
      try {
        pending = work.append().durable
        await settles(bed, pending, 8)
        work.append()
        expect.fail('a log that cannot be written takes nothing')
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_DISK_FULL', retryable: true })
        expect((error as VarveError).hint).toMatch(/again/)
      }
      expect(work.store.state).toBe('failed')
      expect(numbersOf(work.store).startsWith(before)).toBe(true)
      bed.vfs.heal()
      bed.vfs.setCapacity(Number.MAX_SAFE_INTEGER)
      bed.scheduler.advance(5000)
      expect(work.store.state).toBe('open')
      await pending
      expect(numbersOf(work.store)).toBe(work.newest)
    }
    await work.close()
    await checkLeft(makeBed({ vfs: bed.vfs.crash() }), work.moment, mode)
  })
})

describe('acknowledgements while the disk fails', () => {
  async function failing(): Promise<{ work: Workload; bed: Bed; vfs: MemoryVfs }> {
    const bed = makeBed()
    const work = new Workload('group', bed)
    await work.open()
    await work.appendDurably()
    bed.vfs.fail({ path: 'wal', times: 'forever' })
    return { work, bed, vfs: bed.vfs }
  }

  test('they stay pending, and reject only at close, outcome unknown', async () => {
    const { work, bed, vfs } = await failing()
    const { durable, state } = work.append()
    expect(await settles(bed, durable, 40)).toBe(false)
    bed.scheduler.advance(10_000)
    expect(await settles(bed, durable, 4)).toBe(false)
    const waiting = work.store.seal()
    const refused = durable.catch((error: unknown) => error)
    await expect(work.store.close()).rejects.toMatchObject({ code: 'ERR_IO' })
    // It had not begun.
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    expect(await refused).toMatchObject({ code: 'ERR_IO', details: { outcome: 'unknown' } })
    await expectNothingOpen(bed)
    expect(work.store.state).toBe('closed')
    vfs.heal()
    // It is there or not; both are told the truth.
    const again = await bed.open()
    expect(['1', state]).toContain(numbersOf(again))
    await again.close()
  })

  test('one that nobody looks at goes to the logger, never to the process', async () => {
    const unhandled: unknown[] = []
    const listener = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', listener)
    try {
      const { work, bed, vfs } = await failing()
      const { durable } = work.append()
      expect(durable).toBeInstanceOf(Promise)
      const closing = work.store.close()
      await expect(closing).rejects.toMatchObject({ code: 'ERR_IO' })
      await expectNothingOpen(bed)
      vfs.heal()
      expect(bed.logged.some(({ message }) => message?.includes('lost') === true)).toBe(true)
    } finally {
      process.off('unhandledRejection', listener)
    }
    expect(unhandled).toEqual([])
  })
})

test('a log file that was made, but could not be announced, is no leftover', async () => {
  const bed = makeBed()
  const work = new Workload('group', bed)
  await work.open()
  await work.appendDurably()
  await work.snapshot('s')
  bed.vfs.fail({ operation: 'datasync', path: '/wal/' })
  const { durable, state } = work.append()
  expect(await settles(bed, durable, 3)).toBe(false)
  expect(work.store.state).toBe('failed')
  const found = bed.vfs.list('/data/store/wal').length
  bed.vfs.fail({ operation: 'datasync', path: '/manifest/', times: 'forever' })
  bed.scheduler.advance(60)
  expect(bed.vfs.list('/data/store/wal')).toHaveLength(found + 1)
  bed.vfs.heal()
  // Collects what nothing names.
  await work.dropSnapshot('s')
  bed.scheduler.advance(5000)
  await durable
  work.durable(state)
  expect(work.store.state).toBe('open')
  const { moment } = work
  for (const left of [bed.vfs.crash(), bed.vfs.kill()]) {
    await checkLeft(makeBed({ vfs: left }), moment, 'group')
  }
  await work.close()
})
