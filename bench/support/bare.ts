// A bare program beside which durable appends are judged: it writes as many bytes at the same pace
// to a file of its own and waits for fdatasync, and it does nothing else. Beside it, where asked
// for, a thread writes a bulk of bytes at a steady rate and syncs them in steps.
import { closeSync, fdatasync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

/** Milliseconds that each of a number of steps took. */
export type Samples = Float64Array

export interface Pace {
  /** From the beginning of one step to that of the next, unless that one takes longer. */
  readonly periodMs: number
  /** At most so many steps. */
  readonly stepsMax: number
  /** Ends it before: asked before each step. */
  readonly isOver: () => boolean
}

/** Takes steps at a pace, one at a time, and times each from its call until it resolves. */
export async function paced(pace: Pace, step: () => Promise<void>): Promise<Samples> {
  const samples: number[] = []
  while (samples.length < pace.stepsMax && !pace.isOver()) {
    const start = performance.now()
    await step()
    const elapsedMs = performance.now() - start
    samples.push(elapsedMs)
    await wait(Math.max(0, pace.periodMs - elapsedMs))
  }
  return Float64Array.from(samples)
}

/** The same by a bare program that writes `bytes` a step to a file in `folder`. */
export async function pacedBare(folder: string, bytes: number, pace: Pace): Promise<Samples> {
  const path = join(folder, 'bare')
  const file = openSync(path, 'w')
  const piece = new Uint8Array(bytes).fill(7)
  const sync = (): Promise<void> =>
    new Promise((resolve, reject) => {
      fdatasync(file, (error) => (error === null ? resolve() : reject(error)))
    })
  try {
    return await paced(pace, () => {
      writeSync(file, piece, 0, bytes)
      return sync()
    })
  } finally {
    closeSync(file)
    rmSync(path)
  }
}

export interface Bulk {
  readonly bytesPerSecond: number
  /** Written bytes after which it syncs. */
  readonly stepBytes: number
}

/** Of its own, in plain JavaScript: a bench runs from the sources as well as from the build. */
const bulkThread = `
const { openSync, writeSync, fdatasyncSync, closeSync } = require('node:fs')
const { workerData } = require('node:worker_threads')
const { path, flag, bytesPerSecond, stepBytes } = workerData
const piece = new Uint8Array(Math.min(1 << 20, stepBytes)).fill(5)
const file = openSync(path, 'w')
const start = performance.now()
let written = 0
let synced = 0
while (Atomics.load(flag, 0) === 0) {
  writeSync(file, piece)
  written += piece.length
  if (written - synced >= stepBytes) {
    fdatasyncSync(file)
    synced = written
  }
  const aheadMs = (written / bytesPerSecond) * 1000 - (performance.now() - start)
  if (aheadMs > 0) Atomics.wait(flag, 0, 0, aheadMs)
}
closeSync(file)
`

/** Does `work` while a thread writes to another file in `folder`. */
export async function besideBulk<Result>(
  folder: string,
  { bytesPerSecond, stepBytes }: Bulk,
  work: () => Promise<Result>,
): Promise<Result> {
  const path = join(folder, 'bulk')
  const flag = new Int32Array(new SharedArrayBuffer(4))
  const workerData = { path, flag, bytesPerSecond, stepBytes }
  const worker = new Worker(bulkThread, { eval: true, workerData })
  const ended = new Promise<void>((resolve, reject) => {
    worker.once('error', reject)
    worker.once('exit', () => resolve())
  })
  try {
    await new Promise((resume) => worker.once('online', resume))
    return await work()
  } finally {
    Atomics.store(flag, 0, 1)
    Atomics.notify(flag, 0)
    await ended
    rmSync(path, { force: true })
  }
}
