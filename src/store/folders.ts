// The folders of data files: made where they are not there, and the numbers of files in them noted.
import type { Manifest } from '#manifest'
import type { Env } from './env.ts'
import { fileNumberOf } from './paths.ts'
import type { Paths } from './paths.ts'

/** A file that a crash left behind keeps its number: a new one of that number could not be created.
 *  @throws {VarveError} ERR_IO, ERR_DISK_FULL */
export function noteFiles({ vfs }: Env, paths: Paths, manifest: Manifest): void {
  for (const directory of [paths.wal, paths.segments, paths.packs]) {
    vfs.makeDirectory(directory)
    for (const name of vfs.list(directory)) {
      const fileNumber = fileNumberOf(name.replace(/\.draft$/, ''))
      if (fileNumber !== undefined) manifest.noteFileNumber(fileNumber)
    }
  }
}
