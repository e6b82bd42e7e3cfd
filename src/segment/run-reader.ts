// Reads the rows of one run: finds the vectors asked for, reads and verifies those and no others.
import { VarveError, assert } from '#base'
import { allocateColumn, codeMap, fillAbsent, mapCodes } from '#batch'
import type { CodeMap, ColumnData, I64Data } from '#batch'
import { blockRowsMax, decodeRows, storedRange, vectorRows } from '#codec'
import type { PageMeta } from '#codec'
import { hash64 } from '#kernel'
import { timeColumnId } from '#schema'
import type { ColumnSpec } from '#schema'
import { blockCountOf, decodeFooter } from './footer.ts'
import type { RunColumn, RunFooter, RunLocation } from './footer.ts'

/** Where a run's bytes come from. Reading past the end, or fewer bytes than asked, is the source's to report. */
export interface RunBytes {
  /** For errors: the file's path. */
  readonly file: string
  /** For errors: the series' name. */
  readonly series: string
  /** Fills `target` from `offset` of the file. @throws {VarveError} ERR_CORRUPT where the file ends before. */
  read(target: Uint8Array, offset: number): void
}

/** Two stored ranges with a gap up to this are read in one go: a page of the device comes anyway. */
const gapBytesMax = 4096
/** One read gets at most this, unless one column's vectors of one block need more. */
const readBytesMax = 4 << 20

let scratch = new Uint8Array(1 << 16)

/** A buffer of at least `count` bytes, reused: reads are synchronous and done with it before the next one. */
function scratchOf(count: number): Uint8Array {
  if (scratch.length < count) scratch = new Uint8Array(Math.max(count, scratch.length * 2))
  return scratch
}

interface Wanted {
  readonly page: PageMeta
  readonly target: ColumnData
  readonly columnId: number
  /** In the file. */
  readonly offset: number
  readonly end: number
  /** Of the page's payload, where `offset` is. */
  readonly storedFrom: number
}

export class RunReader {
  readonly info: RunLocation
  readonly #bytes: RunBytes
  readonly #columns = new Map<number, RunColumn>()
  readonly #order: readonly RunColumn[]
  /** Per block, where its first page starts in the file. */
  readonly #blockOffsets: readonly number[]
  /** The vector of times decoded last, for searches. */
  readonly #times: I64Data
  #timesVector = -1
  /** Code maps by target dictionary: a scan maps the same dictionary batch after batch. */
  readonly #codeMaps = new WeakMap<readonly string[], Map<number, CodeMap>>()

  /** Reads and verifies the run's footer. @throws {VarveError} ERR_CORRUPT, ERR_VERSION, ERR_IO */
  constructor(bytes: RunBytes, info: RunLocation) {
    this.#bytes = bytes
    this.info = info
    const footer = this.#readFooter()
    for (const column of footer.columns) this.#columns.set(column.columnId, column)
    this.#order = footer.columns
    this.#blockOffsets = blockOffsets(footer)
    const end = this.#blockOffsets.at(-1)!
    const time = this.#columns.get(timeColumnId)
    if (footer.rowCount !== info.rowCount || end !== footer.dataOffset + info.dataBytes) {
      throw this.#corrupt('the run footer and the manifest tell of other rows or bytes')
    }
    if (time?.physical !== 'i64' || time.pages.some((page) => page.zone === undefined)) {
      throw this.#corrupt('the run has no column of times')
    }
    const times = allocateColumn('i64', vectorRows, { optional: false })
    assert(times.physical === 'i64', 'times are int64')
    this.#times = times
  }

  get rowCount(): number {
    return this.info.rowCount
  }

  /** The stored columns of the run, in order of id. */
  get columns(): readonly RunColumn[] {
    return this.#order
  }

  #corrupt(message: string, details: Record<string, unknown> = {}): VarveError {
    const { file, series } = this.#bytes
    return new VarveError('ERR_CORRUPT', message, { file, series, ...details })
  }

  #readFooter(): RunFooter {
    const { footerOffset, footerBytes, footerHash } = this.info
    const bytes = new Uint8Array(footerBytes)
    this.#bytes.read(bytes, footerOffset)
    const actual = hash64(bytes)
    if (actual !== footerHash) {
      throw this.#corrupt('the hash of a run footer differs', {
        offset: footerOffset,
        expected: footerHash,
        actual,
      })
    }
    return decodeFooter(bytes, { file: this.#bytes.file, offset: footerOffset })
  }

  /** The first row with a time at or after `time`; rowCount where there is none. The run is in order of time. */
  lowerBound(time: bigint): number {
    if (time <= this.info.timeMin) return 0
    if (time > this.info.timeMax) return this.rowCount
    const pages = this.#columns.get(timeColumnId)!.pages
    let block = 0
    for (; block < pages.length - 1; block += 1) {
      const page = pages[block]!
      if (page.zone!.max[page.vectorCount - 1]! >= time) break
    }
    const page = pages[block]!
    const vector = firstAtOrAfter(page.zone!.max, page.vectorCount, time)
    if (vector === page.vectorCount) return Math.min((block + 1) * blockRowsMax, this.rowCount)
    const rowFirst = block * blockRowsMax + vector * vectorRows
    const rows = Math.min(vectorRows, page.rowCount - vector * vectorRows)
    if (page.zone!.min[vector]! >= time) return rowFirst
    return rowFirst + firstAtOrAfter(this.#timesOf(rowFirst, rows), rows, time)
  }

  #timesOf(rowFirst: number, rows: number): BigInt64Array {
    const vector = rowFirst / vectorRows
    if (this.#timesVector !== vector) {
      this.#timesVector = -1
      this.#readBlock(
        Math.floor(rowFirst / blockRowsMax),
        rowFirst,
        rowFirst + rows,
        [[timeColumnId, this.#times]],
        0,
      )
      this.#timesVector = vector
    }
    return this.#times.values
  }

  /**
   * Decodes rows [from, end) of the columns into `targets[i]` from index `at`. Columns the run does not hold read as
   * absent. Bytes columns are appended: their rows before `at` must be filled.
   *
   * @throws {VarveError} ERR_CORRUPT naming file, series, block, column and vector; ERR_IO
   */
  read(
    specs: readonly ColumnSpec[],
    from: number,
    end: number,
    targets: readonly ColumnData[],
    at: number,
  ): void {
    assert(from >= 0 && from <= end && end <= this.rowCount, 'run: rows are inside the run')
    const pairs: [number, ColumnData][] = []
    for (let index = 0; index < specs.length; index += 1) {
      const spec = specs[index]!
      const target = targets[index]!
      const column = this.#columns.get(spec.id)
      if (column === undefined) {
        fillAbsent(target, at, at + end - from)
      } else if (column.physical !== target.physical) {
        throw this.#corrupt(`column '${spec.name}' is stored as ${column.physical}`, {
          column: spec.name,
        })
      } else pairs.push([spec.id, target])
    }
    pairs.sort((a, b) => a[0] - b[0])
    for (let row = from; row < end;) {
      const block = Math.floor(row / blockRowsMax)
      const blockEnd = Math.min(end, (block + 1) * blockRowsMax)
      this.#readBlock(block, row, blockEnd, pairs, at + row - from)
      row = blockEnd
    }
    this.#translate(specs, targets, at, at + end - from)
  }

  /** Rows [from, end) of one block: neighbouring stored ranges are read together. */
  #readBlock(
    block: number,
    from: number,
    end: number,
    pairs: readonly (readonly [number, ColumnData])[],
    at: number,
  ): void {
    const first = block * blockRowsMax
    const wanted = this.#wantedOf(block, from - first, end - first, pairs)
    for (let index = 0; index < wanted.length;) {
      let last = index
      const start = wanted[index]!.offset
      while (
        last + 1 < wanted.length &&
        wanted[last + 1]!.offset - wanted[last]!.end <= gapBytesMax &&
        wanted[last + 1]!.end - start <= readBytesMax
      ) {
        last += 1
      }
      const bytes = scratchOf(wanted[last]!.end - start).subarray(0, wanted[last]!.end - start)
      if (bytes.length > 0) this.#bytes.read(bytes, start)
      for (; index <= last; index += 1) {
        const { page, target, columnId, offset, end: stop, storedFrom } = wanted[index]!
        const stored = bytes.subarray(offset - start, stop - start)
        const { file, series } = this.#bytes
        const place = { file, series, offset, block, columnId }
        decodeRows(page, stored, storedFrom, from - first, end - first, target, at, place)
      }
    }
  }

  #wantedOf(
    block: number,
    from: number,
    end: number,
    pairs: readonly (readonly [number, ColumnData])[],
  ): Wanted[] {
    const vectorFrom = Math.floor(from / vectorRows)
    const vectorEnd = Math.ceil(end / vectorRows)
    const wanted: Wanted[] = []
    let next = 0
    let offset = this.#blockOffsets[block]!
    for (const column of this.#order) {
      const page = column.pages[block]!
      const pair = pairs[next]
      if (pair === undefined) break
      if (pair[0] === column.columnId) {
        next += 1
        const stored = storedRange(page, vectorFrom, vectorEnd)
        wanted.push({
          page,
          target: pair[1],
          columnId: column.columnId,
          offset: offset + stored.from,
          end: offset + stored.end,
          storedFrom: stored.from,
        })
      }
      offset += page.payloadBytes
    }
    assert(next === pairs.length, 'run: the columns asked for are there, in order of id')
    return wanted
  }

  /** Codes of the run's dictionaries become codes of the targets'. */
  #translate(
    specs: readonly ColumnSpec[],
    targets: readonly ColumnData[],
    from: number,
    end: number,
  ): void {
    for (let index = 0; index < specs.length; index += 1) {
      const target = targets[index]!
      if (target.physical !== 'code') continue
      const column = this.#columns.get(specs[index]!.id)
      if (column === undefined) continue
      const map = this.#codeMapOf(column, target.dictionary)
      const bad = mapCodes(target.values, from, end, map)
      if (bad < 0) continue
      throw this.#corrupt('a code is not in the dictionary', { column: specs[index]!.name })
    }
  }

  #codeMapOf(column: RunColumn, into: string[]): CodeMap {
    let maps = this.#codeMaps.get(into)
    if (maps === undefined) {
      maps = new Map()
      this.#codeMaps.set(into, maps)
    }
    let map = maps.get(column.columnId)
    if (map === undefined) {
      map = codeMap(column.dictionary!, into)
      maps.set(column.columnId, map)
    }
    return map
  }
}

function blockOffsets(footer: RunFooter): number[] {
  const offsets = [footer.dataOffset]
  const blockCount = blockCountOf(footer.rowCount)
  for (let block = 0; block < blockCount; block += 1) {
    let bytes = 0
    for (const column of footer.columns) bytes += column.pages[block]!.payloadBytes
    offsets.push(offsets[block]! + bytes)
  }
  return offsets
}

function firstAtOrAfter(sorted: BigInt64Array, count: number, time: bigint): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < time) low = middle + 1
    else high = middle
  }
  return low
}
