// Rows of one series that are not sealed yet, in arrival order, as growing columns. A chunk is filled by one epoch of
// the log; it is frozen when a seal takes it and dropped when its rows stand in a segment.
import { assert, limits } from '#base'
import {
  allocateColumn,
  compareInt64,
  copyRows,
  fillAbsent,
  gatherRows,
  growColumn,
  halvesOf,
  orderliness,
  readOrder,
  resolveDuplicates,
} from '#batch'
import type { ColumnData, DuplicateRule, I64Data, OrderKeys, Physical, RowSource } from '#batch'
import { partitionStart, placeColumnId } from '#schema'
import type { ColumnSpec, PartitionWidth } from '#schema'
import type { ChunkMemory } from './chunk-memory.ts'
import { ChunkRoom } from './chunk-room.ts'
import type { RowRules } from './rules.ts'

const rowsFirst = 16

/** Gives the lsn of a row of an epoch. */
export interface Lsns {
  lsnOf(row: number): bigint
}

export class Chunk {
  /** By spec index; undefined until a row has a value there. The time column is always there. */
  readonly columns: (ColumnData | undefined)[] = []
  readonly time: I64Data
  readonly #timeKeys: OrderKeys
  readonly #room = new ChunkRoom()
  #isGone = false
  #capacity: number
  #rowCount = 0
  /** After the rows that are being filled in. What lies behind is anything. */
  #fillEnd = 0
  /** `time.values` as int32 halves, made anew where the array was replaced. */
  #halves: Int32Array
  #halvesFrom: BigInt64Array
  #isOrdered = true
  #isStrict = true
  /** Rows of the earliest and of the latest time. */
  #rowMin = 0
  #rowMax = 0
  lsnFirst = 0n
  /** The row of the log's epoch that has lsnFirst; below 0 where nobody asked. */
  #epochRowFirst = -1
  /** Relative to lsnFirst, of the last row. */
  #offsetLast = 0
  /** Where appends started, and their first lsn: rows between are contiguous. Rows and lsns relative to lsnFirst. */
  readonly #appendRows: number[] = []
  readonly #appendLsns: number[] = []
  #view: ChunkView | undefined
  readonly #memory: ChunkMemory | undefined

  constructor(rowsExpected: number, memory?: ChunkMemory) {
    this.#capacity = Math.max(rowsFirst, rowsExpected)
    this.#memory = memory
    const time = this.#allocate('i64', false)
    assert(time.physical === 'i64', 'chunk: times are int64')
    this.time = time
    this.#timeKeys = { time, order: [] }
    this.columns[0] = time
    this.#halvesFrom = time.values
    this.#halves = halvesOf(time.values)
  }

  get rowCount(): number {
    return this.#rowCount
  }

  /** The earliest time; 0 where there are no rows. */
  get timeMin(): bigint {
    return this.#rowCount === 0 ? 0n : this.time.values[this.#rowMin]!
  }

  /** The latest time; 0 where there are no rows. */
  get timeMax(): bigint {
    return this.#rowCount === 0 ? 0n : this.time.values[this.#rowMax]!
  }

  /** Of the last row. */
  get lsnLast(): bigint {
    return this.lsnFirst + BigInt(this.#offsetLast)
  }

  /** One more row fits as it is: nothing has to grow or to be cut. */
  get hasRoom(): boolean {
    return this.#rowCount < this.#capacity && this.#rowCount < limits.blockRowsMax
  }

  /** In read order as it arrived, no two rows of the same time. */
  get isStrict(): boolean {
    return this.#isStrict
  }

  /** Room for `count` more rows behind `rowCount`. */
  reserve(count: number): void {
    const needed = this.#rowCount + count
    this.#fillEnd = needed
    if (needed <= this.#capacity) return
    const isRecovery = this.#memory?.isOpen === true
    const doubled = this.#capacity * 2
    this.#capacity = Math.max(needed, isRecovery ? doubled : Math.min(doubled, limits.blockRowsMax))
    const room = isRecovery ? undefined : this.#room.take
    for (const column of this.columns) {
      if (column !== undefined) growColumn(column, this.#rowCount, this.#capacity, room)
    }
  }

  /** The column of a spec, made where it is not there yet: absent in the rows so far and in those being filled in, some
   *  of which may belong to another part of the same call, which has no such column. `absentEnd`: the caller writes
   *  every row from there on by itself. */
  column(spec: ColumnSpec, absentEnd: number = this.#filledEnd()): ColumnData {
    let column = this.columns[spec.index]
    if (column === undefined) {
      column = this.#allocate(spec.physical, spec.optional)
      fillAbsent(column, 0, absentEnd)
      this.columns[spec.index] = column
    }
    return column
  }

  /** After the rows that are filled in or about to be: one may come without being asked for, see hasRoom. */
  #filledEnd(): number {
    return Math.max(this.#fillEnd, Math.min(this.#rowCount + 1, this.#capacity))
  }

  #allocate(physical: Physical, optional: boolean): ColumnData {
    if (this.#memory?.isOpen === true)
      return this.#memory.column(physical, this.#capacity, optional)
    const room = this.#room.take
    return allocateColumn(physical, this.#capacity, { optional, isOverwritten: true, room })
  }

  /** Gives its memory to others. Neither the chunk nor a view of it may be read any more: a bug that does it all the
   *  same is stopped, and not answered with rows of others. */
  free(): void {
    this.#isGone = true
    this.#view = undefined
    this.columns.length = 0
    this.#room.giveBack()
  }

  get isGone(): boolean {
    return this.#isGone
  }

  /** Makes rows [from, end) of a column absent, if it is there at all. */
  clear(spec: ColumnSpec, from: number, end: number): void {
    const column = this.columns[spec.index]
    if (column !== undefined) fillAbsent(column, from, end)
  }

  /** Takes rows [rowCount, rowCount + count), which are filled in, into the chunk. */
  commit(count: number, lsn: bigint, rules: RowRules): void {
    if (this.#rowCount === 0) this.lsnFirst = lsn
    this.#commitAt(count, Number(lsn - this.lsnFirst), rules)
  }

  /** One row, under the lsn of a row of a log's epoch: BigInt for every row would take longer than the row. */
  commitLogged(row: number, log: Lsns, rules: RowRules): void {
    if (this.#rowCount === 0) {
      this.lsnFirst = log.lsnOf(row)
      this.#epochRowFirst = row
    } else if (this.#epochRowFirst < 0) {
      this.#epochRowFirst = row - Number(log.lsnOf(row) - this.lsnFirst)
    }
    this.#commitAt(1, row - this.#epochRowFirst, rules)
  }

  #commitAt(count: number, offset: number, rules: RowRules): void {
    const from = this.#rowCount
    const end = from + count
    const appends = this.#appendRows.length
    const lastRow = this.#appendRows[appends - 1]
    const lastLsn = this.#appendLsns[appends - 1]
    if (lastRow === undefined || lastLsn === undefined || offset - lastLsn !== from - lastRow) {
      this.#appendRows.push(from)
      this.#appendLsns.push(offset)
    }
    this.#offsetLast = offset + count - 1
    if (count > 1 || from === 0 || !this.#isNext(from)) this.#noteOrder(from, end, rules)
    else this.#rowMax = from
    this.#rowCount = end
    this.#view = undefined
  }

  /** The most frequent case: rows stand in order, and this one has a later time than all of them. */
  #isNext(row: number): boolean {
    if (!this.#isOrdered) return false
    const halves = this.#timeHalves()
    const high = halves[row * 2 + 1]! - halves[row * 2 - 1]!
    return high > 0 || (high === 0 && halves[row * 2]! >>> 0 > halves[row * 2 - 2]! >>> 0)
  }

  #timeHalves(): Int32Array {
    if (this.#halvesFrom !== this.time.values) {
      this.#halvesFrom = this.time.values
      this.#halves = halvesOf(this.time.values)
    }
    return this.#halves
  }

  #noteOrder(from: number, end: number, rules: RowRules): void {
    if (this.#isOrdered) {
      const { isOrdered, isStrict } = orderliness(this.#keys(rules), from, end, this.#timeHalves())
      this.#isOrdered = isOrdered
      this.#isStrict = this.#isStrict && isStrict
    }
    if (this.#isOrdered) {
      this.#rowMax = end - 1
      return
    }
    this.#isStrict = false
    const halves = this.#timeHalves()
    for (let row = from; row < end; row += 1) {
      if (compareInt64(halves, row, this.#rowMin) < 0) this.#rowMin = row
      if (compareInt64(halves, row, this.#rowMax) > 0) this.#rowMax = row
    }
  }

  #keys(rules: RowRules): OrderKeys {
    if (rules.order.length === 0) return this.#timeKeys
    return { time: this.time, order: rules.order.map((spec) => this.column(spec)) }
  }

  /** The rows so far as a source for reads: a view that stays as it is while rows are added. */
  view(rules: RowRules): ChunkView {
    assert(!this.#isGone, 'chunk: its memory belongs to others')
    this.#view ??= this.#makeView(rules)
    return this.#view
  }

  #makeView(rules: RowRules): ChunkView {
    const { duplicates } = rules
    const isPlain = this.#isOrdered && (duplicates === undefined || this.#canSkip(duplicates))
    if (isPlain) return new ChunkView(this, this.#rowCount, undefined, this.#placeOf(rules))
    const keys = this.#keys(rules)
    let order = readOrder(keys, this.#rowCount)
    const place = this.#placeOf(rules)
    if (duplicates !== undefined) {
      const rule = this.#ruleOf(duplicates, rules.partitionWidth)
      order = resolveDuplicates(keys, order, rule, place)
    }
    return new ChunkView(this, this.#rowCount, order, place)
  }

  #canSkip(duplicates: NonNullable<RowRules['duplicates']>): boolean {
    return duplicates.isLocal && this.#isStrict
  }

  #ruleOf(
    duplicates: NonNullable<RowRules['duplicates']>,
    partitionWidth: PartitionWidth,
  ): DuplicateRule {
    return {
      scopeOf: (row) => partitionStart(partitionWidth, this.time.values[row]!),
      duplicates: duplicates.keep,
      isLocal: duplicates.isLocal,
      identity: duplicates.identity.map((spec) => ({
        column: this.column(spec),
        optional: spec.optional,
      })),
    }
  }

  /** The rows above `lsn`, in a chunk of their own where there are others. For a view whose older rows stand in runs
   *  now; this chunk stays as it is. */
  tailAfter(lsn: bigint, rules: RowRules): Chunk {
    if (lsn < this.lsnFirst) return this
    const from = this.#rowAfter(Number(lsn - this.lsnFirst))
    const tail = new Chunk(this.#rowCount - from)
    for (const spec of rules.specs) {
      const column = this.columns[spec.index]
      if (column !== undefined) copyRows(column, from, this.#rowCount, tail.column(spec), 0)
    }
    for (let at = 0; at < this.#appendRows.length; at += 1) {
      const end = this.#appendRows[at + 1] ?? this.#rowCount
      const start = Math.max(this.#appendRows[at]!, from)
      if (start >= end) continue
      const offset = this.#appendLsns[at]! + start - this.#appendRows[at]!
      tail.commit(end - start, this.lsnFirst + BigInt(offset), rules)
    }
    return tail
  }

  /** The first row with a relative lsn above `offset`. */
  #rowAfter(offset: number): number {
    let at = this.#appendLsns.length - 1
    while (at > 0 && this.#appendLsns[at]! > offset) at -= 1
    const end = this.#appendRows[at + 1] ?? this.#rowCount
    return Math.min(end, this.#appendRows[at]! + offset - this.#appendLsns[at]! + 1)
  }

  /** The lsn of each row, where the kind needs it. */
  #placeOf(rules: RowRules): I64Data | undefined {
    if (rules.place === undefined) return undefined
    const values = new BigInt64Array(this.#rowCount)
    for (let at = 0; at < this.#appendRows.length; at += 1) {
      const end = this.#appendRows[at + 1] ?? this.#rowCount
      let lsn = this.lsnFirst + BigInt(this.#appendLsns[at]!)
      for (let row = this.#appendRows[at]!; row < end; row += 1) {
        values[row] = lsn
        lsn += 1n
      }
    }
    return { physical: 'i64', values }
  }

  /** Bytes held, about. */
  get bytes(): number {
    let bytes = 0
    for (const column of this.columns) {
      if (column === undefined) continue
      bytes +=
        column.physical === 'bytes'
          ? column.offsets.byteLength + column.bytes.byteLength
          : column.values.byteLength
    }
    return bytes
  }
}

/** The rows of a chunk up to some moment, in read order, duplicates resolved. Valid as long as anybody holds it. */
export class ChunkView implements RowSource<ColumnSpec> {
  readonly rowCount: number
  readonly timeMin: bigint
  readonly timeMax: bigint
  readonly lsnFirst: bigint
  readonly lsnLast: bigint
  readonly #chunk: Chunk
  readonly #order: Uint32Array | undefined
  readonly #place: I64Data | undefined

  constructor(
    chunk: Chunk,
    rowCount: number,
    order: Uint32Array | undefined,
    place: I64Data | undefined,
  ) {
    this.#chunk = chunk
    this.#order = order
    this.#place = place
    this.rowCount = order?.length ?? rowCount
    this.lsnFirst = chunk.lsnFirst
    this.lsnLast = chunk.lsnLast
    // Of the rows that stand: one that was replaced may have been the first or the last.
    const { values } = chunk.time
    this.timeMin = this.rowCount === 0 ? 0n : values[this.#rowAt(0)]!
    this.timeMax = this.rowCount === 0 ? 0n : values[this.#rowAt(this.rowCount - 1)]!
  }

  #check(): void {
    assert(!this.#chunk.isGone, 'chunk view: its memory belongs to others')
  }

  #rowAt(index: number): number {
    return this.#order === undefined ? index : this.#order[index]!
  }

  /** The time of a row, in read order. */
  timeAt(index: number): bigint {
    this.#check()
    return this.#chunk.time.values[this.#rowAt(index)]!
  }

  lowerBound(time: bigint): number {
    this.#check()
    const halves = halvesOf(this.#chunk.time.values)
    const low = Number(BigInt.asUintN(32, time))
    const high = Number(time >> 32n)
    let from = 0
    let end = this.rowCount
    while (from < end) {
      const middle = (from + end) >>> 1
      const row = this.#rowAt(middle) * 2
      const byHigh = halves[row + 1]! - high
      if (byHigh < 0 || (byHigh === 0 && halves[row]! >>> 0 < low)) from = middle + 1
      else end = middle
    }
    return from
  }

  inPlace(spec: ColumnSpec): ColumnData | undefined {
    this.#check()
    const isInPlace = this.#order === undefined && spec.id !== placeColumnId
    return isInPlace ? this.#chunk.columns[spec.index] : undefined
  }

  read(
    specs: readonly ColumnSpec[],
    from: number,
    end: number,
    targets: readonly ColumnData[],
    at: number,
  ): void {
    this.#check()
    for (let index = 0; index < specs.length; index += 1) {
      const spec = specs[index]!
      const source = spec.id === placeColumnId ? this.#place : this.#chunk.columns[spec.index]
      const target = targets[index]!
      if (source === undefined) fillAbsent(target, at, at + end - from)
      else if (this.#order === undefined) copyRows(source, from, end, target, at)
      else gatherRows(source, this.#order, from, end, target, at)
    }
  }
}
