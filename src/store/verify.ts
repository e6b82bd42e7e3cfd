// verify(): every byte of every file that the store names is read and checked; nothing is changed.
import { VarveError } from '#base'
import type { Manifest, ManifestState } from '#manifest'
import { readDirectory, verifySegment } from '#segment'
import { readLog } from '#wal'
import type { Progress, VerifyReport } from './contract.ts'
import type { Env } from './env.ts'
import type { Paths } from './paths.ts'

type Damage = VerifyReport['damage'][number]

export interface VerifyOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: Progress) => void
}

interface FileToCheck {
  readonly path: string
  readonly bytes: number
  check(onBytes: (bytes: number) => void): Damage[]
}

function damageOf(file: string, error: unknown): Damage {
  if (!(error instanceof VarveError)) throw error
  const offset = error.details['offset']
  const place = offset === undefined ? '' : ` (offset ${String(offset)})`
  return { file, message: `${error.message}${place}` }
}

/** All states that somebody may read: the newest and those of snapshots. */
function statesOf(manifest: Manifest): ManifestState[] {
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

function logFiles(env: Env, paths: Paths, states: readonly ManifestState[]): FileToCheck[] {
  const files = new Map<number, FileToCheck>()
  for (const { logs, storeId } of states) {
    for (const { fileNumber, end } of logs.values()) {
      if (files.has(fileNumber)) continue
      const path = paths.log(fileNumber)
      const bytes = env.vfs.stat(path)?.bytes ?? 0
      const check = (onBytes: (count: number) => void): Damage[] => {
        onBytes(bytes)
        try {
          const ending =
            end === undefined
              ? {}
              : { end: { offset: end.endOffset, lsnEnd: end.lsnEnd, hash: end.lastHash } }
          const { torn } = readLog(env.vfs, path, { fileNumber, storeId, ...ending }, () => {})
          // The end of the log that is being written may lie behind what was synced.
          return torn === undefined || end === undefined
            ? []
            : [{ file: path, message: `torn at offset ${torn.offset}: ${torn.reason}` }]
        } catch (error) {
          return [damageOf(path, error)]
        }
      }
      files.set(fileNumber, { path, bytes, check })
    }
  }
  return [...files.values()]
}

/** @throws the signal's reason */
export async function verifyStore(
  env: Env,
  paths: Paths,
  manifest: Manifest,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const states = statesOf(manifest)
  const files = [...dataFiles(env, paths, states), ...logFiles(env, paths, states)]
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0)
  const damage: Damage[] = []
  let done = 0
  for (const file of files) {
    options.signal?.throwIfAborted()
    damage.push(
      ...file.check((bytes) => {
        done += bytes
        options.onProgress?.({ done: Math.min(done, total), total, unit: 'bytes' })
      }),
    )
    await new Promise<void>((resume) => env.scheduler.soon(resume))
  }
  return { ok: damage.length === 0, files: files.length, bytes: done, damage }
}
