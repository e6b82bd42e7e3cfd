// Exclusive locks on an open descriptor, without waiting, that die with the process.
//
// Two kernel locks are in reach and they do not see each other on Linux: fs-native-extensions
// takes an open-file-description lock (fcntl F_OFD_SETLK), flock(1) of util-linux takes a flock(2)
// lock. A process that may not load add-ons has only the second. So flock(1) is the common ground,
// held by all, and the native lock comes on top; where there is no flock(1) the common ground is a
// lease file (room vfs). Both locks belong to the open file, not to the process: a second lock in
// the same process is refused too, and closing the descriptor, or dying, frees both.
//
// The child that runs flock(1) inherits our descriptor as its number 3, locks the open file behind
// it and exits; the lock stays, since our descriptor still refers to that open file.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { VarveError } from '#base'
import { isNativeAllowed } from './native.ts'

/** What this file uses of fs-native-extensions, which has no types. False where it is locked. */
interface FsNativeExtensions {
  tryLock(descriptor: number): boolean
}

export interface DescriptorLock {
  readonly isRefused: boolean
  /** Every varve on this machine, with add-ons or without, was asked. False: take a lease as well.
   *  */
  readonly isCommon: boolean
}

type Attempt = 'held' | 'refused' | 'absent'

/** Fixed places first: what is common ground must not depend on someone's PATH. */
const flockPrograms = ['/usr/bin/flock', '/bin/flock', '/usr/local/bin/flock', 'flock']

let native: FsNativeExtensions | undefined
let isNativeTried = false
let nativeFailure: unknown

function loadNativeLock(): FsNativeExtensions | undefined {
  if (isNativeTried || !isNativeAllowed()) return native
  isNativeTried = true
  try {
    native = createRequire(import.meta.url)('fs-native-extensions')
  } catch (cause) {
    nativeFailure = cause // No build for this machine: kernelInfo() tells.
  }
  return native
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

function tryNativeLock(descriptor: number): Attempt {
  const addOn = loadNativeLock()
  if (addOn === undefined) return 'absent'
  try {
    return addOn.tryLock(descriptor) ? 'held' : 'refused'
  } catch (cause) {
    const code = codeOf(cause)
    if (code === 'EACCES' || code === 'EBUSY') return 'refused'
    // A file system without such locks refuses them to everybody: the common ground decides.
    if (code === 'ENOTSUP' || code === 'ENOLCK' || code === 'EINVAL') return 'absent'
    const details = { operation: 'lock', errno: code }
    throw new VarveError('ERR_IO', 'the operating system refused a lock', details, { cause })
  }
}

function tryFlock(descriptor: number): Attempt {
  if (process.platform === 'win32') return 'absent'
  for (const program of flockPrograms) {
    const stdio = ['ignore', 'ignore', 'ignore', descriptor] as const
    const { error, status } = spawnSync(program, ['-n', '-x', '3'], { stdio: [...stdio] })
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'EACCES') continue
    if (error !== undefined || status === null) {
      const details = { operation: 'lock', program, errno: code }
      throw new VarveError('ERR_IO', 'flock(1) could not be run', details, { cause: error })
    }
    if (status === 0) return 'held'
    // Anything but 1 is a complaint (a file system without flock(2), an unknown option).
    return status === 1 ? 'refused' : 'absent'
  }
  return 'absent'
}

/**
 * Takes the exclusive lock on the open file behind `descriptor`, without waiting. It is freed when
 * the descriptor is closed; after a refusal close it too, it may hold half of the lock.
 * @throws {VarveError} ERR_IO where the lock could neither be taken nor refused.
 */
export function tryLockDescriptor(descriptor: number): DescriptorLock {
  if (tryNativeLock(descriptor) === 'refused') return { isRefused: true, isCommon: true }
  const flock = tryFlock(descriptor)
  return { isRefused: flock === 'refused', isCommon: flock !== 'absent' }
}

let hasFlockProgram: boolean | undefined

/** The kind of lock this process takes: 'native' on top of flock or lease, 'flock', or 'lease'. */
export function lockKind(): 'native' | 'flock' | 'lease' {
  if (loadNativeLock() !== undefined) return 'native'
  hasFlockProgram ??= flockPrograms.some(
    (program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined,
  )
  return hasFlockProgram ? 'flock' : 'lease'
}

/** Why the native lock could not be loaded, where it was tried and could not. */
export function nativeLockFailure(): unknown {
  return nativeFailure
}
