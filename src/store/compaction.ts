// The manifest edit of a compaction: inputs out, outputs in. Readers see no moment between.
import type { DraftFile } from '#compact'
import type { Change, ManifestState, RunEntry } from '#manifest'
import type { Round } from './compaction-plan.ts'
import type { CompactionReport } from './contract.ts'
import type { Engine } from './engine.ts'
import { publishFiles } from './publish.ts'

/** Puts the outputs into the place of the inputs, which are closed still. @throws {VarveError}
 *  ERR_IO, ERR_DISK_FULL */
export function publishRound(
  engine: Engine,
  round: Round,
  drafts: readonly DraftFile[],
): CompactionReport {
  const published = publishFiles(engine.env, engine.paths, drafts)
  const inputs = round.inputs.flatMap(({ runs }) => runs)
  const { state } = engine.manifest
  engine.commit([
    ...inputs.map(({ seriesId, fileNumber, runIndex }): Change => ({
      type: 'runDropped',
      seriesId,
      fileNumber,
      runIndex,
    })),
    ...published.changes,
    ...emptiedFiles(state, inputs),
    {
      type: 'bytesCounted',
      segmentBytesWritten: state.counters.segmentBytesWritten + published.bytes,
      segmentBytesFirstSealed: state.counters.segmentBytesFirstSealed,
    },
  ])
  return reportOf(inputs, published.changes)
}

/** Files whose last live runs are among the dropped. */
function emptiedFiles(state: ManifestState, dropped: readonly RunEntry[]): Change[] {
  const counts = new Map<number, number>()
  for (const { fileNumber } of dropped) counts.set(fileNumber, (counts.get(fileNumber) ?? 0) + 1)
  const changes: Change[] = []
  for (const [fileNumber, count] of counts) {
    if (state.files.get(fileNumber)?.runs === count)
      changes.push({ type: 'fileDropped', fileNumber })
  }
  return changes
}

function reportOf(inputs: readonly RunEntry[], changes: readonly Change[]): CompactionReport {
  const outputs = changes.flatMap((change) => (change.type === 'runAdded' ? [change.run] : []))
  const sum = (runs: readonly RunEntry[], of: (run: RunEntry) => number): number =>
    runs.reduce((total, run) => total + of(run), 0)
  return {
    inputs: inputs.length,
    outputs: outputs.length,
    rowsIn: sum(inputs, (run) => run.rowCount),
    rowsOut: sum(outputs, (run) => run.rowCount),
    bytesIn: sum(inputs, (run) => run.dataBytes + run.footerBytes),
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
