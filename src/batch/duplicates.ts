// Which of several rows with the same identity stands, and where. Equality is bit equality; a row with an absent
// identity column is its own; a row that replaces keeps the place of the first arrival among equals.
import { BugError, assert } from '#base'
import type { ColumnData, I64Data } from './column-data.ts'
import { compareInt64, compareRows, halvesOf } from './order.ts'
import type { OrderKeys } from './order.ts'
import { isPresent } from './presence.ts'

export interface IdentityColumn {
  readonly column: ColumnData
  readonly optional: boolean
}

export interface DuplicateRule {
  readonly duplicates: 'first' | 'last'
  /** The identity columns but for those that equal (time, order) makes equal anyway. */
  readonly identity: readonly IdentityColumn[]
  /** Same rows have the same time and order columns: they stand side by side. */
  readonly isLocal: boolean
  /** The partition of a row: identity holds within one. Asked only where rows that are not local are compared. */
  scopeOf(row: number): bigint
}

/**
 * Rows that stand, in read order. `order`: all rows in read order, ties by arrival; a lower row number arrived earlier.
 * `place` (needed unless `isLocal` or for 'first'): where each row ranks among equals; the winner's entry is lowered to
 * that of the first of its identity.
 */
export function resolveDuplicates(
  keys: OrderKeys,
  order: Uint32Array,
  rule: DuplicateRule,
  place: I64Data | undefined,
): Uint32Array {
  return rule.isLocal ? resolveLocal(keys, order, rule) : resolveAnywhere(keys, order, rule, place)
}

function resolveLocal(keys: OrderKeys, order: Uint32Array, rule: DuplicateRule): Uint32Array {
  const halves = halvesOf(keys.time.values)
  const kept = new Uint32Array(order.length)
  let count = 0
  for (let from = 0; from < order.length;) {
    let end = from + 1
    while (end < order.length && compareRows(keys, halves, order[from]!, order[end]!) === 0) {
      end += 1
    }
    if (end === from + 1) {
      kept[count] = order[from]!
      count += 1
    } else {
      count = resolveGroup(order, from, end, rule, kept, count)
    }
    from = end
  }
  return kept.subarray(0, count)
}

/** Rows of equal (time, order), by arrival. */
function resolveGroup(
  order: Uint32Array,
  from: number,
  end: number,
  rule: DuplicateRule,
  kept: Uint32Array,
  countBefore: number,
): number {
  const slotOf = new Map<string, number>()
  let count = countBefore
  for (let at = from; at < end; at += 1) {
    const row = order[at]!
    const key = identityText(rule.identity, row)
    const slot = key === undefined ? undefined : slotOf.get(key)
    if (slot === undefined) {
      if (key !== undefined) slotOf.set(key, count)
      kept[count] = row
      count += 1
    } else if (rule.duplicates === 'last') {
      kept[slot] = row
    }
  }
  return count
}

function resolveAnywhere(
  keys: OrderKeys,
  order: Uint32Array,
  rule: DuplicateRule,
  place: I64Data | undefined,
): Uint32Array {
  const winners = new Map<string, number>()
  const isDropped = new Uint8Array(order.length)
  for (let row = 0; row < order.length; row += 1) {
    const text = identityText(rule.identity, row)
    if (text === undefined) continue
    const key = `${rule.scopeOf(row)}\0${text}`
    const earlier = winners.get(key)
    if (earlier === undefined) {
      winners.set(key, row)
    } else if (rule.duplicates === 'first') {
      isDropped[row] = 1
    } else {
      assert(place !== undefined, 'duplicates: a replacing row needs a place')
      isDropped[earlier] = 1
      if (place.values[earlier]! < place.values[row]!) place.values[row] = place.values[earlier]!
      winners.set(key, row)
    }
  }
  const kept = order.filter((row) => isDropped[row] === 0)
  return place === undefined ? kept : byPlace(keys, kept, place)
}

/** Ties of (time, order) by place instead of by row number. */
function byPlace(keys: OrderKeys, kept: Uint32Array, place: I64Data): Uint32Array {
  const halves = halvesOf(keys.time.values)
  const places = halvesOf(place.values)
  return kept.sort((a, b) => compareRows(keys, halves, a, b) || compareInt64(places, a, b))
}

/** Equal for rows that are bit-equal in every identity column; undefined where one is absent. */
function identityText(identity: readonly IdentityColumn[], row: number): string | undefined {
  let text = ''
  for (const { column, optional } of identity) {
    if (optional && !isPresent(column, row)) return undefined
    text += `${valueText(column, row)}\0`
  }
  return text
}

function valueText(column: ColumnData, row: number): string {
  switch (column.physical) {
    case 'f64': {
      const bits = new Uint32Array(column.values.buffer, column.values.byteOffset + row * 8, 2)
      return `${bits[1]}:${bits[0]}`
    }
    case 'i64':
    case 'i32':
    case 'u8':
    case 'code':
      return String(column.values[row])
    case 'bytes': {
      const bytes = column.bytes.subarray(column.offsets[row], column.offsets[row + 1])
      return `${bytes.length}:${Buffer.from(bytes).toString('latin1')}`
    }
    default:
      throw new BugError('an unknown column')
  }
}
