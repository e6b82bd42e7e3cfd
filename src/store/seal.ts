// Seal: the rows of the head into segments and packs, then the log files that nobody needs any more.
import { limits } from '#base'
import type { Change } from '#manifest'
import type { Engine } from './engine.ts'
import { planSeal } from './seal-plan.ts'
import type { FrozenSeries } from './seal-plan.ts'
import type { Work } from './work.ts'
import { writeRuns } from './write-runs.ts'

/** The rows that are in the head now, set apart from those to come. */
export interface Frozen {
  readonly series: readonly FrozenSeries[]
  /** After the last of them. */
  readonly lsnEnd: bigint
}

export function freezeHead(engine: Engine): Frozen {
  const series: FrozenSeries[] = []
  for (const runtime of engine.catalog.all()) {
    if (runtime.head.rowCount === 0) continue
    const chunks = runtime.head.freeze()
    if (chunks.length > 0) series.push({ runtime, chunks })
  }
  return { series, lsnEnd: engine.lsnEnd }
}

/** Chunks that a seal before this one took are gone from the head. */
function stillThere({ series }: Frozen): FrozenSeries[] {
  const left: FrozenSeries[] = []
  for (const { runtime, chunks } of series) {
    const there = new Set(runtime.head.chunks)
    const kept = chunks.filter((chunk) => there.has(chunk))
    if (kept.length > 0) left.push({ runtime, chunks: kept })
  }
  return left
}

/** Writes the frozen rows, which must be durable (or, without a log, become so by this), and makes them part of the
 *  manifest. Readers see no moment between. */
export function* sealFrozen(engine: Engine, frozen: Frozen): Work<void> {
  const series = stillThere(frozen)
  if (series.length === 0) {
    dropLogs(engine, frozen.lsnEnd)
    return
  }
  const written = yield* writeRuns(engine, series.map(planSeal))
  const changes: Change[] = [...written.changes]
  for (const { runtime, chunks } of series) {
    changes.push({
      type: 'seriesSealed',
      seriesId: runtime.id,
      sealedLsn: chunks.at(-1)!.lsnLast,
    })
  }
  const producers = engine.producerChanges(frozen.lsnEnd)
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
    engine.forgetNewestIn(runtime, chunks)
  }
  engine.recountHead()
  if (engine.sealedLsnEnd < frozen.lsnEnd) engine.sealedLsnEnd = frozen.lsnEnd
  dropLogs(engine, frozen.lsnEnd)
}

/** Log files that end at or below `lsnEnd` hold nothing that is not sealed: everything before it was. */
function dropLogs(engine: Engine, lsnEnd: bigint): void {
  const dropped: Change[] = []
  let lsnMin = lsnEnd
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
  const producers = engine.producerChanges(lsnEnd)
  engine.commit([...producers, ...dropped])
  engine.toldProducers(producers)
}

/** Whether the head is so large that sealing it should not wait for close. */
export function isWorthSealing(engine: Engine): boolean {
  return engine.headBytes >= limits.closeSealBytesMin
}
