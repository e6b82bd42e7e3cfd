// Goal: the demo is what it says: the same day for the same seed, with the things a real day has,
// and every figure it prints is one that was found out. Method: the market is looked at by itself;
// the command runs in this process, on a small day, in a temporary folder of its own, and what it
// left is opened again.
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bar, open, quote, trade } from 'varve'
import { listings, marketDay, minuteNs, minutes } from '../../src/cli/demo-market.ts'
import type { MarketMinute } from '../../src/cli/demo-market.ts'
import { run } from '../../src/cli/program.ts'
import { sparkline } from '../../src/cli/sparkline.ts'
import { scratchFolder } from './built.ts'
import { captured, fakeEngine } from './fake-engine.ts'

const rows = 20_000
const startNs = 1_700_000_000_000_000_000n

let folder = ''
let temporary = ''
const before = process.env['TMPDIR']
beforeAll(() => {
  folder = scratchFolder()
  temporary = join(folder, 'tmp')
  mkdirSync(temporary)
  process.env['TMPDIR'] = temporary
})
afterAll(() => {
  if (before === undefined) delete process.env['TMPDIR']
  else process.env['TMPDIR'] = before
  rmSync(folder, { recursive: true, force: true })
})

async function demo(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const { output, written, noted } = captured()
  const engine = fakeEngine(() => {
    throw new Error('the demo opens its own store')
  })
  const code = await run(['demo', ...words], engine, output)
  return { code, out: written.join(''), err: noted.join('') }
}

interface Result {
  readonly trades: number
  readonly quotes: number
  readonly bars: number
  readonly append: { readonly rows: number; readonly seconds: number }
  readonly stats: {
    readonly rows: number
    readonly storedBytes: number
    readonly plainBytes: number
  }
  readonly bytesARow: number
  readonly smallerPercent: number
  readonly scan: { readonly rows: number; readonly dollars: number }
  readonly minute: { readonly rows: number }
  readonly snapshot: { readonly contentHash: string }
  readonly late: {
    readonly time: string
    readonly after: { readonly time: string; readonly size: number }
  }
  readonly corrected: Record<
    'snapshot' | 'now',
    { readonly volume: number; readonly tradeCount: string }
  >
  readonly verify: { readonly ok: boolean }
}

async function demoJson(...words: string[]): Promise<Result> {
  const { code, out, err } = await demo('--json', '--rows', String(rows), ...words)
  expect(code, err).toBe(0)
  return JSON.parse(out) as Result
}

describe('the market', () => {
  const day = (seed: number): MarketMinute[] => [...marketDay(rows, seed, startNs)]
  const timesOf = ({ trades }: MarketMinute): bigint[] => [...(trades.time as BigInt64Array)]

  test('has as many rows as asked for, in order, inside the day', () => {
    const parts = day(7)
    expect(parts).toHaveLength(minutes * listings.length)
    const sum = parts.reduce((count, part) => count + part.tradeCount + part.quoteCount, 0)
    expect(sum).toBe(rows)
    parts.forEach((part, at) => {
      const from = startNs + BigInt(Math.floor(at / listings.length)) * minuteNs
      for (const times of [part.trades.time, part.quotes.time]) {
        const list = [...(times as BigInt64Array)]
        expect(list).toEqual(list.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)))
        for (const time of list) expect(time >= from && time < from + minuteNs).toBe(true)
      }
    })
  })

  test('is the same for the same seed, and another for another', () => {
    expect(day(7)).toEqual(day(7))
    expect(day(8)).not.toEqual(day(7))
  })

  test('has a busy open, a quiet noon, sweeps in one nanosecond and one-sided quotes', () => {
    const parts = [...marketDay(200_000, 7, startNs)]
    const count = (from: number, end: number): number =>
      parts
        .slice(from * listings.length, end * listings.length)
        .reduce((sum, part) => sum + part.tradeCount + part.quoteCount, 0)
    expect(count(0, 10)).toBeGreaterThan(2 * count(190, 200))
    expect(count(380, 390)).toBeGreaterThan(1.3 * count(190, 200))
    const ties = parts.reduce((sum, part) => {
      const times = timesOf(part)
      return sum + times.filter((time, at) => time === times[at - 1]).length
    }, 0)
    expect(ties).toBeGreaterThan(5_000)
    let lone = 0
    for (const { quotes } of parts) {
      const bid = quotes.bid as Float64Array
      const ask = quotes.ask as Float64Array
      bid.forEach((price, at) => {
        const isLone = Number.isNaN(price) || Number.isNaN(ask[at]!)
        if (isLone) lone += 1
        else expect(price).toBeLessThan(ask[at]!)
      })
    }
    expect(lone).toBeGreaterThan(10)
    expect(lone).toBeLessThan(1_000)
  })
})

describe('varve demo', () => {
  test('tells what the store holds, and leaves nothing behind', async () => {
    const result = await demoJson()
    const { trades, quotes, bars, stats, append, scan, minute } = result
    expect(trades + quotes).toBe(rows)
    expect(append.rows).toBe(rows + bars)
    expect(stats.rows).toBe(rows + bars)
    expect(scan.rows).toBe(trades)
    expect(minute.rows).toBeGreaterThan(0)
    expect(result.bytesARow).toBeCloseTo(stats.storedBytes / stats.rows, 9)
    expect(result.smallerPercent).toBeCloseTo(100 - (100 * stats.storedBytes) / stats.plainBytes, 9)
    expect(result.verify.ok).toBe(true)
    expect(readdirSync(temporary)).toEqual([])
  })

  test('a late trade stands in its place; a corrected bar replaces, the snapshot keeps', async () => {
    const { late, corrected } = await demoJson()
    expect(late.after).toMatchObject({ time: late.time, size: 2500 })
    expect(corrected.now.volume - corrected.snapshot.volume).toBeCloseTo(2500, 6)
    expect(BigInt(corrected.now.tradeCount) - BigInt(corrected.snapshot.tradeCount)).toBe(1n)
  })

  test('same seed, same content hash; another seed, another', async () => {
    // This hash is part of what the demo promises: the same on every machine.
    const golden = 'c0410bb5933e818332d06a8f0d7fba7281117bf6bcc7768799d4e1c973e4a9a6'
    expect((await demoJson()).snapshot.contentHash).toBe(golden)
    expect((await demoJson('--seed', '8')).snapshot.contentHash).not.toBe(golden)
  })

  test('--dir keeps the store, and never adds to one', async () => {
    const path = join(folder, 'kept')
    const result = await demoJson('--dir', path)
    {
      await using store = await open(path, { mode: 'read' })
      const count = listings.reduce((sum, { symbol }) => {
        return sum + store.series(trade, symbol).count() + store.series(quote, symbol).count()
      }, 0)
      expect(count).toBe(rows + 1)
      expect(store.series(bar, 'ALFA', '1m').count()).toBeGreaterThan(300)
      const [snapshot] = store.snapshots()
      expect(snapshot).toMatchObject({ name: 'close', contentHash: result.snapshot.contentHash })
    }
    const again = await demo('--dir', path)
    expect(again.code).toBe(1)
    expect(again.err).toContain('ERR_EXISTS')
    expect(readdirSync(temporary)).toEqual([])
  })

  test('for people: charts, figures, what to do next', async () => {
    const { code, out } = await demo('--rows', String(rows))
    expect(code).toBe(0)
    for (const { symbol } of listings) expect(out).toContain(symbol)
    expect(out).toMatch(/[\u2581-\u2588]{20}/)
    expect(out).toMatch(/bytes a row, \d+ % smaller than plain columns/)
    expect(out).toMatch(/every byte: .*, whole/)
    expect(out).toContain('varve demo --dir')
    const plain = await demo('--rows', String(rows), '--ascii')
    expect(plain.out).toMatch(/^[\n -~]+$/)
  })

  test('what cannot be is wrong usage', async () => {
    expect(await demo('--rows', '12')).toMatchObject({ code: 2, out: '' })
    expect(await demo('--rows', 'many')).toMatchObject({ code: 2, out: '' })
    expect(await demo('--seed', '-1')).toMatchObject({ code: 2, out: '' })
    expect(readdirSync(temporary)).toEqual([])
  })
})

test('a sparkline goes from the lowest to the highest', () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8)).toBe(
    '\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588',
  )
  expect(sparkline([5, 5, 5], 8, true)).toBe('___')
  expect(sparkline([1, NaN, 2], 8, true)).toBe('_ @')
  expect(sparkline([0, 0, 8, 8], 2, true)).toBe('_@')
  expect(sparkline([], 8)).toBe('')
})
