// A store on the memory twin: a clock that stands still, turns that run by themselves and are counted, timers that fire
// only when the clock is moved.
import { expect } from 'vitest'
import type { Logger, Scheduler, Timer } from '#base'
import { openStore } from '#store'
import type { Env, OpenOptions, ReadStore, Store } from '#store'
import { memoryVfs } from '#vfs'
import type { MemoryVfs } from '#vfs'
import { ManualClock, seededRandom } from '../support/manual-env.ts'

interface Waiting {
  readonly dueMs: number
  readonly task: () => void
}

/** `soon` runs in the next turn of the event loop; `after` when `advance` has moved the clock. */
export class TurningScheduler implements Scheduler {
  readonly #clock: ManualClock
  readonly #timers = new Set<Waiting>()
  #turns = 0

  constructor(clock: ManualClock) {
    this.#clock = clock
  }

  soon(task: () => void): void {
    this.#turns += 1
    setImmediate(() => {
      this.#turns -= 1
      task()
    })
  }

  after(ms: number, task: () => void): Timer {
    const waiting = { dueMs: this.#clock.monotonicMs() + ms, task }
    this.#timers.add(waiting)
    return { cancel: () => void this.#timers.delete(waiting) }
  }

  get turns(): number {
    return this.#turns
  }

  get timers(): number {
    return this.#timers.size
  }

  /** Moves the clock and runs what is due. */
  advance(ms: number): void {
    this.#clock.advance(ms)
    const due = Array.from(this.#timers).filter(({ dueMs }) => dueMs <= this.#clock.monotonicMs())
    for (const waiting of due) {
      this.#timers.delete(waiting)
      waiting.task()
    }
  }
}

export interface Bed {
  readonly env: Env
  readonly vfs: MemoryVfs
  readonly clock: ManualClock
  readonly scheduler: TurningScheduler
  readonly logged: { level: string; details: object; message: string | undefined }[]
  readonly logger: Logger
  open(options?: OpenOptions): Promise<Store>
  read(options?: OpenOptions): Promise<ReadStore>
  /** The same place as the next process finds it: on the files given, at the same time. */
  next(vfs: MemoryVfs): Bed
}

export interface BedOptions {
  readonly vfs?: MemoryVfs
  readonly clock?: ManualClock
  readonly seed?: number
  readonly limits?: Env['limits']
}

export const root = '/data/store'

export function makeBed(options: BedOptions = {}): Bed {
  const clock = options.clock ?? new ManualClock()
  const scheduler = new TurningScheduler(clock)
  const vfs = options.vfs ?? memoryVfs()
  const random = seededRandom(options.seed ?? 1)
  const logged: Bed['logged'] = []
  const at =
    (level: string) =>
    (details: object, message?: string): void =>
      void logged.push({ level, details, message })
  const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  const env: Env = {
    vfs,
    clock,
    scheduler,
    random: { bytes: (count) => Uint8Array.from({ length: count }, () => random() * 256) },
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  }
  return {
    env,
    vfs,
    clock,
    scheduler,
    logged,
    logger,
    open: async (given = {}) => (await openStore(root, { logger, ...given }, env)) as Store,
    read: (given = {}) => openStore(root, { logger, ...given, mode: 'read' }, env),
    next: (files) => makeBed({ ...options, vfs: files, clock }),
  }
}

/** Nothing is left of a closed store: no handle, no timer, no turn that was asked for. */
export async function expectNothingOpen(bed: Bed): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  expect({
    handles: bed.vfs.handleCount,
    timers: bed.scheduler.timers,
    turns: bed.scheduler.turns,
  }).toEqual({ handles: 0, timers: 0, turns: 0 })
}

/** Closes, and looks that nothing is left. */
export async function closeAll(bed: Bed, ...stores: readonly ReadStore[]): Promise<void> {
  for (const store of stores) await store.close()
  await expectNothingOpen(bed)
}
