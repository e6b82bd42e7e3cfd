// Work that nobody waits for beside appends that somebody waits for. On a machine with few processors the scheduler
// lets a busy thread finish its slice, of milliseconds, before a thread that just woke, such as the one that waits
// for the disk on behalf of an append. Linux has a class of threads that step aside at once (SCHED_IDLE, sched(7);
// koffi makes the call). They get what others leave, and may starve.
import { createRequire } from 'node:module'
import { isMainThread } from 'node:worker_threads'
import { assert } from '#base'
import { isNativeAllowed } from './native.ts'

/** What this file uses of koffi. */
interface Koffi {
  load(path: null): {
    func(prototype: string): (thread: number, policy: number, priority: Int32Array) => number
  }
}

const policyIdle = 5

let isTried = false
let isInBackground = false
let failure: unknown

function stepAside(): boolean {
  const koffi: Koffi = createRequire(import.meta.url)('koffi')
  const call = koffi
    .load(null)
    .func('int sched_setscheduler(int thread, int policy, const int *priority)')
  return call(0, policyIdle, new Int32Array(1)) === 0
}

/** Puts this thread, not the main one, behind all others, and for good: nobody but root may raise it again. Whether
 *  that could be done; if not, the thread is as before. */
export function enterBackground(): boolean {
  assert(!isMainThread, 'background: somebody waits for the main thread')
  if (isTried || !isNativeAllowed() || process.platform !== 'linux') return isInBackground
  isTried = true
  try {
    isInBackground = stepAside()
  } catch (cause) {
    failure = cause // No build for this machine: kernelInfo() tells, maps need it as well.
  }
  return isInBackground
}

/** Why this thread could not step aside, where it was tried and failed. */
export function backgroundFailure(): unknown {
  return failure
}
