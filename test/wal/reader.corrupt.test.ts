// Goal: damage is located or, at the very end, reported as torn; never a wrong row, never a hang.
// Method: small logs on the memory twin; every bit flipped, every length cut, sectors zeroed;
// forged records with right hashes; each result compared with the rows that were written.
import { describe, expect, test } from 'vitest'
import { VarveError } from '../../src/base/index.ts'
import { memoryVfs } from '../../src/vfs/index.ts'
import type { MemoryVfs, VfsFile } from '../../src/vfs/index.ts'
import { readLog } from '../../src/wal/index.ts'
import type { LogMode, LogSummary, ReadLogOptions } from '../../src/wal/index.ts'
import { encodeFileHeader, fileHeaderBytes, sealRecord, viewOf } from '../../src/wal/layout.ts'
import { surveyTail } from '../../src/wal/record-scan.ts'
import { RecordWindow } from '../../src/wal/record-window.ts'
import { append, bytesOf, newBed, rewrite, storeId } from './log-bed.ts'

const path = '/store/wal/000000000001.wal'

/** Three groups; `isClosed` ends the file, else its last watermark is there only when `marked`. */
async function smallLog(mode: LogMode, isClosed: boolean, marked = true): Promise<Uint8Array> {
  const bed = newBed(mode)
  for (const text of ['one', 'two', 'three']) {
    append(bed.log, text, 2)
    if (text === 'three' && !marked) break
    await bed.log.flush()
  }
  if (!marked) {
    bed.vfs.holdSyncs()
    bed.scheduler.run()
  }
  const bytes = bytesOf(bed.vfs, path).slice(0, bed.log.bytes + 64)
  if (!isClosed) return bytes
  await bed.log.close()
  return bytesOf(bed.vfs, path)
}

interface Read {
  readonly texts: string[]
  readonly summary: LogSummary | undefined
  readonly error: VarveError | undefined
}

function diskWith(bytes: Uint8Array): MemoryVfs {
  const vfs = memoryVfs()
  vfs.makeDirectory('/store/wal')
  vfs.open(path, 'create').close()
  rewrite(vfs, path, bytes)
  return vfs
}

function read(bytes: Uint8Array, options: Partial<ReadLogOptions> = {}): Read {
  const texts: string[] = []
  try {
    const summary = readLog(
      diskWith(bytes),
      path,
      { fileNumber: 1, storeId, ...options },
      (entry) => texts.push(new TextDecoder().decode(entry.bytes)),
    )
    return { texts, summary, error: undefined }
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
    return { texts, summary: undefined, error }
  }
}

const all = ['one', 'two', 'three']

describe('every bit', () => {
  test.each([
    ['closed', 'group', true, true],
    ['after the last watermark', 'group', false, true],
    ['before the last watermark', 'group', false, false],
    ['sync', 'sync', false, true],
    ['os, before the last watermark', 'os', false, false],
  ] satisfies [string, LogMode, boolean, boolean][])('%s', async (_, mode, isClosed, marked) => {
    const bytes = await smallLog(mode, isClosed, marked)
    const whole = read(bytes)
    expect(whole.texts).toEqual(all)
    const synced = whole.summary?.synced.offset ?? 0
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const offset = bit >> 3
      const flipped = bytes.slice()
      flipped[offset]! ^= 1 << (bit & 7)
      const { texts, summary, error } = read(flipped)
      const place = `bit ${bit}`
      if (summary === undefined) {
        expect(error, place).toMatchObject({ code: 'ERR_CORRUPT', details: { file: path } })
        expect(Number(error?.details['offset']), place).toBeLessThanOrEqual(offset)
        expect(all.slice(0, texts.length), place).toEqual(texts)
      } else {
        // Below the last watermark that is left nothing passes; a bad last watermark protects one
        // group less.
        expect(offset, place).toBeGreaterThanOrEqual(Math.min(synced, summary.synced.offset))
        expect(all.slice(0, texts.length), place).toEqual(texts)
        expect(texts.length, place).toBeGreaterThanOrEqual(marked ? 3 : 2)
        expect(summary.torn ?? summary.endOffset > offset, place).toBeTruthy()
        if (summary.torn !== undefined) expect(summary.acknowledgementUnknown, place).toBe(true)
      }
    }
  })
})

describe('every length', () => {
  test.each(['group', 'sync', 'os'] as const)('mode %s', async (mode) => {
    const bytes = await smallLog(mode, true)
    let countBefore = 0
    for (let length = 0; length <= bytes.length; length += 1) {
      const { texts, summary, error } = read(bytes.subarray(0, length))
      if (length < fileHeaderBytes) {
        expect(error?.code).toBe('ERR_CORRUPT')
        continue
      }
      expect(error).toBeUndefined()
      expect(all.slice(0, texts.length)).toEqual(texts)
      expect(texts.length).toBeGreaterThanOrEqual(countBefore)
      countBefore = texts.length
      const isBoundary = summary?.endOffset === length
      expect(summary?.torn === undefined).toBe(isBoundary)
      expect(summary?.isCleanEnd).toBe(length === bytes.length)
      const { offset = 0, bytes: count = 0 } = summary?.torn ?? {}
      if (!isBoundary) expect(offset).toBe(summary?.endOffset)
      expect(offset + count).toBeLessThanOrEqual(length)
    }
    expect(countBefore).toBe(3)
  })

  test('before the end that the manifest knows all is damage, after it nothing', async () => {
    const bytes = await smallLog('group', false)
    const { summary } = read(bytes)
    const end = summary!.synced
    expect(read(bytes, { end }).texts).toEqual(all)
    expect(read(bytes, { end }).summary?.endOffset).toBe(end.offset)
    for (let length = fileHeaderBytes; length < end.offset; length += 1) {
      const { error } = read(bytes.subarray(0, length), { end })
      expect(error?.code, `length ${length}`).toBe('ERR_CORRUPT')
      const zeroed = new Uint8Array(bytes.length)
      zeroed.set(bytes.subarray(0, length))
      const isSame = bytes.subarray(length, end.offset).every((byte) => byte === 0) // padding
      const code = isSame ? undefined : 'ERR_CORRUPT'
      expect(read(zeroed, { end }).error?.code, `zeros from ${length}`).toBe(code)
    }
    expect(read(bytes, { end: { offset: end.offset - 8 } }).error?.code).toBe('ERR_CORRUPT')
    expect(read(bytes, { end: { ...end, lsnEnd: 1n } }).error?.code).toBe('ERR_CORRUPT')
    expect(read(bytes, { end: { ...end, hash: 1n } }).error?.code).toBe('ERR_CORRUPT')
    expect(
      read(bytes, { end: { ...end, hash: 1n }, isSalvage: true }).summary?.damage,
    ).toHaveLength(1)
  })
})

/** Offsets of the records of a small log, in order. */
function recordOffsets(bytes: Uint8Array): number[] {
  const offsets: number[] = []
  const view = viewOf(bytes)
  let at = fileHeaderBytes
  while (at + 48 <= bytes.length && view.getUint32(at + 8, true) === 0x43455256) {
    offsets.push(at)
    at += 48 + view.getUint32(at + 12, true)
  }
  return offsets
}

function zeroed(bytes: Uint8Array, from: number, to: number): Uint8Array {
  return bytes.slice().fill(0, from, to)
}

describe('what the first bad record means', () => {
  test('a lost watermark is no loss of rows where nothing says it was synced', async () => {
    const bytes = await smallLog('group', false, false)
    const [, , , second = 0, third = 0] = [0, ...recordOffsets(bytes)]
    expect(recordOffsets(bytes)).toHaveLength(5) // group mark group mark group
    const lastMark = recordOffsets(bytes)[3]!
    const { texts, summary } = read(zeroed(bytes, lastMark, lastMark + 72))
    expect(texts).toEqual(all)
    expect(summary?.torn).toBeUndefined()
    expect(second).toBeLessThan(third)
    // A watermark before that was on the device when the later one was written.
    const firstMark = recordOffsets(bytes)[1]!
    expect(read(zeroed(bytes, firstMark, firstMark + 72)).error?.code).toBe('ERR_CORRUPT')
  })

  test('os: past the watermark the first bad group tears off the rest', async () => {
    const bed = newBed('os')
    append(bed.log, 'one')
    await bed.log.flush()
    for (const text of ['two', 'three', 'four']) append(bed.log, text)
    const bytes = bytesOf(bed.vfs, path).slice(0, bed.log.bytes)
    const offsets = recordOffsets(bytes)
    expect(offsets).toHaveLength(5)
    const torn = read(zeroed(bytes, offsets[3]!, offsets[4]!))
    expect(torn.texts).toEqual(['one', 'two'])
    expect(torn.summary?.torn).toMatchObject({
      offset: offsets[3],
      bytes: bytes.length - offsets[3]! - countZerosAtEnd(bytes),
    })
    expect(read(zeroed(bytes, offsets[0]!, offsets[1]!)).error?.code).toBe('ERR_CORRUPT')
    await bed.log.close()
  })

  test('a later group is proof of damage', async () => {
    const bytes = await smallLog('group', false, false)
    const offsets = recordOffsets(bytes)
    const { error, texts } = read(zeroed(bytes, offsets[2]!, offsets[3]! + 72))
    expect(texts).toEqual(['one'])
    expect(error).toMatchObject({
      code: 'ERR_CORRUPT',
      details: { offset: offsets[2], file: path },
    })
  })

  test('salvage lists the damage and goes on behind it', async () => {
    const bytes = await smallLog('group', true)
    const offsets = recordOffsets(bytes)
    const { texts, summary } = read(zeroed(bytes, offsets[2]!, offsets[2]! + 20), {
      isSalvage: true,
    })
    expect(texts).toEqual(['one', 'three'])
    expect(summary?.damage).toEqual([
      expect.objectContaining({ offset: offsets[2], bytes: offsets[3]! - offsets[2]! }),
    ])
    const headless = read(zeroed(bytes, 0, 8), { isSalvage: true })
    expect(headless.texts).toEqual(all)
    expect(headless.summary?.damage).toMatchObject([{ offset: 0, bytes: fileHeaderBytes }])
    const two = bytes.slice()
    two[offsets[0]!]! ^= 1
    two[offsets[4]! + 50]! ^= 1
    two[offsets[5]!]! ^= 1
    two[offsets[6]!]! ^= 1
    const rest = read(two, { isSalvage: true })
    expect(rest.texts).toEqual(['two'])
    expect(rest.summary?.damage).toHaveLength(1)
    expect(rest.summary?.torn?.offset).toBe(offsets[4])
    const foreign = read(bytes, { isSalvage: true, expectedPreviousHash: 5n })
    expect(foreign.texts).toEqual(all)
    expect(foreign.summary?.damage).toHaveLength(1)
  })

  test('salvage never takes rows twice: an old record pasted behind is skipped', async () => {
    const bytes = await smallLog('group', false)
    const offsets = recordOffsets(bytes)
    const pasted = new Uint8Array(offsets[5]! + 8 + (offsets[1]! - offsets[0]!))
    pasted.set(bytes.subarray(0, offsets[5]))
    pasted.fill(0xff, offsets[5]!, offsets[5]! + 8)
    pasted.set(bytes.subarray(offsets[0], offsets[1]), offsets[5]! + 8)
    expect(read(pasted).error?.code).toBe('ERR_CORRUPT')
    const { texts, summary } = read(pasted, { isSalvage: true })
    expect(texts).toEqual(all)
    expect(summary?.damage).toHaveLength(2)
  })
})

function countZerosAtEnd(bytes: Uint8Array): number {
  let count = 0
  while (bytes[bytes.length - 1 - count] === 0) count += 1
  return count
}

describe('foreign and hostile bytes', () => {
  const header = {
    storeId,
    fileNumber: 1,
    epoch: 1,
    mode: 'group',
    firstLsn: 1n << 40n,
    previousHash: 0n,
    previousFileNumber: 0,
    createdAt: 0n,
  } as const

  /** A log file of records given by payload, with right hashes. */
  function forge(
    records: readonly {
      payload: Uint8Array
      type?: number
      rowCount?: number
      lsnFirst?: bigint
      previousHash?: bigint
    }[],
  ): Uint8Array {
    const { bytes, hash } = encodeFileHeader(header)
    const parts = [bytes]
    let last = hash
    let lsnEnd = header.firstLsn
    for (const given of records) {
      const { payload, type = 1, rowCount = 1, lsnFirst = lsnEnd, previousHash = last } = given
      const record = new Uint8Array(48 + payload.length)
      record.set(payload, 48)
      const fields = { type, rowCount, lsnFirst, previousHash, manifestEdit: 0 }
      const sealed = sealRecord(record, viewOf(record), 1n, fields)
      if (type === 1) last = sealed
      lsnEnd = lsnFirst + BigInt(rowCount)
      parts.push(record)
    }
    return new Uint8Array(Buffer.concat(parts))
  }

  function payload(bytes: number, type: number, rowCount: number, length = 24): Uint8Array {
    const made = new Uint8Array(length)
    const view = viewOf(made)
    view.setUint32(0, bytes, true)
    view.setUint32(4, type, true)
    view.setUint32(8, rowCount, true)
    return made
  }

  test('another store, another number, another chain, another version', async () => {
    const bytes = await smallLog('group', true)
    const code = (options: Partial<ReadLogOptions>): string | undefined =>
      read(bytes, options).error?.code
    expect(code({ storeId: new Uint8Array(16) })).toBe('ERR_CORRUPT')
    expect(code({ fileNumber: 2 })).toBe('ERR_CORRUPT')
    expect(code({ expectedPreviousHash: 1n })).toBe('ERR_CORRUPT')
    expect(code({ expectedPreviousHash: 0n })).toBeUndefined()
    expect(code({ from: { offset: 1 << 20, lsnEnd: 0n, hash: 0n } })).toBe('ERR_CORRUPT')
    expect(() => readLog(memoryVfs(), '/none', { fileNumber: 1, storeId }, () => {})).toThrow(
      expect.objectContaining({ code: 'ERR_NOT_FOUND' }),
    )
  })

  async function rehashed(at: number, value: number): Promise<VarveError | undefined> {
    const { hash64 } = await import('../../src/kernel/index.ts')
    const bytes = encodeFileHeader(header).bytes
    bytes[at] = value
    const headerBytes = viewOf(bytes).getUint16(6, true)
    const grown = new Uint8Array(Math.max(bytes.length, headerBytes))
    grown.set(bytes)
    const hash = hash64(grown.subarray(0, headerBytes - 8), 1n)
    viewOf(grown).setBigUint64(headerBytes - 8, hash, true)
    return read(grown).error
  }

  test('a sound header of a later version is ERR_VERSION', async () => {
    expect((await rehashed(4, 2))?.code).toBe('ERR_VERSION')
    expect((await rehashed(8, 1))?.code).toBe('ERR_VERSION')
    expect((await rehashed(16, 1))?.code).toBeUndefined() // optional: skipped
    expect((await rehashed(6, 104))?.code).toBe('ERR_CORRUPT')
    expect((await rehashed(40, 9))?.code).toBe('ERR_CORRUPT')
    expect((await rehashed(52, 9))?.code).toBe('ERR_CORRUPT')
    expect((await rehashed(24, 9))?.code).toBe('ERR_CORRUPT')
    // Damage is not salvaged where the version is not known.
    const newer = encodeFileHeader(header).bytes
    expect(read(newer, { isSalvage: true }).error).toBeUndefined()
  })

  test.each([
    ['an entry longer than its record', payload(100, 1, 1)],
    ['an entry header cut off', payload(8, 1, 1, 32)],
    ['rows that do not add up', payload(8, 1, 7)],
  ])('right hash, wrong entries: %s', (_, bytes) => {
    expect(read(forge([{ payload: bytes }])).error).toMatchObject({
      code: 'ERR_CORRUPT',
      details: { file: path },
    })
  })

  test.each([
    ['an unknown type', { payload: payload(8, 1, 1), type: 9 }],
    ['a flag', { payload: payload(8, 1, 1), type: 0x101 }],
    ['a watermark of another size', { payload: payload(8, 1, 1, 16), type: 2, rowCount: 0 }],
    ['a watermark of what is behind it', { payload: payload(4096, 0, 0), type: 2, rowCount: 0 }],
    ['an lsn that jumps', { payload: payload(8, 1, 1), lsnFirst: (1n << 40n) + 5n }],
    ['an epoch not yet begun', { payload: payload(8, 1, 1), lsnFirst: 2n << 40n }],
    ['an lsn that falls', { payload: payload(8, 1, 1), lsnFirst: 5n }],
    ['a link to another record', { payload: payload(8, 1, 1), previousHash: 5n }],
  ])('right hash, wrong record: %s', (_, record) => {
    const good = { payload: payload(8, 1, 1) }
    expect(read(forge([good])).texts).toHaveLength(1)
    const last = read(forge([good, record]))
    expect(last.texts).toHaveLength(1)
    expect(last.summary?.torn ?? last.error).toBeTruthy()
  })

  test('a record longer than records may be, and one with an odd length', () => {
    const bytes = new Uint8Array(4096).fill(1)
    bytes.set(forge([]))
    viewOf(bytes).setUint32(fileHeaderBytes + 8, 0x43455256, true)
    for (const length of [2 ** 32 - 8, 7, 8 * 1000]) {
      viewOf(bytes).setUint32(fileHeaderBytes + 12, length, true)
      expect(read(bytes).summary?.torn?.offset).toBe(fileHeaderBytes)
    }
  })

  test('a file that is cut between two looks has nothing behind', () => {
    const size = 6 << 20
    let reads = 0
    const file: VfsFile = {
      path,
      size: () => size,
      read(target) {
        reads += 1
        return reads > 2 ? 0 : target.fill(9).length
      },
      write: () => undefined,
      truncate: () => undefined,
      datasync: () => Promise.resolve(),
      datasyncSync: () => undefined,
      close: () => undefined,
    }
    const tail = surveyTail(new RecordWindow(file, size), 0, 1n)
    expect(tail).toMatchObject({ nonZeroEnd: size, firstOffset: undefined, isHostile: false })
    expect(reads).toBe(3)
  })

  test('false beginnings all over a file cost bounded time', () => {
    const bytes = new Uint8Array(3 << 20)
    bytes.set(forge([]))
    const view = viewOf(bytes)
    for (let at = fileHeaderBytes; at + 16 < bytes.length; at += 16) {
      view.setUint32(at + 8, 0x43455256, true)
      view.setUint32(at + 12, Math.max(0, bytes.length - at - 4096) & ~7, true)
    }
    const start = performance.now()
    expect(read(bytes).error?.code).toBe('ERR_CORRUPT')
    expect(performance.now() - start).toBeLessThan(3000)
  })
})
