// Goal: a failed write or sync loses nothing that was acknowledged, refuses before the ack, and the
// same handle goes on when the cause is gone; what was refused does not come back. Method: faults
// ordered on the memory twin, one by one, in every mode; recovery after a power cut at the end.
import { describe, expect, test } from 'vitest'
import { VarveError } from '../../src/base/index.ts'
import { memoryVfs } from '../../src/vfs/index.ts'
import type { FaultRule } from '../../src/vfs/index.ts'
import { append, bytesOf, newBed, recover, reopen } from './log-bed.ts'

const base = 1n << 40n
const small = { groupDelayMs: 5, groupBytesMax: 4096 }

async function outcomeOf(promise: Promise<void>): Promise<unknown> {
  return promise.then(
    () => 'durable',
    (error: unknown) => error,
  )
}

function isPending(bed: { log: { durableLsnEnd: bigint; lsnEnd: bigint } }): boolean {
  return bed.log.durableLsnEnd < bed.log.lsnEnd
}

describe('mode group', () => {
  test.each([
    ['async sync', { operation: 'datasync', path: '.wal' }],
    ['write of a group', { operation: 'write', path: '.wal' }],
    ['half a write', { operation: 'write', path: '.wal', bytesWritten: 300 }],
    ['full disk', { operation: 'write', path: '.wal', code: 'ERR_DISK_FULL' }],
  ] as [string, FaultRule][])('%s fails once', async (_, rule) => {
    const bed = newBed('group', small)
    append(bed.log, 'one')
    await bed.log.flush()
    bed.vfs.fail(rule)
    append(bed.log, 'two')
    const durable = bed.log.whenDurable(bed.log.lsnEnd)
    await bed.scheduler.settle()
    expect(bed.log.state).toBe('poisoned')
    expect(isPending(bed)).toBe(true)
    expect(() => append(bed.log, 'refused')).toThrow(
      expect.objectContaining({ retryable: true, code: rule.code ?? 'ERR_IO' }),
    )
    expect(() => append(bed.log, 'refused')).toThrow(
      expect.objectContaining({ cause: expect.any(VarveError) }),
    )
    bed.clock.advance(50)
    bed.scheduler.run()
    expect(bed.log.state).toBe('open')
    await durable
    expect(append(bed.log, 'three').lsnFirst).toBe(base + 2n)
    await bed.log.flush()
    const { texts, lsns } = recover(bed.vfs.crash(), bed.manifest)
    expect(texts).toEqual(['one', 'two', 'three'])
    expect(lsns).toEqual([base, base + 1n, base + 2n])
    expect(bed.diagnostics.map((each) => each.kind)).toEqual(['poisoned', 'healed'])
    await bed.log.close()
    expect(bed.vfs.handleCount).toBe(0)
    bed.scheduler.run() // the turn that append asked for
    expect(bed.scheduler.pending).toBe(0)
  })

  test('staged rows behind the failed group are logged again too', async () => {
    const bed = newBed('group', small)
    bed.vfs.holdSyncs()
    bed.vfs.fail({ operation: 'datasync', path: '.wal' })
    append(bed.log, 'in flight')
    bed.scheduler.run()
    append(bed.log, 'staged')
    bed.vfs.releaseSyncs()
    await bed.scheduler.settle()
    expect(bed.log.state).toBe('poisoned')
    bed.clock.advance(50)
    append(bed.log, 'next') // the back-off passed: tried at once
    expect(bed.log.durableLsnEnd).toBe(base + 2n)
    await bed.log.flush()
    expect(recover(bed.vfs.crash(), bed.manifest).texts).toEqual(['in flight', 'staged', 'next'])
    await bed.log.close()
  })

  test('the sync inside append fails: its rows stay pending, then are logged again', async () => {
    const bed = newBed('group', small)
    bed.vfs.holdSyncs()
    append(bed.log, 'x'.repeat(5000))
    bed.vfs.fail({ operation: 'datasync', path: '.wal' })
    append(bed.log, 'y'.repeat(5000)) // waits for the first, which fails
    expect(bed.log.state).toBe('poisoned')
    expect(() => append(bed.log, 'z')).toThrow(expect.objectContaining({ code: 'ERR_IO' }))
    bed.clock.advance(50)
    const flushed = bed.log.flush()
    await flushed
    bed.vfs.releaseSyncs()
    await bed.scheduler.settle()
    expect(bed.log.state).toBe('open')
    const { texts } = recover(bed.vfs.crash(), bed.manifest)
    expect(texts.map((text) => text[0])).toEqual(['x', 'y'])
    await bed.log.close()
  })

  test('a stale failure poisons the file, though a later sync confirmed the rows', async () => {
    const bed = newBed('group', small)
    bed.vfs.holdSyncs()
    bed.vfs.fail({ operation: 'datasync', path: '.wal' })
    append(bed.log, 'x'.repeat(5000)) // its own sync will fail
    append(bed.log, 'y'.repeat(5000)) // the second handle says it is there
    expect(bed.log.durableLsnEnd).toBe(base + 1n)
    bed.vfs.releaseSyncs()
    await bed.scheduler.settle()
    expect(bed.log.state).toBe('poisoned')
    bed.clock.advance(50)
    await bed.log.flush()
    expect(bed.log.durableLsnEnd).toBe(base + 2n)
    await bed.log.close()
  })

  test('a stale failure of a file given up before is only logged', async () => {
    const bed = newBed('group', small)
    bed.vfs.holdSyncs()
    bed.vfs.fail({ operation: 'datasync', path: '.wal' })
    append(bed.log, 'x'.repeat(5000))
    bed.vfs.fail({ operation: 'write', path: '.wal' })
    append(bed.log, 'y'.repeat(5000)) // confirmed; then the watermark fails
    expect(bed.log.state).toBe('poisoned')
    bed.clock.advance(50)
    bed.scheduler.run()
    expect(bed.log.state).toBe('open')
    bed.vfs.releaseSyncs()
    await bed.scheduler.settle()
    expect(bed.log.state).toBe('open')
    expect(bed.logged).toContain('warn: a sync of a log file given up before failed')
    await bed.log.close()
    expect(recover(bed.vfs.crash(), bed.manifest).texts).toHaveLength(2)
  })

  test('a full disk: back-off up to 2 s, no drafts, goes on when there is room', async () => {
    const vfs = memoryVfs()
    const bed = newBed('group', { ...small, vfs })
    append(bed.log, 'before')
    await bed.log.flush()
    vfs.setCapacity(0)
    append(bed.log, 'x'.repeat(400_000))
    const durable = bed.log.whenDurable(bed.log.lsnEnd)
    await bed.scheduler.settle()
    let attempts = 0
    for (let ms = 0; ms < 20_000; ms += 10) {
      bed.clock.advance(10)
      const before = bed.logged.length
      bed.scheduler.run()
      attempts += bed.logged.length - before
    }
    expect(attempts).toBeGreaterThan(10)
    expect(attempts).toBeLessThan(18)
    expect(vfs.list('/store/wal')).toHaveLength(1)
    expect(() => append(bed.log, 'refused')).toThrow(
      expect.objectContaining({ code: 'ERR_DISK_FULL' }),
    )
    vfs.setCapacity(1 << 30)
    bed.clock.advance(2000)
    bed.scheduler.run()
    await durable
    append(bed.log, 'after')
    await bed.log.close()
    expect(recover(vfs.crash(), bed.manifest).texts.map((text) => text.length)).toEqual([
      6, 400_000, 5,
    ])
  })

  test('an unfinished manifest edit is tried again with the same file', async () => {
    for (const landsWhenFailing of [false, true]) {
      const bed = newBed('group', small)
      bed.vfs.fail({ operation: 'datasync', path: '.wal' })
      append(bed.log, 'one')
      await bed.scheduler.settle()
      bed.manifest.failure = new VarveError('ERR_IO', 'the manifest did not sync')
      bed.manifest.landsWhenFailing = landsWhenFailing
      bed.clock.advance(50)
      bed.scheduler.run()
      expect(bed.log.state).toBe('poisoned')
      expect(bed.log.durableLsnEnd).toBe(base)
      if (landsWhenFailing) {
        expect(recover(bed.vfs.crash(), bed.manifest).texts).toEqual(['one'])
      }
      bed.manifest.failure = undefined
      bed.clock.advance(100)
      bed.scheduler.run()
      expect(bed.log.state).toBe('open')
      expect(bed.log.fileNumber).toBe(2)
      expect(recover(bed.vfs.crash(), bed.manifest).texts).toEqual(['one'])
      await bed.log.close()
    }
  })

  test('a rotation that cannot be announced stops the log until it can', async () => {
    const bed = newBed('group', { ...small, rotateBytes: 2048 })
    bed.manifest.failure = new VarveError('ERR_IO', 'the manifest did not sync')
    append(bed.log, 'x'.repeat(3000))
    await bed.log.flush()
    expect(bed.log.state).toBe('poisoned')
    expect(() => append(bed.log, 'refused')).toThrow(expect.objectContaining({ code: 'ERR_IO' }))
    bed.manifest.failure = undefined
    bed.clock.advance(60)
    append(bed.log, 'after')
    await bed.log.close()
    expect(recover(bed.vfs.crash(), bed.manifest).texts.map((text) => text.length)).toEqual([
      3000, 5,
    ])
    expect(bed.vfs.handleCount).toBe(0)
  })
})

describe('modes sync and os', () => {
  test.each([
    ['sync', { operation: 'datasync', path: '.wal' }],
    ['sync', { operation: 'datasync', path: '.wal', isDone: true }],
    ['sync', { operation: 'write', path: '.wal' }],
    ['sync', { operation: 'write', path: '.wal', isDone: true }],
    ['os', { operation: 'write', path: '.wal', bytesWritten: 100 }],
    ['os', { operation: 'write', path: '.wal', isDone: true }],
  ] satisfies ['sync' | 'os', FaultRule][])('%s: %o refuses the append', async (mode, rule) => {
    const bed = newBed(mode)
    append(bed.log, 'one')
    bed.vfs.fail(rule)
    expect(() => append(bed.log, 'refused')).toThrow(
      expect.objectContaining({ code: 'ERR_IO', retryable: true }),
    )
    expect(bed.log.lsnEnd).toBe(base + 1n)
    expect(bed.log.state).toBe('open') // went on in a new file at once
    expect(recover(bed.vfs.crash(), bed.manifest).texts).toEqual(['one'])
    expect(append(bed.log, 'two').lsnFirst).toBe(base + 1n)
    await bed.log.close()
    expect(recover(bed.vfs.crash(), bed.manifest).texts).toEqual(['one', 'two'])
    expect(bed.vfs.handleCount).toBe(0)
  })

  test('sync: a watermark that fails does not fail the append it follows', async () => {
    const bed = newBed('sync')
    append(bed.log, 'one')
    bed.vfs.fail({ operation: 'write', path: '.wal', nth: 2 })
    append(bed.log, 'two')
    expect(bed.log.state).toBe('poisoned')
    bed.clock.advance(50)
    append(bed.log, 'three')
    await bed.log.close()
    expect(recover(bed.vfs.crash(), bed.manifest).texts).toEqual(['one', 'two', 'three'])
  })

  test('sync: refused while nothing can be written; close has nothing pending', async () => {
    const bed = newBed('sync')
    append(bed.log, 'one')
    bed.vfs.fail({ times: 'forever' })
    expect(() => append(bed.log, 'refused')).toThrow(expect.objectContaining({ code: 'ERR_IO' }))
    expect(bed.log.state).toBe('poisoned')
    expect(() => append(bed.log, 'refused')).toThrow(expect.objectContaining({ code: 'ERR_IO' }))
    await bed.log.close() // nothing is pending: every append was refused or is durable
    expect(bed.log.state).toBe('closed')
    expect(bed.vfs.handleCount).toBe(0)
    bed.vfs.heal()
    expect(recover(bed.vfs.crash(), bed.manifest).texts).toEqual(['one'])
  })

  test.each(['async', 'inline'] as const)(
    'os: a failed %s sync logs written rows again',
    async (how) => {
      const bed = newBed('os', how === 'inline' ? { rotateBytes: 1024 } : {})
      append(bed.log, 'one')
      await bed.log.flush()
      bed.vfs.fail({ operation: 'datasync', path: '.wal' })
      append(bed.log, 'two')
      append(bed.log, how === 'inline' ? 'z'.repeat(2000) : 'three')
      await bed.log.flush()
      expect(bed.log.state).toBe('open')
      expect(bed.log.durableLsnEnd).toBe(base + 3n)
      expect(recover(bed.vfs.crash(), bed.manifest).texts).toHaveLength(3)
      append(bed.log, 'four')
      bed.clock.advance(1000)
      await bed.scheduler.settle()
      expect(recover(bed.vfs.crash(), bed.manifest).texts).toHaveLength(4)
      await bed.log.close()
      expect(bed.vfs.handleCount).toBe(0)
    },
  )

  test('os: rows that do not read back cannot be logged again, and close says so', async () => {
    const bed = newBed('os')
    append(bed.log, 'one')
    bed.vfs.fail({ operation: 'datasync', path: '.wal' })
    bed.vfs.fail({ operation: 'read', path: '.wal', times: 'forever' })
    const flushed = outcomeOf(bed.log.flush())
    await bed.scheduler.settle()
    expect(bed.log.state).toBe('poisoned')
    await expect(bed.log.close()).rejects.toMatchObject({ code: 'ERR_IO' })
    expect(await flushed).toMatchObject({ details: { outcome: 'unknown' } })
  })

  test('os: a stale failure of a file given up is only logged', async () => {
    const bed = newBed('os')
    append(bed.log, 'one')
    bed.vfs.holdSyncs()
    bed.vfs.fail({ operation: 'datasync', path: '.wal' })
    void bed.log.flush()
    bed.vfs.fail({ operation: 'write', path: '.wal' })
    expect(() => append(bed.log, 'refused')).toThrow()
    bed.vfs.releaseSyncs()
    await bed.scheduler.settle()
    expect(bed.log.state).toBe('open')
    append(bed.log, 'two')
    await bed.log.flush()
    expect(recover(bed.vfs.crash(), bed.manifest).texts).toEqual(['one', 'two'])
    await bed.log.close()
  })
})

test('os: a sync of a file given up that succeeds is ignored', async () => {
  const bed = newBed('os')
  append(bed.log, 'one')
  bed.vfs.holdSyncs()
  const first = bed.log.flush()
  bed.vfs.fail({ operation: 'write', path: '.wal' })
  expect(() => append(bed.log, 'refused')).toThrow()
  await first // its row went to the new file
  append(bed.log, 'two')
  const second = bed.log.flush()
  bed.vfs.releaseSyncs()
  await second
  expect(recover(bed.vfs.crash(), bed.manifest).texts).toEqual(['one', 'two'])
  await bed.log.close()
})

test('handles that do not close are logged, and nothing else', async () => {
  const bed = newBed('sync')
  append(bed.log, 'one')
  bed.vfs.fail({ operation: 'close', times: 'forever' })
  await bed.log.close()
  expect(bed.logged.filter((line) => line === 'warn: a log file did not close')).toHaveLength(2)
})

test.each(['group', 'sync', 'os'] as const)('mode %s: flushNow does not yield', async (mode) => {
  const bed = newBed(mode, small)
  append(bed.log, 'one')
  bed.log.flushNow()
  expect(bed.log.durableLsnEnd).toBe(base + 1n)
  bed.vfs.holdSyncs()
  append(bed.log, 'two')
  bed.scheduler.run()
  if (mode !== 'sync') {
    const heal = bed.vfs.fail({ operation: 'datasync', times: 'forever' })
    expect(() => bed.log.flushNow()).toThrow(
      expect.objectContaining({
        code: 'ERR_IO',
        details: expect.objectContaining({ outcome: 'pending' }),
      }),
    )
    heal()
    bed.clock.advance(2000)
  }
  bed.log.flushNow()
  expect(recover(bed.vfs.crash(), bed.manifest).texts).toEqual(['one', 'two'])
  bed.vfs.releaseSyncs()
  await bed.log.close()
  expect(() => bed.log.flushNow()).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
})

describe('close', () => {
  test.each(['group', 'os'] as const)(
    'mode %s: outcome unknown where nothing helps',
    async (mode) => {
      const bed = newBed(mode, small)
      append(bed.log, 'one')
      await bed.log.flush()
      bed.vfs.fail({ times: 'forever', path: '.wal' })
      const { lsnEnd } = mode === 'group' ? append(bed.log, 'two') : { lsnEnd: base + 1n }
      if (mode === 'os') {
        bed.vfs.heal()
        append(bed.log, 'two')
        bed.vfs.fail({ times: 'forever', path: '.wal' })
      }
      const waiting = outcomeOf(mode === 'group' ? bed.log.whenDurable(lsnEnd) : bed.log.flush())
      await bed.scheduler.settle()
      const closed = await outcomeOf(bed.log.close())
      expect(closed).toMatchObject({
        code: 'ERR_IO',
        details: { outcome: 'unknown', lsnFirst: base + 1n, lsnEnd: base + 2n },
      })
      expect(await waiting).toBe(closed)
      if (mode === 'group') expect(await outcomeOf(bed.log.whenDurable(lsnEnd))).toBe(closed)
      expect(bed.diagnostics.at(-1)).toEqual({ kind: 'lost', error: closed })
      expect(bed.vfs.handleCount).toBe(0)
      expect(bed.scheduler.pending).toBe(0)
      bed.vfs.heal()
      expect(recover(bed.vfs.crash(), bed.manifest).texts).toEqual(['one'])
      const next = reopen(bed.vfs.crash(), bed.manifest, mode, 2)
      await next.log.close()
    },
  )

  test('a failing end or truncation does not fail a close whose rows are durable', async () => {
    for (const rule of [{ operation: 'write' }, { operation: 'truncate' }] satisfies FaultRule[]) {
      const bed = newBed('group', small)
      append(bed.log, 'one')
      await bed.log.flush()
      bed.vfs.fail({ ...rule, times: 'forever' })
      await bed.log.close()
      expect(bed.logged).toContain('warn: the end of a log file was not tidied')
      bed.vfs.heal()
      expect(recover(bed.vfs.crash(), bed.manifest).texts).toEqual(['one'])
    }
  })

  test('a sync that fails in close is healed in close', async () => {
    for (const mode of ['group', 'os'] as const) {
      const bed = newBed(mode, small)
      append(bed.log, 'one')
      bed.vfs.fail({ operation: 'datasync', path: '.wal', nth: mode === 'group' ? 2 : 1 })
      await bed.log.close()
      const { texts, summary } = recover(bed.vfs.crash(), bed.manifest)
      expect(texts).toEqual(['one'])
      expect(summary.isCleanEnd).toBe(true)
      expect(bed.manifest.files).toHaveLength(2)
    }
  })

  test('close while poisoned tries once more', async () => {
    const bed = newBed('group', small)
    bed.vfs.fail({ operation: 'write', path: '.wal' })
    append(bed.log, 'one')
    bed.scheduler.run()
    expect(bed.log.state).toBe('poisoned')
    await bed.log.close()
    expect(recover(bed.vfs.crash(), bed.manifest).summary.isCleanEnd).toBe(true)
  })

  test('a prepared file whose announcement failed is closed too', async () => {
    const bed = newBed('group', small)
    bed.vfs.fail({ operation: 'write', path: '.wal' })
    append(bed.log, 'one')
    bed.scheduler.run()
    bed.manifest.failure = new VarveError('ERR_IO', 'the manifest did not sync')
    await expect(bed.log.close()).rejects.toMatchObject({ details: { outcome: 'unknown' } })
    expect(bed.vfs.handleCount).toBe(0)
  })
})

describe('the first file', () => {
  test.each([
    { operation: 'open' },
    { operation: 'open', nth: 2 },
    { operation: 'write' },
    { operation: 'datasync' },
    { operation: 'syncDirectory' },
  ] satisfies FaultRule[])('%o: createLog throws and leaves nothing', (rule) => {
    const vfs = memoryVfs()
    vfs.makeDirectory('/store/wal')
    vfs.fail(rule)
    expect(() => newBed('group', { vfs })).toThrow(expect.objectContaining({ code: 'ERR_IO' }))
    expect(vfs.list('/store/wal')).toEqual([])
    expect(vfs.handleCount).toBe(0)
  })

  test('a file that the manifest may name is kept', () => {
    const vfs = memoryVfs()
    const manifest = newBed('group').manifest.clone()
    manifest.files = []
    manifest.failure = new VarveError('ERR_IO', 'the manifest did not sync')
    expect(() => newBed('group', { vfs, manifest })).toThrow('did not sync')
    expect(vfs.list('/store/wal')).toHaveLength(1)
    expect(vfs.handleCount).toBe(0)
  })

  test('a file that is there already is left alone', () => {
    const vfs = memoryVfs()
    newBed('sync', { vfs })
    const before = bytesOf(vfs, '/store/wal/000000000001.wal')
    const nextFile = () => ({ number: 1, path: '/store/wal/000000000001.wal' })
    expect(() => newBed('sync', { vfs, nextFile })).toThrow(
      expect.objectContaining({ code: 'ERR_EXISTS' }),
    )
    expect(bytesOf(vfs, '/store/wal/000000000001.wal')).toEqual(before)
  })

  test('rows to carry over that are not there are damage', async () => {
    const bed = newBed('sync')
    append(bed.log, 'one')
    const { number, path } = bed.manifest.last
    const previous = { number, path, synced: bed.log.synced, endOffset: bed.log.bytes + 80 }
    const { vfs, manifest } = bed
    expect(() => newBed('sync', { vfs, manifest, epoch: 2, previous })).toThrow(
      expect.objectContaining({ code: 'ERR_CORRUPT' }),
    )
    expect(vfs.list('/store/wal')).toHaveLength(1)
    await bed.log.close()
  })

  test('a bug in a callback is not taken for a failing disk', async () => {
    const bed = newBed('group', { ...small, manifestEdit: () => 0.5 })
    append(bed.log, 'one')
    expect(() => bed.scheduler.run()).toThrow(RangeError)
    const other = newBed('group', small)
    other.vfs.fail({ operation: 'write', path: '.wal' })
    append(other.log, 'one')
    other.scheduler.run()
    other.manifest.failure = new RangeError('a bug')
    other.clock.advance(50)
    expect(() => other.scheduler.run()).toThrow(RangeError)
  })
})
