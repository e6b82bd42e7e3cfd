// A process that takes the lock named on its command line, says on a line how that went, and then
// waits to be killed, or ends at once where it was refused. Runs the build.
import { diskVfs } from '#vfs'

const outcome = diskVfs.lock(process.argv[2])
const isHeld = 'lock' in outcome
process.stdout.write(`${JSON.stringify(isHeld ? { isHeld } : { isHeld, ...outcome.holder })}\n`)
if (isHeld) setInterval(() => {}, 1000)
