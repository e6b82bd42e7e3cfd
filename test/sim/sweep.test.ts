// Goal: a disk that fails costs no acknowledged row and no read; what cannot be taken is refused before it is taken; when
// the cause is gone the same handle, or the next open, goes on, and nothing is left over (I9). Method: short lives in
// every mode in which the n-th file operation fails, for every n, once or for ever, in every way a disk has; the power
// is cut while it fails; then the cause goes, the handle goes on, is closed, cut off and judged. The same during close,
// and while what a crash left is opened.
import { beforeAll, describe, expect, test } from 'vitest'
import { loadKernels } from '#kernel'
import { memoryVfs } from '#vfs'
import type { FaultRule, MemoryVfs, OperationName } from '#vfs'
import { expectNothingOpen, makeBed } from '../store/bed.ts'
import { cutOf, cutsOf, randomOf } from './cuts.ts'
import { liveAside } from './explore.ts'
import { checkLeftovers, compare, findIn } from './judge.ts'
import { Life, isOurs, modes, smallLimits, stepsOf } from './life.ts'
import type { Mode, Moment } from './life.ts'
import { Violation, keyOf } from './rows.ts'

beforeAll(() => loadKernels())

/** Every so many operations; 1: all. */
const stride = Number(process.env['VARVE_SWEEP'] ?? 7)
const seed = Number(process.env['VARVE_SEED'] ?? 1)

type Way = Omit<FaultRule, 'nth'>
const ways: readonly (readonly [string, Way])[] = [
  ['EIO once', { errno: 'EIO' }],
  ['EIO for ever', { errno: 'EIO', times: 'forever' }],
  ['ENOSPC once', { code: 'ERR_DISK_FULL' }],
  ['ENOSPC for ever', { code: 'ERR_DISK_FULL', times: 'forever' }],
  ['EROFS for ever', { errno: 'EROFS', times: 'forever' }],
  ['EMFILE once', { operation: 'open', errno: 'EMFILE' }],
  ['EMFILE for ever', { operation: 'open', errno: 'EMFILE', times: 'forever' }],
  ['a short write', { operation: 'write', bytesWritten: 7 }],
  [
    'short writes, ENOSPC for ever',
    { operation: 'write', bytesWritten: 9, code: 'ERR_DISK_FULL', times: 'forever' },
  ],
  ['a sync fails and drops its data', { operation: 'datasync' }],
  ['a sync is done and says it failed', { operation: 'datasync', isDone: true }],
  [
    'every sync is done and says it failed',
    { operation: 'datasync', isDone: true, times: 'forever' },
  ],
  ['a rename fails', { operation: 'rename' }],
  ['a rename is done and says it failed', { operation: 'rename', isDone: true }],
  ['a write is done and says it failed', { operation: 'write', isDone: true }],
  ['an unlink is done and says it failed', { operation: 'unlink', isDone: true }],
  ['a directory sync is done and says it failed', { operation: 'syncDirectory', isDone: true }],
  ['a truncation fails', { operation: 'truncate' }],
]

const steps = stepsOf(
  'append, acked, seal, append, acked, snapshot s1, append, seal, burst, ' +
    'seal, compact, acked, drop s1, flush, snapshot s2, append, ' +
    'restore s2',
)

/** What is refused or fails is said by the store, as something to try again. */
function expectOurs(error: unknown): void {
  if (isOurs(error) && error.code === 'ERR_CLOSED') return
  if (isOurs(error) && (error.code === 'ERR_IO' || error.code === 'ERR_DISK_FULL')) return
  throw new Violation('I9', `what failed is said as ${String(error)}`, { cause: error })
}

const changing: ReadonlySet<OperationName> = new Set<OperationName>([
  'open',
  'write',
  'truncate',
  'datasync',
  'makeDirectory',
  'rename',
  'unlink',
  'syncDirectory',
  'lock',
])

function countOf(vfs: MemoryVfs, { operation }: Way): number {
  return vfs.operations.filter(({ operation: each }) =>
    operation === undefined ? changing.has(each) : each === operation,
  ).length
}

function newLife(mode: Mode, isTraced = false): { life: Life; vfs: MemoryVfs } {
  const vfs = memoryVfs({ isTraced })
  const bed = makeBed({ vfs, limits: smallLimits, seed })
  return { life: new Life(mode, bed, expectOurs), vfs }
}

async function openStubbornly(life: Life, rule: FaultRule): Promise<void> {
  await life.take('open')
  if (life.store !== undefined) return
  await expectNothingOpen(life.bed)
  life.bed.vfs.heal()
  await life.take('open')
  if (life.store === undefined) throw new Violation('I9', 'the cause is gone, it does not open')
  life.bed.vfs.fail(rule)
}

/** The power goes, in some way: what is left is judged. */
async function judgeNow(vfs: MemoryVfs, moment: Moment, random: () => number): Promise<void> {
  const cuts = [...cutsOf(vfs.pendingEffects(), random, 1)]
  for (const { name, fates } of [cuts[0]!, cuts[Math.floor(random() * cuts.length)]!]) {
    try {
      const look = { mode: modes[Math.floor(random() * 4)]!, isVerified: false, goesOn: false }
      compare(await findIn(vfs.crash(cutOf(fates)), look), moment, 'cut')
    } catch (cause) {
      throw new Violation('I9', `and the power goes (${name}): ${String(cause)}`, { cause })
    }
  }
}

/** One life with one fault in it. */
async function run(mode: Mode, rule: FaultRule): Promise<void> {
  const { life, vfs } = newLife(mode)
  const random = randomOf(seed, rule.nth ?? 1, modes.indexOf(mode))
  vfs.fail(rule)
  await openStubbornly(life, rule)
  for (const step of steps) await life.take(step)
  if (random() < 0.5) await judgeNow(vfs, life.moment, random)
  await life.heal()
  // The same handle goes on, and now everything works.
  const before = life.newest
  for (const step of ['acked', 'seal', 'compact']) await life.take(step)
  const store = life.store!
  if (store.state !== 'open') throw new Violation('I9', `the store is ${store.state}`)
  if (!keyOf(store).startsWith(before)) throw new Violation('I9', `[${before}] is gone`)
  if (keyOf(store) === before) throw new Violation('I9', 'nothing is taken any more')
  await life.take('close')
  await expectNothingOpen(life.bed)
  await judgeNow(vfs, life.moment, random)
  checkLeftovers(life.bed)
}

/** A fault while the store is closed; then it is opened again. */
async function runClose(mode: Mode, rule: FaultRule): Promise<void> {
  const { life, vfs } = newLife(mode)
  const random = randomOf(seed, rule.nth ?? 1)
  for (const step of ['open', 'append', 'acked', 'seal', 'append', 'burst']) await life.take(step)
  vfs.fail(rule)
  await life.take('close')
  if (life.store !== undefined) throw new Violation('I9', 'close() waits for ever')
  await judgeNow(vfs, life.moment, random)
  await life.heal()
  await expectNothingOpen(life.bed)
  for (const step of ['open', 'acked', 'close']) await life.take(step)
  await judgeNow(vfs, life.moment, random)
  checkLeftovers(life.bed)
}

async function sweep(
  count: number,
  way: Way,
  action: (rule: FaultRule) => Promise<void>,
  every = stride,
): Promise<number> {
  let runs = 0
  for (let nth = 1 + (seed % every); nth <= count; nth += every) {
    try {
      await action({ ...way, nth })
    } catch (cause) {
      throw new Error(`operation ${nth} of ${count}, ${JSON.stringify(way)}: ${String(cause)}`, {
        cause,
      })
    }
    runs += 1
  }
  return runs
}

describe.each(modes)('mode %s: the n-th operation fails', (mode) => {
  let traced: MemoryVfs
  beforeAll(async () => {
    const { life, vfs } = newLife(mode, true)
    for (const step of ['open', ...steps, 'close']) await life.take(step)
    traced = vfs
  })

  test.each(ways)('%s', async (_, way) => {
    const count = countOf(traced, way)
    // Without a log nothing is cut to its length.
    if (way.operation === 'truncate' && mode === 'memory') return expect(count).toBe(0)
    expect(count).toBeGreaterThan(1)
    // Of operations that are few each is met.
    const every = Math.max(1, Math.min(stride, Math.floor(count / 4)))
    expect(await sweep(count, way, (rule) => run(mode, rule), every)).toBeGreaterThan(1)
  })

  test('during close', async () => {
    const { life, vfs } = newLife(mode, true)
    for (const step of ['open', 'append', 'acked', 'seal', 'append', 'burst']) await life.take(step)
    const before = vfs.operations.length
    await life.take('close')
    const count = vfs.operations
      .slice(before)
      .filter(({ operation }) => changing.has(operation)).length
    expect(count).toBeGreaterThan(1)
    for (const [, way] of ways.slice(0, 5)) {
      await sweep(count, way, (rule) => runClose(mode, rule), Math.min(stride, 2))
    }
  })

  test('while what a crash left is opened', async () => {
    const aside = await liveAside({ seed, mode, steps: ['open', ...steps, 'close'] })
    for (let at = 7; at < aside.length; at += Math.ceil(aside.length / 6)) {
      const { vfs, moment, place } = aside[at]!
      const random = randomOf(seed, at)
      const cuts = [...cutsOf(vfs.pendingEffects(), random, 1)]
      const { fates } = cuts[Math.floor(random() * cuts.length)]!
      for (const [name, way] of ways.slice(0, 5)) {
        for (let nth = 1; nth < 60; nth += stride) {
          const left = vfs.crash(cutOf(fates))
          left.fail({ ...way, nth })
          const bed = makeBed({ vfs: left, limits: smallLimits, seed })
          try {
            const store = await bed.open({ durability: mode })
            left.heal()
            await store.close()
          } catch (error) {
            expectOurs(error)
            await expectNothingOpen(bed)
          }
          left.heal()
          try {
            compare(await findIn(left, { mode, isVerified: false, goesOn: true }), moment, 'cut')
          } catch (cause) {
            throw new Error(`${place}, ${name}, ${nth}: ${String(cause)}`, { cause })
          }
        }
      }
    }
  })
})
