// Memory for the columns of chunks. A column of a full chunk takes some 500 KiB, and a head is
// filled with new ones all the time: to touch fresh pages for the first time takes longer than
// everything else that an append does. So columns are cut from slabs that are large enough for the
// system's large pages (kernel/memory.ts), nothing is zeroed, and a slab is used again when all
// chunks that had a part of it have given it back. Those that never do, because somebody may still
// read them, leave theirs to the garbage collector; so does a slab that nobody takes for a while.
//
// A slab is shared: nobody may transfer the buffer of a chunk's column to another thread.
import { assert } from '#base'
import { bareBuffer } from '#batch'
import type { Piece, Room } from '#batch'

const slabBytes = 16 << 20
/** Smaller ones belong to series that have few rows: those have buffers of their own, so that they hold no slab. */
const pieceBytesMin = 256 << 10

interface Slab {
  readonly buffer: ArrayBuffer
  used: number
  /** Pieces that were not given back. */
  pieces: number
}

let current: Slab = { buffer: new ArrayBuffer(0), used: slabBytes, pieces: 0 }
/** Nobody uses them, and the garbage collector may have them. */
const idle: WeakRef<Slab>[] = []

function nextSlab(): Slab {
  for (;;) {
    const last = idle.pop()
    if (last === undefined) return { buffer: bareBuffer(slabBytes), used: 0, pieces: 0 }
    const slab = last.deref()
    if (slab !== undefined) return slab
  }
}

/** The memory of one chunk. */
export class ChunkRoom {
  readonly #slabs: Slab[] = []

  /** `bytes` bytes with anything in them. */
  readonly take: Room = (bytes): Piece => {
    if (bytes < pieceBytesMin || bytes > slabBytes) {
      return { buffer: bareBuffer(bytes), byteOffset: 0 }
    }
    if (current.used + bytes > slabBytes) current = nextSlab()
    const slab = current
    const byteOffset = slab.used
    slab.used += (bytes + 63) & -64
    slab.pieces += 1
    this.#slabs.push(slab)
    return { buffer: slab.buffer, byteOffset }
  }

  /** Nobody will read or write any of it again: others may get it. */
  giveBack(): void {
    for (const slab of this.#slabs) {
      slab.pieces -= 1
      assert(slab.pieces >= 0, 'chunk room: memory is given back once')
      if (slab.pieces > 0) continue
      slab.used = 0
      if (slab !== current) idle.push(new WeakRef(slab))
    }
    this.#slabs.length = 0
  }
}
