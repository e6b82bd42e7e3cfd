// Drafts become files of the store: they get their names, the names are made durable, and the
// changes that make them part of the manifest are told. Until the edit with those is durable
// nothing names them.
import { assert } from '#base'
import { removeDraft } from '#compact'
import type { DraftFile } from '#compact'
import type { Change, RunEntry } from '#manifest'
import type { FinishedFile } from '#segment'
import type { Env } from './env.ts'
import type { Paths } from './paths.ts'

export interface PublishedFiles {
  /** fileAdded and runAdded. */
  readonly changes: readonly Change[]
  readonly bytes: number
}

/** Drafts that did not get their name are removed where anything fails. @throws {VarveError}
 *  ERR_IO, ERR_DISK_FULL */
export function publishFiles(env: Env, paths: Paths, drafts: readonly DraftFile[]): PublishedFiles {
  const { vfs } = env
  const directories = new Set<string>()
  try {
    for (const { output, finished } of drafts) {
      const { fileKind, fileNumber } = output
      assert(
        finished.fileKind === fileKind && finished.fileNumber === fileNumber,
        'publish: a draft is the file that was asked for',
      )
      vfs.rename(output.draft, paths.data(fileKind, fileNumber))
      directories.add(fileKind === 'segment' ? paths.segments : paths.packs)
    }
    for (const directory of directories) vfs.syncDirectory(directory)
  } catch (error) {
    for (const { output } of drafts) removeDraft(vfs, output)
    throw error
  }
  return publishedBy(drafts)
}

/** What publishing them will have changed. */
export function publishedBy(drafts: readonly DraftFile[]): PublishedFiles {
  const changes = drafts.flatMap(({ finished }) => changesOf(finished))
  assert(drafts.length === 0 || changes.length > drafts.length, 'publish: a file holds runs')
  return { changes, bytes: drafts.reduce((sum, { finished }) => sum + finished.bytes, 0) }
}

/** fileAdded and runAdded of a file that is whole. */
export function changesOf(finished: FinishedFile): Change[] {
  const { fileKind, fileNumber, bytes, fileHash, directoryHash: footerHash, runs } = finished
  const changes: Change[] = [
    { type: 'fileAdded', file: { fileNumber, fileKind, bytes, fileHash, footerHash } },
  ]
  runs.forEach((run, runIndex) => {
    const entry: RunEntry = {
      seriesId: run.seriesId,
      fileNumber,
      runIndex,
      schemaId: run.schemaId,
      partition: run.partition,
      rowCount: run.rowCount,
      timeMin: run.timeMin,
      timeMax: run.timeMax,
      lsnFirst: run.lsnFirst,
      lsnLast: run.lsnLast,
      sortOrder: run.sortOrder,
      footerOffset: run.footerOffset,
      footerBytes: run.footerBytes,
      footerHash: run.footerHash,
      dataBytes: run.dataBytes,
      plainBytes: run.plainBytes,
      contentHash: run.contentHash,
    }
    changes.push({ type: 'runAdded', run: entry })
  })
  return changes
}
