// Goal: what a writer acknowledged before the power went is there when the file system is mounted again, and nothing but
// a prefix of what it wrote; on real kernels. Method: a file system on a loop device is told to go down (FS_IOC_SHUTDOWN)
// while a child process of the build appends, seals, compacts and takes snapshots; the child is killed, the image is
// mounted again (its journal is replayed), and the store is opened and read whole. What a disk itself forgets is not in
// it: the simulated file system does that.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { open } from '#store'
import type { OpenOptions } from '#store'
import { Child, chance, covered, killChildren, rowsIn, sleep } from '../store/beside-child.ts'
import { Volume, goingDownFlags, missing } from './volume.ts'

type Mode = NonNullable<OpenOptions['durability']>

/** Of each file system and mode. */
const cuts = Number(process.env['VARVE_CUTS'] ?? 3)
const cutsOfVolume = 20
const rowsOfCall = 3

/** Rows that were acknowledged, but not durable, and are gone. */
let lost = 0
let volume: Volume | undefined
afterEach(async () => {
  await killChildren()
  volume?.remove()
  volume = undefined
})

/** Mostly a power cut as it is; sometimes one that lets the kernel write its journal, or everything, at last. */
const flagsOf = (cut: number): number =>
  [goingDownFlags.nothing, goingDownFlags.journal, goingDownFlags.nothing, goingDownFlags.all][
    cut % 4
  ]!

/** Runs a writer, cuts the power, and gives how many rows there are then. */
async function runAndCut(on: Volume, mode: Mode, cut: number, before: number): Promise<number> {
  const path = join(on.path, 'store')
  const writer = new Child('beside-writer.mjs', path, [mode, String(rowsOfCall)])
  await writer.line(cut % 3 === 1 ? 'did compact' : 'ack')
  await sleep(chance() * 250)
  on.cutPower(flagsOf(cut))
  // It notices, and is told no; what it acknowledges meanwhile counts, too.
  await writer.line('refused')
  await writer.kill()
  on.unmount()
  on.mount()

  const store = await open(path, { durability: mode })
  const rows = rowsIn(store)
  expect(rows % rowsOfCall).toBe(0)
  if (mode === 'sync' || mode === 'group') {
    expect(rows).toBeGreaterThanOrEqual(writer.acknowledged)
  } else {
    lost += Math.max(0, writer.acknowledged - rows)
    // What was durable when the writer began is all that these modes promise here; `memory`, what it sealed.
    expect(rows).toBeGreaterThanOrEqual(mode === 'memory' ? writer.acknowledged : before)
    if (mode === 'memory') expect([before, ...writer.numbers('sealing')]).toContain(rows)
  }
  expect((await store.verify()).damage).toEqual([])
  await store.close()
  return rows
}

describe.each(['ext4', 'xfs'] as const)('%s', (kind) => {
  const reason = missing(kind, 'cut')
  const why = reason === undefined ? '' : ` (${reason})`
  test.skipIf(reason !== undefined)(`a cut cuts: what was not synced is gone${why}`, () => {
    volume = Volume.make(kind)
    const [kept, lost] = ['kept', 'lost'].map((name) => join(volume!.path, name))
    writeFileSync(kept!, 'these bytes', { flush: true })
    writeFileSync(lost!, 'these bytes')
    volume.cutPower(goingDownFlags.nothing)
    volume.unmount()
    volume.mount()
    expect(readFileSync(kept!, 'latin1')).toBe('these bytes')
    expect(existsSync(lost!) ? readFileSync(lost!, 'latin1') : '').toBe('')
  })

  test.skipIf(reason !== undefined).each(['sync', 'group', 'os', 'memory'] as const)(
    `%s: the power goes while acknowledging${why}`,
    async (mode) => {
      let rows = 0
      lost = 0
      for (let cut = 0; cut < cuts; cut += 1) {
        if (cut % cutsOfVolume === 0) {
          volume?.remove()
          volume = Volume.make(kind)
          rows = 0
        }
        rows = await runAndCut(volume!, mode, cut, rows)
      }
      if (mode === 'os') covered(lost, `rows lost that were acknowledged by \`os\` alone (${kind})`)
      covered(cuts, `power cuts (${kind}, ${mode})`)
    },
    60_000 + cuts * 5_000,
  )
})
