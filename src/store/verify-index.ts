// verify() of the sparse index: its own hashes, and what it says of the runs that the store reads. An index
// is a hint, so damage of it takes no rows away; it is told as damage of that file all the same.
import { VarveError } from '#base'
import type { ManifestState, RunEntry } from '#manifest'
import { verifyIndex } from '#segment'
import type { IndexedKey } from '#segment'
import { mapOrRead } from '#vfs'
import type { VfsFile } from '#vfs'
import type { Env } from './env.ts'
import type { Paths } from './paths.ts'
import { indexNames } from './run-index.ts'

export interface IndexFile {
  readonly path: string
  readonly bytes: number
}

const remedy = 'rows are read without it; delete the file, and it is made anew'

/** The index that reads use: the newest one; none where there is no index. @throws {VarveError} ERR_IO */
export function newestIndex({ vfs }: Pick<Env, 'vfs'>, paths: Paths): IndexFile | undefined {
  if (vfs.stat(paths.index) === undefined) return undefined
  const [name] = indexNames(vfs.list(paths.index))
  const path = `${paths.index}/${name ?? ''}`
  const bytes = name === undefined ? undefined : vfs.stat(path)?.bytes
  return bytes === undefined ? undefined : { path, bytes }
}

/** What is wrong with the index, one sentence each. `states`: all whose runs somebody may read. */
export function checkIndex(
  { vfs }: Pick<Env, 'vfs'>,
  paths: Paths,
  { path, bytes }: IndexFile,
  states: readonly ManifestState[],
): string[] {
  if (bytes === 0) return [`the index is empty; ${remedy}`]
  const [newest] = states
  if (newest === undefined) return []
  const footers = new Footers(vfs, paths, states)
  try {
    const file = mapOrRead(vfs, path, bytes)
    try {
      const found = verifyIndex(file.bytes, path, {
        storeId: newest.storeId,
        manifestEdit: Number(path.slice(paths.index.length + 1, -'.index'.length)),
        runs: [...runsOf(states)],
        footer: (run) => footers.read(run),
      })
      return found.map((message) => `${message}; ${remedy}`)
    } finally {
      file.release()
    }
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
    // A writer beside us may have made room for a newer one since.
    return error.code === 'ERR_NOT_FOUND' ? [] : [`${error.message}; ${remedy}`]
  } finally {
    footers.close()
  }
}

function runsOf(states: readonly ManifestState[]): Set<RunEntry> {
  const runs = new Set<RunEntry>()
  for (const { series } of states) {
    for (const one of series.values()) {
      for (const run of one.runs) if (run.sortOrder === 'time') runs.add(run)
    }
  }
  return runs
}

/** Reads footers; the file read last stays open, as runs of a file mostly follow each other. */
class Footers {
  readonly #vfs: Env['vfs']
  readonly #paths: Paths
  readonly #states: readonly ManifestState[]
  #file: VfsFile | undefined

  constructor(vfs: Env['vfs'], paths: Paths, states: readonly ManifestState[]) {
    this.#vfs = vfs
    this.#paths = paths
    this.#states = states
  }

  /** undefined where it cannot be read: its own file is checked by itself. */
  read({ fileNumber, footerOffset, footerBytes }: IndexedKey): Uint8Array | undefined {
    const entry = this.#states.find(({ files }) => files.has(fileNumber))?.files.get(fileNumber)
    if (entry === undefined || footerOffset + footerBytes > entry.bytes) return undefined
    const path = this.#paths.data(entry.fileKind, fileNumber)
    try {
      if (this.#file?.path !== path) {
        this.close()
        this.#file = this.#vfs.open(path, 'read')
      }
      const bytes = new Uint8Array(footerBytes)
      return bytes.subarray(0, this.#file.read(bytes, footerOffset))
    } catch (error) {
      if (!(error instanceof VarveError)) throw error
      return undefined
    }
  }

  close(): void {
    this.#file?.close()
    this.#file = undefined
  }
}
