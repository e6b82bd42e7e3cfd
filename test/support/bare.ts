// Memory that is not zeroed, full of a pattern: what a read does not write shows.
import { bare } from '../../src/batch/allocate.ts'

/** From `bytesMin` bytes on, memory for results is full of 0xa5. Returns what undoes it. */
export function patternedMemory(bytesMin: number): () => void {
  const { allocate, bytesMin: before } = bare
  bare.allocate = (bytes) => new Uint8Array(bytes).fill(0xa5).buffer
  bare.bytesMin = bytesMin
  return () => {
    bare.allocate = allocate
    bare.bytesMin = before
  }
}
