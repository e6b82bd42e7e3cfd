// The content hash of a view: leaves of partitions, nodes of series, one root.
import { assert } from '#base'
import { allocateColumn } from '#batch'
import { blockRowsMax } from '#codec'
import { chooseSlices, resolveQuery } from '#query'
import { keyText, partitionEnd } from '#schema'
import type { StoredKind } from '#schema'
import { LeafHasher, rootHash, seriesNode } from '#segment'
import type { PartitionLeaf, SeriesIdentity } from '#segment'
import type { SeriesRuntime } from './catalog.ts'
import { partitionStarts } from './seal-plan.ts'
import { sourcesOfSeries } from './view.ts'
import type { View } from './view.ts'
import type { Work } from './work.ts'

export interface ContentIdentity {
  readonly contentHash: Uint8Array
  /** Exact, after duplicates. */
  readonly rows: number
}

/** Reads what is not known from the runs already. Gives way to other work between partitions. */
export function* contentIdentity(view: View): Work<ContentIdentity> {
  const nodes: { text: string; node: Uint8Array }[] = []
  let rows = 0
  for (const runtime of view.catalog.all()) {
    const leaves: PartitionLeaf[] = []
    for (const start of partitionsOf(view, runtime)) {
      const known = knownLeaf(view, runtime, start)
      const leaf = known ?? hashPartition(view, runtime, start)
      if (known === undefined) yield { step: 'turn' }
      if (leaf.rowCount > 0) leaves.push(leaf)
    }
    if (leaves.length === 0) continue
    for (const { rowCount } of leaves) rows += rowCount
    const node = seriesNode(identityOf(runtime), leaves)
    nodes.push({ text: keyText(runtime.key), node })
  }
  nodes.sort((a, b) => (a.text < b.text ? -1 : 1))
  return { contentHash: rootHash(nodes.map(({ node }) => node)), rows }
}

function identityOf(runtime: SeriesRuntime): SeriesIdentity {
  const kind: StoredKind = runtime.head.rules.kind
  const nameOf = new Map(kind.columns.map(({ id, name }) => [id, name]))
  const names = (ids: readonly number[]): string[] =>
    ids.map((id) => (id === 0 ? 'time' : nameOf.get(id)!))
  const { duplicates } = kind
  return { ...runtime.key, order: names(kind.order), identity: names(kind.identity), duplicates }
}

/** Starts of all partitions that hold rows, rising. */
function partitionsOf(view: View, runtime: SeriesRuntime): bigint[] {
  const starts = new Set(partitionStarts(runtime.head.views(), runtime.head.rules))
  for (const run of view.state.series.get(runtime.id)?.runs ?? []) starts.add(run.partition)
  return [...starts].sort((a, b) => (a < b ? -1 : 1))
}

/** The hash a run brings along is the partition's leaf where the run is all there is. */
function knownLeaf(view: View, runtime: SeriesRuntime, start: bigint): PartitionLeaf | undefined {
  const runs = view.state.series.get(runtime.id)?.runs.filter((run) => run.partition === start)
  const [run] = runs ?? []
  if (run === undefined || runs!.length > 1) return undefined
  const end = partitionEnd(runtime.head.rules.partitionWidth, start)
  for (const chunk of runtime.head.views()) {
    if (chunk.lowerBound(start) < chunk.lowerBound(end)) return undefined
  }
  return { start, rowCount: run.rowCount, leaf: run.contentHash }
}

function hashPartition(view: View, runtime: SeriesRuntime, start: bigint): PartitionLeaf {
  const end = partitionEnd(runtime.head.rules.partitionWidth, start)
  const sources = sourcesOfSeries(view, runtime, start, end)
  const { specs } = sources.rules
  const hasher = new LeafHasher(specs)
  let rowCount = 0
  const wanted = { ...resolveQuery({}), from: start, to: end }
  for (const slice of chooseSlices(sources, wanted)) {
    for (let from = slice.from; from < slice.end; from += blockRowsMax) {
      const rows = Math.min(blockRowsMax, slice.end - from)
      const columns = specs.map((spec) =>
        allocateColumn(spec.physical, rows, { optional: spec.optional }),
      )
      slice.source.read(specs, from, from + rows, columns, 0)
      hasher.add(columns, 0, rows)
      rowCount += rows
    }
  }
  assert(Number.isSafeInteger(rowCount), 'identity: rows are counted')
  return { start, rowCount, leaf: hasher.digest() }
}
