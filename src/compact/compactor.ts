// Where compactions run: on a thread of their own, or, over files that no other thread can see, in
// turns of this one.
import { fileURLToPath } from 'node:url'
import { threadId } from 'node:worker_threads'
import type { Piscina } from 'piscina'
import { VarveError, assert } from '#base'
import type { Logger, Scheduler } from '#base'
import { diskVfs } from '#vfs'
import type { Vfs } from '#vfs'
import { compactFiles } from './job.ts'
import type { CompactionJob } from './job.ts'
import { cancelFlag, errorOf, outcomeOf } from './outcome.ts'
import type { CancelFlag, Outcome, ThreadOutcome } from './outcome.ts'
import { writeJobOf } from './plain-plan.ts'
import type { WriteJob } from './plain-plan.ts'
import { runSteps } from './step.ts'
import { checkOf } from './thread-job.ts'
import type { ThreadTask } from './thread-job.ts'
import type { DraftFile, FilePlan } from './write-files.ts'

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

/** Where the thread's entry stands. @throws where there is no such file: an application that was
 *  bundled into one has none beside it */
function workerBeside(): string {
  const url = import.meta.resolve('#compact/worker')
  const file = fileURLToPath(url)
  if (diskVfs.stat(file) !== undefined) return url
  throw new VarveError('ERR_NOT_FOUND', 'the compaction thread has no file to run', { file })
}

/** On a thread; where one cannot be had, by `here`, from the first job on, which is said once.
 *  `find`: the URL of the thread's entry, or throws. */
export function compactorOnThreadOr(
  here: Compactor,
  logger: Logger,
  find: () => string = workerBeside,
): Compactor {
  let chosen: Compactor | undefined
  const choose = async (): Promise<Compactor> => {
    try {
      const worker = find()
      await import('piscina')
      return compactorOnThread(worker)
    } catch (error) {
      logger.warn({ error }, 'there is no compaction thread: compactions run in turns of this one')
      return here
    }
  }
  return {
    async run(job, flag) {
      chosen ??= await choose()
      return chosen.run(job, flag)
    },
    async close() {
      await chosen?.close()
    },
  }
}

/** A thread that had nothing to do for so long ends; the next job starts another. */
const idleMsMax = 10_000

/** Of a thread's heap, for new objects: collections of so little end within a millisecond, and what survives them is so
 *  little that the whole heap is hardly ever marked, which takes helper threads that step aside for nobody. */
const youngMiB = 3

/** One thread, started by the first task, or before. */
class TaskThread {
  readonly #worker: string
  #pool: Promise<Piscina> | undefined
  /** Of the task under way. */
  #onDeath: ((cause: unknown) => void) | undefined

  constructor(worker: string) {
    this.#worker = worker
  }

  /** Begins to start it: the first task will find it there. */
  start(): void {
    // Whoever runs a task hears of what went wrong.
    this.#started(1).catch(() => undefined)
  }

  #started(minThreads: number): Promise<Piscina> {
    this.#pool ??= startPool(this.#worker, minThreads, (cause) => this.#onDeath?.(cause))
    return this.#pool
  }

  /** `moved`: memory of the task that goes to the thread. @throws {VarveError} ERR_IO where the
   *  thread died */
  async run(task: ThreadTask, moved: ArrayBuffer[] = []): Promise<ThreadOutcome> {
    // A thread that dies before it took the task leaves it waiting for ever: the pool only says
    // that one died.
    const death = new Promise<never>((_, failed) => (this.#onDeath = failed))
    try {
      const pool = await this.#started(0)
      const running = pool.run(task, { transferList: moved })
      return await Promise.race([running as Promise<ThreadOutcome>, death])
    } catch (cause) {
      // Nothing it says any more is believed, and the next task gets another.
      await this.close()
      const message = `the compaction thread died: ${String(cause)}`
      throw new VarveError('ERR_IO', message, { operation: 'compact' }, { cause })
    } finally {
      this.#onDeath = undefined
    }
  }

  async close(): Promise<void> {
    const closing = this.#pool
    this.#pool = undefined
    const pool = await closing?.catch(() => undefined)
    await pool?.destroy()
  }
}

/** On one thread, started by the first job, which steps aside for all others; where that leaves it next to no time,
 *  on one like all others, from the start. `worker`: the URL of its entry, for tests that have another. */
export function compactorOnThread(
  worker: string = import.meta.resolve('#compact/worker'),
): Compactor {
  const background = new TaskThread(worker)
  const ordinary = new TaskThread(worker)
  return {
    async run(job, flag) {
      const outcome = await background.run({ job, flag, isBackground: true })
      if (outcome.end !== 'starved') return outcome
      const again = await ordinary.run({ job, flag, isBackground: false })
      assert(again.end !== 'starved', 'compactor: who does not step aside is not starved')
      return again
    },
    async close() {
      await Promise.all([background.close(), ordinary.close()])
    },
  }
}

/** Writes files from rows in memory on a thread of its own. */
export interface ThreadWriter {
  /** For fewer it is not worth its while. */
  readonly rowsMin: number
  /** Drafts, synced, without their names. Until then nobody may write to the rows of `plans`.
   *  @throws {VarveError} as writeFiles; ERR_IO where the thread died */
  write(
    target: Pick<WriteJob, 'storeId' | 'level' | 'syncStepBytes'>,
    plans: readonly FilePlan[],
  ): Promise<readonly DraftFile[]>
  close(): Promise<void>
}

/** undefined where there is no thread to be had. */
export function writerOnThread(
  logger: Logger,
  find: () => string = workerBeside,
): ThreadWriter | undefined {
  let worker: string
  try {
    worker = find()
  } catch (error) {
    logger.debug({ error }, 'there is no thread to write on')
    return undefined
  }
  const thread = new TaskThread(worker)
  thread.start()
  return {
    rowsMin: rowsSmallMax + 1,
    async write(target, plans) {
      const { job, moved } = writeJobOf(target, plans)
      const outcome = await thread.run({ job, flag: cancelFlag(), isBackground: false }, moved)
      if (outcome.end === 'failed') throw errorOf(outcome.failure)
      assert(
        outcome.end === 'done',
        'writer: nobody raised its flag, and it steps aside for nobody',
      )
      return outcome.drafts
    },
    close: () => thread.close(),
  }
}

/** Loaded when first needed: most stores that are opened never compact. */
async function startPool(
  worker: string,
  minThreads: number,
  onError: (cause: unknown) => void,
): Promise<Piscina> {
  const { Piscina } = await import('piscina')
  const pool = new Piscina({
    filename: worker,
    minThreads,
    maxThreads: 1,
    idleTimeout: idleMsMax,
    // Nobody waits for single microseconds here, and a thread asleep in Atomics.wait hears nothing
    // else.
    atomics: 'disabled',
    recordTiming: false,
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: youngMiB },
  })
  return pool.on('error', onError)
}
