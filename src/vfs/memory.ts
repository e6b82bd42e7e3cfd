// A file system in memory that knows what is durable and can crash. It ships: tests of users may
// cut their own power.
//
// Durable is: of a file the bytes at its last datasync (as they were when it was called), of a
// directory the names at its last syncDirectory. See memory-content.ts and memory-tree.ts.
import { posix } from 'node:path'
import { systemScheduler } from '#base'
import type { Scheduler } from '#base'
import { fileError } from './error.ts'
import { Content } from './memory-content.ts'
import { randomCut } from './memory-cut.ts'
import type { Cut, PendingEffect } from './memory-cut.ts'
import { Faults } from './memory-fault.ts'
import type { FaultRule, Operation, OperationName } from './memory-fault.ts'
import { emptyDirectory, Journal } from './memory-tree.ts'
import type { DirectoryNode, FileNode, Node } from './memory-tree.ts'
import { withRelief } from './relief.ts'
import type { FileStat, LockHolder, OpenMode, Vfs, VfsFile, VfsLock } from './port.ts'

export type { FaultRule, Operation, OperationName } from './memory-fault.ts'
export type { Cut, Fate, PendingEffect } from './memory-cut.ts'

export interface MemoryVfsOptions {
  /** Room for the bytes of all files; past it writes are ERR_DISK_FULL. Default: without bound. */
  readonly capacityBytes?: number
  /** Completes datasync(). Default: the system's. */
  readonly scheduler?: Scheduler
  /** Keep every operation in `operations`. Default false. */
  readonly isTraced?: boolean
}

export interface MemoryVfs extends Vfs {
  /** A new twin as a machine would find it after a power cut now. Without `cut` nothing unsynced
   *  survives; with random numbers in [0, 1) any part of it may; else each effect has the fate it is
   *  given. This twin goes on as if nothing was. */
  crash(cut?: (() => number) | Cut): MemoryVfs
  /** A new twin as the next process would find it after this one was killed: all that was written,
   *  and what was not synced is not synced still. */
  kill(): MemoryVfs
  /** What has not reached the device: what a cut decides about. Names first, then data, each in
   *  order. */
  pendingEffects(): readonly PendingEffect[]
  /** Shows each file, in order of paths, without an operation; `bytes` are valid during the call. */
  look(visit: (path: string, bytes: Uint8Array) => void): void
  /** Calls `listener` before each operation takes effect: the moment to cut the power. Copies made
   *  by crash() and kill() have no listener. */
  watch(listener: ((operation: Operation, index: number) => void) | undefined): void
  /** Orders a fault; the result takes the order back. */
  fail(rule: FaultRule): () => void
  /** Takes all orders of faults back. */
  heal(): void
  /** From now on datasync() stays pending. */
  holdSyncs(): void
  /** Pending datasync() calls complete, in order; new ones do so by themselves again. */
  releaseSyncs(): void
  /** Pending datasync() calls, held or not. */
  readonly syncsPending: number
  /** Operations so far. */
  readonly operationCount: number
  /** Every operation so far, where options.isTraced. */
  readonly operations: readonly Operation[]
  /** Changes the capacity. */
  setCapacity(bytes: number): void
  /** Handles open now. */
  readonly handleCount: number
}

interface Place {
  readonly directory: DirectoryNode
  readonly name: string
  readonly node: Node | undefined
}

const errnoOfCode = { ERR_IO: 'EIO', ERR_DISK_FULL: 'ENOSPC' } as const

/** An absolute path without `.`, `..` and a slash at its end; both slashes part names. */
function normal(path: string): string {
  return posix.resolve('/', path.replaceAll('\\', '/'))
}

class Twin implements MemoryVfs {
  readonly operations: Operation[] = []
  operationCount = 0
  handleCount = 0
  #root: DirectoryNode = emptyDirectory()
  #journal = new Journal()
  readonly #faults = new Faults()
  readonly #options: MemoryVfsOptions
  readonly #locks = new Set<Node>()
  #capacityBytes: number
  #usedBytes = 0
  #isHolding = false
  #listener: ((operation: Operation, index: number) => void) | undefined
  #syncs: (() => void)[] = []
  #inodes = 0

  constructor(options: MemoryVfsOptions) {
    this.#options = options
    this.#capacityBytes = options.capacityBytes ?? Number.MAX_SAFE_INTEGER
  }

  /** Counts a call, then runs it, or fails it as ordered. */
  run<T>(operation: OperationName, path: string, action: () => T, pathToo: string = path): T {
    const fault = this.begin(operation, path, pathToo)
    if (fault === undefined) return action()
    if (fault.isDone === true) action()
    throw this.faultError(fault, operation, path)
  }

  begin(operation: OperationName, path: string, pathToo: string = path): FaultRule | undefined {
    const entry = { operation, path }
    this.#listener?.(entry, this.operationCount)
    this.operationCount++
    if (this.#options.isTraced === true) this.operations.push(entry)
    return this.#faults.meet(operation, [path, pathToo])
  }

  faultError(rule: FaultRule, operation: OperationName, path: string): Error {
    return fileError(operation, path, rule.errno ?? errnoOfCode[rule.code ?? 'ERR_IO'])
  }

  // Walks to the directory of `path`, in the live tree.
  #place(operation: OperationName, path: string): Place {
    const parts = normal(path)
      .split('/')
      .filter((part) => part !== '')
    const name = parts.pop() ?? ''
    let directory = this.#root
    for (const part of parts) {
      const next = directory.live.get(part)
      if (next === undefined) throw fileError(operation, path, 'ENOENT')
      if (next.kind !== 'directory') throw fileError(operation, path, 'ENOTDIR')
      directory = next
    }
    return { directory, name, node: name === '' ? this.#root : directory.live.get(name) }
  }

  #directory(operation: OperationName, path: string): DirectoryNode {
    const { node } = this.#place(operation, path)
    if (node === undefined) throw fileError(operation, path, 'ENOENT')
    if (node.kind !== 'directory') throw fileError(operation, path, 'ENOTDIR')
    return node
  }

  /** Takes room for the growth of a file, or gives room back. */
  resize(operation: OperationName, path: string, growth: number): void {
    if (growth > 0 && this.#usedBytes + growth > this.#capacityBytes) {
      throw fileError(operation, path, 'ENOSPC')
    }
    this.#usedBytes += growth
  }

  release(node: Node | undefined): void {
    if (node?.kind !== 'file') return
    node.references--
    if (node.references === 0) this.#usedBytes -= node.content.size
  }

  open(path: string, mode: OpenMode): VfsFile {
    return withRelief(() => this.#open(path, mode))
  }

  #open(path: string, mode: OpenMode): VfsFile {
    return this.run('open', path, () => {
      const { directory, name, node } = this.#place('open', path)
      if (mode === 'create') {
        if (node !== undefined) throw fileError('open', path, 'EEXIST')
        const created = this.#newFile()
        this.#journal.record('open', [{ directory, name, node: created }])
        return this.#handle(path, created, true)
      }
      if (node === undefined) throw fileError('open', path, 'ENOENT')
      if (node.kind === 'directory') throw fileError('open', path, 'EISDIR')
      return this.#handle(path, node, mode === 'write')
    })
  }

  #newFile(): FileNode {
    return { kind: 'file', inode: ++this.#inodes, content: new Content(), references: 1 }
  }

  #handle(path: string, node: FileNode, isWritable: boolean): VfsFile {
    node.references++
    this.handleCount++
    return new TwinFile(this, path, node, isWritable)
  }

  /** undefined where a part of the way is missing, or is a file. */
  #nodeAt(path: string): Node | undefined {
    let node: Node | undefined = this.#root
    for (const part of normal(path).split('/')) {
      if (part === '') continue
      node = node?.kind === 'directory' ? node.live.get(part) : undefined
    }
    return node
  }

  stat(path: string): FileStat | undefined {
    return this.run('stat', path, () => {
      const node = this.#nodeAt(path)
      if (node === undefined) return undefined
      return { kind: node.kind, bytes: node.kind === 'file' ? node.content.size : 0 }
    })
  }

  list(path: string): string[] {
    return this.run('list', path, () => [...this.#directory('list', path).live.keys()].sort())
  }

  makeDirectory(path: string): void {
    this.run('makeDirectory', path, () => {
      let directory = this.#root
      for (const name of normal(path)
        .split('/')
        .filter((part) => part !== '')) {
        let next = directory.live.get(name)
        if (next === undefined) {
          next = emptyDirectory()
          this.#journal.record('makeDirectory', [{ directory, name, node: next }])
          this.#journal.sync(directory)
        }
        if (next.kind !== 'directory') throw fileError('makeDirectory', path, 'EEXIST')
        directory = next
      }
    })
  }

  #rename(from: string, to: string): void {
    const source = this.#place('rename', from)
    const target = this.#place('rename', to)
    const { node } = source
    if (node === undefined) throw fileError('rename', from, 'ENOENT')
    if (node === target.node) return
    if (`${normal(to)}/`.startsWith(`${normal(from)}/`)) throw fileError('rename', from, 'EINVAL')
    if (target.node !== undefined) {
      if (target.node.kind !== node.kind) {
        throw fileError('rename', from, node.kind === 'file' ? 'EISDIR' : 'ENOTDIR')
      }
      if (target.node.kind === 'directory' && target.node.live.size > 0) {
        throw fileError('rename', from, 'ENOTEMPTY')
      }
    }
    this.#journal.record('rename', [
      { directory: source.directory, name: source.name, node: undefined },
      { directory: target.directory, name: target.name, node },
    ])
    this.release(target.node)
  }

  rename(from: string, to: string): void {
    this.run('rename', from, () => this.#rename(from, to), to)
  }

  unlink(path: string): void {
    this.run('unlink', path, () => {
      const { directory, name, node } = this.#place('unlink', path)
      if (node === undefined) throw fileError('unlink', path, 'ENOENT')
      if (node.kind === 'directory') throw fileError('unlink', path, 'EISDIR')
      this.#journal.record('unlink', [{ directory, name, node: undefined }])
      this.release(node)
    })
  }

  syncDirectory(path: string): void {
    this.run('syncDirectory', path, () => {
      this.#journal.sync(this.#directory('syncDirectory', path))
    })
  }

  lock(path: string): { lock: VfsLock } | { holder: LockHolder } {
    return this.run('lock', path, () => {
      const { directory, name, node } = this.#place('lock', path)
      if (node?.kind === 'directory') throw fileError('lock', path, 'EISDIR')
      if (node !== undefined && this.#locks.has(node)) return { holder: { pid: process.pid } }
      const text = new TextEncoder().encode(`${process.pid}\n`)
      this.resize('lock', path, text.length - (node?.content.size ?? 0))
      const file = node ?? this.#newFile()
      if (node === undefined) this.#journal.record('lock', [{ directory, name, node: file }])
      file.content.truncate(0)
      file.content.write(text, 0)
      file.references++
      this.#locks.add(file)
      return { lock: { release: () => this.#unlock(file) } }
    })
  }

  #unlock(file: FileNode): void {
    if (!this.#locks.delete(file)) return
    this.#usedBytes -= file.content.size
    file.content.truncate(0)
    this.release(file)
  }

  freeBytes(path: string): number {
    return this.run('freeBytes', path, () => {
      if (this.#place('freeBytes', path).node === undefined) {
        throw fileError('freeBytes', path, 'ENOENT')
      }
      return Math.max(0, this.#capacityBytes - this.#usedBytes)
    })
  }

  /** Completes a sync later: in its turn, or when it is let go. */
  later(complete: () => void): void {
    this.#syncs.push(complete)
    if (!this.#isHolding) this.#completeSoon()
  }

  #completeSoon(): void {
    const scheduler = this.#options.scheduler ?? systemScheduler
    scheduler.soon(() => {
      if (!this.#isHolding) this.#syncs.shift()?.()
    })
  }

  get syncsPending(): number {
    return this.#syncs.length
  }

  holdSyncs(): void {
    this.#isHolding = true
  }

  releaseSyncs(): void {
    this.#isHolding = false
    const held = this.#syncs
    this.#syncs = []
    for (const complete of held) complete()
  }

  fail(rule: FaultRule): () => void {
    return this.#faults.add(rule)
  }

  heal(): void {
    this.#faults.clear()
  }

  setCapacity(bytes: number): void {
    this.#capacityBytes = bytes
  }

  watch(listener: ((operation: Operation, index: number) => void) | undefined): void {
    this.#listener = listener
  }

  #twinOf(root: DirectoryNode, journal: Journal): Twin {
    const twin = new Twin({ ...this.#options, capacityBytes: this.#capacityBytes })
    twin.#root = root
    twin.#journal = journal
    twin.#inodes = this.#inodes
    twin.#usedBytes = countReferences(root)
    return twin
  }

  pendingEffects(): readonly PendingEffect[] {
    const seen = new Set<Node>()
    const effects: PendingEffect[] = []
    const see = (name: string, node: Node): void => {
      if (seen.has(node)) return
      seen.add(node)
      if (node.kind === 'file') {
        effects.push(...node.content.pending(node.inode, name))
        return
      }
      for (const [below, child] of [...node.device, ...node.live]) see(below, child)
    }
    see('', this.#root)
    for (const node of this.#journal.named()) see('', node)
    return [...this.#journal.pending(), ...effects]
  }

  look(visit: (path: string, bytes: Uint8Array) => void): void {
    const lookInto = (directory: DirectoryNode, path: string): void => {
      for (const name of [...directory.live.keys()].sort()) {
        const node = directory.live.get(name)
        if (node?.kind === 'file') visit(`${path}/${name}`, node.content.live)
        else if (node !== undefined) lookInto(node, `${path}/${name}`)
      }
    }
    lookInto(this.#root, '')
  }

  crash(given?: (() => number) | Cut): MemoryVfs {
    const cut = typeof given === 'function' ? randomCut(given) : given
    const namesOf = this.#journal.namesAfterCut(cut)
    const copyFile = (from: FileNode, name: string): FileNode => {
      const { inode } = from
      const content = from.content.afterCut(cut, inode, name)
      return { kind: 'file', inode, content, references: 0 }
    }
    const copyDirectory = (from: DirectoryNode): DirectoryNode => {
      const to = emptyDirectory()
      for (const [name, node] of namesOf(from)) {
        const copied = node.kind === 'file' ? copyFile(node, name) : copyDirectory(node)
        to.live.set(name, copied)
        to.device.set(name, copied)
      }
      return to
    }
    return this.#twinOf(copyDirectory(this.#root), new Journal())
  }

  kill(): MemoryVfs {
    const files = new Map<FileNode, FileNode>()
    const directories = new Map<DirectoryNode, DirectoryNode>()
    const copy = (node: Node): Node => {
      if (node.kind === 'directory') return copyDirectory(node)
      const copied = files.get(node) ?? {
        kind: 'file',
        inode: node.inode,
        content: node.content.clone(),
        references: 0,
      }
      files.set(node, copied)
      return copied
    }
    const copyDirectory = (from: DirectoryNode): DirectoryNode => {
      const known = directories.get(from)
      if (known !== undefined) return known
      const to = emptyDirectory()
      directories.set(from, to)
      for (const [name, node] of from.live) to.live.set(name, copy(node))
      for (const [name, node] of from.device) to.device.set(name, copy(node))
      return to
    }
    const root = copyDirectory(this.#root)
    return this.#twinOf(root, this.#journal.clone(copy, copyDirectory))
  }
}

/** Sets the references of all files to their names in the live tree; gives the bytes of all files.
 *  */
function countReferences(directory: DirectoryNode): number {
  let bytes = 0
  for (const node of directory.live.values()) {
    if (node.kind === 'directory') {
      bytes += countReferences(node)
    } else {
      node.references++
      bytes += node.content.size
    }
  }
  return bytes
}

class TwinFile implements VfsFile {
  readonly path: string
  readonly #twin: Twin
  readonly #node: FileNode
  readonly #isWritable: boolean
  #isClosed = false

  constructor(twin: Twin, path: string, node: FileNode, isWritable: boolean) {
    this.path = path
    this.#twin = twin
    this.#node = node
    this.#isWritable = isWritable
  }

  #check(operation: OperationName, isChange: boolean): void {
    if (this.#isClosed || (isChange && !this.#isWritable)) {
      throw fileError(operation, this.path, 'EBADF')
    }
  }

  size(): number {
    this.#check('size', false)
    return this.#twin.run('size', this.path, () => this.#node.content.size)
  }

  read(target: Uint8Array, offset: number): number {
    this.#check('read', false)
    return this.#twin.run('read', this.path, () => {
      const found = this.#node.content.live.subarray(offset, offset + target.length)
      target.set(found)
      return found.length
    })
  }

  #put(bytes: Uint8Array, offset: number): void {
    if (bytes.length === 0) return
    const { content } = this.#node
    this.#twin.resize('write', this.path, Math.max(0, offset + bytes.length - content.size))
    content.write(bytes, offset)
  }

  write(bytes: Uint8Array, offset: number): void {
    this.#check('write', bytes.length > 0) // As on a disk: to write nothing is to ask nothing.
    const fault = this.#twin.begin('write', this.path)
    const count = fault === undefined || fault.isDone === true ? bytes.length : fault.bytesWritten
    this.#put(bytes.subarray(0, count ?? 0), offset)
    if (fault !== undefined) throw this.#twin.faultError(fault, 'write', this.path)
  }

  truncate(bytes: number): void {
    this.#check('truncate', true)
    this.#twin.run('truncate', this.path, () => {
      this.#twin.resize('truncate', this.path, bytes - this.#node.content.size)
      this.#node.content.truncate(bytes)
    })
  }

  /** Carries a sync out, as it was ordered when it was called; the result is its failure. */
  #finishSync(serial: number, fault: FaultRule | undefined): Error | undefined {
    if (fault === undefined || fault.isDone === true) this.#node.content.sync(serial)
    else this.#node.content.loseUnsynced(serial)
    return fault === undefined ? undefined : this.#twin.faultError(fault, 'datasync', this.path)
  }

  datasync(): Promise<void> {
    return new Promise((done, failed) => {
      this.#check('datasync', false)
      const fault = this.#twin.begin('datasync', this.path)
      const { serial } = this.#node.content
      this.#twin.later(() => {
        const failure = this.#finishSync(serial, fault)
        if (failure === undefined) done()
        else failed(failure)
      })
    })
  }

  datasyncSync(): void {
    this.#check('datasync', false)
    const fault = this.#twin.begin('datasync', this.path)
    const failure = this.#finishSync(this.#node.content.serial, fault)
    if (failure !== undefined) throw failure
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#twin.handleCount--
    this.#twin.release(this.#node)
    this.#twin.run('close', this.path, () => {})
  }
}

/** A file system in memory, empty but for its root directory. */
export function memoryVfs(options: MemoryVfsOptions = {}): MemoryVfs {
  return new Twin(options)
}
