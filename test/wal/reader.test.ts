// Goal: readers that follow a live writer see whole groups at or below the watermark, once, and
// nothing else; recovery reads long logs in bounded memory. Method: a writer on the memory twin; a
// follower that goes on from where it stopped; a file that changes while it is read.
import { describe, expect, test } from 'vitest'
import { memoryVfs } from '../../src/vfs/index.ts'
import type { Vfs, VfsFile } from '../../src/vfs/index.ts'
import { describeLog, readLog } from '../../src/wal/index.ts'
import type { LogPlace, LogSummary } from '../../src/wal/index.ts'
import { append, bytesOf, newBed, recover, storeId } from './log-bed.ts'

const path = '/store/wal/000000000001.wal'
const base = 1n << 40n

function follow(vfs: Vfs, from: LogPlace | undefined, texts: string[]): LogSummary {
  return readLog(
    vfs,
    path,
    { fileNumber: 1, storeId, upTo: 'watermark', ...(from === undefined ? {} : { from }) },
    (entry) => texts.push(new TextDecoder().decode(entry.bytes)),
  )
}

describe('a follower', () => {
  test.each(['group', 'os'] as const)('mode %s: what is durable, each row once', async (mode) => {
    const bed = newBed(mode)
    const texts: string[] = []
    let place: LogPlace | undefined
    const step = (): void => {
      place = follow(bed.vfs, place, texts).written
    }
    step()
    expect(texts).toEqual([])
    append(bed.log, 'one')
    step()
    await bed.log.flush()
    step()
    expect(texts).toEqual(['one'])
    bed.vfs.holdSyncs()
    append(bed.log, 'two')
    append(bed.log, 'three')
    bed.clock.advance(1000)
    bed.scheduler.run()
    append(bed.log, 'four')
    step()
    step()
    expect(texts).toEqual(['one'])
    bed.vfs.releaseSyncs()
    await bed.scheduler.settle()
    step()
    expect(texts).toEqual(['one', 'two', 'three', 'four'].slice(0, mode === 'os' ? 3 : 4))
    await bed.log.close()
    step()
    expect(texts).toEqual(['one', 'two', 'three', 'four'])
    expect(place?.lsnEnd).toBe(base + 4n)
  })

  test('bytes read before they were written are read again, not damage', async () => {
    const bed = newBed('sync')
    for (const text of ['one', 'two', 'three']) append(bed.log, text)
    // The first look at the file shows the second group as zeros, all later ones as it is.
    let looks = 0
    const late: Vfs = {
      ...bed.vfs,
      open(name, mode) {
        const file = bed.vfs.open(name, mode)
        const shadow: VfsFile = {
          path: file.path,
          size: () => file.size(),
          read(target, offset) {
            const count = file.read(target, offset)
            looks += 1
            if (looks === 1) target.fill(0, 96 + 72 + 72 - offset, 96 + 72 + 72 + 40 - offset)
            return count
          },
          write: () => undefined,
          truncate: () => undefined,
          datasync: () => Promise.resolve(),
          datasyncSync: () => undefined,
          close: () => file.close(),
        }
        return shadow
      },
    }
    const texts: string[] = []
    readLog(late, path, { fileNumber: 1, storeId }, (entry) =>
      texts.push(new TextDecoder().decode(entry.bytes)),
    )
    expect(looks).toBe(2)
    expect(texts).toEqual(['one', 'two', 'three'])
    await bed.log.close()
  })

  test('a file that is cut while it is read ends there', async () => {
    const bed = newBed('sync')
    for (const text of ['one', 'two', 'three']) append(bed.log, text)
    const bytes = bytesOf(bed.vfs, path)
    for (const length of [96, 100, 200, 300]) {
      const cut: Vfs = {
        ...bed.vfs,
        open(name, mode) {
          const file = bed.vfs.open(name, mode)
          return Object.assign(Object.create(file) as VfsFile, {
            size: () => bytes.length,
            close: () => file.close(),
            read(target: Uint8Array, offset: number) {
              const there = bytes.subarray(
                offset,
                Math.max(offset, Math.min(length, offset + target.length)),
              )
              target.set(there)
              return there.length
            },
          })
        },
      }
      const summary = readLog(cut, path, { fileNumber: 1, storeId }, () => {})
      expect(summary.endOffset).toBeLessThanOrEqual(length)
    }
    await bed.log.close()
  })
})

test('records larger than the reading window, and thousands of small ones', async () => {
  const bed = newBed('group')
  const sizes = [10, 9_000_000, 100, 5_000_000]
  for (const size of sizes) append(bed.log, 'x'.repeat(size))
  for (let row = 0; row < 3000; row += 1) {
    append(bed.log, 'y'.repeat(50))
    if (row % 10 === 0) await bed.log.flush()
  }
  await bed.log.close()
  const { texts, lsns, summary } = recover(bed.vfs, bed.manifest)
  expect(texts.slice(0, 4).map((text) => text.length)).toEqual(sizes)
  expect(texts).toHaveLength(3004)
  expect(lsns).toEqual(texts.map((_, row) => base + BigInt(row)))
  expect(summary.isCleanEnd).toBe(true)
})

test('a manifest that lost its tail can be told: records know the newest edit', async () => {
  let edit = 7
  const bed = newBed('sync', { manifestEdit: () => edit })
  append(bed.log, 'one')
  edit = 9
  append(bed.log, 'two')
  expect(recover(bed.vfs, bed.manifest).summary.manifestEdit).toBe(9)
  await bed.log.close()
})

test('describeLog explains every byte of anything', async () => {
  const bed = newBed('group', { vfs: memoryVfs() })
  append(bed.log, 'one hundred')
  await bed.log.close()
  const bytes = bytesOf(bed.vfs, path)
  const inputs = [bytes, bytes.subarray(0, 50), bytes.subarray(0, 200), new Uint8Array(300).fill(7)]
  for (let offset = 0; offset < bytes.length; offset += 1) {
    const flipped = bytes.slice()
    flipped[offset]! ^= 0xff
    inputs.push(flipped)
  }
  for (const input of inputs) {
    let offset = 0
    for (const word of describeLog(input)) {
      expect(word.offset).toBe(offset)
      expect(word.meaning).not.toBe('')
      offset += word.bytes
    }
    expect(offset).toBe(input.length)
  }
  const text = describeLog(bytes.map((byte, at) => (at === 120 ? byte ^ 1 : byte)))
  expect(text.some((word) => word.meaning.endsWith('WRONG'))).toBe(true)
})
