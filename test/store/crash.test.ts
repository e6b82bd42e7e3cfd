// Goal: after the power is cut or the process killed at any moment, what was acknowledged is there once, at its place;
// what is there is a prefix of what was appended; an append is whole or not there; snapshots are as they were; close()
// is durable (I1-I5, I14). Method: a scripted life on the memory twin; before each of its file operations three copies
// of the files are put aside: without power (nothing unsynced survives; random parts of it do) and killed. Each is
// opened and judged; then the recovery itself loses power at a random operation and is judged again.
import { beforeAll, describe, expect, test } from 'vitest'
import { loadKernels } from '#kernel'
import type { MemoryVfs } from '#vfs'
import { seededRandom } from '../support/manual-env.ts'
import { makeBed } from './bed.ts'
import { Workload, checkLeft, live, modes, numbersOf } from './workload.ts'
import type { Mode, Moment } from './workload.ts'

beforeAll(() => loadKernels())

interface Left {
  readonly vfs: MemoryVfs
  readonly moment: Moment
  readonly name: string
}

const step = Number(process.env['VARVE_CRASH_STEP'] ?? 1)

/** The life of a store, and what each moment of it leaves behind. */
async function leftBy(mode: Mode, limits = {}): Promise<Left[]> {
  const bed = makeBed({ limits })
  const work = new Workload(mode, bed)
  const random = seededRandom(7)
  const left: Left[] = []
  bed.vfs.watch(({ operation, path }, index) => {
    const isChange = !['read', 'size', 'stat', 'list', 'close'].includes(operation)
    if (!isChange || index % step !== 0) return
    const { moment } = work
    const name = `${mode}, operation ${index} (${operation} ${path})`
    left.push(
      { vfs: bed.vfs.crash(), moment, name: `${name}, cut` },
      { vfs: bed.vfs.crash(random), moment, name: `${name}, cut, some survive` },
      { vfs: bed.vfs.kill(), moment, name: `${name}, killed` },
    )
  })
  await live(work)
  bed.vfs.watch(undefined)
  left.push({ vfs: bed.vfs.crash(), moment: work.moment, name: `${mode}, closed` })
  return left
}

/** Judges what is left, and what is left of its recovery. Gives the number of states judged. */
async function judge({ vfs, moment }: Left, at: number): Promise<number> {
  const bed = makeBed({ vfs })
  const random = seededRandom(at)
  let again: MemoryVfs | undefined
  const cutAt = 20 + Math.floor(random() * 60)
  vfs.watch((_, index) => {
    if (index === cutAt) again = vfs.crash(random() < 0.5 ? undefined : random)
  })
  const mode = modes[at % modes.length]!
  const numbers = await checkLeft(bed, moment, mode)
  vfs.watch(undefined)
  if (again !== undefined) await checkLeft(makeBed({ vfs: again }), moment, modes[(at + 1) % 4]!)
  // It was closed: now it is all there, whatever happens.
  if (at % 8 === 0)
    await checkLeft(makeBed({ vfs: vfs.crash() }), { ...moment, states: [numbers] }, 'os')
  return 1 + Number(again !== undefined) + Number(at % 8 === 0)
}

async function judgeAll(left: readonly Left[]): Promise<number> {
  let count = 0
  for (const [at, each] of left.entries()) {
    try {
      count += await judge(each, at)
    } catch (cause) {
      throw new Error(`${each.name}: ${String(cause)}`, { cause })
    }
  }
  return count
}

describe('power cut or kill at every operation', () => {
  test.each(modes)('mode %s', async (mode) => {
    const left = await leftBy(mode)
    const count = await judgeAll(left)
    expect(count).toBeGreaterThan(100 / step)
    console.info(`mode ${mode}: ${count} states`)
  })

  test('with a log of many files', async () => {
    const left = await leftBy('group', { logRotateBytes: 400 })
    const some = left.filter((_, at) => at % 6 === 1)
    expect(await judgeAll(some)).toBeGreaterThan(100 / step)
  })

  test('with compactions that begin by themselves', async () => {
    const left = await leftBy('os', { partitionRunsMax: 1 })
    expect(left.length).toBeGreaterThan((await leftBy('os')).length)
    const some = left.filter((_, at) => at % 4 === 1)
    expect(await judgeAll(some)).toBeGreaterThan(100 / step)
  })

  test('a store without power is read without a writer', async () => {
    const left = (await leftBy('group')).filter((_, at) => at % 9 === 0)
    for (const { vfs, moment, name } of left) {
      const bed = makeBed({ vfs })
      try {
        const reader = await bed.read()
        // Nothing above what is known to be synced is shown: at most what a writer would find.
        const numbers = numbersOf(reader)
        expect(moment.ever).toContain(numbers)
        await reader.close()
        expect(vfs.handleCount).toBe(0)
        const writer = await bed.open()
        expect(moment.states).toContain(numbersOf(writer))
        await writer.close()
      } catch (error) {
        const code = (error as { code?: string }).code
        if (code !== 'ERR_NOT_FOUND') throw new Error(name, { cause: error })
      }
    }
  })
})
