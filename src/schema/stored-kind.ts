// A kind as the store keeps it: columns have ids that are never reused, and columns can be added but never change.
//
// id 0 is time, 1 is received, 2 is place (hidden: where a replaced row first arrived, only in kinds that need it);
// 3..15 are reserved; the kind's own columns count from 16.
import { VarveError, assert } from '#base'
import type { Physical } from '#batch'
import { physicalOf } from './column.ts'
import type { ColumnType } from './column.ts'
import type { Duplicates, Kind } from './kind.ts'

export const timeColumnId = 0
export const receivedColumnId = 1
export const placeColumnId = 2
export const firstOwnColumnId = 16

export interface StoredColumn {
  readonly id: number
  readonly name: string
  readonly type: ColumnType
  readonly optional: boolean
  readonly scale: number
}

/** What the manifest keeps of a kind. `columns` are the kind's own, without time, received and place. */
export interface StoredKind {
  readonly kindId: number
  /** Rises whenever a column is added. Unique over all kinds. */
  readonly schemaId: number
  readonly name: string
  readonly version: number
  readonly timeframed: boolean
  readonly columns: readonly StoredColumn[]
  /** Column ids. */
  readonly order: readonly number[]
  /** Column ids; 0 is time. */
  readonly identity: readonly number[]
  readonly duplicates: Duplicates
}

/** A column as reads and writes use it. `index` counts all columns of the stored kind: time, received, own ones. */
export interface ColumnSpec extends StoredColumn {
  readonly index: number
  readonly physical: Physical
}

const systemColumns: readonly StoredColumn[] = [
  { id: timeColumnId, name: 'time', type: 'time', optional: false, scale: 0 },
  { id: receivedColumnId, name: 'received', type: 'time', optional: true, scale: 0 },
]

/** `time` and `received`, which every kind has. */
export const systemSpecs: readonly ColumnSpec[] = systemColumns.map((column, index) => ({
  ...column,
  index,
  physical: 'i64',
}))

/** Specs of time, received and the kind's own columns, in the order of their definition. */
export function columnSpecs(kind: StoredKind): ColumnSpec[] {
  return [...systemColumns, ...kind.columns].map((column, index) => ({
    ...column,
    index,
    physical: physicalOf(column.type),
  }))
}

/** Whether rows need the hidden place column: a replacing row may land on another (time, order) than the row that it
 *  replaces, so its place among equals can no longer be told from where it stands. */
export function needsPlace(kind: Pick<StoredKind, 'duplicates' | 'identity' | 'order'>): boolean {
  if (kind.duplicates !== 'last') return false
  const identity = new Set(kind.identity)
  return !identity.has(timeColumnId) || kind.order.some((id) => !identity.has(id))
}

/** A first definition for a kind that the store has not seen. */
export function storeKind(kind: Kind, kindId: number, schemaId: number): StoredKind {
  const columns = Object.entries(kind.columns).map(([name, column], at) => ({
    id: firstOwnColumnId + at,
    name,
    type: column.type,
    optional: column.isOptional,
    scale: column.scale,
  }))
  return withRules(kind, { kindId, schemaId, columns })
}

function withRules(
  kind: Kind,
  rest: Pick<StoredKind, 'kindId' | 'schemaId' | 'columns'>,
): StoredKind {
  const idOf = new Map(rest.columns.map((column) => [column.name, column.id]))
  const ids = (names: readonly string[]): number[] =>
    names.map((name) => {
      const id = name === 'time' ? timeColumnId : idOf.get(name)
      assert(id !== undefined, 'a kind names only columns that it has')
      return id
    })
  return {
    ...rest,
    name: kind.name,
    version: kind.version,
    timeframed: kind.timeframed,
    order: ids(kind.order),
    identity: ids(kind.identity),
    duplicates: kind.duplicates,
  }
}

/**
 * Compares a handle's kind with the stored one: compatible when either only adds optional columns.
 *
 * @returns the names of columns the stored kind does not have yet.
 * @throws {VarveError} ERR_SCHEMA naming the column or rule that contradicts.
 */
export function checkCompatible(kind: Kind, stored: StoredKind): string[] {
  const contradiction = (message: string, details: Record<string, unknown> = {}): VarveError =>
    new VarveError(
      'ERR_SCHEMA',
      `kind '${kind.name}' is stored otherwise: ${message}`,
      { kind: kind.name, ...details },
      { hint: 'Use the kind the series was written with, or give the new kind another name.' },
    )
  if (kind.timeframed !== stored.timeframed) {
    throw contradiction(stored.timeframed ? 'it has a timeframe' : 'it has no timeframe')
  }
  const nameOf = new Map(stored.columns.map((column) => [column.id, column.name]))
  const names = (ids: readonly number[]): string =>
    ids.map((id) => (id === timeColumnId ? 'time' : nameOf.get(id))).join(', ')
  for (const rule of ['order', 'identity'] as const) {
    const expected = names(stored[rule])
    const actual = kind[rule].join(', ')
    if (expected !== actual) {
      throw contradiction(`${rule} is [${expected}], not [${actual}]`, { expected, actual })
    }
  }
  if (kind.duplicates !== stored.duplicates) {
    throw contradiction(`duplicates is '${stored.duplicates}', not '${kind.duplicates}'`, {
      expected: stored.duplicates,
      actual: kind.duplicates,
    })
  }
  const added: string[] = []
  const storedByName = new Map(stored.columns.map((column) => [column.name, column]))
  for (const [name, column] of Object.entries(kind.columns)) {
    const known = storedByName.get(name)
    storedByName.delete(name)
    if (known === undefined) {
      if (!column.isOptional) {
        throw contradiction(`column '${name}' is new and not optional`, { column: name })
      }
      added.push(name)
      continue
    }
    const expected = typeText(known.type, known.scale, known.optional)
    const actual = typeText(column.type, column.scale, column.isOptional)
    if (expected !== actual) {
      throw contradiction(`column '${name}' is ${expected}, not ${actual}`, {
        column: name,
        expected,
        actual,
      })
    }
  }
  for (const missing of storedByName.values()) {
    if (missing.optional) continue
    throw contradiction(`column '${missing.name}' is required and missing here`, {
      column: missing.name,
    })
  }
  return added
}

function typeText(type: ColumnType, scale: number, optional: boolean): string {
  return `${optional ? 'optional ' : ''}${type === 'decimal' ? `decimal(${scale})` : type}`
}

/** The stored kind with the handle's new optional columns added; `added` comes from checkCompatible. */
export function extendKind(
  stored: StoredKind,
  kind: Kind,
  added: readonly string[],
  schemaId: number,
): StoredKind {
  let id = Math.max(firstOwnColumnId - 1, ...stored.columns.map((column) => column.id))
  const columns = added.map((name) => {
    const column = kind.columns[name]
    assert(column?.isOptional, 'only optional columns are added')
    id += 1
    return { id, name, type: column.type, optional: true, scale: column.scale }
  })
  return { ...stored, schemaId, version: kind.version, columns: [...stored.columns, ...columns] }
}
