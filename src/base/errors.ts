// Three faults, two classes (rule of the house): bad input and bad disk are VarveError with a stable code; a bug of
// ours is BugError, thrown by assert() and never caught.

/** Every code varve throws, with what it means. The README's table is tested to be equal to this one. */
export const errorCodes = {
  ERR_ARGUMENT: 'An argument is not of the right type, range or form.',
  ERR_SCHEMA: 'Rows or a kind do not fit the columns of the series.',
  ERR_LOCKED: 'Another process holds the store for writing.',
  ERR_CLOSED: 'The store, or the view, was closed before the call.',
  ERR_CORRUPT: 'Bytes on disk are not what was written there.',
  ERR_DISK_FULL: 'The disk has no room; nothing of the call was acknowledged.',
  ERR_IO: 'The operating system refused a file operation.',
  ERR_EXISTS: 'The name is in use.',
  ERR_OVERLOADED: 'A bounded queue is full.',
  ERR_NOT_FOUND: 'No such store, snapshot, series or file.',
  ERR_VERSION: 'The file was written by a newer varve.',
  ERR_READ_ONLY: 'The store was opened for reading.',
  ERR_STALE: 'The state this reader pinned was given up by the writer.',
} as const

export type ErrorCode = keyof typeof errorCodes

const retryableCodes: ReadonlySet<ErrorCode> = new Set([
  'ERR_LOCKED',
  'ERR_DISK_FULL',
  'ERR_IO',
  'ERR_OVERLOADED',
  'ERR_STALE',
])

export interface VarveErrorOptions {
  readonly hint?: string
  readonly cause?: unknown
  readonly retryable?: boolean
}

/** The one error class. Match by `code`; `details` holds the place: file, offset, series, row, column, expected,
 * actual. */
export class VarveError extends Error {
  override readonly name = 'VarveError'
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>
  /** What to do, in one sentence. */
  readonly hint?: string
  /** The same call may succeed later as it is. */
  readonly retryable: boolean

  constructor(
    code: ErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options: VarveErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = details
    if (options.hint !== undefined) this.hint = options.hint
    this.retryable = options.retryable ?? retryableCodes.has(code)
  }
}

/** A promise that only our own code can break was broken. Never caught, except to be reported. */
export class BugError extends Error {
  override readonly name = 'BugError'
  constructor(message: string) {
    super(`BUG: ${message}`)
  }
}

/** Throws BugError unless `condition` holds. Stays on in production; call it per page or batch, never per row. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new BugError(message)
}

/** For the default of an exhaustive switch. */
export function assertNever(value: never): never {
  throw new BugError(`unexpected variant ${String(value)}`)
}
