// SHA-256 for identities, over node:crypto (no add-on needed, 1.9 GB/s where the CPU has SHA-NI).
import { createHash } from 'node:crypto'

export interface Sha256 {
  update(bytes: Uint8Array): Sha256
  /** 32 bytes. Ends the hash: it takes no more bytes afterwards. */
  digest(): Uint8Array
}

/** A running SHA-256. */
export function sha256(): Sha256 {
  const hash = createHash('sha256')
  const running: Sha256 = {
    update(bytes) {
      hash.update(bytes)
      return running
    },
    digest: () => new Uint8Array(hash.digest()),
  }
  return running
}
