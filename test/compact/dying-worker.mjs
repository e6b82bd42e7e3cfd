// A compaction thread that comes to harm: VARVE_TEST_DEATH says how, the number in it after how many checks.
import { runOnThread, checkOf } from '../../dist/src/compact/thread-job.js'

const [how, after] = (process.env.VARVE_TEST_DEATH ?? 'none:0').split(':')

export default async function work(task) {
  const check = checkOf(task.flag)
  let checks = 0
  const outcome = await runOnThread(task, () => {
    check()
    checks += 1
    // Slow enough to be cancelled; wakes up at once where somebody says so.
    if (how === 'slow') Atomics.wait(task.flag, 0, 0, 50)
    if (checks !== Number(after)) return
    if (how === 'exit') process.exit(7)
    if (how === 'throw') throw new TypeError('no such thing')
  })
  // Outside of every promise: the thread ends with it, and its answer is never given.
  if (how === 'uncaught') return new Promise(() => process.nextTick(() => task.nothing.there))
  return outcome
}
