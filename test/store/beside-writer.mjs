// The writer of beside.test.ts: appends rows numbered in order to two series at once, seals, compacts, takes and drops
// snapshots, with log files and a head so small that they change all the time; until it is killed, or told to stop.
import { writeSync } from 'node:fs'
import { column, defineKind } from '../../dist/src/index.js'
import { openStore, systemEnv } from '../../dist/src/store/index.js'

const [path, durability] = process.argv.slice(2)
const tick = defineKind('tick', { columns: { value: column.i64() } })
const limits = { logRotateBytes: 64 << 10, headBytesMax: 256 << 10 }
const store = await openStore(path, { durability }, { ...systemEnv, limits })
const [a, b] = ['A', 'B'].map((symbol) => store.series(tick, symbol))
const start = 1_700_000_000_000_000_000n
const stepNs = 20_000_000_000n
let value = a.count()
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())
writeSync(1, `${value}\n`)
const turn = () => new Promise((resolve) => setImmediate(resolve))
for (let round = 0; !stop.signal.aborted; round += 1) {
  for (let at = 0; at < 40; at += 1) {
    // Rows of neighbouring seals overlap in time, so that reads merge them.
    const rows = [{ time: start + BigInt(value ^ 7) * stepNs, value }]
    store.append([
      { series: a, rows },
      { series: b, rows },
    ])
    value += 1
  }
  await turn()
  if (round % 5 === 4) await store.seal()
  if (round % 20 === 19) await store.compact()
  if (round % 30 === 10) await store.snapshot(`at ${value}`)
  if (round % 30 === 25) for (const { name } of store.snapshots()) await store.dropSnapshot(name)
}
await store.seal()
await store.compact()
await store.close()
writeSync(1, `${value}\n`)
