// Goal: an append that was refused leaves nothing behind that a snapshot could take for its own. Method: on the memory
// twin a log that cannot be written refuses an append under a snapshot that waits for it; then it can again, and rows
// come while the snapshot is hashed, into a part of the series that it has not come to yet.
import { expect, test } from 'vitest'
import { column, defineKind } from '#schema'
import { closeAll, makeBed } from './bed.ts'

const tick = defineKind('tick', { columns: { value: column.i32() } })

test('a snapshot holds no row that was appended while it was taken', async () => {
  const bed = makeBed()
  const store = await bed.open()
  const series = store.series(tick, 'A')
  const dayNs = 86_400_000_000_000n
  const append = (day: number, ns = 0n): Promise<void> =>
    series.append({ time: BigInt(day) * dayNs + ns, value: day }).durable
  // Many days, each of which is hashed in a turn of its own.
  for (let day = 0; day < 20; day += 1) void append(day)
  await store.flush()
  const takeBack = bed.vfs.fail({ path: 'wal', times: 'forever' })
  void append(20)
  for (let turn = 0; turn < 8; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  const taking = store.snapshot('s')
  expect(() => append(20)).toThrow(/taken/)
  takeBack()
  bed.scheduler.advance(5000)
  let late = 0
  const taken = new AbortController()
  const appending = (async () => {
    for (; late < 40 && !taken.signal.aborted; late += 1) {
      await new Promise((resolve) => setImmediate(resolve))
      // A partition that the snapshot has not come to yet.
      void append(20, BigInt(late + 1))
    }
  })()
  const { rows } = await taking
  taken.abort()
  await appending
  expect(late).toBeGreaterThan(1)
  expect(rows).toBe(21)
  expect(store.at('s').series(tick, 'A').count()).toBe(21)
  await closeAll(bed, store)
})
