// The process that kill.test.ts kills: appends numbered rows and tells, on its standard output, which are acknowledged.
import { writeSync } from 'node:fs'
import { column, defineKind, open } from '../../dist/src/index.js'

const [path, durability, first] = process.argv.slice(2)
const tick = defineKind('tick', { columns: { value: column.i64() } })
const store = await open(path, { durability })
const series = store.series(tick, 'A')
const start = 1_700_000_000_000_000_000n
for (let value = Number(first); ; value += 1) {
  const { durable } = series.append({ time: start + BigInt(value), value })
  const tell = () => writeSync(1, `${value}\n`)
  if (durability === 'group') void durable.then(tell)
  else tell()
  if (value % 200 === 0) void store.seal()
  if (value % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
}
