// What names a series: kind, symbol and, for bars, timeframe. Symbols never become paths; series have numbers.
import { VarveError, limits } from '#base'

export interface SeriesKey {
  readonly kind: string
  readonly symbol: string
  /** Canonical; undefined for kinds without one. */
  readonly timeframe: string | undefined
}

const encoder = new TextEncoder()

/** @throws {VarveError} ERR_ARGUMENT unless `symbol` is 1 to 128 bytes of UTF-8 without control characters. */
export function checkSymbol(symbol: unknown): asserts symbol is string {
  let problem = ''
  if (typeof symbol !== 'string') problem = `is ${symbol === null ? 'null' : typeof symbol}`
  else if (symbol === '') problem = 'is empty'
  else if (/\p{Cc}/u.test(symbol)) problem = 'holds a control character'
  else if (/\p{Surrogate}/u.test(symbol)) problem = 'is not well-formed Unicode'
  else {
    const bytes = encoder.encode(symbol).length
    if (bytes > limits.symbolBytesMax) problem = `has ${bytes} bytes`
  }
  if (problem === '') return
  throw new VarveError(
    'ERR_ARGUMENT',
    `a symbol ${problem}`,
    { actual: typeof symbol === 'string' ? symbol.slice(0, 300) : String(symbol) },
    {
      hint: `A symbol is 1 to ${limits.symbolBytesMax} bytes of UTF-8 without control characters.`,
    },
  )
}

/** One text a series; equal only for equal keys. No part can hold NUL. */
export function keyText(key: SeriesKey): string {
  return `${key.kind}\0${key.symbol}\0${key.timeframe ?? ''}`
}

/** For people: `bar/BRK%2FB/1m`. */
export function seriesName(key: SeriesKey): string {
  const symbol = key.symbol.replaceAll('%', '%25').replaceAll('/', '%2F')
  return key.timeframe === undefined
    ? `${key.kind}/${symbol}`
    : `${key.kind}/${symbol}/${key.timeframe}`
}
