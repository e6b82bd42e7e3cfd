// The memory that the SIMD kernels work in, made once and for good, and handed out in pieces that
// are never given back: who claims one keeps it as scratch. It is virtual memory until it is
// touched. Where the engine has no WebAssembly SIMD the scalar twins work in a plain array.
import { assert } from '#base'
import { scalarKernels, simdKernels } from '#native-free/simd'
import type { SimdKernels } from '#native-free/simd'

const arenaBytes = 48 << 20
/** The kernels' own tables lie below. */
const firstFree = 4096
/** Behind every piece, see the kernels' contract. */
const slackBytes = 64

/** Views of all of the memory; addresses are bytes, so `f64[address >>> 3]`. */
export interface Arena {
  readonly kernels: SimdKernels
  readonly u8: Uint8Array
  readonly u32: Uint32Array
  readonly i64: BigInt64Array
  readonly f64: Float64Array
  /** The address, a multiple of 64, of `bytes` bytes that belong to the caller from now on. */
  claim(bytes: number): number
}

let made: Arena | undefined
let name = 'scalar'
let reason: string | undefined

function make(): Arena {
  let kernels: SimdKernels
  try {
    kernels = simdKernels(arenaBytes)
    name = 'wasm'
  } catch (cause) {
    reason = cause instanceof Error ? cause.message : String(cause)
    kernels = scalarKernels(new ArrayBuffer(arenaBytes))
  }
  const { memory } = kernels
  let free = firstFree
  return {
    kernels,
    u8: new Uint8Array(memory),
    u32: new Uint32Array(memory),
    i64: new BigInt64Array(memory),
    f64: new Float64Array(memory),
    claim(bytes) {
      const at = free
      free += (bytes + slackBytes + 63) & ~63
      assert(free <= arenaBytes, 'kernel: the arena is claimed')
      return at
    },
  }
}

/** The arena of this thread. Made at the first call: a few milliseconds. */
export function arena(): Arena {
  made ??= make()
  return made
}

/** Which kernels there are, and why not better ones. */
export function simdKind(): { readonly name: string; readonly reason: string | undefined } {
  arena()
  return { name, reason }
}
