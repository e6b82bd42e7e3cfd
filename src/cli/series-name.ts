// Series as they are named on the command line: kind/symbol or bar/symbol/timeframe. In a symbol
// %2F stands for '/' and %25 for '%', any %XX for its byte; kind/* is every symbol of a file,
// kind/%2A the symbol '*'.
import { VarveError } from '#base'
import { parseTimeframe, seriesName } from '#schema'
import type { Kind, SeriesKey, Timeframe } from '#schema'

export interface SeriesName {
  readonly kind: string
  /** undefined: `*`. */
  readonly symbol: string | undefined
  readonly timeframe: Timeframe | undefined
}

const example =
  'Write kind/symbol or kind/symbol/timeframe, such as trade/SPY or bar/BTC%2FUSDT/1m.'

function refused(text: string, message: string, hint = example): VarveError {
  return new VarveError('ERR_ARGUMENT', `series ${text}: ${message}`, { actual: text }, { hint })
}

/** @throws {VarveError} ERR_ARGUMENT */
export function parseSeriesName(text: string): SeriesName {
  const [kind, symbol, timeframe, ...more] = text.split('/')
  if (kind === undefined || kind === '' || symbol === undefined || symbol === '') {
    throw refused(text, 'no kind and symbol')
  }
  if (more.length > 0) throw refused(text, 'too many parts', `${example} A '/' in a symbol is %2F.`)
  return {
    kind,
    symbol: symbol === '*' ? undefined : decodeSymbol(text, symbol),
    timeframe: timeframe === undefined ? undefined : parseTimeframe(timeframe).canonical,
  }
}

/** The name that parseSeriesName reads as this series, whatever its symbol holds. */
export function printSeriesName(key: SeriesKey): string {
  return key.symbol === '*'
    ? seriesName({ ...key, symbol: '%' }).replace('%25', '%2A')
    : seriesName(key)
}

/** Only what can be a percent escape is one: `100%` stays as it is. */
function decodeSymbol(text: string, symbol: string): string {
  const parts = symbol.split(/((?:%[0-9a-fA-F]{2})+)/)
  try {
    return parts.map((part, at) => (at % 2 === 1 ? decodeURIComponent(part) : part)).join('')
  } catch (cause) {
    throw new VarveError(
      'ERR_ARGUMENT',
      `series ${text}: an escape is not UTF-8`,
      { actual: text },
      { cause },
    )
  }
}

/** Refuses a timeframe where the kind has none, and the other way round. */
export function checkTimeframe(text: string, kind: Kind, name: SeriesName): void {
  if (kind.timeframed && name.timeframe === undefined) {
    throw refused(text, `a ${kind.name} has a timeframe`, `Write ${text}/1m, or another timeframe.`)
  }
  if (!kind.timeframed && name.timeframe !== undefined) {
    throw refused(text, `a ${kind.name} has no timeframe`, `Write ${kind.name}/symbol.`)
  }
}
