// What decoded rows must agree with: the times that their run claims, and the zone maps of their vectors. A writer that
// got these wrong would make reads skip rows; hashes alone cannot tell.
import { VarveError, assert } from '#base'
import { compareInt64, halvesOf, isPresent, orderliness } from '#batch'
import type { BytesData, CodeData, ColumnData, F64Data, I32Data, I64Data, U8Data } from '#batch'
import { transforms, vectorRows } from '#codec'
import type { PageMeta, Zone } from '#codec'
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
  if (run.sortOrder === 'time' && isRising(time, rowCount, run, timeLast)) {
    return time.values[rowCount - 1]!
  }
  // Row by row, to say which it is.
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

/** Whether all rows stand in order between what the run claims. */
function isRising(
  time: I64Data,
  rowCount: number,
  run: Pick<RunInfo, 'timeMin' | 'timeMax'>,
  timeLast: bigint,
): boolean {
  if (rowCount === 0 || !orderliness({ time, order: [] }, 0, rowCount).isOrdered) return false
  const first = time.values[0]!
  return first >= timeLast && first >= run.timeMin && time.values[rowCount - 1]! <= run.timeMax
}

interface Bounds<Value> {
  readonly least: Value
  readonly most: Value
  readonly first: Value
  readonly last: Value
}

/**
 * Checks least, greatest, first and last value of each vector of a page, in every form but texts. `column` holds the
 * page's rows, its codes those of the run. Sums are not checked.
 *
 * @throws {VarveError} ERR_CORRUPT
 */
export function checkZones(
  page: PageMeta,
  column: ColumnData,
  spec: ColumnSpec,
  block: number,
): void {
  const { zone } = page
  if (zone === undefined || page.allAbsent || column.physical === 'bytes') return
  for (let vector = 0; vector < page.vectorCount; vector += 1) {
    const from = vector * vectorRows
    const end = Math.min(page.rowCount, from + vectorRows)
    if (isTold(zone, vector, page, column, spec.optional, from, end)) continue
    throw new VarveError('ERR_CORRUPT', 'a zone map tells of other values', { block, vector })
  }
}

/** Whether the zone of the vector with rows [from, end) tells what they hold. */
function isTold(
  zone: Zone,
  vector: number,
  page: PageMeta,
  column: Exclude<ColumnData, BytesData>,
  optional: boolean,
  from: number,
  end: number,
): boolean {
  if (column.physical === 'f64' && page.transform === transforms.raw) {
    return isToldInBits(zone, vector, boundsOfReals(column, optional, from, end))
  }
  const seen =
    column.physical === 'i64'
      ? boundsOfWide(column, optional, from, end)
      : column.physical === 'f64'
        ? boundsOfDecimals(column, page, vector, optional, from, end)
        : boundsOfSmall(column, optional, from, end)
  return (
    seen === undefined ||
    (BigInt(seen.least) === zone.min[vector] &&
      BigInt(seen.most) === zone.max[vector] &&
      BigInt(seen.first) === zone.first[vector] &&
      BigInt(seen.last) === zone.last[vector])
  )
}

/** Of the present values in rows [from, end), as all of these; undefined where there are none. */
function boundsOfWide(
  column: I64Data,
  optional: boolean,
  from: number,
  end: number,
): Bounds<bigint> | undefined {
  const { values } = column
  const halves = halvesOf(values)
  let firstAt = -1
  let lastAt = -1
  let leastAt = -1
  let mostAt = -1
  for (let row = from; row < end; row += 1) {
    if (optional && !isPresent(column, row)) continue
    if (firstAt < 0) firstAt = leastAt = mostAt = row
    if (compareInt64(halves, row, leastAt) < 0) leastAt = row
    if (compareInt64(halves, row, mostAt) > 0) mostAt = row
    lastAt = row
  }
  if (firstAt < 0) return undefined
  return {
    least: values[leastAt]!,
    most: values[mostAt]!,
    first: values[firstAt]!,
    last: values[lastAt]!,
  }
}

function boundsOfSmall(
  column: I32Data | U8Data | CodeData,
  optional: boolean,
  from: number,
  end: number,
): Bounds<number> | undefined {
  let least = Infinity
  let most = -Infinity
  let first = 0
  let last = 0
  for (let row = from; row < end; row += 1) {
    if (optional && !isPresent(column, row)) continue
    const value = column.values[row]!
    if (most === -Infinity) first = value
    if (value < least) least = value
    if (value > most) most = value
    last = value
  }
  return most === -Infinity ? undefined : { least, most, first, last }
}

/**
 * The integers of decimals, without the exceptions: values that do not come back from an integer of the page's scale.
 * A page may keep others beside its integers too; then nobody can tell which: undefined.
 */
function boundsOfDecimals(
  column: F64Data,
  page: PageMeta,
  vector: number,
  optional: boolean,
  from: number,
  end: number,
): Bounds<number> | undefined {
  const power = Number(`1e${page.scale}`)
  let least = Infinity
  let most = -Infinity
  let first = 0
  let last = 0
  let exceptions = 0
  for (let row = from; row < end; row += 1) {
    if (optional && !isPresent(column, row)) continue
    const value = column.values[row]!
    const integer = Math.round(value * power)
    if (integer / power !== value || !Number.isSafeInteger(integer) || Object.is(value, -0)) {
      exceptions += 1
      continue
    }
    if (most === -Infinity) first = integer
    if (integer < least) least = integer
    if (integer > most) most = integer
    last = integer
  }
  const isCounted = exceptions === (page.exceptions?.[vector] ?? 0)
  return most === -Infinity || !isCounted ? undefined : { least, most, first, last }
}

/** NaN is neither least nor most, but where there is nothing else. */
function boundsOfReals(
  column: F64Data,
  optional: boolean,
  from: number,
  end: number,
): Bounds<number> | undefined {
  let least = Number.NaN
  let most = Number.NaN
  let first: number | undefined
  let last = 0
  for (let row = from; row < end; row += 1) {
    if (optional && !isPresent(column, row)) continue
    const value = column.values[row]!
    first ??= value
    if (value < least || Number.isNaN(least)) least = value
    if (value > most || Number.isNaN(most)) most = value
    last = value
  }
  return first === undefined ? undefined : { least, most, first, last }
}

/** Against a zone of the bits of doubles. 0 and -0 are equal, for either may come first; so are all NaN. */
function isToldInBits(zone: Zone, vector: number, seen: Bounds<number> | undefined): boolean {
  if (seen === undefined) return true
  const isEqual = (bits: BigInt64Array, value: number): boolean => {
    const told = new Float64Array(bits.buffer, bits.byteOffset, bits.length)[vector]!
    return told === value || (Number.isNaN(told) && Number.isNaN(value))
  }
  return (
    isEqual(zone.min, seen.least) &&
    isEqual(zone.max, seen.most) &&
    isEqual(zone.first, seen.first) &&
    isEqual(zone.last, seen.last)
  )
}
