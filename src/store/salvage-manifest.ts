// Salvage of a manifest that lost edits: the newest state that can be read, and on top of it what the
// lost edits had named, as far as files on disk tell of it.
//
// A run of a whole file that the state does not name is adopted, the newest files first, where all
// runs of its partition whose lsns it meets lie within its own and are older: then it is what a
// compaction made of them, or it is of a seal. So no row is there twice. Of rows that both a log and
// such files hold, the log is taken where it holds more of them.
// A log file with a number of after the state is named again; the one before it ends where it began.
import { VarveError, assert } from '#base'
import { applyToHistory, emptyHistory, surveyManifest } from '#manifest'
import type { Change, History, ManifestFound, RunEntry } from '#manifest'
import { partitionWidthOf } from '#schema'
import { readDirectory, verifySegment } from '#segment'
import type { Directory, FinishedFile } from '#segment'
import { findLogPlace, lsnEpochRows, readLog, readRowsEntry, rowsEntryType } from '#wal'
import type { LogEntry, LogSummary } from '#wal'
import { fileNumberOf } from './paths.ts'
import { changesOf } from './publish.ts'
import type { SalvageContext } from './salvage-report.ts'

interface ToldFile {
  readonly path: string
  readonly storeId: Uint8Array
  readonly finished: FinishedFile
  readonly directory: Directory
  readonly isWhole: boolean
}

interface FoundFile {
  readonly path: string
  readonly fileNumber: number
  /** undefined where it does not tell what it is. */
  readonly told: ToldFile | undefined
}

interface FoundLog {
  readonly path: string
  readonly fileNumber: number
  readonly header: LogSummary['header']
  readonly manifestEdit: number
}

/** The history to go on with; undefined where the manifest is whole, or there is no store.
 *  @throws {VarveError} ERR_VERSION, ERR_IO; ERR_CORRUPT where nothing tells whose store it was */
export function salvageHistory(context: SalvageContext): History | undefined {
  const { env, paths, report } = context
  const found = surveyManifest(env.vfs, paths.root)
  const files = filesIn(context)
  const isUnborn = (found.history?.state.editNumber ?? 0) <= 1 && files.length === 0
  const isNew = isUnborn && env.vfs.stat(`${paths.root}/CURRENT`) === undefined
  if (isNew) return undefined
  const logs = logsIn(context, found.history?.state.storeId)
  const editKnown = Math.max(found.editSeen, ...logs.map(({ manifestEdit }) => manifestEdit))
  const before = found.history?.state.editNumber ?? 0
  if (found.damage.length === 0 && editKnown <= before) return undefined
  noteManifest(context, found, before, editKnown)
  for (const file of found.files) context.setAside(file)
  if (env.vfs.stat(`${paths.root}/CURRENT`) !== undefined) context.setAside(`${paths.root}/CURRENT`)
  const history = found.history ?? nothingButNames(context, files, logs)
  // Records of the log know the lost edits by their numbers: what comes next is after them.
  const editNumber = Math.max(editKnown, before)
  let next: History = { ...history, state: { ...history.state, editNumber } }
  if (found.history === undefined || editKnown > before) {
    next = adoptLogs(context, next, logs)
    next = adoptFiles(context, next, files)
  }
  report.files += files.length + logs.length
  return next
}

function noteManifest(
  { paths, report }: SalvageContext,
  found: ManifestFound,
  before: number,
  editKnown: number,
): void {
  for (const { file, offset, message } of found.damage) {
    const part = file === `${paths.root}/CURRENT` ? 'current' : 'manifest'
    report.findings.push({ file, part, offset, message, done: 'rebuilt' })
  }
  if (editKnown <= before) return
  report.findings.push({
    file: found.file ?? `${paths.root}/manifest`,
    part: 'manifest',
    message: `edits ${before + 1} to ${editKnown} are lost: what they named is looked for on disk`,
    done: 'rebuilt',
  })
}

/** Segments and packs, the newest first. */
function filesIn({ env, paths }: SalvageContext): FoundFile[] {
  const found: FoundFile[] = []
  for (const folder of [paths.segments, paths.packs]) {
    if (env.vfs.stat(folder) === undefined) continue
    for (const name of env.vfs.list(folder)) {
      const fileNumber = fileNumberOf(name)
      if (fileNumber === undefined) continue
      const path = `${folder}/${name}`
      const told = tellOf(env.vfs, path)
      // Under the name of another it is no better than one that cannot be read.
      const isItself = told?.finished.fileNumber === fileNumber
      found.push({ path, fileNumber, told: isItself ? told : undefined })
    }
  }
  return found.sort((a, b) => b.fileNumber - a.fileNumber)
}

/** What the file says of itself; undefined where that cannot be read. */
function tellOf(vfs: SalvageContext['env']['vfs'], path: string): ToldFile | undefined {
  const file = vfs.open(path, 'read')
  try {
    const { header, trailer, directory } = readDirectory(file)
    const { fileKind, fileNumber, storeId } = header
    const { fileBytes: bytes, fileHash, directoryHash } = trailer
    const finished = { fileKind, fileNumber, bytes, fileHash, directoryHash, runs: directory.runs }
    const isWhole = verifySegment(file).length === 0
    return { path, storeId, finished, directory, isWhole }
  } catch (error) {
    if (error instanceof VarveError && error.code === 'ERR_CORRUPT') return undefined
    throw error
  } finally {
    file.close()
  }
}

/** Log files, the oldest first. `storeId`: of any store where it is not known. */
function logsIn({ env, paths }: SalvageContext, storeId: Uint8Array | undefined): FoundLog[] {
  const { vfs } = env
  if (vfs.stat(paths.wal) === undefined) return []
  return vfs.list(paths.wal).flatMap((name) => {
    const fileNumber = fileNumberOf(name)
    if (fileNumber === undefined) return []
    const path = `${paths.wal}/${name}`
    const own = storeId ?? headerIdOf(vfs, path)
    try {
      const options = { fileNumber, storeId: own, isSalvage: true }
      const { header, manifestEdit, damage } = readLog(vfs, path, options, () => {})
      // A header that is not whole tells nothing that can be built on.
      return damage.some(({ offset, bytes }) => offset === 0 && bytes > 0)
        ? []
        : [{ path, fileNumber, header, manifestEdit }]
    } catch (error) {
      if (error instanceof VarveError && error.code === 'ERR_CORRUPT') return []
      throw error
    }
  })
}

const storeIdAt = 24

function headerIdOf(vfs: SalvageContext['env']['vfs'], path: string): Uint8Array {
  const file = vfs.open(path, 'read')
  try {
    const id = new Uint8Array(16)
    file.read(id, storeIdAt)
    return id
  } finally {
    file.close()
  }
}

/** No manifest can be read: the store's id is in every file of it. */
function nothingButNames(
  { env, paths }: SalvageContext,
  files: readonly FoundFile[],
  logs: readonly FoundLog[],
): History {
  const told = files.find((file) => file.told !== undefined)?.told
  const storeId = told?.storeId ?? logs[0]?.header.storeId
  if (storeId === undefined) {
    throw new VarveError('ERR_CORRUPT', 'nothing of the store can be read', { file: paths.root })
  }
  return applyToHistory(emptyHistory, [
    { type: 'storeCreated', storeId, createdAt: env.clock.now() },
  ])
}

function isOurs(history: History, storeId: Uint8Array): boolean {
  return storeId.every((byte, at) => byte === history.state.storeId[at])
}

/** Names the log files of lost edits, and says where those before them end. */
function adoptLogs(
  { env, paths, report }: SalvageContext,
  history: History,
  logs: readonly FoundLog[],
): History {
  const { state } = history
  const { vfs } = env
  const changes: Change[] = []
  const open = new Map([...state.logs.values()].map((log) => [log.fileNumber, log.end]))
  let { epoch } = state
  for (const { path, fileNumber, header } of logs) {
    if (state.logs.get(fileNumber) !== undefined || fileNumber < state.nextFileNumber) continue
    if (!isOurs(history, header.storeId)) continue
    const { previousFileNumber: number, firstLsn } = header
    if (open.has(number) && open.get(number) === undefined && vfs.stat(paths.log(number))) {
      const own = { fileNumber: number, storeId: state.storeId }
      const { offset, lsnEnd, hash } = findLogPlace(vfs, paths.log(number), own, header)
      const end = { endOffset: offset, lsnEnd, lastHash: hash }
      changes.push({ type: 'logEnded', fileNumber: number, end })
    }
    changes.push({ type: 'logAdded', log: { fileNumber, epoch: header.epoch, firstLsn } })
    open.set(fileNumber, undefined)
    epoch = Math.max(epoch, header.epoch)
    report.findings.push({
      file: path,
      part: 'log',
      message: 'a lost edit named it',
      done: 'adopted',
    })
  }
  for (const { fileNumber } of state.logs.values()) {
    if (vfs.stat(paths.log(fileNumber)) === undefined)
      changes.push({ type: 'logDropped', fileNumber })
  }
  if (epoch > state.epoch) changes.unshift({ type: 'epochStarted', epoch })
  return sameEdit(history, changes)
}

/** The changes become part of the history's newest edit. */
function sameEdit(history: History, changes: readonly Change[]): History {
  if (changes.length === 0) return history
  const { editNumber } = history.state
  const before = { ...history, state: { ...history.state, editNumber: editNumber - 1 } }
  return applyToHistory(before, changes, { editNumber, place: { part: 'salvage' } })
}

function adoptFiles(
  context: SalvageContext,
  history: History,
  files: readonly FoundFile[],
): History {
  const named = new Set<number>()
  for (const { state } of [history, ...history.snapshots.values()]) {
    for (const { fileNumber } of state.files.values()) named.add(fileNumber)
  }
  const fresh: ToldFile[] = []
  for (const { path, fileNumber, told } of files) {
    if (named.has(fileNumber)) continue
    if (told !== undefined && isOurs(history, told.storeId)) {
      fresh.push(told)
      continue
    }
    const part = path.startsWith(`${context.paths.packs}/`) ? 'pack' : 'segment'
    const message = 'a lost edit may have named it; it does not tell what it holds'
    context.report.findings.push({ file: path, part, message, done: 'lost' })
    context.setAside(path)
  }
  const inLogs = rowsInLogs(context, history)
  let next = history
  for (const file of fresh) {
    try {
      next = adoptFile(context, next, file, {
        sealedLsn: ({ seriesId }) => history.state.series.get(seriesId)?.sealedLsn ?? 0n,
        isBetterInLogs: (run) => isBetterInLogs(history, fresh, inLogs, run),
      })
    } catch (error) {
      if (!(error instanceof VarveError) || error.code !== 'ERR_CORRUPT') throw error
      context.setAside(file.path)
      noteFile(context, file, error.message, 'kept')
    }
  }
  return next
}

function noteFile(
  { report }: SalvageContext,
  { path, finished }: ToldFile,
  message: string,
  done: 'adopted' | 'kept',
): void {
  const rows = finished.runs.reduce((sum, { rowCount }) => sum + rowCount, 0)
  report.findings.push({ file: path, part: finished.fileKind, message, done, rows })
}

/** The state that could be read, before anything was adopted. */
interface Before {
  sealedLsn(run: RunEntry): bigint
  isBetterInLogs(run: RunEntry): boolean
}

function adoptFile(
  context: SalvageContext,
  history: History,
  file: ToldFile,
  before: Before,
): History {
  const [added, ...runs] = changesOf(file.finished)
  assert(added?.type === 'fileAdded', 'salvage: a file comes before its runs')
  const { changes, sealed, isInLogs } = adoptRuns(history, file, runs, before)
  if (changes.length === 0) {
    // Of what a compaction made something newer nothing is told.
    if (!isInLogs) return history
    context.setAside(file.path)
    noteFile(context, file, 'a lost edit named it; the log holds more of its rows', 'kept')
    return history
  }
  const next = sameEdit(history, [
    ...epochOf(history, sealed),
    ...definitions(history, file.directory),
    added,
    ...changes,
    ...[...sealed].flatMap(([seriesId, sealedLsn]): Change[] => [
      { type: 'seriesSealed', seriesId, sealedLsn },
      { type: 'lastRow', seriesId, bytes: new Uint8Array(0) },
    ]),
  ])
  noteFile(context, file, 'a lost edit named it', 'adopted')
  return dropEmpty(next)
}

interface Adopted {
  readonly changes: readonly Change[]
  /** By series: up to where its rows stand in runs then. */
  readonly sealed: ReadonlyMap<number, bigint>
  /** Some run was left out because the logs hold its rows. */
  readonly isInLogs: boolean
}

function adoptRuns(
  { state }: History,
  file: ToldFile,
  runs: readonly Change[],
  before: Before,
): Adopted {
  const changes: Change[] = []
  const sealed = new Map<number, bigint>()
  let isInLogs = false
  for (const change of runs) {
    if (change.type !== 'runAdded') continue
    const { run } = change
    const series = state.series.get(run.seriesId)
    const met = (series?.runs ?? []).filter(
      ({ partition, lsnFirst, lsnLast }) =>
        partition === run.partition && lsnFirst <= run.lsnLast && lsnLast >= run.lsnFirst,
    )
    const isNewer = met.every(
      ({ lsnFirst, lsnLast, fileNumber }) =>
        lsnFirst >= run.lsnFirst && lsnLast <= run.lsnLast && fileNumber < run.fileNumber,
    )
    const isSealed = met.length === 0 && run.lsnLast <= before.sealedLsn(run)
    // What is damaged takes the place of nothing; where it stands alone its whole rows are rescued.
    if (!isNewer || isSealed || (met.length > 0 && !file.isWhole)) continue
    if (before.isBetterInLogs(run)) {
      isInLogs = true
      continue
    }
    for (const { seriesId, fileNumber, runIndex } of met) {
      changes.push({ type: 'runDropped', seriesId, fileNumber, runIndex })
    }
    changes.push(change)
    const lsn = sealed.get(run.seriesId) ?? series?.sealedLsn ?? 0n
    sealed.set(run.seriesId, run.lsnLast > lsn ? run.lsnLast : lsn)
  }
  return { changes, sealed, isInLogs }
}

function epochOf({ state }: History, sealed: ReadonlyMap<number, bigint>): Change[] {
  let { epoch } = state
  for (const lsn of sealed.values()) epoch = Math.max(epoch, Number(lsn / lsnEpochRows))
  return epoch > state.epoch ? [{ type: 'epochStarted', epoch }] : []
}

/** Files all of whose runs were replaced. */
function dropEmpty(history: History): History {
  const empty = [...history.state.files.values()].filter(({ runs }) => runs === 0)
  return sameEdit(
    history,
    empty.map(({ fileNumber }): Change => ({ type: 'fileDropped', fileNumber })),
  )
}

/** Kinds and series that the file tells of and the state does not know. */
function definitions({ state }: History, directory: Directory): Change[] {
  const changes: Change[] = []
  const kinds = new Map([...state.kinds.values()].map(({ name, kindId }) => [name, kindId]))
  const schemas = directory.schemas.toSorted((a, b) => a.schemaId - b.schemaId)
  for (const schema of schemas) {
    if (!state.schemas.has(schema.schemaId)) changes.push({ type: 'kindDefined', schema })
    kinds.set(schema.name, schema.kindId)
  }
  for (const { seriesId, key } of directory.series) {
    if (state.series.get(seriesId) !== undefined) continue
    const { kind, symbol, timeframe } = key
    const kindId = kinds.get(kind)
    assert(kindId !== undefined, 'salvage: a directory names the kinds of its series')
    const partitionWidth = partitionWidthOf(timeframe)
    const series = { seriesId, kindId, symbol, timeframe: timeframe ?? '', partitionWidth }
    changes.push({ type: 'seriesDefined', series })
  }
  return changes
}

/** How many unsealed rows the logs hold: their lsns, by series. */
function rowsInLogs(
  { env, paths }: SalvageContext,
  { state }: History,
): Map<number, { readonly lsn: bigint; readonly rows: number }[]> {
  const found = new Map<number, { lsn: bigint; rows: number }[]>()
  for (const { fileNumber, end } of state.logs.values()) {
    const path = paths.log(fileNumber)
    if (env.vfs.stat(path) === undefined) continue
    const { storeId } = state
    const ending = end === undefined ? {} : { end: { offset: end.endOffset } }
    readLog(env.vfs, path, { fileNumber, storeId, isSalvage: true, ...ending }, (entry) => {
      const seriesId = seriesIdOf(entry, path)
      if (seriesId === undefined) return
      if (entry.lsnFirst <= (state.series.get(seriesId)?.sealedLsn ?? 0n)) return
      const list = found.get(seriesId) ?? []
      list.push({ lsn: entry.lsnFirst, rows: entry.rowCount })
      found.set(seriesId, list)
    })
  }
  return found
}

function seriesIdOf({ type, bytes, offset }: LogEntry, file: string): number | undefined {
  if (type !== rowsEntryType) return undefined
  try {
    return readRowsEntry(bytes, { file, offset }).seriesId
  } catch (error) {
    if (error instanceof VarveError && error.code === 'ERR_CORRUPT') return undefined
    throw error
  }
}

/** Whether the logs hold more rows of the series than the files that no edit names. */
function isBetterInLogs(
  { state }: History,
  fresh: readonly ToldFile[],
  inLogs: ReturnType<typeof rowsInLogs>,
  { seriesId }: RunEntry,
): boolean {
  const sealedLsn = state.series.get(seriesId)?.sealedLsn ?? 0n
  const taken = new Map<string, { first: bigint; last: bigint }[]>()
  let rows = 0
  let lsnLast = 0n
  // As adoptFile takes them: of those that meet in lsn the newest.
  for (const { finished } of fresh) {
    for (const run of finished.runs) {
      if (run.seriesId !== seriesId || run.lsnLast <= sealedLsn) continue
      const others = taken.get(String(run.partition)) ?? []
      if (others.some(({ first, last }) => first <= run.lsnLast && last >= run.lsnFirst)) continue
      others.push({ first: run.lsnFirst, last: run.lsnLast })
      taken.set(String(run.partition), others)
      rows += run.rowCount
      if (run.lsnLast > lsnLast) lsnLast = run.lsnLast
    }
  }
  let logged = 0
  for (const entry of inLogs.get(seriesId) ?? []) if (entry.lsn <= lsnLast) logged += entry.rows
  return logged > rows
}
