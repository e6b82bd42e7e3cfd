// The store that open() returns for writing: the contract's face of the engine, and the queue of its long work.
import { VarveError, limits } from '#base'
import type { Change } from '#manifest'
import type { Kind } from '#schema'
import type { VfsLock } from '#vfs'
import { collect } from './collect.ts'
import { addReports, compactOnce, nothingCompacted } from './compaction.ts'
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
import { freezeHead, isWorthSealing, sealFrozen } from './seal.ts'
import type { Frozen } from './seal.ts'
import { SeriesWriter } from './series-writer.ts'
import {
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

export class WriterStore {
  readonly mode = 'write'
  readonly path: string
  readonly recovery: RecoveryReport
  readonly #engine: Engine
  readonly #lock: VfsLock
  /** Long work, one at a time, in the order it was asked for. */
  #queue: Promise<unknown> = Promise.resolve()
  #queued = 0
  #sealing: { readonly job: Job<void>; readonly frozen: Frozen } | undefined
  #isSealAsked = false
  #inlineSeals = 0
  #closing: Promise<void> | undefined

  constructor(engine: Engine, lock: VfsLock, recovery: RecoveryReport) {
    this.#engine = engine
    this.#lock = lock
    this.recovery = recovery
    this.path = engine.paths.root
    engine.onFull = (mustBlock) => (mustBlock ? this.#sealNow() : this.#sealSoon())
  }

  get state(): 'open' | 'failed' | 'closed' {
    if (this.#engine.state === 'closed') return 'closed'
    return this.#engine.log?.state === 'poisoned' ? 'failed' : 'open'
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
    })
  }

  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    const { env, paths, manifest } = this.#engine
    this.#engine.checkOpen()
    return this.#enqueue(() => verifyStore(env, paths, manifest, options))
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
    const release = engine.pins.pin(entry.state)
    const { scheduler } = engine
    const pin = (): (() => void) => engine.pins.pin(entry.state)
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
    const requests = entries.map(({ series, rows }) => {
      if (series instanceof SeriesWriter && series.engine === this.#engine) {
        return series.request(rows)
      }
      throw new VarveError('ERR_ARGUMENT', 'append was given a series that is not of this store')
    })
    return this.#engine.append(requests)
  }

  flush(): Promise<void> {
    return this.#checked(() => this.#engine.flush())
  }

  seal(): Promise<void> {
    return this.#checked(() => {
      const frozen = freezeHead(this.#engine)
      return this.#enqueue(() => this.#seal(frozen))
    })
  }

  compact(options: { signal?: AbortSignal } = {}): Promise<CompactionReport> {
    return this.#checked(() => this.#enqueue(() => this.#compact(options.signal)))
  }

  snapshot(name: string): Promise<SnapshotInfo> {
    return this.#checked(() => {
      checkSnapshotName(name)
      this.#checkFree(name)
      const frozen = freezeHead(this.#engine)
      return this.#enqueue(() => this.#snapshot(name, frozen))
    })
  }

  restore(snapshot: string): Promise<void> {
    return this.#checked(() => {
      snapshotOf(this.#engine.manifest.snapshots, snapshot)
      return this.#enqueue(() => this.#restore(snapshot))
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
    return action()
  }

  #enqueue<T>(task: () => Promise<T>): Promise<T> {
    this.#queued += 1
    const result = this.#queue.then(task)
    const settled = (): void => {
      this.#queued -= 1
      if (this.#queued === 0) this.#engine.endWriting()
    }
    this.#queue = result.then(settled, settled)
    return result
  }

  /** Rows must be durable in the log before they are sealed; without a log the seal makes them so. */
  async #seal(frozen: Frozen): Promise<void> {
    await this.#engine.flush()
    const job = new Job(sealFrozen(this.#engine, frozen), this.#engine.scheduler)
    this.#sealing = { job, frozen }
    try {
      await job.run()
    } finally {
      this.#sealing = undefined
    }
    collect(this.#engine)
  }

  #sealSoon(): void {
    if (this.#isSealAsked) return
    this.#isSealAsked = true
    const frozen = freezeHead(this.#engine)
    this.#enqueue(() => this.#seal(frozen)).then(
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

  /** An append found the head full in a loop that never yields: what is under way is finished, and the rest sealed. */
  #sealNow(): void {
    this.#inlineSeals += 1
    const engine = this.#engine
    engine.log?.flushNow()
    this.#sealing?.job.finishNow()
    if (engine.headBytes < limits.headBytesMax || this.#isBusy()) return
    new Job(sealFrozen(engine, freezeHead(engine)), engine.scheduler).finishNow()
  }

  /** Long work other than a seal is half done: its edits must not be overtaken. */
  #isBusy(): boolean {
    return this.#queued > 0 && this.#sealing === undefined && !this.#isSealAsked
  }

  async #compact(signal: AbortSignal | undefined): Promise<CompactionReport> {
    let report = nothingCompacted
    for (;;) {
      signal?.throwIfAborted()
      const job = new Job(compactOnce(this.#engine, signal), this.#engine.scheduler)
      const round = await job.run()
      if (round === undefined) break
      report = addReports(report, round)
      collect(this.#engine)
    }
    return report
  }

  #checkFree(name: string): void {
    if (!this.#engine.manifest.snapshots.has(name)) return
    throw new VarveError(
      'ERR_EXISTS',
      `there is a snapshot ${JSON.stringify(name)} already`,
      { snapshot: name },
      { hint: 'Drop it first, or take another name.' },
    )
  }

  async #snapshot(name: string, frozen: Frozen): Promise<SnapshotInfo> {
    this.#checkFree(name)
    await this.#engine.flush()
    if (this.#engine.log === undefined) await this.#seal(frozen)
    return { ...(await takeSnapshot(this.#engine, name, frozen.lsnEnd)) }
  }

  async #restore(snapshot: string): Promise<void> {
    const engine = this.#engine
    const entry = snapshotOf(engine.manifest.snapshots, snapshot)
    const name = `before-restore-${snapshot}-${engine.env.clock.now()}`.slice(0, 120)
    await this.#snapshot(name, freezeHead(engine))
    await new Job(restoreSnapshot(engine, entry), engine.scheduler).run()
    collect(engine)
  }

  async #close(): Promise<void> {
    const engine = this.#engine
    if (engine.state === 'closed') return
    const frozen = freezeHead(engine)
    try {
      await this.#queue
      if (engine.log === undefined || isWorthSealing(engine)) await this.#seal(frozen)
      await engine.log?.close()
      engine.commit([...this.#logEnd(), { type: 'cleanClose', lsnEnd: engine.lsnEnd }])
      collect(engine)
    } finally {
      engine.state = 'closed'
      engine.runs.close()
      engine.manifest.close()
      this.#lock.release()
    }
  }

  /** The log is not written any more: the manifest says where it ends. */
  #logEnd(): Change[] {
    const { log } = this.#engine
    if (log === undefined) return []
    const { offset, lsnEnd, hash } = log.synced
    const end = { endOffset: offset, lsnEnd, lastHash: hash }
    const ended: Change = { type: 'logEnded', fileNumber: log.fileNumber, end }
    if (this.stats().headRows > 0) return [ended]
    // Everything is sealed: the next open has nothing to replay.
    const { logs } = this.#engine.manifest.state
    return [
      ended,
      ...[...logs.values()].map(({ fileNumber }): Change => ({ type: 'logDropped', fileNumber })),
    ]
  }
}
