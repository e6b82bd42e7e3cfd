// Dictionaries of symbol columns: distinct strings in order of first use, append-only while they live.
import { absentCode } from './column-data.ts'

const lookups = new WeakMap<readonly string[], Map<string, number>>()

/** The code of each string of `dictionary`. Kept beside the dictionary as long as that lives. */
export function lookupOf(dictionary: readonly string[]): Map<string, number> {
  let lookup = lookups.get(dictionary)
  if (lookup === undefined) {
    lookup = new Map(dictionary.map((text, code) => [text, code]))
    lookups.set(dictionary, lookup)
  }
  return lookup
}

/** The code of `text`, which is added where it is new. */
export function codeOf(dictionary: string[], text: string): number {
  const lookup = lookupOf(dictionary)
  let code = lookup.get(text)
  if (code === undefined) {
    code = dictionary.length
    dictionary.push(text)
    lookup.set(text, code)
  }
  return code
}

/** For each code of `from` its code in `into`; strings are added as the first of them is needed. Lazily filled: -1
 *  means not asked yet. */
export interface CodeMap {
  readonly from: readonly string[]
  readonly into: string[]
  readonly codes: Int32Array
}

export function codeMap(from: readonly string[], into: string[]): CodeMap {
  return { from, into, codes: new Int32Array(from.length).fill(-1) }
}

/** Rewrites codes [from, end) of `values` in place from one dictionary to the other. A code outside the dictionary
 *  returns its row, else -1: the caller says what is damaged. */
export function mapCodes(values: Uint32Array, from: number, end: number, map: CodeMap): number {
  const known = map.codes
  for (let row = from; row < end; row += 1) {
    const code = values[row]!
    if (code === absentCode) continue
    let mapped = known[code]
    if (mapped === undefined) return row
    if (mapped < 0) {
      mapped = codeOf(map.into, map.from[code]!)
      known[code] = mapped
    }
    values[row] = mapped
  }
  return -1
}
