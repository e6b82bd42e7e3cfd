// page: one column of a block to a page and back, each encoding on values of its kind. Rates are
// values a second over full blocks of 65,536 rows; the ratio to memcpy is to copying the decoded
// column. Pages are encoded as the blocks of one long run: each knows what the one before it took, and
// every 32nd is examined afresh.
import { allocateColumn } from '#batch'
import type { ColumnData } from '#batch'
import { decodeRows, encodePage, encodings, storedRange } from '#codec'
import type { EncodedPage } from '#codec'
import { loadKernels } from '#kernel'
import { digestOf, expectEqual, hexOf, measure, runsOf } from '../support/harness.ts'
import type { BenchResult, Figure, FigureSpec, RunOptions, Size } from '../support/harness.ts'
import { memcpyMs } from '../support/probes.ts'
import { realTrades } from '../support/tables.ts'
import { chance, makeQuotes, makeTrades } from '../support/workload.ts'
import type { Trades } from '../support/workload.ts'

const sizes = {
  smoke: { rows: 4096, budgetMs: 1 },
  full: { rows: 65_536, budgetMs: 60 },
} as const

/** One column, and the encoding it is to take; undefined leaves the choice to the codec. */
interface Case {
  readonly name: string
  readonly column: ColumnData
  readonly encoding: number | undefined
}

const f64 = (values: Float64Array): ColumnData => ({ physical: 'f64', values })
const i64 = (values: BigInt64Array): ColumnData => ({ physical: 'i64', values })

/** Trade ids, digits behind a letter, as text. */
function idsOf(rows: number): ColumnData {
  const text = Array.from({ length: rows }, (_, row) => `T${1_000_000 + row * 3}`)
  const bytes = new TextEncoder().encode(text.join(''))
  const offsets = new Uint32Array(rows + 1)
  text.forEach((id, row) => {
    offsets[row + 1] = offsets[row]! + id.length
  })
  return { physical: 'bytes', offsets, bytes, present: undefined }
}

function codesOf(rows: number): ColumnData {
  const next = chance(12)
  const values = Uint32Array.from({ length: rows }, () => Math.floor(next() * next() * 14))
  const dictionary = Array.from({ length: 14 }, (_, code) => `V${code}`)
  return { physical: 'code', values, dictionary }
}

function casesOf(rows: number): Case[] {
  const trades = makeTrades(rows, 7)
  const quotes = makeQuotes(rows, 8)
  const next = chance(9)
  const noise = Float64Array.from({ length: rows }, () => next() * 100)
  return [
    { name: 'CONST', column: f64(new Float64Array(rows).fill(1.5)), encoding: encodings.const },
    { name: 'FOR prices', column: f64(trades.price), encoding: encodings.for },
    { name: 'PFOR sizes', column: f64(trades.size), encoding: encodings.pfor },
    { name: 'DELTA times', column: i64(trades.time), encoding: encodings.delta },
    { name: 'DELTA_P times', column: i64(trades.time), encoding: encodings.deltaPatched },
    { name: 'DICT sizes', column: f64(trades.size), encoding: encodings.dictionary },
    { name: 'RLE bids', column: f64(quotes.bid), encoding: encodings.rle },
    { name: 'FOR codes', column: codesOf(rows), encoding: encodings.for },
    { name: 'RAW64 noise', column: f64(noise), encoding: encodings.raw64 },
    { name: 'RAW64_SHUFFLED noise', column: f64(noise), encoding: encodings.raw64Shuffled },
    { name: 'BYTES ids', column: idsOf(rows), encoding: encodings.bytes },
    { name: 'chosen: times', column: i64(trades.time), encoding: undefined },
    { name: 'chosen: prices', column: f64(trades.price), encoding: undefined },
    { name: 'chosen: sizes', column: f64(trades.size), encoding: undefined },
    { name: 'chosen: bids', column: f64(quotes.bid), encoding: undefined },
  ]
}

function realCases({ rowCount, time, price, size }: Trades, rows: number): Case[] {
  const end = Math.min(rows, rowCount)
  return [
    { name: 'real times', column: i64(time.slice(0, end)), encoding: undefined },
    { name: 'real prices', column: f64(price.slice(0, end)), encoding: undefined },
    { name: 'real sizes', column: f64(size.slice(0, end)), encoding: undefined },
  ]
}

function rowsIn(column: ColumnData): number {
  return column.physical === 'bytes' ? column.offsets.length - 1 : column.values.length
}

function bytesIn(column: ColumnData): number {
  return column.physical === 'bytes'
    ? column.bytes.byteLength + column.offsets.byteLength
    : column.values.byteLength
}

function digestOfColumn(column: ColumnData, rows: number): number {
  if (column.physical !== 'bytes') return digestOf([column.values])
  const end = column.offsets[rows]!
  return digestOf([column.offsets, column.bytes.slice(0, end - (end % 4))])
}

function encode({ column, encoding }: Case, rows: number): EncodedPage {
  const options = { optional: false, level: 'medium' } as const
  return encodePage(column, 0, rows, encoding === undefined ? options : { ...options, encoding })
}

/** Encodes the page again and again as the blocks of one long run, as a segment's writer does. */
function encoder({ column, encoding }: Case, rows: number, first: EncodedPage): () => EncodedPage {
  let previous = first.meta
  let block = 0
  return () => {
    block += 1
    const options = { optional: false, level: 'medium', previous, block } as const
    const choice = encoding === undefined ? options : { ...options, encoding }
    const page = encodePage(column, 0, rows, choice)
    previous = page.meta
    return page
  }
}

/** Decodes all rows into a column made for them. */
function decoder({ meta, payload }: EncodedPage, column: ColumnData): () => ColumnData {
  const rows = meta.rowCount
  const target = allocateColumn(column.physical, rows, {
    optional: false,
    bytesExpected: bytesIn(column),
  })
  const range = storedRange(meta, 0, meta.vectorCount)
  const stored = payload.subarray(range.from, range.end)
  const place = { column: 'bench' }
  return () => {
    decodeRows(meta, stored, range.from, 0, rows, target, 0, place)
    return target
  }
}

/** Mean milliseconds of a call, over as many as fit in the budget. */
function meanMs(work: () => unknown, budgetMs: number): number {
  work()
  const start = performance.now()
  let calls = 0
  let elapsedMs = 0
  do {
    work()
    calls += 1
    elapsedMs = performance.now() - start
  } while (elapsedMs < budgetMs)
  return elapsedMs / calls
}

const specs = {
  encode: { unit: 'values/s', better: 'more' },
  decode: { unit: 'values/s', better: 'more' },
} as const satisfies Record<string, FigureSpec>

interface Measured {
  readonly figures: readonly Figure[]
  readonly digest: number
  readonly bytesPerValue: number
}

async function measureCase(entry: Case, size: Size, runs: number): Promise<Measured> {
  const { name, column, encoding } = entry
  const rows = rowsIn(column)
  const { budgetMs } = sizes[size]
  const page = encode(entry, rows)
  if (encoding !== undefined) expectEqual(page.meta.encoding, encoding, `encoding of ${name}`)
  const decode = decoder(page, column)
  const encodeNext = encoder(entry, rows, page)
  const digest = digestOfColumn(decode(), rows)
  expectEqual(digest, digestOfColumn(column, rows), `digest of ${name}`)
  const rate = (ms: number): number => (rows / ms) * 1000
  const figures = await measure(size, runs, specs, () => {
    const encodeMs = meanMs(encodeNext, budgetMs)
    const decodeMs = meanMs(decode, budgetMs)
    const probes = [{ name: 'memcpy', value: rate(memcpyMs(bytesIn(column))) }]
    return Promise.resolve({
      elapsedMs: encodeMs + decodeMs,
      readings: {
        encode: { value: rate(encodeMs), probes },
        decode: { value: rate(decodeMs), probes },
      },
    })
  })
  const named = figures.map((figure) => ({ ...figure, name: `${figure.name} ${name}` }))
  return { figures: named, digest, bytesPerValue: page.payload.length / rows }
}

export async function run(size: Size, options: RunOptions = {}): Promise<BenchResult> {
  await loadKernels()
  const runs = runsOf(size, options)
  const { rows } = sizes[size]
  const figures: Figure[] = []
  const digests: number[] = []
  const notes: Record<string, number> = { 'rows a page': rows }
  const real = options.data === undefined ? undefined : realTrades(options.data, rows)
  for (const entry of [...casesOf(rows), ...(real === undefined ? [] : realCases(real, rows))]) {
    const measured = await measureCase(entry, size, runs)
    figures.push(...measured.figures)
    if (!entry.name.startsWith('real')) digests.push(measured.digest)
    notes[`bytes a value, ${entry.name}`] = Number(measured.bytesPerValue.toFixed(3))
  }
  const digest = hexOf(digestOf([Int32Array.from(digests)]))
  return { bench: 'page', size, runs, figures, digest, notes }
}
