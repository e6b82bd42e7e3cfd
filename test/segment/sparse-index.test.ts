// Goal: the sparse index says of each run what its footer says, knows no run that it was not told of, and
// sends readers to the footer where it is wrong.
// Method: real segments and packs; every fact is compared with the footer read whole; entries that agree
// with the manifest in all but one field; metas, dictionaries and places spoilt one at a time.
import { describe, expect, it } from 'vitest'
import { RunPages, RunReader, runEntryBytes } from '#segment'
import type { IndexedKey, RunFacts } from '#segment'
import { hash64 } from '#kernel'
import { indexOf, openIndex, runBytes, runFile } from './index-bed.ts'
import type { RunFile } from './index-bed.ts'

const files = [
  runFile(3, 0, [70_000]),
  runFile(4, 1, [5, 1024, 1025, 3000]),
  runFile(7, 0, [900]),
  runFile(11, 2, [2048, 1]),
]
const long = openIndex(indexOf(files, 0))
const short = openIndex(indexOf(files, 1 << 30))

function each(visit: (file: RunFile, run: IndexedKey) => void): void {
  for (const file of files) for (const run of file.runs) visit(file, run)
}

describe('the sparse index', () => {
  it('counts what it holds', () => {
    expect(long.header).toMatchObject({
      manifestEdit: 9,
      seriesCount: 4,
      runCount: 8,
      fileNumberEnd: 12,
    })
    expect(long.header.vectorCount).toBe(69 + 2 + 3 + 2)
  })

  it('knows the times of every vector', () => {
    each(({ file }, run) => {
      const time = new RunPages(runBytes(file), run).footer().columns.find((c) => c.columnId === 0)!
      const expected = time.pages.flatMap(({ zone, vectorCount }) =>
        Array.from({ length: vectorCount }, (_, at) => [zone!.min[at]!, zone!.max[at]!]).flat(),
      )
      for (const index of [long, short]) {
        const { vectors } = index.find(run)!
        expect([...vectors]).toEqual(run.rowCount > 1024 ? expected : [])
      }
    })
  })

  it('places every page and meta as the footer does, and reads no footer for it', () => {
    each(({ file }, run) => {
      const bytes = runBytes(file)
      const whole = new RunPages(runBytes(file), run)
      const footer = whole.footer()
      const parts = new RunPages(bytes, run, () => long.find(run))
      const ids = footer.columns.map(({ columnId }) => columnId)
      for (let block = 0; block * 65_536 < run.rowCount; block += 1) {
        expect(parts.pagesOf(block, ids)).toEqual(whole.pagesOf(block, ids))
        expect(parts.pagesOf(block, [0])).toEqual(whole.pagesOf(block, [0]))
      }
      for (const { columnId, physical, dictionary } of footer.columns) {
        expect(parts.physicalOf(columnId)).toBe(physical)
        if (physical === 'code') expect(parts.dictionaryOf(columnId)).toEqual(dictionary)
      }
      expect(parts.physicalOf(999)).toBeUndefined()
      for (const read of bytes.reads) {
        expect(read.bytes).toBeLessThan(run.footerBytes)
        expect(read.offset).toBeGreaterThanOrEqual(run.footerOffset)
      }
    })
  })

  it('finds the same rows as the footer does, whatever it holds of the run', () => {
    each(({ file }, run) => {
      const readers = [undefined, () => long.find(run), () => short.find(run), () => undefined].map(
        (facts) => new RunReader(runBytes(file), run, facts),
      )
      const step = 250_000_000n
      const times = [run.timeMin - 1n, run.timeMin, run.timeMax, run.timeMax + 1n]
      for (const row of [1, 1023, 1024, 1025, 2047, 2048, 65_535, 65_536, 65_537, 69_999]) {
        for (const off of [-1n, 0n, 1n]) times.push(run.timeMin + BigInt(row) * step + off)
      }
      for (const time of times) {
        const after = Number((time - run.timeMin + step - 1n) / step)
        const expected = Math.max(0, Math.min(run.rowCount, after))
        expect(readers.map((reader) => reader.lowerBound(time))).toEqual(Array(4).fill(expected))
      }
    })
  })

  it('leaves a short footer to be read whole, once', () => {
    each(({ file }, run) => {
      const bytes = runBytes(file)
      const pages = new RunPages(bytes, run, () => short.find(run))
      expect(pages.pagesOf(0, [0])).toHaveLength(1)
      expect(pages.pagesOf(0, [0, 16])).toHaveLength(2)
      expect(bytes.reads).toEqual([{ offset: run.footerOffset, bytes: run.footerBytes }])
    })
  })

  it('knows a run only where all that the manifest says of it is the same', () => {
    const [run] = files[0]!.runs
    const others: Partial<IndexedKey>[] = [
      { seriesId: 2 },
      { seriesId: 5 },
      { schemaId: 2 },
      { partition: run!.partition + 1n },
      { rowCount: 70_001 },
      { timeMin: run!.timeMin - 1n },
      { timeMax: run!.timeMax + 1n },
      { lsnFirst: run!.lsnFirst + 1n },
      { lsnLast: run!.lsnLast + 1n },
      { sortOrder: 'arrival' },
      { dataBytes: run!.dataBytes + 1 },
      { footerOffset: run!.footerOffset + 1 },
      { footerBytes: run!.footerBytes + 1 },
      { footerHash: run!.footerHash ^ 1n },
      { fileNumber: 4 },
      { runIndex: 1 },
    ]
    expect(long.find(run!)).toBeDefined()
    for (const other of others) expect(long.find({ ...run!, ...other })).toBeUndefined()
  })
})

describe('facts that are not those of the file', () => {
  const { file, runs } = files[0]!
  const run = runs[0]!
  const facts = long.find(run)!
  const ids = [0, 16, 17, 18, 19]
  const expected = new RunPages(runBytes(file), run).pagesOf(1, ids)
  const spoilt: Record<string, RunFacts | undefined> = {
    'a meta of another hash': { ...facts, page: (b, c) => ({ ...facts.page(b, c), metaHash: 1n }) },
    'a meta of another block': { ...facts, page: (_, c) => facts.page(0, c) },
    'a meta past the footer': {
      ...facts,
      page: (b, c) => ({ ...facts.page(b, c), metaAt: 2 ** 31 }),
    },
    'metas in another order': { ...facts, page: (b, c) => facts.page(b, 4 - c) },
    'a page past the data': {
      ...facts,
      page: (b, c) => ({ ...facts.page(b, c), offset: 2 ** 40 }),
    },
    'no column of times': { ...facts, columns: facts.columns.slice(1) },
    nothing: undefined,
  }
  it.each(Object.keys(spoilt))('%s: the footer is read, and right', (name) => {
    const pages = new RunPages(runBytes(file), run, () => spoilt[name])
    expect(pages.pagesOf(1, ids)).toEqual(expected)
  })

  it('a spoilt dictionary: the footer is read, and right', () => {
    const code = facts.columns.find(({ physical }) => physical === 'code')!
    const right = new RunPages(runBytes(file), run).dictionaryOf(code.columnId)
    for (const more of [
      { dictionaryHash: 1n },
      { dictionaryBytes: 2 ** 31 },
      { dictionaryAt: 1 },
    ]) {
      const columns = facts.columns.map((column) => ({ ...column, ...more }))
      const pages = new RunPages(runBytes(file), run, () => ({ ...facts, columns }))
      expect(pages.dictionaryOf(code.columnId)).toEqual(right)
    }
  })

  it('an index that is gone in the middle of a read', () => {
    let left = 3
    const pages = new RunPages(runBytes(file), run, () => ((left -= 1) < 0 ? undefined : facts))
    for (const id of ids) expect(pages.pagesOf(1, [id])).toEqual([expected[ids.indexOf(id)]])
    expect(pages.pagesOf(0, ids)).toEqual(new RunPages(runBytes(file), run).pagesOf(0, ids))
  })
})

describe('damage', () => {
  const few = [files[1]!, files[3]!]
  const bytes = indexOf(few, 150)
  const sound = openIndex(bytes)
  const runs = few.flatMap((file) => file.runs)
  const plain = (facts: RunFacts | undefined): unknown =>
    facts && [facts.vectors, facts.columns, hash64(facts.body)]
  const expected = runs.map((run) => plain(sound.find(run)))

  it('the damaged index below holds what can be damaged', () => {
    expect(expected.every((facts) => facts !== undefined)).toBe(true)
    const columns = runs.map((run) => sound.find(run)!.columns.length)
    expect(Math.max(...columns)).toBeGreaterThan(3)
    expect(Math.min(...columns)).toBe(0)
    expect(bytes.length).toBeGreaterThan(runs.length * runEntryBytes)
  })

  /** Facts of the runs: right, or none, or an error that names the file. */
  function look(damaged: Uint8Array): number {
    let misses = 0
    try {
      const index = openIndex(damaged)
      runs.forEach((run, at) => {
        try {
          const facts = plain(index.find(run))
          if (facts === undefined) misses += 1
          else expect(facts).toEqual(expected[at])
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_CORRUPT', details: { file: /.index$/ } })
          expect(index.find(run)).toBeUndefined()
          misses += 1
        }
      })
    } catch (error) {
      expect(['ERR_CORRUPT', 'ERR_VERSION']).toContain((error as { code?: string }).code)
      return runs.length
    }
    return misses
  }

  it('in any byte hides runs and never changes one', () => {
    const damaged = bytes.slice()
    for (let at = 0; at < bytes.length; at += 1) {
      for (const mask of [0x01, 0x80]) {
        damaged[at] = bytes[at]! ^ mask
        expect(look(damaged)).toBeGreaterThan(0)
      }
      damaged[at] = bytes[at]!
    }
    expect(look(damaged)).toBe(0)
  })

  it('of the length is told at once', () => {
    for (let size = 0; size < bytes.length; size += 1) {
      expect(look(bytes.slice(0, size))).toBe(runs.length)
    }
    expect(look(Uint8Array.from([...bytes, 0, 0, 0, 0, 0, 0, 0, 0]))).toBe(runs.length)
  })

  it('in one series leaves the others', () => {
    const { byteOffset, length } = sound.part(1)!.bytes
    const damaged = bytes.slice()
    damaged[byteOffset - bytes.byteOffset + length - 1]! ^= 1
    const index = openIndex(damaged)
    expect(() => index.part(1)).toThrowError(expect.objectContaining({ code: 'ERR_CORRUPT' }))
    for (const run of runs.filter(({ seriesId }) => seriesId !== 1)) {
      expect(index.find(run)).toBeDefined()
    }
  })
})
