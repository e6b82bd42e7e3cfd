// Goal: the disk and its memory twin keep the same promises of the port, failures included.
// Method: one suite of named cases, run over both; the disk one in a folder of its own.
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { diskVfs, memoryVfs, replaceFile } from '#vfs'
import type { Vfs } from '#vfs'
import { VarveError } from '#base'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

function failure(run: () => unknown): VarveError {
  try {
    run()
  } catch (error) {
    if (error instanceof VarveError) return error
    throw error
  }
  throw new Error('it did not fail')
}

function content(vfs: Vfs, path: string): string {
  const file = vfs.open(path, 'read')
  try {
    const bytes = new Uint8Array(file.size())
    expect(file.read(bytes, 0)).toBe(bytes.length)
    return new TextDecoder().decode(bytes)
  } finally {
    file.close()
  }
}

function put(vfs: Vfs, path: string, value: string): void {
  const file = vfs.open(path, 'create')
  file.write(text(value), 0)
  file.close()
}

const makers: Record<string, () => { vfs: Vfs; root: string; end: () => void }> = {
  disk: () => {
    const root = mkdtempSync(join(tmpdir(), 'varve-vfs-'))
    return { vfs: diskVfs, root, end: () => rmSync(root, { recursive: true }) }
  },
  memory: () => {
    const vfs = memoryVfs()
    vfs.makeDirectory('/root')
    return { vfs, root: '/root', end: () => expect(vfs.handleCount).toBe(0) }
  },
}

describe.each(Object.keys(makers))('port over %s', (name) => {
  let vfs: Vfs
  let root: string
  let end: () => void
  const at = (path: string): string => join(root, path)

  beforeEach(() => {
    ;({ vfs, root, end } = makers[name]!())
  })
  afterEach(() => end())

  it('writes and reads at offsets, with zeros in holes', () => {
    const file = vfs.open(at('a'), 'create')
    file.write(text('abc'), 0)
    file.write(text('xyz'), 5)
    file.write(new Uint8Array(0), 100)
    expect(file.size()).toBe(8)
    const bytes = new Uint8Array(6)
    expect(file.read(bytes, 1)).toBe(6)
    expect([...bytes]).toEqual([98, 99, 0, 0, 120, 121])
    expect(file.read(bytes, 6)).toBe(2)
    expect(file.read(bytes, 8)).toBe(0)
    expect(file.read(bytes, 1000)).toBe(0)
    file.write(text('B'), 1)
    file.close()
    expect(content(vfs, at('a'))).toBe('aBc\0\0xyz')
  })

  it('reads into a part of a larger buffer only', () => {
    put(vfs, at('a'), 'abc')
    const file = vfs.open(at('a'), 'read')
    const whole = new Uint8Array(6).fill(7)
    file.read(whole.subarray(2, 4), 0)
    expect([...whole]).toEqual([7, 7, 97, 98, 7, 7])
    file.close()
  })

  it('truncates down, and up with zeros', () => {
    const file = vfs.open(at('a'), 'create')
    file.write(text('abcdef'), 0)
    file.truncate(2)
    file.truncate(4)
    file.truncate(4)
    expect(file.size()).toBe(4)
    file.close()
    expect(content(vfs, at('a'))).toBe('ab\0\0')
  })

  it('opens for writing without touching what is there', () => {
    put(vfs, at('a'), 'abc')
    const file = vfs.open(at('a'), 'write')
    expect(file.path).toBe(at('a'))
    file.write(text('Z'), 1)
    file.close()
    expect(content(vfs, at('a'))).toBe('aZc')
  })

  it('syncs, and keeps a closed file open until its sync has ended', async () => {
    const file = vfs.open(at('a'), 'create')
    file.write(text('abc'), 0)
    file.datasyncSync()
    const first = file.datasync()
    const second = file.datasync()
    file.close()
    await expect(Promise.all([first, second])).resolves.toBeDefined()
    expect(content(vfs, at('a'))).toBe('abc')
  })

  it('closes twice, and refuses everything else after it', async () => {
    const file = vfs.open(at('a'), 'create')
    file.close()
    file.close()
    const calls: (() => unknown)[] = [
      () => file.size(),
      () => file.read(new Uint8Array(1), 0),
      () => file.write(text('a'), 0),
      () => file.truncate(0),
      () => file.datasyncSync(),
    ]
    for (const call of calls) {
      const error = failure(call)
      expect(error.code).toBe('ERR_IO')
      expect(error.details).toMatchObject({ file: at('a'), errno: 'EBADF' })
    }
    await expect(file.datasync()).rejects.toMatchObject({ code: 'ERR_IO' })
  })

  it('refuses to change what was opened for reading', () => {
    put(vfs, at('a'), 'abc')
    const file = vfs.open(at('a'), 'read')
    expect(failure(() => file.write(text('x'), 0)).code).toBe('ERR_IO')
    expect(failure(() => file.truncate(0)).code).toBe('ERR_IO')
    file.write(new Uint8Array(0), 0) // Nothing was asked.
    file.close()
    expect(content(vfs, at('a'))).toBe('abc')
  })

  it('says where nothing is', () => {
    for (const mode of ['read', 'write'] as const) {
      const error = failure(() => vfs.open(at('none'), mode))
      expect(error.code).toBe('ERR_NOT_FOUND')
      const details = { operation: 'open', file: at('none'), errno: 'ENOENT' }
      expect(error.details).toEqual(details)
    }
    expect(failure(() => vfs.open(at('none/a'), 'create')).code).toBe('ERR_NOT_FOUND')
    expect(failure(() => vfs.list(at('none'))).code).toBe('ERR_NOT_FOUND')
    expect(failure(() => vfs.unlink(at('none'))).code).toBe('ERR_NOT_FOUND')
    expect(failure(() => vfs.rename(at('none'), at('b'))).code).toBe('ERR_NOT_FOUND')
    expect(failure(() => vfs.syncDirectory(at('none'))).code).toBe('ERR_NOT_FOUND')
    expect(failure(() => vfs.freeBytes(at('none'))).code).toBe('ERR_NOT_FOUND')
    expect(failure(() => vfs.lock(at('none/LOCK'))).code).toBe('ERR_NOT_FOUND')
    expect(vfs.stat(at('none'))).toBeUndefined()
    expect(vfs.stat(at('none/deeper'))).toBeUndefined()
  })

  it('says where a name is taken', () => {
    put(vfs, at('a'), 'abc')
    vfs.makeDirectory(at('d'))
    expect(failure(() => vfs.open(at('a'), 'create')).code).toBe('ERR_EXISTS')
    expect(failure(() => vfs.open(at('d'), 'create')).code).toBe('ERR_EXISTS')
    expect(failure(() => vfs.makeDirectory(at('a'))).code).toBe('ERR_EXISTS')
  })

  it('says where a file is not a directory, and the other way about', () => {
    put(vfs, at('a'), 'abc')
    vfs.makeDirectory(at('d'))
    expect(failure(() => vfs.list(at('a'))).code).toBe('ERR_IO')
    expect(failure(() => vfs.open(at('a/b'), 'read')).code).toBe('ERR_IO')
    expect(failure(() => vfs.open(at('d'), 'write')).code).toBe('ERR_IO')
    expect(failure(() => vfs.unlink(at('d'))).code).toBe('ERR_IO')
    expect(failure(() => vfs.rename(at('a'), at('d'))).code).toBe('ERR_IO')
    expect(failure(() => vfs.rename(at('d'), at('a'))).code).toBe('ERR_IO')
    expect(failure(() => vfs.rename(at('d'), at('d/e'))).code).toBe('ERR_IO')
    expect(failure(() => vfs.lock(at('d'))).code).toBe('ERR_IO')
    expect(failure(() => vfs.makeDirectory(at('a/b'))).code).toMatch(/ERR_IO|ERR_EXISTS/)
    expect(vfs.stat(at('a/b'))).toBeUndefined()
  })

  it('makes directories with their parents, and again', () => {
    vfs.makeDirectory(at('d/e/f'))
    vfs.makeDirectory(at('d/e/f'))
    vfs.makeDirectory(at('d/e/g/'))
    expect(vfs.list(at('d/e'))).toEqual(['f', 'g'])
    expect(vfs.stat(at('d/e'))).toMatchObject({ kind: 'directory' })
  })

  it('lists names in order', () => {
    for (const each of ['b', 'a', 'B', '10', '9']) put(vfs, at(each), each)
    expect(vfs.list(root)).toEqual(['10', '9', 'B', 'a', 'b'])
    expect(vfs.stat(at('10'))).toEqual({ kind: 'file', bytes: 2 })
  })

  it('renames over a file, across directories, and onto itself', () => {
    put(vfs, at('a'), 'new')
    put(vfs, at('b'), 'old')
    vfs.makeDirectory(at('d'))
    const old = vfs.open(at('b'), 'read')
    vfs.rename(at('a'), at('b'))
    vfs.rename(at('b'), at('b'))
    expect(vfs.list(root)).toEqual(['b', 'd'])
    const bytes = new Uint8Array(3)
    old.read(bytes, 0)
    expect(new TextDecoder().decode(bytes)).toBe('old')
    old.close()
    vfs.rename(at('b'), at('d/c'))
    expect(content(vfs, at('d/c'))).toBe('new')
    vfs.rename(at('d'), at('e'))
    expect(vfs.list(at('e'))).toEqual(['c'])
    vfs.makeDirectory(at('full'))
    put(vfs, at('full/x'), '')
    expect(failure(() => vfs.rename(at('e'), at('full'))).code).toBe('ERR_IO')
    vfs.makeDirectory(at('empty'))
    vfs.rename(at('e'), at('empty'))
    expect(vfs.list(at('empty'))).toEqual(['c'])
  })

  it('keeps an unlinked file readable through open handles', () => {
    put(vfs, at('a'), 'abc')
    const file = vfs.open(at('a'), 'read')
    vfs.unlink(at('a'))
    vfs.syncDirectory(root)
    put(vfs, at('a'), 'other')
    const bytes = new Uint8Array(3)
    expect(file.read(bytes, 0)).toBe(3)
    expect(new TextDecoder().decode(bytes)).toBe('abc')
    file.close()
  })

  it('tells free bytes', () => {
    expect(vfs.freeBytes(root)).toBeGreaterThan(0)
  })

  it('locks once, names the holder, and locks again after the release', () => {
    const first = vfs.lock(at('LOCK'))
    if (!('lock' in first)) throw new Error('refused')
    expect(content(vfs, at('LOCK'))).toBe(`${process.pid}\n`)
    expect(vfs.lock(at('LOCK'))).toEqual({ holder: { pid: process.pid } })
    first.lock.release()
    first.lock.release()
    expect(content(vfs, at('LOCK'))).toBe('')
    const second = vfs.lock(at('LOCK'))
    if (!('lock' in second)) throw new Error('refused')
    second.lock.release()
    expect(vfs.list(root)).toEqual(['LOCK'])
  })

  it('replaces a file, also where an old draft lies about', () => {
    put(vfs, at('a.draft'), 'a longer draft of before')
    replaceFile(vfs, at('a'), text('one'))
    replaceFile(vfs, at('a'), text('two'))
    expect(content(vfs, at('a'))).toBe('two')
    expect(vfs.list(root)).toEqual(['a'])
  })
})

describe('disk', () => {
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'varve-vfs-'))
  })
  afterEach(() => rmSync(root, { recursive: true }))

  it('keeps others out: files are 0600, directories 0700', () => {
    diskVfs.makeDirectory(join(root, 'd/e'))
    put(diskVfs, join(root, 'd/a'), 'abc')
    const lock = diskVfs.lock(join(root, 'd/LOCK'))
    const modeOf = (path: string): number => statSync(join(root, path)).mode & 0o777
    expect([modeOf('d'), modeOf('d/e')]).toEqual([0o700, 0o700])
    expect([modeOf('d/a'), modeOf('d/LOCK')]).toEqual([0o600, 0o600])
    if ('lock' in lock) lock.lock.release()
  })

  it('calls a device a thing of another kind', () => {
    expect(diskVfs.stat('/dev/null')).toMatchObject({ kind: 'other' })
  })

  it.skipIf(process.platform !== 'linux')('says when the disk is full', () => {
    const full = diskVfs.open('/dev/full', 'write')
    const error = failure(() => full.write(text('abc'), 0))
    full.close()
    expect(error.code).toBe('ERR_DISK_FULL')
    expect(error.details).toEqual({ operation: 'write', file: '/dev/full', errno: 'ENOSPC' })
    expect(error.cause).toBeInstanceOf(Error)
  })
})
