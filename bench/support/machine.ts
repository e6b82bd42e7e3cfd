// Where a result was made: without it a figure says nothing to anybody else.
import { existsSync, readFileSync, statfsSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { kernelInfo } from '../../src/index.ts'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly platform: string
  /** Of the folder the stores were made in. */
  readonly fileSystem: string
  /** One minute before the first run: what else the machine was doing. */
  readonly load: number
  readonly node: string
  readonly v8: string
  readonly varve: string
  readonly kernels: Readonly<Record<string, string>>
  readonly commit: string
}

/** The repository's root, from the sources as from the build. */
export function rootFolder(): string {
  let folder = import.meta.dirname
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error('no package.json above the bench')
    folder = parent
  }
  return folder
}

/** Magic numbers of statfs(2). */
const fileSystems: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x01021994: 'tmpfs',
  0x794c7630: 'overlayfs',
  0x2fc12fc1: 'zfs',
  0x1a: 'apfs',
}

function fileSystemOf(folder: string): string {
  const { type } = statfsSync(folder)
  return fileSystems[type] ?? `0x${type.toString(16)}`
}

/** What HEAD names, read from the files of git; 'unknown' where there are none. */
export function commitOf(root: string): string {
  const git = join(root, '.git')
  const head = join(git, 'HEAD')
  if (!existsSync(head)) return 'unknown'
  const text = readFileSync(head, 'utf8').trim()
  if (!text.startsWith('ref: ')) return text
  const name = text.slice('ref: '.length)
  if (existsSync(join(git, name))) return readFileSync(join(git, name), 'utf8').trim()
  const packed = join(git, 'packed-refs')
  if (!existsSync(packed)) return 'unknown'
  const line = readFileSync(packed, 'utf8')
    .split('\n')
    .find((entry) => entry.endsWith(` ${name}`))
  return line?.split(' ')[0] ?? 'unknown'
}

function versionOf(root: string): string {
  const document: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const isNamed = typeof document === 'object' && document !== null && 'version' in document
  return isNamed ? String(document.version) : 'unknown'
}

/**
 * The machine, the runtime and the versions. Kernels are those in use now: call it after a
 * store was opened.
 */
export function describeMachine(folder: string, load: number, commit?: string): Machine {
  const root = rootFolder()
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch} ${release()}`,
    fileSystem: fileSystemOf(folder),
    load,
    node: process.versions.node,
    v8: process.versions.v8,
    varve: versionOf(root),
    kernels: kernelInfo(),
    commit: commit ?? commitOf(root),
  }
}

export function loadNow(): number {
  return loadavg()[0] ?? 0
}

/** 2026-01-31-amd-epyc-2core.json */
export function resultName({ cpu, cores }: Machine, now: Date): string {
  const plain = cpu
    .toLowerCase()
    .replace(/\((?:r|tm)\)|\bprocessor\b|\bcpu\b|@.*$/g, ' ')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
  return `${now.toISOString().slice(0, 10)}-${plain || 'cpu'}-${cores}core.json`
}
