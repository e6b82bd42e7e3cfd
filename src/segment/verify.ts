// Reads a whole segment or pack and checks every hash, every checksum, and that the rows agree with the run's times,
// the zone maps of its columns, and its content hash.
import { VarveError } from '#base'
import { SpareColumns } from '#batch'
import { blockRowsMax } from '#codec'
import { hash64 } from '#kernel'
import { columnSpecs, placeColumnId, seriesName } from '#schema'
import type { ColumnSpec, StoredKind } from '#schema'
import type { VfsFile } from '#vfs'
import { checkTimes, checkZones } from './check-rows.ts'
import { decodeDirectory } from './footer.ts'
import type { Directory, RunInfo } from './footer.ts'
import { LeafHasher } from './identity.ts'
import {
  PieceHasher,
  decodeHeader,
  decodeTrailer,
  hashPieceBytes,
  headerBytes,
  trailerBytes,
} from './layout.ts'
import type { SegmentHeader, SegmentTrailer } from './layout.ts'
import { RunReader } from './run-reader.ts'
import type { RunBytes } from './run-pages.ts'

export interface SegmentDamage {
  readonly file: string
  readonly series?: string
  readonly block?: number
  readonly column?: string
  readonly message: string
}

function readAll(file: VfsFile, target: Uint8Array, offset: number): void {
  const count = file.read(target, offset)
  if (count === target.length) return
  throw new VarveError('ERR_CORRUPT', 'the file is shorter than it should be', {
    file: file.path,
    offset,
    expected: target.length,
    actual: count,
  })
}

/** Header, trailer and directory of a file. @throws {VarveError} ERR_CORRUPT, ERR_VERSION, ERR_IO */
export function readDirectory(file: VfsFile): {
  header: SegmentHeader
  trailer: SegmentTrailer
  directory: Directory
} {
  const head = new Uint8Array(headerBytes)
  readAll(file, head, 0)
  const header = decodeHeader(head, file.path)
  const tail = new Uint8Array(trailerBytes)
  readAll(file, tail, Math.max(0, file.size() - trailerBytes))
  const trailer = decodeTrailer(tail, file.path)
  const place = { file: file.path, offset: trailer.directoryOffset }
  if (trailer.fileBytes !== file.size() || trailer.fileNumber !== header.fileNumber) {
    throw new VarveError('ERR_CORRUPT', 'the trailer belongs to another file', place)
  }
  const bytes = new Uint8Array(trailer.directoryBytes)
  readAll(file, bytes, trailer.directoryOffset)
  const actual = hash64(bytes)
  if (actual !== trailer.directoryHash) {
    throw new VarveError('ERR_CORRUPT', 'the directory hash differs', {
      ...place,
      expected: trailer.directoryHash,
      actual,
    })
  }
  const directory = decodeDirectory(bytes, file.path)
  checkPlaces(directory, trailer, file.path)
  return { header, trailer, directory }
}

/** Runs lie between header and directory: whoever reads one allocates no more than the file holds. */
function checkPlaces(directory: Directory, trailer: SegmentTrailer, file: string): void {
  const { runCount, directoryOffset } = trailer
  if (directory.runs.length !== runCount) {
    throw new VarveError('ERR_CORRUPT', 'the directory has another number of runs', {
      file,
      expected: runCount,
      actual: directory.runs.length,
    })
  }
  for (const { dataOffset, dataBytes, footerOffset, footerBytes } of directory.runs) {
    const fits =
      dataOffset >= headerBytes &&
      dataOffset + dataBytes <= footerOffset &&
      footerOffset + footerBytes <= directoryOffset
    if (!fits) {
      throw new VarveError('ERR_CORRUPT', 'a run lies outside the data of its file', {
        file,
        offset: dataOffset,
      })
    }
  }
}

/** The hash of everything before the trailer, in pieces; `onBytes` is told of each. */
function hashFile(file: VfsFile, end: number, onBytes: (bytes: number) => void): bigint {
  const hasher = new PieceHasher()
  const buffer = new Uint8Array(Math.min(hashPieceBytes, end))
  for (let offset = 0; offset < end; offset += hashPieceBytes) {
    const piece = buffer.subarray(0, Math.min(hashPieceBytes, end - offset))
    readAll(file, piece, offset)
    hasher.add(piece)
    onBytes(piece.length)
  }
  return hasher.digest()
}

/** Everything that is wrong with the file. Bad disk gives entries, never an exception. */
export function verifySegment(
  file: VfsFile,
  onBytes: (bytes: number) => void = () => {},
): SegmentDamage[] {
  const damage: SegmentDamage[] = []
  const note = (error: unknown, series?: string, column?: string): void => {
    if (!(error instanceof VarveError)) throw error
    const block = error.details['block']
    damage.push({
      file: file.path,
      ...(series === undefined ? {} : { series }),
      ...(typeof block === 'number' ? { block } : {}),
      ...(column === undefined ? {} : { column }),
      message: `${error.message}${placeText(error)}`,
    })
  }
  try {
    const { trailer, directory } = readDirectory(file)
    const fileHash = hashFile(file, file.size() - trailerBytes, onBytes)
    if (fileHash !== trailer.fileHash) {
      damage.push({ file: file.path, message: 'the hash of the file differs' })
    }
    const schemas = new Map(directory.schemas.map((schema) => [schema.schemaId, schema]))
    const names = new Map(directory.series.map(({ seriesId, key }) => [seriesId, seriesName(key)]))
    const spare = new SpareColumns()
    for (const run of directory.runs) {
      const series = names.get(run.seriesId)!
      verifyRun(file, run, series, schemas.get(run.schemaId)!, spare, (error, column) =>
        note(error, series, column),
      )
    }
  } catch (error) {
    note(error)
  }
  return damage
}

function placeText(error: VarveError): string {
  const { offset, vector } = error.details
  const places = [
    ...(offset === undefined ? [] : [`offset ${String(offset)}`]),
    ...(vector === undefined ? [] : [`vector ${String(vector)}`]),
  ]
  return places.length === 0 ? '' : ` (${places.join(', ')})`
}

/** Columns that hold the rows of a run, the hidden one included. */
function specsOf(schema: StoredKind, reader: RunReader): ColumnSpec[] {
  const specs = columnSpecs(schema)
  if (!reader.columns.some(({ columnId }) => columnId === placeColumnId)) return specs
  const place: ColumnSpec = {
    id: placeColumnId,
    index: specs.length,
    name: '$place',
    type: 'i64',
    physical: 'i64',
    optional: false,
    scale: 0,
  }
  return [...specs, place]
}

function verifyRun(
  file: VfsFile,
  run: RunInfo,
  series: string,
  schema: StoredKind,
  spare: SpareColumns,
  note: (error: unknown, column?: string) => void,
): void {
  const bytes: RunBytes = {
    file: file.path,
    series,
    read: (target, offset) => readAll(file, target, offset),
  }
  let reader: RunReader
  try {
    reader = new RunReader(bytes, run)
  } catch (error) {
    return note(error)
  }
  verifyRows(run, specsOf(schema, reader), reader, spare, note)
}

function verifyRows(
  run: RunInfo,
  specs: readonly ColumnSpec[],
  reader: RunReader,
  spare: SpareColumns,
  note: (error: unknown, column?: string) => void,
): void {
  const hashed = specs.filter(({ id }) => id !== placeColumnId)
  const leaf = new LeafHasher(hashed)
  const stored = new Map(reader.columns.map((column) => [column.columnId, column]))
  let isWhole = true
  let timeLast = run.timeMin
  for (let from = 0; from < run.rowCount; from += blockRowsMax) {
    const end = Math.min(run.rowCount, from + blockRowsMax)
    const block = from / blockRowsMax
    const columns = spare.take(specs, end - from)
    for (const [at, spec] of specs.entries()) {
      const target = columns[at]!
      const column = stored.get(spec.id)
      // Codes stay those of the run, of which its zone maps tell.
      if (target.physical === 'code') target.dictionary = [...(column?.dictionary ?? [])]
      try {
        reader.read([spec], from, end, [target], 0)
        const page = column?.pages[block]
        if (page !== undefined) checkZones(page, target, spec, block)
      } catch (error) {
        isWhole = false
        note(error, spec.name)
      }
    }
    if (!isWhole) continue
    try {
      timeLast = checkTimes(columns[0]!, end - from, run, timeLast, block)
    } catch (error) {
      isWhole = false
      note(error, 'time')
    }
    leaf.add(columns.slice(0, hashed.length), 0, end - from)
  }
  if (!isWhole) return
  const digest = leaf.digest()
  if (digest.some((byte, at) => byte !== run.contentHash[at])) {
    note(new VarveError('ERR_CORRUPT', 'the content hash of a run differs'))
  }
}
