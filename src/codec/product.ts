// Decimals without division. d / 10^k is d * a * b for a whole number a and a double b with a * b so near 10^-k that
// no double lies between: d * a is exact below 2^53, and (d * a) * b rounds once. Let e be how far a * b * 10^k is from
// 1, and x = d / 10^k. What would round differently, x and x * (1 + e), has a middle of two doubles between them. Such
// a middle is M / 2^s with M odd and below 2^54, so x is |d * 2^s - M * 5^k * 2^k| / (10^k * 2^s) from it. For s > k
// the numerator is 2^k times an odd number less an even one: x is at least 1 / (5^k * 2^s) away, which is 2^-54 / 5^k
// of x or more. (s <= k needs d of 2^53 or more.) So e < 2^-54 / 5^k is enough, for every d: nothing has to be tried
// when a page is written. (One factor alone is not near enough: d * 10^-2 is wrong for a tenth of all prices.)
import { powersOfTen } from './decimal.ts'

/** d / 10^k = (d * multiplier) * factor, bit for bit, where d * multiplier is exact. */
export interface Product {
  readonly multiplier: number
  readonly factor: number
}

/** The least odd multipliers of 10^0 to 10^9 that are near enough; farther on they leave d no room. */
const multipliers = [1, 31, 7, 367, 3045, 14_537, 75_425, 15_085, 375_889, 3_946_587]

/** By scale. */
export const products: readonly Product[] = multipliers.map((multiplier, k) => ({
  multiplier,
  factor: 1 / (multiplier * powersOfTen[k]!),
}))
