// The encoder of residual pages (residual.ts): a column that has its page already, with what others
// of the block tell of it taken off, encoded as any page of whole numbers.
import { assert } from '#base'
import { powersOfTen } from './decimal.ts'
import { encodePage } from './encode.ts'
import type { EncodedPage } from './encode.ts'
import { vectorRows } from './layout.ts'
import type { Level, PageMeta } from './layout.ts'
import {
  areIntegers,
  canRefer,
  referencesOf,
  residualMeta,
  residualRules,
  tell,
} from './residual.ts'

/** Residuals of integers below it are below 2^52, and products of rounded doubles round to them. */
const integerEnd = 2 ** 50

function isNear({ zone }: PageMeta, factor: number): boolean {
  if (zone === undefined) return false
  const isBelow = (value: bigint): boolean => Math.abs(Number(value)) * factor < integerEnd
  return zone.min.every(isBelow) && zone.max.every(isBelow)
}

/** A column of a block and its page, encoded without others. */
export interface PlainColumn {
  readonly columnId: number
  readonly meta: PageMeta
  readonly values: Float64Array
}

function integersOf(
  { meta, values }: PlainColumn,
  rowFrom: number,
  rowCount: number,
): Float64Array {
  const power = powersOfTen[meta.scale]!
  const integers = new Float64Array(rowCount)
  for (let i = 0; i < rowCount; i += 1) integers[i] = Math.round(values[rowFrom + i]! * power)
  return integers
}

const told = new Float64Array(vectorRows)

/** What is told is taken off the integers, or they off it. */
function takeOff(values: Float64Array, from: number, rows: number, isBelow: boolean): void {
  for (let i = 0; i < rows; i += 1) {
    const integer = values[from + i]!
    values[from + i] = isBelow ? told[i]! - integer : integer - told[i]!
  }
}

/**
 * The page of `column` as residuals of the others; undefined where that is not possible. The
 * payload is a view of memory that the next page overwrites.
 */
export function encodeResidual(
  column: PlainColumn,
  rule: number,
  others: readonly PlainColumn[],
  rowFrom: number,
  rowCount: number,
  level: Level,
): EncodedPage | undefined {
  const { meta } = column
  const { scale } = meta
  assert(others.length === referencesOf(rule), 'a residual refers to as many columns as its rule')
  if (!areIntegers(meta) || !isNear(meta, 1)) return undefined
  for (const { meta: other } of others) {
    if (!canRefer(scale, other) || !isNear(other, powersOfTen[scale - other.scale]!)) {
      return undefined
    }
  }
  const referred = others.map((other) => ({
    values: integersOf(other, rowFrom, rowCount),
    scale: other.meta.scale,
  }))
  const values = integersOf(column, rowFrom, rowCount)
  for (let from = 0; from < rowCount; from += vectorRows) {
    const rows = Math.min(vectorRows, rowCount - from)
    tell(rule, referred, scale, from, rows, told)
    takeOff(values, from, rows, rule === residualRules.belowLeast)
  }
  const { meta: inner, payload } = encodePage({ physical: 'f64', values }, 0, rowCount, {
    optional: false,
    level,
  })
  if (!areIntegers(inner) || inner.scale !== 0) return undefined
  const columnIds = others.map(({ columnId }) => columnId)
  return { meta: residualMeta(meta, rule, columnIds, withoutSums(inner)), payload }
}

/** Nobody asks for the sums of residuals. */
function withoutSums(inner: PageMeta): PageMeta {
  return inner.zone === undefined ? inner : { ...inner, zone: { ...inner.zone, sum: undefined } }
}
