// A whole file as bytes in memory: mapped where the system and this process can, else read. Only for
// sealed files that are never rewritten and go by unlink: what is mapped must not shrink.
import { closeSync, fstatSync, openSync } from 'node:fs'
import { VarveError, assert } from '#base'
import { mapFile } from '#kernel'
import type { FileMap } from '#kernel'
import { diskVfs } from './disk.ts'
import { errnoOf, fileError } from './error.ts'
import type { Vfs } from './port.ts'

export interface FileBytes {
  /** Read only, whole, 8-byte aligned. Views of it live as long as one holder has not released. */
  readonly bytes: Uint8Array
  readonly how: 'mmap' | 'read'
  /** One more holder: each releases once. */
  retain(): void
  /** The last holder's release gives the memory back; using `bytes` after it is a bug. */
  release(): void
}

function anotherSize(path: string, expected: number, actual: number): VarveError {
  return new VarveError('ERR_CORRUPT', 'a file has another size than it should', {
    file: path,
    expected,
    actual,
  })
}

/** undefined where files are not mapped here. */
function mapDisk(path: string, bytes: number): FileMap | undefined {
  let descriptor: number
  try {
    descriptor = openSync(path, 'r')
  } catch (cause) {
    throw fileError('open', path, errnoOf(cause), cause)
  }
  try {
    const actual = fstatSync(descriptor).size
    if (actual !== bytes) throw anotherSize(path, bytes, actual)
    return mapFile(descriptor, bytes)
  } finally {
    closeSync(descriptor)
  }
}

/** A SharedArrayBuffer, so that it can be given to threads as a mapping is. */
function readWhole(vfs: Vfs, path: string, bytes: number): Uint8Array {
  const file = vfs.open(path, 'read')
  try {
    const size = file.size()
    if (size !== bytes) throw anotherSize(path, bytes, size)
    const target = new Uint8Array(new SharedArrayBuffer(bytes))
    const actual = file.read(target, 0)
    if (actual !== bytes) throw anotherSize(path, bytes, actual)
    return target
  } finally {
    file.close()
  }
}

function held(bytes: () => Uint8Array, how: FileBytes['how'], letGo: () => void): FileBytes {
  let holders = 1
  return {
    get bytes() {
      assert(holders > 0, 'file bytes: nobody reads after the last release')
      return bytes()
    },
    how,
    retain() {
      assert(holders > 0, 'file bytes: only what is held can be held again')
      holders += 1
    },
    release() {
      assert(holders > 0, 'file bytes: released once a holder')
      holders -= 1
      if (holders === 0) letGo()
    },
  }
}

/**
 * The file at `path`, which has `bytes` (at least 1) and never changes. Mapped on `diskVfs` where this
 * process can map; read into a SharedArrayBuffer elsewhere, and where mapping is refused.
 * @throws {VarveError} ERR_NOT_FOUND, ERR_IO; ERR_CORRUPT where it has another size
 */
export function mapOrRead(vfs: Vfs, path: string, bytes: number): FileBytes {
  assert(bytes >= 1, 'file bytes: at least one')
  if (vfs === diskVfs) {
    let map: FileMap | undefined
    try {
      map = mapDisk(path, bytes)
    } catch (cause) {
      // Some file systems map nothing; the bytes are there all the same. What else fails, fails again.
      const isRefused = cause instanceof VarveError && cause.details['operation'] === 'mmap'
      if (!isRefused) throw cause
    }
    if (map !== undefined) {
      const mapped = map
      return held(
        () => mapped.bytes,
        'mmap',
        () => mapped.unmap(),
      )
    }
  }
  let target: Uint8Array | undefined = readWhole(vfs, path, bytes)
  return held(
    () => target!,
    'read',
    () => (target = undefined),
  )
}
