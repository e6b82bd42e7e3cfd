// The bytes of a file, plain or gzip, in pieces and in bounded memory. What is gzip is told by its
// first bytes (RFC 1952: 1f 8b), not by its name. Inflating runs on a thread of zlib's while the
// last piece is parsed.
import { Readable, pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { VarveError } from '#base'
import type { Vfs, VfsFile } from '#vfs'

const readBytes = 1 << 20
const inflatedBytes = 2 << 20

/** Stored bytes of one file: read so far, and in all. */
export interface SourceProgress {
  done: number
  total: number
}

function* storedPieces(file: VfsFile, progress: SourceProgress): Generator<Uint8Array> {
  for (;;) {
    const piece = new Uint8Array(readBytes) // a new one each time: zlib may still hold the last
    const count = file.read(piece, progress.done)
    if (count === 0) return
    progress.done += count
    yield piece.subarray(0, count)
  }
}

/** The file's bytes, inflated where they are gzip. ERR_CORRUPT where the gzip is damaged or cut
 * short. */
async function* inflate(
  file: VfsFile,
  progress: SourceProgress,
): AsyncGenerator<Uint8Array, void, undefined> {
  const gunzip = createGunzip({ chunkSize: inflatedBytes })
  const stored = Readable.from(storedPieces(file, progress), { highWaterMark: 2 })
  let failure: Error | undefined
  const output = pipeline(stored, gunzip, (error) => {
    failure = error ?? undefined
  })
  try {
    for await (const piece of output) yield piece as Uint8Array
  } catch (cause) {
    const error = failure ?? cause
    if (error instanceof VarveError) throw error
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (!code.startsWith('Z_')) throw error
    throw new VarveError(
      'ERR_CORRUPT',
      `${file.path} is damaged or cut short: ${(error as Error).message}`,
      { file: file.path, at: progress.done },
      { hint: 'Fetch or pack the file again; importing it again then goes on from there.', cause },
    )
  }
}

/**
 * Opens a file and yields its bytes, a piece at a time; a piece is the caller's until the next.
 * `progress` is kept up to date. The file is closed when the iteration ends, however it ends.
 *
 * @throws {VarveError} ERR_NOT_FOUND, ERR_IO, ERR_CORRUPT (damaged gzip).
 */
export async function* sourceBytes(
  vfs: Vfs,
  path: string,
  progress: SourceProgress,
): AsyncGenerator<Uint8Array, void, undefined> {
  const file = vfs.open(path, 'read')
  try {
    progress.total = file.size()
    const magic = new Uint8Array(2)
    const isGzip = file.read(magic, 0) === 2 && magic[0] === 0x1f && magic[1] === 0x8b
    if (isGzip) yield* inflate(file, progress)
    else yield* storedPieces(file, progress)
  } finally {
    file.close()
  }
}
