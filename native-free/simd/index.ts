// SIMD kernels over packed columns: WebAssembly (128-bit), and their scalar twins.
import { inflateRawSync } from 'node:zlib'
import type { SimdKernels } from './contract.ts'
import { wasmBytes, wasmDeflated } from './wasm.ts'

export type { SimdKernels } from './contract.ts'
export { scalarKernels } from './twin.ts'

const pageBytes = 65536

type KernelExports = Omit<SimdKernels, 'memory'>

/** What is used of the engine's WebAssembly; its full types come with the DOM's alone. */
declare const WebAssembly: {
  readonly Memory: new (pages: { initial: number; maximum: number }) => {
    readonly buffer: ArrayBuffer
  }
  readonly Module: new (source: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: KernelExports }
}

/**
 * Compiles the kernels (a few milliseconds) and gives them `bytes` of memory, a multiple of 64 KiB,
 * for good: it never grows, so views of it stay valid. Addresses below 4 KiB belong to the kernels.
 * @throws what the engine throws where it has no WebAssembly, or no 128-bit SIMD.
 */
export function simdKernels(bytes: number): SimdKernels {
  const pages = bytes / pageBytes
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
  const deflated = Buffer.from(wasmDeflated.join(''), 'base64')
  const source = inflateRawSync(deflated, { maxOutputLength: wasmBytes })
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(source), { env: { memory } })
  return { ...exports, memory: memory.buffer }
}
