// The files of the tests of the sparse index: runs of real segments, indexed in memory.
import { SegmentWriter, IndexWriter, SparseIndex, bodyOfFooter } from '#segment'
import type { FinishedFile, IndexedKey, IndexedRun, RunBytes } from '#segment'
import { memoryVfs } from '#vfs'
import type { VfsFile } from '#vfs'
import { bytesOf, partition, specs, startOf, tradeColumns } from './small-file.ts'

export const storeId: Uint8Array = Uint8Array.from({ length: 16 }, (_, at) => at)

export interface RunFile {
  readonly file: VfsFile
  readonly finished: FinishedFile
  readonly runs: readonly IndexedKey[]
}

const dayNs = 86_400_000_000_000n

/** One file; run `at` is of series `at + 1` on day `day`. */
export function runFile(fileNumber: number, day: number, rowCounts: readonly number[]): RunFile {
  const fileKind = rowCounts.length > 1 ? 'pack' : 'segment'
  const file = memoryVfs().open(`/${fileNumber}.${fileKind}`, 'create')
  const writer = new SegmentWriter(file, { fileKind, fileNumber, storeId, level: 'low' })
  const shift = BigInt(day) * dayNs
  rowCounts.forEach((rowCount, at) => {
    const start = startOf(at + 1, `S${at + 1}`)
    const lsnFirst = start.lsnFirst + BigInt(fileNumber) * 1_000_000n
    writer.beginRun({
      ...start,
      partition: partition + shift,
      lsnFirst,
      lsnLast: lsnFirst + BigInt(rowCount) - 1n,
    })
    const columns = tradeColumns(rowCount)
    const time = columns[specs.findIndex(({ id }) => id === 0)]!
    if (time.physical !== 'i64') throw new Error('times are int64')
    for (let row = 0; row < rowCount; row += 1) time.values[row]! += shift
    for (let from = 0; from < rowCount; from += 65_536) {
      writer.addBlock(columns, from, Math.min(rowCount, from + 65_536))
    }
    writer.endRun()
  })
  const finished = writer.finish()
  const runs = finished.runs.map((run, runIndex) => ({ ...run, fileNumber, runIndex }))
  return { file, finished, runs }
}

export function footerOf(file: VfsFile, run: IndexedKey): Uint8Array {
  const bytes = new Uint8Array(run.footerBytes)
  file.read(bytes, run.footerOffset)
  return bytes
}

/** Everything of the files in one index; `longBytes` as bodyOfFooter has it. */
export function indexOf(files: readonly RunFile[], longBytes: number): Uint8Array {
  const bySeries = new Map<number, IndexedRun[]>()
  for (const { file, finished, runs } of files) {
    for (const run of runs) {
      const body = bodyOfFooter(footerOf(file, run), run, {}, longBytes)
      const list = bySeries.get(run.seriesId) ?? []
      list.push({ run, fileKind: finished.fileKind, body })
      bySeries.set(run.seriesId, list)
    }
  }
  const target = memoryVfs().open('/000000000009.index', 'create')
  const writer = new IndexWriter(target, { storeId, manifestEdit: 9, fileNumberEnd: 12 })
  for (const seriesId of [...bySeries.keys()].sort((a, b) => a - b)) {
    const runs = bySeries.get(seriesId)!
    runs.sort(({ run: a }, { run: b }) =>
      Number(a.partition - b.partition || a.lsnFirst - b.lsnFirst),
    )
    writer.addSeries(seriesId, runs)
  }
  writer.finish()
  return bytesOf(target)
}

export function openIndex(bytes: Uint8Array): SparseIndex {
  return new SparseIndex(bytes, '000000000009.index')
}

export interface CountedBytes extends RunBytes {
  readonly reads: { offset: number; bytes: number }[]
}

export function runBytes(file: VfsFile): CountedBytes {
  const reads: CountedBytes['reads'] = []
  return {
    file: file.path,
    series: 'trade/S',
    reads,
    read: (target, offset) => {
      reads.push({ offset, bytes: target.length })
      file.read(target, offset)
    },
  }
}
