// Salvage of segments and packs: what of a damaged file can be read is written anew, the file is
// copied to quarantine, and one edit puts the new runs in the place of the old ones. Until that edit
// nothing is changed; after it what was damaged is named by nobody but snapshots.
import { VarveError } from '#base'
import { groupSeries, writeFiles } from '#compact'
import type { FilePlan, RunPlan, SeriesPlan } from '#compact'
import type { Change, FileState, History, Manifest, RunEntry } from '#manifest'
import { readDirectory } from '#segment'
import type { RunBytes } from '#segment'
import { FileCache, draftPathOf } from '#vfs'
import type { VfsFile } from '#vfs'
import { Catalog } from './catalog.ts'
import type { SeriesRuntime } from './catalog.ts'
import type { VerifyReport } from './contract.ts'
import { publishFiles } from './publish.ts'
import { RescuedRun } from './rescue.ts'
import type { SalvageContext } from './salvage-report.ts'
import { verifyStore } from './verify.ts'
import { Job } from './work.ts'

type Damage = VerifyReport['damage'][number]

interface BadFile {
  readonly entry: FileState
  /** Where the manifest says that it is. */
  readonly path: string
  /** Where its bytes are; undefined where they are nowhere. */
  readonly source: string | undefined
  readonly message: string
}

interface Rescued {
  readonly run: RunEntry
  readonly runtime: SeriesRuntime
  /** undefined: nothing of it. */
  readonly rows: RescuedRun | undefined
}

/** Looks at every data file that the history names and mends what is damaged. `manifest` is
 *  undefined where nothing is to be changed. */
export async function salvageData(
  context: SalvageContext,
  history: History,
  manifest: Manifest | undefined,
): Promise<void> {
  const { env, paths } = context
  const { damage, files } = await verifyStore(env, paths, history, {})
  context.report.files += files
  const bad = badFiles(context, history, damage)
  noteLogs(context, damage)
  noteSnapshots(context, history, damage)
  if (bad.length === 0) return
  const cache = new FileCache(env.vfs)
  try {
    const rescued = rescueRuns(history, bad, cache)
    noteRuns(context, bad, rescued)
    if (manifest !== undefined) await replaceRuns(context, manifest, bad, rescued)
  } finally {
    cache.closeAll()
  }
}

function badFiles(
  { env, paths }: SalvageContext,
  { state }: History,
  damage: readonly Damage[],
): BadFile[] {
  const messages = new Map<string, string>()
  for (const { file, column, message } of damage) {
    // The first that says where.
    if (column !== undefined) messages.set(file, messages.get(file) ?? `${column}: ${message}`)
  }
  for (const { file, message } of damage) {
    if (!messages.has(file)) messages.set(file, message)
  }
  const bad: BadFile[] = []
  for (const entry of state.files.values()) {
    const path = paths.data(entry.fileKind, entry.fileNumber)
    const message = messages.get(path)
    if (message === undefined) continue
    bad.push({ entry, path, message, source: sourceOf({ env, paths }, entry, path) })
  }
  return bad
}

/** Their whole records are read at open; see recovery.ts. */
function noteLogs({ paths, report }: SalvageContext, damage: readonly Damage[]): void {
  for (const { file, message } of damage) {
    if (!file.startsWith(`${paths.wal}/`)) continue
    report.findings.push({ file, part: 'log', message, done: 'rescued' })
  }
}

/** A file that is not what its name says may stand under the name of another. */
function sourceOf(
  { env, paths }: Pick<SalvageContext, 'env' | 'paths'>,
  entry: FileState,
  path: string,
): string | undefined {
  const { vfs } = env
  const own = vfs.stat(path) === undefined ? undefined : path
  if (own !== undefined && !isOther(vfs.open(own, 'read'), entry)) return own
  for (const folder of [paths.segments, paths.packs]) {
    for (const name of vfs.list(folder)) {
      const found = `${folder}/${name}`
      if (found !== own && isFile(vfs.open(found, 'read'), entry)) return found
    }
  }
  return own
}

/** Whole enough to say that it is this file. */
function isFile(file: VfsFile, { fileNumber, fileHash }: FileState): boolean {
  const trailer = trailerOf(file)
  return trailer?.fileNumber === fileNumber && trailer.fileHash === fileHash
}

function isOther(file: VfsFile, entry: FileState): boolean {
  const trailer = trailerOf(file)
  return trailer !== undefined && trailer.fileNumber !== entry.fileNumber
}

function trailerOf(file: VfsFile): { fileNumber: number; fileHash: bigint } | undefined {
  try {
    return readDirectory(file).trailer
  } catch (error) {
    if (error instanceof VarveError) return undefined
    throw error
  } finally {
    file.close()
  }
}

/** Snapshots never change: what they lost is told, and their reads say ERR_CORRUPT. */
function noteSnapshots(
  { paths, report }: SalvageContext,
  { snapshots }: History,
  damage: readonly Damage[],
): void {
  const messages = new Map(damage.map(({ file, message }) => [file, message]))
  for (const [name, { state }] of snapshots) {
    for (const { fileKind, fileNumber } of state.files.values()) {
      const file = paths.data(fileKind, fileNumber)
      const message = messages.get(file)
      if (message === undefined) continue
      report.findings.push({
        file,
        part: fileKind,
        message: `the snapshot ${JSON.stringify(name)} reads it: ${message}`,
        done: 'kept',
      })
    }
  }
}

function rescueRuns({ state }: History, bad: readonly BadFile[], cache: FileCache): Rescued[] {
  const catalog = new Catalog(state)
  const sources = new Map(bad.map(({ entry, source }) => [entry.fileNumber, source]))
  const rescued: Rescued[] = []
  for (const series of state.series.values()) {
    const runtime = catalog.byId(series.id)!
    for (const run of series.runs) {
      if (!sources.has(run.fileNumber)) continue
      const path = sources.get(run.fileNumber)
      const { storedSpecs } = runtime.head
      const bytes = path === undefined ? undefined : bytesOf(cache, path, runtime.name)
      const rows = bytes === undefined ? undefined : RescuedRun.open(bytes, run, storedSpecs)
      rescued.push({ run, runtime, rows })
    }
  }
  return rescued
}

function bytesOf(cache: FileCache, file: string, series: string): RunBytes {
  const read = (target: Uint8Array, offset: number): void => {
    if (cache.acquire(file).read(target, offset) === target.length) return
    throw new VarveError('ERR_CORRUPT', 'a data file is shorter than it was', { file, offset })
  }
  return { file, series, read }
}

function noteRuns(
  { report }: SalvageContext,
  bad: readonly BadFile[],
  rescued: readonly Rescued[],
): void {
  for (const { entry, path, message } of bad) {
    for (const { run, runtime, rows } of rescued) {
      if (run.fileNumber !== entry.fileNumber) continue
      const kept = rows?.rowCount ?? 0
      const lost = run.rowCount - kept
      report.rowsRescued += kept
      report.rowsLost += lost
      report.findings.push({
        file: path,
        part: entry.fileKind,
        message,
        done: kept === 0 ? 'lost' : 'rescued',
        series: runtime.name,
        from: run.timeMin,
        to: run.timeMax,
        rows: lost,
      })
    }
  }
}

async function replaceRuns(
  context: SalvageContext,
  manifest: Manifest,
  bad: readonly BadFile[],
  rescued: readonly Rescued[],
): Promise<void> {
  const { env, paths } = context
  for (const { path } of bad) context.setAside(path)
  const { storeId } = manifest.state
  const plans = groupSeries(seriesPlans(rescued)).map(({ fileKind, series }): FilePlan => {
    const fileNumber = manifest.allocateFileNumber()
    const draft = draftPathOf(paths.data(fileKind, fileNumber))
    return { output: { fileKind, fileNumber, draft }, series }
  })
  const writing = writeFiles({ vfs: env.vfs, storeId }, plans, () => {})
  const drafts = await new Job(writing, env.scheduler).run()
  const { changes } = publishFiles(env, paths, drafts)
  const dropped = rescued.map(({ run }): Change => {
    const { seriesId, fileNumber, runIndex } = run
    return { type: 'runDropped', seriesId, fileNumber, runIndex }
  })
  const ids = new Set(rescued.map(({ runtime }) => runtime.id))
  manifest.commit([
    ...dropped,
    ...changes,
    ...bad.map(({ entry }): Change => ({ type: 'fileDropped', fileNumber: entry.fileNumber })),
    // What it was may be lost; it is read from the runs again.
    ...[...ids].map((seriesId): Change => ({
      type: 'lastRow',
      seriesId,
      bytes: new Uint8Array(0),
    })),
  ])
}

function seriesPlans(rescued: readonly Rescued[]): SeriesPlan[] {
  const plans = new Map<number, SeriesPlan & { runs: RunPlan[]; rowsMax: number }>()
  for (const { run, runtime, rows } of rescued) {
    if (rows === undefined) continue
    const { rules, storedSpecs } = runtime.head
    const plan = plans.get(runtime.id) ?? {
      seriesId: runtime.id,
      key: runtime.key,
      specs: storedSpecs,
      rules,
      rowsMax: 0,
      runs: [],
    }
    const { partition, lsnFirst, lsnLast } = run
    plan.runs.push({ partition, lsnFirst, lsnLast, sources: { sources: [rows], rules } })
    plan.rowsMax += rows.rowCount
    plans.set(runtime.id, plan)
  }
  return [...plans.values()]
}
