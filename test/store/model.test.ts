// Goal: a store says what a naive one says, after anything. Method: random kinds, appends, seals, compactions, snapshots,
// restores, reopens, kills and power cuts; after every step reads of every form are compared with objects in an array,
// sorted and merged as plainly as possible. A failure prints its seed and how to run that case alone.
import { beforeAll, describe, expect, test } from 'vitest'
import { loadKernels } from '#kernel'
import { Walk } from './walk.ts'

beforeAll(() => loadKernels())

const cases = Number(process.env['VARVE_CASES'] ?? 160)
const seedFirst = Number(process.env['VARVE_SEED'] ?? 1)
const parts = 8

async function runCase(seed: number): Promise<void> {
  const walk = new Walk(seed)
  try {
    await walk.run(16)
  } catch (cause) {
    const command = `VARVE_SEED=${seed} VARVE_CASES=1 npx vitest run test/store/model.test.ts`
    const message = `seed ${seed}: ${String(cause)}\nsteps: ${walk.steps.join(' | ')}\n${command}`
    throw new Error(message, { cause })
  }
}

describe(`model, seeds ${seedFirst} to ${seedFirst + cases - 1}`, () => {
  test.each(Array.from({ length: Math.min(parts, cases) }, (_, at) => at))(
    'part %i',
    async (part) => {
      let done = 0
      for (let seed = seedFirst + part; seed < seedFirst + cases; seed += parts) {
        await runCase(seed)
        done += 1
      }
      expect(done).toBeGreaterThan(0)
    },
  )
})
