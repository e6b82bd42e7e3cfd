// A kind of one's own, as JSON:
//   { "name": "funding", "columns": { "rate": "f64", "interval": "i32?", "mark": "decimal(2)" },
//     "order": ["seq"], "identity": ["time"], "duplicates": "last", "timeframed": false, "version":
// 1 } A type ends with ? where rows may leave the column out.
import { VarveError } from '#base'
import { column, isColumnType } from '#schema'
import type { Column, ColumnType, Columns, Kind } from '#schema'
import type { Engine } from './engine.ts'

function refused(file: string, message: string): VarveError {
  return new VarveError(
    'ERR_ARGUMENT',
    `${file}: ${message}`,
    { file },
    {
      hint: 'For example {"name": "funding", "columns": {"rate": "f64", "mark": "decimal(2)?"}}.',
    },
  )
}

/** Makers by name, as one type: each gives a column of its own. */
const makers: Readonly<Record<Exclude<ColumnType, 'decimal'>, () => Column>> = column

function columnOf(file: string, name: string, text: unknown): Columns[string] {
  const match = /^([a-z0-9]+)(?:\((\d{1,2})\))?(\?)?$/.exec(typeof text === 'string' ? text : '')
  const type = match?.[1] ?? ''
  if (match === null || !isColumnType(type) || (match[2] !== undefined) !== (type === 'decimal')) {
    throw refused(
      file,
      `column ${name}: ${JSON.stringify(text)} is none of f64 decimal(k) i64 i32 u8 bool symbol ` +
        'text json time, or one of them with ?',
    )
  }
  const required = type === 'decimal' ? column.decimal(Number(match[2])) : makers[type]()
  return match[3] === undefined ? required : required.optional()
}

const known = new Set([
  'name',
  'columns',
  'order',
  'identity',
  'duplicates',
  'timeframed',
  'version',
])

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function names(file: string, key: string, value: unknown): string[] {
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value
  throw refused(file, `${key} is a list of column names`)
}

/**
 * The kind a JSON text defines.
 *
 * @throws {VarveError} ERR_ARGUMENT naming the part that is wrong.
 */
export function parseKindFile(engine: Engine, file: string, text: string): Kind {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new VarveError(
      'ERR_ARGUMENT',
      `${file} is no JSON: ${String(cause)}`,
      { file },
      { cause },
    )
  }
  if (!isRecord(value)) throw refused(file, 'a kind is an object')
  const stray = Object.keys(value).find((key) => !known.has(key))
  if (stray !== undefined) throw refused(file, `there is no part ${stray}`)
  const { name, columns, order, identity, duplicates, timeframed, version } = value
  if (typeof name !== 'string') throw refused(file, 'name is a string')
  if (!isRecord(columns)) throw refused(file, 'columns is an object of names and types')
  if (timeframed !== undefined && typeof timeframed !== 'boolean') {
    throw refused(file, 'timeframed is true or false')
  }
  if (version !== undefined && typeof version !== 'number')
    throw refused(file, 'version is a number')
  if (
    duplicates !== undefined &&
    duplicates !== 'keep' &&
    duplicates !== 'first' &&
    duplicates !== 'last'
  ) {
    throw refused(file, 'duplicates is keep, first or last')
  }
  return engine.defineKind(name, {
    columns: Object.fromEntries(
      Object.entries(columns).map(([key, type]) => [key, columnOf(file, key, type)]),
    ),
    ...(version === undefined ? {} : { version }),
    ...(timeframed === undefined ? {} : { timeframed }),
    ...(order === undefined ? {} : { order: names(file, 'order', order) }),
    ...(identity === undefined ? {} : { identity: names(file, 'identity', identity) }),
    ...(duplicates === undefined ? {} : { duplicates }),
  })
}
