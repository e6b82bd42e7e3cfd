// Writes a segment or a pack: runs one after the other, each block by block, in bounded memory. The file has its
// draft name until the caller publishes it.
import { ByteWriter, assert } from '#base'
import { absentCode, allocateColumn, codeMap, growColumn, mapCodes, rowCapacity } from '#batch'
import type { CodeData, ColumnData } from '#batch'
import { blockRowsMax, encodePage, newHabit } from '#codec'
import type { EncodedPage, Habit, Level, PageMeta } from '#codec'
import { hash64 } from '#kernel'
import { placeColumnId, timeColumnId } from '#schema'
import type { ColumnSpec, SeriesKey, StoredKind } from '#schema'
import type { VfsFile } from '#vfs'
import { encodeDirectory, writeFooter } from './footer.ts'
import type { DirectorySeries, RunColumn, RunInfo, SortOrder } from './footer.ts'
import { LeafHasher } from './identity.ts'
import {
  PieceHasher,
  encodeHeader,
  encodeTrailer,
  hashPieceBytes,
  headerBytes,
  trailerBytes,
} from './layout.ts'
import type { FileKind } from './layout.ts'
import { residualPlanOf, takeResiduals } from './residual-plan.ts'
import type { BlockPage, ResidualPlan } from './residual-plan.ts'

export interface RunStart {
  readonly seriesId: number
  readonly key: SeriesKey
  readonly schema: StoredKind
  /** All columns the rows come with, `time` first, in order of id; the hidden place column where the kind needs it. */
  readonly specs: readonly ColumnSpec[]
  readonly partition: bigint
  readonly lsnFirst: bigint
  readonly lsnLast: bigint
  readonly sortOrder: SortOrder
}

export interface FinishedFile {
  readonly fileKind: FileKind
  readonly fileNumber: number
  readonly bytes: number
  readonly fileHash: bigint
  readonly directoryHash: bigint
  readonly runs: readonly RunInfo[]
}

interface ColumnInProgress {
  readonly spec: ColumnSpec
  readonly pages: PageMeta[]
  /** The last page as it was before others told of it. */
  previous: PageMeta | undefined
  /** Symbols: the run's dictionary, and the block's codes in it. */
  readonly codes: CodeData | undefined
  /** In packs. */
  readonly habit: Habit | undefined
  /** UTF-8 bytes of the strings so far. */
  textBytes: number
}

/** Buffers of files that are written to their end: the next file has one of them. */
const idleBuffers: Uint8Array[] = []
const idleBuffersMax = 2

/** Collects what a file consists of into the pieces that its hash is made of, and writes them as they are full. */
class FileSink {
  readonly #file: VfsFile
  readonly #hasher = new PieceHasher()
  readonly #buffer = idleBuffers.pop() ?? new Uint8Array(hashPieceBytes)
  #used = 0
  #written = 0

  constructor(file: VfsFile) {
    this.#file = file
  }

  get offset(): number {
    return this.#written + this.#used
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const count = Math.min(hashPieceBytes - this.#used, bytes.length - at)
      const isWhole = count === bytes.length
      this.#buffer.set(isWhole ? bytes : bytes.subarray(at, at + count), this.#used)
      this.#used += count
      at += count
      if (this.#used === hashPieceBytes) this.#endPiece()
    }
  }

  #endPiece(): void {
    this.#hasher.add(this.#buffer.subarray(0, this.#used))
    this.#flush()
  }

  #flush(): void {
    this.#file.write(this.#buffer.subarray(0, this.#used), this.#written)
    this.#written += this.#used
    this.#used = 0
  }

  /** The trailer is not part of the file hash: it holds it. */
  end(trailer: (fileHash: bigint) => Uint8Array): bigint {
    if (this.#used > 0) this.#hasher.add(this.#buffer.subarray(0, this.#used))
    const fileHash = this.#hasher.digest()
    const bytes = trailer(fileHash)
    if (this.#used + bytes.length > hashPieceBytes) this.#flush()
    this.#buffer.set(bytes, this.#used)
    this.#used += bytes.length
    this.#flush()
    if (idleBuffers.length < idleBuffersMax) idleBuffers.push(this.#buffer)
    return fileHash
  }
}

export class SegmentWriter {
  readonly #sink: FileSink
  readonly #fileKind: FileKind
  readonly #fileNumber: number
  readonly #level: Level
  readonly #schemas = new Map<number, StoredKind>()
  readonly #series = new Map<number, DirectorySeries>()
  /** Footers of the runs, back to back. */
  readonly #footers = new ByteWriter(1 << 16)
  readonly #runs: PlacedLater[] = []
  /** By schema id, then by column id. */
  readonly #habits = new Map<number, Map<number, Habit>>()
  #run: RunInProgress | undefined

  /** `file` is new and empty; the caller opens, syncs, closes and publishes it. */
  constructor(
    file: VfsFile,
    options: {
      fileKind: FileKind
      fileNumber: number
      storeId: Uint8Array
      level?: Level
    },
  ) {
    this.#sink = new FileSink(file)
    this.#fileKind = options.fileKind
    this.#fileNumber = options.fileNumber
    this.#level = options.level ?? 'medium'
    this.#sink.write(encodeHeader(options))
    assert(this.#sink.offset === headerBytes, 'segment writer: the header has 64 bytes')
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#sink.offset
  }

  beginRun(start: RunStart): void {
    assert(this.#run === undefined, 'segment writer: the last run has ended')
    assert(start.lsnFirst <= start.lsnLast, 'segment writer: a run has rows')
    this.#schemas.set(start.schema.schemaId, start.schema)
    this.#series.set(start.seriesId, { seriesId: start.seriesId, key: start.key })
    // The pages of a segment are few and for good; those of a pack are many, and are written again.
    const habits = this.#fileKind === 'pack' ? this.#habitsOf(start) : undefined
    this.#run = new RunInProgress(start, this.#sink, this.#level, habits)
  }

  #habitsOf({ schema }: RunStart): Map<number, Habit> {
    let habits = this.#habits.get(schema.schemaId)
    if (habits === undefined) {
      habits = new Map()
      this.#habits.set(schema.schemaId, habits)
    }
    return habits
  }

  /** Rows [from, end) as the next block: full (65,536 rows) unless it is the run's last. `columns[i]` belongs to
   *  `specs[i]` of the run. */
  addBlock(columns: readonly ColumnData[], from: number, end: number): void {
    assert(this.#run !== undefined, 'segment writer: a run has begun')
    this.#run.addBlock(columns, from, end)
  }

  endRun(): void {
    assert(this.#run !== undefined, 'segment writer: a run has begun')
    this.#runs.push(this.#run.end(this.#footers))
    this.#run = undefined
  }

  /** Writes footers, directory and trailer. Nothing is synced. */
  finish(): FinishedFile {
    assert(this.#run === undefined, 'segment writer: the last run has ended')
    assert(this.#runs.length > 0, 'segment writer: a file has at least one run')
    const footers = this.#footers.view()
    let at = 0
    for (const run of this.#runs) {
      run.footerOffset = this.#sink.offset
      const footer = footers.subarray(at, at + run.footerBytes)
      at += run.footerBytes
      this.#sink.write(footer)
      run.footerHash = hash64(footer)
    }
    const runs: readonly RunInfo[] = this.#runs
    const directoryOffset = this.#sink.offset
    const directory = encodeDirectory({
      schemas: [...this.#schemas.values()],
      series: [...this.#series.values()],
      runs,
    })
    this.#sink.write(directory)
    const directoryHash = hash64(directory)
    const bytes = this.#sink.offset + trailerBytes
    const fileHash = this.#sink.end((hash) =>
      encodeTrailer({
        directoryOffset,
        directoryBytes: directory.length,
        runCount: runs.length,
        directoryHash,
        fileHash: hash,
        fileBytes: bytes,
        fileNumber: this.#fileNumber,
      }),
    )
    const { fileKind, fileNumber } = { fileKind: this.#fileKind, fileNumber: this.#fileNumber }
    return { fileKind, fileNumber, bytes, fileHash, directoryHash, runs }
  }
}

/** A run whose footer is made, and not yet written. */
interface PlacedLater extends RunInfo {
  footerOffset: number
  footerHash: bigint
}

class RunInProgress {
  readonly #start: RunStart
  readonly #sink: FileSink
  readonly #level: Level
  readonly #columns: readonly ColumnInProgress[]
  readonly #leaf: LeafHasher
  readonly #hashed: readonly number[]
  readonly #dataOffset: number
  readonly #residuals: ResidualPlan | undefined
  #rowCount = 0
  #isComplete = false
  #timeMin = 0n
  #timeMax = 0n

  constructor(start: RunStart, sink: FileSink, level: Level, habits?: Map<number, Habit>) {
    assert(start.specs[0]?.id === timeColumnId, 'segment writer: time is the first column')
    this.#start = start
    this.#sink = sink
    this.#level = level
    this.#dataOffset = sink.offset
    this.#columns = start.specs.map((spec) => ({
      spec,
      pages: [],
      previous: undefined,
      codes: spec.physical === 'code' ? emptyCodes() : undefined,
      habit: habits && habitOf(habits, spec.id),
      textBytes: 0,
    }))
    this.#residuals = residualPlanOf(start.specs, level)
    this.#hashed = start.specs.flatMap((spec, at) => (spec.id === placeColumnId ? [] : [at]))
    this.#leaf = new LeafHasher(this.#hashed.map((at) => start.specs[at]!))
  }

  addBlock(columns: readonly ColumnData[], from: number, end: number): void {
    const rowCount = end - from
    assert(columns.length === this.#columns.length, 'segment writer: one column a spec')
    assert(rowCount > 0 && rowCount <= blockRowsMax, 'segment writer: a block has 1..65536 rows')
    assert(!this.#isComplete, 'segment writer: only the last block of a run is short')
    this.#isComplete = rowCount < blockRowsMax
    this.#noteTimes(columns[0]!, from, end)
    this.#rowCount += rowCount
    if (this.#residuals === undefined) this.#addPages(columns, from, rowCount)
    else this.#addWithResiduals(this.#residuals, columns, from, rowCount)
    this.#leaf.add(
      this.#hashed.map((at) => columns[at]!),
      from,
      end,
    )
  }

  #noteTimes(time: ColumnData, from: number, end: number): void {
    assert(time.physical === 'i64', 'segment writer: time is int64')
    const first = time.values[from]!
    if (this.#rowCount === 0) {
      this.#timeMin = first
      this.#timeMax = first
    }
    if (this.#start.sortOrder === 'time') {
      assert(first >= this.#timeMax, 'segment writer: rows are in order')
      this.#timeMax = time.values[end - 1]!
      return
    }
    for (let row = from; row < end; row += 1) {
      const value = time.values[row]!
      if (value < this.#timeMin) this.#timeMin = value
      if (value > this.#timeMax) this.#timeMax = value
    }
  }

  /** Each page is written before the next is made. */
  #addPages(columns: readonly ColumnData[], from: number, rowCount: number): void {
    this.#columns.forEach((column, at) => {
      const page = this.#encode(column, columns[at]!, from, rowCount)
      this.#addPage(column, page)
    })
  }

  #addWithResiduals(
    plan: ResidualPlan,
    columns: readonly ColumnData[],
    from: number,
    rowCount: number,
  ): void {
    const pages = this.#columns.map((column, at) => {
      const { meta, payload } = this.#encode(column, columns[at]!, from, rowCount)
      return { meta, payload: payload.slice() }
    })
    takeResiduals(plan, this.#start.specs, columns, from, pages, this.#level)
    this.#columns.forEach((column, at) => this.#addPage(column, pages[at]!))
  }

  #addPage(column: ColumnInProgress, { meta, payload }: BlockPage): void {
    assert(payload.length === meta.payloadBytes, 'segment writer: the meta knows the bytes')
    column.pages.push(meta)
    this.#sink.write(payload)
  }

  #encode(column: ColumnInProgress, data: ColumnData, from: number, rowCount: number): EncodedPage {
    const options = {
      optional: column.spec.optional,
      level: this.#level,
      ...(column.habit === undefined ? {} : { habit: column.habit }),
      block: column.pages.length,
      ...(column.previous === undefined ? {} : { previous: column.previous }),
    }
    let source = data
    let at = from
    if (column.codes !== undefined) {
      assert(data.physical === 'code', 'segment writer: symbols come as codes')
      copyCodes(data, from, rowCount, column.codes)
      source = column.codes
      at = 0
    }
    const page = encodePage(source, at, rowCount, options)
    column.previous = page.meta
    column.textBytes += textBytesOf(source, at, at + rowCount)
    return page
  }

  /** Appends the run's footer to `footers`. */
  end(footers: ByteWriter): PlacedLater {
    assert(this.#rowCount > 0, 'segment writer: a run has rows')
    const { seriesId, schema, partition, lsnFirst, lsnLast, sortOrder } = this.#start
    const present = this.#columns.filter(({ pages }) => !pages.every((page) => page.allAbsent))
    const columns = present.map(({ spec, pages, codes }): RunColumn => ({
      columnId: spec.id,
      physical: spec.physical,
      dictionary: codes?.dictionary,
      pages,
    }))
    const footerFrom = footers.length
    writeFooter(footers, { rowCount: this.#rowCount, dataOffset: this.#dataOffset, columns })
    let plainBytes = 0
    for (const { spec, textBytes } of present) {
      if (spec.id === placeColumnId) continue
      plainBytes += textBytes + plainBytesARow[spec.physical] * this.#rowCount
    }
    return {
      seriesId,
      schemaId: schema.schemaId,
      partition,
      rowCount: this.#rowCount,
      timeMin: this.#timeMin,
      timeMax: this.#timeMax,
      lsnFirst,
      lsnLast,
      sortOrder,
      dataOffset: this.#dataOffset,
      dataBytes: this.#sink.offset - this.#dataOffset,
      plainBytes,
      footerOffset: 0,
      footerBytes: footers.length - footerFrom,
      footerHash: 0n,
      contentHash: this.#leaf.digest(),
    }
  }
}

function habitOf(habits: Map<number, Habit>, columnId: number): Habit {
  let habit = habits.get(columnId)
  if (habit === undefined) {
    habit = newHabit()
    habits.set(columnId, habit)
  }
  return habit
}

function emptyCodes(): CodeData {
  const codes = allocateColumn('code', 0, { optional: false })
  assert(codes.physical === 'code', 'a code column is one')
  return codes
}

function copyCodes(source: CodeData, from: number, rowCount: number, target: CodeData): void {
  if (rowCapacity(target) < rowCount) growColumn(target, 0, rowCount)
  target.values.set(source.values.subarray(from, from + rowCount))
  const bad = mapCodes(target.values, 0, rowCount, codeMap(source.dictionary, target.dictionary))
  assert(bad < 0, 'segment writer: every code is in its dictionary')
}

const encoder = new TextEncoder()

/** UTF-8 bytes of the strings in rows [from, end). */
function textBytesOf(column: ColumnData, from: number, end: number): number {
  if (column.physical === 'bytes') return column.offsets[end]! - column.offsets[from]!
  if (column.physical !== 'code') return 0
  const lengths = new Int32Array(column.dictionary.length).fill(-1)
  let bytes = 0
  for (let row = from; row < end; row += 1) {
    const code = column.values[row]!
    if (code === absentCode) continue
    if (lengths[code]! < 0) lengths[code] = encoder.encode(column.dictionary[code]).length
    bytes += lengths[code]!
  }
  return bytes
}

const plainBytesARow: Record<ColumnData['physical'], number> = {
  f64: 8,
  i64: 8,
  i32: 4,
  u8: 1,
  code: 0,
  bytes: 0,
}
