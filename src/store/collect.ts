// Removes files that nothing names any more: after edits that dropped them, and leftovers at open.
import { VarveError } from '#base'
import { liveFiles, liveLogs } from '#manifest'
import type { Engine } from './engine.ts'
import { fileNumberOf } from './paths.ts'

/** Unlinks data and log files that no kept state and no pinned view names. What cannot be removed is tried again next
 *  time; the names need no sync: a file that comes back is collected at the next open. */
export function collect(engine: Engine): number {
  const { manifest, pins, paths, env } = engine
  const files = liveFiles(manifest.history)
  const logs = liveLogs(manifest.history)
  for (const state of pins.states()) {
    for (const { fileNumber } of state.files.values()) files.add(fileNumber)
    for (const { fileNumber } of state.logs.values()) logs.add(fileNumber)
  }
  if (engine.log !== undefined) logs.add(engine.log.fileNumber)
  let removed = 0
  const sweep = (directory: string, live: ReadonlySet<number>): void => {
    if (env.vfs.stat(directory) === undefined) return
    for (const name of env.vfs.list(directory)) {
      const fileNumber = fileNumberOf(name.replace(/\.draft$/, ''))
      const isDraft = name.endsWith('.draft')
      if (fileNumber === undefined || (!isDraft && live.has(fileNumber))) continue
      if (engine.isWriting(fileNumber)) continue
      if (remove(engine, `${directory}/${name}`)) removed += 1
    }
  }
  sweep(paths.segments, files)
  sweep(paths.packs, files)
  sweep(paths.wal, logs)
  return removed
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
