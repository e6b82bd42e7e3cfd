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
  'opening behind a log of 1 GiB that packs nothing': {
    unit: 's',
    better: 'less',
    floor: { atMost: 5 },
  },
  'peak memory of that one': { unit: 'MiB', better: 'less', floor: { atMost: 512 } },
  'opening the first for reading': { unit: 's', better: 'less' },
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

/** What a killed process left, and how many rows that are. */
interface Left {
  readonly path: string
  readonly rows: number
}

function expectRows({ rows }: Left, { rows: found, count }: Record<string, number>): void {
  expectEqual(found, rows, 'rows after the kill')
  expectEqual(count, rows, 'rows of the series')
}

const preadOf = ({ path }: Left): { name: string; value: number } => {
  const ms = filesBelow(join(path, 'wal')).reduce(
    (sum, file) => sum + preadMs(file.path, file.bytes),
    0,
  )
  return { name: 'pread', value: ms / 1000 }
}

/** Opens a copy for writing: that leaves nothing to recover. */
async function openedCopy(folder: string, left: Left): Promise<Record<string, number>> {
  const copy = join(folder, 'copy')
  copyTo(left.path, copy)
  const words = await said('open', copy, 'write')
  rmSync(copy, { recursive: true })
  expectRows(left, words)
  return words
}

async function replayOnce(folder: string, packed: Left, plain: Left): Promise<Outcome<Name>> {
  const probes = [preadOf(packed)]
  const plainProbes = [preadOf(plain)]
  const reading = await said('open', packed.path, 'read')
  expectRows(packed, reading)
  const writing = await openedCopy(folder, packed)
  const writingPlain = await openedCopy(folder, plain)
  const seconds = ({ elapsedMs }: Record<string, number>): number => elapsedMs! / 1000
  return {
    elapsedMs: writing['elapsedMs']!,
    readings: {
      'opening for writing behind a log of 1 GiB': { value: seconds(writing), probes },
      'peak memory of that process': { value: writing['rssMiB']! },
      'opening behind a log of 1 GiB that packs nothing': {
        value: seconds(writingPlain),
        probes: plainProbes,
      },
      'peak memory of that one': { value: writingPlain['rssMiB']! },
      'opening the first for reading': { value: seconds(reading), probes },
      'peak memory of the reading process': { value: reading['rssMiB']! },
    },
  }
}

export async function run(size: Size, options: RunOptions = {}): Promise<BenchResult> {
  const runs = runsOf(size, options)
  const { bytes, batchRows } = sizes[size]
  return inFolder(options, async (folder) => {
    const leave = async (kind: 'packed' | 'plain'): Promise<Left> => {
      const path = join(folder, kind)
      const words = [String(bytes), String(batchRows), String(seed), kind]
      const { rows } = await said('write', path, ...words)
      return { path, rows: rows! }
    }
    const packed = await leave('packed')
    const plain = await leave('plain')
    const figures = await measure(size, runs, specs, () => replayOnce(folder, packed, plain))
    const trades = makeTrades(1000, seed)
    const digest = hexOf(digestOf([trades.time, Int32Array.of(packed.rows, plain.rows)]))
    const notes = {
      rows: packed.rows,
      'rows that pack nothing': plain.rows,
      'log bytes': logBytesBelow(packed.path),
    }
    return { bench: 'replay', size, runs, figures, digest, notes }
  })
}
