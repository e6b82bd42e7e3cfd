// A handle on one series of a store that is open for writing.
import type { ColumnData } from '#batch'
import type { Chunk } from '#head'
import type { ColumnSpec, Kind, SeriesKey } from '#schema'
import { int64Max } from '#schema'
import { rowValues } from '#query'
import type { SeriesRuntime } from './catalog.ts'
import type { Ack, AppendOptions } from './contract.ts'
import type { Engine } from './engine.ts'
import type { Newest } from './newest.ts'
import type { AppendHandle, AppendRequest } from './rows-in.ts'
import { SeriesReader } from './series-reader.ts'

export class SeriesWriter extends SeriesReader implements AppendHandle {
  readonly columnNames: ReadonlySet<string>
  readonly #engine: Engine
  #runtime: SeriesRuntime | undefined
  /** The newest row where it stands in a segment, as read last, and what it was read for. */
  #sealedRow:
    { readonly newest: Newest; readonly row: Readonly<Record<string, unknown>> } | undefined

  constructor(engine: Engine, kind: Kind, key: SeriesKey) {
    super(engine, kind, key)
    this.#engine = engine
    this.columnNames = new Set(['time', 'received', ...Object.keys(kind.columns)])
  }

  get engine(): Engine {
    return this.#engine
  }

  specsOf(runtime: SeriesRuntime): readonly ColumnSpec[] {
    return this.specsFor(runtime.head.rules)
  }

  append(rows: unknown, options?: AppendOptions): Ack {
    return this.#engine.append([{ handle: this, rows, producer: options?.producer }])
  }

  accepted(producerId: string): bigint | undefined {
    this.#engine.checkOpen()
    return this.#engine.catalog.get(this.key)?.producers.get(producerId)?.sequence
  }

  request(rows: unknown): AppendRequest {
    return { handle: this, rows, producer: undefined }
  }

  override latest(): Record<string, unknown> | undefined {
    const engine = this.#engine
    engine.checkOpen()
    const runtime = (this.#runtime ??= engine.catalog.get(this.key))
    if (runtime === undefined) return undefined
    const newest = engine.newestOf(runtime)
    switch (newest.at) {
      case 'none':
        return undefined
      case 'chunk':
        return this.#rowOf(runtime, newest.chunk, newest.row)
      case 'row':
        if (this.#sealedRow?.newest === newest) return { ...this.#sealedRow.row }
        return this.#readLatest(runtime)
      case 'unknown':
        return this.#readLatest(runtime)
    }
  }

  #rowOf(runtime: SeriesRuntime, chunk: Chunk, row: number): Record<string, unknown> {
    return rowValues(
      this.specsOf(runtime),
      (spec): ColumnData | undefined => chunk.columns[spec.index],
      row,
    )
  }

  #readLatest(runtime: SeriesRuntime): Record<string, unknown> | undefined {
    const row = this.lastBefore(int64Max + 1n)
    const newest: Newest =
      row === undefined ? { at: 'none' } : { at: 'row', time: row['time'] as bigint }
    this.#engine.noteNewest(runtime, newest)
    this.#sealedRow = row === undefined ? undefined : { newest, row: { ...row } }
    return row
  }
}
