// Opening a store: the lock, the manifest, the log, and what recovery found.
import { VarveError, silentLogger } from '#base'
import type { Logger } from '#base'
import type { Level } from '#codec'
import { loadKernels } from '#kernel'
import { Manifest, manifestExists } from '#manifest'
import type { Change } from '#manifest'
import type { VfsLock } from '#vfs'
import { createLog, lsnEpochRows } from '#wal'
import type { LogMode, LogWriter, NewLogFile, PreviousLog } from '#wal'
import type { Catalog } from './catalog.ts'
import { collect } from './collect.ts'
import type { OpenOptions, ReadStore, RecoveryReport, Store } from './contract.ts'
import { Engine } from './engine.ts'
import { systemEnv } from './env.ts'
import type { Env } from './env.ts'
import { noteFiles } from './folders.ts'
import { pathsOf } from './paths.ts'
import type { Paths } from './paths.ts'
import { ReaderStore } from './reader-store.ts'
import { recover } from './recovery.ts'
import { RunCache } from './run-cache.ts'
import { RunIndex } from './run-index.ts'
import { salvageStore } from './salvage.ts'
import type { SalvageReport } from './salvage-report.ts'
import { freezeHead, sealFrozen } from './seal.ts'
import { Scrub } from './scrub.ts'
import { DiskSpace } from './space.ts'
import { Job } from './work.ts'
import { WriterStore } from './writer-store.ts'

type Durability = NonNullable<OpenOptions['durability']>

interface Options {
  readonly durability: Durability
  readonly groupDelayMs: number | undefined
  readonly isSalvage: boolean
  readonly logger: Logger
  readonly scrub: OpenOptions['scrub']
  readonly level: Level
}

const durabilities: readonly string[] = ['sync', 'group', 'os', 'memory'] satisfies Durability[]

const levels: readonly string[] = ['none', 'low', 'medium', 'high'] satisfies Level[]

function refused(message: string, actual: unknown, hint: string): VarveError {
  return new VarveError('ERR_ARGUMENT', message, { actual }, { hint })
}

function resolveOptions(options: OpenOptions): Options {
  const { durability = 'group', recovery = 'strict', groupDelayMs, logger = silentLogger } = options
  if (!durabilities.includes(durability)) {
    throw refused('durability is no mode', durability, `It is one of ${durabilities.join(', ')}.`)
  }
  if (recovery !== 'strict' && recovery !== 'salvage') {
    throw refused('recovery is no way to open', recovery, "It is 'strict' or 'salvage'.")
  }
  const isDelay = typeof groupDelayMs === 'number' && groupDelayMs >= 0 && groupDelayMs <= 60_000
  if (groupDelayMs !== undefined && !isDelay) {
    throw refused('groupDelayMs is out of range', groupDelayMs, 'Give milliseconds, 0 to 60000.')
  }
  const { scrub, level = 'medium' } = options
  if (!levels.includes(level)) {
    throw refused('level is no level of compression', level, `It is one of ${levels.join(', ')}.`)
  }
  if (scrub !== undefined && !(scrub.bytesPerSecond > 0)) {
    throw refused('scrub has no rate', scrub, 'Give bytesPerSecond, greater than 0.')
  }
  return { durability, groupDelayMs, isSalvage: recovery === 'salvage', logger, scrub, level }
}

/** Opens a store, creating it where there is none (not in read mode: ERR_NOT_FOUND). One writer at a time: a second
 *  gets ERR_LOCKED with the holder's pid. Readers take no lock, see what is durable, and never block the writer. */
export function open(path: string, options: OpenOptions & { mode: 'read' }): Promise<ReadStore>
export function open(path: string, options?: OpenOptions & { mode?: 'write' }): Promise<Store>
export function open(
  path: string,
  options: OpenOptions & { mode?: 'read' | 'write' } = {},
): Promise<ReadStore | Store> {
  return openStore(path, options, systemEnv)
}

/** The same with everything outside of the engine passed in. */
export async function openStore(
  path: string,
  options: OpenOptions & { mode?: 'read' | 'write' } = {},
  env: Env = systemEnv,
): Promise<ReadStore | Store> {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw refused('a store is opened by the path of its folder', path, 'Give a folder.')
  }
  const given: unknown = options
  if (typeof given !== 'object' || given === null) {
    throw refused('options are no object', String(given), 'Leave them out, or give an object.')
  }
  const { mode = 'write', follow = false, signal } = options
  if (mode !== 'read' && mode !== 'write') {
    throw refused('mode is neither read nor write', mode, "It is 'read' or 'write'.")
  }
  const resolved = resolveOptions(options)
  signal?.throwIfAborted()
  await loadKernels()
  signal?.throwIfAborted()
  const paths = pathsOf(path.length > 1 ? path.replace(/\/+$/, '') || '/' : path)
  const stat = env.vfs.stat(paths.root)
  if (stat !== undefined && stat.kind !== 'directory') {
    throw new VarveError(
      'ERR_ARGUMENT',
      `${path} is a file`,
      { file: path },
      {
        hint: 'A store is a folder; give another path.',
      },
    )
  }
  if (mode === 'write') return (await openWriter(env, paths, resolved)) as unknown as Store
  if (stat === undefined || !manifestExists(env.vfs, paths.root)) throw noStore(path)
  return new ReaderStore(env, paths, resolved.logger, follow) as unknown as ReadStore
}

function noStore(path: string): VarveError {
  return new VarveError(
    'ERR_NOT_FOUND',
    `there is no store at ${path}`,
    { file: path },
    {
      hint: 'Open it for writing once to create it, or check the path.',
    },
  )
}

async function openWriter(env: Env, paths: Paths, options: Options): Promise<WriterStore> {
  env.vfs.makeDirectory(paths.root)
  const lock = await takeLock(env, paths)
  const space = new DiskSpace(env, paths, options.logger)
  try {
    return await openLocked(env, paths, options, lock, space)
  } catch (error) {
    try {
      // On a full disk the reserve may be what is needed.
      if (space.madeRoom(error)) return await openLocked(env, paths, options, lock, space)
      throw error
    } catch (last) {
      space.close()
      lock.release()
      throw last
    }
  }
}

async function openLocked(
  env: Env,
  paths: Paths,
  options: Options,
  lock: VfsLock,
  space: DiskSpace,
): Promise<WriterStore> {
  let manifest: Manifest | undefined
  let log: LogWriter | undefined
  let engine: Engine | undefined
  try {
    const startMs = env.clock.monotonicMs()
    const { logger, isSalvage, level } = options
    const salvage = isSalvage
      ? await salvageStore(env, paths, logger, { isDryRun: false })
      : undefined
    manifest = openManifest(env, paths, options)
    const recovery = recover({ env, paths, manifest, logger, isSalvage, level })
    const found = await new Job(recovery, env.scheduler).run()
    log = openLog(env, paths, options, manifest, found.previous, space)
    engine = engineOf(env, paths, options, manifest, found.catalog, log, space)
    const isLeftBehind = log === undefined && found.logsBefore.length > 0
    if (isLeftBehind || found.damage.length > 0) sealRecovered(engine, found.logsBefore)
    collect(engine)
    if (options.scrub !== undefined) engine.scrub = new Scrub(engine, options.scrub.bytesPerSecond)
    const elapsedMs = env.clock.monotonicMs() - startMs
    return new WriterStore(engine, lock, { ...withSalvage(found.report, salvage), elapsedMs })
  } catch (error) {
    // What the log holds was recovered, not appended: closing it takes nothing from anybody.
    log?.close().catch((closing: unknown) => {
      options.logger.warn({ error: closing }, 'the log did not close')
    })
    engine?.spares.close()
    engine?.runs.close()
    manifest?.close()
    throw error
  }
}

function withSalvage(report: RecoveryReport, salvage: SalvageReport | undefined): RecoveryReport {
  if (salvage === undefined) return report
  return { ...report, quarantined: [...salvage.quarantined, ...report.quarantined], salvage }
}

/**
 * Finds what is damaged and, but in a dry run, mends it: as opening with recovery: 'salvage' does.
 * What is replaced is copied to the store's folder `quarantine` before.
 * @throws {VarveError} ERR_LOCKED; ERR_NOT_FOUND; ERR_VERSION; ERR_IO, ERR_DISK_FULL
 */
export async function salvage(
  path: string,
  options: { readonly isDryRun?: boolean; readonly logger?: Logger } = {},
  env: Env = systemEnv,
): Promise<SalvageReport> {
  const { isDryRun = false, logger = silentLogger } = options
  const paths = pathsOf(path)
  const isThere = [`${paths.root}/CURRENT`, `${paths.root}/manifest`, paths.wal].some(
    (each) => env.vfs.stat(each) !== undefined,
  )
  if (!isThere) throw noStore(path)
  if (!isDryRun) {
    const store = (await openStore(path, { recovery: 'salvage', logger }, env)) as Store
    await store.close()
    return store.recovery.salvage!
  }
  await loadKernels()
  const lock = await takeLock(env, paths)
  try {
    return await salvageStore(env, paths, logger, { isDryRun })
  } finally {
    lock.release()
  }
}

/** How long a lock may be held by nobody who can be named: by the flock(1) of a process that was killed while it took
 *  the lock, or by one that has not written its pid yet. */
const namelessMsMax = 1000
const namelessMsStep = 20

async function takeLock({ vfs, clock, scheduler }: Env, paths: Paths): Promise<VfsLock> {
  const endMs = clock.monotonicMs() + namelessMsMax
  let taken = vfs.lock(paths.lock)
  while ('holder' in taken && taken.holder.pid === undefined && clock.monotonicMs() < endMs) {
    await new Promise<void>((resume) => scheduler.after(namelessMsStep, resume, true))
    taken = vfs.lock(paths.lock)
  }
  if ('lock' in taken) return taken.lock
  const { pid } = taken.holder
  throw new VarveError(
    'ERR_LOCKED',
    `another process writes to ${paths.root}${pid === undefined ? '' : ` (pid ${pid})`}`,
    { file: paths.root, pid },
    { hint: "Close it there, or open with mode: 'read'." },
  )
}

function openManifest(env: Env, paths: Paths, { logger }: Options): Manifest {
  const manifestEnv = { vfs: env.vfs, logger }
  const { manifestRotateBytes } = env.limits ?? {}
  const rotation = manifestRotateBytes === undefined ? {} : { rotateBytes: manifestRotateBytes }
  const store = (): { storeId: Uint8Array; createdAt: bigint } => ({
    storeId: env.random.bytes(16),
    createdAt: env.clock.now(),
  })
  const manifest = manifestExists(env.vfs, paths.root)
    ? Manifest.open(manifestEnv, paths.root, rotation)
    : Manifest.create(manifestEnv, paths.root, store(), [], rotation)
  try {
    noteFiles(env, paths, manifest)
  } catch (error) {
    manifest.close()
    throw error
  }
  return manifest
}

function engineOf(
  env: Env,
  paths: Paths,
  options: Options,
  manifest: Manifest,
  catalog: Catalog,
  log: LogWriter | undefined,
  space: DiskSpace,
): Engine {
  return new Engine({
    env,
    paths,
    logger: options.logger,
    manifest,
    catalog,
    runs: new RunCache(
      env.vfs,
      paths,
      new RunIndex({
        vfs: env.vfs,
        folder: paths.index,
        storeId: manifest.state.storeId,
        logger: options.logger,
      }),
    ),
    space,
    log,
    level: options.level,
    epochFirstLsn: BigInt(manifest.state.epoch) * lsnEpochRows,
    headBytesMax: env.limits?.headBytesMax,
  })
}

/** The log of before is not gone on with, for it is damaged or there is to be none: what could be read of it is written
 *  to segments; then the store needs those files no more. */
function sealRecovered(engine: Engine, logsBefore: readonly number[]): void {
  new Job(sealFrozen(engine, freezeHead(engine)), engine.scheduler).finishNow()
  const { logs } = engine.manifest.state
  engine.commitIfAny([
    ...engine.newsOf(engine.producerChanges()),
    ...logsBefore
      .filter((fileNumber) => logs.get(fileNumber) !== undefined)
      .map((fileNumber): Change => ({ type: 'logDropped', fileNumber })),
  ])
}

/** Starts the log of this epoch. The edit that names its file also says where the file before it ends. */
function openLog(
  env: Env,
  paths: Paths,
  options: Options,
  manifest: Manifest,
  previous: PreviousLog | undefined,
  space: DiskSpace,
): LogWriter | undefined {
  const epoch = manifest.state.epoch + 1
  if (options.durability === 'memory') {
    manifest.commit([{ type: 'epochStarted', epoch }])
    return undefined
  }
  const mode: LogMode = options.durability
  const onNewFile = (file: NewLogFile): void => {
    const changes: Change[] = []
    if (manifest.state.epoch < file.epoch) changes.push({ type: 'epochStarted', epoch: file.epoch })
    const { endOfPrevious } = file
    if (endOfPrevious !== undefined) {
      const { offset, lsnEnd, hash } = endOfPrevious.place
      const end = { endOffset: offset, lsnEnd, lastHash: hash }
      changes.push({ type: 'logEnded', fileNumber: endOfPrevious.number, end })
    }
    if (manifest.state.logs.get(file.number) === undefined) {
      const log = { fileNumber: file.number, epoch: file.epoch, firstLsn: file.firstLsn }
      changes.push({ type: 'logAdded', log })
    }
    manifest.commit(changes)
  }
  return createLog(
    { vfs: env.vfs, clock: env.clock, scheduler: env.scheduler, logger: options.logger },
    {
      mode,
      epoch,
      storeId: manifest.state.storeId,
      nextFile: () => {
        const number = manifest.allocateFileNumber()
        return { number, path: paths.log(number) }
      },
      onNewFile,
      manifestEdit: () => manifest.durableEdit,
      space,
      ...(previous === undefined ? {} : { previous }),
      ...(options.groupDelayMs === undefined ? {} : { groupDelayMs: options.groupDelayMs }),
      ...(env.limits?.logRotateBytes === undefined
        ? {}
        : { rotateBytes: env.limits.logRotateBytes }),
      ...(env.limits?.logZeroBytes === undefined ? {} : { zeroBytes: env.limits.logZeroBytes }),
    },
  )
}
