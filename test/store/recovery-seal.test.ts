// Goal: a log longer than the head holds is recovered within the head's bounds, and whatever ends
// that recovery midway, the next one finds every row once (I1-I5). Method: logs of many files on the
// memory twin, left by a kill, opened with a small head; power is cut, the process killed, or the
// operation fails, at every operation of the recovery; what is left is opened and judged.
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { VarveError, silentLogger } from '#base'
import { runStepsNow, writeFiles, writerOnThread } from '#compact'
import type { ThreadWriter } from '#compact'
import { loadKernels } from '#kernel'
import { openStore } from '#store'
import type { Store } from '#store'
import type { Operation } from '#vfs'
import { plansOf, writeJobOf } from '../../src/compact/plain-plan.ts'
import { systemEnv } from '../../src/store/env.ts'
import { seededRandom } from '../support/manual-env.ts'
import { makeBed, root } from './bed.ts'
import type { Bed } from './bed.ts'
import { Workload, checkLeft, numbersOf, tick } from './workload.ts'
import type { Mode, Moment } from './workload.ts'

beforeAll(() => loadKernels())

interface Left {
  readonly vfs: Bed['vfs']
  readonly moment: Moment
}

const small = { headBytesMax: 600, logRotateBytes: 900 }

/** Two dozen appends and a snapshot, none of them sealed; the process is gone. */
async function leftByLife(mode: Mode): Promise<Left> {
  const bed = makeBed({ limits: { logRotateBytes: 900 } })
  const work = new Workload(mode, bed)
  await work.open()
  for (let at = 0; at < 12; at += 1) await work.appendDurably()
  await work.snapshot('middle')
  for (let at = 0; at < 12; at += 1) await work.appendDurably()
  await work.flush()
  work.append()
  const { moment } = work
  const vfs = bed.vfs.kill()
  await work.close()
  return { vfs, moment }
}

/** What a thread does, in a later turn of this one: plans go there and back as plain data. */
function writerOver(vfs: Bed['vfs'], failsAt?: number): ThreadWriter {
  let count = 0
  return {
    rowsMin: 0,
    async write(target, plans) {
      const { job, moved } = writeJobOf(target, plans)
      const there = structuredClone(job, { transfer: moved })
      await new Promise((resume) => setImmediate(resume))
      count += 1
      if (count === failsAt) throw new VarveError('ERR_IO', 'the thread died')
      return runStepsNow(writeFiles({ vfs, ...target }, plansOf(there), () => {}))
    },
    close: () => Promise.resolve(),
  }
}

/** A place with a small head, and with a thread or without. */
function smallBed(vfs: Bed['vfs'], hasThread: boolean, failsAt?: number): Bed {
  const bed = makeBed({ vfs, limits: small })
  if (!hasThread) return bed
  const env = { ...bed.env, threadWriter: () => writerOver(vfs, failsAt) }
  const open = async (given = {}): Promise<Store> =>
    (await openStore(root, { logger: bed.logger, ...given }, env)) as Store
  return { ...bed, env, open }
}

const filesIn = ({ vfs }: Bed, folder: string): string[] => vfs.list(`${root}/${folder}`)

const isChange = ({ operation }: Operation): boolean =>
  !['read', 'size', 'stat', 'list', 'close', 'open'].includes(operation)

describe.each([
  { mode: 'group', hasThread: true },
  { mode: 'os', hasThread: false },
] as const)('a log of mode $mode, with a thread: $hasThread', ({ mode, hasThread }) => {
  test('is sealed as it is read, and nothing is left of what was', async () => {
    const { vfs, moment } = await leftByLife(mode)
    const bed = smallBed(vfs.kill(), hasThread)
    const logsBefore = filesIn(bed, 'wal').length
    const store = await bed.open({ durability: mode })
    expect(moment.states).toContain(numbersOf(store))
    const { headBytes } = store.stats()
    expect(filesIn(bed, 'packs').length).toBeGreaterThan(2)
    // The chunks' room, not their rows: a few of the smallest size.
    expect(headBytes).toBeLessThan(4096)
    // The snapshot was taken over rows of the log: its files stay until it is dropped.
    expect(logsBefore).toBeGreaterThan(5)
    await store.dropSnapshot('middle')
    expect(filesIn(bed, 'wal').length).toBeLessThan(4)
    expect((await store.verify()).damage).toEqual([])
    await store.close()
  })

  test('power cut or kill at every operation, and again', async () => {
    const { vfs, moment } = await leftByLife(mode)
    const random = seededRandom(11)
    const left: { vfs: Bed['vfs']; name: string }[] = []
    const first = smallBed(vfs.kill(), hasThread)
    first.vfs.watch((operation, index) => {
      if (!isChange(operation)) return
      const name = `${index} ${operation.operation} ${operation.path}`
      left.push({ vfs: first.vfs.crash(), name: `${name}, cut` })
      left.push({ vfs: first.vfs.crash(random), name: `${name}, cut, some survive` })
      left.push({ vfs: first.vfs.kill(), name: `${name}, killed` })
    })
    const store = await first.open({ durability: mode })
    first.vfs.watch(undefined)
    const numbers = numbersOf(store)
    await store.close()
    expect(left.length).toBeGreaterThan(70)
    // What a kill left unsynced may be gone after a cut; nothing older may.
    for (const [at, each] of left.entries()) {
      try {
        await judge(each.vfs, moment, at)
      } catch (cause) {
        throw new Error(`${each.name}: ${String(cause)}`, { cause })
      }
    }
    expect(moment.states).toContain(numbers)
  })

  test('an operation that fails: refused or opened, and right the next time', async () => {
    const { vfs, moment } = await leftByLife(mode)
    let refused = 0
    let opened = 0
    for (let nth = 0; ; nth += 1) {
      const bed = smallBed(vfs.kill(), hasThread)
      let changes = 0
      let failed: string | undefined
      bed.vfs.watch((operation) => {
        if (!isChange(operation)) return
        changes += 1
        if (changes !== nth + 1) return
        failed = `${nth} ${operation.operation} ${operation.path}`
        bed.vfs.fail({ operation: operation.operation, times: 'once' })
      })
      const store = await bed.open({ durability: mode }).catch((error: unknown) => {
        expect(error, failed).toMatchObject({ code: 'ERR_IO' })
      })
      bed.vfs.watch(undefined)
      if (failed === undefined) {
        await store?.close()
        break
      }
      bed.vfs.heal()
      if (store === undefined) refused += 1
      else {
        opened += 1
        expect(moment.states, failed).toContain(numbersOf(store))
        await store.close()
      }
      expect(bed.vfs.handleCount, failed).toBe(0)
      const next = makeBed({ vfs: bed.vfs.kill(), limits: small })
      await checkLeft(next, moment, mode)
    }
    expect(refused).toBeGreaterThan(5)
    expect(opened).toBeGreaterThan(5)
  })
})

/** Opens with a small head, and opens again what its own end leaves. */
async function judge(vfs: Bed['vfs'], moment: Moment, at: number): Promise<void> {
  const bed = makeBed({ vfs, limits: small })
  const random = seededRandom(at)
  const cutAt = 10 + Math.floor(random() * 200)
  let again: Bed['vfs'] | undefined
  vfs.watch((_, index) => {
    if (index === cutAt) again = vfs.crash(random() < 0.5 ? undefined : random)
  })
  await checkLeft(bed, moment, 'group')
  vfs.watch(undefined)
  if (again !== undefined) await checkLeft(makeBed({ vfs: again, limits: small }), moment, 'os')
}

test.each([1, 2])('the thread dies at its lot %d: the rows are sealed here', async (failsAt) => {
  const { vfs, moment } = await leftByLife('group')
  const bed = smallBed(vfs, true, failsAt)
  const store = await bed.open()
  expect(bed.logged.map(({ level, message }) => [level, message])).toEqual([
    ['warn', 'a thread could not seal rows of the log; that is done without one'],
  ])
  expect(moment.states).toContain(numbersOf(store))
  expect(filesIn(bed, 'packs').length).toBeGreaterThan(2)
  await store.close()
  await checkLeft(makeBed({ vfs: bed.vfs.crash() }), moment, 'group')
})

test('a real thread over a real folder', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'varve-recovery-'))
  try {
    const env = { ...systemEnv, limits: { headBytesMax: Number.MAX_SAFE_INTEGER } }
    const store = (await openStore(`${folder}/store`, {}, env)) as Store
    const series = store.series(tick, 'A')
    const rows = 450_000
    const time = BigInt64Array.from({ length: 5000 }, (_, at) => BigInt(at) * 1000n)
    const number = Int32Array.from(time, (_, at) => at % 977)
    for (let from = 0; from < rows; from += time.length) {
      const later = time.map((each) => each + BigInt(from) * 1_000_000n)
      series.append({ time: later, number })
    }
    await store.flush()
    cpSync(`${folder}/store`, `${folder}/left`, { recursive: true })
    const digest = [...series.range({ columns: ['number'] }).columns.number]
    await store.close()
    let written = 0
    const writer = writerOnThread(silentLogger)!
    const spying: ThreadWriter = {
      rowsMin: writer.rowsMin,
      write: (...words) => {
        written += 1
        return writer.write(...words)
      },
      close: () => writer.close(),
    }
    const limits = { headBytesMax: 1_200_000 }
    const again = { ...systemEnv, limits, threadWriter: () => spying }
    const warned: string[] = []
    const warn = (_: object, text = ''): void => void warned.push(text)
    const logger = { ...silentLogger, warn, error: warn }
    const left = (await openStore(`${folder}/left`, { logger }, again)) as Store
    expect(warned).toEqual([])
    expect(written).toBeGreaterThan(0)
    expect(left.stats().segments).toBeGreaterThan(written)
    expect([...left.series(tick, 'A').range({ columns: ['number'] }).columns.number]).toEqual(
      digest,
    )
    expect((await left.verify()).damage).toEqual([])
    await left.close()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('damage anywhere in the log is found before anything is changed', async () => {
  const { vfs } = await leftByLife('group')
  const names = vfs.list(`${root}/wal`)
  const path = `${root}/wal/${names.at(-2)!}`
  const file = vfs.open(path, 'write')
  const byte = new Uint8Array(1)
  file.read(byte, 300)
  file.write(Uint8Array.of(byte[0]! ^ 1), 300)
  file.datasyncSync()
  file.close()
  const bed = makeBed({ vfs, limits: small })
  const before = bed.vfs.kill()
  await expect(bed.open()).rejects.toMatchObject({ code: 'ERR_CORRUPT', details: { file: path } })
  expect(filesIn(bed, 'packs')).toEqual([])
  const sizeOf = ({ vfs: files }: Bed): number =>
    files.stat(`${root}/manifest/000000000001.manifest`)!.bytes
  expect(sizeOf(bed)).toBe(sizeOf(makeBed({ vfs: before })))
  const store = await bed.open({ recovery: 'salvage' })
  expect(store.recovery.quarantined.length).toBeGreaterThan(0)
  expect(numbersOf(store).split(' ').length).toBeGreaterThan(15)
  await store.close()
})

test('where runs cannot be written the rows stay in memory, and the store opens', async () => {
  const { vfs, moment } = await leftByLife('group')
  const bed = makeBed({ vfs, limits: small })
  bed.vfs.fail({ operation: 'write', path: /\.draft$/, code: 'ERR_DISK_FULL', times: 'forever' })
  const store = await bed.open()
  expect(bed.logged.filter(({ level }) => level === 'error')).toHaveLength(1)
  expect(moment.states).toContain(numbersOf(store))
  expect(filesIn(bed, 'packs')).toEqual([])
  bed.vfs.heal()
  await store.seal()
  expect(filesIn(bed, 'packs')).toHaveLength(1)
  await store.close()
  await checkLeft(makeBed({ vfs: bed.vfs.crash() }), moment, 'group')
})
