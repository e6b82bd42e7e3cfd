// A day of a made-up market: four symbols, trades, quotes and one-minute bars, the same for the
// same seed on every machine. Only +, -, *, /, floor and comparisons make it: those give the same
// doubles everywhere, log and exp may not.
//
// What makes it look like a market: a burst at the open, a U over the day, events that come in
// clusters, sweeps of several prints in one nanosecond, spreads that are wide early, odd lots, and
// now and then a quote with one side.
import type { ColumnsInput, RowInput, bar, quote, trade } from '../index.ts'

export interface Listing {
  readonly symbol: string
  readonly price: number
  /** Ticks a unit of price: 100 for cents. */
  readonly ticks: number
  /** Part of all rows, in percent. */
  readonly share: number
  readonly kind: 'share' | 'coin'
}

export const listings: readonly Listing[] = [
  { symbol: 'ALFA', price: 187.4, ticks: 100, share: 40, kind: 'share' },
  { symbol: 'BOLT', price: 24.15, ticks: 100, share: 20, kind: 'share' },
  { symbol: 'CRUX', price: 612.8, ticks: 100, share: 15, kind: 'share' },
  { symbol: 'BTC/USDT', price: 64_210.5, ticks: 10, share: 25, kind: 'coin' },
]

export const minutes = 390
export const minuteNs = 60_000_000_000n

/** One minute of one symbol. The arrays are the receiver's. */
export interface MarketMinute {
  readonly listing: Listing
  readonly trades: ColumnsInput<typeof trade>
  readonly tradeCount: number
  readonly quotes: ColumnsInput<typeof quote>
  readonly quoteCount: number
  /** Absent where nothing traded. */
  readonly bar: RowInput<typeof bar> | undefined
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
function chance(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** How busy a minute is: a burst that dies down, a U, a rush into the close. */
function activity(minute: number): number {
  const middle = minute / minutes - 0.5
  const open = 6 / ((1 + minute / 3) * (1 + minute / 3))
  const close = 3 / ((1 + (minutes - 1 - minute) / 5) * (1 + (minutes - 1 - minute) / 5))
  return 0.6 + 3 * middle * middle + open + close
}

/** Rows of each minute; they sum up to `rows`. */
function plan(rows: number, random: () => number): number[] {
  const weights = Array.from({ length: minutes }, (_, at) => activity(at) * (0.6 + 0.8 * random()))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let passed = 0
  let planned = 0
  return weights.map((weight) => {
    passed += weight
    const end = Math.round((rows * passed) / total)
    const count = end - planned
    planned = end
    return count
  })
}

/** Nanoseconds of `count` events within a minute, rising: heavy-tailed gaps, half of them tiny. */
function eventTimes(count: number, random: () => number): Float64Array {
  const at = new Float64Array(count)
  let sum = 0
  for (let event = 0; event < count; event += 1) {
    const gap = 1 / (0.02 + random()) - 0.98
    sum += random() < 0.5 ? gap / 2000 : gap
    at[event] = sum
  }
  const scale = 59_999_999_000 / (sum + 1)
  for (let event = 0; event < count; event += 1) at[event] = Math.floor(at[event]! * scale)
  return at
}

const shareVenues = ['Q', 'N', 'P', 'Z', 'K', 'V']
const tradesPerCent = 0.28
const sweepPart = 0.2
const oneSidedPart = 0.0004

/** The walk of one symbol through the day. */
class SymbolDay {
  readonly listing: Listing
  readonly #random: () => number
  readonly #counts: readonly number[]
  /** The middle of the market, in ticks; no whole number. */
  #mid: number
  readonly #step: number
  #bidSize = 1
  #askSize = 1

  constructor(listing: Listing, rows: number, random: () => number) {
    this.listing = listing
    this.#random = random
    this.#counts = plan(rows, random)
    this.#mid = listing.price * listing.ticks
    // A day moves by about 1.2 %, however many rows it has; the sum of three chances has a
    // deviation of one half.
    this.#step = (this.#mid * 0.012 * 2) / Math.sqrt(Math.max(1, rows))
  }

  #size(): number {
    const random = this.#random
    if (this.listing.kind === 'coin') return Math.floor(1 / (0.001 + random())) / 1000
    if (random() < 0.55) return 1 + Math.floor(random() * 99)
    return 100 * Math.ceil(0.3 / (0.03 + random()))
  }

  #move(): void {
    const random = this.#random
    this.#mid += this.#step * (random() + random() + random() - 1.5)
  }

  minute(minute: number, startNs: bigint): MarketMinute {
    const count = this.#counts[minute] ?? 0
    const random = this.#random
    const times = eventTimes(count, random)
    const trades = new TradeRows(this.listing)
    const quotes = new QuoteRows()
    const wide = 1 + 4 / (1 + minute / 4)
    for (let event = 0; event < count; event += 1) {
      this.#move()
      const time = startNs + BigInt(times[event]!)
      const spread = 1 + Math.floor(random() * random() * 3 * wide)
      const bid = Math.floor(this.#mid - spread / 2)
      if (random() >= tradesPerCent) {
        if (random() < 0.5) this.#bidSize = this.#size()
        else this.#askSize = this.#size()
        this.#quote(quotes, time, bid, bid + spread)
        continue
      }
      const isBuy = random() < 0.5
      let price = isBuy ? bid + spread : bid
      trades.add(time, price, this.#size(), isBuy, random())
      if (random() >= sweepPart) continue
      // A sweep takes several orders in the same nanosecond, the later ones at worse prices.
      for (let left = 1 + Math.floor(random() * 3); left > 0 && event + 1 < count; left -= 1) {
        event += 1
        if (random() < 0.3) price += isBuy ? 1 : -1
        trades.add(time, price, this.#size(), isBuy, random())
      }
    }
    return {
      listing: this.listing,
      trades: trades.columns(),
      tradeCount: trades.time.length,
      quotes: quotes.columns(),
      quoteCount: quotes.time.length,
      bar: trades.bar(startNs),
    }
  }

  #quote(quotes: QuoteRows, time: bigint, bid: number, ask: number): void {
    const { ticks } = this.listing
    const lone = this.#random()
    quotes.time.push(time)
    quotes.bid.push(lone < oneSidedPart / 2 ? NaN : bid / ticks)
    quotes.bidSize.push(lone < oneSidedPart / 2 ? NaN : this.#bidSize)
    quotes.ask.push(lone > 1 - oneSidedPart / 2 ? NaN : ask / ticks)
    quotes.askSize.push(lone > 1 - oneSidedPart / 2 ? NaN : this.#askSize)
    const venue = shareVenues[Math.floor(this.#random() * shareVenues.length)]!
    quotes.venue.push(this.listing.kind === 'coin' ? null : venue)
  }
}

class QuoteRows {
  readonly time: bigint[] = []
  readonly bid: number[] = []
  readonly bidSize: number[] = []
  readonly ask: number[] = []
  readonly askSize: number[] = []
  readonly venue: (string | null)[] = []

  columns(): ColumnsInput<typeof quote> {
    return {
      time: BigInt64Array.from(this.time),
      bid: Float64Array.from(this.bid),
      bidSize: Float64Array.from(this.bidSize),
      ask: Float64Array.from(this.ask),
      askSize: Float64Array.from(this.askSize),
      venue: this.venue,
    }
  }
}

class TradeRows {
  readonly time: bigint[] = []
  readonly #listing: Listing
  readonly #price: number[] = []
  readonly #size: number[] = []
  readonly #side: ('buy' | 'sell' | null)[] = []
  readonly #venue: (string | null)[] = []
  readonly #conditions: (string | null)[] = []

  constructor(listing: Listing) {
    this.#listing = listing
  }

  add(time: bigint, ticks: number, size: number, isBuy: boolean, chosen: number): void {
    const isCoin = this.#listing.kind === 'coin'
    this.time.push(time)
    this.#price.push(ticks / this.#listing.ticks)
    this.#size.push(size)
    const side = isBuy ? 'buy' : 'sell'
    this.#side.push(isCoin ? side : null)
    this.#venue.push(isCoin ? null : shareVenues[Math.floor(chosen * shareVenues.length)]!)
    this.#conditions.push(!isCoin && size < 100 ? 'I' : null)
  }

  columns(): ColumnsInput<typeof trade> {
    return {
      time: BigInt64Array.from(this.time),
      price: Float64Array.from(this.#price),
      size: Float64Array.from(this.#size),
      side: this.#side,
      venue: this.#venue,
      conditions: this.#conditions,
    }
  }

  /** The bar of these trades, where there are any. */
  bar(time: bigint): RowInput<typeof bar> | undefined {
    const open = this.#price[0]
    const close = this.#price.at(-1)
    if (open === undefined || close === undefined) return undefined
    let high = open
    let low = open
    let volume = 0
    for (let row = 0; row < this.#price.length; row += 1) {
      high = Math.max(high, this.#price[row]!)
      low = Math.min(low, this.#price[row]!)
      volume += this.#size[row]!
    }
    volume = Math.round(volume * 1000) / 1000
    return { time, open, high, low, close, volume, tradeCount: BigInt(this.time.length) }
  }
}

/**
 * The day minute by minute, in each minute symbol by symbol: trades and quotes are `rows` in all.
 *
 * @param startNs the open, epoch ns.
 */
export function* marketDay(rows: number, seed: number, startNs: bigint): Generator<MarketMinute> {
  let shares = 0
  let planned = 0
  const days = listings.map((listing, at) => {
    shares += listing.share
    const end = Math.round((rows * shares) / 100)
    const day = new SymbolDay(listing, end - planned, chance(seed * 1009 + at))
    planned = end
    return day
  })
  for (let minute = 0; minute < minutes; minute += 1) {
    const minuteStart = startNs + BigInt(minute) * minuteNs
    for (const day of days) yield day.minute(minute, minuteStart)
  }
}
