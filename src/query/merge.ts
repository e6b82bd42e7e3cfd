// Rows of sources that overlap in time, brought into read order with duplicates resolved. The sources' rows are laid
// one behind the other in arrival order; a stable merge by time and order columns then gives the read order.
import { assert } from '#base'
import { allocateColumn, gatherRows, readOrder, resolveDuplicates } from '#batch'
import type { ColumnData, DuplicateRule, I64Data, OrderKeys, RowSource } from '#batch'
import type { RowRules } from '#head'
import { partitionStart } from '#schema'
import type { ColumnSpec } from '#schema'

/** Rows [from, end) of a source. */
export interface Slice {
  readonly source: RowSource<ColumnSpec>
  readonly from: number
  readonly end: number
}

export class MergedRows implements RowSource<ColumnSpec> {
  readonly rowCount: number
  readonly lsnFirst: bigint
  readonly timeMin: bigint
  readonly timeMax: bigint
  readonly #slices: readonly Slice[]
  readonly #rows: Uint32Array
  readonly #inputRows: number
  readonly #decoded = new Map<number, ColumnData>()
  readonly #time: I64Data

  constructor(slices: readonly Slice[], rules: RowRules) {
    assert(slices.length > 1, 'merge: at least two sources')
    this.#slices = slices.toSorted((a, b) => (a.source.lsnFirst < b.source.lsnFirst ? -1 : 1))
    this.lsnFirst = this.#slices[0]!.source.lsnFirst
    this.#inputRows = slices.reduce((sum, { from, end }) => sum + end - from, 0)
    this.#time = this.#int64(rules.specs[0]!)
    const keys: OrderKeys = {
      time: this.#time,
      order: rules.order.map((spec) => this.#column(spec)),
    }
    const order = readOrder(keys, this.#inputRows)
    this.#rows = this.#resolve(keys, order, rules)
    this.rowCount = this.#rows.length
    this.timeMin = this.#timeAt(0)
    this.timeMax = this.#timeAt(this.rowCount - 1)
  }

  #resolve(keys: OrderKeys, order: Uint32Array, rules: RowRules): Uint32Array {
    const { duplicates } = rules
    if (duplicates === undefined) return order
    const rule: DuplicateRule = {
      duplicates: duplicates.keep,
      isLocal: duplicates.isLocal,
      scopeOf: (row) => partitionStart(rules.partitionWidth, this.#time.values[row]!),
      identity: duplicates.identity.map((spec) => ({
        column: this.#column(spec),
        optional: spec.optional,
      })),
    }
    const place = rules.place === undefined ? undefined : this.#int64(rules.place)
    return resolveDuplicates(keys, order, rule, place)
  }

  #int64(spec: ColumnSpec): I64Data {
    const column = this.#column(spec)
    assert(column.physical === 'i64', 'merge: times and places are int64')
    return column
  }

  #timeAt(index: number): bigint {
    return this.#time.values[this.#rows[index]!]!
  }

  /** The column of all inputs, one behind the other. */
  #column(spec: ColumnSpec): ColumnData {
    let column = this.#decoded.get(spec.id)
    if (column !== undefined && spec.id >= 0) return column
    const options = { optional: spec.optional, isOverwritten: true }
    column = allocateColumn(spec.physical, this.#inputRows, options)
    let at = 0
    for (const { source, from, end } of this.#slices) {
      source.read([spec], from, end, [column], at)
      at += end - from
    }
    this.#decoded.set(spec.id, column)
    return column
  }

  lacks(spec: ColumnSpec): boolean {
    return this.#slices.every(({ source }) => source.lacks?.(spec) === true)
  }

  lowerBound(time: bigint): number {
    let low = 0
    let high = this.rowCount
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#timeAt(middle) < time) low = middle + 1
      else high = middle
    }
    return low
  }

  read(
    specs: readonly ColumnSpec[],
    from: number,
    end: number,
    targets: readonly ColumnData[],
    at: number,
  ): void {
    for (let index = 0; index < specs.length; index += 1) {
      gatherRows(this.#column(specs[index]!), this.#rows, from, end, targets[index]!, at)
    }
  }
}
