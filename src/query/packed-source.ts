// Sources that can tell of their vectors without decoding them, and the tests of a question as one of them knows them.
import { codesIn } from '#batch'
import type { ColumnTest, IntegerRange, RowSource } from '#batch'
import { clearBits, filterVector, isFilterable, verdictOf, vectorRows } from '#codec'
import type { PageMeta, PageVectors, Verdict } from '#codec'
import { arena } from '#kernel'
import type { ColumnSpec } from '#schema'
import type { PackedRun } from '#segment'
import type { RowTest } from './where.ts'

/** A source that stands in one run, in vectors. */
export interface PackedSource {
  packed(): PackedRun
}

export function packedOf(
  source: RowSource<ColumnSpec> | (RowSource<ColumnSpec> & PackedSource),
): PackedRun | undefined {
  return 'packed' in source ? source.packed() : undefined
}

/** A test as a run answers it: symbols as ranges of its codes. `columnId` undefined: no row has a value. */
interface RunTest {
  readonly columnId: number | undefined
  readonly test: ColumnTest
}

/** Codes that match, as ranges. */
function codeRanges(isIn: Uint8Array): IntegerRange[] {
  const ranges: IntegerRange[] = []
  for (let code = 0; code < isIn.length;) {
    let next = code + 1
    while (next < isIn.length && isIn[next] === isIn[code]) next += 1
    if (isIn[code] === 1) ranges.push({ low: BigInt(code), high: BigInt(next - 1) })
    code = next
  }
  return ranges
}

/** The test for this run; undefined where its column must be decoded. */
function runTest(run: PackedRun, { spec, test }: RowTest): RunTest | undefined {
  const physical = run.physicalOf(spec.id)
  if (physical === undefined) return { columnId: undefined, test }
  if (physical !== spec.physical || physical === 'bytes') return undefined
  if (test.values.of !== 'texts') return { columnId: spec.id, test }
  const ranges = codeRanges(codesIn(run.dictionaryOf(spec.id), test.values))
  return { columnId: spec.id, test: { ...test, values: { of: 'integers', ranges } } }
}

/** The pages of one block in use, by column id. */
export type BlockMetas = ReadonlyMap<number, PageMeta>
export type BlockPages = ReadonlyMap<number, PageVectors>

export class RunTests {
  /** Stored columns that are looked at. */
  readonly columnIds: readonly number[]
  readonly #tests: readonly RunTest[]
  readonly #pending: RunTest[] = []
  readonly #one: number

  private constructor(tests: readonly RunTest[]) {
    this.#tests = tests
    this.columnIds = tests.flatMap(({ columnId }) => columnId ?? [])
    oneAt ??= arena().claim(vectorRows / 8)
    this.#one = oneAt
  }

  /** Undefined where a test can only be answered by decoding. */
  static of(run: PackedRun, tests: readonly RowTest[]): RunTests | undefined {
    const own = tests.map((test) => runTest(run, test))
    return own.includes(undefined) ? undefined : new RunTests(own as RunTest[])
  }

  /** What zone maps say of a vector; where it is 'some', `mark` finds the rows. */
  verdict(metas: BlockMetas, vector: number): Verdict {
    this.#pending.length = 0
    for (const each of this.#tests) {
      const { columnId, test } = each
      let verdict: Verdict = test.absent ? 'all' : 'none'
      if (columnId !== undefined) verdict = verdictOf(metas.get(columnId)!, vector, test)
      if (verdict === 'none') return 'none'
      if (verdict === 'some') this.#pending.push(each)
    }
    return this.#pending.length === 0 ? 'all' : 'some'
  }

  /** Whether the rows that the last verdict left open can be found without decoding. */
  canMark(metas: BlockMetas, vector: number): boolean {
    return this.#pending.every(({ columnId }) => isFilterable(metas.get(columnId!)!, vector))
  }

  /** A bit a row of the vector that meets the tests the last verdict left open -> 128 bytes at `bitsAt`. Returns how
   *  many of rows [from, end) do; the bits of others are 0. */
  mark(pages: BlockPages, vector: number, from: number, end: number, bitsAt: number): number {
    const { kernels, u32 } = arena()
    this.#pending.forEach(({ columnId, test }, at) => {
      const stored = pages.get(columnId!)!.at(vector)
      filterVector(stored, test, at === 0 ? bitsAt : this.#one)
      if (at === 0) return
      for (let word = 0; word < vectorRows / 32; word += 1) {
        const to = (bitsAt >>> 2) + word
        u32[to] = u32[to]! & u32[(this.#one >>> 2) + word]!
      }
    })
    keepBits(bitsAt, from, end)
    return kernels.countBits(bitsAt, vectorRows)
  }
}

let oneAt: number | undefined

/** Bits outside of [from, end) become 0. */
function keepBits(bitsAt: number, from: number, end: number): void {
  const { u8 } = arena()
  clearBits(bitsAt, end)
  u8.fill(0, bitsAt, bitsAt + (from >>> 3))
  if ((from & 7) === 0) return
  const at = bitsAt + (from >>> 3)
  u8[at] = u8[at]! & ~((1 << (from & 7)) - 1)
}

/** Columns by id, as metas and pages of a block come. */
export function byColumn<T>(columnIds: readonly number[], values: readonly T[]): Map<number, T> {
  return new Map(columnIds.map((columnId, at) => [columnId, values[at]!]))
}
