// Time, chance and scheduling are arguments: everything above takes these ports, and a test passes manual ones.
// This file is the only one that touches the real clock, the real random source and real timers.
import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'

export interface Clock {
  /** Wall clock, epoch nanoseconds, never going back within a process. */
  now(): bigint
  /** Milliseconds since some fixed point, never going back; for durations. */
  monotonicMs(): number
}

export interface RandomSource {
  /** `count` unpredictable bytes. */
  bytes(count: number): Uint8Array
}

export interface Timer {
  cancel(): void
}

export interface Scheduler {
  /** Runs `task` once, soon, after the current turn of the event loop. Keeps the process alive until then. */
  soon(task: () => void): void
  /** Runs `task` once after `ms`. Does not keep the process alive, unless it is told to. */
  after(ms: number, task: () => void, keepsAlive?: boolean): Timer
}

function realClock(): Clock {
  const startNs = BigInt(Math.round(performance.timeOrigin * 1e6))
  let last = 0n
  return {
    now(): bigint {
      const now = startNs + BigInt(Math.round(performance.now() * 1e6))
      if (now > last) last = now
      return last
    },
    monotonicMs: () => performance.now(),
  }
}

export const systemClock: Clock = realClock()

export const systemRandom: RandomSource = { bytes: (count) => new Uint8Array(randomBytes(count)) }

export const systemScheduler: Scheduler = {
  soon(task) {
    setImmediate(task)
  },
  after(ms, task, keepsAlive = false) {
    const handle = setTimeout(task, ms)
    if (!keepsAlive) handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
}
