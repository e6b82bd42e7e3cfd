// The slow twin of the codec: columns made of plain values, bit packing one bit at a time,
// comparison bit by bit.
import { ByteReader, ByteWriter } from '#base'
import { allocateColumn, fillAbsent } from '#batch'
import type { ColumnData, Physical } from '#batch'
import { decodeRows, encodePage, readPageMeta, storedRange, writePageMeta } from '#codec'
import type { PageMeta } from '#codec'

export type Value = number | bigint | string | null

const encoder = new TextEncoder()
const decoder = new TextDecoder()

function putBytes(column: ColumnData, row: number, text: string): void {
  if (column.physical !== 'bytes') return
  const utf8 = encoder.encode(text)
  const from = column.offsets[row]!
  if (from + utf8.length > column.bytes.length) {
    const grown = new Uint8Array((from + utf8.length) * 2)
    grown.set(column.bytes)
    column.bytes = grown
  }
  column.bytes.set(utf8, from)
  column.offsets[row + 1] = from + utf8.length
}

/** A column of `values`, null for absent. */
export function columnOf(
  physical: Physical,
  values: readonly Value[],
  optional = true,
): ColumnData {
  const column = allocateColumn(physical, values.length, { optional })
  values.forEach((value, row) => {
    if (value === null) fillAbsent(column, row, row + 1)
    else if (column.physical === 'bytes') putBytes(column, row, String(value))
    else if (column.physical === 'i64') column.values[row] = BigInt(value)
    else column.values[row] = Number(value)
  })
  return column
}

/** What a row holds, so that equal strings are equal bits. */
export function rowText(column: ColumnData, row: number): string {
  if (column.physical === 'bytes') {
    const text = column.bytes.subarray(column.offsets[row], column.offsets[row + 1])
    return `${column.present?.[row] ?? 1}:${decoder.decode(text)}`
  }
  if (column.physical === 'f64') {
    return new BigUint64Array(column.values.slice(row, row + 1).buffer)[0]!.toString(16)
  }
  const present = column.physical === 'i32' || column.physical === 'u8' ? column.present : undefined
  return `${present?.[row] ?? 1}:${column.values[row]}`
}

export function rowTexts(column: ColumnData, from: number, end: number): string[] {
  const texts: string[] = []
  for (let row = from; row < end; row += 1) texts.push(rowText(column, row))
  return texts
}

export function metaBytes(meta: PageMeta): Uint8Array {
  const writer = new ByteWriter()
  writePageMeta(writer, meta)
  return writer.take()
}

/** The meta as a footer would give it back. */
export function reread(meta: PageMeta): PageMeta {
  const reader = new ByteReader(metaBytes(meta))
  const again = readPageMeta(reader, meta.physical, meta.rowCount)
  reader.expectEnd()
  return again
}

/** Rows [from, end) of a page through its stored range only, `lead` rows into the target. */
export function decodeSlice(
  meta: PageMeta,
  payload: Uint8Array,
  from: number,
  end: number,
  optional: boolean,
  lead = 0,
): ColumnData {
  const target = allocateColumn(meta.physical, lead + end - from, { optional, bytesExpected: 4 })
  const range = storedRange(meta, Math.floor(from / 1024), Math.ceil(end / 1024))
  const stored = payload.slice(range.from, range.end)
  decodeRows(meta, stored, range.from, from, end, target, lead, { column: 'c' })
  return target
}

/**
 * Encodes and decodes all of a column; returns the page. Throws where the meta does not come back
 * equal.
 */
export function roundTrip(
  column: ColumnData,
  rowCount: number,
  options: Parameters<typeof encodePage>[3],
): { meta: PageMeta; payload: Uint8Array; decoded: ColumnData } {
  const { meta, payload } = encodePage(column, 0, rowCount, options)
  const again = reread(meta)
  return {
    meta: again,
    payload,
    decoded: decodeSlice(again, payload, 0, rowCount, options.optional),
  }
}

/** Packs one bit at a time, by the words of src/codec/README.md. */
export function naivePack(values: readonly bigint[], width: number): Uint8Array {
  if (width > 32) {
    const low = naivePack(
      values.map((v) => v & 0xffffffffn),
      32,
    )
    const high = naivePack(
      values.map((v) => v >> 32n),
      width - 32,
    )
    return new Uint8Array([...low, ...high])
  }
  const bytes: number[] = []
  for (let mini = 0; mini < values.length; mini += 128) {
    const part = values.slice(mini, mini + 128)
    const rows = Math.ceil(part.length / 4)
    const out = new Uint8Array(Math.ceil((rows * width) / 32) * 16)
    part.forEach((value, i) => {
      for (let b = 0; b < width; b += 1) {
        if (((value >> BigInt(b)) & 1n) === 0n) continue
        const streamBit = (i >> 2) * width + b
        const word = (streamBit >> 5) * 4 + (i & 3)
        const at = word * 4 + ((streamBit & 31) >> 3)
        out[at] = out[at]! | (1 << (streamBit & 7))
      }
    })
    bytes.push(...out)
  }
  return Uint8Array.from(bytes)
}
