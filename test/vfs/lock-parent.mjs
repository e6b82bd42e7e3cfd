// A process that takes the lock named on its command line, starts a child that outlives it, says the child's pid on a
// line and waits to be killed. Runs the build.
import { spawn } from 'node:child_process'
import { diskVfs } from '#vfs'

const outcome = diskVfs.lock(process.argv[2])
const idle = ['-e', 'setInterval(() => {}, 1000)']
// stdio is all that a child is given; a descriptor that is not closed at exec would come along unasked.
const child = spawn(process.execPath, idle, { detached: true, stdio: 'ignore' })
child.unref()
process.stdout.write(`${JSON.stringify({ isHeld: 'lock' in outcome, child: child.pid })}\n`)
setInterval(() => {}, 1000)
