// How rows of a series are ranked and merged: the stored kind's rules with their columns looked up once.
import { columnSpecs, needsPlace, placeColumnId, timeColumnId } from '#schema'
import type { ColumnSpec, PartitionWidth, StoredKind } from '#schema'

export interface RowRules {
  readonly kind: StoredKind
  readonly partitionWidth: PartitionWidth
  /** time, received, then the kind's own columns. */
  readonly specs: readonly ColumnSpec[]
  /** Columns that rank rows of equal time. */
  readonly order: readonly ColumnSpec[]
  /** undefined: nothing ever merges. */
  readonly duplicates:
    | {
        readonly keep: 'first' | 'last'
        /** Identity columns that equal (time, order) does not make equal already. */
        readonly identity: readonly ColumnSpec[]
        /** Equal identity means equal (time, order): duplicates stand side by side. */
        readonly isLocal: boolean
        /** Equal identity means equal time. */
        readonly hasTime: boolean
      }
    | undefined
  /** The hidden column that keeps a replaced row's place, where the kind needs it. */
  readonly place: ColumnSpec | undefined
}

/** The hidden place column as a spec; its index lies behind those of the kind. */
function placeSpec(index: number): ColumnSpec {
  return {
    id: placeColumnId,
    name: '$place',
    type: 'i64',
    physical: 'i64',
    optional: false,
    scale: 0,
    index,
  }
}

export function rulesOf(kind: StoredKind, partitionWidth: PartitionWidth): RowRules {
  const specs = columnSpecs(kind)
  const byId = new Map(specs.map((spec) => [spec.id, spec]))
  const named = (ids: readonly number[]): ColumnSpec[] => ids.map((id) => byId.get(id)!)
  const order = named(kind.order)
  const identity = new Set(kind.identity)
  const hasTime = identity.has(timeColumnId)
  const isLocal = hasTime && kind.order.every((id) => identity.has(id))
  // Doubles that rank alike need not be bit-equal: -0 and 0, two NaNs.
  const exact = kind.order.filter((id) => byId.get(id)!.type !== 'f64')
  const implied = new Set(isLocal ? [timeColumnId, ...exact] : [])
  // An optional order column may be absent, which makes a row its own: it must be looked at.
  const looked = kind.identity.filter((id) => !implied.has(id) || byId.get(id)!.optional)
  const { duplicates } = kind
  return {
    kind,
    partitionWidth,
    specs,
    order,
    duplicates:
      duplicates === 'keep' || identity.size === 0
        ? undefined
        : { keep: duplicates, identity: named(looked), isLocal, hasTime },
    place: needsPlace(kind) ? placeSpec(specs.length) : undefined,
  }
}
