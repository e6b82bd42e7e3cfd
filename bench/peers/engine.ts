// What is asked of every engine, and what the answers must be. An answer has the same form whoever
// gives it: numbers and typed arrays, so that nobody is faster for leaving work to the caller.
import { digestOf, expectEqual } from '../support/harness.ts'
import { minuteNs } from '../support/workload.ts'
import type { Table } from '../support/tables.ts'
import type { TradeColumns, Trades } from '../support/workload.ts'

export interface LastRow {
  readonly time: bigint
  readonly price: number
  readonly size: number
}

/** Bars of one minute, oldest first; minutes without a trade have none. */
export interface Bars {
  /** Minutes since the epoch. */
  readonly minute: Float64Array
  readonly open: Float64Array
  readonly high: Float64Array
  readonly low: Float64Array
  readonly close: Float64Array
  readonly volume: Float64Array
}

type Answer<Value> = Value | Promise<Value>

/** An engine's open store of one share's trades. */
export interface Reader {
  /** Sum of all sizes: whole numbers, so that it is exact in any order of adding. */
  sum(): Answer<number>
  bars(): Answer<Bars>
  /** Rows with from <= time < to, epoch ns. The arrays are good until the next question. */
  minute(from: bigint, to: bigint): Answer<TradeColumns>
  last(): Answer<LastRow>
  close(): Answer<void>
}

/** One way to put rows into an engine. */
export interface Feed {
  readonly name: string
  /**
   * When rows are durable: at the end of the load, or batch by batch. varve's feed is held against
   * the best peer of its mode; a feed without a mode is printed and held against nobody.
   */
  readonly mode?: 'at the end' | 'batch by batch'
  /**
   * Makes a store in an empty folder and puts the batches into it.
   * @returns milliseconds from the first batch until the last one is durable
   */
  readonly fill: (folder: string, batches: readonly TradeColumns[]) => Promise<number>
}

/** One way to keep a table of any kind, for its size. */
export interface Keep {
  readonly name: string
  readonly isRowWise: boolean
  /**
   * Makes a store of the table in an empty folder and closes it.
   * @returns what it holds then: rows, and present values of each column
   */
  readonly keep: (folder: string, table: Table) => Promise<readonly number[]>
}

export interface Engine {
  readonly name: string
  /** Engines of the same store read the same files; the first of them makes them. */
  readonly store: string
  /** Rows one at a time: too slow for as many as the others hold. */
  readonly isRowWise: boolean
  /** The first one also makes the store that is read, unless another engine made it before. */
  readonly feeds: readonly Feed[]
  readonly keeps: readonly Keep[]
  /** The questions it is asked, by name; all of them where there is no list. */
  readonly only?: readonly string[]
  readonly open: (folder: string) => Promise<Reader>
}

/** What somebody may have installed; `installedIn` makes engines of it. */
export interface Peer {
  /** In package.json of this folder; all of them are needed. */
  readonly packages: readonly string[]
  readonly engines: (load: LoadPeer) => Promise<readonly Engine[]>
}

/** Gives what a package exports. The caller says which part of it is used. */
export type LoadPeer = <Exports>(name: string) => Promise<Exports>

/** Milliseconds until `work` resolves. */
export async function timedAsync(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** Arrays of doubles for at most `count` rows. */
export function barsOfCapacity(count: number): Bars {
  const column = (): Float64Array => new Float64Array(count)
  return {
    minute: column(),
    open: column(),
    high: column(),
    low: column(),
    close: column(),
    volume: column(),
  }
}

export function sliceBars(bars: Bars, end: number): Bars {
  return {
    minute: bars.minute.slice(0, end),
    open: bars.open.slice(0, end),
    high: bars.high.slice(0, end),
    low: bars.low.slice(0, end),
    close: bars.close.slice(0, end),
    volume: bars.volume.slice(0, end),
  }
}

/** Index of the first time at or after `bound`, from `from` on; the times rise. */
export function firstAtOrAfter(time: BigInt64Array, bound: bigint, from = 0): number {
  let low = from
  let end = time.length
  while (low < end) {
    const middle = (low + end) >>> 1
    if (time[middle]! < bound) low = middle + 1
    else end = middle
  }
  return low
}

/** One set of columns from parts that follow each other. */
export function joined(parts: readonly TradeColumns[]): TradeColumns {
  const rows = parts.reduce((sum, { time }) => sum + time.length, 0)
  const time = new BigInt64Array(rows)
  const price = new Float64Array(rows)
  const size = new Float64Array(rows)
  let at = 0
  for (const part of parts) {
    time.set(part.time, at)
    price.set(part.price, at)
    size.set(part.size, at)
    at += part.time.length
  }
  return { time, price, size }
}

/** Bars from rows that come in pieces, in order of time. */
export interface BarMaker {
  add(rows: TradeColumns): void
  bars(): Bars
}

/** Takes rows [from, end) into bar number `at`. */
function widenBar(
  { high, low, close, volume }: Bars,
  at: number,
  { price, size }: TradeColumns,
  from: number,
  end: number,
): void {
  let top = high[at]!
  let bottom = low[at]!
  let sum = volume[at]!
  for (let row = from; row < end; row += 1) {
    const value = price[row]!
    if (value > top) top = value
    if (value < bottom) bottom = value
    sum += size[row]!
  }
  high[at] = top
  low[at] = bottom
  volume[at] = sum
  close[at] = price[end - 1]!
}

/** Makes bars as a program would that knows its rows are in order: a search for each minute's end. */
export function barMaker(): BarMaker {
  let held = barsOfCapacity(1024)
  let count = 0
  let endNs = -1n
  const begin = (time: bigint, price: number): void => {
    if (count === held.minute.length) {
      const wider = barsOfCapacity(2 * count)
      for (const name of Object.keys(held) as (keyof Bars)[]) wider[name].set(held[name])
      held = wider
    }
    const minute = time / minuteNs
    endNs = (minute + 1n) * minuteNs
    held.minute[count] = Number(minute)
    held.open[count] = price
    held.high[count] = price
    held.low[count] = price
    count += 1
  }
  return {
    add(rows) {
      const { time, price } = rows
      for (let row = 0; row < time.length;) {
        if (time[row]! >= endNs) begin(time[row]!, price[row]!)
        const end = firstAtOrAfter(time, endNs, row)
        widenBar(held, count - 1, rows, row, end)
        row = end
      }
    },
    bars: () => sliceBars(held, count),
  }
}

/** Bars from rows of an answer in SQL: minute, open, high, low, close, volume. */
export function barsOfRows(rows: readonly (readonly number[])[]): Bars {
  const bars = barsOfCapacity(rows.length)
  rows.forEach(([minute, open, high, low, close, volume], at) => {
    bars.minute[at] = minute!
    bars.open[at] = open!
    bars.high[at] = high!
    bars.low[at] = low!
    bars.close[at] = close!
    bars.volume[at] = volume!
  })
  return bars
}

/** Sum of a column: one loop for everybody who has no SUM of his own. */
export function sumOf(column: Float64Array): number {
  let sum = 0
  for (let row = 0; row < column.length; row += 1) sum += column[row]!
  return sum
}

export interface Minute {
  readonly from: bigint
  readonly to: bigint
  readonly digest: number
}

/** What the first `rowCount` of the trades answer, found without any engine. */
export interface Expected {
  readonly rowCount: number
  readonly sum: number
  readonly barsDigest: number
  readonly last: LastRow
}

export function digestOfRows({ time, price, size }: TradeColumns): number {
  return digestOf([time, price, size])
}

export function digestOfBars({ minute, open, high, low, close, volume }: Bars): number {
  return digestOf([minute, open, high, low, close, volume])
}

/** A row at a time and without searching: not the way that engines' bars are made here. */
function plainBars({ rowCount, time, price, size }: Trades): Bars {
  const rows: number[][] = []
  let bar: number[] = []
  for (let row = 0; row < rowCount; row += 1) {
    const minute = Number(time[row]! / minuteNs)
    const value = price[row]!
    if (bar[0] === minute) {
      bar[2] = Math.max(bar[2]!, value)
      bar[3] = Math.min(bar[3]!, value)
      bar[4] = value
      bar[5]! += size[row]!
    } else rows.push((bar = [minute, value, value, value, value, size[row]!]))
  }
  return barsOfRows(rows)
}

export function expectedOf(trades: Trades): Expected {
  const { rowCount, time, price, size } = trades
  const at = rowCount - 1
  return {
    rowCount,
    sum: size.reduce((sum, value) => sum + value, 0),
    barsDigest: digestOfBars(plainBars(trades)),
    last: { time: time[at]!, price: price[at]!, size: size[at]! },
  }
}

export function expectLast(row: LastRow, expected: LastRow, what: string): void {
  expectEqual(row.time, expected.time, `${what}, time of the last row`)
  expectEqual(row.price, expected.price, `${what}, price of the last row`)
  expectEqual(row.size, expected.size, `${what}, size of the last row`)
}
