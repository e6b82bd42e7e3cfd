// Goal: memory that is not zeroed is as long as it was asked for, and only where it pays; columns
// made of it start as zeroed ones do in what rows do not write. Method: memory that is full of a
// pattern, lengths around the threshold, every physical type.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { allocateColumn, allocateTogether, bareBuffer } from '#batch'
import type { Physical } from '#batch'
import { bare } from '../../src/batch/allocate.ts'
import { patternedMemory } from '../support/bare.ts'

const { bytesMin } = bare
let restore: () => void

beforeEach(() => {
  restore = patternedMemory(bytesMin)
})
afterEach(() => restore())

test('short buffers are zeroed, long ones are not; all have the bytes asked for', () => {
  for (const bytes of [0, 8, bytesMin - 8, bytesMin, bytesMin + 8, 1 << 20]) {
    const buffer = bareBuffer(bytes)
    expect(buffer.byteLength).toBe(bytes)
    const first = new Uint8Array(buffer)[0]
    expect(first).toBe(bytes === 0 ? undefined : bytes < bytesMin ? 0 : 0xa5)
  }
})

test('memory as it comes has the bytes asked for, small and large', () => {
  restore()
  for (const bytes of [bytesMin, 100_000, 5 << 20, (9 << 20) + 8]) {
    const buffer = bareBuffer(bytes)
    expect(buffer).toBeInstanceOf(ArrayBuffer)
    expect(buffer.byteLength).toBe(bytes)
    const values = new Float64Array(buffer)
    values.fill(1.5)
    expect(values.every((value) => value === 1.5)).toBe(true)
  }
})

test('columns of such memory: arrays alone in their buffers, first offset 0, present all 1', () => {
  const rowCount = 5000
  const options = { optional: true, isOverwritten: true }
  for (const physical of [
    'f64',
    'i64',
    'i32',
    'u8',
    'code',
    'bytes',
  ] as const satisfies Physical[]) {
    const column = allocateColumn(physical, rowCount, options)
    const array = column.physical === 'bytes' ? column.offsets : column.values
    expect(array.length).toBe(physical === 'bytes' ? rowCount + 1 : rowCount)
    expect(array.buffer.byteLength).toBe(array.byteLength)
    expect(new Uint8Array(array.buffer).at(-1)).toBe(0xa5)
    if (column.physical === 'bytes') expect(column.offsets[0]).toBe(0)
    if (!('present' in column)) continue
    expect(column.present?.every((byte) => byte === 1)).toBe(true)
  }
  const zeroed = allocateColumn('f64', rowCount, { optional: true })
  expect(zeroed.physical === 'f64' && zeroed.values.every((value) => value === 0)).toBe(true)
})

test('columns of a small answer share a buffer, without a byte in common; those of a long one do not', () => {
  const physicals = ['u8', 'f64', 'i32', 'bytes', 'i64', 'code', 'u8'] as const
  const specs = physicals.map((physical, at) => ({ physical, optional: at % 2 === 1 }))
  for (const rowCount of [0, 1, 63, 64, 1001, 8000, 20_000]) {
    const columns = allocateTogether(specs, rowCount, 10)
    const arrays = columns.map((column) =>
      column.physical === 'bytes' ? column.offsets : column.values,
    )
    arrays.forEach((array, at) => {
      expect(columns[at]!.physical).toBe(physicals[at])
      expect(array.length).toBe(rowCount + (physicals[at] === 'bytes' ? 1 : 0))
      if (columns[at]!.physical === 'bytes') expect(array[0]).toBe(0)
    })
    const isShared = rowCount >= 64 && rowCount <= 8000
    const buffers = new Set(arrays.map(({ buffer }) => buffer))
    expect(buffers.size).toBe(isShared ? 1 : physicals.length)
    if (!isShared) continue
    const spans = arrays.map(({ byteOffset, byteLength }) => [byteOffset, byteOffset + byteLength])
    spans.slice(1).forEach(([from], at) => expect(from).toBeGreaterThanOrEqual(spans[at]![1]!))
    expect(spans.at(-1)![1]).toBeLessThanOrEqual(arrays[0]!.buffer.byteLength)
  }
})
