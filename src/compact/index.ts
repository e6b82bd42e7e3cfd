// compact: many runs into few, on a thread of its own; and the writing of runs that seals share
// with it.
export {
  compactorBySize,
  compactorInTurns,
  compactorOnThread,
  compactorOnThreadOr,
  writerOnThread,
} from './compactor.ts'
export type { Compactor, ThreadWriter } from './compactor.ts'
export { compactFiles } from './job.ts'
export type { CompactionJob, JobFile, JobRun, JobSeries } from './job.ts'
export type { InputRun } from './input-runs.ts'
export { Cancelled, cancelFlag, errorOf, isRaised, raise } from './outcome.ts'
export type { CancelFlag, Outcome } from './outcome.ts'
export { RowSum } from './row-sum.ts'
export { runSteps, runStepsNow } from './step.ts'
export type { WriteStep, WriteWork } from './step.ts'
export { groupSeries, removeDraft, writeFiles } from './write-files.ts'
export type { DraftFile, FilePlan, OutputFile, RunPlan, SeriesPlan } from './write-files.ts'
