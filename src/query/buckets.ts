// Buckets of time: multiples of a width from the epoch on, weeks from Mondays, months and more of the calendar, all in
// UTC. Rows are cut a vector at a time.
import { VarveError, assert, limits } from '#base'
import { arena } from '#kernel'
import { int64Max, int64Min, parseTimeframe } from '#schema'
import type { TimeframeWidth } from '#schema'

const weekNs = 604_800_000_000_000n
/** 1970-01-05 was a Monday. */
const mondayNs = 345_600_000_000_000n
const widthNsMax = 2n ** 62n
const nearWidthEnd = 2n ** 52n

/** How a step of rows is cut: `count` buckets, the rows of number b are [bounds[b], bounds[b + 1]). */
export interface Cuts {
  count: number
  /** In the arena: kernels take their address. */
  readonly boundsAt: number
  readonly bounds: Uint32Array
  /** When each bucket opens. */
  readonly opens: BigInt64Array
}

let placed: { readonly cuts: Cuts; readonly timesAt: number; readonly opensAt: number } | undefined

function places() {
  if (placed !== undefined) return placed
  const { claim, u32, i64 } = arena()
  const rows = limits.vectorRows
  const timesAt = claim(rows * 8)
  const boundsAt = claim((rows + 1) * 4)
  const opensAt = claim(rows * 8)
  const bounds = u32.subarray(boundsAt >>> 2, (boundsAt >>> 2) + rows + 1)
  const opens = i64.subarray(opensAt >>> 3, (opensAt >>> 3) + rows)
  placed = { cuts: { count: 0, boundsAt, bounds, opens }, timesAt, opensAt }
  return placed
}

export class Buckets {
  readonly #width: TimeframeWidth | undefined
  readonly #phase: bigint

  /** `every` undefined: one bucket. @throws {VarveError} ERR_ARGUMENT */
  constructor(every: string | undefined) {
    this.#width = every === undefined ? undefined : parseTimeframe(every)
    const ns = this.#width?.ns ?? 0n
    if (ns > widthNsMax) {
      throw new VarveError('ERR_ARGUMENT', `a bucket of ${every} is longer than time`, {
        actual: every,
      })
    }
    this.#phase = ns > 0n && ns % weekNs === 0n ? mondayNs : 0n
  }

  /** Whether all rows are one bucket. */
  get isOne(): boolean {
    return this.#width === undefined
  }

  /** How long buckets are in ns, where they are all as long and doubles hold what is near one. */
  get width(): number | undefined {
    const ns = this.#width?.ns ?? 0n
    return ns > 0n && ns < nearWidthEnd ? Number(ns) : undefined
  }

  /** When the bucket of `time` opens; the least int64 where there is one bucket for all. */
  openOf(time: bigint): bigint {
    const width = this.#width
    if (width === undefined) return int64Min
    if (width.months > 0) return monthOpen(time, width.months)
    const within = (time - this.#phase) % width.ns
    const open = time - (within < 0n ? within + width.ns : within)
    return open < int64Min ? int64Min : open
  }

  /** The first time behind the bucket that holds `time`; may lie beyond int64. */
  endOf(time: bigint): bigint {
    const width = this.#width
    if (width === undefined) return int64Max + 1n
    if (width.months > 0) return monthEnd(time, width.months)
    const within = (time - this.#phase) % width.ns
    return time + width.ns - (within < 0n ? within + width.ns : within)
  }

  /** One bucket of rows [from, end), as a cut. */
  one(open: bigint, from: number, end: number): Cuts {
    const { cuts } = places()
    cuts.count = from < end ? 1 : 0
    cuts.bounds[0] = from
    cuts.bounds[cuts.count] = end
    cuts.opens[0] = open
    return cuts
  }

  /** When the bucket opens that is `count` behind the one that opens at `open`; all of them are as wide. */
  after(open: bigint, count: number): bigint {
    return open + BigInt(count) * this.#width!.ns
  }

  /** Rows [from, end) of the bucket that opens at `open` and of those behind its `edges`: `rowOf(e)` is the first row
   *  behind edge e. Buckets without rows are left out. */
  cutAtRows(
    open: bigint,
    edges: number,
    rowOf: (edge: number) => number,
    from: number,
    end: number,
  ): Cuts {
    const { cuts } = places()
    let count = 0
    let at = from
    for (let edge = 0; edge <= edges; edge += 1) {
      const row = edge < edges ? Math.min(rowOf(edge), end) : end
      if (row <= at) continue
      cuts.bounds[count] = at
      cuts.opens[count] = edge === 0 ? open : this.after(open, edge)
      count += 1
      at = row
    }
    cuts.bounds[count] = end
    cuts.count = count
    return cuts
  }

  /** Cuts rows [from, end) of rising times, at most a vector; the bounds count from `from` on. Valid until the next
   *  cut. */
  cut(times: BigInt64Array, from: number, end: number): Cuts {
    const { timesAt } = places()
    assert(end - from <= limits.vectorRows, 'buckets: a vector at a time')
    arena().i64.set(times.subarray(from, end), timesAt >>> 3)
    return this.cutAt(timesAt, 0, end - from)
  }

  /** The same for times at an address of the arena; the bounds are rows there. */
  cutAt(timesAt: number, from: number, end: number): Cuts {
    const { cuts, opensAt } = places()
    const width = this.#width
    if (width === undefined) return this.one(int64Min, from, end)
    if (width.months > 0) this.#cutMonths(timesAt, from, end, cuts)
    else {
      const { kernels } = arena()
      cuts.count = kernels.bucketsOf(
        timesAt,
        from,
        end,
        this.#phase,
        width.ns,
        cuts.boundsAt,
        opensAt,
      )
    }
    return cuts
  }

  /** The same for runs of equal times: run r stands for rows [starts[r], starts[r + 1]). */
  cutRuns(timesAt: number, count: number, starts: Uint32Array): Cuts {
    const cuts = this.cutAt(timesAt, 0, count)
    const { bounds } = cuts
    for (let bound = 0; bound <= cuts.count; bound += 1) bounds[bound] = starts[bounds[bound]!]!
    return cuts
  }

  #cutMonths(timesAt: number, from: number, end: number, cuts: Cuts): void {
    const times = arena().i64.subarray(timesAt >>> 3, (timesAt >>> 3) + end)
    let count = 0
    for (let row = from; row < end;) {
      cuts.bounds[count] = row
      cuts.opens[count] = this.openOf(times[row]!)
      count += 1
      const edge = this.endOf(times[row]!)
      while (row < end && times[row]! < edge) row += 1
    }
    cuts.bounds[count] = end
    cuts.count = count
  }
}

const msNs = 1_000_000n

/** Months since 1970-01 of the bucket of `time`. */
function monthOf(time: bigint, months: number): number {
  const ms = time / msNs - (time % msNs < 0n ? 1n : 0n)
  const date = new Date(Number(ms))
  const month = (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth()
  return Math.floor(month / months) * months
}

const startOf = (month: number): bigint => BigInt(Date.UTC(1970, month)) * msNs

function monthOpen(time: bigint, months: number): bigint {
  const month = monthOf(time, months)
  // int64 nanoseconds begin in 1677; a date of years earlier is none.
  const open = month < -4000 ? int64Min : startOf(month)
  return open < int64Min ? int64Min : open
}

function monthEnd(time: bigint, months: number): bigint {
  const month = monthOf(time, months) + months
  return month > 4000 ? int64Max + 1n : startOf(month)
}
