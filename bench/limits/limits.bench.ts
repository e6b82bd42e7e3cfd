// limits: what this machine can do without the engine, measured first. All other figures are read
// beside these; those that are bounded by one of them measure it again in their own runs.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inFolder } from '../support/bed.ts'
import { digestOf, hexOf, measure, quantileOf, runsOf } from '../support/harness.ts'
import type { BenchResult, FigureSpec, Outcome, RunOptions, Size } from '../support/harness.ts'
import {
  appendSyncMs,
  copyRate,
  l1ReadRate,
  preadRate,
  ramReadRate,
  wasmCopyRate,
  writeSyncRate,
} from '../support/limits.ts'

const sizes = {
  smoke: { fileBytes: 4 << 20, syncs: 5 },
  full: { fileBytes: 64 << 20, syncs: 200 },
} as const

const rate: FigureSpec = { unit: 'B/s', better: 'more' }
const micros: FigureSpec = { unit: 'us', better: 'less' }

const specs = {
  'RAM read, WebAssembly': rate,
  'L1 read, WebAssembly': rate,
  'memcpy, TypedArray.set': rate,
  'memcpy, WebAssembly': rate,
  'pread, 64 KiB': rate,
  'pread, 4 MiB': rate,
  'write, fdatasync every 4 MiB': rate,
  'append 4 KiB and fdatasync, p50': micros,
  'append 4 KiB and fdatasync, p99': micros,
} as const satisfies Record<string, FigureSpec>

type Name = keyof typeof specs

/** A file of zeros that is in the page cache. */
function fileOf(folder: string, bytes: number): string {
  const path = join(folder, 'read')
  writeFileSync(path, new Uint8Array(bytes))
  return path
}

function limitsOnce(folder: string, file: string, size: Size): Outcome<Name> {
  const { fileBytes, syncs } = sizes[size]
  const start = performance.now()
  const values = {
    'RAM read, WebAssembly': ramReadRate(size),
    'L1 read, WebAssembly': l1ReadRate(size),
    'memcpy, TypedArray.set': copyRate(size),
    'memcpy, WebAssembly': wasmCopyRate(size),
    'pread, 64 KiB': preadRate(file, fileBytes, 64 << 10),
    'pread, 4 MiB': preadRate(file, fileBytes, 4 << 20),
    'write, fdatasync every 4 MiB': writeSyncRate(folder, fileBytes),
  }
  const samples = appendSyncMs(folder, syncs)
  const elapsedMs = performance.now() - start
  const all: Record<Name, number> = {
    ...values,
    'append 4 KiB and fdatasync, p50': quantileOf(samples, 0.5) * 1000,
    'append 4 KiB and fdatasync, p99': quantileOf(samples, 0.99) * 1000,
  }
  const readings = Object.entries(all).map(([name, value]) => [name, { value }])
  return { elapsedMs, readings: Object.fromEntries(readings) as Outcome<Name>['readings'] }
}

export async function run(size: Size, options: RunOptions = {}): Promise<BenchResult> {
  const runs = runsOf(size, options)
  const { fileBytes, syncs } = sizes[size]
  const figures = await inFolder(options, (folder) => {
    const file = fileOf(folder, fileBytes)
    return measure(size, runs, specs, async () => limitsOnce(folder, file, size))
  })
  const digest = hexOf(digestOf([Int32Array.of(fileBytes, syncs)]))
  const notes = { 'file bytes': fileBytes, appends: syncs }
  return { bench: 'limits', size, runs, figures, digest, notes }
}
