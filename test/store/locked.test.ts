// Goal: a lock whose holder cannot be named is waited for, but not for long: a writer that was killed while it took the
// lock leaves it to its flock(1) for some milliseconds. Method: flock(1) holds the file on a real disk.
import { open } from '#store'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const hasFlock = spawnSync('flock', ['--version']).error === undefined
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'varve-locked-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** flock(1) holds the lock file for so long; resolves when it does. `pid` is what the file says. */
async function held(seconds: number, pid: string): Promise<() => void> {
  const path = join(folder, 'LOCK')
  writeFileSync(path, pid)
  const child = spawn('flock', ['-x', path, '-c', `echo held; sleep ${seconds}`])
  await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()))
  return () => child.kill()
}

/** A process that was, and is no more. */
const deadPid = (): string => `${spawnSync('true').pid}\n`

test.skipIf(!hasFlock)('a lock of the dead is waited for', async () => {
  for (const pid of ['', deadPid()]) {
    const stop = await held(0.3, pid)
    const store = await open(folder)
    expect(store.state).toBe('open')
    await store.close()
    stop()
  }
})

test.skipIf(!hasFlock)('a lock that stays is refused', async () => {
  const stop = await held(20, '')
  await expect(open(folder)).rejects.toMatchObject({
    code: 'ERR_LOCKED',
    details: { pid: undefined },
  })
  stop()
})
