// Reads the log files that a manifest state names and says what they hold; sets torn tails aside. Used at open for
// writing, by readers, and for snapshots.
import { VarveError } from '#base'
import type { Logger } from '#base'
import type { LogState, ManifestState } from '#manifest'
import { readLog } from '#wal'
import type { Damage, LogSummary, PreviousLog } from '#wal'
import type { Env } from './env.ts'
import type { Paths } from './paths.ts'
import type { Replay } from './replay.ts'

export interface ReadLogsOptions {
  /** 'watermark': no rows that are not known to be on the device. */
  readonly upTo: 'all' | 'watermark'
  readonly isSalvage: boolean
}

export interface LogsRead {
  /** The file the writer goes on behind; undefined where there was none. */
  readonly last: { readonly log: LogState; readonly summary: LogSummary } | undefined
  /** The newest manifest edit that a record knows to be durable. */
  readonly manifestEdit: number
  readonly damage: readonly Damage[]
}

/** @throws {VarveError} ERR_CORRUPT {file, offset}; ERR_VERSION, ERR_IO */
export function readLogs(
  { vfs }: Env,
  paths: Paths,
  state: ManifestState,
  replay: Replay,
  options: ReadLogsOptions,
): LogsRead {
  const logs = [...state.logs.values()].toSorted((a, b) => a.fileNumber - b.fileNumber)
  const damage: Damage[] = []
  let manifestEdit = 0
  let last: LogsRead['last']
  for (const log of logs) {
    const path = paths.log(log.fileNumber)
    const summary = readOne(path, () =>
      readLog(
        vfs,
        path,
        {
          fileNumber: log.fileNumber,
          storeId: state.storeId,
          // Where a file has ended, the manifest vouches for all of it.
          upTo: log.end === undefined ? options.upTo : 'all',
          isSalvage: options.isSalvage,
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
        (entry) => replay.take(entry, path),
      ),
    )
    damage.push(...summary.damage)
    manifestEdit = Math.max(manifestEdit, summary.manifestEdit)
    last = { log, summary }
  }
  return { last, manifestEdit, damage }
}

function readOne(path: string, read: () => LogSummary): LogSummary {
  try {
    return read()
  } catch (cause) {
    if (!(cause instanceof VarveError) || cause.code !== 'ERR_NOT_FOUND') throw cause
    throw new VarveError('ERR_CORRUPT', 'a log file is missing', { file: path }, { cause })
  }
}

/** What the writer's log goes on behind. */
export function previousOf(paths: Paths, read: LogsRead): PreviousLog | undefined {
  if (read.last === undefined) return undefined
  const { log, summary } = read.last
  return {
    number: log.fileNumber,
    path: paths.log(log.fileNumber),
    synced: summary.synced,
    endOffset: summary.written.offset,
  }
}

/** Copies the bytes behind the last whole record to the quarantine folder, durably. */
export function quarantineTorn(
  { vfs, clock }: Env,
  paths: Paths,
  torn: Damage,
  logger: Logger,
): string {
  vfs.makeDirectory(paths.quarantine)
  const name = torn.file.slice(torn.file.lastIndexOf('/') + 1)
  const path = `${paths.quarantine}/${name}.${torn.offset}.${clock.now()}.torn`
  const source = vfs.open(torn.file, 'read')
  try {
    const target = vfs.open(path, 'create')
    try {
      const piece = new Uint8Array(1 << 20)
      for (let done = 0; done < torn.bytes;) {
        const want = Math.min(piece.length, torn.bytes - done)
        const count = source.read(piece.subarray(0, want), torn.offset + done)
        if (count === 0) break
        target.write(piece.subarray(0, count), done)
        done += count
      }
      target.datasyncSync()
    } finally {
      target.close()
    }
  } finally {
    source.close()
  }
  vfs.syncDirectory(paths.quarantine)
  logger.warn(
    { file: torn.file, offset: torn.offset, bytes: torn.bytes, quarantine: path },
    'the log ended in bytes that are no whole record; they were set aside',
  )
  return path
}
