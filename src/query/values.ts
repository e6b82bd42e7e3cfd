// Columns of values that are no numbers, as users see them.
import { absentCode } from '#batch'
import type { BytesData } from '#batch'
import { VarveError } from '#base'
import type { SymbolColumn, ValueColumn } from '#schema'

// A byte order mark is part of a text like any other character.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

function outside(index: number, length: number): VarveError {
  return new VarveError('ERR_ARGUMENT', `row ${index} of a column of ${length}`, {
    expected: `0..${length - 1}`,
    actual: index,
  })
}

function checkIndex(index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length) throw outside(index, length)
}

/** The string of a row; null where it is absent. */
export function symbolAt(
  column: { readonly values: Uint32Array; readonly dictionary: readonly string[] },
  index: number,
): string | null {
  const code = column.values[index]!
  return code === absentCode ? null : column.dictionary[code]!
}

/** The text, or parsed json, of a row; null where it is absent. */
export function textAt(column: BytesData, index: number, isJson: boolean): unknown {
  const { present, offsets, bytes } = column
  if (present !== undefined && present[index] === 0) return null
  const text = decoder.decode(bytes.subarray(offsets[index], offsets[index + 1]))
  return isJson ? JSON.parse(text) : text
}

/** Symbols: codes and the strings they stand for. */
export class Symbols implements SymbolColumn<string, true> {
  readonly codes: Uint32Array
  readonly dictionary: readonly string[]

  constructor(codes: Uint32Array, dictionary: readonly string[]) {
    this.codes = codes
    this.dictionary = dictionary
  }

  get length(): number {
    return this.codes.length
  }

  at(index: number): string | null {
    checkIndex(index, this.length)
    return symbolAt({ values: this.codes, dictionary: this.dictionary }, index)
  }

  *[Symbol.iterator](): IterableIterator<string | null> {
    for (let index = 0; index < this.length; index += 1) yield this.at(index)
  }
}

/** Texts, made from their bytes when asked for; json values are parsed then. */
export class Texts implements ValueColumn<unknown> {
  readonly length: number
  readonly #data: BytesData
  readonly #isJson: boolean

  constructor(data: BytesData, rowCount: number, isJson: boolean) {
    this.#data = data
    this.length = rowCount
    this.#isJson = isJson
  }

  at(index: number): unknown {
    checkIndex(index, this.length)
    return textAt(this.#data, index, this.#isJson)
  }

  *[Symbol.iterator](): IterableIterator<unknown> {
    for (let index = 0; index < this.length; index += 1) yield this.at(index)
  }
}
