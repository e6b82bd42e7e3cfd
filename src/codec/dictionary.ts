// The distinct units of a page, for DICT: rising, so that a range of values is a range of codes.
import { arena } from '#kernel'
import { encodePlaces } from './encode-places.ts'
import { needUnits } from './forms.ts'

/** Slots in use of the table, a power of two, less one. */
let mask = 0
let foundCount = 0

/** How many distinct units there are among units[0, count); `most` + 1 where more than `most`. */
export function countDistinct(count: number, most: number): number {
  needUnits()
  const { unitsAt, tableAt, unitSlotsAt, foundAt } = encodePlaces()
  let slots = 64
  while (slots < most * 3) slots *= 2
  mask = slots - 1
  const { kernels } = arena()
  foundCount = kernels.distinct(unitsAt, count, most, tableAt, mask, unitSlotsAt, foundAt)
  return foundCount
}

/** From so many values on the built-in sort is faster than ours. */
const sortFewMax = 160

/** The units counted last, rising; `takeCodes` answers for them from now on. */
export function takeDictionary(): Float64Array {
  const { kernels, f64 } = arena()
  const { foundAt, tableAt, codesAt } = encodePlaces()
  const first = foundAt >>> 3
  if (foundCount <= sortFewMax) kernels.sortFew(foundAt, foundCount)
  else f64.subarray(first, first + foundCount).sort()
  kernels.placeCodes(foundAt, foundCount, tableAt, mask, codesAt)
  return f64.slice(first, first + foundCount)
}

/** The codes of units[from, end), less `base`, to slotsAt; of the units counted last. */
export function takeCodes(from: number, end: number, base: number): void {
  const { unitSlotsAt, codesAt, slotsAt } = encodePlaces()
  arena().kernels.codesOf(unitSlotsAt + from * 2, end - from, codesAt, base, slotsAt)
}

/** The code of `unit` in a rising dictionary; -1 where it is not in there. */
export function searchCode(dictionary: Float64Array, unit: number): number {
  let low = 0
  let high = dictionary.length - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    const at = dictionary[middle]!
    if (at === unit) return middle
    if (at < unit) low = middle + 1
    else high = middle - 1
  }
  return -1
}
