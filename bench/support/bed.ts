// Stores to measure on: folders that are gone afterwards, filled by one call.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bar, open, quote, trade } from '../../src/index.ts'
import type { OpenOptions, Store } from '../../src/index.ts'
import { expectEqual, turn } from './harness.ts'
import type { RunOptions } from './harness.ts'
import { partsOf } from './tables.ts'
import type { Table, TableKind } from './tables.ts'
import { batchesOf, sliceTrades } from './workload.ts'
import type { Trades } from './workload.ts'

const batchRows = 50_000

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
  for (const batch of batchesOf(trades, batchRows)) {
    ack = series.append(batch)
    await turn()
  }
  await ack?.durable
  await store.seal()
}

function tableSeries(store: Store, kind: TableKind) {
  switch (kind) {
    case 'trade':
      return store.series(trade, 'ONE')
    case 'quote':
      return store.series(quote, 'ONE')
    case 'bar':
      return store.series(bar, 'ONE', '1s')
  }
}

/**
 * Makes a store of the rows of a table, sealed and compacted, and closes it.
 * @returns the bytes of its segments, footers and index included
 */
export async function storedTable(
  path: string,
  table: Table,
  options: OpenOptions = {},
): Promise<number> {
  await using store = await open(path, { ...options, mode: 'write' })
  const series = tableSeries(store, table.kind)
  for (const { time, columns } of partsOf(table, batchRows)) {
    store.append([{ series, rows: { time, ...columns } }])
    await turn()
  }
  await store.flush()
  await store.seal()
  await store.compact()
  const { rows, storedBytes } = store.stats()
  expectEqual(rows, table.rowCount, 'rows of a stored table')
  return storedBytes
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
