// The meta of a page: what its run's footer holds of it. README.md has the field table.
//
//   u8 encoding | u8 flags | nulls? | scale? | base gcd? exceptions? zone | the encoding's own |
//   chunk lengths? | checksums
import { ByteWriter, VarveError } from '#base'
import type { ByteReader } from '#base'
import type { Physical } from '#batch'
import { chunkCountOf } from './chunk.ts'
import { searchCode } from './dictionary.ts'
import { readModel, spansEnd, writeModel } from './entropy.ts'
import {
  readFrame,
  readNumbers,
  readSigned,
  writeFrame,
  writeNumbers,
  writeSigned,
} from './frame.ts'
import {
  bitsOfBig,
  blockRowsMax,
  chunkVectorsLz4,
  codedBytesMax,
  codedFlag,
  codedParts,
  codedWidth,
  dictionaryMax,
  encodingMask,
  encodingName,
  encodings,
  flags,
  reservedEncodings,
  rowsOf,
  scaleMax,
  transforms,
  vectorRows,
} from './layout.ts'
import type { PageMeta, Zone } from './layout.ts'
import { areIntegers, referencesOf, residualMeta } from './residual.ts'
import { derive, startMeta } from './shape.ts'
import type { Draft } from './shape.ts'

const textBytesMax = 0xffffffff

/** Each value's distance from its vector's `from`, in units of gcd. */
function distances(values: BigInt64Array, from: BigInt64Array, gcd: bigint) {
  const units = new BigUint64Array(values.length)
  for (let v = 0; v < values.length; v += 1) {
    units[v] = (values[v]! - from[v]!) / gcd
  }
  return units
}

/** Values summed in `vector`: present and no exception. */
function summedOf(shape: PageMeta, vector: number): number {
  const rows = rowsOf(shape.rowCount, vector) - (shape.nulls?.[vector] ?? 0)
  return rows - (shape.exceptions?.[vector] ?? 0)
}

function writeZone(writer: ByteWriter, meta: PageMeta, zone: Zone): void {
  const { gcd, base } = meta
  const bases = new BigInt64Array(meta.vectorCount).fill(base)
  if (meta.vectorCount > 1) writeFrame(writer, distances(zone.min, bases, gcd))
  if (meta.encoding === encodings.const) return
  writeFrame(writer, distances(zone.max, zone.min, gcd))
  writeFrame(writer, distances(zone.first, zone.min, gcd))
  writeFrame(writer, distances(zone.last, zone.min, gcd))
  if (zone.sum === undefined) return
  const sums = new BigUint64Array(meta.vectorCount)
  for (let v = 0; v < sums.length; v += 1) {
    sums[v] = (zone.sum[v]! - zone.min[v]! * BigInt(summedOf(meta, v))) / gcd
  }
  writeFrame(writer, sums)
}

function writeIntegers(writer: ByteWriter, meta: PageMeta, zone: Zone): void {
  writer.zigzag64(meta.base)
  if (meta.gcd !== 1n) writer.varint64(meta.gcd)
  if (meta.exceptions !== undefined) writeNumbers(writer, meta.exceptions)
  writeZone(writer, meta, zone)
  switch (meta.encoding) {
    case encodings.pfor:
      writeNumbers(writer, meta.bases)
      writeNumbers(writer, meta.widths)
      break
    case encodings.delta:
    case encodings.deltaPatched:
      if (meta.slotModel !== undefined) {
        writer.zigzag64(BigInt(meta.bases[0]!))
        break
      }
      writeSigned(writer, meta.bases)
      writeNumbers(writer, meta.widths)
      break
    default: // widths follow from the zone
  }
  if (meta.patches.length > 0) writeNumbers(writer, meta.patches)
  if (meta.runs.length > 0) writeNumbers(writer, meta.runs)
  if (meta.lengthWidths.length > 0) writeNumbers(writer, meta.lengthWidths)
  if (meta.dictionary === undefined) return
  writer.varint(meta.dictionary.length)
  let before = 0
  for (const unit of meta.dictionary) {
    writer.varint(unit - before)
    before = unit
  }
}

/** `codedParts` of a page. */
function partsOf({ slotModel, bitmapModel }: PageMeta): number {
  const slots = slotModel === undefined ? 0 : codedParts.slots
  return slots | (bitmapModel === undefined ? 0 : codedParts.bitmaps)
}

/** The models and the lengths of what is coded. */
function writeCoded(writer: ByteWriter, meta: PageMeta): void {
  const { slotModel, bitmapModel } = meta
  if (slotModel !== undefined) writeModel(writer, slotModel)
  if (bitmapModel !== undefined) writeModel(writer, bitmapModel)
  writeNumbers(writer, meta.codedBytes)
}

function flagsOf(meta: PageMeta): number {
  let bits = meta.transform
  if (meta.nulls !== undefined) bits |= flags.nulls
  if (meta.lz4) bits |= flags.lz4
  if (meta.zone?.sum !== undefined) bits |= flags.sums
  if (meta.gcd !== 1n) bits |= flags.gcd
  if (meta.exceptions !== undefined) bits |= flags.exceptions
  return bits
}

function writeZoneBits(writer: ByteWriter, zone: Zone): void {
  for (const array of [zone.min, zone.max, zone.first, zone.last]) {
    for (const bits of array) writer.i64(bits)
  }
}

/** What the page is, of which columns it holds the residuals, the zone of its own values, its inner page. */
function writeResidual(writer: ByteWriter, meta: PageMeta, zone: Zone): void {
  const { rule, columnIds, inner } = meta.residual!
  writer.u8(rule)
  for (const id of columnIds) writer.varint(id)
  writer.u8(meta.scale)
  writeIntegers(writer, meta, zone)
  writePageMeta(writer, inner)
}

/** Bytes of a page and its meta. */
export function pageBytes(meta: PageMeta): number {
  const writer = new ByteWriter()
  writePageMeta(writer, meta)
  return writer.length + meta.payloadBytes
}

/** Appends the meta of a page to a footer. */
export function writePageMeta(writer: ByteWriter, meta: PageMeta): void {
  const parts = partsOf(meta)
  writer.u8(meta.encoding | (parts === 0 ? 0 : codedFlag))
  if (meta.allAbsent) {
    writer.u8(flags.allAbsent)
    return
  }
  if (meta.residual !== undefined && meta.zone !== undefined) {
    writer.u8(flagsOf(meta) & ~flags.lz4)
    return writeResidual(writer, meta, meta.zone)
  }
  writer.u8(flagsOf(meta))
  if (parts !== 0) writer.u8(parts)
  if (meta.nulls !== undefined) writeNumbers(writer, meta.nulls)
  if (meta.transform === transforms.decimal) writer.u8(meta.scale)
  if (meta.zone === undefined) {
    writeNumbers(writer, meta.bases)
    writeNumbers(writer, meta.widths)
    writeNumbers(writer, meta.textBytes)
  } else if (meta.transform === transforms.raw) writeZoneBits(writer, meta.zone)
  else writeIntegers(writer, meta, meta.zone)
  if (parts !== 0) writeCoded(writer, meta)
  const chunkCount = meta.checksums.length
  if (meta.lz4) {
    const lengths = new Float64Array(chunkCount)
    for (let c = 0; c < chunkCount; c += 1) {
      lengths[c] = meta.chunkStarts[c + 1]! - meta.chunkStarts[c]!
    }
    writeNumbers(writer, lengths)
  }
  for (let c = 0; c < chunkCount; c += 1) {
    if (meta.chunkStarts[c + 1]! > meta.chunkStarts[c]!) writer.u32(meta.checksums[c]!)
  }
}

function offsetsFrom(
  from: BigInt64Array,
  gcd: bigint,
  units: BigUint64Array,
): BigInt64Array<ArrayBuffer> {
  const values = new BigInt64Array(units.length)
  for (let v = 0; v < units.length; v += 1) values[v] = from[v]! + gcd * units[v]!
  return values
}

interface ReadZone {
  readonly zone: Zone
  /** Units of the least value, above the page's base, and of the range, a vector. */
  readonly least: BigUint64Array
  readonly range: BigUint64Array
}

function readZone(reader: ByteReader, shape: PageMeta, hasSums: boolean): ReadZone {
  const { vectorCount, gcd } = shape
  const bases = new BigInt64Array(vectorCount).fill(shape.base)
  const least = vectorCount > 1 ? readFrame(reader, vectorCount) : new BigUint64Array(1)
  const min = offsetsFrom(bases, gcd, least)
  const isConst = shape.encoding === encodings.const
  const none = new BigUint64Array(vectorCount)
  const range = isConst ? none : readFrame(reader, vectorCount)
  const max = offsetsFrom(min, gcd, range)
  const first = isConst ? min : offsetsFrom(min, gcd, readFrame(reader, vectorCount))
  const last = isConst ? min : offsetsFrom(min, gcd, readFrame(reader, vectorCount))
  let sum: BigInt64Array | undefined
  if (hasSums) {
    const above = isConst ? none : readFrame(reader, vectorCount)
    sum = new BigInt64Array(vectorCount)
    for (let v = 0; v < vectorCount; v += 1) {
      sum[v] = min[v]! * BigInt(summedOf(shape, v)) + gcd * above[v]!
    }
  }
  return { zone: { min, max, first, last, sum }, least, range }
}

function readDictionary(reader: ByteReader): Float64Array {
  const dictionary = new Float64Array(reader.count(dictionaryMax))
  let unit = 0
  for (let code = 0; code < dictionary.length; code += 1) {
    unit += reader.varint()
    dictionary[code] = unit
  }
  return dictionary
}

/** Packed codes count from that of the vector's least unit; their widths follow from the zone. */
function placeCodes(
  reader: ByteReader,
  shape: Draft,
  read: ReadZone,
  dictionary: Float64Array,
): void {
  shape.bases = new Float64Array(shape.vectorCount)
  shape.widths = new Uint8Array(shape.vectorCount)
  for (let v = 0; v < shape.vectorCount; v += 1) {
    const least = searchCode(dictionary, Number(read.least[v]))
    const most = searchCode(dictionary, Number(read.least[v]! + read.range[v]!))
    const used = summedOf(shape, v) > 0
    if (used && (least < 0 || most < least)) {
      throw reader.corrupt(`the dictionary does not hold the bounds of vector ${v}`)
    }
    shape.bases[v] = Math.max(least, 0)
    shape.widths[v] = used ? bitsOfBig(BigInt(most - least)) : 0
  }
}

const patchedWidthMax = 32
const deltaWidthMax = 53
const lengthWidthMax = 10

/** Coded slots are at most 32 bits wide and count from the page's base. */
function readCodedBases(reader: ByteReader, shape: Draft): void {
  const base = shape.encoding === encodings.delta ? Number(reader.zigzag64()) : 0
  shape.bases = new Float64Array(shape.vectorCount).fill(base)
  shape.widths = new Uint8Array(shape.vectorCount).fill(codedWidth)
}

function readIntegers(
  reader: ByteReader,
  shape: Draft,
  bits: number,
  hasCodedSlots: boolean,
): void {
  const { vectorCount, encoding } = shape
  shape.base = reader.zigzag64()
  if ((bits & flags.gcd) !== 0) shape.gcd = reader.varint64()
  if ((bits & flags.exceptions) !== 0) {
    shape.exceptions = new Uint16Array(readNumbers(reader, vectorCount, vectorRows))
    checkCounts(reader, shape)
  }
  const read = readZone(reader, shape, (bits & flags.sums) !== 0)
  shape.zone = read.zone
  const patched = encoding === encodings.pfor || encoding === encodings.deltaPatched
  const ownWidths = patched || encoding === encodings.delta
  if (hasCodedSlots) readCodedBases(reader, shape)
  else if (ownWidths) {
    const isPfor = encoding === encodings.pfor
    const most = patched ? patchedWidthMax : deltaWidthMax
    shape.bases = isPfor
      ? readNumbers(reader, vectorCount, Number.MAX_SAFE_INTEGER)
      : readSigned(reader, vectorCount)
    shape.widths = new Uint8Array(readNumbers(reader, vectorCount, most))
  } else if (encoding !== encodings.dictionary) {
    shape.widths = new Uint8Array(vectorCount)
    for (let v = 0; v < vectorCount; v += 1) shape.widths[v] = bitsOfBig(read.range[v]!)
  }
  if (patched) shape.patches = new Uint16Array(readNumbers(reader, vectorCount, vectorRows))
  if (encoding === encodings.rle) {
    shape.runs = new Uint16Array(readNumbers(reader, vectorCount, vectorRows))
    shape.lengthWidths = new Uint8Array(readNumbers(reader, vectorCount, lengthWidthMax))
  }
  if (encoding === encodings.dictionary) {
    const dictionary = readDictionary(reader)
    shape.dictionary = dictionary
    if (!hasCodedSlots) placeCodes(reader, shape, read, dictionary)
  }
}

function checkCounts(reader: ByteReader, shape: PageMeta): void {
  for (let v = 0; v < shape.vectorCount; v += 1) {
    if (summedOf(shape, v) < 0) throw reader.corrupt(`vector ${v} counts more rows than it has`)
  }
}

function readZoneBits(reader: ByteReader, vectorCount: number): Zone {
  const read = () => {
    const array = new BigInt64Array(vectorCount)
    for (let v = 0; v < vectorCount; v += 1) array[v] = reader.i64()
    return array
  }
  return { min: read(), max: read(), first: read(), last: read(), sum: undefined }
}

/** The encodings each transform may have, and the physical types it may make. */
function checkKinds(reader: ByteReader, physical: Physical, encoding: number, transform: number) {
  const isText = encoding === encodings.bytes
  const isRaw = encoding === encodings.raw64 || encoding === encodings.raw64Shuffled
  let expected: number = transforms.integer
  if (isRaw || isText) expected = transforms.raw
  else if (physical === 'f64') expected = transforms.decimal
  else if (physical === 'bytes') expected = transforms.textInteger
  const fits = isText ? physical === 'bytes' : !isRaw || physical === 'f64'
  if (fits && transform === expected) return
  const name = encodingName(encoding)
  throw reader.corrupt(`a page of ${physical} cannot be ${name} with transform ${transform}`)
}

/** What of the page is coded: slots of FOR, DELTA and DICT, bitmaps, or both. */
function readParts(reader: ByteReader, encoding: number): number {
  const parts = reader.u8()
  if (parts > (codedParts.slots | codedParts.bitmaps)) {
    throw new VarveError('ERR_VERSION', `coded parts ${parts} are of a newer varve`, { parts })
  }
  const { delta, dictionary } = encodings
  const hasSlots = encoding === encodings.for || encoding === delta || encoding === dictionary
  if (parts > 0 && (hasSlots || parts === codedParts.bitmaps)) return parts
  throw reader.corrupt(`${encodingName(encoding)} with coded parts ${parts}`)
}

function readCoded(reader: ByteReader, shape: Draft, parts: number): void {
  if ((parts & codedParts.slots) !== 0) shape.slotModel = readModel(reader, spansEnd)
  if ((parts & codedParts.bitmaps) !== 0) shape.bitmapModel = readModel(reader, 0)
  shape.codedBytes = new Uint16Array(readNumbers(reader, shape.vectorCount, codedBytesMax))
}

function readScale(reader: ByteReader): number {
  const scale = reader.u8()
  if (scale <= scaleMax) return scale
  throw new VarveError('ERR_VERSION', `decimal scale ${scale} is of a newer varve`, { scale })
}

function readChunks(reader: ByteReader, draft: Draft): void {
  derive(draft)
  const chunkCount = chunkCountOf(draft.vectorCount, draft.lz4)
  let chunkStarts = draft.vectorStarts
  if (draft.lz4) {
    draft.chunkVectors = chunkVectorsLz4
    const lengths = readNumbers(reader, chunkCount, 0xffffffff)
    chunkStarts = new Float64Array(chunkCount + 1)
    for (let c = 0; c < chunkCount; c += 1) chunkStarts[c + 1] = chunkStarts[c]! + lengths[c]!
  }
  const checksums = new Uint32Array(chunkCount)
  for (let c = 0; c < chunkCount; c += 1) {
    if (chunkStarts[c + 1]! > chunkStarts[c]!) checksums[c] = reader.u32()
  }
  draft.chunkStarts = chunkStarts
  draft.checksums = checksums
  draft.payloadBytes = chunkStarts[chunkCount]!
}

/** A page of residuals, behind its flags. Its inner page is as any of whole numbers, without absent rows. */
function readResidual(reader: ByteReader, shape: Draft, bits: number): PageMeta {
  const { physical, rowCount } = shape
  if (physical !== 'f64' || (bits & ~(flags.sums | flags.gcd)) !== transforms.decimal) {
    throw reader.corrupt(`a page of ${physical} cannot be RESIDUAL with flags ${bits}`)
  }
  const rule = reader.u8()
  if (referencesOf(rule) === 0) {
    throw new VarveError('ERR_VERSION', `residual rule ${rule} is of a newer varve`, { rule })
  }
  const columnIds = Array.from({ length: referencesOf(rule) }, () => reader.varint())
  shape.scale = readScale(reader)
  readIntegers(reader, shape, bits, false)
  const inner = readPage(reader, physical, rowCount, true)
  if (!areIntegers(inner) || inner.scale !== 0) {
    throw reader.corrupt('residuals that are no whole numbers')
  }
  return residualMeta(shape, rule, columnIds, inner)
}

/**
 * Reads the meta of a page of `rowCount` rows. Malformed bytes are ERR_CORRUPT, encodings without a
 * reader ERR_VERSION. What is read allocates at most some KiB, whatever the bytes say.
 */
export function readPageMeta(reader: ByteReader, physical: Physical, rowCount: number): PageMeta {
  if (!(Number.isInteger(rowCount) && rowCount >= 1 && rowCount <= blockRowsMax)) {
    throw reader.corrupt(`a page of ${rowCount} rows`)
  }
  return readPage(reader, physical, rowCount, false)
}

/** `isInner`: of a page of residuals, which is none itself. */
function readPage(
  reader: ByteReader,
  physical: Physical,
  rowCount: number,
  isInner: boolean,
): PageMeta {
  const first = reader.u8()
  const bits = reader.u8()
  const encoding = first & encodingMask
  if ((first & ~codedFlag) > encodings.xor || reservedEncodings.has(encoding)) {
    const name = encodingName(first & ~codedFlag)
    throw new VarveError('ERR_VERSION', `encoding ${name} is of a newer varve`, { encoding: first })
  }
  const shape = startMeta(physical, rowCount, encoding, bits & flags.transformMask)
  if (encoding === encodings.residual) {
    if (isInner || first !== encoding) throw reader.corrupt('RESIDUAL where it cannot be')
    return readResidual(reader, shape, bits)
  }
  if ((bits & flags.allAbsent) !== 0) {
    if (bits !== flags.allAbsent || first !== encoding)
      throw reader.corrupt(`an absent page with flags ${bits}`)
    shape.allAbsent = true
    readChunks(reader, shape)
    return shape
  }
  checkKinds(reader, physical, encoding, shape.transform)
  const parts = first === encoding ? 0 : readParts(reader, encoding)
  if ((bits & flags.nulls) !== 0) {
    shape.nulls = new Uint16Array(readNumbers(reader, shape.vectorCount, vectorRows))
    checkCounts(reader, shape)
  }
  if (shape.transform === transforms.decimal) shape.scale = readScale(reader)
  if (encoding === encodings.bytes) {
    shape.bases = readNumbers(reader, shape.vectorCount, textBytesMax)
    shape.widths = new Uint8Array(readNumbers(reader, shape.vectorCount, patchedWidthMax))
    shape.textBytes = new Uint32Array(readNumbers(reader, shape.vectorCount, textBytesMax))
  } else if (shape.transform === transforms.raw) {
    shape.zone = readZoneBits(reader, shape.vectorCount)
  } else readIntegers(reader, shape, bits, (parts & codedParts.slots) !== 0)
  if (parts !== 0) readCoded(reader, shape, parts)
  shape.lz4 = (bits & flags.lz4) !== 0
  readChunks(reader, shape)
  return shape
}
