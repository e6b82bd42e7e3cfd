// SHA-256 for identities, over node:crypto (no add-on needed, 1.9 GB/s where the CPU has SHA-NI).
// An object of node:crypto costs as much as hashing some KiB, so short inputs are gathered first
// and hashed by one call.
import { createHash, hash } from 'node:crypto'
import type { Hash } from 'node:crypto'

export interface Sha256 {
  update(bytes: Uint8Array): Sha256
  /** 32 bytes. Ends the hash: it takes no more bytes afterwards. */
  digest(): Uint8Array
}

/** Inputs up to so many bytes are hashed in one call. */
const gatheredBytesMax = 16 << 10

/** Memory of hashes that have ended, for those to come. */
const spare: Uint8Array[] = []
const spareMax = 64

/** The SHA-256 of all of `bytes`: 32 bytes. */
export function sha256Of(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(hash('sha256', bytes, 'buffer'))
}

class GatheringSha256 implements Sha256 {
  #running: Hash | undefined
  #gathered: Uint8Array | undefined = spare.pop()
  #used = 0

  update(bytes: Uint8Array): Sha256 {
    if (this.#running !== undefined) {
      this.#running.update(bytes)
      return this
    }
    if (this.#used + bytes.length <= gatheredBytesMax) {
      this.#gathered ??= new Uint8Array(gatheredBytesMax)
      this.#gathered.set(bytes, this.#used)
      this.#used += bytes.length
      return this
    }
    this.#running = createHash('sha256')
    if (this.#gathered !== undefined) this.#running.update(this.#gathered.subarray(0, this.#used))
    this.#running.update(bytes)
    this.#giveBack()
    return this
  }

  digest(): Uint8Array {
    if (this.#running !== undefined) return new Uint8Array(this.#running.digest())
    const gathered = this.#gathered?.subarray(0, this.#used) ?? nothing
    const digest = sha256Of(gathered)
    this.#giveBack()
    return digest
  }

  #giveBack(): void {
    if (this.#gathered !== undefined && spare.length < spareMax) spare.push(this.#gathered)
    this.#gathered = undefined
  }
}

const nothing = new Uint8Array(0)

/** A running SHA-256. */
export function sha256(): Sha256 {
  return new GatheringSha256()
}
