// A segment file: immutable, one series; a pack: the same with many small series. Every offset of the room stands here.
//
//   0                  64                                                    size - 64         size
//   +------------------+-----------------+-----------------+-----------------+-----------------+
//   | header           | pages of run 0, | run footers     | directory       | trailer         |
//   |                  | of run 1, ...   | 0, 1, ...       |                 |                 |
//   +------------------+-----------------+-----------------+-----------------+-----------------+
//
// header (64 bytes)                             trailer (64 bytes)
//    0  u32  magic 'VSEG' or 'VPAK'                0  u64  directoryOffset
//    4  u16  formatVersion                         8  u32  directoryBytes
//    6  u16  headerBytes                          12  u32  runCount
//    8  u64  requiredFeatures                     16  u64  directoryHash
//   16  u64  optionalFeatures                     24  u64  fileHash
//   24  16B  storeId                              32  u64  fileBytes
//   40  u64  fileNumber                           40  u64  fileNumber
//   48  u64  reserved, 0                          48  u32  reserved, 0
//   56  u64  headerHash of 0..56                  52  u32  magic 'VEND'
//                                                 56  u64  trailerHash of 0..56
//
// All hashes are xxh64, seed 0. fileHash covers everything before the trailer: it is the hash of the hashes (8 bytes
// each, in order) of the file's pieces of 1 MiB.
import { ByteReader, ByteWriter, VarveError, assert } from '#base'
import { hash64 } from '#kernel'

export type FileKind = 'segment' | 'pack'

export const headerBytes = 64
export const trailerBytes = 64
export const formatVersion = 1
/** Bits of requiredFeatures that this version can read. */
const requiredKnown = 0n
const hashedHeaderBytes = headerBytes - 8
const hashedTrailerBytes = trailerBytes - 8
export const hashPieceBytes = 1 << 20

const magicSegment = 0x47455356 // 'VSEG'
const magicPack = 0x4b415056 // 'VPAK'
const magicEnd = 0x444e4556 // 'VEND'

export interface SegmentHeader {
  readonly fileKind: FileKind
  readonly storeId: Uint8Array
  readonly fileNumber: number
}

export interface SegmentTrailer {
  readonly directoryOffset: number
  readonly directoryBytes: number
  readonly runCount: number
  readonly directoryHash: bigint
  readonly fileHash: bigint
  readonly fileBytes: number
  readonly fileNumber: number
}

export function encodeHeader(header: SegmentHeader): Uint8Array {
  assert(header.storeId.length === 16, 'segment header: a store id has 16 bytes')
  const writer = new ByteWriter(headerBytes)
    .u32(header.fileKind === 'segment' ? magicSegment : magicPack)
    .u16(formatVersion)
    .u16(headerBytes)
    .u64(0n)
    .u64(0n)
    .bytes(header.storeId)
    .u64(BigInt(header.fileNumber))
    .u64(0n)
  assert(writer.length === hashedHeaderBytes, 'segment header: the drawing says 64 bytes')
  return writer.u64(hash64(writer.view())).take()
}

/** @throws {VarveError} ERR_CORRUPT, ERR_VERSION */
export function decodeHeader(bytes: Uint8Array, file: string): SegmentHeader {
  const reader = new ByteReader(bytes, { file, part: 'header' })
  const magic = reader.u32()
  if (magic !== magicSegment && magic !== magicPack) {
    throw reader.corrupt('this is no segment and no pack')
  }
  const version = reader.u16()
  const size = reader.u16()
  const required = reader.u64()
  if (hash64(bytes.subarray(0, hashedHeaderBytes)) !== hashAt(bytes, hashedHeaderBytes)) {
    throw reader.corrupt('the header hash differs')
  }
  if (version > formatVersion || (required & ~requiredKnown) !== 0n) {
    throw newer(file, version, required)
  }
  if (size !== headerBytes) throw reader.corrupt(`a header of ${size} bytes`)
  reader.u64()
  const storeId = reader.bytes(16).slice()
  const fileNumber = Number(reader.u64())
  return { fileKind: magic === magicSegment ? 'segment' : 'pack', storeId, fileNumber }
}

function newer(file: string, version: number, required: bigint): VarveError {
  return new VarveError(
    'ERR_VERSION',
    `${file} was written by a newer varve`,
    { file, expected: formatVersion, actual: version, features: required },
    { hint: 'Open the store with the version of varve that wrote it.' },
  )
}

export function encodeTrailer(trailer: SegmentTrailer): Uint8Array {
  const writer = new ByteWriter(trailerBytes)
    .u64(BigInt(trailer.directoryOffset))
    .u32(trailer.directoryBytes)
    .u32(trailer.runCount)
    .u64(trailer.directoryHash)
    .u64(trailer.fileHash)
    .u64(BigInt(trailer.fileBytes))
    .u64(BigInt(trailer.fileNumber))
    .u32(0)
    .u32(magicEnd)
  assert(writer.length === hashedTrailerBytes, 'segment trailer: the drawing says 64 bytes')
  return writer.u64(hash64(writer.view())).take()
}

/** @throws {VarveError} ERR_CORRUPT */
export function decodeTrailer(bytes: Uint8Array, file: string): SegmentTrailer {
  const reader = new ByteReader(bytes, { file, part: 'trailer' })
  if (hash64(bytes.subarray(0, hashedTrailerBytes)) !== hashAt(bytes, hashedTrailerBytes)) {
    throw reader.corrupt('the trailer hash differs')
  }
  const trailer = {
    directoryOffset: Number(reader.u64()),
    directoryBytes: reader.u32(),
    runCount: reader.u32(),
    directoryHash: reader.u64(),
    fileHash: reader.u64(),
    fileBytes: Number(reader.u64()),
    fileNumber: Number(reader.u64()),
  }
  reader.u32()
  if (reader.u32() !== magicEnd) throw reader.corrupt('the trailer has another magic')
  const end = trailer.directoryOffset + trailer.directoryBytes
  if (end + trailerBytes !== trailer.fileBytes) {
    throw reader.corrupt('the directory does not end at the trailer')
  }
  return trailer
}

function hashAt(bytes: Uint8Array, at: number): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(at, true)
}

/** The fileHash of a file that is there in pieces of hashPieceBytes, the last one shorter. */
export class PieceHasher {
  readonly #hashes = new ByteWriter()

  add(piece: Uint8Array): void {
    this.#hashes.u64(hash64(piece))
  }

  digest(): bigint {
    return hash64(this.#hashes.view())
  }
}

/** The same of a file that arrives in pieces of any size. */
export class FileHasher {
  readonly #piece = new Uint8Array(hashPieceBytes)
  readonly #hasher = new PieceHasher()
  #used = 0

  update(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const count = Math.min(hashPieceBytes - this.#used, bytes.length - at)
      this.#piece.set(bytes.subarray(at, at + count), this.#used)
      this.#used += count
      at += count
      if (this.#used === hashPieceBytes) this.#endPiece()
    }
  }

  digest(): bigint {
    if (this.#used > 0) this.#endPiece()
    return this.#hasher.digest()
  }

  #endPiece(): void {
    this.#hasher.add(this.#piece.subarray(0, this.#used))
    this.#used = 0
  }
}
