// Goal: an edit that does not fit is refused: our own as a bug, one from disk as ERR_CORRUPT; and
// it changes nothing. Method: a table of edits on the state of the small store.
import { beforeAll, describe, expect, test } from 'vitest'
import { BugError } from '#base'
import { loadKernels } from '#kernel'
import {
  applyEdit,
  applyToHistory,
  emptyHistory,
  nextKindId,
  nextSchemaId,
  nextSeriesId,
  Numbered,
  seriesOfKey,
  storeIdText,
  type Change,
  type History,
} from '#manifest'
import { smallEdits, smallRun } from './small-store.ts'
import { schemaOf, storeId, textOf } from './workload.ts'

beforeAll(() => loadKernels())

function small(): History {
  const first = applyToHistory(emptyHistory, [{ type: 'storeCreated', storeId, createdAt: 0n }])
  return smallEdits.reduce((history, changes) => applyToHistory(history, changes), first)
}

const run = (fields: object): Change => ({
  type: 'runAdded',
  run: { ...smallRun, runIndex: 1, lsnFirst: 2n ** 41n, lsnLast: 2n ** 41n, ...fields },
})
const series = (seriesId: number, kindId: number, symbol: string): Change => {
  const fields = { timeframe: '', partitionWidth: 'day' as const }
  return { type: 'seriesDefined', series: { seriesId, kindId, symbol, ...fields } }
}
const kind = (schemaId: number, kindId: number, fields: object): Change => {
  return { type: 'kindDefined', schema: { ...schemaOf(schemaId, kindId, 2), ...fields } }
}
const [column] = schemaOf(1, 1, 1).columns
const drop: Change = { type: 'runDropped', seriesId: 1, fileNumber: 2, runIndex: 0 }
const dropMany = [0, 1, 2, 3, 4].map((runIndex): Change => ({ ...drop, runIndex }))
const pin = { createdAt: 0n, lsn: 0n, contentHash: new Uint8Array(32), rows: 0, bytes: 0 }
const file = { fileNumber: 2, fileKind: 'pack' as const, bytes: 1, fileHash: 0n, footerHash: 0n }
const producer = { seriesId: 1, producerId: 'feed', lsn: 0n }

const refused: [string, Change[]][] = [
  ['the store is created twice', [{ type: 'storeCreated', storeId, createdAt: 0n }]],
  ['an epoch does not rise', [{ type: 'epochStarted', epoch: 1 }]],
  ['no such file to drop', [{ type: 'fileDropped', fileNumber: 77 }]],
  ['a file is dropped while runs', [{ type: 'fileDropped', fileNumber: 2 }]],
  ['a file is added twice', [{ type: 'fileAdded', file }]],
  ['not a file number', [{ type: 'fileAdded', file: { ...file, fileNumber: 0 } }]],
  ['a log is added twice', [{ type: 'logAdded', log: { fileNumber: 1, epoch: 1, firstLsn: 0n } }]],
  ['no such log', [{ type: 'logDropped', fileNumber: 2 }]],
  [
    'a total of bytes falls',
    [{ type: 'bytesCounted', segmentBytesWritten: -1, segmentBytesFirstSealed: 0 }],
  ],
  [
    'a total of bytes falls',
    [{ type: 'bytesCounted', segmentBytesWritten: 1, segmentBytesFirstSealed: -1 }],
  ],
  ['the sealed lsn of a series falls', [{ type: 'seriesSealed', seriesId: 1, sealedLsn: 1n }]],
  ['the sequence of a producer falls', [{ type: 'producerAdvanced', ...producer, sequence: 40n }]],
  ['no such producer to drop', [{ type: 'producerDropped', seriesId: 1, producerId: 'x' }]],
  ['no such series', [{ type: 'lastRow', seriesId: 9, bytes: storeId }]],
  ['a schema is defined twice', [kind(1, 2, {})]],
  ['a kind has a column twice', [kind(2, 1, { columns: [column, column] })]],
  ['a kind has a column twice', [kind(2, 1, { columns: [column, { ...column, id: 9 }] })]],
  ['a kind orders or identifies by no column', [kind(2, 1, { order: [7] })]],
  ['a schema does not follow', [kind(2, 1, { columns: [column] })]],
  ['a schema does not follow', [kind(2, 1, { name: 'other' })]],
  ['a schema does not follow', [kind(0, 1, {})]],
  ['two kinds have one name', [kind(2, 2, { name: 'kind1' })]],
  ['a series is defined twice', [series(1, 1, 'X')]],
  ['a series of no kind', [series(2, 5, 'X')]],
  ['two series have one name', [series(2, 1, 'SPY')]],
  ['two series have one name', [series(2, 1, 'X'), series(3, 1, 'X')]],
  ['a run in no file', [run({ fileNumber: 3 })]],
  ['a run of no schema of its kind', [run({ schemaId: 9 })]],
  ['a run of nothing', [run({ rowCount: 0 })]],
  ['a run of nothing', [run({ timeMin: smallRun.timeMax + 1n })]],
  ['a run of nothing', [run({ lsnFirst: 2n ** 42n })]],
  ['a run reaches past its file', [run({ footerBytes: 1000 })]],
  ['a run reaches past its file', [run({ dataBytes: 1000 })]],
  ['two runs of a partition overlap', [run({ lsnFirst: smallRun.lsnLast })]],
  ['a run is added twice', [run({ runIndex: 0 })]],
  ['a run is added twice', [run({}), run({ partition: 0n })]],
  ['a run is dropped twice', [drop, drop]],
  ['no such run to drop', dropMany],
  ['file numbers fall', [{ type: 'rewritten', nextFileNumber: 1 }]],
  ['no such snapshot to drop', [{ type: 'snapshotDropped', name: 'x' }]],
  [
    'two snapshots have one name',
    [{ type: 'snapshotCreated', name: 'monday', ...pin, segments: 0 }],
  ],
]

describe('edits that do not fit', () => {
  test.each(refused)('%s', (message, changes) => {
    const history = small()
    const before = textOf(history.state)
    expect(() => applyToHistory(history, changes)).toThrow(BugError)
    expect(() => applyToHistory(history, changes)).toThrow(message)
    const place = { file: 'x', at: 5 }
    expect(() => applyToHistory(history, changes, { place })).toThrow(
      expect.objectContaining({ code: 'ERR_CORRUPT', details: expect.objectContaining(place) }),
    )
    expect(textOf(history.state)).toBe(before)
  })

  test('edit numbers follow each other', () => {
    const { state } = small()
    const epoch: Change = { type: 'epochStarted', epoch: 9 }
    expect(() => applyEdit(state, [epoch], { editNumber: 9 })).toThrow('do not follow')
    const rewritten: Change = { type: 'rewritten', nextFileNumber: 50 }
    expect(applyEdit(state, [rewritten, epoch], { editNumber: 9 })).toMatchObject({ editNumber: 9 })
    expect(() => applyEdit(state, [rewritten], { editNumber: 6 })).toThrow('do not follow')
  })

  test('a snapshot of no state', () => {
    const change: Change = { type: 'snapshotCreated', name: 'x', ...pin, segments: 0 }
    expect(() => applyToHistory(emptyHistory, [change])).toThrow('a snapshot of no state')
  })
})

test('what is known is found', () => {
  const { state } = small()
  expect(seriesOfKey(state, 1, 'SPY', '')?.id).toBe(1)
  expect(seriesOfKey(state, 1, 'spy', '')).toBeUndefined()
  expect(seriesOfKey(emptyHistory.state, 1, 'SPY', '')).toBeUndefined()
  expect([nextSeriesId(state), nextKindId(state), nextSchemaId(state)]).toEqual([2, 2, 2])
  expect(nextSeriesId(emptyHistory.state)).toBe(0)
  expect(storeIdText(state)).toBe('00112233445566778899aabbccddeeff')
  expect(Numbered.empty().idLast()).toBe(-1)
})

test('runs of one edit stand in order; what a partition loses voids its leaf', () => {
  const { state } = small()
  const runs = [5, 3, 4, 1, 2, 0].map((index) => {
    const lsn = 2n ** 41n + BigInt(index)
    return run({ runIndex: index + 1, lsnFirst: lsn, lsnLast: lsn, partition: BigInt(index % 2) })
  })
  const leaf = { partition: 0n, leaf: new Uint8Array(32), rowCount: 1, fingerprint: 1n }
  const known = applyEdit(state, [...runs, { type: 'leafKnown', seriesId: 1, leaf }])
  const places = known.series.get(1)?.runs.map((each) => each.runIndex)
  expect(places).toEqual([1, 3, 5, 2, 4, 6, 0])
  expect(known.files.get(2)?.runs).toBe(7)
  const five = [1, 2, 3, 4, 6].map((runIndex): Change => ({ ...drop, runIndex }))
  const after = applyEdit(known, five)
  expect(after.series.get(1)?.runs.map((each) => each.runIndex)).toEqual([5, 0])
  expect(after.series.get(1)?.leaves.size).toBe(0)
  expect(after.series.get(1)?.rows).toBe(6)
})
