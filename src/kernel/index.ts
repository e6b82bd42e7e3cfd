// kernel: picks native, WebAssembly or TypeScript for four small jobs and reports the choice.
export {
  loadKernels,
  kernelInfo,
  hash64,
  hash32,
  lz4Compress,
  lz4Decompress,
  lz4Expand,
} from './select.ts'
export { arena } from './arena.ts'
export type { Arena } from './arena.ts'
export { sha256 } from './sha256.ts'
export type { Sha256 } from './sha256.ts'
export { tryLockDescriptor } from './lock.ts'
export type { DescriptorLock } from './lock.ts'
export { mapFile, mapKind } from './map.ts'
export type { FileMap } from './map.ts'
export { bareMemory } from './memory.ts'
export { enterBackground } from './background.ts'
export type { HashKernel, Lz4Kernel } from './contract.ts'
