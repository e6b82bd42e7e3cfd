// A row of a ring as an object. Objects begin as a copy of one in which everything is absent: copying that costs less
// than adding the properties one by one, and then only what is there has to be set.
import type { ColumnSpec } from '#schema'
import type { RingLayout } from './ring-layout.ts'
import { absentValue, slotValue } from './slot.ts'
import type { RowWords } from './slot.ts'

/** Makes objects of some columns out of rows in one layout. */
export class RowMaker {
  readonly specs: readonly ColumnSpec[]
  readonly layout: RingLayout
  readonly #absent: Readonly<Record<string, unknown>>
  /** By index of the layout's columns; undefined where a column is not wanted. */
  readonly #wanted: readonly (ColumnSpec | undefined)[]

  constructor(specs: readonly ColumnSpec[], layout: RingLayout) {
    this.specs = specs
    this.layout = layout
    this.#absent = Object.fromEntries(specs.map((spec) => [spec.name, absentValue(spec)]))
    const byId = new Map(specs.map((spec) => [spec.id, spec]))
    this.#wanted = layout.specs.map(({ id }) => byId.get(id))
  }

  /** The row at word `base`. */
  make(words: RowWords, base: number, textOf: (code: number) => string): Record<string, unknown> {
    const { at, presenceAt } = this.layout
    const wanted = this.#wanted
    const row = { ...this.#absent }
    for (let first = 0; first < wanted.length; first += 32) {
      let bits = words.words[base + presenceAt + (first >>> 5)]!
      while (bits !== 0) {
        const index = first + 31 - Math.clz32(bits & -bits)
        bits &= bits - 1
        const spec = wanted[index]
        if (spec !== undefined) row[spec.name] = slotValue(words, base + at[index]!, spec, textOf)
      }
    }
    return row
  }
}
