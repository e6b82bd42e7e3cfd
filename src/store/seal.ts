// Seal: the rows of the head into segments and packs, then the log files that nobody needs any more.
import type { Change } from '#manifest'
import type { Engine, ProducerAdvanced } from './engine.ts'
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
  const series: FrozenSeries[] = []
  for (const runtime of engine.catalog.all()) {
    if (runtime.head.rowCount === 0) continue
    const chunks = runtime.head.freeze()
    if (chunks.length > 0) series.push({ runtime, chunks })
  }
  return { series, lsnEnd: engine.lsnEnd, producers: engine.producerChanges() }
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

/** Writes the frozen rows and makes them part of the manifest. Readers see no moment between. */
export function* sealFrozen(engine: Engine, frozen: Frozen): Work<void> {
  yield* flushed(engine)
  const series = stillThere(frozen)
  if (series.length === 0) {
    dropLogs(engine, frozen)
    return
  }
  const written = yield* writeRuns(engine, series.map(planSeal))
  const changes: Change[] = [...written.changes]
  for (const { runtime, chunks } of series) {
    const sealedLsn = chunks.at(-1)!.lsnLast
    changes.push({ type: 'seriesSealed', seriesId: runtime.id, sealedLsn })
    changes.push(...lastRowAfter(engine.manifest.state, runtime, chunks))
  }
  const producers = engine.newsOf(frozen.producers)
  const { counters } = engine.manifest.state
  changes.push(...producers, {
    type: 'bytesCounted',
    segmentBytesWritten: counters.segmentBytesWritten + written.bytes,
    segmentBytesFirstSealed: counters.segmentBytesFirstSealed + written.bytes,
  })
  engine.commit(changes)
  engine.toldProducers(producers)
  for (const { runtime, chunks } of series) {
    runtime.head.drop(chunks)
  }
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
