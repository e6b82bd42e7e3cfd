// A sealed store of trades to ask, and the same rows as plain arrays to check every answer against.
import { open, trade } from '../../src/index.ts'
import type { Explanation, ReadSeries } from '../../src/index.ts'
import { inFolder, sealedTrades } from '../support/bed.ts'
import { expectEqual } from '../support/harness.ts'
import type { RunOptions } from '../support/harness.ts'
import { makeTrades } from '../support/workload.ts'
import type { Trades } from '../support/workload.ts'

export type TradeSeries = ReadSeries<typeof trade>

export interface Ground {
  readonly trades: Trades
  readonly series: TradeSeries
}

const symbol = 'SPY'

/** Does `work` on a store opened for reading, its files in the page cache. */
export async function onTrades<Result>(
  options: RunOptions,
  rows: number,
  seed: number,
  work: (ground: Ground) => Promise<Result>,
): Promise<Result> {
  const trades = makeTrades(rows, seed)
  return inFolder(options, async (folder) => {
    await sealedTrades(`${folder}/store`, symbol, trades)
    await using store = await open(`${folder}/store`, { mode: 'read' })
    return await work({ trades, series: store.series(trade, symbol) })
  })
}

/** What `explain` counted, in words. */
export function treatment(counted: Explanation): string {
  const { vectors, skipped, fromFooter, packed, decoded } = counted
  return `${vectors} vectors: ${skipped} skipped, ${fromFooter} from footers, ${packed} packed, ${decoded} decoded`
}

/** Whether two doubles are equal but for the order in which others were added up. */
export function expectClose(actual: number, expected: number, what: string): void {
  const isClose = Math.abs(actual - expected) <= 1e-9 * Math.max(1, Math.abs(expected))
  if (!isClose) expectEqual(actual, expected, what)
}
