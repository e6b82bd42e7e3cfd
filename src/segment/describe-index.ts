// A sparse index in words, part by part, for people: nothing here decides anything. Parts follow each
// other without a gap; damage is told where it lies. README.md draws the file.
import { VarveError, hexOf } from '#base'
import { hash64 } from '#kernel'
import type { VfsFile } from '#vfs'
import type { SegmentPart } from './describe.ts'
import { hex64 } from './describe-footer.ts'
import {
  decodeIndexHeader,
  indexHeaderBytes,
  runEntryBytes,
  tableEntryBytes,
} from './sparse-index.ts'
import type { IndexHeader, TableEntry } from './sparse-index.ts'

const hashedEntryBytes = tableEntryBytes - 8

/** An entry of the series table as it stands, and whether its own hash is right. */
export interface FoundEntry extends TableEntry {
  readonly offset: number
  readonly isRight: boolean
}

/** Entry `at` of the table of an index whose header was believed. `table`: its bytes. */
export function tableEntryAt(table: Uint8Array, at: number, header: IndexHeader): FoundEntry {
  const start = at * tableEntryBytes
  const entry = table.subarray(start, start + tableEntryBytes)
  const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength)
  const hash = hash64(entry.subarray(0, hashedEntryBytes), BigInt(header.manifestEdit))
  return {
    offset: header.tableOffset + start,
    isRight: hash === view.getBigUint64(hashedEntryBytes, true),
    seriesId: view.getUint32(0, true),
    runCount: view.getUint32(4, true),
    partOffset: Number(view.getBigUint64(8, true)),
    partBytes: Number(view.getBigUint64(16, true)),
    partHash: view.getBigUint64(24, true),
  }
}

function bytesAt(file: VfsFile, offset: number, end: number): Uint8Array {
  const bytes = new Uint8Array(end - offset)
  return bytes.subarray(0, file.read(bytes, offset))
}

/**
 * What every part of an index holds. Bad bytes give parts that say so, never an exception; ERR_IO is
 * thrown. Memory: the file once, as header and table bound what is believed of it.
 */
export function* describeIndex(file: VfsFile): Generator<SegmentPart> {
  const size = file.size()
  const bytes = bytesAt(file, 0, size)
  let header: IndexHeader
  try {
    header = decodeIndexHeader(bytes, file.path)
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
    const meaning = `${error.code}: ${error.message}`
    yield { offset: 0, bytes: size, meaning, isDamage: true }
    return
  }
  yield* headerParts(bytes, header)
  const table = bytes.subarray(header.tableOffset)
  const entries = Array.from({ length: header.seriesCount }, (_, at) =>
    tableEntryAt(table, at, header),
  )
  yield* seriesParts(bytes, header, entries)
  for (const entry of entries) {
    const { offset, isRight, seriesId, runCount, partOffset, partBytes } = entry
    const place = `${runCount} runs in ${partBytes} bytes from ${partOffset}`
    const meaning = `table, series ${seriesId}: ${place}; hash ${isRight ? 'right' : 'WRONG'}`
    yield { offset, bytes: tableEntryBytes, meaning, isDamage: !isRight }
  }
}

function* headerParts(bytes: Uint8Array, header: IndexHeader): Generator<SegmentPart> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, indexHeaderBytes)
  const words: [number, string][] = [
    [4, 'magic "VIDX"'],
    [2, `formatVersion: ${view.getUint16(4, true)}`],
    [2, `headerBytes: ${view.getUint16(6, true)}`],
    [8, `requiredFeatures: ${view.getBigUint64(8, true)}`],
    [8, `optionalFeatures: ${view.getBigUint64(16, true)}`],
    [16, `storeId: ${hexOf(header.storeId)}`],
    [8, `manifestEdit: ${header.manifestEdit}`],
    [8, `seriesCount: ${header.seriesCount}`],
    [8, `runCount: ${header.runCount}`],
    [8, `vectorCount: ${header.vectorCount}`],
    [8, `tableOffset: ${header.tableOffset}`],
    [8, `fileBytes: ${header.fileBytes}`],
    [8, `fileNumberEnd: ${header.fileNumberEnd}`],
    [24, 'reserved'],
    [8, `headerHash: ${hex64(view.getBigUint64(indexHeaderBytes - 8, true))} right`],
  ]
  let offset = 0
  for (const [count, meaning] of words) {
    yield { offset, bytes: count, meaning, isDamage: false }
    offset += count
  }
}

/** The parts of the series, in the order in which they lie; only entries that are right are believed. */
function* seriesParts(
  bytes: Uint8Array,
  { tableOffset }: IndexHeader,
  entries: readonly FoundEntry[],
): Generator<SegmentPart> {
  const lying = entries.filter(({ isRight, partBytes }) => isRight && partBytes > 0)
  lying.sort((a, b) => a.partOffset - b.partOffset)
  const isAnyWrong = entries.some(({ isRight }) => !isRight)
  const gap = (offset: number, end: number): SegmentPart => {
    const meaning = isAnyWrong ? 'of a series whose table entry is damaged' : 'of no series'
    return { offset, bytes: end - offset, meaning, isDamage: true }
  }
  let at = indexHeaderBytes
  for (const { seriesId, runCount, partOffset, partBytes, partHash } of lying) {
    const end = partOffset + partBytes
    const name = `series ${seriesId}`
    if (partOffset < at || end > tableOffset || runCount * runEntryBytes > partBytes) {
      const meaning = `${name}: told to be where it cannot be`
      yield { offset: at, bytes: 0, meaning, isDamage: true }
      continue
    }
    if (partOffset > at) yield gap(at, partOffset)
    const part = bytes.subarray(partOffset, end)
    const isRight = hash64(part) === partHash
    if (isRight) yield* partWords(part, partOffset, runCount, name)
    else {
      const meaning = `${name}: ${runCount} runs; hash WRONG`
      yield { offset: partOffset, bytes: partBytes, meaning, isDamage: true }
    }
    at = end
  }
  if (tableOffset > at) yield gap(at, tableOffset)
}

/** One word a run entry, one for all bodies behind them. */
function* partWords(
  part: Uint8Array,
  offset: number,
  runCount: number,
  name: string,
): Generator<SegmentPart> {
  const view = new DataView(part.buffer, part.byteOffset, part.byteLength)
  for (let run = 0; run < runCount; run += 1) {
    const at = run * runEntryBytes
    const file = `file ${view.getBigUint64(at + 8, true)} run ${view.getUint32(at + 80, true)}`
    const rows = `${view.getBigUint64(at + 72, true)} rows`
    const kept = `${view.getUint32(at + 104, true)} vectors, ${view.getUint16(at + 94, true)} columns`
    const meaning = `${name}: ${file}, ${rows}; ${kept} kept`
    yield { offset: offset + at, bytes: runEntryBytes, meaning, isDamage: false }
  }
  const bodies = part.length - runCount * runEntryBytes
  if (bodies === 0) return
  const meaning = `${name}: times of vectors, places of pages; hash right`
  yield { offset: offset + runCount * runEntryBytes, bytes: bodies, meaning, isDamage: false }
}
