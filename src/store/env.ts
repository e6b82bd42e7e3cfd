// Everything outside of the engine, passed in: files, time, chance, scheduling. Tests pass manual ones.
import { systemClock, systemRandom, systemScheduler } from '#base'
import type { Clock, RandomSource, Scheduler } from '#base'
import type { Compactor, ThreadWriter } from '#compact'
import { diskVfs } from '#vfs'
import type { Vfs } from '#vfs'

export interface Env {
  readonly vfs: Vfs
  readonly clock: Clock
  readonly random: RandomSource
  readonly scheduler: Scheduler
  /** Where compactions run. Default: on a thread over the real file system, else in turns of this one. */
  readonly compactor?: Compactor
  /** Who seals beside a recovery. Default: a thread over the real file system, else nobody. */
  readonly threadWriter?: () => ThreadWriter
  /** Smaller bounds than those of #base, for tests that reach them. */
  readonly limits?: {
    readonly headBytesMax?: number
    readonly logRotateBytes?: number
    /** Zeros written ahead of small log records at a time. */
    readonly logZeroBytes?: number
    readonly manifestRotateBytes?: number
    /** Runs of one partition that are left as they are unless somebody asks. */
    readonly partitionRunsMax?: number
    /** Runs in no index at which one is written, open or at close. */
    readonly indexRunsMin?: number
    /** How long, and how much of it, is kept for readers in other processes alone. */
    readonly heldMsMax?: number
    readonly heldBytesMax?: number
    /** See limits of these names. */
    readonly freeBytesMin?: number
    readonly freeLookBytes?: number
    readonly reserveBytes?: number
  }
}

export const systemEnv: Env = {
  vfs: diskVfs,
  clock: systemClock,
  random: systemRandom,
  scheduler: systemScheduler,
}
