// Which columns of a block are stored as residuals of others. Columns are known by the names that
// prices have; each keeps its own page unless residuals save a tenth of it.
import { encodeResidual, pageBytes, residualRules } from '#codec'
import type { Level, PageMeta, PlainColumn } from '#codec'
import type { ColumnData } from '#batch'
import type { ColumnSpec } from '#schema'

/** A page, its payload not to be overwritten. */
export interface BlockPage {
  readonly meta: PageMeta
  readonly payload: Uint8Array
}

const { difference, fromBefore, aboveMost, belowLeast } = residualRules

interface Attempt {
  readonly name: string
  readonly rule: number
  readonly of: readonly string[]
}

type Prices = Readonly<Record<'open' | 'high' | 'low' | 'close', string>>

/** Of each list the attempt that saves most is taken; open and close cannot both be told by the other. */
function attemptsOfBars({ open, high, low, close }: Prices): readonly (readonly Attempt[])[] {
  return [
    [
      { name: open, rule: fromBefore, of: [close] },
      { name: close, rule: difference, of: [open] },
    ],
    [{ name: high, rule: aboveMost, of: [open, close] }],
    [{ name: low, rule: belowLeast, of: [open, close] }],
  ]
}

const attempts: readonly (readonly Attempt[])[] = [
  ...attemptsOfBars({ open: 'open', high: 'high', low: 'low', close: 'close' }),
  ...attemptsOfBars({ open: 'bidOpen', high: 'bidHigh', low: 'bidLow', close: 'bidClose' }),
  ...attemptsOfBars({ open: 'askOpen', high: 'askHigh', low: 'askLow', close: 'askClose' }),
  [{ name: 'ask', rule: difference, of: ['bid'] }],
]

/** What a column of residuals must leave of its plain page. */
const shareMost = 0.9

/** Attempts whose columns a kind has, by their places among its columns. */
export interface ResidualPlan {
  readonly attempts: readonly (readonly {
    readonly at: number
    readonly rule: number
    readonly of: readonly number[]
  }[])[]
}

/**
 * Undefined where no column may be told by others. Only level `high` looks: what reads one column
 * then reads others too.
 */
export function residualPlanOf(
  specs: readonly ColumnSpec[],
  level: Level,
): ResidualPlan | undefined {
  if (level !== 'high') return undefined
  const placeOf = (name: string): number =>
    specs.findIndex((spec) => spec.name === name && spec.physical === 'f64')
  const found = attempts.map((list) =>
    list.flatMap(({ name, rule, of }) => {
      const planned = { at: placeOf(name), rule, of: of.map(placeOf) }
      return planned.at >= 0 && planned.of.every((at) => at >= 0) ? [planned] : []
    }),
  )
  const some = found.filter((list) => list.length > 0)
  return some.length === 0 ? undefined : { attempts: some }
}

/** Replaces pages of a block by pages of residuals where these are smaller. `pages[i]` belongs to `specs[i]`. */
export function takeResiduals(
  plan: ResidualPlan,
  specs: readonly ColumnSpec[],
  columns: readonly ColumnData[],
  from: number,
  pages: BlockPage[],
  level: Level,
): void {
  const plain = pages.map(({ meta }) => meta)
  const columnAt = (at: number): PlainColumn | undefined => {
    const column = columns[at]!
    if (column.physical !== 'f64') return undefined
    return { columnId: specs[at]!.id, meta: plain[at]!, values: column.values }
  }
  for (const list of plan.attempts) {
    let savedMost = 0
    let best: { readonly at: number; readonly page: BlockPage } | undefined
    for (const { at, rule, of } of list) {
      const column = columnAt(at)
      const others = of.flatMap((other) => columnAt(other) ?? [])
      if (column === undefined || others.length < of.length) continue
      const page = encodeResidual(column, rule, others, from, column.meta.rowCount, level)
      if (page === undefined) continue
      const before = pageBytes(column.meta)
      const bytes = pageBytes(page.meta)
      if (bytes > before * shareMost || before - bytes <= savedMost) continue
      savedMost = before - bytes
      best = { at, page: { meta: page.meta, payload: page.payload.slice() } }
    }
    if (best !== undefined) pages[best.at] = best.page
  }
}
