// Goal: the scalar xxh64 is xxh64.
// Method: against a direct transcription of the specification in BigInt, for random bytes and
// seeds. (The published vectors and the WebAssembly twin are in test/kernel/conformance.test.ts.)
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { xxh64, xxh64Low32 } from '#native-free/xxhash'

const p1 = 0x9e3779b185ebca87n
const p2 = 0xc2b2ae3d27d4eb4fn
const p3 = 0x165667b19e3779f9n
const p4 = 0x85ebca77c2b2ae63n
const p5 = 0x27d4eb2f165667c5n
const u64 = (value: bigint): bigint => BigInt.asUintN(64, value)
const turn = (value: bigint, bits: bigint): bigint => u64((value << bits) | (value >> (64n - bits)))
const round = (sum: bigint, lane: bigint): bigint => u64(turn(u64(sum + lane * p2), 31n) * p1)

function specified(bytes: Uint8Array, seed: bigint): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  let sum = u64(seed + p5)
  if (bytes.length >= 32) {
    const lanes = [seed + p1 + p2, seed + p2, seed, seed - p1].map(u64)
    for (; at + 32 <= bytes.length; at += 32) {
      lanes.forEach((lane, index) => {
        lanes[index] = round(lane, view.getBigUint64(at + index * 8, true))
      })
    }
    const turns = [1n, 7n, 12n, 18n]
    sum = u64(lanes.reduce((all, lane, index) => all + turn(lane, turns[index]!), 0n))
    for (const lane of lanes) sum = u64((sum ^ round(0n, lane)) * p1 + p4)
  }
  sum = u64(sum + BigInt(bytes.length))
  for (; at + 8 <= bytes.length; at += 8) {
    sum = u64(turn(sum ^ round(0n, view.getBigUint64(at, true)), 27n) * p1 + p4)
  }
  if (at + 4 <= bytes.length) {
    sum = u64(turn(sum ^ u64(BigInt(view.getUint32(at, true)) * p1), 23n) * p2 + p3)
    at += 4
  }
  for (; at < bytes.length; at++) {
    sum = u64(turn(sum ^ u64(BigInt(bytes[at]!) * p5), 11n) * p1)
  }
  sum = u64((sum ^ (sum >> 33n)) * p2)
  sum = u64((sum ^ (sum >> 29n)) * p3)
  return sum ^ (sum >> 32n)
}

it('equals the specification for any bytes and seed', () => {
  const seeds = fc.oneof(
    fc.constantFrom(0n, 1n, (1n << 32n) - 1n, 1n << 32n, 1n << 63n, (1n << 64n) - 1n),
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  )
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.uint8Array({ maxLength: 1000 }),
    fc.nat(200).map((length) => new Uint8Array(length).fill(0xff)),
  )
  fc.assert(
    fc.property(bytes, seeds, (bytes, seed) => {
      expect(xxh64(bytes, seed)).toBe(specified(bytes, seed))
      expect(xxh64Low32(bytes)).toBe(Number(specified(bytes, 0n) & 0xffffffffn))
    }),
    { numRuns: 1000 },
  )
})
