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
    try {
      const next = this.#work.next()
      this.#pending = next.done === true ? undefined : next.value
      if (next.done === true) this.#end = { result: next.value }
    } catch (error) {
      this.#pending = undefined
      this.#end = { error }
    }
  }

  #fail(error: unknown): void {
    try {
      this.#work.throw(error)
      this.#end = { error: new Error('work went on after a failure', { cause: error }) }
    } catch (thrown) {
      this.#end = { error: thrown }
    }
    this.#pending = undefined
  }

  #result(): Result {
    assert(this.#end !== undefined, 'job: it has ended')
    if ('error' in this.#end) throw this.#end.error
    return this.#end.result
  }

  /** Works in turns. */
  async run(): Promise<Result> {
    while (!this.isDone) {
      this.#next()
      const step = this.#pending
      if (step === undefined) break
      try {
        if (step.step === 'sync') await step.file.datasync()
        else if (step.step === 'flush') await step.log.flush()
        else await new Promise<void>((resume) => this.#scheduler.soon(resume))
      } catch (error) {
        // Finished by another meanwhile: the end stands, but whoever waits here must hear of the failure.
        if (this.#pending !== step) throw error
        this.#fail(error)
      }
    }
    return this.#result()
  }

  /** Works until the end without yielding.
   *  @throws {VarveError} what the work throws; what the log throws where it cannot be written: the work then waits
   *  on. */
  finishNow(): Result {
    while (!this.isDone) {
      const step = this.#pending
      if (step?.step === 'flush') step.log.flushNow()
      try {
        if (step?.step === 'sync') step.file.datasyncSync()
        this.#next()
      } catch (error) {
        this.#fail(error)
      }
    }
    return this.#result()
  }
}
