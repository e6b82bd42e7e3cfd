// What the operating system said, in the words of the port.
import { VarveError } from '#base'
import type { ErrorCode } from '#base'

const codes: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'ERR_NOT_FOUND',
  EEXIST: 'ERR_EXISTS',
  ENOSPC: 'ERR_DISK_FULL',
  EDQUOT: 'ERR_DISK_FULL',
  EFBIG: 'ERR_DISK_FULL',
}

/** The system's name of a failure (`ENOENT`), or undefined where `cause` has none. */
export function errnoOf(cause: unknown): string | undefined {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : undefined
}

/** The VarveError of a failed file operation; `errno` is the system's name of the failure. */
export function fileError(
  operation: string,
  file: string,
  errno: string | undefined,
  cause?: unknown,
): VarveError {
  const code = codes[errno ?? ''] ?? 'ERR_IO'
  const details = { operation, file, errno }
  const message = `${operation} of ${file} failed: ${errno ?? String(cause)}`
  return new VarveError(code, message, details, cause === undefined ? {} : { cause })
}
