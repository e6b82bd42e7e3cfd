// A life of a store, step by step, with what may be found at each of its moments. Steps are words, so that a life can
// be drawn, printed, repeated and cut shorter:
//
//   append  acked  burst  produced  again  seal [n]  compact  snapshot [name]  restore [name] [n]  drop [name]
//   flush  turn  advance  close  open [mode]          n: so many appends while it is under way
import { VarveError } from '#base'
import type { Ack, OpenOptions, Store } from '#store'
import { makeBed } from '../store/bed.ts'
import type { Bed, BedOptions } from '../store/bed.ts'
import { seededRandom } from '../support/manual-env.ts'
import { checkProducers, handleOf, isProduced, keyOf, partsOf, producer, rowsOf } from './rows.ts'
import { Violation } from './rows.ts'

export type Mode = NonNullable<OpenOptions['durability']>
export const modes: readonly Mode[] = ['sync', 'group', 'os', 'memory']

/** Small, so that files rotate and runs crowd in a life of some dozen appends. */
export const smallLimits: NonNullable<BedOptions['limits']> = {
  logRotateBytes: 1400,
  logZeroBytes: 512,
  manifestRotateBytes: 6000,
  partitionRunsMax: 2,
  indexRunsMin: 4,
  reserveBytes: 256,
}

interface State {
  readonly key: string
  /** Of the newest append; -1n: durable by what made the state. */
  readonly lsn: bigint
  /** Without a log: a seal was asked for here. */
  isSealed: boolean
}

export interface SnapshotSeen {
  readonly key: string
  /** undefined until it was told. */
  readonly hash: string | undefined
  /** It must be there. */
  readonly must: boolean
}

/** What may be found where the power goes, or the process is killed, now. */
export interface Moment {
  readonly mode: Mode
  readonly cut: readonly string[]
  readonly kill: readonly string[]
  /** All that readers may have seen. */
  readonly ever: ReadonlySet<string>
  readonly snapshots: ReadonlyMap<string, SnapshotSeen>
  /** What readers beside the writer may see is no more than this; undefined while it may be taken back. */
  readonly shown: string | undefined
  /** Everything whose append has returned; and everything whose `ack.durable` has resolved (no restores). */
  readonly returned: string
  readonly told: string
  /** Number of the step that was under way. */
  readonly step: number
}

/** Of an append that has not returned: above all others. */
const unknownLsn = 2n ** 63n

const keyWith = (key: string, number: number): string =>
  key === '' ? `${number}` : `${key} ${number}`

export class Life {
  readonly bed: Bed
  mode: Mode
  store: Store | undefined
  #states: State[] = [{ key: '', lsn: -1n, isSealed: true }]
  /** First of the states that may be found after a cut; and after a kill. */
  #floor = 0
  #killFloor = 0
  #isRestoring = false
  /** Refused appends that may lie on the device until the log goes on. */
  #doubtful: string[] = []
  /** States of a restore that failed: one of them may be what the device has. */
  #maybe: readonly string[] = []
  readonly #ever = new Set<string>([''])
  #snapshots = new Map<string, SnapshotSeen>()
  #number = 0
  #names = 0
  /** close() said that it failed: what is there is told by the next open. */
  #isCloseFailed = false
  #returned = ''
  #told = ''
  step = 0
  readonly #onError: ((error: unknown) => void) | undefined
  /** Steps that wait for the disk. */
  #waiting: Promise<unknown>[] = []

  /** `onError` takes what steps threw (a fault was ordered), and steps that wait are left waiting; without it a step
   *  that throws ends the life. */
  constructor(
    mode: Mode,
    bed: Bed = makeBed({ limits: smallLimits }),
    onError?: (error: unknown) => void,
  ) {
    this.mode = mode
    this.bed = bed
    this.#onError = onError
  }

  get newest(): string {
    return this.#states.at(-1)!.key
  }

  /** Moves the floors to what the store says is durable. */
  #look(): void {
    const { store } = this
    if (store === undefined || this.#isRestoring || store.state === 'closed') return
    const { durableLsn } = store
    this.#states.forEach(({ lsn }, at) => {
      if (lsn <= durableLsn && at > this.#floor) this.#floor = at
    })
    if (this.#killFloor < this.#floor) this.#killFloor = this.#floor
    if (store.state === 'open') this.#doubtful = []
  }

  get moment(): Moment {
    this.#look()
    const { mode, step } = this
    const doubtful = [...this.#maybe, ...this.#doubtful]
    const keys = (from: number): string[] => [
      ...this.#states.slice(from).flatMap(({ key, isSealed }, at) => {
        const isOne =
          mode !== 'memory' || this.#isRestoring || isSealed || at + from === this.#floor
        return isOne ? [key] : []
      }),
      ...doubtful,
    ]
    const [cut, kill] = [keys(this.#floor), keys(this.#killFloor)]
    // An append that is under way may have been synced; where faults meet, a reader may believe an edit that is written
    // and not synced yet.
    const isSure = this.store !== undefined && !this.#isRestoring && this.#onError === undefined
    const isTold = mode !== 'memory' && isSure
    const isUnderWay = this.#state.lsn === unknownLsn
    const shown = isUnderWay ? this.newest : this.#states[this.#floor]!.key
    return {
      mode,
      cut,
      kill,
      step,
      ever: this.#ever,
      snapshots: new Map(this.#snapshots),
      shown: isTold ? shown : undefined,
      returned: this.#returned,
      told: this.#told,
    }
  }

  /** The state is durable, and all before it are past. */
  #durable(state: State): void {
    const at = this.#states.lastIndexOf(state)
    if (at < 0 || this.#isRestoring) return // of before a restore, or while one may take it back
    this.#states = this.#states.slice(at)
    this.#floor = 0
    this.#killFloor = Math.max(0, this.#killFloor - at)
  }

  get #state(): State {
    return this.#states.at(-1)!
  }

  /** A handle that failed goes on with what it holds: that counts. @throws {Violation} */
  settle(): void {
    if (this.store === undefined || this.#isRestoring) return
    let key: string
    try {
      key = keyOf(this.store)
    } catch (error) {
      if (error instanceof Violation || this.#onError === undefined) throw error
      this.#onError(error) // a file that cannot be opened to be read
      return
    }
    const at = this.#states.findLastIndex((state) => state.key === key)
    if (at < 0) throw new Violation('I3', `the handle holds [${key}], which never was`)
    if (at < this.#states.length - 1) this.#states.push({ ...this.#states[at]! })
  }

  /** The cause is gone: what waited comes to its end. @throws {Violation} where it does not */
  async heal(): Promise<void> {
    this.bed.vfs.heal()
    const waiting = this.#waiting
    this.#waiting = []
    for (const each of waiting) {
      if (!(await this.#ends(each, 400))) throw new Violation('I9', 'a step waits for ever')
    }
    this.bed.scheduler.advance(5000)
    this.settle()
  }

  /** Turns and time, until it has come to its end or clearly waits for something. */
  async #ends(running: Promise<unknown>, turns: number): Promise<boolean> {
    const seen = { isSettled: false }
    const settled = (): void => void (seen.isSettled = true)
    running.then(settled, settled)
    for (let turn = 0; turn < turns && !seen.isSettled; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve))
      if (turn % 4 === 3) this.bed.scheduler.advance(60)
    }
    return seen.isSettled
  }

  // ---- steps

  async run(steps: readonly string[]): Promise<void> {
    for (const step of steps) {
      await this.take(step)
      this.step += 1
    }
  }

  /** Steps that make no sense now are passed over: a life stays one when steps are left out. */
  async take(step: string): Promise<void> {
    const [name, ...words] = step.split(' ')
    const onError = this.#onError
    if (onError === undefined) return this.#do(name!, words)
    if (this.#isRestoring) return
    const failures: unknown[] = []
    const running = this.#do(name!, words).catch((error: unknown) => {
      if (error instanceof Violation) failures.push(error)
      else onError(error)
    })
    if (!(await this.#ends(running, 16))) this.#waiting.push(running)
    if (failures.length > 0) throw failures[0]
    this.settle()
  }

  async #do(name: string, words: readonly string[]): Promise<void> {
    if (name === 'open') return this.#open((words[0] as Mode | undefined) ?? this.mode)
    if (this.store === undefined) return
    switch (name) {
      case 'append':
        this.#append()
        return
      case 'acked':
        return this.#acked()
      case 'burst':
        for (let at = 0; at < 3; at += 1) this.#append()
        return
      case 'again':
        return this.#again()
      case 'seal':
        return this.#seal(Number(words[0] ?? 0))
      case 'compact':
        await this.store.compact()
        return
      case 'snapshot':
        return this.#snapshot(words[0] ?? `s${(this.#names += 1)}`, Number(words[1] ?? 0))
      case 'restore':
        return this.#restore(words[0]!, Number(words[1] ?? 0))
      case 'drop':
        return this.#drop(words[0]!)
      case 'flush':
        return this.#flush()
      case 'turn':
        return new Promise((resolve) => setImmediate(resolve))
      case 'advance':
        this.bed.scheduler.advance(1500)
        return
      case 'close':
        return this.#close()
      default:
        throw new Error(`no step: ${name}`)
    }
  }

  async #open(mode: Mode): Promise<void> {
    if (this.store !== undefined) return
    const { kill } = this.moment
    this.mode = mode
    this.store = await this.bed.open({ durability: mode })
    const key = keyOf(this.store)
    if (this.#isCloseFailed) {
      this.#isCloseFailed = false
      if (!kill.includes(key)) throw new Violation('I9', `closed in vain, found [${key}]`)
      this.#states = [{ key, lsn: -1n, isSealed: true }]
      this.#floor = this.#killFloor = 0
      this.#maybe = []
      this.#doubtful = []
    }
    if (key !== this.newest)
      throw new Violation('I14', `closed with [${this.newest}], opened with [${key}]`)
  }

  #append(): { state: State; ack: Ack } {
    const store = this.store!
    const number = this.#number + 1
    const parts = partsOf(number)
    const before = this.#states.length
    const key = keyWith(this.newest, number)
    // Below every lsn that is not durable, until it is known.
    const state = { key, lsn: unknownLsn, isSealed: false }
    this.#states.push(state)
    this.#ever.add(key)
    this.#number = number
    let ack: Ack
    try {
      ack = isProduced(number)
        ? this.#produce(number)
        : store.append(entriesOf(store, number, parts))
    } catch (error) {
      this.#states.splice(before, 1)
      if (store.state === 'failed') this.#doubtful.push(key)
      throw error
    }
    const told = { ...state, lsn: ack.lsn }
    this.#states[this.#states.lastIndexOf(state)] = told
    const rows = parts.reduce((sum, part) => sum + part.rows, 0)
    if (ack.rows !== rows) throw new Violation('I4', `${rows} rows given, ${ack.rows} taken`)
    if (this.mode === 'sync') this.#durable(told)
    if (this.mode === 'os' && !this.#isRestoring) this.#killFloor = this.#states.lastIndexOf(told)
    // Whoever waits is told: that counts, whatever else the store says.
    this.#returned = told.key
    const isLogged = this.mode === 'sync' || this.mode === 'group'
    ack.durable.then(
      () => {
        this.#told = told.key
        if (isLogged) this.#durable(told)
      },
      () => {}, // an append that is lost is told so at close
    )
    return { state: told, ack }
  }

  #produce(number: number): Ack {
    const part = partsOf(number)[0]!
    const rows = rowsOf(number, part)
    const handle = handleOf(this.store!, part.series)
    return handle.append(rows as never, { producer: { id: producer, sequence: number } })
  }

  async #acked(): Promise<void> {
    await this.#append().ack.durable
  }

  /** What a producer says twice is taken once. */
  #again(): void {
    const numbers = this.newest.split(' ').map(Number)
    const number = numbers.findLast(isProduced)
    if (number === undefined) return
    const ack = this.#produce(number)
    if (ack.rows !== 0) throw new Violation('I2', `append ${number} was taken twice`)
  }

  async #seal(during: number): Promise<void> {
    const state = this.#state
    state.isSealed = true
    const running = this.store!.seal()
    this.#meanwhile(running, during)
    await running
    this.#maybe = []
    this.#durable(state)
  }

  #meanwhile(running: Promise<unknown>, appends: number): void {
    running.catch(() => {}) // it is awaited later, or an append throws first
    for (let at = 0; at < appends; at += 1) this.#append()
  }

  async #snapshot(name: string, during: number): Promise<void> {
    if (this.#snapshots.has(name)) return
    const state = this.#state
    state.isSealed = true
    const { key } = state
    this.#snapshots.set(name, { key, hash: undefined, must: false })
    const running = this.store!.snapshot(name)
    this.#meanwhile(running, during)
    const { contentHash } = await running
    this.#snapshots.set(name, { key, hash: contentHash, must: true })
    this.#durable(state)
  }

  async #restore(name: string, during: number): Promise<void> {
    const snapshot = this.#snapshots.get(name)
    if (snapshot?.must !== true) return
    this.#look()
    this.#state.isSealed = true // for the snapshot that a restore takes first
    this.#isRestoring = true
    const before = this.#states.length
    const old = this.newest
    try {
      const running = this.store!.restore(name)
      this.#meanwhile(running, during)
      // Until it is done the old state may be there, or the new one, each with some of what came since.
      const restored = [{ key: snapshot.key, lsn: -1n, isSealed: true }]
      for (const { key, lsn } of this.#states.slice(before)) {
        const more = key.slice(old.length).trim()
        restored.push({ key: `${snapshot.key} ${more}`.trim(), lsn, isSealed: false })
      }
      for (const { key } of restored) this.#ever.add(key)
      this.#states.push(...restored)
      await running
      this.#states = restored
      this.#floor = this.mode === 'sync' ? restored.length - 1 : 0
      this.#killFloor = this.mode === 'sync' || this.mode === 'os' ? restored.length - 1 : 0
    } catch (error) {
      // It may have landed all the same, until a later edit says otherwise.
      this.#maybe = this.#states.slice(before).map(({ key }) => key)
      this.#states.length = before
      throw error
    } finally {
      this.#isRestoring = false
    }
  }

  async #drop(name: string): Promise<void> {
    const snapshot = this.#snapshots.get(name)
    if (snapshot === undefined) return
    this.#snapshots.set(name, { ...snapshot, must: false })
    await this.store!.dropSnapshot(name)
    this.#snapshots.delete(name)
  }

  async #flush(): Promise<void> {
    const state = this.#state
    await this.store!.flush()
    if (this.mode !== 'memory') this.#durable(state)
  }

  async #close(): Promise<void> {
    const { store } = this
    const state = this.#state
    state.isSealed = true
    checkProducers(store!, state.key)
    this.#look()
    this.store = undefined
    this.#isCloseFailed = true
    await store!.close()
    this.#isCloseFailed = false
    this.#durable(state)
    this.#killFloor = 0
  }
}

function entriesOf(store: Store, number: number, parts: ReturnType<typeof partsOf>) {
  return parts.map((part) => ({ series: handleOf(store, part.series), rows: rowsOf(number, part) }))
}

/** Steps, as they are printed. */
export const stepsOf = (text: string): readonly string[] => text.split(', ')

/** Everything a store does, in each order that matters. */
export const script = stepsOf(
  'open, append, acked, burst, seal, acked, snapshot s1 1, append, ' +
    'seal 1, compact, acked, snapshot s2, restore s1 1, acked, again, ' +
    'drop s2, flush, burst, turn, seal, append, close, open, acked, burst, ' +
    'seal, restore s1, append, advance, turn, append, close',
)

/** A life drawn from a seed; it ends closed. */
export function drawSteps(seed: number, length: number): string[] {
  const random = seededRandom(seed)
  const steps = ['open']
  const words: readonly (readonly [number, () => string])[] = [
    [0.2, () => 'append'],
    [0.4, () => 'acked'],
    [0.48, () => 'burst'],
    [0.51, () => 'again'],
    [0.62, () => `seal ${Math.floor(random() * 3)}`],
    [0.7, () => 'compact'],
    [0.76, () => `snapshot s${1 + Math.floor(random() * 3)} ${Math.floor(random() * 2)}`],
    [0.81, () => `restore s${1 + Math.floor(random() * 3)} ${Math.floor(random() * 2)}`],
    [0.84, () => `drop s${1 + Math.floor(random() * 3)}`],
    [0.87, () => 'flush'],
    [0.92, () => 'turn'],
    [0.95, () => 'advance'],
    [1, () => 'close'],
  ]
  while (steps.length < length) {
    const roll = random()
    const step = words.find(([below]) => roll < below)![1]()
    steps.push(step)
    if (step === 'close')
      steps.push(random() < 0.6 ? 'open' : `open ${modes[Math.floor(random() * 4)]}`)
  }
  return [...steps, 'close']
}

/** Whether an error is one the store says, and not a failed assertion of ours. */
export const isOurs = (error: unknown): error is VarveError => error instanceof VarveError
