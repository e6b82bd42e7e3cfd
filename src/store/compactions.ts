// The compactions of a store: those asked for, and those it begins by itself where a partition got
// crowded. One at a time, beside everything else: appends, seals and snapshots do not wait for
// them. What another changed meanwhile is looked at before a result is published.
import { VarveError, assert } from '#base'
import { cancelFlag, errorOf, raise, removeDraft } from '#compact'
import type { CancelFlag, CompactionJob, Compactor, DraftFile } from '#compact'
import { collect } from './collect.ts'
import { addReports, nothingCompacted, publishRound } from './compaction.ts'
import { chooseBelow, chooseCrowded, isClosed, planRound } from './compaction-plan.ts'
import type { Round } from './compaction-plan.ts'
import type { CompactionReport } from './contract.ts'
import type { Engine } from './engine.ts'

/** A partition with more runs than this is compacted without being asked. */
const partitionRunsMax = 8

/** cancelled: the flag was raised. stale: the inputs are not what they were; nothing was
 *  changed. */
type RoundEnd = CompactionReport | 'cancelled' | 'stale'

/** About what its outputs take. */
function bytesOf({ inputs }: Round): number {
  let bytes = 0
  for (const { runs } of inputs) for (const run of runs) bytes += run.dataBytes + run.footerBytes
  return bytes
}

export class Compactions {
  readonly #engine: Engine
  readonly #compactor: Compactor
  #queue: Promise<unknown> = Promise.resolve()
  /** Series with new runs, which a compaction begun by itself has not looked at yet. */
  readonly #touched = new Set<number>()
  /** Of the one that began by itself; undefined where there is none. */
  #own: CancelFlag | undefined
  #isStopped = false
  /** Rounds that were published, and those of them that nobody asked for. */
  rounds = 0
  ownRounds = 0

  constructor(engine: Engine, compactor: Compactor) {
    this.#engine = engine
    this.#compactor = compactor
  }

  /** Until nothing is left to do of what was sealed when it began. Begins when `after` is over.
   *  @throws the signal's reason; {VarveError} */
  run(after: Promise<unknown>, signal: AbortSignal | undefined): Promise<CompactionReport> {
    return this.#enqueue(async () => {
      await after
      return this.#runAll(signal)
    })
  }

  /** These series got new runs: where they are too many now, they are compacted, soon, and
   *  nobody waits for it. */
  noteSealed(seriesIds: Iterable<number>): void {
    for (const seriesId of seriesIds) this.#touched.add(seriesId)
    if (this.#own !== undefined || this.#isStopped || this.#touched.size === 0) return
    const flag = cancelFlag()
    this.#own = flag
    const ended = this.#enqueue(() => this.#runCrowded(flag))
    ended.catch((error: unknown) => {
      this.#engine.logger.error({ error }, 'a compaction failed; the runs stay as they are')
    })
  }

  /** What was asked for is done first; what began by itself is given up. */
  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#own !== undefined) raise(this.#own)
    await this.#queue
    await this.#compactor.close()
  }

  #enqueue<T>(task: () => Promise<T>): Promise<T> {
    const engine = this.#engine
    engine.beginWork()
    const result = this.#queue.then(task)
    const settled = (): void => engine.endWork()
    this.#queue = result.then(settled, settled)
    return result
  }

  async #runAll(signal: AbortSignal | undefined): Promise<CompactionReport> {
    const flag = cancelFlag()
    const cancel = (): void => raise(flag)
    signal?.addEventListener('abort', cancel)
    const choose = chooseBelow(this.#engine.lsnEnd)
    try {
      let report = nothingCompacted
      for (;;) {
        signal?.throwIfAborted()
        const ids = [...this.#engine.catalog.all()].map(({ id }) => id)
        const round = planRound(this.#engine, ids, choose)
        if (round === undefined) return report
        const end = await this.#runRound(round, flag)
        if (typeof end === 'object') report = addReports(report, end)
      }
    } finally {
      signal?.removeEventListener('abort', cancel)
    }
  }

  async #runCrowded(flag: CancelFlag): Promise<void> {
    const { env, logger } = this.#engine
    const choose = chooseCrowded(env.limits?.partitionRunsMax ?? partitionRunsMax)
    try {
      while (!this.#isStopped) {
        const round = planRound(this.#engine, this.#touched, choose)
        if (round === undefined) {
          this.#touched.clear()
          return
        }
        const startMs = env.clock.monotonicMs()
        const end = await this.#runRound(round, flag)
        if (typeof end !== 'object') continue
        this.ownRounds += 1
        const elapsedMs = env.clock.monotonicMs() - startMs
        logger.info({ ...end, elapsedMs }, 'crowded partitions were compacted')
      }
    } finally {
      this.#own = undefined
    }
  }

  async #runRound(round: Round, flag: CancelFlag): Promise<RoundEnd> {
    const engine = this.#engine
    const release = engine.pins.pinFiles(round.state)
    try {
      engine.space.require('compaction', bytesOf(round))
      const drafts = await this.#draftsOf(round.job, flag)
      if (drafts === undefined) return 'cancelled'
      if (!isClosed(engine.manifest.state, round.inputs)) {
        for (const { output } of drafts) removeDraft(engine.env.vfs, output)
        return 'stale'
      }
      const report = publishRound(engine, round, drafts)
      this.rounds += 1
      return report
    } finally {
      release()
      collect(engine)
    }
  }

  /** A thread that died is replaced once. undefined: cancelled. @throws {VarveError} */
  async #draftsOf(job: CompactionJob, flag: CancelFlag): Promise<readonly DraftFile[] | undefined> {
    try {
      return await this.#try(job, flag)
    } catch (error) {
      const isDeath = error instanceof VarveError && error.details['operation'] === 'compact'
      if (!isDeath) throw error
      this.#engine.logger.warn({ error }, 'the compaction thread died; it is tried once more')
      return await this.#try(job, flag)
    }
  }

  async #try(job: CompactionJob, flag: CancelFlag): Promise<readonly DraftFile[] | undefined> {
    const { vfs } = this.#engine.env
    try {
      const outcome = await this.#compactor.run(job, flag)
      if (outcome.end === 'failed') throw errorOf(outcome.failure)
      if (outcome.end === 'cancelled') return undefined
      assert(outcome.drafts.length > 0, 'compaction: rows go in, so rows come out')
      return outcome.drafts
    } catch (error) {
      for (const { output } of job.files) removeDraft(vfs, output)
      throw error
    }
  }
}
