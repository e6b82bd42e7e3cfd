// Goal: the entropy that made tables are weighed against is that of the rows that are made. Method: what a sample of
// rows holds, counted; gaps of times, too many to be counted, by the likelihood of each, and by a sum term for term.
import { expect, test } from 'vitest'
import {
  barBits,
  gapBits,
  productShares,
  quoteBits,
  tradeBits,
} from '../../bench/support/entropy.ts'
import { makeTables } from '../../bench/support/tables.ts'
import { chance, makeQuotes, makeTrades } from '../../bench/support/workload.ts'

const rowCount = 200_000

/** Bits a value that the values' own frequencies hold. */
function countedBits(values: Iterable<number | string>): number {
  const counts = new Map<number | string, number>()
  let total = 0
  for (const value of values) {
    counts.set(value, (counts.get(value) ?? 0) + 1)
    total += 1
  }
  let bits = 0
  for (const count of counts.values()) bits -= (count / total) * Math.log2(count / total)
  return bits
}

const cents = (values: Float64Array): number[] =>
  Array.from(values, (value) => Math.round(value * 100))
const steps = (values: readonly number[]): number[] =>
  values.slice(1).map((value, at) => value - values[at]!)

test('trades: prices and sizes as counted', () => {
  const { price, size } = makeTrades(rowCount, 3)
  const counted = countedBits(steps(cents(price))) + countedBits(size)
  expect(tradeBits(1000) - gapBits(6e7)).toBeCloseTo(counted, 1)
})

test('quotes: moves by the spread before, and sizes, as counted', () => {
  const { bid, ask, bidSize, askSize } = makeQuotes(rowCount, 3)
  const [bids, asks] = [cents(bid), cents(ask)]
  const before = bids.slice(1).map((_, at) => asks[at]! - bids[at]!)
  const spreads = asks.slice(1).map((value, at) => value - bids[at + 1]!)
  const moves = steps(bids).map((step, at) => `${before[at]} ${step} ${spreads[at]}`)
  const prices = countedBits(moves) - countedBits(before)
  const counted = prices + countedBits(bidSize) + countedBits(askSize)
  expect(quoteBits(4000) - gapBits(1.5e7)).toBeCloseTo(counted, 1)
})

test('bars as counted', () => {
  const { time, columns } = makeTables(rowCount, 3)[2]!
  const [open, high, low, close] = ['open', 'high', 'low', 'close'].map((name) =>
    cents(columns[name]!),
  )
  const rows = open!.map((_, row) => row).slice(1)
  const parts = [
    rows.map((row) => Number(time[row]! - time[row - 1]!)),
    rows.map((row) => open![row]! - close![row - 1]!),
    rows.map((row) => close![row]! - open![row]!),
    rows.map((row) => high![row]! - Math.max(open![row]!, close![row]!)),
    rows.map((row) => low![row]! - Math.min(open![row]!, close![row]!)),
    columns['volume']!,
  ]
  const counted = parts.reduce((sum, part) => sum + countedBits(part), 0)
  expect(barBits()).toBeCloseTo(counted, 1)
})

test('gaps: the sum behind the bursts is that of its terms; the likelihood of what is drawn is near', () => {
  // The distribution of the README, written out again.
  const meanNs = 20_000
  const stay = Math.exp(-0.45 / meanNs)
  const shareOf = (gap: number, own: number): number =>
    (gap < 40_000 ? 0.275 / 40_000 : 0) + (gap === 0 ? 0.275 : 0.45 * (1 - own) * own ** (gap - 1))
  let bits = 0
  for (let gap = 0; gap < 3_000_000; gap += 1) {
    const share = shareOf(gap, stay)
    if (share > 0) bits -= share * Math.log2(share)
  }
  expect(gapBits(meanNs)).toBeCloseTo(bits, 4)
  const { time } = makeTrades(rowCount, 5)
  const stayLong = Math.exp(-0.45 / 6e7)
  let sum = 0
  for (let row = 1; row < rowCount; row += 1) {
    const gap = Number(time[row]! - time[row - 1]!)
    // Between sessions a day passes.
    if (gap < 1e13) sum -= Math.log2(shareOf(gap, stayLong))
  }
  expect(sum / rowCount).toBeCloseTo(gapBits(6e7), 0)
  expect(Math.abs(sum / rowCount / gapBits(6e7) - 1)).toBeLessThan(0.005)
})

test('products of two even numbers fall where their shares say', () => {
  const next = chance(7)
  const found = new Float64Array(5)
  for (let draw = 0; draw < rowCount; draw += 1) found[Math.floor(next() * next() * 5)]! += 1
  productShares(5).forEach((share, at) => {
    expect(Math.abs(found[at]! / rowCount - share)).toBeLessThan(0.005)
  })
})
