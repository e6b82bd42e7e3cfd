// Goal: on a real disk, what a killed process was told is there, once and in order, and nothing else; its lock is free; a
// reader beside it never sees half of anything. Method: a child process of the build appends, seals, compacts and takes
// snapshots, and acknowledges over a pipe until it is killed at a random moment; the next one goes on in the same folder,
// under the eyes of a reader process that stays.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { open } from '#store'
import { Child, chance, covered, killChildren, rowsIn, sleep } from './beside-child.ts'

const modes = ['sync', 'group', 'os', 'memory'] as const
type Mode = (typeof modes)[number]

/** In all modes together. */
const kills = Number(process.env['VARVE_KILLS'] ?? 20)
/** A store that has seen so many is left for a new one: looking at it takes longer and longer. */
const killsOfStore = 25
const rowsOfCall = 3

let seals = 0
let compactions = 0
beforeEach(() => {
  seals = 0
  compactions = 0
})
afterEach(killChildren)

/** Starts a writer, kills it, and gives how many rows there are then. */
async function runAndKill(
  path: string,
  mode: Mode,
  isEarly: boolean,
  rowsBefore: number,
): Promise<number> {
  const writer = new Child('beside-writer.mjs', path, [mode, String(rowsOfCall)])
  await writer.line(isEarly ? 'ack' : 'did compact')
  await sleep(chance() * 300)
  await writer.kill()
  expect(writer.refusals).toEqual({})
  seals += writer.did('seal')
  compactions += writer.did('compact')

  const reader = await open(path, { mode: 'read' })
  const rowsRead = rowsIn(reader)
  await reader.close()
  const store = await open(path, { durability: mode })
  const rows = rowsIn(store)
  expect(rows).toBeGreaterThanOrEqual(writer.acknowledged)
  expect(rows % rowsOfCall).toBe(0)
  // A reader believes the log up to its last watermark; the last groups may have none yet.
  expect(rowsRead).toBeLessThanOrEqual(rows)
  if (mode === 'memory') {
    expect(rowsRead).toBe(rows)
    expect([rowsBefore, ...writer.numbers('sealing')]).toContain(rows)
  }
  expect((await store.verify()).damage).toEqual([])
  await store.close()
  return rows
}

async function oneStore(mode: Mode, count: number): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), 'varve-kill-'))
  try {
    await (await open(path)).close()
    const reader = new Child('beside-reader.mjs', path, ['refresh'])
    await reader.line('ready')
    let rows = 0
    for (let kill = 0; kill < count; kill += 1)
      rows = await runAndKill(path, mode, kill % 2 === 0, rows)
    await reader.stop()
    expect(JSON.parse(reader.lines.at(-1)!)).toMatchObject({ count: rows, stales: 0 })
  } finally {
    await killChildren()
    rmSync(path, { recursive: true })
  }
}

test.each(modes)(
  '%s: SIGKILL while acknowledging',
  async (mode) => {
    const killsOfMode = Math.ceil(kills / modes.length)
    for (let done = 0; done < killsOfMode; done += killsOfStore) {
      await oneStore(mode, Math.min(killsOfStore, killsOfMode - done))
    }
    if (killsOfMode > 1) expect(Math.min(seals, compactions)).toBeGreaterThan(0)
    covered(killsOfMode, `kills (${mode}; ${seals} seals, ${compactions} compactions)`)
  },
  60_000 + kills * 2_000,
)
