// Pages of residuals, and the pages they refer to, for some rows of a block: which stored bytes are
// wanted for them, and what comes of these. Every column among them is decoded once, to integers.
import { VarveError, assert } from '#base'
import { allocateColumn } from '#batch'
import type { ColumnData, F64Data } from '#batch'
import { addResiduals, areIntegers, canRefer, decimalsOfIntegers, integerMetaOf } from '#codec'
import type { PageMeta } from '#codec'
import type { PlacedPage } from './run-pages.ts'

type Place = Readonly<Record<string, unknown>>

/** A column of residuals refers to others at most so deep: open tells high, the close before it tells open. */
const depthMax = 2

/** What is stored of a column: its integers, or its residuals, which become its integers. */
export interface IntegerColumn {
  readonly columnId: number
  readonly meta: PageMeta
  /** The page that decodes to what is stored. */
  readonly placed: PlacedPage
  readonly data: F64Data
  readonly referred: readonly IntegerColumn[]
  readonly depth: number
  isWhole: boolean
}

/** A caller's column that is to be filled from integers. */
interface Filled {
  readonly column: IntegerColumn
  readonly target: ColumnData
}

/** Memory of one call, used again by the next: what is read is done with before. */
const pool: F64Data[] = []

function pooled(index: number, rows: number): F64Data {
  const held = pool[index]
  if (held !== undefined && held.values.length >= rows) return held
  const made = allocateColumn('f64', rows, { optional: false })
  assert(made.physical === 'f64', 'integers are held by doubles')
  pool[index] = made
  return made
}

/** The page's stored bytes as integers; `held` is of the same chunks. */
function integersOf(placed: PlacedPage): PlacedPage {
  placed.integers ??= { ...placed, meta: integerMetaOf(placed.meta) }
  return placed.integers
}

export class BlockIntegers {
  readonly #pageOf: (columnId: number) => PlacedPage | undefined
  readonly #placeOf: (columnId: number) => Place
  readonly #rows: number
  readonly #columns = new Map<number, IntegerColumn>()
  readonly #open = new Set<number>()
  readonly #filled: Filled[] = []

  /** `rows` from the first row of a vector on; `pageOf`: undefined for a column that the run does not hold. */
  constructor(
    rows: number,
    pageOf: (columnId: number) => PlacedPage | undefined,
    placeOf: (columnId: number) => Place,
  ) {
    this.#rows = rows
    this.#pageOf = pageOf
    this.#placeOf = placeOf
  }

  /** All that must be decoded before `finish`. */
  get columns(): Iterable<IntegerColumn> {
    return this.#columns.values()
  }

  /** Wants a column of residuals. @throws {VarveError} ERR_CORRUPT where it refers to what cannot be */
  want(columnId: number, target: ColumnData): void {
    this.#filled.push({ column: this.#columnOf(columnId, columnId), target })
  }

  #corrupt(message: string, columnId: number): VarveError {
    return new VarveError('ERR_CORRUPT', message, this.#placeOf(columnId))
  }

  #columnOf(columnId: number, from: number): IntegerColumn {
    const known = this.#columns.get(columnId)
    if (known !== undefined) return known
    const placed = this.#pageOf(columnId)
    if (placed === undefined || !areIntegers(placed.meta)) {
      throw this.#corrupt(`a page of residuals refers to column ${columnId}`, from)
    }
    if (this.#open.has(columnId)) throw this.#corrupt('residuals refer in a circle', from)
    this.#open.add(columnId)
    const { meta } = placed
    const referred = (meta.residual?.columnIds ?? []).map((id) => this.#columnOf(id, columnId))
    for (const other of referred) {
      if (canRefer(meta.scale, other.meta)) continue
      throw this.#corrupt(`a page of residuals refers to finer decimals`, columnId)
    }
    const depth = Math.max(-1, ...referred.map((other) => other.depth)) + 1
    if (depth > depthMax) throw this.#corrupt('residuals refer too deep', columnId)
    const column: IntegerColumn = {
      columnId,
      meta,
      placed: integersOf(placed),
      data: pooled(this.#columns.size, this.#rows),
      referred,
      depth,
      isWhole: meta.residual === undefined,
    }
    this.#columns.set(columnId, column)
    return column
  }

  #finish(column: IntegerColumn): void {
    if (column.isWhole) return
    column.isWhole = true
    const referred = column.referred.map((other) => {
      this.#finish(other)
      return { values: other.data.values, scale: other.meta.scale }
    })
    addResiduals(column.meta, column.data.values, referred, this.#rows)
  }

  /** Puts rows [from, rows) of each wanted column to index `at` of its target. */
  finish(from: number, at: number): void {
    for (const { column, target } of this.#filled) {
      assert(target.physical === 'f64', 'residuals are of doubles')
      this.#finish(column)
      const { meta, data } = column
      decimalsOfIntegers(meta, data.values, from, this.#rows, target.values, at)
    }
  }
}
