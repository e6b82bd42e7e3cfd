// What commands print: one JSON document for programs; tables, and colour on a terminal, for
// people.
import { styleText } from 'node:util'

/** Where a command writes, and what it may do there. */
export interface Output {
  /** Standard output. */
  write(text: string): void
  /** Standard error: notes for people, progress. */
  note(text: string): void
  readonly isTerminal: boolean
  /** Standard error is a terminal: progress bars may be drawn. */
  readonly isNoteTerminal: boolean
}

/** JSON of anything the engine gives: 64-bit integers as strings; what JSON has no number for is
 * null. */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part),
    indent,
  )
}

export function paint(
  output: Output,
  style: 'bold' | 'dim' | 'red' | 'green',
  text: string,
): string {
  return output.isTerminal ? styleText(style, text) : text
}

export function countText(count: number): string {
  return count.toLocaleString('en-US')
}

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

export function bytesText(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < byteUnits.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${byteUnits[unit]}`
}

/** A cell of a table. Numbers stand on the right. */
export type TableCell = string | { readonly right: string }

function textOfCell(cell: TableCell): string {
  return typeof cell === 'string' ? cell : cell.right
}

/** Widths for `padRow`: each column as wide as its widest cell. */
export function tableWidths(
  head: readonly string[],
  rows: readonly (readonly TableCell[])[],
): number[] {
  return head.map((name, column) =>
    rows.reduce((width, row) => Math.max(width, textOfCell(row[column] ?? '').length), name.length),
  )
}

export function padRow(cells: readonly TableCell[], widths: readonly number[]): string {
  const padded = cells.map((cell, column) => {
    const width = widths[column] ?? 0
    return typeof cell === 'string' ? cell.padEnd(width) : cell.right.padStart(width)
  })
  return `${padded.join('  ').trimEnd()}\n`
}

/** A whole table. */
export function printTable(
  output: Output,
  head: readonly string[],
  rows: readonly (readonly TableCell[])[],
): void {
  const widths = tableWidths(head, rows)
  output.write(paint(output, 'bold', padRow(head, widths).trimEnd()) + '\n')
  for (const row of rows) output.write(padRow(row, widths))
}

/** Names and values, one a line. */
export function printFacts(output: Output, facts: readonly (readonly [string, string])[]): void {
  const width = facts.reduce((most, [name]) => Math.max(most, name.length), 0)
  for (const [name, value] of facts) output.write(`${name.padEnd(width)}  ${value}\n`)
}
