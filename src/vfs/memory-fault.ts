// Faults on order, for the memory twin: which call fails, with what, and whether it took effect.

export type OperationName =
  | 'open'
  | 'size'
  | 'read'
  | 'write'
  | 'truncate'
  | 'datasync'
  | 'close'
  | 'stat'
  | 'list'
  | 'makeDirectory'
  | 'rename'
  | 'unlink'
  | 'syncDirectory'
  | 'lock'
  | 'freeBytes'

export interface Operation {
  readonly operation: OperationName
  readonly path: string
}

export interface FaultRule {
  /** Left out: any operation that changes something (all but size, read, close, stat, list,
   *  freeBytes). */
  readonly operation?: OperationName
  /** Only paths that hold this text, or match. A rename is at both its paths. */
  readonly path?: string | RegExp
  /** The first call that fails, counted from 1 among those that match. Default 1. */
  readonly nth?: number
  /** Default 'once'. */
  readonly times?: 'once' | 'forever'
  /** Default 'ERR_IO'. */
  readonly code?: 'ERR_IO' | 'ERR_DISK_FULL'
  /** What the system says. Default: EIO or ENOSPC, by `code`. */
  readonly errno?: 'EIO' | 'ENOSPC' | 'EDQUOT' | 'EMFILE' | 'EROFS'
  /** The operation takes effect and fails all the same, as a lost answer does. Default false. */
  readonly isDone?: boolean
  /** write only: this many bytes are written before it fails. Default 0. */
  readonly bytesWritten?: number
}

const changing: ReadonlySet<OperationName> = new Set<OperationName>([
  'open',
  'write',
  'truncate',
  'datasync',
  'makeDirectory',
  'rename',
  'unlink',
  'syncDirectory',
  'lock',
])

function isPathMeant(rule: FaultRule, paths: readonly string[]): boolean {
  const { path } = rule
  if (path === undefined) return true
  return paths.some((each) => (typeof path === 'string' ? each.includes(path) : path.test(each)))
}

export class Faults {
  readonly #orders = new Map<FaultRule, { calls: number }>()

  /** Adds a rule; the result takes it away again. */
  add(rule: FaultRule): () => void {
    const own = { ...rule }
    this.#orders.set(own, { calls: 0 })
    return () => this.#orders.delete(own)
  }

  clear(): void {
    this.#orders.clear()
  }

  /** The rule by which this call fails, if any; counts the call. */
  meet(operation: OperationName, paths: readonly string[]): FaultRule | undefined {
    let met: FaultRule | undefined
    for (const [rule, order] of this.#orders) {
      const isMeant =
        rule.operation === undefined ? changing.has(operation) : rule.operation === operation
      if (!isMeant || !isPathMeant(rule, paths)) continue
      order.calls++
      if (met !== undefined || order.calls < (rule.nth ?? 1)) continue
      met = rule
      if (rule.times !== 'forever') this.#orders.delete(rule)
    }
    return met
  }
}
