// A process has a bounded number of descriptors. Whoever holds some that it can do without says so
// here; where the system has none left for the log or the manifest they are closed, and the open is
// tried once more. Descriptors belong to the process, so this list does too.
import { VarveError } from '#base'

export interface Holder {
  /** Closes what can be opened again later; gives how many. */
  letGo(): number
}

const holders = new Set<Holder>()

/** Until removeHolder. Adding one twice does nothing more. */
export function addHolder(holder: Holder): void {
  holders.add(holder)
}

export function removeHolder(holder: Holder): void {
  holders.delete(holder)
}

function isOutOfDescriptors(error: unknown): boolean {
  if (!(error instanceof VarveError)) return false
  const { errno } = error.details
  return errno === 'EMFILE' || errno === 'ENFILE'
}

/** Runs `open`; where there is no descriptor left for it, makes room and runs it again. */
export function withRelief<T>(open: () => T): T {
  try {
    return open()
  } catch (error) {
    if (!isOutOfDescriptors(error)) throw error
    let closed = 0
    for (const holder of holders) closed += holder.letGo()
    if (closed === 0) throw error
    return open()
  }
}
