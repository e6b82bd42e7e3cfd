// The distinct units of a page, for DICT: rising, so that a range of values is a range of codes.
import { blockRowsMax, dictionaryMax } from './layout.ts'
import { units } from './units.ts'

const keys = new Float64Array(dictionaryMax * 4)
const places = new Int32Array(dictionaryMax * 4)
/** Slots in use, a power of two, less one: clearing them costs what the page is worth. */
let mask = 0

function slotOf(unit: number): number {
  const high = Math.floor(unit / 4294967296)
  let slot = (Math.imul((unit ^ Math.imul(high, 0x85ebca6b)) | 0, 0x9e3779b1) >>> 18) & mask
  while (places[slot]! >= 0 && keys[slot] !== unit) slot = (slot + 1) & mask
  return slot
}

/** Of each unit counted last. */
const slots = new Uint16Array(blockRowsMax)

const found = new Float64Array(dictionaryMax)
let foundCount = 0

/** How many distinct units there are among units[0, count); `most` + 1 where more than `most`. */
export function countDistinct(count: number, most: number): number {
  mask = 64
  while (mask < most * 3) mask *= 2
  places.fill(-1, 0, mask)
  mask -= 1
  foundCount = 0
  let before = -1
  let slot = 0
  for (let i = 0; i < count; i += 1) {
    const unit = units[i]!
    if (unit !== before) slot = slotOf(unit)
    before = unit
    slots[i] = slot
    if (places[slot]! >= 0) continue
    if (foundCount === most) return most + 1
    keys[slot] = unit
    places[slot] = 0
    found[foundCount] = unit
    foundCount += 1
  }
  return foundCount
}

/** From so many values on the built-in sort is faster than ours. */
const sortFewMax = 96

function sortRising(values: Float64Array): void {
  if (values.length > sortFewMax) {
    values.sort()
    return
  }
  for (let i = 1; i < values.length; i += 1) {
    const value = values[i]!
    let at = i
    for (; at > 0 && values[at - 1]! > value; at -= 1) values[at] = values[at - 1]!
    values[at] = value
  }
}

/** The units counted last, rising; codeOf answers for them from now on. */
export function takeDictionary(): Float64Array {
  const dictionary = found.slice(0, foundCount)
  sortRising(dictionary)
  for (let code = 0; code < dictionary.length; code += 1) places[slotOf(dictionary[code]!)] = code
  return dictionary
}

/** The code of a unit of the dictionary taken last. */
export function codeOf(unit: number): number {
  return places[slotOf(unit)]!
}

/** The code of units[i], where all of these were counted last and the dictionary was taken. */
export function codeAt(i: number): number {
  return places[slots[i]!]!
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
