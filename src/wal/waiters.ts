// Who waits for which row to be durable: promises made on demand, one per distinct row count, in
// order.
import type { VarveError } from '#base'

interface Waiter {
  readonly rows: number
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: VarveError) => void
}

// Marks a promise as handled: whoever rejects it reports the failure, so one nobody looks at is not
// lost.
function reportedElsewhere(): void {}

export class Waiters {
  /** Ascending by rows. */
  #waiting: Waiter[] = []

  get count(): number {
    return this.#waiting.length
  }

  /** Resolves once `settle` is called with at least `rows`. The same promise for the same rows. */
  wait(rows: number): Promise<void> {
    const waiting = this.#waiting
    let index = 0 // how many wait for at most `rows`
    let end = waiting.length
    while (index < end) {
      const middle = (index + end) >>> 1
      if (waiting[middle]!.rows > rows) end = middle
      else index = middle + 1
    }
    const before = index > 0 ? waiting[index - 1] : undefined
    if (before !== undefined && before.rows === rows) return before.promise
    let resolve: () => void = reportedElsewhere
    let reject: (error: VarveError) => void = reportedElsewhere
    const promise = new Promise<void>((onResolve, onReject) => {
      resolve = onResolve
      reject = onReject
    })
    promise.catch(reportedElsewhere)
    waiting.splice(index, 0, { rows, promise, resolve, reject })
    return promise
  }

  /** Everything below `rows` is durable. */
  settle(rows: number): void {
    const waiting = this.#waiting
    let count = 0
    while (count < waiting.length && waiting[count]!.rows <= rows) {
      waiting[count]!.resolve()
      count += 1
    }
    if (count > 0) waiting.splice(0, count)
  }

  rejectAll(error: VarveError): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const waiter of waiting) waiter.reject(error)
  }
}
