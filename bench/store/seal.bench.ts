// seal: many small series at once. All rows are appended in one go, without a turn of the event
// loop, so that the whole of the sealing, and what is left of the syncing, lies behind the call
// that is timed.
import { open, trade } from '../../src/index.ts'
import { appendMany, inFolder, symbolOf } from '../support/bed.ts'
import { digestOf, expectEqual, hexOf, measure, runsOf } from '../support/harness.ts'
import type { BenchResult, FigureSpec, Outcome, RunOptions, Size } from '../support/harness.ts'
import { fdatasyncMs, memcpyMs } from '../support/probes.ts'
import { makeTrades } from '../support/workload.ts'
import type { Trades } from '../support/workload.ts'

const sizes = {
  smoke: { series: 200, rows: 50 },
  full: { series: 10_000, rows: 400 },
} as const

const specs = {
  'sealing 10,000 series of 400 rows': { unit: 'ms', better: 'less', floor: { atMost: 1000 } },
} as const satisfies Record<string, FigureSpec>

type Name = keyof typeof specs

async function sealOnce(
  size: Size,
  trades: Trades,
  options: RunOptions,
  notes: Record<string, number>,
): Promise<Outcome<Name>> {
  const { series: seriesCount, rows } = sizes[size]
  return inFolder(options, async (folder) => {
    await using store = await open(`${folder}/store`)
    appendMany(store, trades, seriesCount, rows)
    const start = performance.now()
    await store.seal()
    const elapsedMs = performance.now() - start
    const stats = store.stats()
    expectEqual(stats.headRows, 0, 'rows left in memory after a seal')
    expectEqual(stats.rows, seriesCount * rows, 'rows sealed')
    const last = seriesCount - 1
    const from = (last * rows) % (trades.rowCount - rows + 1)
    const { price } = store.series(trade, symbolOf(last)).range({ columns: ['price'] }).columns
    const expected = digestOf([trades.price.subarray(from, from + rows)])
    expectEqual(digestOf([price]), expected, 'digest of the last series')
    notes['inline seals'] = stats.inlineSeals
    notes['stored bytes'] = stats.storedBytes
    notes['files'] = stats.segments
    return {
      elapsedMs,
      readings: {
        'sealing 10,000 series of 400 rows': {
          value: elapsedMs,
          probes: [
            { name: 'fdatasync', value: fdatasyncMs(folder, stats.storedBytes) },
            { name: 'memcpy', value: memcpyMs(seriesCount * rows * 24) },
          ],
        },
      },
    }
  })
}

export async function run(size: Size, options: RunOptions = {}): Promise<BenchResult> {
  const runs = runsOf(size, options)
  const { series, rows } = sizes[size]
  const trades = makeTrades(50_000, 5)
  const notes: Record<string, number> = { series, 'rows each': rows }
  const figures = await measure(size, runs, specs, () => sealOnce(size, trades, options, notes))
  const digest = hexOf(digestOf([trades.time, trades.price]))
  return { bench: 'seal', size, runs, figures, digest, notes }
}
