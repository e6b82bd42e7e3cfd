// Goal: read order and duplicates are what SEMANTICS says, on columns alone, for every type of column.
// Method: random rows from small domains, as columns and as objects; a stable Array.sort and a Map are the oracle.
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { orderliness, readOrder, resolveDuplicates } from '#batch'
import type { I64Data, OrderKeys } from '#batch'
import { partitionStart } from '#schema'
import { columnsOf, plainRow, standingRows, wideRules, anyRule } from '../query/bed.ts'
import type { PlainRow, Rule } from '../query/bed.ts'

const rowsArbitrary = fc.array(plainRow, { maxLength: 40 })

function setUp(rule: Rule, rows: readonly PlainRow[]) {
  const rules = wideRules(rule)
  const columns = columnsOf(rules.specs, rows)
  const time = columns[0] as I64Data
  const keys: OrderKeys = { time, order: rules.order.map((spec) => columns[spec.index]!) }
  return { rules, columns, time, keys }
}

/** Rows that merge with nothing, in read order. */
function sortedRows(rule: Rule, rows: readonly PlainRow[]): PlainRow[] {
  return standingRows(wideRules({ ...rule, duplicates: 'keep' }), rows)
}

test('readOrder is a stable sort by time and order columns, absent and NaN first', () => {
  fc.assert(
    fc.property(anyRule, rowsArbitrary, (rule, rows) => {
      const { keys } = setUp(rule, rows)
      const order = readOrder(keys, rows.length)
      expect([...order].map((row) => rows[row])).toEqual(sortedRows(rule, rows))
    }),
    { numRuns: 300 },
  )
})

test('orderliness tells whether rows stand in read order, also against the row before', () => {
  fc.assert(
    fc.property(anyRule, rowsArbitrary, fc.boolean(), fc.nat(), (rule, drawn, isSorted, at) => {
      const rows = isSorted ? sortedRows(rule, drawn) : drawn
      const { keys } = setUp(rule, rows)
      const from = rows.length === 0 ? 0 : at % rows.length
      const looked = rows.slice(Math.max(0, from - 1))
      const isOrdered = sortedRows(rule, looked).every((row, slot) => row === looked[slot])
      const isStrict = new Set(looked.map(({ time }) => time)).size === looked.length
      const told = orderliness(keys, from, rows.length)
      expect(told.isOrdered).toBe(isOrdered)
      if (isOrdered) expect(told.isStrict).toBe(isStrict)
    }),
    { numRuns: 300 },
  )
})

test('steps of time between any two int64 are told by their sign', () => {
  const ends = [
    -(1n << 63n),
    (1n << 63n) - 1n,
    -1n,
    0n,
    1n,
    (1n << 32n) - 1n,
    1n << 32n,
    -(1n << 32n),
  ]
  const near = fc
    .tuple(fc.constantFrom(...ends), fc.bigInt(-2n, 2n))
    .map(([end, step]) => BigInt.asIntN(64, end + step))
  const times = fc.array(fc.oneof(fc.bigInt(-(1n << 63n), (1n << 63n) - 1n), near), {
    minLength: 2,
    maxLength: 4,
  })
  fc.assert(
    fc.property(times, (drawn) => {
      const keys: OrderKeys = {
        time: { physical: 'i64', values: BigInt64Array.from(drawn) },
        order: [],
      }
      const pairs = drawn.slice(1).map((time, at) => [drawn[at]!, time] as const)
      const isOrdered = pairs.every(([a, b]) => a <= b)
      const isStrict = pairs.every(([a, b]) => a < b)
      expect(orderliness(keys, 0, drawn.length)).toEqual({ isOrdered, isStrict })
    }),
    { numRuns: 500 },
  )
})

describe('resolveDuplicates', () => {
  const standing = (rule: Rule, rows: readonly PlainRow[]) => {
    const { rules, columns, time, keys } = setUp(rule, rows)
    const { duplicates } = rules
    const order = readOrder(keys, rows.length)
    if (duplicates === undefined) return { kept: [...order], place: undefined }
    const place: I64Data | undefined =
      rules.place === undefined
        ? undefined
        : { physical: 'i64', values: BigInt64Array.from(rows, (_, row) => BigInt(row)) }
    const kept = resolveDuplicates(
      keys,
      order,
      {
        duplicates: duplicates.keep,
        isLocal: duplicates.isLocal,
        scopeOf: (row) => partitionStart('day', time.values[row]!),
        identity: duplicates.identity.map((spec) => ({
          column: columns[spec.index]!,
          optional: spec.optional,
        })),
      },
      place,
    )
    return { kept: [...kept], place }
  }

  test('keeps the rows of the oracle, in its order', () => {
    fc.assert(
      fc.property(anyRule, rowsArbitrary, (rule, rows) => {
        const { kept } = standing(rule, rows)
        expect(kept.map((row) => rows[row])).toEqual(standingRows(wideRules(rule), rows))
      }),
      { numRuns: 500 },
    )
  })

  const base: PlainRow = { time: 0n, real: 0, cents: 0, whole: 0n, small: 0, byte: 0 }
  const row = (values: Partial<PlainRow>): PlainRow => ({ ...base, ...values }) as PlainRow

  test('a replacing row keeps the place of the first arrival among equals', () => {
    const rule: Rule = { order: [], identity: ['symbolMaybe'], duplicates: 'last' }
    const rows = [
      row({ symbolMaybe: 'a' }),
      row({ symbolMaybe: 'b' }),
      row({ symbolMaybe: 'a', small: 1 }),
    ]
    const { kept, place } = standing(rule, rows)
    expect(kept).toEqual([2, 1])
    expect([...place!.values]).toEqual([0n, 1n, 0n])
  })

  test('0 and -0 are two identities, a row without one is its own, partitions do not meet', () => {
    const local: Rule = { order: ['real'], identity: ['time', 'real'], duplicates: 'last' }
    expect(standing(local, [row({ real: 0 }), row({ real: -0 }), row({ real: 0 })]).kept).toEqual([
      2, 1,
    ])
    const own: Rule = { order: [], identity: ['symbolMaybe'], duplicates: 'first' }
    expect(standing(own, [row({}), row({}), row({ symbolMaybe: 'a' })]).kept).toEqual([0, 1, 2])
    const apart = [row({ symbolMaybe: 'a' }), row({ symbolMaybe: 'a', time: 86_400_000_000_000n })]
    expect(standing(own, apart).kept).toEqual([0, 1])
  })

  test('two NaNs of other payload are two identities', () => {
    const rule: Rule = { order: [], identity: ['time', 'real'], duplicates: 'last' }
    const { rules, columns, keys } = setUp(rule, [row({}), row({}), row({})])
    const real = columns[rules.specs.find(({ name }) => name === 'real')!.index]!
    if (real.physical !== 'f64') throw new Error('a real is a double')
    const bits = new BigUint64Array(real.values.buffer, real.values.byteOffset, 3)
    bits.set([0x7ff8000000000001n, 0x7ff8000000000002n, 0x7ff8000000000001n])
    const kept = resolveDuplicates(
      keys,
      readOrder(keys, 3),
      {
        duplicates: 'last',
        isLocal: true,
        scopeOf: () => 0n,
        identity: [{ column: real, optional: false }],
      },
      undefined,
    )
    expect([...kept]).toEqual([2, 1])
  })

  test('f64 order columns in an identity are compared by their bits', () => {
    const rules = wideRules({ order: ['real'], identity: ['time', 'real'], duplicates: 'last' })
    expect(rules.duplicates?.identity.map(({ name }) => name)).toEqual(['real'])
    const whole = wideRules({ order: ['whole'], identity: ['time', 'whole'], duplicates: 'last' })
    expect(whole.duplicates?.identity).toEqual([])
  })
})
