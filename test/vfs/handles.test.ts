// Goal: at most so many handles are open, the least recently used is closed first, none is leaked.
// Method: the memory twin counts open handles and traces what is opened and closed.
import { beforeEach, describe, expect, it } from 'vitest'
import { FileCache, memoryVfs } from '#vfs'
import type { MemoryVfs } from '#vfs'
import { BugError, limits } from '#base'

let vfs: MemoryVfs
beforeEach(() => {
  vfs = memoryVfs({ isTraced: true })
  for (const name of ['a', 'b', 'c', 'd']) {
    const file = vfs.open(`/${name}`, 'create')
    file.write(new TextEncoder().encode(name), 0)
    file.close()
  }
})

function read(cache: FileCache, path: string): string {
  const bytes = new Uint8Array(1)
  cache.acquire(path).read(bytes, 0)
  return new TextDecoder().decode(bytes)
}

describe('file cache', () => {
  it('opens once, and closes the least recently used', () => {
    const cache = new FileCache(vfs, 2)
    const from = vfs.operations.length
    for (const path of ['/a', '/b', '/a', '/c', '/a', '/b']) {
      expect(read(cache, path)).toBe(path.slice(1))
      expect(vfs.handleCount).toBe(cache.size)
    }
    const seen = vfs.operations.slice(from).filter(({ operation }) => operation !== 'read')
    expect(seen.map(({ operation, path }) => `${operation} ${path}`)).toEqual([
      'open /a',
      'open /b',
      'close /b',
      'open /c',
      'close /c',
      'open /b',
    ])
    cache.closeAll()
    expect([cache.size, vfs.handleCount]).toEqual([0, 0])
    expect(read(cache, '/d')).toBe('d')
    cache.closeAll()
  })

  it('forgets a file, known or not, and reads what took its name', () => {
    const cache = new FileCache(vfs)
    expect(read(cache, '/a')).toBe('a')
    vfs.rename('/b', '/a')
    expect(read(cache, '/a')).toBe('a')
    cache.forget('/a')
    cache.forget('/never')
    expect(vfs.handleCount).toBe(0)
    expect(read(cache, '/a')).toBe('b')
    cache.closeAll()
  })

  it('keeps nothing of a file that is not there', () => {
    const cache = new FileCache(vfs, 1)
    for (let call = 0; call < 2; call++) {
      expect(() => cache.acquire('/none')).toThrow(
        expect.objectContaining({ code: 'ERR_NOT_FOUND' }),
      )
    }
    expect(cache.size).toBe(0)
  })

  it('is bounded by the limit of open files, and refuses a bound of none', () => {
    const cache = new FileCache(vfs)
    for (let index = 0; index < limits.openFilesMax + 10; index++) {
      vfs.open(`/f${index}`, 'create').close()
      cache.acquire(`/f${index}`)
    }
    expect(vfs.handleCount).toBe(limits.openFilesMax)
    cache.closeAll()
    expect(() => new FileCache(vfs, 0)).toThrow(BugError)
  })
})
