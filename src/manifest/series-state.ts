// What the manifest knows of one series, and how an edit changes it.
//
// Within one edit the order of changes to a series does not matter: runs are dropped from the state
// before the edit and added to the state after it; a partition whose runs change loses its leaf;
// leaves named in the edit hold after it.
import type { LeafEntry, PartitionWidth, RunEntry, SeriesEntry } from './change.ts'

export interface ProducerState {
  /** The highest accepted. */
  readonly sequence: bigint
  readonly lsn: bigint
}

/** Immutable. */
export interface SeriesState {
  readonly id: number
  /** See keyOfSeries. */
  readonly key: string
  readonly kindId: number
  readonly symbol: string
  readonly timeframe: string
  readonly partitionWidth: PartitionWidth
  /** Every row at or below it is in a run, or was dropped. */
  readonly sealedLsn: bigint
  /** By (partition, lsnFirst). Within a partition their lsn ranges do not overlap. */
  readonly runs: readonly RunEntry[]
  /** Rows of all runs; an upper bound where rows merge. */
  readonly rows: number
  /** Pages and footers of all runs. */
  readonly storedBytes: number
  readonly plainBytes: number
  readonly producers: ReadonlyMap<string, ProducerState>
  /** By partition. */
  readonly leaves: ReadonlyMap<bigint, LeafEntry>
  readonly lastRow: Uint8Array | undefined
}

/** Equal for two series exactly where (kind, symbol, timeframe) are. */
export function keyOfSeries(kindId: number, symbol: string, timeframe: string): string {
  return `${kindId}/${timeframe}/${symbol}`
}

const noProducers: ReadonlyMap<string, ProducerState> = new Map()
const noLeaves: ReadonlyMap<bigint, LeafEntry> = new Map()

export function newSeries(entry: SeriesEntry): SeriesState {
  const { seriesId, kindId, symbol, timeframe, partitionWidth } = entry
  return {
    id: seriesId,
    key: keyOfSeries(kindId, symbol, timeframe),
    kindId,
    symbol,
    timeframe,
    partitionWidth,
    sealedLsn: 0n,
    runs: [],
    rows: 0,
    storedBytes: 0,
    plainBytes: 0,
    producers: noProducers,
    leaves: noLeaves,
    lastRow: undefined,
  }
}

export interface RunName {
  readonly fileNumber: number
  readonly runIndex: number
}

/** Throws the error that fits where the edit came from. */
export type Refuse = (message: string, details?: Readonly<Record<string, unknown>>) => never

/** What one edit says about one series. */
export interface SeriesChanges {
  readonly before: SeriesState
  sealedLsn: bigint | undefined
  readonly runsAdded: RunEntry[]
  readonly runsDropped: RunName[]
  /** undefined: dropped. */
  producers: Map<string, ProducerState | undefined> | undefined
  leaves: Map<bigint, LeafEntry | undefined> | undefined
  lastRow: Uint8Array | undefined
}

export function noChanges(before: SeriesState): SeriesChanges {
  return {
    before,
    sealedLsn: undefined,
    runsAdded: [],
    runsDropped: [],
    producers: undefined,
    leaves: undefined,
    lastRow: undefined,
  }
}

export function compareRuns(a: RunEntry, b: RunEntry): number {
  if (a.partition !== b.partition) return a.partition < b.partition ? -1 : 1
  if (a.lsnFirst !== b.lsnFirst) return a.lsnFirst < b.lsnFirst ? -1 : 1
  return 0
}

/** The runs of `runs` that `names` name, in no order. Names that are not found are told to
 *  `missing`. */
function findRuns(
  runs: readonly RunEntry[],
  names: readonly RunName[],
  missing: (name: RunName) => void,
): RunEntry[] {
  const found: RunEntry[] = []
  if (names.length <= 4) {
    for (const name of names) {
      const isNamed = (run: RunEntry): boolean =>
        run.runIndex === name.runIndex && run.fileNumber === name.fileNumber
      const run = runs.find(isNamed)
      if (run === undefined) missing(name)
      else found.push(run)
    }
    return found
  }
  const byName = new Map(runs.map((run) => [`${run.fileNumber}/${run.runIndex}`, run]))
  for (const name of names) {
    const run = byName.get(`${name.fileNumber}/${name.runIndex}`)
    if (run === undefined) missing(name)
    else found.push(run)
  }
  return found
}

/** Runs in order, those of `added` merged in. */
function mergeRuns(kept: readonly RunEntry[], added: readonly RunEntry[]): RunEntry[] {
  const fresh = [...added].sort(compareRuns)
  const first = fresh[0] as RunEntry
  const last = kept.at(-1)
  if (last === undefined || compareRuns(last, first) < 0) return [...kept, ...fresh]
  const merged: RunEntry[] = []
  let at = 0
  for (const run of kept) {
    while (at < fresh.length && compareRuns(fresh[at]!, run) < 0) merged.push(fresh[at++]!)
    merged.push(run)
  }
  while (at < fresh.length) merged.push(fresh[at++]!)
  return merged
}

function checkOverlaps(runs: readonly RunEntry[], refuse: Refuse): void {
  for (let index = 1; index < runs.length; index += 1) {
    const before = runs[index - 1]!
    const after = runs[index]!
    if (before.partition !== after.partition || before.lsnLast < after.lsnFirst) continue
    refuse('two runs of a partition overlap in lsn', {
      partition: after.partition,
      lsnLast: before.lsnLast,
      lsnFirst: after.lsnFirst,
    })
  }
}

function hasTwice(runs: readonly RunEntry[]): boolean {
  if (runs.length === 1) return false
  return new Set(runs.map((run) => `${run.fileNumber}/${run.runIndex}`)).size !== runs.length
}

function changedRuns(changes: SeriesChanges, refuse: Refuse): readonly RunEntry[] {
  const { before, runsAdded, runsDropped } = changes
  let runs = before.runs
  if (runsDropped.length > 0) {
    const dropped = findRuns(runs, runsDropped, (name) =>
      refuse('no such run to drop', { ...name }),
    )
    const gone = new Set(dropped)
    if (gone.size !== runsDropped.length) refuse('a run is dropped twice')
    runs = runs.filter((run) => !gone.has(run))
  }
  if (runsAdded.length > 0) {
    let news = runsAdded.length
    findRuns(runs, runsAdded, () => (news -= 1))
    if (news !== 0 || hasTwice(runsAdded)) refuse('a run is added twice')
    runs = mergeRuns(runs, runsAdded)
    checkOverlaps(runs, refuse)
  }
  return runs
}

function changedLeaves(
  changes: SeriesChanges,
  runsDropped: readonly RunEntry[],
): ReadonlyMap<bigint, LeafEntry> {
  const { before } = changes
  const leaves = new Map(before.leaves)
  for (const run of changes.runsAdded) leaves.delete(run.partition)
  for (const run of runsDropped) leaves.delete(run.partition)
  for (const [partition, leaf] of changes.leaves ?? []) {
    if (leaf === undefined) leaves.delete(partition)
    else leaves.set(partition, leaf)
  }
  return leaves
}

function changedProducers(
  before: ReadonlyMap<string, ProducerState>,
  changes: ReadonlyMap<string, ProducerState | undefined> | undefined,
): ReadonlyMap<string, ProducerState> {
  if (changes === undefined) return before
  const producers = new Map(before)
  for (const [producerId, producer] of changes) {
    if (producer === undefined) producers.delete(producerId)
    else producers.set(producerId, producer)
  }
  return producers
}

/** Runs of `before` that are not in `after`. */
function runsGone(
  before: readonly RunEntry[],
  after: readonly RunEntry[],
  added: readonly RunEntry[],
): RunEntry[] {
  const kept = new Set(after)
  // The entry of a dropped run may be added again by reference.
  for (const run of added) kept.delete(run)
  return before.filter((run) => !kept.has(run))
}

export interface ChangedSeries {
  readonly series: SeriesState
  readonly runsDropped: readonly RunEntry[]
}

/** The series after the edit, and the runs it lost. */
export function changeSeries(changes: SeriesChanges, refuse: Refuse): ChangedSeries {
  const { before } = changes
  const runs = changedRuns(changes, refuse)
  const noneDropped = changes.runsDropped.length === 0
  const runsDropped = noneDropped ? [] : runsGone(before.runs, runs, changes.runsAdded)
  let { rows, storedBytes, plainBytes } = before
  for (const run of runsDropped) {
    rows -= run.rowCount
    storedBytes -= run.dataBytes + run.footerBytes
    plainBytes -= run.plainBytes
  }
  for (const run of changes.runsAdded) {
    rows += run.rowCount
    storedBytes += run.dataBytes + run.footerBytes
    plainBytes += run.plainBytes
  }
  // Most series have no leaf of a partition that changes: an edit over many series makes no maps.
  const sameLeaves =
    changes.leaves === undefined && (runs === before.runs || before.leaves.size === 0)
  const series: SeriesState = {
    ...before,
    sealedLsn: changes.sealedLsn ?? before.sealedLsn,
    runs,
    rows,
    storedBytes,
    plainBytes,
    producers: changedProducers(before.producers, changes.producers),
    leaves: sameLeaves ? before.leaves : changedLeaves(changes, runsDropped),
    lastRow: lastRowOf(changes),
  }
  return { series, runsDropped }
}

function lastRowOf(changes: SeriesChanges): Uint8Array | undefined {
  if (changes.lastRow === undefined) return changes.before.lastRow
  return changes.lastRow.length === 0 ? undefined : changes.lastRow
}
