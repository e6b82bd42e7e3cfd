// Everything outside of the engine, passed in: files, time, chance, scheduling. Tests pass manual ones.
import { systemClock, systemRandom, systemScheduler } from '#base'
import type { Clock, RandomSource, Scheduler } from '#base'
import { diskVfs } from '#vfs'
import type { Vfs } from '#vfs'

export interface Env {
  readonly vfs: Vfs
  readonly clock: Clock
  readonly random: RandomSource
  readonly scheduler: Scheduler
  /** Smaller bounds than those of #base, for tests that reach them. */
  readonly limits?: { readonly headBytesMax?: number; readonly logRotateBytes?: number }
}

export const systemEnv: Env = {
  vfs: diskVfs,
  clock: systemClock,
  random: systemRandom,
  scheduler: systemScheduler,
}
