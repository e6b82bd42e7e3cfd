// Goal: a compaction takes what processors others leave, and is done all the same where they leave nothing. Method:
// real threads whose class the system tells; the check of starvation over made clocks; a thread that says it starved.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { cancelFlag, compactorOnThread } from '#compact'
import type { Compactor } from '#compact'
import { isNativeAllowed } from '../../src/kernel/native.ts'
import { starvationCheck } from '../../src/compact/thread-job.ts'
import { diskVfs } from '#vfs'
import { jobOf, tradeInputs } from './bed.ts'

const starving = new URL('starving-worker.mjs', import.meta.url).href
const policyIdle = 5
/** Counted from the state, which follows the name in parentheses: proc_pid_stat(5). */
const policyField = 38
let directory: string
let compactor: Compactor

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'varve-background-'))
})

afterEach(async () => {
  delete process.env['VARVE_TEST_STARVED']
  await compactor.close()
  rmSync(directory, { recursive: true, force: true })
})

function hasKoffi(): boolean {
  try {
    createRequire(import.meta.url)('koffi')
    return true
  } catch {
    return false
  }
}

function threadsInBackground(): number {
  const policies = readdirSync('/proc/self/task').map((thread) => {
    const text = readFileSync(`/proc/self/task/${thread}/stat`, 'latin1')
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[policyField])
  })
  return policies.filter((policy) => policy === policyIdle).length
}

const isSupported = process.platform === 'linux' && isNativeAllowed() && hasKoffi()

test.skipIf(!isSupported)(
  'the thread steps aside for all others, and no other one does',
  async () => {
    const before = threadsInBackground()
    compactor = compactorOnThread()
    const job = jobOf(directory, tradeInputs(diskVfs, directory, 4, 20_000))
    expect(await compactor.run(job, cancelFlag())).toMatchObject({ end: 'done' })
    expect(threadsInBackground()).toBe(before + 1)
  },
)

test('a job that starved is done by a thread like all others', async () => {
  process.env['VARVE_TEST_STARVED'] = '3'
  compactor = compactorOnThread(starving)
  const job = jobOf(directory, tradeInputs(diskVfs, directory, 4, 20_000))
  const outcome = await compactor.run(job, cancelFlag())
  if (outcome.end !== 'done') throw new Error(JSON.stringify(outcome))
  expect(outcome.drafts[0]!.finished.runs[0]!.rowCount).toBe(80_000)
  expect(readdirSync(directory)).toContain('100.draft')
})

test('starved is who waited for nearly all of five seconds, at any time of a job', () => {
  compactor = compactorOnThread()
  let now = 1000
  let waited = 70
  let calls = 0
  const check = starvationCheck(
    () => (calls += 1),
    () => waited,
    () => now,
  )
  const pass = (elapsedMs: number, waitedMs: number): void => {
    now += elapsedMs
    waited += waitedMs
    check()
  }
  pass(4000, 4000)
  pass(2000, 1000) // 5,000 of 6,000.
  for (let step = 0; step < 20; step += 1) pass(1000, 890)
  pass(3000, 3000)
  expect(() => pass(3000, 3000)).toThrow('')
  expect(calls).toBe(24)
})
