// The port between the engine and the file system. Everything that touches a file goes through it, so that the same
// engine runs on a disk and on a memory twin that forgets what was not synced.
//
// Every method but `datasync` is synchronous. Errors are VarveError: ERR_NOT_FOUND (ENOENT), ERR_EXISTS (EEXIST),
// ERR_DISK_FULL (ENOSPC, EDQUOT, EFBIG), ERR_IO (everything else), with details {operation, file, errno} and the cause.

export type OpenMode =
  /** An existing file, for reading. */
  | 'read'
  /** An existing file, for reading and writing. */
  | 'write'
  /** A new file, for reading and writing; ERR_EXISTS where there is one. Mode 0600. */
  | 'create'

export interface VfsFile {
  readonly path: string
  /** Bytes in the file now. */
  size(): number
  /** Fills `target` from `offset`; returns the bytes read, fewer than asked only where the file ends. */
  read(target: Uint8Array, offset: number): number
  /** Writes all of `bytes` at `offset` or throws; a short write is an error. */
  write(bytes: Uint8Array, offset: number): void
  truncate(bytes: number): void
  /** Everything written so far reaches the device. After a rejection nothing about this file can be believed: never
   *  call it again, write what matters to a new file. */
  datasync(): Promise<void>
  datasyncSync(): void
  /** Closing twice is allowed. */
  close(): void
}

export interface FileStat {
  readonly kind: 'file' | 'directory' | 'other'
  readonly bytes: number
}

export interface VfsLock {
  release(): void
}

export interface LockHolder {
  /** The process that holds the lock, where it could be told. */
  readonly pid: number | undefined
}

export interface Vfs {
  open(path: string, mode: OpenMode): VfsFile
  /** undefined where there is nothing. */
  stat(path: string): FileStat | undefined
  /** Names in a directory, sorted; without `.` and `..`. */
  list(path: string): string[]
  /** With its parents, mode 0700; fine where it exists already. New names are durable when this returns. */
  makeDirectory(path: string): void
  rename(from: string, to: string): void
  unlink(path: string): void
  /** Names created, renamed and removed in the directory reach the device. */
  syncDirectory(path: string): void
  /** Takes the file's exclusive lock, without waiting, and writes this process's id into it. The lock dies with the
   *  process. The file is created where there is none. */
  lock(path: string): { lock: VfsLock } | { holder: LockHolder }
  /** Free bytes of the file system that holds `path`. */
  freeBytes(path: string): number
}
