// A stored kind as a Kind again, for tools that read what they did not define.
import { column, defineKind } from '#schema'
import type { Column, Kind, StoredColumn, StoredKind } from '#schema'

function columnOf({ type, optional, scale }: StoredColumn): Column {
  const make: Record<StoredColumn['type'], () => Column> = {
    ...column,
    decimal: () => column.decimal(scale),
  }
  const required = make[type]()
  return optional ? required.optional() : required
}

export function kindOfStored(stored: StoredKind): Kind {
  const nameOf = new Map(stored.columns.map(({ id, name }) => [id, name]))
  const names = (ids: readonly number[]): string[] =>
    ids.map((id) => (id === 0 ? 'time' : nameOf.get(id)!))
  const columns: Record<string, Column> = {}
  for (const each of stored.columns) columns[each.name] = columnOf(each)
  return defineKind<string, Record<string, Column>, boolean>(stored.name, {
    columns: columns as Record<string, Column> & { time?: never; received?: never },
    version: stored.version,
    timeframed: stored.timeframed,
    order: names(stored.order),
    identity: names(stored.identity),
    duplicates: stored.duplicates,
  })
}
