// Columns that are used again: a file is written, or read through, block by block, and asking for memory anew
// each time makes the garbage collector work, on processors that others are waiting for.
import { allocateColumn, growColumn, rowCapacity } from './allocate.ts'
import type { ColumnData, Physical } from './column-data.ts'

interface ColumnForm {
  readonly physical: Physical
  readonly optional: boolean
}

export class SpareColumns {
  #forms: readonly ColumnForm[] = []
  #columns: ColumnData[] = []

  /** Columns for `forms` with room for `rowCount` rows or more, no string in their dictionaries, and anything in
   *  their rows. Those taken before are used up. */
  take(forms: readonly ColumnForm[], rowCount: number): ColumnData[] {
    if (!isSameForm(this.#forms, forms)) {
      this.#columns = forms.map(({ physical, optional }) =>
        allocateColumn(physical, rowCount, { optional }),
      )
    }
    this.#forms = forms
    this.#columns.forEach((column, at) => {
      const capacity = rowCapacity(column)
      if (capacity < rowCount) growColumn(column, 0, Math.max(rowCount, capacity * 2))
      // The strings of another series are no business of this one.
      if (column.physical === 'code') this.#columns[at] = { ...column, dictionary: [] }
    })
    return this.#columns
  }
}

function isSameForm(some: readonly ColumnForm[], others: readonly ColumnForm[]): boolean {
  if (some.length !== others.length) return false
  for (let at = 0; at < some.length; at += 1) {
    const one = some[at]!
    const other = others[at]!
    if (one.physical !== other.physical || one.optional !== other.optional) return false
  }
  return true
}
