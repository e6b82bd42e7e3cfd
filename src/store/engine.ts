// A store open for writing: manifest, log, head and runs, and the appends that go through them. What takes long (seal,
// compaction, snapshots) is in rooms of its own and works on this.
import { VarveError, assert, limits } from '#base'
import type { Logger, Timer } from '#base'
import type { Level } from '#codec'
import type { Change, Manifest, ManifestState } from '#manifest'
import { Spares } from '#vfs'
import type { LogWriter } from '#wal'
import { AckOf } from './ack.ts'
import type { Catalog, SeriesRuntime } from './catalog.ts'
import { closedError } from './closed.ts'
import type { Ack } from './contract.ts'
import type { Env } from './env.ts'
import { HeldFiles } from './held-files.ts'
import { Rings } from './latest.ts'
import type { OneRow } from './one-row.ts'
import type { Paths } from './paths.ts'
import { Pins } from './pins.ts'
import { appendRows, duplicateLsn, memoryRowBytes } from './rows-in.ts'
import type { AppendRequest } from './rows-in.ts'
import type { RunCache } from './run-cache.ts'
import type { Scrub } from './scrub.ts'
import type { DiskSpace } from './space.ts'
import type { View } from './view.ts'
import type { WriterContext } from './write-runs.ts'

export interface EngineParts {
  readonly env: Env
  readonly paths: Paths
  readonly logger: Logger
  readonly manifest: Manifest
  readonly catalog: Catalog
  readonly runs: RunCache
  readonly space: DiskSpace
  /** undefined in mode 'memory'. */
  readonly log: LogWriter | undefined
  /** Of this open. */
  readonly epochFirstLsn: bigint
  readonly level: Level
  /** Of this open. @default limits.headBytesMax */
  readonly headBytesMax?: number | undefined
}

/** How far a producer is, as the manifest is told. */
export type ProducerAdvanced = Extract<Change, { type: 'producerAdvanced' }>

export class Engine implements WriterContext {
  readonly env: Env
  readonly paths: Paths
  readonly logger: Logger
  readonly manifest: Manifest
  readonly catalog: Catalog
  readonly runs: RunCache
  readonly space: DiskSpace
  /** Descriptors for the log and the manifest when there are no others. */
  readonly spares: Spares
  readonly log: LogWriter | undefined
  readonly level: Level
  /** Where it was asked for. */
  scrub: Scrub | undefined
  readonly pins = new Pins()
  /** Files that only readers in other processes need. */
  readonly held = new HeldFiles()
  #looking: Timer | undefined
  readonly rings = new Rings()
  readonly #writing = new Set<number>()
  /** Long work that is under way or waits for its turn. */
  #works = 0
  #lsnEnd: bigint
  #isAppending = false
  /** Bytes of unsealed rows at which they are sealed. */
  readonly headBytesMax: number
  /** The last edit failed and may have landed: what it names must stay. */
  isInDoubt = false
  /** Bytes of unsealed rows, about. */
  headBytes = 0
  /** Rows below it stand in runs or never will. */
  sealedLsnEnd: bigint
  /** Closing: what was asked for before goes on, nothing new is taken. */
  state: 'open' | 'closing' | 'closed' = 'open'
  /** Called when the head has grown past its limit; `mustBlock` when it has grown past twice that. */
  onFull: (mustBlock: boolean) => void = () => {}

  constructor(parts: EngineParts) {
    this.env = parts.env
    this.paths = parts.paths
    this.logger = parts.logger
    this.manifest = parts.manifest
    this.catalog = parts.catalog
    this.runs = parts.runs
    this.space = parts.space
    this.spares = new Spares(this.env.vfs, this.paths.lock, this.logger)
    this.spares.take()
    this.log = parts.log
    this.level = parts.level
    this.#lsnEnd = parts.epochFirstLsn
    this.headBytesMax = parts.headBytesMax ?? limits.headBytesMax
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

  /** Files may be written from now on that the manifest does not name yet. */
  beginWork(): void {
    this.#works += 1
  }

  /** Long work that is under way or waits. */
  get works(): number {
    return this.#works
  }

  /** When nothing is under way, what the manifest does not name are leftovers. */
  endWork(): void {
    assert(this.#works > 0, 'engine: work ends once')
    this.#works -= 1
    if (this.#works > 0) return
    this.#writing.clear()
    this.spares.take()
  }

  /** @throws {VarveError} ERR_CLOSED */
  checkOpen(): void {
    if (this.state !== 'open') throw closedError('store')
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

  /** To be called before rows are added. @throws {VarveError} ERR_CLOSED; what sealing throws */
  makeRoom(): void {
    this.checkOpen()
    if (this.headBytes < this.headBytesMax) return
    if (this.space.lookAgain()) throw this.space.refusal('append')
    this.onFull(this.headBytes >= 2 * this.headBytesMax)
  }

  append(requests: readonly AppendRequest[]): Ack {
    this.makeRoom()
    const { log, catalog } = this
    const source = { log, takeLsns: (count: number) => this.takeLsns(count) }
    this.#beginAppend()
    try {
      const appended = appendRows(catalog, requests, source)
      if (appended.rows === 0) {
        return new AckOf(log, 0, duplicateLsn(catalog, requests) + 1n)
      }
      this.headBytes += appended.bytes
      for (const part of appended.parts) this.rings.take(part)
      return new AckOf(log, appended.rows, appended.lsnEnd)
    } finally {
      this.#isAppending = false
    }
  }

  /** Adds one row. undefined, and nothing added: `append` takes it, or says what is wrong. */
  appendOne(runtime: SeriesRuntime, way: OneRow, row: Record<string, unknown>): Ack | undefined {
    this.#beginAppend()
    try {
      const { head, ring } = runtime
      const chunk = head.reserveOne()
      const at = chunk.rowCount
      if (!way.fill(row, chunk, at)) return undefined
      const { log } = this
      let end: bigint | number
      if (log === undefined) {
        const lsn = this.takeLsns(1)
        head.commitOne(chunk, lsn)
        this.headBytes += memoryRowBytes
        end = lsn + 1n
      } else {
        end = way.stage(log, runtime, chunk, at)
        head.commitLogged(chunk, end - 1, log)
        this.headBytes += way.bytes
      }
      ring?.take(chunk.columns, at, at + 1, head.rules)
      return new AckOf(log, 1, end)
    } finally {
      this.#isAppending = false
    }
  }

  /** Rows are read by running whatever getters they have, and what they call must not fill the same places. */
  #beginAppend(): void {
    if (this.#isAppending) {
      throw new VarveError(
        'ERR_ARGUMENT',
        'append was called inside of an append',
        {},
        { hint: 'A getter of a row, or a diagnostics callback, appended. Do it later.' },
      )
    }
    this.#isAppending = true
  }

  /** Counts the bytes of the head anew, after rows left it. */
  recountHead(): void {
    this.headBytes = 0
    for (const { head } of this.catalog.all()) this.headBytes += head.bytes
  }

  /** A durable edit of the manifest, with all definitions it does not have yet. */
  commit(changes: readonly Change[]): ManifestState {
    const untold = this.catalog.untold()
    this.isInDoubt = true
    const state = this.#commitWithReserve([...untold, ...changes])
    this.isInDoubt = false
    this.catalog.told(untold)
    this.held.note(changes, state.editNumber)
    // From here on the manifest says whether they are wanted.
    for (const change of changes) {
      if (change.type === 'fileAdded') this.#writing.delete(change.file.fileNumber)
    }
    return state
  }

  #commitWithReserve(changes: readonly Change[]): ManifestState {
    try {
      return this.manifest.commit(changes)
    } catch (error) {
      if (!this.space.madeRoom(error)) throw error
      return this.manifest.commit(changes)
    }
  }

  /** The same, where there is anything to say. */
  commitIfAny(changes: readonly Change[]): void {
    if (changes.length > 0 || this.catalog.untold().length > 0) this.commit(changes)
  }

  /** Looks again later, once, while the store is open. */
  lookAgain(ms: number, look: () => void): void {
    if (this.#looking !== undefined || this.state !== 'open') return
    this.#looking = this.scheduler.after(ms, () => {
      this.#looking = undefined
      look()
    })
  }

  stopLooking(): void {
    this.#looking?.cancel()
    this.#looking = undefined
  }

  /** How far each producer is that was accepted since an edit told of it. A seal takes this along with the rows: what a
   *  producer says later belongs to later rows. */
  producerChanges(): ProducerAdvanced[] {
    const changes: ProducerAdvanced[] = []
    for (const { id: seriesId, producers, producersChanged } of this.catalog.all()) {
      for (const producerId of producersChanged) {
        const { sequence, lsn } = producers.get(producerId)!
        changes.push({ type: 'producerAdvanced', seriesId, producerId, sequence, lsn })
      }
    }
    return changes
  }

  /** Of what was noted some time ago that which still says more than the manifest does. */
  newsOf(noted: readonly ProducerAdvanced[]): ProducerAdvanced[] {
    return noted.filter(({ seriesId, producerId, sequence }) => {
      const told = this.manifest.state.series.get(seriesId)?.producers.get(producerId)
      const now = this.catalog.byId(seriesId)?.producers.get(producerId)
      // A restore may have taken the producer back meanwhile.
      const stands = now !== undefined && now.sequence >= sequence
      return stands && (told === undefined || told.sequence < sequence)
    })
  }

  toldProducers(changes: readonly ProducerAdvanced[]): void {
    for (const { seriesId, producerId, sequence } of changes) {
      const runtime = this.catalog.byId(seriesId)
      const known = runtime?.producers.get(producerId)
      if (known?.sequence === sequence) runtime!.producersChanged.delete(producerId)
    }
  }

  /** Waits until every row appended before the call is on the device. */
  async flush(): Promise<void> {
    await this.log?.flush()
  }
}
