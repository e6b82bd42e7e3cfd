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

/** A column that residuals refer to: its integers, of its own scale. */
export interface Referred {
  readonly values: Float64Array
  readonly scale: number
}

/** Integers [from, from + rows) of a column at another scale -> `out`. */
function tellRows(
  values: Float64Array,
  factor: number,
  from: number,
  rows: number,
  out: Float64Array,
): void {
  for (let i = 0; i < rows; i += 1) out[i] = values[from + i]! * factor
}

function tellBefore(
  values: Float64Array,
  factor: number,
  from: number,
  rows: number,
  out: Float64Array,
): void {
  out[0] = values[from]! * factor
  for (let i = 1; i < rows; i += 1) out[i] = values[from + i - 1]! * factor
}

/** The greater of what is told and of the integers of another column. */
function raise(
  values: Float64Array,
  factor: number,
  from: number,
  rows: number,
  out: Float64Array,
) {
  for (let i = 0; i < rows; i += 1) out[i] = Math.max(out[i]!, values[from + i]! * factor)
}

function lower(
  values: Float64Array,
  factor: number,
  from: number,
  rows: number,
  out: Float64Array,
) {
  for (let i = 0; i < rows; i += 1) out[i] = Math.min(out[i]!, values[from + i]! * factor)
}

/**
 * What a rule tells of rows [from, from + rows), all of a vector, at `scale` -> `out`. In the first
 * row of a vector no row is before: there the column's own row stands for it, so that vectors are
 * decoded one by one.
 */
export function tell(
  rule: number,
  referred: readonly Referred[],
  scale: number,
  from: number,
  rows: number,
  out: Float64Array,
): void {
  const { fromBefore, aboveMost, belowLeast } = residualRules
  const [first, second] = referred
  assert(first !== undefined, 'a rule refers to a column')
  const factor = powersOfTen[scale - first.scale]!
  if (rule === fromBefore) tellBefore(first.values, factor, from, rows, out)
  else tellRows(first.values, factor, from, rows, out)
  if (second === undefined) return
  const other = powersOfTen[scale - second.scale]!
  if (rule === aboveMost) raise(second.values, other, from, rows, out)
  if (rule === belowLeast) lower(second.values, other, from, rows, out)
}

const told = new Float64Array(vectorRows)

function add(residuals: Float64Array, from: number, rows: number): void {
  for (let i = 0; i < rows; i += 1) residuals[from + i] = told[i]! + residuals[from + i]!
}

function subtract(residuals: Float64Array, from: number, rows: number): void {
  for (let i = 0; i < rows; i += 1) residuals[from + i] = told[i]! - residuals[from + i]!
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
  const { rule } = residual
  for (let from = 0; from < count; from += vectorRows) {
    const rows = Math.min(vectorRows, count - from)
    tell(rule, referred, scale, from, rows, told)
    if (rule === residualRules.belowLeast) subtract(residuals, from, rows)
    else add(residuals, from, rows)
  }
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
