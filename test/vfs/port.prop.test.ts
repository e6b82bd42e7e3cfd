// Goal: the memory twin behaves as the disk does, for any order of calls, and a power cut keeps
// what was synced, for any luck.
// Method: random calls over few names on both, comparing every result and every error code, then
// the whole trees; and random writes, syncs and cuts against a plain model of what is durable.
import * as fc from 'fast-check'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { VarveError } from '#base'
import { diskVfs, memoryVfs } from '#vfs'
import type { Vfs, VfsFile } from '#vfs'

const name = fc.constantFrom('a', 'b', 'd', 'd/a', 'd/b', 'd/e', 'd/e/a', 'a/b')
const slot = fc.nat(2)
const call = fc.oneof(
  fc.record({
    kind: fc.constant('open' as const),
    slot,
    name,
    mode: fc.constantFrom('read', 'write', 'create'),
  }),
  fc.record({ kind: fc.constant('open' as const), slot, name, mode: fc.constant('create') }),
  fc.record({
    kind: fc.constant('write' as const),
    slot,
    at: fc.nat(20),
    count: fc.nat(9),
    fill: fc.nat(255),
  }),
  fc.record({ kind: fc.constant('read' as const), slot, at: fc.nat(30), count: fc.nat(9) }),
  fc.record({ kind: fc.constant('truncate' as const), slot, bytes: fc.nat(30) }),
  fc.record({ kind: fc.constant('size' as const), slot }),
  fc.record({ kind: fc.constant('close' as const), slot }),
  fc.record({ kind: fc.constant('rename' as const), name, to: name }),
  fc.record({ kind: fc.constant('unlink' as const), name }),
  fc.record({ kind: fc.constant('make' as const), name }),
  fc.record({ kind: fc.constant('list' as const), name }),
  fc.record({ kind: fc.constant('stat' as const), name }),
)
type Call = typeof call extends fc.Arbitrary<infer T> ? T : never

/** One side of the comparison: a file system, its root, and its open files by slot. */
interface Side {
  readonly vfs: Vfs
  readonly root: string
  readonly files: (VfsFile | undefined)[]
}

function act(side: Side, step: Call): unknown {
  const { vfs, files } = side
  const at = (path: string): string => join(side.root, path)
  switch (step.kind) {
    case 'open':
      files[step.slot]?.close()
      files[step.slot] = undefined
      // A directory opened for reading fails now or at its first read: told apart by the system.
      if (vfs.stat(at(step.name))?.kind === 'directory') return 'directory'
      files[step.slot] = vfs.open(at(step.name), step.mode as 'read')
      return 'opened'
    case 'write':
      return files[step.slot]?.write(new Uint8Array(step.count).fill(step.fill), step.at)
    case 'read': {
      const bytes = new Uint8Array(step.count)
      return [files[step.slot]?.read(bytes, step.at), bytes.join()]
    }
    case 'truncate':
      return files[step.slot]?.truncate(step.bytes)
    case 'size':
      return files[step.slot]?.size()
    case 'close':
      return files[step.slot]?.close()
    case 'rename':
      return vfs.rename(at(step.name), at(step.to))
    case 'unlink':
      return vfs.unlink(at(step.name))
    case 'make':
      return vfs.makeDirectory(at(step.name))
    case 'list':
      return vfs.list(at(step.name))
    case 'stat': {
      const found = vfs.stat(at(step.name))
      return found?.kind === 'directory' ? 'directory' : found
    }
  }
}

function outcome(side: Side, step: Call): unknown {
  try {
    return act(side, step)
  } catch (error) {
    if (error instanceof VarveError) return error.code
    throw error
  }
}

function tree(side: Side, path: string): unknown {
  const { vfs } = side
  const whole = join(side.root, path)
  if (vfs.stat(whole)?.kind === 'directory') {
    return vfs.list(whole).map((each) => [each, tree(side, join(path, each))])
  }
  const file = vfs.open(whole, 'read')
  const bytes = new Uint8Array(file.size())
  file.read(bytes, 0)
  file.close()
  return bytes.join()
}

it('is the disk, for any order of calls', () => {
  fc.assert(
    fc.property(fc.array(call, { minLength: 5, maxLength: 80, size: 'max' }), (steps) => {
      const root = mkdtempSync(join(tmpdir(), 'varve-prop-'))
      const memory = memoryVfs()
      memory.makeDirectory('/root')
      const sides: Side[] = [
        { vfs: diskVfs, root, files: [] },
        { vfs: memory, root: '/root', files: [] },
      ]
      try {
        for (const step of steps) {
          const [onDisk, inMemory] = sides.map((side) => outcome(side, step))
          expect(inMemory).toEqual(onDisk)
        }
        const [onDisk, inMemory] = sides.map((side) => tree(side, ''))
        expect(inMemory).toEqual(onDisk)
      } finally {
        for (const side of sides) for (const file of side.files) file?.close()
        rmSync(root, { recursive: true })
      }
      expect(memory.handleCount).toBe(0)
      expect(memory.kill().freeBytes('/')).toBe(memory.freeBytes('/'))
    }),
    { numRuns: 100 },
  )
})

const change = fc.oneof(
  fc.record({
    kind: fc.constant('write' as const),
    at: fc.nat(1500),
    count: fc.nat(1200),
    fill: fc.nat(255),
  }),
  fc.record({ kind: fc.constant('truncate' as const), bytes: fc.nat(2000) }),
  fc.record({ kind: fc.constant('sync' as const) }),
)

it('keeps, of every sector, a value that was written or the durable one', () => {
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 12 }),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999 })),
      (changes, luck) => {
        const vfs = memoryVfs()
        const file = vfs.open('/a', 'create')
        vfs.syncDirectory('/')
        let durable = new Uint8Array(0)
        let unsynced: (typeof changes)[number][] = []
        for (const step of changes) {
          if (step.kind === 'write') file.write(new Uint8Array(step.count).fill(step.fill), step.at)
          else if (step.kind === 'truncate') file.truncate(step.bytes)
          else file.datasyncSync()
          unsynced = step.kind === 'sync' ? [] : [...unsynced, step]
          if (step.kind === 'sync') {
            durable = new Uint8Array(file.size())
            file.read(durable, 0)
          }
        }
        const contentOf = (found: Vfs): Uint8Array => {
          const handle = found.open('/a', 'read')
          const bytes = new Uint8Array(handle.size())
          handle.read(bytes, 0)
          handle.close()
          return bytes
        }
        expect(contentOf(vfs.crash())).toEqual(durable)
        // Below every cut of the file, a byte is the durable one or one written there since.
        const lucky = contentOf(vfs.crash(() => luck.next().value ?? 0))
        if (unsynced.length === 0) expect(lucky).toEqual(durable)
        let certain = durable.length
        for (const step of unsynced) {
          if (step.kind === 'truncate') certain = Math.min(certain, step.bytes)
        }
        expect(lucky.length).toBeGreaterThanOrEqual(certain)
        for (let at = 0; at < certain; at++) {
          const isPossible =
            lucky[at] === durable[at] ||
            unsynced.some(
              (step) =>
                step.kind === 'write' &&
                step.fill === lucky[at] &&
                at >= step.at &&
                at < step.at + step.count,
            )
          if (!isPossible) expect.fail(`byte ${at} is ${lucky[at]}`)
        }
        expect(contentOf(vfs.crash(() => 0.3))).toEqual(contentOf(vfs))
        file.close()
      },
    ),
    { numRuns: 100 },
  )
})
