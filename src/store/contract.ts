// The public face of a store: what open() returns and what can be asked of it.
import type { Logger } from '#base'
import type { Aggregation, Explanation, RangeQuery, Where } from '#query'
import type {
  Batch,
  ColumnName,
  ColumnsInput,
  Kind,
  Row,
  RowInput,
  TimeInput,
  Timeframe,
} from '#schema'
import type { SalvageReport } from './salvage-report.ts'

// eslint-disable-next-line typescript/no-explicit-any -- the bound that matches every kind
export type AnyKind = Kind<any, any, any>

export interface OpenOptions {
  /** 'sync': append returns after its own fsync. 'group' (default): `ack.durable` resolves after a shared fsync. 'os':
   *  after write(2). 'memory': no log; only seal() and close() make rows durable. */
  durability?: 'sync' | 'group' | 'os' | 'memory'
  /** Longest a row waits to share an fsync, ms. Kept also in a loop that never yields. @default 5 */
  groupDelayMs?: number
  /** How hard files written from now on, by seals and compaction, are pressed; all levels read alike. 'none': plain
   *  offsets. 'low': deltas and runs. 'medium': patches, dictionaries and LZ4. 'high': the smallest, entropy coding
   *  included, for data that is kept more than it is read: real ticks take 0.4 to 0.7 of the bytes of 'medium', and
   *  take several times as long to write and to scan. @default 'medium' */
  level?: 'none' | 'low' | 'medium' | 'high'
  /** Damage found at open. 'strict' (default): a torn last record is set aside and reported; any other damage is
   *  ERR_CORRUPT. 'salvage': open with what is whole, the rest in quarantine, all of it listed. */
  recovery?: 'strict' | 'salvage'
  /** Read mode: refresh before each read. */
  follow?: boolean
  logger?: Logger
  signal?: AbortSignal
  /** Write mode: reads sealed files again and again in the background, at most so many bytes a second, and tells of
   *  damage: to the logger, and to the channel `varve:scrub` of node:diagnostics_channel. @default off */
  scrub?: { bytesPerSecond: number }
}

type TimeframeOf<K> =
  K extends Kind<infer _N, infer _C, infer F>
    ? [F] extends [true]
      ? [timeframe: Timeframe]
      : [F] extends [false]
        ? [timeframe?: undefined]
        : [timeframe?: Timeframe]
    : never

export interface SeriesInfo {
  kind: string
  symbol: string
  timeframe?: Timeframe
  /** Exact where nothing can merge, else an upper bound: see rowsExact. */
  rows: number
  rowsExact: boolean
  /** Times of the first and last row, epoch ns. Bounds where `rowsExact` is false. */
  first?: bigint
  last?: bigint
  /** Bytes of the series' pages and footers in segments and packs. */
  storedBytes: number
}

export interface ReadView {
  /** symbol: 1 to 128 bytes of UTF-8, no control characters; 'BTC/USDT', 'BACpL' and 'BACPL' are three names. Cheap,
   *  never touches the disk. A series nobody wrote reads as empty.
   *  @throws {VarveError} ERR_SCHEMA where the kind contradicts the stored one; ERR_ARGUMENT for a bad symbol */
  series<K extends AnyKind>(kind: K, symbol: string, ...timeframe: TimeframeOf<K>): ReadSeries<K>
  list(filter?: { kind?: string; symbol?: string; timeframe?: Timeframe }): SeriesInfo[]
  /** The kind of that name as it is stored: what a tool needs to read series whose kind it does not know. */
  kindOf(name: string): Kind | undefined
}

export interface SnapshotView extends ReadView {
  /** Gives back what the view pins. Closing the store does it too. */
  close(): void
}

export interface ReadStore extends ReadView, AsyncDisposable {
  readonly path: string
  readonly mode: 'read' | 'write'
  readonly state: 'open' | 'failed' | 'closed'
  /** Everything at or below it is durable. */
  readonly durableLsn: bigint
  /** Read mode: moves to the newest durable state; true where there was one. Write mode: false. */
  refresh(): boolean
  /** Reads every byte and checks every hash; names each bad file, series, block and column. Changes nothing. */
  verify(options?: {
    signal?: AbortSignal
    onProgress?: (progress: Progress) => void
  }): Promise<VerifyReport>
  stats(): StoreStats
  snapshots(): SnapshotInfo[]
  /** A read-only view of a snapshot: same reads, same bytes, until it is dropped and the view closed. */
  at(snapshot: string): SnapshotView
  close(): Promise<void>
}

export interface Store extends ReadStore {
  readonly recovery: RecoveryReport
  series<K extends AnyKind>(kind: K, symbol: string, ...timeframe: TimeframeOf<K>): Series<K>
  /** Rows of many series in one call: one lsn range, all or nothing, visible together. */
  append(entries: readonly AppendEntry[]): Ack
  /** Everything appended before the call is durable when it resolves (in 'memory': nothing happens). */
  flush(): Promise<void>
  /** Turns every durable row in memory into segments. */
  seal(): Promise<void>
  /** Runs compaction until nothing is left to do of what is sealed now. */
  compact(options?: { signal?: AbortSignal }): Promise<CompactionReport>
  /** Holds every row appended before the call. Copies no data. A name in use: ERR_EXISTS. */
  snapshot(name: string): Promise<SnapshotInfo>
  /** The old state becomes the newest; what stood before is kept as the snapshot `before-restore-...`. */
  restore(snapshot: string): Promise<void>
  dropSnapshot(name: string): Promise<void>
}

// eslint-disable-next-line typescript/no-explicit-any -- series of any kind; rows are checked at run time
export type AppendEntry = { series: Series<any>; rows: object | readonly object[] }

export interface RecoveryReport {
  /** Rows of the log that were not in segments yet. */
  replayedRows: number
  /** Bytes at the end of the log that were no whole record. */
  tornBytes: number
  /** Files in the store's quarantine folder that this open put there. */
  quarantined: readonly string[]
  /** The torn bytes may have been the last acknowledged group: nothing after them could tell. */
  acknowledgementUnknown: boolean
  elapsedMs: number
  /** Opened with recovery 'salvage': what was damaged, lost and saved. */
  salvage?: SalvageReport
}

export interface CompactionReport {
  /** Runs read and written. */
  inputs: number
  outputs: number
  rowsIn: number
  rowsOut: number
  bytesIn: number
  bytesOut: number
}

export interface VerifyReport {
  ok: boolean
  files: number
  bytes: number
  damage: readonly {
    file: string
    series?: string
    block?: number
    column?: string
    message: string
  }[]
}

export interface Progress {
  done: number
  total: number
  unit: 'bytes' | 'rows' | 'files'
}

/** contentHash (sha256, hex): depends on the rows alone, in the order they read; not on batches, crashes, compaction,
 *  codecs, machine. */
export interface SnapshotInfo {
  name: string
  /** Epoch ns. */
  createdAt: bigint
  contentHash: string
  rows: number
  bytes: number
  segments: number
}

export interface StoreStats {
  series: number
  rows: number
  rowsExact: boolean
  /** Segment and pack files. */
  segments: number
  /** Bytes of the log files. */
  walBytes: number
  /** Whole segment files on disk, footers and index included; and the same rows as plain columns, counting only columns
   *  with a present value: 8, 4 or 1 bytes a row, strings as UTF-8. */
  storedBytes: number
  plainBytes: number
  /** Bytes only snapshots and readers still hold. */
  pinnedBytes: number
  /** Bytes written to segments over their life, per byte first sealed. */
  writeAmplification: number
  /** Unsealed rows in memory, and about how many bytes they take. */
  headRows: number
  headBytes: number
  /** Seals that an append had to wait for because the head was full. */
  inlineSeals: number
  /** Rounds of compaction that this handle published, and those of them that it began by itself. */
  compactions: number
  ownCompactions: number
  /** Read calls and bytes read from segment files by this handle. */
  readCalls: number
  readBytes: number
  /** How the sparse index is in memory; 'none': there is none, or it is damaged, and footers are read instead. */
  indexUsed: 'mmap' | 'read' | 'none'
}

/** rows: how many were added (0 for a producer's duplicate). lsn: of the last of them; of the original for a duplicate.
 *  durable: made on first access; an unobserved failure goes to the logger. */
export interface Ack {
  readonly rows: number
  readonly lsn: bigint
  readonly durable: Promise<void>
}

export interface AppendOptions {
  /** Rising sequences of one writer of this series; one at or below the highest accepted is a duplicate and adds
   *  nothing, also across restarts. */
  producer?: { id: string; sequence: number | bigint }
}

export interface ReadSeries<K> {
  readonly info: SeriesInfo
  /** Decoded rows in order of (time, the kind's order, arrival). Synchronous; the arrays are yours. */
  range<const N extends ColumnName<K> = ColumnName<K>>(
    query?: RangeQuery<N> & { where?: Where<K> },
  ): Batch<K, N>
  /** The same, a batch at a time in bounded memory; a batch's arrays are views, valid until the next one. Stopping
   *  early releases everything. */
  scan<const N extends ColumnName<K> = ColumnName<K>>(
    query?: RangeQuery<N> & { where?: Where<K>; batchRows?: number; signal?: AbortSignal },
  ): Iterable<Batch<K, N>> & AsyncIterable<Batch<K, N>>
  /** Newest row, from memory. */
  latest(): Row<K> | undefined
  latestRows(count: number): Batch<K>
  /** Last row at or before `time`. closed: for timeframed kinds, only bars that have ended by then (no look-ahead). */
  at(time: TimeInput, options?: { closed?: boolean }): Row<K> | undefined
  /** Exact; may read. */
  count(query?: { from?: TimeInput; to?: TimeInput; where?: Where<K> }): number
  /**
   * One row, or one a bucket that holds rows, in `columns.time` when each opens (one row: `from`, else the first row's
   * time). Buckets are multiples of `every` in UTC: weeks from Mondays, months of the calendar. Over present values;
   * where there are none: count and sum 0, the rest NaN. The same rows give the same bits, however they are stored:
   * integers and decimals (doubles of up to 9 digits after the point) are added exactly and rounded once, other doubles
   * are added in read order, compensated. Answered from footers and packed values where that is possible, see explain.
   *
   * @throws {VarveError} ERR_ARGUMENT, ERR_SCHEMA; ERR_CORRUPT, ERR_IO
   */
  aggregate<const A extends Record<string, Aggregation<K>>>(query: {
    from?: TimeInput
    to?: TimeInput
    every?: Timeframe
    where?: Where<K>
    columns: A
  }): {
    rowCount: number
    columns: { time: BigInt64Array } & { [N in keyof A]: Float64Array }
  }
  /** Asks the question (columns: a list for range and scan, an object for aggregate) and tells how its vectors were
   *  answered instead of the answer. */
  explain(query?: {
    from?: TimeInput
    to?: TimeInput
    every?: Timeframe
    where?: Where<K>
    columns?: readonly ColumnName<K>[] | Record<string, Aggregation<K>>
  }): Explanation
}

export interface Series<K> extends ReadSeries<K> {
  /** One row, many rows, or columns. All or nothing: a bad row refuses the whole call with ERR_SCHEMA, naming row and
   *  column. Visible to this store's reads when the call returns.
   *  @throws {VarveError} ERR_SCHEMA, ERR_ARGUMENT, ERR_CLOSED; ERR_IO, ERR_DISK_FULL, ERR_OVERLOADED (retryable) */
  append(rows: RowInput<K> | readonly RowInput<K>[] | ColumnsInput<K>, options?: AppendOptions): Ack
  /** The highest sequence accepted of a producer of this series; undefined where there was none. */
  accepted(producerId: string): bigint | undefined
}
