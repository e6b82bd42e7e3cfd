// Rows of a chunk that cannot go in, each with its first reason.
import { rowFault } from './cells.ts'
import type { Cells } from './cells.ts'
import { chunkRows } from './cells.ts'
import { textOf } from './symbols.ts'

export interface BadCell {
  /** Row of the chunk. */
  readonly row: number
  /** Column of the kind; '' where the whole row is wrong. */
  readonly column: string
  readonly reason: string
}

export interface BadRows {
  /** 1 for a bad row of the chunk. */
  readonly marks: Uint8Array
  readonly cells: BadCell[]
}

export function makeBadRows(): BadRows {
  return { marks: new Uint8Array(chunkRows), cells: [] }
}

/** Notes a bad row; only its first reason counts. */
export function reportBad(bad: BadRows, row: number, column: string, reason: string): void {
  if (bad.marks[row] === 1) return
  bad.marks[row] = 1
  bad.cells.push({ row, column, reason })
}

const textMax = 40

/** A cell for a message, cut where it is long. */
export function quoted(cells: Cells, index: number): string {
  const start = cells.starts[index]!
  const end = cells.ends[index]!
  const text = textOf(cells.bytes, start, end) ?? 'bytes that are not UTF-8'
  return JSON.stringify(text.length > textMax ? `${text.slice(0, textMax)}...` : text)
}

/** Forgets the last chunk and notes the rows of this one whose shape is wrong. */
export function startChunk(bad: BadRows, cells: Cells): void {
  bad.marks.fill(0)
  bad.cells.length = 0
  for (let row = 0; row < cells.rowCount; row += 1) {
    const fault = cells.faults[row]!
    if (fault !== rowFault.none) reportBad(bad, row, '', faultText(fault, cells, row))
  }
}

function faultText(fault: number, cells: Cells, row: number): string {
  if (fault === rowFault.afterQuote) return 'text follows a closing quote'
  if (fault === rowFault.openQuote) return 'a quote is never closed'
  const found = cells.found[row]!
  return `${found} cell${found === 1 ? '' : 's'} where the header has ${cells.width}`
}
