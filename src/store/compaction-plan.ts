// Which runs a compaction takes together, and whether they still can be replaced. Pure decisions
// over a manifest state.
import { assert } from '#base'
import { groupSeries } from '#compact'
import type { CompactionJob, InputRun, JobRun, JobSeries } from '#compact'
import type { ManifestState, RunEntry, SeriesState } from '#manifest'
import { draftPathOf } from '#vfs'
import type { Engine } from './engine.ts'

/** Inputs of one round: more rounds follow until nothing is left, so that space and memory stay
 *  bounded. */
const inputRowsMax = 16_000_000
/** A partition with so many is compacted whole, whatever their sizes. */
const runsTooMany = 32
/** So many are worth the work. */
const inputsMin = 4

/** Runs of one partition that become one, in order of arrival. No other live run of it arrived
 *  between them. */
export interface Inputs {
  readonly seriesId: number
  readonly runs: readonly RunEntry[]
}

export interface Round {
  /** The state whose files are read. */
  readonly state: ManifestState
  readonly inputs: readonly Inputs[]
  readonly job: CompactionJob
}

/** Of the runs of one partition those to compact: a stretch of neighbours in arrival; none where
 *  it is not worth it. */
export type Choose = (runs: readonly RunEntry[]) => readonly RunEntry[]

/** All runs of rows below `lsnEnd`. Seals go on meanwhile: with a bound the work has an end, also where
 *  they never stop. */
export function chooseBelow(lsnEnd: bigint): Choose {
  return (runs) => {
    const old = runs.filter(({ lsnLast }) => lsnLast < lsnEnd)
    return old.length > 1 ? old : []
  }
}

/** Of a partition with more than `runsMax` runs the newest, and older ones as far back as they are
 *  not much larger than what is younger: a row is then written again some log(n) times, not n
 *  times. */
export function chooseCrowded(runsMax: number): Choose {
  return (runs) => {
    if (runs.length <= runsMax) return []
    if (runs.length > runsTooMany) return runs
    let from = runs.length
    let rows = 0
    while (from > 0 && (runs.length - from < inputsMin || runs[from - 1]!.rowCount <= 2 * rows)) {
      from -= 1
      rows += runs[from]!.rowCount
    }
    return runs.slice(from)
  }
}

/** The runs of each partition that has more than one. */
function* shared({ runs }: SeriesState): Generator<RunEntry[]> {
  for (let from = 0; from < runs.length;) {
    let end = from + 1
    while (end < runs.length && runs[end]!.partition === runs[from]!.partition) end += 1
    if (end - from > 1) yield runs.slice(from, end)
    from = end
  }
}

/** The next round over these series; undefined where nothing is left to do. Allocates the
 *  numbers of its files. */
export function planRound(
  engine: Engine,
  seriesIds: Iterable<number>,
  choose: Choose,
): Round | undefined {
  const { state } = engine.manifest
  const inputs: Inputs[] = []
  const series: JobSeries[] = []
  let rows = 0
  for (const seriesId of seriesIds) {
    const entry = state.series.get(seriesId)
    if (entry === undefined) continue
    const jobRuns: JobRun[] = []
    let rowsMax = 0
    for (const partition of shared(entry)) {
      if (rows >= inputRowsMax) break
      const runs = choose(partition)
      if (runs.length === 0) continue
      inputs.push({ seriesId, runs })
      jobRuns.push(jobRun(engine, state, runs))
      for (const { rowCount } of runs) rowsMax += rowCount
      rows += runs.reduce((sum, { rowCount }) => sum + rowCount, 0)
    }
    if (jobRuns.length > 0) series.push(jobSeries(engine, seriesId, rowsMax, jobRuns))
    if (rows >= inputRowsMax) break
  }
  if (inputs.length === 0) return undefined
  return { state, inputs, job: jobOf(engine, series) }
}

function jobRun({ paths }: Engine, state: ManifestState, runs: readonly RunEntry[]): JobRun {
  const inputs = runs.map((run): InputRun => {
    const { rowCount, timeMin, timeMax, lsnFirst } = run
    const { dataBytes, footerOffset, footerBytes, footerHash } = run
    const file = state.files.get(run.fileNumber)
    assert(file !== undefined, 'compaction: a state names the file of each run')
    const path = paths.data(file.fileKind, file.fileNumber)
    const place = { path, dataBytes, footerOffset, footerBytes, footerHash }
    return { ...place, rowCount, timeMin, timeMax, lsnFirst }
  })
  const { partition, lsnFirst } = runs[0]!
  return { partition, lsnFirst, lsnLast: runs.at(-1)!.lsnLast, inputs }
}

function jobSeries(
  { catalog }: Engine,
  seriesId: number,
  rowsMax: number,
  runs: readonly JobRun[],
): JobSeries {
  const runtime = catalog.byId(seriesId)
  assert(runtime !== undefined, 'compaction: the catalog has every series')
  const { key, name, head } = runtime
  const { kind, partitionWidth } = head.rules
  return { seriesId, key, name, kind, partitionWidth, rowsMax, runs }
}

function jobOf(engine: Engine, all: readonly JobSeries[]): CompactionJob {
  const files = groupSeries(all).map(({ fileKind, series }) => {
    const fileNumber = engine.allocateFileNumber()
    const draft = draftPathOf(engine.paths.data(fileKind, fileNumber))
    return { output: { fileKind, fileNumber, draft }, series }
  })
  return { storeId: engine.storeId, level: engine.level, files }
}

/** Every input is live, and no other live run of its partition arrived between the inputs. */
export function isClosed(state: ManifestState, all: readonly Inputs[]): boolean {
  return all.every(({ seriesId, runs }) => {
    const { partition, lsnFirst } = runs[0]!
    const { lsnLast } = runs.at(-1)!
    const between = (state.series.get(seriesId)?.runs ?? []).filter(
      (run) => run.partition === partition && run.lsnFirst <= lsnLast && run.lsnLast >= lsnFirst,
    )
    const isSame = (a: RunEntry, b: RunEntry | undefined): boolean =>
      a.fileNumber === b?.fileNumber && a.runIndex === b.runIndex
    return between.length === runs.length && runs.every((run, at) => isSame(run, between[at]))
  })
}
