// What the machine itself can do at this moment, without the engine: the measure that a figure
// stands beside. A probe is taken in the run of its figure, since a shared machine changes from
// one second to the next.
import { closeSync, fdatasyncSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'

export interface Probe {
  readonly name: string
  readonly value: number
}

const pieceBytes = 4 << 20

let scratch = new Uint8Array(0)
let target = new Uint8Array(0)

/** Two arrays of at least that many bytes, touched: the first copy must not pay for page faults. */
function room(bytes: number): void {
  if (scratch.length >= bytes) return
  scratch = new Uint8Array(bytes).fill(7)
  target = new Uint8Array(bytes).fill(9)
}

/**
 * Milliseconds to copy that many bytes within memory. Small copies are repeated until they
 * fill 4 MiB.
 */
export function memcpyMs(bytes: number): number {
  const piece = Math.max(8, Math.min(bytes, 64 << 20))
  room(piece)
  const rounds = Math.max(1, Math.ceil(pieceBytes / piece))
  const from = scratch.subarray(0, piece)
  target.set(from)
  const start = performance.now()
  for (let round = 0; round < rounds; round += 1) target.set(from)
  return ((performance.now() - start) / rounds) * (bytes / piece)
}

/**
 * Milliseconds to write that many bytes to a new file in `folder`, with an fdatasync every 4
 * MiB.
 */
export function fdatasyncMs(folder: string, bytes: number): number {
  const path = join(folder, 'probe')
  const file = openSync(path, 'w')
  room(pieceBytes)
  try {
    const start = performance.now()
    for (let left = bytes; left > 0; left -= pieceBytes) {
      writeSync(file, scratch, 0, Math.min(left, pieceBytes))
      fdatasyncSync(file)
    }
    return performance.now() - start
  } finally {
    closeSync(file)
    rmSync(path)
  }
}

/**
 * Milliseconds to read the first `bytes` of an existing file from the page cache, at most 4
 * MiB a call.
 */
export function preadMs(path: string, bytes: number): number {
  const file = openSync(path, 'r')
  room(pieceBytes)
  try {
    const end = Math.min(bytes, statSync(path).size)
    const start = performance.now()
    for (let at = 0; at < end; at += pieceBytes) {
      readSync(file, scratch, 0, Math.min(pieceBytes, end - at), at)
    }
    return performance.now() - start
  } finally {
    closeSync(file)
  }
}

/** Milliseconds between two readings of the clock with nothing between them: the mean of many. */
export function emptyTimerMs(): number {
  const rounds = 20_000
  let sum = 0
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now()
    sum += performance.now() - start
  }
  return sum / rounds
}

export interface LoopDelay {
  readonly p99Ms: number
  readonly maxMs: number
}

/**
 * Watches the event loop until the returned function is called. Its timer's period of 1 ms is
 * part of every reading.
 */
export function watchLoop(): () => LoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  histogram.enable()
  return () => {
    histogram.disable()
    return { p99Ms: histogram.percentile(99) / 1e6, maxMs: histogram.max / 1e6 }
  }
}

/** p99 of the delay of a loop that has nothing to do, ms. */
export async function idleLoopMs(): Promise<number> {
  const stop = watchLoop()
  await new Promise((resume) => {
    setTimeout(resume, 30)
  })
  return stop().p99Ms
}
