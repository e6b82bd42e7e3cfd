// Time, chance and turns that stand still until a test moves them.
import type { Clock, Scheduler, Timer } from '../../src/base/index.ts'

export class ManualClock implements Clock {
  #ms: number
  readonly #startNs: bigint

  constructor(startNs = 1_700_000_000_000_000_000n) {
    this.#ms = 0
    this.#startNs = startNs
  }

  now(): bigint {
    return this.#startNs + BigInt(Math.round(this.#ms * 1e6))
  }
  monotonicMs(): number {
    return this.#ms
  }
  advance(ms: number): void {
    this.#ms += ms
  }
}

interface Waiting {
  readonly dueMs: number
  readonly task: () => void
  isCancelled: boolean
}

/** Tasks run only inside `run`; those of `after` when the clock has reached their time. */
export class ManualScheduler implements Scheduler {
  readonly #clock: ManualClock
  #soon: (() => void)[] = []
  #later: Waiting[] = []

  constructor(clock: ManualClock) {
    this.#clock = clock
  }

  soon(task: () => void): void {
    this.#soon.push(task)
  }
  after(ms: number, task: () => void): Timer {
    const waiting = { dueMs: this.#clock.monotonicMs() + ms, task, isCancelled: false }
    this.#later.push(waiting)
    return {
      cancel: () => {
        waiting.isCancelled = true
      },
    }
  }
  get pending(): number {
    return this.#soon.length + this.#later.filter((each) => !each.isCancelled).length
  }
  /** One turn: what was due when it began. */
  run(): void {
    const soon = this.#soon
    this.#soon = []
    const now = this.#clock.monotonicMs()
    const due = this.#later.filter((each) => each.dueMs <= now)
    this.#later = this.#later.filter((each) => each.dueMs > now)
    for (const task of soon) task()
    for (const each of due.sort((a, b) => a.dueMs - b.dueMs)) {
      if (!each.isCancelled) each.task()
    }
  }
  /** Some turns, each followed by a real one, in which promises settle. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 10; turn += 1) {
      this.run()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
