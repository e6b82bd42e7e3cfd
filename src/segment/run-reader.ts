// Reads the rows of one run: finds the vectors asked for, reads and verifies those and no others.
import { VarveError, assert } from '#base'
import { allocateColumn, codeMap, fillAbsent, mapCodes } from '#batch'
import type { CodeMap, ColumnData, I64Data } from '#batch'
import { blockRowsMax, decodeRows, storedRange, vectorRows } from '#codec'
import type { PageMeta } from '#codec'
import { arena } from '#kernel'
import { timeColumnId } from '#schema'
import type { ColumnSpec } from '#schema'
import { blockCountOf } from './footer.ts'
import type { RunColumn, RunLocation } from './footer.ts'
import { RunPages } from './run-pages.ts'
import type { RunBytes } from './run-pages.ts'
import { vectorCountOf } from './sparse-index.ts'
import type { RunFacts } from './sparse-index.ts'

/** Two stored ranges with a gap up to this are read in one go: a page of the device comes anyway. */
const gapBytesMax = 4096
/** One read gets at most this, unless one column's vectors of one block need more. */
const readBytesMax = 4 << 20

/** Room behind what is read into the arena: kernels read whole mini-blocks. */
const arenaSlackBytes = 1024

let slab: number | undefined
let scratch = new Uint8Array(0)

/** `count` bytes of memory, reused: reads are synchronous and done with it before the next one. It
 *  lies in the arena, where kernels hash and unpack it without a copy, unless it is longer than
 *  reads mostly are. */
function scratchOf(count: number): Uint8Array {
  const { u8, claim } = arena()
  if (count <= readBytesMax) {
    slab ??= claim(readBytesMax + arenaSlackBytes)
    return u8.subarray(slab, slab + count)
  }
  if (scratch.length < count) scratch = new Uint8Array(Math.max(count, scratch.length * 2))
  return scratch.subarray(0, count)
}

/** Up to here times decoded for searches are not read again; longer ranges are read in one go with
 *  what stands beside them. */
const shortRows = 8 * vectorRows

/** A place for a decoded vector of times; `vector` is -1 where it holds none. */
interface TimesVector {
  vector: number
  readonly data: I64Data
  /** `data` as readBlock takes it. */
  readonly pairs: readonly ColumnPair[]
}

/** The id of a column, and where its rows go. */
type ColumnPair = readonly [number, ColumnData]

function newTimes(): TimesVector {
  const data = allocateColumn('i64', vectorRows, { optional: false })
  assert(data.physical === 'i64', 'times are int64')
  return { vector: -1, data, pairs: [[timeColumnId, data]] }
}

/** By id of the column, as pages stand in a block. Mostly they come so. */
function sortPairs(pairs: ColumnPair[]): void {
  for (let index = 1; index < pairs.length; index += 1) {
    if (pairs[index - 1]![0] <= pairs[index]![0]) continue
    pairs.sort((a, b) => a[0] - b[0])
    return
  }
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
  readonly #pages: RunPages
  /** The vectors of times decoded last: a range is searched by its two ends, then read. */
  #newer: TimesVector | undefined
  #older: TimesVector | undefined
  /** Code maps by target dictionary: a scan maps the same dictionary batch after batch. */
  readonly #codeMaps = new WeakMap<readonly string[], Map<number, CodeMap>>()

  /**
   * Reads and verifies the run's footer. With `factsOf`, what the sparse index says of the run at the moment of a call,
   * nothing is read before it is needed.
   *
   * @throws {VarveError} ERR_CORRUPT, ERR_VERSION, ERR_IO
   */
  constructor(bytes: RunBytes, info: RunLocation, factsOf?: () => RunFacts | undefined) {
    this.#bytes = bytes
    this.info = info
    this.#pages = new RunPages(bytes, info, factsOf)
    if (factsOf === undefined) this.#pages.footer()
  }

  get rowCount(): number {
    return this.info.rowCount
  }

  /** The stored columns of the run, in order of id. */
  get columns(): readonly RunColumn[] {
    return this.#pages.footer().columns
  }

  /** Whether some row of the run has a value in the column. */
  has(columnId: number): boolean {
    return this.#pages.physicalOf(columnId) !== undefined
  }

  #corrupt(message: string, details: Record<string, unknown> = {}): VarveError {
    const { file, series } = this.#bytes
    return new VarveError('ERR_CORRUPT', message, { file, series, ...details })
  }

  /** The first row with a time at or after `time`; rowCount where there is none. The run is in order of time. */
  lowerBound(time: bigint): number {
    if (time <= this.info.timeMin) return 0
    if (time > this.info.timeMax) return this.rowCount
    const vectors = this.#pages.vectors()
    const vector = vectors === undefined ? this.#vectorByFooter(time) : vectorByIndex(vectors, time)
    const rowFirst = vector.number * vectorRows
    if (rowFirst >= this.rowCount) return this.rowCount
    if (vector.first >= time) return rowFirst
    const rows = Math.min(vectorRows, this.rowCount - rowFirst)
    return rowFirst + firstAtOrAfter(this.#timesOf(rowFirst, rows), rows, time)
  }

  #vectorByFooter(time: bigint): VectorFound {
    const blockCount = blockCountOf(this.rowCount)
    for (let block = 0; block < blockCount; block += 1) {
      const { zone, vectorCount } = this.#pages.pagesOf(block, [timeColumnId])[0]!.meta
      if (zone!.max[vectorCount - 1]! < time && block < blockCount - 1) continue
      const vector = firstAtOrAfter(zone!.max, vectorCount, time)
      const number = block * (blockRowsMax / vectorRows) + vector
      return { number, first: vector < vectorCount ? zone!.min[vector]! : time }
    }
    return { number: vectorCountOf(this.rowCount), first: time }
  }

  #timesHeld(vector: number): BigInt64Array | undefined {
    if (this.#newer?.vector === vector) return this.#newer.data.values
    return this.#older?.vector === vector ? this.#older.data.values : undefined
  }

  #timesOf(rowFirst: number, rows: number): BigInt64Array {
    const vector = rowFirst / vectorRows
    const held = this.#timesHeld(vector)
    if (held !== undefined) return held
    const place = this.#older ?? newTimes()
    // What is overwritten is no vector until it is decoded.
    place.vector = -1
    const block = Math.floor(rowFirst / blockRowsMax)
    this.#readBlock(block, rowFirst, rowFirst + rows, place.pairs, 0)
    place.vector = vector
    this.#older = this.#newer
    this.#newer = place
    return place.data.values
  }

  /** Rows [from, end) of the column of times: copied where they were decoded for a search, else
   *  read. */
  #readTimes(from: number, end: number, target: I64Data, at: number): void {
    const pairs: readonly ColumnPair[] = [[timeColumnId, target]]
    for (let row = from; row < end;) {
      const vector = Math.floor(row / vectorRows)
      const held = this.#timesHeld(vector)
      const stop = held === undefined ? this.#endOfUnheld(vector, end) : (vector + 1) * vectorRows
      const last = Math.min(end, stop)
      if (held === undefined) {
        this.#readBlock(Math.floor(row / blockRowsMax), row, last, pairs, at + row - from)
      } else {
        const first = vector * vectorRows
        target.values.set(held.subarray(row - first, last - first), at + row - from)
      }
      row = last
    }
  }

  #holdsTimes(from: number, end: number): boolean {
    const first = Math.floor(from / vectorRows)
    const last = Math.floor((end - 1) / vectorRows)
    const isInside = (held: TimesVector | undefined): boolean =>
      held !== undefined && held.vector >= first && held.vector <= last
    return isInside(this.#newer) || isInside(this.#older)
  }

  /** Where the vectors from `vector` on that are not held end, inside their block, below `end`. */
  #endOfUnheld(vector: number, end: number): number {
    let next = vector + 1
    const blockEnd = (Math.floor((vector * vectorRows) / blockRowsMax) + 1) * blockRowsMax
    const rowEnd = Math.min(end, blockEnd)
    while (next * vectorRows < rowEnd && this.#timesHeld(next) === undefined) next += 1
    return Math.min(next * vectorRows, rowEnd)
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
    const pairs: ColumnPair[] = []
    const isShort = end - from <= shortRows && this.#holdsTimes(from, end)
    for (let index = 0; index < specs.length; index += 1) {
      const spec = specs[index]!
      const target = targets[index]!
      const physical = this.#pages.physicalOf(spec.id)
      if (physical === undefined) {
        fillAbsent(target, at, at + end - from)
      } else if (physical !== target.physical) {
        throw this.#corrupt(`column '${spec.name}' is stored as ${physical}`, {
          column: spec.name,
        })
      } else if (spec.id === timeColumnId && target.physical === 'i64' && isShort) {
        this.#readTimes(from, end, target, at)
      } else pairs.push([spec.id, target])
    }
    sortPairs(pairs)
    for (let row = from; row < end && pairs.length > 0;) {
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
    pairs: readonly ColumnPair[],
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
      const bytes = scratchOf(wanted[last]!.end - start)
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

  #wantedOf(block: number, from: number, end: number, pairs: readonly ColumnPair[]): Wanted[] {
    const vectorFrom = Math.floor(from / vectorRows)
    const vectorEnd = Math.ceil(end / vectorRows)
    const columnIds: number[] = []
    for (const [columnId] of pairs) columnIds.push(columnId)
    const pages = this.#pages.pagesOf(block, columnIds)
    const wanted: Wanted[] = []
    for (let index = 0; index < pairs.length; index += 1) {
      const [columnId, target] = pairs[index]!
      const { meta: page, offset } = pages[index]!
      const { from: storedFrom, end: storedEnd } = storedRange(page, vectorFrom, vectorEnd)
      wanted.push({
        page,
        target,
        columnId,
        offset: offset + storedFrom,
        end: offset + storedEnd,
        storedFrom,
      })
    }
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
      const columnId = specs[index]!.id
      if (this.#pages.physicalOf(columnId) === undefined) continue
      const map = this.#codeMapOf(columnId, target.dictionary)
      const bad = mapCodes(target.values, from, end, map)
      if (bad < 0) continue
      throw this.#corrupt('a code is not in the dictionary', { column: specs[index]!.name })
    }
  }

  #codeMapOf(columnId: number, into: string[]): CodeMap {
    let maps = this.#codeMaps.get(into)
    if (maps === undefined) {
      maps = new Map()
      this.#codeMaps.set(into, maps)
    }
    let map = maps.get(columnId)
    if (map === undefined) {
      map = codeMap(this.#pages.dictionaryOf(columnId), into)
      maps.set(columnId, map)
    }
    return map
  }
}

interface VectorFound {
  readonly number: number
  /** Its first time. */
  readonly first: bigint
}

/** The first vector whose last time is at or after `time`. `vectors`: first and last time of each. */
function vectorByIndex(vectors: BigInt64Array, time: bigint): VectorFound {
  const vectorCount = vectors.length / 2
  let low = 0
  let high = vectorCount
  while (low < high) {
    const middle = (low + high) >>> 1
    if (vectors[2 * middle + 1]! < time) low = middle + 1
    else high = middle
  }
  return { number: low, first: low < vectorCount ? vectors[2 * low]! : time }
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
