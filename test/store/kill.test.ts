// Goal: on a real disk, what a killed process was told is there, once and in order; its lock is free; a reader beside it
// never sees half of anything. Method: a child process of the build appends and acknowledges over a pipe until it is
// killed at a random moment; the next one goes on in the same folder.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { column, defineKind } from '#schema'
import { open } from '#store'

const child = fileURLToPath(new URL('kill-child.mjs', import.meta.url))
const tick = defineKind('tick', { columns: { value: column.i64() } })
const kills = Number(process.env['VARVE_KILLS'] ?? 2)

let path: string
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'varve-kill-'))
})
afterEach(() => rmSync(path, { recursive: true }))

/** Runs the child until it acknowledged something and then a little longer; gives the last number it told. */
async function runAndKill(durability: string, first: number): Promise<number> {
  const running = spawn(process.execPath, [child, path, durability, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<string | null>((resolve) => {
    running.on('close', (_, signal) => resolve(signal))
  })
  let told = ''
  let isKilled = false
  running.stdout.on('data', (bytes: Buffer) => {
    told += bytes.toString('latin1')
    if (isKilled) return
    isKilled = true
    setTimeout(() => running.kill('SIGKILL'), 20 + Math.random() * 250)
  })
  expect(await ended).toBe('SIGKILL')
  // The last line may have been cut by the kill.
  return Number(told.slice(0, told.lastIndexOf('\n')).split('\n').at(-1))
}

function isCounting(values: BigInt64Array): boolean {
  return values.every((value, at) => value === BigInt(at))
}

test.each(['sync', 'group', 'os'] as const)(
  '%s: SIGKILL while acknowledging',
  async (durability) => {
    let count = 0
    for (let kill = 0; kill < kills; kill += 1) {
      const acknowledged = await runAndKill(durability, count)
      const reader = await open(path, { mode: 'read' })
      expect(isCounting(reader.series(tick, 'A').range().columns.value)).toBe(true)
      await reader.close()
      const store = await open(path, { durability })
      const { value } = store.series(tick, 'A').range().columns
      expect(isCounting(value)).toBe(true)
      expect(value.length).toBeGreaterThan(acknowledged)
      count = value.length
      expect((await store.verify()).damage).toEqual([])
      await store.close()
    }
  },
)
