// The scrub: reads sealed files in the background, at a bounded rate, and compares their hashes, so
// that rot is found while there are copies and snapshots to mend it from. Off unless asked for.
//
// A piece at a time, then a pause as long as the rate says: it never holds up the program by more
// than the reading of a piece. What it finds is told to the logger and to the channel `varve:scrub`
// of node:diagnostics_channel; verify() says where in the file, salvage mends it.
import { channel } from 'node:diagnostics_channel'
import { VarveError } from '#base'
import type { Timer } from '#base'
import type { FileState } from '#manifest'
import { FileHasher, readDirectory, trailerBytes } from '#segment'
import type { Engine } from './engine.ts'

/** What subscribers of `varve:scrub` are given. */
export type ScrubMessage =
  | {
      readonly store: string
      readonly event: 'damage'
      readonly file: string
      readonly message: string
    }
  /** All files were read once. */
  | {
      readonly store: string
      readonly event: 'round'
      readonly files: number
      readonly bytes: number
    }

const scrubbed = channel('varve:scrub')

const pieceBytes = 256 << 10
/** Between two rounds, and before the first. */
const restMs = 60_000

interface Reading {
  readonly entry: FileState
  readonly path: string
  readonly hasher: FileHasher
  offset: number
}

export class Scrub {
  readonly #engine: Engine
  readonly #bytesPerSecond: number
  #timer: Timer | undefined
  #isStopped = false
  #left: FileState[] = []
  #reading: Reading | undefined
  #files = 0
  #bytes = 0

  constructor(engine: Engine, bytesPerSecond: number) {
    this.#engine = engine
    this.#bytesPerSecond = bytesPerSecond
    this.#later(restMs)
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  #later(ms: number): void {
    if (this.#isStopped) return
    this.#timer = this.#engine.scheduler.after(ms, () => this.#step())
  }

  #step(): void {
    this.#reading ??= this.#next()
    if (this.#reading === undefined) return this.#endRound()
    const bytes = this.#read(this.#reading)
    this.#bytes += bytes
    this.#later(Math.max(1, Math.ceil((bytes * 1000) / this.#bytesPerSecond)))
  }

  #next(): Reading | undefined {
    const { manifest, paths } = this.#engine
    if (this.#left.length === 0 && this.#files === 0) {
      const named = new Map<number, FileState>()
      for (const { state } of [...manifest.snapshots.values(), manifest]) {
        for (const file of state.files.values()) named.set(file.fileNumber, file)
      }
      this.#left = [...named.values()].sort((a, b) => b.fileNumber - a.fileNumber)
    }
    const entry = this.#left.pop()
    if (entry === undefined) return undefined
    this.#files += 1
    const path = paths.data(entry.fileKind, entry.fileNumber)
    return { entry, path, hasher: new FileHasher(), offset: 0 }
  }

  #endRound(): void {
    const { paths, logger } = this.#engine
    const message: ScrubMessage = {
      store: paths.root,
      event: 'round',
      files: this.#files,
      bytes: this.#bytes,
    }
    if (this.#files > 0) {
      logger.info(message, 'every sealed file was read once')
      scrubbed.publish(message)
    }
    this.#files = 0
    this.#bytes = 0
    this.#later(restMs)
  }

  /** One piece of the file; at its end the verdict. Gives the bytes read. */
  #read(reading: Reading): number {
    const { entry, path, hasher, offset } = reading
    const end = entry.bytes - trailerBytes
    try {
      const file = this.#engine.env.vfs.open(path, 'read')
      try {
        const piece = new Uint8Array(Math.max(0, Math.min(pieceBytes, end - offset)))
        const count = file.read(piece, offset)
        hasher.update(piece.subarray(0, count))
        reading.offset += count
        if (reading.offset < end && count === piece.length) return count
        const { header, trailer } = readDirectory(file)
        const isOurs =
          header.fileNumber === entry.fileNumber &&
          trailer.fileHash === entry.fileHash &&
          trailer.fileBytes === entry.bytes &&
          hasher.digest() === entry.fileHash
        if (!isOurs) this.#tell(path, 'the hash of the file is not what the manifest says')
        this.#reading = undefined
        return count + trailerBytes
      } finally {
        file.close()
      }
    } catch (error) {
      if (!(error instanceof VarveError)) throw error
      this.#reading = undefined
      this.#judge(entry, path, error)
      return 0
    }
  }

  #judge({ fileNumber }: FileState, path: string, error: VarveError): void {
    const { manifest, logger } = this.#engine
    const isWanted = [...manifest.snapshots.values(), manifest].some(
      ({ state }) => state.files.get(fileNumber) !== undefined,
    )
    // A compaction took its place meanwhile.
    if (!isWanted) return
    if (error.code === 'ERR_CORRUPT' || error.code === 'ERR_NOT_FOUND') {
      this.#tell(path, error.message)
    } else {
      logger.warn({ file: path, error }, 'a sealed file could not be read by the scrub')
    }
  }

  #tell(file: string, message: string): void {
    const { paths, logger } = this.#engine
    logger.error({ file, message }, 'the scrub found damage: verify() says where')
    const told: ScrubMessage = { store: paths.root, event: 'damage', file, message }
    scrubbed.publish(told)
  }
}
