// How a reader in another process comes to what is durable: everything at open, and from then on only what is new. Rows
// of the log are added to the chunks that hold those before them; when the manifest moved, chunks are carried over to a
// catalog of the new state, without the rows that stand in runs now.
import { VarveError } from '#base'
import { ChunkMemory } from '#head'
import type { Chunk } from '#head'
import type { ManifestState } from '#manifest'
import type { ColumnSpec } from '#schema'
import type { Vfs } from '#vfs'
import type { LogEntry, LogPlace } from '#wal'
import { Catalog } from './catalog.ts'
import type { Env } from './env.ts'
import type { Paths } from './paths.ts'
import { readLogs } from './recover.ts'
import { Replay } from './replay.ts'
import type { RunCache } from './run-cache.ts'
import type { View } from './view.ts'

/** How far the log was read. */
export interface LogFrom {
  readonly fileNumber: number
  readonly place: LogPlace
}

export interface Loaded {
  readonly view: View
  /** Everything below it is in the view. */
  readonly lsnEnd: bigint
  readonly replay: Replay
  /** undefined where there is no log. */
  readonly from: LogFrom | undefined
  /** Where the next record of the newest log file will stand. */
  readonly nextOffset: number
  /** The newest manifest edit that a record of the log knows to be durable. */
  readonly manifestEdit: number
  /** Rows were being added when something failed: nothing is built on it. */
  isPartial: boolean
}

export interface LoadContext {
  readonly env: Env
  readonly paths: Paths
  readonly runs: RunCache
}

/** More of the log than this is not held in memory twice: everything is read anew. */
const stepBytesMax = 16 << 20

const probeBytes = 8

/** Whether the log, under the same manifest state, goes on behind what was read: a file is zeroed ahead, so a record
 *  that came stands where there were zeros, or where the file ended. */
export function hasGrown({ env, paths }: LoadContext, { view, from, nextOffset }: Loaded): boolean {
  let newest = 0
  for (const { fileNumber } of view.state.logs.values()) newest = Math.max(newest, fileNumber)
  if (newest === 0) return false
  if (newest !== from?.fileNumber) return true
  try {
    return hasBytesAt(env.vfs, paths.log(newest), nextOffset)
  } catch (error) {
    // Gone since the manifest was read, which then has moved on.
    if (error instanceof VarveError && error.code === 'ERR_NOT_FOUND') return true
    throw error
  }
}

function hasBytesAt(vfs: Vfs, path: string, offset: number): boolean {
  const probe = new Uint8Array(probeBytes)
  const file = vfs.open(path, 'read')
  try {
    const count = file.read(probe, offset)
    return probe.subarray(0, count).some((byte) => byte !== 0)
  } finally {
    file.close()
  }
}

const nothingRead = { nextOffset: 0, manifestEdit: 0, isPartial: false }

/** After the last row that stands in runs. */
function sealedLsnEnd(state: ManifestState): bigint {
  let last = -1n
  for (const { sealedLsn } of state.series.values()) if (sealedLsn > last) last = sealedLsn
  return last + 1n
}

/** @throws {VarveError} ERR_CORRUPT, with the cause ERR_NOT_FOUND where a log file is gone */
export function loadAll(context: LoadContext, state: ManifestState): Loaded {
  const catalog = new Catalog(state, new ChunkMemory())
  const replay = new Replay({ catalog, state, lsnEnd: undefined })
  const view = { catalog, state, runs: context.runs }
  const lsnEnd = sealedLsnEnd(state)
  return readOn(context, { view, replay, from: undefined, lsnEnd, ...nothingRead }, replay)
}

/** What is new since `before`, which stays as it is where this throws. @throws as loadAll */
export function loadOn(context: LoadContext, before: Loaded, state: ManifestState): Loaded {
  const isStep = !before.isPartial && bytesToRead(context, before, state) <= stepBytesMax
  if (!isStep) return loadAll(context, state)
  if (state === before.view.state) return readStep(context, before)
  const catalog = carriedOver(before.view.catalog, state)
  if (catalog === undefined) return loadAll(context, state)
  const replay = new Replay({ catalog, state, lsnEnd: undefined })
  const view = { ...before.view, catalog, state }
  const sealed = sealedLsnEnd(state)
  const lsnEnd = sealed > before.lsnEnd ? sealed : before.lsnEnd
  return readOn(context, { ...before, view, replay, lsnEnd }, replay)
}

function bytesToRead({ env, paths }: LoadContext, { from }: Loaded, state: ManifestState): number {
  let bytes = 0
  for (const { fileNumber } of state.logs.values()) {
    if (from !== undefined && fileNumber < from.fileNumber) continue
    bytes += env.vfs.stat(paths.log(fileNumber))?.bytes ?? 0
    if (fileNumber === from?.fileNumber) bytes -= from.place.offset
  }
  return bytes
}

/** All new entries are read before the first is taken: nobody sees a part of them. */
function readStep(context: LoadContext, before: Loaded): Loaded {
  const taken: { entry: LogEntry; file: string }[] = []
  const after = readOn(context, before, {
    take: (entry, file) => {
      taken.push({ entry: { ...entry, bytes: entry.bytes.slice() }, file })
    },
  })
  before.isPartial = true
  for (const { entry, file } of taken) before.replay.take(entry, file)
  return after
}

function readOn(context: LoadContext, before: Loaded, taker: Pick<Replay, 'take'>): Loaded {
  const { env, paths } = context
  const { state } = before.view
  const { last, manifestEdit } = readLogs(env, paths, state, taker, {
    upTo: 'watermark',
    isSalvage: false,
    ...(before.from === undefined ? {} : { from: before.from }),
  })
  let { lsnEnd, from, nextOffset } = before
  if (last !== undefined) {
    from = { fileNumber: last.log.fileNumber, place: last.summary.written }
    nextOffset = last.summary.nextOffset
    if (from.place.lsnEnd > lsnEnd) lsnEnd = from.place.lsnEnd
  }
  return { ...before, lsnEnd, from, nextOffset, manifestEdit }
}

/** A catalog of the state with the rows of `before` that are not in runs yet; undefined where a restore took columns
 *  back that those rows have. */
function carriedOver(before: Catalog, state: ManifestState): Catalog | undefined {
  const catalog = new Catalog(state)
  catalog.learn(before.untold(), {})
  for (const { id, head } of before.all()) {
    if (head.rowCount === 0) continue
    const now = catalog.byId(id)?.head
    if (now === undefined || !isExtension(now.rules.specs, head.rules.specs)) return undefined
    const sealedLsn = state.series.get(id)?.sealedLsn ?? 0n
    const isLeft = ({ rowCount, lsnLast }: Chunk): boolean => rowCount > 0 && lsnLast > sealedLsn
    const left = head.chunks.filter(isLeft)
    now.adopt(left.map((chunk) => chunk.tailAfter(sealedLsn, now.rules)))
  }
  return catalog
}

function isExtension(specs: readonly ColumnSpec[], earlier: readonly ColumnSpec[]): boolean {
  return earlier.every(({ id }, index) => specs[index]?.id === id)
}
