// What a writer finds at open. A log that fits the head is read once. A longer one is first looked
// at as a whole, before anything is changed, then read again: whenever the head is full, its rows
// are written to runs and an edit says so, as running would have done.
//
// A crash on the way leaves what any seal leaves: rows up to some lsn stand in runs, those behind it
// in log files that are named still, and the next recovery goes on from there. Only rows that are
// known to be on the device are sealed: the others are copied to the next log file first, by the
// one who opens it.
import { VarveError, limits } from '#base'
import type { Logger } from '#base'
import { writerOnThread } from '#compact'
import type { DraftFile, ThreadWriter } from '#compact'
import type { Chunk } from '#head'
import type { Change, LogState, Manifest, ManifestState } from '#manifest'
import { diskVfs } from '#vfs'
import type { Damage, PreviousLog } from '#wal'
import { Catalog } from './catalog.ts'
import type { RecoveryReport } from './contract.ts'
import type { ProducerAdvanced } from './engine.ts'
import type { Env } from './env.ts'
import type { Paths } from './paths.ts'
import { publishFiles } from './publish.ts'
import type { PublishedFiles } from './publish.ts'
import {
  editOfUnnamedLogs,
  previousOf,
  quarantineBytes,
  quarantineDamage,
  readLogsInSteps,
} from './recover.ts'
import type { LogsRead, LogsReading } from './recover.ts'
import { Replay } from './replay.ts'
import { planSeal } from './seal-plan.ts'
import type { FrozenSeries } from './seal-plan.ts'
import { freezeSeries, sealedChanges } from './seal.ts'
import type { Work } from './work.ts'
import { planFiles, writeRuns } from './write-runs.ts'
import type { WriterContext } from './write-runs.ts'

export interface Recovered {
  readonly catalog: Catalog
  readonly previous: PreviousLog | undefined
  /** Salvage: what was passed over. */
  readonly damage: readonly Damage[]
  /** Numbers of the log files that were there. */
  readonly logsBefore: readonly number[]
  readonly report: RecoveryReport
}

export interface RecoveryContext {
  readonly env: Env
  readonly paths: Paths
  readonly manifest: Manifest
  readonly logger: Logger
  readonly isSalvage: boolean
}

/** Bytes of the log between turns of the event loop: some milliseconds. */
const turnBytes = 8 << 20

/** @throws {VarveError} ERR_CORRUPT {file, offset}; ERR_VERSION, ERR_IO */
export function* recover(context: RecoveryContext): Work<Recovered> {
  const { env, paths, manifest, logger, isSalvage } = context
  const { state } = manifest
  const catalog = new Catalog(state)
  const replay = new Replay({ catalog, state, lsnEnd: undefined })
  const options = { upTo: 'all', isSalvage } as const
  const read = (taker: Pick<Replay, 'take'>): LogsReading =>
    readLogsInSteps(env, paths, state, taker, options)
  const isLong = bytesOfLogs(context, state) > headBytesMaxOf(env)
  let found = yield* turning(read(isLong ? { take: () => {} } : replay))
  manifest.requireEdit(found.manifestEdit)
  manifest.requireEdit(editOfUnnamedLogs(env, paths, state, logger))
  const quarantined: string[] = []
  if (manifest.torn !== undefined) {
    quarantined.push(quarantineBytes(env, paths, manifest.torn, logger))
  }
  if (isLong) {
    const sealing = new RecoverySeals(context, catalog, replay, found)
    try {
      found = yield* turning(read(replay), () => sealing.sealIfFull())
      yield* sealing.finish()
    } finally {
      yield* sealing.close()
    }
  }
  const { damage } = found
  const torn = found.last?.summary.torn
  for (const each of torn === undefined ? damage : [...damage, torn]) {
    // Of what is not there at all only the name can be listed.
    const isThere = each.bytes > 0
    quarantined.push(isThere ? quarantineDamage(env, paths, each, logger) : each.file)
  }
  return {
    catalog,
    previous: damage.length > 0 ? undefined : previousOf(paths, found),
    damage,
    logsBefore: [...state.logs.values()].map(({ fileNumber }) => fileNumber),
    report: {
      replayedRows: replay.rows,
      tornBytes: torn?.bytes ?? 0,
      quarantined,
      acknowledgementUnknown: found.last?.summary.acknowledgementUnknown ?? false,
      elapsedMs: 0,
    },
  }
}

function headBytesMaxOf({ limits: own }: Env): number {
  return own?.headBytesMax ?? limits.headBytesMax
}

function bytesOfLogs({ env, paths }: RecoveryContext, { logs }: ManifestState): number {
  let bytes = 0
  for (const { fileNumber } of logs.values()) {
    bytes += env.vfs.stat(paths.log(fileNumber))?.bytes ?? 0
  }
  return bytes
}

/** Reads to the end; others have their turn now and then. `between` is done after every group. */
function* turning(reading: LogsReading, between?: () => Work<void>): Work<LogsRead> {
  let bytes = 0
  try {
    for (;;) {
      const next = reading.next()
      if (next.done === true) return next.value
      if (between !== undefined) yield* between()
      bytes += next.value
      if (bytes < turnBytes) continue
      bytes = 0
      yield { step: 'turn' }
    }
  } finally {
    // Where it was not read to its end: gives its file back.
    reading.return(undefined as never)
  }
}

/** Rows on their way to runs. They stay in the head until an edit says so. */
interface Lot {
  readonly series: readonly FrozenSeries[]
  /** After the last of them. */
  readonly lsnEnd: bigint
  readonly producers: readonly ProducerAdvanced[]
}

/** A lot that a thread writes. */
interface LotOnThread {
  readonly lot: Lot
  readonly written: Promise<void>
  /** When it is. */
  drafts: readonly DraftFile[]
}

/** Seals what was replayed so far whenever it is as much as a head holds: one lot on a thread, where
 *  there is one, the next one here meanwhile. Edits come in the order of the log. */
class RecoverySeals {
  readonly #context: RecoveryContext
  readonly #catalog: Catalog
  readonly #replay: Replay
  readonly #bytesMax: number
  /** Rows from here on may be in the page cache alone. */
  readonly #lsnEndSynced: bigint
  /** Log files that the next one does not go on behind. */
  readonly #older: readonly LogState[]
  readonly #writer: WriterContext
  #thread: ThreadWriter | undefined
  #pending: LotOnThread | undefined
  readonly #taken = new Set<Chunk>()
  #bytesSealed = 0
  #isGivenUp = false
  #isInDoubt = false

  constructor(context: RecoveryContext, catalog: Catalog, replay: Replay, found: LogsRead) {
    const { env, paths, manifest, logger } = context
    this.#context = context
    this.#catalog = catalog
    this.#replay = replay
    this.#bytesMax = headBytesMaxOf(env)
    this.#lsnEndSynced = previousOf(paths, found)?.synced.lsnEnd ?? 0n
    const last = found.last?.log.fileNumber
    const { logs, storeId } = manifest.state
    this.#older = [...logs.values()].filter(({ fileNumber }) => fileNumber !== last)
    const allocateFileNumber = (): number => manifest.allocateFileNumber()
    this.#writer = { env, paths, storeId, allocateFileNumber }
    // Threads see the real file system and no other.
    if (env.threadWriter !== undefined) this.#thread = env.threadWriter()
    else if (env.vfs === diskVfs) this.#thread = writerOnThread(logger)
  }

  *sealIfFull(): Work<void> {
    const { bytes, lsnEnd } = this.#replay
    if (bytes - this.#bytesSealed < this.#bytesMax || this.#isGivenUp) return
    if (lsnEnd > this.#lsnEndSynced) return
    this.#bytesSealed = bytes
    const lot = this.#take(lsnEnd)
    const thread = this.#pending === undefined ? this.#thread : undefined
    if (thread !== undefined && rowsOf(lot) >= thread.rowsMin) this.#sealOnThread(lot, thread)
    else yield* this.#sealHere(lot)
  }

  /** Nothing is under way any more: every lot is sealed, or seals were given up. */
  *finish(): Work<void> {
    try {
      yield* this.#awaitThread()
    } catch (error) {
      this.#giveUp(error)
    }
  }

  /** To be done in the end, whatever happened. */
  *close(): Work<void> {
    const thread = this.#thread
    this.#thread = undefined
    if (thread !== undefined) yield { step: 'wait', until: thread.close() }
  }

  /** The rows read since the last lot. */
  #take(lsnEnd: bigint): Lot {
    const series: FrozenSeries[] = []
    for (const { runtime, chunks } of freezeSeries(this.#catalog)) {
      const left = chunks.filter((chunk) => !this.#taken.has(chunk))
      if (left.length > 0) series.push({ runtime, chunks: left })
      for (const chunk of left) this.#taken.add(chunk)
    }
    return { series, lsnEnd, producers: this.#takeProducers() }
  }

  /** How far producers are by now: everything they said came with rows of this lot or before. */
  #takeProducers(): ProducerAdvanced[] {
    const changes: ProducerAdvanced[] = []
    for (const { id: seriesId, producers, producersChanged } of this.#catalog.all()) {
      for (const producerId of producersChanged) {
        const { sequence, lsn } = producers.get(producerId)!
        changes.push({ type: 'producerAdvanced', seriesId, producerId, sequence, lsn })
      }
      producersChanged.clear()
    }
    return changes
  }

  #sealOnThread(lot: Lot, thread: ThreadWriter): void {
    const plans = planFiles(this.#writer, lot.series.map(planSeal))
    const written = thread.write(this.#writer.storeId, plans).then((drafts) => {
      pending.drafts = drafts
    })
    const pending: LotOnThread = { lot, written, drafts: [] }
    // Looked at when it is waited for: until then it is nobody's.
    written.catch(() => undefined)
    this.#pending = pending
  }

  *#sealHere(lot: Lot): Work<void> {
    try {
      const plans = lot.series.map(planSeal)
      const published = yield* writeRuns(this.#writer, plans, this.#awaitThread())
      this.#commit(lot, published)
    } catch (error) {
      this.#giveUp(error, lot)
    }
  }

  /** The thread's lot becomes part of the store; what the thread could not write is written here.
   *  @throws {VarveError} where that fails too: no later lot may be sealed then */
  *#awaitThread(): Work<void> {
    const pending = this.#pending
    if (pending === undefined) return
    this.#pending = undefined
    const { env, paths, logger } = this.#context
    const { lot } = pending
    try {
      yield { step: 'wait', until: pending.written }
    } catch (error) {
      logger.warn({ error }, 'a thread could not seal rows of the log; they are sealed here')
      yield* this.close()
      pending.drafts = []
    }
    try {
      const { series } = lot
      const published =
        pending.drafts.length > 0
          ? publishFiles(env, paths, pending.drafts)
          : yield* writeRuns(this.#writer, series.map(planSeal))
      this.#commit(lot, published)
    } catch (error) {
      this.#giveUp(error, lot)
      throw error
    }
  }

  #commit({ series, lsnEnd, producers }: Lot, published: PublishedFiles): void {
    const { manifest } = this.#context
    const untold = this.#catalog.untold()
    this.#isInDoubt = true
    manifest.commit([
      ...untold,
      ...sealedChanges(manifest.state, series, published),
      ...producers,
      ...this.#emptied(lsnEnd),
    ])
    this.#isInDoubt = false
    this.#catalog.told(untold)
    for (const { runtime, chunks } of series) {
      runtime.head.drop(chunks)
      for (const chunk of chunks) this.#taken.delete(chunk)
    }
  }

  /** As in a store that runs: the rows stay in memory and in the log. No later ones are sealed
   *  before them. @throws what is not to be passed over: an edit that may have landed, a bug */
  #giveUp(error: unknown, lot?: Lot): void {
    if (!(error instanceof VarveError) || this.#isInDoubt) throw error
    for (const { seriesId, producerId } of lot?.producers ?? []) {
      this.#catalog.byId(seriesId)?.producersChanged.add(producerId)
    }
    if (this.#isGivenUp) return
    this.#isGivenUp = true
    const { logger } = this.#context
    logger.error({ error }, 'a seal failed during recovery; the rows stay in memory')
  }

  /** Log files that hold nothing else. Salvage keeps them to the end: damage is copied from them. */
  #emptied(lsnEnd: bigint): Change[] {
    if (this.#context.isSalvage) return []
    const { logs } = this.#context.manifest.state
    return this.#older
      .filter(({ fileNumber, end }) => {
        return end !== undefined && end.lsnEnd <= lsnEnd && logs.get(fileNumber) !== undefined
      })
      .map(({ fileNumber }): Change => ({ type: 'logDropped', fileNumber }))
  }
}

function rowsOf({ series }: Lot): number {
  let rows = 0
  for (const { chunks } of series) for (const { rowCount } of chunks) rows += rowCount
  return rows
}
