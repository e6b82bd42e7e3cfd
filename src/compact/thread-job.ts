// What the thread of this room does with a job: a compaction, or rows to be written. It touches files
// of the real file system only: threads share no memory twin.
import { threadId } from 'node:worker_threads'
import { systemClock } from '#base'
import { enterBackground, loadKernels } from '#kernel'
import { diskVfs, threadWaitedMs } from '#vfs'
import { compactFiles } from './job.ts'
import type { CompactionJob } from './job.ts'
import { Cancelled, Starved, isRaised, threadOutcomeOf } from './outcome.ts'
import type { CancelFlag, ThreadOutcome } from './outcome.ts'
import { plansOf } from './plain-plan.ts'
import type { WriteJob } from './plain-plan.ts'
import { runStepsNow } from './step.ts'
import { writeFiles } from './write-files.ts'

export interface ThreadTask {
  readonly job: CompactionJob | WriteJob
  readonly flag: CancelFlag
  /** It may take what processors others leave: nobody waits for it who would not rather have those. */
  readonly isBackground: boolean
}

/** Over so long a thread in the background is judged. */
const windowMs = 5000
/** Of that time, ready to run and not let. Beside one busy thread a processor a thread in the background gets 0.3 %. */
const starvedShare = 0.9

/** `check`; throws as well where the thread had to wait for nearly all of the last seconds. `waitedMs` and `nowMs` are
 *  counters: only what they advance by counts. */
export function starvationCheck(
  check: () => void,
  waitedMs: () => number,
  nowMs: () => number,
): () => void {
  let nowBefore = nowMs()
  let waitedBefore = waitedMs()
  return () => {
    check()
    const now = nowMs()
    if (now - nowBefore < windowMs) return
    const waited = waitedMs()
    if (waited - waitedBefore > (now - nowBefore) * starvedShare) throw new Starved()
    nowBefore = now
    waitedBefore = waited
  }
}

/** Throws where the flag is raised. */
export function checkOf(flag: CancelFlag): () => void {
  return () => {
    if (isRaised(flag)) throw new Cancelled()
  }
}

/** Steps aside for other threads where this machine can tell whether they leave it anything. */
function checkInBackground(check: () => void): () => void {
  if (threadWaitedMs() === undefined || !enterBackground()) return check
  return starvationCheck(check, () => threadWaitedMs() ?? 0, systemClock.monotonicMs)
}

/** Does the job on this thread, without a pause. Never rejects: what goes wrong is the outcome. */
export async function runOnThread(
  { job, flag, isBackground }: ThreadTask,
  check: () => void = checkOf(flag),
): Promise<ThreadOutcome> {
  try {
    await loadKernels()
    const checkAll = isBackground ? checkInBackground(check) : check
    if (!('work' in job)) {
      return { end: 'done', drafts: runStepsNow(compactFiles(diskVfs, job, checkAll)), threadId }
    }
    const { storeId, level, syncStepBytes } = job
    const target = { vfs: diskVfs, storeId, level, syncStepBytes }
    const drafts = runStepsNow(writeFiles(target, plansOf(job), checkAll))
    return { end: 'done', drafts, threadId }
  } catch (error) {
    return threadOutcomeOf(error)
  }
}
