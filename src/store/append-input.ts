// What append() is given, put into the columns of the head. Nothing is visible before the caller commits.
import { VarveError, assert } from '#base'
import type { Chunk } from '#head'
import { unknownColumn } from '#query'
import { fillColumn, fillTimes, fillValue, inputLength } from '#schema'
import type { ColumnSpec, InputPlace } from '#schema'

export type AppendInput =
  | { readonly form: 'rows'; readonly rows: readonly Record<string, unknown>[] }
  | {
      readonly form: 'columns'
      readonly columns: Readonly<Record<string, unknown>>
      readonly rowCount: number
    }

function refused(message: string, series: string, hint: string, details: object = {}): VarveError {
  return new VarveError('ERR_ARGUMENT', message, { series, ...details }, { hint })
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Tells one row, many rows and columns apart. @throws {VarveError} ERR_ARGUMENT, ERR_SCHEMA */
export function inputOf(input: unknown, series: string): AppendInput {
  if (Array.isArray(input)) {
    if (input.length === 0) throw emptyBatch(series)
    return { form: 'rows', rows: input }
  }
  if (!isRecord(input)) {
    const hint = 'Give a row, a list of rows, or an object of columns.'
    throw refused(`append was given ${input === null ? 'null' : typeof input}`, series, hint)
  }
  const time = input['time']
  const isColumns = typeof time === 'object' && time !== null && !(time instanceof Date)
  if (!isColumns) return { form: 'rows', rows: [input] }
  const rowCount = inputLength(time)
  if (rowCount === undefined) {
    throw refused('the column time is no list', series, 'Give a BigInt64Array of epoch ns.')
  }
  if (rowCount === 0) throw emptyBatch(series)
  for (const name of Object.keys(input)) {
    const column = input[name]
    if (column === undefined) continue
    const length = inputLength(column)
    if (length === rowCount) continue
    const details = { series, column: name, expected: rowCount, actual: length ?? typeof column }
    throw new VarveError(
      'ERR_SCHEMA',
      length === undefined
        ? `column '${name}' is no list`
        : `column '${name}' has ${length} values, time has ${rowCount}`,
      details,
      { hint: 'All columns of a call have the same length. Nothing was added.' },
    )
  }
  return { form: 'columns', columns: input, rowCount }
}

function emptyBatch(series: string): VarveError {
  return refused('append was given no rows', series, 'Leave the call out where there is nothing.')
}

export function rowCountOf(input: AppendInput): number {
  return input.form === 'rows' ? input.rows.length : input.rowCount
}

/** Names of the input's columns that hold a value, and of those that must hold one (for json null is a value).
 *  @throws {VarveError} ERR_SCHEMA for one the kind does not have */
export function givenColumns(
  input: AppendInput,
  names: ReadonlySet<string>,
  specs: readonly ColumnSpec[],
  kind: string,
): Set<string> {
  const given = new Set<string>()
  for (const { name, optional } of specs) if (!optional) given.add(name)
  const records = input.form === 'rows' ? input.rows : [input.columns]
  for (let row = 0; row < records.length; row += 1) {
    const record: unknown = records[row]
    if (!isRecord(record)) {
      const details = { row, actual: typeof record }
      throw new VarveError('ERR_SCHEMA', `row ${row} is no object`, details)
    }
    for (const name in record) {
      if (record[name] === undefined || (record[name] === null && input.form === 'rows')) {
        if (names.has(name)) continue
      }
      if (!names.has(name)) throw unknownColumn(name, specs, kind)
      given.add(name)
    }
  }
  return given
}

/** Fills rows [at, at + rowCount) of the chunk; columns that are not in `given` become absent. */
export function fillRows(
  chunk: Chunk,
  at: number,
  input: AppendInput,
  specs: readonly ColumnSpec[],
  given: ReadonlySet<string>,
  place: InputPlace,
): void {
  for (const spec of specs) {
    const isNew = chunk.columns[spec.index] === undefined
    if (!given.has(spec.name) && spec.optional) {
      chunk.clear(spec, at, at + rowCountOf(input))
      continue
    }
    const target = chunk.column(spec)
    // Rows of the same call that stand before these, and do not have the column.
    if (isNew && at > chunk.rowCount) chunk.clear(spec, chunk.rowCount, at)
    if (input.form === 'rows') {
      for (let row = 0; row < input.rows.length; row += 1) {
        fillValue(spec, input.rows[row]![spec.name], target, at + row, place, row)
      }
      continue
    }
    const source = input.columns[spec.name]
    if (source === undefined) {
      for (let row = 0; row < input.rowCount; row += 1) {
        fillValue(spec, undefined, target, at + row, place, row)
      }
    } else if (spec.index === 0) {
      assert(target.physical === 'i64', 'times are int64')
      fillTimes(spec, source, input.rowCount, target, at, place)
    } else fillColumn(spec, source, input.rowCount, target, at, place)
  }
}
