// Cells of one CSV column to values of one column of a kind. Plain loops over a chunk: one call a
// column, not a cell.
import { VarveError, assert, assertNever } from '#base'
import { absentCode, absentInt64 } from '#batch'
import type { ColumnType } from '#schema'
import { quoted, reportBad } from './bad-rows.ts'
import type { BadRows } from './bad-rows.ts'
import { chunkRows } from './cells.ts'
import type { Cells } from './cells.ts'
import { decimalPlaces, parseInt64, parseNumber, parsePlainNumber } from './numbers.ts'
import { SymbolTable, refusedCode, textOf } from './symbols.ts'
import type { Translate } from './symbols.ts'
import { SymbolCells } from './target.ts'
import type { ImportColumn } from './target.ts'
import type { TimeReader } from './time-text.ts'

/** How the cells of a time column are written: whole epoch units (`places` decimals make
 * nanoseconds), or text. */
export type TimeForm =
  | { readonly form: 'epoch'; readonly places: 0 | 3 | 6 | 9 }
  | { readonly form: 'text'; readonly read: TimeReader }

/** One column of the kind, and where its values come from. */
export interface ColumnPlan {
  readonly name: string
  readonly type: ColumnType
  readonly isOptional: boolean
  readonly scale: number
  /** Index of the CSV column, or the text every row has. */
  readonly source: { readonly cell: number } | { readonly constant: string }
  /** CSV text to text; a text that is not listed is refused. */
  readonly values?: ReadonlyMap<string, string>
  /** Values that mean none. */
  readonly absent: readonly string[]
  /** For type 'time'. */
  readonly time?: TimeForm
}

export interface ColumnReader {
  readonly name: string
  /** Takes the cells of one chunk; reports rows it cannot read. */
  read(cells: Cells, bad: BadRows): void
  /** Rows of that chunk as `append` takes a column: the given ones, or [from, to). Views live until
   * the next read. */
  take(rows: Int32Array | undefined, from: number, to: number): ImportColumn
}

type Numbers = Float64Array | Int32Array | Uint8Array | Uint32Array

/** A copy of the given rows, or of [from, to). */
function gather<Values extends Numbers>(
  values: Values,
  rows: Int32Array | undefined,
  from: number,
  to: number,
): Values {
  if (rows === undefined) return values.slice(from, to) as Values
  const taken = values.slice(0, rows.length) as Values
  const source: Numbers = values
  const into: Numbers = taken
  for (let at = 0; at < rows.length; at += 1) into[at] = source[rows[at]!]!
  return taken
}

function gatherInt64(
  values: BigInt64Array,
  rows: Int32Array | undefined,
  from: number,
  to: number,
): BigInt64Array {
  if (rows === undefined) return values.slice(from, to)
  const taken = new BigInt64Array(rows.length)
  for (let at = 0; at < rows.length; at += 1) taken[at] = values[rows[at]!]!
  return taken
}

function missing(bad: BadRows, row: number, name: string): void {
  reportBad(bad, row, name, `empty, and ${name} is required`)
}

function f64Reader(plan: ColumnPlan, cell: number): ColumnReader {
  const values = new Float64Array(chunkRows)
  const absent = absentNumbers(plan)
  const { name, isOptional } = plan
  const isDecimal = plan.type === 'decimal'
  function slow(cells: Cells, at: number, row: number, bad: BadRows): number {
    const start = cells.starts[at]!
    const end = cells.ends[at]!
    if (start === end) {
      if (!isOptional) missing(bad, row, name)
      return Number.NaN
    }
    const value = parseNumber(cells.bytes, start, end)
    if (
      value === undefined ||
      (isDecimal && !Number.isFinite(value) && !(isOptional && value !== value))
    ) {
      reportBad(bad, row, name, `${quoted(cells, at)} is no number`)
    }
    return value ?? Number.NaN
  }
  function checkDecimal(cells: Cells, at: number, row: number, value: number, bad: BadRows): void {
    if (value !== value) return
    const places = decimalPlaces(cells.bytes, cells.starts[at]!, cells.ends[at]!)
    if (places < 0 || places > plan.scale) {
      reportBad(bad, row, name, `${quoted(cells, at)} has more than ${plan.scale} decimals`)
    } else if (Math.abs(value) * 10 ** plan.scale > Number.MAX_SAFE_INTEGER) {
      reportBad(bad, row, name, `${quoted(cells, at)} has more digits than can be told apart`)
    }
  }
  return {
    name,
    read(cells, bad) {
      const { bytes, starts, ends, width, rowCount } = cells
      for (let row = 0, at = cell; row < rowCount; row += 1, at += width) {
        let value = parsePlainNumber(bytes, starts[at]!, ends[at]!)
        if (value !== value) value = slow(cells, at, row, bad)
        if (isDecimal) checkDecimal(cells, at, row, value, bad)
        for (let index = 0; index < absent.length; index += 1) {
          if (value === absent[index]) value = Number.NaN
        }
        values[row] = value
      }
    },
    take: (rows, from, to) => gather(values, rows, from, to),
  }
}

function absentNumbers(plan: ColumnPlan): Float64Array {
  const encoder = new TextEncoder()
  return Float64Array.from(plan.absent, (text) => {
    const bytes = encoder.encode(text)
    const value = parseNumber(bytes, 0, bytes.length)
    if (value !== undefined) return value
    throw new VarveError(
      'ERR_ARGUMENT',
      `--absent ${plan.name}=${text}: ${plan.name} holds numbers`,
      { column: plan.name, actual: text },
    )
  })
}

/** A cell without the blanks around it: [trimmed.start, trimmed.end). */
const trimmed = { start: 0, end: 0 }
function trim(cells: Cells, at: number): void {
  let start = cells.starts[at]!
  let end = cells.ends[at]!
  while (start < end && cells.bytes[start] === 32) start += 1
  while (end > start && cells.bytes[end - 1] === 32) end -= 1
  trimmed.start = start
  trimmed.end = end
}

function int64Reader(plan: ColumnPlan, cell: number): ColumnReader {
  const values = new BigInt64Array(chunkRows)
  const halves = new Int32Array(values.buffer)
  const { name, isOptional } = plan
  const time = plan.time
  const places = time?.form === 'epoch' ? time.places : 0
  const text = time?.form === 'text' ? time.read : undefined
  function slow(cells: Cells, at: number, row: number, bad: BadRows): void {
    trim(cells, at)
    const { start, end } = trimmed
    if (start === end) {
      if (!isOptional) missing(bad, row, name)
      values[row] = absentInt64
    } else if (text !== undefined) {
      const reason = text(cells.bytes, start, end, halves, row)
      if (reason !== '') reportBad(bad, row, name, `${quoted(cells, at)} is ${reason}`)
    } else if (!parseInt64(cells.bytes, start, end, places, halves, row)) {
      const what = time === undefined ? 'no 64-bit integer' : 'no epoch time in its unit'
      reportBad(bad, row, name, `${quoted(cells, at)} is ${what}`)
    }
  }
  return {
    name,
    read(cells, bad) {
      const { bytes, starts, ends, width, rowCount } = cells
      for (let row = 0, at = cell; row < rowCount; row += 1, at += width) {
        const isRead =
          text === undefined && parseInt64(bytes, starts[at]!, ends[at]!, places, halves, row)
        if (!isRead) slow(cells, at, row, bad)
      }
    },
    take: (rows, from, to) => gatherInt64(values, rows, from, to),
  }
}

/** Whole numbers of a small range, and bool: values, and which rows have one. */
function smallReader(plan: ColumnPlan, cell: number): ColumnReader {
  const { name, isOptional, type } = plan
  const lowest = type === 'i32' ? -0x80000000 : 0
  const highest = type === 'i32' ? 0x7fffffff : type === 'u8' ? 255 : 1
  const values = type === 'i32' ? new Int32Array(chunkRows) : new Uint8Array(chunkRows)
  const present = new Uint8Array(chunkRows)
  function valueAt(cells: Cells, at: number): number {
    const plain = parsePlainNumber(cells.bytes, cells.starts[at]!, cells.ends[at]!)
    if (plain === plain) return plain
    const text = textOf(cells.bytes, cells.starts[at]!, cells.ends[at]!)?.trim().toLowerCase()
    if (type === 'bool' && (text === 'true' || text === 't' || text === 'yes')) return 1
    if (type === 'bool' && (text === 'false' || text === 'f' || text === 'no')) return 0
    return Number.NaN
  }
  return {
    name,
    read(cells, bad) {
      for (let row = 0, at = cell; row < cells.rowCount; row += 1, at += cells.width) {
        const isPresent = cells.starts[at] !== cells.ends[at]
        present[row] = isPresent ? 1 : 0
        values[row] = 0
        if (!isPresent) {
          if (!isOptional) missing(bad, row, name)
          continue
        }
        const value = valueAt(cells, at)
        if (Number.isInteger(value) && value >= lowest && value <= highest) values[row] = value
        else reportBad(bad, row, name, `${quoted(cells, at)} is no ${type}`)
      }
    },
    take(rows, from, to) {
      const taken = gather<Int32Array | Uint8Array>(values, rows, from, to)
      const kept = gather(present, rows, from, to)
      if (!isOptional || kept.indexOf(0) < 0) return taken
      return Array.from(taken, (value, at) => (kept[at] === 1 ? value : null))
    },
  }
}

/** What a text stands for, by the plan's `absent` and `values`. null: absent. */
export function translateOf(plan: ColumnPlan): Translate {
  const { values, isOptional } = plan
  const absent = new Set(plan.absent)
  return (text) => {
    if (isOptional && (text === '' || absent.has(text))) return null
    if (values === undefined) return text
    return values.get(text)
  }
}

function refusedText(plan: ColumnPlan, cells: Cells, at: number): string {
  if (textOf(cells.bytes, cells.starts[at]!, cells.ends[at]!) === undefined) return 'not UTF-8'
  const listed = [...(plan.values?.keys() ?? [])].join(', ')
  return `${quoted(cells, at)} is not among the values given for it: ${listed}`
}

function symbolReader(plan: ColumnPlan, cell: number): ColumnReader {
  const table = new SymbolTable(translateOf(plan))
  const codes = new Uint32Array(chunkRows)
  const { name } = plan
  return {
    name,
    read(cells, bad) {
      const { bytes, starts, ends, width, rowCount } = cells
      table.trim()
      for (let row = 0, at = cell; row < rowCount; row += 1, at += width) {
        const code = table.codeOf(bytes, starts[at]!, ends[at]!)
        codes[row] = code
        if (code === refusedCode) reportBad(bad, row, name, refusedText(plan, cells, at))
      }
    },
    take: (rows, from, to) => new SymbolCells(gather(codes, rows, from, to), table.dictionary()),
  }
}

function textReader(plan: ColumnPlan, cell: number): ColumnReader {
  const values = Array.from<unknown>({ length: chunkRows }).fill(null)
  const { name, isOptional, type } = plan
  return {
    name,
    read(cells, bad) {
      for (let row = 0, at = cell; row < cells.rowCount; row += 1, at += cells.width) {
        const text = textOf(cells.bytes, cells.starts[at]!, cells.ends[at]!)
        values[row] = null
        if (text === undefined) reportBad(bad, row, name, 'not UTF-8')
        else if (text === '' && isOptional) continue
        else if (type === 'text') values[row] = text
        else {
          try {
            values[row] = JSON.parse(text)
          } catch (cause) {
            if (!(cause instanceof SyntaxError)) throw cause
            reportBad(bad, row, name, `${quoted(cells, at)} is no JSON`)
          }
        }
      }
    },
    take(rows, from, to) {
      if (rows === undefined) return values.slice(from, to)
      return Array.from(rows, (row) => values[row])
    },
  }
}

/** Cells of one column with other texts in their place: a table of one column over the texts'
 * bytes. */
function translated(plan: ColumnPlan, cell: number, inner: ColumnReader): ColumnReader {
  const table = new SymbolTable(translateOf(plan))
  const encoder = new TextEncoder()
  const codes = new Uint32Array(chunkRows)
  const starts = new Int32Array(chunkRows)
  const ends = new Int32Array(chunkRows)
  return {
    name: plan.name,
    read(cells, bad) {
      table.trim()
      for (let row = 0, at = cell; row < cells.rowCount; row += 1, at += cells.width) {
        const code = table.codeOf(cells.bytes, cells.starts[at]!, cells.ends[at]!)
        codes[row] = code
        if (code === refusedCode) reportBad(bad, row, plan.name, refusedText(plan, cells, at))
      }
      const texts = table.dictionary().map((text) => encoder.encode(text))
      const offsets = [0]
      for (const text of texts) offsets.push(offsets.at(-1)! + text.length)
      const bytes = new Uint8Array(offsets.at(-1)!)
      for (const [index, text] of texts.entries()) bytes.set(text, offsets[index])
      for (let row = 0; row < cells.rowCount; row += 1) {
        starts[row] = offsets[codes[row]!] ?? 0
        ends[row] = codes[row] === absentCode ? 0 : (offsets[codes[row]! + 1] ?? 0)
      }
      inner.read({ ...cells, width: 1, bytes, starts, ends }, bad)
    },
    take: (rows, from, to) => inner.take(rows, from, to),
  }
}

const firstRows = new Int32Array(chunkRows)

/** The same value in every row. */
function constantReader(plan: ColumnPlan, text: string): ColumnReader {
  const inner = makeReader({ ...plan, source: { cell: 0 } })
  const bytes = new TextEncoder().encode(text)
  const one: Cells = {
    width: 1,
    rowCount: 1,
    bytes,
    starts: Int32Array.of(0),
    ends: Int32Array.of(bytes.length),
    rowStarts: Int32Array.of(0),
    rowEnds: Int32Array.of(bytes.length),
    faults: new Uint8Array(1),
    found: Int32Array.of(1),
    next: bytes.length,
    lines: 0,
    hasReturns: false,
  }
  const bad: BadRows = { marks: new Uint8Array(1), cells: [] }
  inner.read(one, bad)
  const refused = bad.cells[0]
  if (refused !== undefined) {
    throw new VarveError('ERR_ARGUMENT', `--set ${plan.name}: ${refused.reason}`, {
      column: plan.name,
      actual: text,
    })
  }
  return {
    name: plan.name,
    read() {}, // read once, above
    take: (rows, from, to) =>
      inner.take(firstRows.subarray(0, rows === undefined ? to - from : rows.length), 0, 0),
  }
}

function plainReader(plan: ColumnPlan, cell: number): ColumnReader {
  switch (plan.type) {
    case 'f64':
    case 'decimal':
      return f64Reader(plan, cell)
    case 'i64':
    case 'time':
      return int64Reader(plan, cell)
    case 'i32':
    case 'u8':
    case 'bool':
      return smallReader(plan, cell)
    case 'symbol':
      return symbolReader(plan, cell)
    case 'text':
    case 'json':
      return textReader(plan, cell)
    default:
      return assertNever(plan.type)
  }
}

/**
 * A reader for that column.
 *
 * @throws {VarveError} ERR_ARGUMENT where a constant or an absent value cannot be one of the
 * column's.
 */
export function makeReader(plan: ColumnPlan): ColumnReader {
  if ('constant' in plan.source) return constantReader(plan, plan.source.constant)
  const { cell } = plan.source
  assert(plan.type !== 'time' || plan.time !== undefined, 'a time column knows how it is written')
  if (plan.type === 'symbol') return symbolReader(plan, cell)
  const isNumber = plan.type === 'f64' || plan.type === 'decimal'
  const needsTexts = plan.values !== undefined || (plan.absent.length > 0 && !isNumber)
  if (!needsTexts) return plainReader(plan, cell)
  const { values: _values, ...rest } = plan
  return translated(plan, cell, plainReader({ ...rest, absent: isNumber ? plan.absent : [] }, 0))
}
