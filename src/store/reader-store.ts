// The store that open() returns for reading: what is durable, as of one moment, until refresh() moves on.
import { VarveError } from '#base'
import type { Logger } from '#base'
import { Manifest } from '#manifest'
import type { ManifestState, SnapshotEntry } from '#manifest'
import type { Kind } from '#schema'
import type { SeriesInfo, SnapshotInfo, StoreStats, VerifyReport } from './contract.ts'
import type { Env } from './env.ts'
import { Lease } from './lease.ts'
import type { Paths } from './paths.ts'
import { editOfUnnamedLogs } from './recover.ts'
import { hasGrown, loadAll, loadOn } from './reader-load.ts'
import type { LoadContext, Loaded } from './reader-load.ts'
import { RunCache } from './run-cache.ts'
import { RunIndex } from './run-index.ts'
import { closedError } from './closed.ts'
import { SeriesReader } from './series-reader.ts'
import { openSnapshot, snapshotOf } from './snapshots.ts'
import { isGivenUp, isMissingFile, staleError } from './stale.ts'
import { statsOf } from './stats.ts'
import { verifyStore } from './verify.ts'
import type { VerifyOptions } from './verify.ts'
import type { View } from './view.ts'
import { SnapshotReader, kindNamed, listOf, makeHandle } from './view-reader.ts'

const loadTriesMax = 16

export class ReaderStore {
  readonly mode = 'read'
  readonly path: string
  readonly #env: Env
  readonly #paths: Paths
  readonly #logger: Logger
  readonly #manifest: Manifest
  readonly #runs: RunCache
  /** undefined where none could be taken. */
  readonly #lease: Lease | undefined
  readonly #context: LoadContext
  readonly #isFollowing: boolean
  #loaded: Loaded
  /** Gives back what #loaded holds. */
  #release: () => void
  #isClosed = false

  constructor(env: Env, paths: Paths, logger: Logger, isFollowing: boolean) {
    this.path = paths.root
    this.#env = env
    this.#paths = paths
    this.#logger = logger
    this.#isFollowing = isFollowing
    // First the lease, then the manifest: what that names stays.
    this.#lease = Lease.take(env, paths, logger)
    try {
      this.#manifest = Manifest.open({ vfs: env.vfs, logger }, paths.root, { readOnly: true })
    } catch (error) {
      this.#lease?.release()
      throw error
    }
    const { storeId } = this.#manifest.state
    const index = new RunIndex({ vfs: env.vfs, folder: paths.index, storeId, logger })
    this.#runs = new RunCache(env.vfs, paths, index, (path) => isGivenUp(env.vfs, paths, path))
    this.#context = { env, paths, runs: this.#runs }
    try {
      this.#loaded = this.#load(undefined)
    } catch (error) {
      this.#manifest.close()
      this.#lease?.release()
      throw error
    }
    this.#release = this.#hold(this.#loaded.view.state.editNumber)
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

  /** A writer that holds nothing for this reader may drop log files between our reading of the manifest and of the log:
   *  then both are read again. */
  #load(before: Loaded | undefined): Loaded {
    let last: unknown
    for (let tries = 0; tries < loadTriesMax; tries += 1) {
      const { state } = this.#manifest
      try {
        if (before !== undefined) return loadOn(this.#context, before, state)
        const loaded = loadAll(this.#context, state)
        if (this.#isNewest(loaded)) return loaded
      } catch (error) {
        if (!isMissingFile(error) || !this.#manifest.refresh()) throw error
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

  /** Whether the log knows of no later edit; else the manifest moved on since it was read, and is read
   *  again. @throws {VarveError} ERR_CORRUPT where it did not: it has lost its tail */
  #isNewest({ view, manifestEdit }: Loaded): boolean {
    const { state } = view
    const editAtLeast = Math.max(manifestEdit, this.#editOfUnnamedLogs(state))
    if (state.editNumber >= editAtLeast) return true
    if (!this.#manifest.refresh()) this.#manifest.requireEdit(editAtLeast)
    return false
  }

  #editOfUnnamedLogs(state: ManifestState): number {
    const { vfs } = this.#env
    // A store may be read before its writer has made all folders.
    if (vfs.stat(this.#paths.wal) === undefined) return 0
    return editOfUnnamedLogs(this.#env, this.#paths, state, this.#logger)
  }

  /** Keeps what the manifest names at the edit, until the returned function is called. */
  #hold(edit: number): () => void {
    return this.#lease?.hold(edit) ?? (() => {})
  }

  view(): View {
    if (this.#isClosed) throw closedError('store')
    if (this.#isFollowing) this.refresh()
    return this.#loaded.view
  }

  pin({ state }: View): () => void {
    return this.#hold(state.editNumber)
  }

  refresh(): boolean {
    if (this.#isClosed) throw closedError('store')
    const before = this.#loaded
    if (this.#manifest.refresh()) this.#runs.index.renew()
    const isMoved = this.#manifest.state !== before.view.state
    if (!isMoved && !before.isPartial && !hasGrown(this.#context, before)) return false
    const after = this.#load(before)
    this.#loaded = after
    const { state } = after.view
    if (state !== before.view.state) this.#moveOn(before.view.state, state)
    return state !== before.view.state || after.lsnEnd !== before.lsnEnd
  }

  /** What only the state before named is given back: its part of the lease, and open files. */
  #moveOn(before: ManifestState, after: ManifestState): void {
    const release = this.#release
    this.#release = this.#hold(after.editNumber)
    release()
    for (const { fileKind, fileNumber } of before.files.values()) {
      if (after.files.get(fileNumber) !== undefined) continue
      this.#runs.forget(this.#paths.data(fileKind, fileNumber))
    }
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
    return statsOf(this.#env, this.#paths, view, {
      headBytes,
      inlineSeals: 0,
      compactions: 0,
      ownCompactions: 0,
      pinnedBytes: 0,
    })
  }

  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    const release = this.pin(this.view())
    try {
      const report = await verifyStore(this.#env, this.#paths, this.#manifest, options, {
        manifest: this.#manifest.path,
        log: this.#loaded.from,
      })
      const { vfs } = this.#env
      for (const { file } of report.damage) {
        const isGone = vfs.stat(file) === undefined && isGivenUp(vfs, this.#paths, file)
        if (isGone) throw staleError({ file })
      }
      return report
    } finally {
      release()
    }
  }

  snapshots(): SnapshotInfo[] {
    this.view()
    return [...this.#manifest.snapshots.values()].map(({ info }) => ({ ...info }))
  }

  at(snapshot: string): SnapshotReader {
    this.view()
    const entry = snapshotOf(this.#manifest.snapshots, snapshot)
    // The snapshot may be dropped by a later edit: what it names stays for whoever reads this one.
    const edit = this.#manifest.state.editNumber
    const release = this.#hold(edit)
    try {
      const view = this.#openSnapshot(entry)
      const viewNow = (): View => {
        if (this.#isClosed) throw closedError('store')
        return view
      }
      const { scheduler } = this
      return new SnapshotReader({ scheduler, view: viewNow, pin: () => this.#hold(edit) }, release)
    } catch (error) {
      release()
      throw error
    }
  }

  #openSnapshot(entry: SnapshotEntry): View {
    const { vfs } = this.#env
    try {
      return openSnapshot(this.#env, this.#paths, this.#runs, entry)
    } catch (error) {
      if (!isMissingFile(error)) throw error
      const { file } = error.details
      if (typeof file !== 'string' || !isGivenUp(vfs, this.#paths, file)) throw error
      throw staleError({ file, snapshot: entry.info.name }, error)
    }
  }

  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true
      this.#runs.close()
      this.#manifest.close()
      this.#lease?.release()
    }
    return Promise.resolve()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
