// The entry of the compaction thread: a task in, an outcome out.
import type { ThreadOutcome } from './outcome.ts'
import { runOnThread } from './thread-job.ts'
import type { ThreadTask } from './thread-job.ts'

export default (task: ThreadTask): Promise<ThreadOutcome> => runOnThread(task)
