// What the log tells its callers when the disk fails them.
import { VarveError } from '#base'

function codeOf(cause: unknown): 'ERR_DISK_FULL' | 'ERR_IO' {
  const isFull = cause instanceof VarveError && cause.code === 'ERR_DISK_FULL'
  return isFull ? 'ERR_DISK_FULL' : 'ERR_IO'
}

/** The append was not taken. */
export function refusal(file: string, cause: unknown): VarveError {
  return new VarveError(
    codeOf(cause),
    'the log cannot be written; nothing of the append was taken',
    { file, outcome: 'refused' },
    { cause, hint: 'Reads go on. The log is tried again by itself; append again later.' },
  )
}

/** The log could be written, but there is hardly room left. Nothing of the append was taken. */
export function diskFull(file: string): VarveError {
  return new VarveError(
    'ERR_DISK_FULL',
    'the disk is nearly full; nothing of the append was taken',
    { file, outcome: 'refused' },
    { hint: 'Free space: the store goes on by itself. Reads go on; append again later.' },
  )
}

/** Rows taken before are still only in memory, and are tried again. */
export function notYetDurable(file: string, cause: unknown): VarveError {
  return new VarveError(
    codeOf(cause),
    'the log cannot be written; rows appended before are not durable yet',
    { file, outcome: 'pending' },
    { cause, hint: 'The log is tried again by itself; do not append these rows again.' },
  )
}

/** The log was closed while rows [lsnFirst, lsnEnd) were not known to be durable. */
export function outcomeUnknown(
  file: string,
  lsnFirst: bigint,
  lsnEnd: bigint,
  cause: unknown,
): VarveError {
  return new VarveError(
    'ERR_IO',
    'the log was closed before its last rows were known to be durable',
    { file, outcome: 'unknown', lsnFirst, lsnEnd },
    { cause, hint: 'Open the store again to see which of them are there.' },
  )
}
