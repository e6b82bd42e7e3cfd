// lz4: raw LZ4 blocks in plain TypeScript.
export { compressBlock, decompressBlock, compressedBytesMax } from './block.ts'
