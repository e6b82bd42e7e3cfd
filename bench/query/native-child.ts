// One process of the native bench: `FOLDER MINUTES` opens the store for reading, asks the read
// questions and says how long each took, a digest of what it was answered, and its kernels. With
// VARVE_NATIVE=off in its environment no add-on is loaded.
import { kernelInfo, open, trade } from '../../src/index.ts'
import { digestOf } from '../support/harness.ts'
import { minuteNs } from '../support/workload.ts'
import { minuteStartsOf } from './native-minutes.ts'

const attempts = 3
const columns = ['price', 'size'] as const

/** Milliseconds of the fastest of some attempts. */
function bestMs(work: () => void): number {
  let best = Infinity
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const start = performance.now()
    work()
    best = Math.min(best, performance.now() - start)
  }
  return best
}

const [folder, minuteCount] = process.argv.slice(2)
const store = await open(folder!, { mode: 'read' })
const series = store.series(trade, 'SPY')

const start = performance.now()
let all = series.range({ columns })
const firstMs = performance.now() - start
const warmMs = bestMs(() => {
  all = series.range({ columns })
})
const { time, price, size } = all.columns
const minutes = minuteStartsOf(time, Number(minuteCount))
let found = 0
const minutesMs = bestMs(() => {
  found = 0
  for (const from of minutes) {
    found += series.range({ from, to: from + minuteNs, columns }).rowCount
  }
})
let sum = 0
const sumMs = bestMs(() => {
  sum = series.aggregate({ columns: { sum: { sum: 'size' } } }).columns.sum[0]!
})
let volumes: Float64Array = new Float64Array(0)
const barsMs = bestMs(() => {
  const answer = series.aggregate({
    every: '1m',
    columns: { high: { max: 'price' }, volume: { sum: 'size' } },
  })
  volumes = answer.columns.volume
})
const digest = digestOf([time, price, size, volumes, Float64Array.of(sum, found)])
const says = { firstMs, warmMs, minutesMs, sumMs, barsMs, digest, kernels: kernelInfo() }
await store.close()
process.stdout.write(`${JSON.stringify(says)}\n`)
