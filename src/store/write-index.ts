// Writes the sparse index of a manifest state: what the index before it holds is copied, footers of runs
// that are new are read. Done now and then after seals and compactions and at close, never as a part of
// them: an index that could not be written costs time and nothing else.
import { VarveError, assert } from '#base'
import type { Logger } from '#base'
import type { ManifestState, RunEntry, SeriesState } from '#manifest'
import {
  IndexWriter,
  bodyInSteps,
  bodyShape,
  emptyBody,
  findRun,
  isAtPlace,
  isEmptyBody,
  runEntryBytes,
} from '#segment'
import type { IndexHeader, IndexPart, IndexedRun, RunBody, SparseIndex } from '#segment'
import { draftPathOf } from '#vfs'
import type { Vfs, VfsFile } from '#vfs'
import type { Paths } from './paths.ts'
import { indexName, indexNames } from './run-index.ts'
import type { RunIndex } from './run-index.ts'
import type { Work } from './work.ts'

/** What is not indexed yet, and is worth an index of its own at close. */
const closeRunsMin = 64
const closeBytesMin = 1 << 20
/** While the store is open it must be this and a quarter of all besides. */
const openRunsMin = 256
const openBytesMin = 16 << 20

/** Whether so much of the state is in no index that one is to be written. Pure. */
export function isIndexDue(
  state: ManifestState,
  header: IndexHeader | undefined,
  when: { readonly isClosing: boolean; readonly runsMin: number | undefined },
): boolean {
  const numberEnd = header?.fileNumberEnd ?? 0
  let runs = 0
  let bytes = 0
  let newRuns = 0
  let newBytes = 0
  for (const file of state.files.values()) {
    runs += file.runs
    bytes += file.bytes
    if (file.fileNumber < numberEnd) continue
    newRuns += file.runs
    newBytes += file.bytes
  }
  if (when.runsMin !== undefined) return newRuns >= when.runsMin
  if (when.isClosing) return newRuns >= closeRunsMin || newBytes >= closeBytesMin
  return newRuns >= Math.max(openRunsMin, runs / 4) || newBytes >= Math.max(openBytesMin, bytes / 4)
}

export interface IndexContext {
  readonly vfs: Vfs
  readonly paths: Paths
  readonly logger: Logger
}

/** Indexes the live runs of `state`. The caller keeps the state's files from being removed.
 *  @throws {VarveError} ERR_IO, ERR_DISK_FULL; nothing is left then */
export function* writeIndex(
  context: IndexContext,
  state: ManifestState,
  runIndex: RunIndex,
): Work<void> {
  const { vfs, paths } = context
  const path = `${paths.index}/${indexName(state.editNumber)}`
  const draft = draftPathOf(path)
  vfs.makeDirectory(paths.index)
  if (vfs.stat(draft) !== undefined) vfs.unlink(draft)
  const file = vfs.open(draft, 'create')
  const footers = new FooterReader(context, state)
  try {
    const { storeId, editNumber: manifestEdit, nextFileNumber: fileNumberEnd } = state
    const writer = new IndexWriter(file, { storeId, manifestEdit, fileNumberEnd })
    let turnBytes = writer.bytes
    let turnSeries = 0
    for (const series of state.series.values()) {
      yield* addSeries(writer, series, runIndex.index, footers)
      turnSeries += 1
      // Copied bytes are cheap, footers are not.
      if (writer.bytes - turnBytes < 1 << 20 && footers.reads < 256 && turnSeries < 2048) continue
      turnBytes = writer.bytes
      turnSeries = 0
      footers.reads = 0
      yield { step: 'turn' }
    }
    writer.finish()
    yield { step: 'sync', file }
    file.close()
    vfs.rename(draft, path)
    vfs.syncDirectory(paths.index)
  } catch (error) {
    file.close()
    if (vfs.stat(draft) !== undefined) vfs.unlink(draft)
    throw error
  } finally {
    footers.close()
  }
  runIndex.renew()
  removeOlder(context, indexName(state.editNumber))
}

/** Readers that have one of them open keep it: its name goes, its bytes stay while they are mapped. */
function removeOlder({ vfs, paths, logger }: IndexContext, newest: string): void {
  try {
    const names = vfs.list(paths.index)
    const older = indexNames(names).filter((name) => name !== newest)
    const drafts = names.filter((name) => /^\d{12}\.index\.draft$/.test(name))
    for (const name of [...older, ...drafts]) vfs.unlink(`${paths.index}/${name}`)
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
    logger.warn({ error }, 'an older index could not be removed')
  }
}

function* addSeries(
  writer: IndexWriter,
  series: SeriesState,
  before: SparseIndex | undefined,
  footers: FooterReader,
): Work<void> {
  const part = before === undefined ? undefined : partOf(before, series.id, footers)
  if (part !== undefined && isUnchanged(part, series.runs)) {
    let vectorCount = 0
    for (let at = 0; at < part.runCount; at += 1)
      vectorCount += bodyShape(part, at * runEntryBytes).vectorCount
    writer.copySeries(series.id, part, vectorCount)
    return
  }
  const runs: IndexedRun[] = []
  for (const run of series.runs) {
    if (run.sortOrder !== 'time') continue
    const body = (part && copiedBody(before!, part, run)) ?? (yield* footers.body(run))
    if (body !== undefined) runs.push({ run, fileKind: footers.fileKind(run), body })
  }
  writer.addSeries(series.id, runs)
}

function partOf(
  index: SparseIndex,
  seriesId: number,
  footers: FooterReader,
): IndexPart | undefined {
  try {
    return index.part(seriesId)
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
    footers.warn(error, 'a part of the index is damaged and made again')
    return undefined
  }
}

function isUnchanged(part: IndexPart, runs: readonly RunEntry[]): boolean {
  if (part.runCount !== runs.length) return false
  return runs.every((run, at) => isAtPlace(part, at, run))
}

function copiedBody(index: SparseIndex, part: IndexPart, run: RunEntry): RunBody | undefined {
  const at = findRun(part, run)
  const facts = index.find(run)
  if (at === undefined || facts === undefined) return undefined
  return { ...bodyShape(part, at), bytes: facts.body }
}

const windowBytes = 64 << 10

interface Window {
  readonly offset: number
  readonly bytes: Uint8Array
}

/** Reads footers of new runs; those of a pack stand next to each other and are read together. */
class FooterReader {
  readonly #context: IndexContext
  readonly #state: ManifestState
  #file: VfsFile | undefined
  #window: Window = { offset: 0, bytes: new Uint8Array(0) }
  /** Footers read; reset by the caller. */
  reads = 0

  constructor(context: IndexContext, state: ManifestState) {
    this.#context = context
    this.#state = state
  }

  fileKind(run: RunEntry): 'segment' | 'pack' {
    const file = this.#state.files.get(run.fileNumber)
    assert(file !== undefined, 'index: a live run is in a live file')
    return file.fileKind
  }

  warn(error: unknown, message: string): void {
    this.#context.logger.warn({ error }, message)
  }

  /** undefined where the footer cannot be read: its readers are told when they ask for rows. */
  *body(run: RunEntry): Work<RunBody | undefined> {
    if (isEmptyBody(run)) return emptyBody
    this.reads += 1
    try {
      const path = this.#context.paths.data(this.fileKind(run), run.fileNumber)
      const steps = bodyInSteps(this.#read(path, run), run, { file: path })
      for (;;) {
        const next = steps.next()
        if (next.done === true) return next.value
        yield { step: 'turn' }
      }
    } catch (error) {
      if (!(error instanceof VarveError)) throw error
      this.warn(error, 'a run is left out of the index')
      return undefined
    }
  }

  #read(path: string, { footerOffset, footerBytes }: RunEntry): Uint8Array {
    if (this.#file?.path !== path) this.#openFile(path)
    const { offset, bytes } = this.#window
    const at = footerOffset - offset
    if (at >= 0 && at + footerBytes <= bytes.length) return bytes.subarray(at, at + footerBytes)
    const wanted = new Uint8Array(Math.max(footerBytes, windowBytes))
    const count = this.#file!.read(wanted, footerOffset)
    this.#window = { offset: footerOffset, bytes: wanted.subarray(0, count) }
    return wanted.subarray(0, Math.min(count, footerBytes))
  }

  #openFile(path: string): void {
    this.close()
    this.#file = this.#context.vfs.open(path, 'read')
  }

  close(): void {
    this.#file?.close()
    this.#file = undefined
    this.#window = { offset: 0, bytes: new Uint8Array(0) }
  }
}
