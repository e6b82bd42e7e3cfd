// The newest row of a series, kept up to date by appends where that can be told without looking at other rows.
import { compareRows, halvesOf } from '#batch'
import type { Chunk, RowRules } from '#head'

export type Newest =
  /** Not known: to be read. */
  | { readonly at: 'unknown' }
  | { readonly at: 'none' }
  | { readonly at: 'chunk'; readonly chunk: Chunk; readonly row: number; readonly time: bigint }
  /** In a segment, of this time. */
  | { readonly at: 'row'; readonly time: bigint }

/** After rows [from, end) were added to `chunk`. */
export function newestAfter(
  before: Newest,
  chunk: Chunk,
  from: number,
  end: number,
  rules: RowRules,
): Newest {
  if (before.at === 'unknown') return before
  const row = newestOf(chunk, from, end, rules)
  const time = chunk.time.values[row]!
  const found: Newest = { at: 'chunk', chunk, row, time }
  const { duplicates } = rules
  if (duplicates === undefined) {
    if (before.at === 'none' || time > before.time) return found
    if (time < before.time) return before
    return rules.order.length === 0 ? found : { at: 'unknown' }
  }
  // Rows that replace each other: certain only where no row of that time, or of that identity, was there before.
  if (!duplicates.hasTime || end - from > 1) return { at: 'unknown' }
  if (before.at === 'none' || time > before.time) return found
  return time < before.time ? before : { at: 'unknown' }
}

/** The last in read order. */
function newestOf(chunk: Chunk, from: number, end: number, rules: RowRules): number {
  if (end - from === 1) return from
  const keys = { time: chunk.time, order: rules.order.map((spec) => chunk.column(spec)) }
  const halves = halvesOf(chunk.time.values)
  let best = from
  for (let row = from + 1; row < end; row += 1) {
    if (compareRows(keys, halves, row, best) >= 0) best = row
  }
  return best
}
