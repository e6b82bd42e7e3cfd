// Goal: no byte of a segment or pack moves unnoticed, and files of version 1 can be read for ever.
// Method: a small segment in words, read by an independent reader that explains every byte, equals the example of the
// README; hashes of files of other sizes, and content hashes, are written down. (No LZ4: encoders disagree by design.)
import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { hexOf } from '#base'
import { allocateColumn } from '#batch'
import { loadKernels } from '#kernel'
import { LeafHasher, RunReader, readDirectory, rootHash, seriesNode, verifySegment } from '#segment'
import { cellText, runBytesOf } from '../query/bed.ts'
import {
  annotateSegment,
  bytesOf,
  fileOf,
  partition,
  smallFile,
  specs,
  tradeColumns,
} from './small-file.ts'

beforeAll(loadKernels)

const page = readFileSync(new URL('../../src/segment/README.md', import.meta.url), 'utf8')
const example = /<!-- example -->\n+```\n([^]*?)\n```/.exec(page)?.[1] ?? ''

test('the annotated bytes are those of the README', () => {
  const { file, finished } = smallFile(5)
  expect(annotateSegment(bytesOf(file), finished)).toBe(example)
})

test('a byte too many is not explained', () => {
  const { file, finished } = smallFile(5)
  const longer = new Uint8Array([...bytesOf(file), 0])
  expect(() => annotateSegment(longer, finished)).toThrow('not explained')
})

test('the bytes of version 1 open for ever', () => {
  const hex = example.split('\n').map((line) => /^[0-9. ]{10} ([0-9a-f]+)/.exec(line)?.[1] ?? '')
  const file = fileOf(new Uint8Array(Buffer.from(hex.join(''), 'hex')))
  expect(verifySegment(file)).toEqual([])
  const { header, trailer, directory } = readDirectory(file)
  expect(header).toMatchObject({ fileKind: 'segment', fileNumber: 7 })
  expect(trailer).toMatchObject({ runCount: 1, fileBytes: 471 })
  expect(directory.series[0]!.key).toEqual({ kind: 'trade', symbol: 'SPY', timeframe: undefined })
  const run = directory.runs[0]!
  expect(run).toMatchObject({ partition, rowCount: 5, sortOrder: 'time', plainBytes: 159 })
  const reader = new RunReader(runBytesOf(file), run)
  tradeColumns(5).forEach((column, at) => {
    const spec = specs[at]!
    const target = allocateColumn(spec.physical, 5, { optional: spec.optional })
    reader.read([spec], 0, 5, [target], 0)
    for (let row = 0; row < 5; row += 1) expect(cellText(target, row)).toBe(cellText(column, row))
  })
})

describe('files of other sizes', () => {
  test.each([
    [[1], 370, 'c9c0234479f34ff7', '988687763640406b'],
    [[5], 471, '048ddc484a971be5', '945a79f7725d6e95'],
    [[127], 554, '48563761b701a66d', '8db5f7699db8470f'],
    [[129], 593, '30278e67573a52d7', '4b890ec355046a8e'],
    [[1025], 1498, '3a2b80a7c12c378f', 'c049f42771d53fd6'],
    [[5, 1, 127], 931, '9398c3f9ea98cb88', '945a79f7725d6e95'],
  ])('runs of %j rows', (rowCounts, bytes, fileHash, contentHash) => {
    const { file, finished } = smallFile(...rowCounts)
    expect(finished.bytes).toBe(bytes)
    expect(finished.fileHash.toString(16).padStart(16, '0')).toBe(fileHash)
    expect(hexOf(finished.runs[0]!.contentHash).slice(0, 16)).toBe(contentHash)
    expect(annotateSegment(bytesOf(file), finished)).toContain('magic VEND')
    expect(verifySegment(file)).toEqual([])
  })
})

test('identity of series and store', () => {
  const leaf = new LeafHasher(specs)
  leaf.add(tradeColumns(5), 0, 5)
  const node = seriesNode(
    {
      kind: 'trade',
      symbol: 'SPY',
      timeframe: undefined,
      order: [],
      identity: [],
      duplicates: 'keep',
    },
    [{ start: partition, rowCount: 5, leaf: leaf.digest() }],
  )
  expect([hexOf(node), hexOf(rootHash([node])), hexOf(rootHash([]))]).toEqual([
    'de6982a9ec2d10188b49b04259ad69d7a7f3a289fab6d86c7f1b3f6223a96fbb',
    '5be51e66c40e355aa080f09083ab4421e257522f7ea07635d5a454f5ea698363',
    '41d1615242c3891005b42afc78185d44423a5d9730b42bdcb22d8ecd271a5d0c',
  ])
})
