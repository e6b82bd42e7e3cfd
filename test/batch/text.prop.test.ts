// Goal: short strings become the bytes an encoder makes of them. Method: strings of all letters and lengths around the
// bound of what is put letter by letter, against TextEncoder; bytes before and behind must stay.
import { expect, test } from 'vitest'
import * as fc from 'fast-check'
import { putText } from '#batch'
import '../support/seed.ts'

const encoder = new TextEncoder()

test('a text is put as its UTF-8', () => {
  const unit = fc.constantFrom('a', 'Z', '~', '\u007f', '\u0080', 'é', '€', '\u{1f600}', '\0')
  const text = fc.oneof(
    fc.string({ unit, maxLength: 70 }),
    fc.string({ unit: 'binary-ascii', maxLength: 70 }),
  )
  fc.assert(
    fc.property(text, fc.nat(9), (value, at) => {
      const bytes = new Uint8Array(at + value.length * 3 + 1).fill(0xee)
      const count = putText(value, bytes, at)
      expect(bytes.subarray(at, at + count)).toEqual(encoder.encode(value))
      expect(bytes.subarray(0, at).every((byte) => byte === 0xee)).toBe(true)
      expect(bytes.at(-1)).toBe(0xee)
    }),
  )
})
