// Goal: one writer's edits are durable, all or none, and readers follow them.
// Method: named cases on the memory twin.
import { beforeAll, describe, expect, test } from 'vitest'
import { loadKernels } from '#kernel'
import { Manifest, manifestExists, type Change } from '#manifest'
import { memoryVfs, type FaultRule, type MemoryVfs } from '#vfs'
import { storeId, textOf } from './workload.ts'

beforeAll(() => loadKernels())

const store = { storeId, createdAt: 5n }
const epoch = (manifest: Manifest): Change[] => [
  { type: 'epochStarted', epoch: manifest.state.epoch + 1 },
]
const error = (code: string): unknown => expect.objectContaining({ code })

function remove(vfs: MemoryVfs, path: string): void {
  vfs.unlink(path)
  vfs.syncDirectory('/s')
}

test('create, commit, open', () => {
  const vfs = memoryVfs()
  expect(manifestExists(vfs, '/s')).toBe(false)
  expect(() => Manifest.open({ vfs }, '/s')).toThrow(error('ERR_NOT_FOUND'))
  const made = Manifest.create({ vfs }, '/s', store)
  expect(made.commit(epoch(made)).epoch).toBe(1)
  made.close()
  made.close()
  expect(manifestExists(vfs, '/s')).toBe(true)
  expect(() => Manifest.create({ vfs }, '/s', store)).toThrow(error('ERR_EXISTS'))
  const open = Manifest.open({ vfs: vfs.crash() }, '/s')
  expect(textOf(open.state)).toBe(textOf(made.state))
})

test('a store that lost CURRENT, or its manifest, is damaged; a creation cut short is none', () => {
  const vfs = memoryVfs()
  const made = Manifest.create({ vfs }, '/s', store)
  remove(vfs, '/s/CURRENT')
  expect(manifestExists(vfs, '/s')).toBe(false)
  Manifest.create({ vfs }, '/s', store).close()
  made.close()
  const again = Manifest.open({ vfs }, '/s')
  again.commit(epoch(again))
  remove(vfs, '/s/CURRENT')
  expect(() => Manifest.open({ vfs }, '/s')).toThrow(error('ERR_CORRUPT'))
  expect(() => Manifest.create({ vfs }, '/s', store)).toThrow(error('ERR_CORRUPT'))
  const lost = memoryVfs()
  Manifest.create({ vfs: lost }, '/s', store).close()
  remove(lost, '/s/manifest/000000000001.manifest')
  expect(() => Manifest.open({ vfs: lost }, '/s')).toThrow(error('ERR_CORRUPT'))
})

test('a first manifest of a newer format without CURRENT is not overwritten', () => {
  const vfs = memoryVfs()
  Manifest.create({ vfs }, '/s', store).close()
  remove(vfs, '/s/CURRENT')
  vfs.fail({ operation: 'read' })
  expect(() => Manifest.create({ vfs }, '/s', store)).toThrow(error('ERR_IO'))
  vfs.rename('/s/manifest/000000000001.manifest', '/s/manifest/000000000002.manifest')
  expect(() => Manifest.create({ vfs }, '/s', store)).toThrow(error('ERR_CORRUPT'))
})

test('the edit known to be durable must be there', () => {
  const vfs = memoryVfs()
  Manifest.create({ vfs }, '/s', store).close()
  Manifest.open({ vfs }, '/s', { editAtLeast: 1 }).close()
  expect(() => Manifest.open({ vfs }, '/s', { editAtLeast: 2 })).toThrow('lost its tail')
  expect(vfs.handleCount).toBe(0)
})

test('file numbers are never given twice', () => {
  const vfs = memoryVfs()
  const manifest = Manifest.create({ vfs }, '/s', store)
  expect([manifest.allocateFileNumber(), manifest.allocateFileNumber()]).toEqual([1, 2])
  manifest.noteFileNumber(40)
  manifest.noteFileNumber(7)
  expect(manifest.allocateFileNumber()).toBe(41)
  manifest.commit([{ type: 'logAdded', log: { fileNumber: 99, epoch: 1, firstLsn: 0n } }])
  manifest.commit([{ type: 'logDropped', fileNumber: 99 }])
  manifest.close()
  expect(Manifest.open({ vfs }, '/s').allocateFileNumber()).toBe(100)
})

test('misuse is a bug of ours', () => {
  const vfs = memoryVfs()
  const manifest = Manifest.create({ vfs }, '/s', store)
  expect(() => manifest.commit([])).toThrow('BUG')
  expect(() => manifest.commit([{ type: 'rewritten', nextFileNumber: 9 }])).toThrow('BUG')
  expect(() => manifest.refresh()).toThrow('BUG')
  const reader = Manifest.open({ vfs }, '/s', { readOnly: true })
  expect(() => reader.commit(epoch(manifest))).toThrow('BUG')
  manifest.close()
  expect(() => manifest.commit(epoch(manifest))).toThrow('BUG')
})

describe('readers', () => {
  test('follow appended edits, a new file, and an edit taken back', () => {
    const vfs = memoryVfs()
    const manifest = Manifest.create({ vfs }, '/s', store)
    const reader = Manifest.open({ vfs }, '/s', { readOnly: true })
    expect(reader.refresh()).toBe(false)
    manifest.commit(epoch(manifest))
    expect(reader.refresh()).toBe(true)
    expect(reader.refresh()).toBe(false)
    // The sync fails after the reader could see the record; the rewrite fails too.
    vfs.watch(({ operation }) => {
      if (operation === 'datasync') vfs.watch(undefined)
      if (operation === 'datasync') reader.refresh()
    })
    vfs.fail({ operation: 'datasync', times: 'forever' })
    expect(() => manifest.commit(epoch(manifest))).toThrow(error('ERR_IO'))
    expect(reader.state.epoch).toBe(2)
    expect(reader.refresh()).toBe(true)
    expect(reader.state.epoch).toBe(1)
    vfs.heal()
    manifest.commit(epoch(manifest))
    expect(reader.refresh()).toBe(true)
    expect(reader.path).not.toContain('000000000001')
    expect(textOf(reader.state)).toBe(textOf(manifest.state))
  })

  test('find the file when CURRENT moves on under them', () => {
    const vfs = memoryVfs()
    const manifest = Manifest.create({ vfs }, '/s', store, [], { rotateBytes: 1 })
    let moved = 0
    vfs.watch(({ operation, path }) => {
      if (operation !== 'open' || !path.endsWith('1.manifest') || moved > 0) return
      moved += 1
      for (let edit = 0; edit < 20; edit += 1) manifest.commit(epoch(manifest))
    })
    const reader = Manifest.open({ vfs }, '/s', { readOnly: true })
    expect(moved).toBe(1)
    expect(textOf(reader.state)).toBe(textOf(manifest.state))
  })
})

describe('a rotation that fails', () => {
  const grown = (vfs: MemoryVfs): Manifest => {
    const manifest = Manifest.create({ vfs }, '/s', store, [], { rotateBytes: 300 })
    while (manifest.bytes < 480) manifest.commit(epoch(manifest))
    return manifest
  }

  const rules: FaultRule[] = [
    { operation: 'open', path: '.manifest' },
    { operation: 'rename', path: 'CURRENT' },
    { operation: 'rename', path: 'CURRENT', isDone: true },
    { operation: 'syncDirectory', path: /^\/s$/ },
  ]
  test.each(rules)('%j: the edit stands, the next ones too', (rule) => {
    const vfs = memoryVfs()
    const manifest = grown(vfs)
    vfs.fail(rule)
    const files = new Set<string>()
    for (let edit = 0; edit < 40; edit += 1) {
      manifest.commit(epoch(manifest))
      files.add(manifest.path)
      for (const left of [vfs.crash(), vfs.kill()]) {
        const found = Manifest.open({ vfs: left }, '/s', { readOnly: true })
        expect(textOf(found.state)).toBe(textOf(manifest.state))
      }
    }
    expect(files.size).toBeGreaterThan(1)
  })

  test('by a bug of ours is not forgotten', () => {
    const vfs = memoryVfs()
    const manifest = grown(vfs)
    vfs.watch(({ operation, path }) => {
      if (operation === 'open' && path.endsWith('2.manifest')) throw new TypeError('a bug')
    })
    expect(() => {
      for (let edit = 0; edit < 9; edit += 1) manifest.commit(epoch(manifest))
    }).toThrow('a bug')
  })
})

test('an old file that cannot be removed, or a mark that cannot be written, stops nobody', () => {
  const vfs = memoryVfs()
  const warned: string[] = []
  const silent = (): void => undefined
  const warn = (_fields: object, message?: string): unknown => warned.push(message ?? '')
  const logger = { debug: silent, info: silent, warn, error: silent }
  const manifest = Manifest.create({ vfs, logger }, '/s', store, [], { rotateBytes: 300 })
  vfs.fail({ operation: 'unlink' })
  vfs.fail({ operation: 'write', nth: 2 })
  for (let edit = 0; edit < 20; edit += 1) manifest.commit(epoch(manifest))
  expect(warned).toEqual(['the end of the manifest is not marked', 'an old manifest stays'])
  manifest.close()
  expect(textOf(Manifest.open({ vfs: vfs.crash() }, '/s').state)).toBe(textOf(manifest.state))
})

test('a file that ends with its mark stays in use, any other is left behind', () => {
  const vfs = memoryVfs()
  const made = Manifest.create({ vfs }, '/s', store)
  made.close()
  const marked = Manifest.open({ vfs }, '/s')
  expect(marked.durableEdit).toBe(marked.state.editNumber)
  marked.commit(epoch(marked))
  expect(marked.path).toBe(made.path)
  marked.close()
  const unmarked = Manifest.open({ vfs: vfs.crash() }, '/s')
  // Its last edit may not be on the device: a log that said it stands on that one would be believed
  // more than the manifest after the next power cut.
  expect(unmarked.durableEdit).toBe(unmarked.state.editNumber - 1)
  unmarked.commit(epoch(unmarked))
  expect(unmarked.durableEdit).toBe(unmarked.state.editNumber)
  expect(unmarked.path).not.toBe(made.path)
})
