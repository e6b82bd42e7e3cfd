// xxh64, three times: the arena's kernels, xxhash-wasm and TypeScript (#native-free/xxhash). All
// give the same numbers, so nothing on disk depends on which one ran.
import { xxh64, xxh64Low32 } from '#native-free/xxhash'
import { arena } from './arena.ts'
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

/** Pages, records and footers are shorter; few things are longer. */
const pieceBytes = 256 << 10

/** The kernels' xxh64: no BigInt for hash32 and half of the time for a page of 1 KiB. Bytes are
 *  copied to the arena, unless they lie in it; what does not fit there is left to `long`. */
export function arenaHash(long: HashKernel): HashKernel {
  const { kernels, u8, claim } = arena()
  const piece = claim(pieceBytes)
  const place = (bytes: Uint8Array): number => {
    if (bytes.buffer === u8.buffer) return bytes.byteOffset
    u8.set(bytes, piece)
    return piece
  }
  return {
    hash64(bytes, seed = 0n) {
      if (bytes.length > pieceBytes) return long.hash64(bytes, seed)
      const at = place(bytes)
      return BigInt.asUintN(64, kernels.xxh64(at, bytes.length, BigInt.asIntN(64, seed)))
    },
    hash32(bytes) {
      if (bytes.length > pieceBytes) return long.hash32(bytes)
      return kernels.xxh64Low(place(bytes), bytes.length) >>> 0
    },
  }
}
