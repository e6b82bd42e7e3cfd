// Long work as a list of steps between which it can wait: for a sync, for the log, or for a turn of the event loop. The
// same work is done in turns, or, where the caller can wait for nothing else, in one go.
import { assert } from '#base'
import type { Scheduler } from '#base'
import type { VfsFile } from '#vfs'
import type { LogWriter } from '#wal'

export type Step =
  | { readonly step: 'sync'; readonly file: VfsFile }
  /** Every row appended so far is made durable. */
  | { readonly step: 'flush'; readonly log: LogWriter }
  | { readonly step: 'turn' }
  /** Another thread is done. Only for work that is never finished at once. */
  | { readonly step: 'wait'; readonly until: Promise<unknown> }

export type Work<Result> = Generator<Step, Result, void>

/** Work under way. Whoever needs its end at once can finish it while another is waiting for a step. */
export class Job<Result> {
  readonly #work: Work<Result>
  readonly #scheduler: Scheduler
  #pending: Step | undefined
  #end: { readonly result: Result } | { readonly error: unknown } | undefined

  constructor(work: Work<Result>, scheduler: Scheduler) {
    this.#work = work
    this.#scheduler = scheduler
  }

  get isDone(): boolean {
    return this.#end !== undefined
  }

  #next(): void {
    this.#step(() => this.#work.next())
  }

  /** The work is told of what failed: it ends with it, or goes on otherwise. */
  #fail(error: unknown): void {
    this.#step(() => this.#work.throw(error))
  }

  #step(take: () => IteratorResult<Step, Result>): void {
    this.#pending = undefined
    try {
      const next = take()
      if (next.done === true) this.#end = { result: next.value }
      else this.#pending = next.value
    } catch (error) {
      this.#end = { error }
    }
  }

  #result(): Result {
    assert(this.#end !== undefined, 'job: it has ended')
    if ('error' in this.#end) throw this.#end.error
    return this.#end.result
  }

  /** Works in turns. */
  async run(): Promise<Result> {
    if (this.#pending === undefined) this.#next()
    for (let step = this.#pending; step !== undefined; step = this.#pending) {
      try {
        if (step.step === 'sync') await step.file.datasync()
        else if (step.step === 'flush') await step.log.flush()
        else if (step.step === 'wait') await step.until
        else await new Promise<void>((resume) => this.#scheduler.soon(resume))
      } catch (error) {
        // Finished by another meanwhile: the end stands, but whoever waits here must hear of the failure.
        if (this.#pending !== step) throw error
        this.#fail(error)
        continue
      }
      // Finished by another meanwhile, or waiting at the same step still.
      if (this.#pending === step) this.#next()
    }
    return this.#result()
  }

  /** Works until the end without yielding.
   *  @throws {VarveError} what the work throws; what the log throws where it cannot be written: the work then waits
   *  on. */
  finishNow(): Result {
    if (this.#pending === undefined && !this.isDone) this.#next()
    for (let step = this.#pending; step !== undefined; step = this.#pending) {
      assert(step.step !== 'wait', 'job: what waits for another thread is not finished at once')
      if (step.step === 'flush') step.log.flushNow()
      try {
        if (step.step === 'sync') step.file.datasyncSync()
      } catch (error) {
        this.#fail(error)
        continue
      }
      this.#next()
    }
    return this.#result()
  }
}
