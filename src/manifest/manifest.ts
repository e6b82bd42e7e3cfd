// The manifest of a store on disk: one writer that appends synced edits, readers that follow.
//
// Each synced edit is followed by a small mark, itself unsynced, that the next edit overwrites: a
// file that ends with its mark is sound, all of it is on the device. Any other is suspect: a write
// or a sync of it failed, or it was found torn, or without its mark. From a suspect file the next
// edit goes, with the whole history, to a new file (nothing is appended after doubtful bytes, no
// sync is retried):
//
//   commit, sound ----- append, datasync ----> durable; mark
//                          | fails
//   commit, suspect <------+
//      +-- new file, datasync, directory, CURRENT replaced --> durable; mark; sound again
//             | fails: the edit throws, the state stays, the edit may have landed,
//             |        the next edit tries again
//
// The state in memory moves only when the edit is durable.
import { assert, limits, silentLogger, VarveError, type Logger } from '#base'
import { replaceFile, type Vfs, type VfsFile } from '#vfs'
import type { Change } from './change.ts'
import { encodeChanges } from './edit.ts'
import { applyToHistory, emptyHistory, encodeManifest } from './history.ts'
import type { History, SnapshotEntry } from './history.ts'
import {
  currentName,
  decodeCurrent,
  encodeCurrent,
  encodeMark,
  encodeRecord,
  fileNumberMax,
  manifestDirectory,
  manifestName,
  numberOfManifestName,
} from './layout.ts'
import { readManifest, readRecords, type ReadPlace } from './read.ts'
import type { ManifestState } from './state.ts'

export interface ManifestEnv {
  readonly vfs: Vfs
  readonly logger?: Logger
}

export interface ManifestOptions {
  /** File bytes from which on a rewrite is thought about. @default limits.manifestRotateBytes */
  readonly rotateBytes?: number
}

export interface OpenManifestOptions extends ManifestOptions {
  /** The newest edit known, from elsewhere, to be durable. */
  readonly editAtLeast?: number
  readonly readOnly?: boolean
}

/** What was found behind the last whole edit. Nothing durable is in it; the next commit leaves the
 *  file behind. */
export interface ManifestTorn {
  readonly file: string
  readonly offset: number
  readonly bytes: Uint8Array
}

const pathOfCurrent = (root: string): string => `${root}/${currentName}`
const pathOfDirectory = (root: string): string => `${root}/${manifestDirectory}`
const pathOfManifest = (root: string, fileNumber: number): string =>
  `${root}/${manifestDirectory}/${manifestName(fileNumber)}`

function readWhole(file: VfsFile, from = 0): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, file.size() - from))
  const count = file.read(bytes, from)
  return count === bytes.length ? bytes : bytes.subarray(0, count)
}

function manifestNumbers(vfs: Vfs, root: string): number[] {
  if (vfs.stat(pathOfDirectory(root)) === undefined) return []
  const numbers = vfs.list(pathOfDirectory(root)).map(numberOfManifestName)
  return numbers.filter((fileNumber) => fileNumber !== undefined)
}

/** The number CURRENT names; undefined where there is no store yet. A store whose CURRENT is gone
 *  is ERR_CORRUPT: only a creation that did not end leaves a manifest of one edit without it. */
function readCurrent(vfs: Vfs, root: string): number | undefined {
  const path = pathOfCurrent(root)
  if (vfs.stat(path) !== undefined) {
    const file = vfs.open(path, 'read')
    try {
      return decodeCurrent(readWhole(file), { file: path })
    } finally {
      file.close()
    }
  }
  for (const fileNumber of manifestNumbers(vfs, root)) {
    if (fileNumber === 1 && !isPastFirstEdit(vfs, pathOfManifest(root, 1))) continue
    const message = 'CURRENT is missing, a manifest is there'
    throw new VarveError('ERR_CORRUPT', message, { file: path, manifest: manifestName(fileNumber) })
  }
  return undefined
}

/** Whether the first manifest file of a store holds more than its creation. */
function isPastFirstEdit(vfs: Vfs, path: string): boolean {
  const file = vfs.open(path, 'read')
  try {
    return readManifest(readWhole(file), 1, { file: path }).history.state.editNumber > 1
  } catch (error) {
    // A creation cut short leaves any prefix of its one record: that holds no store.
    if (error instanceof VarveError && error.code === 'ERR_CORRUPT') return false
    throw error
  } finally {
    file.close()
  }
}

interface Loaded {
  readonly fileNumber: number
  readonly file: VfsFile
  readonly history: History
  readonly end: ReadPlace
  readonly torn: ManifestTorn | undefined
  readonly isMarked: boolean
}

/** CURRENT may move on between the reading of it and the opening of the file it named; so it is
 *  asked again. */
const loadTriesMax = 16

function load(vfs: Vfs, root: string): Loaded {
  let missing: unknown
  let last = -1
  for (let tries = 0; tries < loadTriesMax; tries += 1) {
    const fileNumber = readCurrent(vfs, root)
    if (fileNumber === undefined) {
      throw new VarveError('ERR_NOT_FOUND', 'there is no store', { file: pathOfCurrent(root) })
    }
    if (fileNumber === last) break
    last = fileNumber
    try {
      return loadFile(vfs, root, fileNumber)
    } catch (error) {
      if (!(error instanceof VarveError) || error.code !== 'ERR_NOT_FOUND') throw error
      missing = error
    }
  }
  const details = { file: pathOfManifest(root, last) }
  const cause = { cause: missing }
  throw new VarveError('ERR_CORRUPT', 'the manifest that CURRENT names is missing', details, cause)
}

function loadFile(vfs: Vfs, root: string, fileNumber: number): Loaded {
  const path = pathOfManifest(root, fileNumber)
  const file = vfs.open(path, 'read')
  try {
    const { torn, ...read } = readManifest(readWhole(file), fileNumber, { file: path })
    return { fileNumber, file, ...read, torn: torn && { file: path, ...torn } }
  } catch (error) {
    file.close()
    throw error
  }
}

/** Whether `root` holds a store. @throws {VarveError} ERR_CORRUPT where CURRENT is damaged or lost.
 *  */
export function manifestExists(vfs: Vfs, root: string): boolean {
  return readCurrent(vfs, root) !== undefined
}

/** The one handle on a store's manifest. Synchronous. A writer's handle needs the store's lock. */
export class Manifest {
  readonly #vfs: Vfs
  readonly #logger: Logger
  readonly #root: string
  readonly #readOnly: boolean
  readonly #rotateBytesMin: number
  #rotateBytes: number
  #history: History
  #fileNumber: number
  #file: VfsFile | undefined
  #end: ReadPlace
  /** The tail of the file is not known to be on the device: never append to it, never sync it
   *  again. */
  #suspect: boolean
  #durableEdit: number
  #noted = 1
  #closed = false
  /** What was found behind the last whole edit when the manifest was opened. */
  readonly torn: ManifestTorn | undefined

  private constructor(
    env: ManifestEnv,
    root: string,
    options: OpenManifestOptions,
    loaded: Omit<Loaded, 'file'> & { readonly file: VfsFile | undefined },
  ) {
    this.#vfs = env.vfs
    this.#logger = env.logger ?? silentLogger
    this.#root = root
    this.#readOnly = options.readOnly ?? false
    this.#rotateBytesMin = options.rotateBytes ?? limits.manifestRotateBytes
    this.#rotateBytes = this.#rotateBytesMin
    this.#history = loaded.history
    this.#fileNumber = loaded.fileNumber
    this.#file = loaded.file
    this.#end = loaded.end
    this.#suspect = !loaded.isMarked
    const { editNumber } = loaded.history.state
    this.#durableEdit = loaded.isMarked ? editNumber : Math.max(0, editNumber - 1)
    this.torn = loaded.torn
  }

  /** Makes the manifest of a new store under `root`, durably; `changes` join the first edit.
   *  @throws {VarveError} ERR_EXISTS where there is one, ERR_CORRUPT where there was one. */
  static create(
    env: ManifestEnv,
    root: string,
    store: { readonly storeId: Uint8Array; readonly createdAt: bigint },
    changes: readonly Change[] = [],
    options: ManifestOptions = {},
  ): Manifest {
    const { vfs } = env
    if (readCurrent(vfs, root) !== undefined) {
      throw new VarveError('ERR_EXISTS', 'there is a store already', { file: pathOfCurrent(root) })
    }
    vfs.makeDirectory(pathOfDirectory(root))
    // Only a creation that did not end can have left one: see readCurrent.
    if (vfs.stat(pathOfManifest(root, 1)) !== undefined) vfs.unlink(pathOfManifest(root, 1))
    const end = { offset: 0, hash: 0n }
    const nothing = { file: undefined, history: emptyHistory, end, torn: undefined }
    const manifest = new Manifest(env, root, options, {
      fileNumber: 0,
      isMarked: false,
      ...nothing,
    })
    manifest.commit([{ type: 'storeCreated', ...store }, ...changes])
    return manifest
  }

  /** Opens what `root` holds.
   *  @throws {VarveError} ERR_NOT_FOUND where there is no store; ERR_CORRUPT with file and offset;
   *  ERR_VERSION. */
  static open(env: ManifestEnv, root: string, options: OpenManifestOptions = {}): Manifest {
    const loaded = load(env.vfs, root)
    const manifest = new Manifest(env, root, options, loaded)
    try {
      manifest.requireEdit(options.editAtLeast ?? 0)
      if (!manifest.#readOnly) manifest.#openForWriting()
    } catch (error) {
      manifest.close()
      throw error
    }
    return manifest
  }

  #openForWriting(): void {
    this.#file?.close()
    this.#file = this.#suspect ? undefined : this.#vfs.open(this.path, 'write')
  }

  get state(): ManifestState {
    return this.#history.state
  }
  /** The newest edit that is known to be on the device: what a log may say it stands on. The last edit
   *  of a file that was found without its mark may have been written and not synced by a process that
   *  died; the one before it was synced. */
  get durableEdit(): number {
    return this.#durableEdit
  }
  get snapshots(): ReadonlyMap<string, SnapshotEntry> {
    return this.#history.snapshots
  }
  get history(): History {
    return this.#history
  }
  /** The file in use. */
  get path(): string {
    return pathOfManifest(this.#root, this.#fileNumber)
  }
  /** Bytes of the file in use that are believed. */
  get bytes(): number {
    return this.#end.offset
  }

  /** @throws {VarveError} ERR_CORRUPT where the manifest ends before an edit that is known to have
   *  been durable. */
  requireEdit(editAtLeast: number): void {
    const { editNumber } = this.state
    if (editNumber >= editAtLeast) return
    const details = { file: this.path, at: this.#end.offset, expected: editAtLeast }
    const message = 'the manifest lost its tail'
    throw new VarveError('ERR_CORRUPT', message, { ...details, actual: editNumber })
  }

  /** A number no file ever had. Kept in memory: a number is used once an edit names it, or a file
   *  of it exists. */
  allocateFileNumber(): number {
    const fileNumber = Math.max(this.#noted, this.state.nextFileNumber)
    assert(fileNumber <= fileNumberMax, 'manifest: file numbers have 12 digits')
    this.#noted = fileNumber + 1
    return fileNumber
  }

  /** Says that a file of this number exists on disk, whether an edit names it or not. */
  noteFileNumber(fileNumber: number): void {
    this.#noted = Math.max(this.#noted, fileNumber + 1)
  }

  /** Makes one edit of `changes`: all or none, durable on return. Returns the new state.
   *  @throws {VarveError} ERR_IO, ERR_DISK_FULL: the state has not moved, but the edit may have
   *  landed: nothing that it names may be removed before a later commit returned. {BugError} where
   *  the changes do not fit the state. */
  commit(changes: readonly Change[]): ManifestState {
    assert(!this.#closed && !this.#readOnly, 'manifest: commit needs an open writer')
    assert(changes.length > 0, 'manifest: an edit changes something')
    assert(changes[0]?.type !== 'rewritten', 'manifest: only a rewrite says so')
    const next = applyToHistory(this.#history, changes)
    let cause: unknown
    if (!this.#suspect) cause = this.#append(next, changes)
    if (this.#suspect) this.#rewrite(next, cause)
    this.#history = next
    this.#durableEdit = next.state.editNumber
    if (this.#end.offset >= this.#rotateBytes) this.#rotate()
    return next.state
  }

  /** Appends and syncs one record. A failure is returned; the file is then suspect. */
  #append(next: History, changes: readonly Change[]): unknown {
    const file = this.#file
    assert(file !== undefined, 'manifest: a sound file is open')
    const { editNumber } = next.state
    const record = encodeRecord(
      this.#fileNumber,
      editNumber,
      this.#end.hash,
      encodeChanges(changes),
    )
    this.#suspect = true
    try {
      file.write(record.bytes, this.#end.offset)
      file.datasyncSync()
    } catch (error) {
      this.#logger.warn({ file: this.path, editNumber, error }, 'an edit of the manifest failed')
      this.#cutBack(file)
      if (!(error instanceof VarveError)) throw error
      return error
    }
    this.#suspect = false
    this.#end = { offset: this.#end.offset + record.bytes.length, hash: record.hash }
    this.#mark(file)
    return undefined
  }

  /** Says that the last record is on the device. Nothing is lost without it but the next open's
   *  trust in the file. */
  #mark(file: VfsFile): void {
    try {
      file.write(encodeMark(this.#end.hash), this.#end.offset)
    } catch (error) {
      this.#logger.warn({ file: this.path, error }, 'the end of the manifest is not marked')
    }
  }

  /** Takes a doubtful record off the file, so that no later open reads from the cache what the
   *  device never got. */
  #cutBack(file: VfsFile): void {
    try {
      file.truncate(this.#end.offset)
    } catch (error) {
      this.#logger.warn({ file: this.path, error }, 'the manifest could not be cut back')
    }
  }

  /** Writes `next` to a new file and makes CURRENT name it. */
  #rewrite(next: History, causeBefore?: unknown): void {
    const numbers = manifestNumbers(this.#vfs, this.#root)
    const fileNumber = Math.max(this.#fileNumber, ...numbers) + 1
    const { bytes, lastHash } = encodeManifest(next, fileNumber)
    let file: VfsFile
    try {
      file = this.#switchTo(fileNumber, bytes)
    } catch (error) {
      this.#logger.error({ fileNumber, error, causeBefore }, 'the manifest was not rewritten')
      throw error
    }
    this.#file?.close()
    this.#file = file
    this.#fileNumber = fileNumber
    this.#end = { offset: bytes.length, hash: lastHash }
    this.#suspect = false
    this.#mark(file)
    this.#rotateBytes = Math.max(this.#rotateBytesMin, bytes.length * 4)
    this.#removeOthers(numbers)
  }

  #switchTo(fileNumber: number, bytes: Uint8Array): VfsFile {
    const path = pathOfManifest(this.#root, fileNumber)
    const file = this.#vfs.open(path, 'create')
    try {
      file.write(bytes, 0)
      file.datasyncSync()
      this.#vfs.syncDirectory(pathOfDirectory(this.#root))
    } catch (error) {
      file.close()
      // On a full disk each try would leave one.
      this.#remove(path)
      throw error
    }
    try {
      // From here on CURRENT may name either file until it is known to name the new one.
      this.#suspect = true
      replaceFile(this.#vfs, pathOfCurrent(this.#root), encodeCurrent(fileNumber))
    } catch (error) {
      file.close()
      throw error
    }
    return file
  }

  /** Files that no durable CURRENT names any more. */
  #removeOthers(numbers: readonly number[]): void {
    for (const fileNumber of numbers) this.#remove(pathOfManifest(this.#root, fileNumber))
  }

  #remove(path: string): void {
    try {
      this.#vfs.unlink(path)
    } catch (error) {
      this.#logger.warn({ file: path, error }, 'an old manifest stays')
    }
  }

  /** Rewrites a file that has grown to more than 4 times what it says. The edit before it is
   *  durable either way. */
  #rotate(): void {
    const { bytes } = encodeManifest(this.#history, this.#fileNumber + 1)
    if (this.#end.offset <= bytes.length * 4) {
      this.#rotateBytes = Math.max(this.#rotateBytesMin, bytes.length * 4 + 1)
      return
    }
    try {
      this.#rewrite(this.#history)
    } catch (error) {
      if (!(error instanceof VarveError)) throw error
      this.#rotateBytes = this.#end.offset * 2
    }
  }

  /** Readers: moves to the newest edit; true where the state changed.
   *  @throws {VarveError} as open. The state before stays. */
  refresh(): boolean {
    assert(!this.#closed && this.#readOnly, 'manifest: refresh is for readers')
    const before = this.#history
    const fileNumber = readCurrent(this.#vfs, this.#root)
    if (fileNumber !== this.#fileNumber || !this.#readOn()) this.#reload()
    return this.#history !== before
  }

  /** Reads what was appended to the file since; false where it is shorter than before, for the
   *  writer took back an edit. */
  #readOn(): boolean {
    const file = this.#file
    assert(file !== undefined, 'manifest: a reader has its file open')
    const { offset } = this.#end
    const size = file.size()
    if (size < offset) return false
    if (size === offset) return true
    const start = { history: this.#history, end: this.#end }
    const place = { file: this.path }
    const read = readRecords(readWhole(file, offset), offset, this.#fileNumber, start, place)
    this.#history = read.history
    this.#end = read.end
    return true
  }

  #reload(): void {
    const loaded = load(this.#vfs, this.#root)
    this.#file?.close()
    this.#file = loaded.file
    this.#fileNumber = loaded.fileNumber
    this.#history = loaded.history
    this.#end = loaded.end
  }

  /** Closing twice is allowed. Writes nothing: every commit was durable when it returned. */
  close(): void {
    this.#closed = true
    this.#file?.close()
    this.#file = undefined
  }
}
