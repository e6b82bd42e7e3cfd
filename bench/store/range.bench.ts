// range: sealed trades of some sessions read back. First touch is the first read of a store that
// was just opened, its files in the page cache: every byte is read, hashed, decoded and copied
// out. Warm is the same question again. Then ranges of one minute at random moments of the
// sessions.
import { statSync } from 'node:fs'
import { open, trade } from '../../src/index.ts'
import type { ReadSeries } from '../../src/index.ts'
import { filesBelow, inFolder, sealedTrades } from '../support/bed.ts'
import { digestOf, expectEqual, hexOf, measure, quantileOf, runsOf } from '../support/harness.ts'
import type {
  BenchResult,
  Figure,
  FigureSpec,
  Outcome,
  RunOptions,
  Size,
} from '../support/harness.ts'
import { emptyTimerMs, memcpyMs, preadMs } from '../support/probes.ts'
import type { Probe } from '../support/probes.ts'
import { realTrades } from '../support/tables.ts'
import { chance, makeTrades, minuteNs } from '../support/workload.ts'
import type { Trades } from '../support/workload.ts'

const sizes = {
  smoke: { rows: 30_000, minutes: 20 },
  full: { rows: 2_000_000, minutes: 1000 },
} as const
const realRowsMax = 2_000_000
const floorRate = { atLeast: 50e6 }

const specs = {
  'range, first touch, price and size': { unit: 'rows/s', better: 'more', floor: floorRate },
  'range, first touch, all columns': { unit: 'rows/s', better: 'more' },
  'range, warm, price and size': { unit: 'rows/s', better: 'more' },
  'one-minute range, mean': { unit: 'us', better: 'less', floor: { atMost: 50 } },
  'one-minute range, p99': { unit: 'us', better: 'less' },
} as const satisfies Record<string, FigureSpec>

type Name = keyof typeof specs
type TradeReads = ReadSeries<typeof trade>

/** A sealed store and what its answers must be. */
interface Ground {
  readonly path: string
  readonly trades: Trades
  readonly digest: number
  /** The largest data file, for the pread probe, and the bytes of all. */
  readonly file: string
  readonly storedBytes: number
}

const columns = ['price', 'size'] as const

function lowerBound(time: BigInt64Array, bound: bigint): number {
  let from = 0
  let end = time.length
  while (from < end) {
    const middle = (from + end) >>> 1
    if (time[middle]! < bound) from = middle + 1
    else end = middle
  }
  return from
}

/** Starts of minutes that hold rows, and how many. */
function minutesOf({ time, rowCount }: Trades, count: number, seed: number) {
  const next = chance(seed)
  return Array.from({ length: count }, () => {
    const from = time[Math.floor(next() * rowCount)]!
    const to = from + minuteNs
    return { from, to, rows: lowerBound(time, to) - lowerBound(time, from) }
  })
}

async function groundOf(folder: string, trades: Trades): Promise<Ground> {
  const path = `${folder}/store`
  await sealedTrades(path, 'SPY', trades)
  const files = filesBelow(path).filter(({ path: file }) => /\.(?:segment|pack)$/.test(file))
  return {
    path,
    trades,
    digest: digestOf([trades.time, trades.price, trades.size]),
    file: files[0]!.path,
    storedBytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

/** Looks at every column: one that is absent in every row is made only then. */
function touchAll(columns: object): void {
  for (const [name, column] of Object.entries(columns)) {
    if (column === undefined) expectEqual(name, '', 'a column that is not there')
  }
}

/** Milliseconds for all rows of a store opened just before, price and size or all columns. */
async function firstTouchMs(ground: Ground, isAll: boolean): Promise<number> {
  await using store = await open(ground.path, { mode: 'read' })
  const series = store.series(trade, 'SPY')
  const start = performance.now()
  const batch = isAll ? series.range() : series.range({ columns })
  if (isAll) touchAll(batch.columns)
  const elapsedMs = performance.now() - start
  const { time, price, size } = batch.columns
  expectEqual(digestOf([time, price, size]), ground.digest, 'digest of a range')
  return elapsedMs
}

interface Minutes {
  readonly meanMs: number
  readonly p99Ms: number
  readonly rowsMean: number
}

function readMinutes(series: TradeReads, trades: Trades, count: number, run: number): Minutes {
  const minutes = minutesOf(trades, count, 100 + run)
  const samples = new Float64Array(count)
  let total = 0
  for (let index = 0; index < count; index += 1) {
    const { from, to, rows } = minutes[index]!
    const start = performance.now()
    const batch = series.range({ from, to, columns })
    samples[index] = performance.now() - start
    if (batch.rowCount !== rows) expectEqual(batch.rowCount, rows, 'rows of a minute')
    total += rows
  }
  const sum = samples.reduce((a, b) => a + b, 0)
  return { meanMs: sum / count, p99Ms: quantileOf(samples, 0.99), rowsMean: total / count }
}

/** Reading the stored bytes, and copying what the rows take in memory. */
function rateProbes({ file, storedBytes, trades }: Ground, bytesPerRow: number): Probe[] {
  const rate = (ms: number): number => (trades.rowCount / ms) * 1000
  const readBytes = statSync(file).size
  return [
    { name: 'pread', value: rate((preadMs(file, readBytes) * storedBytes) / readBytes) },
    { name: 'memcpy', value: rate(memcpyMs(trades.rowCount * bytesPerRow)) },
  ]
}

async function rangeOnce(
  ground: Ground,
  count: number,
  run: number,
  notes: Record<string, number>,
): Promise<Outcome<Name>> {
  const { trades, file } = ground
  const rate = (ms: number): number => (trades.rowCount / ms) * 1000
  const someMs = await firstTouchMs(ground, false)
  const someProbes = rateProbes(ground, 24)
  const allMs = await firstTouchMs(ground, true)
  const allProbes = rateProbes(ground, 24)
  await using store = await open(ground.path, { mode: 'read' })
  const series = store.series(trade, 'SPY')
  series.range({ columns })
  const start = performance.now()
  const { rowCount } = series.range({ columns })
  const warmMs = performance.now() - start
  expectEqual(rowCount, trades.rowCount, 'rows of a warm range')
  const { meanMs, p99Ms, rowsMean } = readMinutes(series, trades, count, run)
  notes['rows a minute'] = Math.round(rowsMean)
  const small = [
    { name: 'pread', value: preadMs(file, 32_768) * 1000 },
    { name: 'empty timer', value: emptyTimerMs() * 1000 },
  ]
  return {
    elapsedMs: someMs,
    readings: {
      'range, first touch, price and size': { value: rate(someMs), probes: someProbes },
      'range, first touch, all columns': { value: rate(allMs), probes: allProbes },
      'range, warm, price and size': { value: rate(warmMs), probes: rateProbes(ground, 24) },
      'one-minute range, mean': { value: meanMs * 1000, probes: small },
      'one-minute range, p99': { value: p99Ms * 1000, probes: small },
    },
  }
}

/** The figures of one set of trades. */
async function figuresOf(
  size: Size,
  trades: Trades,
  options: RunOptions,
  notes: Record<string, number>,
): Promise<Figure[]> {
  return inFolder(options, async (folder) => {
    const ground = await groundOf(folder, trades)
    const { minutes } = sizes[size]
    notes['rows'] = trades.rowCount
    notes['stored bytes a row'] = Number((ground.storedBytes / trades.rowCount).toFixed(3))
    return measure(size, runsOf(size, options), specs, (run) =>
      rangeOnce(ground, minutes, run, notes),
    )
  })
}

export async function run(size: Size, options: RunOptions = {}): Promise<BenchResult> {
  const trades = makeTrades(sizes[size].rows, 3)
  const notes: Record<string, number> = {}
  const figures = await figuresOf(size, trades, options, notes)
  const real = options.data === undefined ? undefined : realTrades(options.data, realRowsMax)
  if (real !== undefined) {
    const own: Record<string, number> = {}
    for (const figure of await figuresOf(size, real, options, own)) {
      figures.push({ ...figure, name: `real trades: ${figure.name}` })
    }
    for (const [name, value] of Object.entries(own)) notes[`real trades: ${name}`] = value
  }
  const digest = hexOf(digestOf([trades.time, trades.price, trades.size]))
  return { bench: 'range', size, runs: runsOf(size, options), figures, digest, notes }
}
