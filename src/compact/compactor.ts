// Where compactions run: on a thread of their own, or, over files that no other thread can see, in
// turns of this one.
import { threadId } from 'node:worker_threads'
import type { Piscina } from 'piscina'
import { VarveError } from '#base'
import type { Scheduler } from '#base'
import type { Vfs } from '#vfs'
import { compactFiles } from './job.ts'
import type { CompactionJob } from './job.ts'
import { outcomeOf } from './outcome.ts'
import type { CancelFlag, Outcome } from './outcome.ts'
import { runSteps } from './step.ts'
import { checkOf } from './thread-job.ts'
import type { ThreadTask } from './thread-job.ts'

/** Runs one job at a time: the caller waits for one before it asks for the next. */
export interface Compactor {
  /**
   * Ends early where `flag` is raised. Drafts are left behind only by a job that is done, and by a
   * thread that died.
   *
   * @throws {VarveError} ERR_IO where the thread died
   */
  run(job: CompactionJob, flag: CancelFlag): Promise<Outcome>
  /** Gives the thread back. No job is running. */
  close(): Promise<void>
}

/** In turns of this thread, over any files. */
export function compactorInTurns(vfs: Vfs, scheduler: Scheduler): Compactor {
  return {
    async run(job, flag) {
      try {
        const drafts = await runSteps(compactFiles(vfs, job, checkOf(flag)), scheduler)
        return { end: 'done', drafts, threadId }
      } catch (error) {
        return outcomeOf(error)
      }
    },
    close: () => Promise.resolve(),
  }
}

/** Rows up to which starting a thread would take longer than the work. */
export const rowsSmallMax = 65_536

/** Small jobs by the one, the others by the other. */
export function compactorBySize(small: Compactor, large: Compactor): Compactor {
  return {
    run(job, flag) {
      let rows = 0
      for (const { series } of job.files) for (const { rowsMax } of series) rows += rowsMax
      return (rows <= rowsSmallMax ? small : large).run(job, flag)
    },
    async close() {
      await Promise.all([small.close(), large.close()])
    },
  }
}

/** A thread that had nothing to do for so long ends; the next job starts another. */
const idleMsMax = 10_000

/** On one thread, started by the first job. `worker`: the URL of its entry, for tests that have
 *  another. */
export function compactorOnThread(
  worker: string = import.meta.resolve('#compact/worker'),
): Compactor {
  let pool: Piscina | undefined
  /** Of the job under way. */
  let onDeath: ((cause: unknown) => void) | undefined
  const close = async (): Promise<void> => {
    const closing = pool
    pool = undefined
    await closing?.destroy()
  }
  return {
    async run(job, flag) {
      pool ??= await startPool(worker, (cause) => onDeath?.(cause))
      const task: ThreadTask = { job, flag }
      // A thread that dies before it took the task leaves it waiting for ever: the pool only says
      // that one died.
      const death = new Promise<never>((_, failed) => (onDeath = failed))
      try {
        return await Promise.race([pool.run(task) as Promise<Outcome>, death])
      } catch (cause) {
        // Nothing it says any more is believed, and the next job gets another.
        await close()
        const message = `the compaction thread died: ${String(cause)}`
        throw new VarveError('ERR_IO', message, { operation: 'compact' }, { cause })
      } finally {
        onDeath = undefined
      }
    },
    close,
  }
}

/** Loaded when first needed: most stores that are opened never compact. */
async function startPool(worker: string, onError: (cause: unknown) => void): Promise<Piscina> {
  const { Piscina } = await import('piscina')
  const pool = new Piscina({
    filename: worker,
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: idleMsMax,
    // Nobody waits for single microseconds here, and a thread asleep in Atomics.wait hears nothing
    // else.
    atomics: 'disabled',
    recordTiming: false,
    execArgv: [],
  })
  return pool.on('error', onError)
}
