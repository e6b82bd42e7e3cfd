// Goal: where the system allows a process no larger files, or no more open ones, appends are refused before they are
// taken, reads go on, and once it allows more the same handle goes on. Method: the limits of a running writer of the
// build are lowered and raised again from outside (prlimit). Files too large give EFBIG and a signal that Node ignores.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { open } from '#store'
import { Child, covered, killChildren, rowsIn, sleep } from '../store/beside-child.ts'

const cycles = 2
/** Rows of one call, bytes of a log file, a pause between calls. */
const pace = ['20', String(1 << 20), '1']

function prlimit(pid: number | 'self', words: string): boolean {
  return spawnSync('prlimit', [`--pid=${pid === 'self' ? process.pid : pid}`, words]).status === 0
}

const isMissing = process.platform !== 'linux' || !prlimit('self', '--nofile')
const why = isMissing ? ' (no prlimit)' : ''

let path: string
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'varve-limits-'))
})
afterEach(async () => {
  await killChildren()
  rmSync(path, { recursive: true })
})

interface Case {
  readonly what: string
  /** What is refused. */
  readonly code: 'ERR_DISK_FULL' | 'ERR_IO'
  /** Appends must be refused; where they need not be, they may. */
  readonly isRefused: boolean
  /** Rows that are not in memory need a file to be opened. */
  readonly isReadable: boolean
  readonly lower: (pid: number) => string
  readonly raise: string
}

const openFiles = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length

const cases: readonly Case[] = [
  {
    what: 'no file larger than 200 KiB',
    code: 'ERR_DISK_FULL',
    isRefused: true,
    isReadable: true,
    // Less than any log file is from its start, more than an edit of the manifest.
    lower: () => `--fsize=${200 << 10}:unlimited`,
    raise: '--fsize=unlimited:unlimited',
  },
  {
    what: 'no more open files than there are',
    code: 'ERR_IO',
    isRefused: false,
    isReadable: true,
    lower: (pid) => `--nofile=${openFiles(pid)}:4096`,
    raise: '--nofile=4096:4096',
  },
  {
    what: 'no file opened any more',
    code: 'ERR_IO',
    isRefused: true,
    isReadable: false,
    lower: () => '--nofile=3:4096',
    raise: '--nofile=4096:4096',
  },
]

test.skipIf(isMissing).each(cases)(`$what${why}`, async (limit) => {
  const writer = new Child('beside-writer.mjs', path, ['group', ...pace])
  await writer.line('did seal')
  const pid = writer.process.pid!
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    expect(prlimit(pid, limit.lower(pid))).toBe(true)
    if (limit.isRefused) await writer.refused('append')
    await sleep(limit.isRefused ? 100 : 500)
    const { taken } = writer
    expect(prlimit(pid, limit.raise)).toBe(true)
    await writer.acknowledges(taken + 1)
  }
  await writer.stop()
  const codes = Object.keys(writer.refusals).map((name) => name.split(' ')[0])
  expect(codes.filter((code) => code !== limit.code)).toEqual([])
  if (limit.isReadable) expect(writer.numbers('unreadable')).toEqual([])
  const store = await open(path)
  expect(rowsIn(store)).toBe(writer.numbers('end')[0])
  expect((await store.verify()).damage).toEqual([])
  await store.close()
  covered(cycles, `times under a limit`)
})
