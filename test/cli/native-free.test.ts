// Goal: with VARVE_NATIVE=off a whole life of a store loads no native add-on, and gives the same
// content hash as with them. Method: the build runs in a process of its own; Node's report tells
// which shared objects it holds. Without the switch the same report must name an add-on wherever
// the kernel says it uses one: else nothing would be tested.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packageEntry, scratchFolder } from './built.ts'

const life = `
  import { bar, kernelInfo, open, trade } from ${JSON.stringify(packageEntry)}
  const path = process.argv[1]
  const start = 1700000000000000000n
  const writer = await open(path)
  for (let part = 0; part < 3; part += 1) {
    const time = BigInt64Array.from({ length: 5000 }, (_, row) => start + BigInt(row * 3 + part))
    const price = Float64Array.from(time, (_, row) => Math.sqrt(row + part))
    const id = Array.from(time, (_, row) => 'order ' + (row % 100) + ' of the same words again')
    writer.series(trade, 'BTC/USDT').append({ time, price, size: price, id })
    const minute = start + BigInt(part) * 60000000000n
    writer.series(bar, 'A', '1m').append({ time: minute, open: 1, high: 2, low: 1, close: 2 })
    await writer.seal()
  }
  await writer.compact()
  const { contentHash } = await writer.snapshot('now')
  await writer.close()
  const store = await open(path, { mode: 'read' })
  const rows = store.series(trade, 'BTC/USDT').range({ from: start }).rowCount
  const { ok } = await store.verify()
  await store.close()
  const addons = process.report.getReport().sharedObjects.filter((name) => name.endsWith('.node'))
  console.log(JSON.stringify({ contentHash, rows, ok, addons, info: kernelInfo() }))
`

interface Told {
  readonly contentHash: string
  readonly rows: number
  readonly ok: boolean
  readonly addons: readonly string[]
  readonly info: Readonly<Record<string, string>>
}

let folder = ''
beforeAll(() => {
  folder = scratchFolder()
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

function live(name: string, native: string | undefined): Told {
  const env = { ...process.env, VARVE_NATIVE: native }
  const words = ['--input-type=module', '-e', life, join(folder, name)]
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8', env })
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout) as Told
}

test('VARVE_NATIVE=off loads none; the rows are the same', () => {
  const off = live('off', 'off')
  expect(off.addons).toEqual([])
  expect(Object.values(off.info)).not.toContain('native')
  expect(off).toMatchObject({ rows: 15_000, ok: true })
  const on = live('on', undefined)
  expect(on).toMatchObject({ rows: 15_000, ok: true, contentHash: off.contentHash })
  const loaded = on.addons.join('\n')
  expect(loaded.includes('lz4')).toBe(on.info['lz4'] === 'native')
})
