// The files of the data set read a second way: lines split at commas, Number(), BigInt(), Date.
// Knows nothing of the import; rules are by hand, a file at a time.
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = process.env['VARVE_DATA'] ?? resolve(root, '../shared/data')
/** Where the data set is; undefined: nowhere. */
export const dataFolder = existsSync(folder) ? folder : undefined

export interface ImportLine {
  readonly series: string
  /** Relative to the data set. */
  readonly file: string
  readonly options: readonly string[]
}

/** The commands in src/ingest/README.md. */
export function importLines(): ImportLine[] {
  const text = readFileSync(resolve(root, 'src/ingest/README.md'), 'utf8')
  const block = /```import\n([^`]*)```/.exec(text)?.[1] ?? ''
  return block
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(
        ([, quoted, plain]) => quoted ?? plain ?? '',
      )
      const [series = '', file = '', ...options] = words
      return { series, file, options }
    })
}

export type ExpectedColumn = Float64Array | BigInt64Array | readonly (string | null)[]
export interface Expected {
  readonly rowCount: number
  readonly columns: Readonly<Record<string, ExpectedColumn>>
}

const msNs = 1_000_000n
const hour = 3_600_000

/** Midnight of a day in Chicago: whichever of the two offsets a clock there agrees with. */
function chicagoMidnight(day: string): bigint {
  const clock = new Intl.DateTimeFormat('en-GB', {
    timeZone: 'America/Chicago',
    hour: '2-digit',
    hourCycle: 'h23',
  })
  const utc = Date.parse(`${day}T00:00:00Z`)
  const found = [5, 6].map((hours) => utc + hours * hour).find((ms) => clock.format(ms) === '00')
  if (found === undefined) throw new Error(`no midnight on ${day}`)
  return BigInt(found) * msNs
}

/** '2019-10-17 09-AM'. */
function hourOfDay(text: string): bigint {
  const [day = '', time = ''] = text.split(' ')
  const [digits = '', half] = time.split('-')
  const hours = (Number(digits) % 12) + (half === 'PM' ? 12 : 0)
  return BigInt(Date.parse(`${day}T00:00:00Z`) + hours * hour) * msNs
}

function timeOf(file: string, cell: (name: string) => string | undefined): bigint {
  const exchange = cell('exch_ts_ms')
  if (exchange !== undefined) return BigInt(exchange) * msNs
  const epoch = cell('ts_ns')
  if (epoch !== undefined) return BigInt(epoch)
  if (file.includes('vix')) return chicagoMidnight(cell('DATE') ?? '')
  if (file.includes('descending')) return hourOfDay(cell('date') ?? '')
  const broker = cell('Date') ?? ''
  return (
    BigInt(
      Date.parse(broker.includes(' ') ? `${broker.replace(' ', 'T')}Z` : `${broker}T00:00:00Z`),
    ) * msNs
  )
}

/** Column of the kind to column of the file, by hand. */
function numberSources(file: string, header: readonly string[]): Record<string, string> {
  const sources: Record<string, string> = {}
  for (const name of ['open', 'high', 'low', 'close', 'volume', 'price', 'size', 'bid', 'ask']) {
    if (header.includes(name)) sources[name] = name
    if (header.includes(name.toUpperCase())) sources[name] = name.toUpperCase()
  }
  for (const side of ['bid', 'ask']) {
    for (const part of ['Open', 'High', 'Low', 'Close', 'Size']) {
      const csv = `${side}_${part.toLowerCase()}`
      if (header.includes(csv)) sources[`${side}${part}`] = csv
    }
    for (const level of '0123456789') {
      if (!header.includes(`${side}_px_${level}`)) continue
      sources[`${side}Price${level}`] = `${side}_px_${level}`
      sources[`${side}Size${level}`] = `${side}_sz_${level}`
    }
  }
  if (file.includes('ejtrader')) sources['volume'] = 'tick_volume'
  if (file.includes('descending')) {
    sources['volume'] = 'volume_btc'
    sources['dollarVolume'] = 'volume'
  }
  return sources
}

function textsOf(
  file: string,
  cells: (name: string) => readonly string[] | undefined,
): Record<string, readonly (string | null)[]> {
  const texts: Record<string, readonly (string | null)[]> = {}
  const put = (name: string, values: readonly (string | null)[] | undefined): void => {
    if (values !== undefined) texts[name] = values.map((text) => (text === '' ? null : text))
  }
  put('venue', cells('exchange'))
  put('conditions', cells('conditions_hex') ?? cells('condition_hex'))
  put('id', cells('trade_id'))
  put(
    'side',
    cells('buyer_is_maker')?.map((text) => (text === '0' ? 'buy' : 'sell')),
  )
  for (const venue of ['fxcm', 'oanda']) {
    if (file.includes(venue))
      put(
        'venue',
        cells('ts_ns')?.map(() => venue.toUpperCase()),
      )
  }
  return texts
}

/** Every row of a file, in file order. */
export function naiveReading(line: ImportLine): Expected {
  const bytes = readFileSync(resolve(dataFolder ?? '', line.file))
  const lines = gunzipSync(bytes).toString('latin1').split(/\r?\n/)
  if (line.file.includes('descending')) lines.shift()
  const header = (lines.shift() ?? '').split(',')
  const rows = lines.filter((text) => text !== '').map((text) => text.split(','))
  const cells = (name: string): string[] | undefined => {
    const index = header.indexOf(name)
    return index < 0 ? undefined : rows.map((row) => row[index] ?? '')
  }
  const columns: Record<string, ExpectedColumn> = {
    time: BigInt64Array.from(rows, (row) => timeOf(line.file, (name) => row[header.indexOf(name)])),
    ...textsOf(line.file, cells),
  }
  const zeroIsAbsent = line.file.includes('ibm_quotes')
  for (const [name, csv] of Object.entries(numberSources(line.file, header))) {
    columns[name] = Float64Array.from(cells(csv) ?? [], (text) => {
      const value = text === '' ? Number.NaN : Number(text)
      return zeroIsAbsent && value === 0 ? Number.NaN : value
    })
  }
  if (header.includes('exch_ts_ms'))
    columns['received'] = BigInt64Array.from(cells('local_ts_ns') ?? [], BigInt)
  if (line.series.startsWith('book10'))
    columns['sequence'] = BigInt64Array.from(cells('update_id') ?? [], BigInt)
  return { rowCount: rows.length, columns }
}
