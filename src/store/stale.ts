// What is said to a reader whose files the writer has given up, for it held them too long.
import { VarveError } from '#base'
import { Manifest, liveFiles, liveLogs } from '#manifest'
import type { Vfs } from '#vfs'
import { fileNumberOf } from './paths.ts'
import type { Paths } from './paths.ts'

/** A file that the manifest names is not there: the writer moved on meanwhile, or it is damage. */
export function isMissingFile(error: unknown): error is VarveError {
  if (!(error instanceof VarveError) || !(error.cause instanceof VarveError)) return false
  return error.cause.code === 'ERR_NOT_FOUND'
}

/** Whether a data or log file that is not there is named no more, so that its absence is no damage. */
export function isGivenUp(vfs: Vfs, paths: Paths, path: string): boolean {
  const fileNumber = fileNumberOf(path.slice(path.lastIndexOf('/') + 1))
  if (fileNumber === undefined) return false
  const newest = Manifest.open({ vfs }, paths.root, { readOnly: true })
  try {
    const { history } = newest
    return !liveFiles(history).has(fileNumber) && !liveLogs(history).has(fileNumber)
  } finally {
    newest.close()
  }
}

export function staleError(
  details: Readonly<Record<string, unknown>>,
  cause?: unknown,
): VarveError {
  const hint = 'Call refresh(), or open with follow: true.'
  return new VarveError('ERR_STALE', 'the writer has given up what this reader stood on', details, {
    hint,
    ...(cause === undefined ? {} : { cause }),
  })
}
