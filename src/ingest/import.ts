// One CSV file into one series, or into one series a symbol: header, mapping, then chunk by chunk:
// cells, columns, bad rows, what is in already, append.
import { VarveError, assert } from '#base'
import { checkSymbol } from '#schema'
import type { Vfs } from '#vfs'
import { makeBadRows, reportBad, startChunk } from './bad-rows.ts'
import type { BadRows } from './bad-rows.ts'
import { chunkRows } from './cells.ts'
import type { Cells } from './cells.ts'
import { ChunkReader } from './chunks.ts'
import { makeReader } from './columns.ts'
import type { ColumnPlan, ColumnReader } from './columns.ts'
import { resolveMapping } from './mapping.ts'
import type { Mapping, MappingOptions } from './mapping.ts'
import { PrefixIds } from './resume.ts'
import { sourceBytes } from './source.ts'
import type { SourceProgress } from './source.ts'
import { SymbolTable, refusedCode } from './symbols.ts'
import type { ImportColumn, ImportColumns, ImportKind, ImportTarget } from './target.ts'
import { timeForm } from './time-form.ts'
import type { DescribedForm } from './time-form.ts'

export interface ImportRequest {
  readonly vfs: Vfs
  readonly path: string
  readonly kind: ImportKind
  readonly mapping: MappingOptions
  /** 'stop' (default): the first bad row ends the import with ERR_SCHEMA. 'list': good rows go in,
   * bad ones are listed. */
  readonly bad?: 'stop' | 'list'
  /** The series of a symbol; called without one unless `mapping.symbol` is given. */
  readonly target: (symbol: string | undefined) => ImportTarget
  /** How the file is read; called once, before the first row. */
  readonly onMapped?: (mapped: MappedFile) => void
  readonly onProgress?: (progress: ImportProgress) => void
  readonly signal?: AbortSignal
}

/** Stored bytes of the file read so far and in all, and rows seen. */
export interface ImportProgress {
  readonly done: number
  readonly total: number
  readonly rows: number
}

export interface MappedFile {
  /** CSV column of the event time, and how it is written: 'ns', 'ISO 8601, UTC', ... */
  readonly time: string
  readonly timeForm: string
  /** The unit of the time was told from its size: say so. */
  readonly isTimeGuess: boolean
  /** Column of the kind to CSV column, or to `=value`. */
  readonly columns: Readonly<Record<string, string>>
  /** CSV columns that go nowhere. */
  readonly unused: readonly string[]
}

export interface BadRow {
  readonly line: number
  /** '' where the row as a whole is wrong. */
  readonly column: string
  readonly reason: string
}

export interface ImportReport {
  /** Rows added. */
  readonly rows: number
  /** Rows that an earlier import of the same content had added. */
  readonly duplicates: number
  readonly badRows: number
  /** The first 100,000 of them. */
  readonly bad: readonly BadRow[]
  readonly mapped: MappedFile
}

const badRowsKept = 100_000
const targetsKept = 8192
const everyRow = Int32Array.from({ length: chunkRows }, (_, row) => row)

/** Readers of all columns, once the first cells are known. */
interface Plan {
  readonly time: ColumnReader
  readonly columns: readonly ColumnReader[]
  readonly mapped: MappedFile
  /** Everything that decides how rows are read, in one text. */
  readonly identity: string
}

function planOf(
  header: readonly string[],
  mapping: Mapping,
  options: MappingOptions,
  cells: Cells,
): Plan {
  const csvName = (cell: number): string => header[cell] ?? ''
  const timeName = csvName(mapping.timeCell)
  const time = timeForm(timeName, 'time', mapping.timeCell, cells, options)
  const identity: unknown[] = ['csv 1', timeName, time.text]
  const columns = mapping.columns.map((column) => {
    const { name, source } = column
    const values = options.values?.[name]
    const absent = options.absent?.[name] ?? []
    let form: DescribedForm | undefined
    if (column.type === 'time') form = formOf(column.name, source, csvName, cells, options)
    const plan: ColumnPlan = {
      ...column,
      absent,
      ...(values === undefined ? {} : { values: new Map(Object.entries(values)) }),
      ...(form === undefined ? {} : { time: form.form }),
    }
    const from = 'cell' in source ? ['from', csvName(source.cell)] : ['set', source.constant]
    identity.push([name, column.type, ...from, form?.text, values, absent])
    return plan
  })
  if (mapping.symbolCell !== undefined) identity.push(['symbol', csvName(mapping.symbolCell)])
  const described = columns.map(({ name, source }) => [
    name,
    'cell' in source ? csvName(source.cell) : `=${source.constant}`,
  ])
  return {
    time: makeReader({
      name: 'time',
      type: 'time',
      isOptional: false,
      scale: 0,
      source: { cell: mapping.timeCell },
      absent: [],
      time: time.form,
    }),
    columns: columns.map(makeReader),
    mapped: {
      time: timeName,
      timeForm: time.text,
      isTimeGuess: time.isGuess,
      columns: Object.fromEntries(described) as Record<string, string>,
      unused: mapping.unused,
    },
    identity: JSON.stringify(identity),
  }
}

/** The form of a time column other than the event time; a constant is looked at as a file's only
 * cell would be. */
function formOf(
  name: string,
  source: ColumnPlan['source'],
  csvName: (cell: number) => string,
  cells: Cells,
  options: MappingOptions,
): DescribedForm {
  if ('cell' in source) return timeForm(csvName(source.cell), name, source.cell, cells, options)
  const bytes = new TextEncoder().encode(source.constant)
  const one = {
    ...cells,
    width: 1,
    rowCount: 1,
    bytes,
    starts: Int32Array.of(0),
    ends: Int32Array.of(bytes.length),
  }
  return timeForm(name, name, 0, one, options)
}

class FileImport {
  readonly #request: ImportRequest
  readonly #reader: ChunkReader
  readonly #plan: Plan
  readonly #ids: PrefixIds
  readonly #badRows: BadRows = makeBadRows()
  readonly #symbolCell: number | undefined
  readonly #symbols = new SymbolTable(symbolOf)
  readonly #symbolCodes = new Uint32Array(chunkRows)
  readonly #targets = new Map<string | undefined, ImportTarget>()
  /** Rows of the chunks before. */
  #rowsBefore = 0
  /** Every chunk so far was in already: the next one may be in up to some row. */
  #isProbing = true
  rows = 0
  duplicates = 0
  badCount = 0
  readonly bad: BadRow[] = []

  constructor(request: ImportRequest, reader: ChunkReader, plan: Plan, mapping: Mapping) {
    this.#request = request
    this.#reader = reader
    this.#plan = plan
    this.#symbolCell = mapping.symbolCell
    this.#ids = new PrefixIds(plan.identity)
  }

  get rowsSeen(): number {
    return this.#rowsBefore
  }

  /** Reads a chunk's cells and appends its rows; throws at a bad one, having appended those before
   * it, where asked. */
  chunk(cells: Cells): void {
    const bad = this.#badRows
    startChunk(bad, cells)
    this.#plan.time.read(cells, bad)
    for (const column of this.#plan.columns) column.read(cells, bad)
    if (this.#symbolCell !== undefined) this.#readSymbols(cells, this.#symbolCell)
    bad.cells.sort((a, b) => a.row - b.row)
    const first = bad.cells[0]
    const stopsAt = this.#request.bad === 'list' ? undefined : first
    const rowEnd = stopsAt?.row ?? cells.rowCount
    this.#append(cells, rowEnd)
    if (stopsAt !== undefined) throw this.#stopped(stopsAt.row, stopsAt.column, stopsAt.reason)
    this.badCount += bad.cells.length
    for (const { row, column, reason } of bad.cells) {
      if (this.bad.length >= badRowsKept) break
      this.bad.push({ line: this.#reader.lineOf(row), column, reason })
    }
    this.#ids.next(this.#reader.source, cells)
    this.#rowsBefore += cells.rowCount
  }

  #stopped(row: number, column: string, reason: string): VarveError {
    const line = this.#reader.lineOf(row)
    const file = this.#request.path
    const count = this.rows.toLocaleString('en-US')
    const before = this.duplicates === 0 ? '' : ` (${this.duplicates} more were in already)`
    return new VarveError(
      'ERR_SCHEMA',
      `${file}, line ${line}${column === '' ? '' : `, ${column}`}: ${reason}; ` +
        `${count} rows before it went in${before}`,
      { file, line, column, reason, rows: this.rows, duplicates: this.duplicates },
      {
        hint: 'Mend the line and import the file again: it goes on from there; or give --bad list.',
      },
    )
  }

  #readSymbols(cells: Cells, cell: number): void {
    this.#symbols.trim()
    const { bytes, starts, ends, width, rowCount } = cells
    for (let row = 0, at = cell; row < rowCount; row += 1, at += width) {
      const code = this.#symbols.codeOf(bytes, starts[at]!, ends[at]!)
      this.#symbolCodes[row] = code
      if (code === refusedCode) reportBad(this.#badRows, row, 'symbol', 'no symbol')
    }
  }

  #target(symbol: string | undefined): ImportTarget {
    const known = this.#targets.get(symbol)
    if (known !== undefined) return known
    if (this.#targets.size >= targetsKept) this.#targets.clear()
    const target = this.#request.target(symbol)
    this.#targets.set(symbol, target)
    return target
  }

  /** Appends the good rows of [0, rowEnd). */
  #append(cells: Cells, rowEnd: number): void {
    const { marks } = this.#badRows
    const good = this.#badRows.cells.some(({ row }) => row < rowEnd)
      ? everyRow.slice(0, rowEnd).filter((row) => marks[row] === 0)
      : everyRow.subarray(0, rowEnd)
    if (good.length === 0) return
    const id = this.#ids.after(this.#reader.source, cells, rowEnd)
    const producer = { id, sequence: this.#rowsBefore + rowEnd }
    let isKnown = true
    let shorter: readonly (readonly [number, string])[] | undefined
    for (const [symbol, rows] of this.#groups(good)) {
      const target = this.#target(symbol)
      if (target.accepted(id) !== undefined) {
        this.duplicates += rows.length
        continue
      }
      isKnown = false
      let from = 0
      if (this.#isProbing) {
        // What an earlier import left in any series it left in the first of them, which is always
        // written first.
        shorter ??= [...this.#ids.shorter(this.#reader.source, cells, rowEnd)]
        shorter = shorter.filter(([, known]) => target.accepted(known) !== undefined)
        from = shorter[0]?.[0] ?? 0
      }
      const left = from === 0 ? rows : rows.filter((row) => row >= from)
      this.duplicates += rows.length - left.length
      if (left.length > 0) this.#appendTo(target, left, producer)
    }
    if (!isKnown) this.#isProbing = false
  }

  /** The chunk's rows by symbol, in order of first appearance; all of them where there is one
   * series. */
  #groups(rows: Int32Array): Iterable<readonly [string | undefined, Int32Array]> {
    if (this.#symbolCell === undefined) return [[undefined, rows]]
    const dictionary = this.#symbols.dictionary()
    const codes = this.#symbolCodes
    const counts = new Int32Array(dictionary.length + 1)
    for (const row of rows) counts[codes[row]! + 1]! += 1
    for (let code = 0; code < dictionary.length; code += 1) counts[code + 1]! += counts[code]!
    const starts = counts.slice()
    const sorted = new Int32Array(rows.length)
    for (const row of rows) {
      const code = codes[row]!
      sorted[counts[code]!] = row
      counts[code]! += 1
    }
    const groups = dictionary.flatMap((symbol, code) => {
      const group = sorted.subarray(starts[code], starts[code + 1])
      return group.length === 0 ? [] : [[symbol, group] as const]
    })
    return groups.toSorted(([, a], [, b]) => a[0]! - b[0]!)
  }

  #appendTo(
    target: ImportTarget,
    rows: Int32Array,
    producer: { readonly id: string; readonly sequence: number },
  ): void {
    const first = rows[0]!
    const isWhole = rows.at(-1)! - first === rows.length - 1
    const taken = isWhole ? undefined : rows
    const end = first + rows.length
    const columns: Record<string, ImportColumn> = {}
    for (const column of this.#plan.columns) columns[column.name] = column.take(taken, first, end)
    const time = this.#plan.time.take(taken, first, end)
    assert(time instanceof BigInt64Array, 'a time column is int64')
    const all: ImportColumns = { time, ...columns }
    try {
      const ack = target.append(all, { producer })
      this.rows += ack.rows
      this.duplicates += rows.length - ack.rows
    } catch (cause) {
      throw this.#refusedRows(cause, rows)
    }
  }

  /** A refusal of the store about one row, with the line it comes from; anything else as it is. */
  #refusedRows(cause: unknown, rows: Int32Array): unknown {
    if (!(cause instanceof VarveError) || cause.code !== 'ERR_SCHEMA') return cause
    const { row, column } = cause.details
    if (typeof row !== 'number' || rows[row] === undefined) return cause
    const line = this.#reader.lineOf(rows[row])
    const file = this.#request.path
    return new VarveError(
      'ERR_SCHEMA',
      `${file}, line ${line}: ${cause.message}`,
      { ...cause.details, file, line, column },
      { cause, hint: 'Mend the line and import the file again: it goes on from there.' },
    )
  }
}

/** A symbol as it is, or undefined for what cannot be one. */
function symbolOf(text: string): string | undefined {
  try {
    checkSymbol(text)
    return text
  } catch (cause) {
    if (cause instanceof VarveError) return undefined // the row is reported with its line
    throw cause
  }
}

/**
 * Imports one CSV file, plain or gzip, in bounded memory: at most one chunk of 4,096 rows at a
 * time. What the same content under the same mapping added before is not added again (README.md
 * says how that is known). Rows are appended, not flushed: make them durable when it resolves.
 *
 * @throws {VarveError} ERR_ARGUMENT: an option or the header does not fit. ERR_SCHEMA: a bad row
 * (details: file, line,
 *   column, reason, rows added before it). ERR_CORRUPT: damaged gzip. And what the target's append
 * throws.
 */
export async function importCsv(request: ImportRequest): Promise<ImportReport> {
  const { vfs, path, kind, mapping: options, signal } = request
  const progress: SourceProgress = { done: 0, total: 0 }
  const pieces = sourceBytes(vfs, path, progress)
  try {
    const reader = new ChunkReader(pieces, path)
    const header = await reader.header(options.skipLines ?? 0)
    const mapping = resolveMapping(kind, header, options)
    const firstCells = await reader.next()
    const plan = planOf(header, mapping, options, firstCells ?? reader.noCells())
    request.onMapped?.(plan.mapped)
    const run = new FileImport(request, reader, plan, mapping)
    for (let cells = firstCells; cells !== undefined; cells = await reader.next()) {
      signal?.throwIfAborted()
      run.chunk(cells)
      request.onProgress?.({ ...progress, rows: run.rowsSeen })
    }
    const { rows, duplicates, bad, badCount } = run
    return { rows, duplicates, badRows: badCount, bad, mapped: plan.mapped }
  } finally {
    await pieces.return()
  }
}
