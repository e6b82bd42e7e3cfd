// One part of a file, and how its bytes are got.
import type { VfsFile } from '#vfs'

/** Bytes [offset, offset + bytes) of a file and what they hold. */
export interface PlainPart {
  readonly offset: number
  readonly bytes: number
  readonly meaning: string
  /** The bytes are not what was written. */
  readonly isDamage: boolean
}

/** At most `count` bytes from `offset`; fewer where the file ends. */
export function readAt(file: VfsFile, offset: number, count: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, Math.min(count, file.size() - offset)))
  return bytes.subarray(0, file.read(bytes, offset))
}
