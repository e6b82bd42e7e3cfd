// A small main job on the installed package: open, append, seal, compact, range, snapshot, verify.
// Prints one JSON document; what it holds must be the same on every Node, with and without native
// add-ons.
import assert from 'node:assert/strict'
import { bar, kernelInfo, open, quote, time, trade, VarveError } from 'varve'

const path = process.argv[2]
const start = time.ns('2026-03-16T13:30:00Z')
const rows = 20_000
const parts = 4

const writer = await open(path)
const trades = writer.series(trade, 'BTC/USDT')
const quotes = writer.series(quote, '100%')
const bars = writer.series(bar, 'A', '60m')
for (let part = 0; part < parts; part += 1) {
  const at = (row) => row * parts + part
  const times = BigInt64Array.from({ length: rows }, (_, row) => start + BigInt(at(row)) * 1_000n)
  const price = Float64Array.from(times, (_, row) => (6_400_000 + (at(row) % 977)) / 100)
  const id = Array.from(times, (_, row) => `order ${at(row) % 100} of the same words again`)
  trades.append({ time: times, price, size: price, id })
  quotes.append({ time: start + BigInt(part), bid: 1.25, ask: part % 2 === 0 ? null : 1.5 })
  bars.append({ time: start, open: 1, high: 3, low: 1, close: 1 + part / 4 })
  await writer.seal()
}
const { durable } = trades.append({ time: start - 1n, price: 0.5, size: 1 })
await durable
const compacted = await writer.compact()
assert.ok(compacted.inputs > compacted.outputs, 'several seals were merged')
const snapshot = await writer.snapshot('now')
await writer.close()

const store = await open(path, { mode: 'read' })
const read = store.series(trade, 'BTC/USDT')
const batch = read.range({ from: start + 5_000n, to: start + 13_000n, columns: ['price', 'id'] })
assert.deepEqual(
  [...batch].map((row) => row.time),
  [5n, 6n, 7n, 8n, 9n, 10n, 11n, 12n].map((step) => start + step * 1_000n),
)
assert.equal(batch.row(2).price, 64_000.07)
assert.equal(batch.row(2).id, 'order 7 of the same words again')
assert.equal(read.count(), rows * parts + 1)
assert.equal(read.range({ limit: 1 }).row(0).time, start - 1n)
assert.ok(Number.isNaN(store.series(quote, '100%').range().row(2).ask))
assert.deepEqual(
  [...store.series(bar, 'A', '1h').range()].map(({ close }) => close),
  [1.75],
)
assert.throws(() => read.range({ columns: ['prise'] }), VarveError)
const verified = await store.verify()
assert.deepEqual(verified.damage, [])
await store.close()
const addons = process.report.getReport().sharedObjects.filter((name) => name.endsWith('.node'))
if (process.env['VARVE_NATIVE'] === 'off') assert.deepEqual(addons, [])
console.log(
  JSON.stringify({
    node: process.versions.node,
    contentHash: snapshot.contentHash,
    rows: snapshot.rows,
    kernels: kernelInfo(),
    addons: addons.length,
  }),
)
