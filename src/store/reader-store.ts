// The store that open() returns for reading: what is durable, as of one moment, until refresh() moves on.
import { VarveError } from '#base'
import type { Logger } from '#base'
import { Manifest } from '#manifest'
import type { Kind } from '#schema'
import { Catalog } from './catalog.ts'
import type { SeriesInfo, SnapshotInfo, StoreStats, VerifyReport } from './contract.ts'
import type { Env } from './env.ts'
import type { Paths } from './paths.ts'
import { readLogs } from './recover.ts'
import { Replay } from './replay.ts'
import { RunCache } from './run-cache.ts'
import { closedError } from './closed.ts'
import { SeriesReader } from './series-reader.ts'
import { openSnapshot, snapshotOf } from './snapshots.ts'
import { statsOf } from './stats.ts'
import { verifyStore } from './verify.ts'
import type { VerifyOptions } from './verify.ts'
import type { View } from './view.ts'
import { SnapshotReader, kindNamed, listOf, makeHandle } from './view-reader.ts'

interface Loaded {
  readonly view: View
  /** Everything below it is in the view. */
  readonly lsnEnd: bigint
}

const loadTriesMax = 16

export class ReaderStore {
  readonly mode = 'read'
  readonly path: string
  readonly #env: Env
  readonly #paths: Paths
  readonly #manifest: Manifest
  readonly #runs: RunCache
  readonly #isFollowing: boolean
  #loaded: Loaded
  #isClosed = false

  constructor(env: Env, paths: Paths, logger: Logger, isFollowing: boolean) {
    this.path = paths.root
    this.#env = env
    this.#paths = paths
    this.#isFollowing = isFollowing
    this.#manifest = Manifest.open({ vfs: env.vfs, logger }, paths.root, { readOnly: true })
    this.#runs = new RunCache(env.vfs, paths, 'ERR_STALE')
    try {
      this.#loaded = this.#load()
    } catch (error) {
      this.#manifest.close()
      throw error
    }
  }

  get state(): 'open' | 'closed' {
    return this.#isClosed ? 'closed' : 'open'
  }

  get durableLsn(): bigint {
    return this.#loaded.lsnEnd - 1n
  }

  get scheduler(): Env['scheduler'] {
    return this.#env.scheduler
  }

  /** A writer may seal, and drop log files, between our reading of the manifest and of the log: then both are read
   *  again. */
  #load(): Loaded {
    let last: unknown
    for (let tries = 0; tries < loadTriesMax; tries += 1) {
      try {
        return this.#loadOnce()
      } catch (error) {
        const isGone = error instanceof VarveError && error.cause instanceof VarveError
        if (!isGone || !this.#manifest.refresh()) throw error
        last = error
      }
    }
    throw new VarveError(
      'ERR_STALE',
      'the store changes faster than it can be read',
      {},
      { cause: last },
    )
  }

  #loadOnce(): Loaded {
    const { state } = this.#manifest
    const catalog = new Catalog(state)
    const replay = new Replay({ catalog, state, lsnEnd: undefined })
    const { last } = readLogs(this.#env, this.#paths, state, replay, {
      upTo: 'watermark',
      isSalvage: false,
    })
    let lsnEnd = last?.summary.written.lsnEnd ?? 0n
    for (const { sealedLsn } of state.series.values()) {
      if (sealedLsn >= lsnEnd) lsnEnd = sealedLsn + 1n
    }
    return { view: { catalog, state, runs: this.#runs }, lsnEnd }
  }

  view(): View {
    if (this.#isClosed) throw closedError('store')
    if (this.#isFollowing) this.refresh()
    return this.#loaded.view
  }

  pin(): () => void {
    return () => {}
  }

  refresh(): boolean {
    if (this.#isClosed) throw closedError('store')
    const before = this.#loaded
    const isMoved = this.#manifest.refresh()
    const after = this.#load()
    if (!isMoved && after.lsnEnd === before.lsnEnd) return false
    this.#loaded = after
    return true
  }

  series(kind: Kind, symbol: string, timeframe?: string): SeriesReader {
    return makeHandle(this, (own, key) => new SeriesReader(this, own, key), kind, symbol, timeframe)
  }

  list(filter?: { kind?: string; symbol?: string; timeframe?: string }): SeriesInfo[] {
    return listOf(this, filter)
  }

  kindOf(name: string): Kind | undefined {
    return kindNamed(this, name)
  }

  stats(): StoreStats {
    const view = this.view()
    let headBytes = 0
    for (const { head } of view.catalog.all()) headBytes += head.bytes
    return statsOf(this.#env, this.#paths, view, { headBytes, inlineSeals: 0, pinnedBytes: 0 })
  }

  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    this.view()
    return verifyStore(this.#env, this.#paths, this.#manifest, options)
  }

  snapshots(): SnapshotInfo[] {
    this.view()
    return [...this.#manifest.snapshots.values()].map(({ info }) => ({ ...info }))
  }

  at(snapshot: string): SnapshotReader {
    this.view()
    const entry = snapshotOf(this.#manifest.snapshots, snapshot)
    const view = openSnapshot(this.#env, this.#paths, this.#runs, entry)
    const viewNow = (): View => {
      if (this.#isClosed) throw closedError('store')
      return view
    }
    const release = (): void => {}
    return new SnapshotReader(
      { scheduler: this.scheduler, view: viewNow, pin: () => release },
      release,
    )
  }

  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true
      this.#runs.close()
      this.#manifest.close()
    }
    return Promise.resolve()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
