// Goal: what ByteWriter writes, ByteReader reads back, and bytes that end too soon or are malformed are ERR_CORRUPT with
// the place. Method: random sequences of fields, written, read, cut at every length.
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader, ByteWriter, VarveError, bytesOfHex, hexOf } from '#base'

const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const i64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const field = fc.oneof(
  fc.record({ type: fc.constant('u8' as const), value: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ type: fc.constant('u16' as const), value: fc.integer({ min: 0, max: 65535 }) }),
  fc.record({ type: fc.constant('u32' as const), value: fc.integer({ min: 0, max: 2 ** 32 - 1 }) }),
  fc.record({ type: fc.constant('u64' as const), value: u64 }),
  fc.record({ type: fc.constant('i64' as const), value: i64 }),
  fc.record({ type: fc.constant('f64' as const), value: fc.double() }),
  fc.record({ type: fc.constant('varint' as const), value: fc.maxSafeNat() }),
  fc.record({ type: fc.constant('varint64' as const), value: u64 }),
  fc.record({ type: fc.constant('zigzag64' as const), value: i64 }),
  fc.record({ type: fc.constant('string' as const), value: fc.string({ unit: 'grapheme' }) }),
)

function write(writer: ByteWriter, fields: readonly { type: string; value: unknown }[]): void {
  for (const { type, value } of fields) {
    const put = writer[type as 'u8'] as (value: unknown) => ByteWriter
    put.call(writer, value)
  }
}

function read(reader: ByteReader, fields: readonly { type: string }[]): unknown[] {
  return fields.map(({ type }) => (reader[type as 'u8'] as () => unknown).call(reader))
}

/** A varint, a group of 7 bits at a time. */
function slowVarint(value: bigint): number[] {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return [...bytes, Number(rest)]
}

/** Of every size, and the numbers where fast ways end. */
const anySize = fc.oneof(
  fc.tuple(u64, fc.nat(63)).map(([value, shift]) => value >> BigInt(shift)),
  fc.tuple(fc.nat(64), fc.integer({ min: -2, max: 2 })).map(([bit, more]) => {
    return BigInt.asUintN(64, (1n << BigInt(bit)) + BigInt(more))
  }),
)

describe('varints', () => {
  test('are those of the slow twin', () => {
    fc.assert(
      fc.property(anySize, (value) => {
        const bytes = slowVarint(value)
        expect([...new ByteWriter().varint64(value).view()]).toEqual(bytes)
        if (value <= BigInt(Number.MAX_SAFE_INTEGER)) {
          expect([...new ByteWriter().varint(Number(value)).view()]).toEqual(bytes)
        }
        const signed = BigInt.asIntN(64, value)
        for (const each of [signed, -signed]) {
          if (BigInt.asIntN(64, each) !== each) continue
          const zigzag = BigInt.asUintN(64, (each << 1n) ^ (each >> 63n))
          expect([...new ByteWriter().zigzag64(each).view()]).toEqual(slowVarint(zigzag))
        }
      }),
      { numRuns: 1000 },
    )
  })
})

describe('strings', () => {
  test('are a varint length and UTF-8, short and long, ASCII and not', () => {
    const encoder = new TextEncoder()
    const any = fc.oneof(
      fc.string({ maxLength: 300 }),
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.constantFrom('a'.repeat(127), 'a'.repeat(128), `${'a'.repeat(126)}\u00e9`, '\ud800'),
    )
    fc.assert(
      fc.property(any, any, (first, second) => {
        const written = new ByteWriter(1).string(first).string(second).take()
        const expected = [first, second].flatMap((each) => {
          const utf8 = encoder.encode(each)
          return [...slowVarint(BigInt(utf8.length)), ...utf8]
        })
        expect([...written]).toEqual(expected)
      }),
      { numRuns: 300 },
    )
  })
})

describe('bytes', () => {
  test('what is written is read', () => {
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const writer = new ByteWriter(1)
        write(writer, fields)
        expect(writer.take().length).toBe(writer.length)
        const reader = new ByteReader(writer.view())
        expect(read(reader, fields)).toEqual(fields.map(({ value }) => value))
        reader.expectEnd()
      }),
      { numRuns: 300 },
    )
  })

  test('bytes that end too soon are ERR_CORRUPT with the place', () => {
    fc.assert(
      fc.property(fc.array(field, { minLength: 1 }), fc.nat(), (fields, where) => {
        const writer = new ByteWriter()
        write(writer, fields)
        const cut = where % writer.length
        const reader = new ByteReader(writer.take().subarray(0, cut), { file: 'x' })
        try {
          read(reader, fields)
          expect.unreachable()
        } catch (error) {
          expect(error).toBeInstanceOf(VarveError)
          expect((error as VarveError).code).toBe('ERR_CORRUPT')
          expect((error as VarveError).details).toMatchObject({ file: 'x' })
        }
      }),
      { numRuns: 300 },
    )
  })

  test.each([
    ['a varint above 2^53', 'ffffffffffffff7f', (reader: ByteReader) => reader.varint()],
    ['a varint without end', 'ffffffffffffffffffff', (reader: ByteReader) => reader.varint()],
    ['a varint64 above 2^64', 'ffffffffffffffffff7f', (reader: ByteReader) => reader.varint64()],
    ['a varint64 without end', 'ffffffffffffffffffffff', (reader: ByteReader) => reader.varint64()],
    ['a string that is not UTF-8', '02c328', (reader: ByteReader) => reader.string()],
    ['a string that is too long', '05', (reader: ByteReader) => reader.string(4)],
    ['a count above what is left', '05aa', (reader: ByteReader) => reader.count()],
    ['bytes behind the end', '00', (reader: ByteReader) => reader.expectEnd()],
  ])('%s is refused', (_name, hex, action) => {
    expect(() => action(new ByteReader(bytesOfHex(hex)))).toThrow(
      expect.objectContaining({ code: 'ERR_CORRUPT' }),
    )
  })

  test('bytes can be aligned, patched and reused', () => {
    const writer = new ByteWriter(2).u8(1).align(8).u32(0).u64(0n)
    writer.patchU32(8, 0xdeadbeef)
    writer.patchU64(12, 2n ** 64n - 1n)
    expect(hexOf(writer.view())).toBe('0100000000000000efbeaddeffffffffffffffff')
    writer.reset()
    expect(writer.align(4).length).toBe(0)
  })
})
