// A scripted life of a store whose every moment can be judged: each append has a number, and the store holds, at any
// moment, one of a few lists of numbers.
import { expect } from 'vitest'
import { column, defineKind } from '#schema'
import type { Ack, OpenOptions, ReadView, Store } from '#store'
import { expectNothingOpen, makeBed } from './bed.ts'
import type { Bed } from './bed.ts'

export type Mode = NonNullable<OpenOptions['durability']>
export const modes: readonly Mode[] = ['sync', 'group', 'os', 'memory']

export const tick = defineKind('tick', {
  columns: { number: column.i32(), note: column.text().optional() },
})
const tickToo = defineKind('tickToo', { columns: { number: column.i32() } })
const dayNs = 86_400_000_000_000n

/** What may be there after a loss, from what must be there at least to the newest. */
export interface Moment {
  /** Numbers in order, as text. */
  readonly states: readonly string[]
  /** All that ever were. */
  readonly ever: readonly string[]
  /** Snapshots that must be there, and such as may be, with their numbers and, once told, hash. */
  readonly snapshots: ReadonlyMap<string, SnapshotSeen>
}

interface SnapshotSeen {
  readonly numbers: string
  readonly hash: string | undefined
  readonly must: boolean
}

/** The numbers a view holds; every append must be whole: it added to two series. */
export function numbersOf(view: ReadView): string {
  const one = [...view.series(tick, 'A/..').range().columns.number]
  const two = [...view.series(tickToo, 'b').range().columns.number]
  expect(two).toEqual(one)
  return one.join(' ')
}

export class Workload {
  readonly bed: Bed
  readonly mode: Mode
  store!: Store
  #states: string[] = ['']
  readonly #ever: string[] = ['']
  #snapshots = new Map<string, SnapshotSeen>()
  #number = 0

  constructor(mode: Mode, bed: Bed = makeBed()) {
    this.mode = mode
    this.bed = bed
  }

  /** After a kill: what was written counts; after a cut: what was synced. */
  get moment(): Moment {
    return { states: [...this.#states], ever: [...this.#ever], snapshots: new Map(this.#snapshots) }
  }

  get newest(): string {
    return this.#states.at(-1)!
  }

  durable(state = this.newest): void {
    this.#states = this.#states.slice(this.#states.lastIndexOf(state))
  }

  /** After something failed: what the store holds, which must be one of those that may be. */
  assume(numbers: string): void {
    expect(this.#states).toContain(numbers)
    if (numbers !== this.newest) this.#states.push(numbers)
  }

  async open(): Promise<void> {
    this.store = await this.bed.open({ durability: this.mode })
  }

  /** One row each to two series, in one call. */
  append(): { state: string; durable: Promise<void> } {
    const number = (this.#number += 1)
    const state = this.newest === '' ? String(number) : `${this.newest} ${number}`
    this.#states.push(state)
    this.#ever.push(state)
    // Eight rows a day: so that runs share a partition, and not all of them.
    const time = (19_000n + BigInt(number >> 3)) * dayNs + BigInt(number) * 1000n
    const row = { time, number }
    const entries = [
      { series: this.store.series(tick, 'A/..'), rows: { ...row, note: `row ${number}` } },
      { series: this.store.series(tickToo, 'b'), rows: row },
    ]
    let ack: Ack
    try {
      ack = this.store.append(entries)
    } catch (error) {
      // Refused: it is nowhere, now and later.
      this.#states.pop()
      throw error
    }
    expect(ack.rows).toBe(2)
    if (this.mode === 'sync') this.durable()
    return { state, durable: ack.durable }
  }

  async appendDurably(): Promise<void> {
    const { state, durable } = this.append()
    await durable
    if (this.mode === 'group') this.durable(state)
  }

  async flush(): Promise<void> {
    const state = this.newest
    await this.store.flush()
    if (this.mode !== 'memory') this.durable(state)
  }

  /** `during` appends while the rows before are sealed. */
  async seal(during = 0): Promise<void> {
    const state = this.newest
    const running = this.store.seal()
    for (let at = 0; at < during; at += 1) this.append()
    await running
    this.durable(state)
  }

  async snapshot(name: string, during = 0): Promise<void> {
    const numbers = this.newest
    this.#snapshots.set(name, { numbers, hash: undefined, must: false })
    const running = this.store.snapshot(name)
    for (let at = 0; at < during; at += 1) this.append()
    const { contentHash } = await running
    this.#snapshots.set(name, { numbers, hash: contentHash, must: true })
    this.durable(numbers)
  }

  async restore(name: string, during = 0): Promise<void> {
    const { numbers } = this.#snapshots.get(name)!
    const running = this.store.restore(name)
    const before = this.newest
    for (let at = 0; at < during; at += 1) this.append()
    const after = this.#states.slice(this.#states.lastIndexOf(before) + 1)
    // Until it is done the old state may be there, or the new one, each with some of what came since.
    const added = after.map((state) => state.slice(before.length))
    const restored = ['', ...added].map((more) => (numbers + more).trim())
    this.#states.push(...restored)
    this.#ever.push(...restored)
    await running
    this.#states = this.mode === 'sync' ? [restored.at(-1)!] : restored
  }

  async dropSnapshot(name: string): Promise<void> {
    this.#snapshots.set(name, { ...this.#snapshots.get(name)!, must: false })
    await this.store.dropSnapshot(name)
    this.#snapshots.delete(name)
  }

  async close(): Promise<void> {
    await this.store.close()
    this.durable()
    await expectNothingOpen(this.bed)
  }
}

/** Opens what was left, in every way it may be looked at, and goes on with it. */
export async function checkLeft(bed: Bed, moment: Moment, mode: Mode): Promise<string> {
  const store = await bed.open({ durability: mode })
  const numbers = numbersOf(store)
  if (!moment.states.includes(numbers)) {
    await store.close()
    expect.fail(`[${numbers}] is none of ${moment.states.map((state) => `[${state}]`).join(', ')}`)
  }
  const infos = new Map(store.snapshots().map((info) => [info.name, info]))
  for (const [name, { numbers: held, hash, must }] of moment.snapshots) {
    const info = infos.get(name)
    if (info === undefined) {
      expect(must, `snapshot ${name} is gone`).toBe(false)
      continue
    }
    if (hash !== undefined) expect(info.contentHash).toBe(hash)
    const view = store.at(name)
    expect(numbersOf(view)).toBe(held)
    view.close()
  }
  const { damage } = await store.verify()
  expect(damage).toEqual([])
  await store.close()
  await expectNothingOpen(bed)
  return numbers
}
