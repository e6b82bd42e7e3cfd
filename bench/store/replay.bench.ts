// replay: what opening costs after a kill that left a long log: the time, and the most memory that
// the process which opened ever had. The log is the real writer's, with seals switched off; every
// process is a fresh one.
import { spawn } from 'node:child_process'
import { closeSync, cpSync, fdatasyncSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { filesBelow, inFolder, logBytesBelow } from '../support/bed.ts'
import { digestOf, expectEqual, hexOf, measure, runsOf } from '../support/harness.ts'
import type { BenchResult, FigureSpec, Outcome, RunOptions, Size } from '../support/harness.ts'
import { rootFolder } from '../support/machine.ts'
import { preadMs } from '../support/probes.ts'
import { makeTrades } from '../support/workload.ts'

const sizes = {
  smoke: { bytes: 1 << 20, batchRows: 1000 },
  full: { bytes: 1 << 30, batchRows: 1000 },
} as const
const seed = 9

const specs = {
  'opening for writing behind a log of 1 GiB': {
    unit: 's',
    better: 'less',
    floor: { atMost: 5 },
  },
  'peak memory of that process': { unit: 'MiB', better: 'less', floor: { atMost: 512 } },
  'opening the same for reading': { unit: 's', better: 'less' },
  'peak memory of the reading process': { unit: 'MiB', better: 'less' },
} as const satisfies Record<string, FigureSpec>

type Name = keyof typeof specs

/** Children run from the build, also where the bench itself runs from the sources. */
const childFile = join(rootFolder(), 'dist', 'bench', 'store', 'replay-child.js')

/** The line that a child says; the child is killed then, where it does not end by itself. */
async function said(...words: readonly string[]): Promise<Record<string, number>> {
  const child = spawn(process.execPath, [childFile, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  for await (const line of createInterface({ input: child.stdout })) {
    child.kill('SIGKILL')
    await ended
    const answer: unknown = JSON.parse(line)
    return answer as Record<string, number>
  }
  throw new Error(`the child that was to ${words[0]} said nothing`)
}

/** A copy that is on the device: writing it back must not be what is measured. */
function copyTo(from: string, to: string): void {
  cpSync(from, to, { recursive: true })
  for (const { path } of filesBelow(to)) {
    const file = openSync(path, 'r+')
    fdatasyncSync(file)
    closeSync(file)
  }
}

async function replayOnce(folder: string, left: string, rows: number): Promise<Outcome<Name>> {
  const probeMs = filesBelow(join(left, 'wal')).reduce(
    (sum, { path, bytes }) => sum + preadMs(path, bytes),
    0,
  )
  const reading = await said('open', left, 'read')
  const copy = join(folder, 'copy')
  copyTo(left, copy)
  const writing = await said('open', copy, 'write')
  rmSync(copy, { recursive: true })
  for (const { rows: found, count } of [reading, writing]) {
    expectEqual(found, rows, 'rows after the kill')
    expectEqual(count, rows, 'rows of the series')
  }
  const probes = [{ name: 'pread', value: probeMs / 1000 }]
  return {
    elapsedMs: writing['elapsedMs']!,
    readings: {
      'opening for writing behind a log of 1 GiB': { value: writing['elapsedMs']! / 1000, probes },
      'peak memory of that process': { value: writing['rssMiB']! },
      'opening the same for reading': { value: reading['elapsedMs']! / 1000, probes },
      'peak memory of the reading process': { value: reading['rssMiB']! },
    },
  }
}

export async function run(size: Size, options: RunOptions = {}): Promise<BenchResult> {
  const runs = runsOf(size, options)
  const { bytes, batchRows } = sizes[size]
  return inFolder(options, async (folder) => {
    const left = join(folder, 'left')
    const { rows } = await said('write', left, String(bytes), String(batchRows), String(seed))
    const figures = await measure(size, runs, specs, () => replayOnce(folder, left, rows!))
    const trades = makeTrades(1000, seed)
    const digest = hexOf(digestOf([trades.time, Int32Array.of(rows!)]))
    const notes = { rows: rows!, 'log bytes': logBytesBelow(left) }
    return { bench: 'replay', size, runs, figures, digest, notes }
  })
}
