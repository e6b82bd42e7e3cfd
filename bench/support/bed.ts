// Stores to measure on: folders that are gone afterwards, filled by one call.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bar, open, quote, trade } from '../../src/index.ts'
import type { OpenOptions, ReadView, Store } from '../../src/index.ts'
import { digestOf, expectEqual, turn } from './harness.ts'
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

const only = 'ONE'

function tableSeries(store: Store, kind: TableKind) {
  switch (kind) {
    case 'trade':
      return store.series(trade, only)
    case 'quote':
      return store.series(quote, only)
    case 'bar':
      return store.series(bar, only, '1s')
  }
}

function columnsIn(store: ReadView, kind: TableKind): Readonly<Record<string, Float64Array>> {
  switch (kind) {
    case 'trade': {
      const { price, size } = store.series(trade, only).range().columns
      return { price, size }
    }
    case 'quote': {
      const { bid, bidSize, ask, askSize } = store.series(quote, only).range().columns
      return { bid, bidSize, ask, askSize }
    }
    case 'bar': {
      const {
        open: first,
        high,
        low,
        close,
        volume,
      } = store.series(bar, only, '1s').range().columns
      return { open: first, high, low, close, volume }
    }
  }
}

/** What stands in a store of one table, read back and found equal. */
export interface Stored {
  /** Segments, footers and index included. */
  readonly bytes: number
  readonly columns: Readonly<Record<string, Float64Array>>
}

/**
 * Makes a store of the rows of a table, sealed and compacted, and reads them back. It is opened once
 * more before it is left: the log that was written last goes only then.
 */
export async function storedTable(
  path: string,
  table: Table,
  options: OpenOptions = {},
): Promise<Stored> {
  await fillTable(path, table, options)
  await using store = await open(path)
  const found = columnsIn(store, table.kind)
  const columns = Object.fromEntries(Object.keys(table.columns).map((name) => [name, found[name]!]))
  const digest = digestOf(Object.values(columns))
  expectEqual(digest, digestOf(Object.values(table.columns)), `digest of ${table.name}`)
  return { bytes: store.stats().storedBytes, columns }
}

async function fillTable(path: string, table: Table, options: OpenOptions): Promise<void> {
  await using store = await open(path, { ...options, mode: 'write' })
  const series = tableSeries(store, table.kind)
  for (const { time, columns } of partsOf(table, batchRows)) {
    store.append([{ series, rows: { time, ...columns } }])
    await turn()
  }
  await store.flush()
  await store.seal()
  await store.compact()
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
