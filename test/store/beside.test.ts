// Goal: readers in other processes never see a wrong, missing or repeated row, whatever the writer does and however it or
// they end; a pinned reader's files stay while it lives and go when it is killed. Method: child processes of the build on
// a real disk; rows are such that any prefix of them can be checked; writers and readers are killed; files are listed.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { open } from '#store'
import { Child, chance, killChildren, rowOf, sleep, tick } from './beside-child.ts'

const rounds = 2

let path: string
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'varve-beside-'))
})
afterEach(async () => {
  await killChildren()
  rmSync(path, { recursive: true })
})

function dataFiles(): string[] {
  return ['segments', 'packs'].flatMap((name) => readdirSync(join(path, name)))
}

const leases = (): string[] => readdirSync(join(path, 'readers'))

test('readers beside a writer that is killed again and again', async () => {
  let writer = new Child('beside-writer.mjs', path, ['group'])
  await writer.line('start')
  const readers = ['refresh', 'follow', 'reopen'].map(
    (how) => new Child('beside-reader.mjs', path, [how]),
  )
  const killed = new Child('beside-reader.mjs', path, ['refresh'])
  for (const reader of [...readers, killed]) await reader.line('ready')
  for (let round = 0; round < rounds; round += 1) {
    await sleep(300 + chance() * 500)
    await writer.kill()
    if (round === 0) await killed.kill()
    writer = new Child('beside-writer.mjs', path, [round % 2 === 0 ? 'os' : 'group'])
    await writer.line('start')
  }
  await sleep(500)
  await writer.stop()
  const total = writer.numbers('end')[0]
  for (const reader of readers) {
    await reader.stop()
    const said = JSON.parse(reader.lines.at(-1)!) as { checks: number }
    expect(said).toMatchObject({ count: total, stales: 0 })
    expect(said.checks).toBeGreaterThan(3)
  }
  // Nothing is left of those that were killed.
  const store = await open(path)
  for (const { name } of store.snapshots()) await store.dropSnapshot(name)
  expect(leases()).toEqual([])
  expect(dataFiles()).toHaveLength(store.stats().segments)
  expect((await store.verify()).damage).toEqual([])
  expect(store.series(tick, 'A').count()).toBe(total)
  await store.close()
})

test.each(['on', 'off'])('a pinned reader, native add-ons %s', async (native) => {
  const store = await open(path)
  const series = store.series(tick, 'A')
  const add = async (from: number, end: number): Promise<void> => {
    for (let value = from; value < end; value += 1) {
      series.append(rowOf(value))
    }
    await store.seal()
  }
  await add(0, 100)
  await add(100, 200)
  const before = dataFiles()
  expect(before).toHaveLength(2)
  const env = native === 'off' ? { VARVE_NATIVE: 'off' } : {}
  const reader = new Child('beside-reader.mjs', path, ['pinned'], { env })
  await reader.line('ready')
  expect(leases()).toEqual([expect.stringContaining(String(reader.process.pid))])
  await store.compact()
  await add(200, 300)
  await store.compact()
  expect(dataFiles()).toEqual(expect.arrayContaining(before))
  // It opens them only now.
  reader.process.stdin.write('read\n')
  expect(await reader.line('', 1)).toBe('200')
  await reader.kill()
  await add(300, 400)
  expect(dataFiles()).toHaveLength(store.stats().segments)
  expect(leases()).toEqual([])
  expect(series.count()).toBe(400)
  await store.close()
})
