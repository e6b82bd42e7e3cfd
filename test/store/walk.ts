// One random walk over a store, beside a naive one: what the store says is compared after every step.
import { expect } from 'vitest'
import type { Kind, TimeInput } from '#schema'
import type { Ack, ReadSeries, ReadStore, ReadView, Series, Store } from '#store'
import { seededRandom } from '../support/manual-env.ts'
import { expectNothingOpen, makeBed } from './bed.ts'
import type { Bed } from './bed.ts'
import {
  bits,
  day0,
  hasEnded,
  partitionOf,
  pick,
  randomInput,
  randomKind,
  randomTime,
  read,
  shown,
  stored,
  upTo,
} from './naive.ts'
import type { NaiveRow, Random } from './naive.ts'

interface Place {
  readonly kind: Kind
  readonly wider: Kind
  readonly symbol: string
  readonly timeframe: string | undefined
}

/** What a store holds; never changed, replaced. */
interface State {
  readonly rows: ReadonlyMap<Place, readonly NaiveRow[]>
  readonly producers: ReadonlyMap<string, number>
}

type AnySeries = Series<Kind>
type Shown = Record<string, unknown>

const durabilities = ['group', 'group', 'sync', 'os', 'memory'] as const
const empty: State = { rows: new Map(), producers: new Map() }

function rowsOf(state: State, place: Place): NaiveRow[] {
  return read(place.kind, place.timeframe, state.rows.get(place) ?? [])
}

/** Everything that counts for the content hash. */
function contentText(state: State, places: readonly Place[]): string {
  const texts = places.map((place) => {
    const rows = rowsOf(state, place).map((row) =>
      Object.keys(row)
        .sort()
        .map((name) => `${name}=${bits(row[name])}`)
        .join(),
    )
    return rows.length === 0 ? '' : `${place.kind.name}/${place.symbol}: ${rows.join('; ')}`
  })
  return texts.filter((text) => text !== '').join('\n')
}

export class Walk {
  readonly #random: Random
  readonly #places: Place[]
  readonly #isSmall: boolean
  readonly #snapshots = new Map<string, { state: State; hash: string }>()
  readonly #hashes = new Map<string, string>()
  /** States since the last one that is known to be durable, oldest first. */
  #history: State[] = [empty]
  /** All states since the store was opened. */
  #everything: State[] = [empty]
  #bed: Bed
  #store!: Store
  #durability: (typeof durabilities)[number] = 'group'
  #names = 0
  #hasProducers = true
  readonly steps: string[] = []

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    this.#isSmall = this.#random() < 0.4
    this.#bed = makeBed({
      seed,
      limits: this.#isSmall
        ? { headBytesMax: 3000, logRotateBytes: 2000, partitionRunsMax: 1 + (seed % 3) }
        : {},
    })
    const kinds = [randomKind(this.#random, 'one'), randomKind(this.#random, 'two')]
    const symbols = ['BTC/USDT:USDT', '..', 'CON', 'BACpL', 'BACPL']
    this.#places = Array.from({ length: 1 + upTo(this.#random, 3) }, (_, at) => {
      const kind = kinds[at % 2]!
      const timeframe = pick(this.#random, ['1m', '1h', '1d', '1mo'])
      return {
        ...kind,
        symbol: symbols[at]!,
        timeframe: kind.kind.timeframed ? timeframe : undefined,
      }
    })
  }

  get #state(): State {
    return this.#history.at(-1)!
  }

  #note(state: State): void {
    this.#history.push(state)
    this.#everything.push(state)
  }

  /** Everything so far survives whatever comes. */
  #durable(): void {
    this.#history = [this.#state]
  }

  #say(step: string): void {
    this.steps.push(step)
  }

  #handle(view: Store, place: Place, kind?: Kind): AnySeries
  #handle(view: ReadView, place: Place, kind?: Kind): ReadSeries<Kind>
  #handle(view: ReadView, place: Place, kind: Kind = place.kind): ReadSeries<Kind> {
    return view.series(
      kind as Kind<string, Kind['columns'], true>,
      place.symbol,
      place.timeframe as '1m',
    ) as ReadSeries<Kind>
  }

  async run(steps: number): Promise<void> {
    await this.#open()
    for (let step = 0; step < steps; step += 1) {
      await this.#step()
      this.#compareAll(this.#store, this.#state, 1)
    }
    this.#compareAll(this.#store, this.#state, this.#places.length)
    await this.#checkSnapshots(this.#store)
    const verified = await this.#store.verify()
    expect(verified.damage).toEqual([])
    await this.#store.close()
    await expectNothingOpen(this.#bed)
  }

  async #open(): Promise<void> {
    this.#durability = pick(this.#random, durabilities)
    this.#say(`open ${this.#durability}`)
    this.#store = await this.#bed.open({ durability: this.#durability })
  }

  async #step(): Promise<void> {
    const roll = this.#random()
    if (roll < 0.45) return this.#append()
    if (roll < 0.5) return this.#refusedAppend()
    if (roll < 0.6) return this.#long('seal', () => this.#store.seal())
    if (roll < 0.66) return this.#long('compact', () => this.#store.compact(), false)
    if (roll < 0.72) return this.#snapshot()
    if (roll < 0.75) return this.#restore()
    if (roll < 0.77) return this.#drop()
    if (roll < 0.8)
      return this.#long('flush', () => this.#store.flush(), this.#durability !== 'memory')
    if (roll < 0.83) {
      this.#say('advance')
      this.#bed.scheduler.advance(pick(this.#random, [1, 5, 2000]))
      return
    }
    if (roll < 0.89) return this.#reader()
    if (roll < 0.93) return this.#scanAsync()
    return this.#reopen()
  }

  /** Something that takes turns; rows are appended meanwhile, and stand after it. */
  async #long(name: string, action: () => Promise<unknown>, isDurable = true): Promise<void> {
    this.#say(name)
    const before = this.#history.length
    const running = action()
    const meanwhile = this.#random() < 0.4 ? 1 + upTo(this.#random, 2) : 0
    for (let turn = 0; turn < meanwhile; turn += 1) {
      await this.#append(false)
      if (this.#random() < 0.5) await new Promise((resolve) => setImmediate(resolve))
    }
    await running
    if (isDurable) this.#history = this.#history.slice(Math.max(0, before - 1))
  }

  #inputs(place: Place, kind: Kind): Shown[] {
    const count = pick(this.#random, [1, 1, 2, 3, 8, 40])
    const inputs = Array.from({ length: count }, () => randomInput(this.#random, kind))
    if (this.#random() < 0.4) inputs.sort((a, b) => (a['time']! < b['time']! ? -1 : 1))
    return inputs.filter(({ time }) => isKnownDate(place, time as bigint))
  }

  #with(state: State, place: Place, rows: readonly NaiveRow[]): State {
    const all = new Map(state.rows)
    all.set(place, [...(all.get(place) ?? []), ...rows])
    return { ...state, rows: all }
  }

  async #append(mayWait = true): Promise<void> {
    if (this.#random() < 0.25) return this.#appendMany(mayWait)
    const place = pick(this.#random, this.#places)
    const kind = this.#random() < 0.3 ? place.wider : place.kind
    const inputs = this.#inputs(place, kind)
    if (inputs.length === 0) return
    const series = this.#handle(this.#store, place, kind)
    let state = this.#state
    const producer = this.#producer(place)
    const known = producer && state.producers.get(producer.key)
    const isRepeat = producer !== undefined && known !== undefined && producer.sequence <= known
    const form = pick(this.#random, ['rows', 'columns'])
    this.#say(`append ${place.symbol} ${inputs.length} ${form} ${isRepeat ? 'again' : ''}`)
    const rows = form === 'rows' || inputs.length === 1 ? inputs : columnsOf(kind, inputs)
    const ack = series.append(
      (inputs.length === 1 ? inputs[0] : rows) as never,
      producer === undefined ? undefined : { producer },
    )
    expect(ack.rows).toBe(isRepeat ? 0 : inputs.length)
    if (!isRepeat)
      state = this.#with(
        state,
        place,
        inputs.map((input) => stored(kind, input)),
      )
    if (producer !== undefined && !isRepeat) {
      state = { ...state, producers: new Map(state.producers).set(producer.key, producer.sequence) }
    }
    this.#note(state)
    await this.#settle(ack, mayWait && !isRepeat)
  }

  #producer(place: Place): { id: string; sequence: number; key: string } | undefined {
    if (!this.#hasProducers || this.#random() > 0.3) return undefined
    const id = pick(this.#random, ['p', 'q'])
    const key = `${this.#places.indexOf(place)}/${id}`
    return { id, sequence: (this.#state.producers.get(key) ?? 0) + upTo(this.#random, 3) - 1, key }
  }

  async #appendMany(mayWait: boolean): Promise<void> {
    const parts = Array.from({ length: 1 + upTo(this.#random, 3) }, () => {
      const place = pick(this.#random, this.#places)
      const kind = this.#random() < 0.4 ? place.wider : place.kind
      return { place, kind, inputs: this.#inputs(place, kind) }
    }).filter(({ inputs }) => inputs.length > 0)
    if (parts.length === 0) return
    this.#say(`append many ${parts.map(({ place }) => place.symbol).join()}`)
    const ack = this.#store.append(
      parts.map(({ place, kind, inputs }) => ({
        series: this.#handle(this.#store, place, kind),
        rows: inputs,
      })),
    )
    let state = this.#state
    for (const { place, kind, inputs } of parts) {
      state = this.#with(
        state,
        place,
        inputs.map((input) => stored(kind, input)),
      )
    }
    this.#note(state)
    await this.#settle(ack, mayWait)
  }

  async #settle(ack: Ack, mayWait: boolean): Promise<void> {
    if (this.#durability === 'sync') this.#durable()
    if (!mayWait || this.#random() < 0.5) return
    await ack.durable
    if (this.#durability === 'group') this.#durable()
  }

  /** The last row is bad: nothing of the call is there, no kind, no series, no column. */
  #refusedAppend(): void {
    const place = pick(this.#random, this.#places)
    const kind = this.#random() < 0.5 ? place.wider : place.kind
    const inputs = [...this.#inputs(place, kind), { time: 'no time' }]
    this.#say(`refused ${place.symbol}`)
    const series = this.#handle(this.#store, place, kind)
    const before = this.#store.list().map(({ symbol }) => symbol)
    const kindBefore = JSON.stringify(this.#store.kindOf(kind.name))
    const good = pick(this.#random, this.#places)
    const others = this.#inputs(good, good.wider)
    expect(() =>
      this.#store.append([
        ...(others.length > 0
          ? [{ series: this.#handle(this.#store, good, good.wider), rows: others }]
          : []),
        { series, rows: inputs },
      ]),
    ).toThrow(/time|value/)
    expect(this.#store.list().map(({ symbol }) => symbol)).toEqual(before)
    expect(JSON.stringify(this.#store.kindOf(kind.name))).toBe(kindBefore)
  }

  async #snapshot(): Promise<void> {
    const name = `s${(this.#names += 1)}`
    const state = this.#state
    await this.#long(`snapshot ${name}`, async () => {
      const info = await this.#store.snapshot(name)
      const rows = this.#places.reduce((sum, place) => sum + rowsOf(state, place).length, 0)
      // A full head may have been sealed within an append: then the snapshot holds more.
      if (info.rows === rows) this.#noteHash(state, info.contentHash)
      this.#snapshots.set(name, {
        state: this.#find(this.#store.at(name), [state, ...this.#everything]),
        hash: info.contentHash,
      })
    })
  }

  #noteHash(state: State, hash: string): void {
    const text = contentText(state, this.#places)
    expect(this.#hashes.get(text) ?? hash).toBe(hash)
    for (const [other, known] of this.#hashes) if (known === hash) expect(other).toBe(text)
    this.#hashes.set(text, hash)
  }

  async #restore(): Promise<void> {
    const [name, found] = pick(this.#random, [...this.#snapshots]) ?? []
    if (name === undefined || found === undefined) return
    this.#say(`restore ${name}`)
    const known = new Set(this.#store.snapshots().map((info) => info.name))
    const before = this.#state
    const running = this.#store.restore(name)
    // Rows that come after the call stand behind what is restored.
    this.#note(found.state)
    // Until then producers are as they were: what they repeat is told from what is being given up.
    this.#hasProducers = false
    if (!this.#isSmall && this.#random() < 0.5) await this.#append(false)
    this.#hasProducers = true
    await running
    const automatic = this.#store.snapshots().find((info) => !known.has(info.name))
    expect(automatic?.name.startsWith(`before-restore-${name}`)).toBe(true)
    this.#snapshots.set(automatic!.name, { state: before, hash: automatic!.contentHash })
    this.#history = this.#history.slice(this.#history.indexOf(found.state))
  }

  async #drop(): Promise<void> {
    const [name, found] = pick(this.#random, [...this.#snapshots]) ?? []
    if (name === undefined || found === undefined) return
    this.#say(`drop ${name}`)
    const view = this.#store.at(name)
    await this.#store.dropSnapshot(name)
    this.#snapshots.delete(name)
    this.#compareAll(view, found.state, this.#places.length)
    view.close()
    expect(() => view.list()).toThrow('closed')
  }

  async #checkSnapshots(store: ReadStore): Promise<void> {
    const infos = store.snapshots()
    expect(infos.map(({ name }) => name).sort()).toEqual([...this.#snapshots.keys()].sort())
    for (const { name, contentHash } of infos) {
      const found = this.#snapshots.get(name)!
      expect(contentHash).toBe(found.hash)
      const view = store.at(name)
      this.#compareAll(view, found.state, this.#places.length)
      view.close()
    }
    await Promise.resolve()
  }

  /** A reader shows a state that is durable or may be. */
  async #reader(): Promise<void> {
    this.#say('reader')
    const reader = await this.#bed.read({ follow: this.#random() < 0.5 })
    this.#find(reader, this.#history)
    await this.#append()
    await this.#long('seal under a reader', () => this.#store.seal())
    reader.refresh()
    // What was appended during the seal may not be durable yet.
    this.#find(reader, this.#history)
    if (this.#durability !== 'memory') await this.#store.flush()
    reader.refresh()
    if (this.#durability !== 'memory') this.#compareAll(reader, this.#state, this.#places.length)
    await this.#checkSnapshots(reader)
    await reader.close()
  }

  async #scanAsync(): Promise<void> {
    const place = pick(this.#random, this.#places)
    this.#say(`scan ${place.symbol}`)
    const expected = rowsOf(this.#state, place).map((row) => shown(place.wider, row))
    const rows: Shown[] = []
    const batchRows = 1 + upTo(this.#random, 6)
    const scan = this.#handle(this.#store, place, place.wider).scan({ batchRows })
    for await (const batch of scan) {
      for (const row of batch) rows.push(row as Shown)
      if (rows.length === batch.rowCount) {
        await this.#append()
        await this.#store.seal()
        await this.#store.compact()
        this.#durable()
      }
    }
    expect(rows).toEqual(expected)
  }

  async #reopen(): Promise<void> {
    const how = pick(this.#random, ['close', 'kill', 'cut', 'cut some'])
    this.#say(how)
    const bed = this.#bed
    if (how === 'close') {
      await this.#store.close()
      await expectNothingOpen(bed)
      this.#durable()
      await this.#open()
      this.#compareAll(this.#store, this.#state, this.#places.length)
      return
    }
    // A killed process leaves what the operating system has; without power that is gone all the same.
    const isAll = how === 'kill' && this.#durability === 'os'
    const candidates = isAll ? [this.#state] : this.#history
    const left =
      how === 'kill' ? bed.vfs.kill() : bed.vfs.crash(how === 'cut' ? undefined : this.#random)
    await this.#store.close()
    await expectNothingOpen(bed)
    this.#bed = bed.next(left)
    await this.#open()
    const found = this.#find(this.#store, candidates)
    this.#everything = [found]
    this.#history = [found]
    await this.#checkSnapshots(this.#store)
    if (this.#random() < 0.3) {
      // The recovery loses power as well.
      const again = this.#bed.vfs.crash(this.#random)
      await this.#store.close()
      this.#bed = this.#bed.next(again)
      await this.#open()
      this.#history = [this.#find(this.#store, this.#history)]
    }
  }

  /** The newest of the states that the view shows. */
  #find(view: ReadView, states: readonly State[]): State {
    let failure: unknown
    for (const state of states.toReversed()) {
      try {
        // Through the wider kind: another one may not show in what two of the states differ.
        this.#compareAll(view, state, this.#places.length, true)
        return state
      } catch (error) {
        failure ??= error
      }
    }
    throw new Error('what is there is none of the states that may be there', { cause: failure })
  }

  #compareAll(view: ReadView, state: State, count: number, isWide = false): void {
    const from = upTo(this.#random, this.#places.length - 1)
    for (let at = 0; at < count; at += 1) {
      const place = this.#places[(from + at) % this.#places.length]!
      this.#compare(view, state, place, isWide)
    }
    const listed = this.#places.filter((place) => (state.rows.get(place) ?? []).length > 0)
    expect(
      view
        .list()
        .map(({ symbol }) => symbol)
        .sort(),
    ).toEqual(listed.map(({ symbol }) => symbol).sort())
  }

  #compare(view: ReadView, state: State, place: Place, isWide: boolean): void {
    const kind = isWide || this.#random() < 0.3 ? place.wider : place.kind
    const series = this.#handle(view, place, kind)
    const rows = rowsOf(state, place).map((row) => shown(kind, row))
    sameRows([...series.range()], rows)
    expect(series.latest()).toEqual(rows.at(-1))
    expect(series.count()).toBe(rows.length)
    const arrived = (state.rows.get(place) ?? []).length
    const { info } = series
    const isExact = kind.duplicates === 'keep' || kind.identity.length === 0
    expect(info.rowsExact || arrived === 0).toBe(isExact || arrived === 0)
    if (isExact)
      expect([info.rows, info.first, info.last]).toEqual([
        rows.length,
        rows[0]?.['time'],
        rows.at(-1)?.['time'],
      ])
    else expect(info.rows >= rows.length && info.rows <= arrived).toBe(true)
    this.#compareQuery(series, place, rows)
  }

  #compareQuery(series: ReadSeries<Kind>, place: Place, rows: readonly Shown[]): void {
    const random = this.#random
    const from = random() < 0.5 ? undefined : randomTime(random)
    const to = random() < 0.5 ? undefined : randomTime(random)
    const last = random() < 0.7 ? undefined : upTo(random, 6)
    const limit = random() < 0.7 ? undefined : upTo(random, 6)
    const offset = random() < 0.7 ? undefined : upTo(random, 6)
    const reverse = random() < 0.3
    const given = { from, to, last, limit, offset, reverse }
    const query = Object.fromEntries(
      Object.entries(given).filter(([, value]) => value !== undefined),
    ) as { from?: TimeInput; to?: TimeInput }
    const isIn = ({ time }: Shown): boolean =>
      (from === undefined || (time as bigint) >= from) &&
      (to === undefined || (time as bigint) < to)
    const inRange = rows.filter(isIn)
    let expected = last === undefined ? inRange : inRange.slice(Math.max(0, inRange.length - last))
    if (reverse) expected = expected.toReversed()
    expected = expected.slice(offset ?? 0, limit === undefined ? undefined : (offset ?? 0) + limit)
    const columns = random() < 0.5 ? undefined : Object.keys(series.range({ limit: 0 }).columns)
    const some = columns?.filter((name) => name === 'time' || random() < 0.5)
    const cut = (row: Shown): Shown =>
      some === undefined ? row : Object.fromEntries(some.map((name) => [name, row[name]]))
    const asked = some === undefined ? query : { ...query, columns: some }
    sameRows([...series.range(asked as object)], expected.map(cut))
    const scanned: Shown[] = []
    for (const batch of series.scan({ ...(asked as object), batchRows: 1 + upTo(random, 9) })) {
      scanned.push(...(batch as Iterable<Shown>))
    }
    sameRows(scanned, expected.map(cut))
    expect(series.count(query)).toBe(inRange.length)
    sameRows([...series.latestRows(3)], rows.slice(-3))
    const time = random() < 0.9 ? day0 + BigInt(upTo(random, 14)) : randomTime(random)
    const before = rows.filter((row) => (row['time'] as bigint) <= time)
    expect(series.at(time)).toEqual(before.at(-1))
    const { timeframe } = place
    const closed =
      timeframe === undefined
        ? before
        : before.filter((row) => hasEnded(timeframe, row['time'] as bigint, time))
    expect(series.at(time, { closed: true })).toEqual(closed.at(-1))
  }
}

/** Times that the naive partitions can name. */
function isKnownDate(place: Place, time: bigint): boolean {
  return partitionOf(place.timeframe, time) !== ''
}

function columnsOf(kind: Kind, inputs: readonly Shown[]): Record<string, unknown> {
  const columns: Record<string, unknown> = {
    time: BigInt64Array.from(inputs, ({ time }) => time as bigint),
  }
  for (const name of ['received', ...Object.keys(kind.columns)]) {
    if (inputs.some((input) => input[name] !== undefined)) {
      columns[name] = inputs.map((input) => input[name])
    }
  }
  return columns
}

function textOf(rows: readonly Shown[]): string {
  return rows
    .map((row) =>
      Object.keys(row)
        .map((name) => bits(row[name]))
        .join('\0'),
    )
    .join('\n')
}

/** As toEqual, and much faster where they are. */
function sameRows(actual: readonly Shown[], expected: readonly Shown[]): void {
  if (textOf(actual) !== textOf(expected)) expect(actual).toEqual(expected)
}
