// The newest rows of one series, in read order, in memory that other threads can read. A ring holds every row of the
// series with a time after its floor, and some of those at the floor: which rows come last is known without asking
// anybody, until something happens that only all rows can tell. Then the ring forgets, and is filled again by whoever
// asks next.
//
//   word  0         1        2               3          4        5       6       7
//   +---------+--------+----------------+----------+--------+-------+-------+--------+
//   | version | series | first, count,  | capacity | layout | order | slots | layout |
//   |         |        | known, whole   |          |        |       |       | number |
//   +---------+--------+----------------+----------+--------+-------+-------+--------+
//
// order: `capacity` words, a circle that begins at `first`: the slots of the rows in read order. slots: one row each,
// one more than `capacity`. The version is odd while order or header change (a sequence lock: who reads looks at the
// version before and after, and begins again where it was odd or has moved). A slot is written while no order names it.
import { assert, assertNever } from '#base'
import { codeOf, fillAbsent, reserveBytes } from '#batch'
import type { ColumnData } from '#batch'
import { partitionStart } from '#schema'
import type { ColumnSpec } from '#schema'
import {
  layoutColumnWords,
  layoutHeadWords,
  layoutOf,
  sharedTypes,
  textWordsFor,
} from './ring-layout.ts'
import type { RingLayout } from './ring-layout.ts'
import { RowMaker } from './ring-row.ts'
import type { RowRules } from './rules.ts'
import { bytesOfWords, seriesTableAt } from './slab.ts'
import type { Slab } from './slab.ts'
import {
  absentValue,
  compareSlots,
  compareTimes,
  equalSlots,
  halvesKept,
  isPresentAt,
  newSource,
  slotValue,
  writeSlot,
} from './slot.ts'
import type { ColumnSource } from './slot.ts'

export const ringRowsMax = 64
export const ringHeaderWords = 8
export const knownBit = 1 << 16
export const wholeBit = 1 << 17
/** A row of long texts gets fewer slots. */
const slotsWordsMax = 1 << 16

type Columns = readonly (ColumnData | undefined)[]
type Outcome = 'taken' | 'lost'

export class Ring {
  readonly #slab: Slab
  readonly #place: number
  #rules: RowRules | undefined
  #layout: RingLayout | undefined
  #layoutPlace = 0
  #layoutWords = 0
  #layoutNumber = 0
  #sources: ColumnSource[] = []
  #capacity = 0
  /** It cannot get more slots. */
  #isFixed = false
  #order = 0
  #slots = 0
  #first = 0
  #count = 0
  #isKnown = false
  /** No row of the series is missing. */
  #isWhole = false
  /** Every row with a time after it is here. Only where the ring is not whole. */
  #floorLow = 0
  #floorHigh = 0
  /** Slots that no row is in. The last one is written next. */
  #free: number[] = []
  #rowsMax = ringRowsMax
  #version = 0
  #changes = 0
  /** Of the columns that were asked for last. */
  #maker: RowMaker | undefined
  readonly #textOf: (code: number) => string

  constructor(slab: Slab, seriesId: number) {
    this.#slab = slab
    this.#textOf = (code) => slab.textOf(code)
    const place = slab.allocate(ringHeaderWords)
    this.#place = place !== 0 && slab.setEntry(seriesTableAt, seriesId, place) ? place : 0
    if (this.#place === 0) return
    for (let at = 0; at < ringHeaderWords; at += 1) slab.store(place + at, 0)
    slab.store(place + 1, seriesId)
  }

  /** Rows held. Nothing is known of the series where it is 0 and the ring is not whole. */
  get count(): number {
    return this.#isKnown ? this.#count : 0
  }

  get isKnown(): boolean {
    return this.#isKnown
  }

  /** The ring holds the last `rows` rows of the series, or all there are. */
  knows(rows: number): boolean {
    return this.#isKnown && (this.#isWhole || this.#count >= rows)
  }

  /** No more rows than that will ever be here: their texts are long, or memory was short. */
  get rowsMax(): number {
    return this.#rowsMax
  }

  // ---- the lock

  #begin(): void {
    this.#changes += 1
    if (this.#changes === 1) this.#slab.store(this.#place, this.#version + 1)
  }

  #end(): void {
    this.#changes -= 1
    if (this.#changes > 0) return
    const flags = (this.#isKnown ? knownBit : 0) | (this.#isWhole ? wholeBit : 0)
    this.#slab.store(this.#place + 2, this.#first | (this.#count << 8) | flags)
    // 0 means to readers that nothing is there.
    this.#version = (this.#version + 2) | 0 || 2
    this.#slab.store(this.#place, this.#version)
  }

  #slotAt(index: number): number {
    const at = this.#first + index
    return this.#slab.words[this.#order + (at < this.#capacity ? at : at - this.#capacity)]!
  }

  #setSlotAt(index: number, slot: number): void {
    const at = this.#first + index
    this.#slab.store(this.#order + (at < this.#capacity ? at : at - this.#capacity), slot)
  }

  #baseOf(slot: number): number {
    return this.#slots + slot * this.#layout!.slotWords
  }

  #baseAt(index: number): number {
    return this.#baseOf(this.#slotAt(index))
  }

  // ---- filling

  /** From here on only a refill makes the ring know anything. */
  forget(): void {
    if (!this.#isKnown) return
    this.#begin()
    this.#isKnown = false
    this.#isWhole = false
    this.#first = 0
    this.#count = 0
    this.#end()
  }

  /** The last rows of the series, in read order; `isWhole`: all of them. False where memory has no room. */
  refill(rules: RowRules, columns: Columns, rowCount: number, isWhole: boolean): boolean {
    assert(rowCount > 0 || isWhole, 'ring: a series with rows has a last one')
    if (this.#place === 0) return false
    const known = this.#rules === rules ? this.#layout?.textWords : undefined
    const words = textWordsFor(rules.specs, columns, 0, rowCount, known ?? [])
    this.#begin()
    try {
      this.#isKnown = false
      this.#count = 0
      if (!this.#makeRoom(rules, words, rowCount)) return false
      return this.#fill(columns, rowCount, isWhole)
    } finally {
      this.#end()
    }
  }

  #fill(columns: Columns, rowCount: number, isWhole: boolean): boolean {
    const from = Math.max(0, rowCount - this.#capacity)
    if (from > 0) this.#rowsMax = this.#capacity
    this.#first = 0
    this.#free = []
    for (let slot = this.#capacity; slot >= rowCount - from; slot -= 1) this.#free.push(slot)
    for (let row = from; row < rowCount; row += 1) {
      const slot = row - from
      const base = this.#baseOf(slot)
      if (!writeSlot(this.#slab, base, this.#layout!, columns, this.#sources, row)) return false
      this.#setSlotAt(slot, slot)
    }
    this.#count = rowCount - from
    this.#isWhole = isWhole && from === 0
    this.#isKnown = true
    if (this.#count > 0) this.#setFloor(this.#baseAt(0))
    return true
  }

  /** Slots for the rows and some more, in a layout for these rules. */
  #makeRoom(rules: RowRules, textWords: readonly number[], rowCount: number): boolean {
    const isSame =
      this.#rules === rules &&
      this.#layout !== undefined &&
      textWords.every((words, index) => this.#layout!.textWords[index] === words)
    const wanted = rowCount < 4 ? 4 : rowCount < 16 ? 16 : ringRowsMax
    if (isSame && this.#capacity > 0 && this.#capacity >= Math.min(rowCount, ringRowsMax)) {
      return true
    }
    this.#giveBack()
    const layout = isSame ? this.#layout! : layoutOf(rules.specs, textWords)
    const fitting = Math.floor(slotsWordsMax / layout.slotWords) - 1
    const capacity = Math.max(1, Math.min(wanted, fitting))
    const isPlaced = this.#allocate(capacity, layout, true) || this.#allocate(1, layout, false)
    if (!isPlaced) return false
    this.#rules = rules
    this.#sources = rules.specs.map(newSource)
    return this.#tellLayout(layout)
  }

  #allocate(capacity: number, { slotWords }: RingLayout, isExtra: boolean): boolean {
    const slots = this.#slab.allocate((capacity + 1) * slotWords, isExtra)
    const order = slots === 0 ? 0 : this.#slab.allocate(capacity, isExtra)
    if (order === 0) {
      if (slots !== 0) this.#slab.release(slots, (capacity + 1) * slotWords)
      return false
    }
    this.#capacity = capacity
    this.#isFixed = capacity === ringRowsMax
    this.#order = order
    this.#slots = slots
    this.#slab.store(this.#place + 3, capacity)
    this.#slab.store(this.#place + 5, order)
    this.#slab.store(this.#place + 6, slots)
    return true
  }

  #giveBack(): void {
    if (this.#capacity === 0) return
    this.#slab.release(this.#slots, (this.#capacity + 1) * this.#layout!.slotWords)
    this.#slab.release(this.#order, this.#capacity)
    this.#capacity = 0
  }

  #tellLayout(layout: RingLayout): boolean {
    if (this.#layout === layout) return true
    if (this.#layoutPlace !== 0) this.#slab.release(this.#layoutPlace, this.#layoutWords)
    this.#layout = layout
    const { specs, at, textWords, slotWords, presenceAt } = layout
    this.#layoutWords = layoutHeadWords + specs.length * layoutColumnWords
    this.#layoutPlace = this.#slab.allocate(this.#layoutWords)
    if (this.#layoutPlace === 0) return this.#giveUpLayout()
    const told = [specs.length, slotWords, presenceAt]
    for (const { index, id, type, optional, scale, name } of specs) {
      const code = this.#slab.codeOf(name)
      if (code < 0) return this.#giveUpLayout()
      const flags = sharedTypes.indexOf(type) | (Number(optional) << 8) | (scale << 16)
      told.push(id, flags, at[index]!, textWords[index]!, code)
    }
    told.forEach((word, index) => this.#slab.store(this.#layoutPlace + index, word))
    this.#layoutNumber += 1
    this.#slab.store(this.#place + 4, this.#layoutPlace)
    this.#slab.store(this.#place + 7, this.#layoutNumber)
    return true
  }

  #giveUpLayout(): false {
    this.#giveBack()
    this.#layout = undefined
    return false
  }

  // ---- appends

  /** Rows [from, end) of `columns` were added to the series, in this order, after all others. */
  take(columns: Columns, from: number, end: number, rules: RowRules): void {
    if (!this.#isKnown) return
    if (this.#rules !== rules) {
      this.forget()
      return
    }
    const isLong = end - from > 2 * ringRowsMax
    const start = isLong ? this.#passOver(columns, from, end, rules) : from
    const isTogether = end - start > 1 && end - start <= 8 * ringRowsMax
    if (isTogether) this.#begin()
    for (let row = start; row < end && this.#isKnown; row += 1) {
      if (this.#takeRow(columns, row, rules) === 'lost') this.forget()
    }
    if (isTogether) this.#end()
  }

  /** Rows of a long append that end up before the last ones need not be looked at: those from the returned row on are
   *  all later than every row before it, and more than the ring holds. */
  #passOver(columns: Columns, from: number, end: number, rules: RowRules): number {
    if (rules.duplicates?.hasTime === false) {
      this.forget()
      return end
    }
    const halves = this.#timesOf(columns)
    let start = end - 2 * ringRowsMax
    const lowest = Math.max(from, end - 8 * ringRowsMax)
    while (start > lowest && compareTimes(halves, start * 2 - 2, start * 2) === 0) start -= 1
    let least = start
    for (let row = start + 1; row < end; row += 1) {
      if (compareTimes(halves, row * 2, least * 2) < 0) least = row
    }
    let most = from
    for (let row = from + 1; row < start; row += 1) {
      if (compareTimes(halves, row * 2, most * 2) > 0) most = row
    }
    if (start === from || compareTimes(halves, most * 2, least * 2) >= 0) return from
    this.#raiseFloor(halves[most * 2]!, halves[most * 2 + 1]!)
    return start
  }

  #timesOf(columns: Columns): Int32Array {
    const time = columns[0]
    assert(time?.physical === 'i64', 'ring: times are int64')
    return halvesKept(this.#sources[0]!, time.values)
  }

  /** Rows up to this time are not all here any more: none is kept. */
  #raiseFloor(low: number, high: number): void {
    this.#begin()
    while (this.#count > 0) {
      const base = this.#baseAt(0)
      const words = this.#slab.words
      const byHigh = words[base + 1]! - high
      if (byHigh > 0 || (byHigh === 0 && words[base]! >>> 0 > low >>> 0)) break
      this.#dropFirst()
    }
    if (this.#isWhole || this.#isAbove(low, high)) {
      this.#floorLow = low
      this.#floorHigh = high
    }
    this.#isWhole = false
    this.#end()
  }

  #dropFirst(): void {
    this.#free.push(this.#slotAt(0))
    this.#first = this.#first + 1 === this.#capacity ? 0 : this.#first + 1
    this.#count -= 1
  }

  /** A time after the floor. */
  #isAbove(low: number, high: number): boolean {
    const byHigh = high - this.#floorHigh
    return byHigh > 0 || (byHigh === 0 && low >>> 0 > this.#floorLow >>> 0)
  }

  #setFloor(base: number): void {
    this.#floorLow = this.#slab.words[base]!
    this.#floorHigh = this.#slab.words[base + 1]!
  }

  #takeRow(columns: Columns, row: number, rules: RowRules): Outcome {
    const { duplicates } = rules
    const halves = this.#timesOf(columns)
    const isAbove = this.#isWhole || this.#isAbove(halves[row * 2]!, halves[row * 2 + 1]!)
    // Before the floor nothing is here that it could replace.
    if (!isAbove && duplicates?.hasTime !== false && this.#isBelow(halves, row)) return 'taken'
    const slot = this.#free.at(-1)!
    const base = this.#baseOf(slot)
    if (!writeSlot(this.#slab, base, this.#layout!, columns, this.#sources, row)) return 'lost'
    let position = this.#count
    while (position > 0 && this.#compare(this.#baseAt(position - 1), base, rules) > 0) position -= 1
    if (duplicates === undefined) {
      if (position > 0 || isAbove) this.#insert(position)
      return 'taken'
    }
    return this.#takeUnique(base, position, isAbove, rules)
  }

  /** A time before the floor. */
  #isBelow(halves: Int32Array, row: number): boolean {
    return halves[row * 2] !== this.#floorLow || halves[row * 2 + 1] !== this.#floorHigh
  }

  #compare(a: number, b: number, { order }: RowRules): number {
    const slab = this.#slab
    const byTime = compareTimes(slab.words, a, b)
    if (byTime !== 0) return byTime
    for (let at = 0; at < order.length; at += 1) {
      const byOrder = compareSlots(slab, a, b, this.#layout!, order[at]!)
      if (byOrder !== 0) return byOrder
    }
    return 0
  }

  /** A row of a kind whose rows can replace each other. */
  #takeUnique(base: number, position: number, isAbove: boolean, rules: RowRules): Outcome {
    const { keep, isLocal, hasTime } = rules.duplicates!
    const isOutside = position === 0 && !isAbove
    const hasTies = position > 0 && this.#compare(this.#baseAt(position - 1), base, rules) === 0
    const match = this.#matchOf(base, position, rules)
    if (match >= 0)
      return keep === 'first' ? 'taken' : this.#replace(match, base, position, isOutside, rules)
    if (isOutside) return 'taken'
    const isCertain =
      (hasTime ? isAbove : this.#isPartitionAbove(base, rules)) || (isLocal && !hasTies)
    if (!isCertain && (keep === 'first' || hasTies)) return 'lost'
    this.#insert(position)
    return 'taken'
  }

  /** The row written at `base` takes the place of the row of the same identity. */
  #replace(
    match: number,
    base: number,
    position: number,
    isOutside: boolean,
    rules: RowRules,
  ): Outcome {
    const isInPlace = this.#compare(this.#baseAt(match), base, rules) === 0
    if (!isInPlace && position > 0) {
      // Which of the rows that rank alike arrived first is not known here.
      if (this.#compare(this.#baseAt(position - 1), base, rules) === 0) return 'lost'
    }
    this.#begin()
    if (isInPlace) {
      const slot = this.#free.pop()!
      this.#free.push(this.#slotAt(match))
      this.#setSlotAt(match, slot)
    } else {
      this.#removeKeepingSpare(match)
      if (!isOutside) this.#insert(match < position ? position - 1 : position)
    }
    this.#end()
    return 'taken'
  }

  #removeKeepingSpare(index: number): void {
    this.#free.splice(-1, 0, this.#slotAt(index))
    for (let at = index; at + 1 < this.#count; at += 1) this.#setSlotAt(at, this.#slotAt(at + 1))
    this.#count -= 1
  }

  /** The row that has the identity of the one at `base`, or -1. `position`: where that would stand. */
  #matchOf(base: number, position: number, rules: RowRules): number {
    const { identity, isLocal, hasTime } = rules.duplicates!
    const { words } = this.#slab
    const layout = this.#layout!
    for (const { index, optional } of identity) {
      if (optional && !isPresentAt(words, base, layout.presenceAt, index)) return -1
    }
    for (let at = isLocal ? position - 1 : this.#count - 1; at >= 0; at -= 1) {
      const other = this.#baseAt(at)
      if (isLocal) {
        if (this.#compare(other, base, rules) !== 0) return -1
      } else if (hasTime) {
        const byTime = compareTimes(words, other, base)
        if (byTime < 0) return -1
        if (byTime > 0) continue
      } else if (this.#partitionOf(other, rules) !== this.#partitionOf(base, rules)) continue
      if (identity.every((spec) => equalSlots(words, other, base, layout, spec))) return at
    }
    return -1
  }

  #partitionOf(base: number, { partitionWidth }: RowRules): bigint {
    return partitionStart(partitionWidth, this.#slab.longs[base >> 1]!)
  }

  /** All rows of the partition of the row at `base` are here. */
  #isPartitionAbove(base: number, rules: RowRules): boolean {
    if (this.#isWhole) return true
    const floor = (BigInt(this.#floorHigh) << 32n) | BigInt(this.#floorLow >>> 0)
    return this.#partitionOf(base, rules) > floor
  }

  /** The row that was written to the spare slot becomes row `position`. */
  #insert(position: number): void {
    const spare = this.#free.pop()!
    let at = position
    this.#begin()
    if (this.#count === this.#capacity && (this.#isFixed || !this.#grow())) {
      if (at === 0) {
        // It is older than all that are kept: outside from now on.
        this.#isWhole = false
        this.#setFloor(this.#baseOf(spare))
        this.#free.push(spare)
        this.#end()
        return
      }
      this.#isWhole = false
      this.#setFloor(this.#baseAt(0))
      this.#dropFirst()
      at -= 1
    }
    for (let index = this.#count; index > at; index -= 1) {
      this.#setSlotAt(index, this.#slotAt(index - 1))
    }
    this.#setSlotAt(at, spare)
    this.#count += 1
    this.#end()
  }

  /** Room for four times as many rows, with those that are here. */
  #grow(): boolean {
    const layout = this.#layout!
    const before = { capacity: this.#capacity, order: this.#order, slots: this.#slots }
    const capacity = Math.min(before.capacity * 4, ringRowsMax)
    const order = Array.from({ length: this.#count }, (_, index) => this.#slotAt(index))
    const fits = (capacity + 1) * layout.slotWords <= slotsWordsMax
    if (capacity === before.capacity || !fits || !this.#allocate(capacity, layout, true)) {
      this.#isFixed = true
      return false
    }
    const words = (before.capacity + 1) * layout.slotWords
    for (let at = 0; at < words; at += 1) {
      this.#slab.store(this.#slots + at, this.#slab.words[before.slots + at]!)
    }
    this.#first = 0
    order.forEach((slot, index) => this.#setSlotAt(index, slot))
    for (let slot = capacity; slot > before.capacity; slot -= 1) this.#free.push(slot)
    this.#slab.release(before.slots, words)
    this.#slab.release(before.order, before.capacity)
    return true
  }

  // ---- reading, by the thread that owns the ring

  /** A value as users see it. `index`: 0 is the oldest row held. */
  value(spec: ColumnSpec, index: number): unknown {
    const layout = this.#layout!
    const base = this.#baseAt(index)
    if (!this.#has(spec) || !isPresentAt(this.#slab.words, base, layout.presenceAt, spec.index)) {
      return absentValue(spec)
    }
    return slotValue(this.#slab, base + layout.at[spec.index]!, spec, this.#textOf)
  }

  /** A row as an object. */
  row(specs: readonly ColumnSpec[], index: number): Record<string, unknown> {
    const layout = this.#layout!
    let maker = this.#maker
    if (maker?.specs !== specs || maker.layout !== layout) {
      this.#maker = maker = new RowMaker(specs, layout)
    }
    return maker.make(this.#slab, this.#baseAt(index), this.#textOf)
  }

  #has({ id, index }: ColumnSpec): boolean {
    return index >= 0 && this.#layout!.specs[index]?.id === id
  }

  /** Rows [from, end) of a column into `target`, which has room for them. */
  fillColumn(spec: ColumnSpec, from: number, end: number, target: ColumnData): void {
    for (let index = from; index < end; index += 1)
      this.#fillValue(spec, index, target, index - from)
  }

  #fillValue(spec: ColumnSpec, index: number, target: ColumnData, row: number): void {
    const layout = this.#layout!
    const { words, longs } = this.#slab
    const base = this.#baseAt(index)
    if (!this.#has(spec) || !isPresentAt(words, base, layout.presenceAt, spec.index)) {
      fillAbsent(target, row, row + 1)
      return
    }
    const place = base + layout.at[spec.index]!
    switch (target.physical) {
      case 'f64': {
        const { buffer, byteOffset } = target.values
        const halves = new Int32Array(buffer, byteOffset + row * 8, 2)
        halves[0] = words[place]!
        halves[1] = words[place + 1]!
        return
      }
      case 'i64':
        target.values[row] = longs[place >> 1]!
        return
      case 'code':
        target.values[row] = codeOf(target.dictionary, this.#textOf(words[place]!))
        return
      case 'i32':
      case 'u8':
        target.values[row] = words[place]!
        break
      case 'bytes': {
        const from = target.offsets[row]!
        const text = bytesOfWords(words, place + 1, words[place]!)
        reserveBytes(target, from, text.length)
        target.bytes.set(text, from)
        target.offsets[row + 1] = from + text.length
        break
      }
      default:
        assertNever(target)
    }
    if (target.present !== undefined) target.present[row] = 1
  }
}
