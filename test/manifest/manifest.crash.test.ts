// Goal: an edit that was returned is there after any end of the process or the power; an edit that
// was not is there whole or not at all; a failed sync is never believed; the handle goes on when
// the cause is gone. Method: a scripted workload on the memory twin (create, commits, rewrites,
// clean close, reopen). Before every operation the power is cut (nothing, or random parts of what
// was not synced survive) or the process killed, and what is left is opened, must hold a state that
// may be there, takes another edit, and loses power again. Then the same with the n-th operation
// failing, once or for ever, done or not.
import { beforeAll, describe, expect, test } from 'vitest'
import { loadKernels } from '#kernel'
import { applyEdit, emptyState, Manifest, type Change, type ManifestState } from '#manifest'
import { memoryVfs, type FaultRule, type MemoryVfs } from '#vfs'
import { pickOf, storeId, textOf, Workload } from './workload.ts'

beforeAll(() => loadKernels())

const options = { rotateBytes: 300 }

/** What a later open may find: the states by their text; '' for no store. */
class Expected {
  /** The last state a commit returned. */
  acknowledged = ''
  /** States of edits that were tried since and may have landed. */
  readonly maybe = new Set<string>()

  returned(state: ManifestState): void {
    this.acknowledged = textOf(state)
    this.maybe.clear()
  }
}

function openOrNone(vfs: MemoryVfs): Manifest | undefined {
  try {
    return Manifest.open({ vfs }, '/s', options)
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_NOT_FOUND' })
    return undefined
  }
}

/** Opens what was left, compares, edits, cuts the power again. */
function checkLeft(vfs: MemoryVfs, expected: Expected): void {
  const found = openOrNone(vfs)
  const text = found === undefined ? '' : textOf(found.state)
  expect(text === expected.acknowledged || expected.maybe.has(text)).toBe(true)
  const manifest = found ?? Manifest.create({ vfs }, '/s', { storeId, createdAt: 1n }, [], options)
  manifest.commit([{ type: 'epochStarted', epoch: manifest.state.epoch + 1 }])
  manifest.commit([{ type: 'epochStarted', epoch: manifest.state.epoch + 1 }])
  const again = Manifest.open({ vfs: vfs.crash() }, '/s', { readOnly: true })
  expect(textOf(again.state)).toBe(textOf(manifest.state))
  again.close()
  manifest.close()
  expect(vfs.handleCount).toBe(0)
}

/** One edit; false where it failed, and then the state has not moved. */
function commit(manifest: Manifest, changes: Change[], expected: Expected): boolean {
  const before = textOf(manifest.state)
  expected.maybe.add(textOf(applyEdit(manifest.state, changes)))
  try {
    expected.returned(manifest.commit(changes))
    return true
  } catch (error) {
    expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_(IO|DISK_FULL)$/) })
    expect(textOf(manifest.state)).toBe(before)
    return false
  }
}

function script(vfs: MemoryVfs, expected: Expected, editCount: number, seed: number): void {
  const work = new Workload(seed)
  const store = { storeId, createdAt: 1n }
  expected.maybe.add(textOf(applyEdit(emptyState, [{ type: 'storeCreated', ...store }])))
  let manifest = Manifest.create({ vfs }, '/s', store, [], options)
  expected.returned(manifest.state)
  for (let edit = 0; edit < editCount; edit += 1) {
    commit(manifest, work.edit(manifest), expected)
    if (edit % 8 !== 5) continue
    if (edit % 16 === 5) commit(manifest, [{ type: 'cleanClose', lsnEnd: 1n }], expected)
    manifest.close()
    manifest = Manifest.open({ vfs }, '/s', options)
  }
  manifest.close()
}

describe('power cuts and kills', () => {
  const cuts = {
    'nothing unsynced survives': (vfs: MemoryVfs) => vfs.crash(),
    'any part of it may': (vfs: MemoryVfs, random: () => number) => vfs.crash(random),
    'the process is killed': (vfs: MemoryVfs) => vfs.kill(),
    'killed, then the power goes': (vfs: MemoryVfs, random: () => number) =>
      vfs.kill().crash(random),
  }
  test.each(Object.entries(cuts))('%s', (_name, cut) => {
    for (const seed of [1, 2]) {
      const vfs = memoryVfs()
      const expected = new Expected()
      const pick = pickOf(seed)
      const random = (): number => pick(2 ** 20) / 2 ** 20
      vfs.watch(({ operation }) => {
        if (['size', 'read', 'stat', 'list', 'close'].includes(operation)) return
        for (let times = 0; times < 2; times += 1) checkLeft(cut(vfs, random), expected)
      })
      script(vfs, expected, 30, seed)
      vfs.watch(undefined)
      checkLeft(cut(vfs, random), expected)
    }
  })
})

describe('failing operations', () => {
  const rules: FaultRule[] = [
    {},
    { isDone: true },
    { operation: 'write', bytesWritten: 9 },
    { operation: 'datasync' },
    { operation: 'datasync', isDone: true },
    { operation: 'rename', isDone: true },
    { operation: 'syncDirectory' },
    { times: 'forever' },
    { operation: 'datasync', times: 'forever' },
    { operation: 'write', times: 'forever', code: 'ERR_DISK_FULL' },
    { operation: 'truncate', times: 'forever' },
    { path: 'CURRENT', times: 'forever' },
  ]
  test.each(rules)('%j', (rule) => {
    for (let nth = 1; nth < 16; nth += 1) {
      const vfs = memoryVfs()
      const pick = pickOf(nth)
      const random = (): number => pick(2 ** 20) / 2 ** 20
      const work = new Workload(nth)
      const expected = new Expected()
      const manifest = Manifest.create({ vfs }, '/s', { storeId, createdAt: 1n }, [], options)
      expected.returned(manifest.state)
      if (rule.operation === 'truncate') vfs.fail({ operation: 'datasync', nth })
      vfs.fail({ ...rule, nth })
      for (let edit = 0; edit < 12; edit += 1) {
        commit(manifest, work.edit(manifest), expected)
        checkLeft(vfs.crash(), expected)
        checkLeft(vfs.crash(random), expected)
        checkLeft(vfs.kill(), expected)
      }
      vfs.heal()
      expect(commit(manifest, work.edit(manifest), expected)).toBe(true)
      expected.maybe.clear()
      checkLeft(vfs.crash(), expected)
      manifest.close()
      expect(vfs.handleCount).toBe(0)
    }
  })
})
