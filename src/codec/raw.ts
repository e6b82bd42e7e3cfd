// True reals: RAW64 stores the 8 bytes of each value; RAW64_SHUFFLED stores all first bytes of a
// vector, then all second bytes, ... (byte planes), because LZ4 finds the repeating high bytes only
// when they stand together.
import { arena } from '#kernel'
import { encodePlaces } from './encode-places.ts'
import { vectorRows } from './layout.ts'
import type { Zone } from './layout.ts'

/** The bytes of present values [from, end), valid until the next page. */
export function rawBytes(from: number, end: number): Uint8Array {
  const { valuesAt } = encodePlaces()
  return arena().u8.subarray(valuesAt + from * 8, valuesAt + end * 8)
}

/** Plane by plane: byte p of value i goes to p * count + i. */
export function shuffle(source: Uint8Array, target: Uint8Array, at: number): void {
  const count = source.length >>> 3
  for (let plane = 0; plane < 8; plane += 1) {
    const to = at + plane * count
    for (let i = 0; i < count; i += 1) target[to + i] = source[i * 8 + plane]!
  }
}

const line = new Uint8Array(vectorRows * 8)

/** Undoes `shuffle` for one vector; the result is valid until the next call. */
export function unshuffle(source: Uint8Array): Uint8Array {
  const count = source.length >>> 3
  for (let plane = 0; plane < 8; plane += 1) {
    const from = plane * count
    for (let i = 0; i < count; i += 1) line[i * 8 + plane] = source[from + i]!
  }
  return line.subarray(0, source.length)
}

/**
 * Zone maps of a RAW64 page: the bits of f64 values; NaN neither least nor most, all NaN gives NaN.
 */
export function zoneOfRaw(starts: Uint32Array): Zone {
  const { values, valueHalves } = encodePlaces()
  const vectorCount = starts.length - 1
  const min = new BigInt64Array(vectorCount)
  const max = new BigInt64Array(vectorCount)
  const first = new BigInt64Array(vectorCount)
  const last = new BigInt64Array(vectorCount)
  const mins = new Float64Array(min.buffer)
  const maxs = new Float64Array(max.buffer)
  const firsts = new Uint32Array(first.buffer)
  const lasts = new Uint32Array(last.buffer)
  for (let v = 0; v < vectorCount; v += 1) {
    const from = starts[v]!
    const end = starts[v + 1]!
    if (from === end) continue
    let least = Number.NaN
    let most = Number.NaN
    for (let i = from; i < end; i += 1) {
      const value = values[i]!
      if (value < least || least !== least) least = value
      if (value > most || most !== most) most = value
    }
    mins[v] = least
    maxs[v] = most
    firsts.set(valueHalves.subarray(from * 2, from * 2 + 2), v * 2)
    lasts.set(valueHalves.subarray(end * 2 - 2, end * 2), v * 2)
  }
  return { min, max, first, last, sum: undefined }
}
