// A handle on one series of a store that is open for writing.
import { ringRowsMax } from '#head'
import type { RowBatch } from '#query'
import type { ColumnSpec, Kind, SeriesKey } from '#schema'
import type { SeriesRuntime } from './catalog.ts'
import type { Ack, AppendOptions } from './contract.ts'
import type { Engine } from './engine.ts'
import { latestBatch, latestRow } from './latest.ts'
import { oneRowOf, wayOf } from './one-row.ts'
import type { OneRow } from './one-row.ts'
import type { AppendHandle, AppendRequest } from './rows-in.ts'
import { SeriesReader } from './series-reader.ts'

export class SeriesWriter extends SeriesReader implements AppendHandle {
  readonly columnNames: ReadonlySet<string>
  readonly #engine: Engine
  #runtime: SeriesRuntime | undefined
  #way: OneRow | undefined

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
    const row = options === undefined ? oneRowOf(rows) : undefined
    return (row && this.#appendOne(row)) ?? this.#appendAny(rows, options)
  }

  #appendOne(row: Record<string, unknown>): Ack | undefined {
    const engine = this.#engine
    engine.makeRoom()
    const runtime = (this.#runtime ??= engine.catalog.get(this.key))
    if (runtime === undefined || !runtime.isTold) return undefined
    const { rules } = runtime.head
    if (this.#way?.rules !== rules) this.#way = wayOf(rules, this.specsFor(rules))
    return engine.appendOne(runtime, this.#way, row)
  }

  #appendAny(rows: unknown, options: AppendOptions | undefined): Ack {
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
    const runtime = this.#known()
    if (runtime === undefined) return undefined
    const { ring } = runtime
    if (ring?.knows(1) === true) return latestRow(ring, this.specsOf(runtime))
    const filled = this.#engine.rings.withLatest(this.#engine.view(), runtime)
    return filled === undefined ? super.latest() : latestRow(filled, this.specsOf(runtime))
  }

  override latestRows(count: number): RowBatch {
    const runtime = this.#known()
    const isFew = Number.isInteger(count) && count > 0 && count <= ringRowsMax
    if (runtime === undefined || !isFew) return super.latestRows(count)
    const ring = this.#engine.rings.withRows(this.#engine.view(), runtime, count)
    if (ring === undefined) return super.latestRows(count)
    return latestBatch(ring, this.specsOf(runtime), count)
  }

  #known(): SeriesRuntime | undefined {
    this.#engine.checkOpen()
    return (this.#runtime ??= this.#engine.catalog.get(this.key))
  }
}
