// append: rows in, timed from the first call until the last is durable ('group', the default),
// then counted after a reopen. The loop gives the event loop a turn every few thousand rows, as a
// feed does between two reads of its socket; the delay of that loop is watched all the while.
import { open, trade } from '../../src/index.ts'
import type { Ack, Series } from '../../src/index.ts'
import { expectEqual, hexOf, measure, runsOf, turn, digestOf } from '../support/harness.ts'
import type { BenchResult, FigureSpec, Outcome, RunOptions, Size } from '../support/harness.ts'
import { inFolder, logBytesBelow } from '../support/bed.ts'
import { fdatasyncMs, idleLoopMs, memcpyMs, watchLoop } from '../support/probes.ts'
import { batchesOf, makeTrades } from '../support/workload.ts'
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
  readonly floor: number
}

async function appendOnce(
  { trades, feed }: Case,
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
          ],
        },
        delay: { value: p99Ms, probes: [{ name: 'idle loop', value: await idleLoopMs() }] },
      },
    }
  })
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
    { form: 'columns', trades: makeTrades(columnar, 1), feed: feedColumns, floor: 3e6 },
    { form: 'rows', trades: makeTrades(single, 2), feed: feedRows, floor: 3e5 },
  ]
  const figures = []
  const notes: Record<string, number> = {}
  for (const entry of cases) {
    const { form, trades, floor } = entry
    const specs: Record<FigureName, FigureSpec> = {
      rate: { unit: 'rows/s', better: 'more', floor: { atLeast: floor } },
      delay: { unit: 'ms', better: 'less' },
    }
    const own: Record<string, number> = {}
    const [rate, delay] = await measure(size, runs, specs, () => appendOnce(entry, options, own))
    figures.push({ ...rate!, name: rateName[form] }, { ...delay!, name: delayName[form] })
    notes[`${form}: rows`] = trades.rowCount
    for (const [name, value] of Object.entries(own)) notes[`${form}: ${name}`] = value
  }
  const digest = hexOf(await digestAfterReopen(cases, options))
  return { bench: 'append', size, runs, figures, digest, notes }
}
