// Leases: how a reader in another process tells the writer which edit of the manifest it still reads.
//
//   <store>/readers/<pid>-<12 hex digits>.lease
//
// The reader holds the kernel's lock of its file for as long as it is open: the lock dies with the process, so a lease
// is live exactly while its lock cannot be taken. The text in it is rewritten in place, always as many bytes:
//
//   bytes  0-23   '<pid>' newline, spaces, newline       who holds the lock, as Vfs.lock writes it
//   bytes 24-67   'edit <16 digits> hash <16 hex digits>' newline    xxh64 of bytes 24-44
//
// A text that is not there yet, or is torn, pins every edit. So a lease that has just been taken keeps whatever the
// manifest names that is read next: no file goes between the reading of the manifest and the writing of the lease.
import { VarveError, hexOf } from '#base'
import type { Logger } from '#base'
import { hash64 } from '#kernel'
import type { Vfs, VfsFile, VfsLock } from '#vfs'
import type { Env } from './env.ts'
import type { Paths } from './paths.ts'

const recordOffset = 24
const editDigits = 16
const recordBytes = 44
const namePattern = /^(\d+)-[0-9a-f]{12}\.lease$/
const takeTriesMax = 16
/** A record may be read while it is rewritten: then it is read again. */
const readTriesMax = 3

function hashText(text: string): string {
  return hash64(new TextEncoder().encode(text)).toString(16).padStart(16, '0')
}

function recordOf(edit: number): string {
  const text = `edit ${String(edit).padStart(editDigits, '0')}`
  return `${text} hash ${hashText(text)}\n`
}

function textOf(edit: number): Uint8Array {
  const pid = `${process.pid}\n`
  return new TextEncoder().encode(`${pid.padEnd(recordOffset - 1)}\n${recordOf(edit)}`)
}

/** undefined where the record is not whole. */
function editOf(record: Uint8Array): number | undefined {
  const text = new TextDecoder('latin1').decode(record)
  const edit = Number(/^edit (\d{16}) /.exec(text)?.[1])
  return Number.isSafeInteger(edit) && text === recordOf(edit) ? edit : undefined
}

/** What a reader holds. */
export class Lease {
  readonly #vfs: Vfs
  readonly #logger: Logger
  readonly #path: string
  readonly #lock: VfsLock
  readonly #file: VfsFile
  /** How often each edit is held. */
  readonly #held = new Map<number, number>()
  #written: number | undefined
  #isReleased = false

  private constructor(vfs: Vfs, logger: Logger, path: string, lock: VfsLock, file: VfsFile) {
    this.#vfs = vfs
    this.#logger = logger
    this.#path = path
    this.#lock = lock
    this.#file = file
  }

  /** Takes a lease that pins every edit until the first is held. Never waits. undefined where none can be written, as
   *  on a medium that is only read: the reader goes on, and learns by ERR_STALE when a file went. */
  static take(env: Env, paths: Paths, logger: Logger): Lease | undefined {
    try {
      env.vfs.makeDirectory(paths.readers)
      return Lease.#tryNames(env, paths, logger)
    } catch (error) {
      if (!(error instanceof VarveError)) throw error
      logger.warn(
        { file: paths.readers, error },
        'no lease: the writer does not wait for this reader',
      )
      return undefined
    }
  }

  static #tryNames({ vfs, random }: Env, paths: Paths, logger: Logger): Lease | undefined {
    for (let tries = 0; tries < takeTriesMax; tries += 1) {
      const path = `${paths.readers}/${process.pid}-${hexOf(random.bytes(6))}.lease`
      const taken = vfs.lock(path)
      // Held by the writer, who is about to remove it, or by another reader of the same name.
      if ('holder' in taken) continue
      try {
        return new Lease(vfs, logger, path, taken.lock, vfs.open(path, 'write'))
      } catch (error) {
        taken.lock.release()
        throw error
      }
    }
    logger.warn({ file: paths.readers }, 'no lease: every name was taken')
    return undefined
  }

  /** The oldest edit held. */
  get oldest(): number | undefined {
    let oldest: number | undefined
    for (const edit of this.#held.keys()) if (oldest === undefined || edit < oldest) oldest = edit
    return oldest
  }

  /** Keeps what the state of the edit names, until the returned function is called; twice does nothing more. The edit
   *  is not older than the oldest held, or nothing was held so far. */
  hold(edit: number): () => void {
    this.#held.set(edit, (this.#held.get(edit) ?? 0) + 1)
    this.#write()
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      const count = this.#held.get(edit)! - 1
      if (count > 0) this.#held.set(edit, count)
      else this.#held.delete(edit)
      this.#write()
    }
  }

  /** A failure leaves the record as it was, or torn: either pins more than is needed. */
  #write(): void {
    const { oldest } = this
    if (oldest === undefined || oldest === this.#written || this.#isReleased) return
    try {
      this.#file.write(textOf(oldest), 0)
      this.#written = oldest
    } catch (error) {
      if (!(error instanceof VarveError)) throw error
      this.#logger.warn({ file: this.#path, error }, 'a lease was not renewed')
    }
  }

  /** Calling it twice does nothing more. */
  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    try {
      this.#file.close()
      // First the name: whoever finds the file unlocked may remove it.
      this.#vfs.unlink(this.#path)
    } catch (error) {
      if (!(error instanceof VarveError)) throw error
      this.#logger.warn({ file: this.#path, error }, 'a lease stays; the writer removes it')
    } finally {
      this.#lock.release()
    }
  }
}

export interface LeaseSeen {
  readonly file: string
  readonly pid: number
  /** The oldest edit its reader still reads; 0: any. */
  readonly edit: number
}

/** The writer's look at the readers: leases of live processes; those of dead ones are removed. */
export function liveLeases({ vfs }: Env, paths: Paths, logger: Logger): LeaseSeen[] {
  const seen: LeaseSeen[] = []
  for (const name of leaseNames(vfs, paths)) {
    const file = `${paths.readers}/${name}`
    const pid = Number(namePattern.exec(name)![1])
    try {
      const taken = vfs.lock(file)
      if ('holder' in taken) {
        seen.push({ file, pid, edit: readEdit(vfs, file) })
        continue
      }
      try {
        vfs.unlink(file)
      } finally {
        taken.lock.release()
      }
    } catch (error) {
      if (!(error instanceof VarveError)) throw error
      // It went meanwhile, or nothing can be said of it: then it counts.
      if (error.code === 'ERR_NOT_FOUND') continue
      logger.warn({ file, error }, 'a lease could not be looked at')
      seen.push({ file, pid, edit: 0 })
    }
  }
  return seen
}

function leaseNames(vfs: Vfs, paths: Paths): string[] {
  // A store that nobody read has no such folder.
  if (vfs.stat(paths.readers) === undefined) return []
  return vfs.list(paths.readers).filter((name) => namePattern.test(name))
}

function readEdit(vfs: Vfs, path: string): number {
  const record = new Uint8Array(recordBytes)
  const file = vfs.open(path, 'read')
  try {
    for (let tries = 0; tries < readTriesMax; tries += 1) {
      const count = file.read(record, recordOffset)
      const edit = count === recordBytes ? editOf(record) : undefined
      if (edit !== undefined) return edit
    }
    return 0
  } finally {
    file.close()
  }
}
