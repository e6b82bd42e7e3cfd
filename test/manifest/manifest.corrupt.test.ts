// Goal: damage is found before it is believed: the same answers, a torn last record, or a located
// error; never a hang, never another error.
// Method: every bit of a small store's manifest and CURRENT is flipped, every truncation made,
// 8-byte pieces zeroed and swapped; hostile files are made by hand with right hashes.
import { beforeAll, describe, expect, test } from 'vitest'
import { VarveError } from '#base'
import { loadKernels } from '#kernel'
import { encodeChanges, Manifest } from '#manifest'
import { memoryVfs } from '#vfs'
import { encodeHeader, encodeRecord, headerBytes } from '../../src/manifest/layout.ts'
import { hash64 } from '#kernel'
import { smallStore } from './small-store.ts'
import { storeId, textOfHistory } from './workload.ts'

beforeAll(() => loadKernels())

const manifestPath = '/s/manifest/000000000001.manifest'
const currentPath = '/s/CURRENT'

/** The store again, its file at `path` changed by `damage`. */
function readDamaged(path: string, damage: (bytes: Uint8Array) => Uint8Array): Manifest {
  const vfs = memoryVfs()
  smallStore(vfs).close()
  const file = vfs.open(path, 'write')
  const bytes = new Uint8Array(file.size())
  file.read(bytes, 0)
  const damaged = damage(bytes)
  file.truncate(0)
  file.write(damaged, 0)
  file.close()
  return Manifest.open({ vfs }, '/s', { readOnly: true })
}

const whole = (bytes: Uint8Array): Uint8Array => bytes

/** What became of it: 'same', 'torn' (the last edit is missing and told of) or the error's code. */
function outcome(path: string, damage: (bytes: Uint8Array) => Uint8Array): string {
  const good = readDamaged(path, whole)
  try {
    const found = readDamaged(path, damage)
    if (textOfHistory(found) === textOfHistory(good)) return 'same'
    expect(found.torn).toMatchObject({ file: manifestPath, offset: found.bytes })
    expect(found.state.editNumber).toBe(good.state.editNumber - 1)
    expect(() => found.requireEdit(good.state.editNumber)).toThrow('lost its tail')
    return 'torn'
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
    expect(error.details).toHaveProperty('file', path)
    return error.code
  }
}

function sizeOf(path: string): { bytes: number; lastRecordAt: number } {
  const vfs = memoryVfs()
  smallStore(vfs)
  const bytes = vfs.stat(path)?.bytes ?? 0
  return { bytes, lastRecordAt: bytes - 16 - 40 }
}

describe('the manifest', () => {
  const flipped = (image: Uint8Array, at: number, bit: number): Uint8Array => {
    image[at] = (image[at] as number) ^ (1 << bit)
    return image
  }

  test('every bit flipped', () => {
    const { bytes } = sizeOf(manifestPath)
    for (let at = 0; at < bytes; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const found = outcome(manifestPath, (image) => flipped(image, at, bit))
        const expected = at < bytes - 16 ? 'ERR_CORRUPT' : 'same'
        expect(`${at}.${bit} ${found}`).toBe(`${at}.${bit} ${expected}`)
      }
    }
  })

  test('without a mark, a bad last record cannot be told from a torn one', () => {
    const { bytes, lastRecordAt } = sizeOf(manifestPath)
    for (let at = lastRecordAt - 8; at < bytes - 16; at += 1) {
      const found = outcome(manifestPath, (image) => flipped(image.slice(0, -16), at, at % 8))
      expect(`${at} ${found}`).toBe(`${at} ${at < lastRecordAt ? 'ERR_CORRUPT' : 'torn'}`)
    }
  })

  test('every truncation: an earlier edit, told of, or damage', () => {
    const { bytes } = sizeOf(manifestPath)
    const edits = new Set<number>()
    for (let length = 0; length < bytes; length += 1) {
      try {
        const found = readDamaged(manifestPath, (image) => image.slice(0, length))
        edits.add(found.state.editNumber)
        expect(found.bytes + (found.torn?.bytes.length ?? 0)).toBeGreaterThanOrEqual(length - 16)
        if (found.state.editNumber < 6) expect(() => found.requireEdit(6)).toThrow('lost its tail')
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_CORRUPT', details: { file: manifestPath } })
      }
    }
    expect([...edits]).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('zeroed, repeated and swapped pieces', () => {
    const { bytes } = sizeOf(manifestPath)
    const found = new Set<string>()
    for (let at = 0; at + 32 <= bytes; at += 8) {
      found.add(outcome(manifestPath, (image) => image.fill(0, at, at + 8)))
      found.add(outcome(manifestPath, (image) => image.copyWithin(at, at + 8, at + 16)))
      const swap = (image: Uint8Array): Uint8Array => {
        const first = image.slice(at, at + 8)
        image.copyWithin(at, at + 8, at + 16)
        image.set(first, at + 8)
        return image
      }
      found.add(outcome(manifestPath, swap))
    }
    expect([...found].sort()).toEqual(['ERR_CORRUPT', 'same'])
  })

  test('anything behind the last record is torn, not read', () => {
    const append = (bytes: Uint8Array, more: number[]): Uint8Array =>
      new Uint8Array([...bytes.subarray(0, bytes.length - 16), ...more])
    for (const more of [[0], [1, 2, 3], Array.from({ length: 64 }, () => 0)]) {
      const found = readDamaged(manifestPath, (bytes) => append(bytes, more))
      expect(found.torn?.bytes).toEqual(Uint8Array.from(more))
      expect(found.state.editNumber).toBe(6)
    }
  })
})

describe('CURRENT', () => {
  test('every bit flipped', () => {
    for (let at = 0; at < sizeOf(currentPath).bytes; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const found = outcome(currentPath, (image) => {
          image[at] = (image[at] as number) ^ (1 << bit)
          return image
        })
        expect(`${at}.${bit} ${found}`).toBe(`${at}.${bit} ERR_CORRUPT`)
      }
    }
  })

  test('every truncation, and growth', () => {
    for (let length = 0; length < sizeOf(currentPath).bytes; length += 1) {
      expect(outcome(currentPath, (image) => image.slice(0, length))).toBe('ERR_CORRUPT')
    }
    const grown = (image: Uint8Array): Uint8Array => new Uint8Array([...image, 10])
    expect(outcome(currentPath, grown)).toBe('ERR_CORRUPT')
    const much = (image: Uint8Array): Uint8Array => new Uint8Array([...image, ...Buffer.alloc(999)])
    expect(outcome(currentPath, much)).toBe('ERR_CORRUPT')
  })

  test('a newer format is ERR_VERSION', () => {
    const line = 'varve-manifest 2 000000000001'
    const hash = hash64(new TextEncoder().encode(line)).toString(16).padStart(16, '0')
    const newer = new TextEncoder().encode(`${line} ${hash}\n`)
    expect(outcome(currentPath, () => newer)).toBe('ERR_VERSION')
  })
})

/** A file with right hashes and these payloads. */
function made(payloads: readonly Uint8Array[], header = headerOf({})): Uint8Array {
  let previous = hash64(header.subarray(0, header.length - 8))
  const pieces = [header]
  payloads.forEach((payload, index) => {
    const record = encodeRecord(1, index + 1, previous, payload)
    previous = record.hash
    pieces.push(record.bytes)
  })
  return new Uint8Array(Buffer.concat(pieces))
}

/** A header with a right hash, its fields set at their offsets. */
function headerOf(fields: Readonly<Record<number, number>>, length = headerBytes): Uint8Array {
  const header = new Uint8Array(length)
  header.set(encodeHeader(storeId, 1, headerBytes).subarray(0, headerBytes - 8))
  for (const [offset, value] of Object.entries(fields)) header[Number(offset)] = value
  const hash = hash64(header.subarray(0, length - 8))
  new DataView(header.buffer).setBigUint64(length - 8, hash, true)
  return header
}

const created = encodeChanges([{ type: 'storeCreated', storeId, createdAt: 1n }])

describe('made files', () => {
  const cases: [string, string, () => Uint8Array][] = [
    ['a whole one', 'same', () => made([created])],
    ['a longer header of this format', 'same', () => made([created], headerOf({ 6: 72 }, 72))],
    ['a newer format', 'ERR_VERSION', () => made([created], headerOf({ 4: 2 }))],
    ['a needed feature', 'ERR_VERSION', () => made([created], headerOf({ 8: 1 }))],
    ['an optional feature', 'same', () => made([created], headerOf({ 16: 1 }))],
    ['a short header', 'ERR_CORRUPT', () => made([created], headerOf({ 6: 56 }))],
    ['a header of odd length', 'ERR_CORRUPT', () => made([created], headerOf({ 6: 66 }))],
    ['a header past the end', 'ERR_CORRUPT', () => headerOf({ 6: 72 })],
    ['a huge header', 'ERR_CORRUPT', () => made([created], headerOf({ 7: 255 }))],
    ['the file of another number', 'ERR_CORRUPT', () => made([created], headerOf({ 40: 2 }))],
    ['the file of another store', 'ERR_CORRUPT', () => made([created], headerOf({ 24: 2 }))],
    ['no record', 'ERR_CORRUPT', () => made([])],
    ['a torn birth', 'ERR_CORRUPT', () => made([created], headerOf({ 49: 255 }))],
    ['an unknown change', 'ERR_VERSION', () => made([created, Uint8Array.of(99, 0)])],
    ['an unknown optional change', 'same', () => made([new Uint8Array([200, 1, 5, ...created])])],
    ['a change too long', 'ERR_CORRUPT', () => made([created, Uint8Array.of(2, 9, 1)])],
    ['a change with more', 'ERR_CORRUPT', () => made([created, Uint8Array.of(2, 2, 1, 1)])],
    ['a flag of 2', 'ERR_CORRUPT', () => made([created, Uint8Array.of(3, 5, 1, 1, 0, 1, 2)])],
    ['an unknown word', 'ERR_CORRUPT', () => made([created, Uint8Array.of(5, 2, 1, 9)])],
    [
      'a number too large',
      'ERR_CORRUPT',
      () => made([Uint8Array.of(9, 6, 255, 255, 255, 255, 99, 0)]),
    ],
  ]
  test.each(cases)('%s: %s', (_name, expected, image) => {
    const run = (): string => {
      try {
        const found = readDamaged(manifestPath, image)
        return found.state.storeId.length === 16 && found.torn === undefined ? 'same' : 'torn'
      } catch (error) {
        if (!(error instanceof VarveError)) throw error
        expect(error.details).toHaveProperty('file', manifestPath)
        return error.code
      }
    }
    expect(run()).toBe(expected)
  })

  test('an edit that does not fit what is there is damage', () => {
    const dropped = encodeChanges([{ type: 'fileDropped', fileNumber: 5 }])
    const snapshot = encodeChanges([{ type: 'snapshotDropped', name: 'x' }])
    for (const payload of [dropped, snapshot, created]) {
      expect(() => readDamaged(manifestPath, () => made([created, payload]))).toThrow(
        expect.objectContaining({ code: 'ERR_CORRUPT' }),
      )
    }
  })

  test('a record that is whole and in a wrong place is damage', () => {
    const epochs = [1, 2, 3].map((epoch) => encodeChanges([{ type: 'epochStarted', epoch }]))
    const image = made([created, ...epochs])
    const end = headerBytes + 48 + 8
    const without = new Uint8Array([...image.subarray(0, end), ...image.subarray(end + 40)])
    const found = (): Manifest => readDamaged(manifestPath, () => without)
    expect(found).toThrow('does not follow the one before it')
  })

  describe('a chain that is broken, all hashes right', () => {
    const epochs = [1, 2, 3, 4].map((epoch) => encodeChanges([{ type: 'epochStarted', epoch }]))
    const first = headerBytes + 48 + 8
    const recordOf = (image: Uint8Array, at: number): Uint8Array =>
      image.slice(first + 40 * at, first + 40 * (at + 1))
    const joined = (image: Uint8Array, order: readonly number[], from = image): Uint8Array =>
      new Uint8Array(
        Buffer.concat([image.subarray(0, first), ...order.map((at) => recordOf(from, at))]),
      )
    const whole = made([created, ...epochs])
    const elsewhere = made([created, ...epochs.toReversed()])
    const cases: [string, string, Uint8Array][] = [
      ['as it was', 'same', joined(whole, [0, 1, 2, 3])],
      ['cut short: the last edits are told by others', 'same', joined(whole, [0, 1])],
      ['the first missing', 'ERR_CORRUPT', joined(whole, [1, 2, 3])],
      ['one missing', 'ERR_CORRUPT', joined(whole, [0, 2, 3])],
      ['the last but one missing', 'ERR_CORRUPT', joined(whole, [0, 1, 3])],
      ['two exchanged', 'ERR_CORRUPT', joined(whole, [0, 2, 1, 3])],
      ['one twice', 'ERR_CORRUPT', joined(whole, [0, 1, 1, 2, 3])],
      ['the last one twice', 'ERR_CORRUPT', joined(whole, [0, 1, 2, 3, 3])],
      ['the end of another history', 'ERR_CORRUPT', joined(whole, [1, 2], elsewhere)],
    ]
    test.each(cases)('%s: %s', (_, expected, image) => {
      expect(outcomeOf(image)).toBe(expected)
    })

    test('edit numbers that leave one out', () => {
      const record = recordOf(whole, 0)
      const view = new DataView(record.buffer)
      view.setBigUint64(16, 3n, true)
      view.setBigUint64(0, hash64(record.subarray(8), 1n), true)
      const image = new Uint8Array(Buffer.concat([whole.subarray(0, first), record]))
      expect(outcomeOf(image)).toBe('ERR_CORRUPT')
    })

    function outcomeOf(image: Uint8Array): string {
      try {
        const found = readDamaged(manifestPath, () => image)
        return found.torn === undefined ? 'same' : 'torn'
      } catch (error) {
        expect(error).toMatchObject({ details: { file: manifestPath } })
        return (error as VarveError).code
      }
    }
  })

  test('a file made to look like records everywhere is refused in bounded time', () => {
    const image = made([created])
    const hostile = new Uint8Array(image.length + (1 << 20))
    hostile.set(image)
    const view = new DataView(hostile.buffer)
    for (let at = image.length + 16; at + 16 <= hostile.length; at += 16) {
      view.setUint32(at - 8, 0x54444556, true)
      view.setUint32(at - 4, hostile.length - at - 40, true)
    }
    const started = performance.now()
    expect(() => readDamaged(manifestPath, () => hostile)).toThrow('cannot be told from records')
    expect(performance.now() - started).toBeLessThan(5000)
  })
})
