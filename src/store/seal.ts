// Seal: the rows of the head into segments and packs, then the log files that nobody needs any more.
import type { Change, ManifestState } from '#manifest'
import type { Catalog } from './catalog.ts'
import type { Engine, ProducerAdvanced } from './engine.ts'
import type { PublishedFiles } from './publish.ts'
import { planSeal } from './seal-plan.ts'
import type { FrozenSeries } from './seal-plan.ts'
import { lastRowAfter } from './last-row.ts'
import type { Work } from './work.ts'
import { writeRuns } from './write-runs.ts'

/** The rows that are in the head now, set apart from those to come. */
export interface Frozen {
  readonly series: readonly FrozenSeries[]
  /** After the last of them. */
  readonly lsnEnd: bigint
  /** How far producers were then. */
  readonly producers: readonly ProducerAdvanced[]
}

export function freezeHead(engine: Engine): Frozen {
  const series = freezeSeries(engine.catalog)
  return { series, lsnEnd: engine.lsnEnd, producers: engine.producerChanges() }
}

/** The rows of every series. Those to come go to chunks of their own. */
export function freezeSeries(catalog: Catalog): FrozenSeries[] {
  const series: FrozenSeries[] = []
  for (const runtime of catalog.all()) {
    if (runtime.head.rowCount === 0) continue
    const chunks = runtime.head.freeze()
    if (chunks.length > 0) series.push({ runtime, chunks })
  }
  return series
}

/** What an edit says of rows that stand in runs now. */
export function sealedChanges(
  state: ManifestState,
  series: readonly FrozenSeries[],
  written: PublishedFiles,
): Change[] {
  const changes: Change[] = [...written.changes]
  for (const { runtime, chunks } of series) {
    const sealedLsn = chunks.at(-1)!.lsnLast
    changes.push({ type: 'seriesSealed', seriesId: runtime.id, sealedLsn })
    changes.push(...lastRowAfter(state, runtime, chunks))
  }
  const { segmentBytesWritten, segmentBytesFirstSealed } = state.counters
  changes.push({
    type: 'bytesCounted',
    segmentBytesWritten: segmentBytesWritten + written.bytes,
    segmentBytesFirstSealed: segmentBytesFirstSealed + written.bytes,
  })
  return changes
}

/** Chunks that a seal before this one took are gone from the head. */
export function stillThere({ series }: Frozen): FrozenSeries[] {
  const left: FrozenSeries[] = []
  for (const { runtime, chunks } of series) {
    const there = new Set(runtime.head.chunks)
    const kept = chunks.filter((chunk) => there.has(chunk))
    if (kept.length > 0) left.push({ runtime, chunks: kept })
  }
  return left
}

/** Rows must be durable in the log before they are sealed; without a log the seal makes them so. */
export function* flushed({ log }: Engine): Work<void> {
  if (log !== undefined) yield { step: 'flush', log }
}

/** Writes the frozen rows and makes them part of the manifest. Readers see no moment between. `isAlone`: no other work
 *  that began may come back to rows of the head.
 *  @throws {VarveError} ERR_DISK_FULL and others: the rows stay where they were */
export function* sealFrozen(
  engine: Engine,
  frozen: Frozen,
  { isAlone } = { isAlone: true },
): Work<void> {
  const series = stillThere(frozen)
  // Without a log, and at close, there is no other place for the rows: then it is tried.
  if (series.length > 0 && engine.log !== undefined && engine.state === 'open') {
    engine.space.require('seal')
  }
  if (series.length === 0) {
    yield* flushed(engine)
    dropLogs(engine, frozen)
    return
  }
  // The log's own syncs go on beside the writing.
  const written = yield* writeRuns(engine, series.map(planSeal), flushed(engine))
  const producers = engine.newsOf(frozen.producers)
  const changes = sealedChanges(engine.manifest.state, series, written)
  engine.commit([...changes, ...producers])
  engine.space.grew(written.bytes)
  engine.toldProducers(producers)
  const isUnread = isAlone && !engine.pins.hasHeadReaders
  for (const { runtime, chunks } of series) runtime.head.drop(chunks, isUnread)
  engine.recountHead()
  if (engine.sealedLsnEnd < frozen.lsnEnd) engine.sealedLsnEnd = frozen.lsnEnd
  dropLogs(engine, frozen)
}

/** Log files that end below the first row that is not sealed are not needed: everything frozen was. */
function dropLogs(engine: Engine, frozen: Frozen): void {
  const dropped: Change[] = []
  let lsnMin = frozen.lsnEnd
  for (const { head } of engine.catalog.all()) {
    const [chunk] = head.chunks
    if (chunk !== undefined && chunk.rowCount > 0 && chunk.lsnFirst < lsnMin)
      lsnMin = chunk.lsnFirst
  }
  for (const { fileNumber, end } of engine.manifest.state.logs.values()) {
    if (end === undefined || end.lsnEnd > lsnMin) continue
    dropped.push({ type: 'logDropped', fileNumber })
  }
  if (dropped.length === 0) return
  // The log is all that knew of producers accepted since the last edit.
  const producers = engine.newsOf(frozen.producers)
  engine.commit([...producers, ...dropped])
  engine.toldProducers(producers)
}
