// The writing of files as steps between which it can wait: for a sync, or for a turn of the event
// loop. A thread of its own takes them one after the other; whoever shares a thread waits between
// them.
import type { Scheduler } from '#base'
import type { VfsFile } from '#vfs'

export type WriteStep =
  | { readonly step: 'sync'; readonly file: VfsFile }
  /** Others may do something. */
  | { readonly step: 'turn' }

/** Generators run to their end, or are told of the step that failed by `throw`: what they hold
 *  is given back. */
export type WriteWork<Result> = Generator<WriteStep, Result, void>

/** Takes every step at once. Blocks the thread. */
export function runStepsNow<Result>(work: WriteWork<Result>): Result {
  let failure: { readonly error: unknown } | undefined
  for (;;) {
    const next = failure === undefined ? work.next() : work.throw(failure.error)
    failure = undefined
    if (next.done === true) return next.value
    if (next.value.step !== 'sync') continue
    try {
      next.value.file.datasyncSync()
    } catch (error) {
      failure = { error }
    }
  }
}

/** Takes the steps in turns of the event loop; syncs wait off it. */
export async function runSteps<Result>(
  work: WriteWork<Result>,
  scheduler: Scheduler,
): Promise<Result> {
  let failure: { readonly error: unknown } | undefined
  for (;;) {
    const next = failure === undefined ? work.next() : work.throw(failure.error)
    failure = undefined
    if (next.done === true) return next.value
    const { value } = next
    try {
      if (value.step === 'sync') await value.file.datasync()
      else await new Promise<void>((resume) => scheduler.soon(resume))
    } catch (error) {
      failure = { error }
    }
  }
}
