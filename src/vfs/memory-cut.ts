// What a power cut may do, told effect by effect: each change that has not reached the device is an
// effect, and a cut gives each of them its fate. A test enumerates fates, or draws them.
//
//   effect   data  (one write or truncate of one file: may be kept in part)
//            names (one edit of one or two directories: both names or neither)
import type { OperationName } from './memory-fault.ts'

export const sectorBytes = 512

/** A change that has not reached the device. */
export interface PendingEffect {
  /** The same in copies made by kill(), and in every cut of one moment. */
  readonly id: string
  readonly kind: 'data' | 'names'
  /** write, truncate; of names: open, rename, unlink. */
  readonly operation: OperationName
  /** Of the file. Names: of the name that changes, as its last part. */
  readonly name: string
  /** data: where the change begins, and where it ends; of a truncation the new size, twice. */
  readonly from: number
  readonly to: number
}

/**
 * lost: it never happened. kept: all of it did. kept pieces (data alone): only these bytes of a
 * write, [from, to) in the file. grown (data alone): the file has its new size, and in its new part
 * zeros or, with a seed, noise: old sectors of others.
 */
export type Fate =
  | 'lost'
  | 'kept'
  | { readonly pieces: readonly (readonly [number, number])[] }
  | { readonly grown: number }

export interface Cut {
  fateOf(effect: PendingEffect): Fate
}

/** Draws fates from `random`, numbers in [0, 1): any part of what was not synced may survive. */
export function randomCut(random: () => number): Cut {
  return { fateOf: (effect) => randomFate(effect, random) }
}

/** Names: one half each. Data: a quarter each is lost, kept, torn at sectors, grown. */
function randomFate({ kind, operation, from, to }: PendingEffect, random: () => number): Fate {
  const fate = random()
  if (kind === 'names') return fate < 0.5 ? 'lost' : 'kept'
  if (fate < 0.25) return 'lost'
  if (fate < 0.5 || operation === 'truncate') return 'kept'
  if (fate >= 0.75) return { grown: random() < 0.5 ? 1 + Math.floor(random() * 2 ** 31) : 0 }
  return { pieces: sectorsOf(from, to, sectorBytes).filter(() => random() < 0.5) }
}

/** The parts of [from, to) that lie in different sectors of `bytes` bytes. */
export function sectorsOf(from: number, to: number, bytes: number): [number, number][] {
  const sectors: [number, number][] = []
  for (let at = from; at < to;) {
    const end = Math.min(to, at - (at % bytes) + bytes)
    sectors.push([at, end])
    at = end
  }
  return sectors
}

/** Fills with bytes that depend on `seed` alone; 0: zeros. */
export function fillNoise(target: Uint8Array, seed: number): void {
  if (seed === 0) {
    target.fill(0)
    return
  }
  let state = seed | 0
  for (let at = 0; at < target.length; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0
    target[at] = state >>> 16
  }
}
