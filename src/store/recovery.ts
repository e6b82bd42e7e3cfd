// What a writer finds at open. A log that fits the head is read into it. Of a longer one, rows are
// written to drafts of runs as they are read, whenever they are as many as a head holds; when all of
// the log was read and found whole, the drafts get their names and edits say that their rows stand in
// runs. Until then nothing is changed: damage at the end of the log leaves the store as it was.
//
// A crash before that leaves drafts, which nobody reads; one on the way leaves what any seal leaves:
// rows up to some lsn stand in runs, those behind it in log files that are named still. Only rows
// that are known to be on the device are sealed: the others are copied to the next log file first, by
// the one who opens it.
import { limits } from '#base'
import type { Logger } from '#base'
import type { Level } from '#codec'
import { writerOnThread } from '#compact'
import type { ThreadWriter } from '#compact'
import { ChunkMemory } from '#head'
import type { Manifest, ManifestState } from '#manifest'
import { diskVfs } from '#vfs'
import type { Damage, LogProgress, PreviousLog } from '#wal'
import { Catalog } from './catalog.ts'
import type { RecoveryReport } from './contract.ts'
import type { Env } from './env.ts'
import type { Paths } from './paths.ts'
import {
  editOfUnnamedLogs,
  previousOf,
  quarantineBytes,
  quarantineDamage,
  readLogsInSteps,
} from './recover.ts'
import type { LogsRead, LogsReading } from './recover.ts'
import { RecoverySeals } from './recovery-seals.ts'
import { Replay } from './replay.ts'
import type { Work } from './work.ts'

export interface Recovered {
  readonly catalog: Catalog
  readonly previous: PreviousLog | undefined
  /** Salvage: what was passed over. */
  readonly damage: readonly Damage[]
  /** Numbers of the log files that were there. */
  readonly logsBefore: readonly number[]
  readonly report: RecoveryReport
}

export interface RecoveryContext {
  readonly env: Env
  readonly paths: Paths
  readonly manifest: Manifest
  readonly logger: Logger
  readonly isSalvage: boolean
  /** Of segments written while logs are read. */
  readonly level: Level
}

/** Bytes of the log between turns of the event loop: some milliseconds. */
const turnBytes = 8 << 20

/** Rows take about so many times the bytes in memory that they take in a log that packed them well. */
const unpackedMost = 8

/** @throws {VarveError} ERR_CORRUPT {file, offset}; ERR_VERSION, ERR_IO */
export function* recover(context: RecoveryContext): Work<Recovered> {
  const { env, paths, manifest, logger, isSalvage } = context
  const { state } = manifest
  const memory = new ChunkMemory()
  const catalog = new Catalog(state, memory)
  const replay = new Replay({ catalog, state, lsnEnd: undefined })
  const reading = readLogsInSteps(env, paths, state, replay, { upTo: 'all', isSalvage })
  const bytesMax = env.limits?.headBytesMax ?? limits.headBytesMax
  const isLong = bytesOfLogs(context, state) * unpackedMost > bytesMax
  const sealing = isLong
    ? new RecoverySeals(context, catalog, replay, memory, bytesMax, threadOf(context))
    : undefined
  const quarantined: string[] = []
  let found: LogsRead
  try {
    found = yield* turning(reading, sealing)
    if (sealing !== undefined) yield* sealing.written()
    manifest.requireEdit(found.manifestEdit)
    manifest.requireEdit(editOfUnnamedLogs(env, paths, state, logger))
    if (manifest.torn !== undefined) {
      quarantined.push(quarantineBytes(env, paths, manifest.torn, logger))
    }
    sealing?.publish(found)
  } finally {
    if (sealing !== undefined) yield* sealing.close()
    memory.close()
  }
  const { damage } = found
  const torn = found.last?.summary.torn
  for (const each of torn === undefined ? damage : [...damage, torn]) {
    // Of what is not there at all only the name can be listed.
    const isThere = each.bytes > 0
    quarantined.push(isThere ? quarantineDamage(env, paths, each, logger) : each.file)
  }
  return {
    catalog,
    previous: damage.length > 0 ? undefined : previousOf(paths, found),
    damage,
    logsBefore: [...state.logs.values()].map(({ fileNumber }) => fileNumber),
    report: {
      replayedRows: replay.rows,
      tornBytes: torn?.bytes ?? 0,
      quarantined,
      acknowledgementUnknown: found.last?.summary.acknowledgementUnknown ?? false,
      elapsedMs: 0,
    },
  }
}

function threadOf({ env, logger }: RecoveryContext): ThreadWriter | undefined {
  if (env.threadWriter !== undefined) return env.threadWriter()
  // Threads see the real file system and no other.
  return env.vfs === diskVfs ? writerOnThread(logger) : undefined
}

function bytesOfLogs({ env, paths }: RecoveryContext, { logs }: ManifestState): number {
  let bytes = 0
  for (const { fileNumber } of logs.values()) {
    bytes += env.vfs.stat(paths.log(fileNumber))?.bytes ?? 0
  }
  return bytes
}

/** Reads to the end; others have their turn now and then. */
function* turning(reading: LogsReading, sealing: RecoverySeals | undefined): Work<LogsRead> {
  let bytes = 0
  try {
    for (;;) {
      const next = reading.next()
      if (next.done === true) return next.value
      const progress: LogProgress = next.value
      if (sealing !== undefined) yield* sealing.after(progress)
      bytes += progress.bytes
      if (bytes < turnBytes) continue
      bytes = 0
      yield { step: 'turn' }
    }
  } finally {
    // Where it was not read to its end: gives its file back.
    reading.return(undefined as never)
  }
}
