// Writes groups of one log file again to another: same lsns, new seed and chain. Used for what a
// file holds past the place up to which it is known to be on the device.
import { VarveError } from '#base'
import type { Vfs } from '#vfs'
import { viewOf } from './layout.ts'
import type { LogFile } from './log-file.ts'
import type { PreviousLog, ResolvedOptions } from './options.ts'
import { readRecords } from './reader.ts'

/** Copies the groups between previous.synced and previous.endOffset into `into`, unsynced.
 *  @throws {VarveError} ERR_CORRUPT where they do not read as they did before */
export function copyGroups(
  vfs: Vfs,
  options: Pick<ResolvedOptions, 'storeId' | 'manifestEdit'>,
  previous: PreviousLog,
  into: LogFile,
): void {
  const { path, number, synced, endOffset } = previous
  const manifestEdit = options.manifestEdit()
  const summary = readRecords(
    vfs,
    path,
    { fileNumber: number, storeId: options.storeId, from: synced },
    ({ bytes, header }) => {
      const record = bytes.slice()
      into.writeGroup(record, viewOf(record), header.rowCount, header.lsnFirst, manifestEdit)
    },
    endOffset,
  )
  if (summary.endOffset === endOffset) return
  throw new VarveError('ERR_CORRUPT', 'log: rows cannot be read again to carry them over', {
    file: path,
    offset: summary.endOffset,
    expected: endOffset,
    actual: summary.endOffset,
  })
}
