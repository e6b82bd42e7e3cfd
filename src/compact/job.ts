// One compaction from beginning to end: inputs are read, merged and written to drafts, and what was
// written is read again and compared with the inputs. Publishing it is the store's. A job and its
// result are plain data, so that it can run on a thread.
import { VarveError } from '#base'
import { SpareColumns } from '#batch'
import type { RowSource } from '#batch'
import { blockRowsMax } from '#codec'
import type { Level } from '#codec'
import { HeadSeries, rulesOf } from '#head'
import type { RowRules } from '#head'
import type { ColumnSpec, PartitionWidth, SeriesKey, StoredKind } from '#schema'
import { RunReader, verifySegment } from '#segment'
import type { RunInfo } from '#segment'
import type { Vfs, VfsFile } from '#vfs'
import { InputFiles } from './input-runs.ts'
import type { InputRun } from './input-runs.ts'
import { RowSum } from './row-sum.ts'
import type { WriteWork } from './step.ts'
import { removeDraft, writeFiles } from './write-files.ts'
import type { DraftFile, OutputFile, SeriesPlan } from './write-files.ts'

/** Runs of one partition that become one. They are closed: no live run of the partition arrived
 *  between them. */
export interface JobRun {
  readonly partition: bigint
  readonly lsnFirst: bigint
  readonly lsnLast: bigint
  /** In order of arrival. */
  readonly inputs: readonly InputRun[]
}

export interface JobSeries {
  readonly seriesId: number
  readonly key: SeriesKey
  /** For errors. */
  readonly name: string
  readonly kind: StoredKind
  readonly partitionWidth: PartitionWidth
  /** At most this many rows. */
  readonly rowsMax: number
  readonly runs: readonly JobRun[]
}

export interface JobFile {
  readonly output: OutputFile
  readonly series: readonly JobSeries[]
}

export interface CompactionJob {
  readonly storeId: Uint8Array
  readonly level: Level
  readonly files: readonly JobFile[]
}

/**
 * Does the job. `check` is called between blocks and files and may throw: so it is cancelled.
 * Drafts are left only where it succeeds, synced and proved to hold the inputs' rows.
 *
 * @throws {VarveError} ERR_CORRUPT: inputs are damaged, or what was written does not read back as
 * what was read
 */
export function* compactFiles(
  vfs: Vfs,
  job: CompactionJob,
  check: () => void,
): WriteWork<DraftFile[]> {
  const inputs = new InputFiles(vfs)
  try {
    const { storeId, level } = job
    const rules = new Rules()
    const plans = job.files.map(({ output, series }) => ({
      output,
      series: series.map((each) => planOf(inputs, rules, each)),
    }))
    const drafts = yield* writeFiles({ vfs, storeId, level }, plans, check)
    const spare = new SpareColumns()
    try {
      for (const draft of drafts) {
        const file = job.files.find(({ output }) => output === draft.output)!
        yield* proveFile(vfs, { inputs, rules, check, spare }, file, draft)
      }
    } catch (error) {
      for (const { output } of drafts) removeDraft(vfs, output)
      throw error
    }
    return drafts
  } finally {
    inputs.close()
  }
}

/** Series of one kind share what follows from it: there may be thousands of them. */
class Rules {
  readonly #known = new Map<string, RowRules>()

  of({ kind, partitionWidth }: JobSeries): RowRules {
    const name = `${kind.schemaId} ${partitionWidth}`
    let rules = this.#known.get(name)
    if (rules === undefined) {
      rules = rulesOf(kind, partitionWidth)
      this.#known.set(name, rules)
    }
    return rules
  }
}

function planOf(inputs: InputFiles, known: Rules, series: JobSeries): SeriesPlan {
  const { seriesId, key, name, rowsMax } = series
  const rules = known.of(series)
  const specs = new HeadSeries(rules).storedSpecs
  const runs = series.runs.map(({ partition, lsnFirst, lsnLast, inputs: runInputs }) => ({
    partition,
    lsnFirst,
    lsnLast,
    sources: { sources: runInputs.map((run) => inputs.source(run, name)), rules },
  }))
  return { seriesId, key, specs, rules, rowsMax, runs }
}

interface Proof {
  readonly inputs: InputFiles
  readonly rules: Rules
  readonly check: () => void
  readonly spare: SpareColumns
}

/** Reads a draft as a stranger would, then compares each of its runs with what it was made from. */
function* proveFile(
  vfs: Vfs,
  proof: Proof,
  { series }: JobFile,
  { output, finished }: DraftFile,
): WriteWork<void> {
  const file = vfs.open(output.draft, 'read')
  let failure: unknown
  try {
    const [damage] = verifySegment(
      watchedFile(file, (error) => (failure = error)),
      proof.check,
    )
    if (failure !== undefined) throw failure
    if (damage !== undefined) {
      const message = `what compaction wrote does not read back: ${damage.message}`
      throw new VarveError('ERR_CORRUPT', message, { ...damage })
    }
    const written = new Map(finished.runs.map((run) => [`${run.seriesId} ${run.partition}`, run]))
    for (const each of series) {
      for (const run of each.runs) {
        yield { step: 'turn' }
        const found = written.get(`${each.seriesId} ${run.partition}`)
        yield* proveRun(proof, each, run, { file, written: found })
      }
    }
  } finally {
    file.close()
  }
}

/** The same file, but what the system refuses to read is told to `onFailure`: a verification
 *  would list it as damage. */
function watchedFile(file: VfsFile, onFailure: (error: unknown) => void): VfsFile {
  const watch = (operation: () => number): number => {
    try {
      return operation()
    } catch (error) {
      onFailure(error)
      throw error
    }
  }
  return {
    path: file.path,
    size: () => watch(() => file.size()),
    read: (target, offset) => watch(() => file.read(target, offset)),
    write: (bytes, offset) => file.write(bytes, offset),
    truncate: (bytes) => file.truncate(bytes),
    datasync: () => file.datasync(),
    datasyncSync: () => file.datasyncSync(),
    close: () => file.close(),
  }
}

interface Written {
  readonly file: VfsFile
  readonly written: RunInfo | undefined
}

function* proveRun(
  proof: Proof,
  series: JobSeries,
  run: JobRun,
  { file, written }: Written,
): WriteWork<void> {
  const expected = run.inputs.reduce((sum, { rowCount }) => sum + rowCount, 0)
  const actual = written?.rowCount ?? 0
  const place = { file: file.path, series: series.name, partition: run.partition }
  const { specs, duplicates } = proof.rules.of(series)
  const fits = duplicates === undefined ? actual === expected : actual > 0 && actual <= expected
  if (!fits || written === undefined) {
    const details = { ...place, expected, actual }
    throw new VarveError('ERR_CORRUPT', 'compaction would change the number of rows', details)
  }
  // Where rows replaced each other there are fewer of them, and no sum to compare with.
  if (actual !== expected) return
  const before = new RowSum(specs)
  for (const input of run.inputs) {
    yield* addRows(before, proof.inputs.source(input, series.name), specs, proof)
  }
  const after = new RowSum(specs)
  yield* addRows(after, outputSource(file, series.name, written), specs, proof)
  if (before.digest() === after.digest()) return
  const details = { ...place, expected: before.digest(), actual: after.digest() }
  throw new VarveError('ERR_CORRUPT', 'compaction would change rows', details)
}

function outputSource(file: VfsFile, series: string, run: RunInfo): Pick<RunReader, RowsOf> {
  const read = (target: Uint8Array, offset: number): void => {
    const actual = file.read(target, offset)
    if (actual === target.length) return
    const details = { file: file.path, series, offset, expected: target.length, actual }
    throw new VarveError('ERR_CORRUPT', 'a draft is shorter than what was written', details)
  }
  return new RunReader({ file: file.path, series, read }, run)
}

type RowsOf = 'rowCount' | 'read'

function* addRows(
  sum: RowSum,
  source: Pick<RowSource<ColumnSpec>, RowsOf>,
  specs: readonly ColumnSpec[],
  { check, spare }: Proof,
): WriteWork<void> {
  const { rowCount } = source
  const columns = spare.take(specs, Math.min(rowCount, blockRowsMax))
  for (let from = 0; from < rowCount; from += blockRowsMax) {
    check()
    const end = Math.min(rowCount, from + blockRowsMax)
    source.read(specs, from, end, columns, 0)
    sum.add(columns, end - from)
    if (end - from === blockRowsMax) yield { step: 'turn' }
  }
}
