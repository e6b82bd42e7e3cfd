// Goal: a compaction runs on a thread of its own, can be cancelled, and the death of that thread is
// an error like any other. Method: real threads over a real folder, run from the build; a thread
// that exits, throws or dawdles midway.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { threadId } from 'node:worker_threads'
import { cancelFlag, compactFiles, compactorOnThread, raise, runStepsNow } from '#compact'
import type { Compactor } from '#compact'
import { diskVfs, memoryVfs } from '#vfs'
import { jobOf, seriesOf, tradeInputs } from './bed.ts'

const dying = new URL('dying-worker.mjs', import.meta.url).href
let directory: string
let compactor: Compactor

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'varve-compact-'))
})

afterEach(async () => {
  delete process.env['VARVE_TEST_DEATH']
  await compactor.close()
  rmSync(directory, { recursive: true, force: true })
})

/** A job over 4 inputs of 20,000 rows. */
const job = (): ReturnType<typeof jobOf> =>
  jobOf(directory, tradeInputs(diskVfs, directory, 4, 20_000))

const draft = (): string => join(directory, '100.draft')

test('the thread is another one, and does what this one would', async () => {
  compactor = compactorOnThread()
  const outcome = await compactor.run(job(), cancelFlag())
  if (outcome.end !== 'done') throw new Error(JSON.stringify(outcome))
  expect(outcome.threadId).not.toBe(threadId)
  const vfs = memoryVfs()
  vfs.makeDirectory('/twin')
  const here = jobOf('/twin', tradeInputs(vfs, '/twin', 4, 20_000), seriesOf())
  const [twin] = runStepsNow(compactFiles(vfs, here, () => {}))
  const [done] = outcome.drafts
  expect(done!.finished.runs[0]!.contentHash).toEqual(twin!.finished.runs[0]!.contentHash)
  expect(done!.finished.runs[0]!.rowCount).toBe(80_000)
  expect(diskVfs.stat(draft())?.bytes).toBe(done!.finished.bytes)
})

test('one thread after the other: the second job finds the first one there', async () => {
  compactor = compactorOnThread()
  const inputs = tradeInputs(diskVfs, directory, 2, 100)
  const first = await compactor.run(jobOf(directory, inputs, seriesOf(), 100), cancelFlag())
  const second = await compactor.run(jobOf(directory, inputs, seriesOf(), 101), cancelFlag())
  expect(first).toMatchObject({ end: 'done' })
  expect(second).toMatchObject({ end: 'done', threadId: first.end === 'done' && first.threadId })
})

test.each(['exit', 'uncaught'])('a thread that dies midway: %s', async (how) => {
  process.env['VARVE_TEST_DEATH'] = `${how}:3`
  compactor = compactorOnThread(dying)
  const all = job()
  await expect(compactor.run(all, cancelFlag())).rejects.toMatchObject({ code: 'ERR_IO' })
  // The draft is there, half of it or whole: it is the store's to remove.
  expect(existsSync(draft())).toBe(true)
  process.env['VARVE_TEST_DEATH'] = 'none:0'
  rmSync(draft())
  expect(await compactor.run(all, cancelFlag())).toMatchObject({ end: 'done' })
})

test('a bug on the thread is told as one, and the draft is gone', async () => {
  process.env['VARVE_TEST_DEATH'] = 'throw:3'
  compactor = compactorOnThread(dying)
  const outcome = await compactor.run(job(), cancelFlag())
  expect(outcome).toMatchObject({ end: 'failed', failure: { code: undefined } })
  expect(outcome.end === 'failed' && outcome.failure.message).toBe('no such thing')
  expect(existsSync(draft())).toBe(false)
})

test('a thread that cannot start', async () => {
  compactor = compactorOnThread(new URL('nowhere.mjs', import.meta.url).href)
  const running = compactor.run(job(), cancelFlag())
  await expect(running).rejects.toMatchObject({ code: 'ERR_IO' })
})

test('a cancel midway: soon over, nothing left', async () => {
  process.env['VARVE_TEST_DEATH'] = 'slow:0'
  compactor = compactorOnThread(dying)
  const flag = cancelFlag()
  const running = compactor.run(job(), flag)
  while (!existsSync(draft())) await new Promise((resume) => setTimeout(resume, 5))
  raise(flag)
  expect(await running).toEqual({ end: 'cancelled' })
  expect(readdirSync(directory).sort()).toEqual([0, 1, 2, 3].map((at) => `${at}.segment`))
})

test('damaged inputs: the place is named', async () => {
  compactor = compactorOnThread()
  const inputs = tradeInputs(diskVfs, directory, 2, 5000)
  const file = diskVfs.open(inputs[1]!.path, 'write')
  const bytes = new Uint8Array(1)
  const { footerOffset } = inputs[1]!
  file.read(bytes, footerOffset - 100)
  file.write(Uint8Array.of(bytes[0]! ^ 4), footerOffset - 100)
  file.close()
  const outcome = await compactor.run(jobOf(directory, inputs), cancelFlag())
  expect(outcome).toMatchObject({
    end: 'failed',
    failure: { code: 'ERR_CORRUPT', details: { file: inputs[1]!.path, series: 'trade/SPY' } },
  })
})
