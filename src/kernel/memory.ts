// Memory for results. Arrays of some MiB that are made for one answer come fresh from the operating
// system each time: zeroing them is one pass too many, and touching them page by page takes longer
// than decoding into them. So nothing is zeroed, and Linux is asked for large pages (madvise(2),
// MADV_HUGEPAGE; koffi makes the call). It is advice: where it cannot be given or is not taken the
// memory is the same, and its first touch slower.
import { loadKoffi } from './koffi.ts'
import type { Koffi } from './koffi.ts'

type Advise = (buffer: ArrayBuffer) => void

const adviceHugePages = 14
/** Of the large pages of x64, and of arm64 with pages of 4 KiB. */
const hugePageBytes = 2 << 20
const advisedBytesMin = 2 * hugePageBytes

let advise: Advise | undefined

function bindAdvise(koffi: Koffi): Advise {
  const madvise = koffi.load(null).func('int madvise(void *address, size_t bytes, int advice)')
  return (buffer) => {
    const address = BigInt(koffi.address(buffer))
    const inset = -Number(address % BigInt(hugePageBytes)) & (hugePageBytes - 1)
    const bytes = (buffer.byteLength - inset) & -hugePageBytes
    // What it answers changes nothing: it is advice.
    if (bytes > 0) madvise(address + BigInt(inset), bytes, adviceHugePages)
  }
}

function loadAdvise(): Advise | undefined {
  if (advise !== undefined) return advise
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) return undefined
  const koffi = loadKoffi()
  if (koffi !== undefined) advise = bindAdvise(koffi)
  return advise
}

/** Exactly `bytes` bytes with anything in them: the caller writes all of them before anybody else
 *  sees the buffer. */
export function bareMemory(bytes: number): ArrayBuffer {
  const buffer = Buffer.allocUnsafeSlow(bytes).buffer
  if (bytes >= advisedBytesMin) loadAdvise()?.(buffer)
  return buffer
}
