// What the thread of this room does with a job: a compaction, or rows to be written. It touches files
// of the real file system only: threads share no memory twin.
import { threadId } from 'node:worker_threads'
import { loadKernels } from '#kernel'
import { diskVfs } from '#vfs'
import { compactFiles } from './job.ts'
import type { CompactionJob } from './job.ts'
import { Cancelled, isRaised, outcomeOf } from './outcome.ts'
import type { CancelFlag, Outcome } from './outcome.ts'
import { plansOf } from './plain-plan.ts'
import type { WriteJob } from './plain-plan.ts'
import { runStepsNow } from './step.ts'
import { writeFiles } from './write-files.ts'

export interface ThreadTask {
  readonly job: CompactionJob | WriteJob
  readonly flag: CancelFlag
}

/** Throws where the flag is raised. */
export function checkOf(flag: CancelFlag): () => void {
  return () => {
    if (isRaised(flag)) throw new Cancelled()
  }
}

/** Does the job on this thread, without a pause. Never rejects: what goes wrong is the outcome. */
export async function runOnThread(
  { job, flag }: ThreadTask,
  check: () => void = checkOf(flag),
): Promise<Outcome> {
  try {
    await loadKernels()
    if (!('work' in job)) {
      return { end: 'done', drafts: runStepsNow(compactFiles(diskVfs, job, check)), threadId }
    }
    const { storeId, level, syncStepBytes } = job
    const target = { vfs: diskVfs, storeId, level, syncStepBytes }
    const drafts = runStepsNow(writeFiles(target, plansOf(job), check))
    return { end: 'done', drafts, threadId }
  } catch (error) {
    return outcomeOf(error)
  }
}
