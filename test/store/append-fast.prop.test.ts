// Goal: a single row that goes the short way of one-row.ts leaves what the general way of rows-in.ts leaves: the same
// rows, the same bytes in the log, the same errors. Method: the same calls, good and bad, to two stores of the same
// chance, one through series.append (short where it can), one through store.append (always general); compared after
// every call and, byte by byte, in their files. The short way is counted: a test that never takes it would prove nothing.
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { MockInstance } from 'vitest'
import * as fc from 'fast-check'
import { VarveError, limits } from '#base'
import { loadKernels } from '#kernel'
import { bar, column, defineKind, trade } from '#schema'
import type { Kind } from '#schema'
import type { Ack, Store } from '#store'
import { OneRow } from '../../src/store/one-row.ts'
import { seededRandom } from '../support/manual-env.ts'
import '../support/seed.ts'
import { closeAll, makeBed, root } from './bed.ts'
import type { Bed } from './bed.ts'
import { day0, pick, randomInput, randomKind, upTo } from './naive.ts'
import type { Random } from './naive.ts'

beforeAll(() => loadKernels())

let filled: MockInstance<OneRow['fill']>
beforeEach(() => {
  filled = vi.spyOn(OneRow.prototype, 'fill')
})
afterEach(() => vi.restoreAllMocks())

/** Calls that went the short way to the end, so far. */
const shortCount = (): number => filled.mock.results.filter(({ value }) => value === true).length

type Durability = 'sync' | 'group' | 'os' | 'memory'
type Row = Record<string, unknown>

/** Two stores of the same chance: `short` takes single rows the short way where it can. */
class Twins {
  readonly beds: readonly Bed[] = [makeBed(), makeBed()]
  stores: readonly Store[] = []
  readonly #durability: Durability

  constructor(durability: Durability) {
    this.#durability = durability
  }

  async open(): Promise<void> {
    const durability = this.#durability
    this.stores = await Promise.all(this.beds.map((bed) => bed.open({ durability })))
  }

  /** The same call to both. What it gave, or how it failed, must be the same. */
  append(kind: Kind, symbol: string, rows: unknown): unknown {
    const [short, general] = this.stores.map((store) =>
      kind.timeframed ? store.series(kind, symbol, '1m') : store.series(kind, symbol),
    )
    const one = told(() => short!.append(rows as never))
    const two = told(() => this.stores[1]!.append([{ series: general!, rows }] as never))
    expect(one).toEqual(two)
    return one
  }

  async each(action: (store: Store, bed: Bed) => unknown): Promise<void> {
    const results: unknown[] = []
    for (const [at, store] of this.stores.entries())
      results.push(await action(store, this.beds[at]!))
    expect(results[0]).toEqual(results[1])
  }

  /** Every file that both have but those that only tell of handles held. */
  expectSameFiles(): void {
    const [one, two] = this.beds.map(filesOf)
    expect([...one!.keys()]).toEqual([...two!.keys()])
    for (const [path, bytes] of one!) {
      expect(Buffer.compare(bytes, two!.get(path)!), path).toBe(0)
    }
  }

  async close(): Promise<void> {
    for (const [at, store] of this.stores.entries()) await closeAll(this.beds[at]!, store)
  }
}

function told(append: () => Ack): unknown {
  try {
    const { rows, lsn } = append()
    return { rows, lsn }
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
    const { code, message, details, hint } = error
    return { code, message, details, hint }
  }
}

function filesOf({ vfs }: Bed): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  for (const folder of ['manifest', 'wal', 'segments', 'packs']) {
    const path = `${root}/${folder}`
    if (vfs.stat(path) === undefined) continue
    for (const name of vfs.list(path)) {
      const file = vfs.open(`${path}/${name}`, 'read')
      const bytes = new Uint8Array(file.size())
      file.read(bytes, 0)
      file.close()
      files.set(`${folder}/${name}`, bytes)
    }
  }
  return files
}

const rubbish: readonly unknown[] = [
  'x',
  -1,
  256,
  2 ** 40,
  1.5,
  Number.NaN,
  2n ** 63n,
  -(2n ** 64n),
  true,
  {},
  [],
  new Date(1_700_000_000_123),
  new Date(Number.NaN),
  '2024-01-01T00:00:00Z',
  '\ud800',
  'x'.repeat(22_000),
  null,
  undefined,
]

/** The row, mostly as it is: with other keys, values and order now and then. */
function disturbed(random: Random, kind: Kind, row: Row): unknown {
  const entries = Object.entries(row)
  const roll = random()
  if (roll < 0.2) entries.reverse()
  else if (roll < 0.26) entries.push([pick(random, ['prize', 'toString', 'extra']), 1])
  else if (roll < 0.34) entries.splice(upTo(random, entries.length - 1), 1)
  else if (roll < 0.44) {
    const name = pick(random, ['time', 'received', ...Object.keys(kind.columns)])
    entries.push([name, pick(random, rubbish)])
  } else if (roll < 0.5) {
    for (const [name, { type }] of Object.entries(kind.columns)) {
      if (type === 'symbol' || type === 'text') entries.push([name, `s${upTo(random, 400)}`])
    }
  } else if (roll < 0.52) return Object.create(row)
  return Object.fromEntries(entries)
}

async function compareOnce(seed: number, durability: Durability): Promise<number> {
  const random = seededRandom(seed)
  const { kind, wider } = randomKind(random, 'random')
  const twins = new Twins(durability)
  await twins.open()
  const before = shortCount()
  for (let step = 0; step < 40; step += 1) {
    const chosen = random() < 0.8 ? kind : wider
    const symbol = pick(random, ['A', 'A', 'A', 'B'])
    const roll = random()
    if (roll < 0.85) {
      const row = randomInput(random, chosen)
      twins.append(chosen, symbol, disturbed(random, chosen, row))
    } else if (roll < 0.9) {
      const rows = [randomInput(random, chosen), randomInput(random, chosen)]
      twins.append(chosen, symbol, rows.slice(upTo(random, 2)))
    } else if (roll < 0.93) await twins.each((store) => store.seal())
    else if (roll < 0.96) await twins.each((store) => store.flush())
    else await twins.each((_, { scheduler }) => scheduler.advance(6))
    await twins.each((store) => {
      const series = chosen.timeframed
        ? store.series(chosen, symbol, '1m')
        : store.series(chosen, symbol)
      return [series.latest(), [...series.range({ last: 20 })], store.stats().headRows]
    })
  }
  await twins.each((store) => store.flush())
  twins.expectSameFiles()
  await twins.close()
  twins.expectSameFiles()
  await twins.open()
  await twins.each((store) => store.list())
  await twins.close()
  return shortCount() - before
}

test('single rows leave the same by either way', { timeout: 60_000 }, async () => {
  let short = 0
  await fc.assert(
    fc.asyncProperty(
      fc.integer(),
      fc.constantFrom<Durability>('sync', 'group', 'os', 'memory'),
      async (seed, durability) => {
        short += await compareOnce(seed, durability)
      },
    ),
    { numRuns: 40 },
  )
  // Of some 1,300 calls.
  expect(short).toBeGreaterThan(300)
})

test('chunks turn over and dictionaries grow the same by either way', async () => {
  const twins = new Twins('group')
  await twins.open()
  const rowCount = limits.blockRowsMax - 20
  const time = BigInt64Array.from({ length: rowCount }, (_, at) => day0 + BigInt(at))
  const price = new Float64Array(rowCount).fill(1.25)
  twins.append(trade, 'SPY', { time, price, size: price })
  for (let at = 0; at < 60; at += 1) {
    const row = { time: day0 + BigInt(rowCount + at), price: at, size: 2, venue: `v${at % 7}` }
    twins.append(trade, 'SPY', at % 3 === 0 ? row : { ...row, id: `n${at}`.repeat(1 + (at % 30)) })
  }
  expect(shortCount()).toBeGreaterThan(5)
  await twins.each((store) => [...store.series(trade, 'SPY').range({ last: 100 })])
  await twins.each((store) => store.stats().headBytes)
  await twins.each((store) => store.flush())
  twins.expectSameFiles()
  await twins.close()
  twins.expectSameFiles()
})

const wide = defineKind('wide', {
  columns: Object.fromEntries(
    Array.from({ length: 40 }, (_, at) => [`c${at}`, column.i32().optional()]),
  ),
})

test('the newest row shows what stands in it, whatever of many columns that is', async () => {
  const twins = new Twins('sync')
  await twins.open()
  const random = seededRandom(7)
  for (let at = 0; at < 200; at += 1) {
    const row: Row = { time: day0 + BigInt(at) }
    const expected: Row = { time: row['time'], received: null }
    for (const name of Object.keys(wide.columns)) {
      if (random() < 0.3) row[name] = upTo(random, 1e9)
      expected[name] = row[name] ?? null
    }
    twins.append(wide, 'A', row)
    for (const store of twins.stores) {
      const latest = store.series(wide, 'A').latest()
      expect(latest).toEqual(expected)
      expect(Object.keys(latest!)).toEqual(Object.keys(expected))
    }
  }
  expect(shortCount()).toBe(199)
  await twins.close()
})

test('a row whose getter appends is refused, and leaves no trace', async () => {
  const twins = new Twins('sync')
  await twins.open()
  for (const [at, store] of twins.stores.entries()) {
    const series = store.series(bar, 'A', '1m')
    const row = { time: day0, open: 1, high: 1, low: 1, close: 1 }
    series.append(row)
    const nested = {
      ...row,
      get volume() {
        series.append({ ...row, time: day0 + 60_000_000_000n })
        return 5
      },
    }
    const append = () =>
      at === 0 ? series.append(nested) : store.append([{ series, rows: nested }])
    expect(append).toThrow(/append was called inside of an append/)
    expect(series.count()).toBe(1)
    series.append({ ...row, time: day0 + 60_000_000_000n })
    expect([...series.range()].map((each) => each.volume)).toEqual([Number.NaN, Number.NaN])
  }
  await twins.close()
})
