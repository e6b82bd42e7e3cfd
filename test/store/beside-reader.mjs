// A reader beside a writer: looks at the store again and again, and says the first thing that is wrong. What is there
// must be the rows 0 to some number, in both series, and never fewer than before.
//
//   node beside-reader.mjs PATH refresh|follow|reopen|pinned
//
// Says `ready`; at the end (SIGTERM) a line of JSON. `pinned` reads when it is told to (`read`, or `refresh` first), and
// says how many rows it found, or the code of what it was told.
import { VarveError, open } from '../../dist/src/index.js'
import { prefixOf, tick } from './beside-rows.mjs'

const [path, how] = process.argv.slice(2)
const isFollowing = how === 'follow'
const say = (words) => process.stdout.write(`${words}\n`)
let store = await open(path, { mode: 'read', follow: isFollowing })
const stop = new AbortController()
let checks = 0
let count = 0
let stales = 0
process.on('SIGTERM', () => stop.abort())

/** Where the disk is full nothing waits for readers: they may be told so, and look again. */
async function look() {
  try {
    await check()
  } catch (error) {
    if (!(error instanceof VarveError) || error.code !== 'ERR_STALE') throw error
    stales += 1
  }
}

async function check() {
  if (how === 'reopen') {
    await store.close()
    store = await open(path, { mode: 'read' })
  } else if (how === 'refresh') store.refresh()
  const [a, b] = ['A', 'B'].map((symbol) => store.series(tick, symbol))
  const now = prefixOf([a.range()], 'A')
  if (now < count) throw new Error(`${count} rows, then ${now}`)
  count = now
  const other = prefixOf(b.scan({ batchRows: 1000 }), 'B')
  if (isFollowing ? other < now : other !== now) throw new Error(`A has ${now} rows, B ${other}`)
  if (!isFollowing && a.count() !== now) throw new Error('count() says otherwise')
  for (const { name, rows } of isFollowing ? [] : store.snapshots()) {
    const view = store.at(name)
    const seen = prefixOf([view.series(tick, 'A').range()], name)
    if (seen * 2 !== rows) throw new Error(`snapshot ${name}: ${seen} of ${rows} rows`)
    view.close()
  }
  checks += 1
}

/** A pinned reader's answer. */
function answer(word) {
  try {
    if (word === 'refresh') store.refresh()
    return prefixOf([store.series(tick, 'A').range()], 'A')
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
    return `${error.code} ${error.details.file}`
  }
}

say('ready')
if (how === 'pinned') {
  process.stdin.on('data', (bytes) => say(answer(bytes.toString('latin1').trim())))
} else {
  while (!stop.signal.aborted) {
    await look()
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await check()
  await store.close()
  say(JSON.stringify({ checks, count, stales }))
}
