// Goal: each durability mode keeps what it says under a power cut and under a kill, and the weaker ones really lose what
// they say they may: the words of the modes mean something. Method: one life in each mode; at each file operation every
// class of cut, and a kill; appends that had returned, or had been told durable, and are gone are counted.
import { beforeAll, expect, test } from 'vitest'
import { loadKernels } from '#kernel'
import { cutOf, cutsOf, digestOf, randomOf } from './cuts.ts'
import { liveAside } from './explore.ts'
import { findIn } from './judge.ts'
import { modes, stepsOf } from './life.ts'
import type { Mode } from './life.ts'

beforeAll(() => loadKernels())

const steps = stepsOf(
  'open, append, acked, burst, turn, append, seal, append, burst, turn, ' +
    'append, append, acked, append, close',
)
/** What was there when a seal was asked for, or before anything was. */
const sealed = ['', '1 2 3 4 5 6', '1 2 3 4 5 6 7 8 9 10 11 12 13 14']

interface Losses {
  /** States in which an append that had returned is gone; and one that was told durable. */
  returned: number
  told: number
  readonly found: Set<string>
}

const holds = (key: string, all: string): boolean => {
  const numbers = new Set(key.split(' '))
  return all === '' || all.split(' ').every((number) => numbers.has(number))
}

async function lossesOf(mode: Mode): Promise<{ cut: Losses; kill: Losses }> {
  const none = (): Losses => ({ returned: 0, told: 0, found: new Set() })
  const losses = { cut: none(), kill: none() }
  const known = new Map<bigint, string>()
  const aside = await liveAside({ seed: 1, mode, steps })
  for (const [at, { vfs, moment }] of aside.entries()) {
    const cuts = [...cutsOf(vfs.pendingEffects(), randomOf(at), 1)]
    const lefts = [
      ...cuts.map(({ fates }) => ['cut', vfs.crash(cutOf(fates))] as const),
      ['kill', vfs.kill()] as const,
    ]
    for (const [way, left] of lefts) {
      const digest = digestOf(left)
      const look = { mode, isVerified: false, goesOn: false }
      const key = known.get(digest) ?? (await findIn(left, look)).key
      known.set(digest, key)
      losses[way].found.add(key)
      if (!holds(key, moment.returned)) losses[way].returned += 1
      if (!holds(key, moment.told)) losses[way].told += 1
    }
  }
  return losses
}

test('sync: what returned is there, after a cut and after a kill', async () => {
  const { cut, kill } = await lossesOf('sync')
  expect(cut).toMatchObject({ returned: 0, told: 0 })
  expect(kill).toMatchObject({ returned: 0, told: 0 })
})

test('group: what was told durable is there; what only returned may be lost', async () => {
  const { cut, kill } = await lossesOf('group')
  expect(cut.told).toBe(0)
  expect(kill.told).toBe(0)
  expect(cut.returned).toBeGreaterThan(0)
})

test('os: a kill loses nothing, a cut may', async () => {
  const { cut, kill } = await lossesOf('os')
  expect(kill).toMatchObject({ returned: 0, told: 0 })
  expect(cut.returned).toBeGreaterThan(0)
})

test('memory: a cut and a kill lose what was not sealed, and nothing else', async () => {
  const { cut, kill } = await lossesOf('memory')
  expect(cut.returned).toBeGreaterThan(0)
  expect(kill.returned).toBeGreaterThan(0)
  expect([...cut.found].filter((key) => !sealed.includes(key))).toEqual([])
  expect([...kill.found].filter((key) => !sealed.includes(key))).toEqual([])
})

test('every mode is one of them', () => {
  expect([...modes].sort()).toEqual(['group', 'memory', 'os', 'sync'])
})
