// Rows of the log into the head: at open, in readers, and for snapshots that hold rows which were not sealed yet.
import { VarveError, assert } from '#base'
import type { ColumnData, Physical } from '#batch'
import type { Chunk } from '#head'
import { decodeChanges } from '#manifest'
import type { ManifestState } from '#manifest'
import type { ColumnSpec } from '#schema'
import { readColumn, readRowsEntry, rowsEntryType, unknownEntry, valueBytes } from '#wal'
import type { LogEntry, RowsEntry } from '#wal'
import type { Catalog, SeriesRuntime } from './catalog.ts'

export interface ReplayOptions {
  readonly catalog: Catalog
  /** Rows at or below a series' sealedLsn stand in runs. */
  readonly state: ManifestState
  /** Rows from this lsn on are passed over. */
  readonly lsnEnd: bigint | undefined
}

/** Takes the entries of log files, in order of lsn. */
export class Replay {
  readonly #options: ReplayOptions
  #epoch = -1n
  /** Of the entry that is being read: its columns so far, where they go, and the bytes of a row. */
  readonly #seen = new Set<number>()
  #chunk: Chunk | undefined
  #at = 0
  #specs: readonly ColumnSpec[] = []
  #rowBytes = 0
  rows = 0
  /** Of the rows taken, unpacked, about: what they take in memory. */
  bytes = 0
  /** After the last entry seen. */
  lsnEnd = 0n

  constructor(options: ReplayOptions) {
    this.#options = options
  }

  /** @throws {VarveError} ERR_CORRUPT, ERR_VERSION */
  take(entry: LogEntry, file: string): void {
    const { lsnEnd } = this.#options
    if (lsnEnd !== undefined && entry.lsnFirst >= lsnEnd) return
    if (entry.type !== rowsEntryType) throw unknownEntry(entry.type, file, entry.offset)
    const place = { file, offset: entry.offset }
    const { catalog, state } = this.#options
    const rows = readRowsEntry(entry.bytes, place)
    if (rows.definition !== undefined) catalog.learn(decodeChanges(rows.definition, place), place)
    const runtime = catalog.byId(rows.seriesId)
    if (runtime === undefined) {
      throw new VarveError('ERR_CORRUPT', `the log has rows of an unknown series`, {
        ...place,
        series: rows.seriesId,
      })
    }
    this.#noteEpoch(entry.lsnFirst)
    const sealedLsn = state.series.get(runtime.id)?.sealedLsn ?? 0n
    this.lsnEnd = entry.lsnFirst + BigInt(entry.rowCount)
    const lsnLast = this.lsnEnd - 1n
    // What producers said along with sealed rows the manifest knows; after a restore it may have been taken back.
    if (lsnLast <= sealedLsn) return
    noteProducer(runtime, rows, lsnLast)
    assert(entry.lsnFirst > sealedLsn, 'replay: a seal takes whole appends')
    const rowBytes = this.#fill(runtime, rows, entry)
    this.rows += entry.rowCount
    this.bytes += Math.max(entry.bytes.length, entry.rowCount * rowBytes)
  }

  /** A chunk holds rows of one epoch. */
  #noteEpoch(lsn: bigint): void {
    const epoch = lsn >> 40n
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    for (const runtime of this.#options.catalog.all()) runtime.head.freeze()
  }

  /** Returns what a row takes in memory, besides its texts. */
  #fill(runtime: SeriesRuntime, rows: RowsEntry, entry: LogEntry): number {
    const { head } = runtime
    const { specs } = head.rules
    const filling = head.reserve(entry.rowCount)
    const { chunk, at } = filling
    this.#chunk = chunk
    this.#at = at
    this.#specs = specs
    this.#rowBytes = 0
    const seen = this.#seen
    seen.clear()
    for (let index = 0; index < rows.columnCount; index += 1) {
      seen.add(readColumn(rows.reader, entry.rowCount, at, this.#targetOf))
    }
    rows.reader.expectEnd()
    if (!seen.has(0)) throw rows.reader.corrupt('an entry without times')
    for (const spec of specs) {
      if (!seen.has(spec.id)) chunk.clear(spec, at, at + entry.rowCount)
    }
    head.commit(filling, entry.rowCount, entry.lsnFirst)
    return this.#rowBytes
  }

  /** Where a column of the entry goes; undefined for one that is not known. */
  readonly #targetOf = (columnId: number, physical: Physical): ColumnData | undefined => {
    this.#rowBytes += valueBytes[physical]
    for (const spec of this.#specs) {
      if (spec.id === columnId) return this.#chunk!.column(spec, this.#at)
    }
    return undefined
  }
}

function noteProducer(runtime: SeriesRuntime, rows: RowsEntry, lsn: bigint): void {
  if (rows.producer === undefined) return
  const { id, sequence } = rows.producer
  const known = runtime.producers.get(id)
  if (known !== undefined && known.sequence >= sequence) return
  runtime.producers.set(id, { sequence, lsn })
  runtime.producersChanged.add(id)
}
