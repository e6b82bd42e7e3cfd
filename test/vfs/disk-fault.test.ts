// Goal: what a disk may do to a program, and rarely does, is met as the port says.
// Method: node:fs with single calls replaced: short counts, counts of zero, failed syncs, refusals.
import { spawnSync } from 'node:child_process'
import * as realFs from 'node:fs'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { diskVfs } from '#vfs'
import type { Vfs } from '#vfs'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'varve-fault-'))
  vi.resetModules()
})
afterEach(() => {
  vi.doUnmock('node:fs')
  vi.unstubAllGlobals()
  rmSync(root, { recursive: true })
})

async function diskWith(replaced: object): Promise<Vfs> {
  vi.doMock('node:fs', () => ({ ...realFs, ...replaced }))
  return (await import('#vfs')).diskVfs
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code })
}

function refuse(code: string): () => never {
  return () => {
    throw systemError(code)
  }
}

it('goes on after short counts, in both directions', async () => {
  const sizes: number[] = []
  const disk = await diskWith({
    writeSync: (fd: number, bytes: Uint8Array, at: number, count: number, offset: number) => {
      sizes.push(count)
      return realFs.writeSync(fd, bytes, at, Math.min(3, count), offset)
    },
    readSync: (fd: number, bytes: Uint8Array, at: number, count: number, offset: number) =>
      realFs.readSync(fd, bytes, at, Math.min(2, count), offset),
  })
  const file = disk.open(join(root, 'a'), 'create')
  file.write(new TextEncoder().encode('0123456789'), 2)
  expect(sizes).toEqual([10, 7, 4, 1])
  const bytes = new Uint8Array(20)
  expect(file.read(bytes, 1)).toBe(11)
  expect(new TextDecoder().decode(bytes.subarray(0, 11))).toBe('\u00000123456789')
  file.close()
})

it('calls a write of nothing an error, not a loop', async () => {
  const disk = await diskWith({ writeSync: () => 0 })
  const file = disk.open(join(root, 'a'), 'create')
  expect(() => file.write(new Uint8Array(5), 0)).toThrow(
    expect.objectContaining({ code: 'ERR_IO' }),
  )
  file.close()
})

it.each([
  ['ENOSPC', 'ERR_DISK_FULL'],
  ['EDQUOT', 'ERR_DISK_FULL'],
  ['EFBIG', 'ERR_DISK_FULL'],
  ['EIO', 'ERR_IO'],
  ['EMFILE', 'ERR_IO'],
  ['EROFS', 'ERR_IO'],
])('maps %s to %s, in every call', async (errno, code) => {
  const fail = refuse(errno)
  const disk = await diskWith({
    writeSync: fail,
    readSync: fail,
    ftruncateSync: fail,
    fdatasyncSync: fail,
    fsyncSync: fail,
    fstatSync: fail,
    readdirSync: fail,
    renameSync: fail,
    unlinkSync: fail,
    statfsSync: fail,
    fdatasync: (_: number, done: (error: Error) => void) => done(systemError(errno)),
  })
  const path = join(root, 'a')
  const file = disk.open(path, 'create')
  const calls: Record<string, () => unknown> = {
    write: () => file.write(new Uint8Array(1), 0),
    read: () => file.read(new Uint8Array(1), 0),
    truncate: () => file.truncate(0),
    datasync: () => file.datasyncSync(),
    size: () => file.size(),
    list: () => disk.list(path),
    rename: () => disk.rename(path, path),
    unlink: () => disk.unlink(path),
    freeBytes: () => disk.freeBytes(path),
    syncDirectory: () => disk.syncDirectory(path),
  }
  for (const [operation, call] of Object.entries(calls)) {
    const details = { operation, file: path, errno }
    expect(call).toThrow(expect.objectContaining({ code, details }))
  }
  await expect(file.datasync()).rejects.toMatchObject({
    code,
    details: { operation: 'datasync', file: path, errno },
    cause: { code: errno },
  })
  file.close()
})

it('maps a failed open, stat, close and lock', async () => {
  const path = join(root, 'a')
  const disk = await diskWith({ openSync: refuse('EMFILE'), statSync: refuse('EACCES') })
  const details = { file: path, errno: 'EMFILE' }
  for (const call of [() => disk.open(path, 'create'), () => disk.lock(path)]) {
    expect(call).toThrow(
      expect.objectContaining({ code: 'ERR_IO', details: expect.objectContaining(details) }),
    )
  }
  expect(() => disk.stat(path)).toThrow(expect.objectContaining({ code: 'ERR_IO' }))
  vi.resetModules()
  let isClosing = false
  const closing = await diskWith({
    closeSync: (fd: number) => {
      realFs.closeSync(fd)
      if (isClosing) throw systemError('EIO')
    },
  })
  const file = closing.open(path, 'create')
  isClosing = true
  expect(() => file.close()).toThrow(expect.objectContaining({ code: 'ERR_IO' }))
  file.close()
})

it('passes on a failure that is no system error as ERR_IO with its cause', async () => {
  const cause = new RangeError('not of the system')
  const disk = await diskWith({
    renameSync: () => {
      throw cause
    },
  })
  expect(() => disk.rename('/a', '/b')).toThrow(expect.objectContaining({ code: 'ERR_IO', cause }))
})

it('makes no directory whose name it cannot make durable', async () => {
  const synced: string[] = []
  let isBroken = true
  const paths = new Map<number, string>()
  const disk = await diskWith({
    openSync: (path: string, flags: string, mode?: number) => {
      const fd = realFs.openSync(path, flags, mode)
      paths.set(fd, path)
      return fd
    },
    fsyncSync: (fd: number) => {
      const path = paths.get(fd) ?? ''
      if (isBroken && path === join(root, 'd')) throw systemError('EIO')
      synced.push(path)
    },
  })
  expect(() => disk.makeDirectory(join(root, 'd/e/f'))).toThrow(
    expect.objectContaining({ code: 'ERR_IO' }),
  )
  expect(disk.list(join(root, 'd'))).toEqual([])
  isBroken = false
  disk.makeDirectory(join(root, 'd/e/f'))
  expect(synced).toEqual([root, join(root, 'd'), join(root, 'd/e')])
})

it('finds a directory that another process made meanwhile', async () => {
  const disk = await diskWith({
    mkdirSync: (path: string, mode: number) => {
      realFs.mkdirSync(path, mode)
      throw systemError('EEXIST')
    },
  })
  disk.makeDirectory(join(root, 'd'))
  expect(disk.stat(join(root, 'd'))?.kind).toBe('directory')
})

it('does without directory syncs on Windows only', async () => {
  const disk = await diskWith({ fsyncSync: refuse('EPERM') })
  expect(() => disk.syncDirectory(root)).toThrow(expect.objectContaining({ code: 'ERR_IO' }))
  vi.stubGlobal('process', { ...process, platform: 'win32' })
  disk.syncDirectory(root)
  expect(() => disk.syncDirectory(join(root, 'none'))).toThrow(
    expect.objectContaining({ code: 'ERR_NOT_FOUND' }),
  )
})

it('closes the descriptor after the last sync under way, not before', async () => {
  const pending: (() => void)[] = []
  const closed: number[] = []
  const disk = await diskWith({
    fdatasync: (_: number, done: (error: null) => void) => pending.push(() => done(null)),
    close: (fd: number, done: () => void) => {
      closed.push(fd)
      realFs.close(fd, done)
    },
  })
  const file = disk.open(join(root, 'a'), 'create')
  const syncs = [file.datasync(), file.datasync()]
  file.close()
  pending.shift()?.()
  expect(closed).toHaveLength(0)
  pending.shift()?.()
  expect(closed).toHaveLength(1)
  await Promise.all(syncs)
  expect(readFileSync(join(root, 'a'))).toHaveLength(0)
})

it('a lock that cannot be given back says so, and is given up all the same', async () => {
  let isBroken = false
  const disk = await diskWith({
    ftruncateSync: (fd: number, bytes: number) => {
      if (isBroken) throw systemError('EIO')
      realFs.ftruncateSync(fd, bytes)
    },
  })
  const first = disk.lock(join(root, 'LOCK'))
  if (!('lock' in first)) throw new Error('refused')
  isBroken = true
  expect(() => first.lock.release()).toThrow(
    expect.objectContaining({ details: expect.objectContaining({ operation: 'unlock' }) }),
  )
  isBroken = false
  const second = disk.lock(join(root, 'LOCK'))
  expect('lock' in second).toBe(true)
  if ('lock' in second) second.lock.release()
})

it('unlinks many files at once, keeping few descriptors until their blocks are given back', async () => {
  let isHeld = true
  const pending: (() => void)[] = []
  const disk = await diskWith({
    close: (fd: number, done: () => void) => {
      const close = (): void => realFs.close(fd, done)
      if (isHeld) pending.push(close)
      else close()
    },
  })
  const names = Array.from({ length: 40 }, (_, at) => join(root, `f${at}`))
  for (const name of names) disk.open(name, 'create').close()
  for (const name of names) disk.unlink(name)
  expect(disk.list(root)).toEqual([])
  expect(pending).toHaveLength(16)
  isHeld = false
  for (const close of pending) close()
})

const hasPipes = spawnSync('mkfifo', ['--version']).status === 0

it.skipIf(!hasPipes)('unlinks a pipe that nobody writes to', () => {
  const path = join(root, 'pipe')
  expect(spawnSync('mkfifo', [path]).status).toBe(0)
  diskVfs.unlink(path)
  expect(diskVfs.stat(path)).toBeUndefined()
})
