// Work that nobody waits for beside appends that somebody waits for. On a machine with few processors the scheduler
// lets a busy thread finish its slice, of milliseconds, before a thread that just woke, such as the one that waits
// for the disk on behalf of an append. Linux has a class of threads that step aside at once (SCHED_IDLE, sched(7);
// koffi makes the call). They get what others leave, and may starve.
import { isMainThread } from 'node:worker_threads'
import { assert } from '#base'
import { loadKoffi } from './koffi.ts'

const prototype = 'int sched_setscheduler(int thread, int policy, const int *priority)'
const thisThread = 0
const policyIdle = 5

let isInBackground: boolean | undefined

function stepAside(): boolean {
  const call = process.platform === 'linux' ? loadKoffi()?.load(null).func(prototype) : undefined
  return call?.(thisThread, policyIdle, new Int32Array(1)) === 0
}

/** Puts this thread, not the main one, behind all others, and for good: nobody but root may raise it again. Whether
 *  that could be done; if not, the thread is as before. */
export function enterBackground(): boolean {
  assert(!isMainThread, 'background: somebody waits for the main thread')
  isInBackground ??= stepAside()
  return isInBackground
}
