// What series() is given, checked: kind, symbol and timeframe.
import { VarveError } from '#base'
import { checkSymbol, parseTimeframe } from '#schema'
import type { Kind, SeriesKey } from '#schema'

/** @throws {VarveError} ERR_ARGUMENT */
export function keyOf(kind: Kind, symbol: unknown, timeframe: unknown): SeriesKey {
  const given: unknown = kind
  const isKind = typeof given === 'object' && given !== null && 'columns' in given
  if (!isKind || typeof kind.name !== 'string') {
    throw new VarveError(
      'ERR_ARGUMENT',
      'series() takes a kind first',
      { actual: typeof kind },
      {
        hint: "Give one of varve's kinds (trade, quote, bar, ...) or one made with defineKind.",
      },
    )
  }
  checkSymbol(symbol)
  if (!kind.timeframed) {
    if (timeframe === undefined) return { kind: kind.name, symbol, timeframe: undefined }
    throw new VarveError('ERR_ARGUMENT', `kind '${kind.name}' has no timeframe`, {
      kind: kind.name,
      actual: timeframe,
    })
  }
  if (timeframe === undefined) {
    throw new VarveError(
      'ERR_ARGUMENT',
      `kind '${kind.name}' needs a timeframe`,
      { kind: kind.name },
      {
        hint: "Name it as the third argument: series(bar, 'SPY', '1m').",
      },
    )
  }
  return { kind: kind.name, symbol, timeframe: parseTimeframe(timeframe as string).canonical }
}
