// Tables of market data: a time and doubles, NaN where a value is absent; made from a seed, or read
// from a folder of real data. What sizes are measured on, the same rows in every engine.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { csvColumns } from './csv.ts'
import { barBits, quoteBits, tradeBits } from './entropy.ts'
import { chance, makeQuotes, makeTrades, rowsPerMinute, sessionStart } from './workload.ts'
import type { Trades } from './workload.ts'

/** Which kind of the package holds such rows. */
export type TableKind = 'trade' | 'quote' | 'bar'

export interface Table {
  readonly name: string
  readonly kind: TableKind
  readonly rowCount: number
  /** Epoch ns, non-decreasing. */
  readonly time: BigInt64Array
  /** By the names of the kind's columns, in their order. */
  readonly columns: Readonly<Record<string, Float64Array>>
  /** Made tables: bytes a row that no coder goes below on average. */
  readonly entropyBytes?: number
}

/** How many rows, then how many present values of each column. */
export function countsOf(columns: Readonly<Record<string, Float64Array>>): number[] {
  const all = Object.values(columns)
  const present = all.map((values) =>
    values.reduce((count, value) => (Number.isNaN(value) ? count : count + 1), 0),
  )
  return [all[0]?.length ?? 0, ...present]
}

/** Views of rows [from, end). */
function sliceOf(table: Table, from: number, end: number): Table {
  const columns = Object.entries(table.columns).map(
    ([name, values]) => [name, values.subarray(from, end)] as const,
  )
  const time = table.time.subarray(from, end)
  return { ...table, rowCount: end - from, time, columns: Object.fromEntries(columns) }
}

/** The first rows of a table. */
export function headOf(table: Table, rows: number): Table {
  return sliceOf(table, 0, Math.min(rows, table.rowCount))
}

/** Parts of at most `rows` rows that follow each other. */
export function partsOf(table: Table, rows: number): Table[] {
  const parts: Table[] = []
  for (let from = 0; from < table.rowCount; from += rows) {
    parts.push(sliceOf(table, from, Math.min(table.rowCount, from + rows)))
  }
  return parts
}

/** Bytes of a row as plain columns. */
export function plainBytesPerRow({ columns }: Table): number {
  return 8 * (1 + Object.keys(columns).length)
}

/** Bars of a second: a walk on the grid of cents, one second in three without a trade. */
function makeBars(rowCount: number, seed: number): Table {
  const next = chance(seed)
  const time = new BigInt64Array(rowCount)
  const names = ['open', 'high', 'low', 'close', 'volume'] as const
  const columns = Object.fromEntries(names.map((name) => [name, new Float64Array(rowCount)]))
  let second = sessionStart
  let cents = 30_000
  const step = (width: number): number => Math.floor(next() * width) - (width >> 1)
  for (let row = 0; row < rowCount; row += 1) {
    second += 1_000_000_000n * (next() < 0.67 ? 1n : 2n)
    time[row] = second
    const open = cents + step(3)
    cents = Math.max(100, open + step(7))
    columns['open']![row] = open / 100
    columns['close']![row] = cents / 100
    columns['high']![row] = (Math.max(open, cents) + Math.floor(next() * next() * 4)) / 100
    columns['low']![row] = (Math.min(open, cents) - Math.floor(next() * next() * 4)) / 100
    columns['volume']![row] = 100 * (1 + Math.floor(next() * next() * 60)) + (next() < 0.4 ? 37 : 0)
  }
  return { name: 'bars', kind: 'bar', rowCount, time, columns, entropyBytes: barBits() / 8 }
}

/** Trades, quotes and bars of one second, of as many rows each. */
export function makeTables(rowCount: number, seed: number): Table[] {
  const { time, price, size } = makeTrades(rowCount, seed)
  const { time: quoted, bid, bidSize, ask, askSize } = makeQuotes(rowCount, seed + 1)
  return [
    {
      name: 'trades',
      kind: 'trade',
      rowCount,
      time,
      columns: { price, size },
      entropyBytes: tradeBits(rowsPerMinute) / 8,
    },
    {
      name: 'quotes',
      kind: 'quote',
      rowCount,
      time: quoted,
      columns: { bid, bidSize, ask, askSize },
      entropyBytes: quoteBits(4 * rowsPerMinute) / 8,
    },
    makeBars(rowCount, seed + 2),
  ]
}

/** Where real rows are and what they are called there. */
interface Source {
  readonly name: string
  readonly kind: TableKind
  readonly file: string
  readonly time: string
  /** Nanoseconds of one unit of that column. */
  readonly unitNs: bigint
  readonly columns: Readonly<Record<string, string>>
  /** A zero stands for a side that a message does not have. */
  readonly isZeroAbsent?: boolean
}

const sides = { bid: 'bid', bidSize: 'bid_size', ask: 'ask', askSize: 'ask_size' }
const ohlcv = { open: 'open', high: 'high', low: 'low', close: 'close', volume: 'volume' }

const sources: readonly Source[] = [
  {
    name: 'SPY trades',
    kind: 'trade',
    file: 'trades/us-equity/spy_trades_tick.csv.gz',
    time: 'ts_ns',
    unitNs: 1n,
    columns: { price: 'price', size: 'size' },
  },
  {
    name: 'IBM quotes',
    kind: 'quote',
    file: 'quotes/us-equity/ibm_quotes_tick.csv.gz',
    time: 'ts_ns',
    unitNs: 1n,
    columns: sides,
    isZeroAbsent: true,
  },
  {
    name: 'EURUSD quotes',
    kind: 'quote',
    file: 'quotes/fx/fxcm_eurusd_tick.csv.gz',
    time: 'ts_ns',
    unitNs: 1n,
    columns: { bid: 'bid', ask: 'ask' },
  },
  {
    name: 'BTC top of book',
    kind: 'quote',
    file: 'quotes/crypto/binance-usdm_btcusdt_20240808_bbo.csv.gz',
    time: 'exch_ts_ms',
    unitNs: 1_000_000n,
    columns: sides,
  },
  {
    name: 'SPY second bars',
    kind: 'bar',
    file: 'bars/us-equity/spy_second.csv.gz',
    time: 'ts_ns',
    unitNs: 1n,
    columns: ohlcv,
  },
]

function inOrderOfTime(table: Table): Table {
  const { rowCount, time, columns } = table
  if (time.every((each, row) => row === 0 || each >= time[row - 1]!)) return table
  const order = Uint32Array.from({ length: rowCount }, (_, row) => row)
  order.sort((a, b) => (time[a]! < time[b]! ? -1 : time[a]! > time[b]! ? 1 : a - b))
  const sorted = Object.entries(columns).map(
    ([name, values]) => [name, Float64Array.from(order, (row) => values[row]!)] as const,
  )
  return {
    ...table,
    time: BigInt64Array.from(order, (row) => time[row]!),
    columns: Object.fromEntries(sorted),
  }
}

function readSource(source: Source, path: string): Table {
  const { name, kind, unitNs, isZeroAbsent } = source
  const names = Object.values(source.columns)
  const { whole, values } = csvColumns(gunzipSync(readFileSync(path)), source.time, names)
  const columns = Object.keys(source.columns).map((column, at) => {
    const own = values[at]!
    return [column, isZeroAbsent === true ? own.map((value) => value || NaN) : own] as const
  })
  const time = whole.map((each) => each * unitNs)
  return inOrderOfTime({
    name,
    kind,
    rowCount: time.length,
    time,
    columns: Object.fromEntries(columns),
  })
}

const read = new Map<string, Table>()

/** A real table, read once; undefined where the folder does not hold its file. */
function realTable(folder: string, source: Source): Table | undefined {
  const path = join(folder, source.file)
  if (!existsSync(path)) return undefined
  const table = read.get(path) ?? readSource(source, path)
  read.set(path, table)
  return table
}

/** Those of the real tables whose files the folder holds. */
export function realTables(folder: string): Table[] {
  return sources.flatMap((source) => realTable(folder, source) ?? [])
}

/** The first of the real trades of one share; undefined where the folder does not hold them. */
export function realTrades(folder: string, rowsMax: number): Trades | undefined {
  const table = realTable(folder, sources[0]!)
  if (table === undefined) return undefined
  const { rowCount, time, columns } = headOf(table, rowsMax)
  return { rowCount, time, price: columns['price']!, size: columns['size']! }
}
