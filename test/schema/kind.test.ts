// Goal: a kind that cannot work is refused where it is defined; kinds grow by optional columns and in no other way.
// Method: one wrong definition a case; stored kinds compared with handles that differ in one thing.
import { describe, expect, test } from 'vitest'
import {
  builtInKinds,
  canMerge,
  checkCompatible,
  checkSymbol,
  column,
  columnSpecs,
  defineKind,
  extendKind,
  isColumnType,
  keyText,
  needsPlace,
  physicalOf,
  seriesName,
  storeKind,
  systemSpecs,
  trade,
} from '#schema'
import type { Kind, KindDefinition, Columns } from '#schema'

type Definition = KindDefinition<Columns, boolean>
const f64 = column.f64()
const define = (definition: unknown, name = 'k'): Kind =>
  defineKind(name, definition as Definition) as Kind

describe('defineKind refuses', () => {
  test.each<[string, unknown, string?]>([
    ['no columns', { columns: {} }],
    ['too many columns', { columns: Object.fromEntries(many(257)) }],
    ['time', { columns: { time: f64 } }],
    ['received', { columns: { received: f64 } }],
    ['a name with a space', { columns: { 'a b': f64 } }],
    ['a name that begins with a digit', { columns: { '1a': f64 } }],
    ['a long name', { columns: { ['a'.repeat(65)]: f64 } }],
    ['__proto__', { columns: Object.fromEntries([['__proto__', f64]]) }],
    ['a column that is none', { columns: { a: 'f64' } }],
    ['a column of no type', { columns: { a: { type: 'float' } } }],
    ['an inherited name as a type', { columns: { a: { type: 'toString' } } }],
    ['order of nothing', { columns: { a: f64 }, order: ['b'] }],
    ['order of what every object has', { columns: { a: f64 }, order: ['toString'] }],
    ['order by symbols', { columns: { a: column.symbol() }, order: ['a'] }],
    ['order by texts', { columns: { a: column.text() }, order: ['a'] }],
    ['order by json', { columns: { a: column.json() }, order: ['a'] }],
    ['order twice', { columns: { a: f64 }, order: ['a', 'a'] }],
    ['order by time', { columns: { a: f64 }, order: ['time'] }],
    ['identity of nothing', { columns: { a: f64 }, identity: ['b'] }],
    ['identity twice', { columns: { a: f64 }, identity: ['time', 'time'] }],
    ['other duplicates', { columns: { a: f64 }, identity: ['a'], duplicates: 'newest' }],
    ['duplicates without identity', { columns: { a: f64 }, duplicates: 'last' }],
    ['version 0', { columns: { a: f64 }, version: 0 }],
    ['version 1.5', { columns: { a: f64 }, version: 1.5 }],
    ['no name', { columns: { a: f64 } }, ''],
    ['a name with a slash', { columns: { a: f64 } }, 'a/b'],
    ['a long kind name', { columns: { a: f64 } }, 'k'.repeat(65)],
  ])('%s', (_, definition, name) => {
    expect(() => define(definition, name)).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT' }),
    )
  })

  test.each([-1, 19, 1.5, Number.NaN, '2'])('a decimal of %s digits', (scale) => {
    expect(() => column.decimal(scale as number)).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT' }),
    )
  })

  function many(count: number): [string, unknown][] {
    return Array.from({ length: count }, (_, at) => [`c${at}`, f64])
  }
})

test('a kind is frozen data with its defaults filled in', () => {
  const kind = define({ columns: { a: f64, b: column.i64().optional() } })
  expect(kind).toMatchObject({ version: 1, timeframed: false, order: [], duplicates: 'keep' })
  expect([kind, kind.columns, kind.order, kind.identity].every(Object.isFrozen)).toBe(true)
  expect(kind.columns['b']!.optional().isOptional).toBe(true)
  expect(builtInKinds.map(canMerge)).toEqual([true, true, false, false, false])
})

test('every type has a physical form; a name of every object is no type', () => {
  expect(physicalOf('decimal')).toBe('i64')
  expect(physicalOf('json')).toBe('bytes')
  expect(['bool', 'toString', 'constructor'].map(isColumnType)).toEqual([true, false, false])
})

describe('stored kinds', () => {
  const kind = define({
    columns: { a: f64, n: column.i32(), d: column.decimal(2), s: column.symbol().optional() },
    order: ['n'],
    identity: ['time', 'a'],
    duplicates: 'last',
  })
  const stored = storeKind(kind, 3, 9)

  test('columns get ids from 16 on; specs begin with time and received', () => {
    expect(stored.columns.map(({ id }) => id)).toEqual([16, 17, 18, 19])
    expect(stored).toMatchObject({ kindId: 3, schemaId: 9, order: [17], identity: [0, 16] })
    const specs = columnSpecs(stored)
    expect(specs.slice(0, 2)).toEqual(systemSpecs)
    expect(specs.map(({ name, index, physical }) => [name, index, physical]).slice(2)).toEqual([
      ['a', 2, 'f64'],
      ['n', 3, 'i32'],
      ['d', 4, 'i64'],
      ['s', 5, 'code'],
    ])
  })

  const variant = (changes: object, columns: object = {}): Kind =>
    define({ ...kind, columns: { ...kind.columns, ...columns }, ...changes })

  test.each<[string, Kind, string | undefined]>([
    ['timeframed', variant({ timeframed: true }), undefined],
    ['order', variant({ order: [] }), undefined],
    ['identity', variant({ identity: ['time'] }), undefined],
    ['duplicates', variant({ duplicates: 'first' }), undefined],
    ['a type', variant({}, { a: column.i64() }), 'a'],
    ['a scale', variant({}, { d: column.decimal(3) }), 'd'],
    ['optional', variant({}, { a: f64.optional() }), 'a'],
    ['a new required column', variant({}, { b: f64 }), 'b'],
    ['a missing required column', without('d'), 'd'],
  ])('another %s is a contradiction', (_, other, named) => {
    const details = named === undefined ? {} : { column: named }
    expect(() => checkCompatible(other, stored)).toThrow(
      expect.objectContaining({ code: 'ERR_SCHEMA', details: expect.objectContaining(details) }),
    )
  })

  test('a timeframe that is missing is a contradiction as well', () => {
    const framed = storeKind(variant({ timeframed: true }), 1, 1)
    expect(() => checkCompatible(kind, framed)).toThrow('it has a timeframe')
  })

  function without(name: string): Kind {
    const columns = Object.fromEntries(Object.entries(kind.columns).filter(([n]) => n !== name))
    return define({ ...kind, columns })
  }

  test('optional columns may be missing, and are added under new ids', () => {
    expect(checkCompatible(kind, stored)).toEqual([])
    expect(checkCompatible(without('s'), stored)).toEqual([])
    const wider = variant({ version: 2 }, { x: f64.optional(), y: column.text().optional() })
    const added = checkCompatible(wider, stored)
    expect(added).toEqual(['x', 'y'])
    const extended = extendKind(stored, wider, added, 10)
    expect(extended).toMatchObject({ kindId: 3, schemaId: 10, version: 2 })
    expect(extended.columns.slice(4)).toMatchObject([
      { id: 20, name: 'x', optional: true },
      { id: 21, name: 'y', type: 'text' },
    ])
    expect(extended.columns.slice(0, 4)).toEqual(stored.columns)
    expect(checkCompatible(wider, extended)).toEqual([])
    expect(checkCompatible(kind, extended)).toEqual([])
  })

  test.each<[boolean, Partial<Definition>]>([
    [false, { identity: ['time'], duplicates: 'last' }],
    [true, { identity: ['a'], duplicates: 'last' }],
    [true, { order: ['n'], identity: ['time'], duplicates: 'last' }],
    [false, { order: ['n'], identity: ['time', 'n'], duplicates: 'last' }],
    [false, { identity: ['a'], duplicates: 'first' }],
    [false, { identity: ['a'] }],
  ])('needsPlace is %s', (expected, rules) => {
    const own = define({ columns: kind.columns, ...rules })
    expect(needsPlace(storeKind(own, 1, 1))).toBe(expected)
  })
})

describe('symbols', () => {
  test.each(['', 'a\nb', '\u0000', '\u007f', '\ud800', 'é'.repeat(65), 'x'.repeat(129), null, 5])(
    'refuses %j',
    (symbol) => {
      expect(() => checkSymbol(symbol)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }))
    },
  )

  test.each(['A', 'BRK/B', '..', ' ', '../../etc', 'é'.repeat(64), '\u{1f600}', 'x'.repeat(128)])(
    'takes %s',
    (symbol) => {
      checkSymbol(symbol)
      expect(seriesName({ kind: 'trade', symbol, timeframe: undefined }).split('/')).toHaveLength(2)
    },
  )

  test('keys are told apart, names can be read', () => {
    const bar = { kind: 'bar', symbol: 'BRK/B%2F', timeframe: '1m' }
    expect(seriesName(bar)).toBe('bar/BRK%2FB%252F/1m')
    expect(keyText(bar)).not.toBe(keyText({ ...bar, timeframe: undefined }))
    expect(keyText({ ...bar, symbol: 'X', timeframe: '' })).toBe(
      keyText({ ...bar, symbol: 'X', timeframe: undefined }),
    )
    expect(trade.name).toBe('trade')
  })
})
