// Turns of the real event loop; no timer is ever asked for.
import type { Scheduler } from '#base'

export const manualScheduler: Scheduler = {
  soon: (task) => void setImmediate(task),
  after: () => {
    throw new Error('a compaction asks for no timer')
  },
}
