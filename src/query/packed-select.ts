// Rows of a lot that meet conditions, found in the vectors of a run: zone maps first, then packed values.
import { assert } from '#base'
import { vectorRows } from '#codec'
import { arena } from '#kernel'
import { blockVectors } from '#segment'
import type { PackedRun } from '#segment'
import type { Treatment } from './explain.ts'
import type { Slice } from './merge.ts'
import { RunTests, byColumn } from './packed-source.ts'
import type { RowTest } from './where.ts'

let bitsAt: number | undefined

/** Appends the rows whose bits are 1. */
function putRows(bits: number, first: number, rows: Uint32Array, count: number): number {
  const { u32 } = arena()
  for (let word = 0; word < vectorRows / 32; word += 1) {
    let rest = u32[(bits >>> 2) + word]!
    while (rest !== 0) {
      rows[count] = first + word * 32 + (31 - Math.clz32(rest & -rest))
      count += 1
      rest = (rest & (rest - 1)) >>> 0
    }
  }
  return count
}

function putAll(from: number, end: number, rows: Uint32Array, count: number): number {
  for (let row = from; row < end; row += 1) rows[count + row - from] = row
  return count + end - from
}

/** What becomes of the rows that are found, in order. */
interface Found {
  /** Rows [from, end). */
  all(from: number, end: number): void
  /** Those rows from `first` on whose bits at `bitsAt` are 1: `count` of a vector. */
  some(first: number, count: number): void
}

/** Finds the rows of a lot (in one block of the run) that meet all tests; false, before any is told, where some vector
 *  must be decoded to tell. */
function findPacked(
  run: PackedRun,
  { source, from, end }: Slice,
  tests: readonly RowTest[],
  treatment: Treatment,
  found: Found,
): boolean {
  const own = RunTests.of(run, tests)
  if (own === undefined) return false
  const columnIds = [...new Set(own.columnIds)].sort((a, b) => a - b)
  const block = Math.floor(from / (blockVectors * vectorRows))
  const first = block * blockVectors
  const metas = byColumn(columnIds, run.metasOf(block, columnIds))
  const vectorFrom = Math.floor(from / vectorRows) - first
  const vectorEnd = Math.ceil(end / vectorRows) - first
  assert(vectorEnd <= blockVectors, 'a lot lies in one block')
  const verdicts: ReturnType<RunTests['verdict']>[] = []
  let readFrom = vectorEnd
  let readEnd = vectorFrom
  for (let vector = vectorFrom; vector < vectorEnd; vector += 1) {
    const verdict = own.verdict(metas, vector)
    verdicts.push(verdict)
    if (verdict !== 'some') continue
    if (!own.canMark(metas, vector)) return false
    readFrom = Math.min(readFrom, vector)
    readEnd = vector + 1
  }
  const pages = byColumn(
    columnIds,
    readFrom < readEnd ? run.read(block, columnIds, readFrom, readEnd) : [],
  )
  bitsAt ??= arena().claim(vectorRows / 8)
  for (let vector = vectorFrom; vector < vectorEnd; vector += 1) {
    const rowFirst = (first + vector) * vectorRows
    const low = Math.max(from, rowFirst)
    const high = Math.min(end, rowFirst + vectorRows)
    const verdict = verdicts[vector - vectorFrom]!
    const way = verdict === 'none' ? 'skipped' : verdict === 'all' ? 'fromFooter' : 'packed'
    treatment.note(source, way, first + vector, first + vector + 1)
    if (verdict === 'all') found.all(low, high)
    if (verdict !== 'some') continue
    own.verdict(metas, vector)
    found.some(rowFirst, own.mark(pages, vector, low - rowFirst, high - rowFirst, bitsAt))
  }
  return true
}

/** The rows of a lot (in one block of the run) that meet all tests, rising; undefined where some vector must be decoded
 *  to tell. */
export function selectPacked(
  run: PackedRun,
  lot: Slice,
  tests: readonly RowTest[],
  treatment: Treatment,
): Uint32Array | undefined {
  const rows = new Uint32Array(lot.end - lot.from)
  let count = 0
  const isFound = findPacked(run, lot, tests, treatment, {
    all(from, end) {
      count = putAll(from, end, rows, count)
    },
    some(first, own) {
      if (own > 0) count = putRows(bitsAt!, first, rows, count)
    },
  })
  return isFound ? rows.slice(0, count) : undefined
}

/** How many they are. */
export function countPacked(
  run: PackedRun,
  lot: Slice,
  tests: readonly RowTest[],
  treatment: Treatment,
): number | undefined {
  let count = 0
  const isFound = findPacked(run, lot, tests, treatment, {
    all(from, end) {
      count += end - from
    },
    some(_, own) {
      count += own
    },
  })
  return isFound ? count : undefined
}
