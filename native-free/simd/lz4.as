// AssemblyScript, compiled by build.mjs together with kernels.as: LZ4 blocks (lz4.org, block format).

/** i % offset for offsets 1 to 15: the 16 bytes that repeat `offset` bytes. */
const repeats = memory.data<u8>([
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1,
  0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0,
  0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3,
  0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0,
  0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3,
  0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1,
  0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 6,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 1, 2, 3, 4,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 3,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 1, 2,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0, 1,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0,
])

/** Decodes a block into at most `room` bytes: how many, or -1 where it is malformed or does not fit. Copies go in 16s:
 *  64 bytes behind source and target are touched. Source and target are below 2^30 bytes. */
export function lz4Decode(source: usize, bytes: i32, target: usize, room: i32): i32 {
  const sourceEnd = source + bytes
  const start = target
  const targetEnd = target + room
  // Most sequences have few literals and a short match from not too near. Here there is room for all that such a one may
  // take, and it is copied without a loop: what ends a loop is what a processor guesses wrong.
  const shortSourceEnd = sourceEnd - 17
  const shortTargetEnd = targetEnd - 31
  while (source < sourceEnd) {
    while (source < shortSourceEnd && target < shortTargetEnd) {
      const token = <usize>load<u8>(source)
      const literals = token >>> 4
      if (literals === 15) break
      const to = target + literals
      const offset = <usize>load<u16>(source + literals, 1)
      if (offset < 16) break
      if (offset > to - start) return -1
      const match = to - offset
      let length = token & 15
      if (length === 15) {
        const more = <usize>load<u8>(source + literals, 3)
        if (more > 127) break
        length += more + 4
        if (length > targetEnd - to) return -1
        v128.store(target, v128.load(source, 1))
        v128.store(to, v128.load(match))
        v128.store(to, v128.load(match, 16), 16)
        for (let at: usize = 32; at < length; at += 16) v128.store(to + at, v128.load(match + at))
        source += literals + 4
        target = to + length
        continue
      }
      v128.store(target, v128.load(source, 1))
      v128.store(to, v128.load(match))
      store<u32>(to, load<u32>(match, 16), 16)
      source += literals + 3
      target = to + length + 4
    }
    const token = <usize>load<u8>(source)
    source += 1
    let literals = token >>> 4
    if (literals === 15) {
      let more: usize
      do {
        if (source >= sourceEnd) return -1
        more = <usize>load<u8>(source)
        source += 1
        literals += more
      } while (more === 255)
    }
    if (literals > sourceEnd - source || literals > targetEnd - target) return -1
    v128.store(target, v128.load(source))
    for (let at: usize = 16; at < literals; at += 16) v128.store(target + at, v128.load(source + at))
    source += literals
    target += literals
    if (source === sourceEnd) return (token & 15) === 0 ? <i32>(target - start) : -1
    if (sourceEnd - source < 2) return -1
    const offset = <usize>load<u16>(source)
    source += 2
    if (offset === 0 || offset > target - start) return -1
    let length = token & 15
    if (length === 15) {
      let more: usize
      do {
        if (source >= sourceEnd) return -1
        more = <usize>load<u8>(source)
        source += 1
        length += more
      } while (more === 255)
    }
    length += 4
    if (length > targetEnd - target) return -1
    const match = target - offset
    if (offset >= 16) {
      v128.store(target, v128.load(match))
      for (let at: usize = 16; at < length; at += 16) v128.store(target + at, v128.load(match + at))
    } else {
      const pattern = i8x16.swizzle(v128.load(match), v128.load(repeats + (offset << 4)))
      const step = 16 - 16 % offset
      for (let at: usize = 0; at < length; at += step) v128.store(target + at, pattern)
    }
    target += length
  }
  return -1
}

/** A block of source[0, bytes), greedy, one candidate for each hash of 4 bytes; `table` has 2^13 u32. Returns its
 *  bytes, or -1 where it would take more than `room`; bytes below 2^30. */
export function lz4Encode(source: usize, bytes: i32, target: usize, room: i32, table: usize): i32 {
  memory.fill(table, 0, 8192 << 2)
  const start = target
  const targetEnd = target + room
  const sourceEnd = source + bytes
  const matchEnd = sourceEnd - 5
  let anchor = source
  let at = source + 1
  if (bytes >= 13) {
    const searchEnd = sourceEnd - 12
    let misses: u32 = 64
    while (at <= searchEnd) {
      const word = load<u32>(at)
      const slot = table + <usize>((word * 2654435761) >>> 19 << 2)
      let match = source + <usize>load<u32>(slot)
      store<u32>(slot, <u32>(at - source))
      if (load<u32>(match) !== word || match >= at || at - match > 65535) {
        at += misses >>> 6
        misses += 1
        continue
      }
      misses = 64
      while (at > anchor && match > source && load<u8>(at - 1) === load<u8>(match - 1)) {
        at -= 1
        match -= 1
      }
      const literals = at - anchor
      let end = at + 4
      let other = match + 4
      while (end + 8 <= matchEnd) {
        const difference = load<u64>(end) ^ load<u64>(other)
        if (difference !== 0) {
          end += <usize>(ctz(difference) >>> 3)
          break
        }
        end += 8
        other += 8
      }
      if (end + 8 > matchEnd) {
        other = end - (at - match)
        while (end < matchEnd && load<u8>(end) === load<u8>(other)) {
          end += 1
          other += 1
        }
      }
      const length = end - at - 4
      if (target + literals + literals / 255 + length / 255 + 16 > targetEnd) return -1
      const token = target
      target += 1
      let high: u32 = <u32>literals
      if (literals >= 15) {
        high = 15
        let rest = literals - 15
        for (; rest >= 255; rest -= 255, target += 1) store<u8>(target, 255)
        store<u8>(target, <u8>rest)
        target += 1
      }
      for (let i: usize = 0; i < literals; i += 16) v128.store(target + i, v128.load(anchor + i))
      target += literals
      store<u16>(target, <u16>(at - match))
      target += 2
      let low: u32 = <u32>length
      if (length >= 15) {
        low = 15
        let rest = length - 15
        for (; rest >= 255; rest -= 255, target += 1) store<u8>(target, 255)
        store<u8>(target, <u8>rest)
        target += 1
      }
      store<u8>(token, <u8>((high << 4) | low))
      anchor = end
      at = end
      if (at <= searchEnd) {
        const before = at - 2
        store<u32>(table + <usize>((load<u32>(before) * 2654435761) >>> 19 << 2), <u32>(before - source))
      }
    }
  }
  const literals = sourceEnd - anchor
  if (target + literals + literals / 255 + 2 > targetEnd) return -1
  const token = target
  target += 1
  let high: u32 = <u32>literals
  if (literals >= 15) {
    high = 15
    let rest = literals - 15
    for (; rest >= 255; rest -= 255, target += 1) store<u8>(target, 255)
    store<u8>(target, <u8>rest)
    target += 1
  }
  store<u8>(token, <u8>(high << 4))
  memory.copy(target, anchor, literals)
  return <i32>(target + literals - start)
}
