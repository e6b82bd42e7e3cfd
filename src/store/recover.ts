// Reads the log files that a manifest state names and says what they hold; sets torn tails aside. Used at open for
// writing, by readers, and for snapshots.
import { VarveError } from '#base'
import type { Logger } from '#base'
import type { LogState, ManifestState } from '#manifest'
import type { VfsFile } from '#vfs'
import { readLog, readLogInSteps } from '#wal'
import type {
  Damage,
  LogEntry,
  LogPlace,
  LogProgress,
  LogReading,
  PreviousLog,
  LogSummary,
} from '#wal'
import type { Env } from './env.ts'
import { fileNumberOf } from './paths.ts'
import type { Paths } from './paths.ts'
import type { Replay } from './replay.ts'

export interface ReadLogsOptions {
  /** 'watermark': no rows that are not known to be on the device. */
  readonly upTo: 'all' | 'watermark'
  readonly isSalvage: boolean
  /** Go on from here: files before it were read. */
  readonly from?: { readonly fileNumber: number; readonly place: LogPlace }
}

export interface LogsRead {
  /** The file the writer goes on behind; undefined where there was none. */
  readonly last: { readonly log: LogState; readonly summary: LogSummary } | undefined
  /** The newest manifest edit that a record knows to be durable. */
  readonly manifestEdit: number
  readonly damage: readonly Damage[]
}

/** Reading under way: it stands still after every record. */
export type LogsReading = Generator<LogProgress, LogsRead, void>

/** @throws {VarveError} ERR_CORRUPT {file, offset}; ERR_VERSION, ERR_IO */
export function readLogs(...words: Parameters<typeof readLogsInSteps>): LogsRead {
  const reading = readLogsInSteps(...words)
  for (;;) {
    const next = reading.next()
    if (next.done === true) return next.value
  }
}

/** The same in steps. */
export function* readLogsInSteps(
  { vfs }: Env,
  paths: Paths,
  state: ManifestState,
  replay: Pick<Replay, 'take'>,
  options: ReadLogsOptions,
): LogsReading {
  const { from } = options
  const logs = [...state.logs.values()]
    .filter(({ fileNumber }) => from === undefined || fileNumber >= from.fileNumber)
    .toSorted((a, b) => a.fileNumber - b.fileNumber)
  const damage: Damage[] = []
  let manifestEdit = 0
  let last: LogsRead['last']
  for (const log of logs) {
    const path = paths.log(log.fileNumber)
    const isMissing = options.isSalvage && vfs.stat(path) === undefined
    if (isMissing) {
      damage.push(noted(path, 'a log file is missing'))
      continue
    }
    const summary = yield* readOne(
      path,
      readLogInSteps(
        vfs,
        path,
        {
          fileNumber: log.fileNumber,
          storeId: state.storeId,
          // Where a file has ended, the manifest vouches for all of it.
          upTo: log.end === undefined ? options.upTo : 'all',
          isSalvage: options.isSalvage,
          ...(log.fileNumber === from?.fileNumber ? { from: from.place } : {}),
          ...(log.end === undefined
            ? {}
            : {
                end: {
                  offset: log.end.endOffset,
                  lsnEnd: log.end.lsnEnd,
                  hash: log.end.lastHash,
                },
              }),
        },
        (entry) => take(entry, path, replay, options.isSalvage ? damage : undefined),
      ),
    )
    damage.push(...summary.damage)
    manifestEdit = Math.max(manifestEdit, summary.manifestEdit)
    last = { log, summary }
  }
  return { last, manifestEdit, damage }
}

/** The newest manifest edit that log files know of which no edit ever named: their numbers are of after the last one. A
 *  file that was just made when power went holds nothing; one with records is of a manifest that has lost its tail. */
export function editOfUnnamedLogs(
  { vfs }: Env,
  paths: Paths,
  state: ManifestState,
  logger: Logger,
): number {
  let manifestEdit = 0
  for (const name of vfs.list(paths.wal)) {
    const fileNumber = fileNumberOf(name)
    if (fileNumber === undefined || fileNumber < state.nextFileNumber) continue
    const path = paths.log(fileNumber)
    const { storeId } = state
    try {
      const from = { fileNumber, storeId, upTo: 'all', isSalvage: true } as const
      manifestEdit = Math.max(manifestEdit, readLog(vfs, path, from, () => {}).manifestEdit)
    } catch (error) {
      if (!(error instanceof VarveError)) throw error
      // Gone: an edit that came since has named and dropped it.
      if (error.code === 'ERR_NOT_FOUND') continue
      if (error.code !== 'ERR_CORRUPT') throw error
      logger.warn({ file: path, error }, 'a log file that no edit names cannot be read')
    }
  }
  return manifestEdit
}

function noted(file: string, reason: string, offset = 0, bytes = 0): Damage {
  return { file, offset, bytes, reason, expected: undefined, actual: undefined }
}

/** `damage` (salvage): entries that mean nothing, because what they build on is lost, are listed and passed over. */
function take(
  entry: LogEntry,
  path: string,
  replay: Pick<Replay, 'take'>,
  damage: Damage[] | undefined,
): void {
  try {
    replay.take(entry, path)
  } catch (error) {
    const isDamage = error instanceof VarveError && error.code === 'ERR_CORRUPT'
    if (damage === undefined || !isDamage) throw error
    damage.push(noted(path, error.message, entry.offset, entry.bytes.length))
  }
}

function* readOne(path: string, reading: LogReading): LogReading {
  try {
    return yield* reading
  } catch (cause) {
    if (!(cause instanceof VarveError) || cause.code !== 'ERR_NOT_FOUND') throw cause
    throw new VarveError('ERR_CORRUPT', 'a log file is missing', { file: path }, { cause })
  }
}

/** What the writer's log goes on behind. */
export function previousOf(paths: Paths, read: LogsRead): PreviousLog | undefined {
  if (read.last === undefined) return undefined
  const { log, summary } = read.last
  const { end } = log
  return {
    number: log.fileNumber,
    path: paths.log(log.fileNumber),
    // Where the manifest says that the file ends it was synced.
    synced:
      end === undefined
        ? summary.synced
        : { offset: end.endOffset, lsnEnd: end.lsnEnd, hash: end.lastHash },
    endOffset: summary.written.offset,
  }
}

/** Copies bytes that are not read as records to the quarantine folder, durably; gives the path of the copy. */
export function quarantineDamage(env: Env, paths: Paths, damage: Damage, logger: Logger): string {
  const piece = new Uint8Array(1 << 20)
  const source = env.vfs.open(damage.file, 'read')
  let path = ''
  try {
    path = quarantine(env, paths, damage, (target) => {
      for (let done = 0; done < damage.bytes;) {
        const want = Math.min(piece.length, damage.bytes - done)
        const count = source.read(piece.subarray(0, want), damage.offset + done)
        if (count === 0) break
        target.write(piece.subarray(0, count), done)
        done += count
      }
    })
  } finally {
    source.close()
  }
  const { file, offset, bytes, reason } = damage
  const details = { file, offset, bytes, reason, quarantine: path }
  logger.warn(details, 'bytes that are no whole record were set aside')
  return path
}

/** The same for bytes that are in memory. */
export function quarantineBytes(
  env: Env,
  paths: Paths,
  place: { readonly file: string; readonly offset: number; readonly bytes: Uint8Array },
  logger: Logger,
): string {
  const path = quarantine(env, paths, place, (target) => target.write(place.bytes, 0))
  const { file, offset, bytes } = place
  const details = { file, offset, bytes: bytes.length, quarantine: path }
  logger.warn(details, 'bytes that are no whole record were set aside')
  return path
}

function quarantine(
  { vfs, clock }: Env,
  paths: Paths,
  { file, offset }: { readonly file: string; readonly offset: number },
  fill: (target: VfsFile) => void,
): string {
  vfs.makeDirectory(paths.quarantine)
  const name = `${file.slice(file.lastIndexOf('/') + 1)}.${offset}`
  // An earlier recovery, cut short, may have left one of the same moment.
  let now = clock.now()
  while (vfs.stat(`${paths.quarantine}/${name}.${now}.torn`) !== undefined) now += 1n
  const path = `${paths.quarantine}/${name}.${now}.torn`
  const target = vfs.open(path, 'create')
  try {
    fill(target)
    target.datasyncSync()
  } finally {
    target.close()
  }
  vfs.syncDirectory(paths.quarantine)
  return path
}
