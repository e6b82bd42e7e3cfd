// Removes files that nothing names any more: after edits that dropped them, and leftovers at open. What a reader in
// another process may still read stays until its lease moves on.
import { VarveError } from '#base'
import { liveFiles, liveLogs } from '#manifest'
import type { Engine } from './engine.ts'
import type { HoldLimits, UnnamedFile } from './held-files.ts'
import { liveLeases } from './lease.ts'
import type { LeaseSeen } from './lease.ts'
import { fileNumberOf } from './paths.ts'

/** A reader that does not move on for so long is told ERR_STALE. */
const holdMsMax = 3_600_000
/** Of the space that is free or the store's own: what files may take that only readers hold. */
const holdShare = 1 / 4
/** How soon readers are looked at again while files wait for them. */
const lookAgainMs = 30_000

/** Unlinks data and log files that no kept state, no pinned view and no live lease needs; gives their number. What
 *  cannot be removed is tried again next time; the names need no sync: a file that comes back is collected at the next
 *  open. */
export function collect(engine: Engine): number {
  if (engine.isInDoubt) return 0
  const { drafts, files } = findUnnamed(engine)
  let removed = 0
  for (const path of drafts) if (remove(engine, path)) removed += 1
  const leases = files.length === 0 ? [] : leasesOf(engine)
  for (const { path } of freeOf(engine, files, leases)) if (remove(engine, path)) removed += 1
  if (engine.held.count > 0) engine.lookAgain(lookAgainMs, () => collect(engine))
  return removed
}

interface Unnamed {
  /** Nobody ever reads a draft. */
  readonly drafts: readonly string[]
  readonly files: readonly UnnamedFile[]
}

function findUnnamed(engine: Engine): Unnamed {
  const { manifest, pins, paths } = engine
  const dataLive = liveFiles(manifest.history)
  const logsLive = liveLogs(manifest.history)
  for (const state of pins.states()) {
    for (const { fileNumber } of state.files.values()) dataLive.add(fileNumber)
    for (const { fileNumber } of state.logs.values()) logsLive.add(fileNumber)
  }
  const drafts: string[] = []
  const files: UnnamedFile[] = []
  const look = (directory: string, live: ReadonlySet<number>, numberEnd: number): void => {
    for (const name of namesIn(engine, directory)) {
      const fileNumber = fileNumberOf(name.replace(/\.draft$/, ''))
      if (fileNumber === undefined || fileNumber >= numberEnd) continue
      if (engine.isWriting(fileNumber)) continue
      const path = `${directory}/${name}`
      if (name.endsWith('.draft')) drafts.push(path)
      else if (!live.has(fileNumber)) files.push({ path, fileNumber })
    }
  }
  look(paths.segments, dataLive, Number.MAX_SAFE_INTEGER)
  look(paths.packs, dataLive, Number.MAX_SAFE_INTEGER)
  // The log may have made its next file already, though no edit names it yet: only older ones are leftovers.
  look(paths.wal, logsLive, engine.log?.fileNumber ?? Number.MAX_SAFE_INTEGER)
  return { drafts, files }
}

/** Without a look at the leases each of them may pin anything. */
function leasesOf({ env, paths, logger }: Engine): readonly LeaseSeen[] {
  try {
    return liveLeases(env, paths, logger)
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
    logger.warn({ file: paths.readers, error }, 'the leases of readers could not be listed')
    return [{ file: paths.readers, pid: 0, edit: 0 }]
  }
}

function freeOf(
  engine: Engine,
  files: readonly UnnamedFile[],
  leases: readonly LeaseSeen[],
): readonly UnnamedFile[] {
  try {
    return chooseFree(engine, files, leases)
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
    engine.logger.warn({ error }, 'files that nothing names stay for now')
    return []
  }
}

function chooseFree(
  engine: Engine,
  files: readonly UnnamedFile[],
  leases: readonly LeaseSeen[],
): readonly UnnamedFile[] {
  const { env, manifest, held, logger } = engine
  const oldest = leases.length === 0 ? undefined : Math.min(...leases.map(({ edit }) => edit))
  const now = { edit: manifest.state.editNumber, ms: env.clock.monotonicMs() }
  const { free, taken } = held.choose(files, oldest, now, {
    bytesOf: ({ path }) => env.vfs.stat(path)?.bytes ?? 0,
    limitsOf: (heldBytes) => holdLimits(engine, heldBytes),
  })
  if (taken.length > 0) {
    const readers = leases.filter(({ edit }) => edit === oldest).map(({ pid }) => pid)
    const details = { files: taken.length, readers }
    logger.warn(details, 'files were kept for readers up to the limit; they learn by ERR_STALE')
  }
  return free
}

function holdLimits({ env, paths, manifest }: Engine, heldBytes: number): HoldLimits {
  const { heldMsMax = holdMsMax, heldBytesMax } = env.limits ?? {}
  if (heldBytesMax !== undefined) return { msMax: heldMsMax, bytesMax: heldBytesMax }
  let space = heldBytes + env.vfs.freeBytes(paths.root)
  for (const { bytes } of manifest.state.files.values()) space += bytes
  return { msMax: heldMsMax, bytesMax: space * holdShare }
}

/** Tidying can wait: a folder that cannot be listed now is listed next time. */
function namesIn({ env, logger }: Engine, directory: string): string[] {
  try {
    return env.vfs.list(directory)
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
    logger.warn({ file: directory, error }, 'leftovers could not be looked for')
    return []
  }
}

function remove(engine: Engine, path: string): boolean {
  engine.runs.forget(path)
  try {
    engine.env.vfs.unlink(path)
    return true
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
    engine.logger.warn({ file: path, error }, 'a file that nothing names could not be removed')
    return false
  }
}
