// Packed slots to units: one function an encoding, over one vector.
import { packedBytes, unpack } from './bitpack.ts'
import { damaged } from './chunk.ts'
import { encodings, vectorRows } from './layout.ts'
import type { PageMeta } from './layout.ts'
import { bodyOffset } from './shape.ts'

/** The units of the vector decoded last. Where they are counted from: see decode-values.ts. */
const units = new Float64Array(vectorRows + 4)
const few = new Float64Array(vectorRows + 4)
const lengths = new Float64Array(vectorRows + 4)

/** A vector and its stored bytes. */
export interface StoredVector {
  readonly meta: PageMeta
  readonly vector: number
  readonly bytes: Uint8Array
  readonly present: number
  readonly place: Readonly<Record<string, unknown>>
}

function applyPatches(stored: StoredVector, at: number, width: number): void {
  const { meta, vector, bytes, present, place } = stored
  const patches = meta.patches[vector]!
  const span = 2 ** width
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, patches * 6)
  for (let p = 0; p < patches; p += 1) {
    const position = view.getUint16(p * 2, true)
    if (position >= present) throw damaged('a patch lies past its vector', place, vector)
    units[position] = units[position]! + view.getInt32(patches * 2 + p * 4, true) * span
  }
}

function prefixSum(count: number, base: number): void {
  let unit = 0
  units[0] = 0
  for (let i = 1; i < count; i += 1) {
    unit += base + units[i]!
    units[i] = unit
  }
}

function lookUp(stored: StoredVector, dictionary: Float64Array, base: number): void {
  const { vector, present, place } = stored
  let most = 0
  for (let i = 0; i < present; i += 1) {
    const code = units[i]! + base
    if (code > most) most = code
    units[i] = dictionary[code]!
  }
  if (most >= dictionary.length) {
    throw damaged('a code lies past its dictionary', place, vector)
  }
}

function expandRuns(stored: StoredVector, at: number, width: number): void {
  const { meta, vector, bytes, present, place } = stored
  const runs = meta.runs[vector]!
  unpack(bytes, at, runs, width, few)
  unpack(bytes, at + packedBytes(runs, width), runs, meta.lengthWidths[vector]!, lengths)
  let left = runs
  let from = 0
  for (let run = 0; run < runs; run += 1) {
    const end = from + lengths[run]! + 1
    if (end > present) break
    // Most runs are short: four stores, then a branch that is seldom taken, beat a loop.
    const unit = few[run]!
    units[from] = unit
    units[from + 1] = unit
    units[from + 2] = unit
    units[from + 3] = unit
    for (let i = from + 4; i < end; i += 1) units[i] = unit
    from = end
    left -= 1
  }
  if (left !== 0 || from !== present) {
    throw damaged('runs do not add up to their vector', place, vector)
  }
}

/** The units of a vector's present values, valid until the next call. Widths are at most 53. */
export function unitsOf(stored: StoredVector): Float64Array {
  const { meta, vector, bytes, present } = stored
  const width = meta.widths[vector]!
  const at = bodyOffset(meta, vector)
  if (meta.encoding === encodings.const) return units.fill(0)
  if (meta.encoding === encodings.rle) {
    expandRuns(stored, at, width)
    return units
  }
  unpack(bytes, at, present, width, units)
  if (meta.patches.length > 0) applyPatches(stored, at + packedBytes(present, width), width)
  if (meta.dictionary !== undefined) lookUp(stored, meta.dictionary, meta.bases[vector]!)
  else if (meta.encoding === encodings.delta || meta.encoding === encodings.deltaPatched) {
    prefixSum(present, meta.bases[vector]!)
  }
  return units
}
