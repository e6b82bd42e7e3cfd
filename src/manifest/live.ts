// Which files on disk are still wanted, by the newest state or by a snapshot's.
import { keptStates, type History } from './history.ts'

/** Numbers of segments and packs that any kept state names. */
export function liveFiles(history: History): Set<number> {
  const live = new Set<number>()
  for (const { state } of keptStates(history)) {
    for (const { fileNumber } of state.files.values()) live.add(fileNumber)
  }
  return live
}

/** Numbers of log files that any kept state names: a snapshot reads the rows that were not sealed
 *  at its edit there. */
export function liveLogs(history: History): Set<number> {
  const live = new Set<number>()
  for (const { state } of keptStates(history)) {
    for (const { fileNumber } of state.logs.values()) live.add(fileNumber)
  }
  return live
}

/** Segments and packs that only snapshots still hold, with their bytes. */
export function pinnedOnlyFiles(history: History): Map<number, number> {
  const pinned = new Map<number, number>()
  for (const { state } of keptStates(history)) {
    for (const { fileNumber, bytes } of state.files.values()) {
      if (!history.state.files.has(fileNumber)) pinned.set(fileNumber, bytes)
    }
  }
  return pinned
}
