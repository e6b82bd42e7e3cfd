// Bytes in words: a reader that notes what each byte it takes means. Golden tests use it as a second implementation of a
// format; it fails where a byte stays unexplained.
import { ByteReader, assert, hexOf } from '../../src/base/index.ts'

const hexBytesALine = 16

export class Annotator {
  readonly #bytes: Uint8Array
  readonly #reader: ByteReader
  readonly #lines: string[] = []

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#reader = new ByteReader(bytes)
  }

  get offset(): number {
    return this.#reader.offset
  }

  /** A line between the bytes. */
  heading(text: string): void {
    this.#lines.push(`-- ${text}`)
  }

  /** Takes what `read` reads and notes it; `words` turns the value into what is shown. */
  take<T>(
    meaning: string,
    read: (reader: ByteReader) => T,
    words: (value: T) => string = (value) => String(value),
  ): T {
    const from = this.#reader.offset
    const value = read(this.#reader)
    const end = this.#reader.offset
    const hex = hexOf(this.#bytes.subarray(from, end)).match(/../g) ?? []
    const place = `${from}..${end}`.padEnd(10)
    const text = `${meaning} ${words(value)}`.trimEnd()
    for (let at = 0; at < hex.length; at += hexBytesALine) {
      const line = hex
        .slice(at, at + hexBytesALine)
        .join('')
        .padEnd(hexBytesALine * 2)
      this.#lines.push(
        at === 0 ? `${place} ${line}  ${text}` : `${' '.repeat(10)} ${line.trimEnd()}`,
      )
    }
    return value
  }

  u8 = (meaning: string): number => this.take(meaning, (reader) => reader.u8())
  u16 = (meaning: string): number => this.take(meaning, (reader) => reader.u16())
  u32 = (meaning: string): number => this.take(meaning, (reader) => reader.u32())
  u64 = (meaning: string): bigint => this.take(meaning, (reader) => reader.u64())
  hash = (meaning: string): bigint =>
    this.take(
      meaning,
      (reader) => reader.u64(),
      () => '',
    )
  varint = (meaning: string): number => this.take(meaning, (reader) => reader.varint())
  varint64 = (meaning: string): bigint => this.take(meaning, (reader) => reader.varint64())
  zigzag = (meaning: string): bigint => this.take(meaning, (reader) => reader.zigzag64())
  string = (meaning: string): string =>
    this.take(
      meaning,
      (reader) => reader.string(),
      (text) => JSON.stringify(text),
    )
  raw = (meaning: string, count: number): Uint8Array =>
    this.take(
      meaning,
      (reader) => reader.bytes(count),
      () => '',
    )
  magic = (expected: string): void => {
    const text = this.take('magic', (reader) => String.fromCharCode(...reader.bytes(4)))
    assert(text === expected, `magic ${expected}`)
  }

  /** All lines. Throws where bytes are left that nothing explained. */
  text(): string {
    const { remaining, offset } = this.#reader
    assert(remaining === 0, `${remaining} bytes from ${offset} on are not explained`)
    return this.#lines.join('\n')
  }
}
