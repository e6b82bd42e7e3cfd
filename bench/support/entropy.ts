// How many bits a row of made data holds: the entropy of the distributions that workload.ts and
// tables.ts draw from, rows apart from what they take over from the row before. No coder that does
// not know the seed stores such rows in fewer bytes on average, so that sizes have a limit to stand
// beside. Ends of sessions, some in a million rows, are left out.

const bitsOf = (share: number): number => (share > 0 ? -share * Math.log2(share) : 0)

function entropyOf(shares: Iterable<number>): number {
  let bits = 0
  for (const share of shares) bits += bitsOf(share)
  return bits
}

/** Of floor(u * v * width), u and v even in [0, 1). */
export function productShares(width: number): number[] {
  const below = (x: number): number => (x <= 0 ? 0 : x >= 1 ? 1 : x - x * Math.log(x))
  return Array.from({ length: width }, (_, k) => below((k + 1) / width) - below(k / width))
}

const burstShare = 0.55
const burstWidth = 40_000

/** Gaps of `fillTimes`: none, even below 40,000 ns, or an exponential one rounded up. */
export function gapBits(meanGapNs: number): number {
  const pause = 1 - burstShare
  const stay = Math.exp(-pause / meanGapNs)
  const even = burstShare / 2 / burstWidth
  let bits = bitsOf(burstShare / 2 + even)
  for (let gap = 1; gap < burstWidth; gap += 1) {
    bits += bitsOf(even + pause * (1 - stay) * stay ** (gap - 1))
  }
  // Behind them a geometric distribution, summed at once.
  const rest = pause * stay ** (burstWidth - 1)
  const stepsMean = burstWidth - 1 + stay / (1 - stay)
  return bits - rest * (Math.log2(pause * (1 - stay)) + stepsMean * Math.log2(stay))
}

/** A row of `makeTrades`. */
export function tradeBits(perMinute: number): number {
  const still = 0.6 + 0.4 / 7
  const price = bitsOf(still) + 6 * bitsOf(0.4 / 7)
  const rare = 0.7 * 0.002
  const lots = (0.7 - rare) / 9
  const size =
    99 * bitsOf(0.3 / 99) +
    4000 * bitsOf(rare / 4000) +
    entropyOf([4 * lots, 2 * lots, lots, lots, lots])
  return gapBits(60e9 / perMinute) + price + size
}

/** A row of `makeQuotes`. */
export function quoteBits(perMinute: number): number {
  const spreads = productShares(5)
  // By the spread before: a move that leaves both as they were cannot be told from none.
  const moves = spreads.map((before) => {
    const still = 0.9 + (0.1 * before) / 5
    const others = spreads.flatMap((share) => Array.from({ length: 5 }, () => (0.1 * share) / 5))
    return bitsOf(still) + entropyOf(others) - bitsOf((0.1 * before) / 5)
  })
  const prices = moves.reduce((sum, bits, at) => sum + spreads[at]! * bits, 0)
  return gapBits(60e9 / perMinute) + prices + 2 * entropyOf(productShares(40))
}

/** A row of the bars of tables.ts. */
export function barBits(): number {
  const seconds = entropyOf([0.67, 0.33])
  const walk = Math.log2(3) + Math.log2(7)
  const volume = entropyOf(productShares(60)) + entropyOf([0.4, 0.6])
  return seconds + walk + 2 * entropyOf(productShares(4)) + volume
}
