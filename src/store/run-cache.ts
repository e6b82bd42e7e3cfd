// Runs as sources for reads: opened when first touched, their readers kept while there is room.
import { VarveError } from '#base'
import type { ColumnData, RowSource } from '#batch'
import type { ManifestState, RunEntry } from '#manifest'
import type { PackedSource } from '#query'
import { RunReader } from '#segment'
import type { PackedRun } from '#segment'
import type { RunBytes } from '#segment'
import type { ColumnSpec } from '#schema'
import { FileCache } from '#vfs'
import type { Vfs } from '#vfs'
import type { Paths } from './paths.ts'
import { closedError } from './closed.ts'
import type { RunIndex } from './run-index.ts'
import { staleError } from './stale.ts'

const readersMax = 4096

/** Open data files and run readers of one store handle. */
export class RunCache {
  readonly #paths: Paths
  readonly #isGivenUp: (path: string) => boolean
  /** What is known of runs without opening them. */
  readonly index: RunIndex
  readonly #files: FileCache
  /** Least recently opened first. */
  readonly #readers = new Map<RunEntry, RunReader>()
  readonly #runs = new WeakMap<RunEntry, LazyRun>()
  #isClosed = false
  /** Bytes read from data files, and read calls. */
  readBytes = 0
  readCalls = 0

  /** `isGivenUp`: a file that is gone means damage, or, to a reader, that the writer moved on. */
  constructor(
    vfs: Vfs,
    paths: Paths,
    index: RunIndex,
    isGivenUp: (path: string) => boolean = () => false,
  ) {
    this.index = index
    this.#paths = paths
    this.#isGivenUp = isGivenUp
    this.#files = new FileCache(vfs)
  }

  /** The run as a source. `state` is one that names it. */
  source(run: RunEntry, state: ManifestState, series: string): LazyRun {
    let lazy = this.#runs.get(run)
    if (lazy === undefined) {
      const kind = state.files.get(run.fileNumber)?.fileKind ?? 'segment'
      const path = this.#paths.data(kind, run.fileNumber)
      lazy = new LazyRun(run, () => this.#reader(run, path, series))
      this.#runs.set(run, lazy)
    }
    return lazy
  }

  #reader(run: RunEntry, path: string, series: string): RunReader {
    let reader = this.#readers.get(run)
    if (reader !== undefined) return reader
    reader = new RunReader(this.#bytes(path, series), run, () => this.index.factsOf(run))
    if (this.#readers.size >= readersMax) {
      for (const oldest of this.#readers.keys()) {
        this.#readers.delete(oldest)
        break
      }
    }
    this.#readers.set(run, reader)
    return reader
  }

  #bytes(path: string, series: string): RunBytes {
    return {
      file: path,
      series,
      read: (target, offset) => {
        const count = this.#acquire(path, series).read(target, offset)
        this.readCalls += 1
        this.readBytes += count
        if (count === target.length) return
        throw new VarveError('ERR_CORRUPT', 'a data file is shorter than it was', {
          file: path,
          series,
          offset,
          expected: target.length,
          actual: count,
        })
      },
    }
  }

  #acquire(path: string, series: string): ReturnType<FileCache['acquire']> {
    if (this.#isClosed) throw closedError('store')
    try {
      return this.#files.acquire(path)
    } catch (cause) {
      if (!(cause instanceof VarveError) || cause.code !== 'ERR_NOT_FOUND') throw cause
      const details = { file: path, series }
      if (this.#isGivenUp(path)) throw staleError(details, cause)
      throw new VarveError('ERR_CORRUPT', 'a data file is missing', details, { cause })
    }
  }

  /** The file is about to be removed. */
  forget(path: string): void {
    this.#files.forget(path)
  }

  close(): void {
    this.#isClosed = true
    this.#files.closeAll()
    this.#readers.clear()
    this.index.close()
  }
}

/** A run that is not opened before a row of it is needed. */
export class LazyRun implements RowSource<ColumnSpec>, PackedSource {
  readonly #entry: RunEntry
  readonly #open: () => RunReader

  constructor(entry: RunEntry, open: () => RunReader) {
    this.#entry = entry
    this.#open = open
  }

  get rowCount(): number {
    return this.#entry.rowCount
  }
  get timeMin(): bigint {
    return this.#entry.timeMin
  }
  get timeMax(): bigint {
    return this.#entry.timeMax
  }
  get lsnFirst(): bigint {
    return this.#entry.lsnFirst
  }

  lowerBound(time: bigint, next?: bigint): number {
    if (time <= this.#entry.timeMin) return 0
    if (time > this.#entry.timeMax) return this.#entry.rowCount
    return this.#open().lowerBound(time, next)
  }

  packed(): PackedRun {
    return this.#open().packed()
  }

  lacks({ id }: ColumnSpec): boolean {
    return !this.#open().has(id)
  }

  read(
    specs: readonly ColumnSpec[],
    from: number,
    end: number,
    targets: readonly ColumnData[],
    at: number,
  ): void {
    this.#open().read(specs, from, end, targets, at)
  }
}
