// Rows of a slice that meet conditions, as a source of their own. They are chosen a lot at a time; what is decoded for
// that is not kept.
import { allocateColumn, gatherRows, testRows } from '#batch'
import type { ColumnData, RowSource } from '#batch'
import { limits } from '#base'
import type { ColumnSpec } from '#schema'
import type { Slice } from './merge.ts'
import type { Treatment } from './explain.ts'
import { packedOf } from './packed-source.ts'
import { countPacked, selectPacked } from './packed-select.ts'
import type { RowTest } from './where.ts'

/** Slices are looked at in lots of so many rows, on the borders of blocks, so that a question for a
 *  few rows ends early. */
export const lotRows = limits.blockRowsMax

/** Cuts a slice into lots. */
export function* lotsOf({ source, from, end }: Slice): Generator<Slice> {
  for (let at = from; at < end;) {
    const next = Math.min(end, (Math.floor(at / lotRows) + 1) * lotRows)
    yield { source, from: at, end: next }
    at = next
  }
}

/** Columns that are read to be looked at, used again for the next lot. */
export class Scratch {
  readonly #columns = new Map<number, ColumnData>()

  /** Rows [from, end) of each column, from row 0 on; valid until the next call. */
  read(source: RowSource<ColumnSpec>, specs: readonly ColumnSpec[], from: number, end: number) {
    const columns = specs.map((spec) => this.#columnOf(spec))
    source.read(specs, from, end, columns, 0)
    return columns
  }

  #columnOf(spec: ColumnSpec): ColumnData {
    // A column that is not stored has no id of its own.
    let column = spec.id < 0 ? undefined : this.#columns.get(spec.id)
    if (column === undefined) {
      column = allocateColumn(spec.physical, lotRows, { optional: spec.optional })
      this.#columns.set(spec.id, column)
    }
    return column
  }
}

/** The rows of a lot that meet all tests, rising; decoded and looked at one by one. */
export function selectDecoded(
  { source, from, end }: Slice,
  tests: readonly RowTest[],
  scratch: Scratch,
  treatment: Treatment,
): Uint32Array {
  const rowCount = end - from
  treatment.decoded(source, from, end)
  const marks = new Uint8Array(rowCount).fill(1)
  const columns = scratch.read(
    source,
    tests.map(({ spec }) => spec),
    from,
    end,
  )
  tests.forEach(({ test }, at) => testRows(columns[at]!, test, 0, rowCount, marks))
  const rows = new Uint32Array(rowCount)
  let count = 0
  for (let row = 0; row < rowCount; row += 1) {
    rows[count] = from + row
    count += marks[row]!
  }
  return rows.slice(0, count)
}

/** Chosen rows that stand farther apart are read by themselves. */
const gapRowsMax = 256

export class SelectedRows implements RowSource<ColumnSpec> {
  readonly rowCount: number
  readonly lsnFirst: bigint
  readonly timeMin: bigint
  readonly timeMax: bigint
  readonly #source: RowSource<ColumnSpec>
  readonly #rows: Uint32Array
  readonly #scratch: Scratch

  /** `rows` of the source, rising, within one lot. */
  constructor(source: RowSource<ColumnSpec>, rows: Uint32Array, scratch: Scratch) {
    this.#source = source
    this.#rows = rows
    this.#scratch = scratch
    this.rowCount = rows.length
    this.lsnFirst = source.lsnFirst
    this.timeMin = source.timeMin
    this.timeMax = source.timeMax
  }

  lacks(spec: ColumnSpec): boolean {
    return this.#source.lacks?.(spec) === true
  }

  /** The vectors that hold chosen rows were decoded. */
  noteDecoded(treatment: Treatment): void {
    for (const row of this.#rows) treatment.decoded(this.#source, row, row + 1)
  }

  /** Found in the source, then among the chosen rows. */
  lowerBound(time: bigint): number {
    const row = this.#source.lowerBound(time)
    let low = 0
    let high = this.rowCount
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#rows[middle]! < row) low = middle + 1
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
    for (let first = from; first < end;) {
      let next = first + 1
      while (next < end && this.#rows[next]! - this.#rows[next - 1]! <= gapRowsMax) next += 1
      const start = this.#rows[first]!
      const stop = this.#rows[next - 1]! + 1
      const to = at + first - from
      if (stop - start === next - first) this.#source.read(specs, start, stop, targets, to)
      else this.#gather(specs, first, next, targets, to)
      first = next
    }
  }

  #gather(
    specs: readonly ColumnSpec[],
    first: number,
    next: number,
    targets: readonly ColumnData[],
    at: number,
  ): void {
    const start = this.#rows[first]!
    const columns = this.#scratch.read(this.#source, specs, start, this.#rows[next - 1]! + 1)
    const places = this.#rows.subarray(first, next).map((row) => row - start)
    columns.forEach((column, index) => {
      gatherRows(column, places, 0, places.length, targets[index]!, at)
    })
  }
}

/** What `where` leaves of the slices of a question. */
export class RowFilter {
  readonly #tests: readonly RowTest[]
  readonly #treatment: Treatment
  readonly #scratch = new Scratch()

  get tests(): readonly RowTest[] {
    return this.#tests
  }

  /** `tests`: one at least. */
  constructor(tests: readonly RowTest[], treatment: Treatment) {
    this.#tests = tests
    this.#treatment = treatment
  }

  /** The chosen rows of a slice, lot by lot; the last lot first if `isReverse`. Lots without any are left out. */
  *lots(slice: Slice, isReverse: boolean): Generator<Slice> {
    const lots = [...lotsOf(slice)]
    if (isReverse) lots.reverse()
    for (const lot of lots) {
      const chosen = this.#choose(lot)
      if (chosen !== undefined) yield chosen
    }
  }

  /** How many rows of a slice are chosen. */
  count(slice: Slice): number {
    const run = packedOf(slice.source)
    let count = 0
    for (const lot of lotsOf(slice)) {
      const packed = run && countPacked(run, lot, this.#tests, this.#treatment)
      count += packed ?? selectDecoded(lot, this.#tests, this.#scratch, this.#treatment).length
    }
    return count
  }

  /** The chosen rows of a slice, lot by lot, by decoding alone. */
  *decodedLots(slice: Slice): Generator<Slice> {
    for (const lot of lotsOf(slice)) {
      const rows = selectDecoded(lot, this.#tests, this.#scratch, this.#treatment)
      const chosen = this.#chosen(lot, rows)
      if (chosen !== undefined) yield chosen
    }
  }

  #choose(lot: Slice): Slice | undefined {
    const run = packedOf(lot.source)
    const packed = run && selectPacked(run, lot, this.#tests, this.#treatment)
    return this.#chosen(
      lot,
      packed ?? selectDecoded(lot, this.#tests, this.#scratch, this.#treatment),
    )
  }

  #chosen(lot: Slice, rows: Uint32Array): Slice | undefined {
    if (rows.length === 0) return undefined
    if (rows.length === lot.end - lot.from) return lot
    const source = new SelectedRows(lot.source, rows, this.#scratch)
    return { source, from: 0, end: rows.length }
  }
}
