// The record being staged: room for its header, then entries, filled in place and written to the
// file from here, so that a row is copied once. Two of them take turns: one is staged while the
// other waits for the device. Their memory is kept from group to group: touching new memory for the first time takes
// longer than writing rows to it.
import { VarveError, assert, limits } from '#base'
import { bareBuffer } from '#batch'
import { encodeEntryHeader, entryHeaderBytes, recordHeaderBytes, viewOf } from './layout.ts'

/** Where to put an entry's bytes: [offset, offset + asked) of `bytes`. One object for all: valid
 *  until the next reserve, commitEntry, abandon or endAtomic. */
export interface Reservation {
  bytes: Uint8Array
  view: DataView
  offset: number
}

const bytesFirst = 96 << 10
/** A busy log needs all the room of a group (limits.groupBytesMax) at once: growing to it by doubling would copy the
 *  bytes again and again. */
const growth = 8
const bytesBusy = bytesFirst * growth * growth

export class GroupBuffer {
  readonly reservation: Reservation
  #bytes: Uint8Array = new Uint8Array(bytesFirst)
  #view: DataView = viewOf(this.#bytes)
  #length = recordHeaderBytes
  #reserved = -1
  #rowCount = 0

  constructor() {
    this.reservation = { bytes: this.#bytes, view: this.#view, offset: 0 }
  }

  /** Bytes of the record so far, its header included. */
  get length(): number {
    return this.#length
  }
  get rowCount(): number {
    return this.#rowCount
  }
  get isEmpty(): boolean {
    return this.#length === recordHeaderBytes
  }
  /** The record as it stands. A view. */
  get record(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }
  get view(): DataView {
    return this.#view
  }

  /** Room for an entry of at most `bytes` bytes in an append that began at `mark`. Not zeroed. */
  reserve(bytes: number, mark: number): Reservation {
    const at = this.#length + entryHeaderBytes
    const end = at + bytes
    if (end - mark > limits.appendBytesMax) {
      throw new VarveError(
        'ERR_ARGUMENT',
        'the append is too large for the log',
        { bytes: end - mark, bytesMax: limits.appendBytesMax },
        { hint: 'Split it into several appends.' },
      )
    }
    if (end + 8 > this.#bytes.length) this.#grow(end + 8)
    this.#reserved = bytes
    this.reservation.offset = at
    return this.reservation
  }

  /** Makes the reserved bytes an entry; `used` of them count. */
  commit(type: number, rowCount: number, used: number): void {
    assert(used >= 0 && used <= this.#reserved, 'log: an entry was committed without its bytes')
    const at = this.#length
    encodeEntryHeader(this.#view, at, used, type, rowCount)
    let end = at + entryHeaderBytes + used
    while (end % 8 !== 0) {
      this.#bytes[end] = 0
      end += 1
    }
    this.#length = end
    this.#rowCount += rowCount
    this.#reserved = -1
  }

  /** Drops what was staged since the buffer was `length` bytes and `rowCount` rows. */
  rewind(length: number, rowCount: number): void {
    this.#length = length
    this.#rowCount = rowCount
    this.#reserved = -1
  }

  /** Empty again. Room above `bytesKept` is given back: one huge append must not cost memory for
   *  ever. */
  reset(bytesKept: number): void {
    this.rewind(recordHeaderBytes, 0)
    if (this.#bytes.length > bytesKept) this.#move(bytesFirst)
  }

  #grow(bytes: number): void {
    const { length } = this.#bytes
    this.#move(Math.max(bytes, length * (length < bytesBusy ? growth : 2)))
  }

  #move(bytes: number): void {
    const moved = new Uint8Array(bareBuffer(bytes))
    moved.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = moved
    this.#view = viewOf(moved)
    this.reservation.bytes = moved
    this.reservation.view = this.#view
  }
}
