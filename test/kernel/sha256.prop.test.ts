// Goal: gathering short inputs changes no hash. Method: random pieces around the size up to which
// they are gathered, several hashes under way at once, beside node:crypto in one piece.
import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sha256 } from '#kernel'

const size = fc.oneof(
  fc.nat(200),
  fc.integer({ min: (16 << 10) - 3, max: (16 << 10) + 3 }),
  fc.nat(40_000),
)
const input = fc.record({ sizes: fc.array(size, { maxLength: 5 }), seed: fc.nat(255) })

function piecesOf({ sizes, seed }: { sizes: number[]; seed: number }): Uint8Array[] {
  return sizes.map((length, at) => Uint8Array.from({ length }, (_, i) => seed + at * 7 + i * i))
}

describe('sha256 in pieces', () => {
  it('is that of the whole, whatever else is hashed meanwhile', () => {
    fc.assert(
      fc.property(fc.array(input, { minLength: 1, maxLength: 4 }), (inputs) => {
        const all = inputs.map(piecesOf)
        const hashes = all.map(() => sha256())
        for (let at = 0; at < 5; at += 1) {
          all.forEach((pieces, which) => {
            const piece = pieces[at]
            if (piece === undefined) return
            hashes[which]!.update(piece)
            // What was given may be used again at once.
            piece.set(piece.map((byte) => byte ^ 255))
          })
        }
        hashes.forEach((hash, which) => {
          const whole = Buffer.concat(piecesOf(inputs[which]!))
          expect(Buffer.from(hash.digest())).toEqual(createHash('sha256').update(whole).digest())
        })
      }),
      { numRuns: 20 },
    )
  })
})
