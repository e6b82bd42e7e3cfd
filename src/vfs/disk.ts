// The port over node:fs. Files are 0600, directories 0700. libuv turns an error after partial
// progress into a short count without an exception, so reads and writes are loops and no count is
// believed.
import {
  close,
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmdirSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'
import { VarveError } from '#base'
import { errnoOf, fileError } from './error.ts'
import { lockDisk } from './lock.ts'
import type { FileStat, OpenMode, Vfs, VfsFile } from './port.ts'
import { withRelief } from './relief.ts'

const openFlags: Readonly<Record<OpenMode, string>> = { read: 'r', write: 'r+', create: 'wx+' }
/** One read or write call takes at most this; the system's own limit is just below 2^31. */
const transferBytesMax = 1 << 30

/** Runs one file operation and gives its failure the port's words. */
function attempt<T>(operation: string, path: string, run: () => T): T {
  try {
    return run()
  } catch (cause) {
    throw fileError(operation, path, errnoOf(cause), cause)
  }
}

class DiskFile implements VfsFile {
  readonly path: string
  #descriptor: number
  #syncsUnderWay = 0
  #isClosed = false

  constructor(path: string, descriptor: number) {
    this.path = path
    this.#descriptor = descriptor
  }

  #opened(operation: string): number {
    if (this.#isClosed) throw fileError(operation, this.path, 'EBADF')
    return this.#descriptor
  }

  size(): number {
    const descriptor = this.#opened('size')
    return attempt('size', this.path, () => fstatSync(descriptor).size)
  }

  read(target: Uint8Array, offset: number): number {
    const descriptor = this.#opened('read')
    let done = 0
    while (done < target.length) {
      const count = Math.min(target.length - done, transferBytesMax)
      let got: number
      try {
        got = readSync(descriptor, target, done, count, offset + done)
      } catch (cause) {
        throw fileError('read', this.path, errnoOf(cause), cause)
      }
      if (got === 0) break
      done += got
    }
    return done
  }

  write(bytes: Uint8Array, offset: number): void {
    const descriptor = this.#opened('write')
    let done = 0
    while (done < bytes.length) {
      const count = Math.min(bytes.length - done, transferBytesMax)
      let put: number
      try {
        put = writeSync(descriptor, bytes, done, count, offset + done)
      } catch (cause) {
        throw fileError('write', this.path, errnoOf(cause), cause)
      }
      if (put === 0) throw fileError('write', this.path, 'EIO')
      done += put
    }
  }

  truncate(bytes: number): void {
    const descriptor = this.#opened('truncate')
    attempt('truncate', this.path, () => ftruncateSync(descriptor, bytes))
  }

  datasync(): Promise<void> {
    return new Promise((done, failed) => {
      const descriptor = this.#opened('datasync')
      this.#syncsUnderWay++
      fdatasync(descriptor, (cause) => {
        this.#syncsUnderWay--
        // The descriptor stays open under a sync: its number must not be given to another file.
        if (this.#isClosed && this.#syncsUnderWay === 0) this.#closeLate()
        if (cause === null) done()
        else failed(fileError('datasync', this.path, errnoOf(cause), cause))
      })
    })
  }

  datasyncSync(): void {
    const descriptor = this.#opened('datasync')
    attempt('datasync', this.path, () => fdatasyncSync(descriptor))
  }

  #closeLate(): void {
    // Nobody waits for this close any more, and what it could say was said by the sync.
    close(this.#descriptor, () => {})
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#syncsUnderWay > 0) return
    attempt('close', this.path, () => closeSync(this.#descriptor))
  }
}

function open(path: string, mode: OpenMode): VfsFile {
  const openIt = (): number => openSync(path, openFlags[mode], 0o600)
  return new DiskFile(
    path,
    withRelief(() => attempt('open', path, openIt)),
  )
}

function stat(path: string): FileStat | undefined {
  try {
    const found = statSync(path)
    const kind = found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other'
    return { kind, bytes: found.size }
  } catch (cause) {
    const errno = errnoOf(cause)
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined
    throw fileError('stat', path, errno, cause)
  }
}

/** Descriptors of files that are gone, and whose blocks are being given back. */
let closing = 0
const closingMax = 16
/** Opening does not wait for whoever writes to it, where it is a pipe. */
const quietFlags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)

/** The name is gone when this returns. The blocks, which takes milliseconds, are given back off this thread, by closing
 *  the last descriptor. */
function unlink(path: string): void {
  let descriptor: number | undefined
  try {
    if (closing < closingMax) descriptor = openSync(path, quietFlags)
  } catch (cause) {
    // Without a descriptor it takes its time here; what is wrong with the file unlink will say.
    if (!(cause instanceof Error)) throw cause
  }
  try {
    attempt('unlink', path, () => unlinkSync(path))
  } finally {
    if (descriptor !== undefined) closeLater(descriptor)
  }
}

function closeLater(descriptor: number): void {
  closing += 1
  close(descriptor, () => {
    closing -= 1
  })
}

/** As openSync; out of descriptors after relief: ERR_IO. */
function openDirectory(path: string): number {
  return withRelief(() => {
    try {
      return openSync(path, 'r')
    } catch (cause) {
      const errno = errnoOf(cause)
      if (errno === 'EMFILE' || errno === 'ENFILE') {
        throw fileError('syncDirectory', path, errno, cause)
      }
      throw cause
    }
  })
}

function syncDirectory(path: string): void {
  try {
    const descriptor = openDirectory(path)
    try {
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
  } catch (cause) {
    if (cause instanceof VarveError) throw cause
    const errno = errnoOf(cause)
    // Windows has no sync of directories: its file systems log names themselves.
    const isRefusal = errno === 'EPERM' || errno === 'EISDIR' || errno === 'EINVAL'
    if (process.platform === 'win32' && isRefusal) return
    throw fileError('syncDirectory', path, errno, cause)
  }
}

/** Makes one directory whose parent is there, and its name durable. */
function makeOne(path: string): void {
  try {
    mkdirSync(path, 0o700)
  } catch (cause) {
    // Someone else was faster, which is as good; a file of that name is not.
    if (errnoOf(cause) === 'EEXIST' && stat(path)?.kind === 'directory') return
    throw fileError('makeDirectory', path, errnoOf(cause), cause)
  }
  try {
    syncDirectory(dirname(path))
  } catch (cause) {
    // Else the next call would find the directory and believe its name durable.
    rmdirSync(path)
    throw cause
  }
}

function makeDirectory(path: string): void {
  const missing: string[] = []
  let at = resolve(path)
  for (;;) {
    const found = stat(at)
    if (found?.kind === 'directory') break
    missing.push(at)
    const parent = dirname(at)
    if (found !== undefined || parent === at) break
    at = parent
  }
  for (const each of missing.reverse()) makeOne(each)
}

/** The file system of this machine. */
export const diskVfs: Vfs = {
  open,
  stat,
  list: (path) => attempt('list', path, () => readdirSync(path).sort()),
  makeDirectory,
  rename: (from, to) => attempt('rename', from, () => renameSync(from, to)),
  unlink,
  syncDirectory,
  lock: lockDisk,
  freeBytes: (path) =>
    attempt('freeBytes', path, () => {
      const system = statfsSync(path)
      return system.bavail * system.bsize
    }),
}
