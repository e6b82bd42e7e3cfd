// What a log is opened with, resolved once.
import { limits } from '#base'
import type { Clock, Logger, Scheduler, VarveError } from '#base'
import type { Vfs } from '#vfs'
import type { LogMode, LogPlace } from './layout.ts'

export interface LogEnvironment {
  readonly vfs: Vfs
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly logger: Logger
}

export interface FileEnd {
  readonly number: number
  /** What counts in the file ends here, whatever bytes follow. */
  readonly place: LogPlace
}

export interface NewLogFile {
  readonly number: number
  readonly path: string
  readonly epoch: number
  readonly firstLsn: bigint
  /** Where the file before this one ends from now on. */
  readonly endOfPrevious: FileEnd | undefined
}

/** The newest file of the log as recovery read it (see LogSummary). */
export interface PreviousLog {
  readonly number: number
  readonly path: string
  /** Up to here its rows are known to be on the device. */
  readonly synced: LogPlace
  /** Up to here its records are whole. Those after `synced` are written again to the new file and
   *  synced there: a page cache may show bytes that a failed sync never took to the device. */
  readonly endOffset: number
}

export type LogDiagnostic =
  | { readonly kind: 'poisoned'; readonly file: string; readonly error: unknown }
  | { readonly kind: 'healed'; readonly file: string; readonly rowsLoggedAgain: number }
  | { readonly kind: 'lost'; readonly error: VarveError }

/** Who watches the room on the device. Rows are not taken while it is full; what was taken is
 *  written all the same. */
export interface LogSpace {
  /** Cheap: asked at each append. */
  readonly isFull: boolean
  /** Looks again where that was some time ago; gives isFull. Never throws. */
  lookAgain(): boolean
  /** The log took so many bytes more. Never throws. */
  grew(bytes: number): void
  /** A write failed. True where there was no room and some was made: worth trying again at once. */
  madeRoom(cause: unknown): boolean
}

const boundless: LogSpace = {
  isFull: false,
  lookAgain: () => false,
  grew: () => {},
  madeRoom: () => false,
}

export interface LogOptions {
  readonly mode: LogMode
  /** Of this open of the store; greater than that of every lsn in use. */
  readonly epoch: number
  /** 16 bytes. */
  readonly storeId: Uint8Array
  /** A number never used before, and the path of the file to be. */
  readonly nextFile: () => { readonly number: number; readonly path: string }
  /** Makes a durable manifest edit that names the file, which is durable itself by now. If it
   *  throws, it is called again with the same file; the edit may have landed. */
  readonly onNewFile: (file: NewLogFile) => void
  /** Number of the newest durable manifest edit. */
  readonly manifestEdit: () => number
  readonly previous?: PreviousLog
  /** @default limits.groupDelayMs */
  readonly groupDelayMs?: number
  /** @default limits.groupBytesMax */
  readonly groupBytesMax?: number
  /** @default limits.logRotateBytes */
  readonly rotateBytes?: number
  /** Zeros written ahead of small records at a time. @default limits.logZeroBytes */
  readonly zeroBytes?: number
  /** @default without bounds */
  readonly space?: LogSpace
  readonly onDiagnostic?: (event: LogDiagnostic) => void
}

export interface ResolvedOptions extends Required<Omit<LogOptions, 'previous'>> {
  readonly previous: PreviousLog | undefined
}

export function resolveOptions(options: LogOptions): ResolvedOptions {
  return {
    ...options,
    previous: options.previous,
    groupDelayMs: options.groupDelayMs ?? limits.groupDelayMs,
    groupBytesMax: options.groupBytesMax ?? limits.groupBytesMax,
    rotateBytes: options.rotateBytes ?? limits.logRotateBytes,
    zeroBytes: options.zeroBytes ?? limits.logZeroBytes,
    space: options.space ?? boundless,
    onDiagnostic: options.onDiagnostic ?? (() => {}),
  }
}
