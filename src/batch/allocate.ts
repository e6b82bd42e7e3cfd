// Making, growing and copying columns. `rows in use` are always the caller's to know.
import { assertNever } from '#base'
import { bareMemory } from '#kernel'
import { absentCode, absentInt64 } from './column-data.ts'
import type { BytesData, ColumnData, Physical } from './column-data.ts'

export interface AllocateOptions {
  /** Optional i32, u8 and bytes columns get a `present` byte a row. */
  readonly optional: boolean
  /** For code columns: the dictionary to use, by reference. */
  readonly dictionary?: string[]
  /** For bytes columns: room to start with. */
  readonly bytesExpected?: number
  /** The caller writes every row before anybody else sees the column, or drops it: values may then
   *  start as whatever the memory held, which saves zeroing it. */
  readonly isOverwritten?: boolean
  /** Where values come from then. @default bareMemory */
  readonly room?: Room
}

/** Bytes of a buffer that may hold more: [byteOffset, byteOffset + the bytes asked for). */
export interface Piece {
  readonly buffer: ArrayBuffer
  /** A multiple of 8. */
  readonly byteOffset: number
}

/** Gives memory with anything in it. */
export type Room = (bytes: number) => Piece

/** Where memory comes from that its owner writes in full. Tests put a pattern there, to see that
 *  nothing unwritten is ever shown. */
export const bare = {
  /** Below it zeroing costs less than the detour. */
  bytesMin: 4096,
  /** Exactly `bytes` bytes, with anything in them. */
  allocate: bareMemory,
}

/** A buffer of `bytes` bytes that the caller writes in full before anybody else sees it. */
export function bareBuffer(bytes: number): ArrayBuffer {
  return bytes < bare.bytesMin ? new ArrayBuffer(bytes) : bare.allocate(bytes)
}

const ownRoom: Room = (bytes) => ({ buffer: bareBuffer(bytes), byteOffset: 0 })

/** A column with room for `rowCount` rows. Values are zero (present: 1), which is not absent: fill what you
 * allocate. */
export function allocateColumn(
  physical: Physical,
  rowCount: number,
  options: AllocateOptions,
): ColumnData {
  const isBare = options.isOverwritten === true && rowCount * 8 >= bare.bytesMin
  if (isBare) return bareColumn(physical, rowCount, options)
  switch (physical) {
    case 'f64':
      return { physical, values: new Float64Array(rowCount) }
    case 'i64':
      return { physical, values: new BigInt64Array(rowCount) }
    case 'i32':
      return { physical, values: new Int32Array(rowCount), present: presence(rowCount, options) }
    case 'u8':
      return { physical, values: new Uint8Array(rowCount), present: presence(rowCount, options) }
    case 'code':
      return { physical, values: new Uint32Array(rowCount), dictionary: options.dictionary ?? [] }
    case 'bytes':
      return {
        physical,
        offsets: new Uint32Array(rowCount + 1),
        bytes: new Uint8Array(options.bytesExpected ?? rowCount * 8),
        present: presence(rowCount, options),
      }
    default:
      return assertNever(physical)
  }
}

/** The same without zeroing, except for what rows do not write: offsets[0]. */
function bareColumn(physical: Physical, rowCount: number, options: AllocateOptions): ColumnData {
  const room = options.room ?? ownRoom
  switch (physical) {
    case 'f64':
      return { physical, values: bareF64(rowCount, room) }
    case 'i64':
      return { physical, values: bareI64(rowCount, room) }
    case 'i32':
      return { physical, values: bareI32(rowCount, room), present: presence(rowCount, options) }
    case 'u8':
      return { physical, values: bareU8(rowCount, room), present: presence(rowCount, options) }
    case 'code':
      return { physical, values: bareU32(rowCount, room), dictionary: options.dictionary ?? [] }
    case 'bytes': {
      const offsets = bareU32(rowCount + 1, room)
      offsets[0] = 0
      const bytes = new Uint8Array(options.bytesExpected ?? rowCount * 8)
      return { physical, offsets, bytes, present: presence(rowCount, options) }
    }
    default:
      return assertNever(physical)
  }
}

/** Bytes of the room that a column takes in `allocateTogether`. */
function roomBytes(physical: Physical, rowCount: number): number {
  switch (physical) {
    case 'f64':
    case 'i64':
      return rowCount * 8
    case 'i32':
    case 'code':
      return (rowCount * 4 + 7) & ~7
    case 'u8':
      return (rowCount + 7) & ~7
    case 'bytes':
      return ((rowCount + 1) * 4 + 7) & ~7
    default:
      return assertNever(physical)
  }
}

/** Columns of fewer rows lie in objects of their own, where nothing has to be asked for. */
const togetherRowsMin = 64
/** What is longer than this has buffers of its own: nobody shall hold so much for the sake of one column. */
const togetherBytesMax = 256 << 10

/** Columns that the caller writes in full, as with `isOverwritten`. Small ones share one buffer: memory is asked for,
 *  and given back, once and not once a column. */
export function allocateTogether(
  physicals: readonly { readonly physical: Physical; readonly optional: boolean }[],
  rowCount: number,
  bytesExpected: number,
): ColumnData[] {
  let bytes = 0
  for (const { physical } of physicals) bytes += roomBytes(physical, rowCount)
  if (rowCount < togetherRowsMin || bytes > togetherBytesMax) {
    return physicals.map(({ physical, optional }) =>
      allocateColumn(physical, rowCount, { optional, bytesExpected, isOverwritten: true }),
    )
  }
  const buffer = bareBuffer(bytes)
  let byteOffset = 0
  return physicals.map(({ physical, optional }) => {
    const own = { buffer, byteOffset }
    byteOffset += roomBytes(physical, rowCount)
    const room = (): Piece => own
    return bareColumn(physical, rowCount, { optional, bytesExpected, isOverwritten: true, room })
  })
}

function bareF64(count: number, room: Room): Float64Array {
  const { buffer, byteOffset } = room(count * 8)
  return new Float64Array(buffer, byteOffset, count)
}

function bareI64(count: number, room: Room): BigInt64Array {
  const { buffer, byteOffset } = room(count * 8)
  return new BigInt64Array(buffer, byteOffset, count)
}

function bareI32(count: number, room: Room): Int32Array {
  const { buffer, byteOffset } = room(count * 4)
  return new Int32Array(buffer, byteOffset, count)
}

function bareU32(count: number, room: Room): Uint32Array {
  const { buffer, byteOffset } = room(count * 4)
  return new Uint32Array(buffer, byteOffset, count)
}

function bareU8(count: number, room: Room): Uint8Array {
  const { buffer, byteOffset } = room(count)
  return new Uint8Array(buffer, byteOffset, count)
}

function presence(rowCount: number, options: AllocateOptions): Uint8Array | undefined {
  if (!options.optional) return undefined
  const isBare = options.isOverwritten === true && rowCount >= bare.bytesMin
  return (isBare ? new Uint8Array(bareBuffer(rowCount)) : new Uint8Array(rowCount)).fill(1)
}

/** Rows [from, end) of a column as a column, over the same memory; undefined for texts, which are not cut, and for
 *  symbols, whose dictionary may know strings that none of those rows has. */
export function columnPart(column: ColumnData, from: number, end: number): ColumnData | undefined {
  switch (column.physical) {
    case 'f64':
      return { physical: 'f64', values: column.values.subarray(from, end) }
    case 'i64':
      return { physical: 'i64', values: column.values.subarray(from, end) }
    case 'i32': {
      const present = column.present?.subarray(from, end)
      return { physical: 'i32', values: column.values.subarray(from, end), present }
    }
    case 'u8': {
      const present = column.present?.subarray(from, end)
      return { physical: 'u8', values: column.values.subarray(from, end), present }
    }
    case 'code':
    case 'bytes':
      return undefined
    default:
      return assertNever(column)
  }
}

/** How many rows `column` has room for. */
export function rowCapacity(column: ColumnData): number {
  return column.physical === 'bytes' ? column.offsets.length - 1 : column.values.length
}

/** The same column with room for `rowCount` rows; the first `rowsUsed` rows are kept, those behind are anything. Arrays
 *  are replaced, the object stays the same. */
export function growColumn(
  column: ColumnData,
  rowsUsed: number,
  rowCount: number,
  room: Room = ownRoom,
): void {
  switch (column.physical) {
    case 'f64':
      column.values = kept(column.values, rowsUsed, bareF64(rowCount, room))
      return
    case 'i64': {
      const values = bareI64(rowCount, room)
      values.set(column.values.subarray(0, rowsUsed))
      column.values = values
      return
    }
    case 'code':
      column.values = kept(column.values, rowsUsed, bareU32(rowCount, room))
      return
    case 'i32':
      column.values = kept(column.values, rowsUsed, bareI32(rowCount, room))
      break
    case 'u8':
      column.values = kept(column.values, rowsUsed, bareU8(rowCount, room))
      break
    case 'bytes':
      column.offsets = kept(column.offsets, rowsUsed + 1, bareU32(rowCount + 1, room))
      break
    default:
      assertNever(column)
  }
  if (column.present !== undefined) {
    column.present = kept(column.present, rowsUsed, new Uint8Array(rowCount).fill(1))
  }
}

function kept<A extends Float64Array | Uint32Array | Int32Array | Uint8Array>(
  source: A,
  used: number,
  target: A,
): A {
  target.set(source.subarray(0, used))
  return target
}

/** Makes sure `column.bytes` has room for `count` more bytes after `used`. */
export function reserveBytes(column: BytesData, used: number, count: number): void {
  if (used + count <= column.bytes.length) return
  const bytes = new Uint8Array(Math.max(used + count, column.bytes.length * 2, 64))
  bytes.set(column.bytes.subarray(0, used))
  column.bytes = bytes
}

/** Marks rows [from, end) absent: the value column-data.ts names for the physical type. For bytes columns rows before
 *  `from` must be filled already. */
export function fillAbsent(column: ColumnData, from: number, end: number): void {
  switch (column.physical) {
    case 'f64':
      column.values.fill(Number.NaN, from, end)
      return
    case 'i64':
      column.values.fill(absentInt64, from, end)
      return
    case 'code':
      column.values.fill(absentCode, from, end)
      return
    case 'i32':
    case 'u8':
      column.values.fill(0, from, end)
      break
    case 'bytes':
      column.offsets.fill(column.offsets[from]!, from + 1, end + 1)
      break
    default:
      assertNever(column)
  }
  column.present?.fill(0, from, end)
}
