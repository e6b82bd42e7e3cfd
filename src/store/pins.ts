// Which earlier states of the manifest somebody still reads: their files stay on disk.
import type { ManifestState } from '#manifest'

export class Pins {
  readonly #counts = new Map<ManifestState, number>()

  /** The returned function gives the state back; calling it twice does nothing more. */
  pin(state: ManifestState): () => void {
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
