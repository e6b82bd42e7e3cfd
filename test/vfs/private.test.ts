// Goal: what a store writes is its owner's alone, whatever the umask, and the lock of a killed writer is not kept by a
// child that lives on. Method: real files under umask 0, their modes looked at; a process over the build that takes the
// lock, starts a child and is killed.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { column, defineKind } from '#schema'
import { open } from '#store'
import { diskVfs } from '#vfs'

const parentScript = fileURLToPath(new URL('./lock-parent.mjs', import.meta.url))
const hasBuild = existsSync(new URL('../../dist/src/vfs/index.js', import.meta.url))
const isPosix = process.platform !== 'win32'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'varve-private-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test.skipIf(!isPosix)('folders are 0700 and files 0600, also under umask 0', async () => {
  const before = process.umask(0)
  const root = join(folder, 'store')
  try {
    const store = await open(root, { durability: 'sync' })
    const tick = defineKind('tick', { columns: { value: column.i32() } })
    const names = ['../../etc/passwd', 'a/b', '.', '..', 'CON', 'x'.repeat(128)]
    for (const name of names) store.series(tick, name).append({ time: 1n, value: 1 })
    await store.seal()
    for (const name of names) store.series(tick, name).append({ time: 2n, value: 2 })
    await store.snapshot('../s')
    await store.close()
    const reader = await open(root, { mode: 'read' })
    expect(
      reader
        .list()
        .map(({ symbol }) => symbol)
        .sort(),
    ).toEqual([...names].sort())
    await reader.close()
  } finally {
    process.umask(before)
  }
  const found = readdirSync(root, { recursive: true }).map((name) => join(root, String(name)))
  expect(found.length).toBeGreaterThan(6)
  for (const path of [root, ...found]) {
    const stat = statSync(path)
    expect((stat.mode & 0o777).toString(8), path).toBe(stat.isDirectory() ? '700' : '600')
    // Symbols are nowhere in names.
    expect(path.slice(root.length)).toMatch(/^[/\\\w.-]*$/)
    expect(path.slice(root.length)).not.toMatch(/passwd|CON|xxx/)
  }
  // Nothing was written beside the store.
  expect(readdirSync(folder)).toEqual(['store'])
})

test.skipIf(!hasBuild || !isPosix)(
  'a child that outlives a killed writer keeps no lock',
  async () => {
    const lock = join(folder, 'LOCK')
    const parent = spawn(process.execPath, [parentScript, lock], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const said = await new Promise<{ isHeld: boolean; child: number }>((resolve) => {
      createInterface(parent.stdout).once('line', (line) => resolve(JSON.parse(line) as never))
    })
    try {
      expect(said.isHeld).toBe(true)
      expect(diskVfs.lock(lock)).toEqual({ holder: { pid: parent.pid } })
      const ended = new Promise((resolve) => parent.once('exit', resolve))
      parent.kill('SIGKILL')
      await ended
      expect(() => process.kill(said.child, 0)).not.toThrow()
      const taken = diskVfs.lock(lock)
      expect('lock' in taken).toBe(true)
      if ('lock' in taken) taken.lock.release()
    } finally {
      process.kill(said.child, 'SIGKILL')
    }
  },
)
