// Goal: a compaction writes what the inputs hold, proves it, and leaves nothing where it does not
// succeed. Method: small jobs over the memory twin, compared with rows sorted as objects; inputs
// that lie about themselves; cancels at every check; every file operation failing once.
import { beforeAll, describe, expect, test } from 'vitest'
import { manualScheduler } from './turns.ts'
import {
  Cancelled,
  cancelFlag,
  compactFiles,
  compactorInTurns,
  raise,
  runSteps,
  runStepsNow,
} from '#compact'
import { loadKernels } from '#kernel'
import { verifySegment } from '#segment'
import { memoryVfs } from '#vfs'
import type { MemoryVfs } from '#vfs'
import {
  columnsOf,
  jobOf,
  mark,
  partition,
  readRows,
  seriesOf,
  tradeInputs,
  tradeOf,
  writeInput,
} from './bed.ts'

beforeAll(() => loadKernels())

const place = '/data'
const draft = `${place}/100.draft`

function files(): MemoryVfs {
  const vfs = memoryVfs()
  vfs.makeDirectory(place)
  return vfs
}

describe('what is written', () => {
  test.each([1, 40, 9000])('rows of %i x 3 interleaved inputs, in order', (rows) => {
    const vfs = files()
    const job = jobOf(place, tradeInputs(vfs, place, 3, rows))
    const [done] = runStepsNow(compactFiles(vfs, job, () => {}))
    expect(done!.output.fileKind).toBe(rows > 6000 ? 'segment' : 'pack')
    const [run] = done!.finished.runs
    // Rows of equal time stand in order of arrival: input by input.
    const all = Array.from({ length: 3 * rows }, (_, at) => ({ at, row: tradeOf(at) }))
    const ofTime = (row: Record<string, unknown>): bigint => row['time'] as bigint
    const input = ({ at }: { at: number }): number => at % 3
    const sorted = all.toSorted((a, b) =>
      ofTime(a.row) === ofTime(b.row)
        ? input(a) - input(b) || a.at - b.at
        : ofTime(a.row) < ofTime(b.row)
          ? -1
          : 1,
    )
    const expected = columnsOf(
      seriesOf(),
      sorted.map(({ row }) => row),
    )
    const actual = readRows(vfs, draft, run!, seriesOf())
    for (const [at, column] of expected.entries()) {
      expect(valuesOf(actual[at]!, 3 * rows)).toEqual(valuesOf(column, 3 * rows))
    }
    const file = vfs.open(draft, 'read')
    expect(verifySegment(file)).toEqual([])
    file.close()
    expect(vfs.handleCount).toBe(0)
  })

  test('rows that replace each other: fewer come out, the last one wins', () => {
    const vfs = files()
    const series = seriesOf(mark)
    const rows = (price: number) =>
      [0, 1, 2].map((at) => ({ time: partition + BigInt(at), price: price + at, side: 'buy' }))
    const inputs = [
      writeInput(vfs, `${place}/0.segment`, series, rows(10), 1n),
      writeInput(vfs, `${place}/1.segment`, series, rows(20).slice(1), 4n),
    ]
    const [done] = runStepsNow(compactFiles(vfs, jobOf(place, inputs, series), () => {}))
    const [run] = done!.finished.runs
    expect(run!.rowCount).toBe(3)
    const price = readRows(vfs, draft, run!, series)[series.specs.findIndex(isPrice)]!
    expect(valuesOf(price, 3)).toEqual([10, 21, 22])
  })
})

describe('what is refused', () => {
  test('an input that holds other rows than it says', () => {
    const vfs = files()
    const inputs = tradeInputs(vfs, place, 2, 100)
    const lying = [inputs[0]!, { ...inputs[1]!, footerHash: inputs[1]!.footerHash ^ 1n }]
    expectRefused(vfs, lying, 'the hash of a run footer differs')
  })

  test('rows outside of the partition would be lost', () => {
    const vfs = files()
    const [first] = tradeInputs(vfs, place, 1, 10)
    const day = 86_400_000_000_000n
    const far = [{ ...tradeOf(0), time: partition + day }]
    const second = writeInput(vfs, `${place}/far.segment`, seriesOf(), far, 11n)
    expectRefused(vfs, [first!, second], 'compaction would change the number of rows')
  })

  test('as many rows, but others', () => {
    // What the merge read and what the proof reads are different files, as if the merge had a bug.
    const vfs = files()
    vfs.makeDirectory(`${place}/other`)
    const inputs = tradeInputs(vfs, place, 2, 100)
    const rows = Array.from({ length: 100 }, (_, at) => ({ ...tradeOf(at * 2 + 1), size: 700 }))
    const other = writeInput(vfs, `${place}/other/1.segment`, seriesOf(), rows, 101n)
    const lists = [inputs, [inputs[0]!, other]]
    const job = jobOf(place, inputs)
    const [series] = job.files[0]!.series
    Object.defineProperty(series!.runs[0]!, 'inputs', {
      get: () => (lists.length > 1 ? lists.shift() : lists[0]),
    })
    expect(() => runStepsNow(compactFiles(vfs, job, () => {}))).toThrow(
      'compaction would change rows',
    )
    expect(vfs.stat(draft)).toBeUndefined()
    expect(vfs.handleCount).toBe(0)
  })

  function expectRefused(
    vfs: MemoryVfs,
    inputs: Parameters<typeof jobOf>[1],
    message: string,
  ): void {
    expect(() => runStepsNow(compactFiles(vfs, jobOf(place, inputs), () => {}))).toThrow(message)
    expect(vfs.stat(draft)).toBeUndefined()
    expect(vfs.handleCount).toBe(0)
  }
})

describe('what is given up', () => {
  test('a cancel at any check leaves no draft and no handle', async () => {
    for (let at = 1; ; at += 1) {
      const vfs = files()
      const job = jobOf(place, tradeInputs(vfs, place, 2, 200))
      let checks = 0
      const work = compactFiles(vfs, job, () => {
        checks += 1
        if (checks === at) throw new Cancelled()
      })
      const failure = await runSteps(work, manualScheduler).catch((error: unknown) => error)
      if (!(failure instanceof Error)) break
      expect(failure).toBeInstanceOf(Cancelled)
      expect(vfs.stat(draft)).toBeUndefined()
      expect(vfs.handleCount).toBe(0)
      expect(at).toBeLessThan(100)
    }
  })

  test('a raised flag ends it', async () => {
    const vfs = files()
    const compactor = compactorInTurns(vfs, manualScheduler)
    const flag = cancelFlag()
    const running = compactor.run(jobOf(place, tradeInputs(vfs, place, 2, 200)), flag)
    raise(flag)
    expect(await running).toEqual({ end: 'cancelled' })
    expect(vfs.list(place)).toEqual(['0.segment', '1.segment'])
  })

  test.each(['open', 'size', 'read', 'write', 'datasync', 'stat', 'unlink'] as const)(
    'each %s that fails once',
    async (operation) => {
      let failures = 0
      for (let nth = 1; nth < 200; nth += 1) {
        const vfs = files()
        const job = jobOf(place, tradeInputs(vfs, place, 2, 200))
        vfs.fail({ operation, nth })
        const outcome = await compactorInTurns(vfs, manualScheduler).run(job, cancelFlag())
        vfs.heal()
        expect(vfs.handleCount).toBe(0)
        expect(vfs.stat(draft) === undefined).toBe(outcome.end !== 'done')
        if (outcome.end === 'done') break
        expect(outcome).toMatchObject({ end: 'failed', failure: { code: 'ERR_IO' } })
        failures += 1
      }
      // A job that goes well looks for no draft and removes none.
      expect(failures > 0).toBe(operation !== 'stat' && operation !== 'unlink')
    },
  )
})

function isPrice({ name }: { name: string }): boolean {
  return name === 'price'
}

function valuesOf(column: ReturnType<typeof columnsOf>[number], rowCount: number): unknown[] {
  return Array.from({ length: rowCount }, (_, row) => {
    if (column.physical === 'code') return column.dictionary[column.values[row]!]
    if (column.physical !== 'bytes') return column.values[row]
    const { bytes, offsets } = column
    return Buffer.from(bytes.subarray(offsets[row], offsets[row + 1])).toString()
  })
}
