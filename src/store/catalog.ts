// Kinds and series of a store at one moment, with their unsealed rows. Built from a manifest state, extended by the log
// and by appends; definitions the manifest does not have yet are kept as changes for its next edit.
import { VarveError, assert } from '#base'
import { HeadSeries, rulesOf } from '#head'
import type { ChunkMemory, Ring, RowRules } from '#head'
import type { Change, ManifestState, ProducerState, SchemaEntry, SeriesEntry } from '#manifest'
import {
  checkCompatible,
  extendKind,
  keyText,
  partitionWidthOf,
  seriesName,
  storeKind,
} from '#schema'
import type { Kind, PartitionWidth, SeriesKey, StoredKind } from '#schema'
import type { PackHints } from '#wal'

/** One series as the store works with it. */
export interface SeriesRuntime {
  readonly id: number
  readonly key: SeriesKey
  /** For errors and people. */
  readonly name: string
  readonly head: HeadSeries
  /** Highest accepted sequence of each producer. */
  readonly producers: Map<string, ProducerState>
  /** Producers that the manifest does not know in this state yet. */
  readonly producersChanged: Set<string>
  /** The log or the manifest tells of the series and its newest schema. */
  isTold: boolean
  /** The newest rows in shared memory, where somebody asked for them. */
  ring: Ring | undefined
  /** How columns packed in the log. Made when the first call of many rows comes. */
  packHints: PackHints | undefined
}

export function rulesOfSeries(runtime: SeriesRuntime): RowRules {
  return runtime.head.rules
}

/** Columns that the kind does not have (any more) leave the chunks: their places may be given to others. */
function forgetColumns(head: HeadSeries): void {
  for (const { columns } of head.chunks) {
    columns.length = Math.min(columns.length, head.rules.specs.length)
  }
}

export class Catalog {
  readonly #kinds = new Map<string, StoredKind>()
  readonly #rules = new WeakMap<StoredKind, Map<PartitionWidth, RowRules>>()
  readonly #byKey = new Map<string, SeriesRuntime>()
  readonly #byId = new Map<number, SeriesRuntime>()
  /** Definitions that the manifest does not have yet, by what they define. */
  #kindChanges = new Map<number, SchemaEntry>()
  #seriesChanges = new Map<number, SeriesEntry>()
  /** Takes back what was defined since beginDefining, the last first. */
  readonly #undo: (() => void)[] = []
  #kindIdLast = 0
  #schemaIdLast = 0
  #seriesIdLast = 0
  readonly #memory: ChunkMemory | undefined

  /** What the manifest knows, without unsealed rows. `memory`: where those to come have their columns. */
  constructor(state: ManifestState, memory?: ChunkMemory) {
    this.#memory = memory
    for (const schema of state.kinds.values()) this.#noteKind(schema)
    for (const schema of state.schemas.values()) this.#noteIds(schema)
    for (const series of state.series.values()) {
      const { id: seriesId, kindId, symbol, timeframe, partitionWidth, producers } = series
      const runtime = this.#noteSeries({ seriesId, kindId, symbol, timeframe, partitionWidth })
      for (const [id, producer] of producers) runtime.producers.set(id, producer)
    }
  }

  kind(name: string): StoredKind | undefined {
    return this.#kinds.get(name)
  }

  kinds(): Iterable<StoredKind> {
    return this.#kinds.values()
  }

  get(key: SeriesKey): SeriesRuntime | undefined {
    return this.#byKey.get(keyText(key))
  }

  byId(id: number): SeriesRuntime | undefined {
    return this.#byId.get(id)
  }

  all(): Iterable<SeriesRuntime> {
    return this.#byId.values()
  }

  #noteIds({ kindId, schemaId }: SchemaEntry): void {
    this.#kindIdLast = Math.max(this.#kindIdLast, kindId)
    this.#schemaIdLast = Math.max(this.#schemaIdLast, schemaId)
  }

  #noteKind(schema: SchemaEntry): void {
    this.#noteIds(schema)
    this.#kinds.set(schema.name, schema)
    for (const runtime of this.#byId.values()) {
      if (runtime.key.kind !== schema.name) continue
      runtime.head.extend(this.#rulesOf(schema, rulesOfSeries(runtime).partitionWidth))
    }
  }

  /** Series of one kind share their rules: there may be thousands of them. */
  #rulesOf(kind: StoredKind, partitionWidth: PartitionWidth): RowRules {
    let byWidth = this.#rules.get(kind)
    if (byWidth === undefined) this.#rules.set(kind, (byWidth = new Map()))
    let rules = byWidth.get(partitionWidth)
    if (rules === undefined) byWidth.set(partitionWidth, (rules = rulesOf(kind, partitionWidth)))
    return rules
  }

  #noteSeries(entry: SeriesEntry): SeriesRuntime {
    const kind = [...this.#kinds.values()].find(({ kindId }) => kindId === entry.kindId)
    assert(kind !== undefined, 'catalog: a series has a kind')
    const key: SeriesKey = {
      kind: kind.name,
      symbol: entry.symbol,
      timeframe: entry.timeframe === '' ? undefined : entry.timeframe,
    }
    const runtime: SeriesRuntime = {
      id: entry.seriesId,
      key,
      name: seriesName(key),
      head: new HeadSeries(this.#rulesOf(kind, entry.partitionWidth), this.#memory),
      producers: new Map(),
      producersChanged: new Set(),
      isTold: true,
      ring: undefined,
      packHints: undefined,
    }
    this.#seriesIdLast = Math.max(this.#seriesIdLast, entry.seriesId)
    this.#byKey.set(keyText(key), runtime)
    this.#byId.set(entry.seriesId, runtime)
    return runtime
  }

  /** Checks a handle's kind against what is stored. @throws {VarveError} ERR_SCHEMA */
  check(kind: Kind): void {
    const stored = this.#kinds.get(kind.name)
    if (stored !== undefined) checkCompatible(kind, stored)
  }

  /** The series, defined where it is new; its kind gets those of `columns` that are new. What was defined is told to
   *  the log by the next append (`isTold` is false) and to the manifest by its next edit. */
  define(kind: Kind, key: SeriesKey, columns: ReadonlySet<string>): SeriesRuntime {
    const stored = this.#kinds.get(kind.name)
    if (stored === undefined) {
      this.#defineKind(storeKind(kind, this.#kindIdLast + 1, this.#schemaIdLast + 1))
    } else {
      const added = checkCompatible(kind, stored).filter((name) => columns.has(name))
      if (added.length > 0) {
        this.#defineKind(extendKind(stored, kind, added, this.#schemaIdLast + 1))
      }
    }
    return this.get(key) ?? this.#defineSeries(kind, key)
  }

  #defineKind(schema: StoredKind): void {
    const before = this.#kinds.get(schema.name)
    const told = [...this.#byId.values()].filter(
      ({ key, isTold }) => isTold && key.kind === schema.name,
    )
    this.#kindChanges.set(schema.schemaId, schema)
    this.#noteKind(schema)
    for (const runtime of told) runtime.isTold = false
    this.#undo.push(() => {
      this.#kindChanges.delete(schema.schemaId)
      if (before === undefined) this.#kinds.delete(schema.name)
      else this.#noteKind(before)
      for (const runtime of told) runtime.isTold = true
      for (const { key, head } of this.#byId.values()) {
        if (key.kind === schema.name) forgetColumns(head)
      }
    })
  }

  #defineSeries(kind: Kind, key: SeriesKey): SeriesRuntime {
    const partitionWidth: PartitionWidth = partitionWidthOf(key.timeframe)
    const entry: SeriesEntry = {
      seriesId: this.#seriesIdLast + 1,
      kindId: this.#kinds.get(kind.name)!.kindId,
      symbol: key.symbol,
      timeframe: key.timeframe ?? '',
      partitionWidth,
    }
    const runtime = this.#noteSeries(entry)
    this.#seriesChanges.set(entry.seriesId, entry)
    runtime.isTold = false
    this.#undo.push(() => {
      this.#seriesChanges.delete(runtime.id)
      this.#byId.delete(runtime.id)
      this.#byKey.delete(keyText(key))
    })
    return runtime
  }

  /** What is defined from now on can be undone. */
  beginDefining(): void {
    this.#undo.length = 0
  }

  /** An append failed: what only it defined is not kept. */
  undoDefinitions(): void {
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) undo()
  }

  /** What the log must say with the next rows of the series, so that a recovery knows it. */
  definitionOf(runtime: SeriesRuntime): Change[] {
    const kind = rulesOfSeries(runtime).kind
    const changes: Change[] = []
    for (const schema of this.#kindChanges.values()) {
      if (schema.kindId === kind.kindId) changes.push({ type: 'kindDefined', schema })
    }
    const series = this.#seriesChanges.get(runtime.id)
    if (series !== undefined) changes.push({ type: 'seriesDefined', series })
    return changes
  }

  /** Takes in what the log says of kinds and series. @throws {VarveError} ERR_CORRUPT */
  learn(changes: readonly Change[], place: Readonly<Record<string, unknown>>): void {
    for (const change of changes) {
      if (change.type === 'kindDefined') {
        const known = this.#kinds.get(change.schema.name)
        if (known !== undefined && known.schemaId >= change.schema.schemaId) continue
        this.#kindChanges.set(change.schema.schemaId, change.schema)
        this.#noteKind(change.schema)
      } else if (change.type === 'seriesDefined') {
        if (this.#byId.has(change.series.seriesId)) continue
        this.#seriesChanges.set(change.series.seriesId, change.series)
        this.#noteSeries(change.series)
      } else {
        throw new VarveError('ERR_CORRUPT', `a log entry defines '${change.type}'`, place)
      }
    }
  }

  /** Everything the manifest does not know yet: kinds, series, producers. They stay here until `told`. */
  untold(): Change[] {
    const changes: Change[] = []
    for (const schema of this.#kindChanges.values()) changes.push({ type: 'kindDefined', schema })
    for (const series of this.#seriesChanges.values()) {
      changes.push({ type: 'seriesDefined', series })
    }
    return changes
  }

  /** The manifest has them now. */
  told(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.type === 'kindDefined') this.#kindChanges.delete(change.schema.schemaId)
      if (change.type === 'seriesDefined') this.#seriesChanges.delete(change.series.seriesId)
    }
  }
}
