// LMDB through lmdb-js, in two designs; one transaction per 1,000 rows in both.
//
//   rows    key   time u64 BE | seq u32 BE          value  price f64 | size f64
//   blocks  key   time u64 BE | seq u32 BE          value  time i64 x n | price f64 x n | size f64 x n
//           of the block's first row                       1,000 rows, in the machine's order of bytes
import { join } from 'node:path'
import { turn } from '../support/harness.ts'
import { partsOf } from '../support/tables.ts'
import type { TradeColumns } from '../support/workload.ts'
import { barMaker, firstAtOrAfter, joined, sumOf, timedAsync } from './engine.ts'
import type { BarMaker, Engine, Feed, Keep, LastRow, Peer, Reader } from './engine.ts'

interface Entry {
  readonly key: Buffer
  readonly value: Buffer
}

interface RangeOptions {
  readonly start?: Buffer
  readonly end?: Buffer
  readonly reverse?: boolean
  readonly limit?: number
}

interface Database {
  put(key: Buffer, value: Buffer): Promise<boolean>
  transaction(work: () => void): Promise<void>
  getRange(options: RangeOptions): Iterable<Entry>
  readonly flushed: Promise<boolean>
  close(): Promise<void>
}

interface Exports {
  open(options: {
    readonly path: string
    readonly encoding: 'binary'
    readonly keyEncoding: 'binary'
    readonly mapSize: number
  }): Database
}

type Open = (folder: string) => Database
type Put = (database: Database, batch: TradeColumns, firstSeq: number) => void

const keyBytes = 12
const rowBytes = 24

function keyOf(time: bigint, seq: number): Buffer {
  const key = Buffer.allocUnsafe(keyBytes)
  key.writeBigUInt64BE(time, 0)
  key.writeUInt32BE(seq, 8)
  return key
}

function putRows(database: Database, { time, price, size }: TradeColumns, firstSeq: number): void {
  for (let row = 0; row < time.length; row += 1) {
    const value = Buffer.allocUnsafe(16)
    value.writeDoubleLE(price[row]!, 0)
    value.writeDoubleLE(size[row]!, 8)
    void database.put(keyOf(time[row]!, firstSeq + row), value)
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: BigInt64Array | Float64Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

function putBlock(database: Database, { time, price, size }: TradeColumns, firstSeq: number): void {
  const value = Buffer.concat([bytesOf(time), bytesOf(price), bytesOf(size)])
  void database.put(keyOf(time[0]!, firstSeq), value)
}

/**
 * Transactions are handed over without waiting, as rows to varve: those that wait share a commit in
 * the background. `flushed` is when the last of them is synced.
 */
function feedOf(name: string, mode: Feed['mode'], openAt: Open, put: Put): Feed {
  return {
    name,
    ...(mode === undefined ? {} : { mode }),
    async fill(folder, batches) {
      const database = openAt(folder)
      const elapsedMs = await timedAsync(async () => {
        const commits: Promise<void>[] = []
        let seq = 0
        for (const batch of batches) {
          const firstSeq = seq
          commits.push(database.transaction(() => put(database, batch, firstSeq)))
          if (commits.length % 10 === 0) await turn()
          seq += batch.time.length
        }
        await Promise.all(commits)
        await database.flushed
      })
      await database.close()
      return elapsedMs
    },
  }
}

/**
 * A value holds the columns of `blockRows` rows, NaN for what is absent; of a single row the time is
 * in the key alone.
 */
function keepOf(name: string, openAt: Open, blockRows: number): Keep {
  const isSingle = blockRows === 1
  return {
    name,
    isRowWise: isSingle,
    async keep(folder, table) {
      const database = openAt(folder)
      const names = Object.keys(table.columns)
      let seq = 0
      for (const part of partsOf(table, 1000)) {
        await database.transaction(() => {
          for (const { rowCount, time, columns } of partsOf(part, blockRows)) {
            const values = names.map((column) => bytesOf(columns[column]!))
            const value = Buffer.concat(isSingle ? values : [bytesOf(time), ...values])
            void database.put(keyOf(time[0]!, seq), value)
            seq += rowCount
          }
        })
      }
      await database.flushed
      const counts = [0, ...names.map(() => 0)]
      for (const { value } of database.getRange({})) {
        const words = value.length / 8
        const rows = isSingle ? 1 : words / (names.length + 1)
        counts[0]! += rows
        for (let at = isSingle ? 0 : rows; at < words; at += 1) {
          const column = isSingle ? at + 1 : Math.floor(at / rows)
          if (!Number.isNaN(value.readDoubleLE(8 * at))) counts[column]! += 1
        }
      }
      await database.close()
      return counts
    },
  }
}

const piece = 4096

function rowsReader(database: Database): Reader {
  let time = new BigInt64Array(piece)
  let price = new Float64Array(piece)
  let size = new Float64Array(piece)
  const take = (entries: Iterable<Entry>): TradeColumns => {
    let count = 0
    for (const { key, value } of entries) {
      if (count === time.length) {
        const [oldTime, oldPrice, oldSize] = [time, price, size]
        time = new BigInt64Array(2 * count)
        price = new Float64Array(2 * count)
        size = new Float64Array(2 * count)
        time.set(oldTime)
        price.set(oldPrice)
        size.set(oldSize)
      }
      time[count] = key.readBigUInt64BE(0)
      price[count] = value.readDoubleLE(0)
      size[count] = value.readDoubleLE(8)
      count += 1
    }
    return {
      time: time.subarray(0, count),
      price: price.subarray(0, count),
      size: size.subarray(0, count),
    }
  }
  return {
    sum() {
      let sum = 0
      for (const { value } of database.getRange({})) sum += value.readDoubleLE(8)
      return sum
    },
    bars() {
      const maker = barMaker()
      maker.add(take(database.getRange({})))
      return maker.bars()
    },
    minute: (from, to) => take(database.getRange({ start: keyOf(from, 0), end: keyOf(to, 0) })),
    last(): LastRow {
      const {
        time: times,
        price: prices,
        size: sizes,
      } = take(database.getRange({ reverse: true, limit: 1 }))
      return { time: times[0]!, price: prices[0]!, size: sizes[0]! }
    },
    close: () => database.close(),
  }
}

/** The columns within a value, which may stand at any address. */
function columnsOf(value: Buffer): TradeColumns {
  const rows = value.length / rowBytes
  const { buffer, byteOffset } = value.byteOffset % 8 === 0 ? value : new Uint8Array(value)
  return {
    time: new BigInt64Array(buffer, byteOffset, rows),
    price: new Float64Array(buffer, byteOffset + 8 * rows, rows),
    size: new Float64Array(buffer, byteOffset + 16 * rows, rows),
  }
}

function blocksReader(database: Database): Reader {
  function* blocks(options: RangeOptions): Generator<TradeColumns> {
    for (const { value } of database.getRange(options)) yield columnsOf(value)
  }
  const each = (maker: BarMaker): BarMaker => {
    for (const block of blocks({})) maker.add(block)
    return maker
  }
  return {
    sum() {
      let sum = 0
      for (const { size } of blocks({})) sum += sumOf(size)
      return sum
    },
    bars: () => each(barMaker()).bars(),
    minute(from, to) {
      const before = database.getRange({ start: keyOf(from, 0), reverse: true, limit: 1 })
      const [first] = [...before]
      const start = first === undefined ? keyOf(from, 0) : first.key
      const parts: TradeColumns[] = []
      for (const { time, price, size } of blocks({ start, end: keyOf(to, 0) })) {
        const low = firstAtOrAfter(time, from)
        const end = firstAtOrAfter(time, to, low)
        parts.push({
          time: time.subarray(low, end),
          price: price.subarray(low, end),
          size: size.subarray(low, end),
        })
      }
      return joined(parts)
    },
    last(): LastRow {
      const [block] = [...blocks({ reverse: true, limit: 1 })]
      const { time, price, size } = block!
      const at = time.length - 1
      return { time: time[at]!, price: price[at]!, size: size[at]! }
    },
    close: () => database.close(),
  }
}

export const lmdb: Peer = {
  packages: ['lmdb'],
  async engines(load): Promise<Engine[]> {
    const { open } = await load<Exports>('lmdb')
    const openAt: Open = (folder) =>
      open({
        path: join(folder, 'trades.mdb'),
        encoding: 'binary',
        keyEncoding: 'binary',
        mapSize: 1 << 30,
      })
    return [
      {
        name: 'lmdb, rows',
        store: 'lmdb-rows',
        isRowWise: true,
        feeds: [feedOf('lmdb, rows', 'at the end', openAt, putRows)],
        keeps: [keepOf('lmdb, rows', openAt, 1)],
        open: async (folder) => rowsReader(openAt(folder)),
      },
      {
        name: 'lmdb, blocks',
        store: 'lmdb-blocks',
        isRowWise: false,
        // Blocks made by hand are what an engine would be: printed, and no rival.
        feeds: [feedOf('lmdb, blocks', undefined, openAt, putBlock)],
        keeps: [keepOf('lmdb, blocks', openAt, 1000)],
        open: async (folder) => blocksReader(openAt(folder)),
      },
    ]
  },
}
