// xxh64, twice: WebAssembly (xxhash-wasm) and TypeScript (#native-free/xxhash). Both give the same
// numbers, so nothing on disk depends on which one ran.
import { xxh64, xxh64Low32 } from '#native-free/xxhash'
import type { HashKernel } from './contract.ts'

export const typescriptHash: HashKernel = { hash64: xxh64, hash32: xxh64Low32 }

/** Compiles the WebAssembly twin. It copies each input into its own memory, which only grows. */
export async function loadWasmHash(): Promise<HashKernel> {
  const { default: xxhash } = await import('xxhash-wasm')
  const { h64Raw } = await xxhash()
  return {
    hash64: (bytes, seed = 0n) => h64Raw(bytes, BigInt.asUintN(64, seed)),
    hash32: (bytes) => Number(h64Raw(bytes, 0n) & 0xffffffffn),
  }
}
