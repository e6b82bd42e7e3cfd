// The machine's limits: how fast memory, caches and disk go with nothing but a loop around them.
// Each is the best of five attempts, since what is asked for is what the machine can do; benches
// take the ones that bound them anew in every run.
import {
  closeSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { fdatasyncMs } from './probes.ts'
import { expectEqual } from './harness.ts'
import type { Size } from './harness.ts'
import { readerOf } from './reader.ts'
import type { Reader } from './reader.ts'

const attempts = 5
const l1Bytes = 16 << 10
const copyBytes = 64 << 20
const wordBytes = 8

/** Far more than any cache at full size. */
const memoryBytes: Readonly<Record<Size, number>> = { smoke: 1 << 20, full: 256 << 20 }

/** A memory that was written to, and what its words sum up to. */
interface Filled {
  readonly reader: Reader
  readonly bytes: number
  readonly sum: bigint
}

const filled: Partial<Record<Size, Filled>> = {}

/** Fills 4 KiB and copies it on: pages nobody wrote to would be read from one page of zeros. */
function fill(size: Size): Filled {
  const bytes = memoryBytes[size]
  const reader = readerOf(bytes)
  const words = new BigInt64Array(reader.memory)
  const first = 512
  let sum = 0n
  for (let index = 0; index < first; index += 1) {
    words[index] = BigInt(Math.imul(index + 1, 0x9e3779b1))
    sum += words[index]!
  }
  for (let done = first; done < words.length; done *= 2) words.copyWithin(done, 0, done)
  return { reader, bytes, sum: BigInt.asIntN(64, sum * BigInt(words.length / first)) }
}

function filledOf(size: Size): Filled {
  return (filled[size] ??= fill(size))
}

/** Units a second of the fastest of some attempts. */
export function bestRate(units: number, work: () => void): number {
  let bestMs = Infinity
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const start = performance.now()
    work()
    bestMs = Math.min(bestMs, performance.now() - start)
  }
  return (units / bestMs) * 1000
}

/** Bytes a second that WebAssembly reads from memory, 128 bits at a time, adding them up. */
export function ramReadRate(size: Size): number {
  const { reader, bytes, sum } = filledOf(size)
  return bestRate(bytes, () => {
    expectEqual(reader.read(0, bytes, 1), sum, 'sum of a memory')
  })
}

/** The same as doubles a second: what a plain column in memory could be summed at. */
export function ramDoublesRate(size: Size): number {
  return ramReadRate(size) / wordBytes
}

/** Bytes a second that the same loop reads where 16 KiB are read again and again. */
export function l1ReadRate(size: Size): number {
  const { reader } = filledOf(size)
  const rounds = size === 'full' ? 50_000 : 50
  return bestRate(l1Bytes * rounds, () => {
    reader.read(0, l1Bytes, rounds)
  })
}

/** Bytes a second of memory.copy in WebAssembly, between halves of 128 MiB at full size. */
export function wasmCopyRate(size: Size): number {
  const { reader, bytes } = filledOf(size)
  const half = Math.min(copyBytes, bytes / 2)
  return bestRate(half, () => {
    reader.copy(bytes / 2, 0, half)
  })
}

let copied: { readonly from: Uint8Array; readonly to: Uint8Array } | undefined

/** Bytes a second of TypedArray.set, 64 MiB at full size. */
export function copyRate(size: Size): number {
  const bytes = size === 'full' ? copyBytes : memoryBytes.smoke
  if (copied?.from.length !== bytes) {
    copied = { from: new Uint8Array(bytes).fill(7), to: new Uint8Array(bytes).fill(9) }
  }
  const { from, to } = copied
  return bestRate(bytes, () => {
    to.set(from)
  })
}

/** Bytes a second read from the page cache into one buffer, `pieceBytes` a call. */
export function preadRate(path: string, bytes: number, pieceBytes: number): number {
  const file = openSync(path, 'r')
  const target = new Uint8Array(pieceBytes).fill(1)
  try {
    return bestRate(bytes, () => {
      for (let at = 0; at < bytes; at += pieceBytes) readSync(file, target, 0, pieceBytes, at)
    })
  } finally {
    closeSync(file)
  }
}

/** Milliseconds of each of `count` appends of 4 KiB to one file with an fdatasync behind it. */
export function appendSyncMs(folder: string, count: number): Float64Array {
  const path = join(mkdtempSync(join(folder, 'sync-')), 'appended')
  const piece = new Uint8Array(4096).fill(7)
  const file = openSync(path, 'w')
  try {
    return Float64Array.from({ length: count }, () => {
      const start = performance.now()
      writeSync(file, piece)
      fdatasyncSync(file)
      return performance.now() - start
    })
  } finally {
    closeSync(file)
    rmSync(join(path, '..'), { recursive: true })
  }
}

/** Bytes a second written to a new file that is synced every 4 MiB. */
export function writeSyncRate(folder: string, bytes: number): number {
  return (bytes / fdatasyncMs(folder, bytes)) * 1000
}
