// Goal: blocks of rows that stand in memory in read order are written from where they are. Method: the same rows, once
// from sources that show their columns and once from sources that only copy, in several chunks whose ends meet no block;
// the files are the same to the byte.
import { expect, test } from 'vitest'
import { limits } from '#base'
import type { RowSource } from '#batch'
import { copyRows } from '#batch'
import { runStepsNow, writeFiles } from '#compact'
import type { FilePlan } from '#compact'
import { ChunkMemory, HeadSeries, rulesOf } from '#head'
import type { ColumnSpec } from '#schema'
import { storeKind, trade } from '#schema'
import { memoryVfs } from '#vfs'
import { columnsOf, partition, storeId, tradeOf } from './bed.ts'

const rules = rulesOf(storeKind(trade, 1, 1), 'day')

/** A chunk of rows [from, end), which come in lots of 1,000 as from a log. */
function sourceOf(from: number, end: number): RowSource<ColumnSpec> {
  const head = new HeadSeries(rules, new ChunkMemory())
  const specs = head.storedSpecs
  for (let at = from; at < end; at += 1000) {
    const count = Math.min(1000, end - at)
    const rows = Array.from({ length: count }, (_, row) => tradeOf(at + row))
    const columns = columnsOf({ kind: rules.kind, specs }, rows)
    const filling = head.reserve(count)
    rules.specs.forEach((spec) => {
      const column = columns[specs.findIndex(({ id }) => id === spec.id)]!
      copyRows(column, 0, count, filling.chunk.column(spec, filling.at), filling.at)
    })
    head.commit(filling, count, BigInt(at + 1))
  }
  const [chunk, ...others] = head.chunks
  expect(others).toEqual([])
  return chunk!.view(rules)
}

/** Only copies. */
function copying(source: RowSource<ColumnSpec>): RowSource<ColumnSpec> {
  const { rowCount, timeMin, timeMax, lsnFirst } = source
  return {
    rowCount,
    timeMin,
    timeMax,
    lsnFirst,
    lowerBound: (time, next) => source.lowerBound(time, next),
    read: (specs, from, end, targets, at) => source.read(specs, from, end, targets, at),
  }
}

function fileOf(sources: readonly RowSource<ColumnSpec>[], rowsMax: number): Uint8Array {
  const vfs = memoryVfs()
  const plan: FilePlan = {
    output: { fileKind: 'segment', fileNumber: 7, draft: '/7.draft' },
    series: [
      {
        seriesId: 1,
        key: { kind: 'trade', symbol: 'SPY', timeframe: undefined },
        specs: new HeadSeries(rules).storedSpecs,
        rules,
        rowsMax,
        runs: [{ partition, sources: { sources, rules }, lsnFirst: 1n, lsnLast: BigInt(rowsMax) }],
      },
    ],
  }
  const [draft] = runStepsNow(writeFiles({ vfs, storeId }, [plan], () => {}))
  expect(draft!.finished.runs[0]!.rowCount).toBe(rowsMax)
  const file = vfs.open('/7.draft', 'read')
  const bytes = new Uint8Array(file.size())
  file.read(bytes, 0)
  file.close()
  return bytes
}

test('columns in place and copies of them give the same file', () => {
  const block = limits.blockRowsMax
  const ends = [0, 3 * block - 700, 4 * block + 90, 6 * block + 5]
  const sources = ends.slice(1).map((end, at) => sourceOf(ends[at]!, end))
  const shown = sources.flatMap((source) =>
    rules.specs.map((spec) => source.inPlace?.(spec)?.physical),
  )
  expect(new Set(shown)).toContain('f64')
  expect(fileOf(sources, ends.at(-1)!)).toEqual(fileOf(sources.map(copying), ends.at(-1)!))
})
