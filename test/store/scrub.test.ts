// Goal: the scrub finds rot, swapped and missing files in the background, at its rate, and nothing where all is whole;
// it leaves nothing running. Method: a manual clock that lets it read piece after piece; files damaged by hand.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { beforeAll, expect, test } from 'vitest'
import { loadKernels } from '#kernel'
import { column, defineKind } from '#schema'
import type { ScrubMessage, Store } from '#store'
import { closeAll, makeBed, root } from './bed.ts'
import type { Bed } from './bed.ts'

beforeAll(() => loadKernels())

const tick = defineKind('tick', { columns: { value: column.i32() } })

async function sealed(): Promise<{ bed: Bed; store: Store; files: string[] }> {
  const bed = makeBed()
  const store = await bed.open({ durability: 'sync', scrub: { bytesPerSecond: 1000 } })
  for (let value = 0; value < 3; value += 1) {
    store.series(tick, 'A').append({ time: BigInt(value), value })
    await store.seal()
  }
  const files = bed.vfs.list(`${root}/packs`).map((name) => `${root}/packs/${name}`)
  return { bed, store, files }
}

function listen(): { heard: ScrubMessage[]; stop: () => void } {
  const heard: ScrubMessage[] = []
  const hear = (message: unknown): void => void heard.push(message as ScrubMessage)
  subscribe('varve:scrub', hear)
  return { heard, stop: () => unsubscribe('varve:scrub', hear) }
}

/** Until a round has ended; gives how long it took. */
function round(bed: Bed, heard: readonly ScrubMessage[]): number {
  const rounds = (): number => heard.filter(({ event }) => event === 'round').length
  const before = rounds()
  bed.scheduler.advance(60_000)
  let ms = 0
  while (rounds() === before && ms < 100_000) {
    bed.scheduler.advance(100)
    ms += 100
  }
  return ms
}

test('all is whole: rounds at the rate, no damage', async () => {
  const { bed, store, files } = await sealed()
  const { heard, stop } = listen()
  const ms = round(bed, heard)
  stop()
  const bytes = files.reduce((sum, file) => sum + bed.vfs.stat(file)!.bytes, 0)
  expect(heard).toEqual([{ store: root, event: 'round', files: 3, bytes }])
  expect(ms).toBeGreaterThanOrEqual(bytes - 400)
  await closeAll(bed, store)
})

test('damage of every kind is told, and the rest is read all the same', async () => {
  const { bed, store, files } = await sealed()
  const { heard, stop } = listen()
  const [rotten, missing] = files
  const file = bed.vfs.open(rotten!, 'write')
  file.write(Uint8Array.of(0xff), 80)
  file.close()
  bed.vfs.unlink(missing!)
  round(bed, heard)
  const damage = heard.filter((each) => each.event === 'damage')
  expect(damage.map((each) => each.file)).toEqual([rotten, missing])
  expect(heard.at(-1)).toMatchObject({ event: 'round', files: 3 })
  expect(
    bed.logged.filter(({ message }) => message?.startsWith('the scrub') === true),
  ).toHaveLength(2)
  // Again at the next round.
  round(bed, heard)
  expect(heard.filter(({ event }) => event === 'damage')).toHaveLength(4)
  stop()
  await closeAll(bed, store)
})

test('files that a compaction replaced meanwhile are no damage', async () => {
  const { bed, store } = await sealed()
  const { heard, stop } = listen()
  bed.scheduler.advance(60_000)
  await store.compact()
  for (let step = 0; step < 100; step += 1) bed.scheduler.advance(200)
  stop()
  expect(heard.filter(({ event }) => event === 'damage')).toEqual([])
  await closeAll(bed, store)
})

test('a rate that is none is refused', async () => {
  const bed = makeBed()
  await expect(bed.open({ scrub: { bytesPerSecond: 0 } })).rejects.toMatchObject({
    code: 'ERR_ARGUMENT',
  })
})
