// In which buckets the vectors of a block are, from the zone map of their times, and the rows at which buckets begin,
// as far as they are known: numbers, no BigInt for vectors that stay in the bucket of the one before.
import type { PageMeta } from '#codec'
import { blockVectors } from '#segment'
import { int64Min } from '#schema'
import type { Buckets } from './buckets.ts'

/** Vectors that more edges of buckets pass through are cut by their times. */
export const edgesMax = 8
const manyEdges = 255

/** First and last times of a page's vectors, in ns from the page's first time. */
interface TimeLine {
  readonly first: Float64Array
  readonly last: Float64Array
  /** Rows found for buckets of this width: the same buckets are asked for again and again. */
  width: number
  /** 1: the edges' rows of the vector are among `rows`. */
  readonly isFound: Uint8Array
  /** edgesMax a vector: the first row behind each edge. */
  readonly rows: Uint16Array
}

/** Of pages of times; no line where doubles do not hold them. */
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
  return {
    first: from(zone!.min),
    last: from(zone!.max),
    width: 0,
    isFound: new Uint8Array(vectorCount),
    rows: new Uint16Array(vectorCount * edgesMax),
  }
}

export class Spans {
  /** How many buckets begin behind the first time of a vector and at or before its last one, rows or not; many where
   *  they are more than edgesMax, or not told apart by doubles. */
  readonly edges: Uint8Array = new Uint8Array(blockVectors)
  /** When the bucket of the vector's first time opens. */
  readonly opens: bigint[] = []
  /** Where that bucket ends, in ns from the vector's first time; of vectors with 1 to edgesMax edges. */
  readonly gaps: Float64Array = new Float64Array(blockVectors)
  #line: TimeLine | undefined
  readonly #buckets: Buckets
  /** The bucket that time has been in last. */
  #open = 0n
  #end = 0n

  constructor(buckets: Buckets) {
    this.#buckets = buckets
  }

  /** Whether all rows of the vector are in one bucket. */
  isOne(vector: number): boolean {
    return this.edges[vector] === 0
  }

  /** Whether a few edges pass through the vector: rows for them can be found, or are. */
  isFew(vector: number): boolean {
    return this.edges[vector]! <= edgesMax
  }

  /** Whether it is known which rows the vector's edges are at. */
  isCut(vector: number): boolean {
    return this.isFew(vector) && (this.isOne(vector) || this.#line!.isFound[vector] === 1)
  }

  /** The first row behind an edge of the vector. */
  row(vector: number, edge: number): number {
    return this.#line!.rows[vector * edgesMax + edge]!
  }

  /** Remembers the rows of all edges of the vector, by a function of how far behind its first time each edge is. */
  find(vector: number, rowAt: (ns: number, edge: number) => number): void {
    const { rows, isFound, width } = this.#line!
    for (let edge = 0; edge < this.edges[vector]!; edge += 1) {
      rows[vector * edgesMax + edge] = rowAt(this.gaps[vector]! + edge * width, edge)
    }
    isFound[vector] = 1
  }

  /** Looks at vectors [from, end) of a page of times. */
  look(times: PageMeta, from: number, end: number): void {
    const { isOne, width } = this.#buckets
    if (isOne) {
      this.edges.fill(0, from, end)
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
    line: TimeLine,
    width: number,
    from: number,
    end: number,
  ): void {
    const { first, last } = line
    if (line.width !== width) {
      line.width = width
      line.isFound.fill(0)
    }
    this.#line = line
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
      this.gaps[v] = edge - time
      const edges = last[v]! < edge ? 0 : Math.floor((last[v]! - open) / width)
      this.edges[v] = edges > edgesMax ? manyEdges : edges
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
      this.edges[v] = zone!.max[v]! < this.#end ? 0 : manyEdges
    }
  }
}
