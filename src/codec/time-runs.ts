// Times of a run-length coded vector without spreading them over its rows: bursts of rows that share a nanosecond are
// one time and a row to begin at.
import { arena } from '#kernel'
import { packedBytes } from './bitpack.ts'
import { damaged } from './chunk.ts'
import { scratchOf, unpackTo, unpackWideTo } from './decode-units.ts'
import type { StoredVector } from './decode-units.ts'
import { reachMax } from './decode-values.ts'
import { encodings, vectorRows } from './layout.ts'
import { bodyOffset } from './shape.ts'

export interface TimeRuns {
  count: number
  /** i64 at this address, one a run, rising. */
  timesAt: number
  /** The first row of each run, and the rows of the vector behind the last. */
  readonly starts: Uint32Array
}

const runs: TimeRuns = { count: 0, timesAt: 0, starts: new Uint32Array(vectorRows + 1) }

/** The runs of a vector of times; undefined where it is not stored so. Valid until the next vector. */
export function timeRunsOf(stored: StoredVector): TimeRuns | undefined {
  const { meta, vector, bytes, present, place } = stored
  if (meta.encoding !== encodings.rle || !(meta.reaches[vector]! < reachMax)) return undefined
  const { kernels, u32 } = arena()
  const own = scratchOf()
  const width = meta.widths[vector]!
  const count = meta.runs[vector]!
  const at = bodyOffset(meta, vector)
  const origin = meta.origins[vector]!
  if (width > 32) {
    unpackWideTo(own.values, bytes, at, count, width)
    kernels.i64UnitWhole(own.values, count, origin, Number(meta.gcd), own.values)
  } else {
    unpackTo(own.others, bytes, at, count, width)
    kernels.i64Whole(own.others, count, origin, meta.gcd, own.values)
  }
  unpackTo(own.lengths, bytes, at + packedBytes(count, width), count, meta.lengthWidths[vector]!)
  const { starts } = runs
  let row = 0
  for (let run = 0; run < count && row < present; run += 1) {
    starts[run] = row
    row += u32[(own.lengths >>> 2) + run]! + 1
  }
  if (row !== present) throw damaged('runs do not add up to their vector', place, vector)
  starts[count] = row
  runs.count = count
  runs.timesAt = own.values
  return runs
}
