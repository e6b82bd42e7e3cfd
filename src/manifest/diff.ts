// The changes that lead from one state to another. Shelves, series and entries that are the same
// reference are not looked into, so that it costs what differs.
import { assert } from '#base'
import type { Change, LeafEntry, RunEntry } from './change.ts'
import { eachDifference } from './numbered.ts'
import { compareRuns } from './series-state.ts'
import type { ProducerState, SeriesState } from './series-state.ts'
import type { FileState, LogState, ManifestState } from './state.ts'

function equalBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === b) return true
  if (a === undefined || b === undefined || a.length !== b.length) return false
  return a.every((byte, index) => byte === b[index])
}

/** Entries of plain fields, where a byte array is compared by its bytes. */
function equalEntries(a: object, b: object): boolean {
  if (a === b) return true
  const before = Object.entries(a)
  const after = new Map(Object.entries(b))
  return before.every(([field, value]) => {
    const other = after.get(field)
    if (value instanceof Uint8Array && other instanceof Uint8Array) return equalBytes(value, other)
    return value === other
  })
}

/** Both lists are in order of compareRuns. */
function diffRuns(from: readonly RunEntry[], to: readonly RunEntry[], changes: Change[]): void {
  if (from === to) return
  const drop = ({ seriesId, fileNumber, runIndex }: RunEntry): unknown =>
    changes.push({ type: 'runDropped', seriesId, fileNumber, runIndex })
  const add = (run: RunEntry): unknown => changes.push({ type: 'runAdded', run })
  let a = 0
  let b = 0
  while (a < from.length || b < to.length) {
    const before = from[a]
    const after = to[b]
    let order = 0
    if (before === undefined) order = 1
    else if (after === undefined) order = -1
    else order = compareRuns(before, after)
    if (order <= 0) a += 1
    if (order >= 0) b += 1
    if (order === 0 && equalEntries(before as RunEntry, after as RunEntry)) continue
    if (order <= 0) drop(before as RunEntry)
    if (order >= 0) add(after as RunEntry)
  }
}

function diffProducers(from: SeriesState | undefined, to: SeriesState, changes: Change[]): void {
  const before: ReadonlyMap<string, ProducerState> = from?.producers ?? new Map()
  if (before === to.producers) return
  for (const [producerId, { sequence, lsn }] of to.producers) {
    const known = before.get(producerId)
    if (known?.sequence === sequence && known.lsn === lsn) continue
    changes.push({ type: 'producerAdvanced', seriesId: to.id, producerId, sequence, lsn })
  }
  for (const producerId of before.keys()) {
    if (to.producers.has(producerId)) continue
    changes.push({ type: 'producerDropped', seriesId: to.id, producerId })
  }
}

/** Leaves of partitions in `touched` went with their runs: they are named again, or dropped so that
 *  nothing of an earlier meaning stays. */
function diffLeaves(
  from: SeriesState | undefined,
  to: SeriesState,
  touched: ReadonlySet<bigint>,
  changes: Change[],
): void {
  const before: ReadonlyMap<bigint, LeafEntry> = from?.leaves ?? new Map()
  if (before === to.leaves) {
    if (touched.size === 0) return
  }
  for (const [partition, leaf] of to.leaves) {
    const known = before.get(partition)
    if (known !== undefined && !touched.has(partition) && equalEntries(known, leaf)) continue
    changes.push({ type: 'leafKnown', seriesId: to.id, leaf })
  }
  for (const partition of before.keys()) {
    if (to.leaves.has(partition) || touched.has(partition)) continue
    changes.push({ type: 'leafDropped', seriesId: to.id, partition })
  }
}

const noBytes = new Uint8Array(0)

function diffSeries(from: SeriesState | undefined, to: SeriesState, changes: Change[]): void {
  if (from === to) return
  const firstRun = changes.length
  diffRuns(from?.runs ?? [], to.runs, changes)
  const touched = new Set<bigint>()
  if (from !== undefined && changes.length > firstRun) {
    const dropped = new Set<string>()
    for (const change of changes.slice(firstRun)) {
      if (change.type === 'runAdded') touched.add(change.run.partition)
      if (change.type === 'runDropped') dropped.add(`${change.fileNumber}/${change.runIndex}`)
    }
    for (const run of from.runs) {
      if (dropped.has(`${run.fileNumber}/${run.runIndex}`)) touched.add(run.partition)
    }
  }
  diffProducers(from, to, changes)
  diffLeaves(from, to, touched, changes)
  if (!equalBytes(from?.lastRow, to.lastRow)) {
    changes.push({ type: 'lastRow', seriesId: to.id, bytes: to.lastRow ?? noBytes })
  }
}

function diffFiles(from: ManifestState, to: ManifestState): { added: Change[]; dropped: Change[] } {
  const added: Change[] = []
  const dropped: Change[] = []
  eachDifference(from.files, to.files, (before, after) => {
    if (before !== undefined && after !== undefined) return
    if (before !== undefined) dropped.push({ type: 'fileDropped', fileNumber: before.fileNumber })
    if (after !== undefined) added.push({ type: 'fileAdded', file: entryOfFile(after) })
  })
  return { added, dropped }
}

function entryOfFile({ runs: _runs, ...file }: FileState): Omit<FileState, 'runs'> {
  return file
}

/** Data of the series of `from` that `to` does not have (yet) is given up; the series stay defined.
 *  */
function diffData(from: ManifestState, to: ManifestState): Change[] {
  const changes: Change[] = []
  eachDifference(from.series, to.series, (before, after) => {
    if (after !== undefined) diffSeries(before, after, changes)
    else if (before !== undefined) diffSeries(before, emptied(before), changes)
  })
  return changes
}

function emptied(series: SeriesState): SeriesState {
  return { ...series, runs: [], producers: new Map(), leaves: new Map(), lastRow: undefined }
}

function diffDefinitions(from: ManifestState, to: ManifestState, changes: Change[]): void {
  for (const schema of [...to.schemas.values()].sort((a, b) => a.schemaId - b.schemaId)) {
    if (!from.schemas.has(schema.schemaId)) changes.push({ type: 'kindDefined', schema })
  }
  eachDifference(from.series, to.series, (before, after) => {
    assert(after !== undefined, 'manifest: invariant 4, series are never taken back')
    if (before !== undefined) return
    const { id: seriesId, kindId, symbol, timeframe, partitionWidth } = after
    const series = { seriesId, kindId, symbol, timeframe, partitionWidth }
    changes.push({ type: 'seriesDefined', series })
  })
}

function diffLogs(from: ManifestState, to: ManifestState, changes: Change[]): void {
  const add = ({ fileNumber, epoch, firstLsn }: LogState): unknown =>
    changes.push({ type: 'logAdded', log: { fileNumber, epoch, firstLsn } })
  eachDifference(from.logs, to.logs, (before, after) => {
    if (after === undefined) {
      if (before !== undefined) changes.push({ type: 'logDropped', fileNumber: before.fileNumber })
      return
    }
    if (before === undefined) add(after)
    if (after.end === undefined) return
    if (before?.end !== undefined && equalEntries(before.end, after.end)) return
    changes.push({ type: 'logEnded', fileNumber: after.fileNumber, end: after.end })
  })
}

/** One edit, for a rewritten file: applied to `from` with the edit number of `to`, it gives `to`.
 *  `to` comes after `from` in one history. */
export function diffStates(from: ManifestState, to: ManifestState): Change[] {
  const changes: Change[] = [{ type: 'rewritten', nextFileNumber: to.nextFileNumber }]
  if (from.storeId.length !== to.storeId.length) {
    changes.push({ type: 'storeCreated', storeId: to.storeId, createdAt: to.createdAt })
  }
  if (from.epoch !== to.epoch) changes.push({ type: 'epochStarted', epoch: to.epoch })
  diffDefinitions(from, to, changes)
  const files = diffFiles(from, to)
  changes.push(...files.added)
  for (const change of diffData(from, to)) changes.push(change)
  eachDifference(from.series, to.series, (before, after) => {
    const sealedLsn = after?.sealedLsn ?? 0n
    if (after === undefined || (before?.sealedLsn ?? 0n) === sealedLsn) return
    changes.push({ type: 'seriesSealed', seriesId: after.id, sealedLsn })
  })
  changes.push(...files.dropped)
  diffLogs(from, to, changes)
  if (!equalEntries(from.counters, to.counters)) {
    changes.push({ type: 'bytesCounted', ...to.counters })
  }
  if (to.cleanCloseLsn !== undefined) {
    changes.push({ type: 'cleanClose', lsnEnd: to.cleanCloseLsn })
  }
  return changes
}

/** The data part of going back from `current` to `target`, an earlier state of the same store:
 *  runs, files, producers, leaves and last rows become those of `target`; series defined since lose
 *  their rows. Kinds, series, epoch, logs, totals, snapshots and sealed lsns stay: the store adds
 *  `restored` in front and `seriesSealed` as it sees fit. */
export function restoreChanges(current: ManifestState, target: ManifestState): Change[] {
  const files = diffFiles(current, target)
  return [...files.added, ...diffData(current, target), ...files.dropped]
}
