// The entry of the compaction thread: a task in, an outcome out. Memory that was lent goes back by
// being moved.
import { move, transferableSymbol, valueSymbol } from 'piscina'
import { runOnThread } from './thread-job.ts'
import type { ThreadTask } from './thread-job.ts'

export default async (task: ThreadTask): Promise<unknown> => {
  const outcome = await runOnThread(task)
  if (outcome.end !== 'done' || outcome.memory === undefined) return outcome
  return move({ [transferableSymbol]: outcome.memory, [valueSymbol]: outcome })
}
