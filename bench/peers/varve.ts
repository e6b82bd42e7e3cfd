// varve, as everybody would use it: columns of 1,000 rows appended, what is there read by range,
// aggregate and latest. The store is open for writing, its rows sealed.
import { open, trade } from '../../src/index.ts'
import type { OpenOptions, ReadSeries, Store } from '../../src/index.ts'
import { storedTable } from '../support/bed.ts'
import { turn } from '../support/harness.ts'
import { countsOf } from '../support/tables.ts'
import { minuteNs } from '../support/workload.ts'
import { barMaker, sumOf, timedAsync } from './engine.ts'
import type { Engine, Feed, Keep, LastRow, Reader } from './engine.ts'

const symbol = 'SPY'
const columns = ['price', 'size'] as const

function feedOf(name: string, durability: 'group' | 'sync'): Feed {
  return {
    name,
    mode: durability === 'sync' ? 'batch by batch' : 'at the end',
    async fill(folder, batches) {
      await using store = await open(folder, { durability })
      const series = store.series(trade, symbol)
      return await timedAsync(async () => {
        let ack
        for (let at = 0; at < batches.length; at += 1) {
          ack = series.append(batches[at]!)
          if (at % 10 === 9) await turn()
        }
        await ack?.durable
      })
    },
  }
}

/** A store has one writer: readers of the same folder share it. */
interface Shared {
  readonly store: Store
  readers: number
}

const opened = new Map<string, Shared>()

async function share(folder: string): Promise<Shared> {
  const known = opened.get(folder)
  if (known !== undefined) {
    known.readers += 1
    return known
  }
  const store = await open(folder)
  // A close leaves a small head to the log.
  await store.seal()
  const shared = { store, readers: 1 }
  opened.set(folder, shared)
  return shared
}

async function unshare(folder: string, shared: Shared): Promise<void> {
  shared.readers -= 1
  if (shared.readers > 0) return
  opened.delete(folder)
  await shared.store.close()
}

type Sums = Pick<Reader, 'sum' | 'bars'>
type TradeSeries = ReadSeries<typeof trade>

/** As the other engines say them. Times of bars are whole minutes: rounding gives them exactly. */
function minutesOf(time: BigInt64Array): Float64Array {
  const minutes = new Float64Array(time.length)
  for (let bar = 0; bar < minutes.length; bar += 1) {
    minutes[bar] = Math.round(Number(time[bar]) / Number(minuteNs))
  }
  return minutes
}

/** What the package has for it. */
function aggregated(series: TradeSeries): Sums {
  return {
    sum: () => series.aggregate({ columns: { sum: { sum: 'size' } } }).columns.sum[0]!,
    bars() {
      const { columns: found } = series.aggregate({
        every: '1m',
        columns: {
          open: { first: 'price' },
          high: { max: 'price' },
          low: { min: 'price' },
          close: { last: 'price' },
          volume: { sum: 'size' },
        },
      })
      const { time, open: first, high, low, close, volume } = found
      const minute = minutesOf(time)
      return { minute, open: first, high, low, close, volume }
    },
  }
}

/** The slow twin: loops over what scan gives. */
function looped(series: TradeSeries): Sums {
  return {
    sum() {
      let sum = 0
      for (const batch of series.scan({ columns: ['size'] })) sum += sumOf(batch.columns.size)
      return sum
    },
    bars() {
      const maker = barMaker()
      for (const batch of series.scan({ columns })) maker.add(batch.columns)
      return maker.bars()
    },
  }
}

async function openReader(folder: string, sums: (series: TradeSeries) => Sums): Promise<Reader> {
  const shared = await share(folder)
  const series = shared.store.series(trade, symbol)
  return {
    ...sums(series),
    minute: (from, to) => series.range({ from, to, columns }).columns,
    last(): LastRow {
      const row = series.latest()
      if (row === undefined) throw new Error('a store without rows')
      return row
    },
    close: () => unshare(folder, shared),
  }
}

function keepOf(name: string, options: OpenOptions): Keep {
  return {
    name,
    isRowWise: false,
    async keep(folder, table) {
      const { columns } = await storedTable(folder, table, options)
      return countsOf(columns)
    },
  }
}

export const varve: Engine = {
  name: 'varve',
  store: 'varve',
  isRowWise: false,
  feeds: [feedOf('varve', 'group'), feedOf('varve, sync', 'sync')],
  keeps: [keepOf('varve', {}), keepOf('varve, high', { level: 'high' })],
  open: (folder) => openReader(folder, aggregated),
}

/** The same store, asked in another way. */
export const varveScan: Engine = {
  name: 'varve, scan',
  store: 'varve',
  isRowWise: false,
  feeds: [],
  keeps: [],
  only: ['sum of a column', 'one-minute bars'],
  open: (folder) => openReader(folder, looped),
}
