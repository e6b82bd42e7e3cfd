// Appends: checked and filled into the head, staged in the log, then visible; all of a call or nothing.
import { VarveError, limits } from '#base'
import type { Chunk, Filling } from '#head'
import { encodeChanges } from '#manifest'
import { handleSpecs } from '#query'
import { seriesName } from '#schema'
import type { ColumnSpec, Kind, SeriesKey } from '#schema'
import { measureRows, rowsEntryType, writeRows } from '#wal'
import type { EntryColumn, LogWriter } from '#wal'
import { fillRows, givenColumns, inputOf, rowCountOf } from './append-input.ts'
import type { AppendInput } from './append-input.ts'
import type { Catalog, SeriesRuntime } from './catalog.ts'
import type { AppendOptions } from './contract.ts'

/** What one call adds to one series. */
export interface AppendRequest {
  readonly handle: AppendHandle
  readonly rows: unknown
  readonly producer: AppendOptions['producer'] | undefined
}

/** What appends need of a series handle; lookups are kept there between calls. */
export interface AppendHandle {
  readonly kind: Kind
  readonly key: SeriesKey
  readonly columnNames: ReadonlySet<string>
  specsOf(runtime: SeriesRuntime): readonly ColumnSpec[]
}

export interface Producer {
  readonly id: string
  readonly sequence: bigint
}

/** One request on its way in. */
interface Prepared {
  readonly handle: AppendHandle
  readonly input: AppendInput
  readonly rowCount: number
  readonly given: ReadonlySet<string>
  readonly runtime: SeriesRuntime
  readonly specs: readonly ColumnSpec[]
  readonly producer: Producer | undefined
  /** An earlier append of the producer that this one repeats. */
  readonly duplicateOf: bigint | undefined
  filling: Filling | undefined
}

export interface Appended {
  readonly rows: number
  readonly lsnFirst: bigint
  /** After the last row. */
  readonly lsnEnd: bigint
  /** Bytes the rows take unpacked, about. */
  readonly bytes: number
  readonly parts: readonly AppendedPart[]
}

export interface AppendedPart {
  readonly runtime: SeriesRuntime
  readonly chunk: Chunk
  readonly from: number
  readonly end: number
}

/** Without a log: what a row counts for, about. */
export const memoryRowBytes = 32

/** Where rows get their lsns: the log, or, without one, a counter. */
export interface LsnSource {
  readonly log: LogWriter | undefined
  /** Without a log: the first of `count` new lsns. */
  takeLsns(count: number): bigint
}

/**
 * Adds the rows of all requests under one lsn range.
 * @throws {VarveError} ERR_SCHEMA, ERR_ARGUMENT; what the log throws. Nothing is added then.
 */
export function appendRows(
  catalog: Catalog,
  requests: readonly AppendRequest[],
  source: LsnSource,
): Appended {
  const prepared: Prepared[] = []
  catalog.beginDefining()
  try {
    for (const request of requests) prepared.push(prepare(catalog, request))
    const adding = prepared.filter((part) => part.duplicateOf === undefined)
    fill(adding)
    const staged = stage(catalog, adding, source)
    return { ...staged, parts: commit(adding, staged.lsnFirst) }
  } catch (error) {
    catalog.undoDefinitions()
    throw error
  }
}

function prepare(catalog: Catalog, request: AppendRequest): Prepared {
  const { handle } = request
  const { kind, key } = handle
  const known = catalog.get(key)
  const input = inputOf(request.rows, known?.name ?? seriesName(key))
  const all = known === undefined ? handleSpecs(kind, []) : handle.specsOf(known)
  const given = givenColumns(input, handle.columnNames, all, kind.name)
  const producer = producerOf(request.producer, key)
  const isKnown = known !== undefined && !all.some(({ id, name }) => id < 0 && given.has(name))
  const runtime = isKnown ? known : catalog.define(kind, key, given)
  return {
    handle,
    input,
    rowCount: rowCountOf(input),
    given,
    runtime,
    specs: handle.specsOf(runtime),
    producer,
    duplicateOf: producer === undefined ? undefined : duplicateOf(producer, runtime),
    filling: undefined,
  }
}

function producerOf(
  producer: AppendOptions['producer'] | undefined,
  key: SeriesKey,
): Producer | undefined {
  if (producer === undefined) return undefined
  const series = seriesName(key)
  const { id, sequence } = producer ?? {}
  const isName = typeof id === 'string' && id !== '' && !/\p{Surrogate}/u.test(id)
  if (!isName || Buffer.byteLength(id) > limits.producerIdBytesMax) {
    throw new VarveError(
      'ERR_ARGUMENT',
      `a producer's id is a string of 1 to ${limits.producerIdBytesMax} bytes`,
      { series, actual: typeof id === 'string' ? id.slice(0, 80) : typeof id },
    )
  }
  const fits =
    typeof sequence === 'bigint'
      ? sequence === BigInt.asIntN(64, sequence)
      : Number.isSafeInteger(sequence)
  if (fits) return { id, sequence: BigInt(sequence) }
  throw new VarveError('ERR_ARGUMENT', `a producer's sequence is a whole number`, {
    series,
    actual: String(sequence),
  })
}

function duplicateOf({ id, sequence }: Producer, runtime: SeriesRuntime): bigint | undefined {
  const known = runtime.producers.get(id)
  return known !== undefined && known.sequence >= sequence ? known.lsn : undefined
}

/** Puts the rows behind the visible ones of their series. Several parts of one series follow each other. */
function fill(parts: readonly Prepared[]): void {
  const [only] = parts
  if (only !== undefined && parts.length === 1) {
    fillPart(only, only.runtime.head.reserve(only.rowCount))
    return
  }
  const totals = new Map<SeriesRuntime, number>()
  for (const { runtime, rowCount } of parts) {
    totals.set(runtime, (totals.get(runtime) ?? 0) + rowCount)
  }
  const places = new Map<SeriesRuntime, Filling>()
  for (const part of parts) {
    const { runtime, rowCount } = part
    const place = places.get(runtime) ?? runtime.head.reserve(totals.get(runtime)!)
    fillPart(part, place)
    places.set(runtime, { chunk: place.chunk, at: place.at + rowCount })
  }
}

function fillPart(part: Prepared, place: Filling): void {
  const { runtime, rowCount, input, specs, given } = part
  part.filling = place
  fillRows(place.chunk, place.at, input, specs, given, { series: runtime.name })
  clearOthers(part, place, rowCount)
}

/** Columns of the stored kind that the handle's kind does not have are absent in its rows. */
function clearOthers({ runtime, specs }: Prepared, { chunk, at }: Filling, rowCount: number): void {
  const stored = runtime.head.rules.specs
  const isStored = ({ id }: ColumnSpec): boolean => id >= 0
  if (stored.length === specs.length && specs.every(isStored)) return
  const own = new Set(specs.map(({ id }) => id))
  for (const spec of stored) if (!own.has(spec.id)) chunk.clear(spec, at, at + rowCount)
}

function stage(
  catalog: Catalog,
  parts: readonly Prepared[],
  { log, takeLsns }: LsnSource,
): Omit<Appended, 'parts'> {
  const rows = parts.reduce((sum, { rowCount }) => sum + rowCount, 0)
  if (log === undefined) {
    const lsnFirst = rows === 0 ? 0n : takeLsns(rows)
    return { rows, lsnFirst, lsnEnd: lsnFirst + BigInt(rows), bytes: rows * memoryRowBytes }
  }
  if (rows === 0) return { rows, lsnFirst: log.lsnEnd, lsnEnd: log.lsnEnd, bytes: 0 }
  log.beginAtomic()
  const lsnFirst = log.lsnEnd
  let bytes = 0
  try {
    for (const part of parts) bytes += stagePart(catalog, part, log)
    return { rows, bytes, lsnFirst, lsnEnd: log.lsnOf(log.endAtomic()) }
  } finally {
    log.abandon()
  }
}

function stagePart(catalog: Catalog, part: Prepared, log: LogWriter): number {
  const { runtime, rowCount, specs, given, producer } = part
  const { chunk, at } = part.filling!
  const columns: EntryColumn[] = []
  for (const spec of specs) {
    if (!given.has(spec.name)) continue
    columns.push({ columnId: spec.id, data: chunk.columns[spec.index]! })
  }
  let definition: Uint8Array | undefined
  if (!runtime.isTold) {
    const changes = catalog.definitionOf(runtime)
    if (changes.length > 0) definition = encodeChanges(changes)
  }
  const measured = measureRows({
    seriesId: runtime.id,
    schemaId: runtime.head.rules.kind.schemaId,
    columns,
    from: at,
    end: at + rowCount,
    definition,
    producer,
    hints: rowCount > 1 ? (runtime.packHints ??= new Map()) : undefined,
  })
  const place = log.reserve(measured.bytes)
  log.commitEntry(rowsEntryType, rowCount, writeRows(measured, place))
  return measured.bytes
}

/** From here on nothing fails: the log has the rows. */
function commit(parts: readonly Prepared[], lsnFirst: bigint): AppendedPart[] {
  let lsn = lsnFirst
  return parts.map(({ runtime, rowCount, filling, producer }) => {
    const { chunk, at } = filling!
    runtime.head.commit(filling!, rowCount, lsn)
    lsn += BigInt(rowCount)
    runtime.isTold = true
    if (producer !== undefined) {
      runtime.producers.set(producer.id, { sequence: producer.sequence, lsn: lsn - 1n })
      runtime.producersChanged.add(producer.id)
    }
    return { runtime, chunk, from: at, end: at + rowCount }
  })
}

/** The lsn of the newest append that a call of nothing but duplicates repeats. */
export function duplicateLsn(catalog: Catalog, requests: readonly AppendRequest[]): bigint {
  let lsn = 0n
  for (const { handle, producer } of requests) {
    const known = producer && catalog.get(handle.key)?.producers.get(producer.id)
    if (known !== undefined && known.lsn > lsn) lsn = known.lsn
  }
  return lsn
}
