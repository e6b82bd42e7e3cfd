// Compaction: the runs of a partition into one, so that reads touch fewer places. Inputs are all runs of the partition:
// closed, whatever lies between them in arrival is among them.
import { VarveError, assert } from '#base'
import type { Change, ManifestState, RunEntry, SeriesState } from '#manifest'
import type { CompactionReport } from './contract.ts'
import type { SeriesRuntime } from './catalog.ts'
import type { Engine } from './engine.ts'
import type { Work } from './work.ts'
import { writeRuns } from './write-runs.ts'
import type { RunPlan, SeriesPlan } from './write-runs.ts'

/** Inputs of one round: more rounds follow until nothing is left, so that space and memory stay bounded. */
const inputRowsMax = 16_000_000

interface Round {
  readonly plans: readonly SeriesPlan[]
  readonly inputs: readonly RunEntry[]
}

/** Partitions with more than one run, by series. Pure. */
export function planCompaction(engine: Engine, state: ManifestState): Round | undefined {
  const plans: SeriesPlan[] = []
  const inputs: RunEntry[] = []
  let rows = 0
  for (const series of state.series.values()) {
    if (rows >= inputRowsMax) break
    const runtime = engine.catalog.byId(series.id)
    assert(runtime !== undefined, 'compaction: the catalog has every series')
    const runs: RunPlan[] = []
    let rowsMax = 0
    for (const group of crowded(series)) {
      runs.push(planRun(engine, state, runtime, group))
      inputs.push(...group)
      for (const run of group) rowsMax += run.rowCount
    }
    if (runs.length === 0) continue
    rows += rowsMax
    const { rules, storedSpecs: specs } = runtime.head
    plans.push({ seriesId: series.id, key: runtime.key, specs, rules, rowsMax, runs })
  }
  return plans.length === 0 ? undefined : { plans, inputs }
}

/** The runs of each partition that has more than one. */
function crowded({ runs }: SeriesState): RunEntry[][] {
  const groups: RunEntry[][] = []
  for (let from = 0; from < runs.length;) {
    let end = from + 1
    while (end < runs.length && runs[end]!.partition === runs[from]!.partition) end += 1
    if (end - from > 1) groups.push(runs.slice(from, end))
    from = end
  }
  return groups
}

function planRun(
  engine: Engine,
  state: ManifestState,
  runtime: SeriesRuntime,
  inputs: readonly RunEntry[],
): RunPlan {
  const { rules } = runtime.head
  const sources = inputs.map((run) => engine.runs.source(run, state, runtime.name))
  return {
    partition: inputs[0]!.partition,
    sources: { sources, rules },
    lsnFirst: inputs[0]!.lsnFirst,
    lsnLast: inputs.at(-1)!.lsnLast,
  }
}

/** One round; undefined where nothing is left to do. */
export function* compactOnce(
  engine: Engine,
  signal: AbortSignal | undefined,
): Work<CompactionReport | undefined> {
  const state = engine.manifest.state
  const round = planCompaction(engine, state)
  if (round === undefined) return undefined
  const release = engine.pins.pin(state)
  try {
    const written = yield* writeRuns(engine, round.plans, signal)
    checkRows(engine, round, written.changes)
    const { counters } = engine.manifest.state
    engine.commit([
      ...round.inputs.map(({ seriesId, fileNumber, runIndex }): Change => ({
        type: 'runDropped',
        seriesId,
        fileNumber,
        runIndex,
      })),
      ...written.changes,
      ...emptiedFiles(state, round.inputs),
      {
        type: 'bytesCounted',
        segmentBytesWritten: counters.segmentBytesWritten + written.bytes,
        segmentBytesFirstSealed: counters.segmentBytesFirstSealed,
      },
    ])
    return reportOf(round, written.changes)
  } finally {
    release()
  }
}

/** Where nothing merges, as many rows go out as came in. */
function checkRows(engine: Engine, round: Round, changes: readonly Change[]): void {
  const counts = new Map<number, number>()
  for (const { seriesId, rowCount } of round.inputs) {
    counts.set(seriesId, (counts.get(seriesId) ?? 0) + rowCount)
  }
  for (const change of changes) {
    if (change.type !== 'runAdded') continue
    const { seriesId, rowCount } = change.run
    counts.set(seriesId, counts.get(seriesId)! - rowCount)
  }
  for (const [seriesId, difference] of counts) {
    const runtime = engine.catalog.byId(seriesId)
    const isExact = runtime?.head.rules.duplicates === undefined
    if (isExact ? difference === 0 : difference >= 0) continue
    throw new VarveError('ERR_CORRUPT', 'compaction would change the number of rows', {
      series: runtime?.name,
      difference,
    })
  }
}

/** Files whose last live runs are among the inputs. */
export function emptiedFiles(state: ManifestState, dropped: readonly RunEntry[]): Change[] {
  const counts = new Map<number, number>()
  for (const { fileNumber } of dropped) counts.set(fileNumber, (counts.get(fileNumber) ?? 0) + 1)
  const changes: Change[] = []
  for (const [fileNumber, count] of counts) {
    if (state.files.get(fileNumber)?.runs === count)
      changes.push({ type: 'fileDropped', fileNumber })
  }
  return changes
}

function reportOf(round: Round, changes: readonly Change[]): CompactionReport {
  const outputs = changes.flatMap((change) => (change.type === 'runAdded' ? [change.run] : []))
  const sum = (runs: readonly RunEntry[], of: (run: RunEntry) => number): number =>
    runs.reduce((total, run) => total + of(run), 0)
  return {
    inputs: round.inputs.length,
    outputs: outputs.length,
    rowsIn: sum(round.inputs, (run) => run.rowCount),
    rowsOut: sum(outputs, (run) => run.rowCount),
    bytesIn: sum(round.inputs, (run) => run.dataBytes + run.footerBytes),
    bytesOut: sum(outputs, (run) => run.dataBytes + run.footerBytes),
  }
}

export const nothingCompacted: CompactionReport = {
  inputs: 0,
  outputs: 0,
  rowsIn: 0,
  rowsOut: 0,
  bytesIn: 0,
  bytesOut: 0,
}

export function addReports(a: CompactionReport, b: CompactionReport): CompactionReport {
  return {
    inputs: a.inputs + b.inputs,
    outputs: a.outputs + b.outputs,
    rowsIn: a.rowsIn + b.rowsIn,
    rowsOut: a.rowsOut + b.rowsOut,
    bytesIn: a.bytesIn + b.bytesIn,
    bytesOut: a.bytesOut + b.bytesOut,
  }
}
