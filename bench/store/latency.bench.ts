// latency: how long an append takes until it is durable ('group', the default) at a steady pace,
// with nothing else to do and while compact() writes beside it. Each stands beside a bare program
// that writes the same bytes at the same pace, alone and beside a bulk writer of compaction's rate.
// A process that appended and compacted as much before is measured: one that has just begun compiles its
// code, on threads that keep a sync waiting for a processor.
import { open, trade } from '../../src/index.ts'
import type { Store } from '../../src/index.ts'
import { besideBulk, paced, pacedBare } from '../support/bare.ts'
import type { Pace, Samples } from '../support/bare.ts'
import { inFolder } from '../support/bed.ts'
import { digestOf, expectEqual, hexOf, measure, quantileOf, runsOf } from '../support/harness.ts'
import { turn } from '../support/harness.ts'
import type { BenchResult, FigureSpec, Outcome, RunOptions, Size } from '../support/harness.ts'
import { batchesOf, makeTrades } from '../support/workload.ts'
import type { Trades } from '../support/workload.ts'

/** runs: as many as a store leaves alone by itself. */
const sizes = {
  smoke: { runs: 4, rows: 5_000, steps: 40 },
  full: { runs: 8, rows: 1_000_000, steps: 1_500 },
} as const
const periodMs = 2
/** Rows of one append. */
const stepRows = 100
/** What a group of one such append takes in the log, its watermark included. */
const stepBytes = 2_568
/** So many that all runs are of one session. */
const perMinute = 30_000
/** As compaction does: a log's sync waits behind that of a bulk, and the longer that one, the longer. */
const bulkStepBytes = 2 << 20

const specs = {
  'durable append, idle, p50': { unit: 'ms', better: 'less' },
  'durable append, idle, p99': { unit: 'ms', better: 'less' },
  'beside compaction, p50': { unit: 'ms', better: 'less' },
  'beside compaction, p99': { unit: 'ms', better: 'less' },
  'p99 beside compaction, of a bare program beside a bulk writer': {
    unit: 'x',
    better: 'less',
    floor: { atMost: 1.5 },
  },
  'p99 beside compaction, of the idle one': { unit: 'x', better: 'less', floor: { atMost: 10 } },
} as const satisfies Record<string, FigureSpec>

type Name = keyof typeof specs

/** Sealed runs of one day, one after the other in time. */
async function sealRuns(store: Store, symbol: string, trades: Trades, runs: number) {
  const series = store.series(trade, symbol)
  const span = trades.time.at(-1)! - trades.time[0]! + 1n
  for (let run = 0; run < runs; run += 1) {
    const time = trades.time.map((each) => each + span * BigInt(run))
    for (const batch of batchesOf({ ...trades, time }, 50_000)) {
      series.append(batch)
      await turn()
    }
    await store.seal()
  }
}

interface Measured {
  readonly idle: Samples
  readonly beside: Samples
  /** What compaction wrote in a second. */
  readonly bytesPerSecond: number
}

async function measureStore(size: Size, path: string, trades: Trades): Promise<Measured> {
  const { runs, rows, steps } = sizes[size]
  await using store = await open(path)
  const series = store.series(trade, 'LIVE')
  const batches = batchesOf(trades, stepRows)
  let count = 0
  const step = (): Promise<void> => {
    const ack = series.append(batches[count % batches.length]!)
    count += 1
    return ack.durable
  }
  await sealRuns(store, 'WARM', trades, runs)
  await besideCompaction(store, step)
  await sealRuns(store, 'BULK', trades, runs)
  const idle = await paced({ periodMs, stepsMax: steps, isOver: () => false }, step)
  const { samples, report, seconds } = await besideCompaction(store, step)
  expectEqual(report.rowsOut, runs * rows, 'rows compacted')
  expectEqual(series.count(), count * stepRows, 'rows appended beside')
  return { idle, beside: samples, bytesPerSecond: report.bytesOut / seconds }
}

async function besideCompaction(store: Store, step: () => Promise<void>) {
  let isOver = false
  const start = performance.now()
  const compacting = store.compact().finally(() => {
    isOver = true
  })
  const samples = await paced({ periodMs, stepsMax: 100_000, isOver: () => isOver }, step)
  const report = await compacting
  return { samples, report, seconds: (performance.now() - start) / 1000 }
}

async function latencyOnce(
  size: Size,
  trades: Trades,
  options: RunOptions,
  notes: Record<string, number>,
): Promise<Outcome<Name>> {
  return inFolder(options, async (folder) => {
    const start = performance.now()
    const { idle, beside, bytesPerSecond } = await measureStore(size, `${folder}/store`, trades)
    const elapsedMs = performance.now() - start
    const pace: Pace = { periodMs, stepsMax: sizes[size].steps, isOver: () => false }
    const bare = await pacedBare(folder, stepBytes, pace)
    const bulk = { bytesPerSecond, stepBytes: bulkStepBytes }
    const bareBeside = await besideBulk(folder, bulk, () => pacedBare(folder, stepBytes, pace))
    notes['appends beside compaction'] = beside.length
    notes['compaction wrote, MB a second'] = Math.round(bytesPerSecond / 1e5) / 10
    const probe = (name: string, samples: Samples, quantile: number) => {
      return { name, value: quantileOf(samples, quantile) }
    }
    const idle99 = quantileOf(idle, 0.99)
    const beside99 = quantileOf(beside, 0.99)
    return {
      elapsedMs,
      readings: {
        'durable append, idle, p50': {
          value: quantileOf(idle, 0.5),
          probes: [probe('bare', bare, 0.5)],
        },
        'durable append, idle, p99': { value: idle99, probes: [probe('bare', bare, 0.99)] },
        'beside compaction, p50': {
          value: quantileOf(beside, 0.5),
          probes: [probe('bare beside bulk', bareBeside, 0.5)],
        },
        'beside compaction, p99': {
          value: beside99,
          probes: [probe('bare beside bulk', bareBeside, 0.99)],
        },
        'p99 beside compaction, of a bare program beside a bulk writer': {
          value: beside99 / quantileOf(bareBeside, 0.99),
        },
        'p99 beside compaction, of the idle one': { value: beside99 / idle99 },
      },
    }
  })
}

export async function run(size: Size, options: RunOptions = {}): Promise<BenchResult> {
  const runs = runsOf(size, options)
  const { rows } = sizes[size]
  const trades = makeTrades(rows, 8, perMinute)
  const notes: Record<string, number> = { 'runs compacted': sizes[size].runs, 'rows each': rows }
  const figures = await measure(size, runs, specs, () => latencyOnce(size, trades, options, notes))
  const digest = hexOf(digestOf([trades.time, trades.price, trades.size]))
  return { bench: 'latency', size, runs, figures, digest, notes }
}
