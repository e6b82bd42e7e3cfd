// latest: the newest row of a trade series, with an append between any two calls, so that nothing
// can be kept from the call before. A call takes about as long as a reading of the clock; so
// three readings stand around an empty stretch and the call, and the empty stretch, the probe, is
// taken off.
import { open, trade } from '../../src/index.ts'
import type { Series } from '../../src/index.ts'
import { inFolder } from '../support/bed.ts'
import {
  digestOf,
  expectEqual,
  hexOf,
  measure,
  quantileOf,
  runsOf,
  turn,
} from '../support/harness.ts'
import type { BenchResult, FigureSpec, Outcome, RunOptions, Size } from '../support/harness.ts'
import { makeTrades } from '../support/workload.ts'
import type { Trades } from '../support/workload.ts'

const sizes = { smoke: { calls: 2_000 }, full: { calls: 200_000 } } as const
const warmupCalls = 1000
const callsPerTurn = 1000

const specs = {
  'latest() after an append, mean': { unit: 'ns', better: 'less', floor: { atMost: 300 } },
  'latest() after an append, median': { unit: 'ns', better: 'less' },
  'latest() after an append, p99': { unit: 'ns', better: 'less' },
} as const satisfies Record<string, FigureSpec>

type Name = keyof typeof specs

interface Calls {
  readonly emptyMs: number
  readonly callMs: number
  readonly samples: Float64Array
  readonly digest: number
}

async function call(
  series: Series<typeof trade>,
  { time, price, size }: Trades,
  from: number,
  end: number,
): Promise<Calls> {
  const samples = new Float64Array(end - from)
  const seen = new Float64Array(end - from)
  let emptyMs = 0
  let callMs = 0
  for (let row = from; row < end; row += 1) {
    series.append({ time: time[row]!, price: price[row]!, size: size[row]! })
    const first = performance.now()
    const second = performance.now()
    const newest = series.latest()
    const third = performance.now()
    emptyMs += second - first
    callMs += third - second
    samples[row - from] = third - second
    seen[row - from] = newest === undefined ? NaN : newest.price
    if (row % callsPerTurn === 0) await turn()
  }
  return { emptyMs, callMs, samples, digest: digestOf([seen]) }
}

async function latestOnce(trades: Trades, options: RunOptions): Promise<Outcome<Name>> {
  return inFolder(options, async (folder) => {
    await using store = await open(`${folder}/store`)
    const series = store.series(trade, 'SPY')
    await call(series, trades, 0, warmupCalls)
    const { rowCount } = trades
    const { emptyMs, callMs, samples, digest } = await call(series, trades, warmupCalls, rowCount)
    expectEqual(digest, digestOf([trades.price.slice(warmupCalls)]), 'digest of latest()')
    const calls = samples.length
    const emptyNs = (emptyMs / calls) * 1e6
    const probes = [{ name: 'empty timer', value: emptyNs }]
    const netNs = (quantile: number): number =>
      Math.max(0, quantileOf(samples, quantile) * 1e6 - emptyNs)
    return {
      elapsedMs: callMs,
      readings: {
        'latest() after an append, mean': {
          value: (Math.max(0, callMs - emptyMs) / calls) * 1e6,
          probes,
        },
        'latest() after an append, median': { value: netNs(0.5), probes },
        'latest() after an append, p99': { value: netNs(0.99), probes },
      },
    }
  })
}

export async function run(size: Size, options: RunOptions = {}): Promise<BenchResult> {
  const runs = runsOf(size, options)
  const { calls } = sizes[size]
  const trades = makeTrades(calls + warmupCalls, 4)
  const figures = await measure(size, runs, specs, () => latestOnce(trades, options))
  const digest = hexOf(digestOf([trades.price.slice(warmupCalls)]))
  return { bench: 'latest', size, runs, figures, digest, notes: { calls } }
}
