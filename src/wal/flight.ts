// A group between its write and its sync.
import type { GroupBuffer } from './group-buffer.ts'
import type { LogPlace } from './layout.ts'
import type { LogFile } from './log-file.ts'

/** A group on its way to the device. */
export interface Flight {
  readonly buffer: GroupBuffer
  readonly file: LogFile
  /** Rows of the epoch that are durable once the group is. */
  readonly rowEnd: number
  /** After the group; undefined where its write failed. */
  place: LogPlace | undefined
  /** An async sync was started for it. */
  isSyncing: boolean
}
