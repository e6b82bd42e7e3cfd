// A store open for writing: manifest, log, head and runs, and the appends that go through them. What takes long (seal,
// compaction, snapshots) is in rooms of its own and works on this.
import { VarveError, assert, limits } from '#base'
import type { Logger } from '#base'
import type { Chunk } from '#head'
import type { Change, Manifest, ManifestState } from '#manifest'
import type { LogWriter } from '#wal'
import { AckOf } from './ack.ts'
import type { Catalog, SeriesRuntime } from './catalog.ts'
import type { Ack } from './contract.ts'
import type { Env } from './env.ts'
import { newestAfter } from './newest.ts'
import type { Newest } from './newest.ts'
import type { Paths } from './paths.ts'
import { Pins } from './pins.ts'
import { appendRows, duplicateLsn } from './rows-in.ts'
import type { AppendRequest } from './rows-in.ts'
import type { RunCache } from './run-cache.ts'
import { closedError } from './series-reader.ts'
import type { View } from './view.ts'
import type { WriterContext } from './write-runs.ts'

export interface EngineParts {
  readonly env: Env
  readonly paths: Paths
  readonly logger: Logger
  readonly manifest: Manifest
  readonly catalog: Catalog
  readonly runs: RunCache
  /** undefined in mode 'memory'. */
  readonly log: LogWriter | undefined
  /** Of this open. */
  readonly epochFirstLsn: bigint
}

export class Engine implements WriterContext {
  readonly env: Env
  readonly paths: Paths
  readonly logger: Logger
  readonly manifest: Manifest
  readonly catalog: Catalog
  readonly runs: RunCache
  readonly log: LogWriter | undefined
  readonly pins = new Pins()
  readonly #newest = new WeakMap<SeriesRuntime, Newest>()
  readonly #writing = new Set<number>()
  #lsnEnd: bigint
  /** Bytes of unsealed rows, about. */
  headBytes = 0
  /** Rows below it stand in runs or never will. */
  sealedLsnEnd: bigint
  state: 'open' | 'closed' = 'open'
  /** Called when the head has grown past its limit; `mustBlock` when it has grown past twice that. */
  onFull: (mustBlock: boolean) => void = () => {}

  constructor(parts: EngineParts) {
    this.env = parts.env
    this.paths = parts.paths
    this.logger = parts.logger
    this.manifest = parts.manifest
    this.catalog = parts.catalog
    this.runs = parts.runs
    this.log = parts.log
    this.#lsnEnd = parts.epochFirstLsn
    this.sealedLsnEnd = parts.epochFirstLsn
    for (const runtime of this.catalog.all()) {
      runtime.head.freeze()
      this.headBytes += runtime.head.bytes
    }
  }

  get storeId(): Uint8Array {
    return this.manifest.state.storeId
  }

  get scheduler(): Env['scheduler'] {
    return this.env.scheduler
  }

  allocateFileNumber(): number {
    const fileNumber = this.manifest.allocateFileNumber()
    this.#writing.add(fileNumber)
    return fileNumber
  }

  /** A file of that number may be under way: it is not to be collected, though the manifest does not name it. */
  isWriting(fileNumber: number): boolean {
    return this.#writing.has(fileNumber)
  }

  /** Nothing is under way: what the manifest does not name are leftovers. */
  endWriting(): void {
    this.#writing.clear()
  }

  /** @throws {VarveError} ERR_CLOSED */
  checkOpen(): void {
    if (this.state === 'closed') throw closedError('store')
  }

  view(): View {
    this.checkOpen()
    return { catalog: this.catalog, state: this.manifest.state, runs: this.runs }
  }

  pin(view: View): () => void {
    return this.pins.pin(view.state)
  }

  /** The next row's lsn. */
  get lsnEnd(): bigint {
    return this.log?.lsnEnd ?? this.#lsnEnd
  }

  /** Every row below it is durable. */
  get durableLsnEnd(): bigint {
    return this.log?.durableLsnEnd ?? this.sealedLsnEnd
  }

  takeLsns(count: number): bigint {
    assert(this.log === undefined, 'engine: the log gives lsns where there is one')
    const lsn = this.#lsnEnd
    this.#lsnEnd += BigInt(count)
    return lsn
  }

  append(requests: readonly AppendRequest[]): Ack {
    this.checkOpen()
    if (this.headBytes >= limits.headBytesMax)
      this.onFull(this.headBytes >= 2 * limits.headBytesMax)
    const { log, catalog } = this
    const source = { log, takeLsns: (count: number) => this.takeLsns(count) }
    const appended = appendRows(catalog, requests, source)
    if (appended.rows === 0) {
      return new AckOf(log, 0, duplicateLsn(catalog, requests) + 1n)
    }
    this.headBytes += appended.bytes
    for (const { runtime, chunk, from, end } of appended.parts) {
      const before = this.#newest.get(runtime)
      if (before === undefined) continue
      this.#newest.set(runtime, newestAfter(before, chunk, from, end, runtime.head.rules))
    }
    return new AckOf(log, appended.rows, appended.lsnEnd)
  }

  newestOf(runtime: SeriesRuntime): Newest {
    return this.#newest.get(runtime) ?? { at: 'unknown' }
  }

  noteNewest(runtime: SeriesRuntime, newest: Newest): void {
    this.#newest.set(runtime, newest)
  }

  /** Rows came or went otherwise than by appends. */
  forgetNewest(runtime: SeriesRuntime): void {
    this.#newest.delete(runtime)
  }

  /** The chunks are sealed: a newest row in one of them is to be read again. */
  forgetNewestIn(runtime: SeriesRuntime, chunks: readonly Chunk[]): void {
    const newest = this.#newest.get(runtime)
    if (newest?.at === 'chunk' && chunks.includes(newest.chunk)) this.#newest.delete(runtime)
  }

  /** Counts the bytes of the head anew, after rows left it. */
  recountHead(): void {
    this.headBytes = 0
    for (const { head } of this.catalog.all()) this.headBytes += head.bytes
  }

  /** A durable edit of the manifest, with all definitions it does not have yet. */
  commit(changes: readonly Change[]): ManifestState {
    const untold = this.catalog.untold()
    const state = this.manifest.commit([...untold, ...changes])
    this.catalog.told(untold)
    return state
  }

  /** The same, where there is anything to say. */
  commitIfAny(changes: readonly Change[]): void {
    if (changes.length > 0 || this.catalog.untold().length > 0) this.commit(changes)
  }

  /** What producers were accepted since the last edit that told of them, for rows below `lsnEnd`. */
  producerChanges(lsnEnd: bigint): Change[] {
    const changes: Change[] = []
    for (const runtime of this.catalog.all()) {
      for (const producerId of runtime.producersChanged) {
        const { sequence, lsn } = runtime.producers.get(producerId)!
        if (lsn >= lsnEnd) continue
        changes.push({
          type: 'producerAdvanced',
          seriesId: runtime.id,
          producerId,
          sequence,
          lsn,
        })
      }
    }
    return changes
  }

  toldProducers(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.type !== 'producerAdvanced') continue
      const runtime = this.catalog.byId(change.seriesId)
      const known = runtime?.producers.get(change.producerId)
      if (known?.sequence === change.sequence) runtime!.producersChanged.delete(change.producerId)
    }
  }

  /** Waits until every row appended before the call is on the device. */
  async flush(): Promise<void> {
    await this.log?.flush()
  }

  /** Turns a failure to write into what the caller of a long operation sees. */
  refuseIfPoisoned(): void {
    if (this.log?.state !== 'poisoned') return
    throw new VarveError(
      'ERR_IO',
      'the log cannot be written at the moment',
      {},
      { hint: 'It is tried again by itself; call again later.' },
    )
  }
}
