// log: one hot series and many idle ones, each of which has rows in the log's first file. That
// file can go only when those rows are sealed: what counts is the most the log files take at any
// moment. A size, not a time; the rate is printed because it holds what all the sealing costs a
// writer that does not stop.
import { limits } from '#base'
import { open, trade } from '../../src/index.ts'
import type { Ack, Store } from '../../src/index.ts'
import { appendMany, inFolder, logBytesBelow } from '../support/bed.ts'
import { digestOf, expectEqual, hexOf, measure, runsOf, turn } from '../support/harness.ts'
import type { BenchResult, FigureSpec, Outcome, RunOptions, Size } from '../support/harness.ts'
import { fdatasyncMs } from '../support/probes.ts'
import { batchesOf, makeTrades } from '../support/workload.ts'
import type { Trades } from '../support/workload.ts'

/** Full: more than two files of the log. */
const sizes = {
  smoke: { idle: 99, hotRows: 100_000 },
  full: { idle: 9_999, hotRows: 25_000_000 },
} as const
const batchRows = 1000
const batchesPerTurn = 10
const turnsPerLook = 20
const feedRows = 500_000

const specs = {
  'log files at most, of the rotation size': {
    unit: 'x',
    better: 'less',
    floor: { atMost: 2 },
  },
  'hot series among 9,999 idle ones': { unit: 'rows/s', better: 'more' },
} as const satisfies Record<string, FigureSpec>

type Name = keyof typeof specs

/**
 * Appends the same trades again and again under one symbol; gives the most bytes the log took
 * meanwhile.
 */
async function feedHot(store: Store, folder: string, trades: Trades, rows: number) {
  const series = store.series(trade, 'HOT')
  const batches = batchesOf(trades, batchRows)
  let logBytesMax = 0
  let ack: Ack | undefined
  for (let index = 0; index * batchRows < rows; index += 1) {
    ack = series.append(batches[index % batches.length]!)
    if (index % batchesPerTurn !== 0) continue
    await turn()
    if (index % (batchesPerTurn * turnsPerLook) !== 0) continue
    logBytesMax = Math.max(logBytesMax, logBytesBelow(folder))
  }
  await ack?.durable
  return Math.max(logBytesMax, logBytesBelow(folder))
}

async function logOnce(size: Size, trades: Trades, options: RunOptions): Promise<Outcome<Name>> {
  const { idle, hotRows } = sizes[size]
  return inFolder(options, async (folder) => {
    await using store = await open(`${folder}/store`)
    appendMany(store, trades, idle, 1)
    const start = performance.now()
    const logBytesMax = await feedHot(store, folder, trades, hotRows)
    const elapsedMs = performance.now() - start
    const { rows, series } = store.stats()
    expectEqual(rows, idle + hotRows, 'rows of the store')
    expectEqual(series, idle + 1, 'series of the store')
    const rate = (ms: number): number => (hotRows / ms) * 1000
    const probeBytes = 64 << 20
    const probeMs = (fdatasyncMs(folder, probeBytes) * hotRows * 24) / probeBytes
    return {
      elapsedMs,
      readings: {
        'log files at most, of the rotation size': { value: logBytesMax / limits.logRotateBytes },
        'hot series among 9,999 idle ones': {
          value: rate(elapsedMs),
          probes: [{ name: 'fdatasync', value: rate(probeMs) }],
        },
      },
    }
  })
}

export async function run(size: Size, options: RunOptions = {}): Promise<BenchResult> {
  const runs = runsOf(size, options)
  const { idle, hotRows } = sizes[size]
  const trades = makeTrades(size === 'full' ? feedRows : 10_000, 6)
  const figures = await measure(size, runs, specs, () => logOnce(size, trades, options))
  const digest = hexOf(digestOf([trades.time, trades.price, trades.size]))
  const notes = { idle, 'hot rows': hotRows, 'rotation bytes': limits.logRotateBytes }
  return { bench: 'log', size, runs, figures, digest, notes }
}
