// What append() returns: how many rows, under which lsn, and when they are durable.
import { assert } from '#base'
import type { LogWriter } from '#wal'
import type { Ack } from './contract.ts'

const done: Promise<void> = Promise.resolve()

/** Cheap: the promise is made only when it is asked for. */
export class AckOf implements Ack {
  readonly rows: number
  readonly #log: LogWriter | undefined
  readonly #end: bigint | number

  /** `end`: the lsn after the last row, or the number of rows of the log's epoch with it. */
  constructor(log: LogWriter | undefined, rows: number, end: bigint | number) {
    this.rows = rows
    this.#log = log
    this.#end = end
  }

  get lsn(): bigint {
    const end = this.#end
    if (typeof end === 'bigint') return end - 1n
    assert(this.#log !== undefined, 'ack: rows of an epoch are those of a log')
    return this.#log.lsnOf(end - 1)
  }

  get durable(): Promise<void> {
    const end = this.#end
    if (this.#log === undefined) return done
    return typeof end === 'bigint' ? this.#log.whenDurable(end) : this.#log.whenRowsDurable(end)
  }
}
