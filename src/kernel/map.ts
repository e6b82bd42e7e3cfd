// A file's bytes as memory, through mmap(2) of the C library (koffi). Read only; the pages are those of
// the system's file cache, shared by all threads and processes that map the file.
//
// JavaScript has no pointer that stops working: reading a mapping after munmap ends the process. So the
// mapping is taken back only when nobody can read it any more:
//   - where an ArrayBuffer can be detached (Node >= 22: transfer(0)), it is detached first: a view kept
//     by mistake has length 0 from then on;
//   - else when the garbage collector has found that no view is left (FinalizationRegistry).
//
// A file that is cut while it is mapped ends the process as well (SIGBUS): map sealed files only.
import { VarveError, assert } from '#base'
import { koffiFailure, loadKoffi } from './koffi.ts'
import type { Koffi } from './koffi.ts'

interface MapCalls {
  /** The address, or `mapFailed`. */
  mmap(bytes: number, descriptor: number): bigint
  munmap(address: bigint, bytes: number): void
  view(address: bigint, bytes: number): ArrayBuffer
  errno(): number
}

export interface FileMap {
  /** Read only: writing to it ends the process. Views of it are not to be used after `unmap`. */
  readonly bytes: Uint8Array
  /** Gives the memory back, at once or when the last view is gone. Calling it twice does nothing. */
  unmap(): void
}

const mapFailed = 2n ** 64n - 1n
const protectionRead = 1
const mapShared = 1
/** The constants above are the same on these, and pointers and offsets have 64 bits. */
const platforms: ReadonlySet<string> = new Set(['linux', 'darwin', 'freebsd'])
const architectures: ReadonlySet<string> = new Set(['x64', 'arm64', 'riscv64', 'loong64'])

const isKnown = platforms.has(process.platform) && architectures.has(process.arch)

let calls: MapCalls | undefined

function bindCalls(koffi: Koffi): MapCalls {
  const library = koffi.load(null)
  const mmap = library.func(
    'void *mmap(void *address, size_t bytes, int protection, int flags, int descriptor, int64_t at)',
  )
  const munmap = library.func('int munmap(void *address, size_t bytes)')
  return {
    mmap: (bytes, descriptor) =>
      BigInt(mmap(null, bytes, protectionRead, mapShared, descriptor, 0) as bigint | number),
    munmap: (address, bytes) => {
      const status = Number(munmap(address, bytes))
      assert(status === 0, 'map: what was mapped can be unmapped')
    },
    view: (address, bytes) => koffi.view(address, bytes),
    errno: () => koffi.errno(),
  }
}

function loadCalls(): MapCalls | undefined {
  if (calls !== undefined || !isKnown) return calls
  const koffi = loadKoffi()
  if (koffi !== undefined) calls = bindCalls(koffi)
  return calls
}

/** Mappings whose buffers could not be detached. Holds no buffer: only where it was. */
const abandoned = new FinalizationRegistry<{ calls: MapCalls; address: bigint; bytes: number }>(
  ({ calls: by, address, bytes }) => by.munmap(address, bytes),
)

/** How files become memory in this process: mapped, or read. Loads the add-on when first asked. */
export function mapKind(): 'mmap' | 'read' {
  return loadCalls() === undefined ? 'read' : 'mmap'
}

/** Why files cannot be mapped, where it was tried and failed. */
export function mapFailure(): unknown {
  return isKnown ? koffiFailure() : `no memory map on ${process.platform} ${process.arch}`
}

/** Detaches a buffer where this Node can: true when no view of it can be read any more. */
function detach(buffer: ArrayBuffer): boolean {
  if (!('transfer' in buffer) || typeof buffer.transfer !== 'function') return false
  try {
    buffer.transfer(0)
  } catch (cause) {
    if (cause instanceof TypeError) return false // This runtime pins memory that is not its own.
    throw cause
  }
  return buffer.byteLength === 0
}

/**
 * Maps the first `bytes` (at least 1) of the open file for reading; undefined where this process maps no
 * files. The caller has checked that the file has them and never changes; the descriptor can be closed
 * afterwards.
 * @throws {VarveError} ERR_IO where the operating system refuses
 */
export function mapFile(descriptor: number, bytes: number): FileMap | undefined {
  assert(Number.isSafeInteger(bytes) && bytes >= 1, 'map: at least one byte')
  const by = loadCalls()
  if (by === undefined) return undefined
  const address = by.mmap(bytes, descriptor)
  if (address === mapFailed) {
    const details = { operation: 'mmap', errno: by.errno(), bytes }
    throw new VarveError('ERR_IO', 'the operating system refused to map a file', details)
  }
  let buffer: ArrayBuffer
  try {
    buffer = by.view(address, bytes)
  } catch (cause) {
    by.munmap(address, bytes)
    const details = { operation: 'mmap', bytes }
    throw new VarveError('ERR_IO', 'this runtime takes no memory from outside', details, { cause })
  }
  const token = {}
  abandoned.register(buffer, { calls: by, address, bytes }, token)
  return fileMap(by, buffer, address, token)
}

function fileMap(by: MapCalls, buffer: ArrayBuffer, address: bigint, token: object): FileMap {
  let view: Uint8Array | undefined = new Uint8Array(buffer)
  const length = view.length
  return {
    get bytes() {
      assert(view !== undefined, 'map: nobody reads after unmap')
      return view
    },
    unmap() {
      if (view === undefined) return
      const mapped = view.buffer as ArrayBuffer
      view = undefined
      if (!detach(mapped)) return // The registry takes it back when the last view is gone.
      abandoned.unregister(token)
      by.munmap(address, length)
    },
  }
}
