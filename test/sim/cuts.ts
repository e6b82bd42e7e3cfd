// The states in which a power cut may leave the files of one moment: every class of what survives, then some by chance.
import { hash64 } from '#kernel'
import { sectorsOf } from '#vfs'
import type { Cut, Fate, MemoryVfs, PendingEffect } from '#vfs'
import { seededRandom } from '../support/manual-env.ts'

/** The fate of each pending effect, by id; of an effect that is not named: lost. */
export type Fates = ReadonlyMap<string, Fate>

export interface NamedCut {
  readonly name: string
  readonly fates: Fates
}

export const cutOf = (fates: Fates): Cut => ({ fateOf: ({ id }) => fates.get(id) ?? 'lost' })

type Choose = (effect: PendingEffect) => Fate

function cut(name: string, effects: readonly PendingEffect[], choose: Choose): NamedCut {
  return { name, fates: new Map(effects.map((effect) => [effect.id, choose(effect)])) }
}

const isData = ({ kind }: PendingEffect): boolean => kind === 'data'
const isWrite = ({ operation }: PendingEffect): boolean => operation === 'write'

/** Of a write: its first sectors, its last ones, or every second one. */
function torn({ from, to }: PendingEffect, bytes: number, part: 'head' | 'tail' | 'odd'): Fate {
  const sectors = sectorsOf(from, to, bytes)
  const half = Math.ceil(sectors.length / 2)
  const pieces = {
    head: sectors.length === 1 ? [] : sectors.slice(0, half),
    tail: sectors.slice(sectors.length === 1 ? 1 : half),
    odd: sectors.filter((_, at) => at % 2 === 1),
  }
  return { pieces: pieces[part] }
}

/** A write that stopped at a byte: what a page cache that was written back in time may hold. */
function prefix({ from, to }: PendingEffect, random: () => number): Fate {
  return { pieces: [[from, from + Math.floor(random() * (to - from))]] }
}

/**
 * Every class once: none, all, data or names alone, all but one and one alone for each effect, writes torn at sectors
 * of 512 and 4096 bytes, files grown without their data; then `more` random subsets.
 */
export function* cutsOf(
  effects: readonly PendingEffect[],
  random: () => number,
  more: number,
): Generator<NamedCut> {
  yield cut('none', effects, () => 'lost')
  if (effects.length === 0) return
  yield cut('all', effects, () => 'kept')
  yield cut('data alone', effects, (effect) => (isData(effect) ? 'kept' : 'lost'))
  yield cut('names alone', effects, (effect) => (isData(effect) ? 'lost' : 'kept'))
  for (const seed of [0, 77]) {
    const name = seed === 0 ? 'grown, zeros' : 'grown, noise'
    yield cut(name, effects, (effect) => (isWrite(effect) ? { grown: seed } : 'kept'))
  }
  if (effects.length > 1) {
    for (const one of effects) {
      yield cut(`without ${one.id}`, effects, (effect) => (effect === one ? 'lost' : 'kept'))
      yield cut(`${one.id} alone`, effects, (effect) => (effect === one ? 'kept' : 'lost'))
    }
  }
  for (const bytes of [512, 4096]) {
    for (const part of ['head', 'tail', 'odd'] as const) {
      const name = `torn at ${bytes}, ${part}`
      yield cut(name, effects, (effect) => (isWrite(effect) ? torn(effect, bytes, part) : 'kept'))
    }
  }
  for (let at = 0; at < more; at += 1) {
    yield cut(`random ${at}`, effects, (effect) => randomFate(effect, random))
  }
}

function randomFate(effect: PendingEffect, random: () => number): Fate {
  const roll = random()
  if (roll < 0.35) return 'kept'
  if (roll < 0.6 || !isWrite(effect)) return 'lost'
  if (roll < 0.7) return prefix(effect, random)
  if (roll < 0.8) return { grown: random() < 0.5 ? 0 : 1 + Math.floor(random() * 2 ** 30) }
  const sectors = sectorsOf(effect.from, effect.to, random() < 0.7 ? 512 : 4096)
  return { pieces: sectors.filter(() => random() < 0.5) }
}

/** A number that is the same for the same files with the same bytes, and for no others (64 bits). */
export function digestOf(vfs: MemoryVfs): bigint {
  let digest = 0n
  const names: string[] = []
  vfs.look((path, bytes) => {
    if (path.endsWith('/LOCK')) return // nobody reads what is in it
    names.push(path)
    digest = hash64(bytes, digest)
  })
  return hash64(new TextEncoder().encode(names.join('\n')), digest)
}

/** Chance that depends on all of these and nothing else. */
export function randomOf(...parts: readonly number[]): () => number {
  let seed = 17
  for (const part of parts) seed = (Math.imul(seed, 31) + part) | 0
  return seededRandom(seed)
}

export function sayFates(fates: Fates, effects: readonly PendingEffect[]): string {
  const lines = effects.map((effect) => {
    const { id, operation, name, from, to } = effect
    const place = effect.kind === 'data' ? ` [${from}, ${to})` : ''
    return `    ${id} ${operation} ${name}${place}: ${JSON.stringify(fates.get(id) ?? 'lost')}`
  })
  return lines.join('\n')
}
