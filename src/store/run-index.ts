// The sparse index of a store as its reads use it: the newest file of the folder `index/`, mapped when a
// run is first asked for. Nothing depends on it: where there is none, or it is damaged, or does not know
// a run yet, footers are read.
import { VarveError } from '#base'
import type { Logger } from '#base'
import type { RunEntry } from '#manifest'
import { SparseIndex } from '#segment'
import type { RunFacts } from '#segment'
import { mapOrRead } from '#vfs'
import type { FileBytes, Vfs } from '#vfs'

export type IndexUsed = 'mmap' | 'read' | 'none'

interface Held {
  readonly name: string
  readonly index: SparseIndex
  readonly file: FileBytes
}

const namePattern = /^(\d{12})\.index$/

/** The name of the index of a manifest edit. */
export function indexName(manifestEdit: number): string {
  return `${String(manifestEdit).padStart(12, '0')}.index`
}

/** Names of indexes among `names`, newest first. */
export function indexNames(names: readonly string[]): string[] {
  return names.filter((name) => namePattern.test(name)).sort((a, b) => (a < b ? 1 : -1))
}

export interface RunIndexParts {
  readonly vfs: Vfs
  /** Of the index files. */
  readonly folder: string
  readonly storeId: Uint8Array
  readonly logger: Logger
}

export class RunIndex {
  readonly #parts: RunIndexParts
  #held: Held | undefined
  #isLoaded = false
  /** What the held index says, by run; its views end with it. */
  #facts = new WeakMap<RunEntry, { readonly facts: RunFacts | undefined }>()

  constructor(parts: RunIndexParts) {
    this.#parts = parts
  }

  /** How the index came into memory. Loads it when first asked. */
  get used(): IndexUsed {
    return this.#current()?.file.how ?? 'none'
  }

  /** Of the index file; 0 where there is none. */
  get bytes(): number {
    return this.#current()?.index.header.fileBytes ?? 0
  }

  /** The index held; valid until the next renew or close. */
  get index(): SparseIndex | undefined {
    return this.#current()?.index
  }

  /** What the index holds of the run: views that are valid until the next renew or close. */
  factsOf(run: RunEntry): RunFacts | undefined {
    const held = this.#current()
    if (held === undefined) return undefined
    const known = this.#facts.get(run)
    if (known !== undefined) return known.facts
    const facts = this.#find(held, run)
    this.#facts.set(run, { facts })
    return facts
  }

  #find({ index }: Held, run: RunEntry): RunFacts | undefined {
    try {
      return index.find(run)
    } catch (error) {
      if (!(error instanceof VarveError)) throw error
      this.#parts.logger.warn({ error }, 'a part of the index is damaged; footers are read')
      return undefined
    }
  }

  #current(): Held | undefined {
    if (!this.#isLoaded) {
      this.#isLoaded = true
      this.#held = this.#load()
    }
    return this.#held
  }

  /** The newest index that is one. A file that goes while it is opened made room for a newer one. */
  #load(): Held | undefined {
    const { logger, folder } = this.#parts
    for (let tries = 0; tries < 3; tries += 1) {
      const [name] = this.#names()
      if (name === undefined) break
      if (name === this.#held?.name) return this.#held
      try {
        return this.#open(name)
      } catch (error) {
        if (!(error instanceof VarveError)) throw error
        if (error.code === 'ERR_NOT_FOUND') continue
        logger.warn({ file: `${folder}/${name}`, error }, 'the index is not used; footers are read')
        return undefined
      }
    }
    logger.debug({ folder }, 'there is no index; footers are read')
    return undefined
  }

  #names(): string[] {
    const { vfs, folder, logger } = this.#parts
    try {
      return indexNames(vfs.list(folder))
    } catch (error) {
      if (!(error instanceof VarveError)) throw error
      // A store that never wrote an index has no such folder.
      if (error.code !== 'ERR_NOT_FOUND') logger.warn({ error }, 'the index cannot be looked for')
      return []
    }
  }

  #open(name: string): Held {
    const { vfs, folder, storeId } = this.#parts
    const path = `${folder}/${name}`
    const bytes = vfs.stat(path)?.bytes
    if (bytes === undefined)
      throw new VarveError('ERR_NOT_FOUND', 'the index is gone', { file: path })
    if (bytes === 0) throw new VarveError('ERR_CORRUPT', 'the index is empty', { file: path })
    const file = mapOrRead(vfs, path, bytes)
    try {
      const index = new SparseIndex(file.bytes, path)
      const { header } = index
      if (
        Buffer.compare(header.storeId, storeId) !== 0 ||
        indexName(header.manifestEdit) !== name
      ) {
        const details = { file: path, part: 'index header' }
        throw new VarveError('ERR_CORRUPT', 'the index is of another store or edit', details)
      }
      return { name, index, file }
    } catch (error) {
      file.release()
      throw error
    }
  }

  /** Takes the newest index there is, where another one is held. Facts given before are void. */
  renew(): void {
    if (!this.#isLoaded) return
    const before = this.#held
    const after = this.#load()
    if (after === before) return
    this.#held = after
    this.#facts = new WeakMap()
    before?.file.release()
  }

  close(): void {
    this.#held?.file.release()
    this.#held = undefined
    this.#isLoaded = true
    this.#facts = new WeakMap()
  }
}
