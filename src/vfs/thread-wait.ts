// How long a thread was kept from running, as Linux counts it.
import { readFileSync } from 'node:fs'
import { errnoOf } from './error.ts'

/** Of the thread that reads it: nanoseconds on a processor, nanoseconds ready and waiting for one, slices. */
const statisticsFile = '/proc/thread-self/schedstat'

/** Milliseconds, since this thread began, in which it was ready to run and others ran; undefined where nobody counts
 *  them. */
export function threadWaitedMs(): number | undefined {
  try {
    const waitedNs = Number(readFileSync(statisticsFile, 'latin1').split(' ')[1])
    return Number.isFinite(waitedNs) ? waitedNs / 1e6 : undefined
  } catch (cause) {
    if (errnoOf(cause) !== undefined) return undefined // Not Linux, or built without the counters.
    throw cause
  }
}
