// The model of an entropy coded page: which slots its tokens stand for, and how often each is
// expected. A token is one slot, or a span: slots whose distance from the centre takes the same
// number of bits, told apart by extra bits.
//
//   varint exact slots | varint spans | the first exact slot, then gaps less 1, varints |
//   varint centre, where there are spans | u8 a span | frequency - 1, varint a token
import type { ByteReader, ByteWriter } from '#base'

/** Places of the coder's table: what the frequencies of a page's tokens sum to. */
export const placesOfTable = 4096
export const tokensMax = 256
/** Spans above the centre are 0 to 32, by the bits of the distance; those below 34 to 65. */
export const spansBelow = 33
export const spansEnd = 66

/** Tokens: first the exact slots, then the spans. */
export interface EntropyModel {
  /** Rising. */
  readonly exact: Uint32Array
  readonly centre: number
  /** Rising. */
  readonly spans: Uint8Array
  readonly frequencies: Uint16Array
}

/** Extra bits of a slot in `span`. */
export function extraBitsOf(span: number): number {
  return Math.max((span < spansBelow ? span : span - spansBelow) - 1, 0)
}

/** The least slot of `span`, modulo 2^32. */
export function baseOf(span: number, centre: number): number {
  if (span === 0) return centre
  const base = span < spansBelow ? 2 ** (span - 1) : 1 - 2 ** (span - spansBelow)
  return (centre + base) >>> 0
}

/** The slot of `span` that is nearest to the centre. */
export function nearestOf(span: number, centre: number): number {
  if (span < spansBelow) return span === 0 ? centre : centre + 2 ** (span - 1)
  return centre - 2 ** (span - spansBelow - 1)
}

/** The span of a slot that is no exact one. */
export function spanOf(slot: number, centre: number): number {
  return slot < centre
    ? spansBelow + 32 - Math.clz32(centre - slot)
    : 32 - Math.clz32(slot - centre)
}

export function writeModel(writer: ByteWriter, model: EntropyModel): void {
  const { exact, spans, centre, frequencies } = model
  writer.varint(exact.length).varint(spans.length)
  for (let i = 0; i < exact.length; i += 1) {
    writer.varint(i === 0 ? exact[0]! : exact[i]! - exact[i - 1]! - 1)
  }
  if (spans.length > 0) writer.varint(centre)
  for (const span of spans) writer.u8(span)
  for (const frequency of frequencies) writer.varint(frequency - 1)
}

const two32 = 4294967296

/** A number below `end`. */
function below(reader: ByteReader, value: number, end: number): number {
  if (value < end) return value
  throw reader.corrupt(`${value} where less than ${end} is possible`)
}

/** Reads a model; `spansMost` 0 where its slots have none. */
export function readModel(reader: ByteReader, spansMost: number): EntropyModel {
  const exact = new Uint32Array(reader.count(tokensMax))
  const spans = new Uint8Array(reader.count(Math.min(spansMost, tokensMax - exact.length)))
  let next = 0
  for (let i = 0; i < exact.length; i += 1) {
    exact[i] = below(reader, next + reader.varint(), two32)
    next = exact[i]! + 1
  }
  const centre = spans.length > 0 ? below(reader, reader.varint(), two32) : 0
  for (let i = 0; i < spans.length; i += 1) {
    spans[i] = below(reader, reader.u8(), spansEnd)
    if (i > 0 && spans[i]! <= spans[i - 1]!) throw reader.corrupt('spans do not rise')
  }
  const frequencies = new Uint16Array(exact.length + spans.length)
  let left = placesOfTable
  for (let i = 0; i < frequencies.length; i += 1) {
    frequencies[i] = below(reader, reader.varint(), left) + 1
    left -= frequencies[i]!
  }
  if (left === 0) return { exact, centre, spans, frequencies }
  throw reader.corrupt(`frequencies of tokens leave ${left} of ${placesOfTable}`)
}
