// One row of a series that is known, without a producer: by far the most frequent append. It goes where rows-in.ts puts
// it, to the same bytes in the log and the same place in the head, but makes nothing on the way. What is not plain (a
// value that does not fit, a column or series that is new, a definition the log does not have yet) is not taken here:
// rows-in.ts takes it, or says what is wrong.
import type { ColumnData } from '#batch'
import type { Chunk, RowRules } from '#head'
import { fillAbsentValue, fillPlain } from '#schema'
import type { ColumnSpec } from '#schema'
import { oneRowBytes, oneValueBytes, rowsEntryType, writeOneRow, writeOneValue } from '#wal'
import type { LogWriter } from '#wal'
import type { SeriesRuntime } from './catalog.ts'

/** The way in for single rows through handles of one kind, as long as the stored kind does not change. */
export class OneRow {
  readonly rules: RowRules
  /** Of the handle's kind. */
  readonly #specs: readonly ColumnSpec[]
  /** Columns of the stored kind that the handle's kind does not have. */
  readonly #others: readonly ColumnSpec[]
  readonly #places: ReadonlyMap<string, number>
  /** What the rows before had as first, second, ... property, and its place in #specs: objects made at one place of a
   *  program have the same properties in the same order. */
  readonly #names: string[] = []
  readonly #namePlaces: number[] = []
  /** By place in #specs: 1 where the row has a value. */
  readonly #given: Uint8Array
  #bytes = 0
  #count = 0

  constructor(rules: RowRules, specs: readonly ColumnSpec[]) {
    this.rules = rules
    this.#specs = specs
    const own = new Set(specs.map(({ id }) => id))
    this.#others = rules.specs.filter(({ id }) => !own.has(id))
    this.#places = new Map(specs.map(({ name }, place) => [name, place]))
    this.#given = new Uint8Array(specs.length)
  }

  /** Bytes of the last row that was staged, as the log writes them. */
  get bytes(): number {
    return this.#bytes
  }

  /** Fills row `at` of the chunk, which nobody sees yet. False: the row is not for here. */
  fill(row: Record<string, unknown>, chunk: Chunk, at: number): boolean {
    const specs = this.#specs
    const given = this.#given
    for (let place = 0; place < given.length; place += 1) given[place] = 0
    this.#bytes = oneRowBytes
    this.#count = 0
    let property = 0
    for (const name in row) {
      const place =
        this.#names[property] === name ? this.#namePlaces[property]! : this.#learn(property, name)
      property += 1
      if (place < 0) return false
      const value = row[name]
      if (value === undefined || value === null) continue
      const spec = specs[place]!
      if (spec.id < 0) return false
      const column = chunk.columns[spec.index] ?? chunk.column(spec)
      if (!fillPlain(spec, value, column, at)) return false
      given[place] = 1
      this.#count += 1
      this.#bytes += oneValueBytes + stringBytesMax(column, value, at)
    }
    return this.#clearRest(chunk, at)
  }

  /** The place of a property in #specs, or -1. */
  #learn(property: number, name: string): number {
    const place = this.#places.get(name) ?? -1
    if (place < 0) return -1
    this.#names[property] = name
    this.#namePlaces[property] = place
    return place
  }

  /** Columns without a value are absent in the row. False where one must have a value. */
  #clearRest(chunk: Chunk, at: number): boolean {
    const specs = this.#specs
    const given = this.#given
    for (let place = 0; place < specs.length; place += 1) {
      if (given[place] === 1) continue
      const spec = specs[place]!
      if (!spec.optional) return false
      if (spec.index >= 0) clear(spec, chunk, at)
    }
    const others = this.#others
    for (let place = 0; place < others.length; place += 1) clear(others[place]!, chunk, at)
    return true
  }

  /**
   * Stages the row that was filled in last, in the log; gives the number of rows of this epoch with it.
   * @throws {VarveError} what the log throws; nothing is staged then
   */
  stage(log: LogWriter, { id }: SeriesRuntime, chunk: Chunk, at: number): number {
    const specs = this.#specs
    const given = this.#given
    log.beginAtomic()
    try {
      const room = log.reserve(this.#bytes)
      const start = room.offset
      let end = writeOneRow(id, this.rules.kind.schemaId, this.#count, room)
      for (let place = 0; place < specs.length; place += 1) {
        if (given[place] === 0) continue
        const spec = specs[place]!
        end = writeOneValue(spec.id, chunk.columns[spec.index]!, at, room, end)
      }
      this.#bytes = end - start
      log.commitEntry(rowsEntryType, 1, end - start)
      return log.endAtomic()
    } finally {
      log.abandon()
    }
  }
}

/** By the specs of a handle, which are the same for all handles of a kind. */
const ways = new WeakMap<readonly ColumnSpec[], OneRow>()

/** The way in through a handle with these specs, found in these rules. */
export function wayOf(rules: RowRules, specs: readonly ColumnSpec[]): OneRow {
  let way = ways.get(specs)
  if (way === undefined) ways.set(specs, (way = new OneRow(rules, specs)))
  return way
}

function clear({ index }: ColumnSpec, chunk: Chunk, at: number): void {
  const column = chunk.columns[index]
  if (column !== undefined) fillAbsentValue(column, at)
}

/** What the string of a value takes in the log at most. */
function stringBytesMax(column: ColumnData, value: unknown, at: number): number {
  if (column.physical === 'code') return (value as string).length * 3
  if (column.physical === 'bytes') return column.offsets[at + 1]! - column.offsets[at]!
  return 0
}

/** The one row that append was given, or undefined: columns, many rows, and what is nothing of the kind. */
export function oneRowOf(input: unknown): Record<string, unknown> | undefined {
  const only: unknown = Array.isArray(input) && input.length === 1 ? input[0] : input
  if (typeof only !== 'object' || only === null || Array.isArray(only)) return undefined
  const row = only as Record<string, unknown>
  // Columns have a list of times; what else is no time goes the general way as well.
  const time = row['time']
  return typeof time === 'object' && !(time instanceof Date) ? undefined : row
}
