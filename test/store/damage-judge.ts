// What becomes of a damaged store: each read gives the same answer, or an error that names the file; and where reads
// give the same, verify() names the file, but for bytes that mean nothing.
import { VarveError } from '#base'
import type { ReadStore } from '#store'
import { root } from './bed.ts'
import type { Bed } from './bed.ts'
import { isSame, logEnds, pathsIn, probesOf } from './damage-bed.ts'
import type { Answer, Probe } from './damage-bed.ts'

/** A read of the whole store: what it answers, and which files it looked at. */
interface KnownProbe extends Probe {
  readonly answer: Answer
  readonly files: ReadonlySet<string>
}

/** What was damaged. */
export interface Place {
  readonly file: string
  /** Offset of the first byte that was changed; 0 for the file as a whole. */
  readonly at: number
  readonly what: string
}

/** 'told': by a read; 'verified': reads give the same answers, verify() says where; 'meaningless': nobody reads it. */
export type Verdict = 'told' | 'verified' | 'meaningless'

/** Files whose bytes say nothing of rows, and why. */
const meaninglessFiles: readonly [RegExp, string][] = [
  [/\/LOCK$/, 'the number of the process that held the lock, for people'],
  [/\/readers\//, 'the lease of a process that is gone: any text of it pins no more than all'],
  [/\/quarantine\//, 'bytes that were set aside; nobody reads them'],
]

export class Judge {
  readonly bed: Bed
  readonly probes: readonly KnownProbe[]
  readonly #ends: ReadonlyMap<string, number>
  readonly #near = new Map<string, readonly KnownProbe[]>()

  private constructor(bed: Bed, probes: readonly KnownProbe[]) {
    this.bed = bed
    this.probes = probes
    this.#ends = logEnds(bed)
  }

  /** Learns the answers of the whole store, and what each read of a store just opened looks at. */
  static async of(bed: Bed): Promise<Judge> {
    const store = await bed.read()
    const probes = probesOf(store)
    await store.close()
    const known: KnownProbe[] = []
    for (const probe of probes) {
      const fresh = await bed.read()
      const files = new Set<string>()
      bed.vfs.watch(({ path }) => void files.add(path))
      known.push({ ...probe, answer: probe.ask(fresh), files })
      bed.vfs.watch(undefined)
      await fresh.close()
    }
    return new Judge(bed, known)
  }

  /** Reads that look at the file, few of them, but such that every row of it is read. A read of another file gives what
   *  it gave: it does not touch this one. */
  probesNear(file: string): readonly KnownProbe[] {
    let near = this.#near.get(file)
    if (near === undefined) {
      const touching = this.probes.filter(({ files }) => files.has(file))
      const ofNow = touching.filter(({ name }) => !name.includes(':'))
      // What only opening looks at may change any answer.
      near = ofNow.length > 0 ? ofNow : this.probes
      this.#near.set(file, near)
    }
    return near
  }

  isMeaningless({ file, at }: Place): boolean {
    if (meaninglessFiles.some(([pattern]) => pattern.test(file))) return true
    return at >= (this.#ends.get(file) ?? Infinity)
  }

  /**
   * Opens the store as it is now and reads. Full: all there is, and what verify() says, also where reads found
   * something. `isNamed`: the files that may be named.
   *
   * @throws {Error} where an answer is wrong, an error names no file, or nobody says what is damaged
   */
  async verdict(
    bed: Bed,
    place: Place,
    isFull: boolean,
    isNamed = (file: string): boolean => file === place.file,
  ): Promise<Verdict> {
    const fail = (message: string, cause?: unknown): never => {
      throw new Error(`${place.what}: ${message}`, { cause })
    }
    const isTold = (error: unknown): true => {
      if (!(error instanceof VarveError)) return fail(`no VarveError: ${String(error)}`, error)
      const { file } = error.details
      if (error.code !== 'ERR_CORRUPT') fail(`${error.code}: ${error.message}`, error)
      if (!isNamed(String(file))) fail(`the error is of ${file}: ${error.message}`, error)
      return true
    }
    const handlesBefore = bed.vfs.handleCount
    let store: ReadStore
    try {
      store = await bed.read()
    } catch (error) {
      isTold(error)
      if (bed.vfs.handleCount !== handlesBefore) fail('handles are left open')
      return 'told'
    }
    let verdict: Verdict = 'meaningless'
    try {
      if (this.#readsTell(store, place, isFull, fail, isTold)) verdict = 'told'
      if (isFull || (verdict !== 'told' && !this.isMeaningless(place))) {
        const { damage } = await store.verify()
        const named = damage.some(({ file }) => isNamed(file))
        if (damage.some(({ file }) => !isNamed(file))) {
          fail(`verify() names other files: ${JSON.stringify(damage)}`)
        }
        if (verdict !== 'told' && named) verdict = 'verified'
        if (!named && !this.isMeaningless(place)) fail(`reads: ${verdict}; verify() says nothing`)
      }
    } finally {
      await store.close()
    }
    if (bed.vfs.handleCount !== handlesBefore) fail('handles are left open')
    return verdict
  }

  #readsTell(
    store: ReadStore,
    { file }: Place,
    isFull: boolean,
    fail: (message: string) => never,
    isTold: (error: unknown) => true,
  ): boolean {
    let told = false
    for (const probe of isFull ? this.probes : this.probesNear(file)) {
      let answer: Answer
      try {
        answer = probe.ask(store)
      } catch (error) {
        told = isTold(error)
        if (isFull) continue
        return true
      }
      if (!isSame(answer, probe.answer)) fail(`${probe.name} gives other rows`)
    }
    return told
  }

  /** Files of the store, by structure. */
  get paths(): string[] {
    return pathsIn(this.bed.vfs)
  }
}

/** A file's name without the store's folder. */
export function nameOf(path: string): string {
  return path.slice(root.length + 1)
}
