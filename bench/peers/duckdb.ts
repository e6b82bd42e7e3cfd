// DuckDB through @duckdb/node-api, one thread, on its own table and on a Parquet file that it wrote
// with zstd. Rows are put in by the appender, a chunk of 1,000 at a time, and stand in order of time:
// both formats skip row groups by their least and greatest times.
import { join } from 'node:path'
import { partsOf } from '../support/tables.ts'
import type { Table } from '../support/tables.ts'
import type { TradeColumns } from '../support/workload.ts'
import { barsOfRows, timedAsync } from './engine.ts'
import type { Engine, Feed, Keep, LastRow, Peer, Reader } from './engine.ts'

type Cell = number | bigint
type Cells = ArrayLike<Cell | null>

interface Chunk {
  rowCount: number
  setColumnValues(column: number, values: Cells): void
}

interface Appender {
  appendDataChunk(chunk: Chunk): void
  flushSync(): void
  closeSync(): void
}

interface Answer {
  getColumns(): Promise<readonly (readonly Cell[])[]>
  getRows(): Promise<readonly (readonly Cell[])[]>
}

interface Prepared {
  bindBigInt(parameter: number, value: bigint): void
  run(): Promise<Answer>
}

interface Connection {
  run(sql: string): Promise<Answer>
  prepare(sql: string): Promise<Prepared>
  createAppender(table: string): Promise<Appender>
  closeSync(): void
}

interface Instance {
  connect(): Promise<Connection>
  closeSync(): void
}

type TypeName = 'BIGINT' | 'DOUBLE'

interface Exports {
  readonly default: Readonly<Record<TypeName, object>> & {
    readonly DuckDBInstance: {
      create(path: string, options: Readonly<Record<string, string>>): Promise<Instance>
    }
    readonly DuckDBDataChunk: { create(types: readonly object[], rowCount: number): Chunk }
  }
}

type Duck = Exports['default']

const createSql = 'CREATE TABLE trades (time BIGINT, price DOUBLE, size DOUBLE)'
const barsSql = `SELECT (time // 60000000000)::DOUBLE AS minute, first(price), max(price),
  min(price), last(price), sum(size) FROM trades GROUP BY minute ORDER BY minute`

function tableIn(folder: string): string {
  return join(folder, 'trades.duckdb')
}

/** Where the Parquet file of a folder is. */
export function parquetIn(folder: string): string {
  return join(folder, 'trades.parquet')
}

/** Runs `work` on one connection of one thread. */
async function connected<Result>(
  { DuckDBInstance }: Duck,
  path: string,
  work: (connection: Connection) => Promise<Result>,
): Promise<Result> {
  const instance = await DuckDBInstance.create(path, { threads: '1' })
  const connection = await instance.connect()
  try {
    return await work(connection)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

async function append(
  { DuckDBDataChunk, BIGINT, DOUBLE }: Duck,
  connection: Connection,
  batches: readonly TradeColumns[],
  isCommitEach: boolean,
): Promise<void> {
  const appender = await connection.createAppender('trades')
  for (const { time, price, size } of batches) {
    const chunk = DuckDBDataChunk.create([BIGINT, DOUBLE, DOUBLE], time.length)
    chunk.setColumnValues(0, time)
    chunk.setColumnValues(1, price)
    chunk.setColumnValues(2, size)
    appender.appendDataChunk(chunk)
    if (isCommitEach) appender.flushSync()
  }
  appender.closeSync()
}

const chunkRows = 1000

/** Absent values are nulls. */
function nullsIn(values: Float64Array): Cells {
  return Array.from(values, (value) => (Number.isNaN(value) ? null : value))
}

async function appendTable(
  { DuckDBDataChunk, BIGINT, DOUBLE }: Duck,
  connection: Connection,
  table: Table,
): Promise<void> {
  const names = Object.keys(table.columns)
  const columns = names.map((name) => `, "${name}" DOUBLE`).join('')
  await connection.run(`CREATE TABLE kept (time BIGINT${columns})`)
  const appender = await connection.createAppender('kept')
  for (const part of partsOf(table, chunkRows)) {
    const chunk = DuckDBDataChunk.create([BIGINT, ...names.map(() => DOUBLE)], part.rowCount)
    chunk.setColumnValues(0, part.time)
    names.forEach((name, at) => chunk.setColumnValues(at + 1, nullsIn(part.columns[name]!)))
    appender.appendDataChunk(chunk)
  }
  appender.closeSync()
}

async function countsIn(connection: Connection, from: string, table: Table): Promise<number[]> {
  const present = Object.keys(table.columns).map((name) => `, count("${name}")`)
  const answer = await connection.run(`SELECT count(*)${present.join('')} FROM ${from}`)
  return (await answer.getRows())[0]!.map(Number)
}

function tableKeep(duck: Duck): Keep {
  return {
    name: 'duckdb',
    isRowWise: false,
    keep: (folder, table) =>
      connected(duck, tableIn(folder), async (connection) => {
        await appendTable(duck, connection, table)
        await connection.run('CHECKPOINT')
        return countsIn(connection, 'kept', table)
      }),
  }
}

function parquetKeep(duck: Duck, name: string, version: 'V1' | 'V2'): Keep {
  return {
    name,
    isRowWise: false,
    keep: (folder, table) =>
      connected(duck, ':memory:', async (connection) => {
        await appendTable(duck, connection, table)
        const file = `'${parquetIn(folder)}'`
        const options = `FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION ${version}`
        await connection.run(`COPY kept TO ${file} (${options})`)
        return countsIn(connection, `read_parquet(${file})`, table)
      }),
  }
}

function tableFeed(duck: Duck, isCommitEach: boolean): Feed {
  return {
    name: isCommitEach ? 'duckdb, a commit per 1,000' : 'duckdb, one transaction',
    mode: isCommitEach ? 'batch by batch' : 'at the end',
    fill: (folder, batches) =>
      connected(duck, tableIn(folder), async (connection) => {
        await connection.run(createSql)
        return timedAsync(async () => {
          if (!isCommitEach) await connection.run('BEGIN')
          await append(duck, connection, batches, isCommitEach)
          if (!isCommitEach) await connection.run('COMMIT')
        })
      }),
  }
}

function parquetFeed(duck: Duck): Feed {
  return {
    name: 'parquet zstd, by duckdb',
    fill: (folder, batches) =>
      connected(duck, ':memory:', async (connection) => {
        await connection.run(createSql)
        const target = `'${parquetIn(folder)}' (FORMAT parquet, COMPRESSION zstd)`
        return timedAsync(async () => {
          await append(duck, connection, batches, false)
          await connection.run(`COPY trades TO ${target}`)
        })
      }),
  }
}

/** `lastSql` is the fastest of several questions for the last row: most of them read all rows. */
async function openReader(instance: Instance, setup: string, lastSql: string): Promise<Reader> {
  const connection = await instance.connect()
  if (setup !== '') await connection.run(setup)
  const sum = await connection.prepare('SELECT sum(size) FROM trades')
  const bars = await connection.prepare(barsSql)
  const minute = await connection.prepare(
    'SELECT time, price, size FROM trades WHERE time >= $1 AND time < $2',
  )
  const last = await connection.prepare(lastSql)
  const rowsOf = async (prepared: Prepared) => (await prepared.run()).getRows()
  return {
    sum: async () => Number((await rowsOf(sum))[0]![0]),
    bars: async () => barsOfRows((await rowsOf(bars)).map((cells) => cells.map(Number))),
    async minute(from, to): Promise<TradeColumns> {
      minute.bindBigInt(1, from)
      minute.bindBigInt(2, to)
      const [time, price, size] = await (await minute.run()).getColumns()
      return {
        time: BigInt64Array.from(time!, BigInt),
        price: Float64Array.from(price!, Number),
        size: Float64Array.from(size!, Number),
      }
    },
    async last(): Promise<LastRow> {
      const [time, price, size] = (await rowsOf(last))[0]!
      return { time: BigInt(time!), price: Number(price), size: Number(size) }
    },
    close() {
      connection.closeSync()
      instance.closeSync()
    },
  }
}

export const duckdb: Peer = {
  packages: ['@duckdb/node-api'],
  async engines(load): Promise<Engine[]> {
    const { default: duck } = await load<Exports>('@duckdb/node-api')
    const create = (path: string): Promise<Instance> =>
      duck.DuckDBInstance.create(path, { threads: '1' })
    const lastOf = (row: string): string =>
      `SELECT time, price, size FROM trades
        WHERE time = (SELECT max(time) FROM trades) ORDER BY ${row} DESC LIMIT 1`
    return [
      {
        name: 'duckdb',
        store: 'duckdb',
        isRowWise: false,
        feeds: [tableFeed(duck, false), tableFeed(duck, true)],
        keeps: [tableKeep(duck)],
        open: async (folder) => openReader(await create(tableIn(folder)), '', lastOf('rowid')),
      },
      {
        name: 'parquet, duckdb',
        store: 'parquet',
        isRowWise: false,
        feeds: [parquetFeed(duck)],
        keeps: [
          parquetKeep(duck, 'parquet, duckdb', 'V1'),
          parquetKeep(duck, 'parquet v2, duckdb', 'V2'),
        ],
        async open(folder) {
          const source = `read_parquet('${parquetIn(folder)}', file_row_number = true)`
          const setup = `SET parquet_metadata_cache = true; CREATE VIEW trades AS FROM ${source}`
          return openReader(await create(':memory:'), setup, lastOf('file_row_number'))
        },
      },
    ]
  },
}
