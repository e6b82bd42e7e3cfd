// Maps the file named on its command line 200 times, keeps one view past unmap, collects garbage, and
// says how many mappings there were at each moment. Runs the build, with --expose-gc.
import { closeSync, openSync, readFileSync } from 'node:fs'
import { mapFile } from '#kernel'

const path = process.argv[2]
const count = () => readFileSync('/proc/self/maps', 'utf8').split(path).length - 1
const turn = () => new Promise((resolve) => setImmediate(resolve))

async function settle(until) {
  for (let round = 0; round < 200 && count() > until; round += 1) {
    globalThis.gc()
    await turn()
  }
}

let view
const said = {}
function mapMany() {
  const descriptor = openSync(path, 'r')
  const maps = Array.from({ length: 200 }, () => mapFile(descriptor, 10_000))
  closeSync(descriptor)
  said.whileHeld = count()
  view = maps[0].bytes
  for (const map of maps) map.unmap()
}
mapMany()
await turn()
await settle(view.length === 0 ? 0 : 1)
said.kept = view.length === 0 ? [count()] : [count(), view[7]]
view = undefined
await settle(0)
said.atEnd = count()
process.stdout.write(JSON.stringify(said))
