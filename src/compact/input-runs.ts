// The runs a compaction reads: opened when first needed, read-only, whatever the store has open
// itself.
import { VarveError } from '#base'
import type { ColumnData, RowSource } from '#batch'
import { RunReader } from '#segment'
import type { RunLocation } from '#segment'
import type { ColumnSpec } from '#schema'
import { FileCache } from '#vfs'
import type { Vfs } from '#vfs'

/** Where a run stands: plain data. */
export interface InputRun extends RunLocation {
  /** Its file. */
  readonly path: string
  readonly lsnFirst: bigint
}

/** Readers kept at a time: a job over thousands of small runs needs each for a moment only. */
const readersMax = 256

/** Input files of one compaction; close it in the end. */
export class InputFiles {
  readonly #files: FileCache
  /** The one that was opened first stands first. */
  readonly #readers = new Map<InputRun, RunReader>()

  constructor(vfs: Vfs) {
    this.#files = new FileCache(vfs)
  }

  /** The rows of a run. `series` is named in errors. */
  source(run: InputRun, series: string): RowSource<ColumnSpec> {
    return new InputSource(run, () => this.#reader(run, series))
  }

  #reader(run: InputRun, series: string): RunReader {
    let reader = this.#readers.get(run)
    if (reader !== undefined) return reader
    const { path } = run
    const read = (target: Uint8Array, offset: number): void => {
      const actual = this.#files.acquire(path).read(target, offset)
      if (actual === target.length) return
      const expected = target.length
      const details = { file: path, series, offset, expected, actual }
      throw new VarveError('ERR_CORRUPT', 'a data file is shorter than it was', details)
    }
    reader = new RunReader({ file: path, series, read }, run)
    if (this.#readers.size >= readersMax) {
      for (const oldest of this.#readers.keys()) {
        this.#readers.delete(oldest)
        break
      }
    }
    this.#readers.set(run, reader)
    return reader
  }

  close(): void {
    this.#files.closeAll()
    this.#readers.clear()
  }
}

class InputSource implements RowSource<ColumnSpec> {
  readonly rowCount: number
  readonly timeMin: bigint
  readonly timeMax: bigint
  readonly lsnFirst: bigint
  readonly #reader: () => RunReader

  constructor(run: InputRun, reader: () => RunReader) {
    this.rowCount = run.rowCount
    this.timeMin = run.timeMin
    this.timeMax = run.timeMax
    this.lsnFirst = run.lsnFirst
    this.#reader = reader
  }

  lowerBound(time: bigint): number {
    return this.#reader().lowerBound(time)
  }

  read(
    specs: readonly ColumnSpec[],
    from: number,
    end: number,
    targets: readonly ColumnData[],
    at: number,
  ): void {
    this.#reader().read(specs, from, end, targets, at)
  }
}
