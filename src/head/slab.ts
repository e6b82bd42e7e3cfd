// Shared memory for the newest rows of every series: one buffer that grows up to a bound, of 32-bit words.
// Any thread that is given the buffer can find a series in it and read its rows; only the thread that made it writes.
//
//   word   0          1         2         3          4          5 ..
//   +-----------+---------+---------+----------+----------+----------------------------------+
//   | 'VRNG'    | layout  | symbols | symbol   | series   | rings, rows, tables, symbols,    |
//   |           | version | (count) | table    | table    | each at an even word             |
//   +-----------+---------+---------+----------+----------+----------------------------------+
//
// A place is the number of a first word; 0 is none. A table is 1,024 places of pages of 1,024 entries: the symbol table
// gives the place of a code's text (bytes, then UTF-8), the series table the place of a series' ring. Texts and tables
// are written once and never move.
import { VarveError, assert } from '#base'

export const slabMagic = 0x474e5256 // 'VRNG'
export const slabVersion = 1
export const symbolCountAt = 2
export const symbolTableAt = 3
export const seriesTableAt = 4
const firstPlace = 16
const pageBits = 10
const pageEntries = 1 << pageBits
export const tableEntriesMax: number = pageEntries * pageEntries

const bytesFirst = 1 << 16

/** What TypeScript's library of this target does not know of buffers that grow. */
interface GrowableBuffer extends SharedArrayBuffer {
  grow?(bytes: number): void
}
const SharedBuffer: new (bytes: number, options: { maxByteLength: number }) => GrowableBuffer =
  SharedArrayBuffer

export interface SlabOptions {
  /** Above it series keep their newest row only. @default 64 MiB */
  readonly bytesWanted?: number
  /** Above it nothing is kept. @default 4 x bytesWanted */
  readonly bytesMax?: number
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Growing shared memory, symbols and a table of rings by series. */
export class Slab {
  readonly buffer: SharedArrayBuffer
  readonly #grow: (bytes: number) => void
  readonly #bytesWanted: number
  readonly #bytesMax: number
  /** Over the whole buffer; replaced when it grows. */
  words!: Int32Array
  doubles!: Float64Array
  longs!: BigInt64Array
  bytes!: Uint8Array
  /** Other threads may be reading: words are written by Atomics from now on. */
  isShared = false
  #end = firstPlace
  /** Places given back, by their number of words. */
  readonly #free = new Map<number, number[]>()
  readonly #codes = new Map<string, number>()
  readonly #texts: string[] = []
  #symbolBytes = 0

  constructor({ bytesWanted = 64 << 20, bytesMax = bytesWanted * 4 }: SlabOptions = {}) {
    this.#bytesWanted = bytesWanted
    this.#bytesMax = Math.max(bytesMax, bytesFirst)
    const buffer = new SharedBuffer(bytesFirst, { maxByteLength: this.#bytesMax })
    this.#grow = (bytes) => {
      assert(buffer.grow !== undefined, 'slab: shared memory grows in this Node')
      buffer.grow(bytes)
    }
    this.buffer = buffer
    this.#look()
    this.store(0, slabMagic)
    this.store(1, slabVersion)
    this.store(symbolTableAt, this.#table())
    this.store(seriesTableAt, this.#table())
  }

  #table(): number {
    const place = this.#page()
    assert(place !== 0, 'slab: the first tables fit')
    return place
  }

  /** A page of a table, all zeros; 0 where there is no room. */
  #page(): number {
    const place = this.allocate(pageEntries)
    if (place === 0) return 0
    for (let at = 0; at < pageEntries; at += 1) this.store(place + at, 0)
    return place
  }

  /** Views of a fixed length are read faster than those that follow the buffer. */
  #look(): void {
    const count = this.buffer.byteLength
    this.words = new Int32Array(this.buffer, 0, count >> 2)
    this.doubles = new Float64Array(this.buffer, 0, count >> 3)
    this.longs = new BigInt64Array(this.buffer, 0, count >> 3)
    this.bytes = new Uint8Array(this.buffer, 0, count)
  }

  /** Bytes given out. */
  get usedBytes(): number {
    return this.#end * 4
  }

  /** Puts a word where other threads may look. */
  store(at: number, value: number): void {
    if (this.isShared) Atomics.store(this.words, at, value)
    else this.words[at] = value
  }

  /** The place of `count` words, zeros or what was there before; 0 where there is no room. `isExtra`: what only serves
   *  more than the newest row of a series. */
  allocate(count: number, isExtra = false): number {
    const words = sizeOf(count)
    const free = this.#free.get(words)?.pop()
    if (free !== undefined) return free
    const end = this.#end + words
    if (end * 4 > (isExtra ? this.#bytesWanted : this.#bytesMax)) return 0
    if (end > this.words.length) {
      const bytes = Math.max(
        end * 4,
        Math.min(this.words.length * 8, this.words.length * 4 + (4 << 20)),
      )
      this.#grow(Math.min((bytes + 0xffff) & ~0xffff, this.#bytesMax))
      this.#look()
    }
    const place = this.#end
    this.#end = end
    return place
  }

  /** Gives back what `allocate` gave. */
  release(place: number, count: number): void {
    const words = sizeOf(count)
    const free = this.#free.get(words)
    if (free === undefined) this.#free.set(words, [place])
    else free.push(place)
  }

  /** Sets an entry of a table. False where there is no room. */
  setEntry(tableAt: number, index: number, value: number): boolean {
    if (index < 0 || index >= tableEntriesMax) return false
    const at = this.words[tableAt]! + (index >>> pageBits)
    let page = this.words[at]!
    if (page === 0) {
      page = this.#page()
      if (page === 0) return false
      this.store(at, page)
    }
    this.store(page + (index & (pageEntries - 1)), value)
    return true
  }

  /** The code of a symbol, in all rings the same; -1 where there is no room for a new one. */
  codeOf(text: string): number {
    const known = this.#codes.get(text)
    if (known !== undefined) return known
    const utf8 = encoder.encode(text)
    const words = 1 + ((utf8.length + 3) >> 2)
    // Symbols are never given back: no more than a quarter of the memory wanted is theirs.
    const isTooMuch = this.#symbolBytes + words * 4 > this.#bytesWanted / 4
    const place = isTooMuch ? 0 : this.allocate(words)
    if (place === 0) return -1
    this.#symbolBytes += words * 4
    const code = this.#texts.length
    this.store(place, utf8.length)
    for (let at = 1; at < words; at += 1) this.store(place + at, wordOf(utf8, (at - 1) * 4))
    if (!this.setEntry(symbolTableAt, code, place)) return -1
    this.#texts.push(text)
    this.#codes.set(text, code)
    this.store(symbolCountAt, code + 1)
    return code
  }

  textOf(code: number): string {
    const text = this.#texts[code]
    assert(text !== undefined, 'slab: a code has a text')
    return text
  }
}

/** Room is given out in steps, so that what is given back fits again. */
function sizeOf(count: number): number {
  if (count <= 64) return (count + 1) & ~1
  const step = 1 << (31 - Math.clz32(count) - 3)
  return Math.ceil(count / step) * step
}

/** Four bytes as a word; behind the end they are 0. */
export function wordOf(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  )
}

/** An entry of a table, from any thread; 0 where there is none. Only what is inside of `words` is looked at. */
export function entryOf(words: Int32Array, tableAt: number, index: number): number {
  if (index < 0 || index >= tableEntriesMax) return 0
  const root = Atomics.load(words, tableAt)
  const page = loadInside(words, root + (index >>> pageBits))
  return page === 0 ? 0 : loadInside(words, page + (index & (pageEntries - 1)))
}

function loadInside(words: Int32Array, at: number): number {
  if (at > 0 && at < words.length) return Atomics.load(words, at)
  throw new VarveError('ERR_CORRUPT', 'shared memory points outside of itself', { offset: at * 4 })
}

/** The text of a symbol, from any thread. */
export function sharedText(words: Int32Array, code: number): string {
  const place = entryOf(words, symbolTableAt, code)
  const count = place === 0 ? -1 : loadInside(words, place)
  if (count < 0 || place + 1 + ((count + 3) >> 2) > words.length) {
    throw new VarveError('ERR_CORRUPT', 'shared memory has no such symbol', { actual: code })
  }
  return textOfWords(words, place + 1, count)
}

/** `count` bytes from a word on, copied. */
export function bytesOfWords(words: Int32Array, from: number, count: number): Uint8Array {
  const bytes = new Uint8Array(count)
  for (let at = 0; at < count; at += 1) {
    bytes[at] = Atomics.load(words, from + (at >> 2)) >>> ((at & 3) * 8)
  }
  return bytes
}

/** The same as text. */
export function textOfWords(words: Int32Array, from: number, count: number): string {
  return decoder.decode(bytesOfWords(words, from, count))
}
