// The distinct units of a page, for DICT: rising, so that a range of values is a range of codes.
import { arena } from '#kernel'
import { directRangeMax, encodePlaces } from './encode-places.ts'
import { narrowLeast, needUnits } from './forms.ts'

/** Slots in use of the table, a power of two, less one. */
let mask = 0
let foundCount = 0

/** u32: what stands for unit 0, where the units counted last were looked up without a table. */
let directLeast: number | undefined

/** A page's range is cleared and read through once: so many bytes a value are worth it. */
const directBytesMax = 16

/**
 * countDistinct for the whole page, none of its units above `range`, where those are narrow and
 * near each other: without a table, and they come in order. Undefined where they are not.
 */
export function countDirect(count: number, range: number, most: number): number | undefined {
  const least = narrowLeast()
  if (least === undefined || range > Math.min(directRangeMax, count * directBytesMax))
    return undefined
  const { narrowAt, flagsAt, directCodesAt, foundAt } = encodePlaces()
  directLeast = least
  foundCount = arena().kernels.narrowDistinct(
    narrowAt,
    count,
    least,
    range,
    most,
    flagsAt,
    directCodesAt,
    foundAt,
  )
  return foundCount
}

/** How many distinct units there are among units[0, count); `most` + 1 where more than `most`. */
export function countDistinct(count: number, most: number): number {
  needUnits()
  directLeast = undefined
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
  if (directLeast !== undefined) return f64.slice(first, first + foundCount)
  if (foundCount <= sortFewMax) kernels.sortFew(foundAt, foundCount)
  else f64.subarray(first, first + foundCount).sort()
  kernels.placeCodes(foundAt, foundCount, tableAt, mask, codesAt)
  return f64.slice(first, first + foundCount)
}

/** The codes of units[from, end) to slotsAt; of the units counted last. */
export function takeCodes(from: number, end: number): void {
  const { kernels } = arena()
  const { unitSlotsAt, codesAt, slotsAt, narrowAt, directCodesAt } = encodePlaces()
  if (directLeast !== undefined) {
    const at = narrowAt + from * 4
    kernels.narrowCodes(at, end - from, directLeast, directCodesAt, slotsAt)
    return
  }
  kernels.codesOf(unitSlotsAt + from * 2, end - from, codesAt, slotsAt)
}

/** The code of a unit that is among those counted last, `dictionary`. */
export function codeOf(dictionary: Float64Array, unit: number): number {
  if (directLeast === undefined) return searchCode(dictionary, unit)
  return encodePlaces().directCodes[unit]!
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
