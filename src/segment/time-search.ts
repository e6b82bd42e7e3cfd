// Searches in rising times: those of a vector, and the first and last ones of all vectors of a run.

export interface VectorFound {
  readonly number: number
  /** Its first time. */
  readonly first: bigint
}

/** The first vector whose last time is at or after `time`. `vectors`: first and last time of each. */
export function vectorByIndex(vectors: BigInt64Array, time: bigint): VectorFound {
  const vectorCount = vectors.length / 2
  let low = 0
  let high = vectorCount
  while (low < high) {
    const middle = (low + high) >>> 1
    if (vectors[2 * middle + 1]! < time) low = middle + 1
    else high = middle
  }
  return { number: low, first: low < vectorCount ? vectors[2 * low]! : time }
}

export function firstAtOrAfter(sorted: BigInt64Array, count: number, time: bigint): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < time) low = middle + 1
    else high = middle
  }
  return low
}
