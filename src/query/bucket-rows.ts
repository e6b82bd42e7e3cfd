// The rows of an aggregate: buckets are entered in order of time, what their folds hold becomes a row when
// the next begins.
import { answerOf } from './aggregation.ts'
import type { AggregationPlan } from './aggregation.ts'

/** A bucket a row; arrays of their own. */
export interface AggregateRows {
  readonly rowCount: number
  readonly columns: { readonly time: BigInt64Array } & Readonly<Record<string, Float64Array>>
}

const roomFirst = 64

/** Collects the answers of one bucket after the other. */
export class BucketRows {
  readonly plan: AggregationPlan
  #opens = new BigInt64Array(roomFirst)
  readonly #values: Float64Array[]
  #rowCount = 0
  #open: bigint | undefined
  /** Rows of the bucket that is filled. */
  #rows = 0
  /** Time of the first row of all. */
  firstTime: bigint | undefined

  constructor(plan: AggregationPlan) {
    this.plan = plan
    this.#values = plan.answers.map(() => new Float64Array(roomFirst))
    this.#reset()
  }

  #reset(): void {
    for (const fold of this.plan.folds) fold.reset()
    for (const pair of this.plan.pairs) pair.reset()
    this.#rows = 0
  }

  /** `count` more rows come, of the bucket that opens at `open`; buckets rise. */
  enter(open: bigint, count: number): void {
    if (open !== this.#open) {
      this.#end()
      this.#open = open
    }
    this.#rows += count
  }

  #end(): void {
    if (this.#open === undefined) return
    if (this.#rowCount === this.#opens.length) this.#grow()
    this.#opens[this.#rowCount] = this.#open
    const { answers } = this.plan
    for (let at = 0; at < answers.length; at += 1) {
      this.#values[at]![this.#rowCount] = answerOf(answers[at]!, this.#rows)
    }
    this.#rowCount += 1
    this.#reset()
  }

  #grow(): void {
    const room = this.#opens.length * 4
    const opens = new BigInt64Array(room)
    opens.set(this.#opens)
    this.#opens = opens
    this.#values.forEach((values, at) => {
      const more = new Float64Array(room)
      more.set(values)
      this.#values[at] = more
    })
  }

  /** `alone`: the time of the one row for all, which is there also where nothing was folded. */
  finish(alone: bigint | undefined): AggregateRows {
    if (alone !== undefined) this.#open = alone
    this.#end()
    const columns: Record<string, Float64Array | BigInt64Array> = {
      time: this.#opens.slice(0, this.#rowCount),
    }
    this.plan.answers.forEach(({ name }, at) => {
      columns[name] = this.#values[at]!.slice(0, this.#rowCount)
    })
    return { rowCount: this.#rowCount, columns: columns as AggregateRows['columns'] }
  }
}
