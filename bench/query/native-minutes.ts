// The minutes that a process of the native bench asks for: the same in every process.
import { chance } from '../support/workload.ts'

/** Times of random rows, each the beginning of a minute. */
export function minuteStartsOf(time: BigInt64Array, count: number): BigInt64Array {
  const next = chance(72)
  return BigInt64Array.from({ length: count }, () => time[Math.floor(next() * time.length)]!)
}
