// Goal: on a full disk appends are refused before they are taken, with ERR_DISK_FULL; reads go on, also those of other
// processes; once there is space the same handle goes on; nothing acknowledged is lost and no leftover stays. Method: a
// small file system of its own, filled by files beside the store to the last byte, or to a rest that the store fills
// itself, again and again, under a writer and a reader of the build that stay.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { VarveError } from '#base'
import { open } from '#store'
import { Child, covered, killChildren, rowsIn, sleep } from '../store/beside-child.ts'
import { Volume, missing } from './volume.ts'

/** Of each file system and mode. */
const cycles = Number(process.env['VARVE_FULL_CYCLES'] ?? 3)
const modesOf = { tmpfs: ['group', 'sync'], ext4: ['group'] } as const
const cyclesOfVolume = 6
const bytesOfVolume = { tmpfs: 24 << 20, ext4: 32 << 20 }
/** Less than a new log file takes at first: the store itself fills it. */
const bytesLeft = 64 << 10
/** Rows of one call, bytes of a log file, and a pause between calls: there is time to look at all rows. */
const pace = ['60', String(1 << 20), '1']

let volume: Volume | undefined
afterEach(async () => {
  await killChildren()
  volume?.remove()
  volume = undefined
})

function filesIn(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
}

/** Fills the disk, lets the writer and the reader run into it, frees it, and sees the writer go on. */
async function cycle(on: Volume, path: string, writer: Child, isByOthers: boolean): Promise<void> {
  on.fill(isByOthers ? 0 : bytesLeft)
  await writer.refused('append')
  await sleep(100)
  // A process that comes only now can read, too.
  const late = await open(path, { mode: 'read' })
  expect(rowsIn(late)).toBeGreaterThan(0)
  await late.close()
  const { taken } = writer
  on.free()
  await writer.acknowledges(taken + 1)
}

function expectOnlyDiskFull(writer: Child): void {
  const codes = new Set(Object.keys(writer.refusals).map((name) => name.split(' ')[0]))
  expect(Array.from(codes)).toEqual(['ERR_DISK_FULL'])
  expect(writer.refusals).toHaveProperty('ERR_DISK_FULL append')
  expect(writer.refusals).not.toHaveProperty('ERR_DISK_FULL durable')
  expect(writer.numbers('unreadable')).toEqual([])
}

/** The writer dies on a full disk: readers go on; whoever opens then is told, or works; and with space all is there. */
async function dieFull(on: Volume, path: string): Promise<number> {
  const writer = new Child('beside-writer.mjs', path, ['group', ...pace])
  await writer.line('ack')
  on.fill()
  await writer.refused('append')
  await writer.kill()
  const { acknowledged } = writer
  const reader = await open(path, { mode: 'read' })
  expect(rowsIn(reader)).toBeGreaterThan(0)
  await reader.close()
  try {
    const full = await open(path)
    expect(rowsIn(full)).toBeGreaterThanOrEqual(acknowledged)
    await full.close()
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
    expect(error.code).toBe('ERR_DISK_FULL')
  }
  on.free()
  return acknowledged
}

async function oneVolume(on: Volume, mode: 'group' | 'sync', count: number): Promise<void> {
  const path = join(on.path, 'store')
  const writer = new Child('beside-writer.mjs', path, [mode, ...pace])
  await writer.line('ack')
  const reader = new Child('beside-reader.mjs', path, ['refresh'])
  await reader.line('ready')
  for (let at = 0; at < count; at += 1) await cycle(on, path, writer, at % 2 === 0)
  await writer.stop()
  await reader.stop()
  const rows = writer.numbers('end')[0]!
  expect(JSON.parse(reader.lines.at(-1)!)).toMatchObject({ count: rows })
  expectOnlyDiskFull(writer)
  expect(await dieFull(on, path)).toBeGreaterThanOrEqual(rows)

  const store = await open(path)
  expect(rowsIn(store)).toBeGreaterThanOrEqual(rows)
  expect((await store.verify()).damage).toEqual([])
  for (const { name } of store.snapshots()) await store.dropSnapshot(name)
  await store.seal()
  const files = filesIn(path)
  expect(files.filter((name) => name.endsWith('.draft'))).toEqual([])
  const data = files.filter((name) => /\.(?:segment|pack)$/.test(name))
  expect(data).toHaveLength(store.stats().segments)
  await store.close()
}

describe.each(['tmpfs', 'ext4'] as const)('%s', (kind) => {
  const reason = missing(kind)
  const why = reason === undefined ? '' : ` (${reason})`
  test.skipIf(reason !== undefined).each(modesOf[kind])(
    `%s: full, refused, freed, and on it goes${why}`,
    async (mode) => {
      for (let done = 0; done < cycles; done += cyclesOfVolume) {
        volume = Volume.make(kind, bytesOfVolume[kind])
        await oneVolume(volume, mode, Math.min(cyclesOfVolume, cycles - done))
        volume.remove()
      }
      covered(cycles, `full disks (${kind}, ${mode})`)
    },
    60_000 + cycles * 10_000,
  )
})
