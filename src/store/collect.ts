// Removes files that nothing names any more: after edits that dropped them, and leftovers at open.
import { VarveError } from '#base'
import { liveFiles, liveLogs } from '#manifest'
import type { Engine } from './engine.ts'
import { fileNumberOf } from './paths.ts'

/** Unlinks data and log files that no kept state and no pinned view names. What cannot be removed is tried again next
 *  time; the names need no sync: a file that comes back is collected at the next open. */
export function collect(engine: Engine): number {
  if (engine.isInDoubt) return 0
  const { manifest, pins, paths } = engine
  const files = liveFiles(manifest.history)
  const logs = liveLogs(manifest.history)
  for (const state of pins.states()) {
    for (const { fileNumber } of state.files.values()) files.add(fileNumber)
    for (const { fileNumber } of state.logs.values()) logs.add(fileNumber)
  }
  // The log may have made its next file already, though no edit names it yet: only older ones are leftovers.
  const logNumberEnd = engine.log?.fileNumber ?? Number.MAX_SAFE_INTEGER
  let removed = 0
  const sweep = (directory: string, live: ReadonlySet<number>, numberEnd: number): void => {
    for (const name of namesIn(engine, directory)) {
      const fileNumber = fileNumberOf(name.replace(/\.draft$/, ''))
      const isDraft = name.endsWith('.draft')
      if (fileNumber === undefined || (!isDraft && live.has(fileNumber))) continue
      if (engine.isWriting(fileNumber) || fileNumber >= numberEnd) continue
      if (remove(engine, `${directory}/${name}`)) removed += 1
    }
  }
  sweep(paths.segments, files, Number.MAX_SAFE_INTEGER)
  sweep(paths.packs, files, Number.MAX_SAFE_INTEGER)
  sweep(paths.wal, logs, logNumberEnd)
  return removed
}

/** Tidying can wait: a folder that cannot be listed now is listed next time. */
function namesIn({ env, logger }: Engine, directory: string): string[] {
  try {
    return env.vfs.list(directory)
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
    logger.warn({ file: directory, error }, 'leftovers could not be looked for')
    return []
  }
}

function remove(engine: Engine, path: string): boolean {
  engine.runs.forget(path)
  try {
    engine.env.vfs.unlink(path)
    return true
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
    engine.logger.warn({ file: path, error }, 'a file that nothing names could not be removed')
    return false
  }
}
