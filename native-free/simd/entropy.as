// Entropy coded slots (see src/codec/README.md): range variant asymmetric numeral systems, four interleaved states of 32
// bits that take and give words of 16, after Duda, "Asymmetric numeral systems" (2013), and Giesen, "Interleaved entropy
// coders" (2014). Frequencies sum to 4,096. `states` is a struct: u32 address of the next word, then the four states.

/** The decoder's table: for each of 4,096 places u32 (place - start of its token) << 20 | (frequency - 1) << 8 | token. */
export function entropyTable(frequencies: usize, count: i32, table: usize): void {
  let word: u32 = 0
  for (let token = 0; token < count; token += 1, frequencies += 2) {
    const frequency = <u32>load<u16>(frequencies)
    word = ((frequency - 1) << 8) | <u32>token
    for (const end = table + (<usize>frequency << 2); table < end; table += 4) {
      store<u32>(table, word)
      word += 1 << 20
    }
  }
}

/** One step of a decoder: state x with word e of the table. */
// @ts-ignore: decorator
@inline
function nextState(x: u32, e: u32): u32 {
  return (((e >>> 8) & 4095) + 1) * (x >>> 12) + (e >>> 20)
}

/** `count` tokens (u8) to out, number i by state i & 3; reads at most one word a token. */
export function entropyTokens(states: usize, table: usize, count: i32, out: usize): void {
  let words: usize = load<u32>(states)
  let a = load<u32>(states, 4)
  let b = load<u32>(states, 8)
  let c = load<u32>(states, 12)
  let d = load<u32>(states, 16)
  let isLow: u32 = 0
  for (const end = out + (count & ~3); out < end; out += 4) {
    const e = load<u32>(table + (<usize>(a & 4095) << 2))
    a = nextState(a, e)
    isLow = <u32>(a < 65536)
    a = select<u32>((a << 16) | <u32>load<u16>(words), a, isLow)
    words += isLow << 1
    const f = load<u32>(table + (<usize>(b & 4095) << 2))
    b = nextState(b, f)
    isLow = <u32>(b < 65536)
    b = select<u32>((b << 16) | <u32>load<u16>(words), b, isLow)
    words += isLow << 1
    const g = load<u32>(table + (<usize>(c & 4095) << 2))
    c = nextState(c, g)
    isLow = <u32>(c < 65536)
    c = select<u32>((c << 16) | <u32>load<u16>(words), c, isLow)
    words += isLow << 1
    const h = load<u32>(table + (<usize>(d & 4095) << 2))
    d = nextState(d, h)
    isLow = <u32>(d < 65536)
    d = select<u32>((d << 16) | <u32>load<u16>(words), d, isLow)
    words += isLow << 1
    store<u32>(out, (e & 255) | ((f & 255) << 8) | ((g & 255) << 16) | (h << 24))
  }
  store<u32>(states, a, 4)
  store<u32>(states, b, 8)
  store<u32>(states, c, 12)
  store<u32>(states, d, 16)
  for (let state = states + 4, i = count & 3; i > 0; i -= 1, state += 4, out += 1) {
    const x = load<u32>(state)
    const e = load<u32>(table + (<usize>(x & 4095) << 2))
    let next = nextState(x, e)
    if (next < 65536) {
      next = (next << 16) | <u32>load<u16>(words)
      words += 2
    }
    store<u32>(state, next)
    store<u8>(out, e)
  }
  store<u32>(states, <u32>words)
}

/** out[i] = base of tokens[i], u32, plus as many bits from `bits` as it has: `values` holds u32 base and u32 bits
 *  (0 to 31) a token. Returns how many bits. Reads 8 bytes from where the last bits begin. */
export function tokenSlots(tokens: usize, count: i32, values: usize, bits: usize, out: usize): u32 {
  let at: u32 = 0
  for (const end = tokens + count; tokens < end; tokens += 1, out += 4) {
    const value = load<u64>(values + (<usize>load<u8>(tokens) << 3))
    const width = <u32>(value >>> 32)
    const word = load<u64>(bits + (at >>> 3)) >>> (at & 7)
    store<u32>(out, <u32>value + (<u32>word & ((1 << width) - 1)))
    at += width
  }
  return at
}

/** The same where no token has bits. */
export function tokenBases(tokens: usize, count: i32, values: usize, out: usize): void {
  for (const end = tokens + count; tokens < end; tokens += 4, out += 16) {
    store<u32>(out, load<u32>(values + (<usize>load<u8>(tokens) << 3)))
    store<u32>(out, load<u32>(values + (<usize>load<u8>(tokens, 1) << 3)), 4)
    store<u32>(out, load<u32>(values + (<usize>load<u8>(tokens, 2) << 3)), 8)
    store<u32>(out, load<u32>(values + (<usize>load<u8>(tokens, 3) << 3)), 12)
  }
}

// ---- encoding

/** Counts slots (u32) in a table of mask + 1 entries, u32 slot and u32 count, a power of two, 0 where free; the numbers
 *  of entries in use (u32) at used, `known` of them before. Returns how many after; the table has more entries. */
export function countSlots(slots: usize, count: i32, table: usize, mask: u32, used: usize, known: u32): u32 {
  for (const end = slots + (<usize>count << 2); slots < end; slots += 4) {
    const slot = load<u32>(slots)
    let entry = ((slot * 0x9e3779b1) >>> 15) & mask
    let at = table + (<usize>entry << 3)
    let times = load<u32>(at, 4)
    while (times !== 0 && load<u32>(at) !== slot) {
      entry = (entry + 1) & mask
      at = table + (<usize>entry << 3)
      times = load<u32>(at, 4)
    }
    if (times === 0) {
      store<u32>(at, slot)
      store<u32>(used + (<usize>known << 2), entry)
      known += 1
    }
    store<u32>(at, times + 1, 4)
  }
  return known
}

/** Tokens (u8) of slots (u32). `exact`: 1,024 entries of u32 slot and u32 token + 1, 0 where free; other slots get the
 *  token of their span from spans (u8), and their bits go to `bits`. Returns how many bits. Writes 8 bytes from where
 *  the last bits begin. */
export function tokensOf(slots: usize, count: i32, exact: usize, centre: u32, spans: usize, tokens: usize, bits: usize): u32 {
  let held: u64 = 0
  let at: u32 = 0
  for (const end = slots + (<usize>count << 2); slots < end; slots += 4, tokens += 1) {
    const slot = load<u32>(slots)
    let entry = (slot * 0x9e3779b1) >>> 22
    let token = load<u32>(exact + (<usize>entry << 3), 4)
    while (token !== 0 && load<u32>(exact + (<usize>entry << 3)) !== slot) {
      entry = (entry + 1) & 1023
      token = load<u32>(exact + (<usize>entry << 3), 4)
    }
    if (token !== 0) {
      store<u8>(tokens, token - 1)
      continue
    }
    const isLower = slot < centre
    const distance = isLower ? centre - slot : slot - centre
    const length = <u32>(32 - clz(distance))
    store<u8>(tokens, load<u8>(spans + (isLower ? 33 + length : length)))
    if (length < 2) continue
    const width = length - 1
    const low = distance - (1 << width)
    const rest = isLower ? (1 << width) - 1 - low : low
    held |= <u64>rest << (at & 7)
    store<u64>(bits + (at >>> 3), held)
    const next = at + width
    held >>>= ((next >>> 3) - (at >>> 3)) << 3
    at = next
  }
  return at
}

/** The words of `count` tokens (u8), last one first, below the address in states, and the states after them. `coder`:
 *  u32 frequency and u32 start a token. */
export function entropyCode(states: usize, coder: usize, count: i32, tokens: usize): void {
  let words: usize = load<u32>(states)
  for (let i = count - 1; i >= 0; i -= 1) {
    const state = states + 4 + ((i & 3) << 2)
    const entry = load<u64>(coder + (<usize>load<u8>(tokens + i) << 3))
    const frequency = <u32>entry
    let x = load<u32>(state)
    if (x >>> 20 >= frequency) {
      words -= 2
      store<u16>(words, x)
      x >>>= 16
    }
    const quotient = x / frequency
    store<u32>(state, (quotient << 12) + (x - quotient * frequency) + <u32>(entry >>> 32))
  }
  store<u32>(states, <u32>words)
}
