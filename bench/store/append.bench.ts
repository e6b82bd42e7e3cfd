// append: rows in, timed from the first call until the last is durable ('group', the default),
// then counted after a reopen. The loop gives the event loop a turn every few thousand rows, as a
// feed does between two reads of its socket; the delay of that loop is watched all the while. Then
// every durability mode with calls of 1 to 10,000 rows.
import { open, trade } from '../../src/index.ts'
import type { Ack, OpenOptions, Series } from '../../src/index.ts'
import { expectEqual, hexOf, measure, runsOf, turn, digestOf } from '../support/harness.ts'
import type {
  BenchResult,
  Figure,
  FigureSpec,
  Outcome,
  Reading,
  RunOptions,
  Size,
} from '../support/harness.ts'
import { inFolder, logBytesBelow } from '../support/bed.ts'
import { fdatasyncMs, idleLoopMs, memcpyMs, watchLoop } from '../support/probes.ts'
import { batchesOf, makeTrades, sliceTrades } from '../support/workload.ts'
import type { Trades } from '../support/workload.ts'

const batchRows = 1000
/** Batches, or rows, between two turns of the event loop: some milliseconds of work. */
const batchesPerTurn = 10
const rowsPerTurn = 1000
const bytesPerRow = 24

const sizes = {
  smoke: { columnar: 20_000, single: 5_000 },
  full: { columnar: 3_000_000, single: 400_000 },
} as const

/** Rows a call, and how many rows for each durability: few where each call waits for the device. */
const matrix = {
  smoke: [
    { rows: 1, sync: 3, others: 300 },
    { rows: 10, sync: 30, others: 1_000 },
    { rows: 100, sync: 300, others: 2_000 },
    { rows: 1_000, sync: 3_000, others: 3_000 },
    { rows: 10_000, sync: 10_000, others: 10_000 },
  ],
  full: [
    { rows: 1, sync: 500, others: 200_000 },
    { rows: 10, sync: 5_000, others: 500_000 },
    { rows: 100, sync: 50_000, others: 1_000_000 },
    { rows: 1_000, sync: 300_000, others: 1_000_000 },
    { rows: 10_000, sync: 1_000_000, others: 2_000_000 },
  ],
} as const
const durabilities = ['sync', 'group', 'os', 'memory'] as const
type Durability = NonNullable<OpenOptions['durability']>

/** What the columnar feed must reach: 10 M rows/s, or, where the disk is slower than that, most of
 *  what it takes of plain rows. */
const columnarRate = 10e6
const diskShare = 0.7

type TradeSeries = Series<typeof trade>
type Feed = (series: TradeSeries, trades: Trades) => Promise<Ack | undefined>

async function feedColumns(series: TradeSeries, trades: Trades): Promise<Ack | undefined> {
  const batches = batchesOf(trades, batchRows)
  let ack: Ack | undefined
  for (let index = 0; index < batches.length; index += 1) {
    ack = series.append(batches[index]!)
    if (index % batchesPerTurn === batchesPerTurn - 1) await turn()
  }
  return ack
}

async function feedRows(series: TradeSeries, trades: Trades): Promise<Ack | undefined> {
  const { rowCount, time, price, size } = trades
  let ack: Ack | undefined
  for (let row = 0; row < rowCount; row += 1) {
    ack = series.append({ time: time[row]!, price: price[row]!, size: size[row]! })
    if (row % rowsPerTurn === rowsPerTurn - 1) await turn()
  }
  return ack
}

const rateName = { columns: 'columnar appends of 1,000 rows', rows: 'single-row appends' } as const
const delayName = {
  columns: 'event-loop delay p99, columnar',
  rows: 'event-loop delay p99, single rows',
} as const

type Form = keyof typeof rateName
type FigureName = 'rate' | 'delay'

/** What a form of append is fed and must reach. */
interface Case {
  readonly form: Form
  readonly trades: Trades
  readonly feed: Feed
  readonly floor: FigureSpec['floor']
}

function goalOf(folder: string, rowCount: number): number {
  const disk = (rowCount / fdatasyncMs(folder, rowCount * bytesPerRow)) * 1000
  return Math.min(columnarRate, diskShare * disk)
}

async function appendOnce(
  { form, trades, feed }: Case,
  options: RunOptions,
  notes: Record<string, number>,
): Promise<Outcome<FigureName>> {
  return inFolder(options, async (folder) => {
    const store = await open(`${folder}/store`)
    const series = store.series(trade, 'SPY')
    const stopWatching = watchLoop()
    const start = performance.now()
    const ack = await feed(series, trades)
    await ack?.durable
    const elapsedMs = performance.now() - start
    const { p99Ms, maxMs } = stopWatching()
    const { inlineSeals } = store.stats()
    const logBytes = logBytesBelow(folder)
    await store.close()
    await using again = await open(`${folder}/store`, { mode: 'read' })
    expectEqual(again.series(trade, 'SPY').count(), trades.rowCount, 'rows after a reopen')
    notes['inline seals'] = Math.max(notes['inline seals'] ?? 0, inlineSeals)
    notes['longest delay ms'] = Math.max(notes['longest delay ms'] ?? 0, Math.round(maxMs))
    const bytes = trades.rowCount * bytesPerRow
    const rowsPerSecond = (ms: number): number => (trades.rowCount / ms) * 1000
    return {
      elapsedMs,
      readings: {
        rate: {
          value: rowsPerSecond(elapsedMs),
          probes: [
            { name: 'fdatasync', value: rowsPerSecond(fdatasyncMs(folder, logBytes)) },
            { name: 'memcpy', value: rowsPerSecond(memcpyMs(bytes)) },
            ...(form === 'columns'
              ? [{ name: 'goal', value: goalOf(folder, trades.rowCount) }]
              : []),
          ],
        },
        delay: { value: p99Ms, probes: [{ name: 'idle loop', value: await idleLoopMs() }] },
      },
    }
  })
}

async function feedCalls(series: TradeSeries, calls: readonly Call[], rows: number) {
  const callsPerTurn = rows === 1 ? rowsPerTurn : Math.max(1, (batchRows * batchesPerTurn) / rows)
  let ack: Ack | undefined
  for (let index = 0; index < calls.length; index += 1) {
    ack = series.append(calls[index]!)
    if (index % callsPerTurn === callsPerTurn - 1) await turn()
  }
  await ack?.durable
}

type Call = Parameters<TradeSeries['append']>[0]

/** The rows as the calls get them, made ready before a clock runs. */
function callsOf(trades: Trades, rows: number): Call[] {
  if (rows > 1) return batchesOf(trades, rows)
  const { time, price, size } = trades
  return Array.from(time, (at, row) => ({ time: at, price: price[row]!, size: size[row]! }))
}

async function callsOnce(
  durability: Durability,
  rows: number,
  trades: Trades,
  options: RunOptions,
): Promise<{ elapsedMs: number; reading: Reading }> {
  const calls = callsOf(trades, rows)
  return inFolder(options, async (folder) => {
    const store = await open(`${folder}/store`, { durability })
    const start = performance.now()
    await feedCalls(store.series(trade, 'SPY'), calls, rows)
    const elapsedMs = performance.now() - start
    const logBytes = logBytesBelow(folder)
    await store.close()
    await using again = await open(`${folder}/store`, { mode: 'read' })
    expectEqual(again.series(trade, 'SPY').count(), trades.rowCount, 'rows after a reopen')
    const rate = (ms: number): number => (trades.rowCount / ms) * 1000
    // Without a log there is no disk to wait for.
    const probe =
      durability === 'memory'
        ? { name: 'memcpy', value: rate(memcpyMs(trades.rowCount * bytesPerRow)) }
        : { name: 'fdatasync', value: rate(fdatasyncMs(folder, logBytes)) }
    return { elapsedMs, reading: { value: rate(elapsedMs), probes: [probe] } }
  })
}

/** Every durability with every number of rows a call. */
async function matrixFigures(
  size: Size,
  runs: number,
  trades: Trades,
  options: RunOptions,
): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const durability of durabilities) {
    for (const { rows, sync, others } of matrix[size]) {
      const part = sliceTrades(trades, 0, durability === 'sync' ? sync : others)
      const name = `${durability}, ${rows.toLocaleString('en')} ${rows === 1 ? 'row' : 'rows'} a call`
      const specs: Record<string, FigureSpec> = { [name]: { unit: 'rows/s', better: 'more' } }
      const found = await measure(size, runs, specs, async () => {
        const { elapsedMs, reading } = await callsOnce(durability, rows, part, options)
        return { elapsedMs, readings: { [name]: reading } }
      })
      figures.push(...found)
    }
  }
  return figures
}

/**
 * The digest is that of the rows as they read back from a store that was closed after the last
 * append.
 */
async function digestAfterReopen(cases: readonly Case[], options: RunOptions): Promise<number> {
  const digests: number[] = []
  for (const { trades, feed } of cases) {
    await inFolder(options, async (folder) => {
      const store = await open(`${folder}/store`)
      await feed(store.series(trade, 'SPY'), trades)
      await store.close()
      await using again = await open(`${folder}/store`, { mode: 'read' })
      const { columns } = again.series(trade, 'SPY').range({ columns: ['price', 'size'] })
      const digest = digestOf([columns.time, columns.price, columns.size])
      expectEqual(digest, digestOf([trades.time, trades.price, trades.size]), 'rows read back')
      digests.push(digest)
    })
  }
  return digestOf([Int32Array.from(digests)])
}

export async function run(size: Size, options: RunOptions = {}): Promise<BenchResult> {
  const runs = runsOf(size, options)
  const { columnar, single } = sizes[size]
  const cases: readonly Case[] = [
    {
      form: 'columns',
      trades: makeTrades(columnar, 1),
      feed: feedColumns,
      floor: { atLeast: 1, of: 'goal' },
    },
    { form: 'rows', trades: makeTrades(single, 2), feed: feedRows, floor: { atLeast: 1.5e6 } },
  ]
  const figures = []
  const notes: Record<string, number> = {}
  for (const entry of cases) {
    const { form, trades, floor } = entry
    const specs: Record<FigureName, FigureSpec> = {
      rate: { unit: 'rows/s', better: 'more', ...(floor && { floor }) },
      delay: { unit: 'ms', better: 'less' },
    }
    const own: Record<string, number> = {}
    const [rate, delay] = await measure(size, runs, specs, () => appendOnce(entry, options, own))
    figures.push({ ...rate!, name: rateName[form] }, { ...delay!, name: delayName[form] })
    notes[`${form}: rows`] = trades.rowCount
    for (const [name, value] of Object.entries(own)) notes[`${form}: ${name}`] = value
  }
  figures.push(...(await matrixFigures(size, runs, cases[0]!.trades, options)))
  const digest = hexOf(await digestAfterReopen(cases, options))
  return { bench: 'append', size, runs, figures, digest, notes }
}
