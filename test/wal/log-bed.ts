// A log on the memory twin with a clock and scheduler that stand still, the part of a manifest that
// a log needs, and recovery as a store would do it.
import { silentLogger } from '../../src/base/index.ts'
import type { Logger } from '../../src/base/index.ts'
import { memoryVfs } from '../../src/vfs/index.ts'
import type { MemoryVfs, Vfs } from '../../src/vfs/index.ts'
import { createLog, logFileName, readLog } from '../../src/wal/index.ts'
import type {
  FileEnd,
  LogDiagnostic,
  LogEnvironment,
  LogMode,
  LogOptions,
  LogSummary,
  LogWriter,
} from '../../src/wal/index.ts'
import { ManualClock, ManualScheduler } from '../support/manual-env.ts'

export const storeId: Uint8Array = Uint8Array.from({ length: 16 }, (_, index) => index + 1)
export const rowType = 7

export interface NamedFile {
  readonly number: number
  readonly path: string
  end: FileEnd['place'] | undefined
}

/** What is durable of the manifest: the log files, in order. */
export class Manifest {
  files: NamedFile[] = []
  edit = 0
  /** Thrown by the next edits. */
  failure: Error | undefined
  /** A failing edit lands all the same. */
  landsWhenFailing = false

  clone(): Manifest {
    const copy = new Manifest()
    copy.files = this.files.map((file) => ({ ...file }))
    copy.edit = this.edit
    return copy
  }
  get last(): NamedFile {
    const file = this.files.at(-1)
    if (file === undefined) throw new Error('the manifest names no log')
    return file
  }
}

export interface Bed {
  readonly vfs: MemoryVfs
  readonly clock: ManualClock
  readonly scheduler: ManualScheduler
  readonly manifest: Manifest
  readonly log: LogWriter
  readonly diagnostics: LogDiagnostic[]
  readonly logged: string[]
}

export interface BedOptions extends Partial<LogOptions> {
  readonly vfs?: MemoryVfs
  readonly manifest?: Manifest
}

function collect(logged: string[]): Logger {
  const keep = (level: string) => (_: object, message?: string) => {
    logged.push(`${level}: ${message ?? ''}`)
  }
  return { ...silentLogger, info: keep('info'), warn: keep('warn'), error: keep('error') }
}

export function newBed(mode: LogMode, options: BedOptions = {}): Bed {
  const clock = new ManualClock()
  const scheduler = new ManualScheduler(clock)
  const vfs = options.vfs ?? memoryVfs()
  vfs.makeDirectory('/store/wal')
  const manifest = options.manifest ?? new Manifest()
  const diagnostics: LogDiagnostic[] = []
  const logged: string[] = []
  const env: LogEnvironment = { vfs, clock, scheduler, logger: collect(logged) }
  const newest = vfs.list('/store/wal').at(-1) ?? '0' // leftovers of a cut count as well
  let numberNext = Math.max(manifest.files.at(-1)?.number ?? 0, Number.parseInt(newest, 10)) + 1
  const log = createLog(env, {
    mode,
    epoch: 1,
    storeId,
    nextFile() {
      const number = numberNext
      numberNext += 1
      return { number, path: `/store/wal/${logFileName(number)}` }
    },
    onNewFile(file) {
      const { failure } = manifest
      if (failure === undefined || manifest.landsWhenFailing) {
        const previous = manifest.files.at(-1)
        if (previous?.number !== file.number) {
          if (previous !== undefined) previous.end = file.endOfPrevious?.place
          manifest.files.push({ number: file.number, path: file.path, end: undefined })
        }
        manifest.edit += 1
      }
      if (failure !== undefined) throw failure
    },
    manifestEdit: () => manifest.edit,
    onDiagnostic: (event) => diagnostics.push(event),
    ...options,
  })
  return { vfs, clock, scheduler, manifest, log, diagnostics, logged }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Appends one entry of `rowCount` rows that holds `text`: rows [lsnFirst, lsnEnd). */
export function append(log: LogWriter, text: string, rowCount = 1) {
  const bytes = encoder.encode(text)
  log.beginAtomic()
  const room = log.reserve(bytes.length)
  room.bytes.set(bytes, room.offset)
  log.commitEntry(rowType, rowCount, bytes.length)
  const lsnFirst = log.lsnEnd
  return { lsnFirst, lsnEnd: log.lsnOf(log.endAtomic()) }
}

export interface Recovered {
  readonly texts: string[]
  readonly lsns: bigint[]
  /** Of the newest file. */
  readonly summary: LogSummary
}

/** Reads all files the manifest names. */
export function recover(vfs: Vfs, manifest: Manifest, isSalvage = false): Recovered {
  const texts: string[] = []
  const lsns: bigint[] = []
  let summary: LogSummary | undefined
  let hash: bigint | undefined
  for (const file of manifest.files) {
    summary = readLog(
      vfs,
      file.path,
      {
        fileNumber: file.number,
        storeId,
        isSalvage,
        ...(hash === undefined ? {} : { expectedPreviousHash: hash }),
        ...(file.end === undefined ? {} : { end: file.end }),
      },
      (entry) => {
        texts.push(decoder.decode(entry.bytes))
        lsns.push(entry.lsnFirst)
      },
    )
    hash = file.end?.hash
  }
  if (summary === undefined) throw new Error('the manifest names no log')
  return { texts, lsns, summary }
}

/** Opens the log again after `recover`, as the next epoch. */
export function reopen(vfs: MemoryVfs, from: Manifest, mode: LogMode, epoch: number): Bed {
  const manifest = from.clone()
  const { summary } = recover(vfs, manifest)
  const { number, path } = manifest.last
  const previous = { number, path, synced: summary.synced, endOffset: summary.endOffset }
  return newBed(mode, { vfs, manifest, epoch, previous })
}

export function bytesOf(vfs: Vfs, path: string): Uint8Array {
  const file = vfs.open(path, 'read')
  const bytes = new Uint8Array(file.size())
  file.read(bytes, 0)
  file.close()
  return bytes
}

/** The file at `path` with other bytes. */
export function rewrite(vfs: Vfs, path: string, bytes: Uint8Array): void {
  const file = vfs.open(path, 'write')
  file.truncate(0)
  file.write(bytes, 0)
  file.close()
}
