// Goal: where a file system that worked takes no writes any more, appends are refused with ERR_IO and reads go on; where
// it takes them again, the same handle goes on, or the next open does. Method: ext4 and XFS on loop devices; every file
// and folder of the store becomes immutable under a writer of the build, and mutable again; ext4 is told of an error and
// goes read-only by itself, as it does on a failing disk; a store on a read-only mount is opened.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { open } from '#store'
import { Child, covered, killChildren, rowsIn, sleep } from '../store/beside-child.ts'
import { Volume, missing } from './volume.ts'

const turnsOfFlag = 2

let volume: Volume | undefined
afterEach(async () => {
  await killChildren()
  volume?.remove()
  volume = undefined
})

const whyNot = (reason: string | undefined): string => (reason === undefined ? '' : ` (${reason})`)

/** Twice: files come and go while it walks. */
function setImmutable(path: string, flag: '+i' | '-i'): void {
  for (let walk = 0; walk < 2; walk += 1) spawnSync('chattr', ['-R', '-f', flag, path])
}

function expectOnlyIo(writer: Child): void {
  const { refusals } = writer
  expect(refusals).toHaveProperty('ERR_IO append')
  expect(Object.keys(refusals).filter((name) => !name.startsWith('ERR_IO '))).toEqual([])
  expect(writer.numbers('unreadable')).toEqual([])
}

describe.each(['ext4', 'xfs'] as const)('%s', (kind) => {
  const reason = missing(kind)
  test.skipIf(reason !== undefined).each(['group', 'sync'] as const)(
    `%s: no file can be written for a while${whyNot(reason)}`,
    async (mode) => {
      volume = Volume.make(kind)
      const path = join(volume.path, 'store')
      const writer = new Child('beside-writer.mjs', path, [mode])
      await writer.line('ack')
      const reader = new Child('beside-reader.mjs', path, ['refresh'])
      await reader.line('ready')
      for (let turn = 0; turn < turnsOfFlag; turn += 1) {
        setImmutable(path, '+i')
        await writer.refused('append')
        await sleep(50)
        const { taken } = writer
        setImmutable(path, '-i')
        await writer.acknowledges(taken + 1)
      }
      await writer.stop()
      await reader.stop()
      expectOnlyIo(writer)
      const rows = writer.numbers('end')[0]
      expect(JSON.parse(reader.lines.at(-1)!)).toMatchObject({ count: rows })
      const store = await open(path)
      expect(rowsIn(store)).toBe(rows)
      expect((await store.verify()).damage).toEqual([])
      await store.close()
      covered(turnsOfFlag, `times without writes (${kind}, ${mode})`)
    },
  )

  test.skipIf(reason !== undefined)(`a read-only mount${whyNot(reason)}`, async () => {
    volume = Volume.make(kind)
    const path = join(volume.path, 'store')
    const writer = new Child('beside-writer.mjs', path, ['group'])
    await writer.line('did seal')
    await writer.kill()
    volume.remount('ro')
    const reader = await open(path, { mode: 'read' })
    const rows = rowsIn(reader)
    expect((await reader.verify()).damage).toEqual([])
    await reader.close()
    await expect(open(path)).rejects.toMatchObject({ code: 'ERR_IO', details: { errno: 'EROFS' } })
    volume.remount('rw')
    const store = await open(path)
    expect(rowsIn(store)).toBeGreaterThanOrEqual(Math.max(rows, writer.acknowledged))
    await store.close()
  })
})

const reasonOfErrors = missing('ext4')
test.skipIf(reasonOfErrors !== undefined)(
  `ext4 finds an error and goes read-only${whyNot(reasonOfErrors)}`,
  async () => {
    volume = Volume.make('ext4', undefined, 'errors=remount-ro')
    const path = join(volume.path, 'store')
    const writer = new Child('beside-writer.mjs', path, ['group'])
    await writer.line('did seal')
    volume.reportError()
    await writer.refused('append')
    await sleep(50)
    expectOnlyIo(writer)
    // A reader believes the log up to its last watermark: what was acknowledged last may have none.
    const reader = await open(path, { mode: 'read' })
    const rowsRead = rowsIn(reader)
    await reader.close()
    await writer.kill()
    await expect(open(path)).rejects.toMatchObject({ code: 'ERR_IO' })
    volume.unmount()
    volume.mount()
    const store = await open(path)
    expect(rowsIn(store)).toBeGreaterThanOrEqual(Math.max(rowsRead, writer.acknowledged))
    expect((await store.verify()).damage).toEqual([])
    await store.close()
  },
)
