// A writer: appends numbered rows to two series at once, seals, compacts, takes and drops snapshots meanwhile, with log
// files and a head so small that they change all the time; until it is killed, or told to stop (SIGTERM).
//
//   node beside-writer.mjs PATH DURABILITY [ROWS OF ONE CALL] [BYTES OF A LOG FILE] [PAUSE AFTER A TURN, MS]
//
// Says `start N`, then `ack N` where every row below N is acknowledged in the words of the mode; `sealing N` before a
// `memory` store is asked to keep the rows below N; `did WHAT` after a seal, a
// compaction, a snapshot; `refused N CODE WHAT` where the store refuses; `unreadable N CODE`
// where it does not even read then; `end N` after it was closed. The pipe is written in step (Linux, macOS): a line is
// there, or the writer waits, or nobody listens and it ends.
import { VarveError } from '../../dist/src/index.js'
import { openStore, systemEnv } from '../../dist/src/store/index.js'
import { prefixOf, rowOf, tick } from './beside-rows.mjs'

const [path, durability, rowsWord = '1', logWord = '65536', pauseWord] = process.argv.slice(2)
const rowsOfCall = Number(rowsWord)
const callsOfTurn = Math.ceil(40 / rowsOfCall)
const logRotateBytes = Number(logWord)
const pauseMs = pauseWord === undefined ? undefined : Number(pauseWord)
const isMemory = durability === 'memory'
const limits = { logRotateBytes, ...(isMemory ? {} : { headBytesMax: 4 * logRotateBytes }) }
const refusals = new Set(['ERR_DISK_FULL', 'ERR_IO', 'ERR_OVERLOADED'])
const say = (words) => process.stdout.write(`${words}\n`)
const turn = (ms) =>
  new Promise((resolve) => (ms === undefined ? setImmediate(resolve) : setTimeout(resolve, ms)))

const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())
const store = await openStore(path, { durability }, { ...systemEnv, limits })
const [a, b] = ['A', 'B'].map((symbol) => store.series(tick, symbol))
let value = prefixOf([a.range()], 'A')
say(`start ${value}`)

/** True where the store refused for a reason that may go away; whatever else went wrong ends this process. */
function isRefused(error, what) {
  if (!(error instanceof VarveError) || !refusals.has(error.code)) throw error
  say(`refused ${value} ${error.code} ${what}`)
  return true
}

/** What was taken is there, and can be read, also where nothing can be written. */
function look() {
  try {
    const found = a.count()
    if (found !== value) throw new Error(`${value} rows were taken, ${found} are there`)
    const { rowCount, columns } = b.range({ last: 8 })
    for (let row = 0; row < rowCount; row += 1) {
      const expected = rowOf(Number(columns.value[row]))
      if (columns.noise[row] !== expected.noise) throw new Error('a wrong row')
    }
    if (Number(a.latest().value ^ 7n) < value - 8) throw new Error('latest() is not the latest')
  } catch (error) {
    if (!(error instanceof VarveError) || error.code !== 'ERR_IO') throw error
    say(`unreadable ${value} ${error.code}`)
  }
}

/** False where it was refused. */
function append() {
  const rows = Array.from({ length: rowsOfCall }, (_, row) => rowOf(value + row))
  const next = value + rowsOfCall
  try {
    const ack = store.append([
      { series: a, rows },
      { series: b, rows },
    ])
    value = next
    if (durability === 'group') {
      ack.durable.then(
        () => say(`ack ${next}`),
        (error) => isRefused(error, 'durable'),
      )
    } else if (!isMemory) say(`ack ${next}`)
    return true
  } catch (error) {
    isRefused(error, 'append')
    look()
    return false
  }
}

const underWay = new Map()
/** One of a name at a time. A `memory` store is left in peace meanwhile, so that it is known which rows it keeps. */
async function work(what, run) {
  if (underWay.has(what)) return
  const upTo = value
  if (isMemory) say(`sealing ${upTo}`)
  const done = run().then(
    (result) => {
      say(`did ${what}`)
      if (isMemory && what === 'seal') say(`ack ${upTo}`)
      if (what === 'snapshot' && !isMemory && result.rows !== 2 * upTo) {
        throw new Error(`a snapshot of ${2 * upTo} rows says that it has ${result.rows}`)
      }
      look()
    },
    (error) => isRefused(error, what),
  )
  underWay.set(
    what,
    done.finally(() => underWay.delete(what)),
  )
  if (isMemory) await underWay.get(what)
}

async function dropSnapshots() {
  for (const { name } of store.snapshots()) {
    await store.dropSnapshot(name).catch((error) => isRefused(error, 'dropSnapshot'))
  }
}

for (let round = 0; !stop.signal.aborted; round += 1) {
  let isTaken = true
  for (let call = 0; call < callsOfTurn && isTaken; call += 1) isTaken = append()
  await turn(isTaken ? pauseMs : 5)
  if (round % 5 === 4) await work('seal', () => store.seal())
  if (round % 12 === 11) await work('compact', () => store.compact())
  if (round % 30 === 10) await work('snapshot', () => store.snapshot(`at ${value} in ${round}`))
  if (round % 30 === 25) await dropSnapshots()
}
await Promise.all(underWay.values())
await store.seal()
await store.compact()
await store.close()
say(`end ${value}`)
