// Market data made from a seed: the same rows on every machine. Prices walk on a grid of cents,
// trades come in bursts that share a nanosecond, sizes are mostly round lots, quotes repeat
// themselves more often than they move. tables.ts reads real data.

export interface Trades {
  readonly rowCount: number
  /** Epoch ns, non-decreasing, with ties. */
  readonly time: BigInt64Array
  readonly price: Float64Array
  readonly size: Float64Array
}

export interface Quotes {
  readonly rowCount: number
  readonly time: BigInt64Array
  readonly bid: Float64Array
  readonly ask: Float64Array
  readonly bidSize: Float64Array
  readonly askSize: Float64Array
}

/** Doubles in [0, 1): mulberry32. */
export function chance(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** Rows a minute that a busy share has: what a one-minute range reads. */
export const rowsPerMinute = 1000
export const minuteNs = 60_000_000_000n
const dayNs = 86_400_000_000_000n
/** 2024-01-02T14:30:00Z, a session's start. */
export const sessionStart = 1_704_205_800_000_000_000n
const sessionNs = 6.5 * 3600 * 1e9

/**
 * `rowCount` times from the session's start on, `meanGapNs` apart on average, in bursts;
 * sessions follow daily.
 */
function fillTimes(time: BigInt64Array, next: () => number, meanGapNs: number): void {
  const burst = 0.55
  let offset = 0
  let day = sessionStart
  for (let row = 0; row < time.length; row += 1) {
    if (next() > burst) {
      offset += Math.ceil((-Math.log(1 - next()) * meanGapNs) / (1 - burst))
    } else if (next() > 0.5) offset += Math.floor(next() * 40_000)
    if (offset >= sessionNs) {
      offset = 0
      day += dayNs
    }
    time[row] = day + BigInt(offset)
  }
}

const lots = [100, 100, 100, 100, 200, 200, 300, 500, 1000]

function sizeOf(next: () => number): number {
  if (next() < 0.3) return 1 + Math.floor(next() * 99)
  if (next() < 0.002) return 100 * (100 + Math.floor(next() * 4000))
  return lots[Math.floor(next() * lots.length)]!
}

/** Trades of one share. `perMinute` is the mean rate within the session. */
export function makeTrades(rowCount: number, seed: number, perMinute = rowsPerMinute): Trades {
  const next = chance(seed)
  const time = new BigInt64Array(rowCount)
  const price = new Float64Array(rowCount)
  const size = new Float64Array(rowCount)
  fillTimes(time, next, 60e9 / perMinute)
  let cents = 20_000 + Math.floor(next() * 30_000)
  for (let row = 0; row < rowCount; row += 1) {
    if (next() < 0.4) cents = Math.max(100, cents + Math.floor(next() * 7) - 3)
    price[row] = cents / 100
    size[row] = sizeOf(next)
  }
  return { rowCount, time, price, size }
}

/** Quotes of one share: both sides on the grid, most rows repeat the prices before them. */
export function makeQuotes(rowCount: number, seed: number, perMinute = 4 * rowsPerMinute): Quotes {
  const next = chance(seed)
  const time = new BigInt64Array(rowCount)
  const [bid, ask, bidSize, askSize] = [0, 1, 2, 3].map(() => new Float64Array(rowCount)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ]
  fillTimes(time, next, 60e9 / perMinute)
  let cents = 20_000 + Math.floor(next() * 30_000)
  let spread = 1
  for (let row = 0; row < rowCount; row += 1) {
    if (next() < 0.1) {
      cents = Math.max(100, cents + Math.floor(next() * 5) - 2)
      spread = 1 + Math.floor(next() * next() * 5)
    }
    bid[row] = cents / 100
    ask[row] = (cents + spread) / 100
    bidSize[row] = 100 * (1 + Math.floor(next() * next() * 40))
    askSize[row] = 100 * (1 + Math.floor(next() * next() * 40))
  }
  return { rowCount, time, bid, ask, bidSize, askSize }
}

/** Views of rows [from, end). */
export function sliceTrades({ time, price, size }: Trades, from: number, end: number): Trades {
  const rowCount = end - from
  return {
    rowCount,
    time: time.subarray(from, end),
    price: price.subarray(from, end),
    size: size.subarray(from, end),
  }
}

/** What append() takes: time, price and size as columns. */
export type TradeColumns = Pick<Trades, 'time' | 'price' | 'size'>

/** The trades as batches of `batchRows`, made ready before a clock runs. */
export function batchesOf(trades: Trades, batchRows: number): TradeColumns[] {
  const batches: TradeColumns[] = []
  for (let from = 0; from < trades.rowCount; from += batchRows) {
    const end = Math.min(trades.rowCount, from + batchRows)
    const { time, price, size } = sliceTrades(trades, from, end)
    batches.push({ time, price, size })
  }
  return batches
}
