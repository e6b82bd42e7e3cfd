// verify(): every byte of every file that the store names is read and checked; nothing is changed.
import { VarveError } from '#base'
import { Manifest } from '#manifest'
import type { ManifestState, ManifestTorn } from '#manifest'
import { readDirectory, verifySegment } from '#segment'
import { lsnEpochRows, readLog } from '#wal'
import type { LogPlace } from '#wal'
import type { Progress, VerifyReport } from './contract.ts'
import type { Env } from './env.ts'
import type { Paths } from './paths.ts'
import { checkIndex, newestIndex } from './verify-index.ts'

type Damage = VerifyReport['damage'][number]

export interface VerifyOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: Progress) => void
}

/** How far the handle that is asked knows its files to be whole. */
export interface KnownWhole {
  /** The manifest file in use. */
  readonly manifest: string
  /** The log file that is written; undefined where there is none. */
  readonly log: { readonly fileNumber: number; readonly place: LogPlace } | undefined
}

interface FileToCheck {
  readonly path: string
  readonly bytes: number
  check(onBytes: (bytes: number) => void): Damage[] | Promise<Damage[]>
}

function damageOf(file: string, error: unknown): Damage {
  if (!(error instanceof VarveError)) throw error
  const offset = error.details['offset'] ?? error.details['at']
  const place = offset === undefined ? '' : ` (offset ${String(offset)})`
  return { file, message: `${error.message}${place}` }
}

/** All states that somebody may read: the newest and those of snapshots. */
function statesOf(manifest: Pick<Manifest, 'state' | 'snapshots'>): ManifestState[] {
  return [manifest.state, ...[...manifest.snapshots.values()].map(({ state }) => state)]
}

function dataFiles(env: Env, paths: Paths, states: readonly ManifestState[]): FileToCheck[] {
  const files = new Map<number, FileToCheck>()
  for (const { files: entries, storeId } of states) {
    for (const { fileNumber, fileKind, bytes, fileHash, footerHash } of entries.values()) {
      if (files.has(fileNumber)) continue
      const path = paths.data(fileKind, fileNumber)
      const check = (onBytes: (count: number) => void): Damage[] => {
        try {
          const file = env.vfs.open(path, 'read')
          try {
            const damage: Damage[] = verifySegment(file, onBytes)
            if (damage.length > 0) return damage
            const { header, trailer } = readDirectory(file)
            const isOurs =
              header.storeId.every((byte, at) => byte === storeId[at]) &&
              header.fileNumber === fileNumber &&
              trailer.fileHash === fileHash &&
              trailer.directoryHash === footerHash &&
              trailer.fileBytes === bytes
            return isOurs
              ? []
              : [{ file: path, message: 'this is another file than the manifest names' }]
          } finally {
            file.close()
          }
        } catch (error) {
          return [damageOf(path, error)]
        }
      }
      files.set(fileNumber, { path, bytes, check })
    }
  }
  return [...files.values()]
}

/** CURRENT and the file it names, read anew: they may have been damaged since they were opened. */
function manifestFiles(
  env: Env,
  { root }: Paths,
  { editNumber }: ManifestState,
  path: string,
): FileToCheck[] {
  const look = (): ManifestTorn | undefined => {
    const options = { readOnly: true, editAtLeast: editNumber }
    const found = Manifest.open({ vfs: env.vfs }, root, options)
    found.close()
    return found.torn
  }
  const bytes = env.vfs.stat(path)?.bytes ?? 0
  const check = async (onBytes: (count: number) => void): Promise<Damage[]> => {
    onBytes(bytes)
    try {
      const torn = look()
      if (torn === undefined) return []
      // A writer beside us may have been writing just then.
      await new Promise<void>((resume) => env.scheduler.soon(resume))
      if (look()?.offset !== torn.offset) return []
      const message = `no edit and no mark behind the last edit (offset ${torn.offset})`
      return [{ file: torn.file, message }]
    } catch (error) {
      const file = error instanceof VarveError ? error.details['file'] : undefined
      return [damageOf(typeof file === 'string' ? file : path, error)]
    }
  }
  return [{ path, bytes, check }]
}

/** One log file: where it is known to end, and the lsn after the last row that a snapshot has in it. */
interface LogToCheck {
  readonly storeId: Uint8Array
  readonly place: LogPlace | undefined
  readonly lsnEnd: bigint
}

function logsOf(
  { state, snapshots }: Pick<Manifest, 'state' | 'snapshots'>,
  known: KnownWhole['log'],
): Map<number, LogToCheck> {
  const logs = new Map<number, LogToCheck>()
  const now = { state, lsn: -1n }
  for (const { state: each, lsn } of [now, ...snapshots.values()]) {
    const newest = Math.max(...[...each.logs.values()].map(({ fileNumber }) => fileNumber))
    for (const { fileNumber, end } of each.logs.values()) {
      const before = logs.get(fileNumber)
      const own = known?.fileNumber === fileNumber ? known.place : undefined
      const place =
        end === undefined ? own : { offset: end.endOffset, lsnEnd: end.lsnEnd, hash: end.lastHash }
      // As of snapshots.ts: without a row of its epoch, an lsn says nothing of the rows before.
      const isTold = end === undefined && fileNumber === newest && (lsn + 1n) % lsnEpochRows !== 0n
      const lsnEnd = isTold ? lsn + 1n : 0n
      logs.set(fileNumber, {
        storeId: each.storeId,
        place: before?.place ?? place,
        lsnEnd: before !== undefined && before.lsnEnd > lsnEnd ? before.lsnEnd : lsnEnd,
      })
    }
  }
  return logs
}

function logFiles(
  env: Env,
  paths: Paths,
  manifest: Pick<Manifest, 'state' | 'snapshots'>,
  known: KnownWhole['log'],
): FileToCheck[] {
  return Array.from(logsOf(manifest, known), ([fileNumber, log]) => {
    const { storeId, lsnEnd } = log
    // What followed was copied to the next file; a snapshot of before reads it here.
    const place = log.place !== undefined && log.place.lsnEnd >= lsnEnd ? log.place : undefined
    const path = paths.log(fileNumber)
    const bytes = env.vfs.stat(path)?.bytes ?? 0
    const check = (onBytes: (count: number) => void): Damage[] => {
      onBytes(bytes)
      try {
        const ending = place === undefined ? {} : { end: place }
        const options = { fileNumber, storeId, ...ending }
        const { torn, written, endOffset } = readLog(env.vfs, path, options, () => {})
        // Behind the rows that are known to have been on the device anything may be torn.
        if (place === undefined && written.lsnEnd >= lsnEnd) return []
        if (place !== undefined && torn === undefined) return []
        const reason = torn?.reason ?? 'rows of a snapshot are missing'
        return [{ file: path, message: `torn at offset ${torn?.offset ?? endOffset}: ${reason}` }]
      } catch (error) {
        return [damageOf(path, error)]
      }
    }
    return { path, bytes, check }
  })
}

function indexFiles(env: Env, paths: Paths, states: readonly ManifestState[]): FileToCheck[] {
  const index = newestIndex(env, paths)
  if (index === undefined) return []
  const { path, bytes } = index
  const check = (onBytes: (bytes: number) => void): Damage[] => {
    onBytes(bytes)
    return checkIndex(env, paths, index, states).map((message) => ({ file: path, message }))
  }
  return [{ path, bytes, check }]
}

/** `known`: of the handle that is asked; where there is none, the manifest itself is not looked at.
 *  @throws the signal's reason */
export async function verifyStore(
  env: Env,
  paths: Paths,
  manifest: Pick<Manifest, 'state' | 'snapshots'>,
  options: VerifyOptions,
  known?: KnownWhole,
): Promise<VerifyReport> {
  const states = statesOf(manifest)
  const files = [
    ...(known === undefined ? [] : manifestFiles(env, paths, manifest.state, known.manifest)),
    ...dataFiles(env, paths, states),
    ...logFiles(env, paths, manifest, known?.log),
    ...indexFiles(env, paths, states),
  ]
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0)
  const damage: Damage[] = []
  let done = 0
  for (const file of files) {
    options.signal?.throwIfAborted()
    const found = await file.check((bytes) => {
      done += bytes
      options.onProgress?.({ done: Math.min(done, total), total, unit: 'bytes' })
    })
    damage.push(...found)
    await new Promise<void>((resume) => env.scheduler.soon(resume))
  }
  return { ok: damage.length === 0, files: files.length, bytes: done, damage }
}
