// Goal: LZ4 blocks of the kernels and of their scalar twin are read by either, and every damaged, cut or too long block ends
// in the same answer. Method: both work on the same bytes in memories of their own, with bytes around the target that must
// stay. Blocks are also made by hand, of sequences of which some go too far back, and cut anywhere.
import { scalarKernels, simdKernels } from '#native-free/simd'
import type { SimdKernels } from '#native-free/simd'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

const bytes = 1 << 20
const simd = simdKernels(bytes)
const twin = scalarKernels(new ArrayBuffer(bytes))
const [a, b, c, d] = [0x10000, 0x40000, 0x80000, 0xc0000] as const
const seed = fc.integer({ min: 1, max: 2 ** 31 - 1 })

function put(at: number, values: Uint8Array): void {
  for (const { memory } of [simd, twin]) new Uint8Array(memory).set(values, at)
}

const read = ({ memory }: SimdKernels, at: number, length: number): Buffer =>
  Buffer.from(new Uint8Array(memory).slice(at, at + length))

/** Words of 1 to 40 letters, most of them seen before: short matches from near and far. */
function wordsOf(seedOfWords: number, words: number): Buffer {
  let state = seedOfWords
  const next = (end: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * end)
  }
  const known: string[] = []
  const letters = () =>
    String.fromCharCode(...Array.from({ length: 1 + next(40) }, () => next(256)))
  return Buffer.from(
    Array.from({ length: words }, () => {
      const word = next(4) === 0 || known.length === 0 ? letters() : known[next(known.length)]!
      known.push(word)
      return word.slice(next(word.length))
    }).join(''),
    'latin1',
  )
}

const text = fc.array(fc.constantFrom('a', 'bc', 'abcabc', '0123456789abcdef', 'x'.repeat(300)))
const source = fc.oneof(
  fc.uint8Array({ maxLength: 400 }),
  text.map((parts) => new Uint8Array(Buffer.from(parts.join('')))),
  fc.tuple(seed, fc.integer({ min: 1, max: 40_000 })).map(([s, n]) => {
    return Uint8Array.from({ length: n }, (_, i) => ((i * s) >>> 7) % 11)
  }),
  fc.tuple(seed, fc.integer({ min: 1, max: 900 })).map(([s, n]) => new Uint8Array(wordsOf(s, n))),
)

test('either reads what the other wrote; no room is -1', () => {
  fc.assert(
    fc.property(source, (plain) => {
      const room = plain.length + (plain.length >>> 7) + 64
      for (const writer of [simd, twin]) {
        put(a, plain)
        const block = writer.lz4Encode(a, plain.length, b, room, 0x2000)
        expect(block).toBeGreaterThan(0)
        put(c, new Uint8Array(writer.memory).slice(b, b + block))
        for (const k of [simd, twin]) {
          new Uint8Array(k.memory).fill(0xee, d, d + plain.length)
          expect(k.lz4Decode(c, block, d, plain.length)).toBe(plain.length)
          expect(read(k, d, plain.length).equals(Buffer.from(plain))).toBe(true)
        }
        if (plain.length === 0) continue
        for (const k of [simd, twin]) expect(k.lz4Decode(c, block, d, plain.length - 1)).toBe(-1)
        expect(simd.lz4Encode(a, plain.length, b, Math.min(block, 3) - 3, 0x2000)).toBe(-1)
      }
    }),
    { numRuns: 150 },
  )
})

/** Both decode the block at c into `room` bytes at d, alike, and leave what is around them. */
function expectSameDecoded(block: Uint8Array, room: number): void {
  put(c, block)
  // What follows the block must not matter.
  for (const { memory } of [simd, twin]) new Uint8Array(memory).fill(1, c + block.length, d - 4096)
  const guard = new Uint8Array(simd.memory, d + room + 64, 4096).fill(0x5a)
  const before = new Uint8Array(simd.memory, d - 4096, 4096).fill(0x5a)
  const answers = [simd, twin].map((k) => k.lz4Decode(c, block.length, d, room))
  expect(answers[0]).toBe(answers[1])
  for (const each of [guard, before]) expect(each.every((byte) => byte === 0x5a)).toBe(true)
  const held = answers[0]!
  if (held >= 0) expect(read(simd, d, held).equals(read(twin, d, held))).toBe(true)
}

const cuts = fc.oneof(fc.constant(0), fc.nat(40), fc.nat())
const lacks = fc.oneof(fc.constant(0), fc.nat(60))

test('changed and cut blocks: the same answer, and nothing outside of the slack is touched', () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 })
  fc.assert(
    fc.property(source, changes, cuts, lacks, (plain, changed, cut, lack) => {
      put(a, plain)
      const block = twin.lz4Encode(a, plain.length, b, plain.length + 1024, 0x2000)
      const bad = new Uint8Array(twin.memory).slice(b, b + block - (cut % block))
      for (const [at, byte] of changed) bad[at % bad.length] = byte
      expectSameDecoded(bad, Math.max(0, plain.length - lack))
    }),
    { numRuns: 400 },
  )
})

/** What is left of a length whose nibble is 15. */
function restOf(length: number): number[] {
  if (length < 15) return []
  return [...Array<number>(Math.floor((length - 15) / 255)).fill(255), (length - 15) % 255]
}

const sequence = fc.record({
  literals: fc.oneof(fc.nat(16), fc.nat(300)),
  /** How far back, in thousandths of what is there; or in bytes. */
  back: fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.constant(1000)),
  near: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 40 })),
  tooFar: fc.oneof({ weight: 40, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(40) }),
  match: fc.oneof({ weight: 5, arbitrary: fc.nat(40) }, { weight: 1, arbitrary: fc.nat(600) }),
})

test('blocks of any sequences: the same answer, wherever they are cut', () => {
  const sequences = fc.array(sequence, { minLength: 1, maxLength: 25 })
  fc.assert(
    fc.property(sequences, fc.nat(16), cuts, lacks, (some, last, cut, lack) => {
      const block: number[] = []
      let held = 0
      const literalsOf = (count: number, nibble: number): void => {
        block.push((Math.min(count, 15) << 4) | nibble, ...restOf(count))
        for (let i = 0; i < count; i += 1) block.push((held + i * 7) & 255)
        held += count
      }
      for (const { literals, back, near, tooFar, match } of some) {
        literalsOf(held === 0 ? literals + 1 : literals, Math.min(match, 15))
        const offset = (Math.min(near, held) || Math.ceil((held * back) / 1000)) + tooFar
        block.push(offset & 255, offset >>> 8, ...restOf(match))
        held += match + 4
      }
      literalsOf(last, 0)
      const length = block.length - (cut % block.length)
      expectSameDecoded(Uint8Array.from(block.slice(0, length)), Math.max(0, held - lack))
    }),
    { numRuns: 2000 },
  )
})
