// Changes <-> bytes: the payload of a manifest record. An edit is applied all or not at all.
//
//   payload: change, change, ... to its end
//   change:  type u8, varint bytes, the fields of its codec below, in their order
//
// Types from 128 on are optional: who does not know one skips it. An unknown type below 128 is
// ERR_VERSION. Numbers are varints, times and partitions zigzag varints, lsns unsigned 64-bit
// varints, hashes 8 raw bytes, text a varint length and UTF-8. Times of a run and its last lsn are
// stored as distances.
import { assert, ByteReader, ByteWriter, limits, VarveError } from '#base'
import type {
  Change,
  ChangeType,
  ColumnEntry,
  ColumnTypeName,
  DuplicateRule,
  FileKind,
  PartitionWidth,
  RunEntry,
  SchemaEntry,
  SortOrder,
} from './change.ts'
import { fileNumberMax, type Place } from './layout.ts'

export const contentHashBytes = 32
export const timeframeBytesMax = 32
export const lastRowBytesMax = 1 << 20
/** Bound of every number that is given out one by one: kinds, schemas, series, runs of a file. */
export const idMax = 0xffffffff

// The place in the list is the number on disk: only ever add at the end.
const columnTypes: readonly ColumnTypeName[] = [
  'f64',
  'decimal',
  'i64',
  'i32',
  'u8',
  'bool',
  'symbol',
  'text',
  'json',
  'time',
]
const duplicateRules: readonly DuplicateRule[] = ['keep', 'first', 'last']
const partitionWidths: readonly PartitionWidth[] = ['day', 'month', 'year']
const fileKinds: readonly FileKind[] = ['segment', 'pack']
const sortOrders: readonly SortOrder[] = ['time', 'arrival']

function writeWord<T extends string>(writer: ByteWriter, words: readonly T[], word: T): void {
  const index = words.indexOf(word)
  assert(index >= 0, `manifest edit: ${word} has no number`)
  writer.u8(index)
}

function readWord<T extends string>(reader: ByteReader, words: readonly T[]): T {
  const index = reader.u8()
  const word = words[index]
  if (word === undefined) throw reader.corrupt(`a choice of ${words.length} is ${index}`)
  return word
}

function readFlag(reader: ByteReader): boolean {
  const flag = reader.u8()
  if (flag > 1) throw reader.corrupt(`a flag is ${flag}`)
  return flag === 1
}

function readUpTo(reader: ByteReader, max: number): number {
  const value = reader.varint()
  if (value > max) throw reader.corrupt(`a number is ${value}, at most ${max}`)
  return value
}

const readId = (reader: ByteReader): number => readUpTo(reader, idMax)
const readFileNumber = (reader: ByteReader): number => readUpTo(reader, fileNumberMax)
const readHash256 = (reader: ByteReader): Uint8Array => reader.bytes(contentHashBytes).slice()

function writeHash256(writer: ByteWriter, hash: Uint8Array): void {
  assert(hash.length === contentHashBytes, 'manifest edit: a SHA-256 has 32 bytes')
  writer.bytes(hash)
}

function readSum(reader: ByteReader, base: bigint): bigint {
  return BigInt.asIntN(64, base + reader.varint64())
}

function writeIds(writer: ByteWriter, ids: readonly number[]): void {
  writer.varint(ids.length)
  for (const id of ids) writer.varint(id)
}

function readIds(reader: ByteReader): number[] {
  const count = reader.count(limits.columnsMax + 2)
  return Array.from({ length: count }, () => readId(reader))
}

function writeColumn(writer: ByteWriter, column: ColumnEntry): void {
  writer.varint(column.id).string(column.name)
  writeWord(writer, columnTypes, column.type)
  writer.u8(column.optional ? 1 : 0).u8(column.scale)
}

function readColumn(reader: ByteReader): ColumnEntry {
  const id = readId(reader)
  const name = reader.string(limits.columnNameBytesMax)
  const type = readWord(reader, columnTypes)
  const optional = readFlag(reader)
  return { id, name, type, optional, scale: reader.u8() }
}

function writeSchema(writer: ByteWriter, schema: SchemaEntry): void {
  writer.varint(schema.schemaId).varint(schema.kindId).string(schema.name).varint(schema.version)
  writer.u8(schema.timeframed ? 1 : 0)
  writer.varint(schema.columns.length)
  for (const column of schema.columns) writeColumn(writer, column)
  writeIds(writer, schema.order)
  writeIds(writer, schema.identity)
  writeWord(writer, duplicateRules, schema.duplicates)
}

function readSchema(reader: ByteReader): SchemaEntry {
  const schemaId = readId(reader)
  const kindId = readId(reader)
  const name = reader.string(limits.kindNameBytesMax)
  const version = reader.varint()
  const timeframed = readFlag(reader)
  const count = reader.count(limits.columnsMax + 2)
  const columns = Array.from({ length: count }, () => readColumn(reader))
  const order = readIds(reader)
  const identity = readIds(reader)
  const duplicates = readWord(reader, duplicateRules)
  return { schemaId, kindId, name, version, timeframed, columns, order, identity, duplicates }
}

function writeRun(writer: ByteWriter, run: RunEntry): void {
  writer.varint(run.seriesId).varint(run.fileNumber).varint(run.runIndex).varint(run.schemaId)
  writer.zigzag64(run.partition).varint(run.rowCount)
  writer.zigzag64(BigInt.asIntN(64, run.timeMin - run.partition))
  writer.varint64(run.timeMax - run.timeMin)
  writer.varint64(run.lsnFirst).varint64(run.lsnLast - run.lsnFirst)
  writeWord(writer, sortOrders, run.sortOrder)
  writer.varint(run.footerOffset).varint(run.footerBytes).u64(run.footerHash)
  writer.varint(run.dataBytes).varint(run.plainBytes)
  writeHash256(writer, run.contentHash)
}

function readRun(reader: ByteReader): RunEntry {
  const seriesId = readId(reader)
  const fileNumber = readFileNumber(reader)
  const runIndex = readId(reader)
  const schemaId = readId(reader)
  const partition = reader.zigzag64()
  const rowCount = reader.varint()
  const timeMin = BigInt.asIntN(64, partition + reader.zigzag64())
  const timeMax = readSum(reader, timeMin)
  const lsnFirst = reader.varint64()
  const lsnLast = BigInt.asUintN(64, lsnFirst + reader.varint64())
  const sortOrder = readWord(reader, sortOrders)
  const footerOffset = reader.varint()
  const footerBytes = reader.varint()
  const footerHash = reader.u64()
  const dataBytes = reader.varint()
  const plainBytes = reader.varint()
  const contentHash = readHash256(reader)
  return {
    seriesId,
    fileNumber,
    runIndex,
    schemaId,
    partition,
    rowCount,
    timeMin,
    timeMax,
    lsnFirst,
    lsnLast,
    sortOrder,
    footerOffset,
    footerBytes,
    footerHash,
    dataBytes,
    plainBytes,
    contentHash,
  }
}

type ChangeOf<Type extends ChangeType> = Extract<Change, { type: Type }>

/** Twins: `read` takes the fields in the order in which `write` puts them. */
interface Codec<C extends Change> {
  readonly id: number
  write(writer: ByteWriter, change: C): void
  read(reader: ByteReader): C
}

const codecs: { readonly [Type in ChangeType]: Codec<ChangeOf<Type>> } = {
  storeCreated: {
    id: 1,
    write: (w, c) => void w.bytes(c.storeId).zigzag64(c.createdAt),
    read: (r) => ({
      type: 'storeCreated',
      storeId: r.bytes(16).slice(),
      createdAt: r.zigzag64(),
    }),
  },
  epochStarted: {
    id: 2,
    write: (w, c) => void w.varint(c.epoch),
    read: (r) => ({ type: 'epochStarted', epoch: r.varint() }),
  },
  kindDefined: {
    id: 3,
    write: (w, c) => writeSchema(w, c.schema),
    read: (r) => ({ type: 'kindDefined', schema: readSchema(r) }),
  },
  seriesDefined: {
    id: 4,
    write: (w, { series }) => {
      w.varint(series.seriesId).varint(series.kindId).string(series.symbol).string(series.timeframe)
      writeWord(w, partitionWidths, series.partitionWidth)
    },
    read: (r) => {
      const seriesId = readId(r)
      const kindId = readId(r)
      const symbol = r.string(limits.symbolBytesMax)
      const timeframe = r.string(timeframeBytesMax)
      const partitionWidth = readWord(r, partitionWidths)
      const series = { seriesId, kindId, symbol, timeframe, partitionWidth }
      return { type: 'seriesDefined', series }
    },
  },
  fileAdded: {
    id: 5,
    write: (w, { file }) => {
      w.varint(file.fileNumber)
      writeWord(w, fileKinds, file.fileKind)
      w.varint(file.bytes).u64(file.fileHash).u64(file.footerHash)
    },
    read: (r) => {
      const fileNumber = readFileNumber(r)
      const fileKind = readWord(r, fileKinds)
      const bytes = r.varint()
      const file = { fileNumber, fileKind, bytes, fileHash: r.u64(), footerHash: r.u64() }
      return { type: 'fileAdded', file }
    },
  },
  runAdded: {
    id: 6,
    write: (w, c) => writeRun(w, c.run),
    read: (r) => ({ type: 'runAdded', run: readRun(r) }),
  },
  runDropped: {
    id: 7,
    write: (w, c) => void w.varint(c.seriesId).varint(c.fileNumber).varint(c.runIndex),
    read: (r) => ({
      type: 'runDropped',
      seriesId: readId(r),
      fileNumber: readFileNumber(r),
      runIndex: readId(r),
    }),
  },
  fileDropped: {
    id: 8,
    write: (w, c) => void w.varint(c.fileNumber),
    read: (r) => ({ type: 'fileDropped', fileNumber: readFileNumber(r) }),
  },
  seriesSealed: {
    id: 9,
    write: (w, c) => void w.varint(c.seriesId).varint64(c.sealedLsn),
    read: (r) => ({ type: 'seriesSealed', seriesId: readId(r), sealedLsn: r.varint64() }),
  },
  logAdded: {
    id: 10,
    write: (w, { log }) => void w.varint(log.fileNumber).varint(log.epoch).varint64(log.firstLsn),
    read: (r) => {
      const log = { fileNumber: readFileNumber(r), epoch: r.varint(), firstLsn: r.varint64() }
      return { type: 'logAdded', log }
    },
  },
  logEnded: {
    id: 11,
    write: (w, { fileNumber, end }) =>
      void w.varint(fileNumber).varint(end.endOffset).varint64(end.lsnEnd).u64(end.lastHash),
    read: (r) => {
      const fileNumber = readFileNumber(r)
      const end = { endOffset: r.varint(), lsnEnd: r.varint64(), lastHash: r.u64() }
      return { type: 'logEnded', fileNumber, end }
    },
  },
  logDropped: {
    id: 12,
    write: (w, c) => void w.varint(c.fileNumber),
    read: (r) => ({ type: 'logDropped', fileNumber: readFileNumber(r) }),
  },
  producerAdvanced: {
    id: 13,
    write: (w, c) =>
      void w.varint(c.seriesId).string(c.producerId).zigzag64(c.sequence).varint64(c.lsn),
    read: (r) => ({
      type: 'producerAdvanced',
      seriesId: readId(r),
      producerId: r.string(limits.producerIdBytesMax),
      sequence: r.zigzag64(),
      lsn: r.varint64(),
    }),
  },
  producerDropped: {
    id: 14,
    write: (w, c) => void w.varint(c.seriesId).string(c.producerId),
    read: (r) => ({
      type: 'producerDropped',
      seriesId: readId(r),
      producerId: r.string(limits.producerIdBytesMax),
    }),
  },
  snapshotCreated: {
    id: 15,
    write: (w, c) => {
      w.string(c.name).zigzag64(c.createdAt).varint64(c.lsn)
      writeHash256(w, c.contentHash)
      w.varint(c.rows).varint(c.bytes).varint(c.segments)
    },
    read: (r) => ({
      type: 'snapshotCreated',
      name: r.string(limits.snapshotNameBytesMax),
      createdAt: r.zigzag64(),
      lsn: r.varint64(),
      contentHash: readHash256(r),
      rows: r.varint(),
      bytes: r.varint(),
      segments: r.varint(),
    }),
  },
  snapshotDropped: {
    id: 16,
    write: (w, c) => void w.string(c.name),
    read: (r) => ({ type: 'snapshotDropped', name: r.string(limits.snapshotNameBytesMax) }),
  },
  restored: {
    id: 17,
    write: (w, c) => void w.string(c.name).varint(c.edit),
    read: (r) => ({
      type: 'restored',
      name: r.string(limits.snapshotNameBytesMax),
      edit: r.varint(),
    }),
  },
  bytesCounted: {
    id: 18,
    write: (w, c) => void w.varint(c.segmentBytesWritten).varint(c.segmentBytesFirstSealed),
    read: (r) => ({
      type: 'bytesCounted',
      segmentBytesWritten: r.varint(),
      segmentBytesFirstSealed: r.varint(),
    }),
  },
  cleanClose: {
    id: 19,
    write: (w, c) => void w.varint64(c.lsnEnd),
    read: (r) => ({ type: 'cleanClose', lsnEnd: r.varint64() }),
  },
  rewritten: {
    id: 20,
    write: (w, c) => void w.varint(c.nextFileNumber),
    read: (r) => ({ type: 'rewritten', nextFileNumber: readUpTo(r, fileNumberMax + 1) }),
  },
  leafKnown: {
    id: 128,
    write: (w, { seriesId, leaf }) => {
      w.varint(seriesId).zigzag64(leaf.partition)
      writeHash256(w, leaf.leaf)
      w.varint(leaf.rowCount).u64(leaf.fingerprint)
    },
    read: (r) => {
      const seriesId = readId(r)
      const partition = r.zigzag64()
      const hash = readHash256(r)
      const leaf = { partition, leaf: hash, rowCount: r.varint(), fingerprint: r.u64() }
      return { type: 'leafKnown', seriesId, leaf }
    },
  },
  leafDropped: {
    id: 129,
    write: (w, c) => void w.varint(c.seriesId).zigzag64(c.partition),
    read: (r) => ({ type: 'leafDropped', seriesId: readId(r), partition: r.zigzag64() }),
  },
  lastRow: {
    id: 130,
    write: (w, c) => void w.varint(c.seriesId).varint(c.bytes.length).bytes(c.bytes),
    read: (r) => {
      const seriesId = readId(r)
      return { type: 'lastRow', seriesId, bytes: r.bytes(readUpTo(r, lastRowBytesMax)).slice() }
    },
  },
}

const optionalIdFirst = 128
const typeOfId = new Map<number, ChangeType>(
  (Object.keys(codecs) as ChangeType[]).map((type) => [codecs[type].id, type]),
)
assert(typeOfId.size === Object.keys(codecs).length, 'manifest edit: each type has its own number')

/** The payload of a record. */
export function encodeChanges(changes: readonly Change[]): Uint8Array {
  const writer = new ByteWriter(1024)
  const fields = new ByteWriter(256)
  for (const change of changes) {
    // Each codec takes its own variant: the type picks both.
    const codec = codecs[change.type] as Codec<Change>
    fields.reset()
    codec.write(fields, change)
    writer.u8(codec.id).varint(fields.length).bytes(fields.view())
  }
  return writer.take()
}

export interface ChangeBytes {
  /** undefined for an optional change this code does not know. */
  readonly change: Change | undefined
  readonly id: number
  /** Within the payload. */
  readonly offset: number
  readonly bytes: number
}

/** Calls `visit` for each change of a payload.
 *  @throws {VarveError} ERR_CORRUPT for malformed bytes, ERR_VERSION for a type that must be known
 *  and is not. */
export function eachChange(
  payload: Uint8Array,
  place: Place,
  visit: (found: ChangeBytes) => void,
): void {
  const reader = new ByteReader(payload, place)
  while (reader.remaining > 0) {
    const offset = reader.offset
    const id = reader.u8()
    const fields = reader.bytes(reader.varint())
    const type = typeOfId.get(id)
    let change: Change | undefined
    if (type !== undefined) {
      const inner = new ByteReader(fields, { ...place, change: type })
      change = codecs[type].read(inner)
      inner.expectEnd()
    } else if (id < optionalIdFirst) {
      const hint = 'open the store with the varve that wrote it, or a newer one'
      throw new VarveError('ERR_VERSION', `a change of unknown type ${id}`, place, { hint })
    }
    visit({ change, id, offset, bytes: reader.offset - offset })
  }
}

/** The changes of a payload; optional ones that are not known are left out. */
export function decodeChanges(payload: Uint8Array, place: Place): Change[] {
  const changes: Change[] = []
  eachChange(payload, place, ({ change }) => {
    if (change !== undefined) changes.push(change)
  })
  return changes
}
