// Real file systems to break: an ext4 or XFS on an image file behind a loop device, a small tmpfs. Each lives in a folder
// of its own, is mounted there, and goes when its test ends; what a killed run left behind goes at the next one's start.
// Nothing else on the machine is touched. Needs root and a kernel that mounts: where it does not, `missing` says what.
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type VolumeKind = 'ext4' | 'xfs' | 'tmpfs'

const prefix = 'varve-machine-'
const commandMsMax = 20_000
const bytesDefault: Readonly<Record<VolumeKind, number>> = {
  ext4: 64 << 20,
  // mkfs.xfs makes none below 300 MiB; the image is a sparse file.
  xfs: 320 << 20,
  tmpfs: 48 << 20,
}

function tryRun(command: string, ...words: readonly string[]): string | undefined {
  const ran = spawnSync(command, words, { encoding: 'utf8', timeout: commandMsMax })
  if (ran.status === 0) return undefined
  const said = ran.error === undefined ? ran.stderr.trim() : ran.error.message
  return `${command} ${words.join(' ')}: ${said === '' ? `status ${ran.status}` : said}`
}

function run(command: string, ...words: readonly string[]): void {
  const problem = tryRun(command, ...words)
  if (problem !== undefined) throw new Error(problem)
}

/** Mount points below a folder, those inside of others first. */
function mountsBelow(folder: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point.startsWith(`${folder}/`))
    .toReversed()
}

function removeFolder(folder: string): void {
  for (const point of mountsBelow(folder)) {
    if (tryRun('umount', point) !== undefined) run('umount', '--lazy', point)
  }
  rmSync(folder, { recursive: true, force: true })
}

/** Removes what runs left behind that are no more: their folders bear the number of their process. */
function sweep(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1]
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue
    removeFolder(join(tmpdir(), name))
  }
}

function newFolder(): string {
  return mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`))
}

/** FS_IOC_SHUTDOWN of ext4, XFS_IOC_GOINGDOWN: _IOR('X', 125, __u32). */
const goingDown = 0x8004587d
/** What the file system still does: writes everything; writes its journal; nothing, as in a power cut. */
export const goingDownFlags = { all: 0, journal: 1, nothing: 2 } as const

type Ioctl = (descriptor: number, request: number, flags: Uint32Array) => number

function loadIoctl(): Ioctl | undefined {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi')
    return koffi.load(null).func('int ioctl(int, unsigned long, _Inout_ uint32_t *)') as Ioctl
  } catch (error) {
    process.stdout.write(`no ioctl here: ${String(error)}\n`)
    return undefined
  }
}

export class Volume {
  readonly kind: VolumeKind
  readonly #folder: string
  readonly #image: string
  readonly #options: string
  /** Where it is mounted. */
  readonly path: string

  private constructor(kind: VolumeKind, bytes: number, options: string) {
    this.kind = kind
    this.#options = options
    this.#folder = newFolder()
    this.#image = join(this.#folder, 'image')
    this.path = join(this.#folder, 'mount')
    mkdirSync(this.path)
    if (kind === 'tmpfs') {
      run('mount', '-t', 'tmpfs', '-o', `size=${bytes},mode=700`, 'varve-machine', this.path)
      return
    }
    writeFileSync(this.#image, '')
    truncateSync(this.#image, bytes)
    // Inode tables are written at once: no thread of the kernel does it later, in the middle of a test.
    if (kind === 'ext4') run('mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0', this.#image)
    else run('mkfs.xfs', '-q', this.#image)
    this.mount()
  }

  /** Made and mounted. `options` as mount takes them. */
  static make(kind: VolumeKind, bytes = bytesDefault[kind], options = ''): Volume {
    return new Volume(kind, bytes, options)
  }

  /** The loop device goes with the mount. */
  mount(options = this.#options): void {
    const words = options === '' ? 'loop' : `loop,${options}`
    run('mount', '-t', this.kind, '-o', words, this.#image, this.path)
  }

  unmount(): void {
    run('umount', this.path)
  }

  remount(options: 'ro' | 'rw'): void {
    run('mount', '-o', `remount,${options}`, this.path)
  }

  /** The file system stops where it stands: from now on every write, sync and uncached read fails. */
  cutPower(flags: number): void {
    const descriptor = openSync(this.path, 'r')
    try {
      if (ioctl === undefined || ioctl(descriptor, goingDown, new Uint32Array([flags])) !== 0) {
        throw new Error(`${this.path}: FS_IOC_SHUTDOWN failed`)
      }
    } finally {
      closeSync(descriptor)
    }
  }

  /** The kernel is told of an error in the file system, and what `errors=` asks for happens. ext4 only. */
  reportError(): void {
    const device = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .find((line) => line.split(' ')[4] === this.path)!
    const name = / - \S+ \/dev\/(\S+)/.exec(device)![1]!
    writeFileSync(`/sys/fs/ext4/${name}/trigger_fs_error`, 'a test')
  }

  /** Writes files of zeros beside the store until at most so many bytes are free. */
  fill(bytesLeft = 0): void {
    const descriptor = openSync(join(this.path, `ballast-${(this.#ballast += 1)}`), 'wx')
    try {
      for (let step = 1 << 20; step >= 512; step >>= 1) {
        while (this.freeBytes - bytesLeft >= (bytesLeft === 0 ? 0 : step)) {
          if (!tryWrite(descriptor, step)) break
        }
      }
    } finally {
      closeSync(descriptor)
    }
  }

  #ballast = 0

  /** Removes what `fill` wrote. */
  free(): void {
    for (const name of readdirSync(this.path)) {
      if (name.startsWith('ballast-')) unlinkSync(join(this.path, name))
    }
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path)
    return bavail * bsize
  }

  remove(): void {
    removeFolder(this.#folder)
  }
}

/** False where the disk is full. */
function tryWrite(descriptor: number, bytes: number): boolean {
  try {
    return writeSync(descriptor, new Uint8Array(bytes)) === bytes
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false
    throw error
  }
}

function missingHere(): string | undefined {
  if (process.platform !== 'linux') return 'not Linux'
  if (process.getuid!() !== 0) return 'not root'
  sweep()
  try {
    Volume.make('tmpfs', 1 << 20).remove()
    return undefined
  } catch (error) {
    return `no mounts: ${String(error)}`
  }
}

const missingAtAll = missingHere()
const ioctl = missingAtAll === undefined ? loadIoctl() : undefined
const found = new Map<string, string | undefined>()

/** Why a kind of volume cannot be had here, or not be cut; undefined where it can. */
export function missing(kind: VolumeKind, needs: 'mount' | 'cut' = 'mount'): string | undefined {
  if (missingAtAll !== undefined) return missingAtAll
  if (needs === 'cut' && ioctl === undefined) return 'no koffi, so no ioctl'
  if (kind === 'tmpfs') return undefined
  if (!found.has(kind)) found.set(kind, tryKind(kind))
  return found.get(kind)
}

function tryKind(kind: VolumeKind): string | undefined {
  if (tryRun(`mkfs.${kind}`, '-V') !== undefined) return `no mkfs.${kind}`
  let volume: Volume | undefined
  try {
    volume = Volume.make(kind)
    return undefined
  } catch (error) {
    return `no ${kind} on a loop device: ${String(error)}`
  } finally {
    volume?.remove()
  }
}
