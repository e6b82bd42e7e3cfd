// A handle on one series for reading, over whatever view its owner stands on.
import { VarveError } from '#base'
import type { Scheduler } from '#base'
import type { RowRules } from '#head'
import {
  RowBatch,
  RowFilter,
  Treatment,
  aggregateRows,
  chooseSpecs,
  countRows,
  explainRange,
  handleSpecs,
  inTurns,
  parseWhere,
  planAggregation,
  readLast,
  readRange,
  resolveBatchRows,
  resolveQuery,
  rowValues,
  scanBatches,
  untold,
} from '#query'
import type { AggregateRows, Explanation, RangeQuery, RowsWanted, SeriesSources } from '#query'
import { barEnd, int64Max, int64Min, parseTime, parseTimeframe, systemSpecs } from '#schema'
import type { ColumnSpec, Kind, SeriesKey, TimeInput, Timeframe } from '#schema'
import type { SeriesInfo } from './contract.ts'
import { infoOf } from './info.ts'
import { lastOf } from './last-row.ts'
import { sourcesOf } from './view.ts'
import type { View } from './view.ts'

/** What a handle needs of the store, snapshot or reader it belongs to. */
export interface ViewOwner {
  readonly scheduler: Scheduler
  /** The state to read now. @throws {VarveError} ERR_CLOSED */
  view(): View
  /** Keeps the files of the view on disk until the returned function is called. */
  pin(view: View): () => void
}

/** Column specs are looked up again only when the stored kind has changed. */
interface SpecsCache {
  readonly rules: RowRules
  readonly specs: readonly ColumnSpec[]
}

/** All handles of one kind share their specs: there may be thousands of them, and some live for one call. */
const specsOfKinds = new WeakMap<RowRules, WeakMap<Kind, readonly ColumnSpec[]>>()

function sharedSpecs(kind: Kind, rules: RowRules): readonly ColumnSpec[] {
  let byKind = specsOfKinds.get(rules)
  if (byKind === undefined) specsOfKinds.set(rules, (byKind = new WeakMap()))
  let specs = byKind.get(kind)
  if (specs === undefined) byKind.set(kind, (specs = handleSpecs(kind, rules.specs)))
  return specs
}

/** Conditions are checked when they are parsed. */
interface Between {
  from?: TimeInput
  to?: TimeInput
  where?: unknown
}
type Asked = RangeQuery & Between
type Aggregated = Between & { every?: Timeframe; columns: unknown }
type Explained = Between & { every?: Timeframe; columns?: unknown }

/** The columns that were asked for last. */
interface Chosen {
  readonly all: readonly ColumnSpec[]
  readonly names: readonly string[]
  readonly specs: readonly ColumnSpec[]
}

function isSameList(known: readonly string[], names: readonly string[] | undefined): boolean {
  if (!Array.isArray(names) || names.length !== known.length) return false
  for (let at = 0; at < known.length; at += 1) if (known[at] !== names[at]) return false
  return true
}

interface Prepared {
  readonly view: View
  readonly sources: SeriesSources | undefined
  readonly specs: readonly ColumnSpec[]
}

export class SeriesReader {
  readonly kind: Kind
  readonly key: SeriesKey
  readonly #owner: ViewOwner
  #cache: SpecsCache | undefined
  #chosen: Chosen | undefined

  constructor(owner: ViewOwner, kind: Kind, key: SeriesKey) {
    this.#owner = owner
    this.kind = kind
    this.key = key
  }

  get info(): SeriesInfo {
    return infoOf(this.#owner.view(), this.key)
  }

  /** Columns of the handle's kind as specs of the stored kind. */
  protected specsFor(rules: RowRules): readonly ColumnSpec[] {
    if (this.#cache?.rules !== rules) {
      this.#cache = { rules, specs: sharedSpecs(this.kind, rules) }
    }
    return this.#cache.specs
  }

  #emptySpecs(): readonly ColumnSpec[] {
    return handleSpecs(this.kind, systemSpecs)
  }

  /** What [from, to) is read from, as far as `where` lets rows through, and all columns of the handle. */
  #sources(where: unknown, from: bigint, to: bigint, treatment: Treatment): Prepared {
    const view = this.#owner.view()
    const found = sourcesOf(view, this.key, from, to)
    const specs = found === undefined ? this.#emptySpecs() : this.specsFor(found.rules)
    const tests = parseWhere(where, specs, this.kind.name)
    if (tests.length === 0 || found === undefined) return { view, sources: found, specs }
    return { view, sources: { ...found, filter: new RowFilter(tests, treatment) }, specs }
  }

  #prepare(query: Asked, wanted: RowsWanted): Prepared {
    const { from, to } = wanted
    const { view, sources, specs } = this.#sources(query.where, from, to, untold)
    return { view, sources, specs: this.#choose(specs, query.columns) }
  }

  /** The same list each time where the same columns are asked for: what runs know of a list they keep. */
  #choose(all: readonly ColumnSpec[], names: readonly string[] | undefined): readonly ColumnSpec[] {
    const last = this.#chosen
    if (last?.all === all && isSameList(last.names, names)) return last.specs
    const specs = chooseSpecs(all, names, this.kind.name)
    if (names !== undefined) this.#chosen = { all, names: [...names], specs }
    return specs
  }

  range(query: Asked = {}): RowBatch {
    const wanted = resolveQuery(objectOf(query))
    const { sources, specs } = this.#prepare(query, wanted)
    return sources === undefined ? emptyBatch(specs) : readRange(sources, specs, wanted)
  }

  scan(
    query: Asked & { batchRows?: number; signal?: AbortSignal } = {},
  ): Iterable<RowBatch> & AsyncIterable<RowBatch> {
    const wanted = resolveQuery(objectOf(query))
    const batchRows = resolveBatchRows(query.batchRows)
    const owner = this.#owner
    const prepare = (): Prepared => this.#prepare(query, wanted)
    prepare() // so that a wrong column is told now and not at the first batch
    function* batches(): Generator<RowBatch> {
      const { view, sources, specs } = prepare()
      if (sources === undefined) return
      const release = owner.pin(view)
      try {
        yield* scanBatches(sources, specs, wanted, batchRows, query.signal)
      } finally {
        release()
      }
    }
    return {
      [Symbol.iterator]: batches,
      [Symbol.asyncIterator]: () => inTurns(batches(), owner.scheduler),
    }
  }

  latest(): Record<string, unknown> | undefined {
    const view = this.#owner.view()
    const runtime = view.catalog.get(this.key)
    if (runtime === undefined) return undefined
    const last = lastOf(view.state, runtime)
    if (last.at === 'none') return undefined
    if (last.at === 'unknown') return this.lastBefore(int64Max + 1n)
    const columns = last.read()
    return rowValues(this.specsFor(runtime.head.rules), ({ index }) => columns[index], 0)
  }

  /** The last row with a time before `before`. */
  protected lastBefore(before: bigint): Record<string, unknown> | undefined {
    const view = this.#owner.view()
    const sources = sourcesOf(view, this.key, int64Min, before)
    if (sources === undefined) return undefined
    const batch = readLast(newestOnly(sources, before), this.specsFor(sources.rules), before)
    return batch.rowCount === 0 ? undefined : (batch.row(0) as Record<string, unknown>)
  }

  latestRows(count: number): RowBatch {
    return this.range({ last: count })
  }

  at(time: TimeInput, options: { closed?: boolean } = {}): Record<string, unknown> | undefined {
    const ns = parseTime(time)
    if (options.closed !== true || this.key.timeframe === undefined) {
      return this.lastBefore(ns + 1n)
    }
    return this.#lastClosed(ns)
  }

  /** The last bar whose end is at or before `ns`. */
  #lastClosed(ns: bigint): Record<string, unknown> | undefined {
    const width = parseTimeframe(this.key.timeframe!)
    let before = ns + 1n
    for (;;) {
      const row = this.lastBefore(before)
      if (row === undefined) return undefined
      const open = row['time'] as bigint
      if (barEnd(open, width) <= ns) return row
      before = open
    }
  }

  count(query: Between = {}): number {
    const { from, to } = resolveQuery(objectOf(query))
    const { sources } = this.#sources(query.where, from, to, untold)
    return sources === undefined ? 0 : countRows(sources, from, to)
  }

  aggregate(query: Aggregated): AggregateRows {
    return this.#aggregate(query, untold)
  }

  #aggregate(query: Aggregated, treatment: Treatment): AggregateRows {
    const { from, to } = boundsOf(objectOf(query))
    const { sources, specs } = this.#sources(query.where, from, to, treatment)
    const plan = planAggregation(query.columns, specs, this.kind.name)
    const start = query.from === undefined ? undefined : from
    const wanted = { from, to, start, every: query.every }
    return aggregateRows(sources ?? { sources: [], rules: noRules }, plan, wanted, treatment)
  }

  explain(query: Explained = {}): Explanation {
    const treatment = new Treatment(true)
    const { columns, where } = objectOf(query)
    if (columns !== undefined && !Array.isArray(columns)) {
      this.#aggregate({ ...query, columns }, treatment)
      return treatment.explanation()
    }
    const { from, to } = boundsOf(query)
    const { sources, specs } = this.#sources(where, from, to, treatment)
    chooseSpecs(specs, columns, this.kind.name)
    const isRead = columns === undefined || columns.length > 0
    if (sources !== undefined) explainRange(sources, { from, to }, isRead, treatment)
    return treatment.explanation()
  }
}

/** @throws {VarveError} ERR_ARGUMENT for anything but an object */
function objectOf<T extends object>(query: T): T {
  const given: unknown = query
  if (typeof given === 'object' && given !== null) return query
  throw new VarveError(
    'ERR_ARGUMENT',
    'a question is an object',
    { actual: String(given) },
    { hint: 'Leave it out to ask for everything, or give { from, to, ... }.' },
  )
}

function boundsOf({ from, to }: Between): RowsWanted {
  return resolveQuery({
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  })
}

function emptyBatch(specs: readonly ColumnSpec[]): RowBatch {
  const wanted = resolveQuery({ limit: 0 })
  return readRange({ sources: [], rules: noRules }, specs, wanted)
}

const noRules: RowRules = {
  kind: {
    kindId: 0,
    schemaId: 0,
    name: '',
    version: 1,
    timeframed: false,
    columns: [],
    order: [],
    identity: [],
    duplicates: 'keep',
  },
  partitionWidth: 'day',
  specs: systemSpecs,
  order: [],
  duplicates: undefined,
  place: undefined,
}

/** Of the sources only those that can hold the last row before `before`, or rows that merge with it: planning a
 *  question
 *  about one row over thousands of runs would cost more than the answer. */
function newestOnly({ sources, rules }: SeriesSources, before: bigint): SeriesSources {
  if (rules.duplicates !== undefined && !rules.duplicates.hasTime) return { sources, rules }
  const able = sources.filter(({ rowCount, timeMin }) => rowCount > 0 && timeMin < before)
  // One of them has a row at this time, so the last row is no earlier.
  const from = able.reduce((time, { timeMin }) => (timeMin > time ? timeMin : time), int64Min)
  return { sources: able.filter(({ timeMax }) => timeMax >= from), rules }
}
