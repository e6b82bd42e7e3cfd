// Picks an implementation of each job once and reports the choice.
//
// Until loadKernels() has run, the TypeScript twins do the work: the same hashes, and blocks that
// every implementation reads, only slower. VARVE_NATIVE=off keeps native add-ons unloaded for good
// (WebAssembly is not native: it stays).
import { arenaHash, loadWasmHash, typescriptHash } from './hash.ts'
import { simdKind } from './arena.ts'
import { loadNativeLz4, typescriptLz4, wasmLz4 } from './lz4.ts'
import { lockKind, nativeLockFailure } from './lock.ts'
import { mapFailure, mapKind } from './map.ts'
import { isNativeAllowed } from './native.ts'
import type { HashKernel, Lz4Kernel } from './contract.ts'

let hash: HashKernel = typescriptHash
let hashName = 'typescript'
let lz4: Lz4Kernel = typescriptLz4
let lz4Name = 'typescript'
let loading: Promise<void> | undefined
/** Why a better implementation is not in use, by job. */
const reasons: Record<string, string> = {}

/** The first line of what a loader said. */
function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  return message.replace(/\n[^]*/, '')
}

/** WebAssembly first: it was faster than the add-on at every size tried. */
function loadLz4(): void {
  const { name, reason } = simdKind()
  if (name === 'wasm') {
    lz4 = wasmLz4()
    lz4Name = 'wasm'
    return
  }
  if (reason !== undefined) reasons['simdReason'] = reasonOf(reason)
  if (isNativeAllowed()) {
    try {
      lz4 = loadNativeLz4()
      lz4Name = 'native'
    } catch (cause) {
      reasons['lz4Reason'] = reasonOf(cause)
    }
  }
}

async function load(): Promise<void> {
  loadLz4()
  try {
    hash = await loadWasmHash()
    hashName = 'wasm'
  } catch (cause) {
    reasons['hashReason'] = reasonOf(cause)
  }
  if (simdKind().name !== 'wasm') return
  hash = arenaHash(hash)
  hashName = 'wasm'
}

/** Loads the fastest implementation of each job. Idempotent; never rejects for a missing one. */
export function loadKernels(): Promise<void> {
  loading ??= load()
  return loading
}

/** Which implementation does each job now: {lz4, hash, simd, map, lock}, and why where one is
 *  missing. */
export function kernelInfo(): Record<string, string> {
  const lock = lockKind()
  const map = mapKind()
  const unmapped = mapFailure()
  const failure = nativeLockFailure()
  return {
    lz4: lz4Name,
    hash: hashName,
    simd: simdKind().name,
    map,
    lock,
    ...reasons,
    ...(failure === undefined ? {} : { lockReason: reasonOf(failure) }),
    ...(unmapped === undefined ? {} : { mapReason: reasonOf(unmapped) }),
  }
}

/** xxh64 of `bytes`; `seed` (default 0) is taken modulo 2^64. */
export function hash64(bytes: Uint8Array, seed?: bigint): bigint {
  return hash.hash64(bytes, seed)
}

/** The low 32 bits of hash64(bytes, 0n), as an unsigned number. */
export function hash32(bytes: Uint8Array): number {
  return hash.hash32(bytes)
}

/** A raw LZ4 block of `source`. Its bytes depend on the implementation; what they decode to does
 *  not. */
export function lz4Compress(source: Uint8Array): Uint8Array {
  return lz4.compress(source)
}

/**
 * Decodes a raw LZ4 block that must give exactly `bytesExpected` bytes (checked to be at most
 * 255 x block + 64 before anything is allocated). The result may be overwritten by the next call for an
 * LZ4 block on this thread.
 * @throws {VarveError} ERR_CORRUPT where it does not.
 */
export function lz4Decompress(block: Uint8Array, bytesExpected: number): Uint8Array {
  return lz4.decompress(block, bytesExpected)
}
