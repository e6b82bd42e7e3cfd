// Goal: a reader in another process whose files the writer has given up is told by ERR_STALE with the file, never sees
// wrong rows, and goes on after a refresh; the writer's disk holds no more than its own files then. Method: a child
// process of the build on a real disk; the writer keeps nothing for readers, by bytes or by time.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openStore, systemEnv } from '#store'
import type { Env, Store } from '#store'
import { Child, killChildren, rowOf, tick } from './beside-child.ts'

let path: string
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'varve-stale-'))
})
afterEach(async () => {
  await killChildren()
  rmSync(path, { recursive: true })
})

const dataFiles = (): string[] =>
  ['segments', 'packs'].flatMap((name) => readdirSync(join(path, name)))

async function add(store: Store, from: number, end: number): Promise<void> {
  for (let value = from; value < end; value += 1) store.series(tick, 'A').append(rowOf(value))
  await store.seal()
}

/** What the child answers to a word. */
async function ask(reader: Child, word: 'read' | 'refresh'): Promise<string> {
  const { length } = reader.lines
  reader.process.stdin.write(`${word}\n`)
  return reader.line('', length)
}

const bounds: [string, Env['limits'] & object][] = [
  ['bytes', { heldBytesMax: 0 }],
  ['time', { heldMsMax: -1 }],
]

test.each(bounds)('by %s: told, and then it goes on', async (_, limits) => {
  const store = (await openStore(path, {}, { ...systemEnv, limits })) as Store
  await add(store, 0, 100)
  await add(store, 100, 200)
  const reader = new Child('beside-reader.mjs', path, ['pinned'])
  await reader.line('ready')
  const given = dataFiles()
  await store.compact()
  await add(store, 200, 300)
  for (const name of given) expect(dataFiles()).not.toContain(name)
  expect(dataFiles()).toHaveLength(store.stats().segments)
  const [code, file] = (await ask(reader, 'read')).split(' ')
  expect(code).toBe('ERR_STALE')
  expect(given).toContain(file!.slice(file!.lastIndexOf('/') + 1))
  // Again, and without harm.
  expect(await ask(reader, 'read')).toContain('ERR_STALE')
  expect(await ask(reader, 'refresh')).toBe('300')
  expect(await ask(reader, 'read')).toBe('300')
  await reader.kill()
  await store.close()
})

test('what a reader has opened it reads on, though the names are gone', async () => {
  const limits = { heldBytesMax: 0 }
  const store = (await openStore(path, {}, { ...systemEnv, limits })) as Store
  await add(store, 0, 100)
  await add(store, 100, 200)
  const reader = new Child('beside-reader.mjs', path, ['pinned'])
  await reader.line('ready')
  expect(await ask(reader, 'read')).toBe('200')
  await store.compact()
  await add(store, 200, 300)
  expect(dataFiles()).toHaveLength(store.stats().segments)
  expect(await ask(reader, 'read')).toBe('200')
  expect(await ask(reader, 'refresh')).toBe('300')
  await reader.kill()
  await store.close()
})
