// A file's header, and its rows in chunks of 4,096, from pieces of bytes in one buffer.
import { VarveError } from '#base'
import { chunkRows, makeCells, rowBytesMax, splitPlain, splitQuoted } from './cells.ts'
import type { Cells } from './cells.ts'
import { textOf } from './symbols.ts'

const bufferBytes = 4 << 20
/** A chunk of the longest rows that are still sensible. */
const bufferBytesMax = 256 << 20
const headerCellsMax = 4096
const quote = 34
const lineFeed = 10

/** The cells of one record, without quotes. */
function splitRecord(text: string): string[] {
  const cells: string[] = []
  for (const [, quotedCell, plain] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^,]*))(?:,|$)/g)) {
    cells.push((quotedCell?.replaceAll('""', '"') ?? plain ?? '').trim())
  }
  if (!text.endsWith(',')) cells.pop() // the empty match at the end
  return cells
}

/** Reads the pieces of one file. `header()` first, then `next()` until it gives undefined. */
export class ChunkReader {
  readonly #pieces: AsyncIterator<Uint8Array>
  readonly #file: string
  #buffer = new Uint8Array(bufferBytes)
  #scratch = new Uint8Array(0)
  #start = 0
  #end = 0
  #pending: Uint8Array = new Uint8Array(0)
  #isDone = false
  /** First quote at or after #start; -1: not looked for; past the end: none. */
  #quoteAt = -1
  #cells: Cells | undefined
  /** Number of the chunk's first line, from 1. */
  line = 1

  constructor(pieces: AsyncIterator<Uint8Array>, file: string) {
    this.#pieces = pieces
    this.#file = file
  }

  /** What the chunk's rowStarts and rowEnds index. A view until the next read. */
  get source(): Uint8Array {
    return this.#buffer
  }

  get #isEnd(): boolean {
    return this.#isDone && this.#pending.length === 0
  }

  /** Fills the buffer, dropping what was taken; grows it where nothing could be dropped and it is
   * full. */
  async #fill(): Promise<void> {
    if (this.#start > 0) {
      this.#buffer.copyWithin(0, this.#start, this.#end)
      this.#end -= this.#start
      this.#start = 0
    } else if (this.#end === this.#buffer.length) {
      if (this.#end >= bufferBytesMax) {
        throw new VarveError(
          'ERR_SCHEMA',
          `${this.#file}: ${chunkRows} rows from line ${this.line} on take more than ` +
            `${bufferBytesMax} bytes`,
          { file: this.#file, line: this.line },
          { hint: 'Is this a CSV file with one row a line?' },
        )
      }
      const grown = new Uint8Array(this.#buffer.length * 2)
      grown.set(this.#buffer)
      this.#buffer = grown
    }
    this.#quoteAt = -1
    while (this.#end < this.#buffer.length) {
      if (this.#pending.length === 0) {
        if (this.#isDone) return
        const { value, done } = await this.#pieces.next()
        if (done === true) {
          this.#isDone = true
          return
        }
        this.#pending = value
      }
      const count = Math.min(this.#pending.length, this.#buffer.length - this.#end)
      this.#buffer.set(this.#pending.subarray(0, count), this.#end)
      this.#pending = this.#pending.subarray(count)
      this.#end += count
    }
  }

  #refused(message: string, hint: string): VarveError {
    return new VarveError(
      'ERR_SCHEMA',
      `${this.#file}, line ${this.line}: ${message}`,
      { file: this.#file, line: this.line },
      { hint },
    )
  }

  /** Takes the bytes up to the next line end that is not within quotes; undefined where the file
   * ends before one. */
  #record(): Uint8Array | undefined {
    let isQuoted = false
    for (let at = this.#start; at < this.#end; at += 1) {
      const byte = this.#buffer[at]
      if (byte === quote) isQuoted = !isQuoted
      if (byte !== lineFeed || isQuoted) continue
      const record = this.#buffer.slice(this.#start, at)
      this.#start = at + 1
      return record
    }
    if (this.#start === this.#end) return undefined
    const rest = this.#buffer.slice(this.#start, this.#end)
    this.#start = this.#end
    return rest
  }

  /**
   * The names in the header, after `skipLines` lines.
   *
   * @throws {VarveError} ERR_SCHEMA where there is none, or it is not that of a comma separated
   * UTF-8 file.
   */
  async header(skipLines: number): Promise<string[]> {
    await this.#fill()
    const [first, second, third] = this.#buffer
    if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
      throw this.#refused('the file is UTF-16', 'Convert it to UTF-8 first.')
    }
    if (first === 0xef && second === 0xbb && third === 0xbf) this.#start = 3
    for (let skipped = 0; skipped < skipLines; skipped += 1) {
      const at = this.#indexOf(lineFeed)
      this.#start = at < 0 ? this.#end : at + 1
      this.line += 1
    }
    const record = this.#record()
    const text = record === undefined ? '' : textOf(record, 0, record.length)
    if (text === undefined || text.includes('\0')) {
      throw this.#refused(
        'the header is not UTF-8 text',
        'Only CSV files (plain or gzip) are read.',
      )
    }
    if (text.trim() === '') {
      throw this.#refused(
        'there is no header',
        'The first line (after --skip-lines) names columns.',
      )
    }
    const names = splitRecord(text.replace(/\r$/, ''))
    if (names.length === 1 && /[;\t|]/.test(text)) {
      throw this.#refused('the header has no commas', 'Cells are separated by commas; convert it.')
    }
    if (names.length > headerCellsMax) {
      throw this.#refused(`${names.length} columns`, `At most ${headerCellsMax} are read.`)
    }
    this.line += text.split('\n').length
    this.#cells = makeCells(names.length)
    return names
  }

  /** The first such byte at or after #start, -1 where there is none. Buffer searches many bytes at
   * a time. */
  #indexOf(byte: number): number {
    const { buffer, byteOffset } = this.#buffer
    return Buffer.from(buffer, byteOffset, this.#end).indexOf(byte, this.#start)
  }

  #split(cells: Cells, isEnd: boolean): void {
    if (this.#quoteAt < this.#start) {
      const at = this.#indexOf(quote)
      this.#quoteAt = at < 0 ? Infinity : at
    }
    splitPlain(cells, this.#buffer, this.#start, this.#end, isEnd)
    // An incomplete row behind the last may hold the quote; that it is incomplete is all that
    // counts.
    if (this.#quoteAt >= cells.next) return
    if (this.#scratch.length < this.#buffer.length)
      this.#scratch = new Uint8Array(this.#buffer.length)
    splitQuoted(cells, this.#buffer, this.#start, this.#end, isEnd, this.#scratch)
  }

  /** The next rows, fewer than 4,096 only at the end; undefined behind it. Valid until the next
   * call. */
  async next(): Promise<Cells | undefined> {
    const cells = this.#cells
    if (cells === undefined) throw this.#refused('the header was not read', 'This is a bug.')
    this.line += cells.lines
    this.#start = Math.max(this.#start, cells.next)
    cells.next = 0
    cells.lines = 0
    for (;;) {
      this.#split(cells, this.#isEnd)
      if (cells.rowCount === chunkRows || this.#isEnd) break
      if (cells.rowCount === 0 && this.#end - cells.next > rowBytesMax && this.#start === 0) {
        throw this.#refused(
          `a row of more than ${rowBytesMax} bytes`,
          'Is this a CSV file with one row a line?',
        )
      }
      await this.#fill()
    }
    return cells.rowCount === 0 ? undefined : cells
  }

  /** The cells of a file without rows. */
  noCells(): Cells {
    return makeCells(0)
  }

  /** The line a row of the chunk starts on. */
  lineOf(row: number): number {
    const cells = this.#cells
    if (cells === undefined) return this.line
    let line = this.line
    for (let at = this.#start; at < cells.rowStarts[row]!; at += 1) {
      if (this.#buffer[at] === lineFeed) line += 1
    }
    return line
  }
}
