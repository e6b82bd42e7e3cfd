// The distinct units of a page, for DICT: rising, so that a range of values is a range of codes.
import { dictionaryMax } from './layout.ts'
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

let found: number[] = []

/** How many distinct units there are among units[0, count); `most` + 1 where more than `most`. */
export function countDistinct(count: number, most: number): number {
  mask = 64
  while (mask < most * 3) mask *= 2
  places.fill(-1, 0, mask)
  mask -= 1
  found = []
  let before = -1
  for (let i = 0; i < count; i += 1) {
    const unit = units[i]!
    if (unit === before) continue
    before = unit
    const slot = slotOf(unit)
    if (places[slot]! >= 0) continue
    if (found.length === most) return most + 1
    keys[slot] = unit
    places[slot] = 0
    found.push(unit)
  }
  return found.length
}

/** The units counted last, rising; codeOf answers for them from now on. */
export function takeDictionary(): Float64Array {
  const dictionary = Float64Array.from(found).sort()
  for (let code = 0; code < dictionary.length; code += 1) places[slotOf(dictionary[code]!)] = code
  return dictionary
}

/** The code of a unit of the dictionary taken last. */
export function codeOf(unit: number): number {
  return places[slotOf(unit)]!
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
