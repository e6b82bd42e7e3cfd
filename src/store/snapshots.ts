// Snapshots: taking one, looking at one, going back to one.
import { VarveError, limits } from '#base'
import { restoreChanges } from '#manifest'
import type { Change, SnapshotEntry } from '#manifest'
import { lsnEpochRows } from '#wal'
import { Catalog } from './catalog.ts'
import type { SeriesRuntime } from './catalog.ts'
import type { SnapshotInfo } from './contract.ts'
import type { Engine } from './engine.ts'
import type { Env } from './env.ts'
import { contentIdentity } from './identity.ts'
import { lastRowAfter } from './last-row.ts'
import type { Paths } from './paths.ts'
import { readLogs } from './recover.ts'
import type { LogsRead } from './recover.ts'
import { Replay } from './replay.ts'
import type { RunCache } from './run-cache.ts'
import { flushed, sealFrozen, stillThere } from './seal.ts'
import type { Frozen } from './seal.ts'
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

/** The rows of a snapshot were durable when it was taken: a log that ends before them, as one that is
 *  torn does, is damaged. Where the manifest says how it ends, that was looked at. */
function lacksRows(
  { log, summary }: NonNullable<LogsRead['last']>,
  { lsn }: Pick<SnapshotEntry, 'lsn'>,
): boolean {
  // Without a row of its epoch, the lsn says nothing of the rows before.
  const isEpochEmpty = (lsn + 1n) % lsnEpochRows === 0n
  return log.end === undefined && !isEpochEmpty && summary.written.lsnEnd <= lsn
}

/** The rows a snapshot pins: its state, and the rows of the log that were not sealed then.
 *  @throws {VarveError} ERR_CORRUPT, with the cause ERR_NOT_FOUND where a log file is gone; ERR_IO */
export function openSnapshot(env: Env, paths: Paths, runs: RunCache, entry: SnapshotEntry): View {
  const catalog = new Catalog(entry.state)
  const replay = new Replay({ catalog, state: entry.state, lsnEnd: entry.lsn + 1n })
  const { last } = readLogs(env, paths, entry.state, replay, { upTo: 'all', isSalvage: false })
  if (last !== undefined && lacksRows(last, entry)) {
    const { torn, endOffset } = last.summary
    throw new VarveError('ERR_CORRUPT', 'the log has lost rows of a snapshot', {
      file: paths.log(last.log.fileNumber),
      offset: torn?.offset ?? endOffset,
      snapshot: entry.info.name,
    })
  }
  return { catalog, state: entry.state, runs }
}

/** @throws {VarveError} ERR_EXISTS */
export function checkFree(engine: Engine, name: string): void {
  if (!engine.manifest.snapshots.has(name)) return
  throw new VarveError(
    'ERR_EXISTS',
    `there is a snapshot ${JSON.stringify(name)} already`,
    { snapshot: name },
    { hint: 'Drop it first, or take another name.' },
  )
}

/** Pins what is frozen, made durable first. */
export function* takeSnapshot(engine: Engine, name: string, frozen: Frozen): Work<SnapshotInfo> {
  checkFree(engine, name)
  engine.space.require('snapshot')
  yield* flushed(engine)
  if (engine.log === undefined) yield* sealFrozen(engine, frozen)
  const { lsnEnd } = frozen
  // Definitions come first, so that the state that the snapshot pins knows its series.
  engine.commitIfAny([])
  const state = engine.manifest.state
  const catalog = new Catalog(state)
  for (const runtime of engine.catalog.all()) {
    const copy = catalog.byId(runtime.id)!
    // An empty chunk is for rows to come, where a refused append left it: they must not get in.
    const chunks = runtime.head.chunks.filter((chunk) => chunk.rowCount > 0)
    copy.head.adopt(chunks.filter((chunk) => chunk.lsnLast < lsnEnd))
  }
  const view: View = { catalog, state, runs: engine.runs }
  const release = engine.pins.pin(state)
  try {
    const { contentHash, rows } = yield* contentIdentity(view)
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
  return { ...engine.manifest.snapshots.get(name)!.info }
}

/** A free name for what stands before a restore; a long name of a snapshot is cut. */
function nameBefore(engine: Engine, snapshot: string): string {
  const { clock } = engine.env
  for (let now = clock.now(); ; now += 1n) {
    const tail = `-${now}`
    let cut = snapshot
    const bytesMax = limits.snapshotNameBytesMax - `before-restore-${tail}`.length
    while (Buffer.byteLength(cut) > bytesMax) cut = [...cut].slice(0, -1).join('')
    const name = `before-restore-${cut}${tail}`
    if (!engine.manifest.snapshots.has(name)) return name
  }
}

/** Makes the state of a snapshot the newest; `dropping` is what the head held when that was asked for. What stood
 *  before is kept as a snapshot of its own; rows that the snapshot holds in the log are written to segments; rows
 *  appended while this is under way come after it. */
export function* restoreSnapshot(engine: Engine, snapshot: string, dropping: Frozen): Work<void> {
  const entry = snapshotOf(engine.manifest.snapshots, snapshot)
  yield* takeSnapshot(engine, nameBefore(engine, snapshot), dropping)
  const view = openSnapshot(engine.env, engine.paths, engine.runs, entry)
  const sealed: FrozenSeries[] = []
  for (const runtime of view.catalog.all()) {
    if (runtime.head.rowCount > 0) sealed.push({ runtime, chunks: runtime.head.freeze() })
  }
  const { changes } = yield* writeRuns(engine, sealed.map(planSeal))
  const back = restoreChanges(engine.manifest.state, entry.state)
  engine.commit([
    { type: 'restored', name: entry.info.name, edit: entry.edit },
    ...back.filter((change) => change.type !== 'seriesSealed'),
    ...changes,
    ...sealed.flatMap(({ runtime, chunks }) => lastRowAfter(entry.state, runtime, chunks)),
    ...producersIn(view),
    ...sealedUpTo(engine, dropping.lsnEnd),
  ])
  for (const { runtime, chunks } of stillThere(dropping)) runtime.head.drop(chunks)
  engine.rings.forgetAll(engine.catalog)
  for (const runtime of engine.catalog.all()) {
    resetProducers(engine, runtime, dropping.lsnEnd)
  }
  engine.recountHead()
}

/** Producers that the log of a snapshot told of, and not yet its manifest state. */
function producersIn(view: View): Change[] {
  const changes: Change[] = []
  for (const { id: seriesId, producers, producersChanged } of view.catalog.all()) {
    for (const producerId of producersChanged) {
      const { sequence, lsn } = producers.get(producerId)!
      changes.push({ type: 'producerAdvanced', seriesId, producerId, sequence, lsn })
    }
  }
  return changes
}

/** Producers as the manifest has them; but those of rows from `lsnFirst` on, which came during the restore, stand. */
function resetProducers(engine: Engine, runtime: SeriesRuntime, lsnFirst: bigint): void {
  const { producers, producersChanged } = runtime
  const later = [...producers].filter(([, { lsn }]) => lsn >= lsnFirst)
  producers.clear()
  producersChanged.clear()
  const state = engine.manifest.state.series.get(runtime.id)
  for (const [id, producer] of state?.producers ?? []) producers.set(id, producer)
  for (const [id, producer] of later) {
    producers.set(id, producer)
    producersChanged.add(id)
  }
}

/** Rows of the log from before the restore are never read again. */
function sealedUpTo(engine: Engine, lsnEnd: bigint): Change[] {
  const changes: Change[] = []
  for (const { id: seriesId, sealedLsn } of engine.manifest.state.series.values()) {
    // A full head may have been sealed within an append meanwhile: such rows went with their runs.
    const isSealed = sealedLsn >= lsnEnd
    changes.push({ type: 'seriesSealed', seriesId, sealedLsn: isSealed ? sealedLsn : lsnEnd - 1n })
  }
  return changes
}

/** Bytes of files that only snapshots, open views and readers hold. */
export function pinnedBytes(engine: Engine): number {
  const { state, history } = engine.manifest
  const kept = [...history.snapshots.values()].map((entry) => entry.state)
  const counted = new Set<number>()
  let { bytes } = engine.held
  for (const { files } of [...kept, ...engine.pins.states()]) {
    for (const file of files.values()) {
      if (counted.has(file.fileNumber) || state.files.has(file.fileNumber)) continue
      counted.add(file.fileNumber)
      bytes += file.bytes
    }
  }
  return bytes
}
