// The store that open() returns for writing: the contract's face of the engine, and the queue of its long work.
import { VarveError, limits } from '#base'
import type { Logger } from '#base'
import { compactorBySize, compactorInTurns, compactorOnThreadOr } from '#compact'
import type { Compactor } from '#compact'
import type { Change } from '#manifest'
import type { Kind } from '#schema'
import { diskVfs } from '#vfs'
import type { VfsLock } from '#vfs'
import { collect } from './collect.ts'
import { Compactions } from './compactions.ts'
import type {
  Ack,
  CompactionReport,
  RecoveryReport,
  SeriesInfo,
  SnapshotInfo,
  StoreStats,
  VerifyReport,
} from './contract.ts'
import type { Engine } from './engine.ts'
import type { Env } from './env.ts'
import { freezeHead, sealFrozen } from './seal.ts'
import type { Frozen } from './seal.ts'
import { SeriesWriter } from './series-writer.ts'
import {
  checkFree,
  checkSnapshotName,
  openSnapshot,
  pinnedBytes,
  restoreSnapshot,
  snapshotOf,
  takeSnapshot,
} from './snapshots.ts'
import { statsOf } from './stats.ts'
import { verifyStore } from './verify.ts'
import type { VerifyOptions } from './verify.ts'
import { SnapshotReader, kindNamed, listOf, makeHandle } from './view-reader.ts'
import { Job } from './work.ts'
import { isIndexDue, writeIndex } from './write-index.ts'
import type { Work } from './work.ts'

/** Threads see the real file system and no other. */
function compactorOf({ vfs, scheduler, compactor }: Env, logger: Logger): Compactor {
  if (compactor !== undefined) return compactor
  const inTurns = compactorInTurns(vfs, scheduler)
  if (vfs !== diskVfs) return inTurns
  return compactorBySize(inTurns, compactorOnThreadOr(inTurns, logger))
}

export class WriterStore {
  readonly mode = 'write'
  readonly path: string
  readonly recovery: RecoveryReport
  readonly #engine: Engine
  readonly #lock: VfsLock
  /** Long work, one at a time, in the order it was asked for. */
  #queue: Promise<unknown> = Promise.resolve()
  /** Beside the queue. */
  readonly #compactions: Compactions
  /** Work that a seal within an append must not overtake. */
  #job: { finishNow(): unknown } | undefined
  #isSealAsked = false
  #inlineSeals = 0
  #closing: Promise<void> | undefined

  constructor(engine: Engine, lock: VfsLock, recovery: RecoveryReport) {
    this.#engine = engine
    this.#lock = lock
    this.recovery = recovery
    this.path = engine.paths.root
    this.#compactions = new Compactions(engine, compactorOf(engine.env, engine.logger))
    engine.onFull = (mustBlock) => (mustBlock ? this.#sealNow() : this.#sealSoon())
  }

  get state(): 'open' | 'failed' | 'closed' {
    const { state, log, space } = this.#engine
    if (state !== 'open') return 'closed'
    return log?.state === 'poisoned' || space.isFull ? 'failed' : 'open'
  }

  get durableLsn(): bigint {
    return this.#engine.durableLsnEnd - 1n
  }

  // ---- reading

  series(kind: Kind, symbol: string, timeframe?: string): SeriesWriter {
    const engine = this.#engine
    return makeHandle(
      engine,
      (own, key) => new SeriesWriter(engine, own, key),
      kind,
      symbol,
      timeframe,
    )
  }

  list(filter?: { kind?: string; symbol?: string; timeframe?: string }): SeriesInfo[] {
    return listOf(this.#engine, filter)
  }

  kindOf(name: string): Kind | undefined {
    return kindNamed(this.#engine, name)
  }

  refresh(): boolean {
    this.#engine.checkOpen()
    return false
  }

  stats(): StoreStats {
    const engine = this.#engine
    return statsOf(engine.env, engine.paths, engine.view(), {
      headBytes: engine.headBytes,
      inlineSeals: this.#inlineSeals,
      pinnedBytes: pinnedBytes(engine),
      compactions: this.#compactions.rounds,
      ownCompactions: this.#compactions.ownRounds,
    })
  }

  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    const { env, paths, manifest, pins, log } = this.#engine
    this.#engine.checkOpen()
    return this.#enqueue(async () => {
      // A compaction may publish meanwhile; what it replaced is looked at all the same.
      const release = pins.pin(manifest.state)
      try {
        return await verifyStore(env, paths, manifest, options, {
          manifest: manifest.path,
          log: log && { fileNumber: log.fileNumber, place: log.synced },
        })
      } finally {
        release()
      }
    })
  }

  snapshots(): SnapshotInfo[] {
    this.#engine.checkOpen()
    return [...this.#engine.manifest.snapshots.values()].map(({ info }) => ({ ...info }))
  }

  at(snapshot: string): SnapshotReader {
    const engine = this.#engine
    engine.checkOpen()
    const entry = snapshotOf(engine.manifest.snapshots, snapshot)
    const view = openSnapshot(engine.env, engine.paths, engine.runs, entry)
    const release = engine.pins.pinFiles(entry.state)
    const { scheduler } = engine
    const pin = (): (() => void) => engine.pins.pinFiles(entry.state)
    const viewNow = (): typeof view => {
      engine.checkOpen()
      return view
    }
    return new SnapshotReader({ scheduler, view: viewNow, pin }, release)
  }

  // ---- writing

  append(entries: readonly { series: unknown; rows: unknown }[]): Ack {
    if (!Array.isArray(entries) || entries.length === 0) {
      throw new VarveError('ERR_ARGUMENT', 'append takes a list of {series, rows}, at least one')
    }
    const requests = entries.map((entry: { series?: unknown; rows?: unknown } | null) => {
      const series = entry?.series
      if (series instanceof SeriesWriter && series.engine === this.#engine) {
        return series.request(entry?.rows)
      }
      throw new VarveError('ERR_ARGUMENT', 'append was given a series that is not of this store')
    })
    return this.#engine.append(requests)
  }

  flush(): Promise<void> {
    return this.#checked(() => this.#engine.flush())
  }

  seal(): Promise<void> {
    return this.#checked(() => this.#seal(freezeHead(this.#engine)))
  }

  compact(options: { signal?: AbortSignal } = {}): Promise<CompactionReport> {
    return this.#checked(async () => {
      const report = await this.#compactions.run(this.#queue, options.signal)
      if (report.outputs > 0) await this.#enqueue(() => this.#indexIfDue(false))
      return report
    })
  }

  snapshot(name: string): Promise<SnapshotInfo> {
    return this.#checked(() => {
      const engine = this.#engine
      checkSnapshotName(name)
      checkFree(engine, name)
      const frozen = freezeHead(engine)
      return this.#enqueue(() => this.#work(takeSnapshot(engine, name, frozen)))
    })
  }

  restore(snapshot: string): Promise<void> {
    return this.#checked(() => {
      const engine = this.#engine
      snapshotOf(engine.manifest.snapshots, snapshot)
      const dropping = freezeHead(engine)
      return this.#enqueue(() => this.#work(restoreSnapshot(engine, snapshot, dropping)))
    })
  }

  dropSnapshot(name: string): Promise<void> {
    return this.#checked(() => {
      snapshotOf(this.#engine.manifest.snapshots, name)
      return this.#enqueue(() => {
        snapshotOf(this.#engine.manifest.snapshots, name)
        this.#engine.commit([{ type: 'snapshotDropped', name }])
        collect(this.#engine)
        return Promise.resolve()
      })
    })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  // ---- the queue

  /** Errors of the arguments become rejections, as callers of async functions expect. */
  async #checked<T>(action: () => Promise<T>): Promise<T> {
    this.#engine.checkOpen()
    const { works } = this.#engine
    if (works >= limits.worksMax) {
      throw new VarveError(
        'ERR_OVERLOADED',
        'too much long work is waiting',
        { works },
        {
          hint: 'Wait for what was asked for before asking for more.',
        },
      )
    }
    return action()
  }

  #enqueue<T>(task: () => Promise<T>): Promise<T> {
    this.#engine.beginWork()
    const result = this.#queue.then(task)
    const settled = (): void => this.#engine.endWork()
    this.#queue = result.then(settled, settled)
    return result
  }

  /** Does work that nothing else may overtake, then removes what it left without a name. */
  async #work<T>(work: Work<T>): Promise<T> {
    const job = new Job(work, this.#engine.scheduler)
    this.#job = job
    try {
      return await job.run()
    } finally {
      this.#job = undefined
      collect(this.#engine)
    }
  }

  #seal(frozen: Frozen): Promise<void> {
    return this.#enqueue(async () => {
      await this.#work(sealFrozen(this.#engine, frozen))
      this.#noteSealed(frozen)
      await this.#indexIfDue(false)
    })
  }

  #noteSealed({ series }: Frozen): void {
    this.#compactions.noteSealed(series.map(({ runtime }) => runtime.id))
  }

  #sealSoon(): void {
    if (this.#isSealAsked) return
    this.#isSealAsked = true
    this.#seal(freezeHead(this.#engine)).then(
      () => {
        this.#isSealAsked = false
      },
      (error: unknown) => {
        this.#isSealAsked = false
        this.#engine.logger.error(
          { error },
          'a seal failed; the rows stay in memory and in the log',
        )
      },
    )
  }

  /** Indexes the runs that are there now, where so many are in no index that reads would feel it. */
  async #indexIfDue(isClosing: boolean): Promise<void> {
    const { env, paths, logger, runs, manifest, pins, scheduler } = this.#engine
    if (!isClosing && this.#engine.state !== 'open') return
    const { state } = manifest
    const header = runs.index.index?.header
    if (!isIndexDue(state, header, { isClosing, runsMin: env.limits?.indexRunsMin })) return
    const release = pins.pinFiles(state)
    try {
      const context = { vfs: env.vfs, paths, logger }
      await new Job(writeIndex(context, state, runs.index), scheduler).run()
    } catch (error) {
      // Whatever it says, the rows are where they were.
      if (!(error instanceof VarveError)) throw error
      logger.warn({ error }, 'the index could not be written')
    } finally {
      release()
    }
  }

  /** An append found the head full in a loop that never yields: what is under way is finished, and the rest sealed. */
  #sealNow(): void {
    this.#inlineSeals += 1
    const engine = this.#engine
    engine.log?.flushNow()
    try {
      this.#job?.finishNow()
    } catch (error) {
      if (!(error instanceof VarveError)) throw error
      engine.logger.warn({ error }, 'work that an append had to finish failed; its caller is told')
    }
    if (engine.headBytes < engine.headBytesMax) return
    const frozen = freezeHead(engine)
    // What another job could not finish may go on later, with views of the same rows.
    new Job(sealFrozen(engine, frozen, { isAlone: false }), engine.scheduler).finishNow()
    this.#noteSealed(frozen)
  }

  /** From the call on nothing new is taken; what was asked for before is done first. */
  async #close(): Promise<void> {
    const engine = this.#engine
    const frozen = freezeHead(engine)
    engine.state = 'closing'
    try {
      try {
        await this.#flushAtClose()
      } finally {
        await this.#queue
        await this.#compactions.stop()
      }
      await this.#sealAtClose(frozen)
      await engine.log?.close()
      engine.commit([...this.#logEnd(), { type: 'cleanClose', lsnEnd: engine.lsnEnd }])
      collect(engine)
      await this.#indexIfDue(true)
    } finally {
      await this.#letGo()
    }
  }

  /** A log that cannot be written now is given up, so that nothing in the queue waits for it for ever. */
  async #flushAtClose(): Promise<void> {
    const { log, logger } = this.#engine
    try {
      log?.flushNow()
    } catch (error) {
      if (!(error instanceof VarveError)) throw error
      logger.warn({ error }, 'the log cannot be written at close')
      await log?.close()
    }
  }

  async #sealAtClose(frozen: Frozen): Promise<void> {
    const engine = this.#engine
    const { log, logger } = engine
    if (log !== undefined && engine.headBytes < limits.closeSealBytesMin) return
    try {
      await this.#seal(frozen)
    } catch (error) {
      // With a log the rows stand there: the next open finds them.
      if (log === undefined || !(error instanceof VarveError)) throw error
      logger.warn({ error }, 'the seal at close failed; the rows stay in the log')
    }
  }

  async #letGo(): Promise<void> {
    const engine = this.#engine
    engine.state = 'closed'
    engine.stopLooking()
    engine.space.close()
    engine.scrub?.stop()
    engine.spares.close()
    try {
      await engine.log?.close()
    } finally {
      engine.runs.close()
      engine.manifest.close()
      this.#lock.release()
    }
  }

  /** The log is not written any more: the manifest says where it ends, or, where everything is sealed, drops it. */
  #logEnd(): Change[] {
    const engine = this.#engine
    const { log } = engine
    const changes: Change[] = [...engine.newsOf(engine.producerChanges())]
    if (log !== undefined) {
      const { offset, lsnEnd, hash } = log.synced
      const end = { endOffset: offset, lsnEnd, lastHash: hash }
      changes.push({ type: 'logEnded', fileNumber: log.fileNumber, end })
    }
    for (const { head } of engine.catalog.all()) if (head.rowCount > 0) return changes
    for (const { fileNumber } of engine.manifest.state.logs.values()) {
      changes.push({ type: 'logDropped', fileNumber })
    }
    return changes
  }
}
