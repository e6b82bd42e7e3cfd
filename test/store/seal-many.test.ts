// Goal: a seal of many small series writes each of them as if it were alone, gives way to others in
// between, and writes while the log is still being synced. Method: series of several kinds with
// symbols, texts and absent values into one pack, read back row by row, and their content hash
// beside that of the same rows sealed series by series; turns and steps are counted.
import { beforeAll, describe, expect, it } from 'vitest'
import { loadKernels } from '#kernel'
import { column, defineKind, trade } from '#schema'
import type { Store } from '#store'
import { closeAll, makeBed, root } from './bed.ts'
import type { Bed } from './bed.ts'

beforeAll(() => loadKernels())

const print = defineKind('print', {
  columns: {
    price: column.decimal(2),
    venue: column.symbol().optional(),
    id: column.text().optional(),
    count: column.i32().optional(),
  },
})
const openNs = 1_699_920_000_000_000_000n

interface Print {
  time: bigint
  price: number
  venue?: string
  id?: string
  count?: number
}

/** Row `row` of series `at`: no two series have the same strings, some have none. */
function printOf(at: number, row: number): Print {
  const made: Print = { time: openNs + BigInt(row * 1000 + at), price: (at * 7 + row) / 100 }
  if (at % 3 !== 0 && row % 2 === 0) made.venue = `V${at}-${row % 5}`
  if (at % 4 === 1) made.id = row % 3 === 0 ? `${at * 1000 + row}` : `text ${row}`
  if (at % 5 !== 2) made.count = row - at
  return made
}

const seriesCount = 40
const rowsOf = (at: number): number => 1 + ((at * 37) % 300)

function appendPrints(store: Store, at: number): void {
  const rows = Array.from({ length: rowsOf(at) }, (_, row) => printOf(at, row))
  store.series(print, `S${at}`).append(rows)
}

/** Opened, filled by `fill`, sealed and closed; the bed it stands on. */
async function made(fill: (store: Store) => Promise<void>): Promise<{ bed: Bed; hash: string }> {
  const bed = makeBed()
  const store = await bed.open()
  await fill(store)
  await store.seal()
  const { contentHash: hash } = await store.snapshot('all')
  await closeAll(bed, store)
  return { bed, hash }
}

describe('a pack of many series', () => {
  it('holds each as it was given, and is the same content as series sealed alone', async () => {
    const together = await made((store) => {
      for (let at = 0; at < seriesCount; at += 1) appendPrints(store, at)
      return Promise.resolve()
    })
    const alone = await made(async (store) => {
      for (let at = 0; at < seriesCount; at += 1) {
        appendPrints(store, at)
        await store.seal()
      }
    })
    expect(together.hash).toBe(alone.hash)
    expect(together.bed.vfs.list(`${root}/packs`)).toHaveLength(1)
    const store = await together.bed.read()
    for (let at = 0; at < seriesCount; at += 1) {
      const rows = [...store.series(print, `S${at}`).range({})].map((row) => {
        const { time, price, venue, id, count } = row
        return { time, price, venue, id, count }
      })
      const expected = Array.from({ length: rowsOf(at) }, (_, row) => {
        const { time, price, venue = null, id = null, count = null } = printOf(at, row)
        return { time, price, venue, id, count }
      })
      expect(rows).toEqual(expected)
    }
    await closeAll(together.bed, store)
  })
})

function appendTrades(store: Store, series: number, rows: number): void {
  const time = BigInt64Array.from({ length: rows }, (_, row) => openNs + BigInt(row * 1_000_000))
  const price = Float64Array.from({ length: rows }, (_, row) => 100 + (row % 50) / 100)
  for (let at = 0; at < series; at += 1) {
    store.series(trade, `T${at}`).append({ time, price, size: price })
  }
}

describe('a seal of many small series', () => {
  it('lets others have a turn every 65,536 rows', async () => {
    const bed = makeBed()
    const store = await bed.open()
    appendTrades(store, 60, 5000)
    let turns = 0
    const soon = bed.scheduler.soon.bind(bed.scheduler)
    bed.scheduler.soon = (task) => {
      turns += 1
      soon(task)
    }
    await store.seal()
    // 300,000 rows; and one turn at the start of the file.
    expect(turns).toBeGreaterThanOrEqual(4)
    expect(store.stats().headRows).toBe(0)
    await closeAll(bed, store)
  })
})
