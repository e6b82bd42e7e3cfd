// Goal: the LZ4 block codec is the format, to the byte where the format leaves no choice, and never
// leaves its buffers.
// Method: blocks built by hand from the specification, good and bad; guard bytes around the target.
import { describe, expect, it } from 'vitest'
import { compressBlock, compressedBytesMax, decompressBlock } from '#native-free/lz4'

function decode(block: number[], size: number): number[] | number {
  const guarded = new Uint8Array(size + 16).fill(0xee)
  const written = decompressBlock(Uint8Array.from(block), guarded.subarray(8, 8 + size))
  expect([...guarded.subarray(0, 8), ...guarded.subarray(8 + size)]).toEqual(Array(16).fill(0xee))
  return written < 0 ? written : [...guarded.subarray(8, 8 + written)]
}

const many = (count: number, value: number): number[] => Array<number>(count).fill(value)

describe('blocks by hand', () => {
  it('literals only', () => {
    expect(decode([0x00], 0)).toEqual([])
    expect(decode([0x30, 1, 2, 3], 3)).toEqual([1, 2, 3])
    expect(decode([0xf0, 0, ...many(15, 9)], 15)).toEqual(many(15, 9))
    expect(decode([0xf0, 255, 5, ...many(275, 9)], 275)).toEqual(many(275, 9))
  })

  it('matches: apart, overlapping, a run of one byte, long ones', () => {
    expect(decode([0x40, 1, 2, 3, 4, 4, 0, 0x00], 8)).toEqual([1, 2, 3, 4, 1, 2, 3, 4])
    expect(decode([0x21, 1, 2, 2, 0, 0x00], 7)).toEqual([1, 2, 1, 2, 1, 2, 1])
    expect(decode([0x1f, 7, 1, 0, 3, 0x10, 8], 24)).toEqual([...many(23, 7), 8])
    expect(decode([0x1f, 7, 1, 0, 255, 0, 0x00], 275)).toEqual(many(275, 7))
    const apart = [0xf0 | 0xf, 25, ...many(40, 3), 40, 0, 21, 0x00]
    expect(decode(apart, 80)).toEqual(many(80, 3))
    expect(decode([0x2f, 1, 2, 2, 0, 30, 0x00], 51)).toHaveLength(51)
  })

  it('a target larger than the block fills is no fault of the block', () => {
    expect(decode([0x30, 1, 2, 3], 100)).toEqual([1, 2, 3])
  })
})

describe('malformed blocks', () => {
  it.each<[string, number[]]>([
    ['nothing at all', []],
    ['literals missing', [0x30, 1, 2]],
    ['literal length missing', [0xf0]],
    ['literal length without end', [0xf0, 255, 255]],
    ['offset missing', [0x41, 1, 2, 3, 4]],
    ['offset cut', [0x40, 1, 2, 3, 4, 1]],
    ['offset of zero', [0x40, 1, 2, 3, 4, 0, 0, 0x00]],
    ['offset before the start', [0x40, 1, 2, 3, 4, 5, 0, 0x00]],
    ['match length missing', [0x4f, 1, 2, 3, 4, 4, 0]],
    ['match length without end', [0x4f, 1, 2, 3, 4, 4, 0, 255]],
    ['no last literals', [0x40, 1, 2, 3, 4, 4, 0]],
    ['a match nibble in the last sequence', [0x32, 1, 2, 3]],
  ])('%s', (_, block) => {
    expect(decode(block, 64)).toBe(-1)
  })

  it('more than the target holds, in literals or in a match', () => {
    expect(decode([0x30, 1, 2, 3], 2)).toBe(-1)
    expect(decode([0x40, 1, 2, 3, 4, 4, 0, 0x00], 7)).toBe(-1)
    expect(decode([0x1f, 7, 1, 0, ...many(100_000, 255), 0, 0x00], 1000)).toBe(-1)
  })
})

describe('compressor', () => {
  it('gives one token for nothing', () => {
    expect([...compressBlock(new Uint8Array(0))]).toEqual([0])
  })

  it('ends with five literals, and starts no match in the last twelve bytes', () => {
    expect([...compressBlock(new Uint8Array(12))]).toEqual([0xc0, ...many(12, 0)])
    // One literal, a match of 32 - 1 - 5 = 26 bytes one byte back, five literals.
    const block = [0x1f, 0, 1, 0, 26 - 4 - 15, 0x50, 0, 0, 0, 0, 0]
    expect([...compressBlock(new Uint8Array(32))]).toEqual(block)
  })

  it('stays within its bound for bytes that do not repeat', () => {
    let state = 1
    const noise = Uint8Array.from({ length: 100_000 }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) | 0
      return state >>> 16
    })
    const block = compressBlock(noise)
    expect(block.length).toBeLessThanOrEqual(compressedBytesMax(noise.length))
    const target = new Uint8Array(noise.length)
    expect(decompressBlock(block, target)).toBe(noise.length)
    expect(Buffer.compare(target, noise)).toBe(0)
  })

  it('forgets the call before: the same bytes give the same block', () => {
    const source = Uint8Array.from({ length: 5000 }, (_, index) => (index * index) % 251)
    const first = compressBlock(source)
    compressBlock(Uint8Array.from({ length: 9000 }, (_, index) => (index * 31) % 7))
    expect(compressBlock(source)).toEqual(first)
  })
})
