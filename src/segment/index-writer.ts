// Writes a sparse index: parts in order of series, then the table, then the header, which makes the file
// an index. What an older index holds of a run is copied. The file has its draft name until the caller
// publishes it.
import { ByteWriter, assert } from '#base'
import { hash64 } from '#kernel'
import type { VfsFile } from '#vfs'
import type { FileKind } from './layout.ts'
import type { RunBody } from './run-places.ts'
import {
  encodeIndexHeader,
  indexHeaderBytes,
  partBytesMax,
  runEntryBytes,
  writeRunEntry,
  writeTableEntry,
} from './sparse-index.ts'
import type { IndexHeader, IndexPart, IndexedKey } from './sparse-index.ts'

export interface IndexedRun {
  readonly run: IndexedKey
  readonly fileKind: FileKind
  readonly body: RunBody
}

/** The state whose live runs are indexed. */
type IndexStart = Pick<IndexHeader, 'storeId' | 'manifestEdit' | 'fileNumberEnd'>

const writeBytes = 1 << 20

export class IndexWriter {
  readonly #file: VfsFile
  readonly #start: IndexStart
  readonly #table = new ByteWriter(4096)
  readonly #buffer = new ByteWriter(writeBytes)
  readonly #part = new ByteWriter(1024)
  #written = indexHeaderBytes
  #seriesLast = -1
  #seriesCount = 0
  #runCount = 0
  #vectorCount = 0

  /** `file` is new and empty; the caller opens, syncs, closes and publishes it. */
  constructor(file: VfsFile, start: IndexStart) {
    this.#file = file
    this.#start = start
  }

  /** Bytes written so far, the header among them. */
  get bytes(): number {
    return this.#written + this.#buffer.length
  }

  /** The runs of the next series, in order of (partition, lsnFirst); series come with rising ids. */
  addSeries(seriesId: number, runs: readonly IndexedRun[]): void {
    if (runs.length === 0) return
    const part = this.#part
    part.reset()
    let bodyAt = runs.length * runEntryBytes
    for (const { run, fileKind, body } of runs) {
      assert(run.seriesId === seriesId, 'index writer: runs of the series')
      const { columnCount, vectorCount, bytes } = body
      writeRunEntry(part, run, {
        fileKind,
        columnCount,
        vectorCount,
        bodyAt,
        bodyBytes: bytes.length,
      })
      bodyAt += bytes.length
      this.#vectorCount += vectorCount
    }
    assert(bodyAt <= partBytesMax, 'index writer: a part has offsets of 32 bits')
    for (const { body } of runs) part.bytes(body.bytes)
    this.#put(seriesId, runs.length, part.view(), hash64(part.view()))
  }

  /** A part of an older index, as it stands; `vectorCount`: of its runs. */
  copySeries(seriesId: number, part: IndexPart, vectorCount: number): void {
    this.#vectorCount += vectorCount
    this.#put(seriesId, part.runCount, part.bytes, part.hash)
  }

  #put(seriesId: number, runCount: number, bytes: Uint8Array, partHash: bigint): void {
    assert(seriesId > this.#seriesLast, 'index writer: series come with rising ids')
    assert(bytes.length % 8 === 0, 'index writer: parts are aligned')
    this.#seriesLast = seriesId
    const entry = { seriesId, runCount, partOffset: this.bytes, partBytes: bytes.length, partHash }
    writeTableEntry(this.#table, entry, this.#start.manifestEdit)
    this.#seriesCount += 1
    this.#runCount += runCount
    this.#append(bytes)
  }

  #append(bytes: Uint8Array): void {
    if (this.#buffer.length + bytes.length > writeBytes) this.#flush()
    if (bytes.length <= writeBytes) {
      this.#buffer.bytes(bytes)
      return
    }
    this.#file.write(bytes, this.#written)
    this.#written += bytes.length
  }

  #flush(): void {
    if (this.#buffer.length === 0) return
    this.#file.write(this.#buffer.view(), this.#written)
    this.#written += this.#buffer.length
    this.#buffer.reset()
  }

  /** Writes the table and the header. Nothing is synced. @returns the file's bytes */
  finish(): number {
    const tableOffset = this.bytes
    this.#append(this.#table.view())
    this.#flush()
    const header = {
      ...this.#start,
      seriesCount: this.#seriesCount,
      runCount: this.#runCount,
      vectorCount: this.#vectorCount,
      tableOffset,
      fileBytes: this.#written,
    }
    this.#file.write(encodeIndexHeader(header), 0)
    return this.#written
  }
}
