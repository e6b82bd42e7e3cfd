// Stores to measure on: folders that are gone afterwards, filled by one call.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open, trade } from '../../src/index.ts'
import type { Store } from '../../src/index.ts'
import type { RunOptions } from './harness.ts'
import { turn } from './harness.ts'
import { batchesOf, sliceTrades } from './workload.ts'
import type { Trades } from './workload.ts'

/** Runs `work` with a new, empty folder and removes it. */
export async function inFolder<Result>(
  options: RunOptions,
  work: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = mkdtempSync(join(options.folder ?? tmpdir(), 'varve-bench-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Makes a store of one series of sealed trades and closes it. */
export async function sealedTrades(path: string, symbol: string, trades: Trades): Promise<void> {
  await using store = await open(path)
  const series = store.series(trade, symbol)
  let ack
  for (const batch of batchesOf(trades, 50_000)) {
    ack = series.append(batch)
    await turn()
  }
  await ack?.durable
  await store.seal()
}

export function symbolOf(index: number): string {
  return `S${String(index).padStart(5, '0')}`
}

/**
 * Appends rows [index * rows, ...) of the trades to series number `index`, without a turn of
 * the event loop.
 */
export function appendMany(store: Store, trades: Trades, seriesCount: number, rows: number): void {
  for (let index = 0; index < seriesCount; index += 1) {
    const from = (index * rows) % (trades.rowCount - rows + 1)
    const { time, price, size } = sliceTrades(trades, from, from + rows)
    store.series(trade, symbolOf(index)).append({ time, price, size })
  }
}

/** All files below a folder, largest first, with their bytes. */
export function filesBelow(folder: string): { path: string; bytes: number }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, bytes: statSync(path).size }))
    .sort((a, b) => b.bytes - a.bytes)
}

/** Bytes of the log files of the store in `folder`, as the file system tells them. */
export function logBytesBelow(folder: string): number {
  return filesBelow(folder)
    .filter(({ path }) => path.endsWith('.wal'))
    .reduce((sum, { bytes }) => sum + bytes, 0)
}
