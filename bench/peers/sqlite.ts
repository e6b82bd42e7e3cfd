// SQLite through better-sqlite3: a table WITHOUT ROWID, ordered by (symbol, time, seq), the tree
// itself being the index; WAL; prepared statements; one transaction per 1,000 rows. Times are
// integers and come back as BigInt, since they do not fit a double.
import { join } from 'node:path'
import type { Table } from '../support/tables.ts'
import type { TradeColumns } from '../support/workload.ts'
import { barsOfRows, timedAsync } from './engine.ts'
import type { Engine, Feed, Keep, Peer, Reader } from './engine.ts'

type Cell = number | bigint

interface Statement {
  run(...cells: readonly (Cell | null)[]): object
  get(...cells: readonly Cell[]): readonly Cell[] | undefined
  all(...cells: readonly Cell[]): readonly (readonly Cell[])[]
  raw(isRaw: boolean): Statement
  safeIntegers(isSafe: boolean): Statement
}

interface Database {
  pragma(text: string): object
  exec(sql: string): Database
  prepare(sql: string): Statement
  transaction<Input>(work: (input: Input) => void): (input: Input) => void
  close(): Database
}

interface Exports {
  readonly default: new (path: string) => Database
}

type Open = (path: string) => Database
type Synchronous = 'NORMAL' | 'FULL'

const symbol = 7
const schema = `CREATE TABLE trades (
  symbol INTEGER NOT NULL, time INTEGER NOT NULL, seq INTEGER NOT NULL,
  price REAL NOT NULL, size REAL NOT NULL,
  PRIMARY KEY (symbol, time, seq)
) WITHOUT ROWID`

// The first row of a minute has its least time and its least seq, the last row the greatest ones.
const barsSql = `SELECT minute, opening.price, high, low, closing.price, volume
  FROM (
    SELECT time / 60000000000 AS minute, min(time) AS time1, min(seq) AS seq1,
      max(time) AS time2, max(seq) AS seq2, max(price) AS high, min(price) AS low,
      sum(size) AS volume
    FROM trades WHERE symbol = ${symbol} GROUP BY minute
  )
  JOIN trades AS opening
    ON opening.symbol = ${symbol} AND opening.time = time1 AND opening.seq = seq1
  JOIN trades AS closing
    ON closing.symbol = ${symbol} AND closing.time = time2 AND closing.seq = seq2
  ORDER BY minute`

function fileIn(folder: string): string {
  return join(folder, 'trades.sqlite')
}

/** NORMAL syncs at checkpoints alone, so the last one of those is part of the load. */
function feedOf(openAt: Open, synchronous: Synchronous): Feed {
  return {
    name: `sqlite, ${synchronous}`,
    mode: synchronous === 'FULL' ? 'batch by batch' : 'at the end',
    async fill(folder, batches) {
      const database = openAt(fileIn(folder))
      database.pragma('journal_mode = WAL')
      database.pragma(`synchronous = ${synchronous}`)
      database.exec(schema)
      const insert = database.prepare(`INSERT INTO trades VALUES (${symbol}, ?, ?, ?, ?)`)
      let seq = 0
      const load = database.transaction(({ time, price, size }: TradeColumns) => {
        for (let row = 0; row < time.length; row += 1) {
          insert.run(time[row]!, seq, price[row]!, size[row]!)
          seq += 1
        }
      })
      const elapsedMs = await timedAsync(async () => {
        for (const batch of batches) load(batch)
        if (synchronous === 'NORMAL') database.pragma('wal_checkpoint(TRUNCATE)')
      })
      database.close()
      return elapsedMs
    },
  }
}

/** Absent values are nulls. */
function keepOf(openAt: Open): Keep {
  return {
    name: 'sqlite',
    isRowWise: true,
    async keep(folder, table) {
      const database = openAt(fileIn(folder))
      const names = Object.keys(table.columns)
      const columns = names.map((name) => `"${name}" REAL,`).join(' ')
      database.exec(`CREATE TABLE kept (symbol INTEGER NOT NULL, time INTEGER NOT NULL,
        seq INTEGER NOT NULL, ${columns} PRIMARY KEY (symbol, time, seq)) WITHOUT ROWID`)
      const marks = names.map(() => ', ?').join('')
      const insert = database.prepare(`INSERT INTO kept VALUES (${symbol}, ?, ?${marks})`)
      const values = Object.values(table.columns)
      database.transaction(({ rowCount, time }: Table) => {
        for (let row = 0; row < rowCount; row += 1) {
          const cells = values.map((column) => (Number.isNaN(column[row]!) ? null : column[row]!))
          insert.run(time[row]!, row, ...cells)
        }
      })(table)
      const present = names.map((name) => `, count("${name}")`).join('')
      const counts = database.prepare(`SELECT count(*)${present} FROM kept`).raw(true).get()!
      database.close()
      return counts.map(Number)
    },
  }
}

function columnsOf(rows: readonly (readonly Cell[])[]): TradeColumns {
  const time = new BigInt64Array(rows.length)
  const price = new Float64Array(rows.length)
  const size = new Float64Array(rows.length)
  for (let row = 0; row < rows.length; row += 1) {
    const cells = rows[row]!
    time[row] = BigInt(cells[0]!)
    price[row] = Number(cells[1]!)
    size[row] = Number(cells[2]!)
  }
  return { time, price, size }
}

function openReader(openAt: Open, folder: string): Reader {
  const database = openAt(fileIn(folder))
  // Pages stay in the mapping of the page cache, not copied into a cache of SQLite's own.
  database.pragma('mmap_size = 4294967296')
  const sum = database.prepare(`SELECT sum(size) FROM trades WHERE symbol = ${symbol}`).raw(true)
  const bars = database.prepare(barsSql).raw(true)
  const row = `SELECT time, price, size FROM trades WHERE symbol = ${symbol}`
  const minute = database
    .prepare(`${row} AND time >= ? AND time < ? ORDER BY time, seq`)
    .raw(true)
    .safeIntegers(true)
  const last = database
    .prepare(`${row} ORDER BY time DESC, seq DESC LIMIT 1`)
    .raw(true)
    .safeIntegers(true)
  return {
    sum: () => Number(sum.get()![0]),
    bars: () => barsOfRows(bars.all().map((cells) => cells.map(Number))),
    minute: (from, to) => columnsOf(minute.all(from, to)),
    last() {
      const [time, price, size] = last.get()!
      return { time: BigInt(time!), price: Number(price), size: Number(size) }
    },
    close() {
      database.close()
    },
  }
}

export const sqlite: Peer = {
  packages: ['better-sqlite3'],
  async engines(load): Promise<Engine[]> {
    const { default: Sqlite } = await load<Exports>('better-sqlite3')
    const openAt: Open = (path) => new Sqlite(path)
    // Its native part is loaded by the first database.
    openAt(':memory:').close()
    return [
      {
        name: 'sqlite',
        store: 'sqlite',
        isRowWise: true,
        feeds: [feedOf(openAt, 'NORMAL'), feedOf(openAt, 'FULL')],
        keeps: [keepOf(openAt)],
        open: async (folder) => openReader(openAt, folder),
      },
    ]
  },
}
