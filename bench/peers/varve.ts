// varve, as everybody would use it: columns of 1,000 rows appended, what is there read by range,
// scan and latest; sum and bars are loops over what scan gives. The store is open for writing, its
// rows sealed.
import { open, trade } from '../../src/index.ts'
import type { OpenOptions } from '../../src/index.ts'
import { turn } from '../support/harness.ts'
import { barMaker, sumOf, timedAsync } from './engine.ts'
import type { Engine, Feed, LastRow, Reader } from './engine.ts'

const symbol = 'SPY'
const columns = ['price', 'size'] as const

function feedOf(name: string, durability: NonNullable<OpenOptions['durability']>): Feed {
  return {
    name,
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

async function openReader(folder: string): Promise<Reader> {
  const store = await open(folder)
  // A close leaves a small head to the log.
  await store.seal()
  const series = store.series(trade, symbol)
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
    minute: (from, to) => series.range({ from, to, columns }).columns,
    last(): LastRow {
      const row = series.latest()
      if (row === undefined) throw new Error('a store without rows')
      return row
    },
    close: () => store.close(),
  }
}

export const varve: Engine = {
  name: 'varve',
  store: 'varve',
  isRowWise: false,
  feeds: [feedOf('varve', 'group'), feedOf('varve, sync', 'sync')],
  open: openReader,
}
