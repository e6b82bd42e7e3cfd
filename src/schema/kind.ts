// A kind: what a row of a series holds, what makes two rows the same, and in what order equal times stand.
import { VarveError, limits } from '#base'
import { isColumnType } from './column.ts'
import type { Column } from './column.ts'

export type Columns = Record<string, Column>
export type Duplicates = 'keep' | 'first' | 'last'

/** Made with `defineKind`; plain frozen data. */
export interface Kind<Name extends string = string, C = Columns, Framed extends boolean = boolean> {
  readonly name: Name
  readonly columns: C
  readonly version: number
  /** Series of this kind have a timeframe (bars). */
  readonly timeframed: Framed
  /** Columns that rank rows of equal time before arrival does. */
  readonly order: readonly string[]
  /** Columns that make two rows of a partition the same row; empty: no two rows ever are. */
  readonly identity: readonly string[]
  readonly duplicates: Duplicates
}

export interface KindDefinition<C, Framed extends boolean> {
  columns: C & { time?: never; received?: never }
  version?: number
  timeframed?: Framed
  order?: readonly (keyof C & string)[]
  identity?: readonly ((keyof C & string) | 'time')[]
  duplicates?: Duplicates
}

/**
 * Defines a kind. Every kind has `time` (event time, ns) and an optional `received` (when it reached us, ns) without
 * declaring them.
 *
 * @throws {VarveError} ERR_ARGUMENT naming the column or option that is wrong.
 */
export function defineKind<
  const Name extends string,
  C extends Columns,
  const Framed extends boolean = false,
>(name: Name, definition: KindDefinition<C, Framed>): Kind<Name, C, Framed> {
  const columns = definition.columns as C
  checkKindName(name)
  checkColumns(name, columns)
  const order = [...(definition.order ?? [])]
  const identity = [...(definition.identity ?? [])]
  const duplicates = definition.duplicates ?? 'keep'
  const version = definition.version ?? 1
  checkOrder(name, columns, order)
  checkIdentity(name, columns, identity, duplicates)
  if (!Number.isInteger(version) || version < 1) {
    throw refused(name, `version is a whole number from 1 on, not ${String(version)}`)
  }
  return Object.freeze({
    name,
    columns: Object.freeze({ ...columns }),
    version,
    timeframed: (definition.timeframed ?? false) as Framed,
    order: Object.freeze(order),
    identity: Object.freeze(identity),
    duplicates,
  })
}

function refused(kind: string, message: string, column?: string): VarveError {
  return new VarveError(
    'ERR_ARGUMENT',
    `kind ${JSON.stringify(kind)}: ${message}`,
    column === undefined ? { kind } : { kind, column },
  )
}

function checkKindName(name: string): void {
  const fits = typeof name === 'string' && /^[A-Za-z][A-Za-z0-9_.-]*$/.test(name)
  if (fits && name.length <= limits.kindNameBytesMax) return
  throw refused(
    String(name),
    `a name is 1 to ${limits.kindNameBytesMax} letters, digits, '_', '.' or '-', a letter first`,
  )
}

function checkColumns(kind: string, columns: Columns): void {
  const names = Object.keys(columns)
  if (names.length === 0) throw refused(kind, 'at least one column is needed')
  if (names.length > limits.columnsMax) {
    throw refused(kind, `${names.length} columns, at most ${limits.columnsMax}`)
  }
  for (const name of names) {
    if (name === 'time' || name === 'received') {
      throw refused(kind, `every kind has the column '${name}' already`, name)
    }
    const fits = /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && name !== '__proto__'
    if (!fits || name.length > limits.columnNameBytesMax) {
      throw refused(kind, `'${name}' cannot be the name of a column`, name)
    }
    const type: unknown = columns[name]?.type
    if (typeof type !== 'string' || !isColumnType(type)) {
      throw refused(kind, `column '${name}' is not made with column.*`, name)
    }
  }
}

function checkOrder(kind: string, columns: Columns, order: readonly string[]): void {
  const seen = new Set<string>()
  for (const name of order) {
    const type = columns[name]?.type
    if (type === undefined || !Object.hasOwn(columns, name)) {
      throw refused(kind, `order names '${name}', which is no column`, name)
    }
    if (type === 'symbol' || type === 'text' || type === 'json') {
      throw refused(kind, `order column '${name}' is ${type}; only numbers have an order`, name)
    }
    if (seen.has(name)) throw refused(kind, `order names '${name}' twice`, name)
    seen.add(name)
  }
}

function checkIdentity(
  kind: string,
  columns: Columns,
  identity: readonly string[],
  duplicates: Duplicates,
): void {
  for (const name of identity) {
    if (name !== 'time' && !Object.hasOwn(columns, name)) {
      throw refused(kind, `identity names '${name}', which is no column`, name)
    }
    if (identity.indexOf(name) !== identity.lastIndexOf(name)) {
      throw refused(kind, `identity names '${name}' twice`, name)
    }
  }
  if (duplicates !== 'keep' && duplicates !== 'first' && duplicates !== 'last') {
    throw refused(kind, `duplicates is 'keep', 'first' or 'last', not ${String(duplicates)}`)
  }
  if (duplicates !== 'keep' && identity.length === 0) {
    throw refused(kind, `duplicates '${duplicates}' needs an identity: which rows are the same?`)
  }
}

/** Whether rows of the kind can merge at all. */
export function canMerge(kind: Pick<Kind, 'duplicates' | 'identity'>): boolean {
  return kind.duplicates !== 'keep' && kind.identity.length > 0
}
