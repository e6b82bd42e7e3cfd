// Goal: one process holds a lock file at a time, whatever its add-ons; its death frees the lock.
// Method: child processes over the build, with native add-ons and without, in all four pairings,
// each refused by the other and named by its pid; SIGKILL; then the ways of failing, by mischief
// and mocks.
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import * as realFs from 'node:fs'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { dropLease, startOfStat, takeLease } from '../../src/vfs/lease.ts'

const childScript = fileURLToPath(new URL('./lock-child.mjs', import.meta.url))
const hasBuild = existsSync(new URL('../../dist/src/vfs/index.js', import.meta.url))
const isLinux = process.platform === 'linux'

interface Said {
  readonly isHeld: boolean
  readonly pid?: number
}

let root: string
let lockPath: string
const children: ChildProcess[] = []

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'varve-lock-'))
  lockPath = join(root, 'LOCK')
})

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((done) => child.once('exit', done))
  child.kill(signal)
  await ended
}

afterEach(async () => {
  for (const child of children.splice(0)) await end(child, 'SIGKILL')
  rmSync(root, { recursive: true })
  vi.unstubAllEnvs()
  vi.doUnmock('node:child_process')
  vi.doUnmock('node:module')
  vi.doUnmock('node:fs')
  vi.unstubAllGlobals()
  vi.resetModules()
})

async function start(native: string): Promise<{ child: ChildProcess; said: Said }> {
  const env = { ...process.env, VARVE_NATIVE: native }
  const stdio: ['ignore', 'pipe', 'inherit'] = ['ignore', 'pipe', 'inherit']
  const child = spawn(process.execPath, [childScript, lockPath], { env, stdio })
  children.push(child)
  for await (const line of createInterface({ input: child.stdout! })) {
    return { child, said: JSON.parse(line) as Said }
  }
  throw new Error('the child said nothing')
}

const settings = ['on', 'off']
const pairs = settings.flatMap((first) => settings.map((second) => [first, second] as const))

describe.skipIf(!hasBuild)('two processes', () => {
  it.each(pairs)('native %s holds, native %s is refused', async (first, second) => {
    const holder = await start(first)
    expect(holder.said).toEqual({ isHeld: true })
    const refused = await start(second)
    expect(refused.said).toEqual({ isHeld: false, pid: holder.child.pid })
    expect(readdirSync(root)).toEqual(['LOCK'])

    await end(holder.child, 'SIGKILL')
    const next = await start(second)
    expect(next.said).toEqual({ isHeld: true })
    expect(readFileSync(lockPath, 'utf8')).toBe(`${next.child.pid}\n`)
  })

  it('a holder in another process is seen by this one', async () => {
    const holder = await start('off')
    const { diskVfs } = await import('#vfs')
    expect(diskVfs.lock(lockPath)).toEqual({ holder: { pid: holder.child.pid } })
    await end(holder.child, 'SIGTERM')
    const mine = diskVfs.lock(lockPath)
    expect('lock' in mine).toBe(true)
    if ('lock' in mine) mine.lock.release()
  })
})

describe('one process', () => {
  it.each(settings)(
    'native %s: a second lock is refused, also over another name',
    async (native) => {
      vi.stubEnv('VARVE_NATIVE', native)
      const { diskVfs } = await import('#vfs')
      const first = diskVfs.lock(lockPath)
      expect('lock' in first).toBe(true)
      const other = join(root, 'x', '..', 'LOCK')
      mkdirSync(join(root, 'x'))
      expect(diskVfs.lock(other)).toEqual({ holder: { pid: process.pid } })
      if ('lock' in first) first.lock.release()
    },
  )

  it('a child that this process starts does not inherit the lock', async () => {
    const { diskVfs } = await import('#vfs')
    const first = diskVfs.lock(lockPath)
    const sleeper = spawn('sleep', ['30'], { stdio: 'ignore' })
    children.push(sleeper)
    if ('lock' in first) first.lock.release()
    const second = diskVfs.lock(lockPath)
    expect('lock' in second).toBe(true)
    if ('lock' in second) second.lock.release()
  })

  it.each([
    ['nothing', ''],
    ['no number', 'hello\n'],
    ['zero', '0\n'],
    ['a number too long', '99999999999999999999'],
    ['a number cut short', '12'],
  ])('a holder that wrote %s is held to be unknown', async (_, content) => {
    const { diskVfs } = await import('#vfs')
    const first = diskVfs.lock(lockPath)
    writeFileSync(lockPath, content)
    expect(diskVfs.lock(lockPath)).toEqual({ holder: { pid: undefined } })
    if ('lock' in first) first.lock.release()
  })
})

/** The exit status flock(1) would have, or the error that starting it would give. */
function mockFlock(outcome: { status?: number; code?: string; run?: () => void }): string[] {
  const programs: string[] = []
  vi.doMock('node:child_process', () => ({
    spawnSync: (program: string, args: string[], options: object) => {
      if (!program.endsWith('flock')) return spawnSync(program, args, options)
      programs.push(program)
      outcome.run?.()
      if (outcome.code === undefined) return { status: outcome.status }
      return { status: null, error: Object.assign(new Error('spawn'), { code: outcome.code }) }
    },
  }))
  return programs
}

describe('without flock(1)', () => {
  it('a lease is taken, excludes others, and goes with the release', async () => {
    vi.stubEnv('VARVE_NATIVE', 'off')
    const programs = mockFlock({ code: 'ENOENT' })
    const { diskVfs } = await import('#vfs')
    const first = diskVfs.lock(lockPath)
    expect(programs).toEqual(['/usr/bin/flock', '/bin/flock', '/usr/local/bin/flock', 'flock'])
    expect(readdirSync(root)).toHaveLength(2)
    expect(diskVfs.lock(lockPath)).toEqual({ holder: { pid: process.pid } })
    if ('lock' in first) first.lock.release()
    expect(readdirSync(root)).toEqual(['LOCK'])
    const { kernelInfo } = await import('#kernel')
    expect(kernelInfo()['lock']).toBe('lease')
  })

  it('a lease is taken where flock(1) only complains', async () => {
    vi.stubEnv('VARVE_NATIVE', 'off')
    mockFlock({ status: 71 })
    const { diskVfs } = await import('#vfs')
    const first = diskVfs.lock(lockPath)
    expect(readdirSync(root)).toHaveLength(2)
    if ('lock' in first) first.lock.release()
  })

  it('nothing is started on Windows', async () => {
    vi.stubEnv('VARVE_NATIVE', 'off')
    const programs = mockFlock({ status: 0 })
    vi.stubGlobal('process', { ...process, platform: 'win32' })
    const { tryLockDescriptor } = await import('#kernel')
    expect(tryLockDescriptor(0)).toEqual({ isRefused: false, isCommon: false })
    expect(programs).toEqual([])
  })

  it('a flock(1) that cannot be started just now is an error', async () => {
    vi.stubEnv('VARVE_NATIVE', 'off')
    mockFlock({ code: 'EAGAIN' })
    const { diskVfs } = await import('#vfs')
    expect(() => diskVfs.lock(lockPath)).toThrow(
      expect.objectContaining({ code: 'ERR_IO', retryable: true }),
    )
    expect(readdirSync(root)).toEqual(['LOCK'])
  })
})

describe('mischief', () => {
  it('a lock file replaced meanwhile is locked again, but not for ever', async () => {
    vi.stubEnv('VARVE_NATIVE', 'off')
    let replacements = 1
    const replace = (): void => {
      if (replacements-- > 0) renameSync(lockPath, join(root, 'away'))
    }
    mockFlock({ status: 0, run: replace })
    const { diskVfs } = await import('#vfs')
    const first = diskVfs.lock(lockPath)
    expect(readFileSync(lockPath, 'utf8')).toBe(`${process.pid}\n`)
    expect(readFileSync(join(root, 'away'), 'utf8')).toBe('')
    if ('lock' in first) first.lock.release()
    replacements = Number.POSITIVE_INFINITY
    expect(() => diskVfs.lock(lockPath)).toThrow(
      expect.objectContaining({
        code: 'ERR_IO',
        details: expect.objectContaining({ errno: 'ESTALE' }),
      }),
    )
  })
})

describe('native lock that fails', () => {
  async function lockWith(code: string): Promise<unknown> {
    const refuse = (): never => {
      throw Object.assign(new Error(code), { code })
    }
    vi.doMock('node:module', () => ({ createRequire: () => () => ({ tryLock: refuse }) }))
    vi.stubEnv('VARVE_NATIVE', 'on')
    const { diskVfs } = await import('#vfs')
    const outcome = diskVfs.lock(lockPath)
    if ('lock' in outcome) outcome.lock.release()
    return 'lock' in outcome
  }

  it('leaves it to the common ground where the file system has no such locks', async () => {
    expect(await lockWith('ENOLCK')).toBe(true)
  })
  it('is refused where the system says so in other words', async () => {
    expect(await lockWith('EACCES')).toBe(false)
  })
  it('is an error otherwise', async () => {
    await expect(lockWith('EBADF')).rejects.toMatchObject({
      code: 'ERR_IO',
      details: { operation: 'lock', errno: 'EBADF' },
    })
  })
})

describe('lease', () => {
  it('reads the start of a process also behind a malicious name', () => {
    const fields = Array.from({ length: 50 }, (_, index) => String(index + 3))
    expect(startOfStat(`12 (a) b) (c) ${fields.join(' ')}`)).toBe('22')
    expect(startOfStat('12 (a) S 1')).toBe('x')
  })

  it.runIf(isLinux)('is refused by a live holder and taken from dead ones', () => {
    const taken = takeLease(lockPath)
    if (!('lease' in taken)) throw new Error('refused')
    expect(takeLease(lockPath)).toEqual({ pid: process.pid })
    const own = readdirSync(root)[0]!
    const [, start, boot] = own.slice('LOCK.lease-'.length).split('-')
    dropLease(taken.lease)

    const parent = readFileSync(`/proc/${process.ppid}/stat`, 'latin1')
    const live = `LOCK.lease-${process.ppid}-${startOfStat(parent)}-${boot}`
    writeFileSync(join(root, live), '')
    expect(takeLease(lockPath)).toEqual({ pid: process.ppid })
    expect(readdirSync(root)).toEqual([live])
    rmSync(join(root, live))

    const dead = [
      `LOCK.lease-4194999-${start}-${boot}`, // no such process
      `LOCK.lease-${process.ppid}-1-${boot}`, // its pid was given to another
      `LOCK.lease-${process.ppid}-${startOfStat(parent)}-0123456789abcdef`, // before a restart
      'LOCK.lease-x', // nonsense
    ]
    for (const name of dead) writeFileSync(join(root, name), '')
    writeFileSync(join(root, 'LOCK.other'), '')
    const again = takeLease(lockPath)
    expect('lease' in again).toBe(true)
    expect(readdirSync(root)).toEqual([own, 'LOCK.other'])
  })

  it('passes on what is not about other holders', () => {
    expect(() => takeLease(join(root, 'none', 'LOCK'))).toThrow(/ENOENT/)
  })

  it('names a process without /proc by what ps says, or by nothing', async () => {
    let listing: string | undefined = 'Sat Nov 21 01:40:55 2026\n'
    const procless = (path: string, encoding: 'latin1'): string => {
      if (path.startsWith('/proc/')) throw Object.assign(new Error(path), { code: 'ENOENT' })
      return realFs.readFileSync(path, encoding)
    }
    vi.doMock('node:fs', () => ({ ...realFs, readFileSync: procless }))
    vi.doMock('node:child_process', () => ({ spawnSync: () => ({ stdout: listing }) }))
    const { takeLease: take, dropLease: drop } = await import('../../src/vfs/lease.ts')
    const first = take(lockPath)
    if (!('lease' in first)) throw new Error('refused')
    expect(readdirSync(root)).toEqual([`LOCK.lease-${process.pid}-SatNov210140552026-x`])
    drop(first.lease)
    writeFileSync(join(root, `LOCK.lease-4194999-SatNov210140552026-x`), '')
    writeFileSync(join(root, `LOCK.lease-${process.ppid}-SatNov210140552026-x`), '')
    expect(take(lockPath)).toEqual({ pid: process.ppid })
    listing = undefined
    const second = take(lockPath)
    if (!('lease' in second)) throw new Error('refused')
    expect(readdirSync(root)).toEqual([`LOCK.lease-${process.pid}-x-x`])
    drop(second.lease)

    // A process of another user runs: the system refuses to signal it.
    const refuse = (): never => {
      throw Object.assign(new Error('kill'), { code: 'EPERM' })
    }
    vi.stubGlobal('process', { ...process, pid: process.pid, kill: refuse })
    writeFileSync(join(root, 'LOCK.lease-4194999-x-x'), '')
    expect(take(lockPath)).toEqual({ pid: 4_194_999 })

    // The system knows no process at all, this one included: every other lease is dead.
    const deny = (): never => {
      throw Object.assign(new Error('kill'), { code: 'ESRCH' })
    }
    vi.stubGlobal('process', { ...process, pid: 7, kill: deny })
    expect(take(lockPath)).toEqual({ lease: join(root, 'LOCK.lease-7-x-x') })
    expect(readdirSync(root)).toEqual(['LOCK.lease-7-x-x'])
  })

  it('passes on a failure that the system did not name', async () => {
    const broken = (): never => {
      throw new RangeError('not of the system')
    }
    vi.doMock('node:fs', () => ({ ...realFs, readFileSync: broken }))
    const { takeLease: take } = await import('../../src/vfs/lease.ts')
    expect(() => take(lockPath)).toThrow(RangeError)
  })
})
