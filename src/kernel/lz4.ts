// Raw LZ4 blocks, three times: WebAssembly (the arena's kernels), lz4-napi and TypeScript
// (#native-free/lz4). Each reads what the others wrote; their compressed bytes differ. lz4-napi
// speaks of
//
//   0            4
//   +------------+------------------+
//   | bytes u32  | raw LZ4 block    |
//   | LE         |                  |
//   +------------+------------------+
//
// and believes `bytes` (a forged one kept it busy for ten seconds), so the prefix is stripped
// before anything is stored, and put back from what the caller knows, within bounds.
import { createRequire } from 'node:module'
import { VarveError, assert } from '#base'
import { compressBlock, decompressBlock } from '#native-free/lz4'
import { arena } from './arena.ts'
import type { Lz4Kernel } from './contract.ts'

const prefixBytes = 4
const sourceBytesMax = 0x7e000000 // LZ4_MAX_INPUT_SIZE
/** One byte of a block never stands for more than 255 bytes; the slack covers the first sequence.
 *  */
const expansionMax = 255
const expansionSlackBytes = 64

function corrupt(message: string, details: Record<string, unknown>, cause?: unknown): VarveError {
  return new VarveError('ERR_CORRUPT', message, details, cause === undefined ? {} : { cause })
}

/** Throws where a block of this length cannot give that many bytes; asked before anything is
 *  allocated. */
function checkExpected(block: Uint8Array, bytesExpected: number): void {
  const bytesMax = Math.min(sourceBytesMax, block.length * expansionMax + expansionSlackBytes)
  if (Number.isInteger(bytesExpected) && bytesExpected >= 0 && bytesExpected <= bytesMax) return
  throw corrupt('an LZ4 block cannot hold the bytes it is said to hold', {
    blockBytes: block.length,
    expected: bytesExpected,
  })
}

function checkActual(block: Uint8Array, bytesExpected: number, actual: number): void {
  if (actual === bytesExpected) return
  throw corrupt('an LZ4 block is damaged', {
    blockBytes: block.length,
    expected: bytesExpected,
    actual: actual < 0 ? 'malformed' : actual,
  })
}

export const typescriptLz4: Lz4Kernel = {
  compress: compressBlock,
  decompress(block, bytesExpected) {
    checkExpected(block, bytesExpected)
    const target = new Uint8Array(bytesExpected)
    checkActual(block, bytesExpected, decompressBlock(block, target))
    return target
  },
}

/** Blocks and what they hold, up to here, fit the pieces of the arena; longer ones are rare. */
const wasmBytesMax = 2 << 20
/** A block of n random bytes takes n + n / 255 + 16 at most. */
const wasmBlockBytesMax = wasmBytesMax + (wasmBytesMax >>> 7) + 64
const tableBytes = 8192 * 4

/** The kernels' LZ4, in the arena: bytes that do not lie there are copied in. */
export function wasmLz4(): Lz4Kernel {
  const { kernels, u8, claim } = arena()
  const plainAt = claim(wasmBytesMax)
  const blockAt = claim(wasmBlockBytesMax)
  const tableAt = claim(tableBytes)
  const addressOf = (bytes: Uint8Array, at: number): number => {
    if (bytes.buffer === u8.buffer) return bytes.byteOffset
    u8.set(bytes, at)
    return at
  }
  return {
    compress(source) {
      if (source.length > wasmBytesMax) return compressBlock(source)
      const from = addressOf(source, plainAt)
      const bytes = kernels.lz4Encode(from, source.length, blockAt, wasmBlockBytesMax, tableAt)
      assert(bytes > 0, 'kernel: a block has room for anything that fits the arena')
      return u8.slice(blockAt, blockAt + bytes)
    },
    decompress(block, bytesExpected) {
      if (Math.max(block.length, bytesExpected) > wasmBytesMax) {
        return typescriptLz4.decompress(block, bytesExpected)
      }
      checkExpected(block, bytesExpected)
      const from = addressOf(block, blockAt)
      const bytes = kernels.lz4Decode(from, block.length, plainAt, bytesExpected)
      checkActual(block, bytesExpected, bytes)
      return u8.subarray(plainAt, plainAt + bytesExpected)
    },
  }
}

/** What this file uses of lz4-napi. Its own types ask for Buffer; it takes any Uint8Array. */
interface Lz4Napi {
  compressSync(source: Uint8Array): Uint8Array
  uncompressSync(prefixedBlock: Uint8Array): Uint8Array
}

/** A plain Uint8Array over the same memory: callers never meet a Buffer, whose slice() differs. */
function plain(bytes: Uint8Array, from: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + from, bytes.byteLength - from)
}

/** Loads the native add-on. @throws what the loader throws where it is not there. */
export function loadNativeLz4(): Lz4Kernel {
  const native: Lz4Napi = createRequire(import.meta.url)('lz4-napi')
  return {
    compress: (source) => plain(native.compressSync(source), prefixBytes),
    decompress(block, bytesExpected) {
      checkExpected(block, bytesExpected)
      const prefixed = Buffer.allocUnsafe(prefixBytes + block.length)
      prefixed.writeUInt32LE(bytesExpected, 0)
      prefixed.set(block, prefixBytes)
      let raw: Uint8Array
      try {
        raw = native.uncompressSync(prefixed)
      } catch (cause) {
        const details = { blockBytes: block.length, expected: bytesExpected, actual: 'malformed' }
        throw corrupt('an LZ4 block is damaged', details, cause)
      }
      checkActual(block, bytesExpected, raw.length)
      return plain(raw, 0)
    },
  }
}
