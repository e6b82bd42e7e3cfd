// Goal: a wall clock that jumps, back or ahead, within a process or between two, changes nothing but the times that
// snapshots bear: acknowledgements, retries and leases keep their pace, lsns rise, names of files and snapshots are new
// ones. Method: stores on the memory twin under a clock whose time of day jumps between any two calls, while its
// durations go on as they should; and the same with a clock that stands still.
import { beforeAll, describe, expect, test } from 'vitest'
import { loadKernels } from '#kernel'
import type { Store } from '#store'
import { closeAll, makeBed, root } from '../store/bed.ts'
import type { Bed } from '../store/bed.ts'
import { covered, rowOf, rowsIn, tick } from '../store/beside-child.ts'
import { ManualClock, seededRandom } from '../support/manual-env.ts'

beforeAll(() => loadKernels())

const yearNs = 365n * 86_400_000_000_000n
const seed = Number(process.env['VARVE_SEED'] ?? 1)

/** The time of day is another at every look; `monotonicMs` goes on as it was. */
class JumpingClock extends ManualClock {
  readonly #random = seededRandom(seed)
  looks = 0

  override now(): bigint {
    this.looks += 1
    return super.now() + BigInt(Math.floor((this.#random() - 0.5) * 60)) * yearNs
  }
}

class StoppedClock extends ManualClock {
  override now(): bigint {
    return 1_700_000_000_000_000_000n
  }
}

function append(store: Store, from: number, end: number): Promise<void> {
  let durable = Promise.resolve()
  for (let value = from; value < end; value += 1) {
    const rows = rowOf(value)
    const [a, b] = ['A', 'B'].map((symbol) => store.series(tick, symbol))
    ;({ durable } = store.append([
      { series: a!, rows },
      { series: b!, rows },
    ]))
  }
  return durable
}

const filesOf = ({ vfs }: Bed): string[] =>
  ['wal', 'manifest', 'segments', 'packs'].flatMap((folder) =>
    vfs.list(`${root}/${folder}`).map((name) => `${folder}/${name}`),
  )

/** A life of a few processes on one disk. */
async function live(clock: ManualClock): Promise<void> {
  let bed = makeBed({ clock })
  const seen = new Map<string, string>()
  let rows = 0
  let lsnBefore = -1n
  for (let process = 0; process < 6; process += 1) {
    const store = await bed.open()
    expect(rowsIn(store)).toBe(rows)
    for (const file of filesOf(bed).filter((name) => name.endsWith('.wal'))) {
      // A new file of this process has a number that none before it had.
      if (!seen.has(file)) seen.set(file, `process ${process}`)
    }
    await append(store, rows, rows + 50)
    rows += 50
    expect(store.durableLsn).toBeGreaterThan(lsnBefore)
    lsnBefore = store.durableLsn
    await store.snapshot(`at ${rows}`)
    await store.seal()
    await append(store, rows, rows + 7)
    await store.restore(`at ${rows}`)
    await store.compact()
    expect(rowsIn(store)).toBe(rows)
    const names = store.snapshots().map(({ name }) => name)
    expect(new Set(names).size).toBe(2 * (process + 1))
    expect(names.filter((name) => name.startsWith('before-restore-'))).toHaveLength(process + 1)
    expect((await store.verify()).damage).toEqual([])
    if (process % 2 === 0) {
      await closeAll(bed, store)
      bed = bed.next(bed.vfs)
    } else bed = bed.next(bed.vfs.crash())
  }
  // Numbers rise with the processes.
  const numbers = Array.from(seen.keys(), (name) => Number(/\d+/.exec(name)![0]))
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
  covered(6, 'processes under a clock that jumps or stands still')
}

describe('lives', () => {
  test('under a clock that jumps', async () => {
    const clock = new JumpingClock()
    await live(clock)
    expect(clock.looks).toBeGreaterThan(10)
  })

  test('under a clock that stands still', () => live(new StoppedClock()))
})

describe('pace, under a clock that jumps', () => {
  test('acknowledgements come with their turn', async () => {
    const bed = makeBed({ clock: new JumpingClock() })
    const store = await bed.open()
    for (let round = 0; round < 20; round += 1) {
      // The clock of durations stands still: nothing here waits for it.
      await append(store, round * 10, round * 10 + 10)
    }
    expect(rowsIn(store)).toBe(200)
    await closeAll(bed, store)
  })

  test('a log that failed is tried again when the time has passed, not before', async () => {
    const bed = makeBed({ clock: new JumpingClock() })
    const store = await bed.open()
    await append(store, 0, 10)
    const takeBack = bed.vfs.fail({ path: 'wal', times: 'forever' })
    const durable = append(store, 10, 20)
    for (let turn = 0; turn < 8; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    expect(store.state).toBe('failed')
    takeBack()
    for (let turn = 0; turn < 8; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    expect(store.state).toBe('failed')
    bed.scheduler.advance(5000)
    await durable
    expect(store.state).toBe('open')
    await closeAll(bed, store)
  })

  test('files are kept for a reader as long as was said, and no longer', async () => {
    const bed = makeBed({
      clock: new JumpingClock(),
      limits: { heldMsMax: 1000, heldBytesMax: 1 << 30 },
    })
    const store = await bed.open()
    await append(store, 0, 50)
    await store.seal()
    await append(store, 50, 100)
    await store.seal()
    const reader = await bed.read()
    const before = filesOf(bed).filter((name) => /^(?:segments|packs)/.test(name))
    await store.compact()
    await append(store, 100, 110)
    await store.seal()
    bed.scheduler.advance(900)
    await store.seal()
    expect(filesOf(bed)).toEqual(expect.arrayContaining(before))
    expect(rowsIn(reader)).toBe(100)
    bed.scheduler.advance(200)
    await append(store, 110, 120)
    await store.seal()
    expect(filesOf(bed).filter((name) => before.includes(name))).toEqual([])
    reader.refresh()
    expect(rowsIn(reader)).toBe(120)
    await closeAll(bed, reader, store)
  })
})
