// Goal: what turns readings into figures tells the truth: medians, verdicts, ratios, regressions,
// the place a result is from, and a workload that looks like a market and is the same every time.
// Method: small cases worked out by hand.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  deviationOf,
  digestOf,
  expectEqual,
  judge,
  measure,
  median,
  quantileOf,
} from '../../bench/support/harness.ts'
import type { BenchResult, Figure } from '../../bench/support/harness.ts'
import { commitOf, describeMachine, resultName } from '../../bench/support/machine.ts'
import { compact, parseResult, regressionsOf, tableOf } from '../../bench/support/report.ts'
import { copyRate, l1ReadRate, ramDoublesRate, wasmCopyRate } from '../../bench/support/limits.ts'
import { readerOf } from '../../bench/support/reader.ts'
import { chance, makeQuotes, makeTrades } from '../../bench/support/workload.ts'

describe('figures', () => {
  test('medians, deviations and quantiles', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    expect(deviationOf([1, 2, 3, 4, 100])).toBe(1)
    expect(quantileOf(Float64Array.of(5, 1, 4, 2, 3), 0.99)).toBe(5)
    expect(quantileOf(Float64Array.of(5, 1, 4, 2, 3), 0)).toBe(1)
  })

  test('a floor is met or not, and nothing that is no number meets one', () => {
    expect(judge(3, [], [{ atLeast: 3 }])).toBe('ok')
    expect(judge(2.9, [], [{ atLeast: 3 }])).toBe('BELOW')
    expect(judge(3.1, [], [{ atMost: 3 }])).toBe('BELOW')
    expect(judge(NaN, [], [{ atMost: 3 }])).toBe('BELOW')
    expect(judge(1, [], [])).toBe('none')
  })

  test('a floor beside a probe bounds the ratio, and all floors are to be met', () => {
    const probes = [
      { name: 'RAM read', ratio: 2.5 },
      { name: 'duckdb', ratio: 0.09 },
    ]
    const beside = { atLeast: 2, of: 'RAM read' }
    expect(judge(1, probes, [beside])).toBe('ok')
    expect(judge(1, probes, [beside, { atMost: 0.1, of: 'duckdb' }])).toBe('ok')
    expect(judge(1, probes, [beside, { atMost: 0.05, of: 'duckdb' }])).toBe('BELOW')
    expect(judge(1, probes, [beside, { atLeast: 2 }])).toBe('BELOW')
    expect(() => judge(1, probes, [{ atLeast: 1, of: 'sqlite' }])).toThrow('sqlite')
  })

  test('floors stand in the table as they are judged', () => {
    const floor = [{ atLeast: 10, of: 'duckdb' }, { atMost: 3e6 }]
    const shown = { ...figure(5, 0, 2, 'more'), floor, verdict: 'BELOW' as const }
    const [result] = resultOf(shown)
    expect(tableOf(result!)).toMatch(/ >= 10 x duckdb, <= 3\.00 M {2}BELOW {2}2 x memcpy$/m)
  })

  test('runs are counted, judged at full size only, set beside their own probes', async () => {
    const specs = { rate: { unit: 'x', better: 'more', floor: { atLeast: 10 } } } as const
    const seen: number[] = []
    const scenario = (run: number) => {
      seen.push(run)
      const probes = [{ name: 'memcpy', value: run + 1 }]
      return Promise.resolve({
        elapsedMs: 1,
        readings: { rate: { value: (run + 1) * (run + 2), probes } },
      })
    }
    const [full] = await measure('full', 3, specs, scenario)
    expect(seen).toEqual([0, 1, 2])
    expect(full).toMatchObject({ name: 'rate', samples: [2, 6, 12], median: 6, verdict: 'BELOW' })
    expect(full!.probes).toEqual([{ name: 'memcpy', samples: [1, 2, 3], median: 2, ratio: 3 }])
    const [smoke] = await measure('smoke', 1, specs, scenario)
    expect(smoke!.verdict).toBe('none')
  })

  test('a wrong answer fails the bench', async () => {
    const wrong = measure('full', 2, { rate: { unit: 'x', better: 'more' } }, () => {
      expectEqual(1, 2, 'rows')
      return Promise.resolve({ elapsedMs: 1, readings: { rate: { value: 1 } } })
    })
    await expect(wrong).rejects.toThrow('rows: expected 2, got 1')
  })

  test('a digest sees every bit and the order', () => {
    const column = Float64Array.of(1, 2, 3)
    expect(digestOf([column])).toBe(digestOf([column.slice()]))
    expect(digestOf([column])).not.toBe(digestOf([Float64Array.of(1, 3, 2)]))
    expect(digestOf([column])).not.toBe(digestOf([Float64Array.of(1, 2, 3 + Number.EPSILON * 2)]))
    expect(digestOf([column, column])).not.toBe(digestOf([column]))
  })

  test('numbers for people', () => {
    expect([3.2e9, 3e6, 3e5, 1234, 12.3, 0.0123].map(compact)).toEqual([
      '3.20 G',
      '3.00 M',
      '300 k',
      '1234',
      '12.3',
      '0.0123',
    ])
  })
})

function figure(middle: number, deviation: number, ratio: number, better: 'more' | 'less'): Figure {
  const probes = [{ name: 'memcpy', median: middle / ratio, ratio, samples: [] }]
  return {
    name: 'rate',
    unit: 'x',
    better,
    median: middle,
    deviation,
    samples: [],
    probes,
    verdict: 'none',
  }
}

const resultOf = (...figures: readonly Figure[]): BenchResult[] => [
  { bench: 'b', size: 'full', runs: 5, figures, digest: '', notes: {} },
]

describe('comparison', () => {
  const before = resultOf(figure(100, 1, 0.5, 'more'))

  test('a loss beyond noise is told, beside its probe', () => {
    const found = regressionsOf(before, resultOf(figure(80, 1, 0.4, 'more')))
    expect(found).toHaveLength(1)
    expect(found[0]).toMatchObject({ name: 'b: rate', before: 100, after: 80, isBesideProbe: true })
    expect(found[0]!.loss).toBeCloseTo(0.2)
    const slow = regressionsOf(before, resultOf(figure(80, 1, 0.5, 'more')))
    expect(slow[0]!.isBesideProbe).toBe(false)
  })

  test('less is better where it is', () => {
    const times = resultOf(figure(100, 1, 0.5, 'less'))
    expect(regressionsOf(times, resultOf(figure(80, 1, 0.4, 'less')))).toEqual([])
    expect(regressionsOf(times, resultOf(figure(150, 1, 0.75, 'less')))).toHaveLength(1)
  })

  test('noise is no loss: of either side, and never less than a tenth', () => {
    expect(regressionsOf(before, resultOf(figure(91, 0, 0.5, 'more')))).toEqual([])
    expect(regressionsOf(before, resultOf(figure(80, 8, 0.4, 'more')))).toEqual([])
    expect(regressionsOf(resultOf(), resultOf(figure(1, 0, 1, 'more')))).toEqual([])
  })

  test('what is no result is refused', () => {
    expect(() => parseResult('{}')).toThrow('not a result')
    expect(() => parseResult('{"format":2,"benches":[]}')).toThrow('not a result')
  })
})

describe('where a result is from', () => {
  test('the commit is read without git', () => {
    const root = mkdtempSync(join(tmpdir(), 'varve-test-'))
    try {
      expect(commitOf(root)).toBe('unknown')
      mkdirSync(join(root, '.git', 'refs', 'heads'), { recursive: true })
      writeFileSync(join(root, '.git', 'HEAD'), 'ref: refs/heads/main\n')
      expect(commitOf(root)).toBe('unknown')
      writeFileSync(join(root, '.git', 'packed-refs'), '# pack-refs\nabc refs/heads/main\n')
      expect(commitOf(root)).toBe('abc')
      writeFileSync(join(root, '.git', 'refs', 'heads', 'main'), 'def\n')
      expect(commitOf(root)).toBe('def')
      writeFileSync(join(root, '.git', 'HEAD'), '0123\n')
      expect(commitOf(root)).toBe('0123')
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  })

  test('the file is named after the day and the machine', () => {
    const machine = describeMachine(tmpdir(), 0, 'abc')
    const named = { ...machine, cpu: 'Intel(R) Xeon(R) CPU E5-2670 @ 2.60GHz', cores: 8 }
    expect(resultName(named, new Date('2026-03-04T05:06:07Z'))).toBe(
      '2026-03-04-intel-xeon-e5-2670-8core.json',
    )
  })
})

describe('limits', () => {
  test('the reader reads every word it is told to, as often, and no other', () => {
    const { memory, read } = readerOf(65_536)
    const words = new BigInt64Array(memory)
    const numbers = chance(5)
    words.forEach((_, index) => {
      words[index] = BigInt.asIntN(64, BigInt(Math.floor(numbers() * 2 ** 53)) << 11n)
    })
    for (const [from, end, rounds] of [
      [0, 65_536, 1],
      [128, 256, 3],
      [640, 5120, 2],
    ] as const) {
      const some = words.subarray(from / 8, end / 8)
      const sum = some.reduce((total, word) => total + word, 0n)
      expect(read(from, end, rounds)).toBe(BigInt.asIntN(64, sum * BigInt(rounds)))
    }
  })

  test('the reader copies what it is told to', () => {
    const { memory, copy } = readerOf(65_536)
    const bytes = new Uint8Array(memory)
    bytes.fill(7, 128, 384)
    copy(1024, 128, 256)
    const copied = bytes.subarray(1024, 1280)
    expect(copied.every((byte) => byte === 7)).toBe(true)
    expect(bytes[1023]! + bytes[1280]!).toBe(0)
  })

  test('rates of what was done, positive and finite', () => {
    expect(ramDoublesRate('smoke')).toBeGreaterThan(0)
    for (const rate of [l1ReadRate, copyRate, wasmCopyRate]) {
      expect(Number.isFinite(rate('smoke'))).toBe(true)
    }
  })
})

describe('workload', () => {
  const trades = makeTrades(20_000, 1)

  test('the same seed makes the same rows, another makes others', () => {
    const { time, price, size } = makeTrades(20_000, 1)
    const digest = digestOf([trades.time, trades.price, trades.size])
    expect(digestOf([time, price, size])).toBe(digest)
    const other = makeTrades(20_000, 2)
    expect(digestOf([other.time, other.price, other.size])).not.toBe(digest)
  })

  test('times rise and tie, prices stand on the grid, the rate is the one asked for', () => {
    const { time, price, size, rowCount } = trades
    let ties = 0
    for (let row = 1; row < rowCount; row += 1) {
      expect(time[row]! >= time[row - 1]!).toBe(true)
      if (time[row] === time[row - 1]) ties += 1
    }
    expect(ties).toBeGreaterThan(rowCount / 10)
    expect(ties).toBeLessThan(rowCount / 2)
    expect(price.every((value) => Math.round(value * 100) / 100 === value)).toBe(true)
    expect(size.every((value) => Number.isInteger(value) && value >= 1)).toBe(true)
    const minutes = Number(time[rowCount - 1]! - time[0]!) / 60e9
    expect(rowCount / minutes).toBeGreaterThan(900)
    expect(rowCount / minutes).toBeLessThan(1100)
  })

  test('quotes have two sides and repeat themselves', () => {
    const { bid, ask, rowCount } = makeQuotes(5000, 3)
    let repeats = 0
    for (let row = 0; row < rowCount; row += 1) {
      expect(ask[row]!).toBeGreaterThan(bid[row]!)
      if (row > 0 && bid[row] === bid[row - 1]) repeats += 1
    }
    expect(repeats).toBeGreaterThan(rowCount * 0.8)
  })
})
