// Random but fitting edits for the tests of the manifest room, and a text of a state to compare by.
import type { Change, History, LeafEntry, ManifestState, RunEntry, SchemaEntry } from '#manifest'
import { nextKindId, nextSchemaId, nextSeriesId, Numbered, restoreChanges } from '#manifest'

export const storeId: Uint8Array = Uint8Array.from({ length: 16 }, (_, index) => index * 17)

/** A whole number in [0, below). */
export type Pick = (below: number) => number

/** mulberry32. */
export function pickOf(seed: number): Pick {
  let state = seed | 0
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof Numbered) return { shelves: value.shelfIndexes, all: plain(value.values()) }
  if (value instanceof Map) {
    const entries = [...value].map(([key, each]) => [String(key), plain(each)] as const)
    return entries.sort((a, b) => (a[0] < b[0] ? -1 : 1))
  }
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).map(([field, each]) => [field, plain(each)] as const)
  return Object.fromEntries(fields.sort((a, b) => (a[0] < b[0] ? -1 : 1)))
}

/** Everything a state says, as text; equal for equal states alone. */
export function textOf(value: unknown): string {
  return JSON.stringify(plain(value), undefined, 1)
}

export function textOfHistory(history: History): string {
  return textOf({ state: history.state, snapshots: history.snapshots })
}

const day = 86_400_000_000_000n

function hashOf(pick: Pick): Uint8Array {
  return Uint8Array.from({ length: 32 }, () => pick(256))
}

function wide(pick: Pick): bigint {
  return (BigInt(pick(2 ** 32)) << 32n) | BigInt(pick(2 ** 32))
}

export function schemaOf(schemaId: number, kindId: number, columnCount: number): SchemaEntry {
  const columns = Array.from({ length: columnCount }, (_, index) => ({
    id: index + 1,
    name: `column${index}`,
    type: index === 0 ? ('decimal' as const) : ('f64' as const),
    optional: index > 1,
    scale: index === 0 ? 2 : 0,
  }))
  const name = `kind${kindId}`
  const rules = { order: [1], identity: [0, 1], duplicates: 'last' as const }
  return { schemaId, kindId, name, version: 1, timeframed: kindId % 2 === 0, columns, ...rules }
}

export interface RunPlan {
  readonly seriesId: number
  readonly fileNumber: number
  readonly runIndex: number
  readonly schemaId: number
  readonly partition: bigint
  readonly lsnFirst: bigint
  readonly lsnLast: bigint
}

export function runOf(plan: RunPlan, pick: Pick): RunEntry {
  const timeMin = plan.partition + BigInt(pick(1000))
  return {
    ...plan,
    rowCount: 1 + pick(5000),
    timeMin,
    timeMax: timeMin + BigInt(pick(1000)),
    sortOrder: pick(2) === 0 ? 'time' : 'arrival',
    footerOffset: pick(1000),
    footerBytes: pick(100),
    footerHash: wide(pick),
    dataBytes: pick(1000),
    plainBytes: pick(10_000),
    contentHash: hashOf(pick),
  }
}

/** Makes edits that fit the history they are asked for. */
export class Workload {
  readonly pick: Pick
  #lsn = 1n
  #names = 0

  constructor(seed: number) {
    this.pick = pickOf(seed)
  }

  #one<T>(list: readonly T[]): T | undefined {
    return list[this.pick(list.length)]
  }

  #file(fileNumber: number): Change {
    const sizes = { bytes: 2000 + this.pick(1000), fileHash: wide(this.pick) }
    const fileKind = this.pick(2) === 0 ? ('segment' as const) : ('pack' as const)
    const file = { fileNumber, fileKind, ...sizes, footerHash: wide(this.pick) }
    return { type: 'fileAdded', file }
  }

  #seal(state: ManifestState): Change[] {
    const fileNumber = state.nextFileNumber + this.pick(3)
    const changes = [this.#file(fileNumber)]
    const sealed = new Set<number>()
    const runCount = 1 + this.pick(6)
    for (let runIndex = 0; runIndex < runCount; runIndex += 1) {
      const series = this.#one(state.series.values())
      if (series === undefined) break
      const schemaId = state.kinds.get(series.kindId)?.schemaId ?? 0
      const lsnFirst = (this.#lsn += 10n)
      const partition = BigInt(this.pick(4)) * day - day
      const plan = { seriesId: series.id, fileNumber, runIndex, schemaId, partition, lsnFirst }
      changes.push({ type: 'runAdded', run: runOf({ ...plan, lsnLast: lsnFirst + 5n }, this.pick) })
      sealed.add(series.id)
    }
    for (const seriesId of sealed) {
      changes.push({ type: 'seriesSealed', seriesId, sealedLsn: (this.#lsn += 10n) })
    }
    return changes
  }

  #compact(state: ManifestState): Change[] {
    const series = this.#one(state.series.values().filter((each) => each.runs.length > 0))
    if (series === undefined) return []
    const partition = this.#one(series.runs)?.partition as bigint
    const inputs = series.runs.filter((run) => run.partition === partition)
    const [first, last] = [inputs[0] as RunEntry, inputs.at(-1) as RunEntry]
    const fileNumber = state.nextFileNumber
    const { lsnFirst, schemaId } = first
    const plan = { seriesId: series.id, fileNumber, runIndex: 0, schemaId, partition, lsnFirst }
    const changes = inputs.map((run): Change => {
      return { type: 'runDropped', seriesId: series.id, ...nameOf(run) }
    })
    changes.push(this.#file(fileNumber))
    const run = runOf({ ...plan, lsnLast: last.lsnLast }, this.pick)
    changes.push({ type: 'runAdded', run })
    for (const file of state.files.values()) {
      const fewer = inputs.filter((input) => input.fileNumber === file.fileNumber).length
      if (file.runs === fewer) changes.push({ type: 'fileDropped', fileNumber: file.fileNumber })
    }
    return changes
  }

  #define(state: ManifestState): Change[] {
    const changes: Change[] = []
    const kindId = nextKindId(state)
    if (kindId < 4) {
      const schema = schemaOf(nextSchemaId(state), kindId, 2 + this.pick(3))
      changes.push({ type: 'kindDefined', schema })
      const name = `N${kindId}/\u20ac`
      changes.push(this.#series(nextSeriesId(state), kindId, name))
      return changes
    }
    if (this.pick(4) === 0) {
      const kind = this.#one([...state.kinds.values()]) as SchemaEntry
      const schema = schemaOf(nextSchemaId(state), kind.kindId, kind.columns.length + 1)
      return [{ type: 'kindDefined', schema }]
    }
    const seriesId = nextSeriesId(state) + (this.pick(10) === 0 ? 300 : 0)
    return [this.#series(seriesId, 1 + this.pick(3), `S${seriesId}`)]
  }

  #series(seriesId: number, kindId: number, symbol: string): Change {
    const timeframe = kindId % 2 === 0 ? '1m' : ''
    const partitionWidth = this.#one(['day', 'month', 'year'] as const) ?? 'day'
    const series = { seriesId, kindId, symbol, timeframe, partitionWidth }
    return { type: 'seriesDefined', series }
  }

  #logs(state: ManifestState): Change[] {
    const log = this.#one(state.logs.values())
    if (log === undefined || this.pick(2) === 0) {
      const fileNumber = state.nextFileNumber
      return [{ type: 'logAdded', log: { fileNumber, epoch: state.epoch, firstLsn: this.#lsn } }]
    }
    const { fileNumber } = log
    if (this.pick(2) === 0) return [{ type: 'logDropped', fileNumber }]
    const end = { endOffset: this.pick(9999), lsnEnd: this.#lsn, lastHash: wide(this.pick) }
    return [{ type: 'logEnded', fileNumber, end }]
  }

  #details(state: ManifestState): Change[] {
    const series = this.#one(state.series.values())
    if (series === undefined) return []
    const seriesId = series.id
    const producerId = `p${this.pick(3)}`
    const sequence = (series.producers.get(producerId)?.sequence ?? -5n) + BigInt(this.pick(9))
    const partition = BigInt(this.pick(4)) * day - day
    const fingerprint = wide(this.pick)
    const leaf: LeafEntry = { partition, leaf: hashOf(this.pick), rowCount: 3, fingerprint }
    const lastRow = new Uint8Array(this.pick(4)).fill(7)
    const choices: Change[] = [
      { type: 'producerAdvanced', seriesId, producerId, sequence, lsn: this.#lsn },
      { type: 'leafKnown', seriesId, leaf },
      { type: 'leafDropped', seriesId, partition },
      { type: 'lastRow', seriesId, bytes: lastRow },
    ]
    const known = this.#one([...series.producers.keys()])
    if (known !== undefined && this.pick(4) === 0) {
      return [{ type: 'producerDropped', seriesId, producerId: known }]
    }
    return choices.filter(() => this.pick(2) === 0)
  }

  #snapshots(history: History): Change[] {
    const name = this.#one([...history.snapshots.keys()])
    if (name !== undefined && this.pick(3) === 0) return [{ type: 'snapshotDropped', name }]
    this.#names += 1
    const fields = { createdAt: wide(this.pick) >> 1n, lsn: this.#lsn, rows: 3, bytes: 4 }
    const contentHash = hashOf(this.pick)
    const fresh = `snap ${this.#names}`
    return [{ type: 'snapshotCreated', name: fresh, ...fields, contentHash, segments: 5 }]
  }

  #restore(history: History): Change[] {
    const entry = this.#one([...history.snapshots.values()])
    if (entry === undefined) return []
    const data = restoreChanges(history.state, entry.state)
    const sealed = entry.state.series.values().map((series): Change => {
      return { type: 'seriesSealed', seriesId: series.id, sealedLsn: series.sealedLsn }
    })
    return [{ type: 'restored', name: entry.info.name, edit: entry.edit }, ...data, ...sealed]
  }

  #rest(state: ManifestState): Change[] {
    const { segmentBytesWritten: written, segmentBytesFirstSealed: sealed } = state.counters
    const more = this.pick(1000)
    if (this.pick(3) === 0) return [{ type: 'epochStarted', epoch: state.epoch + 1 + this.pick(3) }]
    if (this.pick(3) === 0) return [{ type: 'cleanClose', lsnEnd: this.#lsn }]
    const totals = { segmentBytesWritten: written + more, segmentBytesFirstSealed: sealed + more }
    return [{ type: 'bytesCounted', ...totals }]
  }

  /** The changes of one edit that fits; at least one. */
  edit(history: History): Change[] {
    const { state } = history
    for (;;) {
      const changes = [
        () => this.#seal(state),
        () => this.#seal(state),
        () => this.#compact(state),
        () => this.#define(state),
        () => this.#logs(state),
        () => this.#details(state),
        () => this.#details(state),
        () => this.#snapshots(history),
        () => (this.pick(3) === 0 ? this.#restore(history) : []),
        () => this.#rest(state),
      ][this.pick(10)]?.()
      if (changes !== undefined && changes.length > 0) return changes
    }
  }
}

function nameOf({ fileNumber, runIndex }: RunEntry): { fileNumber: number; runIndex: number } {
  return { fileNumber, runIndex }
}
