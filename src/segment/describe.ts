// A segment or pack in words, part by part, for people and for tests of the bytes: nothing here
// decides anything. Parts follow each other without a gap from the first byte to the last. Damage
// is told where it lies, and what can still be read behind it is described. Every hash and checksum
// is compared; rows are not decoded (verifySegment does).
import { VarveError, hexOf } from '#base'
import { rowsOf, vectorRows } from '#codec'
import type { PageMeta } from '#codec'
import { hash32, hash64 } from '#kernel'
import type { StoredColumn } from '#schema'
import type { VfsFile } from '#vfs'
import {
  columnName,
  columnsOf,
  directoryWords,
  footerWords,
  hex64,
  pageText,
  rangeText,
  runNames,
} from './describe-footer.ts'
import type { Word } from './describe-footer.ts'
import { decodeDirectory, decodeFooter } from './footer.ts'
import type { Directory, RunColumn, RunFooter, RunInfo } from './footer.ts'
import { FileHasher, headerBytes, trailerBytes } from './layout.ts'

/** Bytes [offset, offset + bytes) of the file and what they hold. */
export interface SegmentPart {
  readonly offset: number
  readonly bytes: number
  readonly meaning: string
  /** The bytes are not what was written. */
  readonly isDamage: boolean
}

export interface DescribeOptions {
  /** One part a vector (or LZ4 chunk) instead of one a page. @default false */
  readonly vectors?: boolean
}

interface Described {
  readonly file: VfsFile
  readonly size: number
  readonly vectors: boolean
}

/**
 * What every part of a segment or pack holds. Bad bytes give parts that say so, never an
 * exception; ERR_IO is thrown.
 * Memory: one run's footer and one chunk at a time, and the directory.
 */
export function* describeSegment(
  file: VfsFile,
  options: DescribeOptions = {},
): Generator<SegmentPart> {
  const described = { file, size: file.size(), vectors: options.vectors ?? false }
  yield* describeHeader(described)
  if (described.size < headerBytes) return
  const trailerOffset = described.size - trailerBytes
  if (trailerOffset < headerBytes) {
    yield damage(headerBytes, described.size - headerBytes, 'no trailer: the file was cut off')
    return
  }
  const trailer = readTrailer(described, trailerOffset)
  yield* describeBody(described, trailer, trailerOffset)
  yield* placed(trailerOffset, trailerWords(described, trailer))
}

function whole(offset: number, bytes: number, meaning: string): SegmentPart {
  return { offset, bytes, meaning, isDamage: false }
}

function damage(offset: number, bytes: number, meaning: string): SegmentPart {
  return { offset, bytes, meaning, isDamage: true }
}

interface JudgedWord extends Word {
  readonly isDamage?: boolean
}

function* placed(offset: number, words: readonly JudgedWord[]): Generator<SegmentPart> {
  let at = offset
  for (const { bytes, meaning, isDamage } of words) {
    yield { offset: at, bytes, meaning, isDamage: isDamage ?? false }
    at += bytes
  }
}

/** Bytes [offset, end) of the file; `end` is inside it, so that no length in the file makes us
 *  allocate more. */
function bytesAt({ file }: Described, offset: number, end: number): Uint8Array {
  const bytes = new Uint8Array(end - offset)
  return bytes.subarray(0, file.read(bytes, offset))
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function hashWord(name: string, stored: bigint, actual: bigint): JudgedWord {
  const isDamage = stored !== actual
  return {
    bytes: 8,
    meaning: `${name}: ${hex64(stored)} ${isDamage ? 'WRONG' : 'right'}`,
    isDamage,
  }
}

function magicWord(bytes: Uint8Array, expected: readonly string[]): JudgedWord {
  const text = String.fromCharCode(...bytes.subarray(0, 4)).replace(/[^ -~]/g, '?')
  const isDamage = !expected.includes(text)
  return { bytes: 4, meaning: `magic "${text}"${isDamage ? ' WRONG' : ''}`, isDamage }
}

function* describeHeader(described: Described): Generator<SegmentPart> {
  if (described.size < headerBytes) {
    yield damage(0, described.size, 'no header: the file was cut off')
    return
  }
  const bytes = bytesAt(described, 0, headerBytes)
  const view = viewOf(bytes)
  yield* placed(0, [
    magicWord(bytes, ['VSEG', 'VPAK']),
    { bytes: 2, meaning: `formatVersion: ${view.getUint16(4, true)}` },
    { bytes: 2, meaning: `headerBytes: ${view.getUint16(6, true)}` },
    { bytes: 8, meaning: `requiredFeatures: ${view.getBigUint64(8, true)}` },
    { bytes: 8, meaning: `optionalFeatures: ${view.getBigUint64(16, true)}` },
    { bytes: 16, meaning: `storeId: ${hexOf(bytes.subarray(24, 40))}` },
    { bytes: 8, meaning: `fileNumber: ${view.getBigUint64(40, true)}` },
    { bytes: 8, meaning: 'reserved' },
    hashWord('headerHash', view.getBigUint64(56, true), hash64(bytes.subarray(0, 56))),
  ])
}

/** The trailer as it stands: nothing in it is believed but what a hash behind it confirms. */
interface RawTrailer {
  readonly bytes: Uint8Array
  readonly directoryOffset: number
  readonly directoryEnd: number
  readonly directoryHash: bigint
}

function readTrailer(described: Described, trailerOffset: number): RawTrailer {
  const bytes = bytesAt(described, trailerOffset, described.size)
  const view = viewOf(bytes)
  const directoryOffset = Number(view.getBigUint64(0, true))
  return {
    bytes,
    directoryOffset,
    directoryEnd: directoryOffset + view.getUint32(8, true),
    directoryHash: view.getBigUint64(16, true),
  }
}

function trailerWords(described: Described, { bytes }: RawTrailer): JudgedWord[] {
  const view = viewOf(bytes)
  const fileBytes = view.getBigUint64(32, true)
  const isOther = fileBytes !== BigInt(described.size)
  const otherText = isOther ? ` WRONG, the file has ${described.size}` : ''
  return [
    { bytes: 8, meaning: `directoryOffset: ${view.getBigUint64(0, true)}` },
    { bytes: 4, meaning: `directoryBytes: ${view.getUint32(8, true)}` },
    { bytes: 4, meaning: `runCount: ${view.getUint32(12, true)}` },
    { bytes: 8, meaning: `directoryHash: ${hex64(view.getBigUint64(16, true))}` },
    hashWord('fileHash', view.getBigUint64(24, true), fileHashOf(described)),
    { bytes: 8, meaning: `fileBytes: ${fileBytes}${otherText}`, isDamage: isOther },
    { bytes: 8, meaning: `fileNumber: ${view.getBigUint64(40, true)}` },
    { bytes: 4, meaning: 'reserved' },
    magicWord(bytes.subarray(52), ['VEND']),
    hashWord('trailerHash', view.getBigUint64(56, true), hash64(bytes.subarray(0, 56))),
  ]
}

const pieceBytes = 1 << 20

function fileHashOf(described: Described): bigint {
  const end = described.size - trailerBytes
  const hasher = new FileHasher()
  for (let at = 0; at < end; at += pieceBytes) {
    hasher.update(bytesAt(described, at, Math.min(end, at + pieceBytes)))
  }
  return hasher.digest()
}

function* describeBody(
  described: Described,
  trailer: RawTrailer,
  end: number,
): Generator<SegmentPart> {
  const { directoryOffset, directoryEnd } = trailer
  const isInside = directoryOffset >= headerBytes && directoryEnd === end
  if (!isInside) {
    yield damage(headerBytes, end - headerBytes, 'the trailer tells no place of a directory')
    return
  }
  const bytes = bytesAt(described, directoryOffset, directoryEnd)
  let directory: Directory | undefined
  let problem = 'its hash is WRONG'
  if (hash64(bytes) === trailer.directoryHash) {
    const read = attempt(() => decodeDirectory(bytes, described.file.path))
    if (typeof read === 'string') problem = read
    else directory = read
  }
  if (directory === undefined) {
    if (directoryOffset > headerBytes) {
      yield whole(headerBytes, directoryOffset - headerBytes, 'pages and footers: not told apart')
    }
    yield damage(directoryOffset, bytes.length, `directory: ${problem}`)
    return
  }
  yield* describeRuns(described, directory, directoryOffset)
  yield* placed(directoryOffset, directoryWords(bytes, directory))
}

/** What `run` gives, or in words why the bytes do not give it. */
function attempt<T extends object>(run: () => T): T | string {
  try {
    return run()
  } catch (error) {
    if (error instanceof VarveError && error.code !== 'ERR_IO') return error.message
    throw error
  }
}

/** A stretch of the file that the directory tells of. */
interface Stretch {
  readonly offset: number
  readonly end: number
  readonly run: RunInfo
  readonly name: string
  readonly isFooter: boolean
}

function* describeRuns(
  described: Described,
  directory: Directory,
  end: number,
): Generator<SegmentPart> {
  const nameOf = runNames(directory)
  const stretches = directory.runs.flatMap((run): Stretch[] => {
    const { dataOffset, dataBytes, footerOffset, footerBytes } = run
    const named = { run, name: nameOf(run) }
    return [
      { ...named, offset: dataOffset, end: dataOffset + dataBytes, isFooter: false },
      { ...named, offset: footerOffset, end: footerOffset + footerBytes, isFooter: true },
    ]
  })
  stretches.sort((a, b) => a.offset - b.offset || a.end - b.end)
  let at = headerBytes
  for (const stretch of stretches) {
    if (stretch.offset < at || stretch.end > end) {
      const what = stretch.isFooter ? 'footer' : 'pages'
      yield damage(at, 0, `${what} of ${stretch.name}: told to be where they cannot be`)
      continue
    }
    if (stretch.offset > at) yield damage(at, stretch.offset - at, 'of no run')
    yield* describeStretch(described, directory, stretch)
    at = stretch.end
  }
  if (end > at) yield damage(at, end - at, 'of no run')
}

function* describeStretch(
  described: Described,
  directory: Directory,
  stretch: Stretch,
): Generator<SegmentPart> {
  const { run, name, offset, end, isFooter } = stretch
  const footerEnd = run.footerOffset + run.footerBytes
  const isThere = run.footerOffset >= headerBytes && footerEnd <= described.size
  const bytes = isThere ? bytesAt(described, run.footerOffset, footerEnd) : new Uint8Array(0)
  const isRight = isThere && hash64(bytes) === run.footerHash
  const footer = isRight ? attempt(() => decodeFooter(bytes, {})) : 'its hash is WRONG'
  if (typeof footer === 'string') {
    if (isFooter) yield damage(offset, end - offset, `footer of ${name}: ${footer}`)
    else
      yield whole(offset, end - offset, `pages of ${name}: not told apart, the footer is damaged`)
    return
  }
  const schema = directory.schemas.find(({ schemaId }) => schemaId === run.schemaId)
  const columns = columnsOf(schema)
  if (isFooter) {
    for (const part of placed(offset, footerWords(bytes, footer, columns))) {
      yield { ...part, meaning: `footer of ${name}, ${part.meaning}` }
    }
    return
  }
  yield* describePages(described, stretch, footer, columns)
}

function* describePages(
  described: Described,
  { name, offset, end }: Stretch,
  footer: RunFooter,
  columns: ReadonlyMap<number, StoredColumn>,
): Generator<SegmentPart> {
  let at = offset
  const blockCount = footer.columns[0]?.pages.length ?? 0
  for (let block = 0; block < blockCount; block += 1) {
    for (const column of footer.columns) {
      const page = column.pages[block]
      if (page === undefined) continue
      if (at + page.payloadBytes > end) {
        yield damage(at, end - at, `pages of ${name}: fewer bytes than its footer tells of`)
        return
      }
      const place = `${name} ${columnName(columns, column.columnId)} block ${block}`
      yield* describePage(described, { page, place, at, column, columns })
      at += page.payloadBytes
    }
  }
  if (at < end) yield damage(at, end - at, `pages of ${name}: more bytes than its footer tells of`)
}

interface PlacedPage {
  readonly page: PageMeta
  readonly place: string
  readonly at: number
  readonly column: RunColumn
  readonly columns: ReadonlyMap<number, StoredColumn>
}

function* describePage(described: Described, placedPage: PlacedPage): Generator<SegmentPart> {
  const { page, place, at, column, columns } = placedPage
  if (described.vectors && !page.allAbsent) {
    for (let chunk = 0; chunk < page.checksums.length; chunk += 1) {
      yield describeChunk(described, placedPage, chunk)
    }
    return
  }
  const bad: number[] = []
  for (let chunk = 0; chunk < page.checksums.length; chunk += 1) {
    if (!isChunkRight(described, page, at, chunk)) bad.push(chunk * page.chunkVectors)
  }
  const range = rangeText(columns.get(column.columnId), page, column.dictionary)
  const wrong = bad.length === 0 ? '' : `, checksum WRONG from vector ${bad.join(', ')}`
  const meaning = `${place}: ${pageText(page)}${range}${wrong}`
  yield { offset: at, bytes: page.payloadBytes, meaning, isDamage: bad.length > 0 }
}

function isChunkRight(described: Described, page: PageMeta, at: number, chunk: number): boolean {
  const from = page.chunkStarts[chunk]!
  const end = page.chunkStarts[chunk + 1]!
  if (from === end) return true
  return hash32(bytesAt(described, at + from, at + end)) === page.checksums[chunk]
}

function describeChunk(
  described: Described,
  { page, place, at, column, columns }: PlacedPage,
  chunk: number,
): SegmentPart {
  const from = chunk * page.chunkVectors
  const end = Math.min(page.vectorCount, from + page.chunkVectors)
  const bytes = page.chunkStarts[chunk + 1]! - page.chunkStarts[chunk]!
  const isRight = isChunkRight(described, page, at, chunk)
  const rowLast = (end - 1) * vectorRows + rowsOf(page.rowCount, end - 1) - 1
  const meaning = [
    `${place} vector ${from}${end - from === 1 ? '' : ` to ${end - 1} in LZ4`}`,
    `: rows ${from * vectorRows} to ${rowLast}`,
    ...(end - from === 1 && page.widths.length > from ? [`, ${page.widths[from]!} bits`] : []),
    rangeText(columns.get(column.columnId), page, column.dictionary, from, end),
    bytes === 0 ? ', nothing stored' : `, checksum ${isRight ? 'right' : 'WRONG'}`,
  ]
  return {
    offset: at + page.chunkStarts[chunk]!,
    bytes,
    meaning: meaning.join(''),
    isDamage: !isRight,
  }
}
