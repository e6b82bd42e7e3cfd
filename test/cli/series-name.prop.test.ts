// Goal: every series can be named on the command line, and what is printed is what is read back.
// Method: names of arbitrary symbols, '%', '/' and '*' often among them, are printed and parsed;
// spellings by hand are looked at.
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseSeriesName, printSeriesName } from '../../src/cli/series-name.ts'

const symbols = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
  fc
    .array(fc.constantFrom('%', '/', '*', '2', '5', 'F', 'a', '\u00e9', '%2F', '%25'), {
      minLength: 1,
      maxLength: 8,
    })
    .map((parts) => parts.join('')),
)

test('a printed name is read as the same series', () => {
  fc.assert(
    fc.property(symbols, fc.constantFrom(undefined, '1m', '1d'), (symbol, timeframe) => {
      const key = { kind: 'bar', symbol, timeframe }
      expect(parseSeriesName(printSeriesName(key))).toEqual(key)
    }),
    { numRuns: 500 },
  )
})

test.each([
  ['trade/BTC%2FUSDT', 'BTC/USDT'],
  ['trade/BTC%2fUSDT', 'BTC/USDT'],
  ['trade/100%', '100%'],
  ['trade/100%25', '100%'],
  ['trade/%252F', '%2F'],
  ['trade/%2A', '*'],
  ['trade/%C3%A9', '\u00e9'],
  ['trade/5%off', '5%off'],
])('%s is the symbol %s', (name, symbol) => {
  expect(parseSeriesName(name).symbol).toBe(symbol)
})

test('kind/* is every symbol, and escapes that are no text are refused', () => {
  expect(parseSeriesName('trade/*').symbol).toBeUndefined()
  expect(printSeriesName({ kind: 'trade', symbol: '*', timeframe: undefined })).toBe('trade/%2A')
  expect(() => parseSeriesName('trade/%FF')).toThrow(/UTF-8/)
})
