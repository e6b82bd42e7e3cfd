// Goal: another thread never sees parts of two rows, nor a row out of order, however fast the owner writes.
// Method: a worker thread reads the ring of a series in a loop while this thread appends in order and late, replaces,
// forgets, refills and makes texts longer. Every value of a row follows from its number and how often it was written, so
// the worker can tell a torn row by itself; it counts what it saw, and its copies are proved to have met changes.
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { allocateColumn } from '#batch'
import { HeadSeries, Ring, RingReader, Slab, rulesOf } from '#head'
import { column, defineKind, fillValue, storeKind } from '#schema'

const kind = defineKind('seen', {
  columns: {
    number: column.f64(),
    written: column.i64(),
    small: column.i32().optional(),
    side: column.symbol().optional(),
    note: column.text().optional(),
  },
  identity: ['time'],
  duplicates: 'last',
})

const reader = `
import { workerData, parentPort } from 'node:worker_threads'
const { RingReader } = await import(workerData.head)
const flag = new Int32Array(workerData.flag)
const ring = new RingReader(workerData.buffer, 7)
const seen = { copies: 0, versions: 0, rows: 0, unknown: 0, torn: [] }
let before = 0
const expectedOf = (n, w) => ({
  time: BigInt(n), received: null, number: n * 1.5, written: BigInt(w),
  small: n % 3 === 0 ? null : n - w,
  side: n % 5 === 0 ? null : 'symbol ' + ((n + w) % 100),
  note: (n + w) % 4 === 0 ? null : ('n' + n + 'w' + w).repeat(1 + (n >> 15)),
})
const same = (a, b) => Object.keys(b).every((name) => Object.is(a[name], b[name]))
Atomics.store(flag, 1, 1)
while (Atomics.load(flag, 0) === 0) {
  const version = ring.copy([1, 5, 64][seen.copies % 3])
  seen.copies += 1
  if (version === 0) { seen.unknown += 1; continue }
  if (version === before) continue
  before = version
  seen.versions += 1
  Atomics.store(flag, 1, 1 + seen.versions)
  let last = -1n
  for (let at = 0; at < ring.rowCount; at += 1) {
    const row = ring.row(at)
    seen.rows += 1
    const expected = expectedOf(Number(row.time), Number(row.written))
    if (!same(row, expected) || row.time <= last) seen.torn.push({ row, expected, last })
    last = row.time
  }
}
parentPort.postMessage(seen)
`

interface Seen {
  copies: number
  versions: number
  rows: number
  unknown: number
  torn: unknown[]
}

/** The owner's side: rows by number, each written as often as it is asked for. */
class Owner {
  readonly slab = new Slab({ bytesWanted: 4 << 20 })
  readonly ring: Ring
  readonly #rules = rulesOf(storeKind(kind, 1, 1), 'day')
  #head = new HeadSeries(this.#rules)
  readonly #written = new Map<number, number>()
  #lsn = 1n << 40n
  refills = 0

  constructor() {
    this.slab.isShared = true
    this.ring = new Ring(this.slab, 7)
  }

  append(numbers: readonly number[]): void {
    if (!this.ring.knows(1)) this.#refill()
    const { chunk, at } = this.#head.reserve(numbers.length)
    for (const spec of this.#rules.specs) {
      const target = chunk.column(spec)
      numbers.forEach((number, index) => {
        const value = this.#valueOf(spec.name, number)
        fillValue(spec, value, target, at + index, { series: 'seen' }, index)
      })
    }
    for (const number of numbers) this.#written.set(number, (this.#written.get(number) ?? 0) + 1)
    this.#head.commit({ chunk, at }, numbers.length, this.#lsn)
    this.#lsn += BigInt(numbers.length)
    this.ring.take(chunk.columns, at, at + numbers.length, this.#rules)
    if (chunk.rowCount < 60_000) return
    this.#head = new HeadSeries(this.#rules)
    this.ring.forget()
  }

  #valueOf(name: string, n: number): unknown {
    const w = this.#written.get(n) ?? 0
    switch (name) {
      case 'time':
        return BigInt(n)
      case 'number':
        return n * 1.5
      case 'written':
        return BigInt(w)
      case 'small':
        return n % 3 === 0 ? null : n - w
      case 'side':
        return n % 5 === 0 ? null : `symbol ${(n + w) % 100}`
      case 'note':
        return (n + w) % 4 === 0 ? null : `n${n}w${w}`.repeat(1 + (n >> 15))
      default:
        return null
    }
  }

  #refill(): void {
    this.refills += 1
    const [view] = this.#head.views()
    const from = Math.max(0, (view?.rowCount ?? 0) - 20)
    const rowCount = (view?.rowCount ?? 0) - from
    const columns = this.#rules.specs.map(({ physical, optional }) =>
      allocateColumn(physical, rowCount, { optional }),
    )
    view?.read(this.#rules.specs, from, from + rowCount, columns, 0)
    expect(this.ring.refill(this.#rules, columns, rowCount, from === 0)).toBe(true)
  }
}

test('no torn row is ever seen', { timeout: 60_000 }, async () => {
  const owner = new Owner()
  const flag = new Int32Array(new SharedArrayBuffer(8))
  const head = new URL('../../dist/src/head/index.js', import.meta.url)
  expect(fileURLToPath(head)).toContain('dist')
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(reader)}`), {
    workerData: { buffer: owner.slab.buffer, flag: flag.buffer, head: head.href },
  })
  const result = new Promise<Seen>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  try {
    while (flag[1] === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    const start = performance.now()
    let number = 10
    let calls = 0
    // Two seconds, or, where the machine is busy, as long as it takes to meet often enough.
    const isMet = (): boolean => Atomics.load(flag, 1) > 300 && owner.refills > 2
    for (let ms = 0; ms < 2500 || (!isMet() && ms < 40_000); ms = performance.now() - start) {
      for (let turn = 0; turn < 200; turn += 1) {
        calls += 1
        const step = calls % 7
        if (step === 3) owner.append([number - 5, number - 2])
        else if (step === 5) owner.append([number + 3, number + 1])
        else if (step === 6) owner.append([number])
        else owner.append([number, number + 1, number + 2])
        number += 2
        if (calls % 5000 === 0) owner.ring.forget()
      }
    }
    Atomics.store(flag, 0, 1)
    const seen = await result
    expect(seen.torn).toEqual([])
    // It did meet the owner at work: hundreds of states, and more rows than one state has.
    expect(seen.versions).toBeGreaterThan(200)
    expect(seen.rows).toBeGreaterThan(seen.versions)
    expect(owner.refills).toBeGreaterThan(2)
    expect(calls).toBeGreaterThan(1000)
  } finally {
    Atomics.store(flag, 0, 1)
    await worker.terminate()
  }
})

test('a buffer that is none, and a series that is not there', () => {
  const slab = new Slab()
  const anyError = expect.objectContaining({ code: 'ERR_ARGUMENT' })
  expect(() => new RingReader(new SharedArrayBuffer(64), 1)).toThrow(anyError)
  expect(new RingReader(slab.buffer, 1).copy()).toBe(0)
  expect(new RingReader(slab.buffer, 1 << 24).copy()).toBe(0)
  slab.words[1] = 99
  expect(() => new RingReader(slab.buffer, 1)).toThrow(
    expect.objectContaining({ code: 'ERR_VERSION' }),
  )
})

test('an owner that died in the middle of a change is told, not waited for', () => {
  const slab = new Slab()
  const seriesId = 987_654
  const ring = new Ring(slab, seriesId)
  ring.refill(rulesOf(storeKind(kind, 1, 1), 'day'), [], 0, true)
  const shared = new RingReader(slab.buffer, seriesId)
  const version = shared.copy()
  expect(version).toBeGreaterThan(0)
  slab.words[slab.words.indexOf(seriesId) - 1] = version + 1
  expect(() => shared.copy()).toThrow(expect.objectContaining({ code: 'ERR_STALE' }))
})
