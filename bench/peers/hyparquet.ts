// hyparquet, Parquet in JavaScript alone, on the file that DuckDB wrote with zstd. Columns are taken
// as it decodes them, a row group at a time; rows as objects would cost several times as much. The
// file's metadata are read once. A question about a minute reads the row groups whose least and
// greatest times allow it.
import type { TradeColumns } from '../support/workload.ts'
import { parquetIn } from './duckdb.ts'
import { barMaker, firstAtOrAfter, joined, timedAsync } from './engine.ts'
import type { Engine, Feed, LastRow, Peer, Reader } from './engine.ts'

type File = Readonly<{ byteLength: number }>

interface Metadata {
  readonly row_groups: readonly {
    readonly num_rows: bigint
    readonly columns: readonly {
      readonly meta_data?: {
        readonly statistics?: { readonly min_value?: bigint; readonly max_value?: bigint }
      }
    }[]
  }[]
}

interface Piece {
  readonly columnName: string
  readonly columnData: ArrayLike<number | bigint>
  readonly rowStart: number
}

interface Exports {
  asyncBufferFromFile(path: string): Promise<File>
  parquetMetadataAsync(file: File): Promise<Metadata>
  parquetRead(options: {
    readonly file: File
    readonly metadata: Metadata
    readonly columns: readonly string[]
    readonly compressors: object
    readonly rowStart: number
    readonly rowEnd: number
    readonly onChunk: (piece: Piece) => void
  }): Promise<void>
}

interface CompressorExports {
  readonly compressors: object
}

interface WriterExports {
  parquetWriteFile(options: {
    readonly filename: string
    readonly columnData: readonly {
      readonly name: string
      readonly data: BigInt64Array | Float64Array
      readonly type: 'INT64' | 'DOUBLE'
    }[]
  }): void
}

/** One row group: its rows in the file, and the bounds of their times. */
interface Group {
  readonly start: number
  readonly end: number
  readonly least: bigint
  readonly greatest: bigint
}

function groupsOf({ row_groups: groups }: Metadata): Group[] {
  let start = 0
  return groups.map(({ num_rows: rows, columns }) => {
    const { min_value: least, max_value: greatest } = columns[0]?.meta_data?.statistics ?? {}
    if (least === undefined || greatest === undefined) throw new Error('row group without bounds')
    const group = { start, end: start + Number(rows), least, greatest }
    start = group.end
    return group
  })
}

/** Of whole columns, with Snappy: a file is written once it is complete, and not synced. */
function feedOf({ parquetWriteFile }: WriterExports): Feed {
  return {
    name: 'parquet snappy, by hyparquet-writer',
    fill: (folder, batches) =>
      timedAsync(async () => {
        const { time, price, size } = joined(batches)
        parquetWriteFile({
          filename: parquetIn(folder),
          columnData: [
            { name: 'time', data: time, type: 'INT64' },
            { name: 'price', data: price, type: 'DOUBLE' },
            { name: 'size', data: size, type: 'DOUBLE' },
          ],
        })
      }),
  }
}

async function openReader(
  { asyncBufferFromFile, parquetMetadataAsync, parquetRead }: Exports,
  compressors: object,
  folder: string,
): Promise<Reader> {
  const file = await asyncBufferFromFile(parquetIn(folder))
  const metadata = await parquetMetadataAsync(file)
  const groups = groupsOf(metadata)
  const read = (
    columns: readonly string[],
    { start, end }: Group,
    onChunk: (piece: Piece) => void,
  ): Promise<void> =>
    parquetRead({ file, metadata, columns, compressors, rowStart: start, rowEnd: end, onChunk })

  async function rowsOf(group: Group): Promise<TradeColumns> {
    const rows = group.end - group.start
    const time = new BigInt64Array(rows)
    const price = new Float64Array(rows)
    const size = new Float64Array(rows)
    await read(['time', 'price', 'size'], group, ({ columnName, columnData, rowStart }) => {
      const at = rowStart - group.start
      if (columnName === 'time') time.set(columnData as ArrayLike<bigint>, at)
      else (columnName === 'price' ? price : size).set(columnData as ArrayLike<number>, at)
    })
    return { time, price, size }
  }

  return {
    async sum() {
      let sum = 0
      for (const group of groups) {
        await read(['size'], group, ({ columnData }) => {
          const values = columnData as ArrayLike<number>
          for (let row = 0; row < values.length; row += 1) sum += values[row]!
        })
      }
      return sum
    },
    async bars() {
      const maker = barMaker()
      for (const group of groups) maker.add(await rowsOf(group))
      return maker.bars()
    },
    async minute(from, to): Promise<TradeColumns> {
      const touched = groups.filter(({ least, greatest }) => least < to && greatest >= from)
      const first = touched[0]
      const last = touched.at(-1)
      if (first === undefined || last === undefined) throw new Error('a minute without rows')
      const { time, price, size } = await rowsOf({ ...first, end: last.end })
      const low = firstAtOrAfter(time, from)
      const end = firstAtOrAfter(time, to, low)
      return {
        time: time.subarray(low, end),
        price: price.subarray(low, end),
        size: size.subarray(low, end),
      }
    },
    async last(): Promise<LastRow> {
      const { time, price, size } = await rowsOf(groups.at(-1)!)
      const at = time.length - 1
      return { time: time[at]!, price: price[at]!, size: size[at]! }
    },
    close() {},
  }
}

export const hyparquet: Peer = {
  packages: ['hyparquet', 'hyparquet-compressors', 'hyparquet-writer', '@duckdb/node-api'],
  async engines(load): Promise<Engine[]> {
    const exports = await load<Exports>('hyparquet')
    const { compressors } = await load<CompressorExports>('hyparquet-compressors')
    return [
      {
        name: 'parquet, hyparquet',
        store: 'parquet',
        isRowWise: false,
        feeds: [feedOf(await load<WriterExports>('hyparquet-writer'))],
        keeps: [],
        open: (folder) => openReader(exports, compressors, folder),
      },
    ]
  },
}
