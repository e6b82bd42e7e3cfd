// Where a log file ended when the next one began: for salvage, where the manifest edit that said so
// is lost. The next file's header names the hash of that place, and the lsn.
import type { Vfs } from '#vfs'
import { fileHeaderBytes } from './layout.ts'
import type { LogPlace } from './layout.ts'
import { readRecords } from './reader.ts'
import type { ReadLogOptions } from './reader.ts'

/**
 * The place of this hash in the file, else the last one at or before the lsn: rows behind it are
 * not of this file, for the next one has them. Skips damage.
 *
 * @throws {VarveError} ERR_NOT_FOUND, ERR_IO, ERR_VERSION
 */
export function findLogPlace(
  vfs: Vfs,
  path: string,
  options: Pick<ReadLogOptions, 'fileNumber' | 'storeId'>,
  next: { readonly previousHash: bigint; readonly firstLsn: bigint },
): LogPlace {
  let exact: LogPlace | undefined
  let last: LogPlace | undefined
  const read = readRecords(
    vfs,
    path,
    { ...options, isSalvage: true },
    ({ header, offset, bytes }) => {
      const lsnEnd = header.lsnFirst + BigInt(header.rowCount)
      const place = { offset: offset + bytes.length, lsnEnd, hash: header.hash }
      if (header.hash === next.previousHash) exact ??= place
      if (lsnEnd <= next.firstLsn) last = place
    },
  )
  const { firstLsn, hash } = read.header
  const start = { offset: fileHeaderBytes, lsnEnd: firstLsn, hash }
  return hash === next.previousHash ? start : (exact ?? last ?? start)
}
