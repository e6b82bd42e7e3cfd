// kernels: what the engine is built on, each beside the limit of the machine it is to beat, both in
// the same run. Prices are packed pages of 65,536 rows, ten million rows in all. Packed they take
// some 10 bits each: they fit the last level of cache where the plain column, 8 bytes a value, has
// to come from memory. That is the point, and so RAM read is what sums and filters stand beside.
import type { ColumnData } from '#batch'
import { decodeRows, encodePage, encodings, storedRange, vectorRows } from '#codec'
import type { EncodedPage, PageMeta } from '#codec'
import { bareMemory, loadKernels } from '#kernel'
import { simdKernels } from '#native-free/simd'
import type { SimdKernels } from '#native-free/simd'
import { digestOf, expectEqual, hexOf, measure, runsOf } from '../support/harness.ts'
import type {
  BenchResult,
  Figure,
  FigureSpec,
  Outcome,
  RunOptions,
  Size,
} from '../support/harness.ts'
import { bestRate, copyRate, ramDoublesRate } from '../support/limits.ts'
import { makeTrades } from '../support/workload.ts'
import type { Trades } from '../support/workload.ts'
import { lz4Figures } from './lz4.ts'
import { realSizes } from './real-sizes.ts'

const pageRows = 65_536
const sizes = { smoke: { pages: 1 }, full: { pages: 160 } } as const
const minisOfVector = vectorRows / 128

const perSecond = { unit: 'values/s', better: 'more' } as const
const ram = 'RAM read'

const specs = {
  'SUM over FOR prices': { ...perSecond, floor: { atLeast: 2, of: ram } },
  'range filter over FOR prices': { ...perSecond, floor: { atLeast: 5e9 } },
  'decode FOR prices': { ...perSecond, floor: { atLeast: 1, of: 'memcpy' } },
  'encode prices, verified': { ...perSecond, floor: { atLeast: 0.8e9 } },
  'encode sizes, verified': { ...perSecond, floor: { atLeast: 0.8e9 } },
  'encode times, verified': { ...perSecond, floor: { atLeast: 0.8e9 } },
} as const satisfies Record<string, FigureSpec>

type Name = keyof typeof specs

interface Page {
  readonly meta: PageMeta
  readonly payload: Uint8Array
}

type Values = Float64Array | BigInt64Array

function columnOf(values: Values): ColumnData {
  return values instanceof BigInt64Array ? { physical: 'i64', values } : { physical: 'f64', values }
}

/** Pages as the encoder makes them one after the other, its choices carried on. */
function encodeAll(column: ColumnData, pages: number, take: (page: EncodedPage) => void): void {
  let previous: PageMeta | undefined
  for (let page = 0; page < pages; page += 1) {
    const options = { optional: false, level: 'medium' } as const
    const own = previous === undefined ? options : { ...options, previous, block: page }
    const encoded = encodePage(column, page * pageRows, pageRows, own)
    previous = encoded.meta
    take(encoded)
  }
}

function forPages(column: ColumnData, pages: number): Page[] {
  const options = { optional: false, encoding: encodings.for }
  return Array.from({ length: pages }, (_, page) => {
    const { meta, payload } = encodePage(column, page * pageRows, pageRows, options)
    return { meta, payload: payload.slice() }
  })
}

/** Vectors of FOR pages, packed, in a memory of the kernels. */
interface Packed {
  readonly kernels: SimdKernels
  readonly count: number
  readonly at: Uint32Array
  readonly width: Uint8Array
  /** value = (origin + gcd * slot) / 10^scale */
  readonly origin: Float64Array
  readonly gcd: Float64Array
  readonly scale: number
  /** 8 bytes for a result, and a bitmap of 128 bytes a vector. */
  readonly outAt: number
  readonly bitsAt: number
}

const slackBytes = 64
const bitmapBytes = vectorRows / 8
const firstFree = 4096

function packedOf(pages: readonly Page[]): Packed {
  const count = pages.length * (pageRows / vectorRows)
  const payloadBytes = pages.reduce((sum, { payload }) => sum + payload.length, 0)
  const bytes = firstFree + payloadBytes + count * bitmapBytes + 4 * slackBytes
  const kernels = simdKernels(Math.ceil(bytes / 65_536) * 65_536)
  const memory = new Uint8Array(kernels.memory)
  const packed = {
    at: new Uint32Array(count),
    width: new Uint8Array(count),
    origin: new Float64Array(count),
    gcd: new Float64Array(count),
  }
  let vector = 0
  let end = firstFree
  for (const { meta, payload } of pages) {
    expectEqual(meta.encoding, encodings.for, 'encoding of a page of prices')
    memory.set(payload, end)
    for (let v = 0; v < meta.vectorCount; v += 1, vector += 1) {
      packed.at[vector] = end + meta.vectorStarts[v]!
      packed.width[vector] = meta.widths[v]!
      packed.origin[vector] = Number(meta.origins[v]!)
      packed.gcd[vector] = Number(meta.gcd)
    }
    end += payload.length
  }
  const outAt = end + slackBytes
  const { scale } = pages[0]!.meta
  return { kernels, count, ...packed, scale, outAt, bitsAt: outAt + slackBytes }
}

/** The sum as an integer of the last decimal place: what an operator would divide once. */
function sumPacked({ kernels, count, at, width, origin, gcd, outAt }: Packed): number {
  const out = new Uint32Array(kernels.memory, outAt, 2)
  let sum = 0
  for (let vector = 0; vector < count; vector += 1) {
    kernels.sum(width[vector]!, at[vector]!, minisOfVector, outAt)
    const slots = out[0]! + out[1]! * 4294967296
    sum += origin[vector]! * vectorRows + gcd[vector]! * slots
  }
  return sum
}

/** The middle half of each vector's slots: every vector is looked at, none is all in or all out. */
function middleOf(width: number): { low: number; span: number } {
  const whole = 0xffffffff >>> (32 - width)
  const low = Math.ceil(whole / 4)
  return { low, span: Math.floor(whole / 2) }
}

function filterPacked({ kernels, count, at, width, bitsAt }: Packed): void {
  for (let vector = 0; vector < count; vector += 1) {
    const { low, span } = middleOf(width[vector]!)
    const bits = bitsAt + vector * bitmapBytes
    kernels.filter(width[vector]!, at[vector]!, minisOfVector, low, span, bits)
  }
}

/** What is compared with plain loops over the rows. */
interface Answers {
  readonly sum: number
  readonly chosen: number
}

function plainAnswers({ price }: Trades, packed: Packed): Answers {
  const { origin, gcd, width, scale } = packed
  const power = 10 ** scale
  let sum = 0
  let chosen = 0
  for (let row = 0; row < price.length; row += 1) {
    const vector = Math.floor(row / vectorRows)
    const { low, span } = middleOf(width[vector]!)
    const integer = Math.round(price[row]! * power)
    const slot = (integer - origin[vector]!) / gcd[vector]!
    sum += integer
    if (slot >= low && slot <= low + span) chosen += 1
  }
  return { sum, chosen }
}

/** What is measured on, made before a clock runs. */
interface Ground {
  readonly trades: Trades
  readonly pages: readonly Page[]
  readonly packed: Packed
  readonly answers: Answers
  readonly target: Float64Array
}

function groundOf(pages: number): Ground {
  const rows = pages * pageRows
  const trades = makeTrades(rows, 21)
  const prices = forPages(columnOf(trades.price), pages)
  const packed = packedOf(prices)
  const answers = plainAnswers(trades, packed)
  const target = new Float64Array(bareMemory(rows * 8)).fill(1)
  return { trades, pages: prices, packed, answers, target }
}

function decodeAll({ pages, target }: Ground): void {
  const place = { column: 'bench' }
  const column = columnOf(target)
  pages.forEach(({ meta, payload }, page) => {
    const { from, end } = storedRange(meta, 0, meta.vectorCount)
    const stored = payload.subarray(from, end)
    decodeRows(meta, stored, from, 0, pageRows, column, page * pageRows, place)
  })
}

/** Of an encoder's pages that were kept: all rows must come back. */
function expectDecoded(values: Values, pages: number): void {
  const kept: Page[] = []
  encodeAll(columnOf(values), pages, ({ meta, payload }) => {
    kept.push({ meta, payload: payload.slice() })
  })
  const decoded = values.slice(0, pageRows)
  kept.forEach(({ meta, payload }, page) => {
    const { from, end } = storedRange(meta, 0, meta.vectorCount)
    const stored = payload.subarray(from, end)
    decodeRows(meta, stored, from, 0, pageRows, columnOf(decoded), 0, {})
    const rows = values.subarray(page * pageRows, (page + 1) * pageRows)
    expectEqual(digestOf([decoded]), digestOf([rows]), 'digest of a page')
  })
}

function kernelsOnce(ground: Ground, size: Size): Outcome<Name> {
  const { trades, packed, answers, target } = ground
  const rows = trades.rowCount
  const pages = rows / pageRows
  const start = performance.now()
  const ramProbe = [{ name: ram, value: ramDoublesRate(size) }]
  const copyProbe = [{ name: 'memcpy', value: copyRate(size) / 8 }]
  const sumRate = bestRate(rows, () => expectEqual(sumPacked(packed), answers.sum, 'sum of prices'))
  const filterRate = bestRate(rows, () => filterPacked(packed))
  const chosen = packed.kernels.countBits(packed.bitsAt, rows)
  expectEqual(chosen, answers.chosen, 'prices within a range')
  const decodeRate = bestRate(rows, () => decodeAll(ground))
  expectEqual(digestOf([target]), digestOf([trades.price]), 'digest of decoded prices')
  const encoded = (values: Values) => {
    const column = columnOf(values)
    return { value: bestRate(rows, () => encodeAll(column, pages, () => {})), probes: copyProbe }
  }
  return {
    elapsedMs: performance.now() - start,
    readings: {
      'SUM over FOR prices': { value: sumRate, probes: ramProbe },
      'range filter over FOR prices': { value: filterRate, probes: ramProbe },
      'decode FOR prices': { value: decodeRate, probes: copyProbe },
      'encode prices, verified': encoded(trades.price),
      'encode sizes, verified': encoded(trades.size),
      'encode times, verified': encoded(trades.time),
    },
  }
}

export async function run(size: Size, options: RunOptions = {}): Promise<BenchResult> {
  await loadKernels()
  const runs = runsOf(size, options)
  const { pages } = sizes[size]
  const ground = groundOf(pages)
  const { trades, packed, answers } = ground
  for (const values of [trades.price, trades.size, trades.time]) expectDecoded(values, pages)
  kernelsOnce(ground, size)
  const figures: Figure[] = await measure(size, runs, specs, async () => kernelsOnce(ground, size))
  const lz4 = await lz4Figures(size, runs)
  figures.push(...lz4.figures)
  if (options.data !== undefined) figures.push(...(await realSizes(size, options)))
  const packedBytes = ground.pages.reduce((sum, { payload }) => sum + payload.length, 0)
  const notes = {
    rows: trades.rowCount,
    'packed MiB': Number((packedBytes / 2 ** 20).toFixed(2)),
    'plain MiB': Number(((trades.rowCount * 8) / 2 ** 20).toFixed(2)),
    vectors: packed.count,
  }
  const digest = hexOf(digestOf([Float64Array.of(answers.sum, answers.chosen, lz4.digest)]))
  return { bench: 'kernels', size, runs, figures, digest, notes }
}
