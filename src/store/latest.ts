// The newest rows of the series of a store that is open for writing, from memory: rings that appends keep up to date.
// A series gets its ring when somebody first asks; what a ring cannot tell any more is read again.
import { allocateColumn } from '#batch'
import type { ColumnData } from '#batch'
import { Ring, Slab, ringRowsMax } from '#head'
import { RowBatch, chooseSlices } from '#query'
import { int64Max, int64Min } from '#schema'
import type { ColumnSpec } from '#schema'
import type { Catalog, SeriesRuntime } from './catalog.ts'
import { lastOf } from './last-row.ts'
import type { OneRow } from './last-row.ts'
import type { AppendedPart } from './rows-in.ts'
import { sourcesOfSeries } from './view.ts'
import type { View } from './view.ts'

/** Rows in memory of their own, by index of the kind's columns. */
interface Rows {
  readonly columns: OneRow
  readonly rowCount: number
}

/** The rings of one store. */
export class Rings {
  #slab: Slab | undefined

  /** The ring of a series, which knows its last row, or all of its rows; undefined where memory has no room for it. */
  withLatest(view: View, runtime: SeriesRuntime): Ring | undefined {
    const ring = this.#ringOf(runtime)
    if (ring.knows(1)) return ring
    const { rules } = runtime.head
    const last = lastOf(view.state, runtime)
    if (last.at === 'unknown') return this.#read(ring, view, runtime) ? ring : undefined
    const isRefilled =
      last.at === 'none'
        ? ring.refill(rules, [], 0, true)
        : ring.refill(rules, last.read(), 1, false)
    return isRefilled ? ring : undefined
  }

  /** The ring of a series, which knows its last `count` rows; undefined where memory has no room for them. */
  withRows(view: View, runtime: SeriesRuntime, count: number): Ring | undefined {
    const ring = this.#ringOf(runtime)
    if (ring.knows(count)) return ring
    if (ring.rowsMax < count) return undefined
    return this.#read(ring, view, runtime) && ring.knows(count) ? ring : undefined
  }

  #ringOf(runtime: SeriesRuntime): Ring {
    runtime.ring ??= new Ring((this.#slab ??= new Slab()), runtime.id)
    return runtime.ring
  }

  #read(ring: Ring, view: View, runtime: SeriesRuntime): boolean {
    const { columns, rowCount } = readLastRows(view, runtime)
    return ring.refill(runtime.head.rules, columns, rowCount, rowCount < ringRowsMax)
  }

  /** Rows that an append made visible. */
  take({ runtime, chunk, from, end }: AppendedPart): void {
    runtime.ring?.take(chunk.columns, from, end, runtime.head.rules)
  }

  /** Rows came or went otherwise than by appends. */
  forgetAll(catalog: Catalog): void {
    for (const { ring } of catalog.all()) ring?.forget()
  }
}

/** The last rows of a series from its sources, as many as a ring holds. */
function readLastRows(view: View, runtime: SeriesRuntime): Rows {
  const { rules } = runtime.head
  const sources = sourcesOfSeries(view, runtime, int64Min, int64Max + 1n)
  const limit = Number.MAX_SAFE_INTEGER
  const wanted = { from: int64Min, to: int64Max + 1n, limit, offset: 0 }
  const slices = [...chooseSlices(sources, { ...wanted, last: ringRowsMax, isReverse: false })]
  const rowCount = slices.reduce((sum, { from, end }) => sum + end - from, 0)
  const columns = rules.specs.map(({ physical, optional }) =>
    allocateColumn(physical, rowCount, { optional }),
  )
  let at = 0
  for (const { source, from, end } of slices) {
    source.read(rules.specs, from, end, columns, at)
    at += end - from
  }
  return { columns, rowCount }
}

/** The newest row of a ring as an object; undefined where there is none. */
export function latestRow(
  ring: Ring,
  specs: readonly ColumnSpec[],
): Record<string, unknown> | undefined {
  const { count } = ring
  return count === 0 ? undefined : ring.row(specs, count - 1)
}

/** The newest rows of a ring, at most `count`. */
export function latestBatch(ring: Ring, specs: readonly ColumnSpec[], count: number): RowBatch {
  const rowCount = Math.min(count, ring.count)
  const columns = specs.map((spec) => {
    const data: ColumnData = allocateColumn(spec.physical, rowCount, { optional: spec.optional })
    ring.fillColumn(spec, ring.count - rowCount, ring.count, data)
    return { spec, data }
  })
  return new RowBatch(columns, rowCount)
}
