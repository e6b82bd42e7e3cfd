// A life is lived once; at each of its file operations a copy of the files is put aside with what had not reached the
// device. Then every class of cut of every copy is opened and judged, and so is a cut of that opening itself.
import type { FaultRule, MemoryVfs, PendingEffect } from '#vfs'
import { memoryVfs } from '#vfs'
import { makeBed } from '../store/bed.ts'
import { cutOf, cutsOf, digestOf, randomOf, sayFates } from './cuts.ts'
import type { Fates, NamedCut } from './cuts.ts'
import { compare, findIn, readerFinds } from './judge.ts'
import type { Found } from './judge.ts'
import { Life, isOurs, modes, smallLimits } from './life.ts'
import type { Mode, Moment } from './life.ts'
import { Violation } from './rows.ts'

export interface Story {
  readonly seed: number
  readonly mode: Mode
  readonly steps: readonly string[]
  /** Orders to fail; what steps throw is then part of life. */
  readonly faults?: readonly FaultRule[]
}

export interface Counts {
  /** Moments of lives at which files were put aside. */
  moments: number
  /** States built and compared: moments times cuts. */
  states: number
  /** Of those, states whose files no state before had: each was opened and looked at. */
  distinct: number
  /** Openings that were cut as well. */
  again: number
  /** States that a reader opened first. */
  readers: number
}

export const noCounts = (): Counts => ({ moments: 0, states: 0, distinct: 0, again: 0, readers: 0 })

export const sayCounts = ({ moments, states, distinct, again, readers }: Counts): string =>
  `${states} states, ${distinct} distinct, of ${moments} moments; ` +
  `${again} openings cut as well; ${readers} readers`

interface Aside {
  readonly vfs: MemoryVfs
  readonly moment: Moment
  /** The operation that was about to happen. */
  readonly place: string
}

export interface ExploreOptions {
  /** Random cuts of each moment, beside every class. */
  readonly more: number
  /** No more states than this. */
  readonly statesMax?: number
  readonly counts?: Counts
}

const silent = new Set(['read', 'size', 'stat', 'list', 'close', 'freeBytes'])

/** Lives the story; gives what each moment left behind, the last one closed. @throws {Violation} */
export async function liveAside(story: Story, isWanted = true): Promise<Aside[]> {
  const vfs = memoryVfs()
  const bed = makeBed({ vfs, limits: smallLimits, seed: story.seed })
  const onError = (error: unknown): void => {
    if (!isOurs(error)) throw error
  }
  const life = new Life(story.mode, bed, story.faults === undefined ? undefined : onError)
  const aside: Aside[] = []
  for (const rule of story.faults ?? []) vfs.fail(rule)
  const put = (place: string): void => {
    const { moment } = life
    aside.push({ vfs: vfs.kill(), moment, place })
  }
  vfs.watch(({ operation, path }, index) => {
    if (isWanted && !silent.has(operation)) put(`operation ${index}, ${operation} ${path}`)
  })
  try {
    await life.run(story.steps)
    if (story.faults !== undefined) {
      await life.heal()
      await life.run(['acked', 'seal', 'close'])
    }
  } finally {
    vfs.watch(undefined)
  }
  put('the end')
  return aside
}

/** What makes one state again. */
interface Suspect {
  readonly aside: Aside
  readonly effects: readonly PendingEffect[]
  readonly fates: Fates | 'kill'
  readonly name: string
  /** Cuts the opening too. */
  readonly seed: number
}

export class Explorer {
  readonly #known = new Map<bigint, Found>()
  readonly #options: ExploreOptions
  readonly counts: Counts

  constructor(options: ExploreOptions) {
    this.#options = options
    this.counts = options.counts ?? noCounts()
  }

  get isFull(): boolean {
    return this.counts.states >= (this.#options.statesMax ?? Number.MAX_SAFE_INTEGER)
  }

  /** Judges a story in all its moments. @throws {Error} with the smallest story found, and how to run it again */
  async explore(story: Story): Promise<void> {
    const aside = await liveAside(story)
    for (const [at, each] of aside.entries()) {
      if (this.isFull) return
      const suspect = await this.#judgeMoment(story, each, at)
      if (suspect === undefined) continue
      throw await describeFailure(story, suspect.suspect, suspect.violation)
    }
  }

  /** The first state of a moment that is wrong. */
  async #judgeMoment(
    story: Story,
    aside: Aside,
    at: number,
  ): Promise<{ suspect: Suspect; violation: Violation } | undefined> {
    this.counts.moments += 1
    try {
      if (at % 4 === 0) await this.#readBeside(aside)
    } catch (violation) {
      if (!(violation instanceof Violation)) throw violation
      const suspect = { aside, effects: [], fates: 'kill', name: 'a reader', seed: 0 } as const
      return { suspect, violation }
    }
    const effects = aside.vfs.pendingEffects()
    const random = randomOf(story.seed, at, modes.indexOf(story.mode))
    const cuts: (NamedCut | 'kill')[] = [...cutsOf(effects, random, this.#options.more), 'kill']
    for (const [index, each] of cuts.entries()) {
      const fates = each === 'kill' ? each : each.fates
      const name = each === 'kill' ? 'killed' : each.name
      const suspect = { aside, effects, fates, name, seed: at * 1000 + index }
      try {
        await this.#judge(suspect)
      } catch (violation) {
        if (!(violation instanceof Violation)) throw violation
        return { suspect, violation }
      }
      if (this.isFull) break
    }
    return undefined
  }

  /** @throws {Violation} */
  async #judge(suspect: Suspect): Promise<void> {
    this.counts.states += 1
    const { aside, fates } = suspect
    const left = fates === 'kill' ? aside.vfs.kill() : aside.vfs.crash(cutOf(fates))
    const digest = digestOf(left)
    // What was killed has things pending, so that its opening can be cut in ways of its own.
    const known = fates === 'kill' ? undefined : this.#known.get(digest)
    const found = known ?? (await this.#look(left, digest, suspect))
    if (fates !== 'kill') this.#known.set(digest, found)
    compare(found, aside.moment, fates === 'kill' ? 'kill' : 'cut')
  }

  /** Opens files that nobody opened before. */
  async #look(vfs: MemoryVfs, digest: bigint, suspect: Suspect): Promise<Found> {
    this.counts.distinct += 1
    const { moment } = suspect.aside
    const low = Number(digest & 0xffffn)
    const random = randomOf(low, suspect.seed)
    const seen = low % 8 === 1 ? await this.#readFirst(vfs, moment) : undefined
    let opened: string | undefined
    let again: { vfs: MemoryVfs; opened: string | undefined } | undefined
    const cutAt = low % 3 === 0 ? Math.floor(random() * 90) : -1
    if (cutAt >= 0) {
      vfs.watch((_, index) => {
        if (index === cutAt) again = { vfs: vfs.kill(), opened }
      })
    }
    const found = await findIn(vfs, {
      mode: modes[low % 4]!,
      isVerified: low % 5 === 0,
      goesOn: low % 5 === 1,
      onOpen: (key) => (opened = key),
    })
    vfs.watch(undefined)
    if (seen !== undefined && !isStartOf(seen, found.key)) {
      throw new Violation('I6', `a reader saw [${seen}], then a writer found [${found.key}]`)
    }
    if (again !== undefined) await this.#judgeAgain(again, found, moment, random)
    return found
  }

  /** A reader in another process, while the writer lives: it sees nothing that the device may not have. */
  async #readBeside({ vfs, moment }: Aside): Promise<void> {
    this.counts.readers += 1
    const seen = await readerFinds(vfs.kill())
    if (seen === undefined || moment.shown === undefined || isStartOf(seen, moment.shown)) return
    throw new Violation('I6', `a reader saw [${seen}], durable was [${moment.shown}]`)
  }

  async #readFirst(vfs: MemoryVfs, { ever }: Moment): Promise<string | undefined> {
    this.counts.readers += 1
    const seen = await readerFinds(vfs.kill())
    if (seen === undefined || ever.has(seen)) return seen
    throw new Violation('I2', `a reader saw [${seen}], which never was`)
  }

  /** An opening that was cut: before it was done the same may be found as at first, later what it found. */
  async #judgeAgain(
    { vfs, opened }: { vfs: MemoryVfs; opened: string | undefined },
    first: Found,
    moment: Moment,
    random: () => number,
  ): Promise<void> {
    this.counts.again += 1
    const effects = vfs.pendingEffects()
    const cuts = [...cutsOf(effects, random, 2)]
    const { fates, name } = cuts[Math.floor(random() * cuts.length)]!
    const left = vfs.crash(cutOf(fates))
    const digest = digestOf(left)
    const mode = modes[Math.floor(random() * 4)]!
    try {
      const look = { mode, isVerified: false, goesOn: false }
      const found = this.#known.get(digest) ?? (await findIn(left, look))
      if (opened === undefined) return compare(found, moment, 'cut')
      const seen = [...first.snapshots].map(
        ([each, { key, hash }]) => [each, { key, hash, must: true }] as const,
      )
      const cut = [opened, `${opened} 10000`.trim()]
      compare(found, { ...moment, cut, snapshots: new Map(seen) }, 'cut')
    } catch (cause) {
      if (!(cause instanceof Violation)) throw cause
      const what = `the opening was cut too (${name}): ${cause.message}\n${sayFates(fates, effects)}`
      throw new Violation(cause.invariant, what, { cause })
    }
  }

  /** Whether that state is wrong. */
  async isWrong(suspect: Suspect): Promise<boolean> {
    try {
      await this.#judge(suspect)
      return false
    } catch (error) {
      if (error instanceof Violation) return true
      throw error
    }
  }
}

/** What readers trust is a part of what the log holds; a restore may lie between. */
function isStartOf(seen: string, key: string): boolean {
  return seen === '' || key === seen || key.startsWith(`${seen} `)
}

// ---- when something is wrong

const triesMax = Number(process.env['VARVE_SHRINK'] ?? 60)

/** Fewer steps: the story is cut after the step that was under way, then each step is left out where it stays wrong. */
async function fewerSteps(story: Story, step: number): Promise<Story> {
  let best: Story = { ...story, steps: story.steps.slice(0, step + 1) }
  let tries = 0
  for (let at = best.steps.length - 2; at > 0 && tries < triesMax; at -= 1, tries += 1) {
    const shorter = { ...best, steps: best.steps.toSpliced(at, 1) }
    if ((await firstWrong(shorter)) !== undefined) best = shorter
  }
  return best
}

/** The first state of a story that is wrong. */
async function firstWrong(story: Story): Promise<{ suspect: Suspect; what: string } | undefined> {
  const explorer = new Explorer({ more: 4 })
  let aside: Aside[]
  try {
    aside = await liveAside(story)
  } catch {
    return undefined // it does not even live
  }
  for (const [at, each] of aside.entries()) {
    const effects = each.vfs.pendingEffects()
    const random = randomOf(story.seed, at, modes.indexOf(story.mode))
    for (const [index, { name, fates }] of [...cutsOf(effects, random, 4)].entries()) {
      const suspect = { aside: each, effects, fates, name, seed: at * 1000 + index }
      if (await explorer.isWrong(suspect)) return { suspect, what: name }
    }
  }
  return undefined
}

/** Effects that need not survive are lost. */
async function fewerEffects(suspect: Suspect): Promise<Suspect> {
  if (suspect.fates === 'kill') return suspect
  let best = suspect
  for (const { id } of suspect.effects) {
    const fates = new Map(best.fates as Fates)
    if ((fates.get(id) ?? 'lost') === 'lost') continue
    fates.set(id, 'lost')
    const smaller = { ...best, fates }
    if (await new Explorer({ more: 0 }).isWrong(smaller)) best = smaller
  }
  return best
}

async function describeFailure(
  story: Story,
  suspect: Suspect,
  violation: Violation,
): Promise<Error> {
  const isShrunk = triesMax > 0
  const shorter = isShrunk ? await fewerSteps(story, suspect.aside.moment.step) : story
  const found = isShrunk ? await firstWrong(shorter) : undefined
  const smallest = await fewerEffects(found?.suspect ?? suspect)
  const { aside, effects, fates, name } = smallest
  const steps = (found === undefined ? story : shorter).steps.join(', ')
  const lines = [
    violation.message,
    `  seed ${story.seed}, mode ${story.mode}, steps: ${steps}`,
    `  at ${aside.place}: ${name}`,
    ...(fates === 'kill' ? [] : [sayFates(fates, effects)]),
    `  VARVE_SEED=${story.seed} VARVE_MODE=${story.mode} VARVE_STEPS='${steps}' ` +
      'npx vitest run test/sim/states.test.ts',
  ]
  return new Error(lines.join('\n'), { cause: violation })
}
