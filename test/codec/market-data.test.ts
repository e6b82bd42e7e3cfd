// Goal: real ticks come back bit for bit and take no more bytes a row than promised. Method: days
// of SPY trades, IBM quotes and EURUSD quotes, a run a day, every column a page at a time. Needs
// the data folder: VARVE_DATA, or ../shared/data beside the repository.
import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import type { ColumnData } from '#batch'
import { encodePage } from '#codec'
import type { Level, PageMeta } from '#codec'
import { loadKernels } from '#kernel'
import { decodeSlice, metaBytes, reread } from './oracle.ts'

beforeAll(loadKernels)

const folder =
  process.env['VARVE_DATA'] ?? new URL('../../../shared/data', import.meta.url).pathname
const rowsMax = 250_000
const day = 86_400_000_000_000n

/** Times and the asked columns of a file; 0 is absent where `zeroIsAbsent`. */
function columnsOf(file: string, names: readonly string[], zeroIsAbsent: boolean) {
  const lines = gunzipSync(readFileSync(`${folder}/${file}`))
    .toString('latin1')
    .split('\n')
  const head = lines[0]!.split(',')
  const rows = Math.min(rowsMax, lines.length - 2)
  const times = new BigInt64Array(rows)
  const columns = names.map(() => new Float64Array(rows))
  for (let row = 0; row < rows; row += 1) {
    const cells = lines[row + 1]!.split(',')
    times[row] = BigInt(cells[0]!)
    names.forEach((name, c) => {
      const value = Number(cells[head.indexOf(name)])
      columns[c]![row] = zeroIsAbsent && value === 0 ? NaN : value
    })
  }
  const starts = [0]
  for (let row = 1; row < rows; row += 1) {
    if (times[row]! / day !== times[row - 1]! / day) starts.push(row)
  }
  return { times, columns, starts: [...starts, rows] }
}

/**
 * Bytes of one column, pages of at most 65,536 rows that cross no day; each page is decoded and
 * compared.
 */
function storedBytes(
  column: ColumnData,
  starts: readonly number[],
  optional: boolean,
  level: Level,
): number {
  let bytes = 0
  let previous: PageMeta | undefined
  for (let d = 0; d + 1 < starts.length; d += 1) {
    for (let row = starts[d]!; row < starts[d + 1]!; row += 65_536) {
      const rows = Math.min(65_536, starts[d + 1]! - row)
      const options = previous === undefined ? { optional, level } : { optional, level, previous }
      const { meta, payload } = encodePage(column, row, rows, options)
      previous = meta
      bytes += payload.length + metaBytes(meta).length
      const decoded = decodeSlice(reread(meta), payload, 0, rows, optional)
      if (decoded.physical === 'bytes' || column.physical === 'bytes') continue
      const from = new Uint8Array(column.values.buffer, row * 8, rows * 8)
      expect(Buffer.compare(from, new Uint8Array(decoded.values.buffer))).toBe(0)
    }
  }
  return bytes
}

const feeds: [
  file: string,
  names: string[],
  zeroIsAbsent: boolean,
  bytesMax: Readonly<Record<'medium' | 'high', number>>,
][] = [
  [
    'trades/us-equity/spy_trades_tick.csv.gz',
    ['price', 'size'],
    false,
    { medium: 3.3, high: 1.35 },
  ],
  [
    'quotes/us-equity/ibm_quotes_tick.csv.gz',
    ['bid', 'bid_size', 'ask', 'ask_size'],
    true,
    { medium: 4, high: 1.5 },
  ],
  ['quotes/fx/fxcm_eurusd_tick.csv.gz', ['bid', 'ask'], false, { medium: 3.3, high: 2 }],
]

describe.skipIf(!existsSync(`${folder}/trades`))('market data', () => {
  for (const [file, names, zeroIsAbsent, bytesMax] of feeds) {
    it(`${file} takes at most ${JSON.stringify(bytesMax)} bytes a row`, () => {
      const { times, columns, starts } = columnsOf(file, names, zeroIsAbsent)
      for (const level of ['medium', 'high'] as const) {
        let bytes = storedBytes({ physical: 'i64', values: times }, starts, false, level)
        for (const values of columns) {
          bytes += storedBytes({ physical: 'f64', values }, starts, zeroIsAbsent, level)
        }
        expect(bytes / times.length, level).toBeLessThan(bytesMax[level])
      }
    })
  }
})
