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

/**
 * The rows of a lot (in one block of the run) that meet all tests, rising; undefined where some vector must be decoded
 * to tell.
 */
export function selectPacked(
  run: PackedRun,
  { source, from, end }: Slice,
  tests: readonly RowTest[],
  treatment: Treatment,
): Uint32Array | undefined {
  const own = RunTests.of(run, tests)
  if (own === undefined) return undefined
  const columnIds = [...new Set(own.columnIds)].sort((a, b) => a - b)
  const block = Math.floor(from / (blockVectors * vectorRows))
  const first = block * blockVectors
  const metas = byColumn(columnIds, run.metasOf(block, columnIds))
  const vectorFrom = Math.floor(from / vectorRows) - first
  const vectorEnd = Math.ceil(end / vectorRows) - first
  assert(vectorEnd <= blockVectors, 'a lot lies in one block')
  const verdicts = new Map<number, ReturnType<RunTests['verdict']>>()
  let readFrom = vectorEnd
  let readEnd = vectorFrom
  for (let vector = vectorFrom; vector < vectorEnd; vector += 1) {
    const verdict = own.verdict(metas, vector)
    verdicts.set(vector, verdict)
    if (verdict !== 'some') continue
    if (!own.canMark(metas, vector)) return undefined
    readFrom = Math.min(readFrom, vector)
    readEnd = vector + 1
  }
  const pages = byColumn(
    columnIds,
    readFrom < readEnd ? run.read(block, columnIds, readFrom, readEnd) : [],
  )
  const rows = new Uint32Array(end - from)
  let count = 0
  bitsAt ??= arena().claim(vectorRows / 8)
  for (let vector = vectorFrom; vector < vectorEnd; vector += 1) {
    const rowFirst = (first + vector) * vectorRows
    const low = Math.max(from, rowFirst)
    const high = Math.min(end, rowFirst + vectorRows)
    const verdict = verdicts.get(vector)!
    const way = verdict === 'none' ? 'skipped' : verdict === 'all' ? 'fromFooter' : 'packed'
    treatment.note(source, way, first + vector, first + vector + 1)
    if (verdict === 'all') count = putAll(low, high, rows, count)
    if (verdict !== 'some') continue
    own.verdict(metas, vector)
    own.mark(pages, vector, low - rowFirst, high - rowFirst, bitsAt)
    count = putRows(bitsAt, rowFirst, rows, count)
  }
  return rows.slice(0, count)
}
