// What the commands use of the engine: the public door's names, as little of each as they need. The
// real one is passed in by main.ts; a test may pass another.
import type { ImportColumns, ImportKind } from '#ingest'
import type { Columns, Kind, TimeInput, Timeframe } from '#schema'

export interface SeriesInfo {
  readonly kind: string
  readonly symbol: string
  readonly timeframe?: Timeframe
  readonly rows: number
  readonly rowsExact: boolean
  readonly first?: bigint
  readonly last?: bigint
  readonly storedBytes: number
}

export interface Query {
  readonly from?: TimeInput
  readonly to?: TimeInput
  readonly columns?: readonly string[]
  readonly limit?: number
  readonly reverse?: boolean
  readonly batchRows?: number
}

export interface EngineBatch {
  readonly rowCount: number
  row(index: number): object
}

export interface EngineSeries {
  readonly info: SeriesInfo
  scan(query: Query): Iterable<EngineBatch>
  latest(): object | undefined
  latestRows(count: number): EngineBatch
}

export interface WritableSeries extends EngineSeries {
  append(
    columns: ImportColumns,
    options: { readonly producer: { readonly id: string; readonly sequence: number } },
  ): { readonly rows: number }
  accepted(producerId: string): bigint | undefined
}

export interface EngineView {
  series(kind: Kind, symbol: string, timeframe?: Timeframe): EngineSeries
  list(): readonly SeriesInfo[]
}

export interface VerifyReport {
  readonly ok: boolean
  readonly files: number
  readonly bytes: number
  readonly damage: readonly {
    readonly file: string
    readonly series?: string
    readonly block?: number
    readonly column?: string
    readonly message: string
  }[]
}

export interface SalvageReport {
  readonly isDryRun: boolean
  readonly files: number
  readonly findings: readonly {
    readonly file: string
    readonly message: string
    readonly done: 'rebuilt' | 'adopted' | 'rescued' | 'lost' | 'kept'
    readonly series?: string
    readonly from?: bigint
    readonly to?: bigint
    readonly rows?: number
  }[]
  readonly rowsRescued: number
  readonly rowsLost: number
  readonly quarantined: readonly string[]
}

export interface SnapshotInfo {
  readonly name: string
  readonly createdAt: bigint
  readonly contentHash: string
  readonly rows: number
  readonly bytes: number
  readonly segments: number
}

export interface ReadableStore extends EngineView {
  /** The kind of that name as the store knows it. */
  kindOf(name: string): Kind | undefined
  verify(options?: {
    readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void
  }): Promise<VerifyReport>
  stats(): object
  snapshots(): readonly SnapshotInfo[]
  at(snapshot: string): EngineView
  close(): Promise<void>
}

export interface WritableStore extends ReadableStore {
  series(kind: Kind, symbol: string, timeframe?: Timeframe): WritableSeries
  flush(): Promise<void>
  seal(): Promise<void>
  compact(): Promise<object>
  snapshot(name: string): Promise<SnapshotInfo>
  restore(snapshot: string): Promise<void>
  dropSnapshot(name: string): Promise<void>
}

/** How a store is opened for writing. */
export interface WriteOptions {
  readonly durability?: 'sync' | 'group' | 'os' | 'memory'
  readonly level?: 'none' | 'low' | 'medium' | 'high'
}

/** The options among the words of a command. */
export function writeOptionsOf({ durability, level }: WriteOptions): WriteOptions {
  return {
    ...(durability === undefined ? {} : { durability }),
    ...(level === undefined ? {} : { level }),
  }
}

export interface Engine {
  openToRead(path: string): Promise<ReadableStore>
  openToWrite(path: string, options?: WriteOptions): Promise<WritableStore>
  salvage(path: string, options: { readonly isDryRun: boolean }): Promise<SalvageReport>
  /** The built-in kinds by name. */
  readonly kinds: Readonly<Record<string, Kind>>
  defineKind(
    name: string,
    definition: {
      columns: Columns
      version?: number
      timeframed?: boolean
      order?: readonly string[]
      identity?: readonly string[]
      duplicates?: 'keep' | 'first' | 'last'
    },
  ): Kind
  /** Epoch ns of a time as a user writes one. */
  ns(input: string): bigint
  iso(ns: bigint): string
}

/** A kind is also what an import asks of one. */
export function importKind(kind: Kind): ImportKind {
  return kind
}
