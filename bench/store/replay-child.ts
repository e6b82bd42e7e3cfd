// One process of the replay bench: `write FOLDER BYTES BATCH SEED packed|plain` appends trades until the
// log has as many bytes, sealing none of them, says how many rows that were, and waits to be killed
// (plain: of prices and sizes that no log packs);
// `open FOLDER read|write` opens what was left and says how long that took and how much memory.
import { open, trade } from '../../src/index.ts'
import { systemEnv } from '../../src/store/env.ts'
import { openStore } from '../../src/store/index.ts'
import type { Store } from '../../src/index.ts'
import { turn } from '../support/harness.ts'
import { batchesOf, chance, makeTrades } from '../support/workload.ts'
import type { Trades } from '../support/workload.ts'

const feedRows = 200_000
const batchesPerTurn = 20

function say(words: object): void {
  process.stdout.write(`${JSON.stringify(words)}\n`)
}

/** Prices and sizes of all 53 bits. */
function fillPlain({ price, size }: Trades, seed: number): void {
  const random = chance(seed)
  for (let row = 0; row < price.length; row += 1) {
    price[row] = 100 + random()
    size[row] = 1 + random() * 1000
  }
}

async function write(
  folder: string,
  bytes: number,
  batchRows: number,
  seed: number,
  isPlain: boolean,
) {
  const limits = { headBytesMax: Number.MAX_SAFE_INTEGER }
  const store = (await openStore(folder, {}, { ...systemEnv, limits })) as Store
  const series = store.series(trade, 'SPY')
  const trades = makeTrades(feedRows, seed)
  if (isPlain) fillPlain(trades, seed)
  const span = trades.time.at(-1)! - trades.time[0]! + 1n
  let rows = 0
  for (let lap = 0; store.stats().walBytes < bytes; lap += 1) {
    const time = trades.time.map((each) => each + span * BigInt(lap))
    let ack
    for (const [index, batch] of batchesOf({ ...trades, time }, batchRows).entries()) {
      ack = series.append(batch)
      if (index % batchesPerTurn === 0) await turn()
    }
    await ack?.durable
    rows += feedRows
  }
  say({ rows })
}

async function openLeft(folder: string, mode: 'read' | 'write'): Promise<void> {
  const start = performance.now()
  const store = mode === 'read' ? await open(folder, { mode }) : await open(folder, { mode })
  const elapsedMs = performance.now() - start
  const rssMiB = process.resourceUsage().maxRSS / 1024
  const { rows, headBytes } = store.stats()
  say({ elapsedMs, rssMiB, rows, count: store.series(trade, 'SPY').count(), headBytes })
  process.kill(process.pid, 'SIGKILL')
}

const [command, folder, ...words] = process.argv.slice(2)
if (command === 'write') {
  const [bytes, batchRows, seed] = words.map(Number)
  await write(folder!, bytes!, batchRows!, seed!, words[3] === 'plain')
  // Whoever started this ends it: a store that is closed would leave nothing to recover.
  setInterval(() => {}, 1000)
} else {
  await openLeft(folder!, words[0] === 'read' ? 'read' : 'write')
}
