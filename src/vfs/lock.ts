// The exclusive lock of a file on disk: a kernel lock (room kernel), a lease where there is none
// that every process asks, and the holder's pid as text in the file, so that who is refused can
// name it.
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs'
import { VarveError } from '#base'
import { tryLockDescriptor } from '#kernel'
import { errnoOf, fileError } from './error.ts'
import { dropLease, takeLease } from './lease.ts'
import type { LockHolder, VfsLock } from './port.ts'

const openFlagsOfLock = constants.O_RDWR | constants.O_CREAT
const pidBytesMax = 20
/** A lock file that is replaced more often than this while we try is somebody's mischief. */
const attemptsMax = 10

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (cause) {
    return errnoOf(cause) === 'EPERM' // it runs, as another user
  }
  return true
}

/** The holder's pid. A dead process holds nothing: its name was left behind, and who holds the lock
 *  has not written its own yet. */
function readPid(descriptor: number): number | undefined {
  const bytes = new Uint8Array(pidBytesMax)
  const count = readSync(descriptor, bytes, 0, pidBytesMax, 0)
  const found = /^([1-9]\d{0,9})\n/.exec(new TextDecoder().decode(bytes.subarray(0, count)))
  const pid = Number(found?.[1])
  return found !== null && isAlive(pid) ? pid : undefined
}

/** False where the name leads to another file, or to none: then the lock of this one says nothing.
 *  */
function isStillNamed(descriptor: number, path: string): boolean {
  const named = statSync(path, { throwIfNoEntry: false })
  const held = fstatSync(descriptor)
  return named !== undefined && named.ino === held.ino && named.dev === held.dev
}

type Outcome = { lock: VfsLock } | { holder: LockHolder }

function lockOf(path: string, descriptor: number, lease: string | undefined): VfsLock {
  let isReleased = false
  return {
    release() {
      if (isReleased) return
      isReleased = true
      try {
        ftruncateSync(descriptor, 0)
        if (lease !== undefined) dropLease(lease)
      } catch (cause) {
        throw fileError('unlock', path, errnoOf(cause), cause)
      } finally {
        closeSync(descriptor)
      }
    },
  }
}

/** One try. undefined where the file was replaced meanwhile. */
function tryOnce(path: string, descriptor: number): Outcome | undefined {
  const { isRefused, isCommon } = tryLockDescriptor(descriptor)
  if (isRefused) return { holder: { pid: readPid(descriptor) } }
  if (!isStillNamed(descriptor, path)) return undefined
  let lease: string | undefined
  if (!isCommon) {
    const taken = takeLease(path)
    if ('pid' in taken) return { holder: taken }
    lease = taken.lease
  }
  const text = new TextEncoder().encode(`${process.pid}\n`)
  ftruncateSync(descriptor, 0)
  writeSync(descriptor, text, 0, text.length, 0)
  return { lock: lockOf(path, descriptor, lease) }
}

/** `lock` of the port, for files on disk. */
export function lockDisk(path: string): Outcome {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    let descriptor: number | undefined
    let outcome: Outcome | undefined
    try {
      descriptor = openSync(path, openFlagsOfLock, 0o600)
      outcome = tryOnce(path, descriptor)
    } catch (cause) {
      if (cause instanceof VarveError) throw cause
      throw fileError('lock', path, errnoOf(cause), cause)
    } finally {
      const isHeld = outcome !== undefined && 'lock' in outcome
      if (descriptor !== undefined && !isHeld) closeSync(descriptor)
    }
    if (outcome !== undefined) return outcome
  }
  throw fileError('lock', path, 'ESTALE')
}
