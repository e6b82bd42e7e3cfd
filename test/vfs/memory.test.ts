// Goal: the memory twin forgets exactly what a machine may forget, and fails exactly as ordered.
// Method: named cases of power cuts, kills, faults and full disks; random cuts with counted seeds,
// asking both that nothing impossible is found and that every possible outcome is.
import { beforeEach, describe, expect, it } from 'vitest'
import { memoryVfs, replaceFile } from '#vfs'
import type { Fate, MemoryVfs, PendingEffect, Vfs } from '#vfs'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

/** mulberry32: numbers in [0, 1) that depend on the seed alone. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

function bytesOf(vfs: Vfs, path: string): Uint8Array {
  const file = vfs.open(path, 'read')
  const bytes = new Uint8Array(file.size())
  file.read(bytes, 0)
  file.close()
  return bytes
}

/** The content as text, or undefined where there is no such file. */
function content(vfs: Vfs, path: string): string | undefined {
  return vfs.stat(path) === undefined ? undefined : new TextDecoder().decode(bytesOf(vfs, path))
}

function put(vfs: Vfs, path: string, value: string): void {
  const file = vfs.open(path, 'create')
  file.write(text(value), 0)
  file.close()
}

function putDurable(vfs: Vfs, path: string, value: string): void {
  replaceFile(vfs, path, text(value))
}

let vfs: MemoryVfs
beforeEach(() => {
  vfs = memoryVfs()
  vfs.makeDirectory('/d')
})

describe('power cut without luck', () => {
  it('needs both syncs: of the bytes and of the name', () => {
    put(vfs, '/d/neither', 'abc')
    const named = vfs.open('/d/named', 'create')
    vfs.syncDirectory('/d')
    const synced = vfs.open('/d/synced', 'create')
    synced.write(text('abc'), 0)
    synced.datasyncSync()
    named.write(text('abc'), 0)
    const found = vfs.crash()
    expect(found.list('/d')).toEqual(['named', 'neither'])
    expect(content(found, '/d/named')).toBe('')
    expect(content(found, '/d/neither')).toBe('')
    vfs.syncDirectory('/d')
    named.datasyncSync()
    named.write(text('Z'), 0)
    const later = vfs.crash()
    expect(content(later, '/d/named')).toBe('abc')
    expect(content(later, '/d/synced')).toBe('abc')
    expect(content(vfs, '/d/named')).toBe('Zbc')
  })

  it('keeps directories made, which need no further sync', () => {
    vfs.makeDirectory('/x/y/z')
    expect(vfs.crash().list('/x/y')).toEqual(['z'])
  })

  it('brings an unlinked or renamed name back until its directory is synced', () => {
    putDurable(vfs, '/d/a', 'one')
    putDurable(vfs, '/d/b', 'two')
    vfs.unlink('/d/a')
    vfs.rename('/d/b', '/d/c')
    expect(vfs.crash().list('/d')).toEqual(['a', 'b'])
    vfs.syncDirectory('/d')
    expect(vfs.crash().list('/d')).toEqual(['c'])
    expect(content(vfs.crash(), '/d/c')).toBe('two')
  })

  it('replaceFile survives, and without its syncs would not', () => {
    putDurable(vfs, '/d/a', 'old')
    const before: string[] = []
    vfs.watch(() => before.push(content(vfs.crash(), '/d/a') ?? 'gone'))
    replaceFile(vfs, '/d/a', text('new'))
    vfs.watch(undefined)
    expect(new Set(before)).toEqual(new Set(['old']))
    expect(content(vfs.crash(), '/d/a')).toBe('new')
  })

  it('syncs a rename across directories with either of them, as one', () => {
    vfs.makeDirectory('/e')
    putDurable(vfs, '/d/a', 'one')
    vfs.rename('/d/a', '/e/a')
    vfs.syncDirectory('/e')
    const found = vfs.crash()
    expect(found.list('/d')).toEqual([])
    expect(content(found, '/e/a')).toBe('one')
  })

  it('syncs what an edit waits for, also in other directories', () => {
    vfs.makeDirectory('/e')
    putDurable(vfs, '/d/a', 'one')
    putDurable(vfs, '/d/b', 'two')
    vfs.rename('/d/a', '/e/a') // waits for nothing, but
    vfs.rename('/d/b', '/d/a') // this waits for it
    vfs.syncDirectory('/d')
    const found = vfs.crash()
    expect(content(found, '/d/a')).toBe('two')
    expect(content(found, '/e/a')).toBe('one')
  })

  it('never lets a late edit undo a later one of the same name', () => {
    vfs.makeDirectory('/e')
    putDurable(vfs, '/d/b', 'two')
    putDurable(vfs, '/e/x', 'old')
    vfs.unlink('/e/x') // only of /e, but what comes next is of the same name
    vfs.rename('/d/b', '/e/x')
    vfs.syncDirectory('/d')
    expect(content(vfs.crash(), '/e/x')).toBe('two')
    vfs.syncDirectory('/e')
    expect(content(vfs.crash(), '/e/x')).toBe('two')
  })

  it('is a copy: neither twin sees the other', () => {
    putDurable(vfs, '/d/a', 'one')
    const found = vfs.crash()
    putDurable(found, '/d/a', 'two')
    putDurable(vfs, '/d/b', 'three')
    expect(content(vfs, '/d/a')).toBe('one')
    expect(found.list('/d')).toEqual(['a'])
  })

  it('frees locks', () => {
    expect('lock' in vfs.lock('/d/LOCK')).toBe(true)
    expect('holder' in vfs.lock('/d/LOCK')).toBe(true)
    expect('lock' in vfs.kill().lock('/d/LOCK')).toBe(true)
  })
})

describe('power cut with luck', () => {
  it('keeps any subset of the names, each edit whole', () => {
    putDurable(vfs, '/d/old', 'x')
    put(vfs, '/d/new', 'y')
    vfs.rename('/d/old', '/d/moved')
    const outcomes = new Set<string>()
    for (let seed = 0; seed < 200; seed++) {
      outcomes.add(vfs.crash(seeded(seed)).list('/d').join())
    }
    expect([...outcomes].sort()).toEqual(['moved', 'moved,new', 'new,old', 'old'])
  })

  it('never loses a file between two renames of one name', () => {
    putDurable(vfs, '/d/a', 'one')
    putDurable(vfs, '/d/c', 'two')
    vfs.rename('/d/a', '/d/b')
    vfs.rename('/d/c', '/d/a')
    const outcomes = new Set<string>()
    for (let seed = 0; seed < 200; seed++) {
      const found = vfs.crash(seeded(seed))
      outcomes.add(
        found
          .list('/d')
          .map((name) => `${name}=${content(found, `/d/${name}`)}`)
          .join(),
      )
    }
    expect([...outcomes].sort()).toEqual(['a=one,c=two', 'a=two,b=one', 'b=one,c=two'])
  })

  it('tears a write at sectors of 512 bytes, and nowhere else', () => {
    const old = new Uint8Array(2048).fill(1)
    replaceFile(vfs, '/d/a', old)
    const file = vfs.open('/d/a', 'write')
    file.write(new Uint8Array(1500).fill(2), 300)
    const patterns = new Set<string>()
    for (let seed = 0; seed < 300; seed++) {
      const bytes = bytesOf(vfs.crash(seeded(seed)), '/d/a')
      expect(bytes.length).toBe(2048)
      const parts = [bytes.subarray(0, 300), bytes.subarray(300, 512), bytes.subarray(512, 1024)]
      parts.push(bytes.subarray(1024, 1536), bytes.subarray(1536, 1800), bytes.subarray(1800))
      for (const part of parts) expect(new Set(part).size).toBe(1)
      patterns.add(parts.map((part) => part[0]).join(''))
    }
    expect([...patterns].every((each) => each.startsWith('1') && each.endsWith('1'))).toBe(true)
    expect(patterns.size).toBe(16)
    file.close()
  })

  it('may grow a file without its data', () => {
    putDurable(vfs, '/d/a', 'abc')
    const file = vfs.open('/d/a', 'write')
    file.write(text('defg'), 3)
    file.close()
    const outcomes = new Set<string>()
    for (let seed = 0; seed < 300; seed++) {
      const found = content(vfs.crash(seeded(seed)), '/d/a') ?? ''
      outcomes.add(/^abc(defg|\0{4})?$/.test(found) ? found : 'garbage')
    }
    expect(outcomes).toEqual(new Set(['abc', 'abcdefg', 'abc\0\0\0\0', 'garbage']))
  })

  it('may keep a truncation or not', () => {
    putDurable(vfs, '/d/a', 'abc')
    const file = vfs.open('/d/a', 'write')
    file.truncate(1)
    file.close()
    const outcomes = new Set<string | undefined>()
    for (let seed = 0; seed < 50; seed++) outcomes.add(content(vfs.crash(seeded(seed)), '/d/a'))
    expect(outcomes).toEqual(new Set(['a', 'abc']))
  })

  it('keeps what is durable, whatever the luck', () => {
    putDurable(vfs, '/d/a', 'abc')
    put(vfs, '/d/b', 'xyz')
    for (let seed = 0; seed < 50; seed++) {
      expect(content(vfs.crash(seeded(seed)), '/d/a')).toBe('abc')
    }
  })
})

describe('kill', () => {
  it('keeps what was written, and what was not synced is not synced still', () => {
    putDurable(vfs, '/d/a', 'abc')
    const file = vfs.open('/d/a', 'write')
    file.write(text('Z'), 0)
    put(vfs, '/d/b', 'new')
    vfs.makeDirectory('/d/e')
    vfs.rename('/d/b', '/d/e/b')
    const found = vfs.kill()
    expect(content(found, '/d/a')).toBe('Zbc')
    expect(content(found, '/d/e/b')).toBe('new')
    expect(found.handleCount).toBe(0)
    expect(content(found.crash(), '/d/a')).toBe('abc')
    expect(found.crash().list('/d/e')).toEqual([])
    const again = found.open('/d/a', 'write')
    again.datasyncSync()
    again.close()
    found.syncDirectory('/d/e')
    expect(content(found.crash(), '/d/a')).toBe('Zbc')
    expect(found.crash().list('/d/e')).toEqual(['b'])
    expect(content(vfs.crash(), '/d/a')).toBe('abc')
    file.close()
  })

  it('copies a file that was unlinked without a sync of its directory', () => {
    putDurable(vfs, '/d/a', 'abc')
    vfs.unlink('/d/a')
    const found = vfs.kill()
    expect(found.list('/d')).toEqual([])
    expect(content(found.crash(), '/d/a')).toBe('abc')
  })
})

describe('datasync', () => {
  it('covers what was written when it was called', async () => {
    const file = vfs.open('/d/a', 'create')
    vfs.syncDirectory('/d')
    vfs.holdSyncs()
    file.write(text('abc'), 0)
    const first = file.datasync()
    file.write(text('def'), 3)
    const second = file.datasync()
    file.write(text('ghi'), 6)
    expect(vfs.syncsPending).toBe(2)
    expect(content(vfs.crash(), '/d/a')).toBe('')
    vfs.releaseSyncs()
    expect(vfs.syncsPending).toBe(0)
    await Promise.all([first, second])
    expect(content(vfs.crash(), '/d/a')).toBe('abcdef')
    file.close()
  })

  it('completes later, not at once', async () => {
    const file = vfs.open('/d/a', 'create')
    vfs.syncDirectory('/d')
    file.write(text('abc'), 0)
    const pending = file.datasync()
    await Promise.resolve()
    expect(content(vfs.crash(), '/d/a')).toBe('')
    await pending
    expect(content(vfs.crash(), '/d/a')).toBe('abc')
    file.close()
  })

  it('can be held after it was called, and let go one after another', async () => {
    const file = vfs.open('/d/a', 'create')
    const pending = file.datasync()
    vfs.holdSyncs()
    let isDone = false
    const seen = pending.then(() => (isDone = true))
    await new Promise((done) => setImmediate(() => setImmediate(done)))
    expect(isDone).toBe(false)
    vfs.releaseSyncs()
    await seen
    expect(isDone).toBe(true)
    file.close()
  })

  it('loses for good what it failed on, though the next one succeeds', async () => {
    const file = vfs.open('/d/a', 'create')
    vfs.syncDirectory('/d')
    file.write(text('abc'), 0)
    vfs.fail({ operation: 'datasync' })
    await expect(file.datasync()).rejects.toMatchObject({
      code: 'ERR_IO',
      details: { operation: 'datasync', file: '/d/a', errno: 'EIO' },
    })
    file.write(text('def'), 3)
    await file.datasync()
    expect(content(vfs, '/d/a')).toBe('abcdef')
    expect(content(vfs.crash(), '/d/a')).toBe('\0\0\0def')
    expect(content(vfs.crash(seeded(1)), '/d/a')).toBe('\0\0\0def')
    file.close()
  })

  it('may have landed though it failed', () => {
    const file = vfs.open('/d/a', 'create')
    vfs.syncDirectory('/d')
    file.write(text('abc'), 0)
    vfs.fail({ operation: 'datasync', isDone: true, code: 'ERR_DISK_FULL' })
    expect(() => file.datasyncSync()).toThrow(expect.objectContaining({ code: 'ERR_DISK_FULL' }))
    expect(content(vfs.crash(), '/d/a')).toBe('abc')
    file.close()
  })
})

describe('faults', () => {
  it('meets the n-th call, once or for ever, on the paths meant', () => {
    const file = vfs.open('/d/a', 'create')
    vfs.fail({ operation: 'write', nth: 2, path: '/d/a' })
    file.write(text('a'), 0)
    expect(() => file.write(text('b'), 1)).toThrow(/EIO/)
    file.write(text('c'), 1)
    expect(content(vfs, '/d/a')).toBe('ac')
    const heal = vfs.fail({ operation: 'write', times: 'forever', path: /a$/ })
    vfs.fail({ operation: 'write', path: 'elsewhere' })
    for (let call = 0; call < 3; call++) expect(() => file.write(text('b'), 1)).toThrow(/EIO/)
    heal()
    file.write(text('d'), 2)
    expect(content(vfs, '/d/a')).toBe('acd')
    file.close()
  })

  it('leaves a part of a write behind where so ordered', () => {
    const file = vfs.open('/d/a', 'create')
    vfs.fail({ operation: 'write', bytesWritten: 2, code: 'ERR_DISK_FULL' })
    expect(() => file.write(text('abc'), 0)).toThrow(/ENOSPC/)
    expect(content(vfs, '/d/a')).toBe('ab')
    file.close()
  })

  it('may do a rename and fail all the same, or not do it', () => {
    put(vfs, '/d/a', 'abc')
    vfs.fail({ operation: 'rename', path: '/d/b' })
    expect(() => vfs.rename('/d/a', '/d/b')).toThrow(/EIO/)
    expect(vfs.list('/d')).toEqual(['a'])
    vfs.fail({ operation: 'rename', isDone: true })
    expect(() => vfs.rename('/d/a', '/d/b')).toThrow(/EIO/)
    expect(vfs.list('/d')).toEqual(['b'])
  })

  it('without an operation means every one that changes something', () => {
    put(vfs, '/d/a', 'abc')
    vfs.fail({ times: 'forever' })
    expect(content(vfs, '/d/a'.replace('a', 'none'))).toBeUndefined()
    expect(vfs.list('/d')).toEqual(['a'])
    const calls: (() => unknown)[] = [
      () => vfs.open('/d/a', 'read'),
      () => vfs.rename('/d/a', '/d/b'),
      () => vfs.unlink('/d/a'),
      () => vfs.makeDirectory('/e'),
      () => vfs.syncDirectory('/d'),
      () => vfs.lock('/d/LOCK'),
    ]
    for (const call of calls) expect(call).toThrow(expect.objectContaining({ code: 'ERR_IO' }))
    vfs.heal()
    expect(vfs.list('/')).toEqual(['d'])
    expect(content(vfs, '/d/a')).toBe('abc')
  })

  it('meets a rename at either of its paths', () => {
    put(vfs, '/d/a', 'abc')
    vfs.fail({ operation: 'rename', path: '/d/a' })
    expect(() => vfs.rename('/d/a', '/d/b')).toThrow(/EIO/)
    vfs.fail({ operation: 'rename', path: '/d/b' })
    expect(() => vfs.rename('/d/a', '/d/b')).toThrow(/EIO/)
    vfs.rename('/d/a', '/d/b')
  })

  it('lets the first of two rules win, and counts the call for both', () => {
    const file = vfs.open('/d/a', 'create')
    vfs.fail({ operation: 'write', code: 'ERR_DISK_FULL' })
    vfs.fail({ operation: 'write', nth: 2 })
    expect(() => file.write(text('a'), 0)).toThrow(/ENOSPC/)
    expect(() => file.write(text('a'), 0)).toThrow(/EIO/)
    file.write(text('a'), 0)
    file.close()
  })

  it('reaches reads, sizes, stats and lists by name only', () => {
    put(vfs, '/d/a', 'abc')
    const file = vfs.open('/d/a', 'read')
    for (const operation of ['read', 'size', 'stat', 'list', 'freeBytes', 'close'] as const) {
      vfs.fail({ operation })
    }
    expect(() => file.read(new Uint8Array(1), 0)).toThrow(/EIO/)
    expect(() => file.size()).toThrow(/EIO/)
    expect(() => vfs.stat('/d/a')).toThrow(/EIO/)
    expect(() => vfs.list('/d')).toThrow(/EIO/)
    expect(() => vfs.freeBytes('/d')).toThrow(/EIO/)
    expect(() => file.close()).toThrow(/EIO/)
    expect(vfs.handleCount).toBe(0)
  })
})

describe('capacity', () => {
  it('refuses growth past it, and goes on when room is made', () => {
    const small = memoryVfs({ capacityBytes: 10 })
    put(small, '/a', 'abcdef')
    const file = small.open('/b', 'create')
    expect(() => file.write(text('12345'), 0)).toThrow(
      expect.objectContaining({ code: 'ERR_DISK_FULL' }),
    )
    file.write(text('1234'), 0)
    file.write(text('5678'), 0)
    expect(() => file.truncate(5)).toThrow(/ENOSPC/)
    expect(() => small.lock('/LOCK')).toThrow(/ENOSPC/)
    expect(small.freeBytes('/')).toBe(0)
    file.truncate(2)
    expect(small.freeBytes('/')).toBe(2)
    small.unlink('/b')
    expect(small.freeBytes('/')).toBe(2)
    file.close()
    expect(small.freeBytes('/')).toBe(4)
    put(small, '/c', 'wxyz')
    small.rename('/c', '/a')
    expect(small.freeBytes('/')).toBe(6)
    expect(small.kill().freeBytes('/')).toBe(6)
    expect(small.crash().freeBytes('/')).toBe(10)
    small.setCapacity(3)
    expect(small.freeBytes('/')).toBe(0)
  })

  it('counts the lock file', () => {
    const small = memoryVfs({ capacityBytes: 100 })
    const taken = small.lock('/LOCK')
    expect(small.freeBytes('/')).toBe(100 - `${process.pid}\n`.length)
    if ('lock' in taken) taken.lock.release()
    expect(small.freeBytes('/')).toBe(100)
  })
})

describe('trace', () => {
  it('counts operations, and keeps them where asked', () => {
    const traced = memoryVfs({ isTraced: true })
    replaceFile(traced, '/a', text('abc'))
    expect(traced.operations.map(({ operation, path }) => `${operation} ${path}`)).toEqual([
      'stat /a.draft',
      'open /a.draft',
      'write /a.draft',
      'datasync /a.draft',
      'close /a.draft',
      'rename /a.draft',
      'syncDirectory /',
    ])
    expect(traced.operationCount).toBe(7)
    vfs.stat('/')
    expect(vfs.operationCount).toBe(2)
    expect(vfs.operations).toEqual([])
  })
})

describe('a cut that is told what survives', () => {
  const only = (kept: string, fate: Fate = 'kept') => ({
    fateOf: ({ id }: PendingEffect): Fate => (id === kept ? fate : 'lost'),
  })

  it('names every effect, the same in a killed copy, and gives each its fate', () => {
    putDurable(vfs, '/d/a', 'old')
    const file = vfs.open('/d/a', 'write')
    file.write(text('new'), 0)
    file.write(text('er'), 3)
    put(vfs, '/d/b', '')
    vfs.unlink('/d/b')
    const effects = vfs.pendingEffects()
    expect(effects.map(({ kind, operation, name }) => `${kind} ${operation} ${name}`)).toEqual([
      'names open b',
      'names unlink b',
      'data write a',
      'data write a',
    ])
    expect(vfs.kill().pendingEffects()).toEqual(effects)
    const [made, gone, first, second] = effects.map(({ id }) => id) as [
      string,
      string,
      string,
      string,
    ]
    expect(content(vfs.crash(only(first)), '/d/a')).toBe('new')
    expect(content(vfs.crash(only(second)), '/d/a')).toBe('older')
    expect(content(vfs.crash(only(second, { pieces: [[4, 5]] })), '/d/a')).toBe('old\0r')
    expect(content(vfs.crash(only(second, { grown: 0 })), '/d/a')).toBe('old\0\0')
    expect(content(vfs.crash(only(second, { grown: 7 })), '/d/a')).toMatch(/^old(?!er)[^]{2}$/)
    expect(vfs.crash(only(made)).list('/d')).toEqual(['a', 'b'])
    // What waits for a lost name is lost with it.
    expect(vfs.crash(only(gone)).list('/d')).toEqual(['a'])
    expect(content(vfs, '/d/a')).toBe('newer')
  })

  it('copies do not see what is written later, and the other way round', () => {
    putDurable(vfs, '/d/a', 'old')
    const [cut, killed] = [vfs.crash(), vfs.kill()]
    for (const each of [vfs, cut, killed]) {
      const file = each.open('/d/a', 'write')
      file.write(text(each === vfs ? 'x' : 'y'), 0)
      file.close()
    }
    expect([vfs, cut, killed].map((each) => content(each, '/d/a'))).toEqual(['xld', 'yld', 'yld'])
  })

  it('shows files in order, without an operation', () => {
    putDurable(vfs, '/d/b', 'two')
    putDurable(vfs, '/d/a', 'one')
    const { operationCount } = vfs
    const seen: string[] = []
    vfs.look((path, bytes) => seen.push(`${path} ${new TextDecoder().decode(bytes)}`))
    expect(seen).toEqual(['/d/a one', '/d/b two'])
    expect(vfs.operationCount).toBe(operationCount)
  })
})

it('a fault says what the system would say', () => {
  vfs.fail({ operation: 'open', errno: 'EMFILE' })
  expect(() => vfs.open('/d/a', 'create')).toThrow(expect.objectContaining({ code: 'ERR_IO' }))
  vfs.fail({ operation: 'open', errno: 'EDQUOT' })
  const full = { code: 'ERR_DISK_FULL', details: expect.objectContaining({ errno: 'EDQUOT' }) }
  expect(() => vfs.open('/d/a', 'create')).toThrow(expect.objectContaining(full))
})
