// Chunks: what one checksum covers. A chunk is a vector; in a page with the LZ4 flag it is up to 16
// vectors, stored as a raw LZ4 block where that is smaller than the vectors themselves, else as
// they are (the lengths tell which).
import { VarveError } from '#base'
import { arena, hash32, lz4Compress, lz4Decompress } from '#kernel'
import { chunkVectorsLz4, lz4BytesMin, lz4SavesPacked } from './layout.ts'
import type { PageMeta } from './layout.ts'

export interface Chunks {
  readonly lz4: boolean
  readonly chunkVectors: number
  readonly chunkStarts: Float64Array
  readonly checksums: Uint32Array
  readonly payload: Uint8Array
}

/** How many chunks a page has. */
export function chunkCountOf(vectorCount: number, lz4: boolean): number {
  return lz4 ? Math.ceil(vectorCount / chunkVectorsLz4) : vectorCount
}

/** Of each chunk; where the payload lies in the arena it is hashed there. */
function checksumsOf(payload: Uint8Array, starts: Float64Array): Uint32Array {
  const checksums = new Uint32Array(starts.length - 1)
  const { kernels } = arena()
  if (payload.buffer === kernels.memory) {
    const at = payload.byteOffset
    for (let chunk = 0; chunk < checksums.length; chunk += 1) {
      const from = starts[chunk]!
      const bytes = starts[chunk + 1]! - from
      if (bytes > 0) checksums[chunk] = kernels.xxh64Low(at + from, bytes)
    }
    return checksums
  }
  for (let chunk = 0; chunk < checksums.length; chunk += 1) {
    const from = starts[chunk]!
    const end = starts[chunk + 1]!
    if (end > from) checksums[chunk] = hash32(payload.subarray(from, end))
  }
  return checksums
}

/** Chunks of one vector each, as they are. */
export function plainChunks(payload: Uint8Array, vectorStarts: Float64Array): Chunks {
  const checksums = checksumsOf(payload, vectorStarts)
  return { lz4: false, chunkVectors: 1, chunkStarts: vectorStarts, checksums, payload }
}

/** The beginning of a page that is compressed to see whether any of it can be. */
const lz4SampleBytes = 8192

/** Packed slots whose beginning does not save half of what all is to save are noise. */
function isNoise(raw: Uint8Array, saves: number): boolean {
  if (saves < lz4SavesPacked || raw.length < lz4SampleBytes * 3) return false
  return lz4Compress(raw.subarray(0, lz4SampleBytes)).length > lz4SampleBytes * (1 - saves / 2)
}

/** Where chunks go that are no longer than a page of numbers; those of the next page overwrite them. */
const packedBytesMax = 1 << 20
let packedAt: number | undefined

function roomFor(bytes: number): Uint8Array {
  if (bytes > packedBytesMax) return new Uint8Array(bytes)
  packedAt ??= arena().claim(packedBytesMax)
  return arena().u8.subarray(packedAt, packedAt + bytes)
}

/**
 * Chunks of 16 vectors, compressed, until the next page is; undefined where that saves less than `saves`
 * (0 to 1) of the page. The first chunk is the sample: where it saves less than half of that, the others
 * are not tried; nor is it itself where it begins with noise.
 */
export function lz4Chunks(
  payload: Uint8Array,
  vectorStarts: Float64Array,
  saves: number,
): Chunks | undefined {
  if (payload.length < lz4BytesMin) return undefined
  const vectorCount = vectorStarts.length - 1
  const starts = new Float64Array(chunkCountOf(vectorCount, true) + 1)
  const packed = roomFor(payload.length)
  let stored = 0
  for (let chunk = 0; chunk + 1 < starts.length; chunk += 1) {
    const from = vectorStarts[chunk * chunkVectorsLz4]!
    const end = vectorStarts[Math.min(vectorCount, (chunk + 1) * chunkVectorsLz4)]!
    const raw = payload.subarray(from, end)
    if (chunk === 0 && isNoise(raw, saves)) return undefined
    const block = raw.length === 0 ? raw : lz4Compress(raw)
    const part = block.length < raw.length ? block : raw
    if (chunk === 0 && part.length > raw.length * (1 - saves / 2)) return undefined
    packed.set(part, stored)
    stored += part.length
    starts[chunk + 1] = stored
  }
  if (stored > payload.length * (1 - saves)) return undefined
  const held = packed.subarray(0, stored)
  return {
    lz4: true,
    chunkVectors: chunkVectorsLz4,
    chunkStarts: starts,
    checksums: checksumsOf(held, starts),
    payload: held,
  }
}

/** Says where bytes are damaged. */
export function damaged(
  message: string,
  place: Readonly<Record<string, unknown>>,
  vector: number,
  cause?: unknown,
): VarveError {
  return new VarveError('ERR_CORRUPT', message, { ...place, vector }, { cause })
}

function expand(
  block: Uint8Array,
  bytes: number,
  place: Readonly<Record<string, unknown>>,
  vector: number,
): Uint8Array {
  try {
    return lz4Decompress(block, bytes)
  } catch (cause) {
    throw damaged('an LZ4 chunk is malformed', place, vector, cause)
  }
}

/** Whether `stored` (payload bytes from `storedFrom`) holds chunk `chunk` as it was written. */
export function isChunkWhole(
  meta: PageMeta,
  chunk: number,
  stored: Uint8Array,
  storedFrom: number,
): boolean {
  const from = meta.chunkStarts[chunk]! - storedFrom
  const end = meta.chunkStarts[chunk + 1]! - storedFrom
  if (from < 0 || end > stored.length) return false
  return end === from || hash32(stored.subarray(from, end)) === meta.checksums[chunk]
}

/**
 * Verifies chunk `chunk` in `stored` (payload bytes from `storedFrom`), unless `isChecked`, and
 * returns its vectors' bytes, back to back: where they were compressed, until the next chunk is opened.
 */
export function openChunk(
  meta: PageMeta,
  chunk: number,
  stored: Uint8Array,
  storedFrom: number,
  place: Readonly<Record<string, unknown>>,
  isChecked: boolean,
): Uint8Array {
  const vector = chunk * meta.chunkVectors
  const from = meta.chunkStarts[chunk]! - storedFrom
  const end = meta.chunkStarts[chunk + 1]! - storedFrom
  if (from < 0 || end > stored.length) {
    throw damaged(`${end - from} stored bytes expected, the page is cut short`, place, vector)
  }
  const bytes = stored.subarray(from, end)
  if (!isChecked && end > from && hash32(bytes) !== meta.checksums[chunk]) {
    throw damaged('stored bytes do not have their checksum', place, vector)
  }
  if (!meta.lz4) return bytes
  const vectorEnd = Math.min(meta.vectorCount, vector + meta.chunkVectors)
  const expected = meta.vectorStarts[vectorEnd]! - meta.vectorStarts[vector]!
  return bytes.length === expected ? bytes : expand(bytes, expected, place, vector)
}
