// What the manifest says at one edit, as an immutable value, and the pure function from one edit to
// the next.
//
// Invariants, kept by applyEdit:
//   1 every run names a live file, a defined series and a defined schema of its kind
//   2 the live runs of one partition of a series do not overlap in lsn
//   3 sealedLsn, producer sequences and totals only rise, except in an edit that restores or
// rewrites
//   4 kinds, schemas and series are never taken back; numbers of files are never given twice
// (nextFileNumber)
import { assert, assertNever, BugError, hexOf, VarveError } from '#base'
import type { Change, FileEntry, LogEnd, LogEntry, RunEntry, SchemaEntry } from './change.ts'
import { fileNumberMax, type Place } from './layout.ts'
import { KeyIndex, Numbered, NumberedDraft } from './numbered.ts'
import { changeSeries, keyOfSeries, newSeries, noChanges } from './series-state.ts'
import type { Refuse, SeriesChanges, SeriesState } from './series-state.ts'

export interface FileState extends FileEntry {
  /** Live runs in the file. */
  readonly runs: number
}

export interface LogState extends LogEntry {
  /** Where the file ends, once it is no longer written. */
  readonly end: LogEnd | undefined
}

export interface Counters {
  /** Bytes of segments and packs written, and of those the ones written by the first seal of their
   *  rows. */
  readonly segmentBytesWritten: number
  readonly segmentBytesFirstSealed: number
}

/** Immutable; kept by reference for as long as anybody wants it. */
export interface ManifestState {
  /** Of the edit that made it; 0 is the empty state. */
  readonly editNumber: number
  /** 16 bytes; none in the empty state. */
  readonly storeId: Uint8Array
  /** Epoch ns. */
  readonly createdAt: bigint
  readonly epoch: number
  /** Above every file number an edit ever named. */
  readonly nextFileNumber: number
  /** The newest schema of each kind, by kind id. */
  readonly kinds: ReadonlyMap<number, SchemaEntry>
  readonly schemas: ReadonlyMap<number, SchemaEntry>
  readonly series: Numbered<SeriesState>
  readonly seriesKeys: KeyIndex
  readonly files: Numbered<FileState>
  readonly logs: Numbered<LogState>
  readonly counters: Counters
  /** Set where the last epoch ended with a clean close. */
  readonly cleanCloseLsn: bigint | undefined
}

export const emptyState: ManifestState = {
  editNumber: 0,
  storeId: new Uint8Array(0),
  createdAt: 0n,
  epoch: 0,
  nextFileNumber: 1,
  kinds: new Map(),
  schemas: new Map(),
  series: Numbered.empty(),
  seriesKeys: new KeyIndex(),
  files: Numbered.empty(),
  logs: Numbered.empty(),
  counters: { segmentBytesWritten: 0, segmentBytesFirstSealed: 0 },
  cleanCloseLsn: undefined,
}

/** The series of (kind, symbol, timeframe); undefined where it is not defined. timeframe '' where
 *  the kind has none. */
export function seriesOfKey(
  state: ManifestState,
  kindId: number,
  symbol: string,
  timeframe: string,
): SeriesState | undefined {
  const id = state.seriesKeys.get(keyOfSeries(kindId, symbol, timeframe))
  return id === undefined ? undefined : state.series.get(id)
}

export function nextSeriesId(state: ManifestState): number {
  return state.series.idLast() + 1
}

export function nextKindId(state: ManifestState): number {
  return Math.max(0, ...state.kinds.keys()) + 1
}

export function nextSchemaId(state: ManifestState): number {
  return Math.max(0, ...state.schemas.keys()) + 1
}

export interface EditSource {
  /** Default: one more than the state's. */
  readonly editNumber?: number
  /** Where the edit was read from. An edit that does not fit is then ERR_CORRUPT; without a place
   *  it is our own bug. */
  readonly place?: Place
}

interface Draft {
  readonly refuse: Refuse
  /** What only rises may fall in this edit. */
  readonly mayFall: boolean
  fields: { -readonly [Field in keyof ManifestState]: ManifestState[Field] }
  readonly series: NumberedDraft<SeriesState>
  readonly files: NumberedDraft<FileState>
  readonly logs: NumberedDraft<LogState>
  readonly seriesChanges: Map<number, SeriesChanges>
  readonly seriesKeys: Map<string, number>
  readonly filesDropped: Set<number>
}

function refuseOf(source: EditSource, editNumber: number): Refuse {
  return (message, details) => {
    if (source.place === undefined) throw new BugError(`manifest edit ${editNumber}: ${message}`)
    throw new VarveError('ERR_CORRUPT', message, { ...source.place, editNumber, ...details })
  }
}

/** The state after the edit; `state` is not touched. Pure. Changes of snapshots are not part of the
 *  state and are passed over: see applyToHistory.
 *  @throws {BugError} where an edit of our own does not fit, {VarveError} ERR_CORRUPT where one
 *  from disk does not. */
export function applyEdit(
  state: ManifestState,
  changes: readonly Change[],
  source: EditSource = {},
): ManifestState {
  const editNumber = source.editNumber ?? state.editNumber + 1
  const refuse = refuseOf(source, editNumber)
  const isRewritten = changes[0]?.type === 'rewritten'
  if (isRewritten ? editNumber <= state.editNumber : editNumber !== state.editNumber + 1) {
    refuse('edit numbers do not follow each other', { expected: state.editNumber + 1 })
  }
  const draft: Draft = {
    refuse,
    mayFall: isRewritten || changes.some((change) => change.type === 'restored'),
    fields: { ...state, editNumber },
    series: new NumberedDraft(state.series),
    files: new NumberedDraft(state.files),
    logs: new NumberedDraft(state.logs),
    seriesChanges: new Map(),
    seriesKeys: new Map(),
    filesDropped: new Set(),
  }
  for (const change of changes) applyChange(draft, change)
  finishSeries(draft)
  finishFiles(draft)
  return {
    ...draft.fields,
    series: draft.series.finish(),
    seriesKeys: state.seriesKeys.with(draft.seriesKeys),
    files: draft.files.finish(),
    logs: draft.logs.finish(),
  }
}

function applyChange(draft: Draft, change: Change): void {
  switch (change.type) {
    case 'storeCreated':
      if (draft.fields.storeId.length !== 0) draft.refuse('the store is created twice')
      draft.fields.storeId = change.storeId
      draft.fields.createdAt = change.createdAt
      return
    case 'epochStarted':
      if (change.epoch <= draft.fields.epoch) draft.refuse('an epoch does not rise')
      draft.fields.epoch = change.epoch
      draft.fields.cleanCloseLsn = undefined
      return
    case 'kindDefined':
      return defineKind(draft, change.schema)
    case 'seriesDefined':
      return defineSeries(draft, change)
    case 'fileAdded':
      return addFile(draft, change.file)
    case 'fileDropped':
      if (draft.files.get(change.fileNumber) === undefined) draft.refuse('no such file to drop')
      draft.filesDropped.add(change.fileNumber)
      return
    case 'runAdded':
      return addRun(draft, change.run)
    case 'runDropped':
      changesOf(draft, change.seriesId).runsDropped.push(change)
      return
    case 'logAdded':
      if (draft.logs.get(change.log.fileNumber) !== undefined) draft.refuse('a log is added twice')
      nameFile(draft, change.log.fileNumber)
      draft.logs.set(change.log.fileNumber, { ...change.log, end: undefined })
      return
    case 'logEnded':
      draft.logs.set(change.fileNumber, { ...logOf(draft, change.fileNumber), end: change.end })
      return
    case 'logDropped':
      logOf(draft, change.fileNumber)
      draft.logs.delete(change.fileNumber)
      return
    case 'bytesCounted':
      return countBytes(draft, change)
    case 'cleanClose':
      draft.fields.cleanCloseLsn = change.lsnEnd
      return
    case 'rewritten':
      if (change.nextFileNumber < draft.fields.nextFileNumber) draft.refuse('file numbers fall')
      draft.fields.nextFileNumber = change.nextFileNumber
      return
    case 'restored':
    case 'snapshotCreated':
    case 'snapshotDropped':
      return
    default:
      return applySeriesChange(draft, change)
  }
}

type SeriesChange = Extract<
  Change,
  {
    type:
      | 'seriesSealed'
      | 'producerAdvanced'
      | 'producerDropped'
      | 'leafKnown'
      | 'leafDropped'
      | 'lastRow'
  }
>

function applySeriesChange(draft: Draft, change: SeriesChange): void {
  const series = changesOf(draft, change.seriesId)
  switch (change.type) {
    case 'seriesSealed':
      if (change.sealedLsn < (series.sealedLsn ?? series.before.sealedLsn) && !draft.mayFall) {
        draft.refuse('the sealed lsn of a series falls', { seriesId: change.seriesId })
      }
      series.sealedLsn = change.sealedLsn
      return
    case 'producerAdvanced': {
      const { producerId, sequence, lsn } = change
      const before = series.producers?.get(producerId) ?? series.before.producers.get(producerId)
      if (before !== undefined && sequence < before.sequence && !draft.mayFall) {
        draft.refuse('the sequence of a producer falls', { seriesId: change.seriesId, producerId })
      }
      series.producers = (series.producers ?? new Map()).set(producerId, { sequence, lsn })
      return
    }
    case 'producerDropped':
      if (!series.before.producers.has(change.producerId)) draft.refuse('no such producer to drop')
      series.producers = (series.producers ?? new Map()).set(change.producerId, undefined)
      return
    case 'leafKnown':
      series.leaves = (series.leaves ?? new Map()).set(change.leaf.partition, change.leaf)
      return
    case 'leafDropped':
      series.leaves = (series.leaves ?? new Map()).set(change.partition, undefined)
      return
    case 'lastRow':
      series.lastRow = change.bytes
      return
    default:
      assertNever(change)
  }
}

function changesOf(draft: Draft, seriesId: number): SeriesChanges {
  let changes = draft.seriesChanges.get(seriesId)
  if (changes === undefined) {
    const before = draft.series.get(seriesId)
    if (before === undefined) return draft.refuse('no such series', { seriesId })
    changes = noChanges(before)
    draft.seriesChanges.set(seriesId, changes)
  }
  return changes
}

function logOf(draft: Draft, fileNumber: number): LogState {
  return draft.logs.get(fileNumber) ?? draft.refuse('no such log', { log: fileNumber })
}

function nameFile(draft: Draft, fileNumber: number): void {
  if (!(fileNumber > 0 && fileNumber <= fileNumberMax)) draft.refuse('not a file number')
  if (fileNumber >= draft.fields.nextFileNumber) draft.fields.nextFileNumber = fileNumber + 1
}

function defineKind(draft: Draft, schema: SchemaEntry): void {
  const { kinds, schemas } = draft.fields
  const details = { kind: schema.name, schemaId: schema.schemaId }
  if (schemas.has(schema.schemaId)) draft.refuse('a schema is defined twice', details)
  const ids = new Set(schema.columns.map((column) => column.id))
  const names = new Set(schema.columns.map((column) => column.name))
  if (ids.size !== schema.columns.length || names.size !== schema.columns.length) {
    draft.refuse('a kind has a column twice', details)
  }
  for (const id of [...schema.order, ...schema.identity]) {
    if (id !== 0 && !ids.has(id)) draft.refuse('a kind orders or identifies by no column', details)
  }
  const before = kinds.get(schema.kindId)
  if (before !== undefined) {
    const isNext = before.name === schema.name && schema.schemaId > before.schemaId
    if (!isNext || !before.columns.every((column) => ids.has(column.id))) {
      draft.refuse('a schema does not follow the one before it', details)
    }
  } else {
    for (const kind of kinds.values()) {
      if (kind.name === schema.name) draft.refuse('two kinds have one name', details)
    }
  }
  draft.fields.kinds = new Map(kinds).set(schema.kindId, schema)
  draft.fields.schemas = new Map(schemas).set(schema.schemaId, schema)
}

function defineSeries(draft: Draft, change: Extract<Change, { type: 'seriesDefined' }>): void {
  const { series } = change
  const details = { seriesId: series.seriesId }
  if (draft.series.get(series.seriesId) !== undefined) {
    draft.refuse('a series is defined twice', details)
  }
  if (!draft.fields.kinds.has(series.kindId)) draft.refuse('a series of no kind', details)
  const fresh = newSeries(series)
  if (draft.fields.seriesKeys.get(fresh.key) !== undefined || draft.seriesKeys.has(fresh.key)) {
    draft.refuse('two series have one name', details)
  }
  draft.series.set(series.seriesId, fresh)
  draft.seriesKeys.set(fresh.key, series.seriesId)
}

function addFile(draft: Draft, file: FileEntry): void {
  const { fileNumber } = file
  if (draft.files.get(fileNumber) !== undefined)
    draft.refuse('a file is added twice', { fileNumber })
  nameFile(draft, fileNumber)
  draft.files.set(fileNumber, { ...file, runs: 0 })
}

function addRun(draft: Draft, run: RunEntry): void {
  const changes = changesOf(draft, run.seriesId)
  const file = draft.files.get(run.fileNumber)
  if (file === undefined) return refuseRun(draft, run, 'a run in no file')
  if (draft.fields.schemas.get(run.schemaId)?.kindId !== changes.before.kindId) {
    refuseRun(draft, run, 'a run of no schema of its kind')
  }
  if (run.rowCount < 1 || run.timeMin > run.timeMax || run.lsnFirst > run.lsnLast) {
    refuseRun(draft, run, 'a run of nothing')
  }
  if (run.footerOffset + run.footerBytes > file.bytes || run.dataBytes > file.bytes) {
    refuseRun(draft, run, 'a run reaches past its file')
  }
  changes.runsAdded.push(run)
}

function refuseRun(draft: Draft, run: RunEntry, message: string): never {
  const { seriesId, fileNumber, runIndex } = run
  return draft.refuse(message, { seriesId, fileNumber, runIndex })
}

function countBytes(draft: Draft, change: Extract<Change, { type: 'bytesCounted' }>): void {
  const { segmentBytesWritten, segmentBytesFirstSealed } = change
  const before = draft.fields.counters
  if (
    segmentBytesWritten < before.segmentBytesWritten ||
    segmentBytesFirstSealed < before.segmentBytesFirstSealed
  ) {
    draft.refuse('a total of bytes falls')
  }
  draft.fields.counters = { segmentBytesWritten, segmentBytesFirstSealed }
}

function finishSeries(draft: Draft): void {
  const counts = new Map<number, number>()
  const count = (fileNumber: number, more: number): void => {
    counts.set(fileNumber, (counts.get(fileNumber) ?? 0) + more)
  }
  for (const [seriesId, changes] of draft.seriesChanges) {
    const refuse: Refuse = (message, details) => draft.refuse(message, { seriesId, ...details })
    const { series, runsDropped } = changeSeries(changes, refuse)
    draft.series.set(seriesId, series)
    for (const run of runsDropped) count(run.fileNumber, -1)
    for (const run of changes.runsAdded) count(run.fileNumber, 1)
  }
  for (const [fileNumber, more] of counts) {
    const file = draft.files.get(fileNumber)
    assert(file !== undefined, 'manifest: invariant 1, a live run is in a live file')
    if (more !== 0) draft.files.set(fileNumber, { ...file, runs: file.runs + more })
  }
}

function finishFiles(draft: Draft): void {
  for (const fileNumber of draft.filesDropped) {
    const file = draft.files.get(fileNumber)
    if (file !== undefined && file.runs > 0) {
      draft.refuse('a file is dropped while runs of it are live', { fileNumber, runs: file.runs })
    }
    draft.files.delete(fileNumber)
  }
}

/** The store's id as text, for people. */
export function storeIdText(state: ManifestState): string {
  return hexOf(state.storeId)
}
