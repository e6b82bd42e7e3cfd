// Goal: compaction changes no row and stops nobody, on its thread or off it, asked for or begun by
// itself, whatever happens meanwhile. Method: stores on the memory twin with a compactor that waits
// for a gate, so that appends, seals, restores and closes come in between; stores on disk with real
// threads, some of which die or dawdle midway.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { compactorBySize, compactorInTurns, compactorOnThread, compactorOnThreadOr } from '#compact'
import type { Compactor, Outcome } from '#compact'
import { trade } from '#schema'
import { openStore } from '#store'
import type { Env, Store } from '#store'
import { closeAll, makeBed, root } from './bed.ts'
import type { Bed } from './bed.ts'
import { silentLogger, systemClock, systemRandom, systemScheduler } from '#base'
import { diskVfs } from '#vfs'
import { chooseCrowded } from '../../src/store/compaction-plan.ts'

const day = 1_700_006_400_000_000_000n
const dying = new URL('../compact/dying-worker.mjs', import.meta.url).href

/** Trades of call `at`: some in every second of the day, so that runs overlap all over. */
function trades(at: number, count: number): object[] {
  return Array.from({ length: count }, (_, row) => ({
    time: day + BigInt(row) * 1_000_000n + BigInt(at % 3),
    price: 100 + ((row * 7 + at) % 50) / 100,
    size: 1 + (row % 9),
    side: row % 2 === 0 ? 'buy' : 'sell',
  }))
}

async function sealed(store: Store, seals: number, rows: number, from = 0): Promise<void> {
  for (let at = from; at < from + seals; at += 1) {
    store.series(trade, 'SPY').append(trades(at, rows) as never)
    await store.seal()
  }
}

async function hashOf(store: Store): Promise<string> {
  const { contentHash } = await store.snapshot('hash')
  await store.dropSnapshot('hash')
  return contentHash
}

const rowsOf = (store: Store): unknown[] => [...store.series(trade, 'SPY').range()]

/** Runs that take turns of their own would be seen as files. */
function dataFiles(bed: Bed): string[] {
  return [...bed.vfs.list(`${root}/segments`), ...bed.vfs.list(`${root}/packs`)]
}

async function until(isDone: () => boolean): Promise<void> {
  for (let turn = 0; !isDone(); turn += 1) {
    expect(turn, 'it comes to pass').toBeLessThan(10_000)
    await new Promise((resume) => setImmediate(resume))
  }
}

/** Another compactor's jobs, each begun when `open` is called. */
class Gate implements Compactor {
  readonly #inner: Compactor
  readonly waiting: (() => void)[] = []
  readonly outcomes: Outcome[] = []
  isClosed = false

  constructor(inner: Compactor) {
    this.#inner = inner
  }

  async run(...task: Parameters<Compactor['run']>): Promise<Outcome> {
    await new Promise<void>((go) => this.waiting.push(go))
    const outcome = await this.#inner.run(...task)
    this.outcomes.push(outcome)
    return outcome
  }

  /** Lets what waits now go on. */
  open(): void {
    for (const go of this.waiting.splice(0)) go()
  }

  async close(): Promise<void> {
    this.isClosed = true
    await this.#inner.close()
  }
}

describe('in turns, with others between', () => {
  let bed: Bed
  let gate: Gate
  let store: Store

  beforeEach(async () => {
    bed = makeBed()
    gate = new Gate(compactorInTurns(bed.vfs, bed.scheduler))
    store = (await openStore(
      root,
      { logger: bed.logger },
      { ...bed.env, compactor: gate },
    )) as Store
  })

  test('appends and seals go on while it runs, and stand after it', async () => {
    await sealed(store, 3, 50)
    const running = store.compact()
    await until(() => gate.waiting.length === 1)
    await sealed(store, 2, 20, 3)
    store.series(trade, 'SPY').append(trades(9, 5) as never)
    const before = rowsOf(store)
    const hash = await hashOf(store)
    gate.open()
    // What was sealed after the call is the next compaction's.
    expect(await running).toMatchObject({ inputs: 3, outputs: 1, rowsIn: 150, rowsOut: 150 })
    expect(rowsOf(store)).toEqual(before)
    expect(store.stats().segments).toBe(3)
    expect(await hashOf(store)).toBe(hash)
    expect(store.stats().compactions).toBe(1)
    expect(store.stats().ownCompactions).toBe(0)
    expect(dataFiles(bed)).toHaveLength(3)
    await closeAll(bed, store)
    expect(gate.isClosed).toBe(true)
  })

  test('inputs that a restore took away: the result is thrown away, and it is planned anew', async () => {
    await sealed(store, 2, 30)
    await store.snapshot('old')
    await sealed(store, 2, 30, 2)
    const old = await hashOf(store)
    const running = store.compact()
    await until(() => gate.waiting.length === 1)
    await store.restore('old')
    const restored = rowsOf(store)
    expect(restored).toHaveLength(60)
    gate.open()
    await until(() => gate.waiting.length === 1)
    gate.open()
    expect(await running).toMatchObject({ inputs: 2, outputs: 1, rowsIn: 60 })
    expect(rowsOf(store)).toEqual(restored)
    expect(await hashOf(store)).not.toBe(old)
    const before = store.snapshots().find(({ name }) => name.startsWith('before-restore'))!
    expect([...store.at(before.name).series(trade, 'SPY').range()]).toHaveLength(120)
    expect(dataFiles(bed).filter((name) => name.endsWith('.draft'))).toEqual([])
    await closeAll(bed, store)
  })

  test('an abort rejects with its reason and leaves nothing', async () => {
    await sealed(store, 3, 40)
    const before = rowsOf(store)
    const files = dataFiles(bed)
    const controller = new AbortController()
    const running = store.compact({ signal: controller.signal })
    await until(() => gate.waiting.length === 1)
    controller.abort(new Error('enough'))
    gate.open()
    await expect(running).rejects.toThrow('enough')
    expect(gate.outcomes).toEqual([{ end: 'cancelled' }])
    expect(dataFiles(bed)).toEqual(files)
    expect(rowsOf(store)).toEqual(before)
    const again = store.compact()
    await until(() => gate.waiting.length === 1)
    gate.open()
    expect(await again).toMatchObject({ inputs: 3, outputs: 1 })
    await closeAll(bed, store)
  })

  test('close waits for what was asked for', async () => {
    await sealed(store, 3, 40)
    const running = store.compact()
    await until(() => gate.waiting.length === 1)
    const closing = store.close()
    gate.open()
    expect(await running).toMatchObject({ inputs: 3, outputs: 1 })
    await closing
    await closeAll(bed)
  })

  test('a crowded partition is compacted by itself; a snapshot keeps what it replaced', async () => {
    await sealed(store, 8, 10)
    await new Promise((resume) => setTimeout(resume, 20))
    expect(gate.waiting).toHaveLength(0)
    await store.snapshot('kept')
    await sealed(store, 1, 10, 8)
    await until(() => gate.waiting.length === 1)
    // Nobody waits for it.
    await sealed(store, 1, 10, 9)
    const before = rowsOf(store)
    const hash = await hashOf(store)
    gate.open()
    await until(() => store.stats().compactions === 1)
    expect(store.stats().ownCompactions).toBe(1)
    expect(store.stats().segments).toBe(2)
    expect(dataFiles(bed)).toHaveLength(2 + 8)
    expect(rowsOf(store)).toEqual(before)
    expect(await hashOf(store)).toBe(hash)
    expect(bed.logged).toContainEqual(
      expect.objectContaining({ level: 'info', message: 'crowded partitions were compacted' }),
    )
    expect([...store.at('kept').series(trade, 'SPY').range()]).toHaveLength(80)
    await store.dropSnapshot('kept')
    expect((await store.verify()).damage).toEqual([])
    await closeAll(bed, store)
  })

  test('close gives up what began by itself', async () => {
    await sealed(store, 9, 10)
    await until(() => gate.waiting.length === 1)
    const closing = store.close()
    gate.open()
    await closing
    expect(gate.outcomes).toEqual([{ end: 'cancelled' }])
    await closeAll(bed)
    const again = await bed.open()
    expect(rowsOf(again)).toHaveLength(90)
    await closeAll(bed, again)
  })

  test('one that began by itself and fails is logged, and tried again after the next seal', async () => {
    await sealed(store, 9, 10)
    await until(() => gate.waiting.length === 1)
    const before = rowsOf(store)
    const heal = bed.vfs.fail({ operation: 'write', path: '.draft', times: 'forever' })
    gate.open()
    await until(() => bed.logged.some(({ message }) => message?.startsWith('a compaction failed')))
    heal()
    expect(rowsOf(store)).toEqual(before)
    expect(dataFiles(bed)).toHaveLength(9)
    await sealed(store, 1, 10, 9)
    await until(() => gate.waiting.length === 1)
    gate.open()
    await until(() => store.stats().ownCompactions === 1)
    expect(rowsOf(store)).toHaveLength(100)
    await closeAll(bed, store)
  })
})

test('a row is written again some log(n) times, and runs stay few', () => {
  const runs: { rowCount: number }[] = []
  let written = 0
  let runsMost = 0
  const seals = 2000
  for (let seal = 0; seal < seals; seal += 1) {
    runs.push({ rowCount: 100 + (seal % 7) })
    runsMost = Math.max(runsMost, runs.length)
    const chosen = chooseCrowded(8)(runs as never)
    if (chosen.length === 0) continue
    expect(chosen.length).toBeGreaterThanOrEqual(4)
    expect(chosen).toEqual(runs.slice(runs.length - chosen.length))
    const rowCount = chosen.reduce((sum, run) => sum + run.rowCount, 0)
    written += rowCount
    runs.splice(runs.length - chosen.length, chosen.length, { rowCount })
  }
  const total = runs.reduce((sum, { rowCount }) => sum + rowCount, 0)
  expect(runsMost).toBeLessThan(33)
  expect(written / total).toBeLessThan(Math.log2(seals))
})

describe('on a thread, on disk', () => {
  let directory: string
  let store: Store
  let outcomes: Outcome[]

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'varve-compaction-'))
    outcomes = []
  })
  afterEach(async () => {
    delete process.env['VARVE_TEST_DEATH']
    await store.close()
    rmSync(directory, { recursive: true, force: true })
  })

  /** One compactor a job, the last one for all that follow. */
  async function open(...compactors: Compactor[]): Promise<void> {
    const compactor: Compactor = {
      run: async (...task) => {
        const [first] = compactors.length > 1 ? compactors.splice(0, 1) : compactors
        const outcome = await first!.run(...task)
        outcomes.push(outcome)
        return outcome
      },
      close: async () => {
        for (const each of compactors) await each.close()
      },
    }
    const env: Env = {
      vfs: diskVfs,
      clock: systemClock,
      random: systemRandom,
      scheduler: systemScheduler,
      compactor,
    }
    store = (await openStore(directory, {}, env)) as Store
  }

  const drafts = (): string[] =>
    readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.draft'),
    )

  test('the same rows, written on another thread', async () => {
    await open(compactorOnThread())
    await sealed(store, 4, 9000)
    const hash = await hashOf(store)
    const before = rowsOf(store)
    const report = await store.compact()
    expect(report).toMatchObject({ inputs: 4, outputs: 1, rowsIn: 36_000, rowsOut: 36_000 })
    expect(outcomes).toHaveLength(1)
    const [outcome] = outcomes
    expect(outcome?.end === 'done' && outcome.threadId !== threadId).toBe(true)
    expect(await hashOf(store)).toBe(hash)
    expect(rowsOf(store)).toEqual(before)
    expect((await store.verify()).damage).toEqual([])
    expect(drafts()).toEqual([])
  })

  test('a store opened as users do compacts there too', async () => {
    const { open: openByPath } = await import('#store')
    store = await openByPath(directory)
    await sealed(store, 3, 200)
    const hash = await hashOf(store)
    expect(await store.compact()).toMatchObject({ inputs: 3, outputs: 1 })
    expect(await hashOf(store)).toBe(hash)
  })

  test('a thread that dies once is replaced', async () => {
    process.env['VARVE_TEST_DEATH'] = 'exit:2'
    await open(compactorOnThread(dying), compactorOnThread())
    await sealed(store, 3, 9000)
    const before = rowsOf(store)
    expect(await store.compact()).toMatchObject({ inputs: 3, outputs: 1 })
    expect(rowsOf(store)).toEqual(before)
    expect(drafts()).toEqual([])
  })

  test.each(['exit:2', 'uncaught:0', 'throw:2'])('one that always dies: %s', async (death) => {
    process.env['VARVE_TEST_DEATH'] = death
    await open(compactorOnThread(dying))
    await sealed(store, 3, 9000)
    const before = rowsOf(store)
    const failure: unknown = await store.compact().catch((error: unknown) => error)
    // A bug on the thread is one here; a death is an error of the system.
    expect(failure).toMatchObject(
      death === 'throw:2' ? { name: 'BugError' } : { code: 'ERR_IO', retryable: true },
    )
    expect(drafts()).toEqual([])
    expect(rowsOf(store)).toEqual(before)
    await sealed(store, 1, 10, 3)
    delete process.env['VARVE_TEST_DEATH']
    if (death === 'throw:2') return
    expect(await store.compact()).toMatchObject({ inputs: 4, outputs: 1, rowsOut: 27_010 })
    expect((await store.verify()).damage).toEqual([])
  })

  test('where there is no thread to be had, in turns of this one, which is said once', async () => {
    const logged: string[] = []
    const logger = { ...silentLogger, warn: (_: object, text = '') => void logged.push(text) }
    const nowhere = (): string => {
      throw new Error('bundled')
    }
    const here = compactorInTurns(diskVfs, systemScheduler)
    await open(compactorOnThreadOr(here, logger, nowhere))
    await sealed(store, 3, 9000)
    const before = rowsOf(store)
    expect(await store.compact()).toMatchObject({ inputs: 3, outputs: 1 })
    await sealed(store, 1, 9000, 3)
    expect(await store.compact()).toMatchObject({ inputs: 2, outputs: 1 })
    expect(outcomes.map((outcome) => outcome.end === 'done' && outcome.threadId)).toEqual([
      threadId,
      threadId,
    ])
    expect(rowsOf(store).length).toBeGreaterThan(before.length)
    expect(logged).toEqual(['there is no compaction thread: compactions run in turns of this one'])
  })

  test('where there is one it is taken', async () => {
    const here: Compactor = {
      run: () => Promise.reject(new Error('not here')),
      close: () => Promise.resolve(),
    }
    await open(compactorOnThreadOr(here, silentLogger))
    await sealed(store, 3, 9000)
    expect(await store.compact()).toMatchObject({ inputs: 3, outputs: 1 })
  })

  test('an abort midway', async () => {
    process.env['VARVE_TEST_DEATH'] = 'slow:0'
    await open(compactorOnThread(dying))
    await sealed(store, 4, 9000)
    const before = rowsOf(store)
    const controller = new AbortController()
    const running = store.compact({ signal: controller.signal })
    while (drafts().length === 0) await new Promise((resume) => setTimeout(resume, 5))
    controller.abort(new Error('enough'))
    await expect(running).rejects.toThrow('enough')
    expect(outcomes).toEqual([{ end: 'cancelled' }])
    expect(drafts()).toEqual([])
    expect(rowsOf(store)).toEqual(before)
  })
})

test('seals that never stop do not keep compact() from its end', async () => {
  const bed = makeBed()
  const store = (await openStore(root, {}, { ...bed.env, scheduler: systemScheduler })) as Store
  await sealed(store, 3, 20)
  const progress = { isDone: false }
  const ended = store.compact().then((report) => {
    progress.isDone = true
    return report
  })
  let at = 3
  for (; !progress.isDone; at += 1) {
    expect(at, 'compaction has an end').toBeLessThan(500)
    await sealed(store, 1, 20, at)
  }
  expect((await ended).rowsIn).toBeGreaterThanOrEqual(60)
  expect(store.series(trade, 'SPY').count()).toBe(at * 20)
  await store.close()
})

test('small jobs stay on this thread, large ones do not', async () => {
  const ran: string[] = []
  const compactor = (name: string): Compactor => ({
    run: () => {
      ran.push(name)
      return Promise.resolve({ end: 'cancelled' })
    },
    close: () => {
      ran.push(`${name} closed`)
      return Promise.resolve()
    },
  })
  const bySize = compactorBySize(compactor('small'), compactor('large'))
  const jobOf = (...rows: number[]): Parameters<Compactor['run']>[0] => ({
    storeId: new Uint8Array(16),
    level: 'medium',
    files: rows.map((rowsMax) => ({
      output: { fileKind: 'pack', fileNumber: 1, draft: 'x' },
      series: [{ rowsMax } as never],
    })),
  })
  const flag = new Int32Array(new SharedArrayBuffer(4)) as never
  await bySize.run(jobOf(40_000, 25_536), flag)
  await bySize.run(jobOf(40_000, 25_537), flag)
  await bySize.close()
  expect(ran).toEqual(['small', 'large', 'small closed', 'large closed'])
})
