// Goal: whatever a power cut leaves of what was not synced, or a kill of what was not written, recovery gives what was
// acknowledged, whole, once, at its place, and nothing else (I1-I8, I10, I14). Method: scripted and drawn lives on the
// memory twin; at every file operation every class of surviving parts is built, opened and compared with what may be
// there; the opening is cut as well, and readers look first. A failure prints the smallest story found.
import { beforeAll, describe, expect, test } from 'vitest'
import { loadKernels } from '#kernel'
import { Explorer, noCounts, sayCounts } from './explore.ts'
import type { Counts } from './explore.ts'
import { drawSteps, modes, script } from './life.ts'
import type { Mode } from './life.ts'

beforeAll(() => loadKernels())

const seedFirst = Number(process.env['VARVE_SEED'] ?? 1)
const statesMax = Number(process.env['VARVE_STATES'] ?? 24_000)
const stepsGiven = process.env['VARVE_STEPS']

if (stepsGiven !== undefined) {
  test('the story that was given', async () => {
    const mode = (process.env['VARVE_MODE'] ?? 'group') as Mode
    const explorer = new Explorer({ more: 4 })
    await explorer.explore({ seed: seedFirst, mode, steps: stepsGiven.split(', ') })
    console.info(sayCounts(explorer.counts))
  })
}

describe.skipIf(stepsGiven !== undefined)('power cuts and kills at every operation', () => {
  const total = noCounts()
  const add = (counts: Counts): void => {
    for (const name of Object.keys(total) as (keyof Counts)[]) total[name] += counts[name]
  }

  test.each(modes)(
    'mode %s',
    async (mode) => {
      const explorer = new Explorer({ more: 4, statesMax: Math.ceil(statesMax / modes.length) })
      await explorer.explore({ seed: seedFirst, mode, steps: script })
      for (let seed = seedFirst; !explorer.isFull; seed += 1) {
        await explorer.explore({ seed, mode, steps: drawSteps(seed * 4 + modes.indexOf(mode), 18) })
      }
      expect(explorer.counts.states).toBeGreaterThanOrEqual(statesMax / modes.length)
      console.info(`mode ${mode}: ${sayCounts(explorer.counts)}`)
      add(explorer.counts)
    },
    0,
  )

  test('as many states as were asked for', () => {
    process.stdout.write(`covered: ${total.states} crash states\n`)
    process.stdout.write(`covered: ${total.distinct} distinct ones\n`)
    expect(total.states).toBeGreaterThanOrEqual(statesMax)
    expect(total.distinct).toBeGreaterThan(total.states / 20)
  })
})
