// Choosing the tokens of an entropy coded page from how often each of its slots comes.
import { extraBitsOf, placesOfTable, spanOf, spansEnd, tokensMax } from './entropy.ts'
import type { EntropyModel } from './entropy.ts'

/** Distinct slots, in any order, and how often each comes. */
export interface Histogram {
  readonly slots: Uint32Array
  readonly counts: Uint32Array
  readonly total: number
}

/** A model, and the bits that coding the counted slots takes, without its own. */
export interface Fitted {
  readonly model: EntropyModel
  readonly bits: number
}

/** About what an exact slot takes in the meta: a gap and a frequency. */
const tokenBits = 20

/** Frequencies of tokens that come `counts` times of `total`: at least 1 each, 4,096 in all. */
export function frequenciesOf(counts: ArrayLike<number>, total: number): Uint16Array {
  const frequencies = new Uint16Array(counts.length)
  let excess = -placesOfTable
  for (let t = 0; t < frequencies.length; t += 1) {
    frequencies[t] = Math.max(1, Math.round((counts[t]! * placesOfTable) / total))
    excess += frequencies[t]!
  }
  for (; excess !== 0; excess += excess < 0 ? 1 : -1) {
    // The token whose bits change least by one place less, or most by one place more.
    let best = 0
    let bestBits = Infinity
    for (let t = 0; t < frequencies.length; t += 1) {
      const frequency = frequencies[t]!
      if (excess > 0 && frequency === 1) continue
      const bits = (counts[t]! / frequency) * (excess > 0 ? 1 : -1)
      if (bits >= bestBits) continue
      best = t
      bestBits = bits
    }
    frequencies[best]! += excess < 0 ? 1 : -1
  }
  return frequencies
}

function bitsFor(counts: ArrayLike<number>, frequencies: Uint16Array): number {
  let bits = 0
  for (let t = 0; t < frequencies.length; t += 1) {
    bits += counts[t]! * Math.log2(placesOfTable / frequencies[t]!)
  }
  return bits
}

/** Slots that come often enough to be tokens of their own, by their places in the histogram. */
function frequent({ counts, total }: Histogram): Uint32Array {
  const least = Math.max(2, total / placesOfTable)
  const found = new Uint32Array(counts.length)
  let length = 0
  for (let i = 0; i < counts.length; i += 1) {
    if (counts[i]! < least) continue
    found[length] = i
    length += 1
  }
  return found.subarray(0, length)
}

/** How many values each span would take if no slot had a token of its own. */
function massesOf({ slots, counts }: Histogram, centre: number): Float64Array {
  const masses = new Float64Array(spansEnd)
  for (let i = 0; i < slots.length; i += 1) masses[spanOf(slots[i]!, centre)]! += counts[i]!
  return masses
}

/**
 * Which of the `frequent` slots are worth a token: those whose own takes so many bits less than
 * their span's with its extra bits. Twice, since what one takes from a span makes the others rarer.
 */
function worthTokens(
  { slots, counts }: Histogram,
  candidates: Uint32Array,
  centre: number,
  masses: Float64Array,
): number[] {
  let spansUsed = 0
  for (const mass of masses) if (mass > 0) spansUsed += 1
  const rest = masses.slice()
  const gains = new Float64Array(candidates.length)
  let chosen: number[] = []
  for (let round = 0; round < 2; round += 1) {
    const next: number[] = []
    for (let c = 0; c < candidates.length; c += 1) {
      const i = candidates[c]!
      const span = spanOf(slots[i]!, centre)
      const count = counts[i]!
      const mass = rest[span]! + (gains[c]! > 0 ? count : 0)
      gains[c] = count * (extraBitsOf(span) + Math.log2(count / mass)) - tokenBits
      if (gains[c]! > 0) next.push(c)
    }
    const most = tokensMax - spansUsed
    if (next.length > most) {
      next.sort((a, b) => gains[b]! - gains[a]!)
      for (let at = most; at < next.length; at += 1) gains[next[at]!] = 0
      next.length = most
    }
    rest.set(masses)
    chosen = next.map((c) => candidates[c]!)
    for (const i of chosen) rest[spanOf(slots[i]!, centre)]! -= counts[i]!
  }
  return chosen
}

function fitAround(histogram: Histogram, candidates: Uint32Array, centre: number): Fitted {
  const { slots, counts, total } = histogram
  const masses = massesOf(histogram, centre)
  const chosen = worthTokens(histogram, candidates, centre, masses)
  chosen.sort((a, b) => slots[a]! - slots[b]!)
  for (const i of chosen) masses[spanOf(slots[i]!, centre)]! -= counts[i]!
  const spans: number[] = []
  const tokenCounts = chosen.map((i) => counts[i]!)
  let extraBits = 0
  for (let span = 0; span < masses.length; span += 1) {
    const mass = masses[span]!
    if (mass === 0) continue
    spans.push(span)
    tokenCounts.push(mass)
    extraBits += mass * extraBitsOf(span)
  }
  const frequencies = frequenciesOf(tokenCounts, total)
  const exact = Uint32Array.from(chosen, (i) => slots[i]!)
  const model = { exact, centre, spans: Uint8Array.from(spans), frequencies }
  return { model, bits: bitsFor(tokenCounts, frequencies) + extraBits }
}

/** The best of two models: with spans counted from 0, and around the slot that comes most often. */
export function fitSlots(histogram: Histogram): Fitted {
  const { slots, counts } = histogram
  let mode = 0
  for (let i = 1; i < counts.length; i += 1) if (counts[i]! > counts[mode]!) mode = i
  const candidates = frequent(histogram)
  const upwards = fitAround(histogram, candidates, 0)
  if (slots[mode] === 0) return upwards
  const around = fitAround(histogram, candidates, slots[mode]!)
  return around.bits < upwards.bits ? around : upwards
}

/** The model in which each slot is a token: of bytes. */
export function fitBytes({ slots, counts, total }: Histogram): Fitted {
  const order = Array.from(slots, (_, i) => i).sort((a, b) => slots[a]! - slots[b]!)
  const tokenCounts = order.map((i) => counts[i]!)
  const frequencies = frequenciesOf(tokenCounts, total)
  const exact = Uint32Array.from(order, (i) => slots[i]!)
  const model = { exact, centre: 0, spans: new Uint8Array(0), frequencies }
  return { model, bits: bitsFor(tokenCounts, frequencies) }
}
