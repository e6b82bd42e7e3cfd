// Repeated short strings from bytes: each distinct cell is decoded once and has a number after
// that.
import { absentCode } from '#batch'

const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text of bytes[start, end), undefined where it is not UTF-8. */
export function textOf(bytes: Uint8Array, start: number, end: number): string | undefined {
  try {
    return strictDecoder.decode(bytes.subarray(start, end))
  } catch (cause) {
    if (cause instanceof TypeError) return undefined // `fatal`: the caller names the cell
    throw cause
  }
}

/** A cell's text as it is wanted: the text, null for absent, undefined for one that is refused. */
export type Translate = (text: string) => string | null | undefined

/** Code of a cell that is not UTF-8 or that `translate` refuses. */
export const refusedCode = 0xfffffffe

/** Distinct cells kept from chunk to chunk. Above it the table starts anew, so a column of ids
 * costs no memory. */
const valuesKept = 1024

/**
 * Numbers distinct byte strings. Open addressing over an arena of the bytes seen; at most half
 * full.
 */
export class SymbolTable {
  readonly #translate: Translate
  #slots = new Int32Array(64) // entry + 1; 0: free
  #entries = 0
  #starts = new Int32Array(65) // entry's bytes in the arena
  #codes = new Uint32Array(64) // entry's code
  #arena = new Uint8Array(1024)
  #codeOfText = new Map<string, number>()
  #dictionary: string[] = []

  constructor(translate: Translate) {
    this.#translate = translate
  }

  /** Texts by code, as of now; a copy. */
  dictionary(): string[] {
    return this.#dictionary.slice()
  }

  /** Forgets everything if there is much of it. Codes given before mean nothing after. */
  trim(): void {
    if (this.#entries <= valuesKept) return
    this.#slots = new Int32Array(64)
    this.#starts = new Int32Array(65)
    this.#codes = new Uint32Array(64)
    this.#entries = 0
    this.#codeOfText = new Map()
    this.#dictionary = []
  }

  /** The code of bytes[start, end): an index of the dictionary, absentCode or refusedCode. */
  codeOf(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start
    let hash = length
    for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ bytes[at]!, 0x01000193)
    hash ^= hash >>> 15
    const mask = this.#slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#slots[slot]! - 1
      if (entry < 0) return this.#add(bytes, start, end, slot)
      if (this.#isEntry(entry, bytes, start, length)) return this.#codes[entry]!
    }
  }

  #isEntry(entry: number, bytes: Uint8Array, start: number, length: number): boolean {
    const from = this.#starts[entry]!
    if (this.#starts[entry + 1]! - from !== length) return false
    for (let at = 0; at < length; at += 1) {
      if (this.#arena[from + at] !== bytes[start + at]) return false
    }
    return true
  }

  #add(bytes: Uint8Array, start: number, end: number, slot: number): number {
    const text = textOf(bytes, start, end)
    const wanted = text === undefined ? undefined : this.#translate(text)
    let code = refusedCode
    if (wanted === null) code = absentCode
    else if (wanted !== undefined) {
      code = this.#codeOfText.get(wanted) ?? this.#dictionary.length
      if (code === this.#dictionary.length) {
        this.#dictionary.push(wanted)
        this.#codeOfText.set(wanted, code)
      }
    }
    const entry = this.#entries
    const from = this.#starts[entry]!
    this.#grow(from + end - start)
    this.#arena.set(bytes.subarray(start, end), from)
    this.#starts[entry + 1] = from + end - start
    this.#codes[entry] = code
    this.#slots[slot] = entry + 1
    this.#entries = entry + 1
    if (this.#entries * 2 > this.#slots.length) this.#rehash()
    return code
  }

  #grow(arenaBytes: number): void {
    if (arenaBytes > this.#arena.length) {
      const grown = new Uint8Array(Math.max(arenaBytes, this.#arena.length * 2))
      grown.set(this.#arena)
      this.#arena = grown
    }
    if (this.#entries + 1 >= this.#codes.length) {
      const codes = new Uint32Array(this.#codes.length * 2)
      codes.set(this.#codes)
      this.#codes = codes
      const starts = new Int32Array(codes.length + 1)
      starts.set(this.#starts)
      this.#starts = starts
    }
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2)
    const mask = slots.length - 1
    for (let entry = 0; entry < this.#entries; entry += 1) {
      const from = this.#starts[entry]!
      const to = this.#starts[entry + 1]!
      let hash = to - from
      for (let at = from; at < to; at += 1) hash = Math.imul(hash ^ this.#arena[at]!, 0x01000193)
      hash ^= hash >>> 15
      let slot = hash & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = entry + 1
    }
    this.#slots = slots
  }
}
