// Goal: whatever edits a store makes, what is read back is what was meant: after a reopen, after a
// rewrite, for every snapshot however old, for a reader that follows.
// Method: fast-check picks seeds; a workload of fitting random edits runs on the memory twin with a
// tiny rotation size; states are compared as text, taken at the moment they were made.
import * as fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { loadKernels } from '#kernel'
import {
  applyEdit,
  applyToHistory,
  decodeChanges,
  diffStates,
  emptyHistory,
  emptyState,
  encodeChanges,
  liveFiles,
  liveLogs,
  Manifest,
  pinnedOnlyFiles,
  restoreChanges,
  seriesOfKey,
  type Change,
  type History,
  type ManifestState,
} from '#manifest'
import { memoryVfs } from '#vfs'
import { rewrittenEdits } from '../../src/manifest/history.ts'
import { storeId, textOf, textOfHistory, Workload } from './workload.ts'

beforeAll(() => loadKernels())

const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 })

function historyOf(seed: number, editCount: number): History[] {
  const work = new Workload(seed)
  let history = applyToHistory(emptyHistory, [{ type: 'storeCreated', storeId, createdAt: -1n }])
  const all = [history]
  for (let edit = 0; edit < editCount; edit += 1) {
    history = applyToHistory(history, work.edit(history))
    all.push(history)
  }
  return all
}

test('a store of random edits, rewritten often, reads back; snapshots never change', () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 500, max: 20_000 }), (seed, rotateBytes) => {
      const vfs = memoryVfs()
      const work = new Workload(seed)
      const store = { storeId, createdAt: 12n }
      let manifest = Manifest.create({ vfs }, '/s', store, [], { rotateBytes })
      const reader = Manifest.open({ vfs }, '/s', { readOnly: true })
      const taken = new Map<string, string>()
      for (let edit = 0; edit < 150; edit += 1) {
        const changes = work.edit(manifest)
        const before = manifest.state
        manifest.commit(changes)
        for (const change of changes) {
          if (change.type === 'snapshotCreated') taken.set(change.name, textOf(before))
        }
        if (edit % 3 === 0) {
          expect(reader.refresh()).toBe(true)
          expect(reader.state.editNumber).toBe(manifest.state.editNumber)
        }
        if (edit % 40 === 17) {
          expect(textOfHistory(reader.refresh() ? reader : reader)).toBe(textOfHistory(manifest))
          manifest.close()
          const again = Manifest.open({ vfs: vfs.crash() }, '/s')
          expect(textOfHistory(again)).toBe(textOfHistory(manifest))
          manifest = Manifest.open({ vfs }, '/s', { rotateBytes })
        }
      }
      for (const [name, { state }] of manifest.snapshots)
        expect(textOf(state)).toBe(taken.get(name))
      expect(reader.refresh() || true).toBe(true)
      expect(textOfHistory(reader)).toBe(textOfHistory(manifest))
      manifest.close()
      reader.close()
      expect(vfs.handleCount).toBe(0)
      expect(vfs.list('/s/manifest')).toHaveLength(1)
    }),
    { numRuns: 15 },
  )
})

test('a rewritten history is the same history', () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 1, max: 120 }), (seed, editCount) => {
      const history = historyOf(seed, editCount).at(-1) as History
      let again = emptyHistory
      for (const { editNumber, changes } of rewrittenEdits(history)) {
        const read = decodeChanges(encodeChanges(changes), {})
        again = applyToHistory(again, read, { editNumber, place: {} })
      }
      expect(textOfHistory(again)).toBe(textOfHistory(history))
      for (const series of history.state.series.values()) {
        const { kindId, symbol, timeframe, id } = series
        expect(seriesOfKey(again.state, kindId, symbol, timeframe)?.id).toBe(id)
      }
    }),
    { numRuns: 60 },
  )
})

test('a difference leads from one state to the other, and restoring gives the old data', () => {
  const data = (state: ManifestState, like: ManifestState): unknown => ({
    files: state.files,
    series: state.series.values().map(({ sealedLsn: _sealedLsn, ...series }) => {
      return like.series.has(series.id) ? series : [series.runs, series.rows, series.producers.size]
    }),
  })
  fc.assert(
    fc.property(seeds, fc.nat(80), fc.nat(80), (seed, one, other) => {
      const all = historyOf(seed, Math.max(one, other))
      const from = (all[Math.min(one, other)] as History).state
      const to = (all[Math.max(one, other)] as History).state
      if (from === to) return
      const { editNumber } = to
      const changed = applyEdit(from, diffStates(from, to), { editNumber })
      expect(textOf(changed)).toBe(textOf(to))
      const restored: Change = { type: 'restored', name: 'x', edit: from.editNumber }
      const back = applyEdit(to, [restored, ...restoreChanges(to, from)])
      const empty = to.series.values().map((series) => [series.id, [[], 0, 0]] as const)
      const expected = empty.map(([id, none]) => {
        const series = from.series.get(id)
        if (series === undefined) return none
        const { sealedLsn: _sealedLsn, ...rest } = series
        return rest
      })
      expect(textOf(data(back, from))).toBe(textOf({ files: from.files, series: expected }))
    }),
    { numRuns: 60 },
  )
})

test('live files and logs are those of all kept states', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      for (const history of historyOf(seed, 60).filter((_, index) => index % 7 === 0)) {
        const states = [history.state, ...[...history.snapshots.values()].map((each) => each.state)]
        const files = states.flatMap((state) => state.files.values().map((each) => each.fileNumber))
        const logs = states.flatMap((state) => state.logs.values().map((each) => each.fileNumber))
        const now = new Set(history.state.files.values().map((each) => each.fileNumber))
        expect(liveFiles(history)).toEqual(new Set(files))
        expect(liveLogs(history)).toEqual(new Set(logs))
        const pinned = files.filter((fileNumber) => !now.has(fileNumber))
        expect(new Set(pinnedOnlyFiles(history).keys())).toEqual(new Set(pinned))
      }
    }),
    { numRuns: 15 },
  )
})

const id = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const fileNumber = fc.integer({ min: 0, max: 999_999_999_999 })
const count = fc.maxSafeNat()
const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 0n, -1n),
)
const uint64 = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(0n, 2n ** 64n - 1n),
)
const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length })
const text = fc.string({ unit: 'grapheme', maxLength: 12 })
const producerId = text
const column = fc.record({
  id,
  name: text,
  type: fc.constantFrom('f64', 'decimal', 'i64', 'i32', 'u8', 'bool', 'symbol', 'text', 'json'),
  optional: fc.boolean(),
  scale: fc.nat(255),
})
const schema = fc.record({
  schemaId: id,
  kindId: id,
  name: text,
  version: count,
  timeframed: fc.boolean(),
  columns: fc.array(column, { maxLength: 5 }),
  order: fc.array(id, { maxLength: 3 }),
  identity: fc.array(id, { maxLength: 3 }),
  duplicates: fc.constantFrom('keep', 'first', 'last'),
})
const run = fc.record({
  seriesId: id,
  fileNumber,
  runIndex: id,
  schemaId: id,
  partition: int64,
  rowCount: count,
  timeMin: int64,
  timeMax: int64,
  lsnFirst: uint64,
  lsnLast: uint64,
  sortOrder: fc.constantFrom('time', 'arrival'),
  footerOffset: count,
  footerBytes: count,
  footerHash: uint64,
  dataBytes: count,
  plainBytes: count,
  contentHash: bytes(32),
})
const type = <const Type extends string>(name: Type): fc.Arbitrary<Type> => fc.constant(name)
const anyChange: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ type: type('storeCreated'), storeId: bytes(16), createdAt: int64 }),
  fc.record({ type: type('epochStarted'), epoch: count }),
  fc.record({ type: type('kindDefined'), schema }),
  fc.record({
    type: type('seriesDefined'),
    series: fc.record({
      seriesId: id,
      kindId: id,
      symbol: text,
      timeframe: fc.constantFrom('', '1m', '1mo'),
      partitionWidth: fc.constantFrom('day', 'month', 'year'),
    }),
  }),
  fc.record({
    type: type('fileAdded'),
    file: fc.record({
      fileNumber,
      fileKind: fc.constantFrom('segment', 'pack'),
      bytes: count,
      fileHash: uint64,
      footerHash: uint64,
    }),
  }),
  fc.record({ type: type('runAdded'), run }),
  fc.record({ type: type('runDropped'), seriesId: id, fileNumber, runIndex: id }),
  fc.record({ type: type('fileDropped'), fileNumber }),
  fc.record({ type: type('seriesSealed'), seriesId: id, sealedLsn: uint64 }),
  fc.record({
    type: type('logAdded'),
    log: fc.record({ fileNumber, epoch: count, firstLsn: uint64 }),
  }),
  fc.record({
    type: type('logEnded'),
    fileNumber,
    end: fc.record({ endOffset: count, lsnEnd: uint64, lastHash: uint64 }),
  }),
  fc.record({ type: type('logDropped'), fileNumber }),
  fc.record({
    type: type('producerAdvanced'),
    seriesId: id,
    producerId,
    sequence: int64,
    lsn: uint64,
  }),
  fc.record({ type: type('producerDropped'), seriesId: id, producerId }),
  fc.record({
    type: type('snapshotCreated'),
    name: text,
    createdAt: int64,
    lsn: uint64,
    contentHash: bytes(32),
    rows: count,
    bytes: count,
    segments: count,
  }),
  fc.record({ type: type('snapshotDropped'), name: text }),
  fc.record({ type: type('restored'), name: text, edit: count }),
  fc.record({
    type: type('bytesCounted'),
    segmentBytesWritten: count,
    segmentBytesFirstSealed: count,
  }),
  fc.record({ type: type('cleanClose'), lsnEnd: uint64 }),
  fc.record({ type: type('rewritten'), nextFileNumber: fileNumber }),
  fc.record({
    type: type('leafKnown'),
    seriesId: id,
    leaf: fc.record({ partition: int64, leaf: bytes(32), rowCount: count, fingerprint: uint64 }),
  }),
  fc.record({ type: type('leafDropped'), seriesId: id, partition: int64 }),
  fc.record({ type: type('lastRow'), seriesId: id, bytes: fc.uint8Array({ maxLength: 40 }) }),
)

test('changes read as they were written', () => {
  fc.assert(
    fc.property(fc.array(anyChange, { maxLength: 8 }), (changes) => {
      expect(decodeChanges(encodeChanges(changes), {})).toEqual(changes)
    }),
    { numRuns: 500 },
  )
})

test('any bytes as an edit: a state, ERR_CORRUPT or ERR_VERSION', () => {
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc
      .tuple(fc.array(anyChange, { minLength: 1, maxLength: 3 }), fc.nat(), fc.nat(255))
      .map(([changes, at, byte]) => {
        const written = encodeChanges(changes)
        written[at % written.length] = byte
        return written
      }),
  )
  fc.assert(
    fc.property(payload, (bytes) => {
      try {
        const changes = decodeChanges(bytes, { file: 'x' })
        expect(
          applyEdit(emptyState, changes, { place: { file: 'x' }, editNumber: 1 }),
        ).toBeDefined()
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_(CORRUPT|VERSION)$/) })
        expect(error).toMatchObject({ details: { file: 'x' } })
      }
    }),
    { numRuns: 2000 },
  )
})
