// Goal: packed mini-blocks are exactly the bytes the format page draws, at every width and tail.
// Method: a twin that sets one bit at a time; random widths 0 to 64 and counts around the
// mini-block borders.
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pack, packedBytes, unpack, unpackWide } from '../../src/codec/bitpack.ts'
import { naivePack } from './oracle.ts'

const counts = [1, 2, 3, 4, 5, 31, 127, 128, 129, 255, 256, 1000, 1023, 1024]

function packAny(values: readonly bigint[], width: number): Uint8Array {
  const target = new Uint8Array(packedBytes(values.length, width))
  const slots = new Uint32Array(1028)
  values.forEach((value, i) => (slots[i] = Number(value & 0xffffffffn)))
  const at = pack(slots, values.length, Math.min(width, 32), target, 0)
  if (width <= 32) return target
  values.forEach((value, i) => (slots[i] = Number(value >> 32n)))
  expect(pack(slots, values.length, width - 32, target, at)).toBe(target.length)
  return target
}

function randomValues(seed: number, count: number, width: number): bigint[] {
  let state = BigInt(seed) * 2n + 1n
  return Array.from({ length: count }, () => {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n)
    return width === 0 ? 0n : state >> BigInt(64 - width)
  })
}

describe('packed mini-blocks', () => {
  it('are the bytes of the twin, and come back', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 64 }),
        fc.constantFrom(...counts),
        fc.nat(),
        (width, count, seed) => {
          const values = randomValues(seed, count, width)
          const packed = packAny(values, width)
          expect(packed).toEqual(naivePack(values, width))
          if (width <= 53) {
            const u = new Float64Array(1028)
            unpack(packed, 0, count, width, u)
            expect([...u.subarray(0, count)].map(BigInt)).toEqual(values)
          }
          if (width > 32) {
            const wide = new BigUint64Array(1024)
            unpackWide(packed, 0, count, width, wide)
            expect([...wide.subarray(0, count)]).toEqual(values)
          }
        },
      ),
      { numRuns: 150 },
    )
  })

  it('take 16 bytes a bit in a full mini-block and only used words in a tail', () => {
    for (let width = 0; width <= 32; width += 1) {
      expect(packedBytes(128, width)).toBe(16 * width)
      expect(packedBytes(1024, width)).toBe(128 * width)
      for (const n of [1, 5, 37, 127]) {
        expect(packedBytes(n, width)).toBe(Math.ceil((Math.ceil(n / 4) * width) / 32) * 16)
      }
    }
    expect(packedBytes(5, 40)).toBe(packedBytes(5, 32) + packedBytes(5, 8))
  })
})
