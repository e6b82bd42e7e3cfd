// Goal: damage of the sparse index is found by verify, told as damage of that file alone, and reads go on with the
// same rows. Method: a closed store with an index in memory; its bits are flipped (all of header, table and a sample of
// the parts), it is cut short, emptied, replaced by another store's, and made to lie under right hashes.
import { beforeAll, expect, test } from 'vitest'
import { hash64, loadKernels } from '#kernel'
import { trade } from '#schema'
import { seededRandom } from '../support/manual-env.ts'
import { closeAll, makeBed, root } from './bed.ts'
import type { Bed } from './bed.ts'

beforeAll(() => loadKernels())

const start = 1_699_920_000_000_000_000n
const rowCount = 20_000

async function indexedStore(): Promise<{ bed: Bed; path: string; bytes: Uint8Array }> {
  const bed = makeBed({ limits: { indexRunsMin: 1 } })
  const store = await bed.open()
  const time = BigInt64Array.from({ length: rowCount }, (_, at) => start + BigInt(at * 977))
  const price = Float64Array.from(time, (_, at) => Math.sin(at))
  for (const symbol of ['A', 'B']) store.series(trade, symbol).append({ time, price, size: price })
  await store.seal()
  await closeAll(bed, store)
  const [name] = bed.vfs.list(`${root}/index`)
  const path = `${root}/index/${name!}`
  const file = bed.vfs.open(path, 'read')
  const bytes = new Uint8Array(file.size())
  file.read(bytes, 0)
  file.close()
  return { bed, path, bytes }
}

async function judge(whole: Bed, path: string, bytes: Uint8Array): Promise<string[]> {
  const bed = makeBed({ vfs: whole.vfs.kill() })
  bed.vfs.unlink(path)
  const file = bed.vfs.open(path, 'create')
  file.write(bytes, 0)
  file.close()
  const store = await bed.read()
  try {
    const { damage, ok } = await store.verify()
    expect(ok).toBe(damage.length === 0)
    for (const { file: name } of damage) expect(name).toBe(path)
    const [row] = store.series(trade, 'B').range({ from: start + 977n * 15_000n, limit: 1 })
    expect(row).toMatchObject({ time: start + 977n * 15_000n, price: Math.sin(15_000) })
    return damage.map(({ message }) => message)
  } finally {
    await store.close()
  }
}

test('whole, flipped, cut, of another store', async () => {
  const { bed, path, bytes } = await indexedStore()
  expect(await judge(bed, path, bytes)).toEqual([])
  const random = seededRandom(1)
  for (let tries = 0; tries < 150; tries += 1) {
    const edge = tries % 3 === 0 ? 128 : bytes.length
    const at = tries % 3 === 1 ? bytes.length - 1 - Math.floor(random() * 80) : random() * edge
    const changed = bytes.slice()
    changed[Math.floor(at)]! ^= 1 << Math.floor(random() * 8)
    const [message] = await judge(bed, path, changed)
    expect(message, `byte ${at}`).toContain('made anew')
  }
  for (const length of [0, 1, 127, 128, bytes.length >> 1, bytes.length - 1]) {
    expect(await judge(bed, path, bytes.slice(0, length)), `${length}`).toHaveLength(1)
  }
  const foreign = bytes.slice()
  foreign[24]! ^= 1
  confirmHeader(foreign)
  expect((await judge(bed, path, foreign))[0]).toContain('another store')
})

function confirmHeader(bytes: Uint8Array): void {
  new DataView(bytes.buffer).setBigUint64(120, hash64(bytes.subarray(0, 120)), true)
}

test('an index that lies under right hashes is told from the footers', async () => {
  const { bed, path, bytes } = await indexedStore()
  const changed = bytes.slice()
  const view = new DataView(changed.buffer)
  const edit = view.getBigUint64(40, true)
  const table = Number(view.getBigUint64(72, true))
  const part = Number(view.getBigUint64(table + 8, true))
  const end = part + Number(view.getBigUint64(table + 16, true))
  const body = part + view.getUint32(part + 96, true)
  changed[body + 16]! ^= 1 // the first time of the second vector
  view.setBigUint64(table + 24, hash64(changed.subarray(part, end)), true)
  view.setBigUint64(table + 32, hash64(changed.subarray(table, table + 32), edit), true)
  const found = await judge(bed, path, changed)
  expect(found).toHaveLength(1)
  expect(found[0]).toMatch(/tells of file \d+ run 0 what the footer does not/)
})
