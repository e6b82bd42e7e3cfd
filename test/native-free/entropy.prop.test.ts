// Goal: the entropy coding kernels give what their scalar twins give, and decoding gives back what
// was coded, for any frequencies and tokens; whatever the bytes are, decoding reads and writes no
// more than its contract says. Method: both get the same random tables and bytes in memories of
// their own; guard words stand around what is written.
import { scalarKernels, simdKernels } from '#native-free/simd'
import type { SimdKernels } from '#native-free/simd'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

const bytes = 1 << 20
const simd = simdKernels(bytes)
const twin = scalarKernels(new ArrayBuffer(bytes))
const both = [simd, twin]
const [table, values, coder, states, tokens, words, bits, out] = [
  0x10000, 0x20000, 0x21000, 0x22000, 0x30000, 0x40000, 0x50000, 0x60000,
]
const placesOfTable = 4096
const stateStart = 65536

function put(at: number, source: Uint8Array | Uint16Array | Uint32Array): void {
  const view = new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
  for (const { memory } of both) new Uint8Array(memory, at, view.length).set(view)
}

const read = ({ memory }: SimdKernels, at: number, length: number): Buffer =>
  Buffer.from(new Uint8Array(memory).slice(at, at + length))

function expectSame(at: number, length: number): void {
  expect(read(simd, at, length).equals(read(twin, at, length))).toBe(true)
}

/** Weights to frequencies of at least 1 that sum to 4,096. */
function frequenciesOf(weights: readonly number[]): number[] {
  const all = weights.reduce((sum, weight) => sum + weight, 0)
  const free = placesOfTable - weights.length
  const frequencies = weights.map((weight) => 1 + Math.floor((weight / all) * free))
  frequencies[0]! += placesOfTable - frequencies.reduce((sum, each) => sum + each, 0)
  return frequencies
}

const weights = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 100_000 })),
  { minLength: 1, maxLength: 256 },
)
const picks = fc.array(fc.nat(), { minLength: 1, maxLength: 1024 })

function loadFrequencies(frequencies: readonly number[]): void {
  put(out, Uint16Array.from(frequencies))
  for (const k of both) k.entropyTable(out, frequencies.length, table)
  let start = 0
  const pairs = frequencies.flatMap((frequency) => {
    start += frequency
    return [frequency, start - frequency]
  })
  put(coder, Uint32Array.from(pairs))
}

test('tokens come back, and kernels and twins write the same words', () => {
  fc.assert(
    fc.property(weights, picks, fc.boolean(), (list, picked, isSkewed) => {
      const frequencies = frequenciesOf(list)
      loadFrequencies(frequencies)
      expectSame(table, placesOfTable * 4)
      const line = Uint8Array.from(picked, (pick) =>
        isSkewed && pick % 16 > 0 ? 0 : pick % frequencies.length,
      )
      const count = line.length
      put(tokens, line)
      put(states, Uint32Array.of(words, stateStart, stateStart, stateStart, stateStart))
      for (const k of both) k.entropyCode(states, coder, count, tokens)
      expectSame(states, 20)
      const from = new Uint32Array(simd.memory, states, 1)[0]!
      expect(words - from).toBeLessThanOrEqual(count * 2)
      expectSame(from, words - from)
      for (const k of both) k.entropyTokens(states, table, count, out)
      expectSame(states, 20)
      expect(read(simd, out, count).equals(Buffer.from(line))).toBe(true)
      const ends = [...new Uint32Array(simd.memory, states, 5)]
      expect(ends).toEqual([words, stateStart, stateStart, stateStart, stateStart])
    }),
    { numRuns: 300 },
  )
})

test('any states and words decode alike, to tokens of the table, with one word a token at most', () => {
  const anyStates = fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), {
    minLength: 4,
    maxLength: 4,
  })
  const noise = fc.uint8Array({ minLength: 2200, maxLength: 2200 })
  fc.assert(
    fc.property(weights, anyStates, noise, fc.integer({ min: 1, max: 1024 }), (list, x, n, c) => {
      loadFrequencies(frequenciesOf(list))
      put(words, n)
      put(states, Uint32Array.of(words, ...x))
      for (const { memory } of both) new Uint8Array(memory, out, 2048).fill(0xee)
      for (const k of both) k.entropyTokens(states, table, c, out)
      expectSame(states, 20)
      expectSame(out, c + 64)
      const end = new Uint32Array(simd.memory, states, 1)[0]!
      expect(end - words).toBeLessThanOrEqual(c * 2)
      expect(read(simd, out, c).every((token) => token < list.length)).toBe(true)
      expect(read(simd, out + c, 64).every((byte) => byte === 0xee)).toBe(true)
    }),
    { numRuns: 150 },
  )
})

test('slots to tokens and extra bits, and back', () => {
  const slot = fc.oneof(
    fc.integer({ min: 0, max: 300 }),
    fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1),
  )
  const line = fc.array(slot, { minLength: 1, maxLength: 300 })
  fc.assert(
    fc.property(line, slot, fc.nat(180), (slots, centre, most) => {
      const exact = [...new Set(slots)].slice(0, most)
      put(tableOfExact, entriesOf(exact))
      // Spans have tokens from 190 on.
      put(
        spans,
        Uint8Array.from({ length: 66 }, (_, span) => 190 + span),
      )
      put(values, valuesOf(exact, centre))
      put(out, Uint32Array.from(slots))
      const counts = both.map((k) =>
        k.tokensOf(out, slots.length, tableOfExact, centre, spans, tokens, bits),
      )
      expect(counts[0]).toBe(counts[1])
      expectSame(tokens, slots.length)
      expectSame(bits, Math.ceil(counts[0]! / 8))
      for (const k of both) {
        expect(k.tokenSlots(tokens, slots.length, values, bits, words)).toBe(counts[0])
        expect([...new Uint32Array(k.memory, words, slots.length)]).toEqual(slots)
        k.tokenBases(tokens, slots.length, values, words)
      }
      expectSame(words, slots.length * 4)
    }),
    { numRuns: 300 },
  )
})

const [tableOfExact, spans] = [0x70000, 0x74000]

function entriesOf(exact: readonly number[]): Uint32Array {
  const entries = new Uint32Array(2048)
  exact.forEach((slot, token) => {
    let at = (Math.imul(slot, 0x9e3779b1) >>> 22) * 2
    while (entries[at + 1] !== 0) at = (at + 2) % 2048
    entries[at] = slot
    entries[at + 1] = token + 1
  })
  return entries
}

/** Base and extra bits of each token: exact ones, then spans above and below the centre. */
function valuesOf(exact: readonly number[], centre: number): Uint32Array {
  const pairs = new Uint32Array(512)
  exact.forEach((slot, token) => (pairs[token * 2] = slot))
  for (let length = 0; length <= 32; length += 1) {
    const span = length === 0 ? 0 : 2 ** (length - 1)
    pairs[(190 + length) * 2] = centre + span
    pairs[(190 + length) * 2 + 1] = Math.max(length - 1, 0)
    pairs[(223 + length) * 2] = centre - 2 ** length + 1
    pairs[(223 + length) * 2 + 1] = Math.max(length - 1, 0)
  }
  return pairs
}

test('slots are counted, in the order in which they come', () => {
  const slot = fc.oneof(fc.nat(20), fc.integer({ min: 0, max: 2 ** 32 - 1 }))
  const line = fc.array(slot, { minLength: 1, maxLength: 500 })
  fc.assert(
    fc.property(line, line, (first, second) => {
      put(table, new Uint32Array(2048))
      let known = 0
      for (const slots of [first, second]) {
        put(out, Uint32Array.from(slots))
        const found = both.map((k) => k.countSlots(out, slots.length, table, 1023, values, known))
        expect(found[0]).toBe(found[1])
        known = found[0]!
      }
      expectSame(values, known * 4)
      expectSame(table, 8192)
      const expected = new Map<number, number>()
      for (const each of [...first, ...second]) expected.set(each, (expected.get(each) ?? 0) + 1)
      const entries = new Uint32Array(simd.memory, table, 2048)
      const used = [...new Uint32Array(simd.memory, values, known)]
      const counted = used.map((entry) => [entries[entry * 2], entries[entry * 2 + 1]])
      expect(counted).toEqual([...expected])
    }),
    { numRuns: 150 },
  )
})
