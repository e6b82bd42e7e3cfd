// What append() returns: how many rows, under which lsn, and when they are durable.
import type { LogWriter } from '#wal'
import type { Ack } from './contract.ts'

const done: Promise<void> = Promise.resolve()

/** Cheap: the promise is made only when it is asked for. */
export class AckOf implements Ack {
  readonly rows: number
  readonly #log: LogWriter | undefined
  readonly #lsnEnd: bigint

  constructor(log: LogWriter | undefined, rows: number, lsnEnd: bigint) {
    this.rows = rows
    this.#log = log
    this.#lsnEnd = lsnEnd
  }

  get lsn(): bigint {
    return this.#lsnEnd - 1n
  }

  get durable(): Promise<void> {
    return this.#log === undefined ? done : this.#log.whenDurable(this.#lsnEnd)
  }
}
