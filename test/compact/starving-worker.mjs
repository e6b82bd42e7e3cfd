// A compaction thread that is starved after VARVE_TEST_STARVED checks, as long as it steps aside for others.
import { checkOf, runOnThread } from '../../dist/src/compact/thread-job.js'
import { Starved } from '../../dist/src/compact/outcome.js'

export default function work(task) {
  const check = checkOf(task.flag)
  let checks = 0
  return runOnThread({ ...task, isBackground: false }, () => {
    check()
    checks += 1
    if (task.isBackground && checks === Number(process.env.VARVE_TEST_STARVED)) throw new Starved()
  })
}
