// varve query and varve latest: rows as a table, CSV or JSON, in bounded memory.
import { VarveError } from '#base'
import type { Kind } from '#schema'
import type { Engine, EngineBatch, EngineSeries, Query, ReadableStore } from './engine.ts'
import { kindNamed } from './import-command.ts'
import { wholeNumber } from './import-options.ts'
import { jsonText, padRow, paint, tableWidths } from './output.ts'
import type { Output, TableCell } from './output.ts'
import { checkTimeframe, parseSeriesName } from './series-name.ts'

export type Format = 'table' | 'csv' | 'json'

export interface QueryWords {
  readonly from?: string
  readonly to?: string
  readonly columns?: string
  readonly limit?: string
  readonly reverse?: boolean
  readonly format?: Format
  readonly snapshot?: string
  readonly json?: boolean
}

type Fields = readonly (readonly [string, unknown])[]

function fieldsOf(batch: EngineBatch, index: number): Fields {
  return Object.entries(batch.row(index))
}

/** -0 keeps its sign; the shortest digits that read back as the same double. */
function numberText(value: number, scale: number | undefined): string {
  if (scale !== undefined && Number.isFinite(value)) return value.toFixed(scale)
  return Object.is(value, -0) ? '-0' : String(value)
}

interface ValueText {
  /** Digits after the point of a decimal column; undefined for others. */
  scaleOf(name: string): number | undefined
  /** The column is optional: NaN is absent. */
  isOptional(name: string): boolean
  time(ns: bigint): string
  isTime(name: string): boolean
}

function valueTexts(kind: Kind, time: (ns: bigint) => string): ValueText {
  const columnOf = (name: string): Kind['columns'][string] | undefined =>
    Object.hasOwn(kind.columns, name) ? kind.columns[name] : undefined
  return {
    scaleOf(name) {
      const column = columnOf(name)
      return column?.type === 'decimal' ? column.scale : undefined
    },
    isOptional: (name) => columnOf(name)?.isOptional ?? name === 'received',
    time,
    isTime: (name) => name === 'time' || name === 'received' || columnOf(name)?.type === 'time',
  }
}

function textOfValue(texts: ValueText, name: string, value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'bigint') return texts.isTime(name) ? texts.time(value) : String(value)
  if (typeof value === 'number') {
    if (Number.isNaN(value) && texts.isOptional(name)) return ''
    return numberText(value, texts.scaleOf(name))
  }
  if (typeof value === 'string') return value
  return typeof value === 'boolean' ? String(value) : jsonText(value)
}

/** RFC 4180: quoted where it holds a comma, a quote or a line end. */
function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

function printJson(output: Output, batches: Iterable<EngineBatch>): void {
  let separator = '['
  for (const batch of batches) {
    let text = ''
    for (let index = 0; index < batch.rowCount; index += 1) {
      text += `${separator}${jsonText(batch.row(index))}`
      separator = ',\n'
    }
    output.write(text)
  }
  output.write(separator === '[' ? '[]\n' : ']\n')
}

function printCsv(
  output: Output,
  batches: Iterable<EngineBatch>,
  names: readonly string[],
  texts: ValueText,
): void {
  output.write(`${names.map(csvCell).join(',')}\n`)
  for (const batch of batches) {
    let text = ''
    for (let index = 0; index < batch.rowCount; index += 1) {
      const cells = fieldsOf(batch, index).map(([name, value]) =>
        csvCell(textOfValue(texts, name, value)),
      )
      text += `${cells.join(',')}\n`
    }
    output.write(text)
  }
}

/** Columns are as wide as the first batch needs. Those without a value in it are left out unless
 * asked for. */
function printTableOf(
  output: Output,
  batches: Iterable<EngineBatch>,
  texts: ValueText,
  keepsEmpty: boolean,
): void {
  let shown: readonly string[] | undefined
  let widths: readonly number[] = []
  for (const batch of batches) {
    const rows = Array.from(
      { length: batch.rowCount },
      (_, index) => new Map(fieldsOf(batch, index)),
    )
    const cellOf = (row: ReadonlyMap<string, unknown>, name: string): TableCell => {
      const value = row.get(name)
      const text = textOfValue(texts, name, value)
      return typeof value === 'number' || typeof value === 'bigint' ? { right: text } : text
    }
    if (shown === undefined) {
      const names = [...(rows[0]?.keys() ?? [])]
      shown = names.filter(
        (name) => keepsEmpty || rows.some((row) => textOfValue(texts, name, row.get(name)) !== ''),
      )
      const all = shown
      widths = tableWidths(
        all,
        rows.map((row) => all.map((name) => cellOf(row, name))),
      )
      output.write(`${paint(output, 'bold', padRow(all, widths).trimEnd())}\n`)
    }
    const visible = shown
    let text = ''
    for (const row of rows) {
      text += padRow(
        visible.map((name) => cellOf(row, name)),
        widths,
      )
    }
    output.write(text)
  }
  if (shown === undefined) output.note('no rows\n')
}

interface Printing {
  readonly format: Format
  /** Columns asked for; undefined: all. */
  readonly columns: readonly string[] | undefined
}

function printRows(
  engine: Engine,
  output: Output,
  kind: Kind,
  batches: Iterable<EngineBatch>,
  { format, columns }: Printing,
): void {
  switch (format) {
    case 'json':
      printJson(output, batches)
      return
    case 'csv': {
      const all = columns ?? ['received', ...Object.keys(kind.columns)]
      printCsv(
        output,
        orderedBatches(batches, ['time', ...all.filter((name) => name !== 'time')]),
        ['time', ...all.filter((name) => name !== 'time')],
        valueTexts(kind, String),
      )
      return
    }
    default:
      printTableOf(output, batches, valueTexts(kind, engine.iso), columns !== undefined)
  }
}

/** Rows with their fields in the order of the header. */
function* orderedBatches(
  batches: Iterable<EngineBatch>,
  names: readonly string[],
): Generator<EngineBatch> {
  for (const batch of batches) {
    yield {
      rowCount: batch.rowCount,
      row(index) {
        const row = new Map(fieldsOf(batch, index))
        return Object.fromEntries(names.map((name) => [name, row.get(name)]))
      },
    }
  }
}

const formats: readonly string[] = ['table', 'csv', 'json']

function formatOf(words: { readonly format?: Format; readonly json?: boolean }): Format {
  if (words.format !== undefined && !formats.includes(words.format)) {
    throw new VarveError(
      'ERR_ARGUMENT',
      `there is no format ${words.format}`,
      {},
      {
        hint: 'Give --format table, csv or json.',
      },
    )
  }
  if (words.json === true) return 'json'
  return words.format ?? 'table'
}

interface OpenedSeries {
  readonly series: EngineSeries
  readonly kind: Kind
}

/** A series of a store or a snapshot. One that holds nothing is refused: it is a typing mistake
 * more often than not. */
function openSeries(
  engine: Engine,
  store: ReadableStore,
  text: string,
  snapshot: string | undefined,
): OpenedSeries {
  const name = parseSeriesName(text)
  const { symbol, timeframe } = name
  if (symbol === undefined) {
    throw new VarveError('ERR_ARGUMENT', `${text}: one series at a time`, { actual: text })
  }
  const kind = kindNamed(engine, store, name.kind)
  checkTimeframe(text, kind, name)
  const view = snapshot === undefined ? store : store.at(snapshot)
  const isThere = view
    .list()
    .some(
      (info) => info.kind === kind.name && info.symbol === symbol && info.timeframe === timeframe,
    )
  if (!isThere) {
    throw new VarveError(
      'ERR_NOT_FOUND',
      `there is no series ${text}`,
      { series: text },
      {
        hint: 'varve ls lists what there is.',
      },
    )
  }
  return { series: view.series(kind, symbol, timeframe), kind }
}

const tableRows = 1024

/** Runs varve query. */
export async function queryCommand(
  engine: Engine,
  output: Output,
  directory: string,
  text: string,
  words: QueryWords,
): Promise<void> {
  const format = formatOf(words)
  const columns = words.columns?.split(',').filter((name) => name !== '')
  const query: Query = {
    ...(words.from === undefined ? {} : { from: timeOf(engine, words.from) }),
    ...(words.to === undefined ? {} : { to: timeOf(engine, words.to) }),
    ...(columns === undefined ? {} : { columns: columns.filter((name) => name !== 'time') }),
    ...(words.limit === undefined ? {} : { limit: wholeNumber('--limit', words.limit) }),
    ...(words.reverse === true ? { reverse: true } : {}),
    ...(format === 'table' ? { batchRows: tableRows } : {}),
  }
  const store = await engine.openToRead(directory)
  try {
    const { series, kind } = openSeries(engine, store, text, words.snapshot)
    printRows(engine, output, kind, series.scan(query), { format, columns })
  } finally {
    await store.close()
  }
}

/** ISO 8601 with a zone, a UTC date alone, or epoch nanoseconds. */
function timeOf(engine: Engine, text: string): bigint {
  if (/^-?\d{6,19}$/.test(text)) return BigInt(text)
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return engine.ns(`${text}T00:00:00Z`)
  return engine.ns(text)
}

export interface LatestWords {
  readonly count?: string
  readonly format?: Format
  readonly json?: boolean
}

/** Runs varve latest: with --json one row (or null); a list where --count is given. */
export async function latestCommand(
  engine: Engine,
  output: Output,
  directory: string,
  text: string,
  words: LatestWords,
): Promise<void> {
  const format = formatOf(words)
  const count = words.count === undefined ? undefined : wholeNumber('--count', words.count)
  const store = await engine.openToRead(directory)
  try {
    const { series, kind } = openSeries(engine, store, text, undefined)
    if (format === 'json' && count === undefined) {
      output.write(`${jsonText(series.latest() ?? null)}\n`)
      return
    }
    const batch = series.latestRows(count ?? 1)
    const batches = batch.rowCount === 0 ? [] : [batch]
    printRows(engine, output, kind, batches, { format, columns: undefined })
  } finally {
    await store.close()
  }
}
