// A reader of beside.test.ts: looks at the store again and again, and says the first thing that is wrong. What is there
// must be the rows 0 to some number, in both series, and never fewer than before.
import { writeSync } from 'node:fs'
import { column, defineKind, open } from '../../dist/src/index.js'

const [path, how] = process.argv.slice(2)
const tick = defineKind('tick', { columns: { value: column.i64() } })
const start = 1_700_000_000_000_000_000n
const stepNs = 20_000_000_000n
const isFollowing = how === 'follow'
let store = await open(path, { mode: 'read', follow: isFollowing })
const stop = new AbortController()
let checks = 0
let count = 0
process.on('SIGTERM', () => stop.abort())

/** The number of rows, which are all those before some moment. */
function prefix(batches, symbol) {
  let rows = 0
  let valueMax = -1
  let before = -1n
  for (const { rowCount, columns } of batches) {
    for (let row = 0; row < rowCount; row += 1) {
      const value = Number(columns.value[row])
      const time = columns.time[row]
      if (time !== start + BigInt(value ^ 7) * stepNs) throw new Error(`${symbol}: a wrong row`)
      if (time <= before) throw new Error(`${symbol}: a row is repeated, or out of order`)
      before = time
      if (value > valueMax) valueMax = value
    }
    rows += rowCount
  }
  // As many different rows as there are numbers up to the highest.
  if (rows !== valueMax + 1) throw new Error(`${symbol}: ${rows} rows up to ${valueMax}`)
  return rows
}

async function check() {
  if (how === 'reopen') {
    await store.close()
    store = await open(path, { mode: 'read' })
  } else if (how === 'refresh') store.refresh()
  const [a, b] = ['A', 'B'].map((symbol) => store.series(tick, symbol))
  const now = prefix([a.range()], 'A')
  if (now < count) throw new Error(`${count} rows, then ${now}`)
  count = now
  const other = prefix(b.scan({ batchRows: 1000 }), 'B')
  if (isFollowing ? other < now : other !== now) throw new Error(`A has ${now} rows, B ${other}`)
  if (!isFollowing && a.count() !== now) throw new Error('count() says otherwise')
  for (const { name, rows } of isFollowing ? [] : store.snapshots()) {
    const view = store.at(name)
    const seen = prefix([view.series(tick, 'A').range()], name)
    if (seen * 2 !== rows) throw new Error(`snapshot ${name}: ${seen} of ${rows} rows`)
    view.close()
  }
  checks += 1
}

writeSync(1, 'ready\n')
if (how === 'pinned') {
  process.stdin.on('data', () => {
    const rows = prefix([store.series(tick, 'A').range()], 'A')
    writeSync(1, `${rows}\n`)
  })
} else {
  while (!stop.signal.aborted) {
    await check()
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await check()
  await store.close()
  writeSync(1, `${JSON.stringify({ checks, count })}\n`)
}
