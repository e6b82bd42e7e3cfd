// What one edit of the manifest can say, as data. The bytes are in edit.ts, the meaning in
// state.ts.
//
// Entries (RunEntry, FileEntry, ...) are kept by reference from the change into the state and back
// into the changes of a rewritten file: nobody changes one, or the byte arrays in it, after handing
// it over.

export type ColumnTypeName =
  'f64' | 'decimal' | 'i64' | 'i32' | 'u8' | 'bool' | 'symbol' | 'text' | 'json' | 'time'
export type DuplicateRule = 'keep' | 'first' | 'last'
export type PartitionWidth = 'day' | 'month' | 'year'
export type FileKind = 'segment' | 'pack'
export type SortOrder = 'time' | 'arrival'

export interface ColumnEntry {
  /** Never reused within the kind; 0 is `time`. */
  readonly id: number
  readonly name: string
  readonly type: ColumnTypeName
  readonly optional: boolean
  /** Decimals of a decimal column, else 0. */
  readonly scale: number
}

/** One schema of a kind. Schemas are numbered through the store; the newest of a kind is the kind.
 *  */
export interface SchemaEntry {
  readonly schemaId: number
  readonly kindId: number
  readonly name: string
  readonly version: number
  readonly timeframed: boolean
  readonly columns: readonly ColumnEntry[]
  /** Column ids that rank rows of equal time. */
  readonly order: readonly number[]
  /** Column ids that make two rows the same row; 0 is `time`. */
  readonly identity: readonly number[]
  readonly duplicates: DuplicateRule
}

export interface SeriesEntry {
  readonly seriesId: number
  readonly kindId: number
  readonly symbol: string
  /** Canonical text, '' where the kind has none. */
  readonly timeframe: string
  readonly partitionWidth: PartitionWidth
}

export interface FileEntry {
  readonly fileNumber: number
  readonly fileKind: FileKind
  readonly bytes: number
  /** xxh64 over the whole file. */
  readonly fileHash: bigint
  readonly footerHash: bigint
}

export interface RunEntry {
  readonly seriesId: number
  readonly fileNumber: number
  /** Place in the file's directory of runs. */
  readonly runIndex: number
  readonly schemaId: number
  /** Start of the partition, epoch ns. */
  readonly partition: bigint
  readonly rowCount: number
  /** Epoch ns, inclusive. */
  readonly timeMin: bigint
  readonly timeMax: bigint
  /** Inclusive; the ranges of the live runs of a partition never overlap. */
  readonly lsnFirst: bigint
  readonly lsnLast: bigint
  readonly sortOrder: SortOrder
  readonly footerOffset: number
  readonly footerBytes: number
  readonly footerHash: bigint
  /** Stored bytes of the pages. */
  readonly dataBytes: number
  /** The same rows as plain columns. */
  readonly plainBytes: number
  /** SHA-256, 32 bytes. */
  readonly contentHash: Uint8Array
}

export interface LogEntry {
  readonly fileNumber: number
  readonly epoch: number
  readonly firstLsn: bigint
}

export interface LogEnd {
  readonly endOffset: number
  /** The lsn after the last one in the file. */
  readonly lsnEnd: bigint
  /** Hash of the last record. */
  readonly lastHash: bigint
}

/** A cached leaf of the content hash; void as soon as a run of the partition changes. */
export interface LeafEntry {
  readonly partition: bigint
  /** SHA-256, 32 bytes. */
  readonly leaf: Uint8Array
  readonly rowCount: number
  /** A hash over the runs it was computed from, as the store defines it. */
  readonly fingerprint: bigint
}

export interface StoreCreated {
  readonly type: 'storeCreated'
  /** 16 bytes. */
  readonly storeId: Uint8Array
  readonly createdAt: bigint
}
export interface EpochStarted {
  readonly type: 'epochStarted'
  readonly epoch: number
}
export interface KindDefined {
  readonly type: 'kindDefined'
  readonly schema: SchemaEntry
}
export interface SeriesDefined {
  readonly type: 'seriesDefined'
  readonly series: SeriesEntry
}
export interface FileAdded {
  readonly type: 'fileAdded'
  readonly file: FileEntry
}
export interface FileDropped {
  readonly type: 'fileDropped'
  readonly fileNumber: number
}
export interface RunAdded {
  readonly type: 'runAdded'
  readonly run: RunEntry
}
export interface RunDropped {
  readonly type: 'runDropped'
  readonly seriesId: number
  readonly fileNumber: number
  readonly runIndex: number
}
export interface SeriesSealed {
  readonly type: 'seriesSealed'
  readonly seriesId: number
  /** Every row of the series at or below it is in a run, or was dropped. */
  readonly sealedLsn: bigint
}
export interface LogAdded {
  readonly type: 'logAdded'
  readonly log: LogEntry
}
export interface LogEnded {
  readonly type: 'logEnded'
  readonly fileNumber: number
  readonly end: LogEnd
}
export interface LogDropped {
  readonly type: 'logDropped'
  readonly fileNumber: number
}
export interface ProducerAdvanced {
  readonly type: 'producerAdvanced'
  readonly seriesId: number
  readonly producerId: string
  /** The highest accepted, int64. */
  readonly sequence: bigint
  /** Of the last accepted append. */
  readonly lsn: bigint
}
export interface ProducerDropped {
  readonly type: 'producerDropped'
  readonly seriesId: number
  readonly producerId: string
}
/** Pins the state as it was before the edit that holds this change, wherever in the edit it stands.
 *  */
export interface SnapshotCreated {
  readonly type: 'snapshotCreated'
  readonly name: string
  readonly createdAt: bigint
  readonly lsn: bigint
  /** SHA-256, 32 bytes. */
  readonly contentHash: Uint8Array
  readonly rows: number
  readonly bytes: number
  readonly segments: number
}
export interface SnapshotDropped {
  readonly type: 'snapshotDropped'
  readonly name: string
}
/** Says that the edit goes back to a snapshot: what only rises may fall in it. */
export interface Restored {
  readonly type: 'restored'
  readonly name: string
  /** The edit the snapshot pinned. */
  readonly edit: number
}
/** Totals since the store was created, for the write amplification. */
export interface BytesCounted {
  readonly type: 'bytesCounted'
  readonly segmentBytesWritten: number
  readonly segmentBytesFirstSealed: number
}
export interface CleanClose {
  readonly type: 'cleanClose'
  readonly lsnEnd: bigint
}
/** First in every edit of a rewritten file: the edit stands for many, numbers between are skipped.
 *  */
export interface Rewritten {
  readonly type: 'rewritten'
  readonly nextFileNumber: number
}
export interface LeafKnown {
  readonly type: 'leafKnown'
  readonly seriesId: number
  readonly leaf: LeafEntry
}
export interface LeafDropped {
  readonly type: 'leafDropped'
  readonly seriesId: number
  readonly partition: bigint
}
/** The newest row of a series, encoded by the store; no bytes: none. */
export interface LastRow {
  readonly type: 'lastRow'
  readonly seriesId: number
  readonly bytes: Uint8Array
}

export type Change =
  | StoreCreated
  | EpochStarted
  | KindDefined
  | SeriesDefined
  | FileAdded
  | FileDropped
  | RunAdded
  | RunDropped
  | SeriesSealed
  | LogAdded
  | LogEnded
  | LogDropped
  | ProducerAdvanced
  | ProducerDropped
  | SnapshotCreated
  | SnapshotDropped
  | Restored
  | BytesCounted
  | CleanClose
  | Rewritten
  | LeafKnown
  | LeafDropped
  | LastRow

export type ChangeType = Change['type']
