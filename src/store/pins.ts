// Which earlier states of the manifest somebody still reads: their files stay on disk.
import type { ManifestState } from '#manifest'

export class Pins {
  readonly #counts = new Map<ManifestState, number>()
  #headReaders = 0

  /** Somebody may hold views of the head between turns. */
  get hasHeadReaders(): boolean {
    return this.#headReaders > 0
  }

  /** The returned function gives the state back; calling it twice does nothing more. */
  pin(state: ManifestState): () => void {
    const release = this.pinFiles(state)
    this.#headReaders += 1
    let isHeld = true
    return () => {
      if (isHeld) this.#headReaders -= 1
      isHeld = false
      release()
    }
  }

  /** The same for who reads nothing but the files of the state. */
  pinFiles(state: ManifestState): () => void {
    this.#counts.set(state, (this.#counts.get(state) ?? 0) + 1)
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      const count = this.#counts.get(state)! - 1
      if (count === 0) this.#counts.delete(state)
      else this.#counts.set(state, count)
    }
  }

  states(): Iterable<ManifestState> {
    return this.#counts.keys()
  }
}
