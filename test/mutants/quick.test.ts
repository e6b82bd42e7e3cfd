// Goal: a suite so quick that it can be run once for every seeded bug, and so sharp that each of them is caught.
// Method: short lives in every mode, each moment cut in every class; and lives in which a sync fails and lies.
import { beforeAll, expect, test } from 'vitest'
import { loadKernels } from '#kernel'
import type { FaultRule } from '#vfs'
import { Explorer } from '../sim/explore.ts'
import { stepsOf } from '../sim/life.ts'
import type { Mode } from '../sim/life.ts'

beforeAll(() => loadKernels())

const short = stepsOf(
  'open, append, acked, seal, acked, seal, burst, seal, compact, ' +
    'snapshot s1, append, acked, restore s1, append, close, open, acked, ' +
    'close',
)

async function explore(mode: Mode, steps: readonly string[], rule?: FaultRule): Promise<void> {
  const explorer = new Explorer({ more: 1 })
  const faults = rule === undefined ? {} : { faults: [rule] }
  await explorer.explore({ seed: 1, mode, steps, ...faults })
  expect(explorer.counts.distinct).toBeGreaterThan(20)
}

// The shortest first: what they catch is caught soon.
const failing = ['open', 'acked', 'append', 'turn', 'turn', 'append', 'flush']
const lie: FaultRule = { operation: 'datasync', path: 'wal', nth: 3 }
const doubt: FaultRule = {
  operation: 'datasync',
  path: 'manifest',
  isDone: true,
  nth: 3,
  times: 'forever',
}
test('mode sync', () => explore('sync', ['open', 'append', 'append', 'seal', 'append', 'close']))
test('mode sync, a sync fails and lies', () => explore('sync', failing, lie))
test('mode group, a sync fails and lies', () => explore('group', failing, lie))
test('mode group, edits that failed have landed', () =>
  explore('group', ['open', 'acked', 'seal', 'append', 'seal'], doubt))
test('mode os', () => explore('os', short))
test('mode group', () => explore('group', short))
