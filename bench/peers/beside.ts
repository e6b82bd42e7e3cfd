// Whose value stands beside whose: a peer's beside varve's, and varve's beside those of the peers
// that its floors name, all of the same run.
import type { Floor, Reading } from '../support/harness.ts'

/** The name of an engine, or of one of its feeds, and what it reached. */
export type Values = readonly (readonly [name: string, value: number])[]

const isOurs = (name: string): boolean => name.startsWith('varve')

/** Values by name as readings; the first is varve's. */
export function besideVarve(
  values: Values,
  floors: readonly Floor[],
): Readonly<Record<string, Reading>> {
  const [first, base] = values[0]!
  const known = new Map(values)
  const rivals = floors.flatMap(({ of }) => {
    const value = of === undefined ? undefined : known.get(of)
    return of === undefined || value === undefined ? [] : [{ name: of, value }]
  })
  const varve = { name: 'varve', value: base }
  const readings = values.map(([name, value]): [string, Reading] => {
    if (name === first) return [name, { value, probes: rivals }]
    return [name, { value, probes: isOurs(name) ? [varve, ...rivals] : [varve] }]
  })
  return Object.fromEntries(readings)
}
