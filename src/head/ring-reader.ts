// The newest rows of a series as any thread reads them that was given the slab's buffer. Rows are copied out by Atomics
// under the ring's version: what is given is what stood at one moment, never parts of two.
import { VarveError } from '#base'
import type { ColumnSpec } from '#schema'
import { layoutColumnWords, layoutHeadWords, sharedTypes } from './ring-layout.ts'
import { knownBit, ringHeaderWords, ringRowsMax, wholeBit } from './ring.ts'
import { entryOf, seriesTableAt, sharedText, slabMagic, slabVersion } from './slab.ts'
import { absentValue, isPresentAt, slotValue } from './slot.ts'
import type { RowWords } from './slot.ts'

/** A column as shared memory describes it. */
interface SharedColumn extends Pick<ColumnSpec, 'type' | 'optional' | 'scale'> {
  readonly name: string
  readonly index: number
  readonly at: number
}

interface SharedLayout {
  readonly number: number
  readonly slotWords: number
  readonly presenceAt: number
  readonly columns: readonly SharedColumn[]
  /** Where texts begin; before it every word is copied, from it on only what texts use. */
  readonly textsAt: number
  readonly texts: readonly { readonly at: number; readonly textWords: number }[]
}

interface Header {
  readonly version: number
  readonly state: number
  readonly capacity: number
  readonly layout: number
  readonly order: number
  readonly slots: number
  readonly layoutNumber: number
}

/** Looks at one and the same change before it counts as one that never ends: its owner died in the middle. */
const looksMax = 1 << 24

/** Reads one series. Not for several threads at once: each has its own. */
export class RingReader {
  readonly #buffer: SharedArrayBuffer
  readonly #seriesId: number
  #shared: Int32Array
  #place = 0
  #layout: SharedLayout | undefined
  #copy: RowWords = rowWords(0)
  #rowCount = 0
  #isWhole = false
  #version = 0

  /** @throws {VarveError} ERR_ARGUMENT where the buffer is none of a store, ERR_VERSION where its layout is another */
  constructor(buffer: SharedArrayBuffer, seriesId: number) {
    this.#buffer = buffer
    this.#seriesId = seriesId
    this.#shared = wordsOf(buffer)
    if (this.#shared.length < ringHeaderWords || Atomics.load(this.#shared, 0) !== slabMagic) {
      throw new VarveError('ERR_ARGUMENT', 'the buffer is not the shared memory of a store')
    }
    const layout = Atomics.load(this.#shared, 1)
    if (layout === slabVersion) return
    throw new VarveError('ERR_VERSION', 'shared memory of another version', {
      expected: slabVersion,
      actual: layout,
    })
  }

  /** Rows of the last copy. */
  get rowCount(): number {
    return this.#rowCount
  }

  /** The last copy holds all rows of the series. */
  get isWhole(): boolean {
    return this.#isWhole
  }

  get columns(): readonly SharedColumn[] {
    return this.#layout?.columns ?? []
  }

  /** Copies the newest rows, at most `rowsMax`. Gives the version copied; 0 where nothing is known of the series.
   *  Begins again as long as the rows change meanwhile: the fewer are asked for, the sooner it is done.
   *  @throws {VarveError} ERR_CORRUPT, ERR_STALE where the owner stopped in the middle of a change */
  copy(rowsMax: number = ringRowsMax): number {
    if (this.#shared.byteLength < this.#buffer.byteLength) this.#shared = wordsOf(this.#buffer)
    if (this.#place === 0) this.#place = entryOf(this.#shared, seriesTableAt, this.#seriesId)
    if (this.#place === 0) return 0
    let stuckAt = 0
    for (let look = 0; look < looksMax; look += 1) {
      const header = this.#header()
      if (header === undefined) {
        const version = Atomics.load(this.#shared, this.#place)
        if (version !== stuckAt) look = 0
        stuckAt = version
        continue
      }
      look = 0
      if ((header.state & knownBit) === 0) {
        if (!this.#isSame(header)) continue
        this.#rowCount = 0
        return 0
      }
      if (this.#copyRows(header, rowsMax)) {
        this.#version = header.version
        return header.version
      }
    }
    throw new VarveError('ERR_STALE', 'the store stopped while it changed these rows', {
      series: this.#seriesId,
    })
  }

  /** Of the last copy. */
  get version(): number {
    return this.#version
  }

  /** Undefined while the ring is being changed. */
  #header(): Header | undefined {
    const words = this.#shared
    const place = this.#place
    const version = Atomics.load(words, place)
    if ((version & 1) !== 0) return undefined
    return {
      version,
      state: Atomics.load(words, place + 2),
      capacity: Atomics.load(words, place + 3),
      layout: Atomics.load(words, place + 4),
      order: Atomics.load(words, place + 5),
      slots: Atomics.load(words, place + 6),
      layoutNumber: Atomics.load(words, place + 7),
    }
  }

  #isSame({ version }: Header): boolean {
    return Atomics.load(this.#shared, this.#place) === version
  }

  /** False where the ring changed meanwhile. Whatever was read then may be nonsense: it leads nowhere. */
  #copyRows(header: Header, rowsMax: number): boolean {
    const { state, capacity, order, slots } = header
    const first = state & 0xff
    const count = (state >>> 8) & 0xff
    const layout = this.#layoutOf(header)
    if (layout === undefined) return false
    const rows = Math.min(rowsMax, count)
    const isInside =
      capacity > 0 &&
      capacity <= ringRowsMax &&
      count <= capacity &&
      first < capacity &&
      this.#isThere(order, capacity) &&
      this.#isThere(slots, (capacity + 1) * layout.slotWords)
    if (!isInside) return this.#suspect(header)
    const { slotWords } = layout
    if (this.#copy.words.length < rows * slotWords) this.#copy = rowWords(rows * slotWords)
    const target = this.#copy.words
    const source = this.#shared
    for (let row = 0; row < rows; row += 1) {
      const slot = Atomics.load(source, order + ((first + count - rows + row) % capacity))
      if (slot < 0 || slot > capacity) return this.#suspect(header)
      const from = slots + slot * slotWords
      const to = row * slotWords
      copyWords(source, from, layout.textsAt, target, to)
      for (const { at, textWords } of layout.texts) {
        const bytes = Atomics.load(source, from + at)
        const words = bytes >= 0 && bytes <= textWords * 4 ? (bytes + 3) >> 2 : 0
        copyWords(source, from + at, 1 + words, target, to + at)
      }
    }
    if (!this.#isSame(header)) return false
    this.#rowCount = rows
    this.#isWhole = (state & wholeBit) !== 0 && rows === count
    return true
  }

  #isThere(place: number, count: number): boolean {
    if (place <= 0 || count < 0) return false
    if (place + count <= this.#shared.length) return true
    this.#shared = wordsOf(this.#buffer)
    return place + count <= this.#shared.length
  }

  /** What makes no sense is a change under way, or damage. */
  #suspect(header: Header): false {
    if (!this.#isSame(header)) return false
    throw new VarveError('ERR_CORRUPT', 'shared memory of a series makes no sense', {
      series: this.#seriesId,
      offset: this.#place * 4,
    })
  }

  #layoutOf(header: Header): SharedLayout | undefined {
    if (this.#layout?.number === header.layoutNumber) return this.#layout
    const { layout: place } = header
    const isHead = this.#isThere(place, layoutHeadWords)
    const columnCount = isHead ? Atomics.load(this.#shared, place) : -1
    const words = layoutHeadWords + columnCount * layoutColumnWords
    if (columnCount <= 0 || columnCount > 1024 || !this.#isThere(place, words)) {
      this.#suspect(header)
      return undefined
    }
    const told = Array.from({ length: words }, (_, at) => Atomics.load(this.#shared, place + at))
    if (!this.#isSame(header)) return undefined
    const columns: SharedColumn[] = []
    const texts: { at: number; textWords: number }[] = []
    for (let index = 0; index < columnCount; index += 1) {
      const [, flags = 0, at = 0, textWords = 0, code = 0] = told.slice(
        layoutHeadWords + index * layoutColumnWords,
      )
      const type = sharedTypes[flags & 0xff] ?? 'i64'
      if (type === 'text' || type === 'json') texts.push({ at, textWords })
      columns.push({
        name: sharedText(this.#shared, code),
        index,
        at,
        type,
        optional: (flags & 0x100) !== 0,
        scale: flags >>> 16,
      })
    }
    const number = header.layoutNumber
    const [, slotWords = 0, presenceAt = 0] = told
    const textsAt = texts.reduce((least, { at }) => Math.min(least, at), slotWords)
    this.#layout = { number, slotWords, presenceAt, columns, textsAt, texts }
    return this.#layout
  }

  /** A value of the last copy, as users see it. `index`: 0 is the oldest row copied. */
  value(column: SharedColumn, index: number): unknown {
    const { slotWords, presenceAt } = this.#layout!
    const base = index * slotWords
    if (!isPresentAt(this.#copy.words, base, presenceAt, column.index)) return absentValue(column)
    return slotValue(this.#copy, base + column.at, column, (code) => sharedText(this.#shared, code))
  }

  /** A row of the last copy as an object. */
  row(index: number): Record<string, unknown> {
    const row: Record<string, unknown> = {}
    for (const column of this.columns) row[column.name] = this.value(column, index)
    return row
  }
}

function wordsOf(buffer: SharedArrayBuffer): Int32Array {
  return new Int32Array(buffer, 0, buffer.byteLength >> 2)
}

function copyWords(
  source: Int32Array,
  from: number,
  count: number,
  target: Int32Array,
  to: number,
): void {
  for (let word = 0; word < count; word += 1) target[to + word] = Atomics.load(source, from + word)
}

function rowWords(count: number): RowWords {
  const buffer = new ArrayBuffer(((count + 1) & ~1) * 4)
  return {
    words: new Int32Array(buffer),
    doubles: new Float64Array(buffer),
    longs: new BigInt64Array(buffer),
  }
}
