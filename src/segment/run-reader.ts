// Reads the rows of one run: finds the vectors asked for, reads and verifies those and no others.
import { VarveError, assert } from '#base'
import { allocateColumn, codeMap, fillAbsent, mapCodes } from '#batch'
import type { CodeMap, ColumnData, I64Data, Physical } from '#batch'
import { blockRowsMax, decodeRows, isChunkWhole, storedRange, vectorRows } from '#codec'
import type { PageMeta } from '#codec'
import { arena } from '#kernel'
import { timeColumnId } from '#schema'
import type { ColumnSpec } from '#schema'
import { BlockIntegers } from './block-integers.ts'
import { blockCountOf } from './footer.ts'
import type { RunColumn, RunLocation } from './footer.ts'
import { claimHeld, heldAddress, heldReadMax, isHeld } from './held.ts'
import { PackedRun } from './packed-run.ts'
import { RunPages } from './run-pages.ts'
import type { PlacedPage, RunBytes } from './run-pages.ts'
import { vectorCountOf } from './sparse-index.ts'
import { firstAtOrAfter, vectorByIndex } from './time-search.ts'
import type { VectorFound } from './time-search.ts'
import type { RunFacts } from './sparse-index.ts'

/** Two stored ranges with a gap up to this are read in one go: a page of the device comes anyway. */
const gapBytesMax = 4096
/** One read gets at most this, unless one column's vectors of one block need more. */
const readBytesMax = 4 << 20

/** Room behind what is read into the arena: kernels read whole mini-blocks. */
const arenaSlackBytes = 1024

/** Memory for one read, reused: reads are synchronous and done with it before the next one. It lies in
 *  the arena, where kernels hash and unpack it without a copy, unless it is longer than reads mostly are. */
let slab: number | undefined
let scratch = new Uint8Array(0)

/** Up to here times decoded for searches are not read again; longer ranges are read in one go with
 *  what stands beside them. */
const shortVectors = 8
const shortRows = shortVectors * vectorRows
const blockVectors = blockRowsMax / vectorRows

/** A place for a decoded vector of times; `vector` is -1 where it holds none. */
interface TimesVector {
  vector: number
  readonly data: I64Data
  readonly targets: readonly ColumnData[]
}

function newTimes(): TimesVector {
  const data = allocateColumn('i64', vectorRows, { optional: false })
  assert(data.physical === 'i64', 'times are int64')
  return { vector: -1, data, targets: [data] }
}

/** Columns that the run holds, as pages stand in a block, and which of a caller's targets they fill. */
interface ColumnList {
  readonly ids: readonly number[]
  readonly places: readonly number[]
}

const timesAlone: ColumnList = { ids: [timeColumnId], places: [0] }

/** What a caller's columns are in this run. The same ones are asked for again and again. */
interface ReadPlan {
  readonly specs: readonly ColumnSpec[]
  /** As stored; undefined for columns that the run does not hold. */
  readonly physicals: readonly (Physical | undefined)[]
  readonly all: ColumnList
  /** Without times. */
  readonly others: ColumnList
  /** Whether times are among them, or codes. */
  readonly hasTimes: boolean
  readonly hasCodes: boolean
}

/** Stored bytes that are wanted of one page. */
interface Wanted {
  readonly placed: PlacedPage
  readonly target: ColumnData
  readonly columnId: number
  /** Rows [from, end) of the block go to index `at` of the target. */
  readonly from: number
  readonly at: number
  readonly chunkFirst: number
  readonly chunkEnd: number
  /** In the file. */
  readonly offset: number
  readonly end: number
}

function isEmptyChunk({ chunkStarts }: PageMeta, chunk: number): boolean {
  return chunkStarts[chunk] === chunkStarts[chunk + 1]
}

/** The stored bytes of rows [from, end) of a page. */
function wantedRows(
  placed: PlacedPage,
  target: ColumnData,
  columnId: number,
  from: number,
  end: number,
  at: number,
): Wanted {
  const { meta, offset } = placed
  const vectorFrom = Math.floor(from / vectorRows)
  const vectorEnd = Math.ceil(end / vectorRows)
  const stored = storedRange(meta, vectorFrom, vectorEnd)
  return {
    placed,
    target,
    columnId,
    from,
    at,
    chunkFirst: Math.floor(vectorFrom / meta.chunkVectors),
    chunkEnd: Math.ceil(vectorEnd / meta.chunkVectors),
    offset: offset + stored.from,
    end: offset + stored.end,
  }
}

/** Whether nothing has to be read: each chunk is held or stores no bytes. */
function isHeldWhole({ placed: { meta, held }, chunkFirst, chunkEnd }: Wanted): boolean {
  for (let chunk = chunkFirst; chunk < chunkEnd; chunk += 1) {
    if (isEmptyChunk(meta, chunk)) continue
    if (held === undefined || !isHeld(held[chunk]!)) return false
  }
  return true
}

/** Notes that the stored bytes of a chunk, found right, are at a position. */
function hold(placed: PlacedPage, chunk: number, position: number): void {
  if (isEmptyChunk(placed.meta, chunk)) return
  placed.held ??= new Float64Array(placed.meta.checksums.length)
  placed.held[chunk] = position
}

export class RunReader {
  readonly info: RunLocation
  readonly #bytes: RunBytes
  readonly #pages: RunPages
  #packed: PackedRun | undefined
  /** The vectors of times decoded last: a range is searched by its two ends, then read. */
  #newer: TimesVector | undefined
  #older: TimesVector | undefined
  #plan: ReadPlan | undefined
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

  /** The same run for operators on packed values. */
  packed(): PackedRun {
    this.#packed ??= new PackedRun(this.#bytes, this.#pages)
    return this.#packed
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

  /** The first row with a time at or after `time`; rowCount where there is none. The run is in order of time.
   *  `next`: a later time that is asked for right after it; both are searched by what one read brings. */
  lowerBound(time: bigint, next?: bigint): number {
    if (time <= this.info.timeMin) return 0
    if (time > this.info.timeMax) return this.rowCount
    const vector = this.#vectorOf(time)
    const rowFirst = vector.number * vectorRows
    if (rowFirst >= this.rowCount) return this.rowCount
    if (next !== undefined) this.#fetchTimes(vector.number, next)
    if (vector.first >= time) return rowFirst
    const rows = Math.min(vectorRows, this.rowCount - rowFirst)
    return rowFirst + firstAtOrAfter(this.#timesOf(rowFirst, rows), rows, time)
  }

  /** The first vector with a time at or after `time`. */
  #vectorOf(time: bigint): VectorFound {
    const vectors = this.#pages.vectors()
    return vectors === undefined ? this.#vectorByFooter(time) : vectorByIndex(vectors, time)
  }

  #vectorByFooter(time: bigint): VectorFound {
    const blockCount = blockCountOf(this.rowCount)
    for (let block = 0; block < blockCount; block += 1) {
      const { zone, vectorCount } = this.#pages.pagesOf(block, timesAlone.ids)[0]!.meta
      if (zone!.max[vectorCount - 1]! < time && block < blockCount - 1) continue
      const vector = firstAtOrAfter(zone!.max, vectorCount, time)
      const number = block * blockVectors + vector
      return { number, first: vector < vectorCount ? zone!.min[vector]! : time }
    }
    return { number: vectorCountOf(this.rowCount), first: time }
  }

  /** Brings the stored times of vectors `first` to the one that holds `next` into memory by one read, where they are
   *  few, of one block, and two of them or more not held. What is damaged among them is told by who needs it. */
  #fetchTimes(first: number, next: bigint): void {
    const found = this.#vectorOf(next)
    const block = Math.floor(first / blockVectors)
    const blockEnd = Math.min((block + 1) * blockVectors, vectorCountOf(this.rowCount))
    const end = Math.min(found.first < next ? found.number + 1 : found.number, blockEnd)
    if (end - first < 2 || end - first > shortVectors) return
    const placed = this.#pages.pagesOf(block, timesAlone.ids)[0]!
    const { meta, offset } = placed
    const blockFirst = block * blockVectors
    const isAt = (vector: number): boolean => {
      const chunk = Math.floor((vector - blockFirst) / meta.chunkVectors)
      return isEmptyChunk(meta, chunk) || (placed.held !== undefined && isHeld(placed.held[chunk]!))
    }
    let from = first
    while (from < end && (isAt(from) || this.#timesHeld(from) !== undefined)) from += 1
    if (end - from < 2) return
    const range = storedRange(meta, from - blockFirst, end - blockFirst)
    const count = range.end - range.from
    if (count > heldReadMax) return
    const position = claimHeld(count)
    const address = heldAddress(position)
    const { u8 } = arena()
    this.#bytes.read(u8.subarray(address, address + count), offset + range.from)
    const chunkEnd = Math.ceil((end - blockFirst) / meta.chunkVectors)
    let chunk = Math.floor((from - blockFirst) / meta.chunkVectors)
    for (; chunk < chunkEnd; chunk += 1) {
      if (!isChunkWhole(meta, chunk, u8, range.from - address)) continue
      hold(placed, chunk, position + meta.chunkStarts[chunk]! - range.from)
    }
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
    this.#readBlock(block, rowFirst, rowFirst + rows, timesAlone, place.targets, 0)
    place.vector = vector
    this.#older = this.#newer
    this.#newer = place
    return place.data.values
  }

  /** Rows [from, end) of the column of times: copied where they were decoded for a search, else
   *  read. */
  #readTimes(from: number, end: number, target: I64Data, at: number): void {
    const targets: readonly ColumnData[] = [target]
    for (let row = from; row < end;) {
      const vector = Math.floor(row / vectorRows)
      const held = this.#timesHeld(vector)
      const stop = held === undefined ? this.#endOfUnheld(vector, end) : (vector + 1) * vectorRows
      const last = Math.min(end, stop)
      if (held === undefined) {
        const block = Math.floor(row / blockRowsMax)
        this.#readBlock(block, row, last, timesAlone, targets, at + row - from)
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

  #planOf(specs: readonly ColumnSpec[]): ReadPlan {
    if (this.#plan?.specs === specs) return this.#plan
    const physicals = specs.map(({ id }) => this.#pages.physicalOf(id))
    const stored: number[] = []
    for (let place = 0; place < specs.length; place += 1) {
      if (physicals[place] !== undefined) stored.push(place)
    }
    stored.sort((a, b) => specs[a]!.id - specs[b]!.id)
    const listOf = (places: readonly number[]): ColumnList => ({
      ids: places.map((place) => specs[place]!.id),
      places,
    })
    const others = stored.filter((place) => specs[place]!.id !== timeColumnId)
    this.#plan = {
      specs,
      physicals,
      all: listOf(stored),
      others: listOf(others),
      hasTimes: others.length < stored.length,
      hasCodes: physicals.includes('code'),
    }
    return this.#plan
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
    const plan = this.#planOf(specs)
    const { physicals } = plan
    const isShort = plan.hasTimes && end - from <= shortRows && this.#holdsTimes(from, end)
    for (let place = 0; place < specs.length; place += 1) {
      const target = targets[place]!
      const physical = physicals[place]
      if (physical === undefined) {
        fillAbsent(target, at, at + end - from)
      } else if (physical !== target.physical) {
        const column = specs[place]!.name
        throw this.#corrupt(`column '${column}' is stored as ${physical}`, { column })
      } else if (isShort && specs[place]!.id === timeColumnId && target.physical === 'i64') {
        this.#readTimes(from, end, target, at)
      }
    }
    const list = isShort ? plan.others : plan.all
    for (let row = from; row < end && list.ids.length > 0;) {
      const block = Math.floor(row / blockRowsMax)
      const blockEnd = Math.min(end, (block + 1) * blockRowsMax)
      this.#readBlock(block, row, blockEnd, list, targets, at + row - from)
      row = blockEnd
    }
    if (plan.hasCodes) this.#translate(specs, targets, at, at + end - from)
  }

  /** Rows [from, end) of one block: neighbouring stored ranges are read together. */
  #readBlock(
    block: number,
    from: number,
    end: number,
    list: ColumnList,
    targets: readonly ColumnData[],
    at: number,
  ): void {
    const first = block * blockRowsMax
    const rowEnd = end - first
    if (this.#decodeAllHeld(block, from - first, rowEnd, list, targets, at)) return
    const { wanted, integers } = this.#wantedOf(block, from - first, rowEnd, list, targets, at)
    for (let index = 0; index < wanted.length;) {
      if (isHeldWhole(wanted[index]!)) {
        const { placed, target, columnId, from: row, at: to } = wanted[index]!
        const { chunkFirst, chunkEnd } = wanted[index]!
        this.#decodeHeld(placed, target, columnId, row, rowEnd, to, chunkFirst, chunkEnd, block)
        index += 1
        continue
      }
      let last = index
      const start = wanted[index]!.offset
      while (
        last + 1 < wanted.length &&
        wanted[last + 1]!.offset - wanted[last]!.end <= gapBytesMax &&
        wanted[last + 1]!.end - start <= readBytesMax
      ) {
        last += 1
      }
      const brought = this.#bring(start, wanted[last]!.end - start)
      for (; index <= last; index += 1) {
        this.#decodeBrought(wanted[index]!, block, rowEnd, start, brought)
      }
    }
    integers?.finish((from - first) % vectorRows, at)
  }

  /** The rows where all of them are held, as those of a minute that was asked for lately; else false, and nothing is
   *  done. */
  #decodeAllHeld(
    block: number,
    from: number,
    end: number,
    { ids, places }: ColumnList,
    targets: readonly ColumnData[],
    at: number,
  ): boolean {
    if (end - from > shortRows) return false
    const pages = this.#pages.pagesOf(block, ids)
    const vectorFrom = Math.floor(from / vectorRows)
    const vectorEnd = Math.ceil(end / vectorRows)
    for (let index = 0; index < pages.length; index += 1) {
      const { meta, held } = pages[index]!
      if (held === undefined || meta.chunkVectors !== 1 || meta.residual !== undefined) return false
      for (let vector = vectorFrom; vector < vectorEnd; vector += 1) {
        if (!isHeld(held[vector]!) && !isEmptyChunk(meta, vector)) return false
      }
    }
    for (let index = 0; index < pages.length; index += 1) {
      const placed = pages[index]!
      const target = targets[places[index]!]!
      this.#decodeHeld(placed, target, ids[index]!, from, end, at, vectorFrom, vectorEnd, block)
    }
    return true
  }

  /** `start`: where in the file the bytes that were brought are from. */
  #decodeBrought(
    { placed, target, columnId, offset, from, at, chunkFirst, chunkEnd }: Wanted,
    block: number,
    end: number,
    start: number,
    { bytes, address, position }: Brought,
  ): void {
    const { meta } = placed
    // Where the payload's byte 0 is in the file, and would be in `bytes`.
    const payload = placed.offset - start
    const place = this.#placeOf(block, columnId, offset)
    decodeRows(meta, bytes, -(address + payload), from, end, target, at, place)
    if (position === undefined) return
    for (let chunk = chunkFirst; chunk < chunkEnd; chunk += 1) {
      hold(placed, chunk, position + payload + meta.chunkStarts[chunk]!)
    }
  }

  #placeOf(block: number, columnId: number, offset: number): Readonly<Record<string, unknown>> {
    const { file, series } = this.#bytes
    return { file, series, offset, block, columnId }
  }

  /** Reads `count` bytes of the file to `address` of `bytes`; few of them to a position of what is held. */
  #bring(offset: number, count: number): Brought {
    const { u8, claim } = arena()
    if (count > readBytesMax) {
      if (scratch.length < count) scratch = new Uint8Array(Math.max(count, scratch.length * 2))
      this.#bytes.read(scratch.subarray(0, count), offset)
      return { bytes: scratch, address: 0, position: undefined }
    }
    let address: number
    let position: number | undefined
    if (count <= heldReadMax) {
      position = claimHeld(count)
      address = heldAddress(position)
    } else {
      slab ??= claim(readBytesMax + arenaSlackBytes)
      address = slab
    }
    this.#bytes.read(u8.subarray(address, address + count), offset)
    return { bytes: u8, address, position }
  }

  /** Chunk by chunk: what is held came by several reads, and was verified then. */
  #decodeHeld(
    { meta, held, offset }: PlacedPage,
    target: ColumnData,
    columnId: number,
    from: number,
    end: number,
    at: number,
    chunkFirst: number,
    chunkEnd: number,
    block: number,
  ): void {
    const place = this.#placeOf(block, columnId, offset + meta.chunkStarts[chunkFirst]!)
    const chunkRows = meta.chunkVectors * vectorRows
    for (let chunk = chunkFirst; chunk < chunkEnd; chunk += 1) {
      const rowFrom = Math.max(from, chunk * chunkRows)
      const rowEnd = Math.min(end, (chunk + 1) * chunkRows)
      const address = isEmptyChunk(meta, chunk) ? 0 : heldAddress(held![chunk]!)
      const storedFrom = meta.chunkStarts[chunk]! - address
      const to = at + rowFrom - from
      decodeRows(meta, arena().u8, storedFrom, rowFrom, rowEnd, target, to, place, true)
    }
  }

  /** What is to be read of a block, in order of place; `integers` where columns of residuals are among it. */
  #wantedOf(
    block: number,
    from: number,
    end: number,
    { ids, places }: ColumnList,
    targets: readonly ColumnData[],
    at: number,
  ): { readonly wanted: readonly Wanted[]; readonly integers: BlockIntegers | undefined } {
    const pages = this.#pages.pagesOf(block, ids)
    const wanted: Wanted[] = []
    let integers: BlockIntegers | undefined
    for (let index = 0; index < ids.length; index += 1) {
      const placed = pages[index]!
      const target = targets[places[index]!]!
      if (placed.meta.residual === undefined) {
        wanted.push(wantedRows(placed, target, ids[index]!, from, end, at))
      } else {
        integers ??= this.#integersOf(block, end - (from - (from % vectorRows)))
        integers.want(ids[index]!, target)
      }
    }
    if (integers === undefined) return { wanted, integers }
    const start = from - (from % vectorRows)
    for (const { placed, data, columnId } of integers.columns) {
      wanted.push(wantedRows(placed, data, columnId, start, end, 0))
    }
    wanted.sort((a, b) => a.offset - b.offset)
    return { wanted, integers }
  }

  #integersOf(block: number, rows: number): BlockIntegers {
    const pageOf = (columnId: number): PlacedPage | undefined =>
      this.#pages.physicalOf(columnId) === undefined
        ? undefined
        : this.#pages.pagesOf(block, [columnId])[0]
    const { file, series } = this.#bytes
    return new BlockIntegers(rows, pageOf, (columnId) => ({ file, series, block, columnId }))
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

/** Bytes of the file that were read. */
interface Brought {
  readonly bytes: Uint8Array
  /** Of the first of them. */
  readonly address: number
  /** Where they can be held; undefined where they cannot. */
  readonly position: number | undefined
}
