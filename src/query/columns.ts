// The columns a read gives: those of the caller's kind, found in what is stored.
import { VarveError, assert } from '#base'
import { physicalOf, systemSpecs } from '#schema'
import type { ColumnSpec, Kind } from '#schema'

/** Columns of a handle: `time`, `received` and those of its kind, in that order, each as a spec of the stored kind. One
 *  that is not stored yet has the id -1, which no source holds, and reads as absent. */
export function handleSpecs(kind: Kind, stored: readonly ColumnSpec[]): ColumnSpec[] {
  const byName = new Map(stored.map((spec) => [spec.name, spec]))
  const [time, received] = systemSpecs
  assert(time !== undefined && received !== undefined, 'every kind has time and received')
  const own = Object.entries(kind.columns).map(
    ([name, column]): ColumnSpec =>
      byName.get(name) ?? {
        id: -1,
        index: -1,
        name,
        type: column.type,
        physical: physicalOf(column.type),
        optional: column.isOptional,
        scale: column.scale,
      },
  )
  return [time, received, ...own]
}

/** The specs of the columns asked for, `time` first; all of them where none are named. */
export function chooseSpecs(
  specs: readonly ColumnSpec[],
  names: readonly string[] | undefined,
  kind: string,
): readonly ColumnSpec[] {
  if (names === undefined) return specs
  if (!Array.isArray(names)) {
    throw new VarveError('ERR_ARGUMENT', 'columns is a list of names', { actual: typeof names })
  }
  const chosen = [specs[0]!]
  for (const name of new Set(names)) {
    if (name === 'time') continue
    const spec = specs.find((candidate) => candidate.name === name)
    if (spec === undefined) throw unknownColumn(String(name), specs, kind)
    chosen.push(spec)
  }
  return chosen
}

/** ERR_SCHEMA that offers the nearest name. */
export function unknownColumn(
  name: string,
  specs: readonly ColumnSpec[],
  kind: string,
): VarveError {
  const names = specs.map((spec) => spec.name)
  const nearest = names.reduce((best, candidate) =>
    distance(name, candidate) < distance(name, best) ? candidate : best,
  )
  const isNear = distance(name, nearest) <= Math.max(2, name.length / 3)
  return new VarveError(
    'ERR_SCHEMA',
    `kind '${kind}' has no column '${name}'`,
    { kind, column: name, ...(isNear ? { nearest } : {}) },
    { hint: isNear ? `Did you mean '${nearest}'?` : `It has ${names.join(', ')}.` },
  )
}

/** Levenshtein's distance, letters compared without case. */
function distance(a: string, b: string): number {
  const [x, y] = [a.toLowerCase(), b.toLowerCase()]
  let row = Array.from({ length: y.length + 1 }, (_, at) => at)
  for (let i = 1; i <= x.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= y.length; j += 1) {
      const change = row[j - 1]! + (x[i - 1] === y[j - 1] ? 0 : 1)
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[y.length]!
}
