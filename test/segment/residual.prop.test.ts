// Goal: columns that are stored as residuals of others read as any column: bit for bit, alone or beside the others, in
// any slice, by footer or by index; damage is told with its place, and what refers to what it cannot is ERR_CORRUPT.
// Method: walks of bars with values that are no decimals, against the arrays they came from; every bit of a small file
// flipped; footers forged whose hashes are right.
import * as fc from 'fast-check'
import '../support/seed.ts'
import { beforeAll, describe, expect, test } from 'vitest'
import { VarveError } from '#base'
import { allocateColumn } from '#batch'
import { encodings } from '#codec'
import type { PageMeta, Residual } from '#codec'
import { hash64, loadKernels } from '#kernel'
import type { ColumnSpec } from '#schema'
import { RunReader, describeSegment, verifySegment } from '#segment'
import type { RunBytes } from '#segment'
import type { VfsFile } from '#vfs'
import { decodeFooter, encodeFooter } from '../../src/segment/footer.ts'
import { runBytesOf } from '../query/bed.ts'
import { seededRandom } from '../support/manual-env.ts'
import { footerOf, indexOf, openIndex } from './index-bed.ts'
import type { RunFile } from './index-bed.ts'
import { barFile, barNames, barSpecs, specOf, walkingBars } from './residual-bed.ts'
import type { BarName, Bars } from './residual-bed.ts'
import { bytesOf, fileOf } from './small-file.ts'

beforeAll(loadKernels)

function bits(values: Float64Array): string[] {
  return Array.from(new BigUint64Array(values.slice().buffer), (each) => each.toString(16))
}

const bytesOfDoubles = ({ buffer, byteOffset, byteLength }: Float64Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength)

function readersOf(made: RunFile): RunReader[] {
  const run = made.runs[0]!
  const index = openIndex(indexOf([made], 0))
  return [undefined, () => index.find(run)].map(
    (facts) => new RunReader(runBytesOf(made.file), run, facts),
  )
}

function expectRead(
  reader: RunReader,
  bars: Bars,
  names: readonly BarName[],
  from: number,
  end: number,
): void {
  const specs = names.map(specOf)
  const lead = 2
  const targets = specs.map(({ physical, optional }) =>
    allocateColumn(physical, end - from + lead, { optional }),
  )
  reader.read(specs, from, end, targets, lead)
  names.forEach((name, at) => {
    const target = targets[at]!
    if (target.physical !== 'f64') throw new Error('bars are doubles')
    const read = target.values.subarray(lead, lead + end - from)
    const isSame = bytesOfDoubles(read).equals(bytesOfDoubles(bars[name].subarray(from, end)))
    expect(isSame, `${name} ${from} ${end}`).toBe(true)
  })
}

function encodingsOf(made: RunFile): Record<string, number> {
  const reader = new RunReader(runBytesOf(made.file), made.runs[0]!)
  const found = barNames.map((name) => {
    const column = reader.columns.find(({ columnId }) => columnId === specOf(name).id)
    return [name, column?.pages[0]?.encoding ?? -1] as const
  })
  return Object.fromEntries(found)
}

const odd = fc.constantFrom(NaN, -0, Infinity, 0.1 + 0.2, 1e300, 2 ** 52)
const drawn = fc.record({
  seed: fc.nat(),
  rows: fc.constantFrom(1, 40, 1024, 1500, 3100),
  scale: fc.nat({ max: 6 }),
  wild: fc.constantFrom(1, 50, 10_000),
  odds: fc.array(fc.tuple(fc.constantFrom(...barNames), fc.nat(), odd), { maxLength: 2 }),
  reads: fc.array(
    fc.tuple(fc.shuffledSubarray([...barNames], { minLength: 1 }), fc.nat(), fc.nat()),
    {
      minLength: 3,
      maxLength: 6,
    },
  ),
})

test('bars come back bit for bit, whatever is asked', () => {
  fc.assert(
    fc.property(drawn, ({ seed, rows, scale, wild, odds, reads }) => {
      const bars = walkingBars(rows, seededRandom(seed), scale, wild)
      for (const [name, row, value] of odds) bars[name][row % rows] = value
      const made = barFile(bars)
      for (const reader of readersOf(made)) {
        for (const [names, a, b] of reads) {
          const [from, end] = [a % rows, b % (rows + 1)].sort((x, y) => x - y)
          expectRead(reader, bars, names, from!, end!)
        }
        expectRead(reader, bars, barNames, 0, rows)
      }
      expect(verifySegment(made.file)).toEqual([])
    }),
    { numRuns: 60 },
  )
})

test('bars that walk are stored as residuals, and said to be', () => {
  const made = barFile(walkingBars(3000, seededRandom(5)))
  const { residual } = encodings
  expect(encodingsOf(made)).toMatchObject({ open: residual, high: residual, low: residual })
  expect(encodingsOf(made)['close']).not.toBe(residual)
  const words = Array.from(describeSegment(made.file)).map(({ meaning }) => meaning)
  expect(words.join('\n')).toMatch(
    /RESIDUAL of decimals with 2 digits, distance above the greatest of columns 16 and 19, stored as FOR/,
  )
})

test('a block after another, small reads again and again', () => {
  const rows = 65_536 + 2000
  const bars = walkingBars(rows, seededRandom(9))
  const made = barFile(bars)
  for (const reader of readersOf(made)) {
    for (const names of [['high'], ['open'], ['close', 'low'], barNames] as const) {
      expectRead(reader, bars, names, 65_000, 66_700)
      expectRead(reader, bars, names, 65_530, 65_540)
      expectRead(reader, bars, names, 1023, 1026)
      expectRead(reader, bars, names, 0, rows)
      expectRead(reader, bars, names, 1025, 1026)
    }
  }
})

test('what one column needs is read, and no other', () => {
  const bars = walkingBars(3000, seededRandom(5))
  const made = barFile(bars)
  const bytes = bytesOf(made.file)
  const { columns } = new RunReader(runBytesOf(made.file), made.runs[0]!)
  let offset = made.finished.runs[0]!.dataOffset
  for (const { columnId, pages } of columns) {
    if (columnId === specOf('low').id || columnId === specOf('volume').id) {
      bytes.fill(0x55, offset, offset + pages[0]!.payloadBytes)
    }
    offset += pages[0]!.payloadBytes
  }
  const reader = new RunReader(runBytesOf(fileOf(bytes)), made.runs[0]!)
  expectRead(reader, bars, ['high'], 0, 3000)
  expect(() => expectRead(reader, bars, ['low'], 0, 3000)).toThrow(VarveError)
})

/** As the store reads: a short read is damage. */
function strictBytes(file: VfsFile): RunBytes {
  return {
    file: file.path,
    series: 'bar/SPY/1s',
    read(target, offset) {
      if (file.read(target, offset) === target.length) return
      throw new VarveError('ERR_CORRUPT', 'the file is too short', { file: file.path, offset })
    },
  }
}

function read(made: RunFile, specs: readonly ColumnSpec[] = barSpecs): string[] | VarveError {
  const run = made.runs[0]!
  try {
    const reader = new RunReader(strictBytes(made.file), run)
    const targets = specs.map(({ physical, optional }) =>
      allocateColumn(physical, run.rowCount, { optional }),
    )
    reader.read(specs, 0, run.rowCount, targets, 0)
    return targets.flatMap((each) => (each.physical === 'f64' ? bits(each.values) : []))
  } catch (error) {
    if (error instanceof VarveError) return error
    throw error
  }
}

test('every flipped bit of a small file is the same rows or damage with its place', () => {
  const made = barFile(walkingBars(40, seededRandom(3), 2, 4000))
  expect(encodingsOf(made)).toMatchObject({ high: encodings.residual, low: encodings.residual })
  const expected = read(made)
  const bytes = bytesOf(made.file)
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    const file = fileOf(bytes)
    if ((bit & 7) === 0) expect(verifySegment(file).length).toBeGreaterThan(0)
    const got = read({ ...made, file })
    if (got instanceof VarveError) {
      expect(got.code).toBe('ERR_CORRUPT')
      expect(got.details['offset']).toBeTypeOf('number')
    } else expect(got).toEqual(expected)
    bytes[bit >> 3]! ^= 1 << (bit & 7)
  }
})

/** The file with the residuals of a column changed, the hash of the footer right. */
function forged(made: RunFile, name: BarName, change: (residual: Residual) => Residual): RunFile {
  const run = made.runs[0]!
  const footer = decodeFooter(footerOf(made.file, run), {})
  const changed = (page: PageMeta): PageMeta => ({ ...page, residual: change(page.residual!) })
  const columns = footer.columns.map((column) =>
    column.columnId === specOf(name).id ? { ...column, pages: column.pages.map(changed) } : column,
  )
  const bytes = encodeFooter({ ...footer, columns })
  const file = fileOf(
    new Uint8Array([...bytesOf(made.file).subarray(0, run.footerOffset), ...bytes]),
  )
  const told = { ...run, footerBytes: bytes.length, footerHash: hash64(bytes) }
  return { ...made, file, runs: [told] }
}

describe('a page of residuals is ERR_CORRUPT where it refers to', () => {
  const bars = (): Bars => walkingBars(3000, seededRandom(5))
  const idOf = (name: string): number => specOf(name).id
  const cases: [string, BarName, readonly string[], Bars, RegExp][] = [
    ['itself', 'open', ['open'], bars(), /in a circle/],
    ['what refers to it', 'open', ['high'], bars(), /in a circle/],
    ['a column without values', 'open', ['vwap'], bars(), /refers to column/],
    ['a column of times', 'open', ['time'], bars(), /refers to column/],
    [
      'finer decimals',
      'open',
      ['volume'],
      { ...bars(), volume: bars().open.map((v) => Math.round(v * 1000 + 5) / 1000) },
      /finer/,
    ],
    [
      'true reals',
      'open',
      ['volume'],
      { ...bars(), volume: bars().open.map(Math.sqrt) },
      /refers to column/,
    ],
  ]
  test.each(cases)('%s', (_, name, ids, rows, message) => {
    const made = barFile(rows)
    const wrong = forged(made, name, (residual) => ({ ...residual, columnIds: ids.map(idOf) }))
    const got = read(wrong, [specOf('low'), specOf('high'), specOf(name)])
    expect(got).toBeInstanceOf(VarveError)
    expect(got).toMatchObject({ code: 'ERR_CORRUPT', message: expect.stringMatching(message) })
    expect((got as VarveError).details).toMatchObject({ file: '/000000000007.segment', block: 0 })
    // What does not refer to it reads on.
    expect(read(wrong, [specOf('close')])).toEqual(bits(rows.close))
  })

  test('columns that refer to others in turn, deeper than two', () => {
    const made = barFile(bars())
    const high = specOf('high').id
    const wrong = forged(made, 'low', (residual) => ({ ...residual, columnIds: [high, high] }))
    expect(read(wrong, [specOf('low')])).toMatchObject({
      code: 'ERR_CORRUPT',
      message: 'residuals refer too deep',
    })
  })
})
