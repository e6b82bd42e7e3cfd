// Where things lie in a store's folder. Symbols never become names here; numbers do.
//
//   LOCK  CURRENT  manifest/  wal/000000000042.wal  segments/000000000007.segment  packs/000000000008.pack
//   reserve  quarantine/  index/000000000123.index  readers/4711-0123456789ab.lease
import { logFileName } from '#wal'
import type { FileKind } from '#manifest'

const digits = 12

export interface Paths {
  readonly root: string
  readonly lock: string
  readonly wal: string
  readonly segments: string
  readonly packs: string
  readonly quarantine: string
  /** Bytes to be given up when the disk is full; see reserve.ts. */
  readonly reserve: string
  /** Of the sparse indexes, one a manifest generation. */
  readonly index: string
  /** Of the leases of readers in other processes. */
  readonly readers: string
  log(fileNumber: number): string
  data(fileKind: FileKind, fileNumber: number): string
}

export function pathsOf(root: string): Paths {
  const at = (name: string): string => `${root}/${name}`
  return {
    root,
    lock: at('LOCK'),
    wal: at('wal'),
    segments: at('segments'),
    packs: at('packs'),
    quarantine: at('quarantine'),
    reserve: at('reserve'),
    index: at('index'),
    readers: at('readers'),
    log: (fileNumber) => at(`wal/${logFileName(fileNumber)}`),
    data: (fileKind, fileNumber) =>
      at(`${fileKind}s/${String(fileNumber).padStart(digits, '0')}.${fileKind}`),
  }
}

/** The number in a name such as 000000000007.segment; undefined for any other name. */
export function fileNumberOf(name: string): number | undefined {
  const match = /^(\d{12})\.(wal|segment|pack)$/.exec(name)
  return match === null ? undefined : Number(match[1])
}
