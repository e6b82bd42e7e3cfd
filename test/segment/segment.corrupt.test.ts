// Goal: damaged files give the rows that were written or ERR_CORRUPT with file and place, and verifySegment finds every
// damage. Method: every bit of a small segment is flipped and every length cut; a larger file is sampled; and files are
// forged whose hashes are right, to reach what hashes cannot guard.
import { beforeAll, describe, expect, test } from 'vitest'
import { BugError, VarveError } from '#base'
import { allocateColumn } from '#batch'
import type { ColumnData } from '#batch'
import { hash64, loadKernels } from '#kernel'
import { placeColumnId } from '#schema'
import type { ColumnSpec } from '#schema'
import { RunReader, SegmentWriter, readDirectory, verifySegment } from '#segment'
import type { Directory, FinishedFile, RunBytes, RunInfo } from '#segment'
import { memoryVfs } from '#vfs'
import type { VfsFile } from '#vfs'
import {
  decodeDirectory,
  decodeFooter,
  encodeDirectory,
  encodeFooter,
} from '../../src/segment/footer.ts'
import type { RunFooter } from '../../src/segment/footer.ts'
import { encodeTrailer } from '../../src/segment/layout.ts'
import type { SegmentTrailer } from '../../src/segment/layout.ts'
import { cellText } from '../query/bed.ts'
import { seededRandom } from '../support/manual-env.ts'
import { bytesOf, fileOf, rules, smallFile, specs, startOf, tradeColumns } from './small-file.ts'

beforeAll(loadKernels)

/** As the store reads: a short read is damage. */
function runBytes(file: VfsFile): RunBytes {
  return {
    file: file.path,
    series: 'trade/SPY',
    read(target, offset) {
      if (file.read(target, offset) === target.length) return
      throw new VarveError('ERR_CORRUPT', 'the file is too short', { file: file.path, offset })
    },
  }
}

function readRun(file: VfsFile, run: RunInfo): string[] {
  const reader = new RunReader(runBytes(file), run)
  const targets = specs.map(({ physical, optional }) =>
    allocateColumn(physical, run.rowCount, { optional }),
  )
  reader.read(specs, 0, run.rowCount, targets, 0)
  return targets.flatMap((target) => cells(target, run.rowCount))
}

function cells(column: ColumnData, rowCount: number): string[] {
  return Array.from({ length: rowCount }, (_, row) => cellText(column, row))
}

/** What `action` threw, which must be a VarveError that says where; undefined where it did not throw. */
function damageOf(action: () => unknown): VarveError | undefined {
  try {
    action()
    return undefined
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
    expect(error.details['file']).toBe('/000000000007.segment')
    return error
  }
}

function checkDamaged(bytes: Uint8Array, finished: FinishedFile, expected: string[][]): void {
  const file = fileOf(bytes)
  expect(verifySegment(file).length).toBeGreaterThan(0)
  damageOf(() => readDirectory(file))
  finished.runs.forEach((run, at) => {
    let rows: string[] | undefined
    const error = damageOf(() => {
      rows = readRun(file, run)
    })
    if (error === undefined) expect(rows).toEqual(expected[at])
    else {
      expect(error.code).toBe('ERR_CORRUPT')
      expect(error.details['offset']).toBeTypeOf('number')
    }
  })
}

describe('damage', () => {
  test('every flipped bit of a small segment', () => {
    const { file, finished } = smallFile(5)
    const expected = finished.runs.map((run) => readRun(file, run))
    const bytes = bytesOf(file)
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const mask = 1 << (bit & 7)
      bytes[bit >> 3]! ^= mask
      checkDamaged(bytes, finished, expected)
      bytes[bit >> 3]! ^= mask
    }
  })

  test('every cut of a small segment', () => {
    const { file, finished } = smallFile(5)
    const expected = finished.runs.map((run) => readRun(file, run))
    const bytes = bytesOf(file)
    for (let length = 0; length < bytes.length; length += 1) {
      checkDamaged(bytes.subarray(0, length), finished, expected)
    }
    checkDamaged(new Uint8Array([...bytes, 0]), finished, expected)
  })

  test('sampled flips, cuts and overwritten stretches of a larger pack', () => {
    const { file, finished } = smallFile(3000, 40)
    const expected = finished.runs.map((run) => readRun(file, run))
    const bytes = bytesOf(file)
    const random = seededRandom(7)
    for (let round = 0; round < 150; round += 1) {
      const damaged = bytes.slice()
      const at = Math.floor(random() * bytes.length)
      if (round % 3 === 0) damaged[at]! ^= 1 << Math.floor(random() * 8)
      else if (round % 3 === 1) damaged.fill(damaged[at]! ^ 0xff, at, at + 64)
      checkDamaged(round % 3 === 2 ? damaged.subarray(0, at) : damaged, finished, expected)
    }
  })

  test('verifySegment names series, column and block', () => {
    const { file, finished } = smallFile(3000)
    const bytes = bytesOf(file)
    const run = finished.runs[0]!
    bytes[run.dataOffset + 3]! ^= 1
    const found = verifySegment(fileOf(bytes))
    expect(found).toHaveLength(2)
    expect(found[0]).toEqual({
      file: '/000000000007.segment',
      message: 'the hash of the file differs',
    })
    expect(found[1]).toMatchObject({ series: 'trade/SPY', column: 'price', block: 0 })
    expect(found[1]!.message).toMatch(/checksum \(offset 64, vector 0\)/)
  })
})

interface Forgery {
  readonly footer?: (footer: RunFooter) => RunFooter
  readonly footerBytes?: (bytes: Uint8Array) => Uint8Array
  readonly run?: (run: RunInfo) => RunInfo
  readonly directory?: (directory: Directory) => Directory
  readonly directoryBytes?: (bytes: Uint8Array) => Uint8Array
  readonly trailer?: (trailer: SegmentTrailer) => SegmentTrailer
}

/** The small segment with something changed behind its pages, and all hashes right. */
function forged(change: Forgery, rowCount = 5): { file: VfsFile; run: RunInfo } {
  const made = smallFile(rowCount)
  const bytes = bytesOf(made.file)
  const { directory, trailer } = readDirectory(made.file)
  const old = directory.runs[0]!
  const oldFooter = bytes.subarray(old.footerOffset, old.footerOffset + old.footerBytes)
  const decoded = decodeFooter(oldFooter, {})
  const encoded = encodeFooter(change.footer?.(decoded) ?? decoded)
  const footer = change.footerBytes?.(encoded) ?? encoded
  const moved: RunInfo = { ...old, footerBytes: footer.length, footerHash: hash64(footer) }
  const run = change.run?.(moved) ?? moved
  const told = encodeDirectory(
    change.directory?.({ ...directory, runs: [run] }) ?? {
      ...directory,
      runs: [run],
    },
  )
  const table = change.directoryBytes?.(told) ?? told
  const head = new Uint8Array([...bytes.subarray(0, old.footerOffset), ...footer, ...table])
  const hashes = new BigUint64Array([hash64(head)])
  const honest: SegmentTrailer = {
    ...trailer,
    directoryOffset: old.footerOffset + footer.length,
    directoryBytes: table.length,
    directoryHash: hash64(table),
    fileHash: hash64(new Uint8Array(hashes.buffer)),
    fileBytes: head.length + 64,
  }
  const end = encodeTrailer(change.trailer?.(honest) ?? honest)
  return { file: fileOf(new Uint8Array([...head, ...end])), run }
}

function messagesOf(file: VfsFile): string {
  return verifySegment(file)
    .map(({ message }) => message)
    .join('; ')
}

/** The column of an id, changed. */
function columnChanged(id: number, change: (c: RunFooter['columns'][number]) => object) {
  return (footer: RunFooter): RunFooter => ({
    ...footer,
    columns: footer.columns.map((c) => (c.columnId === id ? { ...c, ...change(c) } : c)),
  })
}

/** The zone of an integer column's first page with one array changed. */
function zoneChanged(id: number, name: 'min' | 'max' | 'first' | 'last', add: bigint) {
  return columnChanged(id, ({ pages }) => {
    const page = pages[0]!
    const values = page.zone![name].map((value) => value + add)
    return { pages: [{ ...page, zone: { ...page.zone!, [name]: values } }] }
  })
}

describe('forged files, all hashes right', () => {
  test('nothing changed is nothing found', () => {
    expect(verifySegment(forged({}).file)).toEqual([])
  })

  test.each<[string, Forgery, RegExp]>([
    ['another number of runs', { trailer: (t) => ({ ...t, runCount: 2 }) }, /number of runs/],
    ['another file number', { trailer: (t) => ({ ...t, fileNumber: 8 }) }, /another file/],
    ['another size', { trailer: (t) => ({ ...t, fileBytes: 9 }) }, /end at the trailer/],
    [
      'a place that adds up, in a longer file',
      {
        trailer: (t) => ({
          ...t,
          fileBytes: t.fileBytes + 8,
          directoryBytes: t.directoryBytes + 8,
        }),
      },
      /another file/,
    ],
    ['another directory hash', { trailer: (t) => ({ ...t, directoryHash: 1n }) }, /directory hash/],
    ['a run before the pages', { run: (r) => ({ ...r, dataOffset: 63 }) }, /outside the data/],
    [
      'data over the footer',
      { run: (r) => ({ ...r, dataBytes: r.dataBytes + 1 }) },
      /outside the data/,
    ],
    [
      'a footer of 2^50 bytes',
      { run: (r) => ({ ...r, footerBytes: 2 ** 50 }) },
      /outside the data/,
    ],
    ['fewer bytes of data', { run: (r) => ({ ...r, dataBytes: 48 }) }, /other rows or bytes/],
    ['more rows', { run: (r) => ({ ...r, rowCount: 6 }) }, /other rows or bytes/],
    ['another footer hash', { run: (r) => ({ ...r, footerHash: 1n }) }, /hash of a run footer/],
    ['other content', { run: (r) => ({ ...r, contentHash: new Uint8Array(32) }) }, /content hash/],
    ['a later least time', { run: (r) => ({ ...r, timeMin: r.timeMin + 1n }) }, /outside its run/],
    [
      'an earlier greatest time',
      { run: (r) => ({ ...r, timeMax: r.timeMax - 1n }) },
      /outside its run/,
    ],
    [
      'a byte too many in the directory',
      { directoryBytes: (b) => new Uint8Array([...b, 0]) },
      /too many/,
    ],
    ['a byte too many in a footer', { footerBytes: (b) => new Uint8Array([...b, 0]) }, /too many/],
    ['a cut footer', { footerBytes: (b) => b.subarray(0, b.length - 1) }, /more bytes? expected/],
    [
      '2^40 rows in a short footer',
      { footer: (f) => ({ ...f, rowCount: 2 ** 40, columns: [] }) },
      /short footer/,
    ],
    ['an unknown form', { footerBytes: (b) => b.with(4, 9) }, /unknown form/],
    [
      'columns out of order',
      { footer: (f) => ({ ...f, columns: f.columns.toReversed() }) },
      /order of id/,
    ],
    [
      'no column of times',
      { footer: (f) => ({ ...f, columns: f.columns.slice(1) }) },
      /no column of times/,
    ],
    ['no columns at all', { footer: (f) => ({ ...f, columns: [] }) }, /short footer/],
    [
      'a dictionary that is too short',
      { footer: columnChanged(18, ({ dictionary }) => ({ dictionary: dictionary!.slice(1) })) },
      /not in the dictionary/,
    ],
    [
      'a column of another form',
      { directory: (d) => ({ ...d, schemas: retyped(d, 'price', 'i64') }) },
      /is stored as f64/,
    ],
    [
      'a zone map with a later last value',
      { footer: zoneChanged(0, 'last', -1_000_000n) },
      /zone map/,
    ],
    [
      'a zone map with another first value',
      { footer: zoneChanged(0, 'first', 250_000_000n) },
      /zone map/,
    ],
    ['a zone map of prices that ends early', { footer: zoneChanged(16, 'max', -1n) }, /zone map/],
    ['a zone map of prices, another last', { footer: zoneChanged(16, 'last', -1n) }, /zone map/],
    ['a zone map of codes that ends late', { footer: zoneChanged(18, 'max', 1n) }, /zone map/],
    ['a zone map of codes, another first', { footer: zoneChanged(18, 'first', 1n) }, /zone map/],
  ])('%s', (_, change, message) => {
    const { file, run } = forged(change)
    expect(messagesOf(file)).toMatch(message)
    // Whoever finds runs by the directory never reaches one that it refuses.
    damageOf(() => {
      readDirectory(file)
      readRun(file, run)
    })
  })

  function retyped(directory: Directory, name: string, type: 'i64') {
    return directory.schemas.map((schema) => ({
      ...schema,
      columns: schema.columns.map((c) => (c.name === name ? { ...c, type } : c)),
    }))
  }

  test('a column of an unknown type is of a newer varve; a rule or an index is damage', () => {
    const { file } = smallFile(5)
    const { trailer } = readDirectory(file)
    const bytes = bytesOf(file).slice(trailer.directoryOffset, -64)
    const changed = (at: number, value: number) => () =>
      decodeDirectory(bytes.with(at, value), '/000000000007.segment')
    // Offsets as the example of the README has them, less 208.
    expect(damageOf(changed(229 - 208, 0x67))?.code).toBe('ERR_VERSION')
    expect(damageOf(changed(219 - 208, 3))?.message).toMatch(/rule for duplicates/)
    expect(damageOf(changed(325 - 208, 1))?.message).toMatch(/not there/)
    expect(damageOf(changed(326 - 208, 1))?.message).toMatch(/not there/)
    expect(damageOf(changed(324 - 208, 0x7f))?.code).toBe('ERR_CORRUPT')
  })

  test('times out of order are found', () => {
    const made = memoryVfs().open('/000000000007.segment', 'create')
    const writer = new SegmentWriter(made, {
      fileKind: 'segment',
      fileNumber: 7,
      storeId: new Uint8Array(16),
    })
    writer.beginRun({ ...startOf(1, 'SPY'), sortOrder: 'arrival' })
    const columns = tradeColumns(5)
    const [time] = columns
    if (time?.physical === 'i64') time.values.reverse()
    writer.addBlock(columns, 0, 5)
    writer.endRun()
    const { runs } = writer.finish()
    expect(verifySegment(made)).toEqual([])
    const bytes = bytesOf(made)
    const { directory, trailer } = readDirectory(made)
    const table = encodeDirectory({ ...directory, runs: [{ ...runs[0]!, sortOrder: 'time' }] })
    bytes.set(table, trailer.directoryOffset)
    bytes.set(encodeTrailer({ ...trailer, directoryHash: hash64(table) }), bytes.length - 64)
    expect(messagesOf(fileOf(bytes))).toMatch(/hash of the file differs; times are not in order/)
  })

  /** The header with bytes changed and its hash right. */
  function headed(at: number, value: number): VfsFile {
    const bytes = bytesOf(smallFile(5).file)
    bytes[at] = value
    new DataView(bytes.buffer).setBigUint64(56, hash64(bytes.subarray(0, 56)), true)
    return fileOf(bytes)
  }

  test.each([
    ['a newer format', 4, 2, 'ERR_VERSION'],
    ['a required feature', 9, 1, 'ERR_VERSION'],
    ['a header of another size', 6, 72, 'ERR_CORRUPT'],
    ['another magic', 0, 0, 'ERR_CORRUPT'],
    ['another file', 40, 9, 'ERR_CORRUPT'],
  ])('%s', (_, at, value, code) => {
    expect(damageOf(() => readDirectory(headed(at, value)))?.code).toBe(code)
  })

  test('an optional feature is skipped, and so are reserved bytes', () => {
    for (const at of [16, 48]) {
      expect(readDirectory(headed(at, 1)).directory.runs).toHaveLength(1)
    }
  })

  test('a trailer of another magic', () => {
    const bytes = bytesOf(smallFile(5).file)
    const trailer = bytes.subarray(bytes.length - 64)
    trailer[52] = 0
    const view = new DataView(bytes.buffer, bytes.length - 64)
    view.setBigUint64(56, hash64(trailer.subarray(0, 56)), true)
    expect(damageOf(() => readDirectory(fileOf(bytes)))?.message).toMatch(/magic/)
  })
})

describe('our own bugs are no damage', () => {
  const file = () => memoryVfs().open('/000000000007.segment', 'create')
  const options = { fileKind: 'segment', fileNumber: 7, storeId: new Uint8Array(16) } as const

  test('a writer that is used wrong', () => {
    const writer = new SegmentWriter(file(), options)
    expect(() => writer.finish()).toThrow(BugError)
    expect(() => writer.endRun()).toThrow(BugError)
    expect(() => writer.addBlock([], 0, 1)).toThrow(BugError)
    const start = startOf(1, 'SPY')
    expect(() => writer.beginRun({ ...start, lsnLast: 0n })).toThrow(BugError)
    expect(() => writer.beginRun({ ...start, specs: start.specs.slice(1) })).toThrow(BugError)
    writer.beginRun(start)
    expect(() => writer.beginRun(start)).toThrow(BugError)
    expect(() => writer.finish()).toThrow(BugError)
    expect(() => writer.endRun()).toThrow(BugError)
    const columns = tradeColumns(5)
    expect(() => writer.addBlock(columns.slice(1), 0, 5)).toThrow(BugError)
    expect(() => writer.addBlock(columns, 0, 0)).toThrow(BugError)
    writer.addBlock(columns, 0, 5)
    expect(() => writer.addBlock(columns, 0, 5)).toThrow('only the last block')
  })

  test('an error that is no VarveError goes through verifySegment', () => {
    const broken = { ...fileOf(bytesOf(smallFile(5).file)), path: '/x', size: () => 471 }
    const failing: VfsFile = {
      ...broken,
      read() {
        throw new BugError('the disk is ours')
      },
      write() {},
      truncate() {},
      datasync: () => Promise.resolve(),
      datasyncSync() {},
      close() {},
    }
    expect(() => verifySegment(failing)).toThrow(BugError)
  })

  test('the hidden place column is verified as well, and is no part of the content', () => {
    const place: ColumnSpec = {
      ...specs[0]!,
      id: placeColumnId,
      index: rules.specs.length,
      name: '$place',
      type: 'i64',
    }
    const placed = [specs[0]!, specs[1]!, place, ...specs.slice(2)]
    const made = file()
    const writer = new SegmentWriter(made, options)
    writer.beginRun({ ...startOf(1, 'SPY'), specs: placed })
    writer.addBlock(tradeColumns(5).toSpliced(2, 0, tradeColumns(5)[0]!), 0, 5)
    writer.endRun()
    const { runs } = writer.finish()
    expect(runs[0]!.contentHash).toEqual(smallFile(5).finished.runs[0]!.contentHash)
    expect(verifySegment(made)).toEqual([])
  })
})
