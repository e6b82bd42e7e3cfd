// Goal: readers in other processes never see a wrong, missing or repeated row, whatever the writer does and however it or
// they end; a pinned reader's files stay while it lives and go when it is killed. Method: child processes of the build on
// a real disk; rows are such that any prefix of them can be checked; writers and readers are killed; files are listed.
import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { column, defineKind } from '#schema'
import { open } from '#store'

const tick = defineKind('tick', { columns: { value: column.i64() } })
const start = 1_700_000_000_000_000_000n
const stepNs = 20_000_000_000n
const rounds = Number(process.env['VARVE_KILLS'] ?? 2)

let path: string
let children: Child[] = []
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'varve-beside-'))
})
afterEach(async () => {
  for (const child of children) child.process.kill('SIGKILL')
  await Promise.all(children.map(({ ended }) => ended))
  children = []
  rmSync(path, { recursive: true })
})

class Child {
  readonly process: ChildProcessWithoutNullStreams
  readonly ended: Promise<unknown>
  said = ''
  complained = ''

  constructor(script: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const file = fileURLToPath(new URL(script, import.meta.url))
    this.process = spawn(process.execPath, [file, path, ...args], {
      env: { ...process.env, ...env },
    })
    this.ended = once(this.process, 'close')
    this.process.stdout.on('data', (bytes: Buffer) => (this.said += bytes.toString('latin1')))
    this.process.stderr.on('data', (bytes: Buffer) => (this.complained += bytes.toString('latin1')))
    children.push(this)
  }

  get lines(): string[] {
    return this.said.split('\n').slice(0, -1)
  }

  /** Waits until it has said so many lines. */
  async line(count: number): Promise<string> {
    const { process: running } = this
    while (this.lines.length < count) {
      if (running.exitCode !== null || running.signalCode !== null) {
        throw new Error(`the child ended: ${this.complained}`)
      }
      await Promise.race([once(running.stdout, 'data'), this.ended])
    }
    return this.lines[count - 1]!
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.ended
  }

  async stop(): Promise<void> {
    this.process.kill('SIGTERM')
    await this.ended
    expect({ complained: this.complained, code: this.process.exitCode }).toEqual({
      complained: '',
      code: 0,
    })
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

function dataFiles(): string[] {
  return ['segments', 'packs'].flatMap((name) => readdirSync(join(path, name)))
}

const leases = (): string[] => readdirSync(join(path, 'readers'))

test('readers beside a writer that is killed again and again', async () => {
  let writer = new Child('beside-writer.mjs', ['group'])
  await writer.line(1)
  const readers = ['refresh', 'follow', 'reopen'].map(
    (how) => new Child('beside-reader.mjs', [how]),
  )
  const killed = new Child('beside-reader.mjs', ['refresh'])
  for (const reader of [...readers, killed]) await reader.line(1)
  for (let round = 0; round < rounds; round += 1) {
    await sleep(300 + Math.random() * 500)
    await writer.kill()
    if (round === 0) await killed.kill()
    writer = new Child('beside-writer.mjs', [round % 2 === 0 ? 'os' : 'group'])
    await writer.line(1)
  }
  await sleep(500)
  await writer.stop()
  const total = Number(await writer.line(2))
  for (const reader of readers) {
    await reader.stop()
    const { checks, count } = JSON.parse(reader.lines.at(-1)!) as { checks: number; count: number }
    expect(checks).toBeGreaterThan(3)
    expect(count).toBe(total)
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
      series.append({ time: start + BigInt(value ^ 7) * stepNs, value })
    }
    await store.seal()
  }
  await add(0, 100)
  await add(100, 200)
  const before = dataFiles()
  expect(before).toHaveLength(2)
  const env = native === 'off' ? { VARVE_NATIVE: 'off' } : {}
  const reader = new Child('beside-reader.mjs', ['pinned'], env)
  await reader.line(1)
  expect(leases()).toEqual([expect.stringContaining(String(reader.process.pid))])
  await store.compact()
  await add(200, 300)
  await store.compact()
  expect(dataFiles()).toEqual(expect.arrayContaining(before))
  // It opens them only now.
  reader.process.stdin.write('read\n')
  expect(await reader.line(2)).toBe('200')
  await reader.kill()
  await add(300, 400)
  expect(dataFiles()).toHaveLength(store.stats().segments)
  expect(leases()).toEqual([])
  expect(series.count()).toBe(400)
  await store.close()
})
