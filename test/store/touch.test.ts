// Goal: a range touches the bytes of its rows and columns and no others: damage elsewhere does not disturb it, damage
// in it is told with its place, and a column that no row has costs nothing until somebody asks. Method: one sealed
// series of several vectors in the memory twin; reads counted by stats(); the file flipped byte by byte in steps.
import { beforeAll, expect, test } from 'vitest'
import { VarveError } from '#base'
import { loadKernels } from '#kernel'
import { column, defineKind } from '#schema'
import type { ReadView } from '#store'
import { seededRandom } from '../support/manual-env.ts'
import { closeAll, expectNothingOpen, makeBed, root } from './bed.ts'
import type { Bed } from './bed.ts'

beforeAll(() => loadKernels())

const tick = defineKind('tick', {
  columns: { value: column.f64(), count: column.i32(), note: column.text().optional() },
})
const start = 19_000n * 86_400_000_000_000n
const rowCount = 20_000
const random = seededRandom(1)
const rows = Array.from({ length: rowCount }, (_, row) => row)
const times = rows.map((row) => start + BigInt(row * 1_000_000 + Math.floor(random() * 1_000_000)))
const values = rows.map(() => Math.floor(random() * 1_000) / 100)
const wanted = { from: times[5_000]!, to: times[5_600]! }

async function sealedBed(): Promise<{ bed: Bed; path: string }> {
  const bed = makeBed()
  const store = await bed.open({ durability: 'sync' })
  store.series(tick, 'A').append({
    time: BigInt64Array.from(times),
    value: Float64Array.from(values),
    count: Int32Array.from(rows, (row) => row % 97),
  })
  await store.seal()
  await closeAll(bed, store)
  const [name] = bed.vfs.list(`${root}/segments`)
  return { bed, path: `${root}/segments/${name}` }
}

function valuesIn(view: ReadView): number[] {
  const { columns, rowCount: rows } = view
    .series(tick, 'A')
    .range({ ...wanted, columns: ['value'] })
  expect(rows).toBe(600)
  return [...columns.value]
}

const expected = values.slice(5_000, 5_600)

test('a range reads the vectors of its rows in its columns', async () => {
  const { bed } = await sealedBed()
  const store = await bed.read()
  const series = store.series(tick, 'A')
  series.range({ from: times[15_000]!, to: times[15_600]! })
  const before = store.stats()
  expect(valuesIn(store)).toEqual(expected)
  const some = store.stats()
  // Metas are known. The times of the two ends are one stretch, the values another.
  expect(some.readCalls - before.readCalls).toBe(2)
  expect(some.readBytes - before.readBytes).toBeLessThan(2 * 2 * 1_024 * 8)
  // What was read and found right is held a while.
  expect(valuesIn(store)).toEqual(expected)
  expect(store.stats().readCalls).toBe(some.readCalls)
  expect([...series.range().columns.value]).toEqual(values)
  expect(store.stats().readBytes - some.readBytes).toBeGreaterThan(10_000)
  await closeAll(bed, store)
  expectNothingOpen(bed)
})

test('a column that no row has is made when it is looked at', async () => {
  const { bed } = await sealedBed()
  const store = await bed.read()
  const batch = store.series(tick, 'A').range(wanted)
  expect(Object.keys(batch.columns)).toEqual(['time', 'received', 'value', 'count', 'note'])
  expect(batch.row(3)).toMatchObject({ received: null, note: null, count: 5_003 % 97 })
  expect(batch.valid('note')).toEqual(new Uint8Array(75))
  const { note, received } = batch.columns
  expect(note.length).toBe(600)
  expect([note.at(0), note.at(599)]).toEqual([null, null])
  expect(batch.columns.note).toBe(note)
  expect(received.length).toBe(600)
  expect(batch.columns.received).toBe(received)
  expect(new Set(received)).toEqual(new Set([-(2n ** 63n)]))
  expect(batch.valid('received')).toEqual(new Uint8Array(75))
  const none = store.series(tick, 'A').range({ ...wanted, limit: 0 })
  expect([none.columns.note.length, none.valid('note')]).toEqual([0, undefined])
  await closeAll(bed, store)
})

test('damage in other rows and columns does not disturb it, damage in its own is told', async () => {
  const { bed, path } = await sealedBed()
  const file = bed.vfs.open(path, 'write')
  const bytes = new Uint8Array(file.size())
  file.read(bytes, 0)
  file.close()
  const found = { same: 0, told: 0 }
  for (let at = 64; at < bytes.length; at += 509) {
    const damaged = bed.vfs.open(path, 'write')
    damaged.write(Uint8Array.of(bytes[at]! ^ 1), at)
    damaged.close()
    const store = await bed.read()
    try {
      expect(valuesIn(store)).toEqual(expected)
      found.same += 1
    } catch (error) {
      if (!(error instanceof VarveError)) throw error
      expect(error.code).toBe('ERR_CORRUPT')
      expect(error.details).toMatchObject({ file: path, series: 'tick/A' })
      expect(Object.keys(error.details)).toContain('offset')
      found.told += 1
    }
    await closeAll(bed, store)
    const whole = bed.vfs.open(path, 'write')
    whole.write(bytes.subarray(at, at + 1), at)
    whole.close()
  }
  expect(found.told).toBeGreaterThan(0)
  expect(found.same).toBeGreaterThan(found.told * 3)
})
