// Goal: no byte of the sparse index moves unnoticed, and an index of version 1 can be read for ever.
// Method: an index of two runs in words, read by an independent reader that explains every byte, equals the
// example of the README; those bytes, taken from there, are opened.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { assert } from '#base'
import { Annotator } from '../support/annotate.ts'
import { indexOf, openIndex, runFile } from './index-bed.ts'

const page = readFileSync(new URL('../../src/segment/README.md', import.meta.url), 'utf8')
const example = /<!-- index example -->\n+```\n([^]*?)\n```/.exec(page)?.[1] ?? ''
const files = [runFile(7, 0, [5, 1025])]
const bytes = indexOf(files, 100)

function annotateRun(to: Annotator): { vectors: number; columns: number; bodyAt: number } {
  to.take('partition', (reader) => reader.i64())
  to.u64('fileNumber')
  to.take('timeMin', (reader) => reader.i64())
  to.take('timeMax', (reader) => reader.i64())
  to.u64('lsnFirst')
  to.u64('lsnLast')
  to.hash('footerHash')
  to.u64('footerOffset')
  to.u64('dataBytes')
  to.u64('rowCount')
  to.u32('runIndex')
  to.u32('footerBytes')
  to.u32('schemaId')
  to.u8('sortOrder')
  to.u8('file kind')
  const columns = to.u16('columnCount')
  const bodyAt = to.u32('bodyAt')
  to.u32('bodyBytes')
  const vectors = to.u32('vectorCount')
  to.raw('reserved', 20)
  return { vectors, columns, bodyAt }
}

function annotateBody(to: Annotator, vectors: number, columns: number, blocks: number): void {
  for (let vector = 0; vector < vectors; vector += 1) {
    to.take(`vector ${vector}, first time`, (reader) => reader.i64())
    to.take(`vector ${vector}, last time`, (reader) => reader.i64())
  }
  for (let column = 0; column < columns; column += 1) {
    to.u32('column id')
    to.u8('physical')
    to.raw('reserved', 3)
    to.u32('dictionaryAt')
    to.u32('dictionaryBytes')
    to.hash('dictionaryHash')
    to.u64('reserved')
  }
  for (let at = 0; at < columns * blocks; at += 1) {
    to.u64('page offset')
    to.hash('metaHash')
    to.u32('metaAt')
    to.u32('metaBytes')
  }
}

/** The index of parts with one run each. */
function annotateIndex(of: Uint8Array): string {
  const to = new Annotator(of)
  to.heading('header')
  to.magic('VIDX')
  to.u16('formatVersion')
  to.u16('headerBytes')
  to.u64('requiredFeatures')
  to.u64('optionalFeatures')
  to.raw('storeId', 16)
  to.u64('manifestEdit')
  const seriesCount = Number(to.u64('seriesCount'))
  to.u64('runCount')
  to.u64('vectorCount')
  const tableOffset = Number(to.u64('tableOffset'))
  to.u64('fileBytes')
  to.u64('fileNumberEnd')
  to.raw('reserved', 24)
  to.hash('headerHash')
  for (let series = 0; series < seriesCount; series += 1) {
    to.heading(`part ${series}`)
    const start = to.offset
    const { vectors, columns, bodyAt } = annotateRun(to)
    assert(to.offset === start + bodyAt, 'the body stands where its entry says')
    annotateBody(to, vectors, columns, 1)
  }
  assert(to.offset === tableOffset, 'the table stands where the header says')
  to.heading('series table')
  for (let series = 0; series < seriesCount; series += 1) {
    to.u32('seriesId')
    to.u32('runCount')
    to.u64('partOffset')
    to.u64('partBytes')
    to.hash('partHash')
    to.hash('entryHash')
  }
  return to.text()
}

test('the annotated bytes are those of the README', () => {
  expect(annotateIndex(bytes)).toBe(example)
})

test('a byte too many is not explained', () => {
  expect(() => annotateIndex(new Uint8Array([...bytes, 0]))).toThrow('not explained')
})

test('the bytes of version 1 open for ever', () => {
  const hex = example.split('\n').map((line) => /^[0-9. ]{10} ([0-9a-f]+)/.exec(line)?.[1] ?? '')
  const index = openIndex(new Uint8Array(Buffer.from(hex.join(''), 'hex')))
  const [small, large] = files[0]!.runs
  expect(index.find(small!)).toMatchObject({ vectors: new BigInt64Array(0), columns: [] })
  const facts = index.find(large!)!
  const open = large!.timeMin
  const step = 250_000_000n
  expect([...facts.vectors]).toEqual([
    open,
    open + 1023n * step,
    open + 1024n * step,
    open + 1024n * step,
  ])
  expect(facts.columns.map(({ columnId }) => columnId)).toEqual([0, 16, 17, 18, 19])
  expect(facts.page(0, 1)).toMatchObject({ metaBytes: expect.any(Number) })
})
