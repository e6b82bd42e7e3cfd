// In which buckets the vectors of a block are, from the zone map of their times: two numbers a vector, no BigInt for
// those that stay in the bucket of the one before.
import type { PageMeta } from '#codec'
import { blockVectors } from '#segment'
import { int64Min } from '#schema'
import type { Buckets } from './buckets.ts'

/** First and last times of vectors, in ns from the page's first time; undefined where doubles do not hold them. */
interface TimeLine {
  readonly first: Float64Array
  readonly last: Float64Array
}

const timeLines = new WeakMap<PageMeta, { readonly line: TimeLine | undefined }>()

function timeLineOf(meta: PageMeta): TimeLine | undefined {
  let known = timeLines.get(meta)
  if (known === undefined) timeLines.set(meta, (known = { line: makeTimeLine(meta) }))
  return known.line
}

function makeTimeLine({ zone, vectorCount }: PageMeta): TimeLine | undefined {
  const start = zone!.min[0]!
  if (!Number.isSafeInteger(Number(zone!.max[vectorCount - 1]! - start))) return undefined
  const from = (times: BigInt64Array) => Float64Array.from(times, (time) => Number(time - start))
  return { first: from(zone!.min), last: from(zone!.max) }
}

export class Spans {
  /** 1: all rows of the vector are in one bucket. */
  readonly isOne: Uint8Array = new Uint8Array(blockVectors)
  /** 1: they are in two, one behind the other. */
  readonly isTwo: Uint8Array = new Uint8Array(blockVectors)
  /** When the bucket of the vector's first time opens. */
  readonly opens: bigint[] = []
  /** Where that bucket ends, in ns from the vector's first time, where isTwo. */
  readonly gaps: Float64Array = new Float64Array(blockVectors)
  readonly #buckets: Buckets
  /** The bucket that time has been in last. */
  #open = 0n
  #end = 0n

  constructor(buckets: Buckets) {
    this.#buckets = buckets
  }

  /** Looks at vectors [from, end) of a page of times. */
  look(times: PageMeta, from: number, end: number): void {
    const { isOne, width } = this.#buckets
    if (isOne) {
      this.isOne.fill(1, from, end)
      for (let v = from; v < end; v += 1) this.opens[v] = int64Min
      return
    }
    const start = times.zone!.min[0]!
    const open = this.#buckets.openOf(start)
    const line = width === undefined ? undefined : timeLineOf(times)
    // The first bucket that int64 holds may be cut.
    if (line === undefined || open === int64Min) this.#lookExactly(times, from, end)
    else this.#lookNear(start, open, line, width!, from, end)
  }

  #lookNear(
    start: bigint,
    startOpen: bigint,
    { first, last }: TimeLine,
    width: number,
    from: number,
    end: number,
  ): void {
    let key = startOpen
    let open = -Number(start - key)
    let edge = open + width
    for (let v = from; v < end; v += 1) {
      const time = first[v]!
      if (time >= edge) {
        open += Math.floor((time - open) / width) * width
        key = start + BigInt(open)
        edge = open + width
      }
      this.opens[v] = key
      this.isOne[v] = last[v]! < edge ? 1 : 0
      this.isTwo[v] = last[v]! >= edge && last[v]! < edge + width ? 1 : 0
      this.gaps[v] = edge - time
    }
  }

  #lookExactly({ zone }: PageMeta, from: number, end: number): void {
    for (let v = from; v < end; v += 1) {
      const first = zone!.min[v]!
      if (first < this.#open || first >= this.#end) {
        this.#open = this.#buckets.openOf(first)
        this.#end = this.#buckets.endOf(first)
      }
      this.opens[v] = this.#open
      this.isOne[v] = zone!.max[v]! < this.#end ? 1 : 0
      this.isTwo[v] = 0
    }
  }
}
