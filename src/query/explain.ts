// What became of the vectors of a question: each is counted once, for the dearest way in which it was answered.
import { limits } from '#base'
import type { RowSource } from '#batch'
import type { ColumnSpec } from '#schema'

/**
 * How many vectors (1,024 rows of one run, or as many unsealed or merged rows) a question touches.
 * skipped: zone maps say that no row matches. fromFooter: answered from footers alone. packed: from
 * packed integers. decoded: values were made. vectors: all of them.
 */
export interface Explanation {
  readonly vectors: number
  readonly skipped: number
  readonly fromFooter: number
  readonly packed: number
  readonly decoded: number
}

const ways = ['skipped', 'fromFooter', 'packed', 'decoded'] as const
export type Way = (typeof ways)[number]

type Source = RowSource<ColumnSpec>

/** Counts; a question that nobody asks to explain counts as well, it costs a few numbers a block. */
export class Treatment {
  /** By source: the way of each of its vectors so far, 0 for none. */
  readonly #ways: Map<Source, Uint8Array> | undefined

  constructor(isAsked: boolean) {
    this.#ways = isAsked ? new Map() : undefined
  }

  /** Vectors [first, next) of `source` were treated so. */
  note(source: Source, way: Way, first: number, next: number): void {
    if (this.#ways === undefined) return
    let own = this.#ways.get(source)
    if (own === undefined) {
      own = new Uint8Array(Math.ceil(source.rowCount / limits.vectorRows))
      this.#ways.set(source, own)
    }
    const rank = ways.indexOf(way) + 1
    for (let vector = first; vector < next; vector += 1) {
      if (own[vector]! < rank) own[vector] = rank
    }
  }

  /** Rows [from, end) were decoded. */
  decoded(source: Source, from: number, end: number): void {
    if (from >= end) return
    const { vectorRows } = limits
    this.note(source, 'decoded', Math.floor(from / vectorRows), Math.ceil(end / vectorRows))
  }

  explanation(): Explanation {
    const counts = { skipped: 0, fromFooter: 0, packed: 0, decoded: 0 }
    let vectors = 0
    for (const own of this.#ways?.values() ?? []) {
      for (const rank of own) {
        if (rank === 0) continue
        counts[ways[rank - 1]!] += 1
        vectors += 1
      }
    }
    return { vectors, ...counts }
  }
}

/** For questions that nobody asks to explain. */
export const untold: Treatment = new Treatment(false)
