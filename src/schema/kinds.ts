// The kinds every market-data store needs. They are ordinary: a user's own kind can do all they can.
import { column } from './column.ts'
import type { Column } from './column.ts'
import { defineKind } from './kind.ts'
import type { Kind } from './kind.ts'

type F64 = Column<'f64', false, number>
type OptionalF64 = Column<'f64', true, number>
type OptionalSymbol<Value extends string = string> = Column<'symbol', true, Value>

const f64 = column.f64()
const f64Optional = f64.optional()

export type BarColumns = {
  open: F64
  high: F64
  low: F64
  close: F64
  volume: OptionalF64
  dollarVolume: OptionalF64
  tradeCount: Column<'i64', true, bigint>
  vwap: OptionalF64
  quality: OptionalF64
  source: OptionalSymbol
}

/** Bars. `time` is the bar's open. A bar of the same time replaces the earlier one. */
export const bar: Kind<'bar', BarColumns, true> = defineKind('bar', {
  columns: {
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64Optional,
    dollarVolume: f64Optional,
    tradeCount: column.i64().optional(),
    vwap: f64Optional,
    quality: f64Optional,
    source: column.symbol().optional(),
  },
  timeframed: true,
  identity: ['time'],
  duplicates: 'last',
})

type Side = 'bid' | 'ask'
export type QuoteBarColumns = {
  [Name in `${Side}${'Open' | 'High' | 'Low' | 'Close' | 'Size'}`]: OptionalF64
}

/** Bars of both sides of the quote. As `bar`. */
export const quoteBar: Kind<'quoteBar', QuoteBarColumns, true> = defineKind('quoteBar', {
  columns: {
    bidOpen: f64Optional,
    bidHigh: f64Optional,
    bidLow: f64Optional,
    bidClose: f64Optional,
    bidSize: f64Optional,
    askOpen: f64Optional,
    askHigh: f64Optional,
    askLow: f64Optional,
    askClose: f64Optional,
    askSize: f64Optional,
  },
  timeframed: true,
  identity: ['time'],
  duplicates: 'last',
})

export type TradeColumns = {
  price: F64
  size: F64
  side: OptionalSymbol<'buy' | 'sell'>
  id: Column<'text', true, string>
  venue: OptionalSymbol
  conditions: OptionalSymbol
}

/** Trades. No identity: identical prints are real trades and all are kept. */
export const trade: Kind<'trade', TradeColumns, false> = defineKind('trade', {
  columns: {
    price: f64,
    size: f64,
    side: column.symbol<'buy' | 'sell'>().optional(),
    id: column.text().optional(),
    venue: column.symbol().optional(),
    conditions: column.symbol().optional(),
  },
})

export type QuoteColumns = {
  bid: OptionalF64
  bidSize: OptionalF64
  ask: OptionalF64
  askSize: OptionalF64
  venue: OptionalSymbol
  conditions: OptionalSymbol
}

/** Quotes. One-sided ones are ordinary: an absent side is absent, never 0. */
export const quote: Kind<'quote', QuoteColumns, false> = defineKind('quote', {
  columns: {
    bid: f64Optional,
    bidSize: f64Optional,
    ask: f64Optional,
    askSize: f64Optional,
    venue: column.symbol().optional(),
    conditions: column.symbol().optional(),
  },
})

type Level = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9'
export type Book10Columns = {
  [Name in `${Side}${'Price' | 'Size'}${Level}`]: OptionalF64
} & { sequence: Column<'i64', true, bigint> }

function bookColumns(): Book10Columns {
  const columns: Record<string, Column> = {}
  for (const what of ['bidPrice', 'bidSize', 'askPrice', 'askSize']) {
    for (let level = 0; level < 10; level += 1) columns[`${what}${level}`] = f64Optional
  }
  columns['sequence'] = column.i64().optional()
  return columns as Book10Columns
}

/** The best ten levels of an order book, best first, as it stood after an update; ranked by the venue's sequence. */
export const book10: Kind<'book10', Book10Columns, false> = defineKind('book10', {
  columns: bookColumns() as Book10Columns & { time?: never; received?: never },
  order: ['sequence'],
})

export const builtInKinds: readonly Kind[] = [bar, quoteBar, trade, quote, book10]
