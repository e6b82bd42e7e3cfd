// What decoded rows must agree with: the times that their run claims, and the zone maps of their vectors. A writer that
// got these wrong would make reads skip rows; hashes alone cannot tell.
import { VarveError, assert } from '#base'
import { isPresent } from '#batch'
import type { ColumnData } from '#batch'
import { vectorRows } from '#codec'
import type { PageMeta } from '#codec'
import type { ColumnSpec } from '#schema'
import type { RunInfo } from './footer.ts'

/**
 * Checks the times of one block. `timeLast` is the last time of the block before, or the run's least.
 *
 * @returns the block's last time. @throws {VarveError} ERR_CORRUPT
 */
export function checkTimes(
  time: ColumnData,
  rowCount: number,
  run: Pick<RunInfo, 'timeMin' | 'timeMax' | 'sortOrder'>,
  timeLast: bigint,
  block: number,
): bigint {
  assert(time.physical === 'i64', 'check: times are int64')
  let before = timeLast
  for (let row = 0; row < rowCount; row += 1) {
    const value = time.values[row]!
    if (value < run.timeMin || value > run.timeMax) {
      throw new VarveError('ERR_CORRUPT', 'a time lies outside its run', { block, row })
    }
    if (run.sortOrder === 'time' && value < before) {
      throw new VarveError('ERR_CORRUPT', 'times are not in order', { block, row })
    }
    before = value
  }
  return before
}

/** Checks least, greatest, first and last value of each vector of an i64, i32 or u8 page. @throws {VarveError}
 *  ERR_CORRUPT */
export function checkZones(
  page: PageMeta,
  column: ColumnData,
  spec: ColumnSpec,
  block: number,
): void {
  const { physical } = column
  if (page.zone === undefined || page.allAbsent) return
  if (physical !== 'i64' && physical !== 'i32' && physical !== 'u8') return
  const { min, max, first, last } = page.zone
  for (let vector = 0; vector < page.vectorCount; vector += 1) {
    const from = vector * vectorRows
    const seen = boundsOf(column, spec.optional, from, Math.min(page.rowCount, from + vectorRows))
    if (seen === undefined) continue
    const fits =
      seen.least === min[vector] &&
      seen.most === max[vector] &&
      seen.first === first[vector] &&
      seen.last === last[vector]
    if (!fits) {
      throw new VarveError('ERR_CORRUPT', 'a zone map tells of other values', { block, vector })
    }
  }
}

/** Of the present values in rows [from, end); undefined where there are none. */
function boundsOf(column: ColumnData, optional: boolean, from: number, end: number) {
  assert(column.physical === 'i64' || column.physical === 'i32' || column.physical === 'u8', 'int')
  let bounds: { least: bigint; most: bigint; first: bigint; last: bigint } | undefined
  for (let row = from; row < end; row += 1) {
    if (optional && !isPresent(column, row)) continue
    const value = BigInt(column.values[row]!)
    bounds ??= { least: value, most: value, first: value, last: value }
    if (value < bounds.least) bounds.least = value
    if (value > bounds.most) bounds.most = value
    bounds.last = value
  }
  return bounds
}
