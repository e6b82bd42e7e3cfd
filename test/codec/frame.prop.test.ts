// Goal: frames of a meta come back exactly, are as short as they are drawn, and are refused where
// they pass a bound. Method: random arrays of every size of number.
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteReader, ByteWriter, hexOf } from '#base'
import {
  readFrame,
  readNumbers,
  readSigned,
  writeFrame,
  writeNumbers,
  writeSigned,
} from '../../src/codec/frame.ts'

function bytesOf(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter()
  write(writer)
  return writer.take()
}

const bits = fc.integer({ min: 0, max: 64 })
const lengths = fc.integer({ min: 1, max: 64 })

describe('frames', () => {
  it('of unsigned integers come back', () => {
    fc.assert(
      fc.property(bits, fc.bigUint64Array({ minLength: 1, maxLength: 64 }), (width, wide) => {
        const values = wide.map((value) => BigInt.asUintN(width, value))
        const reader = new ByteReader(bytesOf((writer) => writeFrame(writer, values)))
        expect(readFrame(reader, values.length)).toEqual(values)
        reader.expectEnd()
      }),
      { numRuns: 150 },
    )
  })

  it('of numbers and signed numbers come back', () => {
    const most = fc.constantFrom(0, 1, 255, 2 ** 24, 2 ** 31, Number.MAX_SAFE_INTEGER)
    fc.assert(
      fc.property(most, lengths, fc.nat(), (top, length, seed) => {
        const step = Math.max(1, Math.floor(top / 64))
        const values = Float64Array.from({ length }, (_, i) =>
          Math.min(top, (seed % step) + step * i),
        )
        const reader = new ByteReader(bytesOf((writer) => writeNumbers(writer, values)))
        expect(readNumbers(reader, length, top)).toEqual(values)
        const signed = values.map((value, i) => (i % 3 === 0 ? -value : value))
        const again = new ByteReader(bytesOf((writer) => writeSigned(writer, signed)))
        expect(readSigned(again, length).map((value) => value + 0)).toEqual(
          signed.map((value) => value + 0),
        )
      }),
      { numRuns: 150 },
    )
  })

  it('are a varint for one entry, else width, least and offsets', () => {
    const one = bytesOf((writer) => writeFrame(writer, BigUint64Array.of(300n)))
    expect(hexOf(one)).toBe('ac02')
    const four = bytesOf((writer) => writeFrame(writer, BigUint64Array.of(7n, 5n, 8n, 5n)))
    expect(hexOf(four)).toBe('020532') // 2, 0, 3, 0 in 2 bits each: 00 11 00 10
    const same = bytesOf((writer) => writeFrame(writer, BigUint64Array.of(9n, 9n, 9n)))
    expect(hexOf(same)).toBe('0009')
    const signed = bytesOf((writer) => writeSigned(writer, Float64Array.of(-3, -2)))
    expect(hexOf(signed)).toBe('010502')
  })

  it('are refused where a number passes its bound', () => {
    const bytes = bytesOf((writer) => writeNumbers(writer, [1, 2, 300]))
    expect(() => readNumbers(new ByteReader(bytes), 3, 299)).toThrow(/at most 299/)
  })
})
