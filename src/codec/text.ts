// BYTES: the lengths of a vector's texts, packed, then the texts one after another.
import { reserveBytes } from '#batch'
import type { BytesData } from '#batch'
import { arena } from '#kernel'
import { pack } from './bitpack.ts'
import { damaged } from './chunk.ts'
import { scratchOf, unpackTo } from './decode-units.ts'
import { encodePlaces } from './encode-places.ts'
import type { Written } from './encode-units.ts'
import { denseRows, textLength } from './gather.ts'
import { bitsOf } from './layout.ts'

/** Bytes of text in rows denseRows[from, end). */
export function textBytesOf(column: BytesData, from: number, end: number): number {
  let bytes = 0
  for (let i = from; i < end; i += 1) bytes += textLength(column, denseRows[i]!)
  return bytes
}

/** Writes the texts of rows denseRows[from, end), from < end, as the body of `vector`. */
export function writeTexts(
  out: Written,
  column: BytesData,
  vector: number,
  from: number,
  end: number,
): void {
  const count = end - from
  let least = Infinity
  let most = 0
  for (let i = from; i < end; i += 1) {
    const length = textLength(column, denseRows[i]!)
    if (length < least) least = length
    if (length > most) most = length
  }
  const { u32 } = arena()
  const { slotsAt } = encodePlaces()
  const slots = slotsAt >>> 2
  for (let i = 0; i < count; i += 1) {
    u32[slots + i] = textLength(column, denseRows[from + i]!) - least
  }
  const width = bitsOf(most - least)
  out.widths[vector] = width
  out.bases[vector] = least
  out.end = pack(slotsAt, count, width, 0, out, out.end)
  for (let i = from; i < end; i += 1) {
    const row = denseRows[i]!
    const text = column.bytes.subarray(column.offsets[row]!, column.offsets[row + 1]!)
    out.payload.set(text, out.end)
    out.end += text.length
  }
}

/**
 * What a vector of texts is: `width` and `base` of its lengths, and where its text starts in
 * `bytes`.
 */
export interface TextBody {
  readonly bytes: Uint8Array
  readonly at: number
  readonly count: number
  readonly width: number
  readonly base: number
  readonly textAt: number
}

/** Appends texts [from, end) of a vector to rows at... of `target`. */
export function appendBody(
  target: BytesData,
  at: number,
  body: TextBody,
  from: number,
  end: number,
  place: Readonly<Record<string, unknown>>,
  vector: number,
): void {
  const { bytes, count, base } = body
  const { u32 } = arena()
  const lengthsAt = scratchOf().lengths
  unpackTo(lengthsAt, bytes, body.at, count, body.width)
  const lengths = lengthsAt >>> 2
  let textFrom = body.textAt
  for (let i = 0; i < from; i += 1) textFrom += u32[lengths + i]! + base
  let textEnd = textFrom
  for (let i = from; i < end; i += 1) textEnd += u32[lengths + i]! + base
  let all = textEnd
  for (let i = end; i < count; i += 1) all += u32[lengths + i]! + base
  if (all !== bytes.length) {
    throw damaged('the lengths of texts do not add up to their bytes', place, vector)
  }
  let used = target.offsets[at]!
  reserveBytes(target, used, textEnd - textFrom)
  target.bytes.set(bytes.subarray(textFrom, textEnd), used)
  for (let i = from; i < end; i += 1) {
    used += u32[lengths + i]! + base
    target.offsets[at + 1 + i - from] = used
  }
}
