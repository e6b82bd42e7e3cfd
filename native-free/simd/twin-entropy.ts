// The scalar twins of entropy.as, one token at a time.
const places = 4096
const lowest = 65536

/** The entry of `slot` in a table of (slot, what is not 0) pairs, or the free one where it would be. */
function entryOf(u32: Uint32Array, table: number, slot: number, first: number, mask: number) {
  let entry = first
  while (u32[table + entry * 2 + 1] !== 0 && u32[table + entry * 2] !== slot) {
    entry = (entry + 1) & mask
  }
  return entry
}

const hash = (slot: number): number => Math.imul(slot, 0x9e3779b1) >>> 0

function decodingTwins(u8: Uint8Array, u16: Uint16Array, u32: Uint32Array) {
  const bitAt = (bits: number, at: number): number => (u8[bits + (at >>> 3)]! >>> (at & 7)) & 1
  return {
    entropyTable(frequencies: number, count: number, table: number): void {
      let place = table >>> 2
      for (let token = 0; token < count; token += 1) {
        const frequency = u16[(frequencies >>> 1) + token]!
        for (let from = 0; from < frequency; from += 1, place += 1) {
          u32[place] = (from << 20) | ((frequency - 1) << 8) | token
        }
      }
    },
    entropyTokens(states: number, table: number, count: number, out: number): void {
      const held = states >>> 2
      for (let i = 0; i < count; i += 1) {
        const state = held + 1 + (i & 3)
        const x = u32[state]!
        const entry = u32[(table >>> 2) + (x % places)]!
        u8[out + i] = entry & 255
        let next = (((entry >>> 8) & 4095) + 1) * (x >>> 12) + (entry >>> 20)
        if (next < lowest) {
          next = next * lowest + u16[u32[held]! >>> 1]!
          u32[held] = u32[held]! + 2
        }
        u32[state] = next
      }
    },
    tokenSlots(tokens: number, count: number, values: number, bits: number, out: number): number {
      let at = 0
      for (let i = 0; i < count; i += 1) {
        const value = (values >>> 2) + u8[tokens + i]! * 2
        let rest = 0
        for (let b = 0; b < u32[value + 1]!; b += 1) rest += bitAt(bits, at + b) * 2 ** b
        at += u32[value + 1]!
        u32[(out >>> 2) + i] = u32[value]! + rest
      }
      return at
    },
    tokenBases(tokens: number, count: number, values: number, out: number): void {
      for (let i = 0; i < count; i += 1) {
        u32[(out >>> 2) + i] = u32[(values >>> 2) + u8[tokens + i]! * 2]!
      }
    },
  }
}

/** The twins over one memory, seen three ways. */
export function entropyTwins(u8: Uint8Array, u16: Uint16Array, u32: Uint32Array) {
  const putBit = (bits: number, at: number, bit: number): void => {
    if ((at & 7) === 0) u8[bits + (at >>> 3)] = 0
    u8[bits + (at >>> 3)]! |= bit << (at & 7)
  }
  return {
    ...decodingTwins(u8, u16, u32),
    countSlots(
      slots: number,
      count: number,
      table: number,
      mask: number,
      used: number,
      known: number,
    ): number {
      let inUse = known
      for (let i = 0; i < count; i += 1) {
        const slot = u32[(slots >>> 2) + i]!
        const entry = entryOf(u32, table >>> 2, slot, (hash(slot) >>> 15) & mask, mask)
        const at = (table >>> 2) + entry * 2
        if (u32[at + 1] === 0) {
          u32[at] = slot
          u32[(used >>> 2) + inUse] = entry
          inUse += 1
        }
        u32[at + 1]! += 1
      }
      return inUse
    },
    tokensOf(
      slots: number,
      count: number,
      exact: number,
      centre: number,
      spans: number,
      tokens: number,
      bits: number,
    ): number {
      let at = 0
      for (let i = 0; i < count; i += 1) {
        const slot = u32[(slots >>> 2) + i]!
        const entry = entryOf(u32, exact >>> 2, slot, hash(slot) >>> 22, 1023)
        const token = u32[(exact >>> 2) + entry * 2 + 1]!
        if (token !== 0) {
          u8[tokens + i] = token - 1
          continue
        }
        const distance = Math.abs(slot - centre)
        const length = 32 - Math.clz32(distance)
        u8[tokens + i] = u8[spans + (slot < centre ? 33 : 0) + length]!
        const span = 2 ** (length - 1)
        const rest = slot < centre ? 2 * span - 1 - distance : distance - span
        for (let b = 0; b < length - 1; b += 1, at += 1) {
          putBit(bits, at, Math.floor(rest / 2 ** b) & 1)
        }
      }
      return at
    },
    entropyCode(states: number, coder: number, count: number, tokens: number): void {
      const held = states >>> 2
      for (let i = count - 1; i >= 0; i -= 1) {
        const state = held + 1 + (i & 3)
        const entry = (coder >>> 2) + u8[tokens + i]! * 2
        const frequency = u32[entry]!
        let x = u32[state]!
        if (x >>> 20 >= frequency) {
          u32[held] = u32[held]! - 2
          u16[u32[held]! >>> 1] = x % lowest
          x >>>= 16
        }
        u32[state] = Math.floor(x / frequency) * places + (x % frequency) + u32[entry + 1]!
      }
    },
  }
}
