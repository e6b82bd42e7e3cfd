// True reals: RAW64 stores the 8 bytes of each value; RAW64_SHUFFLED stores all first bytes of a
// vector, then all second bytes, ... (byte planes), because LZ4 finds the repeating high bytes only
// when they stand together.
import { assert } from '#base'
import { arena } from '#kernel'
import { scratchOf } from './decode-units.ts'
import type { StoredVector } from './decode-units.ts'
import { encodePlaces } from './encode-places.ts'
import type { Written } from './encode-units.ts'
import { encodings } from './layout.ts'
import type { Zone } from './layout.ts'
import { bodyOffset } from './shape.ts'

/** Stores present values [from, end), as they are or plane by plane: byte p of value i goes to p * count + i. */
export function writeReals(out: Written, encoding: number, from: number, end: number): void {
  const { kernels, u8 } = arena()
  const valuesAt = encodePlaces().valuesAt + from * 8
  const at = out.payloadAt + out.end
  assert(out.payloadAt >= 0, 'a page of reals has room in the arena')
  if (encoding === encodings.raw64) u8.copyWithin(at, valuesAt, valuesAt + (end - from) * 8)
  else kernels.toPlanes(valuesAt, end - from, at)
  out.end += (end - from) * 8
}

/** The stored bytes of values [from, end) of a RAW64 vector. */
export function plainReals(stored: StoredVector, from: number, end: number): Uint8Array {
  const { meta, vector, bytes } = stored
  const body = bodyOffset(meta, vector)
  return bytes.subarray(body + from * 8, body + end * 8)
}

/** All values of a RAW64_SHUFFLED vector to scratch.values. */
export function placeShuffled({ meta, vector, bytes, present }: StoredVector): void {
  const { kernels, u8 } = arena()
  const { packed, values } = scratchOf()
  const body = bodyOffset(meta, vector)
  let planesAt = bytes.byteOffset + body
  if (bytes.buffer !== u8.buffer) {
    u8.set(bytes.subarray(body, body + present * 8), packed)
    planesAt = packed
  }
  kernels.fromPlanes(planesAt, present, values)
}

/**
 * Zone maps of a page of reals: the bits of f64 values; NaN neither least nor most, all NaN gives NaN.
 */
export function zoneOfRaw(starts: Uint32Array): Zone {
  const { kernels, u8 } = arena()
  const { valuesAt, zoneAt } = encodePlaces()
  const vectorCount = starts.length - 1
  const fieldBytes = vectorCount * 8
  u8.fill(0, zoneAt, zoneAt + fieldBytes * 4)
  for (let v = 0; v < vectorCount; v += 1) {
    const from = starts[v]!
    const count = starts[v + 1]! - from
    if (count > 0) kernels.realZone(valuesAt + from * 8, count, zoneAt + v * 8, fieldBytes)
  }
  const { buffer } = u8.slice(zoneAt, zoneAt + fieldBytes * 4)
  const field = (index: number): BigInt64Array =>
    new BigInt64Array(buffer, index * fieldBytes, vectorCount)
  return { min: field(0), max: field(1), first: field(2), last: field(3), sum: undefined }
}
