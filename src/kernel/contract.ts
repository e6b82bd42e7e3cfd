// What each small job of the kernel room must do, whoever does it: a native add-on, WebAssembly or TypeScript.

export interface HashKernel {
  /** xxh64 of `bytes` with `seed`. */
  hash64(bytes: Uint8Array, seed?: bigint): bigint
  /** The low 32 bits of hash64(bytes, 0n), as an unsigned number. */
  hash32(bytes: Uint8Array): number
}

export interface Lz4Kernel {
  /** A raw LZ4 block. */
  compress(source: Uint8Array): Uint8Array
  /** Decodes a raw LZ4 block that must give exactly `bytesExpected` bytes, to memory that the next call of either may
   *  overwrite. ERR_CORRUPT where it does not. */
  decompress(block: Uint8Array, bytesExpected: number): Uint8Array
}
