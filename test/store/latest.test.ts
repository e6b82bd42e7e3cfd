// Goal: latest() and latestRows() are what range({ last }) is, after anything, and cost no read of a data file once the
// store is open. Method: random appends, late rows, seals, compactions, restores and reopens of kinds with every rule of
// duplicates, with more rows than a ring holds; after each step both are asked, and reads of files are counted.
import { beforeAll, describe, expect, test } from 'vitest'
import { loadKernels } from '#kernel'
import { column, defineKind } from '#schema'
import type { Kind } from '#schema'
import type { ReadView, Store } from '#store'
import { seededRandom } from '../support/manual-env.ts'
import { expectNothingOpen, makeBed } from './bed.ts'
import type { Bed } from './bed.ts'

beforeAll(() => loadKernels())

const columns = {
  price: column.f64(),
  cents: column.decimal(2).optional(),
  sequence: column.i64().optional(),
  small: column.i32().optional(),
  isOpen: column.bool().optional(),
  side: column.symbol().optional(),
  note: column.text().optional(),
  more: column.json().optional(),
}
const kinds: readonly Kind[] = [
  defineKind('keep', { columns }),
  defineKind('ranked', { columns, order: ['sequence'] }),
  defineKind('bars', { columns, identity: ['time'], duplicates: 'last' }),
  defineKind('firsts', { columns, identity: ['time'], duplicates: 'first' }),
  defineKind('sides', { columns, identity: ['time', 'side'], duplicates: 'last' }),
  defineKind('versions', {
    columns,
    order: ['sequence'],
    identity: ['time', 'side'],
    duplicates: 'last',
  }),
  defineKind('orders', { columns, identity: ['side', 'small'], duplicates: 'last' }),
  defineKind('prints', { columns, identity: ['side', 'small'], duplicates: 'first' }),
]

const dayNs = 86_400_000_000_000n
const start = 19_000n * dayNs

class Steps {
  readonly said: string[] = []
  readonly #random: () => number
  #bed: Bed
  #store!: Store
  #now = 0
  #note = 3

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    this.#bed = makeBed()
  }

  #upTo(count: number): number {
    return Math.floor(this.#random() * (count + 1))
  }

  async run(count: number): Promise<void> {
    this.#store = await this.#bed.open({ durability: 'os' })
    for (let step = 0; step < count; step += 1) {
      await this.#step()
      this.#compare(this.#store)
    }
    await this.#store.close()
    await expectNothingOpen(this.#bed)
  }

  async #step(): Promise<void> {
    const store = this.#store
    const names = store.snapshots().map(({ name }) => name)
    switch (this.#upTo(11)) {
      case 0:
        this.said.push('seal')
        return store.seal()
      case 1:
        this.said.push('compact')
        await store.compact()
        return
      case 2:
        if (names.length > 3) return
        this.said.push('snapshot')
        await store.snapshot(`s${this.said.length}`)
        return
      case 3: {
        const name = names[this.#upTo(names.length * 2)]
        if (name === undefined) return
        this.said.push(`restore ${name}`)
        return store.restore(name)
      }
      case 4:
        this.said.push('reopen')
        await store.close()
        this.#store = await this.#bed.open({ durability: 'os' })
        return
      case 5:
        this.#note += 40
        return this.#append(2)
      case 6:
        return this.#append(150 + this.#upTo(150))
      default:
        return this.#append(1 + this.#upTo(5))
    }
  }

  #append(count: number): void {
    const kind = kinds[this.#upTo(kinds.length - 1)]!
    this.said.push(`${kind.name} ${count}`)
    const rows = Array.from({ length: count }, () => this.#row())
    const series = this.#store.series(kind, 'A')
    if (this.#random() < 0.5) for (const row of rows.slice(0, 5)) series.append(row)
    else series.append(rows)
  }

  #row(): { time: bigint; price: number } {
    const isLate = this.#random() < 0.2
    this.#now += isLate ? 0 : this.#upTo(2)
    const step = this.#now - (isLate ? this.#upTo(this.#random() < 0.2 ? 400 : 6) : 0)
    const some = <T>(value: T): T | null => (this.#random() < 0.3 ? null : value)
    const row = {
      // A partition ends now and then.
      time: start + (BigInt(step) * dayNs) / 50n,
      price: this.#upTo(3) === 0 ? -0 : this.#upTo(1000) / 8,
      cents: some(this.#upTo(500) / 100),
      sequence: some(BigInt(this.#upTo(3))),
      small: some(this.#upTo(4)),
      isOpen: some(this.#random() < 0.5),
      side: some(['buy', 'sell', '\uFEFFboth'][this.#upTo(2)]!),
      note: some('\uFEFFnote '.repeat(this.#upTo(this.#note))),
      more: some({ step }),
    }
    return row
  }

  #compare(view: ReadView): void {
    for (const kind of kinds) {
      const series = view.series(kind, 'A')
      // Which is asked first decides what is filled from where.
      const isFirst = this.#random() < 0.5
      if (isFirst) expect(series.latest()).toEqual([...series.range({ last: 1 })][0])
      for (const count of [1 + this.#upTo(5), 64, 65, this.#upTo(70)]) {
        if (this.#random() < 0.6) continue
        expect([...series.latestRows(count)]).toEqual([...series.range({ last: count })])
      }
      expect(series.latest()).toEqual([...series.range({ last: 1 })][0])
    }
  }
}

const cases = Number(process.env['VARVE_CASES'] ?? 24)
const seedFirst = Number(process.env['VARVE_SEED'] ?? 1)

test(`the newest rows are those of range, seeds ${seedFirst} to ${seedFirst + cases - 1}`, async () => {
  for (let seed = seedFirst; seed < seedFirst + cases; seed += 1) {
    const steps = new Steps(seed)
    try {
      await steps.run(30)
    } catch (cause) {
      const command = `VARVE_SEED=${seed} VARVE_CASES=1 npx vitest run test/store/latest.test.ts`
      throw new Error(`seed ${seed}: ${steps.said.join(' | ')}\n${command}`, { cause })
    }
  }
})

describe('without reading a data file', () => {
  const [keep, , bars] = kinds as [Kind, Kind, Kind]

  /** Sealed rows of two days, twice, and rows in the log behind them. */
  async function filled(bed: Bed): Promise<Store> {
    const store = await bed.open({ durability: 'sync' })
    for (const kind of [keep, bars]) {
      for (const symbol of ['sealed', 'both']) {
        const series = store.series(kind, symbol)
        series.append([0, 1, 2].map((day) => ({ time: start + BigInt(day) * dayNs, price: day })))
        await store.seal()
        series.append({ time: start + 2n * dayNs, price: 22, side: 'buy', note: 'x', small: -1 })
        await store.seal()
      }
      store.series(kind, 'both').append({ time: start + 3n * dayNs, price: 3 })
      store.series(kind, 'log').append({ time: start, price: 7 })
    }
    return store
  }

  function expectLatest(view: ReadView): void {
    for (const kind of [keep, bars]) {
      const sealed = view.series(kind, 'sealed').latest()
      expect(sealed).toMatchObject({ price: 22, side: 'buy', note: 'x', small: -1, more: null })
      expect(view.series(kind, 'both').latest()).toMatchObject({ price: 3, side: null })
      expect(view.series(kind, 'log').latest()).toMatchObject({ price: 7 })
      expect(view.series(kind, 'none').latest()).toBeUndefined()
    }
  }

  test('of a writer, a reader and a snapshot, after a kill and after a close', async () => {
    const bed = makeBed()
    const first = await filled(bed)
    await first.snapshot('then')
    expectLatest(first)
    const killed = makeBed({ vfs: bed.vfs.kill() })
    const reader = await killed.read()
    expectLatest(reader)
    expect(reader.stats().readCalls).toBe(0)
    const store = await killed.open()
    expectLatest(store)
    const view = store.at('then')
    expectLatest(view)
    expect(store.stats().readCalls).toBe(0)
    await reader.close()
    await store.compact()
    await store.close()
    const again = await killed.open()
    expectLatest(again)
    again.series(keep, 'sealed').append({ time: start + 9n * dayNs, price: 9 })
    await again.restore('then')
    const { readCalls } = again.stats()
    expectLatest(again)
    expect(again.stats().readCalls).toBe(readCalls)
    await again.close()
    await first.close()
  })

  test('a row that came before the last one, or replaces it, is told from it', async () => {
    const bed = makeBed()
    const store = await filled(bed)
    await store.close()
    const again = await bed.open()
    const series = again.series(bars, 'sealed')
    series.append({ time: start + dayNs, price: 100 })
    expect(series.latest()).toMatchObject({ price: 22 })
    series.append({ time: start + 2n * dayNs, price: 200 })
    expect(series.latest()).toMatchObject({ price: 200, side: null })
    expect(again.stats().readCalls).toBe(0)
    expect([...series.latestRows(64)].map((row) => row['price'])).toEqual([0, 100, 200])
    await again.close()
  })

  test.each(['orders', 'prints'])(
    'identity without time (%s): a row can go from far behind',
    async (name) => {
      const kind = kinds.find((each) => each.name === name)!
      const bed = makeBed()
      const store = await bed.open()
      const series = store.series(kind, 'A')
      const row = (step: bigint, side: string): object => ({
        time: start + step,
        price: 1,
        side,
        small: 1,
      })
      series.append([row(9n, 'sell'), row(10n, 'buy')] as never)
      await store.seal()
      series.append(row(5n, 'buy') as never)
      series.append(row(11n, 'sell') as never)
      await store.close()
      const again = await bed.open()
      const expected = name === 'orders' ? start + 11n : start + 10n
      expect(again.series(kind, 'A').latest()).toMatchObject({ time: expected })
      again.series(kind, 'A').append(row(4n, 'sell') as never)
      const then = name === 'orders' ? start + 5n : start + 10n
      expect(again.series(kind, 'A').latest()).toMatchObject({ time: then })
      await again.seal()
      await again.close()
      const last = await bed.open()
      expect(last.series(kind, 'A').latest()).toMatchObject({ time: then })
      await last.close()
    },
  )
})
