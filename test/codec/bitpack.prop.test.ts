// Goal: packed mini-blocks are exactly the bytes the format page draws, at every width and tail.
// Method: a twin that sets one bit at a time; random widths 0 to 64 and counts around the
// mini-block borders.
import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { arena, loadKernels } from '#kernel'
import { pack, packedBytes, unpackWide } from '../../src/codec/bitpack.ts'
import { scratchOf, unpackTo } from '../../src/codec/decode-units.ts'
import { encodePlaces } from '../../src/codec/encode-places.ts'
import { naivePack } from './oracle.ts'

beforeAll(loadKernels)

const counts = [1, 2, 3, 4, 5, 31, 127, 128, 129, 255, 256, 1000, 1023, 1024]

/** Packs to an array of its own, or to the arena from `shift` bytes behind the start on. */
function packAny(values: readonly bigint[], width: number, shift: number | undefined): Uint8Array {
  const { u8, u32 } = arena()
  const { slotsAt, payloadAt } = encodePlaces()
  const length = packedBytes(values.length, width)
  const target =
    shift === undefined
      ? { payload: new Uint8Array(length), payloadAt: -1 }
      : { payload: u8.subarray(payloadAt, payloadAt + 20_000), payloadAt }
  const first = shift ?? 0
  target.payload.fill(0xaa)
  u32.fill(0xffffffff, slotsAt >>> 2, (slotsAt >>> 2) + 1024)
  values.forEach((value, i) => (u32[(slotsAt >>> 2) + i] = Number(value & 0xffffffffn)))
  let at = pack(slotsAt, values.length, Math.min(width, 32), 0, target, first)
  if (width > 32) {
    values.forEach((value, i) => (u32[(slotsAt >>> 2) + i] = Number(value >> 32n)))
    at = pack(slotsAt, values.length, width - 32, 0, target, at)
  }
  expect(at - first).toBe(length)
  return target.payload.slice(first, at)
}

function unpackNarrow(packed: Uint8Array, count: number, width: number): bigint[] {
  const { u32 } = scratchOf()
  unpackTo(u32, packed, 0, count, width)
  return [...arena().u32.subarray(u32 >>> 2, (u32 >>> 2) + count)].map(BigInt)
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
        fc.constantFrom(undefined, 0, 3, 4, 6),
        (width, count, seed, shift) => {
          const values = randomValues(seed, count, width)
          const packed = packAny(values, width, shift)
          expect(packed).toEqual(naivePack(values, width))
          if (width <= 32) expect(unpackNarrow(packed, count, width)).toEqual(values)
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
