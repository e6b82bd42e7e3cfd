// The rows of a damaged run that can still be read: vectors whose pages are whole in every column,
// one after the other as if they were the run.
import { VarveError, assert } from '#base'
import { allocateColumn } from '#batch'
import type { ColumnData, RowSource } from '#batch'
import { blockRowsMax, vectorRows } from '#codec'
import { timeColumnId } from '#schema'
import type { ColumnSpec } from '#schema'
import { RunReader } from '#segment'
import type { RunBytes, RunLocation } from '#segment'

/** Rows [from, end) of the run; the first of them is row `at` of what was rescued. */
interface Stretch {
  readonly from: number
  readonly end: number
  readonly at: number
}

export interface RunToRescue extends RunLocation {
  readonly lsnFirst: bigint
}

/** Bounded by the rows of one run: their times are kept. */
export class RescuedRun implements RowSource<ColumnSpec> {
  readonly lsnFirst: bigint
  readonly rowCount: number
  /** The columns that the run holds. */
  readonly specs: readonly ColumnSpec[]
  readonly #reader: RunReader
  readonly #stretches: readonly Stretch[]
  readonly #times: BigInt64Array

  private constructor(
    run: RunToRescue,
    reader: RunReader,
    specs: readonly ColumnSpec[],
    stretches: readonly Stretch[],
  ) {
    this.lsnFirst = run.lsnFirst
    this.specs = specs
    this.#reader = reader
    this.#stretches = stretches
    const last = stretches.at(-1)
    this.rowCount = last === undefined ? 0 : last.at + last.end - last.from
    this.#times = this.#readTimes()
  }

  /** undefined where nothing of it can be read: its footer is gone. `specs`: all the kind has.
   *  @throws {VarveError} ERR_IO, ERR_VERSION */
  static open(
    bytes: RunBytes,
    run: RunToRescue,
    specs: readonly ColumnSpec[],
  ): RescuedRun | undefined {
    try {
      const reader = new RunReader(bytes, run)
      const ids = new Set(reader.columns.map(({ columnId }) => columnId))
      const held = specs.filter(({ id }) => id === timeColumnId || ids.has(id))
      const rescued = new RescuedRun(run, reader, held, wholeStretches(reader, held))
      return rescued.rowCount === 0 ? undefined : rescued
    } catch (error) {
      if (error instanceof VarveError && error.code === 'ERR_CORRUPT') return undefined
      throw error
    }
  }

  get timeMin(): bigint {
    return this.#times[0]!
  }
  get timeMax(): bigint {
    return this.#times[this.rowCount - 1]!
  }

  #readTimes(): BigInt64Array {
    const times = allocateColumn('i64', this.rowCount, { optional: false })
    const spec = this.specs[0]!
    assert(times.physical === 'i64', 'rescue: times are int64')
    this.read([spec], 0, this.rowCount, [times], 0)
    return times.values
  }

  lowerBound(time: bigint): number {
    let low = 0
    let high = this.rowCount
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#times[middle]! < time) low = middle + 1
      else high = middle
    }
    return low
  }

  read(
    specs: readonly ColumnSpec[],
    from: number,
    end: number,
    targets: readonly ColumnData[],
    at: number,
  ): void {
    for (const stretch of this.#stretches) {
      const first = Math.max(from, stretch.at)
      const last = Math.min(end, stretch.at + stretch.end - stretch.from)
      if (first >= last) continue
      const shift = stretch.from - stretch.at
      this.#reader.read(specs, first + shift, last + shift, targets, at + first - from)
    }
  }
}

function wholeStretches(reader: RunReader, specs: readonly ColumnSpec[]): Stretch[] {
  const stretches: Stretch[] = []
  const rows = Math.min(blockRowsMax, reader.rowCount)
  const targets = specs.map(({ physical, optional }) =>
    allocateColumn(physical, rows, { optional }),
  )
  let at = 0
  const add = (from: number, end: number): void => {
    const last = stretches.at(-1)
    if (last?.end === from) stretches.splice(-1, 1, { ...last, end })
    else stretches.push({ from, end, at })
    at += end - from
  }
  for (let block = 0; block < reader.rowCount; block += blockRowsMax) {
    const end = Math.min(reader.rowCount, block + blockRowsMax)
    if (canRead(reader, specs, block, end, targets)) {
      add(block, end)
      continue
    }
    for (let from = block; from < end; from += vectorRows) {
      const vectorEnd = Math.min(end, from + vectorRows)
      if (canRead(reader, specs, from, vectorEnd, targets)) add(from, vectorEnd)
    }
  }
  return stretches
}

function canRead(
  reader: RunReader,
  specs: readonly ColumnSpec[],
  from: number,
  end: number,
  targets: readonly ColumnData[],
): boolean {
  try {
    reader.read(specs, from, end, targets, 0)
    return true
  } catch (error) {
    if (error instanceof VarveError && error.code === 'ERR_CORRUPT') return false
    throw error
  }
}
