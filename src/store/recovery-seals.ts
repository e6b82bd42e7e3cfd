// Seals of a recovery: rows of a log that is longer than a head, in lots of half a head, so that the
// four that are in memory at most take what a head and a seal of another take. A lot is written to
// drafts, on a thread where there is one and room in its queue, else here; it leaves memory when its
// drafts, and those of all lots before it, are on the device. What edits will say of the lots is
// worked out then, over a state that runs ahead of the manifest's. `publish` makes it so, in the order
// of the log.
import { VarveError } from '#base'
import { removeDraft, writeFiles } from '#compact'
import type { DraftFile, ThreadWriter } from '#compact'
import type { Chunk, ChunkMemory } from '#head'
import { applyEdit } from '#manifest'
import type { Change, ManifestState } from '#manifest'
import type { LogProgress } from '#wal'
import type { Catalog } from './catalog.ts'
import type { ProducerAdvanced } from './engine.ts'
import { publishFiles, publishedBy } from './publish.ts'
import type { LogsRead } from './recover.ts'
import type { RecoveryContext } from './recovery.ts'
import type { Replay } from './replay.ts'
import { planSeal } from './seal-plan.ts'
import type { FrozenSeries } from './seal-plan.ts'
import { freezeSeries, sealedChanges } from './seal.ts'
import type { Work } from './work.ts'
import { planFiles } from './write-runs.ts'
import type { WriterContext } from './write-runs.ts'

/** Rows on their way to runs. */
interface Lot {
  readonly series: readonly FrozenSeries[]
  /** After the last of them. */
  readonly lsnEnd: bigint
  readonly producers: readonly ProducerAdvanced[]
  /** When they are written and synced. */
  drafts: readonly DraftFile[] | undefined
}

/** Edits of about so many changes: each is synced by itself. */
const changesPerEdit = 4096
/** No log is being written whose syncs would wait. */
const syncStepBytes = Number.MAX_SAFE_INTEGER
/** Lots that wait for the thread while it writes one: so it has no pause, and memory a bound. */
const waitingMax = 1
/** Lots in memory beside the one that is being read. */
const lotsMax = 3

export class RecoverySeals {
  readonly #context: RecoveryContext
  readonly #catalog: Catalog
  readonly #replay: Replay
  readonly #memory: ChunkMemory
  readonly #lotBytes: number
  readonly #writer: WriterContext
  #thread: ThreadWriter | undefined
  /** What the thread has under way; resolves in any case. */
  #running: Promise<void> | undefined
  /** Lots for the thread, or for whoever has time. */
  readonly #waiting: Lot[] = []
  /** In the order of the log, those whose edit is not worked out yet. */
  #lots: Lot[] = []
  readonly #taken = new Set<Chunk>()
  /** As the manifest will be. */
  #state: ManifestState
  #edits: Change[][] = []
  #drafts: DraftFile[] = []
  #lsnEnd = 0n
  #bytesTaken = 0
  #isGivenUp = false
  /** It failed once. */
  #isThreadLost = false

  constructor(
    context: RecoveryContext,
    catalog: Catalog,
    replay: Replay,
    memory: ChunkMemory,
    headBytesMax: number,
    thread: ThreadWriter | undefined,
  ) {
    const { env, paths, manifest, level } = context
    this.#context = context
    this.#catalog = catalog
    this.#replay = replay
    this.#memory = memory
    this.#lotBytes = headBytesMax / 2
    this.#state = manifest.state
    const { storeId } = manifest.state
    const allocateFileNumber = (): number => manifest.allocateFileNumber()
    this.#writer = { env, paths, storeId, level, allocateFileNumber }
    this.#thread = thread
  }

  /** After each record of the log: takes the rows read since the last lot where they are enough. */
  *after({ lsnEndSynced }: LogProgress): Work<void> {
    const { bytes, lsnEnd } = this.#replay
    if (bytes - this.#bytesTaken < this.#lotBytes || this.#isGivenUp) return
    // Rows from there on may be in the page cache alone.
    if (lsnEnd > lsnEndSynced) return
    this.#bytesTaken = bytes
    const lot = this.#take(lsnEnd)
    this.#lots.push(lot)
    const thread = this.#thread
    const hasRoom = this.#running === undefined || this.#waiting.length < waitingMax
    const hasThread = thread !== undefined && !this.#isThreadLost
    if (hasThread && hasRoom && rowsOf(lot) >= thread.rowsMin) {
      this.#waiting.push(lot)
      this.#feed()
    } else yield* this.#writeHere(lot)
    yield* this.#settled(lotsMax)
  }

  /** Waits until no more lots than so many are in memory. */
  *#settled(max: number): Work<void> {
    for (;;) {
      this.#settle()
      if (this.#lots.length <= max) return
      // The newest first: the thread goes on with the oldest.
      const lot = this.#waiting.pop()
      if (lot !== undefined) yield* this.#writeHere(lot)
      else if (this.#running !== undefined) yield { step: 'wait', until: this.#running }
      else return
    }
  }

  /** The rows read since the last lot. */
  #take(lsnEnd: bigint): Lot {
    const series: FrozenSeries[] = []
    for (const { runtime, chunks } of freezeSeries(this.#catalog)) {
      const left = chunks.filter((chunk) => !this.#taken.has(chunk))
      if (left.length > 0) series.push({ runtime, chunks: left })
      for (const chunk of left) this.#taken.add(chunk)
    }
    return { series, lsnEnd, producers: this.#takeProducers(), drafts: undefined }
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

  /** Gives the thread its next lot where it has none. */
  #feed(): void {
    const thread = this.#thread
    if (thread === undefined || this.#running !== undefined || this.#isThreadLost) return
    const lot = this.#waiting.shift()
    if (lot === undefined) return
    this.#running = this.#writeOnThread(lot, thread).finally(() => {
      this.#running = undefined
      this.#feed()
    })
  }

  async #writeOnThread(lot: Lot, thread: ThreadWriter): Promise<void> {
    try {
      const plans = planFiles(this.#writer, lot.series.map(planSeal))
      lot.drafts = await thread.write({ ...this.#writer, syncStepBytes }, plans)
      if (!this.#lots.includes(lot)) this.#remove(lot.drafts)
    } catch (error) {
      // What is wrong with the rows or the disk, and not with the thread, is found here again.
      const { logger } = this.#context
      logger.warn({ error }, 'a thread could not seal rows of the log; that is done without one')
      this.#isThreadLost = true
      if (this.#lots.includes(lot)) this.#waiting.unshift(lot)
    }
  }

  *#writeHere(lot: Lot): Work<void> {
    const { env } = this.#context
    try {
      const plans = planFiles(this.#writer, lot.series.map(planSeal))
      const { storeId, level } = this.#writer
      const target = { vfs: env.vfs, storeId, level, syncStepBytes }
      lot.drafts = yield* writeFiles(target, plans, () => {})
    } catch (error) {
      this.#giveUp(error, lot)
    }
  }

  /** Works out what edits will say of lots that are written, with all before them; their rows leave
   *  memory. */
  #settle(): void {
    for (;;) {
      const [lot] = this.#lots
      if (lot?.drafts === undefined) return
      this.#lots.shift()
      const { series, producers, drafts, lsnEnd } = lot
      const untold = this.#catalog.untold()
      const changes = [
        ...untold,
        ...sealedChanges(this.#state, series, publishedBy(drafts)),
        ...producers,
      ]
      this.#state = applyEdit(this.#state, changes)
      this.#catalog.told(untold)
      this.#drafts.push(...drafts)
      this.#lsnEnd = lsnEnd
      const last = this.#edits.at(-1)
      if (last !== undefined && last.length < changesPerEdit) last.push(...changes)
      else this.#edits.push(changes)
      for (const { runtime, chunks } of series) {
        runtime.head.drop(chunks)
        for (const chunk of chunks) {
          this.#taken.delete(chunk)
          this.#memory.giveBack(chunk.columns)
        }
      }
    }
  }

  /** Rows of this lot and those behind stay in memory and in the log, as in a store that runs: no
   *  later ones are sealed before them. @throws what is not to be passed over: a bug */
  #giveUp(error: unknown, lot: Lot): void {
    const at = this.#lots.indexOf(lot)
    if (!(error instanceof VarveError) || at < 0) throw error
    const left = this.#lots.splice(at)
    for (const each of left) {
      for (const { seriesId, producerId } of each.producers) {
        this.#catalog.byId(seriesId)?.producersChanged.add(producerId)
      }
      this.#remove(each.drafts)
      const waitingAt = this.#waiting.indexOf(each)
      if (waitingAt >= 0) this.#waiting.splice(waitingAt, 1)
    }
    if (this.#isGivenUp) return
    this.#isGivenUp = true
    const { logger } = this.#context
    logger.error({ error }, 'a seal failed during recovery; the rows stay in memory')
  }

  #remove(drafts: readonly DraftFile[] | undefined): void {
    for (const { output } of drafts ?? []) removeDraft(this.#context.env.vfs, output)
  }

  /** All of the log was read: returns when all lots are written. */
  *written(): Work<void> {
    yield* this.#settled(0)
  }

  /** The log is whole: what was written becomes part of the store.
   *  @throws {VarveError} where that fails: the log still has all rows */
  publish(found: LogsRead): void {
    const [edit] = this.#edits
    if (edit === undefined) return
    const { env, paths, manifest } = this.#context
    const drafts = this.#drafts
    this.#drafts = []
    publishFiles(env, paths, drafts)
    this.#edits.at(-1)!.push(...this.#emptied(found))
    for (const changes of this.#edits) manifest.commit(changes)
  }

  /** Log files that hold nothing else, and that the next one does not go on behind. Salvage keeps
   *  them to the end: damage is copied from them. */
  #emptied({ last }: LogsRead): Change[] {
    if (this.#context.isSalvage) return []
    return [...this.#context.manifest.state.logs.values()]
      .filter(({ fileNumber, end }) => {
        return (
          fileNumber !== last?.log.fileNumber && end !== undefined && end.lsnEnd <= this.#lsnEnd
        )
      })
      .map(({ fileNumber }): Change => ({ type: 'logDropped', fileNumber }))
  }

  /** To be done in the end, whatever happened: nothing runs any more, and no draft is left that
   *  did not become part of the store. */
  *close(): Work<void> {
    const thread = this.#thread
    this.#thread = undefined
    this.#waiting.length = 0
    if (this.#running !== undefined) yield { step: 'wait', until: this.#running }
    if (thread !== undefined) yield { step: 'wait', until: thread.close() }
    for (const { drafts } of this.#lots) this.#remove(drafts)
    this.#remove(this.#drafts)
  }
}

function rowsOf({ series }: Lot): number {
  let rows = 0
  for (const { chunks } of series) for (const { rowCount } of chunks) rows += rowCount
  return rows
}
