// Rows of sources into runs of new files of the store, named by the manifest's numbers: what seal
// and restore do. Files are drafts until all of them are synced; then they get their names; the
// caller's manifest edit makes them part of the store.
import type { Level } from '#codec'
import { groupSeries, removeDraft, writeFiles } from '#compact'
import type { DraftFile, FilePlan, SeriesPlan } from '#compact'
import { draftPathOf } from '#vfs'
import type { Env } from './env.ts'
import type { Paths } from './paths.ts'
import { publishFiles } from './publish.ts'
import type { PublishedFiles } from './publish.ts'
import type { Work } from './work.ts'

export interface WriterContext {
  readonly env: Env
  readonly paths: Paths
  readonly storeId: Uint8Array
  /** Of the files written. */
  readonly level: Level
  allocateFileNumber(): number
}

/** Writes and publishes the files: large series one each, small ones together. `awaited` is done
 *  when the drafts are written, before they get their names. Nothing is left where it fails. */
export function* writeRuns(
  context: WriterContext,
  series: readonly SeriesPlan[],
  awaited?: Work<void>,
): Work<PublishedFiles> {
  const { env, paths, storeId, level } = context
  const plans = planFiles(context, series)
  const drafts = yield* writeFiles({ vfs: env.vfs, storeId, level }, plans, () => {})
  if (awaited !== undefined) yield* orRemoved(env, drafts, awaited)
  return publishFiles(env, paths, drafts)
}

/** Which files they go to: large series one each, small ones together. */
export function planFiles(context: WriterContext, series: readonly SeriesPlan[]): FilePlan[] {
  return groupSeries(series).map((group): FilePlan => {
    const { fileKind } = group
    const fileNumber = context.allocateFileNumber()
    const draft = draftPathOf(context.paths.data(fileKind, fileNumber))
    return { output: { fileKind, fileNumber, draft }, series: group.series }
  })
}

function* orRemoved({ vfs }: Env, drafts: readonly DraftFile[], awaited: Work<void>): Work<void> {
  try {
    yield* awaited
  } catch (error) {
    for (const { output } of drafts) removeDraft(vfs, output)
    throw error
  }
}
