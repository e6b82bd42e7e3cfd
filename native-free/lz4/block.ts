// Raw LZ4 blocks. A block is a row of sequences; the last one has literals only:
//
//   +---------------------+-----------------+----------+------------+-------------------+
//   | token u8            | literal length, | literals | offset u16 | match length,     |
//   | literals:4 match:4  | more, u8 each   | bytes    | LE, >= 1   | more, u8 each     |
//   +---------------------+-----------------+----------+------------+-------------------+
//
// A nibble of 15 goes on in the bytes that follow: each is added, 255 means one more follows.
// A match is (match nibble + more + 4) bytes, copied from `offset` bytes back in the output; it may
// overlap itself. The last 5 bytes are always literals, and no match starts in the last 12.
// Source: https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md

const matchBytesMin = 4
const lastLiteralsBytes = 5
/** No match starts in this many last bytes. */
const matchFreeBytes = 12
const offsetMax = 0xffff
const nibbleMax = 15
const hashBitsMax = 14
const hashBitsMin = 8
/** After 2^this misses in a row the search skips one more byte each step. */
const skipShift = 6

/** A call into the engine costs as much as copying so many bytes one by one. */
const copyBytesMin = 48

/** Positions by the hash of the 4 bytes there, plus 1; 0 where none. Reused by every call. */
const positions = new Int32Array(1 << hashBitsMax)

/** The most bytes a block of `sourceBytes` bytes can take. */
export function compressedBytesMax(sourceBytes: number): number {
  return sourceBytes + Math.ceil(sourceBytes / 255) + 16
}

function hashBitsOf(sourceBytes: number): number {
  const bits = 32 - Math.clz32(sourceBytes)
  return Math.max(hashBitsMin, Math.min(hashBitsMax, bits))
}

/** Writes what a nibble of 15 left over; returns where the next byte goes. */
function writeLengthRest(target: Uint8Array, at: number, rest: number): number {
  let to = at
  let left = rest
  for (; left >= 255; left -= 255) target[to++] = 255
  target[to++] = left
  return to
}

/** Writes one token with its literals, source[from, end); returns where the next byte goes. */
function writeLiterals(
  source: Uint8Array,
  from: number,
  end: number,
  target: Uint8Array,
  at: number,
  matchNibble: number,
): number {
  const count = end - from
  let to = at
  if (count >= nibbleMax) {
    target[to++] = (nibbleMax << 4) | matchNibble
    to = writeLengthRest(target, to, count - nibbleMax)
  } else {
    target[to++] = (count << 4) | matchNibble
  }
  if (count > copyBytesMin) {
    target.set(source.subarray(from, end), to)
    return to + count
  }
  for (let index = from; index < end; index++) target[to++] = source[index]!
  return to
}

/** Writes one sequence; returns where the next byte goes. */
function writeSequence(
  source: Uint8Array,
  literalsFrom: number,
  matchFrom: number,
  offset: number,
  matchBytes: number,
  target: Uint8Array,
  at: number,
): number {
  const rest = matchBytes - matchBytesMin
  const nibble = rest < nibbleMax ? rest : nibbleMax
  let to = writeLiterals(source, literalsFrom, matchFrom, target, at, nibble)
  target[to++] = offset & 0xff
  target[to++] = offset >>> 8
  return rest < nibbleMax ? to : writeLengthRest(target, to, rest - nibbleMax)
}

/** Where the bytes from `at` on stop to equal those from `candidate` on; `end` at the latest. */
function matchEndOf(view: DataView, candidate: number, at: number, end: number): number {
  let here = at
  let there = candidate
  while (here + 4 <= end) {
    const difference = view.getInt32(here, true) ^ view.getInt32(there, true)
    if (difference !== 0) {
      const lowestBit = 31 - Math.clz32(difference & -difference)
      return here + (lowestBit >>> 3)
    }
    here += 4
    there += 4
  }
  while (here < end && view.getUint8(here) === view.getUint8(there)) {
    here++
    there++
  }
  return here
}

/** A raw LZ4 block of `source`; greedy search, one candidate for each hash. A copy, the caller's.
 *  */
export function compressBlock(source: Uint8Array): Uint8Array {
  const target = new Uint8Array(compressedBytesMax(source.length))
  const view = new DataView(source.buffer, source.byteOffset, source.byteLength)
  const hashShift = 32 - hashBitsOf(source.length)
  positions.fill(0, 0, 1 << (32 - hashShift))
  const searchEnd = source.length - matchFreeBytes
  const matchEnd = source.length - lastLiteralsBytes
  let at = 0
  let literalsFrom = 0
  let to = 0
  let misses = 1 << skipShift
  while (at < searchEnd) {
    const word = view.getInt32(at, true)
    const slot = Math.imul(word, 0x9e3779b1) >>> hashShift
    const candidate = positions[slot]! - 1
    positions[slot] = at + 1
    const isMatch =
      candidate >= 0 && at - candidate <= offsetMax && view.getInt32(candidate, true) === word
    if (!isMatch) {
      at += misses++ >>> skipShift
      continue
    }
    let matchFrom = at
    let from = candidate
    while (matchFrom > literalsFrom && from > 0 && source[matchFrom - 1] === source[from - 1]) {
      matchFrom--
      from--
    }
    const matched = matchEndOf(view, candidate + 4, at + 4, matchEnd)
    const offset = matchFrom - from
    to = writeSequence(source, literalsFrom, matchFrom, offset, matched - matchFrom, target, to)
    at = matched
    literalsFrom = matched
    misses = 1 << skipShift
    // One position inside the match: what follows it often repeats as well.
    if (at < searchEnd) {
      const inside = view.getInt32(at - 2, true)
      positions[Math.imul(inside, 0x9e3779b1) >>> hashShift] = at - 1
    }
  }
  to = writeLiterals(source, literalsFrom, source.length, target, to, 0)
  return target.slice(0, to)
}

// Where the reading of a length stopped. Module state instead of a returned pair.
let readAt = 0

/** Adds the bytes after a nibble of 15; leaves readAt behind them. -1 where the block ends first.
 *  */
function readLengthRest(block: Uint8Array, at: number): number {
  let from = at
  let sum = nibbleMax
  for (;;) {
    if (from >= block.length) return -1
    const byte = block[from++]!
    sum += byte
    if (byte !== 255) break
  }
  readAt = from
  return sum
}

function copyMatch(target: Uint8Array, to: number, offset: number, count: number): void {
  const end = to + count
  if (count < copyBytesMin) {
    for (let index = to; index < end; index++) target[index] = target[index - offset]!
    return
  }
  const from = to - offset
  if (offset === 1) {
    target.fill(target[from]!, to, end)
    return
  }
  // An overlapping match repeats `offset` bytes: each copy doubles what can be copied at once.
  for (let at = to; at < end;) {
    const piece = Math.min(at - from, end - at)
    target.copyWithin(at, from, from + piece)
    at += piece
  }
}

/**
 * Decodes a raw LZ4 block into `target` from its start on. Never reads outside `block` nor writes
 * outside `target`.
 * @returns the bytes written, or -1 where the block is malformed or `target` is too small.
 */
export function decompressBlock(block: Uint8Array, target: Uint8Array): number {
  let from = 0
  let to = 0
  while (from < block.length) {
    const token = block[from++]!
    let count = token >>> 4
    if (count === nibbleMax) {
      count = readLengthRest(block, from)
      if (count < 0) return -1
      from = readAt
    }
    if (count > block.length - from || count > target.length - to) return -1
    if (count > copyBytesMin) {
      target.set(block.subarray(from, from + count), to)
      to += count
      from += count
    } else {
      for (const end = to + count; to < end;) target[to++] = block[from++]!
    }
    // The last sequence has literals only.
    if (from === block.length) return (token & nibbleMax) === 0 ? to : -1
    if (block.length - from < 2) return -1
    const offset = block[from]! | (block[from + 1]! << 8)
    from += 2
    if (offset === 0 || offset > to) return -1
    count = token & nibbleMax
    if (count === nibbleMax) {
      count = readLengthRest(block, from)
      if (count < 0) return -1
      from = readAt
    }
    count += matchBytesMin
    if (count > target.length - to) return -1
    copyMatch(target, to, offset, count)
    to += count
  }
  return -1
}
