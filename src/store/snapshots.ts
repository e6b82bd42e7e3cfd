// Snapshots: taking one, looking at one, going back to one.
import { VarveError, limits } from '#base'
import { restoreChanges } from '#manifest'
import type { Change, SnapshotEntry } from '#manifest'
import { Catalog } from './catalog.ts'
import type { SnapshotInfo } from './contract.ts'
import type { Engine } from './engine.ts'
import type { Env } from './env.ts'
import { contentIdentity } from './identity.ts'
import type { Paths } from './paths.ts'
import { readLogs } from './recover.ts'
import { Replay } from './replay.ts'
import type { RunCache } from './run-cache.ts'
import { freezeHead } from './seal.ts'
import { planSeal } from './seal-plan.ts'
import type { FrozenSeries } from './seal-plan.ts'
import type { View } from './view.ts'
import type { Work } from './work.ts'
import { writeRuns } from './write-runs.ts'

/** @throws {VarveError} ERR_ARGUMENT */
export function checkSnapshotName(name: unknown): asserts name is string {
  const fits = typeof name === 'string' && name !== '' && !/[\p{Cc}\p{Surrogate}]/u.test(name)
  if (fits && Buffer.byteLength(name) <= limits.snapshotNameBytesMax) return
  throw new VarveError(
    'ERR_ARGUMENT',
    `a snapshot's name is 1 to ${limits.snapshotNameBytesMax} bytes without control characters`,
    { actual: typeof name === 'string' ? name.slice(0, 200) : typeof name },
  )
}

/** @throws {VarveError} ERR_NOT_FOUND */
export function snapshotOf(
  snapshots: ReadonlyMap<string, SnapshotEntry>,
  name: unknown,
): SnapshotEntry {
  const entry = typeof name === 'string' ? snapshots.get(name) : undefined
  if (entry !== undefined) return entry
  const known = [...snapshots.keys()]
  throw new VarveError(
    'ERR_NOT_FOUND',
    `there is no snapshot ${JSON.stringify(String(name))}`,
    { snapshot: name },
    { hint: known.length === 0 ? 'There are none yet.' : `There are: ${known.join(', ')}.` },
  )
}

/** The rows a snapshot pins: its state, and the rows of the log that were not sealed then. */
export function openSnapshot(env: Env, paths: Paths, runs: RunCache, entry: SnapshotEntry): View {
  const catalog = new Catalog(entry.state)
  const replay = new Replay({ catalog, state: entry.state, lsnEnd: entry.lsn + 1n })
  readLogs(env, paths, entry.state, replay, { upTo: 'all', isSalvage: false })
  return { catalog, state: entry.state, runs }
}

/** `lsnEnd`: rows below it belong to the snapshot; chunks of the head end there. Their rows are durable. */
export async function takeSnapshot(
  engine: Engine,
  name: string,
  lsnEnd: bigint,
): Promise<SnapshotInfo> {
  // Definitions come first, so that the state that the snapshot pins knows its series.
  const producers = engine.producerChanges(lsnEnd)
  engine.commitIfAny(producers)
  engine.toldProducers(producers)
  const state = engine.manifest.state
  const catalog = new Catalog(state)
  for (const runtime of engine.catalog.all()) {
    const copy = catalog.byId(runtime.id)!
    copy.head.adopt(runtime.head.chunks.filter((chunk) => chunk.lsnLast < lsnEnd))
  }
  const view: View = { catalog, state, runs: engine.runs }
  const release = engine.pins.pin(state)
  try {
    const { contentHash, rows } = await contentIdentity(view, engine.scheduler)
    const files = [...state.files.values()]
    engine.commit([
      {
        type: 'snapshotCreated',
        name,
        createdAt: engine.env.clock.now(),
        lsn: lsnEnd - 1n,
        contentHash,
        rows,
        bytes: files.reduce((sum, file) => sum + file.bytes, 0),
        segments: files.length,
      },
    ])
  } finally {
    release()
  }
  return engine.manifest.snapshots.get(name)!.info
}

/** Makes the state of a snapshot the newest. What is in the head now is gone from it (and kept by the snapshot that the
 *  caller took before); rows that the snapshot holds in the log are written to segments. */
export function* restoreSnapshot(engine: Engine, entry: SnapshotEntry): Work<void> {
  const view = openSnapshot(engine.env, engine.paths, engine.runs, entry)
  const sealed: FrozenSeries[] = []
  for (const runtime of view.catalog.all()) {
    if (runtime.head.rowCount > 0) sealed.push({ runtime, chunks: runtime.head.freeze() })
  }
  engine.commitIfAny([])
  const dropping = freezeHead(engine)
  const { changes } = yield* writeRuns(engine, sealed.map(planSeal))
  const back = restoreChanges(engine.manifest.state, entry.state)
  engine.commit([
    { type: 'restored', name: entry.info.name, edit: entry.edit },
    ...back.filter((change) => change.type !== 'seriesSealed'),
    ...changes,
    ...sealedUpTo(engine, dropping.lsnEnd),
  ])
  for (const { runtime, chunks } of dropping.series) runtime.head.drop(chunks)
  for (const runtime of engine.catalog.all()) {
    engine.forgetNewest(runtime)
    runtime.producers.clear()
    runtime.producersChanged.clear()
    const state = engine.manifest.state.series.get(runtime.id)
    for (const [id, producer] of state?.producers ?? []) runtime.producers.set(id, producer)
    const past = view.catalog.byId(runtime.id)
    for (const [id, producer] of past?.producers ?? []) {
      if (runtime.producers.get(id)?.sequence === producer.sequence) continue
      runtime.producers.set(id, producer)
      runtime.producersChanged.add(id)
    }
  }
  engine.recountHead()
  const producers = engine.producerChanges(engine.lsnEnd)
  engine.commitIfAny(producers)
  engine.toldProducers(producers)
}

/** Rows of the log from before the restore are never read again. */
function sealedUpTo(engine: Engine, lsnEnd: bigint): Change[] {
  const changes: Change[] = []
  for (const { id } of engine.manifest.state.series.values()) {
    changes.push({ type: 'seriesSealed', seriesId: id, sealedLsn: lsnEnd - 1n })
  }
  return changes
}

/** Bytes of files that only snapshots and open views hold. */
export function pinnedBytes(engine: Engine): number {
  const { state, history } = engine.manifest
  const kept = [...history.snapshots.values()].map((entry) => entry.state)
  const counted = new Set<number>()
  let bytes = 0
  for (const { files } of [...kept, ...engine.pins.states()]) {
    for (const file of files.values()) {
      if (counted.has(file.fileNumber) || state.files.has(file.fileNumber)) continue
      counted.add(file.fileNumber)
      bytes += file.bytes
    }
  }
  return bytes
}
