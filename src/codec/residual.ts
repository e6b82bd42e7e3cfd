// Pages whose integers other columns of the same block tell, but for a residual: a high is the
// greater of open and close, and a little more. All are whole numbers that doubles hold, in units of
// the page's scale; integers of the columns referred to are brought to it.
import { assert } from '#base'
import { powersOfTen } from './decimal.ts'
import { encodings, transforms, vectorRows } from './layout.ts'
import type { PageMeta } from './layout.ts'
import { startMeta } from './shape.ts'

/** Part of the format. */
export const residualRules = { difference: 1, fromBefore: 2, aboveMost: 3, belowLeast: 4 } as const

const ruleNames: readonly string[] = [
  '',
  'difference',
  'distance from the row before',
  'distance above the greatest',
  'distance below the least',
]

/** The name of a rule, for people. */
export function ruleName(rule: number): string {
  return ruleNames[rule] ?? `rule ${rule}`
}

/** How many columns a rule refers to; 0 where this version does not know it. */
export function referencesOf(rule: number): number {
  const { difference, fromBefore, aboveMost, belowLeast } = residualRules
  if (rule === difference || rule === fromBefore) return 1
  return rule === aboveMost || rule === belowLeast ? 2 : 0
}

/** The columns referred to, from the first row of a vector on. */
type References = readonly { readonly values: Float64Array; readonly factor: number }[]

/**
 * What a rule tells of the `count` rows of a vector -> `out`. In the first row of a vector no row is before: there
 * the column's own row stands for it, so that vectors are decoded one by one.
 */
function tell(rule: number, references: References, count: number, out: Float64Array): void {
  const { values, factor } = references[0]!
  const { difference, fromBefore, aboveMost } = residualRules
  if (rule === difference) for (let i = 0; i < count; i += 1) out[i] = values[i]! * factor
  else if (rule === fromBefore) {
    out[0] = values[0]! * factor
    for (let i = 1; i < count; i += 1) out[i] = values[i - 1]! * factor
  } else {
    const { values: others, factor: otherFactor } = references[1]!
    const isMost = rule === aboveMost
    for (let i = 0; i < count; i += 1) {
      const one = values[i]! * factor
      const other = others[i]! * otherFactor
      out[i] = one > other === isMost ? one : other
    }
  }
}

/** What a rule tells of one vector. */
export const told: Float64Array = new Float64Array(vectorRows)

/** Runs `use` for each vector of `count` rows with what the rule tells of it in `told`. */
export function eachVector(
  rule: number,
  references: References,
  count: number,
  use: (from: number, rows: number) => void,
): void {
  for (let from = 0; from < count; from += vectorRows) {
    const rows = Math.min(vectorRows, count - from)
    const own = references.map(({ values, factor }) => ({ values: values.subarray(from), factor }))
    tell(rule, own, rows, told)
    use(from, rows)
  }
}

/** A column that residuals refer to: its integers, of its own scale. */
export interface Referred {
  readonly values: Float64Array
  readonly scale: number
}

export function referencesAt(referred: readonly Referred[], scale: number): References {
  return referred.map(({ values, scale: own }) => ({ values, factor: powersOfTen[scale - own]! }))
}

/**
 * Residuals of `count` rows become integers of the page, in place. Rows begin with a vector;
 * `referred` are no finer than the page (`canRefer`).
 */
export function addResiduals(
  meta: PageMeta,
  residuals: Float64Array,
  referred: readonly Referred[],
  count: number,
): void {
  const { residual, scale } = meta
  assert(residual !== undefined, 'a page of residuals')
  const sign = residual.rule === residualRules.belowLeast ? -1 : 1
  eachVector(residual.rule, referencesAt(referred, scale), count, (from, rows) => {
    for (let i = 0; i < rows; i += 1) {
      residuals[from + i] = told[i]! + sign * residuals[from + i]!
    }
  })
}

/** Integers [from, end) of a page to its decimals: one division a value, as the encoder checked. */
export function decimalsOfIntegers(
  { scale }: PageMeta,
  integers: Float64Array,
  from: number,
  end: number,
  out: Float64Array,
  at: number,
): void {
  const power = powersOfTen[scale]!
  for (let i = from; i < end; i += 1) out[at + i - from] = integers[i]! / power
}

/** Whether all rows of a page are decimals that are stored as integers. */
export function areIntegers(meta: PageMeta): boolean {
  const { transform, nulls, exceptions, allAbsent, physical } = meta
  const isWhole = nulls === undefined && exceptions === undefined && !allAbsent
  return physical === 'f64' && transform === transforms.decimal && isWhole
}

/** Whether a page of `scale` may refer to the other. */
export function canRefer(scale: number, other: PageMeta): boolean {
  return areIntegers(other) && other.scale <= scale
}

const integerMetas = new WeakMap<PageMeta, PageMeta>()

/** The meta by which the stored bytes of a page (`areIntegers`) decode to its integers, or to its residuals. */
export function integerMetaOf(meta: PageMeta): PageMeta {
  if (meta.residual !== undefined) return meta.residual.inner
  let found = integerMetas.get(meta)
  if (found === undefined) {
    found = { ...meta, scale: 0 }
    integerMetas.set(meta, found)
  }
  return found
}

/** The meta of a RESIDUAL page: rows and zones of the column, bytes of the inner page. */
export function residualMeta(
  plain: Pick<PageMeta, 'rowCount' | 'scale' | 'base' | 'gcd' | 'zone'>,
  rule: number,
  columnIds: readonly number[],
  inner: PageMeta,
): PageMeta {
  const { lz4, chunkVectors, vectorStarts, chunkStarts, checksums, payloadBytes } = inner
  const { rowCount, scale, base, gcd, zone } = plain
  return {
    ...startMeta('f64', rowCount, encodings.residual, transforms.decimal),
    scale,
    base,
    gcd,
    zone,
    residual: { rule, columnIds, inner },
    lz4,
    chunkVectors,
    vectorStarts,
    chunkStarts,
    checksums,
    payloadBytes,
  }
}
