// A whole file replaced so that after a crash there is the old one or the new one, nothing between.
import { dirname } from 'node:path'
import type { Vfs } from './port.ts'

/** Where the new bytes are written first. Names that end so are removed at open. */
export function draftPathOf(path: string): string {
  return `${path}.draft`
}

/**
 * Gives `path` the content `bytes`: draft, datasync, rename, syncDirectory. On return it is
 * durable. After an error the old file may be there or the new one, whole; a draft may be left.
 */
export function replaceFile(vfs: Vfs, path: string, bytes: Uint8Array): void {
  const draft = draftPathOf(path)
  // A draft of before may be half written, and its sync may have failed: never reuse it.
  if (vfs.stat(draft) !== undefined) vfs.unlink(draft)
  const file = vfs.open(draft, 'create')
  try {
    file.write(bytes, 0)
    file.datasyncSync()
  } finally {
    file.close()
  }
  vfs.rename(draft, path)
  vfs.syncDirectory(dirname(path))
}
