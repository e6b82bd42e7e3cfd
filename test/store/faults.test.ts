// Goal: a disk that fails costs no acknowledged row and no read; what cannot be taken is refused before it is taken; when
// the cause is gone the same handle, or the next open, goes on (I9). Method: a store's life on the memory twin with its
// n-th changing file operation failing, once or for ever, done or not, EIO or ENOSPC; what waits is left waiting; then
// the cause goes, everything must come to its end, and the store is read, appended to, closed, cut off and judged.
import { beforeAll, describe, expect, test } from 'vitest'
import { VarveError } from '#base'
import { loadKernels } from '#kernel'
import type { FaultRule, MemoryVfs } from '#vfs'
import { memoryVfs } from '#vfs'
import { expectNothingOpen, makeBed } from './bed.ts'
import type { Bed } from './bed.ts'
import { Workload, checkLeft, numbersOf } from './workload.ts'
import type { Mode } from './workload.ts'

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

/** A life that goes on whatever fails; gives what never came to its end. */
async function stubborn(work: Workload, snapshots: string[]): Promise<Promise<unknown>[]> {
  const { bed } = work
  const waiting: Promise<unknown>[] = []
  const attempt = async (action: () => Promise<unknown>): Promise<void> => {
    const before = work.newest
    const running = action().catch((error: unknown) => {
      expectOurs(error)
      return error
    })
    if (!(await settles(bed, running))) waiting.push(running)
    // Reads go on, and show every row that was taken; but where the fault is in opening a file to read.
    try {
      const numbers = numbersOf(work.store)
      if (waiting.length === 0 && numbers !== before) work.assume(numbers)
    } catch (error) {
      expectOurs(error)
      expect((error as VarveError).message).toMatch(/^open of .*(pack|segment)/)
    }
  }
  const append = async (): Promise<void> => work.appendDurably()
  await attempt(append)
  await attempt(append)
  await attempt(() => work.seal())
  await attempt(append)
  await attempt(async () => {
    snapshots.push('s1')
    await work.snapshot('s1')
  })
  await attempt(append)
  await attempt(() => work.seal())
  await attempt(() => work.store.compact())
  await attempt(append)
  await attempt(() => work.flush())
  return waiting
}

async function openStubbornly(work: Workload, rule: FaultRule): Promise<void> {
  work.bed.vfs.fail(rule)
  try {
    await work.open()
  } catch (error) {
    expectOurs(error)
    await expectNothingOpen(work.bed)
    work.bed.vfs.heal()
    await work.open()
    work.bed.vfs.fail(rule)
  }
}

async function run(mode: Mode, rule: FaultRule): Promise<void> {
  const bed = makeBed()
  const work = new Workload(mode, bed)
  await openStubbornly(work, rule)
  const waiting = await stubborn(work, [])
  bed.vfs.heal()
  const left = await Promise.all(waiting.map((each) => settles(bed, each, 400)))
  expect(left).toEqual(waiting.map(() => true))
  bed.scheduler.advance(5000)
  expect(work.store.state).toBe('open')
  // The same handle goes on.
  await work.appendDurably()
  await work.seal()
  expect(numbersOf(work.store)).toBe(work.newest)
  await work.close()
  const { moment } = work
  await checkLeft(makeBed({ vfs: bed.vfs.crash() }), moment, mode)
}

const changing = ['open', 'write', 'truncate', 'datasync', 'makeDirectory', 'rename', 'unlink']

/** How many operations that can fail a life has; of one name, or of all. */
async function countOperations(mode: Mode, name?: string): Promise<number> {
  const bed = makeBed({ vfs: memoryVfs({ isTraced: true }) })
  const work = new Workload(mode, bed)
  await work.open()
  await stubborn(work, [])
  await work.close()
  const names = name === undefined ? [...changing, 'syncDirectory', 'lock'] : [name]
  return bed.vfs.operations.filter(({ operation }) => names.includes(operation)).length
}

describe('the n-th operation fails', () => {
  const ways: [Mode, Omit<FaultRule, 'nth'>, number][] = [
    ['group', {}, 1],
    ['group', { times: 'forever', code: 'ERR_DISK_FULL' }, 2],
    ['sync', {}, 1],
    ['sync', { times: 'forever' }, 3],
    ['os', {}, 2],
    ['os', { times: 'forever', code: 'ERR_DISK_FULL' }, 4],
    ['memory', {}, 2],
    ['memory', { times: 'forever' }, 3],
  ]
  test.each(ways)('mode %s, %o', async (mode, way, stride) => {
    const count = await countOperations(mode)
    expect(count).toBeGreaterThan(30)
    for (let nth = 1; nth <= count; nth += stride) {
      try {
        await run(mode, { ...way, nth })
      } catch (cause) {
        throw new Error(`operation ${nth} of ${count}: ${String(cause)}`, { cause })
      }
    }
  })

  // A lost answer: what was asked for was done, and said to have failed.
  const done = ['write', 'datasync', 'rename', 'unlink', 'syncDirectory', 'truncate'] as const
  test.each(done)('%s is done and fails all the same', async (operation) => {
    const count = await countOperations('group', operation)
    for (let nth = 1; nth <= count; nth += 1) {
      try {
        await run('group', { operation, isDone: true, nth })
      } catch (cause) {
        throw new Error(`${operation} ${nth} of ${count}: ${String(cause)}`, { cause })
      }
    }
  })

  test('reads fail too: an error, and the next read is right', async () => {
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
